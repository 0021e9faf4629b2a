/* SPDX-License-Identifier: MIT */
/*
 * A JSON object (RFC 8259) as the option string that says the same: nested
 * members and elements get names with dots.  libvirt writes -device, -netdev,
 * -blockdev and -object so.
 *
 * Talks to: nobody; text in, text out.
 * Never:    lets a member's name or value become more than one option.
 */
#include "vmm/base/opts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/strbuf.h"

enum { DEPTH_MAX = 16, NAME_LEN = 256 };

struct json {
	const char *text, *p;
	struct strbuf *out;
	struct err *e;
	char name[NAME_LEN];           /* of the value at p                */
	unsigned depth;
};

static int value(struct json *j);

static int fail(const struct json *j, const char *what)
{
	return err_set(j->e, -EINVAL, "JSON parse error at byte %d: %s",
		       (int)(j->p - j->text), what);
}

/* The next byte that is not blank. */
static char next(struct json *j)
{
	j->p += strspn(j->p, " \t\r\n");
	return *j->p;
}

static bool skip(struct json *j, char c)
{
	if (next(j) != c)
		return false;
	j->p++;
	return true;
}

/* --- strings ----------------------------------------------------------------- */

static void add_utf8(struct strbuf *s, u32 c)
{
	if (c < 0x80) {
		strbuf_addc(s, c);
		return;
	}
	if (c < 0x800) {
		strbuf_addc(s, 0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			strbuf_addc(s, 0xe0 | c >> 12);
		} else {
			strbuf_addc(s, 0xf0 | c >> 18);
			strbuf_addc(s, 0x80 | (c >> 12 & 0x3f));
		}
		strbuf_addc(s, 0x80 | (c >> 6 & 0x3f));
	}
	strbuf_addc(s, 0x80 | (c & 0x3f));
}

/* uXXXX behind the backslash; false: it is none. */
static bool hex4(struct json *j, u32 *c)
{
	*c = 0;
	if (*j->p++ != 'u')
		return false;
	for (unsigned i = 0; i < 4; i++, j->p++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *d = *j->p ? strchr(digits, *j->p) : NULL;

		if (!d)
			return false;
		*c = *c << 4 | ((d - digits) & 15);
	}
	return true;
}

/* One above 0xffff comes as two halves (7 of the RFC). */
static int unicode(struct json *j, struct strbuf *s)
{
	u32 c, low;

	if (!hex4(j, &c) || !c || (c & 0xfc00) == 0xdc00)
		return fail(j, "bad \\u in a string");
	if ((c & 0xfc00) == 0xd800) {
		if (*j->p++ != '\\' || !hex4(j, &low) ||
		    (low & 0xfc00) != 0xdc00)
			return fail(j, "half a character in a string");
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
	}
	add_utf8(s, c);
	return 0;
}

static int escaped(struct json *j, struct strbuf *s)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = *j->p ? strchr(from, *j->p) : NULL;

	if (!at)
		return unicode(j, s);
	strbuf_addc(s, to[at - from]);
	j->p++;
	return 0;
}

static int string(struct json *j, struct strbuf *s)
{
	int rc = 0;

	if (!skip(j, '"'))
		return fail(j, "a string was expected");
	while (!rc && *j->p != '"') {
		if ((u8)*j->p < 0x20)
			return fail(j, "a string without end");
		if (*j->p++ == '\\')
			rc = escaped(j, s);
		else
			strbuf_addc(s, j->p[-1]);
	}
	j->p += !rc;
	return rc;
}

/* --- values ------------------------------------------------------------------ */

static void put(struct json *j, const char *val)
{
	strbuf_addf(j->out, "%s%s=", j->out->len ? "," : "", j->name);
	for (; *val; val++) {
		if (*val == ',')
			strbuf_addc(j->out, ',');
		strbuf_addc(j->out, *val);
	}
}

static int put_string(struct json *j)
{
	struct strbuf s = STRBUF_INIT;
	int rc = string(j, &s);

	if (!rc)
		put(j, s.len ? s.buf : "");
	strbuf_fini(&s);
	return rc;
}

/* A number, true or false. */
static int word(struct json *j)
{
	const size_t n = strcspn(j->p, " \t\r\n,]}");
	char text[40];

	snprintf(text, sizeof(text), "%.*s", (int)MIN(n, sizeof(text)), j->p);
	if (!strcmp(text, "true"))
		put(j, "on");
	else if (!strcmp(text, "false"))
		put(j, "off");
	else if (n && n < sizeof(text) &&
		 strspn(text, "-+.eE0123456789") == n)
		put(j, text);
	else
		return fail(j, "a value was expected");
	j->p += n;
	return 0;
}

/* The value of a member or element, whose name is one part longer. */
static int inner(struct json *j, const char *part)
{
	const size_t was = strlen(j->name);
	const int n = snprintf(j->name + was, NAME_LEN - was, "%s%s",
			       was ? "." : "", part);
	int rc;

	if (!*part || strpbrk(part, "=,") || was + n >= NAME_LEN)
		rc = fail(j, "bad name of a member");
	else
		rc = value(j);
	j->name[was] = '\0';
	return rc;
}

static int member(struct json *j)
{
	struct strbuf key = STRBUF_INIT;
	int rc = string(j, &key);

	if (!rc)
		rc = skip(j, ':') ? inner(j, key.len ? key.buf : "")
				  : fail(j, "':' was expected");
	strbuf_fini(&key);
	return rc;
}

static int element(struct json *j, unsigned i)
{
	char index[16];

	snprintf(index, sizeof(index), "%u", i);
	return inner(j, index);
}

/* Behind the bracket. */
static int list(struct json *j, char end)
{
	int rc = 0;

	if (j->depth++ == DEPTH_MAX)
		return fail(j, "too deep");
	if (!skip(j, end)) {
		for (unsigned i = 0; !rc; i++) {
			rc = end == '}' ? member(j) : element(j, i);
			if (rc || !skip(j, ','))
				break;
		}
		if (!rc && !skip(j, end))
			rc = fail(j, end == '}' ? "',' or '}' was expected"
						: "',' or ']' was expected");
	}
	j->depth--;
	return rc;
}

static int value(struct json *j)
{
	switch (next(j)) {
	case '"': return put_string(j);
	case '{': j->p++; return list(j, '}');
	case '[': j->p++; return list(j, ']');
	default:  return word(j);
	}
}

int opts_from_json(const char *text, struct strbuf *out, struct err *e)
{
	struct json j = { .text = text, .p = text, .out = out, .e = e };
	int rc;

	if (!skip(&j, '{'))
		return fail(&j, "'{' was expected");
	rc = list(&j, '}');
	return !rc && next(&j) ? fail(&j, "nothing more was expected") : rc;
}
