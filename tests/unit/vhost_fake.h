/* SPDX-License-Identifier: MIT */
/*
 * A kernel with vhost: remembers what it was told, by descriptor, and moves
 * nothing unless a test does.
 */
#ifndef TEST_VHOST_FAKE_H
#define TEST_VHOST_FAKE_H

#include "tests/unit/virtio_guest.h"

#include <errno.h>
#include <linux/vhost.h>

#include "virtio/vhost.h"

struct fake_ring {
	struct vhost_vring_addr addr;
	unsigned num, base;
	int kick, call, err, backend;
};

static struct {
	u64 offers, features, cid;
	unsigned regions;
	struct vhost_memory_region region[8];
	struct fake_ring ring[2];
	int owners, running;
	unsigned long refuse;          /* this request fails with `why`    */
	int why;
} kernel;

static inline int fake_vring_file(unsigned long req,
				  const struct vhost_vring_file *f)
{
	struct fake_ring *r = &kernel.ring[f->index];

	switch (req) {
	case VHOST_SET_VRING_KICK:   r->kick = f->fd;    return 0;
	case VHOST_SET_VRING_CALL:   r->call = f->fd;    return 0;
	case VHOST_SET_VRING_ERR:    r->err = f->fd;     return 0;
	case VHOST_NET_SET_BACKEND:  r->backend = f->fd; return 0;
	default:                     return -ENOTTY;
	}
}

static inline int fake_memory(const struct vhost_memory *m)
{
	assert_true(m->nregions <= ARRAY_LEN(kernel.region));
	kernel.regions = m->nregions;
	memcpy(kernel.region, m->regions,
	       m->nregions * sizeof(m->regions[0]));
	return 0;
}

static inline int fake_vhost(int fd, unsigned long req, void *arg)
{
	struct vhost_vring_state *s = arg;

	(void)fd;
	if (req == kernel.refuse)
		return kernel.why;
	switch (req) {
	case VHOST_SET_OWNER:        kernel.owners++;               return 0;
	case VHOST_GET_FEATURES:     *(u64 *)arg = kernel.offers;   return 0;
	case VHOST_SET_FEATURES:     kernel.features = *(u64 *)arg; return 0;
	case VHOST_SET_MEM_TABLE:    return fake_memory(arg);
	case VHOST_SET_VRING_NUM:    kernel.ring[s->index].num = s->num;
				     return 0;
	case VHOST_SET_VRING_BASE:   kernel.ring[s->index].base = s->num;
				     return 0;
	case VHOST_GET_VRING_BASE:   s->num = kernel.ring[s->index].base;
				     return 0;
	case VHOST_SET_VRING_ADDR:
		kernel.ring[s->index].addr = *(struct vhost_vring_addr *)arg;
		return 0;
	case VHOST_VSOCK_SET_GUEST_CID: kernel.cid = *(u64 *)arg;   return 0;
	case VHOST_VSOCK_SET_RUNNING: kernel.running = *(int *)arg; return 0;
	default:                     return fake_vring_file(req, arg);
	}
}

static inline void fake_vhost_up(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.ring[0].backend = kernel.ring[1].backend = -1;
	kernel.offers = BIT64(VIRTIO_F_VERSION_1) |
			BIT64(VIRTIO_F_INDIRECT_DESC) |
			BIT64(VIRTIO_F_EVENT_IDX);
	fake.env.vhost_ioctl = fake_vhost;
}

/* The kernel uses the next `n` chains of ring i, without a look at them. */
static inline void fake_vhost_work(unsigned i, unsigned n)
{
	struct fake_ring *r = &kernel.ring[i];
	u16 *used = (void *)(uintptr_t)r->addr.used_user_addr;
	u16 *avail = (void *)(uintptr_t)r->addr.avail_user_addr;
	const u64 one = 1;

	for (; n; n--, r->base++) {
		u32 *e = (u32 *)(used + 2) + 2 * (used[1] % r->num);

		e[0] = avail[2 + r->base % r->num];
		e[1] = 0;
		used[1]++;
	}
	assert_int_equal(write(r->call, &one, 8), 8);
}

/* As the driver's QueueReady = 0. */
static inline void fake_disable(unsigned q)
{
	virtio_lock(g.v);
	g.v->queue_sel = q;
	virtio_queue_disable(g.v);
	virtio_unlock(g.v);
}

static inline void fake_enable(unsigned q)
{
	virtio_lock(g.v);
	g_set_up_queue(q);
	virtio_unlock(g.v);
	g_turns(2);
}

#endif
