/* SPDX-License-Identifier: MIT */
/*
 * A growing, always NUL-terminated byte string.
 *
 * Invariants: buf is never NULL after init; buf[len] == '\0'; cap > len.
 * Allocation failure aborts: a control-plane string never outgrows the host.
 * Thread: owned by one thread at a time.
 */
#ifndef MOTE_BASE_STRBUF_H
#define MOTE_BASE_STRBUF_H

#include <stdarg.h>

#include "vmm/base/types.h"

struct strbuf {
	char  *buf;
	size_t len, cap;
};

#define STRBUF_INIT { .buf = strbuf_empty, .len = 0, .cap = 0 }
extern char strbuf_empty[1];           /* never written: cap 0 marks it */

void strbuf_init(struct strbuf *s);
void strbuf_fini(struct strbuf *s);    /* leaves it initialised and empty */
void strbuf_reset(struct strbuf *s);   /* len 0, keeps the memory         */
/* Appending; arguments may not lie in the buffer itself. */
void strbuf_add(struct strbuf *s, const void *p, size_t n);
void strbuf_addc(struct strbuf *s, char c);
void strbuf_addstr(struct strbuf *s, const char *z);
void strbuf_addf(struct strbuf *s, const char *fmt, ...) PRINTF(2, 3);
void strbuf_vaddf(struct strbuf *s, const char *fmt, va_list ap);
void strbuf_drop_front(struct strbuf *s, size_t n);    /* n <= len */
char *strbuf_detach(struct strbuf *s); /* caller frees; s is empty again  */

#endif
