/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/device.c with a table of one class. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/strbuf.h"
#include "vmm/core/device.h"

struct gadget {
	struct device dev;
	bool flag;
	u8 small;
	u16 mid;
	u32 iobase;
	u64 wide, size;
	char *name;
	u32 colour;
	struct chardev *chr;
	void *drive;
	int resets, realized_at;
};

static int fail_realize;
static char trace[64];

static u64 gadget_read(struct device *d, u64 off, unsigned size)
{
	return 0x40 + off;
}

static const struct region_ops regs = {
	.read = gadget_read, .min_size = 1, .max_size = 1,
};

static const struct device_region regions[] = {
	{ "fixed", SPACE_MMIO, 0xfed00000, 0x10, 0, 0, &regs },
	{ "placed", SPACE_PIO, 0, 8, offsetof(struct gadget, iobase), 4, &regs },
	{ .len = 0 }
};

static const char *const colours[] = { "red", "green", NULL };

static const struct device_prop props[] = {
	PROP("flag", PROP_BOOL, struct gadget, flag, "on", "a flag"),
	PROP("small", PROP_U8, struct gadget, small, NULL, "8 bits"),
	PROP("mid", PROP_U16, struct gadget, mid, "0x10", "16 bits"),
	PROP("iobase", PROP_U32, struct gadget, iobase, "0x3f8", "where"),
	PROP("wide", PROP_U64, struct gadget, wide, NULL, "64 bits"),
	PROP("size", PROP_SIZE, struct gadget, size, "1M", "bytes"),
	PROP("name", PROP_STR, struct gadget, name, "joe", "a string"),
	{ .name = "colour", .type = PROP_ENUM, .def = "green", .runtime = true,
	  .offset = offsetof(struct gadget, colour), .enum_names = colours },
	PROP("chardev", PROP_CHARDEV, struct gadget, chr, NULL, "serial line"),
	PROP("drive", PROP_DRIVE, struct gadget, drive, NULL, "disk"),
	PROP_END
};

static bool count_one(const struct region *r, void *n)
{
	(void)r;
	++*(unsigned *)n;
	return false;
}

static unsigned mapped(struct bus *b)
{
	unsigned n = 0;

	bus_any(b, count_one, &n);
	return n;
}

static int gadget_realize(struct device *d, struct err *e)
{
	/* regions come first */
	((struct gadget *)d)->realized_at = mapped(d->env->mmio);
	strcat(trace, "R");
	return fail_realize ? err_set(e, -EIO, "broken") : 0;
}

static void gadget_reset(struct device *d)
{
	((struct gadget *)d)->resets++;
}

static void gadget_unrealize(struct device *d)
{
	strcat(trace, mapped(d->env->mmio) ? "?" : "U");      /* gone first */
}

/* What a guest can do to a PCI function on its way out. */
static void stubborn_unrealize(struct device *d)
{
	struct region r = { .name = "again", .base = 0x5000, .len = 8,
			    .ops = &regs, .dev = d };

	assert_int_equal(bus_map(d->env->mmio, &r, NULL), 0);
}

static const struct device_class stubborn_class = {
	.name = "stubborn", .size = sizeof(struct device),
	.unrealize = stubborn_unrealize,
};

static const struct device_class gadget_class = {
	.name = "gadget", .summary = "for tests", .size = sizeof(struct gadget),
	.props = props, .regions = regions, .realize = gadget_realize,
	.reset = gadget_reset, .unrealize = gadget_unrealize,
};

const struct device_class *const device_classes[] = { &gadget_class, NULL };

static struct chardev *find_chardev(void *opaque, const char *id)
{
	return strcmp(id, "ser0") ? NULL : (struct chardev *)trace;
}

static void *find_backend(void *opaque, enum prop_type t, const char *id)
{
	return t == PROP_DRIVE && !strcmp(id, "d0") ? trace : NULL;
}

static struct device_env env;

static int setup(void **state)
{
	env = (struct device_env){
		.pio = bus_create("io", 0x10000), .mmio = bus_create("memory", 0),
		.find_chardev = find_chardev, .find_backend = find_backend,
	};
	trace[0] = '\0';
	fail_realize = 0;
	return 0;
}

static int teardown(void **state)
{
	bus_destroy(env.pio);
	bus_destroy(env.mmio);
	return 0;
}

static void expect_prop(struct device *d, const char *name, const char *want)
{
	struct strbuf s = STRBUF_INIT;

	assert_int_equal(device_get_prop(d, name, &s), 0);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void defaults_are_parsed_at_creation(void **state)
{
	struct device *d = device_create(&gadget_class, "g0", &env);

	assert_ptr_equal(device_class_find("gadget"), &gadget_class);
	assert_null(device_class_find("nosuch"));
	expect_prop(d, "flag", "true");
	expect_prop(d, "small", "0");
	expect_prop(d, "mid", "16");
	expect_prop(d, "iobase", "1016");
	expect_prop(d, "size", "1048576");
	expect_prop(d, "name", "joe");
	expect_prop(d, "colour", "green");
	expect_prop(d, "chardev", "");
	device_destroy(d);             /* never realized */
	assert_string_equal(trace, "");
	device_destroy(NULL);
}

static void every_type_takes_its_text_and_refuses_others(void **state)
{
	static const struct { const char *prop, *value, *reads; } rows[] = {
		{ "flag", "off", "false" }, { "flag", "maybe", NULL },
		{ "small", "255", "255" }, { "small", "256", NULL },
		{ "small", "-1", "255" }, { "small", "-129", NULL },
		{ "mid", "0xffff", "65535" }, { "mid", "x", NULL },
		{ "iobase", "-1", "4294967295" }, { "iobase", "", NULL },
		{ "wide", "18446744073709551615", "18446744073709551615" },
		{ "wide", "18446744073709551616", NULL },
		{ "size", "2G", "2147483648" }, { "size", "2Q", NULL },
		{ "name", "", "" }, { "name", "a,b", "a,b" },
		{ "colour", "red", "red" }, { "colour", "blue", NULL },
		{ "chardev", "ser0", "ser0" }, { "chardev", "ser1", NULL },
		{ "drive", "d0", "d0" }, { "drive", "", "" },
	};
	struct device *d = device_create(&gadget_class, NULL, &env);
	struct strbuf s = STRBUF_INIT;
	struct err e;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		int rc = device_set_prop(d, rows[i].prop, rows[i].value, &e);

		if (rows[i].reads) {
			assert_int_equal(rc, 0);
			expect_prop(d, rows[i].prop, rows[i].reads);
		} else {
			assert_int_equal(rc, -EINVAL);
			assert_non_null(strstr(e.msg, rows[i].prop));
		}
	}
	assert_int_equal(device_set_prop(d, "nosuch", "1", &e), -ENOENT);
	assert_string_equal(e.msg, "Property 'gadget.nosuch' not found");
	assert_int_equal(device_get_prop(d, "nosuch", &s), -ENOENT);
	device_destroy(d);
}

static void regions_appear_at_realize_and_go_before_unrealize(void **state)
{
	struct device *d = device_create(&gadget_class, "g0", &env);
	u64 v;

	assert_int_equal(device_set_prop(d, "iobase", "0x2f8", NULL), 0);
	assert_int_equal(device_realize(d, NULL), 0);
	assert_int_equal(((struct gadget *)d)->realized_at, 1);
	assert_true(bus_read(env.pio, 0x2f9, &v, 1));
	assert_int_equal(v, 0x41);
	assert_true(bus_read(env.mmio, 0xfed0000f, &v, 1));
	device_reset(d);
	device_quiesce(d);             /* absent ones are fine */
	device_resume(d);
	assert_int_equal(((struct gadget *)d)->resets, 1);
	device_destroy(d);
	assert_string_equal(trace, "RU");
	assert_false(bus_read(env.pio, 0x2f9, &v, 1));
}

static void only_runtime_props_change_after_realize(void **state)
{
	struct device *d = device_create(&gadget_class, "g0", &env);
	struct err e;

	assert_int_equal(device_realize(d, NULL), 0);
	assert_int_equal(device_set_prop(d, "mid", "1", &e), -EPERM);
	assert_non_null(strstr(e.msg, "g0"));
	assert_int_equal(device_set_prop(d, "colour", "red", &e), 0);
	device_destroy(d);
}

static void a_failed_realize_leaves_nothing_mapped(void **state)
{
	struct device *d = device_create(&gadget_class, NULL, &env);
	struct err e;

	fail_realize = 1;
	assert_int_equal(device_realize(d, &e), -EIO);
	assert_int_equal(mapped(env.pio), 0);
	fail_realize = 0;
	device_set_prop(d, "iobase", "0xffff", NULL);
	assert_int_equal(device_realize(d, &e), -EINVAL);
	assert_int_equal(mapped(env.mmio), 0);
	device_set_prop(d, "iobase", "0", NULL);
	assert_int_equal(device_realize(d, &e), 0);
	assert_int_equal(mapped(env.pio), 0); /* 0 leaves placing to the class */
	device_destroy(d);
}

static void nothing_of_a_device_stays_mapped(void **state)
{
	struct device *d = device_create(&stubborn_class, NULL, &env);

	assert_int_equal(device_realize(d, NULL), 0);
	device_destroy(d);
	assert_int_equal(mapped(env.mmio), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_parsed_at_creation),
		TEST(every_type_takes_its_text_and_refuses_others),
		TEST(regions_appear_at_realize_and_go_before_unrealize),
		TEST(only_runtime_props_change_after_realize),
		TEST(a_failed_realize_leaves_nothing_mapped),
		TEST(nothing_of_a_device_stays_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
