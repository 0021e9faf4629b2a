// SPDX-License-Identifier: MIT
/*
 * virtio-net: queues lent to the host's kernel (vhost-net), one vhost device a
 * pair; the control queue stays here.
 *
 * Talks to: vhost.h; the netdev for its descriptors.
 * Never:    keeps a ring lent while the VM is paused, the cable is out or the
 *           driver is gone.
 *
 * Where the kernel cannot start, frames pass through here as without vhost.
 * What the guest's filter would keep out comes in: the kernel does not know it.
 */
#include "virtio/virtio_net.h"

#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>

#include "vmm/base/log.h"

static unsigned pair_of(const struct vhost *h)
{
	return h->first / 2;
}

/* The tap becomes, or is no more, where the pair's frames go. */
static int net_run(struct vhost *h, bool on)
{
	struct virtio_net *n = to_net(h->v);
	int rc = 0;

	for (unsigned i = 0; i < VHOST_RINGS; i++) {
		struct vhost_vring_file f = { .index = i, .fd = -1 };
		int one;

		if (on)
			f.fd = netdev_tap_fd(n->netdev, pair_of(h));
		one = vhost_ioctl(h, VHOST_NET_SET_BACKEND, &f);
		if (!rc)
			rc = one;
	}
	return rc;
}

static u64 header_feature(const struct virtio_net *n)
{
	return netdev_vnet(n->netdev) ? 0 : BIT64(VHOST_NET_F_VIRTIO_NET_HDR);
}

static int open_pair(struct virtio_net *n, unsigned pair, struct err *e)
{
	struct vhost *h = &n->vhost[pair];
	int rc;

	*h = (struct vhost){ .v = &n->v, .name = "vhost-net",
			     .fd = netdev_vhost_fd(n->netdev, pair),
			     .first = 2 * pair, .run = net_run };
	rc = vhost_init(h, e);
	if (rc < 0)
		return rc;
	if (header_feature(n) & ~h->features)
		return err_set(e, -ENOTSUP, "vhost-net of this kernel needs "
			       "vnet_hdr=on");
	n->v.withheld |= vhost_withheld(h) |
			 (~h->features & BIT64(VIRTIO_NET_F_MRG_RXBUF));
	return 0;
}

int vnet_vhost_open(struct virtio_net *n, struct err *e)
{
	int rc = 0;

	n->v.withheld = 0;
	if (!n->netdev || netdev_vhost_fd(n->netdev, 0) < 0)
		return 0;
	n->vhost = calloc(n->pairs, sizeof(*n->vhost));
	if (!n->vhost)
		abort();
	for (unsigned i = 0; !rc && i < n->pairs; i++)
		rc = open_pair(n, i, e);
	return rc;
}

/* Out of a vCPU's sight first, which may be resetting the card just now. */
void vnet_vhost_close(struct virtio_net *n)
{
	struct vhost *all;

	virtio_lock(&n->v);
	all = n->vhost;
	n->vhost = NULL;
	virtio_unlock(&n->v);
	for (unsigned i = 0; all && i < n->pairs; i++)
		vhost_fini(&all[i]);
	free(all);
}

static bool wanted(const struct virtio_net *n)
{
	return n->netdev && netdev_link(n->netdev) && virtio_running(&n->v) &&
	       !n->vhost_failed;
}

static bool enabled(const struct vhost *h)
{
	return virtio_q(h->v, h->first)->enabled &&
	       virtio_q(h->v, h->first + 1)->enabled;
}

static void start_pair(struct virtio_net *n, struct vhost *h)
{
	struct err e = { 0 };

	if (h->running || !enabled(h))
		return;
	n->rx[pair_of(h)].held = 0;    /* a frame that waited for buffers  */
	if (vhost_start(h, header_feature(n), &e) == 0)
		return;
	n->vhost_failed = true;
	if (!n->vhost_complained)      /* a guest may try for ever         */
		log_warn("%s; frames pass through mote", e.msg);
	n->vhost_complained = true;
}

void vnet_vhost_update(struct virtio_net *n)
{
	for (unsigned i = 0; n->vhost && wanted(n) && i < n->pairs; i++)
		start_pair(n, &n->vhost[i]);
	for (unsigned i = 0; n->vhost && !wanted(n) && i < n->pairs; i++)
		vhost_stop(&n->vhost[i]);
}
