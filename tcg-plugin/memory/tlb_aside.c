// SPDX-License-Identifier: MIT
/*
 * Soft TLB: address spaces that are not the present one.
 *
 * Room:     moving an address space's entries out of the arrays and back, so
 *           that a switch there and back costs a copy and no misses.
 * Talks to: tlb.c.
 * Never:    keeps global pages, which stay in the arrays; more than one set for
 *           an address space; the set that was left longest ago when a new one
 *           needs room.
 *
 * What an address space was brought back with stays in its set: when it leaves
 * again, what is still in the arrays is kept, and what was filled since joins.
 */
#include "tcg-plugin/memory/tlb.h"

enum { LOCAL, GLOBAL };

static struct tlb_aside *oldest(struct soft_tlb *t)
{
	struct tlb_aside *set = &t->aside[0];

	for (unsigned n = 1; n < TLB_ASIDES; n++)
		if (t->aside[n].serial < set->serial)
			set = &t->aside[n];
	return set;
}

struct tlb_aside *tlb_aside_find(struct soft_tlb *t, u32 asid)
{
	for (unsigned n = 0; n < TLB_ASIDES; n++)
		if (t->aside[n].serial && t->aside[n].asid == asid)
			return &t->aside[n];
	return NULL;
}

static bool listed(const struct tlb_list *l, unsigned s)
{
	return l->in[s / 64] >> s % 64 & 1;
}

static unsigned kept_mode(const struct tlb_kept *e)
{
	return e->page >> 2 & 3;
}

/* Nothing took its place in the arrays. */
static bool still_there(const struct soft_tlb *t, const struct tlb_kept *e)
{
	unsigned m = kept_mode(e), k = tlb_kept_kind(e);
	unsigned s = tlb_slot(e->page);

	return t->neg[m][k][s] == -tlb_kept_page(e) &&
	       t->delta[m][k][s] == e->delta && !listed(&t->list[m][k][GLOBAL], s);
}

/* What was brought back, and may be moved once more. */
static void keep_old(struct soft_tlb *t, struct tlb_aside *set)
{
	u32 n = set->n;

	set->n = 0;
	for (u32 i = 0; i < n; i++) {
		struct tlb_kept e = set->e[i];

		e.page += 1 << 4;
		if ((e.page >> 4 & 0xff) < TLB_MOVES && still_there(t, &e))
			set->e[set->n++] = e;
	}
}

/* What was filled since, the latest first: those are likeliest wanted.  A slot
 * listed as both may hold either, and stays behind. */
static void keep_new(struct soft_tlb *t, struct tlb_aside *set, unsigned m,
		     unsigned k)
{
	const struct tlb_list *l = t->list[m][k];
	u32 n = MIN(l[LOCAL].n, (u32)TLB_FILLED_MAX);

	while (n-- > l[LOCAL].old && set->n < TLB_ASIDE_MAX) {
		unsigned s = l[LOCAL].slot[n];
		u64 page = -t->neg[m][k][s];

		/* empty slots: the page of another slot */
		if (tlb_slot(page) != s || (!page && s) ||
		    listed(&l[GLOBAL], s))
			continue;
		/* not all at the end of their moves at once */
		page |= (s * 5 % (TLB_MOVES / 2)) << 4;
		set->e[set->n++] = (struct tlb_kept){
			.page = page | m << 2 | k, .delta = t->delta[m][k][s],
		};
	}
}

struct tlb_aside *tlb_put_aside(struct soft_tlb *t)
{
	static const u8 order[TLB_MODES] = { TLB_USER, TLB_SUPER_AC, TLB_SUPER };
	struct tlb_aside *set = t->live ? t->live : oldest(t);

	if (t->live)
		keep_old(t, set);
	else
		set->n = 0;
	t->live = NULL;
	set->serial = ++t->serial;
	set->edited = false;
	set->asid = t->asid;
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = TLB_KINDS; k--; )
			keep_new(t, set, order[m], k);
	return set;
}

void tlb_bring_back(struct soft_tlb *t, struct tlb_aside *set)
{
	t->asid = set->asid;
	t->live = set;
	for (u32 n = 0; n < set->n; n++) {
		const struct tlb_kept *e = &set->e[n];

		tlb_fill(t, kept_mode(e), tlb_kept_kind(e), tlb_kept_page(e),
			 (void *)(uintptr_t)tlb_kept_host(e));
	}
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			t->list[m][k][LOCAL].old = t->list[m][k][LOCAL].n;
}

/* --- dropping ------------------------------------------------------------- */

void tlb_aside_forget(struct soft_tlb *t)
{
	for (unsigned n = 0; n < TLB_ASIDES; n++)
		t->aside[n].serial = t->aside[n].n = 0;
	t->live = NULL;
}

static void drop(struct tlb_aside *set, u32 n)
{
	set->e[n] = set->e[--set->n];
}

void tlb_aside_drop_page(struct tlb_aside *set, u64 page, u64 mask)
{
	set->edited = true;
	for (u32 n = set->n; n--; )
		if ((set->e[n].page & mask) == page)
			drop(set, n);
}

void tlb_aside_protect(struct soft_tlb *t, u64 host, u64 len)
{
	for (unsigned i = 0; i < TLB_ASIDES; i++)
		for (u32 n = t->aside[i].n; n--; ) {
			const struct tlb_kept *e = &t->aside[i].e[n];

			if (tlb_kept_kind(e) == TLB_WRITE &&
			    (u64)(uintptr_t)tlb_kept_host(e) - host < len)
				drop(&t->aside[i], n);
		}
}

void tlb_aside_drop_kind(struct soft_tlb *t, enum tlb_kind k)
{
	for (unsigned i = 0; i < TLB_ASIDES; i++) {
		t->aside[i].edited = true;
		for (u32 n = t->aside[i].n; n--; )
			if (tlb_kept_kind(&t->aside[i].e[n]) == k)
				drop(&t->aside[i], n);
	}
}
