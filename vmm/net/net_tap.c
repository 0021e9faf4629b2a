// SPDX-License-Identifier: MIT
/*
 * tap: frames through a Linux tap interface, with offloads and several queues;
 * with vhost=on the card lends its rings to the kernel, which moves them.
 *
 * Talks to: /dev/net/tun (linux/if_tun.h); scripts that set the interface up.
 * Never:    waits for a frame to be taken; keeps one.
 */
#include "vmm/net/netdev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/base/log.h"
#include "vmm/net/broker.h"

struct net_tap {
	struct netdev nd;
	char ifname[IFNAMSIZ];
	char *downscript;
	int fds[NETDEV_QUEUES_MAX];
	unsigned nfds;
	int vhost_fds[NETDEV_QUEUES_MAX];
	unsigned nvhost;
	bool handed;                   /* descriptors were given to us     */
	bool multi;
	unsigned offloads;
};

static struct net_tap *to_tap(struct netdev *nd)
{
	return container_of(nd, struct net_tap, nd);
}

/* --- opening --------------------------------------------------------------- */

/* One queue of the interface; the kernel picks the name of the first. */
static int open_queue(struct net_tap *t, bool vnet, struct err *e)
{
	struct ifreq r = { 0 };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return err_set(e, -errno, "could not open /dev/net/tun: %m");
	memcpy(r.ifr_name, t->ifname[0] ? t->ifname : "tap%d",
	       t->ifname[0] ? IFNAMSIZ : 6);
	r.ifr_flags = IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0) |
		      (t->multi ? IFF_MULTI_QUEUE : 0);
	if (ioctl(fd, TUNSETIFF, &r) < 0) {
		rc = err_set(e, -errno, "could not configure /dev/net/tun "
			     "(%s): %m", t->ifname[0] ? t->ifname : "a new "
			     "interface");
		if (rc == -EPERM)
			err_hint(e, "Make the interface beforehand: ip tuntap "
				 "add dev NAME mode tap user $USER");
		close(fd);
		return rc;
	}
	memcpy(t->ifname, r.ifr_name, IFNAMSIZ);
	t->fds[t->nfds++] = fd;
	return 0;
}

static int set_header(struct net_tap *t, int fd, bool vnet, struct err *e)
{
	int len = NETDEV_VNET_LEN;

	if (vnet && ioctl(fd, TUNSETVNETHDRSZ, &len) < 0)
		return err_set(e, -errno, "tap %s: a header of %d bytes: %m",
			       t->ifname, len);
	t->nd.ufo = vnet && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 |
				  TUN_F_UFO) == 0;
	if (vnet)
		ioctl(fd, TUNSETOFFLOAD, 0);
	return 0;
}

/* A descriptor somebody else opened: what is it? */
static int adopt(struct net_tap *t, int fd, struct err *e)
{
	struct ifreq r = { 0 };
	bool vnet;

	if (t->nfds == NETDEV_QUEUES_MAX)
		return err_set(e, -EINVAL, "more than %d queues",
			       NETDEV_QUEUES_MAX);
	if (ioctl(fd, TUNGETIFF, &r) < 0)
		return err_set(e, -errno, "descriptor %d is no tap: %m", fd);
	vnet = r.ifr_flags & IFF_VNET_HDR;
	if (t->nfds && vnet != t->nd.vnet)
		return err_set(e, -EINVAL, "descriptor %d differs in vnet_hdr "
			       "from the one before", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	memcpy(t->ifname, r.ifr_name, IFNAMSIZ);
	t->nd.vnet = vnet;
	t->fds[t->nfds++] = fd;
	t->handed = true;
	return 0;
}

/* Each descriptor of "N:M:..." to `use`. */
static int each_fd(struct net_tap *t, const char *list,
		   int (*use)(struct net_tap *t, int fd, struct err *e),
		   struct err *e)
{
	char *copy = strdup(list), *save = NULL, *word;
	int rc = 0;

	for (word = strtok_r(copy, ":", &save); word && rc >= 0;
	     word = strtok_r(NULL, ":", &save)) {
		rc = opts_fd(word, e);
		if (rc >= 0)
			rc = use(t, rc, e);
	}
	free(copy);
	return MIN(rc, 0);
}

static int adopt_all(struct net_tap *t, const char *list, struct err *e)
{
	int rc = each_fd(t, list, adopt, e);

	if (!rc && !t->nfds)
		rc = err_set(e, -EINVAL, "no descriptor in '%s'", list);
	return rc;
}

static int open_all(struct net_tap *t, struct opts *o, struct err *e)
{
	const char *ifname = opts_take(o, "ifname");
	bool vnet = true;
	u64 queues = 1;
	int rc = opts_take_bool(o, "vnet_hdr", &vnet, e);

	if (!rc)
		rc = opts_take_u64(o, "queues", &queues, e);
	if (rc < 0)
		return rc;
	if (!queues || queues > NETDEV_QUEUES_MAX)
		return err_set(e, -EINVAL, "queues=%llu is not 1 to %d",
			       (unsigned long long)queues, NETDEV_QUEUES_MAX);
	if (ifname && strlen(ifname) >= IFNAMSIZ)
		return err_set(e, -EINVAL, "ifname=%s is longer than %d",
			       ifname, IFNAMSIZ - 1);
	if (ifname)
		strcpy(t->ifname, ifname);
	t->multi = queues > 1;
	t->nd.vnet = vnet;
	while (t->nfds < queues && !rc)
		rc = open_queue(t, vnet, e);
	return rc;
}

/* "no" and nothing mean none; there is no default script. */
static const char *script(struct opts *o, const char *key)
{
	const char *path = opts_take(o, key);

	return path && *path && strcmp(path, "no") ? path : NULL;
}

/* --- vhost: where the kernel moves the frames itself ----------------------- */

static int adopt_vhost(struct net_tap *t, int fd, struct err *e)
{
	if (t->nvhost == NETDEV_QUEUES_MAX)
		return err_set(e, -EINVAL, "vhostfds=: more than %d",
			       NETDEV_QUEUES_MAX);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	t->vhost_fds[t->nvhost++] = fd;
	return 0;
}

static int open_vhost(struct net_tap *t, struct err *e)
{
	while (t->nvhost < t->nfds) {
		int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

		if (fd < 0) {
			int rc = err_set(e, -errno, "vhost=on: could not open "
					 "/dev/vhost-net: %m");

			if (rc == -ENOENT)
				err_hint(e, "Load the host's module: modprobe "
					 "vhost_net; or leave vhost=on away.");
			return rc;
		}
		t->vhost_fds[t->nvhost++] = fd;
	}
	return 0;
}

/* One of them a queue, from whoever started us or opened here. */
static int take_vhost(struct net_tap *t, struct opts *o, struct err *e)
{
	const char *fd = opts_take(o, "vhostfd"), *fds = opts_take(o, "vhostfds");
	bool on = fd || fds, force = false;
	u64 poll_us = 0;
	int rc = opts_take_bool(o, "vhost", &on, e);

	if (!rc)
		rc = opts_take_bool(o, "vhostforce", &force, e);
	if (!rc)
		rc = opts_take_u64(o, "poll-us", &poll_us, e);
	if (!rc && poll_us)
		rc = err_set(e, -ENOTSUP, "not supported yet: poll-us=");
	if (rc < 0 || !(on || force))
		return rc;
	if (!(fd || fds))
		return open_vhost(t, e);
	rc = each_fd(t, fd ? fd : fds, adopt_vhost, e);
	if (!rc && t->nvhost != t->nfds)
		rc = err_set(e, -EINVAL, "vhostfds= names %u descriptors, "
			     "there are %u queues", t->nvhost, t->nfds);
	return rc;
}

static int set_sndbuf(struct net_tap *t, struct opts *o, struct err *e)
{
	u64 size = 0;
	int rc = opts_take_size(o, "sndbuf", &size, e), n;

	if (rc < 0 || !opts_find(o, "sndbuf"))
		return rc;
	n = size && size < INT32_MAX ? (int)size : INT32_MAX;
	for (unsigned i = 0; i < t->nfds; i++)
		if (ioctl(t->fds[i], TUNSETSNDBUF, &n) < 0)
			return err_set(e, -errno, "tap %s: sndbuf: %m",
				       t->ifname);
	return 0;
}

static int start_queues(struct net_tap *t, struct err *e)
{
	int rc = 0;

	netdev_alloc_queues(&t->nd, t->nfds);
	for (unsigned i = 0; i < t->nfds && !rc; i++) {
		rc = set_header(t, t->fds[i], t->nd.vnet, e);
		if (!rc)
			rc = netdev_queue_fd(&t->nd, i, t->fds[i], e);
		if (t->nvhost)
			t->nd.q[i].vhost_fd = t->vhost_fds[i];
	}
	return rc;
}

static int tap_open(struct netdev *nd, struct opts *o, struct err *e)
{
	struct net_tap *t = to_tap(nd);
	const char *fd = opts_take(o, "fd"), *fds = opts_take(o, "fds");
	const char *up = script(o, "script"), *down = script(o, "downscript");
	int rc;

	if (opts_take(o, "br") || opts_take(o, "helper"))
		return err_set(e, -ENOTSUP, "not supported yet: br= and "
			       "helper= of tap");
	if ((fd || fds) && (up || down || opts_find(o, "ifname") ||
			    opts_find(o, "queues") ||
			    opts_find(o, "vnet_hdr")))
		return err_set(e, -EINVAL, "ifname=, queues=, vnet_hdr=, "
			       "script= and downscript= do not go with fd= "
			       "or fds=");
	rc = fd || fds ? adopt_all(t, fd ? fd : fds, e) : open_all(t, o, e);
	if (!rc)
		rc = set_sndbuf(t, o, e);
	if (!rc)
		rc = take_vhost(t, o, e);
	if (!rc)
		rc = opts_check_taken(o, e);
	if (!rc)
		rc = start_queues(t, e);
	if (!rc && up)
		rc = broker_script(netdev_broker(nd), up, t->ifname, e);
	if (!rc && down)
		rc = broker_remember(netdev_broker(nd), down, e);
	if (!rc && down)
		t->downscript = strdup(down);
	return rc;
}

static void tap_close(struct netdev *nd)
{
	struct net_tap *t = to_tap(nd);
	struct err e = { 0 };

	if (t->downscript && broker_script(netdev_broker(nd), t->downscript,
					   t->ifname, &e) < 0)
		log_warn("%s", e.msg);
	for (unsigned i = 0; i < t->nfds; i++)
		close(t->fds[i]);
	for (unsigned i = 0; i < t->nvhost; i++)
		close(t->vhost_fds[i]);
	free(t->downscript);
}

/* --- frames ---------------------------------------------------------------- */

static int tap_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		    unsigned n)
{
	if (writev(nd->q[q].fd, iov, n) >= 0)
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t tap_recv(struct netdev *nd, unsigned q,
			const struct iovec *iov, unsigned n)
{
	return readv(nd->q[q].fd, iov, n);
}

static void tap_offloads(struct netdev *nd, unsigned flags)
{
	struct net_tap *t = to_tap(nd);
	unsigned long f = (flags & NETDEV_CSUM ? TUN_F_CSUM : 0) |
			  (flags & NETDEV_TSO4 ? TUN_F_TSO4 : 0) |
			  (flags & NETDEV_TSO6 ? TUN_F_TSO6 : 0) |
			  (flags & NETDEV_ECN && flags & (NETDEV_TSO4 |
			   NETDEV_TSO6) ? TUN_F_TSO_ECN : 0) |
			  (flags & NETDEV_UFO && nd->ufo ? TUN_F_UFO : 0);

	t->offloads = flags;
	if (!(f & TUN_F_CSUM))         /* the others rest on it            */
		f = 0;
	for (unsigned i = 0; i < t->nfds; i++)
		ioctl(t->fds[i], TUNSETOFFLOAD, f);
}

/* Queues the card does not use must not get frames. */
static void tap_use_queues(struct netdev *nd, unsigned n)
{
	struct net_tap *t = to_tap(nd);

	for (unsigned i = 1; i < t->nfds; i++) {
		struct ifreq r = { .ifr_flags = i < n ? IFF_ATTACH_QUEUE
						      : IFF_DETACH_QUEUE };

		ioctl(t->fds[i], TUNSETQUEUE, &r);
	}
}

static void tap_describe(struct netdev *nd, struct strbuf *out)
{
	struct net_tap *t = to_tap(nd);

	if (t->handed)
		strbuf_addf(out, "fd=%d", t->fds[0]);
	else
		strbuf_addf(out, "ifname=%s,script=no,downscript=%s",
			    t->ifname, t->downscript ? t->downscript : "no");
	if (t->nfds > 1)
		strbuf_addf(out, ",queues=%u", t->nfds);
	if (t->nvhost)
		strbuf_addstr(out, ",vhost=on");
}

const struct netdev_ops net_tap = {
	.name       = "tap",
	.summary    = "a tap interface of the host",
	.size       = sizeof(struct net_tap),
	.open       = tap_open,
	.close      = tap_close,
	.send       = tap_send,
	.recv       = tap_recv,
	.offloads   = tap_offloads,
	.use_queues = tap_use_queues,
	.describe   = tap_describe,
	.send_anywhere = true,
};
