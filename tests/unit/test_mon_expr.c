/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/expr.c: operators, precedence, numbers, complaints. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/expr.h"

static int reg(void *opaque, const char *name, u64 *val)
{
	(void)opaque;
	if (strcmp(name, "cs.base"))
		return -ENOENT;
	*val = 0x1000;
	return 0;
}

static void is(const char *text, s64 want, const char *rest)
{
	struct strbuf why = STRBUF_INIT;
	const char *p = text;
	u64 v = 0;

	if (expr_eval(&p, &v, reg, NULL, &why))
		fail_msg("%s: %s", text, why.buf);
	if ((s64)v != want)
		fail_msg("%s is %lld", text, (long long)v);
	assert_string_equal(p, rest);
}

static void fails(const char *text, const char *complaint)
{
	struct strbuf why = STRBUF_INIT;
	const char *p = text;
	u64 v = 7;

	assert_int_equal(expr_eval(&p, &v, reg, NULL, &why), -EINVAL);
	assert_string_equal(why.buf, complaint);
	assert_ptr_equal(p, text);
	assert_int_equal(v, 7);
	strbuf_fini(&why);
}

static void sums_bind_looser_than_bit_operators(void **state)
{
	is("1+2&3", 3, "");
	is("6&3|8", 10, "");
	is("6|3&8", 0, "");
	is("2*3&7", 6, "");
	is("2+3*4", 14, "");
	is("10-2-3", 5, "");
	is("(1+2)*3", 9, "");
}

static void numbers_are_hex_octal_and_decimal(void **state)
{
	is("0x1F", 31, "");
	is("0X1f", 31, "");
	is("010", 8, "");
	is("08", 0, "8");
	is("0x", 0, "x");
	is("0b1", 0, "b1");
	is("1k", 1, "k");
	is("18446744073709551615", -1, "");
	fails("18446744073709551616", "number too large");
	fails("0x10000000000000000", "number too large");
}

static void blanks_may_stand_anywhere_between(void **state)
{
	is("  1  +  2  ", 3, "");
	is("100 -1", 99, "");
	is("(1) (2)", 1, "(2)");
	is("1 << 4", 1, "<< 4");
}

static void unary_operators_nest(void **state)
{
	is("-1", -1, "");
	is("- - 1", 1, "");
	is("~0", -1, "");
	is("-~5", 6, "");
	is("+-+3", -3, "");
}

static void division_truncates_and_never_traps(void **state)
{
	is("-7/2", -3, "");
	is("-7%2", -1, "");
	is("-9223372036854775808/-1", INT64_MIN, "");
	is("-9223372036854775808%-1", 0, "");
	fails("1/0", "division by zero");
	fails("1%0", "division by zero");
}

static void characters_are_numbers(void **state)
{
	is("'A'", 65, "");
	is("' '+1", 33, "");
	fails("'", "character constant expected");
	fails("''", "missing terminating ' character");
	fails("'AB'", "missing terminating ' character");
	fails("'\\n'", "missing terminating ' character");
}

static void registers_are_asked_for_by_name(void **state)
{
	is("$cs.base+4", 0x1004, "");
	fails("$nosuch", "unknown register");
	fails("$", "unknown register");
}

static void complaints_name_what_is_wrong(void **state)
{
	fails("", "unexpected end of expression");
	fails("1+", "unexpected end of expression");
	fails("abc", "invalid char 'a' in expression");
	fails("1&&1", "invalid char '&' in expression");
	fails("(1", "')' expected");
	fails("(1+2", "')' expected");
}

static void deep_nesting_is_refused_not_recursed(void **state)
{
	const unsigned n = 1000000;
	char *text = malloc(n + 1);

	memset(text, '(', n);
	text[n] = '\0';
	fails(text, "expression nested too deeply");
	memset(text, '-', n);
	fails(text, "expression nested too deeply");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_bind_looser_than_bit_operators),
		cmocka_unit_test(numbers_are_hex_octal_and_decimal),
		cmocka_unit_test(blanks_may_stand_anywhere_between),
		cmocka_unit_test(unary_operators_nest),
		cmocka_unit_test(division_truncates_and_never_traps),
		cmocka_unit_test(characters_are_numbers),
		cmocka_unit_test(registers_are_asked_for_by_name),
		cmocka_unit_test(complaints_name_what_is_wrong),
		cmocka_unit_test(deep_nesting_is_refused_not_recursed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
