/* SPDX-License-Identifier: MIT */
/* Unit test: the generation identifier: text, bytes, what the guest is told. */
#include "tests/unit/device_fake.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/dev/vmgenid.h"

extern const struct device_class vmgenid_class;

enum { AT = 0x7000 };
#define GUID "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"

static const u8 guid_bytes[16] = {
	0xaf, 0x6e, 0x4e, 0x32, 0xd1, 0xd1, 0xf6, 0x4b,
	0xbf, 0x41, 0xb9, 0xbb, 0x6c, 0x91, 0xfb, 0x87,
};
static int events;

static void on_acpi(void *opaque, enum acpi_event ev)
{
	(void)opaque;
	assert_int_equal(ev, ACPI_EV_VMGENID);
	events++;
}

static int up(void **s)
{
	struct err e = { 0 };
	int fd;

	(void)s;
	fake_machine_up(0);
	assert_int_equal(gmem_backing_create("ram", 0x10000, &fd, &e), 0);
	assert_int_equal(gmem_add(fake.env.gmem, "ram", 0, 0x10000, fd, 0,
				  GMEM_RAM, &e), 0);
	close(fd);
	fake.env.acpi_event = on_acpi;
	events = 0;
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	fake.dev = NULL;
	return 0;
}

static void make(const char *guid)
{
	struct err e = { 0 };

	fake.dev = fake_new(&vmgenid_class);
	assert_int_equal(device_set_prop(fake.dev, "guid", guid, &e), 0);
	fake_realize(fake.dev);
}

static void expect_bytes(const u8 *want)
{
	u8 got[16];

	assert_int_equal(gmem_read(fake.env.gmem, AT, got, 16), 0);
	assert_memory_equal(got, want, 16);
}

static void expect_text(const char *want)
{
	struct strbuf s = STRBUF_INIT;

	assert_int_equal(device_get_prop(fake.dev, "guid", &s), 0);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void a_guid_is_in_memory_where_the_machine_says(void **s)
{
	make(GUID);
	vmgenid_place(fake.dev, AT);
	expect_bytes(guid_bytes);
	expect_text(GUID);
	assert_int_equal(events, 0);
	gmem_set(fake.env.gmem, AT, 0, 16);
	device_reset(fake.dev);        /* a guest may have overwritten it */
	expect_bytes(guid_bytes);
}

static void auto_is_random_and_reads_as_what_it_became(void **s)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

	make("auto");
	device_get_prop(fake.dev, "guid", &a);
	device_destroy(fake.dev);
	make("auto");
	device_get_prop(fake.dev, "guid", &b);
	assert_int_equal(a.len, 36);
	assert_int_equal(a.buf[14], '4');      /* RFC 4122, version 4 */
	assert_string_not_equal(a.buf, b.buf);
	strbuf_fini(&a);
	strbuf_fini(&b);
}

static void a_new_one_is_told_to_the_guest(void **s)
{
	struct err e = { 0 };

	make("11111111-2222-3333-4444-555555555555");
	vmgenid_place(fake.dev, AT);
	assert_int_equal(device_set_prop(fake.dev, "guid", GUID, &e), 0);
	expect_bytes(guid_bytes);
	assert_int_equal(events, 1);
	assert_int_equal(device_set_prop(fake.dev, "guid", "auto", &e), 0);
	assert_int_equal(events, 2);
}

static void what_is_no_guid_is_named_and_changes_nothing(void **s)
{
	static const char *const bad[] = {
		"", "x", GUID "0", "324e6eaf_d1d1-4bf6-bf41-b9bb6c91fb87",
		"324e6eag-d1d1-4bf6-bf41-b9bb6c91fb87",
	};
	struct err e = { 0 };

	make(GUID);
	vmgenid_place(fake.dev, AT);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(device_set_prop(fake.dev, "guid", bad[i], &e),
				 -EINVAL);
		assert_non_null(strstr(e.msg, "neither 'auto' nor a GUID"));
		expect_text(GUID);
	}
	expect_bytes(guid_bytes);
	assert_int_equal(events, 0);
}

static void a_restored_machine_has_its_own_and_is_told(void **s)
{
	struct strbuf image = STRBUF_INIT;
	const struct state_desc *d = vmgenid_class.state;
	struct err e = { 0 };

	make("11111111-2222-3333-4444-555555555555");
	vmgenid_place(fake.dev, AT);
	state_save(d, fake.dev, &image);
	device_destroy(fake.dev);
	make(GUID);
	assert_int_equal(state_load(d, fake.dev, d->version, image.buf,
				    image.len, &e), 0);
	assert_int_equal(d->post_load(fake.dev, d->version, &e), 0);
	expect_bytes(guid_bytes);
	assert_int_equal(events, 1);
	strbuf_fini(&image);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_guid_is_in_memory_where_the_machine_says),
		T(auto_is_random_and_reads_as_what_it_became),
		T(a_new_one_is_told_to_the_guest),
		T(what_is_no_guid_is_named_and_changes_nothing),
		T(a_restored_machine_has_its_own_and_is_told),
	};

	return cmocka_run_group_tests_name("vmgenid", tests, NULL, NULL);
}
