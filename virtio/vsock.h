/* SPDX-License-Identifier: MIT */
/*
 * What the two vsock devices have in common (virtio 1.2, 5.10): the one of
 * virtio_vsock.h, whose host side is unix sockets, and the kernel's
 * (vhost_vsock.c).
 */
#ifndef MOTE_VIRTIO_VSOCK_H
#define MOTE_VIRTIO_VSOCK_H

#include <errno.h>

#include "virtio/virtio.h"

enum { VSOCK_F_STREAM = 0, VSOCK_F_SEQPACKET = 1, VSOCK_CONFIG_LEN = 8 };

/* The first rows of a struct virtio_class. */
#define VSOCK_CLASS(name_) \
	.name = (name_), .id = VIRTIO_ID_VSOCK, \
	.queues = 3, .queue_size = 128, .config_size = VSOCK_CONFIG_LEN, \
	.features = BIT64(VSOCK_F_STREAM), \
	.feature_names = (const char *const[64]){ \
		[VSOCK_F_STREAM] = "stream", \
		[VSOCK_F_SEQPACKET] = "seqpacket", \
	}

/* S has a u64 guest_cid; its own properties follow. */
#define VSOCK_DEVICE(cname, name_, s, vc, sum, ...) \
VIRTIO_DEVICE(cname, name_, s, vc, VIRTIO_ID_VSOCK, 0x078000, \
	      virtio_no_state, "Misc", sum, \
	PROP("guest-cid", PROP_U64, s, guest_cid, "0", \
	     "the guest's context id, 3 or more"), __VA_ARGS__)

/* Realize: the configuration space is the CID, if it can be one. */
static inline int vsock_set_cid(struct virtio *v, u64 cid, struct err *e)
{
	if (cid < 3 || cid >= UINT32_MAX)
		return err_set(e, -EINVAL, "guest-cid=%llu is not 3 to "
			       "4294967294", (unsigned long long)cid);
	virtio_config_put(v, 0, cid, VSOCK_CONFIG_LEN);
	return 0;
}

#endif
