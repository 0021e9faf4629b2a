/* SPDX-License-Identifier: MIT */
/*
 * What the monitor asks of a balloon.  [loop]
 */
#ifndef MOTE_VIRTIO_BALLOON_H
#define MOTE_VIRTIO_BALLOON_H

#include "vmm/core/device.h"

enum { BALLOON_STATS = 10 };           /* tags of virtio 1.2, 5.5.6.4      */

struct balloon_stats {
	u64 val[BALLOON_STATS];        /* by tag; ~0: not told             */
	s64 seconds;                   /* UTC of the last; 0: never        */
};

/* Pages of 4 KiB the guest is to give up; false: `d` is no balloon. */
bool balloon_set(struct device *d, u64 pages);
/* What it told last; false: `d` is no balloon. [any] */
bool balloon_last_stats(struct device *d, struct balloon_stats *s);
/* What it gave up; asks for new statistics, returns the last. */
bool balloon_get(struct device *d, u64 *pages, struct balloon_stats *s);
/*
 * Ask the guest, once, which pages are free; the host gets them back, and the
 * guest uses them again when all are told.  -ENODEV: `d` is no balloon;
 * -ENOTSUP: free-page-hint is off or not the driver's; -EBUSY: a round is on.
 */
int  balloon_hint(struct device *d, struct err *e);

#endif
