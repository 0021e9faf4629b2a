/* SPDX-License-Identifier: MIT */
/*
 * The expression evaluator: recursive descent over the caller's text.
 *
 * Talks to: a register look-up function, nothing else.
 * Never:    crashes on a line; nesting is bounded, division is guarded.
 */
#include "monitor/expr.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { NESTING_MAX = 512, REG_NAME_MAX = 128 };

struct expr {
	const char *p;
	unsigned depth;
	bool failed;
	expr_reg_fn *reg;
	void *opaque;
	struct strbuf *why;
};

static u64 sum(struct expr *x);

static u64 fail(struct expr *x, const char *text)
{
	if (!x->failed)
		strbuf_addstr(x->why, text);
	x->failed = true;
	return 0;
}

static void skip_blanks(struct expr *x)
{
	while (isspace((unsigned char)*x->p))
		x->p++;
}

static void next(struct expr *x)
{
	x->p++;
	skip_blanks(x);
}

static int digit_of(char c, unsigned base)
{
	unsigned d = 99;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d < base ? (int)d : -1;
}

/* 0x hex, leading 0 octal, else decimal: what C's strtoull base 0 takes. */
static u64 number(struct expr *x)
{
	unsigned base = 10;
	bool over = false;
	u64 v = 0;

	if (digit_of(*x->p, 10) < 0) {
		if (!x->failed)
			strbuf_addf(x->why, "invalid char '%c' in expression",
				    *x->p);
		x->failed = true;
		return 0;
	}
	if (*x->p == '0') {
		base = 8;
		if ((x->p[1] == 'x' || x->p[1] == 'X') &&
		    digit_of(x->p[2], 16) >= 0) {
			base = 16;
			x->p += 2;
		}
	}
	for (int d; (d = digit_of(*x->p, base)) >= 0; x->p++)
		over = __builtin_mul_overflow(v, (u64)base, &v) ||
		       __builtin_add_overflow(v, (u64)d, &v) || over;
	if (over)
		return fail(x, "number too large");
	skip_blanks(x);
	return v;
}

static u64 character(struct expr *x)
{
	u64 v;

	x->p++;
	if (*x->p == '\0')
		return fail(x, "character constant expected");
	v = (u64)(s64)*x->p++;
	if (*x->p != '\'')
		return fail(x, "missing terminating ' character");
	next(x);
	return v;
}

static u64 reg(struct expr *x)
{
	char name[REG_NAME_MAX];
	size_t n = 0;
	u64 v = 0;

	for (x->p++; isalnum((unsigned char)*x->p) || *x->p == '_' ||
		     *x->p == '.'; x->p++)
		if (n < sizeof(name) - 1)
			name[n++] = *x->p;
	name[n] = '\0';
	skip_blanks(x);
	if (!x->reg || x->reg(x->opaque, name, &v))
		return fail(x, "unknown register");
	return v;
}

static u64 parenthesis(struct expr *x)
{
	u64 v;

	next(x);
	v = sum(x);
	if (x->failed)
		return 0;
	if (*x->p != ')')
		return fail(x, "')' expected");
	next(x);
	return v;
}

static u64 unary(struct expr *x)
{
	u64 v = 0;

	if (x->failed)
		return 0;
	if (++x->depth > NESTING_MAX)
		return fail(x, "expression nested too deeply");
	switch (*x->p) {
	case '+':
		next(x);
		v = unary(x);
		break;
	case '-':
		next(x);
		v = -unary(x);
		break;
	case '~':
		next(x);
		v = ~unary(x);
		break;
	case '(':
		v = parenthesis(x);
		break;
	case '\'':
		v = character(x);
		break;
	case '$':
		v = reg(x);
		break;
	case '\0':
		v = fail(x, "unexpected end of expression");
		break;
	default:
		v = number(x);
	}
	x->depth--;
	return v;
}

/* INT64_MIN / -1 does not fit and traps on x86: it wraps here. */
static u64 divide(struct expr *x, u64 a, u64 b, char op)
{
	if (b == 0)
		return fail(x, "division by zero");
	if ((s64)b == -1)
		return op == '/' ? -a : 0;
	return op == '/' ? (u64)((s64)a / (s64)b) : (u64)((s64)a % (s64)b);
}

static u64 product(struct expr *x)
{
	u64 v = unary(x);

	while (!x->failed &&
	       (*x->p == '*' || *x->p == '/' || *x->p == '%')) {
		char op = *x->p;
		u64 w;

		next(x);
		w = unary(x);
		if (x->failed)
			break;
		v = op == '*' ? v * w : divide(x, v, w, op);
	}
	return v;
}

static u64 logic(struct expr *x)
{
	u64 v = product(x);

	while (!x->failed &&
	       (*x->p == '&' || *x->p == '|' || *x->p == '^')) {
		char op = *x->p;
		u64 w;

		next(x);
		w = product(x);
		v = op == '&' ? v & w : op == '|' ? v | w : v ^ w;
	}
	return v;
}

static u64 sum(struct expr *x)
{
	u64 v = logic(x);

	while (!x->failed && (*x->p == '+' || *x->p == '-')) {
		char op = *x->p;
		u64 w;

		next(x);
		w = logic(x);
		v = op == '+' ? v + w : v - w;
	}
	return v;
}

int expr_eval(const char **pp, u64 *val, expr_reg_fn *reg_fn, void *opaque,
	      struct strbuf *why)
{
	struct expr x = { .p = *pp, .reg = reg_fn, .opaque = opaque,
			  .why = why };
	u64 v;

	skip_blanks(&x);
	v = sum(&x);
	if (x.failed)
		return -EINVAL;
	*val = v;
	*pp = x.p;
	return 0;
}
