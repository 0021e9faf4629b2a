/* SPDX-License-Identifier: MIT */
/*
 * vhost: the host's kernel works two of a device's rings itself
 * (linux/vhost.h).  Kicks reach it as eventfds; its interrupts come back as
 * eventfds, which the main loop turns into the transport's.
 *
 * One door: every ioctl goes through vhost_ioctl, which a test replaces by
 * device_env.vhost_ioctl.
 *
 * Invariants:
 *  1. A queue the kernel works has virtio_queue.vhost set, and nobody here
 *     touches its ring; start lends the rings, stop takes them back where the
 *     kernel got to.
 *  2. Split rings only: vhost_withheld is not offered to the guest.
 *
 * Life: vhost_init -> (vhost_start -> vhost_stop)* -> vhost_fini.
 */
#ifndef MOTE_VIRTIO_VHOST_H
#define MOTE_VIRTIO_VHOST_H

#include "virtio/virtio.h"

enum { VHOST_RINGS = 2 };

struct vhost {
	struct virtio *v;
	const char *name;              /* "vhost-net"                      */
	int fd;                        /* borrowed                         */
	u64 features;                  /* the kernel's                     */
	unsigned first;                /* number of its first queue        */
	/* Begin or end, once rings are set up: the kind's own ioctls.
	 * 0 or -errno. [vcpu, loop] */
	int (*run)(struct vhost *h, bool on);
	int call_fd[VHOST_RINGS], err_fd;
	bool running;
};

/* `h` has v, name, fd, first and run; the rest is filled in. [loop] */
int  vhost_init(struct vhost *h, struct err *e);
/* Stopped before; zeroed and never initialised is fine. [loop] */
void vhost_fini(struct vhost *h);
/* Ring features the kernel cannot keep. */
u64  vhost_withheld(const struct vhost *h);

/* --- device lock held --- */
/* Both queues are enabled.  `extra`: feature bits the guest knows nothing
 * of. [vcpu, loop] */
int  vhost_start(struct vhost *h, u64 extra, struct err *e);
void vhost_stop(struct vhost *h);              /* [vcpu, loop] */

/* 0 and up, or -errno. */
int  vhost_ioctl(const struct vhost *h, unsigned long request, void *arg);

#endif
