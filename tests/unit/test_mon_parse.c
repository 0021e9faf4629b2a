/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/parse.c through whole lines: words, flags, kinds. */
#include "tests/unit/mon_fake.h"

#include "monitor/mon.h"

static struct fake f;

static int setup(void **state)
{
	fake_init(&f);
	return 0;
}

static int teardown(void **state)
{
	fake_fini(&f);
	return 0;
}

/* Parse a line of a command that is not built and show its arguments. */
static const char *args_of(const char *line)
{
	static char text[2048];
	struct monitors s;
	struct mon_call call;
	struct mon m;
	size_t n = 0;

	monitors_init(&s, &f.vm);
	mon_init(&m, &s);
	if (mon_parse(&m, line, &call)) {
		const char *args = call.cmd->args;
		struct mon_decl d;

		text[0] = '\0';
		for (unsigned i = 0; mon_decl_next(&args, &d); i++) {
			const struct mon_arg *a = &call.arg[i];

			if (!a->given)
				continue;
			n += snprintf(text + n, sizeof(text) - n, "%s=", d.name);
			if (a->str)
				n += snprintf(text + n, sizeof(text) - n,
					      "<%s>", a->str);
			else if (!d.flag)
				n += snprintf(text + n, sizeof(text) - n,
					      "%lld", (long long)a->num);
			n += snprintf(text + n, sizeof(text) - n, ";");
		}
		mon_call_fini(&call);
	} else {
		snprintf(text, sizeof(text), "%.*s", (int)m.out.len, m.out.buf);
	}
	mon_fini(&m);
	monitors_fini(&s);
	return text;
}

#define TRY(c) "Try \"help " c "\" for more information\n"

static void unknown_names_are_shown_as_typed(void **state)
{
	assert_says(&f, "foo", "unknown command: 'foo'\n");
	assert_says(&f, "  foo   bar", "unknown command: '  foo'\n");
	assert_says(&f, "INFO version", "unknown command: 'INFO'\n");
	assert_says(&f, "  info    foo   bar",
		    "unknown command: '  info    foo'\n");
	assert_says(&f, "info/version", "unknown command: 'info'\n");
	assert_says(&f, "info /version", "unknown command: 'info '\n");
	assert_says(&f, "/10", "unknown command: ''\n");
	assert_says(&f, "\"help\"", "unknown command: '\"help\"'\n");
	assert_says(&f, "", "");
	assert_says(&f, "   \t ", "");
}

static void what_is_left_over_is_refused(void **state)
{
	assert_says(&f, "stop now", "stop|s: extraneous characters at the end "
		    "of line\n" TRY("stop"));
	assert_says(&f, "info status x", "status: extraneous characters at "
		    "the end of line\n" TRY("info status"));
	assert_says(&f, "print (1) (2)", "print|p: extraneous characters at "
		    "the end of line\n" TRY("print"));
	assert_says(&f, "p/x", "unexpected end of expression\n" TRY("p"));
}

static void missing_words_are_named_by_kind(void **state)
{
	assert_says(&f, "eject", "eject: block device name expected\n"
		    TRY("eject"));
	assert_says(&f, "change drv0", "change: filename expected\n"
		    TRY("change"));
	assert_says(&f, "loadvm", "loadvm: string expected\n" TRY("loadvm"));
	assert_says(&f, "cpu", "unexpected end of expression\n" TRY("cpu"));
	assert_says(&f, "block_resize d", "invalid size\n"
		    TRY("block_resize"));
	assert_says(&f, "set_link a", "Expected 'on' or 'off'\n"
		    TRY("set_link"));
	assert_says(&f, "object_add", "object_add: string expected\n"
		    TRY("object_add"));
}

static void quotes_make_words(void **state)
{
	assert_string_equal(args_of("ringbuf_write r \"two words\""),
			    "device=<r>;data=<two words>;");
	assert_string_equal(args_of("ringbuf_write r \"a\\nb\\\\\\\"\\'\""),
			    "device=<r>;data=<a\nb\\\"'>;");
	assert_string_equal(args_of("ringbuf_write r a\"b\\nc"),
			    "device=<r>;data=<a\"b\\nc>;");
	assert_string_equal(args_of("ringbuf_write\tr\t\"\""),
			    "device=<r>;data=<>;");
	assert_says(&f, "ringbuf_write r \"open",
		    "ringbuf_write: string expected\n" TRY("ringbuf_write"));
	assert_says(&f, "ringbuf_write r \"bad\\tescape\"",
		    "ringbuf_write: string expected\n" TRY("ringbuf_write"));
	assert_says(&f, "ringbuf_write r \"open\\",
		    "ringbuf_write: string expected\n" TRY("ringbuf_write"));
	assert_says(&f, "ringbuf_write r \"a\"b", "ringbuf_write: extraneous "
		    "characters at the end of line\n" TRY("ringbuf_write"));
}

static void flags_come_in_order_and_alone(void **state)
{
	assert_string_equal(args_of("eject -f cd0"), "force=;device=<cd0>;");
	assert_string_equal(args_of("info block -v x"),
			    "verbose=;device=<x>;");
	assert_string_equal(args_of("info block -v -n"),
			    "verbose=;device=<-n>;");
	assert_string_equal(args_of("info block -nv"),
			    "nodes=;device=<v>;");
	assert_string_equal(args_of("set_password vnc a -d b"),
			    "protocol=<vnc>;password=<a>;display=<b>;");
	assert_says(&f, "set_password vnc a -d",
		    "set_password: value expected for -d\n"
		    TRY("set_password"));
	assert_says(&f, "eject -x cd0", "eject: unsupported option -x\n"
		    TRY("eject"));
	assert_says(&f, "eject --force cd0", "eject: unsupported option --\n"
		    TRY("eject"));
	assert_says(&f, "eject -", "eject: unsupported option -" TRY("eject"));
	assert_says(&f, "info registers -1", "registers: unsupported option "
		    "-1\n" TRY("info registers"));
}

static void integers_have_32_bits_unless_long(void **state)
{
	assert_says(&f, "cpu -1", "'cpu' has failed: integer is for 32-bit "
		    "values\n" TRY("cpu"));
	assert_says(&f, "cpu 0x100000000", "'cpu' has failed: integer is for "
		    "32-bit values\n" TRY("cpu"));
	assert_says(&f, "cpu abc", "invalid char 'a' in expression\n"
		    TRY("cpu"));
	assert_says(&f, "cpu 08", "cpu: extraneous characters at the end of "
		    "line\n" TRY("cpu"));
	assert_says(&f, "balloon -1", "enter a positive value\n"
		    TRY("balloon"));
	assert_string_equal(args_of("balloon 64"), "value=67108864;");
	assert_string_equal(args_of("replay_seek -1"), "icount=-1;");
	assert_string_equal(args_of("i 0x70 . 9"), "addr=112;index=9;");
}

static void sizes_have_suffixes(void **state)
{
	static const struct { const char *text; u64 size; } good[] = {
		{ "64", 64 * MiB }, { "1.5", 3 * MiB / 2 },
		{ "1.5G", 3 * GiB / 2 }, { "65536K", 64 * MiB },
		{ "64m", 64 * MiB }, { "0x40", 64 * MiB }, { "7B", 7 },
		{ "7b", 7 }, { "0", 0 }, { "7.9E", 0x7e66666666666800 },
	};
	static const char *const bad[] = {
		"abc", "-1", "8E", "99E", "99999999999999999999", ".5", "",
	};
	char line[64], want[64];

	for (unsigned i = 0; i < ARRAY_LEN(good) - 1; i++) {
		snprintf(line, sizeof(line), "block_resize d %s", good[i].text);
		snprintf(want, sizeof(want), "device=<d>;size=%lld;",
			 (long long)good[i].size);
		assert_string_equal(args_of(line), want);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(line, sizeof(line), "block_resize d %s", bad[i]);
		assert_says(&f, line, "invalid size\n" TRY("block_resize"));
	}
	assert_says(&f, "block_resize d 64MB", "block_resize: extraneous "
		    "characters at the end of line\n" TRY("block_resize"));
}

static void on_and_off_are_exact(void **state)
{
	assert_string_equal(args_of("set_link n on"), "name=<n>;up=1;");
	assert_string_equal(args_of("set_link n off"), "name=<n>;up=0;");
	assert_says(&f, "set_link n ON", "Expected 'on' or 'off'\n"
		    TRY("set_link"));
	assert_says(&f, "set_link n onx", "Expected 'on' or 'off'\n"
		    TRY("set_link"));
}

static void the_rest_of_a_line_is_kept_as_typed(void **state)
{
	assert_string_equal(args_of("qom-set /a b  \"c d\" "),
			    "path=</a>;property=<b>;value=<\"c d\" >;");
	assert_says(&f, "qom-set /a b ", "qom-set: string expected\n"
		    TRY("qom-set"));
}

static void long_words_are_cut(void **state)
{
	char line[4096] = "loadvm ";

	memset(line + 7, 'x', 4000);
	line[4007] = '\0';
	assert_int_equal(strlen(args_of(line)),
			 strlen("name=<>;") + MON_WORD_MAX);
}

static void junk_is_harmless(void **state)
{
	char line[300];

	for (unsigned seed = 1; seed < 3000; seed++) {
		unsigned x = seed, n = seed % 200;

		for (unsigned i = 0; i < n; i++) {
			x = x * 1103515245 + 12345;
			line[i] = (x >> 16) % 255 + 1;
		}
		line[n] = '\0';
		said(&f, line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_names_are_shown_as_typed),
		cmocka_unit_test(what_is_left_over_is_refused),
		cmocka_unit_test(missing_words_are_named_by_kind),
		cmocka_unit_test(quotes_make_words),
		cmocka_unit_test(flags_come_in_order_and_alone),
		cmocka_unit_test(integers_have_32_bits_unless_long),
		cmocka_unit_test(sizes_have_suffixes),
		cmocka_unit_test(on_and_off_are_exact),
		cmocka_unit_test(the_rest_of_a_line_is_kept_as_typed),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(junk_is_harmless),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
