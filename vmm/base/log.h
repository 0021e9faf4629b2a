/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per event to stderr or -D FILE, by item mask (-d, `log`).
 *
 * Items are rows of log_items[]; `log help`, -d help and completion loop over
 * it.  Disabled items cost one load and a predictable branch.
 * Thread: any; a line is written whole.
 */
#ifndef MOTE_BASE_LOG_H
#define MOTE_BASE_LOG_H

#include "vmm/base/types.h"

enum log_item {
	LOG_OUT_ASM     = BIT(0),      /* host code of each block     */
	LOG_IN_ASM      = BIT(1),      /* guest code of each block    */
	LOG_OP          = BIT(2),
	LOG_INT         = BIT(4),      /* interrupts and exceptions   */
	LOG_EXEC        = BIT(5),      /* each block entered          */
	LOG_CPU         = BIT(8),      /* registers before each block */
	LOG_RESET       = BIT(9),      /* CPU and machine resets      */
	LOG_UNIMP       = BIT(10),     /* unimplemented things touched */
	LOG_GUEST_ERROR = BIT(11),     /* the guest's mistakes        */
	LOG_MMU         = BIT(12),
	LOG_PAGE        = BIT(14),
	LOG_FPU         = BIT(17),
	LOG_PLUGIN      = BIT(18),
	LOG_STRACE      = BIT(19),
	LOG_NOCHAIN     = BIT(15),
};

struct log_item_row {
	u32 mask;
	const char *name, *help;
};
extern const struct log_item_row log_items[];   /* ends with name NULL */

extern u32 log_mask;                   /* read freely; set by log_set_mask */

/* Parse "int,cpu_reset" ("none" clears, "all" sets); -EINVAL with sentence. */
struct err;
int  log_parse_mask(const char *items, u32 *mask, struct err *e);
void log_set_mask(u32 mask);
/* Append to `path`; NULL goes back to stderr.  Old file stays on failure. */
int  log_set_file(const char *path, struct err *e);
void log_set_fd(int fd);               /* takes ownership; -1 is stderr */
/* Tell one other holder of a log (a plugin has its own copy of this file) of the
 * mask and descriptor, now and at every change; NULL ends it.  The descriptor
 * stays open until the next call. */
typedef void log_watch_fn(u32 mask, int fd, void *opaque);
void log_watch(log_watch_fn *fn, void *opaque);

/* A newline is added where the text does not end in one. */
void log_write(const char *fmt, ...) PRINTF(1, 2);

#define log_on(item) (__builtin_expect( \
	__atomic_load_n(&log_mask, __ATOMIC_RELAXED) & (item), 0))
#define log_if(item, ...) \
	((void)(log_on(item) && (log_write(__VA_ARGS__), 0)))

/* Always printed, to stderr, as "mote: warning: ...". */
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);   /* "mote: ..." */

#endif
