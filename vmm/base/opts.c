/* SPDX-License-Identifier: MIT */
/*
 * Option strings: splitting, look-up, and the scalars in them.  See opts.h.
 *
 * Talks to: nobody; text in, copies out.
 * Never:    knows an option by name.
 */
#include "vmm/base/opts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/strbuf.h"

static struct opt *opts_append(struct opts *o)
{
	struct opt *v = realloc(o->v, (o->n + 1) * sizeof(*v));

	if (!v)
		abort();
	o->v = v;
	v[o->n] = (struct opt){ 0 };
	return &v[o->n++];
}

static char *copy(const char *z)
{
	char *p = strdup(z);

	if (!p)
		abort();
	return p;
}

/* One item up to a lone comma, `,,` undone; returns what follows it. */
static const char *next_item(const char *p, struct strbuf *item)
{
	strbuf_reset(item);
	for (; *p; p++) {
		if (*p == ',') {
			if (p[1] != ',')
				return p + 1;
			p++;
		}
		strbuf_addc(item, *p);
	}
	return NULL;
}

static int add_item(struct opts *o, const struct strbuf *item,
		    const char *first_key, struct err *e)
{
	char *eq = strchr(item->buf, '=');
	struct opt *opt;

	if (eq == item->buf || (!eq && !item->len))
		return err_set(e, -EINVAL, "empty key in option text");
	opt = opts_append(o);
	if (eq) {
		*eq = '\0';
		opt->key = copy(item->buf);
		opt->val = copy(eq + 1);
	} else if (first_key) {
		opt->key = copy(first_key);
		opt->val = copy(item->buf);
	} else {
		opt->key = copy(item->buf);
		opt->val = copy("on");
		opt->bare = true;
	}
	return 0;
}

int opts_parse(struct opts *o, const char *text, const char *first_key,
	       struct err *e)
{
	struct strbuf item = STRBUF_INIT;
	const char *p = *text ? text : NULL;
	int rc = 0;

	*o = (struct opts)OPTS_INIT;
	while (p && !rc) {
		p = next_item(p, &item);
		rc = add_item(o, &item, first_key, e);
		first_key = NULL;
		if (p && !*p)          /* one trailing comma is harmless */
			p = NULL;
	}
	strbuf_fini(&item);
	if (rc)
		opts_fini(o);
	return rc;
}

void opts_fini(struct opts *o)
{
	for (unsigned i = 0; i < o->n; i++) {
		free(o->v[i].key);
		free(o->v[i].val);
	}
	free(o->v);
	*o = (struct opts)OPTS_INIT;
}

/* Is this item "key=..." or "key" (*val), or a bare "nokey" ("off")? */
static bool answers(const struct opt *opt, const char *key, const char **val)
{
	if (!strcmp(opt->key, key)) {
		*val = opt->val;
		return true;
	}
	if (opt->bare && !strncmp(opt->key, "no", 2) &&
	    !strcmp(opt->key + 2, key)) {
		*val = "off";
		return true;
	}
	return false;
}

const char *opts_find(const struct opts *o, const char *key)
{
	const char *val = NULL;

	for (unsigned i = 0; i < o->n; i++)
		answers(&o->v[i], key, &val);
	return val;
}

const char *opts_take(struct opts *o, const char *key)
{
	const char *val = NULL;

	for (unsigned i = 0; i < o->n; i++)
		if (answers(&o->v[i], key, &val))
			o->v[i].taken = true;
	return val;
}

int opts_take_bool(struct opts *o, const char *key, bool *out, struct err *e)
{
	const char *val = opts_take(o, key);

	if (val && opts_bool(val, out) < 0)
		return err_set(e, -EINVAL, "Parameter '%s' expects 'on' or 'off'",
			       key);
	return 0;
}

int opts_take_u64(struct opts *o, const char *key, u64 *out, struct err *e)
{
	const char *val = opts_take(o, key);

	if (val && opts_u64(val, out) < 0)
		return err_set(e, -EINVAL, "Parameter '%s' expects a number", key);
	return 0;
}

int opts_take_size(struct opts *o, const char *key, u64 *out, struct err *e)
{
	const char *val = opts_take(o, key);

	if (val && opts_size(val, 0, out) < 0)
		return err_set(e, -EINVAL, "Parameter '%s' expects a size, a "
			       "number with an optional K, M, G or T", key);
	return 0;
}

void opts_set(struct opts *o, const char *key, const char *val)
{
	char *v = copy(val);           /* `val` may be the one replaced */
	struct opt *opt = NULL;

	for (unsigned i = 0; i < o->n; i++)
		if (!strcmp(o->v[i].key, key))
			opt = &o->v[i];
	if (!opt) {
		opt = opts_append(o);
		opt->key = copy(key);
	}
	free(opt->val);
	opt->val = v;
	opt->bare = opt->taken = false;
}

int opts_check_taken(const struct opts *o, struct err *e)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!o->v[i].taken)
			return err_set(e, -EINVAL, "Invalid parameter '%s'",
				       o->v[i].key);
	return 0;
}

int opts_bool(const char *text, bool *out)
{
	static const char *const words[] = {
		"off", "on", "no", "yes", "false", "true", "n", "y",
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(text, words[i])) {
			*out = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

int opts_u64(const char *text, u64 *out)
{
	char *end;
	u64 n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;        /* strtoull would take " -1" */
	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end)
		return errno ? -errno : -EINVAL;
	*out = n;
	return 0;
}

static int suffix_shift(char c)
{
	static const char letters[] = "bkmgtpe";
	const char *p = c ? strchr(letters, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - letters) * 10 : -1;
}

int opts_size(const char *text, char unit, u64 *out)
{
	bool hex = text[0] == '0' && tolower((unsigned char)text[1]) == 'x';
	double frac = 0;
	char *end;
	u64 n;
	int shift;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, hex ? 16 : 10);
	if (errno)
		return -errno;
	if (*end == '.' && !hex) {
		double div = 1;

		for (end++; isdigit((unsigned char)*end); end++)
			frac += (*end - '0') / (div *= 10);
	}
	shift = *end ? suffix_shift(*end++) : suffix_shift(unit ? unit : 'b');
	if (shift < 0 || *end || (frac != 0 && !shift))
		return -EINVAL;
	if (n > UINT64_MAX >> shift)
		return -ERANGE;
	*out = (n << shift) + (u64)(frac * (double)BIT64(shift));
	return 0;
}

bool opts_id_ok(const char *id)
{
	if (!isalpha((unsigned char)*id))
		return false;
	while (*++id)
		if (!isalnum((unsigned char)*id) && !strchr("-._", *id))
			return false;
	return true;
}

int opts_fd(const char *text, struct err *e)
{
	u64 n;

	if (opts_u64(text, &n) < 0 || n > 1 << 20 ||
	    fcntl((int)n, F_GETFD) < 0)
		return err_set(e, -EBADF, "'%s' is no open descriptor", text);
	return n;
}
