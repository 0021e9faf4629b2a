/* SPDX-License-Identifier: MIT */
/*
 * Disks: what -drive defines and a disk device is given by id.  A disk is a
 * tree of nodes with an error policy, a cache mode and counters.
 *
 * Thread: the main loop's; disk_account is the disk's loop's and the counters
 * may be read from anywhere.
 *
 * Invariants: at most one device has a disk; `root` changes only while
 * nothing is in flight.
 */
#ifndef MOTE_BLOCK_DISK_H
#define MOTE_BLOCK_DISK_H

#include "vmm/block/blk.h"

struct throttle_config;

enum disk_error { DISK_REPORT, DISK_IGNORE, DISK_STOP, DISK_ENOSPC };
enum disk_status { DISK_OK, DISK_FAILED, DISK_NOSPACE };
enum disk_if { DISK_IF_NONE, DISK_IF_VIRTIO };

struct disk_stats {
	u64 bytes[BLK_OPS], ops[BLK_OPS], failed[BLK_OPS], invalid[BLK_OPS];
	u64 ns[BLK_OPS];
	u64 highest;                   /* end of the last byte written     */
	s64 last_ns;                   /* host time of the last completion */
};

struct disk_set;

/* A request that failed, and what it leads to: not DISK_ENOSPC. */
struct disk_failure {
	enum blk_op op;
	int rc;
	enum disk_error action;
};

struct disk {
	struct list node;              /* in the set, in order of creation */
	struct disk_set *set;
	char *id, *serial;
	struct blk *root;
	enum disk_if iface;
	bool writeback;                /* the guest sees a volatile cache  */
	bool direct, no_flush, snapshot;
	bool of_node;                  /* made for a -blockdev node        */
	bool pulled;                   /* disk_pull: `id` is ""            */
	enum disk_error werror, rerror;
	void *dev;                     /* struct device that has it        */
	u32 block;                     /* its smallest request; 0: none    */
	/* Its size changed. [loop] */
	void (*resized)(void *dev);
	struct disk_stats stats;
	_Atomic enum disk_status status;       /* why requests wait        */
	struct disk_failure failure;   /* the first nobody heard of yet    */
	_Atomic bool failed;
};

struct disk_set *disk_set_create(struct loop *main_loop);
void disk_set_destroy(struct disk_set *s);     /* NULL is fine */
struct blk_set *disk_blks(struct disk_set *s);
struct list *disk_list(struct disk_set *s);

/* -drive's argument.  `all_snapshot`: -snapshot was given. */
struct disk *disk_add(struct disk_set *s, const char *spec, bool all_snapshot,
		      struct err *e);
int  disk_del(struct disk *d, struct err *e);  /* -EBUSY: a device has it */
/* Its device keeps a disk on which every request fails; the image is closed and
 * the name free.  The device is quiet now. */
int  disk_pull(struct disk *d, struct err *e);
/* For a device: by id, or by a node's name (then made on the spot); NULL. */
struct disk *disk_find(struct disk_set *s, const char *id);
/* By id; NULL. */
struct disk *disk_known(struct disk_set *s, const char *id);
/* blk_reopen; no node a device writes to becomes read-only. */
int  disk_node_reopen(struct disk_set *s, struct opts *o, struct err *e);
/* blk_del, of a node no device has any more. */
int  disk_node_del(struct disk_set *s, const char *name, struct err *e);

/* The device takes it, with its loop. -EBUSY; -EAGAIN: another program writes
 * to its image, and not `share`. */
int  disk_attach(struct disk *d, void *dev, struct loop *l, bool share,
		 struct err *e);
/* `gone`: the device lived and is no more; its -drive goes with it, as QEMU has
 * it.  Else the disk is free for another device. */
void disk_detach(struct disk *d, bool gone);

int  disk_resize(struct disk *d, u64 len, struct err *e);
/* Limits; all zero: none. */
int  disk_set_throttle(struct disk *d, const struct throttle_config *c,
		       const char *group, struct err *e);
/* The limits there are; false: none. */
bool disk_get_throttle(const struct disk *d, struct throttle_config *c,
		       const char **group);

/* What an error leads to: DISK_REPORT, _IGNORE or _STOP; who listens hears of
 * it. [the disk's loop] */
enum disk_error disk_on_error(struct disk *d, enum blk_op op, int rc);
/* Hear of failed requests, on the main loop: of the first of a disk since it
 * was last told.  NULL: no more. [loop] */
typedef void disk_failure_fn(void *opaque, struct disk *d,
			     const struct disk_failure *f);
void disk_set_listen(struct disk_set *s, disk_failure_fn *fn, void *opaque);
void disk_account_start(struct disk *d, struct blk_req *r);
void disk_account(struct disk *d, const struct blk_req *r, enum blk_op op,
		  u64 len, int rc);

const char *disk_error_name(enum disk_error a);
/* "raw", or the driver of the node it was given. */
const char *disk_format(const struct disk *d);
/* The image: "/path/x.img", "null-co". */
void disk_image(const struct disk *d, struct strbuf *out);

#endif
