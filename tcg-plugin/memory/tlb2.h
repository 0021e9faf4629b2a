/* SPDX-License-Identifier: MIT */
/*
 * The second level: results of page-table walks, by address space.  Free of x86.
 *
 * An entry is a page of any of the three sizes with what the front end wants to
 * remember about it (`attr`).  It names guest physical memory, so changes of the
 * host's side (slots, dirty logging, code pages) do not touch it.
 *
 * Each address space has a stamp, global pages have one, and an entry lives as
 * long as its stamp is the current one: forgetting an address space is one
 * store, forgetting everything is one store.
 *
 * Thread: the vCPU's.
 */
#ifndef TCG_MEMORY_TLB2_H
#define TCG_MEMORY_TLB2_H

#include "vmm/base/types.h"

enum { TLB2_SETS = 256, TLB2_WAYS = 4, TLB2_SIZES = 3, TLB2_ASIDS = 4096,
       TLB2_HUGE = 16 };

struct tlb2_entry {
	u64 page;                      /* linear                          */
	u64 stamp;
	u64 pa;
	u32 attr, shift;               /* shift: 12, 21 or 30             */
};

struct tlb2 {
	u64 now;                       /* the last stamp given            */
	u64 floor;                     /* of an address space, if older: none */
	u64 global;                    /* stamp of global pages           */
	u64 stamp[TLB2_ASIDS];
	struct tlb2_entry e[TLB2_SIZES][TLB2_SETS][TLB2_WAYS];
	/* May the first level hold pieces of a large page?  Since the last
	 * tlb2_flush: bits by 2 MiB, hashed; a list by 1 GiB. */
	u64 pieces_2m[64];
	u64 pieces_1g[TLB2_HUGE];
	unsigned n_1g;                 /* > TLB2_HUGE: any                */
	u32 clock;
};

/* Also makes a zeroed struct ready. */
void tlb2_flush(struct tlb2 *t);
/* All but global pages. */
void tlb2_flush_local(struct tlb2 *t);
void tlb2_flush_asid(struct tlb2 *t, u32 asid);
/* The pages of any size that hold `la` in that address space; and, if asked,
 * the global ones. */
void tlb2_flush_page(struct tlb2 *t, u32 asid, u64 la, bool global);

const struct tlb2_entry *tlb2_find(const struct tlb2 *t, u32 asid, u64 la);
/* `la` and `pa` are of any byte; shift is 12, 21 or 30. */
void tlb2_fill(struct tlb2 *t, u32 asid, u64 la, u64 pa, unsigned shift,
	       u32 attr, bool global);

/* The size of the largest page that holds `la` and may have pieces in the first
 * level: what an invalidation of `la` must drop there. */
u64  tlb2_pieces(const struct tlb2 *t, u64 la);

#endif
