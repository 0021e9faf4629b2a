/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: guest linear page -> host address, one pair of arrays per
 * access kind and MMU mode.  Free of x86: the front end fills it after its own
 * walk, and translated code reads the arrays itself.
 *
 * A look-up is: index by 16 bits of page number, add neg (minus the page's
 * address) and size - 1, and see whether the sum is below 4096.  That catches
 * a wrong page, a non-canonical address and a page-crossing access at once.
 * The datum is at the address plus delta, or at that offset in the host's page,
 * whichever suits: both are kept.
 *
 * Invariants:
 *  1. neg is minus the page's linear address, or empty: zero (the page at 0,
 *     which indexes slot 0 only), and in slots 0 and 65535, where zero could
 *     match, TLB_NEVER, whose page indexes neither.  So fresh zeroed memory
 *     needs only those two slots set.  Only canonical addresses are filled in.
 *  2. A write entry exists only for RAM pages that hold no translated code,
 *     are not under dirty logging that has not seen them yet, and whose PTE
 *     has its D bit set already.  Everything else takes the slow path.
 *  3. Only the owning vCPU thread touches its TLB; others set REQ_TLB.
 *  4. Each slot that is not empty is listed as local or as global (or, after
 *     one replaced the other, as both), unless a list overflowed; so a flush
 *     costs what was filled, and a change of address space keeps what is
 *     listed as global only.
 *  5. Local entries are those of one address space, `asid`.  What it leaves
 *     behind when another takes its place is put aside and brought back with it
 *     (tlb_aside.c); an entry is never in both places.
 *  6. Entries for reading and for writing lead to the same host page, in every
 *     mode: who walked the tables anew calls tlb_agree.
 */
#ifndef TCG_MEMORY_TLB_H
#define TCG_MEMORY_TLB_H

#include "vmm/base/types.h"

/* On functions that touch guest RAM: data races there are the guest's own. */
#define GUEST_MEM __attribute__((no_sanitize("thread")))

enum tlb_kind { TLB_READ, TLB_WRITE, TLB_EXEC, TLB_KINDS };
/* TLB_SUPER_AC: supervisor with SMAP on and RFLAGS.AC set, so user pages are
 * open to it; TLB_SUPER then refuses them. */
enum { TLB_SUPER = 0, TLB_USER = 1, TLB_SUPER_AC = 2, TLB_MODES = 3 };
enum { TLB_BITS = 16, TLB_SIZE = 1 << TLB_BITS, TLB_FILLED_MAX = 4096 };
#define TLB_NEVER 0x5000ull

/* Address spaces put aside, and how many entries each keeps.  An entry is moved
 * that many times at most: whether it is used cannot be seen, and one that is
 * will be missed and filled again. */
enum { TLB_ASIDES = 8, TLB_ASIDE_MAX = 512, TLB_MOVES = 32 };

/* Slots filled since the last flush; `in` says which are on the list. */
struct tlb_list {
	u32 n;                         /* > TLB_FILLED_MAX: overflowed      */
	u32 old;                       /* the first of them were brought back */
	u16 slot[TLB_FILLED_MAX];
	u64 in[TLB_SIZE / 64];
};

struct tlb_aside {
	u64 serial;                    /* which putting-aside; 0: empty   */
	u32 asid, n;
	bool edited;                   /* something was invalidated since, be
					  it kept here or not             */
	struct tlb_kept {
		u64 page;              /* | moves << 4 | mode << 2 | kind */
		u64 delta;
	} e[TLB_ASIDE_MAX];
};

struct soft_tlb {
	u64 neg[TLB_MODES][TLB_KINDS][TLB_SIZE];    /* -(page address)     */
	u64 delta[TLB_MODES][TLB_KINDS][TLB_SIZE];  /* host - linear       */
	u64 host[TLB_MODES][TLB_KINDS][TLB_SIZE];   /* host page           */
	u64 gen;                       /* bumped by every full flush        */
	u64 wrote[TLB_SIZE / 64];      /* by host page: it may have a write
					  entry, here or put aside          */
	struct tlb_list list[TLB_MODES][TLB_KINDS][2];  /* local, global   */
	u32 asid;                      /* whose the local entries are      */
	u64 serial;                    /* of the last putting-aside        */
	struct tlb_aside aside[TLB_ASIDES];
	struct tlb_aside *live;        /* what the present one came from    */
};

static inline unsigned tlb_slot(u64 la)
{
	return (la >> PAGE_SHIFT) & (TLB_SIZE - 1);
}

/* Host address of [la, la+size), all in one page, or NULL: slow path. */
static inline void *tlb_lookup(struct soft_tlb *t, unsigned mode,
			       enum tlb_kind k, u64 la, unsigned size)
{
	unsigned s = tlb_slot(la);

	if (__builtin_expect(la + t->neg[mode][k][s] + (size - 1) >=
			     PAGE_SIZE, 0))
		return NULL;
	return (void *)(uintptr_t)(la + t->delta[mode][k][s]);
}

void tlb_fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
	      void *host_page);
/* The same for a page that is in every address space. */
void tlb_fill_global(struct soft_tlb *t, unsigned mode, enum tlb_kind k,
		     u64 la, void *host_page);
/* The present address space's: everything but global pages. */
void tlb_flush_local(struct soft_tlb *t);
/* Everything of every address space.  Also makes a zeroed struct ready. */
void tlb_flush(struct soft_tlb *t);
/* Present and global entries of [la, la+size); size is a page's (4 KiB to
 * 1 GiB), la a multiple of it. */
void tlb_flush_range(struct soft_tlb *t, u64 la, u64 size);
static inline void tlb_flush_page(struct soft_tlb *t, u64 la)
{
	tlb_flush_range(t, la & ~(u64)(PAGE_SIZE - 1), PAGE_SIZE);
}
/* The page's entries for reading and writing, of any mode. */
void tlb_drop_data(struct soft_tlb *t, u64 la);
/* Those of them that are not for this host page. */
void tlb_agree(struct soft_tlb *t, u64 la, const void *host_page);
/* Any entry for that page? */
bool tlb_knows(const struct soft_tlb *t, u64 la);
void tlb_flush_kind(struct soft_tlb *t, enum tlb_kind k);
/* Drop every write entry whose host page lies in [host, host+len). */
void tlb_protect(struct soft_tlb *t, const void *host, u64 len);

/* --- address spaces (tlb_aside.c) --- */
/* Copy the present one's entries to its set; tlb_flush_local comes next. */
struct tlb_aside *tlb_put_aside(struct soft_tlb *t);
/* The set of one that is not the present one, or NULL. */
struct tlb_aside *tlb_aside_find(struct soft_tlb *t, u32 asid);
/* Nothing local may be there. */
void tlb_bring_back(struct soft_tlb *t, struct tlb_aside *set);
void tlb_aside_forget(struct soft_tlb *t);     /* every set               */
/* Drop from every set entries whose (page & mask) is `page`; whose host page
 * lies in [host, host+len), for writing; of one kind. */
void tlb_aside_drop_page(struct tlb_aside *set, u64 page, u64 mask);
void tlb_aside_protect(struct soft_tlb *t, u64 host, u64 len);
void tlb_aside_drop_kind(struct soft_tlb *t, enum tlb_kind k);
static inline enum tlb_kind tlb_kept_kind(const struct tlb_kept *e)
{
	return e->page & 3;
}
static inline u64 tlb_kept_page(const struct tlb_kept *e)
{
	return e->page & ~(u64)(PAGE_SIZE - 1);
}
static inline const void *tlb_kept_host(const struct tlb_kept *e)
{
	return (const void *)(uintptr_t)(tlb_kept_page(e) + e->delta);
}

#endif
