/* SPDX-License-Identifier: MIT */
/*
 * From a line to a command and its arguments, by QEMU's rules: no
 * abbreviations, words and quotes, ordered flags, expressions, /fmt, sizes.
 *
 * Talks to: table.c for names, expr.c for integers, mon.c for complaints.
 * Never:    runs anything; keeps nothing between lines but the sticky /fmt.
 */
#include "monitor/expr.h"
#include "monitor/mon.h"
#include "vmm/arch.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- words --- */

static void skip_blanks(const char **pp)
{
	while (isspace((unsigned char)**pp))
		++*pp;
}

static int unescape(char c)
{
	switch (c) {
	case 'n':	return '\n';
	case 'r':	return '\r';
	case '\\':
	case '\'':
	case '"':	return c;
	}
	return -1;
}

static bool quoted_word(const char **pp, char *buf, size_t size)
{
	const char *p = *pp + 1;
	size_t n = 0;

	for (; *p != '"'; p++) {
		int c = (unsigned char)*p;

		if (c == '\\')
			c = unescape(*++p);
		if (c <= 0)
			return false;
		if (n + 1 < size)
			buf[n++] = c;
	}
	buf[n] = '\0';
	*pp = p + 1;
	return true;
}

bool mon_word(const char **pp, char *buf, size_t size)
{
	const char *p;
	size_t n = 0;

	skip_blanks(pp);
	buf[0] = '\0';
	if (!**pp)
		return false;
	if (**pp == '"')
		return quoted_word(pp, buf, size);
	for (p = *pp; *p && !isspace((unsigned char)*p); p++)
		if (n + 1 < size)
			buf[n++] = *p;
	buf[n] = '\0';
	*pp = p;
	return true;
}

bool mon_split(const char *line, char *words[MON_ARGS_MAX], unsigned *n)
{
	char buf[MON_WORD_MAX + 1];

	*n = 0;
	for (;;) {
		skip_blanks(&line);
		if (!*line)
			return true;
		if (*n == MON_ARGS_MAX || !mon_word(&line, buf, sizeof(buf))) {
			mon_split_free(words, *n);
			*n = 0;
			return false;
		}
		words[(*n)++] = strdup(buf);
	}
}

void mon_split_free(char *words[MON_ARGS_MAX], unsigned n)
{
	while (n)
		free(words[--n]);
}

/* --- the args mini-language --- */

static size_t copy_until(char *to, size_t size, const char *from,
			 const char *stop)
{
	size_t n = strcspn(from, stop), k = MIN(n, size - 1);

	memcpy(to, from, k);
	to[k] = '\0';
	return n;
}

bool mon_decl_next(const char **args, struct mon_decl *d)
{
	const char *p = *args;

	memset(d, 0, sizeof(*d));
	skip_blanks(&p);
	if (!*p)
		return false;
	p += copy_until(d->name, sizeof(d->name), p, ": ");
	assert(*p == ':');
	p++;
	if (*p == '-') {
		d->flag = true;
		d->letter = p[1];
		p += 2;
		d->value = *p == '=';
		p += d->value;
	} else {
		p += copy_until(d->kind, sizeof(d->kind), p, "? ");
		d->optional = *p == '?' || !strcmp(d->kind, "dotint");
		p += *p == '?';
	}
	*args = p;
	return true;
}

/* --- one argument --- */

struct parser {
	struct mon *m;
	const struct mon_cmd *cmd;
	const char *p;                 /* what is left of the line     */
	const char *decls;             /* declarations not reached yet */
	struct mon_call *call;
};

static void keep_text(struct parser *x, unsigned i, const char *text)
{
	x->call->text[i] = strdup(text);
	x->call->arg[i].str = x->call->text[i] ? x->call->text[i] : "";
	x->call->arg[i].given = true;
}

static bool at_end(struct parser *x)
{
	skip_blanks(&x->p);
	return !*x->p;
}

static const char *expected_word(const char *kind)
{
	if (!strcmp(kind, "file"))
		return "filename";
	if (!strcmp(kind, "block"))
		return "block device name";
	return "string";
}

static bool arg_word(struct parser *x, const struct mon_decl *d, unsigned i)
{
	char buf[MON_WORD_MAX + 1];

	if (d->optional && at_end(x))
		return true;
	if (!mon_word(&x->p, buf, sizeof(buf))) {
		mon_printf(x->m, "%s: %s expected\n", x->cmd->name,
			   expected_word(d->kind));
		return false;
	}
	keep_text(x, i, buf);
	return true;
}

static bool arg_options(struct parser *x, const struct mon_decl *d UNUSED,
			unsigned i)
{
	char buf[MON_WORD_MAX + 1];

	if (!at_end(x) && mon_word(&x->p, buf, sizeof(buf)))
		keep_text(x, i, buf);
	return true;
}

static bool arg_rest(struct parser *x, const struct mon_decl *d, unsigned i)
{
	if (at_end(x)) {
		if (!d->optional)
			mon_printf(x->m, "%s: string expected\n",
				   x->cmd->name);
		return d->optional;
	}
	keep_text(x, i, x->p);
	x->p += strlen(x->p);
	return true;
}

static int reg_by_name(void *opaque, const char *name, u64 *val)
{
	struct mon *m = opaque;
	const struct arch *arch = mon_vm(m) ? mon_vm(m)->arch : NULL;
	const void *regs = mon_regs(m);

	if (!arch || !regs || !arch->regs)
		return -ENOENT;
	for (const struct arch_reg *r = arch->regs; r->name; r++) {
		if (strcmp(r->name, name))
			continue;
		*val = arch_reg_value(r, regs);
		return 0;
	}
	return -ENOENT;
}

static bool expression(struct parser *x, u64 *val)
{
	struct strbuf why = STRBUF_INIT;
	bool ok = !expr_eval(&x->p, val, reg_by_name, x->m, &why);

	if (!ok)
		mon_printf(x->m, "%s\n", why.buf);
	strbuf_fini(&why);
	return ok;
}

static bool arg_int(struct parser *x, const struct mon_decl *d, unsigned i)
{
	struct mon_arg *a = &x->call->arg[i];
	bool at = at_end(x);

	if (!strcmp(d->kind, "dotint")) {
		if (*x->p != '.')
			return true;
		x->p++;
	} else if (d->optional && at) {
		return true;
	}
	if (!expression(x, &a->num))
		return false;
	a->given = true;
	if (strcmp(d->kind, "long") && strcmp(d->kind, "mib") && a->num >> 32) {
		mon_printf(x->m, "'%s' has failed: integer is for 32-bit "
			   "values\n", x->cmd->name);
		return false;
	}
	if (!strcmp(d->kind, "mib")) {
		if ((s64)a->num < 0) {
			mon_puts(x->m, "enter a positive value\n");
			return false;
		}
		a->num *= MiB;
	}
	return true;
}

static bool arg_onoff(struct parser *x, const struct mon_decl *d, unsigned i)
{
	const char *beg;
	size_t n;

	if (d->optional && at_end(x))
		return true;
	skip_blanks(&x->p);
	beg = x->p;
	while (isgraph((unsigned char)*x->p))
		x->p++;
	n = x->p - beg;
	if ((n == 2 && !memcmp(beg, "on", n)) ||
	    (n == 3 && !memcmp(beg, "off", n))) {
		x->call->arg[i].num = n == 2;
		x->call->arg[i].given = true;
		return true;
	}
	mon_puts(x->m, "Expected 'on' or 'off'\n");
	return false;
}

/* 1.5, 64M, 0x40: MiB unless a suffix says otherwise; below 2^63. */
static bool size_value(const char **pp, u64 *val)
{
	static const char suffixes[] = "BKMGTPE";
	const char *p = *pp, *s;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') &&
		   isxdigit((unsigned char)p[2]);
	double unit = MiB, number, frac = 0, scale = 0.1;
	u64 whole = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (p += hex * 2; hex ? isxdigit((unsigned char)*p) :
			   isdigit((unsigned char)*p); p++) {
		unsigned d = isdigit((unsigned char)*p) ?
			*p - '0' : tolower(*p) - 'a' + 10;

		if (__builtin_mul_overflow(whole, hex ? 16u : 10u, &whole) ||
		    __builtin_add_overflow(whole, d, &whole))
			return false;
	}
	if (!hex && *p == '.')
		for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
			frac += (*p - '0') * scale;
	if (*p && !hex && (s = strchr(suffixes, toupper((unsigned char)*p)))) {
		unit = (double)BIT64(10 * (s - suffixes));
		p++;
	}
	number = ((double)whole + frac) * unit;
	if (number >= 9223372036854775808.0)
		return false;
	*val = whole * (u64)unit + (u64)(frac * unit);
	*pp = p;
	return true;
}

static bool arg_size(struct parser *x, const struct mon_decl *d, unsigned i)
{
	if (d->optional && at_end(x))
		return true;
	skip_blanks(&x->p);
	if (!size_value(&x->p, &x->call->arg[i].num)) {
		mon_puts(x->m, "invalid size\n");
		return false;
	}
	x->call->arg[i].given = true;
	return true;
}

/* Letters behind the count, until one that is none. */
static void fmt_letters(const char **pp, char *kind, int *size)
{
	for (;; ++*pp) {
		switch (**pp) {
		case 'x': case 'd': case 'u': case 'o': case 'c': case 'i':
			*kind = **pp;
			break;
		case 'b':	*size = 1; break;
		case 'h':	*size = 2; break;
		case 'w':	*size = 4; break;
		case 'g':
		case 'L':	*size = 8; break;
		default:	return;
		}
	}
}

static bool arg_fmt(struct parser *x, const struct mon_decl *d UNUSED,
		    unsigned i)
{
	struct monitors *s = x->m->mons;
	struct mon_fmt *f = &x->call->arg[i].fmt;
	char kind = 0;
	int size = -1;

	skip_blanks(&x->p);
	f->count = 1;
	if (*x->p == '/') {
		x->p++;
		if (isdigit((unsigned char)*x->p))
			f->count = 0;
		for (; isdigit((unsigned char)*x->p); x->p++)
			f->count = f->count * 10 + (*x->p - '0');
		fmt_letters(&x->p, &kind, &size);
		if (*x->p && !isspace((unsigned char)*x->p)) {
			mon_printf(x->m, "invalid char in format: '%c'\n",
				   *x->p);
			return false;
		}
		x->call->arg[i].given = true;
	}
	f->kind = kind ? kind : s->fmt_kind;
	if (f->kind != 'i' && size < 0)
		size = s->fmt_size;
	f->size = size;
	s->fmt_kind = f->kind;
	if (f->kind != 'i')
		s->fmt_size = size;
	return true;
}

/* --- flags --- */

static bool later_flag(const char *decls, char letter)
{
	struct mon_decl d;

	while (mon_decl_next(&decls, &d))
		if (d.flag && d.letter == letter)
			return true;
	return false;
}

/* A lone '-' names the flag NUL, which ends the complaint. */
static bool bad_flag(struct parser *x, char letter)
{
	if (letter)
		mon_printf(x->m, "%s: unsupported option -%c\n", x->cmd->name,
			   letter);
	else
		mon_printf(x->m, "%s: unsupported option -", x->cmd->name);
	return false;
}

static bool arg_flag(struct parser *x, const struct mon_decl *d, unsigned i)
{
	char buf[MON_WORD_MAX + 1];

	skip_blanks(&x->p);
	if (*x->p != '-')
		return true;
	if (x->p[1] != d->letter)
		return later_flag(x->decls, x->p[1]) ||
		       bad_flag(x, x->p[1]);
	x->p += 2;
	x->call->arg[i].given = true;
	if (!d->value)
		return true;
	if (!mon_word(&x->p, buf, sizeof(buf))) {
		mon_printf(x->m, "%s: value expected for -%c\n", x->cmd->name,
			   d->letter);
		return false;
	}
	keep_text(x, i, buf);
	return true;
}

static const struct arg_kind {
	const char *name;
	bool (*parse)(struct parser *x, const struct mon_decl *d, unsigned i);
} arg_kinds[] = {
	{ "string",	arg_word },
	{ "file",	arg_word },
	{ "block",	arg_word },
	{ "rest",	arg_rest },
	{ "options",	arg_options },
	{ "int",	arg_int },
	{ "long",	arg_int },
	{ "mib",	arg_int },
	{ "dotint",	arg_int },
	{ "size",	arg_size },
	{ "onoff",	arg_onoff },
	{ "fmt",	arg_fmt },
};

static bool parse_arg(struct parser *x, const struct mon_decl *d, unsigned i)
{
	if (d->flag)
		return arg_flag(x, d, i);
	for (unsigned k = 0; k < ARRAY_LEN(arg_kinds); k++)
		if (!strcmp(arg_kinds[k].name, d->kind))
			return arg_kinds[k].parse(x, d, i);
	assert(!"an args string names a kind that does not exist");
	return false;
}

static bool parse_args(struct parser *x)
{
	struct mon_decl d;

	for (unsigned i = 0; mon_decl_next(&x->decls, &d); i++) {
		assert(i < MON_ARGS_MAX);
		if (!parse_arg(x, &d, i))
			return false;
	}
	if (at_end(x))
		return true;
	mon_printf(x->m, "%s: extraneous characters at the end of line\n",
		   x->cmd->name);
	return false;
}

/* --- the line --- */

/* The command words; *pp ends behind them and the blanks that follow. */
static const struct mon_cmd *find_command(struct mon *m, const char *line,
					  const char **pp)
{
	const struct mon_cmd *const *groups = mon_groups;
	const struct mon_cmd *cmd = NULL;

	do {
		const char *beg;

		skip_blanks(pp);
		if (!**pp)
			return cmd;
		beg = *pp;
		while (**pp && **pp != '/' && !isspace((unsigned char)**pp))
			++*pp;
		cmd = mon_find(groups, beg, *pp - beg);
		if (!cmd) {
			mon_printf(m, "unknown command: '%.*s'\n",
				   (int)(*pp - line), line);
			return NULL;
		}
		if (!mon_available(m, cmd)) {
			mon_printf(m, "Command '%.*s' not available until "
				   "machine initialization has completed.\n",
				   (int)(*pp - line), line);
			return NULL;
		}
		skip_blanks(pp);
		groups = cmd->sub;
	} while (groups && **pp);
	return cmd;
}

bool mon_parse(struct mon *m, const char *line, struct mon_call *call)
{
	struct parser x = { .m = m, .p = line, .call = call };
	const char *words_end;

	memset(call, 0, sizeof(*call));
	x.cmd = call->cmd = find_command(m, line, &x.p);
	if (!x.cmd)
		return false;
	x.decls = x.cmd->args;
	words_end = x.p;
	if (parse_args(&x))
		return true;
	while (words_end > line && isspace((unsigned char)words_end[-1]))
		words_end--;
	mon_printf(m, "Try \"help %.*s\" for more information\n",
		   (int)(words_end - line), line);
	mon_call_fini(call);
	return false;
}

void mon_call_fini(struct mon_call *call)
{
	for (unsigned i = 0; i < MON_ARGS_MAX; i++) {
		free(call->text[i]);
		call->text[i] = NULL;
	}
}
