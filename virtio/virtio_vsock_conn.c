// SPDX-License-Identifier: MIT
/*
 * virtio-vsock: connections and their unix sockets.  See virtio_vsock.h.
 *
 * Talks to: the loop, unix sockets.
 * Never:    blocks; keeps more of a client's or guest's bytes than bounded.
 *
 * States: HELLO -"CONNECT n"-> ASKED -RESPONSE-> OPEN; a guest's REQUEST that
 *         finds a listener starts as OPEN.
 */
#include "virtio/virtio_vsock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/opts.h"
#include "vmm/core/sockaddr.h"

static struct list *bucket(struct virtio_vsock *s, u32 host, u32 guest)
{
	return &s->buckets[(host ^ guest * 31) % VSOCK_BUCKETS];
}

struct vsock_conn *vsock_find(struct virtio_vsock *s, u32 host_port,
			      u32 guest_port)
{
	struct list *p, *head = bucket(s, host_port, guest_port);

	list_for_each(p, head) {
		struct vsock_conn *c = list_entry(p, struct vsock_conn,
						  bucket);

		if (c->host_port == host_port && c->guest_port == guest_port)
			return c;
	}
	return NULL;
}

void vsock_pend(struct vsock_conn *c, u8 work)
{
	c->pending |= work;
	if (list_empty(&c->ready))
		list_append(&c->s->ready, &c->ready);
}

/* --- watching -------------------------------------------------------------- */

/* Reading rests while what was announced has not been read. */
static u32 wanted(const struct vsock_conn *c)
{
	u32 events = 0;

	if (c->state == CONN_HELLO)
		return EPOLLIN;
	if (c->state == CONN_OPEN && !(c->pending & PEND_RW) &&
	    !c->no_credit && !(c->shut & VSOCK_SHUT_RCV) &&
	    !(c->shut_sent & VSOCK_SHUT_SEND))
		events |= EPOLLIN;
	if (c->buf_len)
		events |= EPOLLOUT;
	/* Nothing to read or write: still, hear of its end. */
	return events ? events : c->pending & PEND_RW ? 0 : EPOLLPRI;
}

void vsock_rewatch(struct vsock_conn *c)
{
	u32 events = wanted(c);

	if (events == c->events)
		return;
	c->events = events;
	loop_rewatch(c->s->v.loop, c->fd, events);
}

/* --- bytes of the guest ---------------------------------------------------- */

static void told_enough(struct vsock_conn *c)
{
	if (c->taken - c->told >= VSOCK_BUF / 4)
		vsock_pend(c, PEND_CREDIT);
}

static void broken_pipe(struct vsock_conn *c)
{
	c->buf_len = 0;
	vsock_pend(c, PEND_RST);
}

static void flush(struct vsock_conn *c)
{
	while (c->buf_len) {
		u32 n = MIN(c->buf_len, VSOCK_BUF - c->buf_at);
		ssize_t put = send(c->fd, c->buf + c->buf_at, n, MSG_NOSIGNAL);

		if (put < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (put < 0) {
			broken_pipe(c);
			return;
		}
		c->buf_at = (c->buf_at + put) % VSOCK_BUF;
		c->buf_len -= put;
		c->taken += put;
	}
	told_enough(c);
	if (!c->buf_len && c->shut)
		vsock_shut(c);
}

static bool keep(struct vsock_conn *c, const struct virtq_chain *chain,
		 u64 off, u32 len)
{
	if (!c->buf)
		c->buf = malloc(VSOCK_BUF);
	if (!c->buf || len > VSOCK_BUF - c->buf_len)
		return false;
	while (len) {
		u32 at = (c->buf_at + c->buf_len) % VSOCK_BUF;
		u32 n = MIN(len, VSOCK_BUF - at);

		virtq_read(chain, off, c->buf + at, n);
		c->buf_len += n;
		off += n;
		len -= n;
	}
	return true;
}

bool vsock_put(struct vsock_conn *c, const struct virtq_chain *chain, u64 off,
	       u32 len)
{
	struct msghdr m = { .msg_iov = c->s->part };
	ssize_t put = 0;
	int n;

	if (!c->buf_len) {
		n = iov_slice(chain->iov, chain->nout, off, len, c->s->part,
			      VIRTQ_CHAIN_MAX);
		m.msg_iovlen = MAX(n, 0);
		put = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (put < 0 && errno != EAGAIN && errno != EINTR) {
			broken_pipe(c);
			return true;
		}
		put = MAX(put, 0);
		c->taken += put;
		told_enough(c);
	}
	return (u32)put == len || keep(c, chain, off + put, len - put);
}

ssize_t vsock_get(struct vsock_conn *c, const struct iovec *iov, int n)
{
	ssize_t got = readv(c->fd, iov, n);

	if (got > 0)
		return got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* What the guest sent before comes first. */
void vsock_shut(struct vsock_conn *c)
{
	if (c->buf_len)
		return;
	if (c->shut == (VSOCK_SHUT_RCV | VSOCK_SHUT_SEND))
		vsock_pend(c, PEND_RST);
	else if (c->shut & VSOCK_SHUT_SEND)
		shutdown(c->fd, SHUT_WR);
}

/* --- clients --------------------------------------------------------------- */

static u32 take_port(struct virtio_vsock *s, u32 guest_port)
{
	do
		s->next_port = s->next_port == INT32_MAX ? VSOCK_FIRST_PORT
							 : s->next_port + 1;
	while (vsock_find(s, s->next_port, guest_port));
	return s->next_port;
}

static void ask_guest(struct vsock_conn *c, u32 guest_port)
{
	c->guest_port = guest_port;
	c->host_port = take_port(c->s, guest_port);
	c->state = CONN_ASKED;
	list_append(bucket(c->s, c->host_port, guest_port), &c->bucket);
	vsock_pend(c, PEND_REQUEST);
}

/* Up to and with the line's end, and not a byte more of what follows.  1: the
 * line is there, 0: not yet, -1: it never will be. */
static int read_line(struct vsock_conn *c)
{
	char *at = c->line + c->line_len, *end;
	const size_t room = VSOCK_LINE - 1 - c->line_len;
	ssize_t n = recv(c->fd, at, room, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	end = memchr(at, '\n', n);
	n = recv(c->fd, at, end ? end + 1 - at : n, 0);
	if (n <= 0)
		return -1;
	c->line_len += n;
	if (!end)
		return c->line_len < VSOCK_LINE - 1 ? 0 : -1;
	*end = 0;
	return 1;
}

static void read_hello(struct vsock_conn *c)
{
	int rc = read_line(c);
	u64 port;

	if (!rc)
		return;
	if (rc < 0 || strncmp(c->line, "CONNECT ", 8) ||
	    opts_u64(c->line + 8, &port) < 0 || port > UINT32_MAX)
		vsock_free(c);
	else
		ask_guest(c, port);
}

void vsock_accepted(struct vsock_conn *c)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "OK %u\n", c->host_port);

	c->state = CONN_OPEN;
	if (send(c->fd, text, n, MSG_NOSIGNAL) != n)
		vsock_pend(c, PEND_RST);
}

/* --- events ---------------------------------------------------------------- */

static void on_conn(void *opaque, u32 events)
{
	struct vsock_conn *c = opaque;
	struct virtio_vsock *s = c->s;

	virtio_lock(&s->v);
	if (c->state == CONN_HELLO) {
		read_hello(c);         /* c may be gone                    */
	} else {
		if (events & EPOLLOUT)
			flush(c);
		if (events & EPOLLIN && c->state == CONN_OPEN)
			vsock_pend(c, PEND_RW);
		else if (events & (EPOLLHUP | EPOLLERR))
			vsock_pend(c, c->state == CONN_ASKED ? PEND_RST
							     : PEND_RW);
		/* Gone while the guest had not answered, or both ends. */
		if (events & EPOLLHUP && c->shut_sent & VSOCK_SHUT_SEND)
			vsock_pend(c, PEND_RST);
		vsock_rewatch(c);
	}
	vsock_rx_run(s);
	virtio_unlock(&s->v);
}

static struct vsock_conn *conn_create(struct virtio_vsock *s, int fd)
{
	struct vsock_conn *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->s = s;
	c->fd = fd;
	list_init(&c->bucket);
	list_init(&c->ready);
	list_append(&s->all, &c->all);
	s->conns++;
	c->events = EPOLLIN;
	if (loop_watch(s->v.loop, fd, c->events, on_conn, c) < 0) {
		vsock_free(c);
		return NULL;
	}
	return c;
}

void vsock_free(struct vsock_conn *c)
{
	loop_unwatch(c->s->v.loop, c->fd);
	close(c->fd);
	list_remove(&c->all);
	list_remove(&c->bucket);
	list_remove(&c->ready);
	c->s->conns--;
	free(c->buf);
	free(c);
}

void vsock_drop_all(struct virtio_vsock *s, bool even_those)
{
	struct list *p, *next;

	list_for_each_safe(p, next, &s->all) {
		struct vsock_conn *c = list_entry(p, struct vsock_conn, all);

		if (even_those || (c->state != CONN_HELLO &&
				   !(c->pending & PEND_REQUEST)))
			vsock_free(c);
	}
	s->nrsts = 0;
	s->drop_all = false;
}

static void on_listen(void *opaque, u32 events)
{
	struct virtio_vsock *s = opaque;
	int fd = sockaddr_accept(s->listen_fd);

	(void)events;
	if (fd == -EAGAIN)
		return;
	if (fd < 0) {
		loop_rewatch(s->v.loop, s->listen_fd, 0);
		timer_set(&s->timer, clock_host_ns() + SOCKADDR_REST_NS);
		return;
	}
	virtio_lock(&s->v);
	if (s->conns < VSOCK_CONNS_MAX)
		conn_create(s, fd);
	else
		close(fd);
	virtio_unlock(&s->v);
}

struct vsock_conn *vsock_reach(struct virtio_vsock *s, u32 host_port,
			       u32 guest_port)
{
	struct sockaddr_any a;
	char path[PATH_MAX];
	struct vsock_conn *c;
	bool pending;
	int fd;

	snprintf(path, sizeof(path), "%s_%u", s->uds_path, host_port);
	if (s->conns >= VSOCK_CONNS_MAX ||
	    sockaddr_unix_own(&a, path, false, NULL) < 0)
		return NULL;
	fd = sockaddr_connect(&a, &pending);
	if (fd < 0)
		return NULL;
	c = conn_create(s, fd);
	if (!c)
		return NULL;
	c->state = CONN_OPEN;
	c->host_port = host_port;
	c->guest_port = guest_port;
	list_append(bucket(s, host_port, guest_port), &c->bucket);
	return c;
}

int vsock_listen(struct virtio_vsock *s, struct err *e)
{
	struct sockaddr_any a;
	int rc = sockaddr_unix(&a, s->uds_path, false, e);

	if (rc < 0)
		return rc;
	s->listen_fd = sockaddr_listen(&a, e);
	if (s->listen_fd < 0)
		return s->listen_fd;
	listen(s->listen_fd, 128);
	return loop_watch(s->v.loop, s->listen_fd, EPOLLIN, on_listen, s);
}

void vsock_listen_again(struct virtio_vsock *s)
{
	loop_rewatch(s->v.loop, s->listen_fd, EPOLLIN);
}

void vsock_unlisten(struct virtio_vsock *s)
{
	if (s->listen_fd < 0)
		return;
	loop_unwatch(s->v.loop, s->listen_fd);
	close(s->listen_fd);
	unlink(s->uds_path);
	s->listen_fd = -1;
}
