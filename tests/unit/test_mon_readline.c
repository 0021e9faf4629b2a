/* SPDX-License-Identifier: MIT */
/*
 * Unit test: monitor/readline.c, key by key, and against the recorded
 * exchanges of a real monitor (../shared/hmp or $MOTE_SHARED) where they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "monitor/readline.h"
#include "vmm/base/strbuf.h"

struct term {
	struct readline r;
	struct strbuf got;             /* LF made CR LF         */
	char line[READLINE_LINE_MAX + 1];
	unsigned lines;
	const char *const *words;      /* offered at TAB        */
	const char *expected;          /* of the exchange being replayed */
};

static void put(void *opaque, const char *p, size_t n)
{
	struct term *t = opaque;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n')
			strbuf_addc(&t->got, '\r');
		strbuf_addc(&t->got, p[i]);
	}
}

static void line(void *opaque, const char *text)
{
	struct term *t = opaque;

	snprintf(t->line, sizeof(t->line), "%s", text);
	t->lines++;
	t->r.password = !strcmp(text, "change vnc password");
	if (t->expected) {             /* the command's answer */
		const char *p = t->expected + t->got.len;
		const char *end = strstr(p, "(qemu) ");

		if (strlen(t->expected) > t->got.len && end)
			strbuf_add(&t->got, p, end - p);
	}
	readline_show_prompt(&t->r);
}

static void complete(void *opaque, const char *text)
{
	struct term *t = opaque;
	const char *typed = strrchr(text, ' ');

	typed = typed ? typed + 1 : text;
	readline_typed(&t->r, strlen(typed));
	for (const char *const *w = t->words; w && *w; w++)
		if (!strncmp(*w, typed, strlen(typed)))
			readline_offer(&t->r, *w);
}

static const struct readline_ops ops = { put, line, complete };

static struct term *fresh(void)
{
	struct term *t = calloc(1, sizeof(*t));

	strbuf_init(&t->got);
	readline_init(&t->r, &ops, t, "(qemu) ");
	return t;
}

static void drop(struct term *t)
{
	readline_fini(&t->r);
	strbuf_fini(&t->got);
	free(t);
}

static void type(struct term *t, const char *keys)
{
	strbuf_reset(&t->got);
	for (; *keys; keys++)
		readline_byte(&t->r, (u8)*keys);
}

#define K "\033[K"
#define L "\033[D"

static void a_key_redraws_the_line(void **state)
{
	struct term *t = fresh();

	type(t, "abc\033[D\033[DX");
	assert_string_equal(t->got.buf, "a" K L "ab" K L L "abc" K L L
			    L "aXbc" K L L);
	type(t, "\n");
	assert_string_equal(t->line, "aXbc");
	assert_string_equal(t->got.buf, "\r\n(qemu) ");
	drop(t);
}

static void keys_that_mean_nothing_do_nothing(void **state)
{
	struct term *t = fresh();

	type(t, "a\002\003\006\013\016\020\022\024\025\031\032\037\033Xb"
		"\033[5~\033[11~\033[H\n");
	assert_string_equal(t->line, "ab");
	drop(t);
}

static void history_keeps_64_lines_and_no_doubles(void **state)
{
	struct term *t = fresh();
	char text[32];

	for (unsigned i = 0; i < 70; i++) {
		snprintf(text, sizeof(text), "print %u\n", i);
		type(t, text);
	}
	assert_int_equal(t->r.nhistory, 64);
	assert_string_equal(t->r.history[0], "print 6");
	type(t, "print 10\n");
	assert_int_equal(t->r.nhistory, 64);
	assert_string_equal(t->r.history[63], "print 10");
	type(t, "\033[A\033[A!\n");
	assert_string_equal(t->line, "print 69!");
	type(t, "\n");
	assert_int_equal(t->lines, 73);
	assert_int_equal(t->r.nhistory, 64);
	drop(t);
}

static void passwords_show_stars_and_leave_no_trace(void **state)
{
	struct term *t = fresh();

	type(t, "change vnc password\n");
	type(t, "s\tx\n");
	assert_string_equal(t->got.buf, "*" K L "**" K "\r\n(qemu) ");
	assert_string_equal(t->line, "sx");
	assert_int_equal(t->r.nhistory, 1);
	drop(t);
}

static void a_line_is_bounded(void **state)
{
	struct term *t = fresh();

	for (unsigned i = 0; i < 100000; i++) {
		readline_byte(&t->r, 'x');
		strbuf_reset(&t->got);
	}
	assert_int_equal(t->r.len, READLINE_LINE_MAX);
	readline_byte(&t->r, '\n');
	assert_int_equal(strlen(t->line), READLINE_LINE_MAX);
	drop(t);
}

static void tab_inserts_lists_and_extends(void **state)
{
	static const char *const words[] = { "stopcapture", "stop", "sub/",
					     "stop", NULL };
	struct term *t = fresh();

	t->words = words;
	type(t, "st\t");
	assert_non_null(strstr(t->got.buf,
		"\r\nstop         stopcapture  \r\n(qemu) stop" K));
	type(t, "c\t");
	assert_non_null(strstr(t->got.buf, "stopcapture " K));
	type(t, "\nsu\t");
	assert_non_null(strstr(t->got.buf, "sub/" K));
	drop(t);
}

/* --- recorded exchanges --- */

/* The candidates of an exchange with a TAB: the columns it lists, or what
 * its last redraw has at the end. */
static void complete_as_recorded(void *opaque, const char *text)
{
	struct term *t = opaque;
	const char *p = t->expected + MIN(t->got.len, strlen(t->expected));
	const char *typed = text + strlen(text);
	char word[512];
	size_t n;

	while (typed > text && !strchr(" \t", typed[-1]))
		typed--;
	if (!strncmp(text, "sendkey", 7) && strrchr(typed, '-'))
		typed = strrchr(typed, '-') + 1;
	readline_typed(&t->r, strlen(typed));
	if (!strncmp(p, "\r\n", 2)) {
		const char *end = strstr(p, "(qemu)");

		while (end && (p += strspn(p, " \r\n")) < end) {
			n = strcspn(p, " \r\n");
			snprintf(word, sizeof(word), "%.*s", (int)n, p);
			readline_offer(&t->r, word);
			p += n;
		}
		return;
	}
	while (!strncmp(p, L, 3))
		p += 3;
	n = strcspn(p, "\033");
	if (n < strlen(text) || memcmp(p, text, strlen(text)))
		return;
	p += typed - text;
	n = strcspn(p, " \033");
	snprintf(word, sizeof(word), "%.*s", (int)n, p);
	readline_offer(&t->r, word);
}

static const struct readline_ops recorded_ops = { put, line,
						  complete_as_recorded };

static void clear_line(struct term *t)
{
	readline_byte(&t->r, 5);
	while (t->r.len)
		readline_byte(&t->r, 23);
	strbuf_reset(&t->got);
}

static void feed_history(struct term *t)
{
	char text[32];

	for (unsigned i = 1000; i < 1070; i++) {
		snprintf(text, sizeof(text), "print %u\n", i);
		type(t, text);
	}
}

/* The one exchange described in prose: a line longer than the buffer. */
static void feed_long_line(struct term *t)
{
	char text[4300];

	snprintf(text, sizeof(text), "print 1111111111%*s+2%*s+5\n", 4070, "",
		 100, "");
	type(t, text);
}

/* What cannot be replayed: QMP, prose in place of bytes, bytes that JSON
 * could not hold. */
static bool replayable(const char *group, const char *sent, const char *got)
{
	return strncmp(group, "36", 2) && sent[0] != '(' && sent[0] != '\'' &&
	       !strstr(got, "\xef\xbf\xbd");
}

static bool replay(struct term *t, json_t *e)
{
	const char *group = json_string_value(json_object_get(e, "group"));
	const char *sent = json_string_value(json_object_get(e, "sent"));
	const char *got = json_string_value(json_object_get(e, "got"));
	size_t n = json_string_length(json_object_get(e, "sent"));

	if (sent && !strncmp(sent, "'print 1111111111'", 18))
		feed_long_line(t);
	if (!group || !sent || !got || !replayable(group, sent, got))
		return false;
	if (strstr(sent, " (monitor"))
		n = strstr(sent, " (monitor") - sent;
	if (!strcmp(sent, "info history\n") && strstr(got, "63: "))
		feed_history(t);
	clear_line(t);
	t->expected = got;
	for (size_t i = 0; i < n; i++) {
		u8 c = sent[i];

		/* The file is UTF-8; U+0080..U+00FF stand for bytes. */
		if (c == 0xc2 || c == 0xc3)
			c = (c & 3) << 6 | (sent[++i] & 0x3f);
		readline_byte(&t->r, c);
	}
	if (strcmp(t->got.buf, got)) {
		t->expected = NULL;
		print_error("sent %s\nwant %s\ngot  %s\n",
			    json_dumps(json_object_get(e, "sent"),
				       JSON_ENCODE_ANY),
			    json_dumps(json_object_get(e, "got"),
				       JSON_ENCODE_ANY),
			    json_dumps(json_string(t->got.buf),
				       JSON_ENCODE_ANY));
		fail();
	}
	t->expected = NULL;
	return true;
}

static void recorded_exchanges_come_out_the_same(void **state)
{
	const char *root = getenv("MOTE_SHARED");
	char path[512];
	static char text[256 << 10];
	struct term *t = fresh();
	unsigned done = 0, skipped = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/hmp/transcripts/readline.jsonl",
		 root ? root : "../shared");
	f = fopen(path, "r");
	if (!f) {
		print_message("# SKIP: %s is not there; set MOTE_SHARED\n",
			      path);
		drop(t);
		skip();
	}
	t->r.ops = &recorded_ops;
	type(t, "savevm snap1\nsavevm snap2\n");
	while (fgets(text, sizeof(text), f)) {
		json_t *e = json_loads(text, JSON_ALLOW_NUL, NULL);

		assert_non_null(e);
		if (replay(t, e))
			done++;
		else
			skipped++;
		if (!strncmp(json_string_value(json_object_get(e, "group")),
			     "29", 2)) {       /* 35 begins on a new VM */
			readline_fini(&t->r);
			readline_init(&t->r, &recorded_ops, t, "(qemu) ");
			type(t, "savevm snap1\nsavevm snap2\n");
		}
		json_decref(e);
	}
	fclose(f);
	print_message("# %u exchanges replayed, %u cannot be\n", done,
		      skipped);
	assert_true(done > 160);
	drop(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_redraws_the_line),
		cmocka_unit_test(keys_that_mean_nothing_do_nothing),
		cmocka_unit_test(history_keeps_64_lines_and_no_doubles),
		cmocka_unit_test(passwords_show_stars_and_leave_no_trace),
		cmocka_unit_test(a_line_is_bounded),
		cmocka_unit_test(tab_inserts_lists_and_extends),
		cmocka_unit_test(recorded_exchanges_come_out_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
