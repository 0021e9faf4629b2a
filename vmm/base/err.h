/* SPDX-License-Identifier: MIT */
/*
 * One sentence about what went wrong, for a human.
 *
 * Functions that can fail for a reason outside this program return -errno
 * and, when handed a struct err, leave a sentence in it.  Only main() and the
 * monitor print it.  The sentence has no trailing newline and no prefix; it
 * names the thing (path, option, id) it is about.
 *
 * Thread: a struct err belongs to its caller; no shared state.
 */
#ifndef MOTE_BASE_ERR_H
#define MOTE_BASE_ERR_H

#include "vmm/base/types.h"

struct err {
	int  rc;                       /* the -errno last set, 0 if none  */
	char msg[512];                 /* the sentence; cut if too long   */
	char hint[256];                /* optional second line, or ""     */
};

/*
 * Record a sentence and return `rc` (negative), so that a failing function
 * ends in `return err_set(e, -EINVAL, "...")`.  `e` may be NULL.
 * "%m" in `fmt` prints the text of -rc, whatever errno is.
 */
int err_set(struct err *e, int rc, const char *fmt, ...) PRINTF(3, 4);

/* Put "text: " in front of the sentence already there. */
void err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* A second line with advice. */
void err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

#endif
