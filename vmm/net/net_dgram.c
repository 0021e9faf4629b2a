// SPDX-License-Identifier: MIT
/*
 * dgram: one frame a datagram, over UDP, multicast or unix sockets.
 *
 *   dgram,id=n,local.type=inet,local.host=,local.port=,remote....
 *   dgram,id=n,local.type=unix,local.path=,remote.type=unix,remote.path=
 *   dgram,id=n,local.type=fd,local.str=NUMBER
 *   dgram,id=n,remote.type=inet,remote.host=230.0.0.1,remote.port=1234
 *
 * Talks to: one socket.
 * Never:    takes a datagram for more than it is: whoever can send to the
 *           socket is on this network.
 */
#include "vmm/net/netdev_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

#include "vmm/core/sockaddr.h"

struct net_dgram {
	struct netdev nd;
	int fd;
	struct sockaddr_any to;        /* len 0: wherever it is connected  */
	char *path;                    /* ours, to remove                  */
	char *text;
};

static struct net_dgram *to_dgram(struct netdev *nd)
{
	return container_of(nd, struct net_dgram, nd);
}

/* --- addresses ------------------------------------------------------------- */

struct dgram_addr {
	const char *type, *host, *port, *path, *str;
};

static struct dgram_addr take_addr(struct opts *o, const char *prefix)
{
	static const char *const keys[] = { "type", "host", "port", "path",
					    "str" };
	const char *v[ARRAY_LEN(keys)];
	struct strbuf key = STRBUF_INIT;

	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		strbuf_reset(&key);
		strbuf_addf(&key, "%s.%s", prefix, keys[i]);
		v[i] = opts_take(o, key.buf);
	}
	strbuf_fini(&key);
	return (struct dgram_addr){ v[0], v[1], v[2], v[3], v[4] };
}

static int resolve(struct sockaddr_any *a, const struct dgram_addr *d,
		   bool local, const char *what, struct err *e)
{
	int rc = -EINVAL;

	if (!strcmp(d->type, "unix") && d->path)
		rc = sockaddr_unix(a, d->path, false, e);
	else if (!strcmp(d->type, "inet") && d->port)
		rc = sockaddr_inet(a, d->host ? d->host : "", d->port,
				   AF_UNSPEC, local, e);
	else if (strcmp(d->type, "unix") && strcmp(d->type, "inet"))
		return err_set(e, -EINVAL, "%s.type=%s is neither inet, unix "
			       "nor fd", what, d->type);
	else
		return err_set(e, -EINVAL, "%s.%s is missing", what,
			       !strcmp(d->type, "unix") ? "path" : "port");
	return rc;
}

static bool is_multicast(const struct sockaddr_any *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->ss;

	return a->ss.ss_family == AF_INET &&
	       IN_MULTICAST(ntohl(in->sin_addr.s_addr));
}

static int join(struct net_dgram *d, const struct sockaddr_any *local,
		struct err *e)
{
	const struct sockaddr_in *group = (const struct sockaddr_in *)&d->to.ss;
	const struct sockaddr_in *from =
		(const struct sockaddr_in *)&local->ss;
	struct ip_mreq m = { .imr_multiaddr = group->sin_addr };
	int one = 1;

	if (local->len)
		m.imr_interface = from->sin_addr;
	setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(d->fd, (const struct sockaddr *)group, sizeof(*group)) < 0)
		return err_set(e, -errno, "cannot bind to the group: %m");
	if (setsockopt(d->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
		return err_set(e, -errno, "cannot join the group: %m");
	setsockopt(d->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one));
	if (local->len)
		setsockopt(d->fd, IPPROTO_IP, IP_MULTICAST_IF,
			   &m.imr_interface, sizeof(m.imr_interface));
	return 0;
}

static int bind_local(struct net_dgram *d, const struct sockaddr_any *local,
		      struct err *e)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&local->ss;
	int one = 1;

	if (local->ss.ss_family == AF_UNIX) {
		unlink(un->sun_path);
		d->path = strdup(un->sun_path);
	} else {
		setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (bind(d->fd, (const struct sockaddr *)&local->ss, local->len) < 0)
		return err_set(e, -errno, "cannot bind the local address: %m");
	return 0;
}

static int open_socket(struct net_dgram *d, const struct sockaddr_any *local,
		       struct err *e)
{
	int family = d->to.len ? d->to.ss.ss_family : local->ss.ss_family;

	if (d->to.len && local->len &&
	    d->to.ss.ss_family != local->ss.ss_family)
		return err_set(e, -EINVAL, "local and remote are of different "
			       "kinds");
	d->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return err_set(e, -errno, "a datagram socket: %m");
	if (is_multicast(&d->to))
		return join(d, local, e);
	if (!local->len)
		return err_set(e, -EINVAL, "local= is missing (only multicast "
			       "does without)");
	return bind_local(d, local, e);
}

static int use_fd(struct net_dgram *d, const char *str, struct err *e)
{
	int type = 0, fd = str ? opts_fd(str, e) : -EINVAL;
	socklen_t len = sizeof(type);

	if (!str)
		return err_set(e, -EINVAL, "local.str=NUMBER is missing");
	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    (type != SOCK_DGRAM && type != SOCK_SEQPACKET))
		return err_set(e, -EINVAL, "descriptor %d is no datagram "
			       "socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	d->fd = fd;
	return 0;
}

static int dgram_connect(struct net_dgram *d, const struct dgram_addr *local,
			 const struct dgram_addr *remote, struct err *e)
{
	struct sockaddr_any from = { .len = 0 };
	int rc = 0;

	if (local->type && !strcmp(local->type, "fd"))
		return use_fd(d, local->str, e);
	if (remote->type)
		rc = resolve(&d->to, remote, false, "remote", e);
	if (!rc && local->type)
		rc = resolve(&from, local, true, "local", e);
	if (!rc && !remote->type)
		rc = err_set(e, -EINVAL, "remote.type is missing");
	return rc < 0 ? rc : open_socket(d, &from, e);
}

static int dgram_open(struct netdev *nd, struct opts *o, struct err *e)
{
	struct net_dgram *d = to_dgram(nd);
	struct dgram_addr local = take_addr(o, "local");
	struct dgram_addr remote = take_addr(o, "remote");
	struct strbuf text = STRBUF_INIT;
	int rc;

	d->fd = -1;
	netdev_alloc_queues(nd, 1);
	rc = opts_check_taken(o, e);
	if (!rc)
		rc = dgram_connect(d, &local, &remote, e);
	if (rc < 0)
		return rc;
	if (d->to.len)
		sockaddr_text(&d->to, true, &text);
	else
		strbuf_addf(&text, "fd=%d", d->fd);
	d->text = strbuf_detach(&text);
	return netdev_queue_fd(nd, 0, d->fd, e);
}

static void dgram_close(struct netdev *nd)
{
	struct net_dgram *d = to_dgram(nd);

	if (d->fd >= 0)
		close(d->fd);
	if (d->path)
		unlink(d->path);
	free(d->path);
	free(d->text);
}

/* --- frames ---------------------------------------------------------------- */

static int dgram_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		      unsigned n)
{
	struct net_dgram *d = to_dgram(nd);
	struct msghdr m = {
		.msg_name = d->to.len ? &d->to.ss : NULL,
		.msg_namelen = d->to.len,
		.msg_iov = (struct iovec *)iov, .msg_iovlen = n,
	};

	(void)q;
	if (sendmsg(d->fd, &m, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t dgram_recv(struct netdev *nd, unsigned q,
			  const struct iovec *iov, unsigned n)
{
	(void)q;
	return readv(to_dgram(nd)->fd, iov, n);
}

static void dgram_describe(struct netdev *nd, struct strbuf *out)
{
	strbuf_addf(out, "dgram: %s", to_dgram(nd)->text);
}

const struct netdev_ops net_dgram = {
	.name     = "dgram",
	.summary  = "UDP, multicast or unix datagrams, a frame each",
	.size     = sizeof(struct net_dgram),
	.open     = dgram_open,
	.close    = dgram_close,
	.send     = dgram_send,
	.recv     = dgram_recv,
	.describe = dgram_describe,
	.send_anywhere = true,
};
