/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/strbuf.c: always terminated, grows, detaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/strbuf.h"

static void an_empty_one_reads_as_an_empty_string(void **state)
{
	struct strbuf s = STRBUF_INIT;

	assert_string_equal(s.buf, "");
	strbuf_reset(&s);
	strbuf_drop_front(&s, 0);
	strbuf_fini(&s);
	assert_string_equal(s.buf, "");
}

static void it_grows_and_stays_terminated(void **state)
{
	struct strbuf s = STRBUF_INIT;

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&s, "%d,", i);
	assert_int_equal(s.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(strlen(s.buf), s.len);
	strbuf_drop_front(&s, 2);
	assert_int_equal(strncmp(s.buf, "1,2,", 4), 0);
	strbuf_reset(&s);
	assert_string_equal(s.buf, "");
	strbuf_fini(&s);
}

static void detaching_leaves_it_empty(void **state)
{
	struct strbuf s = STRBUF_INIT;
	char *p = strbuf_detach(&s);

	assert_string_equal(p, "");
	free(p);
	strbuf_addc(&s, 'a');
	strbuf_add(&s, "\0b", 2);
	assert_int_equal(s.len, 3);
	p = strbuf_detach(&s);
	assert_memory_equal(p, "a\0b", 4);
	assert_int_equal(s.len, 0);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_reads_as_an_empty_string),
		cmocka_unit_test(it_grows_and_stays_terminated),
		cmocka_unit_test(detaching_leaves_it_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
