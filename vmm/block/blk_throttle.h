/* SPDX-License-Identifier: MIT */
/*
 * Throttle groups: limits shared by the disks that name the same one.
 *
 * Thread: the main loop's, but for t's lock.
 */
#ifndef MOTE_BLOCK_BLK_THROTTLE_H
#define MOTE_BLOCK_BLK_THROTTLE_H

#include "vmm/block/blk.h"
#include "vmm/block/throttle.h"
#include "vmm/core/clock.h"

struct throttle_group {
	struct list node;
	char *name;
	unsigned users;
	bool object;                   /* it is a user, too                */
	struct throttle t;
};

extern const struct blk_ops blk_throttle_ops;

/* The group of that name, made if there is none; a user more, till the drop. */
struct throttle_group *throttle_group_take(struct list *groups,
					   const char *name);
/* NULL: there is none. */
struct throttle_group *throttle_group_find(struct list *groups,
					   const char *name);
/* -object throttle-group, x-iops-total= or limits.iops-total= ...: it is there
 * whoever uses it, until the second, -EBUSY while somebody does. */
int  throttle_group_add(struct list *groups, const char *name, struct opts *o,
			struct err *e);
int  throttle_group_del(struct list *groups, const char *name, struct err *e);
void throttle_groups_forget(struct list *groups);     /* all such */
/* The last one frees it. */
void throttle_group_drop(struct throttle_group *g);
/* The group of a throttle node; NULL: it is none. */
struct throttle_group *blk_throttle_group(struct blk *b);
struct list *blk_groups(struct blk_set *s);    /* blk.c */

#endif
