/* SPDX-License-Identifier: MIT */
/*
 * Bytes between a chardev's descriptors and its front end.
 *
 * Talks to: the chardev's loop, the kind's send and recv, the front end.
 * Never:    blocks, but for chardev_io_flush_wait at the end of a life.
 *
 * Invariants:
 *  1. Input is watched only while a front end is attached and takes bytes;
 *     output only while something is queued.
 *  2. Bytes leave in the order chardev_io_write took them.
 *  3. The queue never exceeds CHARDEV_QUEUE_MAX; who was refused gets one
 *     CHARDEV_WRITABLE when half of it has drained.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ_CHUNK = 4096, FLUSH_WAIT_MS = 1000, BLOCKING_CHUNK = 256 };

ssize_t chardev_fd_send(struct chardev *c, const void *p, size_t n)
{
	struct pollfd pfd = { .fd = c->out_fd, .events = POLLOUT };
	ssize_t w;

	if (c->out_blocks) {           /* a terminal we may not reopen */
		if (poll(&pfd, 1, 0) <= 0)
			return -EAGAIN;
		n = MIN(n, BLOCKING_CHUNK);
	}
	w = write(c->out_fd, p, n);
	return w < 0 ? -errno : w;
}

ssize_t chardev_fd_recv(struct chardev *c, void *p, size_t n)
{
	ssize_t r = read(c->in_fd, p, n);

	return r < 0 ? -errno : r;
}

static size_t queued(const struct chardev *c)
{
	return c->out.len - c->out_pos;
}

static void drop_queue(struct chardev *c)
{
	strbuf_reset(&c->out);
	c->out_pos = 0;
}

/* --- watching --- */

static void in_event(void *opaque, u32 events);
static void out_event(void *opaque, u32 events);

static void watch(struct chardev *c, int *watched, int fd, u32 events,
		  loop_fd_fn *fn)
{
	if (fd < 0)
		return;
	if (*watched < 0 && events && loop_watch(c->loop, fd, events, fn, c) == 0)
		*watched = fd;
	else if (*watched >= 0)
		loop_rewatch(c->loop, fd, events);
}

static void update_watches(struct chardev *c)
{
	u32 in = 0, out = 0;
	int in_fd, out_fd;

	lock_take(&c->lock);
	in_fd = c->in_fd;
	out_fd = c->out_fd;
	if (c->kind->recv && c->fe && !c->in_eof && !c->paused)
		in = EPOLLIN;
	if (queued(c))
		out = EPOLLOUT;
	lock_drop(&c->lock);
	if (in_fd == out_fd) {         /* a socket or a terminal: one watch */
		watch(c, &c->watched_in, in_fd, in | out, in_event);
	} else {
		watch(c, &c->watched_in, in_fd, in, in_event);
		watch(c, &c->watched_out, out_fd, out, out_event);
	}
}

void chardev_io_resume(struct chardev *c)
{
	bool tell;

	if (!loop_is_current(c->loop)) {       /* moved since this was posted */
		chardev_post(c, c->loop, chardev_io_resume);
		return;
	}
	lock_take(&c->lock);
	tell = c->open && c->fe && !c->announced;
	lock_drop(&c->lock);
	if (tell) {
		c->announced = true;
		chardev_fe_event(c, CHARDEV_OPENED);
	}
	update_watches(c);
}

void chardev_io_unwatch(struct chardev *c)
{
	if (c->watched_in >= 0)
		loop_unwatch(c->loop, c->watched_in);
	if (c->watched_out >= 0)
		loop_unwatch(c->loop, c->watched_out);
	c->watched_in = c->watched_out = -1;
}

static void started(struct chardev *c)
{
	c->in_eof = false;
	chardev_io_resume(c);
}

void chardev_io_open(struct chardev *c, int in_fd, int out_fd)
{
	int flags = out_fd >= 0 ? fcntl(out_fd, F_GETFL) : O_NONBLOCK;

	lock_take(&c->lock);
	assert(c->in_fd < 0 && c->out_fd < 0);
	c->in_fd = in_fd;
	c->out_fd = out_fd;
	c->out_blocks = !(flags & O_NONBLOCK);
	c->open = true;
	drop_queue(c);
	lock_drop(&c->lock);
	chardev_post(c, c->loop, started);
}

void chardev_io_shut(struct chardev *c)
{
	bool was_open;
	int in, out;

	chardev_io_unwatch(c);
	lock_take(&c->lock);
	in = c->in_fd;
	out = c->out_fd;
	was_open = c->open;
	c->in_fd = c->out_fd = -1;
	c->open = c->starved = false;
	drop_queue(c);
	lock_drop(&c->lock);
	if (in >= 0)
		close(in);
	if (out >= 0 && out != in)
		close(out);
	if (was_open && c->announced)
		chardev_fe_event(c, CHARDEV_CLOSED);
	c->announced = false;
}

/* --- reading --- */

static void hangup(struct chardev *c)
{
	c->in_eof = true;
	if (c->kind->hangup) {
		c->kind->hangup(c);
		return;
	}
	if (c->announced)
		chardev_fe_event(c, CHARDEV_CLOSED);
	update_watches(c);
}

static void io_read(struct chardev *c)
{
	size_t room = chardev_fe_room(c);
	u8 buf[READ_CHUNK];
	ssize_t n;

	if (!room) {
		/* Set first, look again: a kick in between is not lost. */
		c->paused = true;
		room = chardev_fe_room(c);
		if (!room) {
			update_watches(c);
			return;
		}
		c->paused = false;
	}
	n = c->kind->recv(c, buf, MIN(room, sizeof(buf)));
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		hangup(c);
	else
		chardev_fe_read(c, buf, n);
}

/* --- writing --- */

/* Offer bytes to the peer; how many it took.  A dying peer "takes" all: its
 * hang-up is seen by the reader.  [lock held] */
static size_t offer(struct chardev *c, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t w = c->kind->send(c, p + done, n - done);

		if (w == -EINTR)
			continue;
		if (w == -EAGAIN || w == 0)
			break;
		done = w < 0 ? n : done + w;
	}
	return done;
}

static void log_bytes(struct chardev *c, const void *p, size_t n)
{
	if (c->log_fd >= 0 && n && write(c->log_fd, p, n) < 0) {
		close(c->log_fd);      /* a full disk ends the log only */
		c->log_fd = -1;
	}
}

size_t chardev_io_write(struct chardev *c, const void *p, size_t n)
{
	bool first = false;
	size_t done;

	lock_take(&c->lock);
	if (!c->open) {
		log_bytes(c, p, n);
		lock_drop(&c->lock);
		return n;
	}
	done = queued(c) ? 0 : offer(c, p, n);
	if (done < n) {
		size_t more = MIN(n - done, CHARDEV_QUEUE_MAX - queued(c));

		first = !queued(c);
		strbuf_add(&c->out, (const char *)p + done, more);
		done += more;
		c->starved |= done < n;
	}
	log_bytes(c, p, done);
	lock_drop(&c->lock);
	if (first)
		chardev_post(c, c->loop, chardev_io_resume);
	return done;
}

static void io_flush(struct chardev *c)
{
	bool tell;

	lock_take(&c->lock);
	if (c->open && queued(c))
		c->out_pos += offer(c, c->out.buf + c->out_pos, queued(c));
	if (!queued(c)) {
		drop_queue(c);
	} else if (c->out_pos > CHARDEV_QUEUE_MAX / 2) {
		strbuf_drop_front(&c->out, c->out_pos);
		c->out_pos = 0;
	}
	tell = c->starved && queued(c) <= CHARDEV_QUEUE_MAX / 2;
	if (tell)
		c->starved = false;
	lock_drop(&c->lock);
	if (tell)
		chardev_fe_event(c, CHARDEV_WRITABLE);
	update_watches(c);
}

/* A front end may remove its chardev from inside a callback: hold it. */
static void in_event(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	chardev_take(c);
	if (events & EPOLLOUT)
		io_flush(c);
	if (events & ~EPOLLOUT && c->watched_in >= 0 && !c->in_eof)
		io_read(c);
	chardev_drop(c);
}

static void out_event(void *opaque, u32 events)
{
	struct chardev *c = opaque;

	chardev_take(c);
	io_flush(c);                   /* an error too shows in the write */
	chardev_drop(c);
}

void chardev_io_flush_wait(struct chardev *c)
{
	struct pollfd pfd = { .events = POLLOUT };

	for (;;) {
		lock_take(&c->lock);
		if (c->open && queued(c))
			c->out_pos += offer(c, c->out.buf + c->out_pos,
					    queued(c));
		pfd.fd = c->open && queued(c) ? c->out_fd : -1;
		lock_drop(&c->lock);
		if (pfd.fd < 0 || poll(&pfd, 1, FLUSH_WAIT_MS) <= 0)
			return;
	}
}
