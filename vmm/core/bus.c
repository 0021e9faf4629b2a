/* SPDX-License-Identifier: MIT */
/*
 * Address buses.  See bus.h.
 *
 * Talks to: region_ops of devices, under the device's lock.
 * Never:    takes its own lock on an access; trusts an address or a size.
 *
 * Invariants:
 *  1. A published table never changes.  It holds the regions as mapped and,
 *     flattened, the sorted, disjoint segments a look-up searches.
 *  2. Readers are inside `grace` for as long as they hold a table or stand in
 *     a callback; writers serialise on `lock`, a leaf lock.
 */
#include "vmm/core/bus.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/trace.h"
#include "vmm/core/device.h"
#include "vmm/core/grace.h"

struct segment {
	u64 first, last;               /* addresses, inclusive  */
	u32 region;                    /* index into regions[]  */
};

struct bus_table {
	struct grace_item retire;      /* first: freed by grace           */
	unsigned nregions, nsegments;
	struct region *regions;        /* by base, then by order; all in  */
	u64 *order;                    /* one allocation with this struct */
	struct segment *segments;      /* at most 2 * nregions            */
};

struct bus {
	const char *name;
	u64 last;                      /* highest address         */
	_Atomic(struct bus_table *) table;
	struct grace grace;
	struct lock lock;              /* one writer at a time    */
	u64 next_order;
};

static struct bus_table *table_alloc(unsigned n)
{
	struct bus_table *t;

	t = calloc(1, sizeof(*t) + n * (sizeof(*t->regions) +
		   sizeof(*t->order) + 2 * sizeof(*t->segments)));
	if (!t)
		abort();
	t->nregions = n;
	t->regions = (struct region *)(void *)(t + 1);
	t->order = (u64 *)(void *)(t->regions + n);
	t->segments = (struct segment *)(void *)(t->order + n);
	return t;
}

struct bus *bus_create(const char *name, u64 span)
{
	struct bus *b = aligned_alloc(64, ALIGN_UP(sizeof(*b), 64));

	if (!b)
		abort();
	memset(b, 0, sizeof(*b));
	b->name = name;
	b->last = span - 1;            /* span 0: all 64 bits */
	grace_init(&b->grace);
	lock_init(&b->lock, "bus");
	atomic_init(&b->table, table_alloc(0));
	return b;
}

void bus_destroy(struct bus *b)
{
	if (!b)
		return;
	free(b->table);
	grace_fini(&b->grace);
	lock_fini(&b->lock);
	free(b);
}

const char *bus_name(const struct bus *b)
{
	return b->name;
}

/* --- building a table --- */

static u64 region_last(const struct region *r)
{
	return r->base + (r->len - 1);
}

bool bus_any(struct bus *b, bool (*fn)(const struct region *r, void *opaque),
	     void *opaque)
{
	struct grace_ticket ticket = grace_enter(&b->grace);
	const struct bus_table *t = b->table;
	bool found = false;

	for (unsigned i = 0; i < t->nregions && !found; i++)
		found = fn(&t->regions[i], opaque);
	grace_leave(&b->grace, ticket);
	return found;
}

static bool has_some(const struct region *r, void *opaque)
{
	const u64 *range = opaque;

	return r->base <= range[1] && range[0] <= region_last(r);
}

bool bus_overlaps(struct bus *b, u64 first, u64 last)
{
	return bus_any(b, has_some, (u64 [2]){ first, last });
}

/* The region that answers at `at`, or -1: invariant 2 of bus.h. */
static int winner(const struct bus_table *t, u64 at)
{
	int best = -1;

	for (unsigned i = 0; i < t->nregions; i++) {
		const struct region *r = &t->regions[i];

		if (at - r->base >= r->len)
			continue;
		if (best < 0 || r->priority > t->regions[best].priority ||
		    (r->priority == t->regions[best].priority &&
		     t->order[i] > t->order[best]))
			best = i;
	}
	return best;
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

/* Cut the address space at every first and past-the-end address. */
static void flatten(struct bus_table *t)
{
	u64 *cut = malloc((2 * t->nregions + 1) * sizeof(*cut));
	unsigned ncut = 0;

	if (!cut)
		abort();
	for (unsigned i = 0; i < t->nregions; i++) {
		cut[ncut++] = t->regions[i].base;
		if (region_last(&t->regions[i]) != UINT64_MAX)
			cut[ncut++] = region_last(&t->regions[i]) + 1;
	}
	qsort(cut, ncut, sizeof(*cut), cmp_u64);
	for (unsigned i = 0; i < ncut; i++) {
		u64 last = i + 1 < ncut ? cut[i + 1] - 1 : UINT64_MAX;
		struct segment *s = &t->segments[t->nsegments];
		int w;

		if (i + 1 < ncut && cut[i] == cut[i + 1])
			continue;
		w = winner(t, cut[i]);
		if (w < 0)
			continue;
		if (t->nsegments && s[-1].region == (u32)w &&
		    s[-1].last + 1 == cut[i]) {
			s[-1].last = last;
			continue;
		}
		*s = (struct segment){ cut[i], last, w };
		t->nsegments++;
	}
	free(cut);
}

/* [lock held] */
static void publish(struct bus *b, struct bus_table *t)
{
	struct bus_table *old = b->table;

	flatten(t);
	b->table = t;
	grace_retire(&b->grace, &old->retire);
}

static void copy_region(struct bus_table *to, unsigned i,
			const struct bus_table *from, unsigned j)
{
	to->regions[i] = from->regions[j];
	to->order[i] = from->order[j];
}

int bus_map(struct bus *b, const struct region *r, struct err *e)
{
	struct bus_table *old, *t;
	unsigned at = 0;
	u64 last;

	assert(r->ops->min_size && r->ops->max_size >= r->ops->min_size);
	if (!r->len || __builtin_add_overflow(r->base, r->len - 1, &last) ||
	    last > b->last)
		return err_set(e, -EINVAL, "%s: range 0x%llx+0x%llx does not "
			       "fit the %s space", r->name,
			       (unsigned long long)r->base,
			       (unsigned long long)r->len, b->name);
	SCOPED_LOCK(&b->lock);
	old = b->table;
	t = table_alloc(old->nregions + 1);
	while (at < old->nregions && old->regions[at].base <= r->base)
		at++;
	for (unsigned i = 0; i < old->nregions; i++)
		copy_region(t, i + (i >= at), old, i);
	t->regions[at] = *r;
	t->order[at] = b->next_order++;
	publish(b, t);
	return 0;
}

/* Drop regions of `d`, all of them or those at `base`; how many went. */
static unsigned unmap(struct bus *b, struct device *d, bool all, u64 base)
{
	struct bus_table *old, *t;
	unsigned kept = 0, n;

	SCOPED_LOCK(&b->lock);
	old = b->table;
	t = table_alloc(old->nregions);
	for (unsigned i = 0; i < old->nregions; i++) {
		const struct region *r = &old->regions[i];

		if (r->dev != d || (!all && r->base != base))
			copy_region(t, kept++, old, i);
	}
	n = old->nregions - kept;
	t->nregions = kept;
	if (n)
		publish(b, t);
	else
		free(t);
	return n;
}

int bus_unmap(struct bus *b, struct device *d, u64 base)
{
	return unmap(b, d, false, base) ? 0 : -ENOENT;
}

void bus_unmap_device(struct bus *b, struct device *d)
{
	unmap(b, d, true, 0);
}

void bus_quiesce(struct bus *b)
{
	grace_wait(&b->grace);
}

/* --- an access --- */

/* The first segment that ends at or after `addr`, or NULL. */
static const struct segment *search(const struct bus_table *t, u64 addr)
{
	const struct segment *s = t->segments;
	unsigned n = t->nsegments;

	while (n) {
		unsigned half = n / 2;

		if (s[half].last < addr) {
			s += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return s < t->segments + t->nsegments ? s : NULL;
}

/* Largest power of two <= n that `off` is a multiple of, at most `max`. */
static unsigned piece_size(u64 off, unsigned n, unsigned max)
{
	unsigned size = 8;

	while (size > n || size > max || off % size)
		size /= 2;
	return size;
}

static u64 low_bytes(unsigned n)
{
	return n >= 8 ? ~0ull : BIT64(8 * n) - 1;
}

/*
 * Read some of the `n` bytes at `off`, all within the region; bytes done.
 * A piece below min_size is cut out of the aligned word around it.
 */
static unsigned read_piece(const struct region *r, u64 off, unsigned n,
			   u64 *val)
{
	const struct region_ops *ops = r->ops;
	unsigned size = piece_size(off, n, ops->max_size), skip;
	u64 word;

	if (size >= ops->min_size) {
		*val = ops->read ? ops->read(r->dev, off, size) : ~0ull;
		return size;
	}
	skip = off % ops->min_size;
	n = MIN(n, ops->min_size - skip);
	if (!ops->read || off - skip + ops->min_size > r->len)
		word = ~0ull;
	else
		word = ops->read(r->dev, off - skip, ops->min_size);
	*val = word >> 8 * skip;
	return n;
}

static unsigned write_piece(const struct region *r, u64 off, unsigned n,
			    u64 val)
{
	const struct region_ops *ops = r->ops;
	unsigned size = piece_size(off, n, ops->max_size);

	if (size >= ops->min_size && ops->write)
		ops->write(r->dev, off, val & low_bytes(size), size);
	return size;
}

/* One access cut at region borders, and in regions as their ops ask. */
struct access {
	struct bus *bus;
	u64 addr, val;
	unsigned size, done;           /* bytes                      */
	bool write, answered;
};

static void put_bytes(struct access *a, u64 val, unsigned n)
{
	u64 mask = low_bytes(n) << 8 * a->done;

	if (!a->write)
		a->val = (a->val & ~mask) | (val << 8 * a->done & mask);
	a->done += n;
}

/* Everything up to `n` bytes that fall into one region, under its lock. */
static void access_region(struct access *a, const struct region *r, unsigned n)
{
	unsigned end = a->done + n;

	while (a->done < end) {
		u64 off = a->addr + a->done - r->base, val = ~0ull;
		unsigned left = end - a->done, did;

		if (a->write)
			did = write_piece(r, off, left, a->val >> 8 * a->done);
		else
			did = read_piece(r, off, left, &val);
		put_bytes(a, val, did);
	}
	a->answered = true;
}

/* Does nothing if the table changed while this thread waited for the device:
 * the region may be gone, so look it up again. */
static void access_locked(struct access *a, const struct bus_table *t,
			  const struct region *r, unsigned n)
{
	if (!r->dev || r->ops->unlocked) {
		access_region(a, r, n);
		return;
	}
	lock_take(&r->dev->lock);
	if (a->bus->table == t)
		access_region(a, r, n);
	lock_drop(&r->dev->lock);
}

static void access_run(struct access *a)
{
	while (a->done < a->size) {
		const struct bus_table *t = a->bus->table;
		unsigned left = a->size - a->done;
		u64 addr = a->addr + a->done;
		const struct segment *s;

		if (addr < a->addr)    /* wrapped: nobody lives there */
			return;
		s = search(t, addr);
		if (!s || s->first > addr) {
			u64 gap = s ? s->first - addr : left;

			a->done += MIN(gap, left);
			continue;
		}
		if (s->last - addr < left)
			left = s->last - addr + 1;
		access_locked(a, t, &t->regions[s->region], left);
	}
}

bool bus_read(struct bus *b, u64 addr, u64 *val, unsigned size)
{
	struct access a = {
		.bus = b, .addr = addr, .val = ~0ull, .size = size,
	};
	struct grace_ticket ticket;

	assert(size >= 1 && size <= 8);
	ticket = grace_enter(&b->grace);
	access_run(&a);
	grace_leave(&b->grace, ticket);
	*val = a.val & low_bytes(size);
	trace(bus_read, "addr 0x%llx size %u is 0x%llx%s",
	      (unsigned long long)addr, size, (unsigned long long)*val,
	      a.answered ? "" : ", nobody there");
	return a.answered;
}

bool bus_write(struct bus *b, u64 addr, u64 val, unsigned size)
{
	struct access a = {
		.bus = b, .addr = addr, .val = val, .size = size, .write = true,
	};
	struct grace_ticket ticket;

	assert(size >= 1 && size <= 8);
	trace(bus_write, "addr 0x%llx size %u to 0x%llx",
	      (unsigned long long)addr, size, (unsigned long long)val);
	ticket = grace_enter(&b->grace);
	access_run(&a);
	grace_leave(&b->grace, ticket);
	return a.answered;
}
