/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/timer.c: order, clocks, and arming from other threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/lock.h"
#include "vmm/core/loop.h"

#define MS 1000000ll

static struct loop *l;
static int order[64], norder;

static int setup(void **state)
{
	l = loop_create("test", NULL);
	norder = 0;
	return !l;
}

static int teardown(void **state)
{
	loop_destroy(l);
	return 0;
}

static void stop(void *opaque)
{
	loop_stop(l);
}

static void record(void *opaque)
{
	order[norder++] = (int)(intptr_t)opaque;
}

static void timers_fire_in_order_of_deadline(void **state)
{
	struct timer t[20], end;
	s64 now = clock_host_ns();

	for (int i = 0; i < 20; i++) {
		timer_init(&t[i], l, NULL, record, (void *)(intptr_t)i);
		timer_set(&t[i], now + (i * 7 % 20) * MS / 2);
	}
	timer_cancel(&t[3]);
	assert_false(timer_pending(&t[3]));
	assert_true(timer_pending(&t[4]));
	timer_set(&t[5], now + 11 * MS);       /* later than all */
	timer_init(&end, l, NULL, stop, NULL);
	timer_set(&end, now + 12 * MS);
	loop_run(l);
	assert_int_equal(norder, 19);
	for (int i = 1; i < 18; i++)
		assert_true(order[i - 1] * 7 % 20 < order[i] * 7 % 20);
	assert_int_equal(order[18], 5);
	assert_true(clock_host_ns() >= now + 12 * MS);
	assert_false(timer_pending(&t[0]));
	for (int i = 0; i < 20; i++)
		timer_fini(&t[i]);
	timer_fini(&end);
}

static struct timer pair[2];

static void cancel_other(void *opaque)
{
	int me = (int)(intptr_t)opaque;

	record(opaque);
	timer_fini(&pair[!me]);
}

static void a_cancelled_timer_does_not_fire_in_the_same_round(void **state)
{
	struct timer end;

	timer_init(&end, l, NULL, stop, NULL);
	for (int i = 0; i < 2; i++) {
		timer_init(&pair[i], l, NULL, cancel_other, (void *)(intptr_t)i);
		timer_set(&pair[i], i);        /* both long due */
	}
	timer_set(&end, clock_host_ns() + MS);
	loop_run(l);
	assert_int_equal(norder, 1);
	assert_int_equal(order[0], 0);
	timer_fini(&pair[0]);
}

static void guest_timers_wait_for_the_guest_clock(void **state)
{
	struct clock c;
	struct timer t, end;

	clock_init(&c, 0);
	timer_init(&t, l, &c, record, NULL);
	timer_init(&end, l, NULL, stop, NULL);
	timer_set(&t, MS);
	timer_set(&end, clock_host_ns() + 5 * MS);
	loop_run(l);
	assert_int_equal(norder, 0);
	clock_start(&c);
	loop_clock_changed(l);
	timer_set(&end, clock_host_ns() + 20 * MS);
	loop_run(l);
	assert_int_equal(norder, 1);
	timer_fini(&t);
	timer_fini(&end);
}

static void zeroed_timers_are_harmless(void **state)
{
	struct timer t = { 0 };

	timer_cancel(&t);
	timer_fini(&t);
}

/* A device in small: its lock, a timer armed by "vCPUs", fired on the loop. */
static struct lock dev_lock = LOCK_INIT("dev");
static struct timer dev_timer;
static int fired;

static void dev_expired(void *opaque)
{
	SCOPED_LOCK(&dev_lock);
	fired++;
}

static void *vcpu(void *opaque)
{
	for (int i = 0; i < 2000; i++) {
		SCOPED_LOCK(&dev_lock);
		if (i % 3 == 2)
			timer_cancel(&dev_timer);
		else
			timer_set(&dev_timer, clock_host_ns() + i % 5 * 1000);
	}
	return NULL;
}

static void *run(void *opaque)
{
	loop_run(l);
	return NULL;
}

static void other_threads_arm_and_cancel(void **state)
{
	pthread_t t[3], runner;

	fired = 0;
	timer_init(&dev_timer, l, NULL, dev_expired, NULL);
	pthread_create(&runner, NULL, run, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, vcpu, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	timer_set(&dev_timer, 0);      /* the loop sleeps: must wake it */
	while (timer_pending(&dev_timer))
		usleep(100);
	loop_stop(l);
	pthread_join(runner, NULL);
	assert_true(fired > 0);
	timer_fini(&dev_timer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_fire_in_order_of_deadline),
		TEST(a_cancelled_timer_does_not_fire_in_the_same_round),
		TEST(guest_timers_wait_for_the_guest_clock),
		TEST(zeroed_timers_are_harmless),
		TEST(other_threads_arm_and_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
