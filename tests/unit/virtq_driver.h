/* SPDX-License-Identifier: MIT */
/*
 * The other side of a virtqueue, for tests: 1 MiB of guest memory with the
 * rings at its start, descriptors written by hand, used chains read back.
 */
#ifndef TEST_VIRTQ_DRIVER_H
#define TEST_VIRTQ_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "virtio/virtq.h"

#define RAM_LEN  (1024 * 1024u)
#define ROM_AT   0x200000u
#define DESC_AT  0x1000u
#define AVAIL_AT 0x4000u
#define USED_AT  0x6000u
#define TABLE_AT 0x8000u
#define DATA_AT  0x10000u

enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4, D_AVAIL = 0x80,
       D_USED = 0x8000 };

struct drv {
	struct gmem *gmem;
	u8 *ram;
	struct virtq q;
	struct virtq_chain c;
	struct iovec iov[64];
	bool packed;
	u16 avail, used;               /* ours                             */
	bool avail_wrap, used_wrap;
	int broken;
	const char *why;
};

static struct drv drv;

static inline void drv_on_broken(struct virtq *q, const char *why)
{
	(void)q;
	drv.broken++;
	drv.why = why;
}

static inline u16 *drv16(u32 at)
{
	return (u16 *)(void *)(drv.ram + at);
}

static inline void drv_down(void)
{
	virtq_fini(&drv.q);
	gmem_destroy(drv.gmem);
}

/* Memory and a queue of `size`, not enabled. */
static inline void drv_memory(u16 size)
{
	struct err e = { 0 };

	memset(&drv, 0, sizeof(drv));
	drv.gmem = gmem_create();
	assert_int_equal(gmem_add(drv.gmem, "ram", 0, RAM_LEN, -1, 0, GMEM_RAM,
				  &e), 0);
	assert_int_equal(gmem_add(drv.gmem, "rom", ROM_AT, 4096, -1, 0,
				  GMEM_ROM, &e), 0);
	drv.ram = gmem_ptr(drv.gmem, 0, RAM_LEN);
	virtq_init(&drv.q, drv.gmem, 0, 1024);
	drv.q.on_broken = drv_on_broken;
	drv.q.size = size;
	drv.q.desc = DESC_AT;
	drv.q.driver = AVAIL_AT;
	drv.q.device = USED_AT;
	drv.c.iov = drv.iov;
	drv.c.max = ARRAY_LEN(drv.iov);
	drv.avail_wrap = drv.used_wrap = true;
}

static inline void drv_up(u16 size, u64 features)
{
	drv_memory(size);
	drv.packed = features >> VIRTIO_F_RING_PACKED & 1;
	assert_true(virtq_enable(&drv.q, features, false));
}

/* Sixteen bytes at `at`: both layouts; `a` and `b` are the last two words. */
static inline void drv_raw(u32 at, u64 addr, u32 len, u16 a, u16 b)
{
	memcpy(drv.ram + at, &addr, 8);
	memcpy(drv.ram + at + 8, &len, 4);
	memcpy(drv.ram + at + 12, &a, 2);
	memcpy(drv.ram + at + 14, &b, 2);
}

static inline void drv_desc(u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	drv_raw(DESC_AT + 16u * i, addr, len, flags, next);
}

/* Split: make the chain at `head` available. */
static inline void drv_offer(u16 head)
{
	u16 *avail = drv16(AVAIL_AT);

	avail[2 + drv.avail % drv.q.size] = head;
	avail[1] = ++drv.avail;
}

/* Packed: the next descriptor of the ring, available. */
static inline void drv_packed(u64 addr, u32 len, u16 id, u16 flags)
{
	flags |= drv.avail_wrap ? D_AVAIL : D_USED;
	drv_raw(DESC_AT + 16u * drv.avail, addr, len, id, flags);
	if (++drv.avail == drv.q.size) {
		drv.avail = 0;
		drv.avail_wrap = !drv.avail_wrap;
	}
}

/* One buffer, either layout. */
static inline void drv_buffer(u64 addr, u32 len, bool write, u16 id)
{
	if (drv.packed) {
		drv_packed(addr, len, id, write ? D_WRITE : 0);
	} else {
		drv_desc(id, addr, len, write ? D_WRITE : 0, 0);
		drv_offer(id);
	}
}

/* The next used element, if there is one; `slots` it took (packed). */
static inline bool drv_take(u32 *id, u32 *len, u16 slots)
{
	u8 *at;
	u16 flags;

	*id = *len = 0;
	if (!drv.packed) {
		if (drv16(USED_AT)[1] == drv.used)
			return false;
		at = drv.ram + USED_AT + 4 + 8u * (drv.used % drv.q.size);
		memcpy(id, at, 4);
		memcpy(len, at + 4, 4);
		drv.used++;
		return true;
	}
	at = drv.ram + DESC_AT + 16u * drv.used;
	memcpy(&flags, at + 14, 2);
	if (!!(flags & D_AVAIL) != drv.used_wrap ||
	    !!(flags & D_USED) != drv.used_wrap)
		return false;
	memcpy(len, at + 8, 4);
	memcpy(id, at + 12, 2);
	drv.used += slots;
	if (drv.used >= drv.q.size) {
		drv.used -= drv.q.size;
		drv.used_wrap = !drv.used_wrap;
	}
	return true;
}

static inline int drv_pop(void)
{
	return virtq_pop(&drv.q, &drv.c);
}

/* The queue must refuse what is on it, once, and stay silent. */
static inline void drv_expect_broken(const char *word)
{
	assert_int_equal(drv_pop(), -1);
	assert_int_equal(drv.broken, 1);
	assert_non_null(strstr(drv.why, word));
	assert_int_equal(drv_pop(), -1);
	assert_int_equal(drv.broken, 1);
	assert_int_equal(drv.q.inuse, 0);
}

#endif
