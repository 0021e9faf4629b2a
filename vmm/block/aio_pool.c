// SPDX-License-Identifier: MIT
/*
 * A pool of threads that do file requests the blocking way.
 *
 * Room:     requests in by a list under a lock, out by another and an eventfd.
 * Talks to: preadv, pwritev, fallocate, fdatasync.
 * Never:    touches a request after it was put on the way out.
 */
#include "vmm/block/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/base/thread.h"

enum { POOL_MAX = 16, ZERO_CHUNK = 64 * 1024, DIRECT_ALIGN = 4096 };

struct pool {
	struct loop *loop;
	pool_done_fn *done;
	void *opaque;
	pthread_t thread[POOL_MAX];
	unsigned threads;
	pthread_mutex_t lock;
	pthread_cond_t work, back;
	struct blk_req *first, **last;         /* to do                    */
	struct blk_req *out, **out_last;       /* done                     */
	bool stop;
	int fd;
	u32 busy;                              /* [loop]                   */
};

/* --- one request, blocking ------------------------------------------------- */

static ssize_t move_piece(const struct blk_req *r, void *p, size_t n, u64 off)
{
	ssize_t got;

	do {
		got = r->op == BLK_READ ? pread(r->fd, p, n, off)
					: pwrite(r->fd, p, n, off);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Through an aligned buffer: what O_DIRECT refused from the guest's. */
static ssize_t move_bounced(const struct blk_req *r, u8 *p, size_t n, u64 off)
{
	size_t room = ALIGN_UP(MIN(n, (size_t)MiB), (size_t)DIRECT_ALIGN);
	ssize_t got;
	void *b;

	n = MIN(n, (size_t)MiB);
	if (posix_memalign(&b, DIRECT_ALIGN, room))
		return -ENOMEM;
	if (r->op != BLK_READ)
		memcpy(b, p, n);
	got = move_piece(r, b, n, off);
	if (r->op == BLK_READ && got > 0)
		memcpy(p, b, got);
	free(b);
	return got;
}

/* In one call, when the kernel takes it so. */
static bool moved_whole(struct blk_req *r)
{
	ssize_t got;

	if (r->moved || r->niov > 1024)
		return false;
	if (r->op == BLK_READ)
		got = preadv(r->fd, r->iov, r->niov, r->off);
	else
		got = pwritev2(r->fd, r->iov, r->niov, r->off,
			       r->flags & BLK_F_FUA ? RWF_DSYNC : 0);
	r->moved = MAX(got, 0);
	return r->moved == r->len;
}

static int move_rest(struct blk_req *r)
{
	u64 at = 0;

	if (moved_whole(r))
		return 0;
	for (int i = 0; i < r->niov; i++) {
		u64 n = r->iov[i].iov_len;

		while (r->moved < at + n) {
			u8 *p = (u8 *)r->iov[i].iov_base + (r->moved - at);
			size_t left = at + n - r->moved;
			ssize_t got = move_piece(r, p, left, r->off + r->moved);

			if (got == -EINVAL && r->aio_flags & AIO_DIRECT)
				got = move_bounced(r, p, left,
						   r->off + r->moved);
			if (got < 0)
				return got;
			if (got == 0 && r->op == BLK_WRITE)
				return -ENOSPC;
			if (got == 0) {        /* beyond the end: zeros    */
				memset(p, 0, left);
				got = left;
			}
			r->moved += got;
		}
		at += n;
	}
	if (r->op == BLK_WRITE && r->flags & BLK_F_FUA)
		return fdatasync(r->fd) < 0 ? -errno : 0;
	return 0;
}

static int write_zeros(const struct blk_req *r)
{
	void *z;
	int rc = 0;

	if (posix_memalign(&z, DIRECT_ALIGN, ZERO_CHUNK))
		return -ENOMEM;
	memset(z, 0, ZERO_CHUNK);
	for (u64 done = 0; done < r->len && rc >= 0; ) {
		u64 n = MIN(r->len - done, (u64)ZERO_CHUNK);
		ssize_t got = pwrite(r->fd, z, n, r->off + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			rc = got < 0 ? -errno : -ENOSPC;
		else
			done += got;
	}
	free(z);
	return rc;
}

static int try_fallocate(const struct blk_req *r, int mode)
{
	int rc;

	do {
		rc = fallocate(r->fd, mode, r->off, r->len);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static bool cannot(int rc)
{
	return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -ENODEV ||
	       rc == -EINVAL;
}

static int zero_range(const struct blk_req *r)
{
	int rc = -EOPNOTSUPP;

	if (r->flags & BLK_F_UNMAP)
		rc = try_fallocate(r, FALLOC_FL_PUNCH_HOLE |
				   FALLOC_FL_KEEP_SIZE);
	if (cannot(rc))
		rc = try_fallocate(r, FALLOC_FL_ZERO_RANGE |
				   FALLOC_FL_KEEP_SIZE);
	return cannot(rc) ? write_zeros(r) : rc;
}

static int discard(const struct blk_req *r)
{
	u64 range[2] = { r->off, r->len };
	int rc;

	if (r->aio_flags & AIO_BDEV)
		rc = ioctl(r->fd, BLKDISCARD, range) < 0 ? -errno : 0;
	else
		rc = try_fallocate(r, FALLOC_FL_PUNCH_HOLE |
				   FALLOC_FL_KEEP_SIZE);
	return cannot(rc) || rc == -ENOTTY ? 0 : rc;   /* it is only a hint */
}

int aio_blocking(struct blk_req *r)
{
	switch (r->op) {
	case BLK_READ:
	case BLK_WRITE:        return move_rest(r);
	case BLK_FLUSH:        return fdatasync(r->fd) < 0 ? -errno : 0;
	case BLK_DISCARD:      return discard(r);
	case BLK_WRITE_ZEROES: return zero_range(r);
	default:               return -ENOTSUP;
	}
}

/* --- threads --------------------------------------------------------------- */

static void put_out(struct pool *p, struct blk_req *r)
{
	const u64 one = 1;

	r->next = NULL;
	*p->out_last = r;
	p->out_last = &r->next;
	pthread_cond_signal(&p->back);
	if (write(p->fd, &one, sizeof(one)) < 0)
		return;                /* signalled already                */
}

static void *worker(void *opaque)
{
	struct pool *p = opaque;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct blk_req *r;

		while (!p->first && !p->stop)
			pthread_cond_wait(&p->work, &p->lock);
		if (!p->first)
			break;
		r = p->first;
		p->first = r->next;
		if (!p->first)
			p->last = &p->first;
		pthread_mutex_unlock(&p->lock);
		r->rc = aio_blocking(r);
		pthread_mutex_lock(&p->lock);
		put_out(p, r);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void pool_submit(struct pool *p, struct blk_req *r)
{
	p->busy++;
	r->next = NULL;
	pthread_mutex_lock(&p->lock);
	*p->last = r;
	p->last = &r->next;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void pool_reap(struct pool *p, bool wait)
{
	struct blk_req *r, *next;

	pthread_mutex_lock(&p->lock);
	while (wait && p->busy && !p->out)
		pthread_cond_wait(&p->back, &p->lock);
	r = p->out;
	p->out = NULL;
	p->out_last = &p->out;
	pthread_mutex_unlock(&p->lock);
	for (; r; r = next) {
		next = r->next;
		p->busy--;
		p->done(r, p->opaque);
	}
}

u32 pool_busy(const struct pool *p)
{
	return p->busy;
}

static void on_event(void *opaque, u32 events)
{
	struct pool *p = opaque;
	u64 n;

	(void)events;
	if (read(p->fd, &n, sizeof(n)) > 0)
		pool_reap(p, false);
}

static void watch(void *opaque)
{
	struct pool *p = opaque;

	loop_watch(p->loop, p->fd, EPOLLIN, on_event, p);
}

static void unwatch(void *opaque)
{
	struct pool *p = opaque;

	loop_unwatch(p->loop, p->fd);
}

static int start_threads(struct pool *p, unsigned n)
{
	int rc = 0;

	while (!rc && p->threads < n) {
		rc = thread_start(&p->thread[p->threads], ROLE_IO, "disk I/O",
				  worker, p);
		p->threads += !rc;
	}
	return p->threads ? 0 : rc;
}

struct pool *pool_create(struct loop *l, unsigned threads,
			 pool_done_fn *done, void *opaque, struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		abort();
	p->loop = l;
	p->done = done;
	p->opaque = opaque;
	p->last = &p->first;
	p->out_last = &p->out;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->back, NULL);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->fd < 0 ? -errno : start_threads(p, MIN(threads, (unsigned)POOL_MAX));
	if (rc < 0) {
		err_set(e, rc, "disk I/O threads: %m");
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return NULL;
	}
	loop_call(l, watch, p);
	return p;
}

void pool_destroy(struct pool *p)
{
	if (!p)
		return;
	assert(!p->busy);
	loop_call(p->loop, unwatch, p);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->back);
	pthread_mutex_destroy(&p->lock);
	close(p->fd);
	free(p);
}
