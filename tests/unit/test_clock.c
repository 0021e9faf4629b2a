/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/clock.c: the guest clock stops with the VM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/core/clock.h"

static void the_guest_clock_moves_only_while_running(void **state)
{
	struct clock c;
	s64 a, b;

	clock_init(&c, 1000);
	assert_int_equal(clock_guest_ns(&c), 0);
	assert_int_equal(clock_wall_ns(&c), 1000);
	clock_start(&c);
	usleep(1000);
	a = clock_guest_ns(&c);
	assert_true(a >= 1000000);
	clock_stop(&c);
	clock_stop(&c);
	a = clock_guest_ns(&c);
	usleep(1000);
	assert_int_equal(clock_guest_ns(&c), a);
	clock_start(&c);
	b = clock_guest_ns(&c);
	assert_true(b >= a && b < a + 500000000);
}

static void restoring_guest_time_keeps_utc(void **state)
{
	struct clock c;

	clock_init(&c, 5000);
	clock_set_guest_ns(&c, 777);
	assert_int_equal(clock_guest_ns(&c), 777);
	assert_int_equal(clock_wall_ns(&c), 5000);
	clock_set_wall_ns(&c, 9000);
	assert_int_equal(clock_wall_ns(&c), 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_clock_moves_only_while_running),
		cmocka_unit_test(restoring_guest_time_keeps_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
