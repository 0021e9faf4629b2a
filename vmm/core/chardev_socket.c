/* SPDX-License-Identifier: MIT */
/*
 * A stream socket, unix or TCP, as server or client.
 *
 * Talks to: core/sockaddr.h; the home loop accepts and reconnects, the
 *           chardev's loop moves bytes.
 * Never:    serves two clients: others wait in the listen backlog.
 *
 * States, server: listening -(accept)-> connected -(hang-up)-> listening.
 * States, client: trying -(connected)-> connected -(hang-up)-> trying if
 *                 reconnect=N was given, else closed for good.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/log.h"
#include "vmm/core/sockaddr.h"

enum { MAX_PASSED_FDS = 8 };

struct socket_chardev {
	struct sockaddr_any addr, peer;
	bool server, wait, nodelay, watching;
	int listen_fd;                 /* server                          */
	int conn_fd;                   /* connected or connecting, not yet
					  handed to chardev_io            */
	s64 reconnect_ns;              /* client; 0: once only            */
	struct timer retry;            /* on home; a server's: listen     */
	ino_t inode;                   /* of the unix socket we bound     */
};

/* --- descriptors and bytes --- */

static ssize_t socket_send(struct chardev *c, const void *p, size_t n)
{
	ssize_t w = send(c->out_fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	return w < 0 ? -errno : w;
}

/* Keep the last descriptor passed, close what it replaces. */
static void keep_fds(struct chardev *c, struct msghdr *m)
{
	struct cmsghdr *h;

	for (h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd, old;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			lock_take(&c->lock);
			old = c->passed_fd;
			c->passed_fd = fd;
			lock_drop(&c->lock);
			if (old >= 0)
				close(old);
		}
	}
}

static ssize_t socket_recv(struct chardev *c, void *p, size_t n)
{
	char control[CMSG_SPACE(MAX_PASSED_FDS * sizeof(int))]
		__attribute__((aligned(8)));
	struct iovec iov = { .iov_base = p, .iov_len = n };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t r = recvmsg(c->in_fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (r < 0)
		return -errno;
	keep_fds(c, &m);
	return r;
}

/* --- becoming connected --- */

static void connected(struct chardev *c, int fd)
{
	struct socket_chardev *s = c->impl;
	int one = 1;

	s->conn_fd = -1;
	if (s->nodelay && s->addr.ss.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->peer.len = sizeof(s->peer.ss);
	getpeername(fd, (struct sockaddr *)&s->peer.ss, &s->peer.len);
	chardev_io_open(c, fd, fd);
}

static void on_client(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	struct socket_chardev *s = c->impl;
	int fd = sockaddr_accept(s->listen_fd);

	if (fd == -EAGAIN)
		return;
	loop_rewatch(c->home, s->listen_fd, 0);
	if (fd >= 0)
		connected(c, fd);
	else
		timer_set(&s->retry, clock_host_ns() + SOCKADDR_REST_NS);
}

static void listen_again(void *opaque)
{
	struct chardev *c = opaque;

	loop_rewatch(c->home, ((struct socket_chardev *)c->impl)->listen_fd,
		     EPOLLIN);
}

static void on_connect(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	struct socket_chardev *s = c->impl;
	int fd = s->conn_fd;

	loop_unwatch(c->home, fd);
	s->conn_fd = -1;
	if (sockaddr_error(fd) == 0) {
		connected(c, fd);
		return;
	}
	close(fd);
	timer_set(&s->retry, clock_host_ns() + s->reconnect_ns);
}

static void try_connect(void *opaque)
{
	struct chardev *c = opaque;
	struct socket_chardev *s = c->impl;
	bool pending;
	int fd = sockaddr_connect(&s->addr, &pending);

	if (fd < 0) {
		timer_set(&s->retry, clock_host_ns() + s->reconnect_ns);
	} else if (!pending) {
		connected(c, fd);
	} else {
		s->conn_fd = fd;
		if (loop_watch(c->home, fd, EPOLLOUT, on_connect, c) < 0) {
			close(fd);
			s->conn_fd = -1;
		}
	}
}

/* The peer left; serve the next, or look for it again. [home] */
static void socket_again(struct chardev *c)
{
	struct socket_chardev *s = c->impl;

	if (c->kind != &chardev_kind_socket || c->open || s->conn_fd >= 0)
		return;                /* changed or connected meanwhile */
	if (s->server)
		loop_rewatch(c->home, s->listen_fd, EPOLLIN);
	else if (s->reconnect_ns)
		timer_set(&s->retry, clock_host_ns() + s->reconnect_ns);
}

static void socket_hangup(struct chardev *c)
{
	chardev_io_shut(c);
	chardev_post(c, c->home, socket_again);
}

/* --- options --- */

/* Named so that nobody believes an option took effect. */
static int refuse_unsupported(struct opts *o, struct err *e)
{
	static const char *const keys[] = {
		"telnet", "tn3270", "websocket", "tls-creds", "tls-authz",
		"fd", "to",
	};

	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		const char *v = opts_take(o, keys[i]);

		if (v && strcmp(v, "off"))
			return err_set(e, -ENOTSUP, "not supported yet: socket "
				       "option '%s'", keys[i]);
	}
	return 0;
}

static int take_reconnect(struct socket_chardev *s, struct opts *o,
			  struct err *e)
{
	u64 seconds = 0, ms = 0;

	if (opts_take_u64(o, "reconnect", &seconds, e) < 0 ||
	    opts_take_u64(o, "reconnect-ms", &ms, e) < 0)
		return -EINVAL;
	if (seconds > 86400 || ms > 86400000)
		return err_set(e, -EINVAL, "'reconnect' is at most one day");
	if ((seconds || ms) && s->server)
		return err_set(e, -EINVAL, "'reconnect' option is incompatible "
			       "with socket in server listen mode");
	s->reconnect_ns = (s64)(seconds * 1000 + ms) * 1000000;
	return 0;
}

static int take_address(struct socket_chardev *s, struct opts *o,
			struct err *e)
{
	const char *path = opts_take(o, "path"), *host = opts_take(o, "host");
	const char *port = opts_take(o, "port");
	bool v4 = false, v6 = false, abstract = false, tight = true;
	int family;

	if (opts_take_bool(o, "ipv4", &v4, e) < 0 ||
	    opts_take_bool(o, "ipv6", &v6, e) < 0 ||
	    opts_take_bool(o, "abstract", &abstract, e) < 0 ||
	    opts_take_bool(o, "tight", &tight, e) < 0)
		return -EINVAL;
	if (path && (host || port))
		return err_set(e, -EINVAL, "socket: 'path' and 'host'/'port' "
			       "exclude each other");
	if (path)
		return sockaddr_unix(&s->addr, path, abstract, e);
	if (!port)
		return err_set(e, -EINVAL, "chardev: socket: no %s given",
			       host ? "port" : "path or host and port");
	family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
	return sockaddr_inet(&s->addr, host ? host : "", port, family,
			     s->server, e);
}

static int take_options(struct socket_chardev *s, struct opts *o,
			struct err *e)
{
	bool delay = true, wait_given = opts_find(o, "wait") != NULL;

	if (opts_take_bool(o, "server", &s->server, e) < 0)
		return -EINVAL;
	s->wait = s->server;
	if (opts_take_bool(o, "wait", &s->wait, e) < 0 ||
	    opts_take_bool(o, "delay", &delay, e) < 0 ||
	    opts_take_bool(o, "nodelay", &s->nodelay, e) < 0)
		return -EINVAL;
	s->nodelay |= !delay;
	if (wait_given && !s->server)
		return err_set(e, -EINVAL, "'wait' option is incompatible with "
			       "socket in client connect mode");
	if (refuse_unsupported(o, e) < 0)
		return -ENOTSUP;
	if (take_reconnect(s, o, e) < 0)
		return -EINVAL;
	return take_address(s, o, e);
}

/* --- opening --- */

static void describe_to(const struct socket_chardev *s, bool open,
			struct strbuf *out)
{
	if (!open)
		strbuf_addstr(out, "disconnected:");
	sockaddr_text(&s->addr, false, out);
	if (s->server)
		strbuf_addstr(out, ",server=on");
	if (open && s->addr.ss.ss_family != AF_UNIX) {
		strbuf_addstr(out, " <-> ");
		sockaddr_text(&s->peer, true, out);
	}
}

static int wait_client(struct socket_chardev *s, struct err *e)
{
	struct pollfd pfd = { .fd = s->listen_fd, .events = POLLIN };
	struct strbuf text = STRBUF_INIT;

	describe_to(s, false, &text);
	log_info("waiting for a connection on %s", text.buf);
	strbuf_fini(&text);
	do {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			break;
		s->conn_fd = sockaddr_accept(s->listen_fd);
	} while (s->conn_fd == -EAGAIN);
	if (s->conn_fd < 0)
		return err_set(e, s->conn_fd, "accept: %m");
	return 0;
}

static void socket_close(struct chardev *c)
{
	struct socket_chardev *s = c->impl;
	const char *path = ((struct sockaddr_un *)&s->addr.ss)->sun_path;
	struct stat st;

	timer_fini(&s->retry);
	if (s->conn_fd >= 0) {
		loop_unwatch(c->home, s->conn_fd);
		close(s->conn_fd);
	}
	if (s->listen_fd >= 0) {
		if (s->watching)
			loop_unwatch(c->home, s->listen_fd);
		close(s->listen_fd);
		/* Only our own: a successor may have bound the same path. */
		if (s->inode && lstat(path, &st) == 0 && st.st_ino == s->inode)
			unlink(path);
	}
	s->conn_fd = s->listen_fd = -1;
}

static int open_server(struct socket_chardev *s, struct err *e)
{
	const char *path = ((struct sockaddr_un *)&s->addr.ss)->sun_path;
	struct stat st;

	s->listen_fd = sockaddr_listen(&s->addr, e);
	if (s->listen_fd < 0)
		return s->listen_fd;
	if (s->addr.ss.ss_family == AF_UNIX && *path && lstat(path, &st) == 0)
		s->inode = st.st_ino;
	return s->wait ? wait_client(s, e) : 0;
}

/* Without reconnect= the first try decides, so it is waited for. */
static int open_client(struct socket_chardev *s, struct err *e)
{
	struct strbuf text = STRBUF_INIT;
	struct pollfd pfd = { .events = POLLOUT };
	bool pending;
	int rc;

	pfd.fd = sockaddr_connect(&s->addr, &pending);
	rc = MIN(pfd.fd, 0);
	if (pending) {
		while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
			;
		rc = sockaddr_error(pfd.fd);
	}
	if (rc == 0) {
		s->conn_fd = pfd.fd;
		return 0;
	}
	if (pfd.fd >= 0)
		close(pfd.fd);
	sockaddr_text(&s->addr, true, &text);
	err_set(e, rc, "Failed to connect to '%s': %m", text.buf);
	strbuf_fini(&text);
	return rc;
}

static int socket_open(struct chardev *c, struct opts *o, struct err *e)
{
	struct socket_chardev *s = c->impl;
	int rc;

	s->listen_fd = s->conn_fd = -1;
	rc = take_options(s, o, e);
	if (rc < 0)
		return rc;
	if (s->server)
		rc = open_server(s, e);
	else if (!s->reconnect_ns)
		rc = open_client(s, e);
	if (rc < 0)
		socket_close(c);
	return rc;
}

static void socket_start(struct chardev *c)
{
	struct socket_chardev *s = c->impl;

	timer_init(&s->retry, c->home, NULL,
		   s->server ? listen_again : try_connect, c);
	if (s->server)
		s->watching = loop_watch(c->home, s->listen_fd,
					 s->conn_fd < 0 ? EPOLLIN : 0,
					 on_client, c) == 0;
	if (s->conn_fd >= 0)
		connected(c, s->conn_fd);
	else if (!s->server)
		try_connect(c);
}

static void socket_describe(struct chardev *c, struct strbuf *out)
{
	bool open;

	lock_take(&c->lock);
	open = c->open;
	lock_drop(&c->lock);
	describe_to(c->impl, open, out);
}

const struct chardev_kind chardev_kind_socket = {
	.name     = "socket",
	.summary  = "unix or TCP stream: path= or host=,port=; server=, wait=, "
		    "reconnect=",
	.size     = sizeof(struct socket_chardev),
	.open     = socket_open,
	.start    = socket_start,
	.close    = socket_close,
	.send     = socket_send,
	.recv     = socket_recv,
	.hangup   = socket_hangup,
	.describe = socket_describe,
};
