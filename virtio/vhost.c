// SPDX-License-Identifier: MIT
/*
 * vhost: rings lent to the host's kernel and taken back.  See vhost.h.
 *
 * Talks to: a vhost device of the kernel; virtq, for where rings are.
 * Never:    looks at a ring it lent.
 */
#include "virtio/vhost.h"

#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What the kernel must know if the guest is to use it. */
static const u64 ring_features =
	BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_F_INDIRECT_DESC) |
	BIT64(VIRTIO_F_EVENT_IDX);
/* What we could not take back. */
static const u64 never =
	BIT64(VIRTIO_F_RING_PACKED) | BIT64(VIRTIO_F_IN_ORDER) |
	BIT64(VIRTIO_F_RING_RESET) | BIT64(VIRTIO_F_ACCESS_PLATFORM);

int vhost_ioctl(const struct vhost *h, unsigned long request, void *arg)
{
	const struct device_env *env = h->v->pci.dev.env;
	int rc;

	if (env->vhost_ioctl)
		return env->vhost_ioctl(h->fd, request, arg);
	rc = ioctl(h->fd, request, arg);
	return rc < 0 ? -errno : rc;
}

u64 vhost_withheld(const struct vhost *h)
{
	return (ring_features & ~h->features) | never;
}

/* --- interrupts and complaints --------------------------------------------- */

static void on_call(void *opaque, u32 events)
{
	struct vhost *h = opaque;
	struct virtio *v = h->v;

	(void)events;
	virtio_lock(v);
	for (unsigned i = 0; v->q && i < VHOST_RINGS; i++) {
		if (h->running && v->started)
			v->transport->notify_queue(v, h->first + i);
		virtio_queue_listen(v, h->first + i);
	}
	virtio_unlock(v);
}

static void on_error(void *opaque, u32 events)
{
	struct vhost *h = opaque;

	(void)events;
	virtio_lock(h->v);
	if (h->running)
		virtio_break(h->v, "a ring the host's kernel refused");
	vhost_stop(h);
	virtio_unlock(h->v);
}

/* --- life ------------------------------------------------------------------ */

static int make_event(struct vhost *h, int *fd, loop_fd_fn *fn)
{
	struct loop *l = h->v->pci.dev.env->loop;

	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return -errno;
	return loop_watch(l, *fd, EPOLLIN | EPOLLET, fn, h);
}

static void drop_event(struct vhost *h, int fd)
{
	if (fd < 0)
		return;
	loop_unwatch(h->v->pci.dev.env->loop, fd);
	close(fd);
}

int vhost_init(struct vhost *h, struct err *e)
{
	int rc;

	h->call_fd[0] = h->call_fd[1] = h->err_fd = -1;
	rc = vhost_ioctl(h, VHOST_SET_OWNER, NULL);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_GET_FEATURES, &h->features);
	if (rc < 0) {
		err_set(e, rc, "%s: descriptor %d: %s", h->name, h->fd,
			strerror(-rc));
		goto fail;
	}
	if (!(h->features >> VIRTIO_F_VERSION_1 & 1)) {
		rc = err_set(e, -ENOTSUP, "%s of this kernel does not know "
			     "virtio 1", h->name);
		goto fail;
	}
	for (unsigned i = 0; !rc && i < VHOST_RINGS; i++)
		rc = make_event(h, &h->call_fd[i], on_call);
	if (!rc)
		rc = make_event(h, &h->err_fd, on_error);
	if (!rc)
		return 0;
	err_set(e, rc, "%s: an eventfd: %s", h->name, strerror(-rc));
fail:
	vhost_fini(h);
	return rc;
}

void vhost_fini(struct vhost *h)
{
	if (!h->v)
		return;
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		drop_event(h, h->call_fd[i]);
	drop_event(h, h->err_fd);
	*h = (struct vhost){ .fd = -1 };
}

/* --- running --------------------------------------------------------------- */

/* Guest RAM, as the kernel is to see it.  ROM is not for writing. */
static int set_memory(const struct vhost *h)
{
	const struct gmem_block *const *b;
	struct vhost_memory *m;
	unsigned n;
	int rc;

	b = gmem_blocks(h->v->pci.dev.env->gmem, &n);
	m = calloc(1, sizeof(*m) + n * sizeof(m->regions[0]));
	if (!m)
		abort();
	for (unsigned i = 0; i < n; i++)
		if (!(b[i]->flags & GMEM_ROM))
			m->regions[m->nregions++] =
				(struct vhost_memory_region){
					.guest_phys_addr = b[i]->gpa,
					.memory_size = b[i]->len,
					.userspace_addr = (uintptr_t)b[i]->host,
				};
	rc = vhost_ioctl(h, VHOST_SET_MEM_TABLE, m);
	free(m);
	return rc;
}

static int set_ring(const struct vhost *h, unsigned i)
{
	struct virtio_queue *q = &h->v->q[h->first + i];
	struct vhost_vring_file kick = { i, q->kick_fd };
	struct vhost_vring_file call = { i, h->call_fd[i] };
	struct vhost_vring_file error = { i, h->err_fd };
	struct vhost_vring_state num = { i, q->vq.size };
	struct vhost_vring_state base = { i, q->vq.avail_idx };
	struct vhost_vring_addr at = { .index = i };
	struct virtq_areas a;
	int rc;

	if (!virtq_lend(&q->vq, &a))
		return -EINVAL;
	at.desc_user_addr = (uintptr_t)a.desc;
	at.avail_user_addr = (uintptr_t)a.driver;
	at.used_user_addr = (uintptr_t)a.device;
	rc = vhost_ioctl(h, VHOST_SET_VRING_NUM, &num);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_SET_VRING_BASE, &base);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_SET_VRING_ADDR, &at);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_SET_VRING_KICK, &kick);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_SET_VRING_CALL, &call);
	if (!rc)
		rc = vhost_ioctl(h, VHOST_SET_VRING_ERR, &error);
	return rc;
}

int vhost_start(struct vhost *h, u64 extra, struct err *e)
{
	u64 features = (h->v->features & h->features) | extra;
	int rc;

	assert(!h->running);
	rc = vhost_ioctl(h, VHOST_SET_FEATURES, &features);
	if (!rc)
		rc = set_memory(h);
	for (unsigned i = 0; !rc && i < VHOST_RINGS; i++)
		rc = set_ring(h, i);
	if (!rc) {
		rc = h->run(h, true);
		if (rc < 0)
			h->run(h, false);
	}
	if (rc < 0)
		return err_set(e, rc, "%s: cannot start: %s", h->name,
			       strerror(-rc));
	h->running = true;
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		h->v->q[h->first + i].vhost = h;
	return 0;
}

void vhost_stop(struct vhost *h)
{
	const u64 one = 1;

	if (!h->running)
		return;
	h->running = false;
	h->run(h, false);
	for (unsigned i = 0; i < VHOST_RINGS; i++) {
		struct virtio_queue *q = &h->v->q[h->first + i];
		struct vhost_vring_state base = { .index = i };

		q->vhost = NULL;
		if (vhost_ioctl(h, VHOST_GET_VRING_BASE, &base) >= 0)
			virtq_take_back(&q->vq, base.num);
		else
			virtio_break(h->v, "the host's kernel lost a ring");
		if (h->v->started)     /* a call may be on its way still   */
			h->v->transport->notify_queue(h->v, h->first + i);
		/* The loop listens to kicks again: on_call. */
		if (write(h->call_fd[i], &one, sizeof(one)) < 0)
			continue;      /* full: it is pending already      */
	}
}
