// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/code/code_buf.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcg-plugin/code/code_buf.h"

enum { SIZE = 64 * 1024 };

static void what_is_written_at_one_address_runs_at_the_other(void **state)
{
	static const u8 ret42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	struct code_buf b;

	(void)state;
	assert_int_equal(code_buf_init(&b, SIZE), 0);
	assert_ptr_not_equal(b.rw, b.rx);
	memcpy(b.rw + 0x100, ret42, sizeof(ret42));
	assert_memory_equal(b.rx + 0x100, ret42, sizeof(ret42));
	assert_int_equal(((int (*)(void))(void *)(b.rx + 0x100))(), 42);
	b.rw[0x101] = 43;
	assert_int_equal(((int (*)(void))(void *)(b.rx + 0x100))(), 43);
	code_buf_fini(&b);
	assert_null(b.rw);
	code_buf_fini(&b);
}

static void a_reset_forgets_all_but_what_is_kept(void **state)
{
	struct code_buf b;

	(void)state;
	assert_int_equal(code_buf_init(&b, SIZE), 0);
	b.used = 100;
	code_buf_keep(&b);
	b.used = 5000;
	assert_int_equal(code_buf_room(&b), SIZE / 2 - 5000);
	b.cold += 6000;
	assert_int_equal(code_buf_room(&b), SIZE / 2 - 6000);
	code_buf_reset(&b);
	assert_int_equal(b.used, 100);
	assert_int_equal(b.cold, SIZE / 2);
	assert_true(code_buf_holds(&b, b.rx));
	assert_true(code_buf_holds(&b, b.rx + SIZE - 1));
	assert_false(code_buf_holds(&b, b.rx + SIZE));
	assert_false(code_buf_holds(&b, b.rw));
	code_buf_fini(&b);
}

static void *live_and_die(void *opaque)
{
	(void)opaque;
	for (unsigned n = 0; n < 50; n++) {
		struct code_buf b;

		assert_int_equal(code_buf_init(&b, SIZE), 0);
		memset(b.rw, (int)n, 4096);
		assert_int_equal(b.rx[17], n);
		code_buf_fini(&b);
	}
	return NULL;
}

/* Each vCPU thread has its own: they do not meet. */
static void buffers_of_two_threads_do_not_meet(void **state)
{
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, live_and_die, NULL), 0);
	live_and_die(NULL);
	pthread_join(t, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_written_at_one_address_runs_at_the_other),
		cmocka_unit_test(a_reset_forgets_all_but_what_is_kept),
		cmocka_unit_test(buffers_of_two_threads_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
