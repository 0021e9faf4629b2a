/* SPDX-License-Identifier: MIT */
/*
 * Limits of how fast vCPUs write to memory: set_vcpu_dirty_limit.
 *
 * While there is one, every vCPU's dirty ring is taken ten times a second, and
 * one that wrote more than it may waits until it is paid for (vcpu.h).
 *
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_DIRTY_LIMIT_H
#define MOTE_MONITOR_DIRTY_LIMIT_H

#include "monitor/mon.h"

enum { DIRTY_LIMIT_ALL = -1 };         /* vCPUs */

/* In MiB a second. */
int  dirty_limit_set(struct monitors *s, s64 cpu, u64 mib, struct err *e);
int  dirty_limit_cancel(struct monitors *s, s64 cpu, struct err *e);

struct dirty_limit_report {
	u64 limit, now;                /* MiB a second */
};
/* false: this vCPU has no limit. */
bool dirty_limit_of(struct monitors *s, unsigned cpu,
		    struct dirty_limit_report *r);
void dirty_limit_free(struct monitors *s);

#endif
