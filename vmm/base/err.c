/* SPDX-License-Identifier: MIT */
/*
 * Sentences about failures.  See err.h for the contract.
 */
#include "vmm/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int rc, const char *fmt, ...)
{
	va_list ap;

	assert(rc < 0);
	if (!e)
		return rc;
	e->rc = rc;
	e->hint[0] = '\0';
	errno = -rc;                   /* for %m */
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return rc;
}

static void err_append(struct err *e, const char *text)
{
	size_t n = strlen(e->msg), room = sizeof(e->msg) - 1 - n;
	size_t len = MIN(strlen(text), room);

	memcpy(e->msg + n, text, len);
	e->msg[n + len] = '\0';
}

void err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return;
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	err_append(e, ": ");
	err_append(e, old);
}

void err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
}
