// SPDX-License-Identifier: MIT
/*
 * Soft TLB maintenance.
 *
 * Room:     filling and emptying entries; the layout and its invariants are
 *           tlb.h's.
 * Talks to: nobody.
 * Never:    walks page tables or looks at another thread's entries.
 */
#include "tcg-plugin/memory/tlb.h"

#include <string.h>

static u64 empty(unsigned slot)
{
	return slot == 0 || slot == TLB_SIZE - 1 ? TLB_NEVER : 0;
}

void tlb_fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
	      void *host_page)
{
	u64 page = la & ~(u64)(PAGE_SIZE - 1);
	unsigned s = tlb_slot(la);
	u32 *n = &t->nfilled[mode][k];

	if (t->neg[mode][k][s] == empty(s)) {
		if (*n < TLB_FILLED_MAX)
			t->filled[mode][k][*n] = (u16)s;
		if (*n <= TLB_FILLED_MAX)
			++*n;
	}
	t->neg[mode][k][s] = -page;
	t->delta[mode][k][s] = (u64)(uintptr_t)host_page - page;
}

static void flush_one(struct soft_tlb *t, unsigned m, unsigned k)
{
	u64 *neg = t->neg[m][k];
	u32 n = t->nfilled[m][k];

	if (n > TLB_FILLED_MAX)
		memset(neg, 0, sizeof(t->neg[m][k]));
	else
		while (n--)
			neg[t->filled[m][k][n]] = 0;
	neg[0] = neg[TLB_SIZE - 1] = TLB_NEVER;
	t->nfilled[m][k] = 0;
}

void tlb_flush(struct soft_tlb *t)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			flush_one(t, m, k);
	t->gen++;
}

/* The slot stays in filled[]: emptying it twice is harmless. */
void tlb_flush_page(struct soft_tlb *t, u64 la)
{
	u64 page = la & ~(u64)(PAGE_SIZE - 1);
	unsigned s = tlb_slot(la);

	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			if (t->neg[m][k][s] == -page)
				t->neg[m][k][s] = empty(s);
}

void tlb_flush_kind(struct soft_tlb *t, enum tlb_kind k)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		flush_one(t, m, k);
}

static void protect_slot(struct soft_tlb *t, unsigned m, unsigned s, u64 lo,
			 u64 len)
{
	u64 *neg = &t->neg[m][TLB_WRITE][s];

	if (*neg != empty(s) &&
	    t->delta[m][TLB_WRITE][s] - *neg - lo < len)
		*neg = empty(s);
}

void tlb_protect(struct soft_tlb *t, const void *host, u64 len)
{
	u64 lo = (u64)(uintptr_t)host;

	for (unsigned m = 0; m < TLB_MODES; m++) {
		u32 n = t->nfilled[m][TLB_WRITE];

		if (n > TLB_FILLED_MAX)
			for (unsigned s = 0; s < TLB_SIZE; s++)
				protect_slot(t, m, s, lo, len);
		else
			while (n--)
				protect_slot(t, m,
					     t->filled[m][TLB_WRITE][n], lo,
					     len);
	}
}
