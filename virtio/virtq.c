// SPDX-License-Identifier: MIT
/*
 * Virtqueues: life, chains, and the door to the two ring layouts.
 * See virtq.h.
 *
 * Talks to: gmem; virtq_split.c and virtq_packed.c.
 * Never:    trusts a value it has not copied; allocates while it runs.
 */
#include "virtio/virtq_priv.h"

#include <stdlib.h>
#include <string.h>

void virtq_init(struct virtq *q, struct gmem *m, u16 index, u16 size_max)
{
	assert(size_max <= VIRTQ_SIZE_MAX);
	memset(q, 0, sizeof(*q));
	q->gmem = m;
	q->index = index;
	q->size = q->size_max = size_max;
}

void virtq_fini(struct virtq *q)
{
	free(q->order);
	q->order = NULL;
	q->norder = 0;
}

void virtq_break(struct virtq *q, const char *why)
{
	if (q->broken)
		return;
	q->broken = true;
	if (q->on_broken)
		q->on_broken(q, why);
}

int virtq_fail(struct virtq *q, const char *why)
{
	virtq_break(q, why);
	return -1;
}

/* --- where things are ------------------------------------------------------ */

void *area_host(struct virtq *q, u64 gpa, u64 len, bool write)
{
	const struct gmem_block *b = gmem_find(q->gmem, gpa);

	if (!b || len > b->len - (gpa - b->gpa))
		return NULL;
	if (write && b->flags & GMEM_ROM)
		return NULL;
	return b->host + (gpa - b->gpa);
}

static void start_indexes(struct virtq *q)
{
	q->avail_idx = q->used_idx = q->shadow_avail = 0;
	q->avail_wrap = q->used_wrap = q->shadow_wrap = true;
	q->unsignalled = 0;
}

/* Chains that are done and wait for an older one have their places still. */
static bool order_ok(struct virtq *q)
{
	u64 places = 0;

	if (q->norder != q->size || q->seq >= q->size ||
	    q->order_next >= q->size)
		return false;
	for (u32 i = 0; q->packed && i < q->norder; i++)
		places += q->order[i].done ? q->order[i].ndesc : 0;
	if (places > q->size)
		return false;
	q->places = places;
	return true;
}

/* Nothing out, or as a state that was loaded says. */
static bool start_order(struct virtq *q, bool resume)
{
	if (resume && q->in_order && order_ok(q))
		return true;
	free(q->order);
	q->seq = q->order_next = 0;
	q->norder = q->in_order ? q->size : 0;
	q->order = q->in_order ? calloc(q->size, sizeof(*q->order)) : NULL;
	if (q->in_order && !q->order)
		abort();
	return !resume || !q->in_order;
}

bool virtq_enable(struct virtq *q, u64 features, bool resume)
{
	const char *wrong;

	q->packed = features >> VIRTIO_F_RING_PACKED & 1;
	q->event_idx = features >> VIRTIO_F_EVENT_IDX & 1;
	q->indirect = features >> VIRTIO_F_INDIRECT_DESC & 1;
	q->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	q->broken = false;
	q->pending = q->pending_slots = 0;
	q->places = 0;
	if (!resume)
		start_indexes(q);
	if (!q->size || q->size > q->size_max ||
	    (!q->packed && q->size & (q->size - 1)))
		return virtq_fail(q, "bad queue size (2.7, 2.8)") == 0;
	wrong = q->packed ? packed_locate(q) : split_locate(q);
	if (wrong)
		return virtq_fail(q, wrong) == 0;
	q->enabled = true;
	if (!start_order(q, resume))
		virtq_break(q, "order of chains in a loaded state");
	return true;
}

void virtq_disable(struct virtq *q)
{
	q->enabled = q->broken = false;
	q->desc_host = q->driver_host = q->device_host = NULL;
	q->pending = q->pending_slots = 0;
	q->places = 0;
	q->size = q->size_max;
	q->desc = q->driver = q->device = 0;
	start_indexes(q);
}

static bool works(const struct virtq *q)
{
	return q->enabled && !q->broken;
}

/* --- chains ---------------------------------------------------------------- */

void chain_begin(struct virtq_chain *c)
{
	c->nout = c->nin = c->ndesc = 0;
	c->out_len = c->in_len = 0;
}

/* One descriptor's buffer: as many iovecs as RAM blocks it lies in. */
int chain_add(struct virtq *q, struct virtq_chain *c, u64 addr, u32 len,
	      bool write)
{
	u64 *total = write ? &c->in_len : &c->out_len, last;
	u16 *n = write ? &c->nin : &c->nout;

	if (!write && c->nin)
		return virtq_fail(q, "readable after writable (2.7.4.2)");
	if (!len || __builtin_add_overflow(addr, len - 1, &last))
		return virtq_fail(q, "bad descriptor length (2.7.5)");
	*total += len;
	if (c->in_len + c->out_len > UINT32_MAX)
		return virtq_fail(q, "chain above 4 GiB (2.7.5)");
	while (len) {
		const struct gmem_block *b = gmem_find(q->gmem, addr);
		u64 part;

		if (!b || (write && b->flags & GMEM_ROM))
			return virtq_fail(q, "buffer outside RAM");
		if (c->nout + c->nin >= c->max)
			return virtq_fail(q, "chain has too many buffers");
		part = MIN((u64)len, b->len - (addr - b->gpa));
		c->iov[c->nout + c->nin] = (struct iovec){
			.iov_base = b->host + (addr - b->gpa),
			.iov_len = part,
		};
		++*n;
		addr += part;
		len -= part;
	}
	return 0;
}

int indirect_table(struct virtq *q, const struct virtq_chain *c, u64 addr,
		   u32 len, struct desc_table *t)
{
	u64 last;

	if (!q->indirect)
		return virtq_fail(q, "indirect without the feature (2.7.5.3)");
	if (c->nout || c->nin)
		return virtq_fail(q, "indirect within a chain (2.7.5.3)");
	if (!len || len % DESC_SIZE || len / DESC_SIZE > VIRTQ_CHAIN_MAX ||
	    __builtin_add_overflow(addr, len - 1, &last))
		return virtq_fail(q, "bad indirect table length (2.7.5.3)");
	t->host = area_host(q, addr, len, false);
	t->gpa = addr;
	t->n = len / DESC_SIZE;
	return 0;
}

int table_read(struct virtq *q, const struct desc_table *t, u32 i, void *to)
{
	if (t->host) {
		desc_copy(to, t->host + (size_t)i * DESC_SIZE);
		return 0;
	}
	if (gmem_read(q->gmem, t->gpa + (u64)i * DESC_SIZE, to, DESC_SIZE) < 0)
		return virtq_fail(q, "indirect table outside RAM");
	return 0;
}

/* --- the doors ------------------------------------------------------------- */

int virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	int rc;

	if (!works(q))
		return q->broken ? -1 : 0;
	if (q->inuse >= q->size)       /* ring says more than it can hold  */
		return virtq_empty(q) ? 0
			: virtq_fail(q, "more chains than the queue holds");
	chain_begin(c);
	rc = q->packed ? packed_pop(q, c) : split_pop(q, c);
	if (rc <= 0)
		return rc;
	c->seq = q->seq;
	if (q->in_order) {
		q->order[q->seq].done = false;
		q->seq = (q->seq + 1) % q->size;
	}
	q->inuse++;
	q->popped++;
	return 1;
}

void virtq_unpop(struct virtq *q, const struct virtq_chain *c)
{
	assert(q->inuse);
	q->inuse--;
	if (!works(q))
		return;
	q->popped--;
	q->seq = c->seq;
	if (q->packed)
		packed_unpop(q, c);
	else
		split_unpop(q, c);
}

bool virtq_restore_begin(struct virtq *q, struct virtq_chain *c)
{
	const u16 n = c->ndesc;

	if (!works(q))
		return false;
	if (q->inuse >= q->size || !n || n > VIRTQ_CHAIN_MAX ||
	    (q->packed && n + q->places > q->size) || c->seq >= q->size)
		return virtq_fail(q, "a chain in a loaded state") == 0;
	chain_begin(c);
	c->ndesc = n;
	q->places += q->packed ? n : 0;
	q->inuse++;
	return true;
}

bool virtq_restore_buffer(struct virtq *q, struct virtq_chain *c, u64 gpa,
			  u32 len, bool write)
{
	return chain_add(q, c, gpa, len, write) == 0;
}

void virtq_drop(struct virtq *q, const struct virtq_chain *c)
{
	assert(q->inuse);
	q->inuse--;
	if (q->enabled && q->packed)   /* else all were forgotten at once  */
		q->places -= c->ndesc;
}

static void fill(struct virtq *q, u16 head, u16 ndesc, u32 written)
{
	q->pushed++;
	if (q->packed)
		packed_fill(q, head, ndesc, written);
	else
		split_fill(q, head, written);
}

/* Each waits until all popped before it are done. */
static void fill_in_order(struct virtq *q, const struct virtq_chain *c,
			  u32 written)
{
	struct virtq_order *o = &q->order[c->seq];

	*o = (struct virtq_order){ .written = written, .head = c->head,
				   .ndesc = c->ndesc, .done = true };
	for (o = &q->order[q->order_next]; o->done;
	     o = &q->order[q->order_next]) {
		fill(q, o->head, o->ndesc, o->written);
		o->done = false;
		q->order_next = (q->order_next + 1) % q->size;
	}
}

void virtq_fill(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	assert(q->inuse);
	q->inuse--;
	if (!works(q))
		return;
	if (written)
		gmem_mark_dirty_iov(q->gmem, c->iov + c->nout, c->nin, written);
	if (q->in_order)
		fill_in_order(q, c, written);
	else
		fill(q, c->head, c->ndesc, written);
}

void virtq_flush(struct virtq *q)
{
	if (!works(q) || !q->pending)
		return;
	if (q->packed)
		packed_flush(q);
	else
		split_flush(q);
}

void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	virtq_fill(q, c, written);
	virtq_flush(q);
}

bool virtq_empty(struct virtq *q)
{
	if (!works(q))
		return true;
	return q->packed ? packed_empty(q) : split_empty(q);
}

bool virtq_should_notify(struct virtq *q)
{
	bool yes;

	if (!works(q) || !q->unsignalled)
		return false;
	/* What was flushed must be visible before the wish is read: else the
	 * driver may miss it and we miss the wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	yes = q->packed ? packed_should_notify(q) : split_should_notify(q);
	q->unsignalled = 0;
	return yes;
}

bool virtq_want_kicks(struct virtq *q, bool on)
{
	if (!works(q))
		return false;
	if (q->packed)
		packed_want_kicks(q, on);
	else
		split_want_kicks(q, on);
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->packed ? packed_more(q) : split_more(q);
}

/* --- lent to somebody else --------------------------------------------------- */

bool virtq_lend(const struct virtq *q, struct virtq_areas *a)
{
	if (!works(q) || q->packed || q->in_order || q->inuse)
		return false;
	*a = (struct virtq_areas){ q->desc_host, q->driver_host,
				   q->device_host };
	return true;
}

void virtq_take_back(struct virtq *q, u16 avail_idx)
{
	if (!works(q))                 /* the guest disabled it meanwhile  */
		return;
	q->avail_idx = avail_idx;
	split_resume(q);
}

/* --- looking, for info ----------------------------------------------------- */

bool virtq_peek_desc(const struct virtq *q, unsigned at, struct virtq_peek *p)
{
	struct split_desc d;

	if (!q->enabled || !q->desc_host || at >= q->size)
		return false;
	desc_copy(&d, (u8 *)q->desc_host + (size_t)at * DESC_SIZE);
	*p = (struct virtq_peek){ .addr = d.addr, .len = d.len,
				  .flags = q->packed ? d.next : d.flags,
				  .next = q->packed ? d.flags : d.next };
	return true;
}

bool virtq_peek_ring(const struct virtq *q, u16 at, struct virtq_ring_info *r)
{
	const u16 *avail = q->driver_host, *used = q->device_host;

	if (!q->enabled || q->packed || !avail || !used)
		return false;
	*r = (struct virtq_ring_info){
		.avail_flags = avail[0], .avail_idx = avail[1],
		.used_flags = used[0], .used_idx = used[1],
		.head = avail[2 + (at & (q->size - 1))],
	};
	return true;
}

/* --- iovecs ---------------------------------------------------------------- */

static u64 iov_move(const struct iovec *iov, unsigned n, u64 off, void *to,
		    const void *from, u64 len)
{
	u64 done = 0;

	for (unsigned i = 0; i < n && done < len; i++) {
		u64 part;

		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = MIN(len - done, iov[i].iov_len - off);
		if (to)
			memcpy((u8 *)to + done, (u8 *)iov[i].iov_base + off,
			       part);
		else
			memcpy((u8 *)iov[i].iov_base + off,
			       (const u8 *)from + done, part);
		done += part;
		off = 0;
	}
	return done;
}

u64 iov_from(const struct iovec *iov, unsigned n, u64 off, void *buf, u64 len)
{
	u64 got = iov_move(iov, n, off, buf, NULL, len);

	/* The bytes are the guest's: from here on they are a copy. */
	__asm__ volatile("" : : "r"(buf) : "memory");
	return got;
}

u64 iov_to(const struct iovec *iov, unsigned n, u64 off, const void *buf,
	   u64 len)
{
	return iov_move(iov, n, off, NULL, buf, len);
}

int iov_slice(const struct iovec *src, unsigned n, u64 off, u64 len,
	      struct iovec *dst, unsigned max)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n && len; i++) {
		u64 part;

		if (off >= src[i].iov_len) {
			off -= src[i].iov_len;
			continue;
		}
		if (used == max)
			return -1;
		part = MIN(len, src[i].iov_len - off);
		dst[used++] = (struct iovec){
			.iov_base = (u8 *)src[i].iov_base + off,
			.iov_len = part,
		};
		len -= part;
		off = 0;
	}
	return used;
}

/* --- state ----------------------------------------------------------------- */

static const struct state_field order_fields[] = {
	STATE_FIELD(STATE_U32,  struct virtq_order, written, 1),
	STATE_FIELD(STATE_U16,  struct virtq_order, head,    1),
	STATE_FIELD(STATE_U16,  struct virtq_order, ndesc,   1),
	STATE_FIELD(STATE_BOOL, struct virtq_order, done,    1),
	STATE_END
};

static const struct state_desc order_state = {
	.version = 1, .oldest = 1, .fields = order_fields,
};

static const struct state_field virtq_fields[] = {
	STATE_FIELD(STATE_U16,  struct virtq, size,        1),
	STATE_FIELD(STATE_U64,  struct virtq, desc,        1),
	STATE_FIELD(STATE_U64,  struct virtq, driver,      1),
	STATE_FIELD(STATE_U64,  struct virtq, device,      1),
	STATE_FIELD(STATE_BOOL, struct virtq, enabled,     1),
	STATE_FIELD(STATE_BOOL, struct virtq, broken,      1),
	STATE_FIELD(STATE_U16,  struct virtq, avail_idx,   1),
	STATE_FIELD(STATE_U16,  struct virtq, used_idx,    1),
	STATE_FIELD(STATE_BOOL, struct virtq, avail_wrap,  1),
	STATE_FIELD(STATE_BOOL, struct virtq, used_wrap,   1),
	STATE_FIELD(STATE_U32,  struct virtq, unsignalled, 1),
	STATE_FIELD(STATE_U16,  struct virtq, seq,         1),
	STATE_FIELD(STATE_U16,  struct virtq, order_next,  1),
	STATE_ROWS(struct virtq, order, norder, order_state, 1),
	STATE_END
};

const struct state_desc virtq_state = {
	.version = 1, .oldest = 1, .fields = virtq_fields,
};
