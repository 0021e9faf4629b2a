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

#include "vmm/base/log.h"
#include "vmm/base/opts.h"

enum { F_STREAM = 0, F_SEQPACKET = 1, CONFIG_LEN = 8 };

struct vhost_vsock {
	struct virtio v;
	u64 guest_cid;                 /* properties */
	char *vhostfd;
	int fd;
	struct vhost vhost;
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

static void update(struct vhost_vsock *s)
{
	struct err e = { 0 };

	if (!virtio_running(&s->v)) {
		vhost_stop(&s->vhost);
		return;
	}
	if (s->vhost.running || vhost_start(&s->vhost, 0, &e) == 0)
		return;
	log_warn("%s", e.msg);
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

static void vsock_kick(struct virtio *v, unsigned q)
{
	(void)v;                       /* the event queue's buffers wait   */
	(void)q;
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
	int rc;

	s->fd = -1;
	if (s->guest_cid < 3 || s->guest_cid >= UINT32_MAX)
		return err_set(e, -EINVAL, "guest-cid=%llu is not 3 to "
			       "4294967294", (unsigned long long)s->guest_cid);
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
	v->offered |= s->vhost.features & BIT64(F_SEQPACKET);
	virtio_config_put(v, 0, s->guest_cid, 8);
	return 0;
}

static const char *const feature_names[64] = {
	[F_STREAM] = "stream", [F_SEQPACKET] = "seqpacket",
};

static const struct virtio_class vsock_class = {
	.name          = "vhost-vsock",
	.id            = VIRTIO_ID_VSOCK,
	.queues        = 3,
	.queue_size    = 128,
	.config_size   = CONFIG_LEN,
	.features      = BIT64(F_STREAM),
	.feature_names = feature_names,
	.realize       = vsock_realize,
	.unrealize     = vsock_unrealize,
	.reset         = vsock_changed,
	.start         = vsock_changed,
	.kick          = vsock_kick,
	.quiesce       = vsock_paused,
	.resume        = vsock_paused,
};

VIRTIO_DEVICE(vhost_vsock, "vhost-vsock", struct vhost_vsock, vsock_class,
	      VIRTIO_ID_VSOCK, 0x078000, virtio_no_state, "Misc",
	      "Virtio sockets, by the host's kernel",
	PROP("guest-cid", PROP_U64, struct vhost_vsock, guest_cid, "0",
	     "the guest's context id, 3 or more"),
	PROP("vhostfd", PROP_STR, struct vhost_vsock, vhostfd, NULL,
	     "/dev/vhost-vsock, opened by who started us"),);
