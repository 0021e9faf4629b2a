/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/qmp_scan.c, bytes in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/qmp.h"

/* Everything found: values dumped, errors as "!text", one a line. */
static char *scan(const void *p, size_t n, size_t step)
{
	struct strbuf out = STRBUF_INIT;
	struct qmp_scan s;

	qmp_scan_init(&s);
	for (size_t at = 0; at < n;) {
		struct err e = { 0 };
		json_t *v = NULL;
		size_t used = 0;
		char *text;

		switch (qmp_scan(&s, (const u8 *)p + at, MIN(step, n - at),
				 &used, &v, &e)) {
		case QMP_SCAN_VALUE:
			text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
			strbuf_addf(&out, "%s\n", text);
			free(text);
			json_decref(v);
			break;
		case QMP_SCAN_BAD:
			strbuf_addf(&out, "!%s\n", e.msg);
			break;
		case QMP_SCAN_MORE:
			break;
		}
		at += used;
		assert_true(s.text.len <= QMP_SIZE_MAX);
	}
	qmp_scan_fini(&s);
	return strbuf_detach(&out);
}

static void check(const char *in, const char *expected)
{
	for (size_t step = 1; step < 40; step += 5) {
		char *got = scan(in, strlen(in), step);

		assert_string_equal(got, expected);
		free(got);
	}
}

static void values_are_found_one_after_the_other(void **state)
{
	check("{\"a\":1}{\"b\":[2,{}]}\n", "{\"a\":1}\n{\"b\":[2,{}]}\n");
	check(" \"x\" 5 true\nnull\n", "\"x\"\n5\ntrue\nnull\n");
	check("{\"a\":\"}]\\\"\"}", "{\"a\":\"}]\\\"\"}\n");
}

static void single_quotes_are_taken(void **state)
{
	check("{'a':'it\\'s \"x\"'}", "{\"a\":\"it's \\\"x\\\"\"}\n");
	check("'a\\n'", "\"a\\n\"\n");
}

static void addresses_of_the_upper_half_are_numbers(void **state)
{
	check("[18446744071578845184,18446744073709551615]",
	      "[-2130706432,-1]\n");
	check("{\"a\":9223372036854775808}",
	      "{\"a\":-9223372036854775808}\n");
	check("[9223372036854775807,-9223372036854775808]",
	      "[9223372036854775807,-9223372036854775808]\n");
	check("{\"18446744073709551615\":\"\\\"18446744073709551615\"}",
	      "{\"18446744073709551615\":\"\\\"18446744073709551615\"}\n");
	check("18446744073709551615\n", "-1\n");
	check("[18446744073709551616]",
	      "!JSON parse error, too big integer near "
	      "'18446744073709551616'\n");
	check("[18446744073709551615.5,1e300]",
	      "[1.8446744073709552e19,1.0000000000000001e300]\n");
}

static void mistakes_cost_no_more_than_themselves(void **state)
{
	check("garbage\n{\"a\":1}\n",
	      "!JSON parse error, invalid keyword 'garbage'\n{\"a\":1}\n");
	check("}{}", "!JSON parse error, expecting value\n{}\n");
	check("x{}", "!JSON parse error, invalid keyword 'x'\n{}\n");
	check("\x01{}", "!JSON parse error, stray byte\n{}\n");
	check("\"\x01{}", "!JSON parse error, stray byte in a string\n{}\n");
}

static void doubled_keys_and_wrong_brackets_are_refused(void **state)
{
	char *s = scan("{\"a\":1,\"a\":2}[}", 15, 3);

	assert_memory_equal(s, "!JSON parse error", 17);
	assert_non_null(strstr(s + 1, "!JSON parse error"));
	free(s);
}

static void depth_size_and_tokens_are_bounded(void **state)
{
	const size_t n = 3 << 20;
	char *in = malloc(n), *s;

	memset(in, '[', n);
	memcpy(in + n - 3, "\n{}", 3);
	s = scan(in, n, 4096);
	assert_string_equal(s, "!JSON nesting depth limit exceeded\n{}\n");
	free(s);
	memset(in, 'a', n - 3);
	s = scan(in, n, 4096);
	assert_string_equal(s, "!JSON token size limit exceeded\n{}\n");
	free(s);
	in[0] = '"';
	s = scan(in, n, 4096);
	assert_string_equal(s, "!JSON token size limit exceeded\n{}\n");
	free(s);
	memset(in, ',', n - 3);
	in[0] = '[';
	s = scan(in, n, 4096);
	assert_string_equal(s, "!JSON token count limit exceeded\n{}\n");
	free(s);
	free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_one_after_the_other),
		cmocka_unit_test(single_quotes_are_taken),
		cmocka_unit_test(addresses_of_the_upper_half_are_numbers),
		cmocka_unit_test(mistakes_cost_no_more_than_themselves),
		cmocka_unit_test(doubled_keys_and_wrong_brackets_are_refused),
		cmocka_unit_test(depth_size_and_tokens_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
