// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_balloon.c: pages given back and only those named,
 * reporting, statistics, hostile lists, state.
 */
#include "tests/unit/virtio_guest.h"

#include <errno.h>

#include "virtio/virtio_balloon.h"

enum { INFLATE = 0, DEFLATE = 1, STATS = 2, REPORT = 3, PAGE_AT = 2 << 20 };

static const char *const no_props[] = { NULL };

static void balloon_up(void)
{
	struct err e = { 0 };

	g_memory();
	assert_int_equal(g_realize("virtio-balloon-device", no_props, &e), 0);
	g_start(to_virtio(fake.dev)->offered & 0x3f);
	g_turns(2);
}

static void page_is(u32 at, u8 byte)
{
	for (u32 i = 0; i < 4096; i++)
		assert_int_equal(g.ram[at + i], byte);
}

static void three_pages(void)
{
	memset(g.ram + PAGE_AT, 0x55, 3 * 4096);
}

static void only_named_pages_are_given_back(void **s)
{
	const u32 pfn[] = { (PAGE_AT >> 12) + 1, 0xffffffff, 0x12345 };

	(void)s;
	balloon_up();
	three_pages();
	g_out(INFLATE, pfn, sizeof(pfn));
	g_kick(INFLATE);
	assert_int_equal(g_take(INFLATE), 0);
	page_is(PAGE_AT, 0x55);
	page_is(PAGE_AT + 4096, 0);
	page_is(PAGE_AT + 8192, 0x55);
	assert_false(g_broken());
	fake_machine_down();
}

static void deflating_gives_nothing_back(void **s)
{
	const u32 pfn = PAGE_AT >> 12;

	(void)s;
	balloon_up();
	three_pages();
	g_out(DEFLATE, &pfn, sizeof(pfn));
	g_kick(DEFLATE);
	assert_int_equal(g_take(DEFLATE), 0);
	page_is(PAGE_AT, 0x55);
	fake_machine_down();
}

/* Half a page at either end stays. */
static void reported_pages_are_given_back_whole_ones_only(void **s)
{
	struct g_desc d = { .addr = PAGE_AT + 2048, .len = 2 * 4096 };

	(void)s;
	balloon_up();
	three_pages();
	g_chain(REPORT, &d, 0, 1);
	g_kick(REPORT);
	assert_int_equal(g_done(REPORT), 1);
	page_is(PAGE_AT, 0x55);
	page_is(PAGE_AT + 4096, 0);
	page_is(PAGE_AT + 8192, 0x55);
	fake_machine_down();
}

static void statistics_are_kept_and_the_buffer_goes_back_when_asked(void **s)
{
	struct { u16 tag; u64 val; } __attribute__((packed)) st[] = {
		{ 4, 1000 }, { 99, 7 }, { 5, 2000 },
	};
	struct balloon_stats got;
	u64 pages;

	(void)s;
	balloon_up();
	g_out(STATS, st, sizeof(st));
	g_kick(STATS);
	assert_int_equal(g_done(STATS), 0);
	assert_true(balloon_get(fake.dev, &pages, &got));
	assert_int_equal(got.val[4], 1000);
	assert_int_equal(got.val[5], 2000);
	assert_true(got.val[0] == UINT64_MAX);
	assert_int_equal(g_done(STATS), 1);
	fake_machine_down();
}

static void polling_begins_and_ends_while_the_guest_runs(void **s)
{
	static const char prop[] = "guest-stats-polling-interval";
	struct { u16 tag; u64 val; } __attribute__((packed)) st = { 4, 1000 };
	struct balloon_stats got;
	struct err e = { 0 };

	(void)s;
	balloon_up();
	assert_int_equal(device_set_prop(fake.dev, prop, "5000000000", &e),
			 -EINVAL);
	g_out(STATS, &st, sizeof(st));
	g_kick(STATS);
	fake_pass(3000000000);
	g_turns(2);
	assert_int_equal(g_done(STATS), 0);
	assert_true(balloon_last_stats(fake.dev, &got));
	assert_int_equal(got.val[4], 1000);
	assert_int_equal(g_done(STATS), 0);
	assert_int_equal(device_set_prop(fake.dev, prop, "2", &e), 0);
	fake_pass(1000000000);
	g_turns(2);
	assert_int_equal(g_done(STATS), 0);
	fake_pass(1500000000);
	g_turns(2);
	assert_int_equal(g_done(STATS), 1);
	assert_int_equal(device_set_prop(fake.dev, prop, "0", &e), 0);
	g_out(STATS, &st, sizeof(st));
	g_kick(STATS);
	fake_pass(9000000000);
	g_turns(2);
	assert_int_equal(g_done(STATS), 1);
	fake_machine_down();
}

static void a_buffer_that_is_held_is_taken_again_after_a_load(void **s)
{
	struct { u16 tag; u64 val; } __attribute__((packed)) st = { 4, 1000 };
	struct strbuf b = STRBUF_INIT;
	struct balloon_stats got;
	u64 pages;

	(void)s;
	balloon_up();
	g_out(STATS, &st, sizeof(st));
	g_kick(STATS);
	device_quiesce(fake.dev);
	assert_int_equal(device_save(fake.dev, &b, NULL), 0);
	device_reset(fake.dev);
	assert_int_equal(device_load(fake.dev, 1, b.buf, b.len, NULL), 0);
	device_resume(fake.dev);
	g_turns(3);
	assert_true(balloon_get(fake.dev, &pages, &got));
	assert_int_equal(got.val[4], 1000);
	assert_int_equal(g_done(STATS), 1);
	strbuf_fini(&b);
	fake_machine_down();
}

static void the_target_is_what_the_driver_reads(void **s)
{
	(void)s;
	balloon_up();
	assert_true(balloon_set(fake.dev, 77));
	assert_int_equal(virtio_config_access_read(g.v, 0, 4), 77);
	virtio_config_access_write(g.v, 4, 12, 4);
	assert_int_equal(virtio_config_get(g.v, 4, 4), 12);
	virtio_config_access_write(g.v, 0, 12, 4);     /* not the guest's  */
	assert_int_equal(virtio_config_get(g.v, 0, 4), 77);
	fake_machine_down();
}

static u32 hint_command(void)
{
	return virtio_config_access_read(g.v, 8, 4);
}

static void hint_word(u32 id)
{
	g_out(3, &id, sizeof(id));     /* REPORT is 4 with hints           */
	g_kick(3);
}

static void hint_page(u32 at)
{
	struct g_desc d = { .addr = at, .len = 4096 };

	g_chain(3, &d, 0, 1);
	g_kick(3);
}

static void a_round_of_hints_gives_free_pages_back_and_ends(void **s)
{
	static const char *const props[] = { "free-page-hint", "on", NULL };
	struct err e = { 0 };
	u32 id;

	(void)s;
	g_memory();
	assert_int_equal(g_realize("virtio-balloon-device", props, &e), 0);
	g_start(to_virtio(fake.dev)->offered & 0x3f);
	g_turns(2);
	assert_int_equal(hint_command(), 1);           /* DONE             */
	three_pages();
	hint_page(PAGE_AT);                            /* nobody asked     */
	page_is(PAGE_AT, 0x55);
	assert_int_equal(balloon_hint(fake.dev, &e), 0);
	id = hint_command();
	assert_true(id >= 2);
	assert_int_equal(balloon_hint(fake.dev, &e), -EBUSY);
	hint_word(id + 1);                             /* another round's  */
	hint_page(PAGE_AT);
	page_is(PAGE_AT, 0x55);
	hint_word(id);
	hint_page(PAGE_AT + 4096);
	page_is(PAGE_AT, 0x55);
	page_is(PAGE_AT + 4096, 0);
	hint_word(0);                                  /* STOP             */
	assert_int_equal(hint_command(), 1);
	hint_page(PAGE_AT + 8192);
	page_is(PAGE_AT + 8192, 0x55);
	assert_int_equal(balloon_hint(fake.dev, &e), 0);
	assert_int_not_equal(hint_command(), id);
	device_reset(fake.dev);
	assert_int_equal(hint_command(), 1);
	fake_machine_down();
}

static void hints_that_cannot_be_are_refused(void **s)
{
	struct err e = { 0 };

	(void)s;
	balloon_up();
	assert_int_equal(balloon_hint(fake.dev, &e), -ENOTSUP);
	assert_string_equal(e.msg, "the balloon has free-page-hint=off");
	fake_machine_down();
}

static void queues_that_never_empty_leave_the_loop_to_others(void **s)
{
	const u32 pfn = PAGE_AT >> 12;

	(void)s;
	balloon_up();
	memcpy(g.ram + G_DATA, &pfn, sizeof(pfn));
	g_flood(INFLATE, G_DATA, sizeof(pfn), false);
	g_flood(STATS, G_DATA, 10, false);
	g_flood(REPORT, PAGE_AT, 4096, true);
	fake_machine_down();
}

/* 60 buffers of 2 MiB: no driver names that many pages at a time. */
static void a_list_without_end_is_read_at_its_beginning_only(void **s)
{
	struct g_desc d[60];
	u32 *pfn;

	(void)s;
	balloon_up();
	pfn = (u32 *)(void *)(g.ram + G_DATA);
	for (u32 i = 0; i < (2 << 20) / 4; i++)
		pfn[i] = i % 2 ? 0x100000 : 0x200000;
	for (unsigned i = 0; i < ARRAY_LEN(d); i++)
		d[i] = (struct g_desc){ .addr = G_DATA, .len = 2 << 20 };
	memset(g.ram + PAGE_AT + MiB, 0x55, 2 * 4096);
	pfn[1] = (PAGE_AT + MiB) >> 12;
	pfn[200000] = pfn[1] + 1;
	g_chain(INFLATE, d, ARRAY_LEN(d), 0);
	g_kick(INFLATE);
	assert_int_equal(g_take(INFLATE), 0);
	page_is(PAGE_AT + MiB, 0);
	page_is(PAGE_AT + MiB + 4096, 0x55);
	assert_false(g_broken());
	fake_machine_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_named_pages_are_given_back),
		cmocka_unit_test(deflating_gives_nothing_back),
		cmocka_unit_test(reported_pages_are_given_back_whole_ones_only),
		cmocka_unit_test(statistics_are_kept_and_the_buffer_goes_back_when_asked),
		cmocka_unit_test(polling_begins_and_ends_while_the_guest_runs),
		cmocka_unit_test(a_buffer_that_is_held_is_taken_again_after_a_load),
		cmocka_unit_test(the_target_is_what_the_driver_reads),
		cmocka_unit_test(a_round_of_hints_gives_free_pages_back_and_ends),
		cmocka_unit_test(hints_that_cannot_be_are_refused),
		cmocka_unit_test(queues_that_never_empty_leave_the_loop_to_others),
		cmocka_unit_test(a_list_without_end_is_read_at_its_beginning_only),
	};

	return cmocka_run_group_tests_name("virtio_balloon", tests, NULL, NULL);
}
