/* SPDX-License-Identifier: MIT */
/*
 * Unit test: vmm/opts_json.c: JSON objects as option strings, and names and
 * values that would become more than one option.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "vmm/base/opts.h"
#include "vmm/opts_json.h"

static void becomes(const char *json, const char *want)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };

	if (opts_from_json_text(json, &s, &e) < 0)
		fail_msg("%s: %s", json, e.msg);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void members_become_options(void **state)
{
	(void)state;
	becomes("{}", "");
	becomes("{\"driver\":\"virtio-blk-pci\",\"bootindex\":1}",
		"driver=virtio-blk-pci,bootindex=1");
	becomes(" { \"a\" : true ,\n\"b\":false, \"c\":-1.5e3 } ",
		"a=on,b=off,c=-1500");
	becomes("{\"e\":\"\"}", "e=");
}

static void what_is_inside_gets_a_name_with_dots(void **state)
{
	(void)state;
	becomes("{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"cache\":"
		"{\"direct\":true}},\"n\":7}",
		"driver=raw,file.driver=file,file.cache.direct=on,n=7");
	becomes("{\"a\":[\"x\",{\"y\":2},[]],\"b\":{}}", "a.0=x,a.1.y=2");
}

static void a_value_stays_one_option(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct opts o;

	(void)state;
	becomes("{\"f\":\"a,b=c\"}", "f=a,,b=c");
	assert_int_equal(opts_from_json_text("{\"f\":\",,x,\",\"g\":1}", &s, NULL),
			 0);
	assert_int_equal(opts_parse(&o, s.buf, "driver", NULL), 0);
	assert_int_equal(o.n, 2);
	assert_string_equal(opts_find(&o, "f"), ",,x,");
	opts_fini(&o);
	strbuf_fini(&s);
}

static void escapes_are_undone(void **state)
{
	(void)state;
	becomes("{\"a\":\"\\\"\\\\\\/\\t\"}", "a=\"\\/\t");
	becomes("{\"a\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}",
		"a=A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void refused(const char *json, const char *why)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };

	assert_int_equal(opts_from_json_text(json, &s, &e), -EINVAL);
	if (!strstr(e.msg, why))
		fail_msg("%s: '%s' does not say '%s'", json, e.msg, why);
	strbuf_fini(&s);
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
	struct strbuf deep = STRBUF_INIT;

	(void)state;
	refused("", "JSON parse error at byte 0: ");
	refused("[1]", "an object of JSON was expected");
	refused("{", "byte 1: ");
	refused("{\"a\"", "byte 4: ':' expected");
	refused("{\"a\":", "byte 5: ");
	refused("{\"a\":1", "byte 6: '}' expected");
	refused("{\"a\":1,}", "byte 8: string or '}' expected");
	refused("{\"a\":[1", "byte 7: ']' expected");
	refused("{\"a\":maybe}", "byte 10: invalid token");
	refused("{\"a\":12345678901234567890123456789012345678901}",
		"too big integer");
	refused("{\"a\":\"x", "premature end of input");
	refused("{\"a\":\"x\ny\"}", "unexpected newline");
	refused("{\"a\":\"\\q\"}", "invalid escape");
	refused("{\"a\":\"\\ud800\"}", "invalid Unicode");
	refused("{\"a\":\"\\u0000\"}", "\\u0000 is not allowed");
	refused("{\"a\":\"\xff\"}", "unable to decode byte 0xff");
	refused("{\"a\":1,\"a\":2}", "duplicate object key");
	refused("{\"a\":1} x", "end of file expected");
	for (unsigned i = 0; i < 4000; i++)
		strbuf_addstr(&deep, "{\"a\":");
	refused(deep.buf, "maximum parsing depth reached");
	strbuf_fini(&deep);
}

static void names_that_would_be_several_options_are_refused(void **state)
{
	(void)state;
	refused("{\"a=1,b\":2}", "Parameter 'a=1,b' is unexpected");
	refused("{\"x\":{\"a,b\":2}}", "Parameter 'a,b' is unexpected");
	refused("{\"\":1}", "Parameter '' is unexpected");
	refused("{\"x\":null}", "Parameter 'x' is null");
}

static void names_deep_enough_to_be_cut_are_refused(void **state)
{
	struct strbuf s = STRBUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		strbuf_addstr(&s, "{\"abcdefgh\":");
	strbuf_addstr(&s, "1");
	for (unsigned i = 0; i < 40; i++)
		strbuf_addstr(&s, "}");
	refused(s.buf, "Parameter 'abcdefgh' is unexpected");
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_become_options),
		cmocka_unit_test(what_is_inside_gets_a_name_with_dots),
		cmocka_unit_test(a_value_stays_one_option),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
		cmocka_unit_test(names_that_would_be_several_options_are_refused),
		cmocka_unit_test(names_deep_enough_to_be_cut_are_refused),
	};

	return cmocka_run_group_tests_name("opts_json", tests, NULL, NULL);
}
