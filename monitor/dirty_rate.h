/* SPDX-License-Identifier: MIT */
/*
 * How fast the guest writes to its memory: calc_dirty_rate, info dirty_rate.
 *
 * Samples of pages are hashed, and hashed again after the period; or the
 * provider's dirty log counts every page, or dirty rings do, by vCPU.  vCPUs
 * run on meanwhile.
 *
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_DIRTY_RATE_H
#define MOTE_MONITOR_DIRTY_RATE_H

#include "monitor/mon.h"

enum rate_mode { RATE_SAMPLING, RATE_BITMAP, RATE_RING };
enum rate_status { RATE_UNSTARTED, RATE_MEASURING, RATE_MEASURED };
extern const char *const rate_mode_names[];    /* NULL ends */
extern const char *const rate_status_names[];

enum { RATE_SAMPLES = 512,             /* pages a GiB, unless said   */
       RATE_SAMPLES_MIN = 128, RATE_SAMPLES_MAX = 16384,
       RATE_PERIOD_MIN = 1, RATE_PERIOD_MAX = 60 };    /* seconds    */

struct rate_wish {
	enum rate_mode mode;
	u64 period_ms;
	u64 samples;                   /* a GiB; sampling only       */
};

struct rate_report {
	enum rate_status status;
	struct rate_wish wish;
	s64 start_ms;                  /* host time                  */
	u64 mib_per_s;                 /* measured                   */
	unsigned nvcpus;               /* with rings: measured, too  */
	const u64 *vcpu_mib;           /* until the next measurement */
};

/* -EBUSY while one is measured; -EINVAL: `w` is out of range; -ENOTSUP:
 * this provider has no such mode. */
int  dirty_rate_start(struct monitors *s, const struct rate_wish *w,
		      struct err *e);
/* RATE_UNSTARTED and zeros before the first; `vcpu_mib` is borrowed. */
struct rate_report dirty_rate_report(struct monitors *s);
/* The monitors end: a measurement is given up. */
void dirty_rate_free(struct monitors *s);

#endif
