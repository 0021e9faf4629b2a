/* SPDX-License-Identifier: MIT */
/*
 * One JSON value after the other out of a stream of bytes.
 *
 * The scan finds where a value ends and keeps its text; jansson reads it.
 * What QEMU's parser takes beyond JSON is made JSON on the way: strings in
 * single quotes, \' inside strings.  Size, depth and the number of tokens are
 * bounded before anything is built.
 *
 * Never: keeps more than QMP_SIZE_MAX bytes.
 */
#include "monitor/qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64 };

void qmp_scan_init(struct qmp_scan *s)
{
	memset(s, 0, sizeof(*s));
	strbuf_init(&s->text);
}

void qmp_scan_fini(struct qmp_scan *s)
{
	strbuf_fini(&s->text);
}

void qmp_scan_reset(struct qmp_scan *s)
{
	strbuf_fini(&s->text);
	s->depth = s->tokens = 0;
	s->quote = 0;
	s->escape = s->word = s->skip = false;
}

static enum qmp_scan_result bad(struct qmp_scan *s, struct err *e,
				const char *why, bool skip)
{
	err_set(e, -EINVAL, "%s", why);
	qmp_scan_reset(s);
	s->skip = skip;
	return QMP_SCAN_BAD;
}

static bool is_blank(u8 c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_structure(u8 c)
{
	return c && strchr("{}[]:,", c);
}

/* What stands in no JSON outside a string. */
static bool is_junk(u8 c)
{
	return (c < 0x20 && !is_blank(c)) || c == 0x7f || c >= 0x80;
}

/* Behind the string that begins at p. */
static const char *past_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		p += *p == '\\' && p[1];
	return *p ? p + 1 : p;
}

static const char *put_number(struct strbuf *out, const char *p)
{
	const char *end = p + strspn(p, "0123456789");
	const size_t n = (size_t)(end - p);
	unsigned long long v = 0;

	errno = 0;
	if (n >= 19 && (!out->len || out->buf[out->len - 1] != '-') &&
	    !strchr(".eE", *end ? *end : ' '))
		v = strtoull(p, NULL, 10);
	if (v > INT64_MAX && !errno)
		strbuf_addf(out, "%lld", (long long)v);
	else
		strbuf_add(out, p, n);
	return end;
}

/*
 * jansson has no unsigned numbers: those of 2^63 to 2^64-1, which addresses
 * are, become the negative ones with the same bits.
 */
static void wrap_numbers(struct strbuf *text)
{
	struct strbuf out = STRBUF_INIT;
	const char *p = text->buf;

	while (*p) {
		const char *from = p;

		if (*p == '"')
			p = past_string(p);
		else if (*p >= '0' && *p <= '9')
			from = p = put_number(&out, p);
		else
			p++;
		strbuf_add(&out, from, (size_t)(p - from));
	}
	strbuf_fini(text);
	*text = out;
}

/* s->text is a whole value. */
static enum qmp_scan_result finish(struct qmp_scan *s, json_t **v,
				   struct err *e)
{
	json_error_t why;
	const bool word = s->word;

	wrap_numbers(&s->text);
	*v = json_loadb(s->text.buf, s->text.len, JSON_DECODE_ANY |
			JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
	if (*v) {
		qmp_scan_reset(s);
		return QMP_SCAN_VALUE;
	}
	if (word)
		err_set(e, -EINVAL, "JSON parse error, invalid keyword '%s'",
			s->text.buf);
	else
		err_set(e, -EINVAL, "JSON parse error, %s", why.text);
	qmp_scan_reset(s);
	return QMP_SCAN_BAD;
}

/* A byte of a string; true: it was the last. */
static bool string_byte(struct qmp_scan *s, char c)
{
	if (s->escape) {
		s->escape = false;
		if (c != '\'')
			strbuf_addc(&s->text, '\\');
		strbuf_addc(&s->text, c);
	} else if (c == '\\') {
		s->escape = true;
	} else if (c == s->quote) {
		strbuf_addc(&s->text, '"');
		s->quote = 0;
		return true;
	} else {
		if (c == '"')
			strbuf_addc(&s->text, '\\');
		strbuf_addc(&s->text, c);
	}
	return false;
}

static enum qmp_scan_result in_string(struct qmp_scan *s, u8 c, json_t **v,
				      struct err *e)
{
	if (c < 0x20 || c >= 0xfe)
		return bad(s, e, "JSON parse error, stray byte in a string",
			   false);
	if (!string_byte(s, (char)c) || s->depth)
		return QMP_SCAN_MORE;
	return finish(s, v, e);
}

static enum qmp_scan_result structure(struct qmp_scan *s, char c, json_t **v,
				      struct err *e)
{
	if (++s->tokens > QMP_TOKENS_MAX)
		return bad(s, e, "JSON token count limit exceeded", true);
	if (c == '{' || c == '[') {
		if (++s->depth > QMP_DEPTH_MAX)
			return bad(s, e, "JSON nesting depth limit exceeded",
				   true);
	} else if (!s->depth) {
		return bad(s, e, "JSON parse error, expecting value", false);
	} else if (c == '}' || c == ']') {
		s->depth--;
	}
	strbuf_addc(&s->text, c);
	return s->depth ? QMP_SCAN_MORE : finish(s, v, e);
}

/* Not in a string.  `*again`: look at this byte once more. */
static enum qmp_scan_result plain_byte(struct qmp_scan *s, u8 c, bool *again,
				       json_t **v, struct err *e)
{
	if (s->word && !s->depth && (is_blank(c) || is_structure(c) ||
				     c == '"' || c == '\'' || is_junk(c))) {
		*again = true;
		return finish(s, v, e);
	}
	if (is_junk(c))
		return bad(s, e, "JSON parse error, stray byte", false);
	if (is_blank(c)) {
		if (s->depth)
			strbuf_addc(&s->text, ' ');
		return QMP_SCAN_MORE;
	}
	if (is_structure(c))
		return structure(s, (char)c, v, e);
	if (c == '"' || c == '\'') {
		s->quote = (char)c;
		c = '"';
	} else if (!s->depth) {
		s->word = true;
	}
	strbuf_addc(&s->text, (char)c);
	if (s->word && s->text.len > WORD_MAX)
		return bad(s, e, "JSON token size limit exceeded", true);
	return QMP_SCAN_MORE;
}

enum qmp_scan_result qmp_scan(struct qmp_scan *s, const u8 *p, size_t n,
			      size_t *used, json_t **v, struct err *e)
{
	for (*used = 0; *used < n;) {
		enum qmp_scan_result r = QMP_SCAN_MORE;
		const u8 c = p[*used];
		bool again = false;

		if (s->skip)
			s->skip = c != '\n';
		else if (s->quote)
			r = in_string(s, c, v, e);
		else
			r = plain_byte(s, c, &again, v, e);
		*used += !again;
		if (r == QMP_SCAN_MORE && s->text.len > QMP_SIZE_MAX)
			r = bad(s, e, "JSON token size limit exceeded", true);
		if (r != QMP_SCAN_MORE)
			return r;
	}
	return QMP_SCAN_MORE;
}
