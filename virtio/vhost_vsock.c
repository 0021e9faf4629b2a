// SPDX-License-Identifier: MIT
/*
 * vhost-vsock: sockets between guest and host, moved by the host's kernel: the
 * host's side is AF_VSOCK (virtio 1.2, 5.10; linux/vhost.h).
 *
 * Talks to: /dev/vhost-vsock by vhost.h.  virtio_vsock.c needs no such device
 *           and speaks unix sockets.
 * Never:    touches the two rings of packets; the event queue stays empty.
 */
#include "virtio/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <unistd.h>

#include "virtio/vsock.h"
#include "vmm/base/log.h"
#include "vmm/base/opts.h"

struct vhost_vsock {
	struct virtio v;
	u64 guest_cid;                 /* properties */
	char *vhostfd;
	int fd;
	struct vhost vhost;
	bool complained;               /* of a start that failed           */
};

static struct vhost_vsock *of_virtio(struct virtio *v)
{
	return container_of(v, struct vhost_vsock, v);
}

static int vsock_run(struct vhost *h, bool on)
{
	int running = on;

	return vhost_ioctl(h, VHOST_VSOCK_SET_RUNNING, &running);
}

static bool have_rings(struct virtio *v)
{
	return virtio_q(v, 0)->enabled && virtio_q(v, 1)->enabled;
}

static void update(struct vhost_vsock *s)
{
	struct err e = { 0 };

	if (!virtio_running(&s->v)) {
		vhost_stop(&s->vhost);
		return;
	}
	if (s->vhost.running)
		return;
	if (!have_rings(&s->v)) {
		virtio_break(&s->v, "it has no rings for packets (5.10.2)");
		return;
	}
	if (vhost_start(&s->vhost, 0, &e) == 0)
		return;
	if (!s->complained)            /* a guest may try for ever         */
		log_warn("%s", e.msg);
	s->complained = true;
	virtio_break(&s->v, "vhost-vsock could not start");
}

static void vsock_changed(struct virtio *v)
{
	update(of_virtio(v));
}

static void vsock_paused(struct virtio *v)
{
	virtio_lock(v);
	update(of_virtio(v));
	virtio_unlock(v);
}

/* The kernel hears kicks itself, unless the driver had disabled a queue and has
 * both again.  The event queue's buffers wait. */
static void vsock_kick(struct virtio *v, unsigned q)
{
	(void)q;
	if (have_rings(v))
		update(of_virtio(v));
}

/* --- life ------------------------------------------------------------------ */

static int open_device(struct vhost_vsock *s, struct err *e)
{
	if (s->vhostfd) {
		s->fd = opts_fd(s->vhostfd, e);
		if (s->fd >= 0)
			fcntl(s->fd, F_SETFD, FD_CLOEXEC);
		return MIN(s->fd, 0);
	}
	s->fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (s->fd >= 0)
		return 0;
	err_set(e, -errno, "could not open /dev/vhost-vsock: %m");
	if (errno == ENOENT)
		err_hint(e, "Load the host's module: modprobe vhost_vsock; or "
			 "virtio-vsock with uds_path=PATH, which needs none.");
	return -errno;
}

static int take_cid(struct vhost_vsock *s, struct err *e)
{
	u64 cid = s->guest_cid;
	int rc = vhost_ioctl(&s->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid);

	if (rc < 0)
		err_set(e, rc, "guest-cid=%llu: %s",
			(unsigned long long)s->guest_cid, rc == -EADDRINUSE ?
			"another machine has it" : strerror(-rc));
	return rc;
}

static void vsock_unrealize(struct virtio *v)
{
	struct vhost_vsock *s = of_virtio(v);

	vhost_fini(&s->vhost);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int vsock_realize(struct virtio *v, struct err *e)
{
	struct vhost_vsock *s = of_virtio(v);
	int rc = vsock_set_cid(v, s->guest_cid, e);

	s->fd = -1;
	if (!rc)
		rc = open_device(s, e);
	if (rc < 0)
		return rc;
	s->vhost = (struct vhost){ .v = v, .name = "vhost-vsock", .fd = s->fd,
				   .run = vsock_run };
	rc = vhost_init(&s->vhost, e);
	if (!rc)
		rc = take_cid(s, e);
	if (rc < 0) {
		vsock_unrealize(v);
		return rc;
	}
	v->withheld = vhost_withheld(&s->vhost);
	v->offered |= s->vhost.features & BIT64(VSOCK_F_SEQPACKET);
	return 0;
}

static const struct virtio_class vsock_class = {
	VSOCK_CLASS("vhost-vsock"),
	.realize = vsock_realize, .unrealize = vsock_unrealize,
	.reset = vsock_changed, .start = vsock_changed, .kick = vsock_kick,
	.quiesce = vsock_paused, .resume = vsock_paused,
};

VSOCK_DEVICE(vhost_vsock, "vhost-vsock", struct vhost_vsock, vsock_class,
	     "Virtio sockets, by the host's kernel",
	PROP("vhostfd", PROP_STR, struct vhost_vsock, vhostfd, NULL,
	     "/dev/vhost-vsock, opened by who started us"),);
