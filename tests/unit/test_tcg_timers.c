/* SPDX-License-Identifier: MIT */
/* Unit test: the irqchip's timer thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "tcg-plugin/x86/irqchip/timers.h"

struct shot {
	struct ic_timer t;
	struct ic_timers *ts;
	_Atomic int fired;
	_Atomic s64 at;
	int order, again;
	s64 period;
};

static struct ic_timers timers;
static _Atomic int next_order;

static void on_fire(void *o, s64 now)
{
	struct shot *s = o;

	s->at = now;
	s->order = next_order++;
	if (s->again-- > 0)
		ic_timer_arm(s->ts, &s->t, now + s->period);
	s->fired++;
}

static void shot_init(struct shot *s)
{
	*s = (struct shot){ .ts = &timers };
	ic_timer_init(&s->t, on_fire, s);
}

static void wait_for(struct shot *s, int n)
{
	for (int i = 0; i < 5000 && s->fired < n; i++)
		usleep(1000);
	assert_int_equal(s->fired, n);
}

static int up(void **s)
{
	(void)s;
	next_order = 0;
	ic_timers_init(&timers);
	return !timers.started;
}

static int down(void **s)
{
	(void)s;
	ic_timers_fini(&timers);
	return 0;
}

static void fires_once_and_not_early(void **st)
{
	s64 due = ic_now() + 5000000;
	struct shot s;

	shot_init(&s);
	ic_timer_arm(&timers, &s.t, due);
	wait_for(&s, 1);
	assert_true(s.at >= due);
	usleep(5000);
	assert_int_equal(s.fired, 1);
	ic_timer_fini(&timers, &s.t);
}

static void fires_in_order_of_due_times(void **st)
{
	static const int ms[6] = { 30, 10, 50, 20, 60, 40 };
	static const int order[6] = { 2, 0, 4, 1, 5, 3 };
	struct shot s[6];
	s64 now = ic_now();

	for (int i = 0; i < 6; i++) {
		shot_init(&s[i]);
		ic_timer_arm(&timers, &s[i].t, now + ms[i] * 1000000);
	}
	wait_for(&s[4], 1);
	for (int i = 0; i < 6; i++)
		assert_int_equal(s[i].order, order[i]);
	for (int i = 0; i < 6; i++)
		ic_timer_fini(&timers, &s[i].t);
}

static void an_earlier_timer_wakes_the_sleeper(void **st)
{
	struct shot late, early;

	shot_init(&late);
	shot_init(&early);
	ic_timer_arm(&timers, &late.t, ic_now() + 60000000000ll);
	usleep(5000);
	ic_timer_arm(&timers, &early.t, ic_now() + 1000000);
	wait_for(&early, 1);
	assert_int_equal(late.fired, 0);
	ic_timer_arm(&timers, &late.t, 0);             /* moved to now */
	wait_for(&late, 1);
	ic_timer_fini(&timers, &late.t);
	ic_timer_fini(&timers, &early.t);
}

static void cancelled_timers_stay_quiet(void **st)
{
	struct shot s;

	shot_init(&s);
	ic_timer_arm(&timers, &s.t, ic_now() + 5000000);
	ic_timer_cancel(&timers, &s.t);
	ic_timer_cancel(&timers, &s.t);
	usleep(10000);
	assert_int_equal(s.fired, 0);
	ic_timer_fini(&timers, &s.t);
}

static void callbacks_may_arm_themselves(void **st)
{
	struct shot s;

	shot_init(&s);
	s.again = 9;
	s.period = 100000;
	ic_timer_arm(&timers, &s.t, 1);
	wait_for(&s, 10);
	ic_timer_fini(&timers, &s.t);
}

static void fini_waits_for_a_running_callback(void **st)
{
	for (int i = 0; i < 200; i++) {
		struct shot *s = malloc(sizeof(*s));

		shot_init(s);
		s->again = 3;
		s->period = 1;
		ic_timer_arm(&timers, &s->t, 1);
		if (i & 1)
			usleep(20);
		ic_timer_fini(&timers, &s->t);
		free(s);                       /* asan would tell */
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fires_once_and_not_early),
		T(fires_in_order_of_due_times),
		T(an_earlier_timer_wakes_the_sleeper),
		T(cancelled_timers_stay_quiet),
		T(callbacks_may_arm_themselves),
		T(fini_waits_for_a_running_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
