// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_rng.c: bytes, the quota of a period, buffers that
 * are not to be written.
 */
#define G_RING 8
#include "tests/unit/virtio_guest.h"

static void rng_up(const char *const *props)
{
	struct err e = { 0 };

	g_memory();
	assert_int_equal(g_realize("virtio-rng-device", props, &e), 0);
	g_start(0);
	g_turns(2);
}

static const char *const no_props[] = { NULL };

static void every_buffer_is_filled_with_other_bytes(void **s)
{
	u64 a, b;

	(void)s;
	rng_up(no_props);
	a = g_in(0, 64);
	b = g_in(0, 64);
	g_kick(0);
	assert_int_equal(g_take(0), 64);
	assert_int_equal(g_take(0), 64);
	assert_memory_not_equal(g.ram + a, g.ram + b, 64);
	fake_machine_down();
}

static void a_quota_holds_until_the_period_is_over(void **s)
{
	static const char *const props[] = { "max-bytes", "100", "period",
					     "1000", NULL };

	(void)s;
	rng_up(props);
	for (unsigned i = 0; i < 3; i++)
		g_in(0, 64);
	g_kick(0);
	assert_int_equal(g_done(0), 2);
	assert_int_equal(g_take(0), 64);
	assert_int_equal(g_take(0), 36);
	fake_pass(1001000000ll);
	g_turns(3);
	assert_int_equal(g_take(0), 64);
	fake_machine_down();
}

static void a_buffer_that_is_only_readable_gets_nothing(void **s)
{
	(void)s;
	rng_up(no_props);
	g_out(0, "keep", 4);
	g_kick(0);
	assert_int_equal(g_take(0), 0);
	assert_false(g_broken());
	fake_machine_down();
}

static void a_queue_that_never_empties_leaves_the_loop_to_others(void **s)
{
	(void)s;
	rng_up(no_props);
	g_flood(0, G_DATA, 64 << 10, true);
	fake_machine_down();
}

static void a_period_of_nothing_is_refused(void **s)
{
	static const char *const props[] = { "period", "0", NULL };
	struct err e = { 0 };

	(void)s;
	g_memory();
	assert_true(g_realize("virtio-rng-device", props, &e) < 0);
	assert_string_equal(e.msg, "virtio-rng: max-bytes and period are at "
			    "least 1");
	fake_machine_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_buffer_is_filled_with_other_bytes),
		cmocka_unit_test(a_quota_holds_until_the_period_is_over),
		cmocka_unit_test(a_buffer_that_is_only_readable_gets_nothing),
		cmocka_unit_test(a_queue_that_never_empties_leaves_the_loop_to_others),
		cmocka_unit_test(a_period_of_nothing_is_refused),
	};

	return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
