/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: guest linear page -> host address, one array per access kind
 * and MMU mode.  Free of x86: the front end fills it after its own walk.
 *
 * A look-up is: index by page, xor the tag, compare with 4096 - size, add
 * the host delta.  The xor catches a wrong page, a non-canonical address and a
 * page-crossing access in one compare.
 *
 * Invariants:
 *  1. tag is the page's linear address, or tlb_empty(slot), whose page number
 *     belongs to another slot: nothing that indexes here can match it.
 *     Only canonical addresses are ever filled in.
 *  2. A write entry exists only for RAM pages that hold no translated code,
 *     are not under dirty logging that has not seen them yet, and whose PTE
 *     has its D bit set already.  Everything else takes the slow path.
 *  3. Only the owning vCPU thread touches its TLB; others set REQ_TLB.
 */
#ifndef TCG_MEMORY_TLB_H
#define TCG_MEMORY_TLB_H

#include "vmm/base/types.h"

enum tlb_kind { TLB_READ, TLB_WRITE, TLB_EXEC, TLB_KINDS };
/* TLB_SUPER_AC: supervisor with SMAP on and RFLAGS.AC set, so user pages are
 * open to it; TLB_SUPER then refuses them. */
enum { TLB_SUPER = 0, TLB_USER = 1, TLB_SUPER_AC = 2, TLB_MODES = 3 };
enum { TLB_BITS = 9, TLB_SIZE = 1 << TLB_BITS };

struct tlb_entry {
	u64 tag;                       /* page linear address, or empty     */
	u64 delta;                     /* host address = linear + delta     */
};

struct soft_tlb {
	struct tlb_entry e[TLB_MODES][TLB_KINDS][TLB_SIZE];
	u64 gen;                       /* bumped by every full flush        */
};

/* All ones, but for the last slot, which all ones would index. */
static inline u64 tlb_empty(unsigned slot)
{
	return slot == TLB_SIZE - 1 ? 0 : ~0ull;
}

static inline struct tlb_entry *tlb_slot(struct soft_tlb *t, unsigned mode,
					 enum tlb_kind k, u64 la)
{
	return &t->e[mode][k][(la >> PAGE_SHIFT) & (TLB_SIZE - 1)];
}

/* Host address of [la, la+size), all in one page, or NULL: slow path. */
static inline void *tlb_lookup(struct soft_tlb *t, unsigned mode,
			       enum tlb_kind k, u64 la, unsigned size)
{
	const struct tlb_entry *e = tlb_slot(t, mode, k, la);

	if (__builtin_expect((la ^ e->tag) > PAGE_SIZE - size, 0))
		return NULL;
	return (void *)(uintptr_t)(la + e->delta);
}

void tlb_fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
	      void *host_page);
void tlb_flush(struct soft_tlb *t);
void tlb_flush_page(struct soft_tlb *t, u64 la);
void tlb_flush_kind(struct soft_tlb *t, enum tlb_kind k);
/* Drop every write entry whose host page lies in [host, host+len). */
void tlb_protect(struct soft_tlb *t, const void *host, u64 len);

#endif
