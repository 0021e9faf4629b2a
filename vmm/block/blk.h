/* SPDX-License-Identifier: MIT */
/*
 * Block nodes: drivers at the bottom, filters with children above them.
 *
 * blk_submit is the only door to a node: it checks the request once, and no
 * driver checks it again.  A request is memory of its submitter's, never
 * allocated on the way; a filter that must see it come back pushes a frame.
 *
 * Life: blk_open -> blk_set_loop -> blk_submit ... -> blk_drain -> blk_close.
 *
 * Thread: a tree of nodes lives on one loop; submit, plug, unplug and all
 * completions happen there.  Open, set_loop, drain, resize and close are the
 * main loop's, which waits for the node's loop where it must.
 *
 * Invariants:
 *  1. done is called exactly once, on the node's loop; it may be called
 *     before blk_submit returns.
 *  2. off + len is within the node; len > 0 but for BLK_FLUSH; the iovecs'
 *     bytes are len for reads and writes.
 *  3. A node is closed only when nothing is in flight.
 */
#ifndef MOTE_BLOCK_BLK_H
#define MOTE_BLOCK_BLK_H

#include <sys/uio.h>

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/opts.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"
#include "vmm/core/loop.h"

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES,
	      BLK_OPS };
enum { BLK_F_UNMAP = BIT(0), BLK_F_FUA = BIT(1) };
enum { BLK_FRAMES = 6, BLK_SECTOR = 512 };

struct blk;
struct blk_req;
struct blk_set;
struct aio;
typedef void blk_done_fn(struct blk_req *r, int rc);

struct blk_req {
	enum blk_op op;
	u32 flags;                     /* BLK_F_*                          */
	u64 off, len;                  /* bytes                            */
	const struct iovec *iov;       /* borrowed until done              */
	int niov;
	blk_done_fn *done;             /* the submitter's                  */

	/* The block room's from here on. */
	struct blk_req *next;          /* whoever holds it queues by this  */
	struct blk *node;              /* where it is                      */
	struct {
		blk_done_fn *fn;
		struct blk *node;
	} frame[BLK_FRAMES];
	u8  depth;
	int fd;                        /* aio                              */
	int rc;
	u64 moved;                     /* bytes done before a short count  */
	u64 started_ns;
	u32 aio_flags;
};

struct blk_ops {
	const char *name, *summary;    /* "file"                           */
	size_t size;                   /* of the struct embedding blk      */
	bool filter;                   /* needs a child: option "file"     */
	/* Take options; set b->len, b->read_only. [loop] */
	int  (*open)(struct blk *b, struct opts *o, struct err *e);
	void (*submit)(struct blk *b, struct blk_req *r);      /* [io] valid */
	void (*close)(struct blk *b);          /* [loop] idle; NULL ok      */
	void (*plug)(struct blk *b, bool on);  /* [io] NULL ok              */
	/* Nothing may linger in here, let held requests go. [io] NULL ok */
	void (*drain)(struct blk *b);
	int  (*resize)(struct blk *b, u64 len, struct err *e); /* [loop] NULL ok */
	/* Its loop is b->loop from now on. [loop] NULL ok */
	int  (*attach)(struct blk *b, struct err *e);
	void (*detach)(struct blk *b);         /* [loop] NULL ok            */
	void (*describe)(struct blk *b, struct strbuf *out);   /* NULL ok   */
	/* Open its image again, so; sets b->read_only and b->direct.  [loop] NULL:
	 * nothing but the two is to be set */
	int  (*reopen)(struct blk *b, bool read_only, bool direct,
		       struct err *e);
	/* May others write to its image, too?  No: -EAGAIN. [loop] NULL ok */
	int  (*share)(struct blk *b, bool on, struct err *e);
	/* Bytes it takes on the host, or -errno. [loop] NULL ok */
	s64  (*used)(const struct blk *b);
};

struct blk {
	const struct blk_ops *ops;
	struct blk_set *set;
	struct list node;              /* in the set, when named           */
	char *name;                    /* node-name, or NULL               */
	struct blk *child;             /* filters                          */
	unsigned users;                /* parents and disks, and ...       */
	bool owned;                    /* ... blk_add's name, until blk_del */
	struct loop *loop;
	u64 len;
	bool read_only, can_discard, detect_zeroes, unmap_zeroes;
	bool direct, no_flush;         /* a filter's: its child's          */
	u32 align;                     /* request alignment: 1 or more     */
	u32 inflight;                  /* came in, not gone out [io]       */
	struct aio *aio;               /* a driver's engine, or NULL       */
};

/* drivers.def: every driver and filter there is; NULL ends. */
extern const struct blk_ops *const blk_drivers[];

struct blk_set *blk_set_create(struct loop *main_loop);
void blk_set_destroy(struct blk_set *s);       /* closes named nodes */
struct blk *blk_find(struct blk_set *s, const char *name);
struct list *blk_nodes(struct blk_set *s);

/*
 * "driver=file,filename=...": takes the options it knows; the caller checks
 * for leftovers.  "file=NAME" or "file.driver=..." give a filter its child; of
 * the second's options those every node takes are the filter's unless it has
 * its own.
 */
struct blk *blk_open(struct blk_set *s, struct opts *o, struct err *e);
/* Put a filter on top of `child`, which it owns on success. */
struct blk *blk_open_over(struct blk_set *s, const char *driver,
			  struct opts *o, struct blk *child, struct err *e);
/* `top`, a filter just opened over *root, becomes *root where and while nobody
 * submits: the loop that works *root.  -errno: it did not. [loop] */
int  blk_insert(struct blk **root, struct blk *top, struct err *e);
/* -blockdev: everything must be known, node-name be there. */
int  blk_add(struct blk_set *s, const char *spec, struct err *e);
int  blk_del(struct blk_set *s, const char *name, struct err *e);
/* blockdev-reopen: other read-only, discard, detect-zeroes and cache.*; what is
 * not given is as if the node were new, nothing else may differ. */
int  blk_reopen(struct blk_set *s, struct opts *o, struct err *e);
void blk_close(struct blk *b);         /* drops a use; closes at the last */
struct blk *blk_take(struct blk *b);

int  blk_set_loop(struct blk *b, struct loop *l, struct err *e);
void blk_submit(struct blk *b, struct blk_req *r);     /* [io] */
/* Between the two, requests may be gathered; they nest. [io] */
void blk_plug(struct blk *b);
void blk_unplug(struct blk *b);
/* Return when nothing is in flight.  From the main loop, or on its own. */
void blk_drain(struct blk *b);
int  blk_resize(struct blk *b, u64 len, struct err *e);
/* Its user lets others write to the image, or must not: -EAGAIN, they do. */
int  blk_share(struct blk *b, bool on, struct err *e);
/* "file" of the leaf, or the driver's name: for info block. */
void blk_describe(struct blk *b, struct strbuf *out);
const char *blk_driver_name(const struct blk *b);
/* Bytes its leaf takes on the host; -errno: nobody knows. [loop] */
s64  blk_used(const struct blk *b);

/* Run and wait, on the main loop: qemu-io and such. */
int  blk_run(struct blk *b, struct blk_req *r);

/*
 * Called once at the end of the batch of completions now being given out, or
 * at once when there is none: to gather interrupts. [io]
 */
struct blk_batch {
	struct blk_batch *next;
	void (*fn)(struct blk_batch *b);
	bool queued;
};
void blk_after_batch(struct blk *b, struct blk_batch *batch);

/* --- for drivers --- */
void blk_done(struct blk_req *r, int rc);      /* to the frame above */
/* A filter hands the request down and wants no more of it ... */
void blk_pass(struct blk *b, struct blk_req *r);
/* ... or first asks for it back: fn gets it, r->node is the filter again, and
 * ends in blk_done. */
void blk_push(struct blk *b, struct blk_req *r, blk_done_fn *fn);
/* The engine of a loop, made at first need; shared. [loop] */
struct aio *blk_set_aio(struct blk_set *s, struct loop *l, bool threads,
			struct err *e);
/* The loop is about to go; no node is on it. [loop] */
void blk_set_forget_loop(struct blk_set *s, struct loop *l);

#endif
