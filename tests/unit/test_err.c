/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/err.c: sentences, cut and prefixed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/err.h"

static void percent_m_is_the_text_of_rc(void **state)
{
	struct err e;

	errno = EPERM;
	assert_int_equal(err_set(&e, -ENOENT, "open %s: %m", "x"), -ENOENT);
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(e.rc, -ENOENT);
	assert_int_equal(err_set(NULL, -EIO, "nobody asks"), -EIO);
	err_prefix(NULL, "x");
	err_hint(NULL, "x");
}

static void prefixes_go_in_front_and_long_texts_are_cut(void **state)
{
	char big[2000];
	struct err e;

	err_set(&e, -EINVAL, "inner");
	err_prefix(&e, "outer %d", 1);
	assert_string_equal(e.msg, "outer 1: inner");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_prefix(&e, "%s", big);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	err_set(&e, -EINVAL, "%s", big);
	err_prefix(&e, "p");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	err_hint(&e, "try %s", "this");
	assert_string_equal(e.hint, "try this");
	err_set(&e, -EINVAL, "new");
	assert_string_equal(e.hint, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent_m_is_the_text_of_rc),
		cmocka_unit_test(prefixes_go_in_front_and_long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
