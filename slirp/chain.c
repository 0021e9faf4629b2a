// SPDX-License-Identifier: MIT
/*
 * guestfwd to a TCP connection of the host's: made once, when the network
 * starts, and every connection of the guest's to that address is led into it.
 *
 * Talks to: libslirp; the peers.
 * Never:    waits for a peer longer than CHAIN_STUCK_MS: it is let go then.
 */
#include "slirp/slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { CONNECT_S = 3, CHAIN_STUCK_MS = 500, CHUNK = 16 * KiB };

static void let_go(struct chain *c)
{
	close(c->fd);
	c->fd = -1;
}

static bool takes_more(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, CHAIN_STUCK_MS) > 0 && p.revents & POLLOUT;
}

/* libslirp has told the guest that it came: a part may not be left out. */
static ssize_t to_peer(const void *buf, size_t len, void *opaque)
{
	struct chain *c = opaque;
	const char *p = buf;
	size_t left = len;

	while (left && c->fd >= 0) {
		const ssize_t n = send(c->fd, p, left,
				       MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			p += n;
			left -= n;
		} else if (errno != EINTR &&
			   (errno != EAGAIN || !takes_more(c->fd))) {
			let_go(c);
		}
	}
	return len;
}

static int connect_to(const struct addrinfo *a)
{
	const struct timeval limit = { .tv_sec = CONNECT_S };
	const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	close(fd);
	return rc;
}

/* `peer` is HOST:PORT, and is cut there. */
static int reach(char *peer, struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	char *port = strrchr(peer, ':');
	struct addrinfo *all;
	int rc, fd = -EADDRNOTAVAIL;

	if (!port || port == peer || !port[1])
		return err_set(e, -EINVAL, "guestfwd: 'tcp:%s' is not "
			       "tcp:HOST:PORT", peer);
	*port++ = 0;
	rc = getaddrinfo(peer, port, &want, &all);
	if (rc)
		return err_set(e, -EINVAL, "guestfwd to tcp:%s:%s: %s", peer,
			       port, gai_strerror(rc));
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = connect_to(a);
	freeaddrinfo(all);
	if (fd < 0)
		err_set(e, fd, "guestfwd to tcp:%s:%s: %s", peer, port,
			strerror(-fd));
	return fd;
}

int chain_add(struct chains *all, Slirp *s, struct in_addr at, int port,
	      char *peer, struct err *e)
{
	struct chain *c = &all->chain[all->n];

	if (all->n == ARRAY_LEN(all->chain))
		return err_set(e, -E2BIG, "more than %d guestfwd to tcp",
			       CHAINS_MAX);
	*c = (struct chain){ .at = at, .port = port, .fd = reach(peer, e) };
	if (c->fd < 0)
		return c->fd;
	if (slirp_add_guestfwd(s, to_peer, c, &c->at, port) < 0) {
		let_go(c);
		return err_set(e, -EINVAL, "guestfwd: port %d there is taken, "
			       "or the address not in the network", port);
	}
	all->n++;
	return 0;
}

/* What the guest has no room for stays with the host. */
void chains_poll(struct chains *all, Slirp *s, SlirpAddPollCb add, void *opaque)
{
	for (unsigned i = 0; i < all->n; i++) {
		struct chain *c = &all->chain[i];

		c->polled = -1;
		if (c->fd >= 0 && slirp_socket_can_recv(s, c->at, c->port))
			c->polled = add(c->fd, SLIRP_POLL_IN, opaque);
	}
}

static void from_peer(struct chain *c, Slirp *s)
{
	u8 buf[CHUNK];
	const size_t room = slirp_socket_can_recv(s, c->at, c->port);
	ssize_t n;

	if (!room)
		return;
	n = recv(c->fd, buf, MIN(room, sizeof(buf)), MSG_DONTWAIT);
	if (n > 0)
		slirp_socket_recv(s, c->at, c->port, buf, n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		let_go(c);
}

void chains_take(struct chains *all, Slirp *s, SlirpGetREventsCb get,
		 void *opaque)
{
	for (unsigned i = 0; i < all->n; i++) {
		struct chain *c = &all->chain[i];

		if (c->fd >= 0 && get(c->polled, opaque))
			from_peer(c, s);
	}
}
