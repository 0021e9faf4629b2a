/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous file I/O: one engine per loop, io_uring with a helper thread
 * for what may block, or a pool of threads where the kernel has no io_uring.
 *
 * Room:   private to vmm/block.
 * Thread: everything but create and destroy on the engine's loop.
 *
 * Invariants: a request given comes back by blk_done exactly once, with all
 * its bytes moved or an error; short counts are finished here, reads beyond
 * the end of a file give zeros.
 */
#ifndef MOTE_BLOCK_AIO_H
#define MOTE_BLOCK_AIO_H

#include "vmm/block/blk.h"

struct aio;
struct pool;

enum {                                 /* of blk_req.aio_flags             */
	AIO_DIRECT = BIT(0),           /* the file is O_DIRECT             */
	AIO_BDEV   = BIT(1),           /* a block device                   */
};

/* `threads`: no io_uring.  The default falls back to threads by itself. */
struct aio *aio_create(struct loop *l, bool threads, struct err *e);
void aio_destroy(struct aio *a);
bool aio_is_uring(const struct aio *a);
/* r->fd and r->aio_flags are set. */
void aio_submit(struct aio *a, struct blk_req *r);
void aio_plug(struct aio *a, bool on);
void aio_wait(struct aio *a);          /* for at least one completion      */
bool aio_after_batch(struct aio *a, struct blk_batch *b);

/* --- aio_pool.c: threads that do one request at a time, blocking --- */
typedef void pool_done_fn(struct blk_req *r, void *opaque);
struct pool *pool_create(struct loop *l, unsigned threads,
			 pool_done_fn *done, void *opaque, struct err *e);
void pool_destroy(struct pool *p);
void pool_submit(struct pool *p, struct blk_req *r);
void pool_reap(struct pool *p, bool wait);     /* calls done with r->rc set */
u32  pool_busy(const struct pool *p);
/* Do the rest of a request now; 0 or -errno.  r->moved bytes are done. */
int  aio_blocking(struct blk_req *r);

#endif
