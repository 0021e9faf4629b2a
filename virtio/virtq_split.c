// SPDX-License-Identifier: MIT
/*
 * Split virtqueues (virtio 1.2, 2.7): descriptor table, available ring, used
 * ring.
 *
 * Talks to: virtq.c.
 * Never:    reads a ring field twice and expects it unchanged.
 */
#include "virtio/virtq_priv.h"

enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };

/* The rings as 16-bit words: flags, idx, then the entries. */
enum { RING_FLAGS = 0, RING_IDX = 1, RING_ENTRIES = 2 };

struct used_elem {
	u32 id, len;
};

static u16 *avail(const struct virtq *q)
{
	return q->driver_host;
}

static u16 *used(const struct virtq *q)
{
	return q->device_host;
}

const char *split_locate(struct virtq *q)
{
	if (q->desc % 16 || q->driver % 2 || q->device % 4)
		return "misaligned ring (2.7)";
	q->desc_host = area_host(q, q->desc, 16ull * q->size, false);
	q->driver_host = area_host(q, q->driver, 6 + 2ull * q->size, false);
	q->device_host = area_host(q, q->device, 6 + 8ull * q->size, true);
	if (!q->desc_host || !q->driver_host || !q->device_host)
		return "ring outside RAM";
	q->shadow_avail = q->avail_idx;
	return NULL;
}

bool split_empty(struct virtq *q)
{
	if (q->shadow_avail != q->avail_idx)
		return false;
	q->shadow_avail = __atomic_load_n(&avail(q)[RING_IDX],
					  __ATOMIC_ACQUIRE);
	return q->shadow_avail == q->avail_idx;
}

bool split_more(const struct virtq *q)
{
	return __atomic_load_n(&avail(q)[RING_IDX], __ATOMIC_ACQUIRE) !=
	       q->shadow_avail;
}

/* Follow the chain at `i` of `t`; `budget` descriptors at most, so that a
 * loop ends. */
static int walk(struct virtq *q, struct virtq_chain *c, struct desc_table *t,
		u32 i)
{
	const u32 budget = t->n;
	struct split_desc d;
	bool inside = false;
	u32 left = budget;

	for (;;) {
		if (i >= t->n)
			return virtq_fail(q, "descriptor index (2.7.5)");
		if (!left--)
			return virtq_fail(q, "descriptor loop (2.7.5.3)");
		if (table_read(q, t, i, &d) < 0)
			return -1;
		c->ndesc++;
		if (d.flags & DESC_INDIRECT) {
			if (inside || d.flags & DESC_NEXT)
				return virtq_fail(q, "nested indirect (2.7.5.3)");
			if (indirect_table(q, c, d.addr, d.len, t) < 0)
				return -1;
			inside = true;
			left = t->n;
			i = 0;
			continue;
		}
		if (chain_add(q, c, d.addr, d.len, d.flags & DESC_WRITE) < 0)
			return -1;
		if (!(d.flags & DESC_NEXT))
			return 1;
		i = d.next;
	}
}

int split_pop(struct virtq *q, struct virtq_chain *c)
{
	struct desc_table t = { q->desc_host, q->desc, q->size };

	if (split_empty(q))
		return 0;
	if ((u16)(q->shadow_avail - q->avail_idx) > q->size)
		return virtq_fail(q, "available index ran ahead (2.7.13)");
	c->head = __atomic_load_n(&avail(q)[RING_ENTRIES +
					    (q->avail_idx & (q->size - 1))],
				  __ATOMIC_RELAXED);
	if (walk(q, c, &t, c->head) < 0)
		return -1;
	q->avail_idx++;
	return 1;
}

void split_unpop(struct virtq *q, const struct virtq_chain *c)
{
	(void)c;
	q->avail_idx--;
}

void split_fill(struct virtq *q, u16 head, u32 written)
{
	struct used_elem *e = (void *)(used(q) + RING_ENTRIES);
	u16 at = (q->used_idx + q->pending) & (q->size - 1);

	e[at] = (struct used_elem){ .id = head, .len = written };
	gmem_mark_dirty(q->gmem, q->device + 4 + 8ull * at, 8);
	q->pending++;
}

void split_flush(struct virtq *q)
{
	q->used_idx += q->pending;
	q->unsignalled += q->pending;
	q->pending = 0;
	__atomic_store_n(&used(q)[RING_IDX], q->used_idx, __ATOMIC_RELEASE);
	gmem_mark_dirty(q->gmem, q->device, 4);
}

bool split_should_notify(struct virtq *q)
{
	u16 event;

	if (!q->event_idx)
		return !(__atomic_load_n(&avail(q)[RING_FLAGS],
					 __ATOMIC_RELAXED) & NO_INTERRUPT);
	if (q->unsignalled > q->size)
		return true;
	event = __atomic_load_n(&avail(q)[RING_ENTRIES + q->size],
				__ATOMIC_RELAXED);
	return need_event(event, q->used_idx, q->used_idx - q->unsignalled);
}

void split_want_kicks(struct virtq *q, bool on)
{
	u16 *event = used(q) + RING_ENTRIES + 4 * (u32)q->size;

	if (q->event_idx) {            /* a stale event asks for no kick */
		if (!on)
			return;
		__atomic_store_n(event, q->shadow_avail, __ATOMIC_RELAXED);
		gmem_mark_dirty(q->gmem, q->device + 4 + 8ull * q->size, 2);
		return;
	}
	__atomic_store_n(&used(q)[RING_FLAGS], on ? 0 : NO_NOTIFY,
			 __ATOMIC_RELAXED);
	gmem_mark_dirty(q->gmem, q->device, 2);
}

void split_resume(struct virtq *q)
{
	q->shadow_avail = q->avail_idx;
	q->used_idx = __atomic_load_n(&used(q)[RING_IDX], __ATOMIC_ACQUIRE);
	q->unsignalled = 0;
}
