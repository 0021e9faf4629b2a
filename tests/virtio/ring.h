/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of a split ring, fast: a driver in C for the soak and for
 * measuring, on the memory of a fake machine.  The device may run on another
 * thread.
 */
#ifndef MOTE_TESTS_VIRTIO_RING_H
#define MOTE_TESTS_VIRTIO_RING_H

#include <string.h>

#include "virtio/virtio.h"

enum { RING_MAX = 256, RING_SPAN = 0x4000, RING_AVAIL = 0x1000,
       RING_USED = 0x2000 };

struct ring_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	struct virtio *v;
	unsigned index, size;
	u64 gpa;
	struct ring_desc *desc;
	volatile u16 *avail, *used;
	u16 next_avail, next_used;
	u16 free[RING_MAX], nfree;     /* heads; each owns `span` places   */
	unsigned span;
};

/* As a driver does on the way to DRIVER_OK; false: it was refused. */
static inline bool ring_start_device(struct virtio *v, u64 features,
				     struct ring *r, unsigned n)
{
	bool ok;

	virtio_lock(v);
	virtio_set_status(v, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	features |= BIT64(VIRTIO_F_VERSION_1);
	virtio_accept(v, 0, features);
	virtio_accept(v, 1, features >> 32);
	virtio_set_status(v, v->status | VIRTIO_S_FEATURES_OK);
	for (unsigned i = 0; i < n; i++) {
		v->queue_sel = r[i].index;
		virtio_queue_size(v, r[i].size);
		virtio_queue_addr(v, &v->q[r[i].index].vq.desc, false,
				  r[i].gpa);
		virtio_queue_addr(v, &v->q[r[i].index].vq.driver, false,
				  r[i].gpa + RING_AVAIL);
		virtio_queue_addr(v, &v->q[r[i].index].vq.device, false,
				  r[i].gpa + RING_USED);
		virtio_queue_enable(v);
	}
	virtio_set_status(v, v->status | VIRTIO_S_DRIVER_OK);
	ok = v->started;
	virtio_unlock(v);
	return ok;
}

/* Before ring_start_device; `span` places a chain. */
static inline void ring_init(struct ring *r, struct virtio *v, unsigned index,
			     u8 *ram, u64 gpa, unsigned size, unsigned span)
{
	memset(r, 0, sizeof(*r));
	memset(ram + gpa, 0, RING_SPAN);
	r->v = v;
	r->index = index;
	r->size = size;
	r->gpa = gpa;
	r->span = span;
	r->desc = (void *)(ram + gpa);
	r->avail = (void *)(ram + gpa + RING_AVAIL);
	r->used = (void *)(ram + gpa + RING_USED);
	for (unsigned i = 0; i + span <= size; i += span)
		r->free[r->nfree++] = i;
}

/* The head to fill desc[head .. head + span) of; -1: all are out. */
static inline int ring_get(struct ring *r)
{
	return r->nfree ? r->free[--r->nfree] : -1;
}

static inline void ring_put(struct ring *r, u16 head)
{
	r->free[r->nfree++] = head;
}

static inline void ring_publish(struct ring *r, u16 head)
{
	r->avail[2 + r->next_avail % r->size] = head;
	__atomic_store_n(&r->avail[1], ++r->next_avail, __ATOMIC_RELEASE);
}

/* Does the device want to hear of it?  Then its eventfd, as KVM would. */
static inline bool ring_kick(struct ring *r, bool event_idx, u16 old)
{
	const volatile u16 *event = r->used + 2 + 4 * r->size;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (event_idx ? (u16)(r->next_avail - *event - 1) >=
			(u16)(r->next_avail - old) : r->used[0] & 1)
		return false;
	virtio_kick_later(r->v, r->index);
	return true;
}

/* The next chain that came back; -1: none. */
static inline int ring_take(struct ring *r, u32 *len)
{
	const volatile u32 *e;

	if (__atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) == r->next_used)
		return -1;
	e = (const volatile u32 *)(r->used + 2) + 2 * (r->next_used % r->size);
	r->next_used++;
	*len = e[1];
	return e[0];
}

static inline unsigned ring_out(const struct ring *r)
{
	return r->size / r->span - r->nfree;
}

#endif
