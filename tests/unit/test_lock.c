/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/lock.c, the profile of waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/lock.h"

static struct lock_site found;

static bool find(const struct lock *l)
{
	struct lock_site all[1024];
	unsigned n = lock_profile_get(all, 1024);

	for (unsigned i = 0; i < n; i++) {
		if (all[i].lock != l)
			continue;
		found = all[i];
		return true;
	}
	return false;
}

static void nothing_is_counted_while_off(void **state)
{
	struct lock l = LOCK_INIT("test");

	(void)state;
	lock_take(&l);
	lock_drop(&l);
	assert_false(find(&l));
}

static void *hold(void *opaque)
{
	struct lock *l = opaque;

	lock_take(l);
	usleep(30000);
	lock_drop(l);
	return NULL;
}

static void a_lock_is_tried_without_a_wait(void **state)
{
	struct lock l = LOCK_INIT("test");

	(void)state;
	assert_true(lock_try(&l));
	assert_false(lock_try(&l));
	lock_drop(&l);
	assert_true(lock_try(&l));
	lock_drop(&l);
}

static void waits_are_counted_by_place_and_lock(void **state)
{
	struct lock l = LOCK_INIT("test"), free_one = LOCK_INIT("free");
	pthread_t t;

	(void)state;
	pthread_create(&t, NULL, hold, &l);
	usleep(10000);
	lock_profile_set(true);
	lock_take(&l);
	lock_drop(&l);
	pthread_join(t, NULL);
	for (int i = 0; i < 5; i++) {
		SCOPED_LOCK(&free_one);
	}
	lock_profile_set(false);
	assert_true(find(&l));
	assert_int_equal(found.count, 1);
	assert_true(found.ns > 1000000);
	assert_non_null(strstr(found.site, "test_lock.c:"));
	assert_true(find(&free_one));
	assert_int_equal(found.count, 5);
	assert_int_equal(found.ns, 0);
	lock_profile_reset();
	assert_false(find(&l));
}

static u64 took_ns(struct lock *l, unsigned n)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < n; i++) {
		lock_take(&l[i]);
		lock_drop(&l[i]);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (u64)(b.tv_sec - a.tv_sec) * 1000000000u +
	       (u64)(b.tv_nsec - a.tv_nsec);
}

/* The least of some: others use this machine too. */
static u64 least_ns(struct lock *l, unsigned n)
{
	u64 least = ~0ull;

	for (unsigned i = 0; i < 20; i++)
		least = MIN(least, took_ns(l, n));
	return least;
}

static void a_full_table_says_what_it_missed_and_costs_no_more(void **state)
{
	static struct lock many[4000];
	u64 empty;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		lock_init(&many[i], "many");
	lock_profile_reset();
	lock_profile_set(true);
	empty = least_ns(many, 100);
	assert_int_equal(lock_profile_missed(), 0);
	took_ns(many, ARRAY_LEN(many));
	assert_true(find(&many[0]));
	assert_true(lock_profile_missed() >= ARRAY_LEN(many) - LOCK_SITES_MAX);
	assert_true(least_ns(many + ARRAY_LEN(many) - 100, 100) < 8 * empty);
	lock_profile_set(false);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		lock_fini(&many[i]);
	lock_profile_reset();
	assert_int_equal(lock_profile_missed(), 0);
}

static void a_lock_that_goes_is_forgotten(void **state)
{
	static struct lock some[3000];

	(void)state;
	lock_profile_reset();
	lock_profile_set(true);
	for (unsigned i = 0; i < 4 * LOCK_SITES_MAX; i++) {
		struct lock *l = &some[i % ARRAY_LEN(some)];

		lock_init(l, "short-lived");
		lock_take(l);
		lock_drop(l);
		assert_true(find(l));
		assert_int_equal(found.count, 1);
		lock_fini(l);
		assert_false(find(l));
	}
	lock_profile_set(false);
	assert_int_equal(lock_profile_missed(), 0);
}

static void *churn(void *opaque)
{
	struct lock l;

	for (unsigned i = 0; i < 20000; i++) {
		lock_init(&l, "churn");
		lock_take(&l);
		lock_drop(&l);
		lock_fini(&l);
	}
	return opaque;
}

static void threads_may_come_and_go_while_it_is_read(void **state)
{
	struct lock_site all[16];
	pthread_t t[3];

	(void)state;
	lock_profile_set(true);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, churn, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		lock_profile_get(all, ARRAY_LEN(all));
		if (i % 10 == 0)
			lock_profile_reset();
	}
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	lock_profile_set(false);
	assert_int_equal(lock_profile_get(all, ARRAY_LEN(all)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_counted_while_off),
		cmocka_unit_test(a_lock_is_tried_without_a_wait),
		cmocka_unit_test(waits_are_counted_by_place_and_lock),
		cmocka_unit_test(
			a_full_table_says_what_it_missed_and_costs_no_more),
		cmocka_unit_test(a_lock_that_goes_is_forgotten),
		cmocka_unit_test(threads_may_come_and_go_while_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
