/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/opts.c: QEMU's option strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/opts.h"

static struct opts parse(const char *text, const char *first)
{
	struct opts o;

	assert_int_equal(opts_parse(&o, text, first, NULL), 0);
	return o;
}

static void the_first_item_takes_the_implied_key(void **state)
{
	struct opts o = parse("e1000,id=n0,mac=1:2", "driver");

	assert_int_equal(o.n, 3);
	assert_string_equal(opts_find(&o, "driver"), "e1000");
	assert_string_equal(opts_find(&o, "id"), "n0");
	assert_null(opts_find(&o, "nosuch"));
	opts_fini(&o);
	o = parse("id=n0,driver=e1000", "driver");
	assert_string_equal(opts_find(&o, "driver"), "e1000");
	opts_fini(&o);
}

static void two_commas_are_one_literal_comma(void **state)
{
	struct opts o = parse("file,path=/a,,b,,,id=c", "backend");

	assert_string_equal(opts_find(&o, "path"), "/a,b,");
	assert_string_equal(opts_find(&o, "id"), "c");
	opts_fini(&o);
}

static void bare_keys_are_on_and_no_turns_them_off(void **state)
{
	struct opts o = parse("server,nowait,nodelay", NULL);
	bool server = false, wait = true, nodelay = false;

	assert_int_equal(opts_take_bool(&o, "server", &server, NULL), 0);
	assert_int_equal(opts_take_bool(&o, "wait", &wait, NULL), 0);
	assert_int_equal(opts_take_bool(&o, "nodelay", &nodelay, NULL), 0);
	assert_true(server);
	assert_false(wait);
	assert_true(nodelay);
	assert_int_equal(opts_check_taken(&o, NULL), 0);
	opts_fini(&o);
}

static void the_last_of_a_repeated_key_wins(void **state)
{
	struct opts o = parse("a=1,a=2", NULL);

	assert_string_equal(opts_take(&o, "a"), "2");
	assert_int_equal(opts_check_taken(&o, NULL), 0);
	opts_set(&o, "a", "3");
	assert_string_equal(opts_find(&o, "a"), "3");
	opts_fini(&o);
}

static void an_untaken_key_is_named(void **state)
{
	struct opts o = parse("null,id=x,foo=bar", "backend");
	struct err e;

	opts_take(&o, "backend");
	opts_take(&o, "id");
	assert_true(opts_check_taken(&o, &e) < 0);
	assert_string_equal(e.msg, "Invalid parameter 'foo'");
	opts_fini(&o);
}

static void an_empty_key_is_refused(void **state)
{
	static const char *const bad[] = { "=x", "a,=x", "a,,b,,=", ",a" };
	struct opts o;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		if (i == 2)
			continue;      /* that one is the key "a,b," */
		assert_true(opts_parse(&o, bad[i], NULL, NULL) < 0);
		assert_int_equal(o.n, 0);
	}
	o = parse("", NULL);
	assert_int_equal(o.n, 0);
	o = parse("a=,b", NULL);
	assert_string_equal(opts_find(&o, "a"), "");
	opts_fini(&o);
}

static void sizes_have_suffixes_and_fractions(void **state)
{
	static const struct { const char *text; char unit; u64 want; } good[] = {
		{ "0", 0, 0 }, { "512", 0, 512 }, { "128", 'M', 128 * MiB },
		{ "64K", 0, 64 * KiB }, { "1.5G", 0, 3 * GiB / 2 },
		{ "2g", 'M', 2 * GiB }, { "1T", 0, 1024 * GiB },
		{ "0x1000", 0, 4096 }, { "0x10k", 0, 16 * KiB },
		{ "512b", 'M', 512 }, { "15E", 0, 15ull << 60 },
	};
	static const char *const bad[] = {
		"", "-1", " 1", "1Q", "1KK", "K", "1.5", "16E", "1e3",
		"99999999999999999999", "0x", "1.5x",
	};
	u64 n = 77;

	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(opts_size(good[i].text, good[i].unit, &n), 0);
		assert_int_equal(n, good[i].want);
	}
	n = 77;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		if (opts_size(bad[i], 0, &n) == 0)
			fail_msg("'%s' taken as %llu", bad[i],
				 (unsigned long long)n);
		assert_int_equal(n, 77);
	}
}

static void scalars_say_which_key_was_wrong(void **state)
{
	struct opts o = parse("a=x,b=-1,c=1Q,d=0x10", NULL);
	struct err e;
	bool flag;
	u64 n;

	assert_true(opts_take_bool(&o, "a", &flag, &e) < 0);
	assert_non_null(strstr(e.msg, "'a'"));
	assert_true(opts_take_u64(&o, "b", &n, &e) < 0);
	assert_non_null(strstr(e.msg, "'b'"));
	assert_true(opts_take_size(&o, "c", &n, &e) < 0);
	assert_non_null(strstr(e.msg, "'c'"));
	assert_int_equal(opts_take_u64(&o, "d", &n, &e), 0);
	assert_int_equal(n, 16);
	opts_fini(&o);
}

static void ids_are_identifiers(void **state)
{
	assert_true(opts_id_ok("a"));
	assert_true(opts_id_ok("net-0.x_1"));
	assert_false(opts_id_ok(""));
	assert_false(opts_id_ok("1bad"));
	assert_false(opts_id_ok("a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_item_takes_the_implied_key),
		cmocka_unit_test(two_commas_are_one_literal_comma),
		cmocka_unit_test(bare_keys_are_on_and_no_turns_them_off),
		cmocka_unit_test(the_last_of_a_repeated_key_wins),
		cmocka_unit_test(an_untaken_key_is_named),
		cmocka_unit_test(an_empty_key_is_refused),
		cmocka_unit_test(sizes_have_suffixes_and_fractions),
		cmocka_unit_test(scalars_say_which_key_was_wrong),
		cmocka_unit_test(ids_are_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
