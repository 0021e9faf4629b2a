// SPDX-License-Identifier: MIT
/*
 * Memory slots: sorted tables, replaced whole.
 *
 * Room:     KVM_SET_USER_MEMORY_REGION's rules, look-up, dirty bitmaps.
 * Talks to: nobody; provider code waits for vCPUs before freeing.
 * Never:    changes a table that was published.
 */
#include "tcg-plugin/memory/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct mem_table *table_alloc(unsigned count)
{
	struct mem_table *t;

	t = calloc(1, sizeof(*t) + count * sizeof(t->slot[0]));
	if (t)
		t->count = count;
	return t;
}

int mem_map_init(struct mem_map *m)
{
	struct mem_table *t = table_alloc(0);

	if (!t)
		return -ENOMEM;
	lock_init(&m->lock, "tcg slots");
	atomic_store(&m->table, t);
	return 0;
}

void mem_map_fini(struct mem_map *m)
{
	struct mem_table *t = atomic_load(&m->table);

	for (unsigned i = 0; t && i < t->count; i++)
		free((void *)t->slot[i].dirty);
	free(t);
	atomic_store(&m->table, NULL);
	lock_fini(&m->lock);
}

const struct mem_slot *mem_find(const struct mem_table *t, gpa_t gpa)
{
	unsigned lo = 0, hi = t->count;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct mem_slot *s = &t->slot[mid];

		if (gpa - s->gpa < s->size)
			return s;
		if (gpa < s->gpa)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct mem_slot *mem_find_id(const struct mem_table *t, u32 id)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->slot[i].id == id)
			return &t->slot[i];
	return NULL;
}

u8 *mem_host(const struct mem_table *t, gpa_t gpa, u64 *left)
{
	const struct mem_slot *s = mem_find(t, gpa);

	if (!s)
		return NULL;
	if (left)
		*left = s->gpa + s->size - gpa;
	return s->host + (gpa - s->gpa);
}

bool mem_copy_in(const struct mem_table *t, gpa_t gpa, void *buf, u64 n)
{
	u64 left;

	for (u8 *to = buf; n; ) {
		const u8 *p = mem_host(t, gpa, &left);

		if (!p)
			return false;
		left = MIN(left, n);
		memcpy(to, p, left);
		to += left;
		gpa += left;
		n -= left;
	}
	return true;
}

bool mem_copy_out(const struct mem_table *t, gpa_t gpa, const void *buf,
		  u64 n)
{
	for (const u8 *from = buf; n; ) {
		const struct mem_slot *s = mem_find(t, gpa);
		u64 part;

		if (!s || (s->flags & KVM_MEM_READONLY))
			return false;
		part = MIN(MIN(s->gpa + s->size - gpa, n),
			   PAGE_SIZE - gpa % PAGE_SIZE);
		memcpy(s->host + (gpa - s->gpa), from, part);
		mem_mark_dirty(s, gpa);
		from += part;
		gpa += part;
		n -= part;
	}
	return true;
}

/* --- changing one slot ---------------------------------------------------- */

static int region_check(const struct kvm_userspace_memory_region *r)
{
	const u64 page_bits = PAGE_SIZE - 1;
	u64 end;

	if (r->flags & ~(u32)(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if (r->slot >= MEM_SLOTS_MAX)
		return -EINVAL;
	if ((r->guest_phys_addr | r->memory_size | r->userspace_addr) &
	    page_bits)
		return -EINVAL;
	if (__builtin_add_overflow(r->guest_phys_addr, r->memory_size, &end) ||
	    end > 1ull << 52)
		return -EINVAL;
	if (__builtin_add_overflow(r->userspace_addr, r->memory_size, &end) ||
	    end > 1ull << 47)
		return -EINVAL;
	return 0;
}

static bool overlaps(const struct mem_table *t,
		     const struct kvm_userspace_memory_region *r)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct mem_slot *s = &t->slot[i];

		if (s->id != r->slot &&
		    r->guest_phys_addr < s->gpa + s->size &&
		    s->gpa < r->guest_phys_addr + r->memory_size)
			return true;
	}
	return false;
}

/* What KVM lets one do to a slot that exists: move it, change its flags. */
static int change_check(const struct mem_slot *s,
			const struct kvm_userspace_memory_region *r)
{
	if (!r->memory_size)
		return 0;
	if (r->memory_size != s->size ||
	    r->userspace_addr != (u64)(uintptr_t)s->host ||
	    (r->flags ^ s->flags) & KVM_MEM_READONLY)
		return -EINVAL;
	return 0;
}

static int slot_fill(struct mem_slot *n, const struct mem_slot *was,
		     const struct kvm_userspace_memory_region *r)
{
	u64 pages = r->memory_size >> PAGE_SHIFT;

	*n = (struct mem_slot){
		.gpa = r->guest_phys_addr, .size = r->memory_size,
		.host = (u8 *)(uintptr_t)r->userspace_addr,
		.id = r->slot, .flags = r->flags,
	};
	if (!(r->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return 0;
	n->dirty = was ? was->dirty : NULL;
	if (!n->dirty)
		n->dirty = calloc((pages + 63) / 64, sizeof(u64));
	return n->dirty ? 0 : -ENOMEM;
}

/* Copy all slots but `was`, put `n` (NULL: none) where it sorts. */
static void table_build(struct mem_table *to, const struct mem_table *from,
			const struct mem_slot *was, const struct mem_slot *n)
{
	unsigned k = 0;

	for (unsigned i = 0; i < from->count; i++) {
		const struct mem_slot *s = &from->slot[i];

		if (s == was)
			continue;
		if (n && n->gpa < s->gpa) {
			to->slot[k++] = *n;
			n = NULL;
		}
		to->slot[k++] = *s;
	}
	if (n)
		to->slot[k++] = *n;
	to->count = k;
}

int mem_map_set(struct mem_map *m,
		const struct kvm_userspace_memory_region *r,
		struct mem_retired *old)
{
	struct mem_table *now = atomic_load(&m->table), *next;
	const struct mem_slot *was = mem_find_id(now, r->slot);
	struct mem_slot slot = { 0 };
	int rc = region_check(r);

	*old = (struct mem_retired){ 0 };
	if (!rc && !was && !r->memory_size)
		rc = -EINVAL;
	if (!rc && was)
		rc = change_check(was, r);
	if (!rc && r->memory_size && overlaps(now, r))
		rc = -EEXIST;
	if (rc)
		return rc;

	next = table_alloc(now->count + 1);
	if (!next)
		return -ENOMEM;
	if (r->memory_size) {
		rc = slot_fill(&slot, was, r);
		if (rc < 0) {
			free(next);
			return rc;
		}
	}
	table_build(next, now, was, r->memory_size ? &slot : NULL);
	if (was && was->dirty != slot.dirty)
		old->dirty = was->dirty;
	if (was && !r->memory_size) {
		old->host = was->host;
		old->size = was->size;
	}
	old->table = now;
	atomic_store_explicit(&m->table, next, memory_order_release);
	return 0;
}

void mem_retired_free(struct mem_retired *old)
{
	free((void *)old->dirty);
	free(old->table);
	*old = (struct mem_retired){ 0 };
}
