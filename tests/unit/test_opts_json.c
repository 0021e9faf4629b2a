/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/opts_json.c: JSON objects as option strings. */
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
#include "vmm/base/strbuf.h"

static void becomes(const char *json, const char *want)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };

	if (opts_from_json(json, &s, &e) < 0)
		fail_msg("%s: %s", json, e.msg);
	assert_string_equal(s.len ? s.buf : "", want);
	strbuf_fini(&s);
}

static void members_become_options(void **state)
{
	(void)state;
	becomes("{}", "");
	becomes("{\"driver\":\"virtio-blk-pci\",\"bootindex\":1}",
		"driver=virtio-blk-pci,bootindex=1");
	becomes(" { \"a\" : true ,\n\"b\":false, \"c\":-1.5e3 } ",
		"a=on,b=off,c=-1.5e3");
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
	assert_int_equal(opts_from_json("{\"f\":\",,x,\",\"g\":1}", &s, NULL),
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

	assert_int_equal(opts_from_json(json, &s, &e), -EINVAL);
	if (!strstr(e.msg, why))
		fail_msg("%s: '%s' does not say '%s'", json, e.msg, why);
	strbuf_fini(&s);
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
	char deep[64] = "{\"a\":";
	char name[400] = "{\"";

	(void)state;
	refused("", "byte 0: '{'");
	refused("[1]", "'{' was");
	refused("{", "a string was expected");
	refused("{\"a\"", "':' was expected");
	refused("{\"a\":", "a value was expected");
	refused("{\"a\":1", "',' or '}'");
	refused("{\"a\":1,}", "byte 7: a string was expected");
	refused("{\"a\":[1", "',' or ']'");
	refused("{\"a\":null}", "byte 5: a value was expected");
	refused("{\"a\":maybe}", "a value was expected");
	refused("{\"a\":12345678901234567890123456789012345678901}",
		"a value was expected");
	refused("{\"a\":\"x", "a string without end");
	refused("{\"a\":\"x\ny\"}", "a string without end");
	refused("{\"a\":\"\\q\"}", "bad \\u");
	refused("{\"a\":\"\\u00", "bad \\u");
	refused("{\"a\":\"\\u0000\"}", "bad \\u");
	refused("{\"a\":\"\\ud83d\"}", "half a character");
	refused("{\"a\":\"\\", "bad \\u");
	refused("{\"a\":1} x", "nothing more");
	refused("{\"a=b\":1}", "bad name");
	refused("{\"\":1}", "bad name");
	memset(deep + 5, '[', 40);
	refused(deep, "too deep");
	memset(name + 2, 'n', 300);
	strcpy(name + 302, "\":1}");
	refused(name, "bad name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_become_options),
		cmocka_unit_test(what_is_inside_gets_a_name_with_dots),
		cmocka_unit_test(a_value_stays_one_option),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
	};

	return cmocka_run_group_tests_name("opts_json", tests, NULL, NULL);
}
