/* SPDX-License-Identifier: MIT */
/*
 * What disk.c and disk_drive.c share.
 *
 * Room:   private to vmm/block.
 */
#ifndef MOTE_BLOCK_DISK_PRIV_H
#define MOTE_BLOCK_DISK_PRIV_H

#include "vmm/block/blk_throttle.h"
#include "vmm/block/disk.h"

struct disk_set {
	struct list disks;
	struct blk_set *blks;
	struct loop *main_loop;
	unsigned unnamed;              /* for virtio0, virtio1 ...         */
	disk_failure_fn *on_failure;
	void *on_failure_opaque;
	_Atomic bool failures;         /* the main loop was told           */
};

/* A disk without a node, in the set, with -drive's defaults; `id` is copied. */
struct disk *disk_alloc(struct disk_set *s, const char *id);
/* Out of the set; closes its nodes.  No device has it. */
void disk_free(struct disk *d);

#endif
