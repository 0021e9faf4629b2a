/* SPDX-License-Identifier: MIT */
/*
 * Growing strings.  See strbuf.h.
 */
#include "vmm/base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char strbuf_empty[1];

void strbuf_init(struct strbuf *s)
{
	*s = (struct strbuf)STRBUF_INIT;
}

void strbuf_fini(struct strbuf *s)
{
	if (s->cap)
		free(s->buf);
	strbuf_init(s);
}

void strbuf_reset(struct strbuf *s)
{
	s->len = 0;
	if (s->cap)
		s->buf[0] = '\0';
}

static void strbuf_grow(struct strbuf *s, size_t extra)
{
	size_t need;
	char *p;

	if (__builtin_add_overflow(s->len, extra + 1, &need))
		abort();
	if (need <= s->cap)
		return;
	need = MAX(need, s->cap * 2);
	need = MAX(need, 64);
	p = realloc(s->cap ? s->buf : NULL, need);
	if (!p)
		abort();
	s->buf = p;
	s->cap = need;
}

void strbuf_add(struct strbuf *s, const void *p, size_t n)
{
	strbuf_grow(s, n);
	if (n)
		memcpy(s->buf + s->len, p, n);
	s->len += n;
	s->buf[s->len] = '\0';
}

void strbuf_addc(struct strbuf *s, char c)
{
	strbuf_add(s, &c, 1);
}

void strbuf_addstr(struct strbuf *s, const char *z)
{
	strbuf_add(s, z, strlen(z));
}

void strbuf_vaddf(struct strbuf *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	assert(n >= 0);
	strbuf_grow(s, n);
	vsnprintf(s->buf + s->len, n + 1, fmt, ap);
	s->len += n;
}

void strbuf_addf(struct strbuf *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(s, fmt, ap);
	va_end(ap);
}

void strbuf_drop_front(struct strbuf *s, size_t n)
{
	assert(n <= s->len);
	memmove(s->buf, s->buf + n, s->len - n);
	s->len -= n;
	if (s->cap)
		s->buf[s->len] = '\0';
}

char *strbuf_detach(struct strbuf *s)
{
	char *p;

	strbuf_grow(s, 0);
	p = s->buf;
	p[s->len] = '\0';
	strbuf_init(s);
	return p;
}
