/* SPDX-License-Identifier: MIT */
/*
 * A guest's driver for one virtio-mmio device under test: memory, split rings
 * at fixed places, and the main loop in turns.
 */
#ifndef TEST_VIRTIO_GUEST_H
#define TEST_VIRTIO_GUEST_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/device_fake.h"
#include "virtio/virtio.h"

#ifndef G_RING
#define G_RING 64                      /* places of each ring              */
#endif

enum { G_RAM = 4 << 20, G_QUEUE = 0x4000, G_DATA = 1 << 20 };

struct g_queue {
	u16 desc, avail, used;         /* next free, next to publish, seen */
};

static struct {
	struct virtio *v;
	u8 *ram;
	struct g_queue q[16];
	u64 data;                      /* next free byte                   */
} g;

struct g_desc { u64 addr; u32 len; u16 flags, next; };

static inline u64 g_base(unsigned q)
{
	return 0x10000 + q * G_QUEUE;
}

static inline struct g_desc *g_descs(unsigned q)
{
	return (void *)(g.ram + g_base(q));
}

static inline u16 *g_avail(unsigned q)
{
	return (void *)(g.ram + g_base(q) + 0x1000);
}

static inline u16 *g_used(unsigned q)
{
	return (void *)(g.ram + g_base(q) + 0x2000);
}

/* A device of this class with "key=value" properties, not started. */
static inline int g_realize(const char *class, const char *const *props,
			    struct err *e)
{
	int rc = 0;

	fake.dev = device_create(device_class_find(class), "d0", &fake.env);
	for (; *props && !rc; props += 2)
		rc = device_set_prop(fake.dev, props[0], props[1], e);
	if (!rc)
		rc = device_set_prop(fake.dev, "base", "0xfeb00000", e);
	if (!rc)
		rc = device_set_prop(fake.dev, "gsi", "5", e);
	if (!rc)
		rc = device_realize(fake.dev, e);
	return rc;
}

static inline void g_memory(void)
{
	fake_machine_up(0);
	memset(&g, 0, sizeof(g));
	assert_int_equal(gmem_add(fake.env.gmem, "ram", 0, G_RAM, -1, 0, 0,
				  NULL), 0);
	g.ram = gmem_ptr(fake.env.gmem, 0, G_RAM);
	g.data = G_DATA;
}

/* As a driver does: features, queues, DRIVER_OK. */
/* Lock held. */
static inline void g_set_up_queue(unsigned i)
{
	struct virtio *v = g.v;

	memset(g.ram + g_base(i), 0, G_QUEUE);
	memset(&g.q[i], 0, sizeof(g.q[i]));
	v->queue_sel = i;
	virtio_queue_size(v, G_RING);
	virtio_queue_addr(v, &v->q[i].vq.desc, false, g_base(i));
	virtio_queue_addr(v, &v->q[i].vq.driver, false, g_base(i) + 0x1000);
	virtio_queue_addr(v, &v->q[i].vq.device, false, g_base(i) + 0x2000);
	virtio_queue_enable(v);
	assert_true(v->q[i].vq.enabled);
}

static inline void g_start(u64 features)
{
	struct virtio *v = g.v = to_virtio(fake.dev);

	lock_take(&v->pci.dev.lock);
	virtio_set_status(v, 0);
	virtio_set_status(v, 3);
	features |= BIT64(VIRTIO_F_VERSION_1);
	virtio_accept(v, 0, features);
	virtio_accept(v, 1, features >> 32);
	virtio_set_status(v, 11);
	assert_true(v->status & VIRTIO_S_FEATURES_OK);
	for (unsigned i = 0; i < v->nqueues && i < ARRAY_LEN(g.q); i++)
		g_set_up_queue(i);
	virtio_set_status(v, 15);
	lock_drop(&v->pci.dev.lock);
}

static inline void g_turns(unsigned n)
{
	while (n--) {
		fake_turn();
		usleep(200);
	}
}

static inline u64 g_alloc(u32 len)
{
	u64 at = g.data;

	g.data += ALIGN_UP(len, 64);
	assert_true(g.data <= G_RAM);
	return at;
}

/* A chain of `nout` readable and `nin` writable buffers; its head. */
static inline u16 g_chain(unsigned q, const struct g_desc *d, unsigned nout,
			  unsigned nin)
{
	struct g_queue *s = &g.q[q];
	const u16 head = s->desc;

	for (unsigned i = 0; i < nout + nin; i++) {
		const u16 at = s->desc, next = (at + 1) % G_RING;

		g_descs(q)[at] = (struct g_desc){
			.addr = d[i].addr, .len = d[i].len,
			.flags = (i + 1 < nout + nin ? 1 : 0) |
				 (i >= nout ? 2 : 0),
			.next = next,
		};
		s->desc = next;
	}
	g_avail(q)[2 + s->avail % G_RING] = head;
	s->avail++;
	g_avail(q)[1] = s->avail;
	return head;
}

/* While the device is busy: the loop hears of it. */
static inline void g_kick(unsigned q)
{
	lock_take(&g.v->pci.dev.lock);
	virtio_queue_kick(g.v, q);
	lock_drop(&g.v->pci.dev.lock);
	g_turns(3);
}

/* A buffer to read; where it is. */
static inline u64 g_out(unsigned q, const void *p, u32 len)
{
	struct g_desc d = { .addr = g_alloc(len), .len = len };

	memcpy(g.ram + d.addr, p, len);
	g_chain(q, &d, 1, 0);
	return d.addr;
}

static inline u64 g_in(unsigned q, u32 len)
{
	struct g_desc d = { .addr = g_alloc(len), .len = len };

	g_chain(q, &d, 0, 1);
	return d.addr;
}

/* Chains used and not yet seen; the length of the first, then it is seen. */
static inline unsigned g_done(unsigned q)
{
	return (u16)(g_used(q)[1] - g.q[q].used);
}

static inline u32 g_take(unsigned q)
{
	u32 e[2];

	assert_true(g_done(q));
	memcpy(e, (u8 *)g_used(q) + 4 + 8 * (g.q[q].used++ % G_RING), 8);
	return e[1];
}

/* --- a CPU that fills a queue as fast as it empties ------------------------ */

static struct {
	pthread_t thread;
	unsigned q;
	bool over;
} g_flooder;

static inline void *g_flood_run(void *opaque)
{
	const unsigned q = g_flooder.q;

	(void)opaque;
	while (!__atomic_load_n(&g_flooder.over, __ATOMIC_RELAXED))
		__atomic_store_n(&g_avail(q)[1], (u16)(G_RING +
				 __atomic_load_n(&g_used(q)[1],
						 __ATOMIC_RELAXED)),
				 __ATOMIC_RELEASE);
	return NULL;
}

/* Every place is this buffer, for ever: a turn of the loop takes some. */
static inline void g_flood(unsigned q, u64 addr, u32 len, bool write)
{
	for (u16 i = 0; i < G_RING; i++) {
		g_descs(q)[i] = (struct g_desc){ addr, len, write ? 2 : 0, 0 };
		g_avail(q)[2 + i] = i;
	}
	g_flooder.q = q;
	g_flooder.over = false;
	pthread_create(&g_flooder.thread, NULL, g_flood_run, NULL);
	alarm(60);
	for (unsigned i = 0; i < 50 || !g_used(q)[1]; i++) {
		const u16 was = g_used(q)[1];

		virtio_kick_later(g.v, q);
		g_turns(1);
		assert_in_range((u16)(g_used(q)[1] - was), 0,
				g.v->queue_size);
	}
	alarm(0);
	g_flooder.over = true;
	pthread_join(g_flooder.thread, NULL);
}

static inline bool g_broken(void)
{
	return g.v->status & VIRTIO_S_NEEDS_RESET;
}

#endif
