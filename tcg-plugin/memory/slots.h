/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: guest physical address -> host address.
 *
 * Invariants:
 *  1. A table is immutable once published, sorted by gpa, without overlap.
 *  2. Writers hold map->lock.  Readers (vCPUs in guest code) load map->table
 *     once per use and never keep it across a safe point; a writer frees a
 *     retired table only after every vCPU has passed one.
 *  3. dirty[] outlives table changes that keep the slot and its logging.
 */
#ifndef TCG_MEMORY_SLOTS_H
#define TCG_MEMORY_SLOTS_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <string.h>

#include "tcg-plugin/memory/tlb.h"
#include "vmm/base/lock.h"
#include "vmm/base/types.h"

enum { MEM_SLOTS_MAX = 509 };

struct mem_slot {
	gpa_t gpa;
	u64 size;                      /* bytes, whole pages              */
	u8 *host;
	u32 id, flags;                 /* KVM_MEM_*                       */
	_Atomic u64 *dirty;            /* one bit per page; NULL: not logged */
};

struct mem_table {
	unsigned count;
	struct mem_slot slot[];
};

struct mem_map {
	struct lock lock;
	struct mem_table *_Atomic table;   /* never NULL after init       */
};

/* What a change leaves behind: free it once no vCPU can still look at it. */
struct mem_retired {
	struct mem_table *table;
	_Atomic u64 *dirty;
	u8 *host;                      /* range that went away, or NULL   */
	u64 size;
};

int  mem_map_init(struct mem_map *m);
void mem_map_fini(struct mem_map *m);
/*
 * KVM_SET_USER_MEMORY_REGION: create, delete (size 0), move or change the
 * flags of one slot.  Publishes the new table and hands back the old one;
 * -errno as KVM, and then nothing is retired.  Caller holds m->lock.
 */
int  mem_map_set(struct mem_map *m,
		 const struct kvm_userspace_memory_region *r,
		 struct mem_retired *old);
void mem_retired_free(struct mem_retired *old);

/* The slot that holds `gpa`, or NULL. */
const struct mem_slot *mem_find(const struct mem_table *t, gpa_t gpa);
const struct mem_slot *mem_find_id(const struct mem_table *t, u32 id);

static inline const struct mem_table *mem_table(struct mem_map *m)
{
	return atomic_load_explicit(&m->table, memory_order_acquire);
}

/* Host address of gpa, and through *left how many bytes of the slot follow
 * (at least 1); NULL when no slot holds it. */
u8  *mem_host(const struct mem_table *t, gpa_t gpa, u64 *left);
/* Note a write to the page at gpa in `s`, if it is logged. */
static inline void mem_mark_dirty(const struct mem_slot *s, gpa_t gpa)
{
	u64 page = (gpa - s->gpa) >> PAGE_SHIFT;
	u64 bit = 1ull << (page % 64);

	if (s->dirty && !(atomic_load_explicit(&s->dirty[page / 64],
					       memory_order_relaxed) & bit))
		atomic_fetch_or(&s->dirty[page / 64], bit);
}

typedef u16 mem_u16 __attribute__((aligned(1), may_alias));
typedef u32 mem_u32 __attribute__((aligned(1), may_alias));
typedef u64 mem_u64 __attribute__((aligned(1), may_alias));

/* Store as the guest's instruction does: 1, 2, 4 and 8 bytes at once and
 * exactly once (memcpy may store a byte twice). */
GUEST_MEM static inline void mem_store(void *to, const void *from, unsigned n)
{
	u64 v = 0;

	switch (n) {
	case 1: *(volatile u8 *)to = *(const u8 *)from; return;
	case 2: memcpy(&v, from, 2); *(volatile mem_u16 *)to = v; return;
	case 4: memcpy(&v, from, 4); *(volatile mem_u32 *)to = v; return;
	case 8: memcpy(&v, from, 8); *(volatile mem_u64 *)to = v; return;
	default: memcpy(to, from, n);
	}
}

GUEST_MEM static inline void mem_load(void *to, const void *from, unsigned n)
{
	u64 v;

	switch (n) {
	case 1: v = *(const volatile u8 *)from; break;
	case 2: v = *(const volatile mem_u16 *)from; break;
	case 4: v = *(const volatile mem_u32 *)from; break;
	case 8: v = *(const volatile mem_u64 *)from; break;
	default: memcpy(to, from, n); return;
	}
	memcpy(to, &v, n);
}

/* Copy to and from RAM that may span slots; false: some byte is not RAM (or
 * is read-only).  The bytes before it may have been copied. */
bool mem_copy_in(const struct mem_table *t, gpa_t gpa, void *buf, u64 n);
bool mem_copy_out(const struct mem_table *t, gpa_t gpa, const void *buf,
		  u64 n);

#endif
