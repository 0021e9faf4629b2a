// SPDX-License-Identifier: MIT
/*
 * The engine of a loop: io_uring for reads, writes and flushes; the pool for
 * the rest, or for everything where io_uring is not to be had.
 *
 * Talks to: liburing, aio_pool.c.
 * Never:    submits one by one what was plugged; waits but in aio_wait.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/block/aio.h"
#include "vmm/block/ring.h"

enum { RING_ENTRIES = 128, RING_THREADS = 1, POOL_THREADS = 8,
       REAP_BATCH = 32 };

struct aio {
	struct loop *loop;
	bool uring;
	struct io_uring ring;
	struct pool *pool;
	unsigned plugged;
	u32 queued, busy;              /* in the ring: unsubmitted, all    */
	unsigned batching;             /* completions are being given out  */
	struct blk_batch *batch;
};

/* --- batches --------------------------------------------------------------- */

bool aio_after_batch(struct aio *a, struct blk_batch *b)
{
	if (!a->batching)
		return false;
	if (b->queued)
		return true;
	b->queued = true;
	b->next = a->batch;
	a->batch = b;
	return true;
}

static void end_batch(struct aio *a)
{
	if (--a->batching)
		return;
	while (a->batch) {
		struct blk_batch *b = a->batch;

		a->batch = b->next;
		b->queued = false;
		b->fn(b);
	}
}

/* --- the ring -------------------------------------------------------------- */

static void ring_submit(struct aio *a)
{
	while (a->queued) {
		int n = io_uring_submit(&a->ring);

		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY)
			break;         /* the kernel broke its word        */
		if (n > 0)
			a->queued -= MIN((u32)n, a->queued);
		else
			break;         /* completions must be reaped first */
	}
}

static struct io_uring_sqe *next_sqe(struct aio *a)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&a->ring);

	if (s)
		return s;
	ring_submit(a);
	return io_uring_get_sqe(&a->ring);
}

static bool ring_takes(const struct aio *a, const struct blk_req *r)
{
	return a->uring && (r->op == BLK_FLUSH ||
			    ((r->op == BLK_READ || r->op == BLK_WRITE) &&
			     r->niov <= 1024 && !r->moved));
}

static bool ring_queue(struct aio *a, struct blk_req *r)
{
	struct io_uring_sqe *s = next_sqe(a);

	if (!s)
		return false;
	if (r->op == BLK_FLUSH)
		io_uring_prep_fsync(s, r->fd, IORING_FSYNC_DATASYNC);
	else if (r->op == BLK_READ)
		io_uring_prep_readv(s, r->fd, r->iov, r->niov, r->off);
	else
		io_uring_prep_writev2(s, r->fd, r->iov, r->niov, r->off,
				      r->flags & BLK_F_FUA ? RWF_DSYNC : 0);
	io_uring_sqe_set_data(s, r);
	a->queued++;
	a->busy++;
	return true;
}

/* All of it, or an error that is the file's: done.  Else the pool goes on. */
static void ring_done(struct aio *a, struct blk_req *r, int res)
{
	bool rw = r->op != BLK_FLUSH;

	a->busy--;
	if (res == -EINTR || res == -EAGAIN ||
	    (res == -EINVAL && r->aio_flags & AIO_DIRECT) ||
	    (rw && res >= 0 && (u64)res < r->len)) {
		if (res > 0)
			r->moved = res;
		pool_submit(a->pool, r);
		return;
	}
	blk_done(r, MIN(res, 0));
}

static bool ring_reap(struct aio *a)
{
	struct io_uring_cqe *c[REAP_BATCH];
	struct blk_req *r[REAP_BATCH];
	int res[REAP_BATCH];
	unsigned n = io_uring_peek_batch_cqe(&a->ring, c, REAP_BATCH);

	for (unsigned i = 0; i < n; i++) {
		r[i] = io_uring_cqe_get_data(c[i]);
		res[i] = c[i]->res;
	}
	io_uring_cq_advance(&a->ring, n);
	for (unsigned i = 0; i < n; i++)
		ring_done(a, r[i], res[i]);
	return n;
}

/* Completions may queue new requests: they go in one call at the end. */
static void ring_service(struct aio *a)
{
	a->batching++;
	a->plugged++;
	do {
		while (ring_reap(a))
			;
		ring_submit(a);
	} while (io_uring_cq_ready(&a->ring));
	a->plugged--;
	end_batch(a);
}

static void on_ring(void *opaque, u32 events)
{
	(void)events;
	ring_service(opaque);
}

/* --- the door -------------------------------------------------------------- */

void aio_submit(struct aio *a, struct blk_req *r)
{
	r->moved = 0;
	if (!ring_takes(a, r) || !ring_queue(a, r)) {
		pool_submit(a->pool, r);
		return;
	}
	if (!a->plugged)
		ring_submit(a);
}

/* What is in the page cache is done by the time the call returns. */
void aio_plug(struct aio *a, bool on)
{
	if (on) {
		a->plugged++;
		return;
	}
	assert(a->plugged);
	if (--a->plugged || !a->uring)
		return;
	ring_submit(a);
	if (!a->batching && io_uring_cq_ready(&a->ring))
		ring_service(a);
}

void aio_wait(struct aio *a)
{
	struct io_uring_cqe *c;

	if (a->uring && a->busy) {
		ring_submit(a);
		if (!io_uring_cq_ready(&a->ring) && !pool_busy(a->pool))
			io_uring_wait_cqe(&a->ring, &c);
		ring_service(a);
	}
	a->batching++;
	pool_reap(a->pool, pool_busy(a->pool) && !a->busy);
	end_batch(a);
}

static void pool_came_back(struct blk_req *r, void *opaque)
{
	(void)opaque;
	blk_done(r, r->rc);
}

bool aio_is_uring(const struct aio *a)
{
	return a->uring;
}

/* --- life ------------------------------------------------------------------ */

static void watch(void *opaque)
{
	struct aio *a = opaque;

	loop_watch(a->loop, a->ring.ring_fd, EPOLLIN, on_ring, a);
}

static void unwatch(void *opaque)
{
	struct aio *a = opaque;

	loop_unwatch(a->loop, a->ring.ring_fd);
}

struct aio *aio_create(struct loop *l, bool threads, struct err *e)
{
	struct aio *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->loop = l;
	a->uring = !threads && ring_open(&a->ring, RING_ENTRIES) == 0;
	a->pool = pool_create(l, a->uring ? RING_THREADS : POOL_THREADS,
			      pool_came_back, a, e);
	if (!a->pool) {
		if (a->uring)
			io_uring_queue_exit(&a->ring);
		free(a);
		return NULL;
	}
	if (a->uring)
		loop_call(l, watch, a);
	return a;
}

void aio_destroy(struct aio *a)
{
	if (!a)
		return;
	assert(!a->busy);
	if (a->uring) {
		loop_call(a->loop, unwatch, a);
		io_uring_queue_exit(&a->ring);
	}
	pool_destroy(a->pool);
	free(a);
}
