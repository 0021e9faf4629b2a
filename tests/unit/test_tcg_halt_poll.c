/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/halt_poll.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcg-plugin/halt_poll.h"
#include "tcg-plugin/x86/irqchip/timers.h"

static void a_guest_that_sleeps_is_not_looked_after(void **state)
{
	struct halt_poll p = { .ns = 0 };
	_Atomic u32 request = 0;

	(void)state;
	assert_int_equal(halt_poll(&p, &request), HALT_SLEPT);
	halt_poll_learn(&p, HALT_SLEPT, 4000000);
	assert_int_equal(p.ns, 0);
	p.ns = HALT_POLL_MAX;
	halt_poll_learn(&p, HALT_SLEPT, HALT_POLL_MAX + 1);
	assert_int_equal(p.ns, 0);
}

static void short_halts_make_it_look_longer_up_to_a_bound(void **state)
{
	struct halt_poll p = { .ns = 0 };

	(void)state;
	halt_poll_learn(&p, HALT_SLEPT, 30000);
	assert_int_equal(p.ns, HALT_POLL_FIRST);
	halt_poll_learn(&p, HALT_SLEPT, 30000);
	assert_int_equal(p.ns, 2 * HALT_POLL_FIRST);
	halt_poll_learn(&p, HALT_FOUND, 30000);
	assert_int_equal(p.ns, 2 * HALT_POLL_FIRST);
	for (unsigned n = 0; n < 20; n++)
		halt_poll_learn(&p, HALT_SLEPT, 150000);
	assert_int_equal(p.ns, HALT_POLL_MAX);
}

static void who_loses_its_processor_rests(void **state)
{
	struct halt_poll p = { .ns = HALT_POLL_MAX };

	(void)state;
	halt_poll_learn(&p, HALT_TAKEN, 60000);
	for (unsigned n = 0; n < HALT_POLL_REST; n++) {
		assert_int_equal(p.ns, 0);
		halt_poll_learn(&p, HALT_SLEPT, 30000);
	}
	assert_int_equal(p.ns, 0);
	halt_poll_learn(&p, HALT_SLEPT, 30000);
	assert_int_equal(p.ns, HALT_POLL_FIRST);
	halt_poll_learn(&p, HALT_TAKEN, 60000);
	assert_int_equal(p.rest, 2 * HALT_POLL_REST);
	for (unsigned n = 0; n < 20; n++)
		halt_poll_learn(&p, HALT_TAKEN, 60000);
	assert_int_equal(p.rest, HALT_POLL_REST_MAX);
}

static void a_request_that_is_there_is_found_at_once(void **state)
{
	struct halt_poll p = { .ns = 1 };
	_Atomic u32 request = 4;

	(void)state;
	assert_int_equal(halt_poll(&p, &request), HALT_FOUND);
	assert_int_equal(p.found, 1);
}

static void looking_ends_by_itself(void **state)
{
	struct halt_poll p = { .ns = HALT_POLL_FIRST };
	_Atomic u32 request = 0;
	s64 from = ic_now();

	(void)state;
	assert_int_not_equal(halt_poll(&p, &request), HALT_FOUND);
	assert_true(ic_now() - from >= HALT_POLL_FIRST);
	assert_int_equal(p.found, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_sleeps_is_not_looked_after),
		cmocka_unit_test(
			short_halts_make_it_look_longer_up_to_a_bound),
		cmocka_unit_test(who_loses_its_processor_rests),
		cmocka_unit_test(a_request_that_is_there_is_found_at_once),
		cmocka_unit_test(looking_ends_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
