/* SPDX-License-Identifier: MIT */
/*
 * How fast a group of disks may go: leaky buckets for bytes and operations,
 * total, reads and writes, each with bursts.
 *
 * Thread: one lock inside; any thread.
 */
#ifndef MOTE_BLOCK_THROTTLE_H
#define MOTE_BLOCK_THROTTLE_H

#include "vmm/base/err.h"
#include "vmm/base/lock.h"
#include "vmm/base/opts.h"
#include "vmm/base/types.h"

enum throttle_kind {
	THROTTLE_BPS, THROTTLE_BPS_RD, THROTTLE_BPS_WR,
	THROTTLE_IOPS, THROTTLE_IOPS_RD, THROTTLE_IOPS_WR, THROTTLE_KINDS
};

struct throttle_limit {
	u64 avg;                       /* a second; 0: no limit            */
	u64 max;                       /* while bursting; 0: no bursts     */
	u64 length;                    /* seconds a burst may last         */
};

struct throttle_config {
	struct throttle_limit limit[THROTTLE_KINDS];
	u64 iops_size;                 /* bytes an operation counts; 0: any */
};

struct throttle {
	struct lock lock;
	struct throttle_config config;
	double level[THROTTLE_KINDS], burst[THROTTLE_KINDS];
	s64 leaked_at;                 /* ns                               */
};

/* "bps-total" ...: as options have it. */
const char *throttle_kind_name(enum throttle_kind k);
/* No limits. */
void throttle_init(struct throttle *t);
/* `c` passed throttle_check; buckets start empty. */
void throttle_set(struct throttle *t, const struct throttle_config *c);
/* Does it limit anything? */
bool throttle_any(const struct throttle_config *c);
/* ns until a request of `len` bytes may go; 0: it may, and was counted.  `now`
 * in ns of a clock that does not step back. */
s64  throttle_try(struct throttle *t, bool write, u64 len, s64 now);
/* Options PREFIX + bps-total, iops-read, bps-write-max-length ...; -EINVAL. */
int  throttle_take(struct throttle_config *c, struct opts *o,
		   const char *prefix, struct err *e);
/* -EINVAL and a sentence: totals beside read and write limits, bursts without
 * or below their average. */
int  throttle_check(struct throttle_config *c, struct err *e);

#endif
