// SPDX-License-Identifier: MIT
/*
 * Packed virtqueues (virtio 1.2, 2.8): one ring of descriptors both sides
 * write, wrap counters, two event suppression areas.
 *
 * Talks to: virtq.c.
 * Never:    makes a chain visible before all that was filled with it.
 */
#include "virtio/virtq_priv.h"

enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };

struct event_area {                    /* 2.8.14 */
	u16 off_wrap, flags;
};

static struct packed_desc *ring(const struct virtq *q)
{
	return q->desc_host;
}

const char *packed_locate(struct virtq *q)
{
	if (q->desc % 16 || q->driver % 4 || q->device % 4)
		return "misaligned ring (2.8)";
	q->desc_host = area_host(q, q->desc, 16ull * q->size, true);
	q->driver_host = area_host(q, q->driver, 4, false);
	q->device_host = area_host(q, q->device, 4, true);
	if (!q->desc_host || !q->driver_host || !q->device_host)
		return "ring outside RAM";
	if (q->avail_idx >= q->size || q->used_idx >= q->size)
		return "index beyond the ring";
	q->shadow_avail = q->avail_idx;
	q->shadow_wrap = q->avail_wrap;
	return NULL;
}

static bool is_avail(u16 flags, bool wrap)
{
	return !!(flags & DESC_AVAIL) == wrap && !!(flags & DESC_USED) != wrap;
}

bool packed_empty(struct virtq *q)
{
	return !is_avail(__atomic_load_n(&ring(q)[q->avail_idx].flags,
					 __ATOMIC_ACQUIRE), q->avail_wrap);
}

bool packed_more(const struct virtq *q)
{
	return is_avail(__atomic_load_n(&ring(q)[q->shadow_avail].flags,
					__ATOMIC_ACQUIRE), q->shadow_wrap);
}

static void advance(u16 size, u16 n, u16 *at, bool *wrap)
{
	u32 next = (u32)*at + n;

	if (next >= size) {
		next -= size;
		*wrap = !*wrap;
	}
	*at = next;
}

static int add_table(struct virtq *q, struct virtq_chain *c, u64 addr, u32 len)
{
	struct packed_desc d;
	struct desc_table t;

	if (indirect_table(q, c, addr, len, &t) < 0)
		return -1;
	for (u32 i = 0; i < t.n; i++) {
		if (table_read(q, &t, i, &d) < 0 ||
		    chain_add(q, c, d.addr, d.len, d.flags & DESC_WRITE) < 0)
			return -1;
	}
	return 0;
}

int packed_pop(struct virtq *q, struct virtq_chain *c)
{
	u16 at = q->avail_idx;
	bool wrap = q->avail_wrap;
	struct packed_desc d;

	if (packed_empty(q))
		return 0;
	do {
		if (q->places + c->ndesc == q->size)
			return virtq_fail(q, q->places
					  ? "more places than the ring has (2.8.6)"
					  : "chain longer than the ring (2.8.6)");
		desc_copy(&d, &ring(q)[at]);
		if (d.flags & DESC_INDIRECT) {
			if (d.flags & DESC_NEXT || c->ndesc)
				return virtq_fail(q, "indirect within a chain "
						  "(2.8.7)");
			if (add_table(q, c, d.addr, d.len) < 0)
				return -1;
		} else if (chain_add(q, c, d.addr, d.len,
				     d.flags & DESC_WRITE) < 0) {
			return -1;
		}
		c->ndesc++;
		advance(q->size, 1, &at, &wrap);
	} while (d.flags & DESC_NEXT);
	c->head = d.id;
	q->places += c->ndesc;
	if (q->avail_idx == q->shadow_avail) {
		q->shadow_avail = at;
		q->shadow_wrap = wrap;
	}
	q->avail_idx = at;
	q->avail_wrap = wrap;
	return 1;
}

void packed_unpop(struct virtq *q, const struct virtq_chain *c)
{
	if (q->avail_idx < c->ndesc) {
		q->avail_idx += q->size;
		q->avail_wrap = !q->avail_wrap;
	}
	q->avail_idx -= c->ndesc;
	q->places -= c->ndesc;
}

/* The first one's flags wait for the flush: the driver looks there first. */
void packed_fill(struct virtq *q, u16 id, u16 ndesc, u32 written)
{
	u16 at = q->used_idx;
	bool wrap = q->used_wrap;
	u16 flags;

	advance(q->size, q->pending_slots, &at, &wrap);
	ring(q)[at].id = id;
	ring(q)[at].len = written;
	flags = (wrap ? DESC_AVAIL | DESC_USED : 0) |
		(written ? DESC_WRITE : 0);
	if (q->pending)
		__atomic_store_n(&ring(q)[at].flags, flags, __ATOMIC_RELEASE);
	else
		q->first_flags = flags;
	gmem_mark_dirty(q->gmem, q->desc + 16ull * at, 16);
	q->pending++;
	q->pending_slots += ndesc;
}

void packed_flush(struct virtq *q)
{
	__atomic_store_n(&ring(q)[q->used_idx].flags, q->first_flags,
			 __ATOMIC_RELEASE);
	advance(q->size, q->pending_slots, &q->used_idx, &q->used_wrap);
	q->unsignalled += q->pending_slots;
	q->places -= q->pending_slots;
	q->pending = q->pending_slots = 0;
}

bool packed_should_notify(struct virtq *q)
{
	const struct event_area *e = q->driver_host;
	u16 flags = __atomic_load_n(&e->flags, __ATOMIC_ACQUIRE);
	u16 off;
	int event;

	if (flags != EVENT_DESC || !q->event_idx)
		return flags != EVENT_DISABLE;
	if (q->unsignalled > q->size)
		return true;
	off = __atomic_load_n(&e->off_wrap, __ATOMIC_RELAXED);
	event = off & 0x7fff;
	if (!!(off & 0x8000) != q->used_wrap)
		event -= q->size;
	return need_event(event, q->used_idx, q->used_idx - q->unsignalled);
}

void packed_want_kicks(struct virtq *q, bool on)
{
	struct event_area *e = q->device_host;

	if (on && q->event_idx)
		__atomic_store_n(&e->off_wrap, q->shadow_avail |
				 (u16)(q->shadow_wrap ? 0x8000 : 0),
				 __ATOMIC_RELAXED);
	__atomic_store_n(&e->flags, !on ? EVENT_DISABLE
			 : q->event_idx ? EVENT_DESC : EVENT_ENABLE,
			 __ATOMIC_RELEASE);
	gmem_mark_dirty(q->gmem, q->device, 4);
}
