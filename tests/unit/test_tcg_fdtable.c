// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/fdtable.c, and the door's behaviour when ioctl and close
 * race. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tcg-plugin/fdtable.h"
#include "tests/unit/tcg_box.h"

static void numbers_that_are_not_ours_are_not_found(void **state)
{
	void *o;

	(void)state;
	assert_int_equal(fdtable_get(-1, &o), FD_NONE);
	assert_int_equal(fdtable_get(0, &o), FD_NONE);
	assert_int_equal(fdtable_get(1 << 20, &o), FD_NONE);
	assert_int_equal(fdtable_get(0x7fffffff, &o), FD_NONE);
	assert_int_equal(fdtable_remove(12345), -EBADF);
	assert_int_equal(fdtable_add(1 << 20, FD_SYSTEM, NULL), -EMFILE);
}

static void what_is_added_is_found_until_removed(void **state)
{
	void *o = NULL;
	int x;

	(void)state;
	assert_int_equal(fdtable_add(5000, FD_SYSTEM, &x), 0);
	assert_int_equal(fdtable_get(5000, &o), FD_SYSTEM);
	assert_ptr_equal(o, &x);
	assert_int_equal(fdtable_remove(5000), 0);
	assert_int_equal(fdtable_get(5000, &o), FD_NONE);
	assert_int_equal(fdtable_add(5000, FD_SYSTEM, &x), -EBUSY);
	fdtable_put(5000);             /* the holder lets go              */
	assert_int_equal(fdtable_add(5000, FD_SYSTEM, &x), 0);
	assert_int_equal(fdtable_remove(5000), 0);
	assert_int_equal(fdtable_remove(5000), -EBADF);
}

static void a_number_closed_behind_our_back_is_taken_over(void **state)
{
	int x, y;
	void *o;

	(void)state;
	assert_int_equal(fdtable_add(5001, FD_SYSTEM, &x), 0);
	assert_int_equal(fdtable_add(5001, FD_SYSTEM, &y), 0);
	assert_int_equal(fdtable_get(5001, &o), FD_SYSTEM);
	assert_ptr_equal(o, &y);
	fdtable_put(5001);
	assert_int_equal(fdtable_remove(5001), 0);
}

static void *ask_again_and_again(void *opaque)
{
	int fd = *(int *)opaque;
	struct kvm_regs r;

	for (int i = 0; i < 20000; i++)
		if (box_io(fd, KVM_GET_REGS, &r) == -EBADF)
			break;
	return NULL;
}

static void close_may_race_with_ioctls(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		pthread_t t[2];
		struct box b;

		box_vm(&b, false);
		box_cpu(&b, "\xf4", 1);
		for (int k = 0; k < 2; k++)
			pthread_create(&t[k], NULL, ask_again_and_again,
				       &b.cpu);
		usleep(200);
		assert_int_equal(mote_kvm_provider.close(b.cpu), 0);
		for (int k = 0; k < 2; k++)
			pthread_join(t[k], NULL);
		b.cpu = -1;
		box_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_are_not_ours_are_not_found),
		cmocka_unit_test(what_is_added_is_found_until_removed),
		cmocka_unit_test(a_number_closed_behind_our_back_is_taken_over),
		cmocka_unit_test(close_may_race_with_ioctls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
