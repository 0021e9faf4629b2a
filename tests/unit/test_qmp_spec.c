/* SPDX-License-Identifier: MIT */
/*
 * Unit test: monitor/qmp_spec.c: objects as option strings, and names and
 * values that would become more than one option.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "monitor/qmp.h"

static int spec(const char *json, struct strbuf *s, struct err *e)
{
	json_t *v = json_loads(json, 0, NULL);
	int rc;

	assert_non_null(v);
	rc = qmp_spec(v, s, e);
	json_decref(v);
	return rc;
}

static void becomes(const char *json, const char *want)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };

	assert_int_equal(spec(json, &s, &e), 0);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void refused(const char *json)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };

	assert_true(spec(json, &s, &e) < 0);
	assert_true(e.msg[0]);
	strbuf_fini(&s);
}

static void scalars_are_options(void **st)
{
	(void)st;
	becomes("{\"a\": 1, \"b\": true, \"c\": \"x\", \"d\": false}",
		"a=1,b=on,c=x,d=off");
}

static void commas_in_values_stay_in_them(void **st)
{
	(void)st;
	becomes("{\"f\": \"a,b=c\"}", "f=a,,b=c");
}

static void objects_and_arrays_within_have_dots(void **st)
{
	(void)st;
	becomes("{\"file\": {\"driver\": \"file\", \"cache\": {\"direct\": "
		"true}}, \"l\": [1, \"x,\"]}",
		"file.driver=file,file.cache.direct=on,l.0=1,l.1=x,,");
}

static void names_that_would_be_several_options_are_refused(void **st)
{
	(void)st;
	refused("{\"a=1,b\": 2}");
	refused("{\"x\": {\"a,b\": 2}}");
	refused("{\"x\": null}");
}

static void names_deep_enough_to_be_cut_are_refused(void **st)
{
	struct strbuf s = STRBUF_INIT;

	(void)st;
	for (unsigned i = 0; i < 40; i++)
		strbuf_addstr(&s, "{\"abcdefgh\": ");
	strbuf_addstr(&s, "1");
	for (unsigned i = 0; i < 40; i++)
		strbuf_addstr(&s, "}");
	refused(s.buf);
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_options),
		cmocka_unit_test(commas_in_values_stay_in_them),
		cmocka_unit_test(objects_and_arrays_within_have_dots),
		cmocka_unit_test(names_that_would_be_several_options_are_refused),
		cmocka_unit_test(names_deep_enough_to_be_cut_are_refused),
	};

	return cmocka_run_group_tests_name("qmp_spec", tests, NULL, NULL);
}
