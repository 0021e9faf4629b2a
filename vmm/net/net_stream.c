// SPDX-License-Identifier: MIT
/*
 * stream: frames over a stream socket, each behind its length (32 bits, big
 * endian), as passt and others speak it.
 *
 *   stream,id=n,addr.type=unix,addr.path=/run/passt.sock[,reconnect-ms=N]
 *   stream,id=n,server=on,addr.type=inet,addr.host=,addr.port=1234
 *   stream,id=n,addr.type=fd,addr.str=NUMBER
 *
 * Talks to: a listening socket, one connected one.
 * Never:    believes a length: what is no frame's ends the connection.
 *
 * States: idle -connect or accept-> connected (use) -hang-up or nonsense->
 *         dead (noticed under the card's lock) -timer-> idle (give_up), which
 *         listens again or connects again after `reconnect`.
 */
#include "vmm/net/net_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

enum { LEN_SIZE = 4, RX_SIZE = 2 * (NETDEV_FRAME_MAX + LEN_SIZE) };

static struct net_stream *to_stream(struct netdev *nd)
{
	return container_of(nd, struct net_stream, nd);
}

/* --- connections ----------------------------------------------------------- */

static void on_listen(void *opaque, u32 events);
static void on_connect(void *opaque, u32 events);

static int use(struct net_stream *s, int fd, struct err *e)
{
	int size = 1 << 20;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	s->fd = fd;
	s->rx_start = s->rx_end = s->tx_len = s->tx_pos = 0;
	s->dead = false;
	if (netdev_queue_fd(&s->nd, 0, fd, e) < 0)
		return -EIO;
	netdev_carrier(&s->nd, true);
	return 0;
}

static void retry_later(struct net_stream *s)
{
	if (s->reconnect)
		timer_set(&s->timer,
			  clock_host_ns() + s->reconnect * 1000000ll);
}

static void listen_on(struct net_stream *s, bool on)
{
	if (s->listen_fd >= 0)
		loop_rewatch(netdev_loop(&s->nd), s->listen_fd,
			     on ? EPOLLIN : 0);
}

static void give_up(struct net_stream *s)
{
	netdev_queue_fd(&s->nd, 0, -1, NULL);
	close(s->fd);
	s->fd = -1;
	s->dead = false;
	netdev_carrier(&s->nd, false);
	listen_on(s, true);
	retry_later(s);
}

/* 0 with a connection made or under way. */
static int start_connect(struct net_stream *s)
{
	bool pending;
	int fd = sockaddr_connect(&s->addr, &pending);

	if (fd < 0)
		return fd;
	if (!pending)
		return use(s, fd, NULL);
	s->connecting_fd = fd;
	return loop_watch(netdev_loop(&s->nd), fd, EPOLLOUT, on_connect, s);
}

static void on_connect(void *opaque, u32 events)
{
	struct net_stream *s = opaque;
	int fd = s->connecting_fd;

	(void)events;
	loop_unwatch(netdev_loop(&s->nd), fd);
	s->connecting_fd = -1;
	if (sockaddr_error(fd) == 0) {
		use(s, fd, NULL);
		return;
	}
	close(fd);
	retry_later(s);
}

static void on_listen(void *opaque, u32 events)
{
	struct net_stream *s = opaque;
	int fd = sockaddr_accept(s->listen_fd);

	(void)events;
	if (fd == -EAGAIN)
		return;
	listen_on(s, false);           /* one peer at a time               */
	if (fd >= 0)
		use(s, fd, NULL);
	else
		timer_set(&s->timer, clock_host_ns() + SOCKADDR_REST_NS);
}

static void on_timer(void *opaque)
{
	struct net_stream *s = opaque;

	if (s->dead)
		give_up(s);
	else if (s->listen_fd >= 0)
		listen_on(s, s->fd < 0);
	else if (s->fd < 0 && s->connecting_fd < 0 && start_connect(s) < 0)
		retry_later(s);
}

/* Noticed with the card's lock held: the loop tells it in a moment. */
static void died(struct net_stream *s)
{
	if (s->dead)
		return;
	s->dead = true;
	timer_set(&s->timer, 0);
}

/* --- frames ---------------------------------------------------------------- */

static int send_rest(struct net_stream *s)
{
	while (s->tx_pos < s->tx_len) {
		ssize_t n = send(s->fd, s->tx + s->tx_pos,
				 s->tx_len - s->tx_pos, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (n < 0) {
			died(s);
			return -EPIPE;
		}
		s->tx_pos += n;
	}
	s->tx_len = s->tx_pos = 0;
	return 0;
}

/* What the socket did not take of a frame; it fits, its length was checked. */
static void keep_rest(struct net_stream *s, const struct iovec *iov,
		      unsigned n, size_t skip)
{
	s->tx_len = s->tx_pos = 0;
	for (; n; iov++, n--) {
		size_t off = MIN(skip, iov->iov_len);
		size_t part = iov->iov_len - off;

		skip -= off;
		memcpy(s->tx + s->tx_len, (u8 *)iov->iov_base + off, part);
		s->tx_len += part;
	}
	netdev_want_write(&s->nd, 0, true);
}

static int stream_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		       unsigned n)
{
	struct net_stream *s = to_stream(nd);
	struct iovec v[NETDEV_IOV_MAX + 1];
	u64 len = net_iov_len(iov, n);
	u32 head = htonl(len);
	struct msghdr m = { .msg_iov = v, .msg_iovlen = n + 1 };
	ssize_t put;

	(void)q;
	if (len > NETDEV_FRAME_MAX || n > NETDEV_IOV_MAX - 1)
		return -EMSGSIZE;
	if (s->dead || send_rest(s) < 0)
		return s->dead ? -EPIPE : -EAGAIN;
	v[0] = (struct iovec){ &head, LEN_SIZE };
	memcpy(v + 1, iov, n * sizeof(*iov));
	put = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (put < 0) {
		died(s);
		return -EPIPE;
	}
	if ((u64)put < len + LEN_SIZE)
		keep_rest(s, v, n + 1, put);
	return 0;
}

/* Bytes of the frame at rx_start, 0: not all there, -1: nonsense. */
static ssize_t frame_at(const struct net_stream *s)
{
	const size_t have = s->rx_end - s->rx_start;
	u32 len;

	if (have < LEN_SIZE)
		return 0;
	memcpy(&len, s->rx + s->rx_start, LEN_SIZE);
	len = ntohl(len);
	if (!len || len > NETDEV_FRAME_MAX)
		return -1;
	return have - LEN_SIZE >= len ? (ssize_t)len : 0;
}

static bool fill(struct net_stream *s)
{
	ssize_t n;

	if (s->rx_start) {
		memmove(s->rx, s->rx + s->rx_start, s->rx_end - s->rx_start);
		s->rx_end -= s->rx_start;
		s->rx_start = 0;
	}
	n = recv(s->fd, s->rx + s->rx_end, RX_SIZE - s->rx_end, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		died(s);
		return false;
	}
	s->rx_end += n;
	return true;
}

static ssize_t stream_recv(struct netdev *nd, unsigned q,
			   const struct iovec *iov, unsigned n)
{
	struct net_stream *s = to_stream(nd);
	ssize_t len = s->dead ? 0 : frame_at(s);
	const u8 *from;
	size_t left;

	(void)q;
	if (s->dead || (!len && !fill(s)))
		return 0;
	if (!len)
		len = frame_at(s);
	if (len < 0) {
		died(s);
		return 0;
	}
	from = s->rx + s->rx_start + LEN_SIZE;
	left = len;
	for (; n && left; iov++, n--) {
		size_t part = MIN(left, iov->iov_len);

		memcpy(iov->iov_base, from, part);
		from += part;
		left -= part;
	}
	s->rx_start += len ? LEN_SIZE + len : 0;
	return len;
}

static void stream_event(struct netdev *nd, unsigned q, u32 events)
{
	struct net_stream *s = to_stream(nd);

	if (events & EPOLLOUT && s->tx_len && send_rest(s) == -EAGAIN)
		netdev_want_write(nd, q, true);
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		died(s);
}

/* --- life ------------------------------------------------------------------ */

void net_stream_init(struct net_stream *s)
{
	s->fd = s->listen_fd = s->connecting_fd = -1;
	timer_init(&s->timer, netdev_loop(&s->nd), NULL, on_timer, s);
	s->rx = malloc(RX_SIZE);
	s->tx = malloc(NETDEV_FRAME_MAX + LEN_SIZE);
	if (!s->rx || !s->tx)
		abort();
	netdev_alloc_queues(&s->nd, 1);
	s->nd.carrier_down = true;
}

int net_stream_start(struct net_stream *s, bool server, struct err *e)
{
	struct strbuf text = STRBUF_INIT;
	int rc = 0;

	if (server) {
		s->listen_fd = sockaddr_listen(&s->addr, e);
		if (s->listen_fd < 0)
			return s->listen_fd;
		rc = loop_watch(netdev_loop(&s->nd), s->listen_fd, EPOLLIN,
				on_listen, s);
	}
	s->unlink_at_end = server && s->addr.ss.ss_family == AF_UNIX;
	sockaddr_text(&s->addr, false, &text);
	s->text = strbuf_detach(&text);
	if (server)
		return rc;
	rc = start_connect(s);
	if (rc < 0 && s->reconnect) {
		retry_later(s);
		return 0;
	}
	return rc < 0 ? err_set(e, rc, "cannot connect to %s: %m", s->text)
		      : 0;
}

int net_stream_adopt(struct net_stream *s, int fd, struct err *e)
{
	struct strbuf text = STRBUF_INIT;
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM)
		return err_set(e, -EINVAL, "descriptor %d is no stream socket",
			       fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	strbuf_addf(&text, "fd:%d", fd);
	s->text = strbuf_detach(&text);
	return use(s, fd, e);
}

static int take_address(struct net_stream *s, struct opts *o, bool server,
			struct err *e)
{
	const char *type = opts_take(o, "addr.type");
	const char *host = opts_take(o, "addr.host");
	const char *port = opts_take(o, "addr.port");
	const char *path = opts_take(o, "addr.path");
	bool abstract = false;
	int rc = opts_take_bool(o, "addr.abstract", &abstract, e);

	if (rc < 0)
		return rc;
	if (!type)
		return err_set(e, -EINVAL, "addr.type is missing");
	if (!strcmp(type, "unix") && path)
		return sockaddr_unix(&s->addr, path, abstract, e);
	if (!strcmp(type, "inet") && port)
		return sockaddr_inet(&s->addr, host ? host : "", port,
				     AF_UNSPEC, server, e);
	if (!strcmp(type, "unix") || !strcmp(type, "inet"))
		return err_set(e, -EINVAL, "addr.%s is missing",
			       *type == 'u' ? "path" : "port");
	return err_set(e, -EINVAL, "addr.type=%s is neither inet, unix nor fd",
		       type);
}

static int stream_open(struct netdev *nd, struct opts *o, struct err *e)
{
	struct net_stream *s = to_stream(nd);
	const char *type = opts_find(o, "addr.type");
	bool server = false;
	u64 reconnect = 0, ms = 0;
	const char *str;
	int rc;

	net_stream_init(s);
	rc = opts_take_bool(o, "server", &server, e);
	if (!rc)
		rc = opts_take_u64(o, "reconnect", &reconnect, e);
	if (!rc)
		rc = opts_take_u64(o, "reconnect-ms", &ms, e);
	if (!rc && reconnect && ms)
		rc = err_set(e, -EINVAL, "'reconnect' and 'reconnect-ms' are "
			     "mutually exclusive");
	if (rc < 0)
		return rc;
	s->reconnect = MIN(ms ? ms : MIN(reconnect, 86400) * 1000, 86400000);
	if (type && !strcmp(type, "fd")) {
		opts_take(o, "addr.type");
		str = opts_take(o, "addr.str");
		rc = opts_check_taken(o, e);
		if (!rc)
			rc = str ? opts_fd(str, e)
				 : err_set(e, -EINVAL, "addr.str is missing");
		return rc < 0 ? rc : net_stream_adopt(s, rc, e);
	}
	rc = take_address(s, o, server, e);
	if (!rc)
		rc = opts_check_taken(o, e);
	return rc < 0 ? rc : net_stream_start(s, server, e);
}

static void drop_fd(struct net_stream *s, int fd, bool watched)
{
	if (fd < 0)
		return;
	if (watched)
		loop_unwatch(netdev_loop(&s->nd), fd);
	close(fd);
}

static void stream_close(struct netdev *nd)
{
	struct net_stream *s = to_stream(nd);
	const struct sockaddr_un *un = (const struct sockaddr_un *)&s->addr.ss;

	if (!s->rx)                    /* not even initialised             */
		return;
	timer_fini(&s->timer);
	drop_fd(s, s->fd, false);
	drop_fd(s, s->listen_fd, true);
	drop_fd(s, s->connecting_fd, true);
	if (s->unlink_at_end && un->sun_path[0])
		unlink(un->sun_path);
	free(s->rx);
	free(s->tx);
	free(s->text);
}

static void stream_describe(struct netdev *nd, struct strbuf *out)
{
	const struct net_stream *s = to_stream(nd);

	strbuf_addf(out, "%s%s", s->listen_fd >= 0 ? "server on " : "",
		    s->text ? s->text : "");
}

const struct netdev_ops net_stream = {
	.name     = "stream",
	.summary  = "a stream socket, each frame behind its length (passt)",
	.size     = sizeof(struct net_stream),
	.open     = stream_open,
	.close    = stream_close,
	.send     = stream_send,
	.recv     = stream_recv,
	.event    = stream_event,
	.describe = stream_describe,
};

/* --- socket: the older way to say stream ----------------------------------- */

/* "[host]:port", cut in place. */
static int cut_address(struct net_stream *s, char *text, bool server,
		       struct err *e)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return err_set(e, -EINVAL, "'%s' is no HOST:PORT", text);
	*colon = 0;
	return sockaddr_inet(&s->addr, text, colon + 1, AF_UNSPEC, server, e);
}

static int socket_open(struct netdev *nd, struct opts *o, struct err *e)
{
	struct net_stream *s = to_stream(nd);
	const char *at[] = { opts_take(o, "listen"), opts_take(o, "connect") };
	const char *fd = opts_take(o, "fd");
	const bool server = at[0];
	char *copy;
	int rc;

	net_stream_init(s);
	if (opts_find(o, "mcast") || opts_find(o, "udp"))
		return err_set(e, -ENOTSUP, "not supported yet: mcast= and "
			       "udp= of socket (type dgram does both)");
	rc = opts_check_taken(o, e);
	if (rc < 0)
		return rc;
	if (!!at[0] + !!at[1] + !!fd != 1)
		return err_set(e, -EINVAL, "exactly one of listen=, connect= "
			       "and fd= is needed");
	if (fd) {
		rc = opts_fd(fd, e);
		return rc < 0 ? rc : net_stream_adopt(s, rc, e);
	}
	copy = strdup(at[!server]);
	rc = cut_address(s, copy, server, e);
	free(copy);
	return rc < 0 ? rc : net_stream_start(s, server, e);
}

const struct netdev_ops net_socket = {
	.name     = "socket",
	.summary  = "as stream: listen=[HOST]:PORT, connect=HOST:PORT, fd=N",
	.size     = sizeof(struct net_stream),
	.open     = socket_open,
	.close    = stream_close,
	.send     = stream_send,
	.recv     = stream_recv,
	.event    = stream_event,
	.describe = stream_describe,
};
