/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/lock.c, the profile of waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
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

static void a_full_table_counts_no_more(void **state)
{
	static struct lock many[2000];

	(void)state;
	lock_profile_set(true);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		lock_init(&many[i], "many");
		lock_take(&many[i]);
		lock_drop(&many[i]);
	}
	lock_profile_set(false);
	assert_true(find(&many[0]));
	assert_false(find(&many[1999]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_counted_while_off),
		cmocka_unit_test(a_lock_is_tried_without_a_wait),
		cmocka_unit_test(waits_are_counted_by_place_and_lock),
		cmocka_unit_test(a_full_table_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
