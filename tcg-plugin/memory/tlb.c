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

enum { LOCAL, GLOBAL };

static void fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
		 void *host_page, unsigned which)
{
	struct tlb_list *l = &t->list[mode][k][which];
	u64 page = la & ~(u64)(PAGE_SIZE - 1);
	unsigned s = tlb_slot(la);

	if (!(l->in[s / 64] >> s % 64 & 1)) {
		l->in[s / 64] |= 1ull << s % 64;
		if (l->n < TLB_FILLED_MAX)
			l->slot[l->n] = (u16)s;
		if (l->n <= TLB_FILLED_MAX)
			l->n++;
	}
	t->neg[mode][k][s] = -page;
	t->delta[mode][k][s] = (u64)(uintptr_t)host_page - page;
	t->host[mode][k][s] = (u64)(uintptr_t)host_page;
	if (k == TLB_WRITE) {
		s = tlb_slot((u64)(uintptr_t)host_page);
		t->wrote[s / 64] |= 1ull << s % 64;
	}
}

void tlb_fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
	      void *host_page)
{
	fill(t, mode, k, la, host_page, LOCAL);
}

void tlb_fill_global(struct soft_tlb *t, unsigned mode, enum tlb_kind k,
		     u64 la, void *host_page)
{
	fill(t, mode, k, la, host_page, GLOBAL);
}

/* Empty what the list names; false: it overflowed and names too little. */
static bool empty_listed(u64 *neg, struct tlb_list *l)
{
	u32 n = l->n;

	l->n = l->old = 0;
	if (n > TLB_FILLED_MAX) {
		memset(l->in, 0, sizeof(l->in));
		return false;
	}
	while (n--) {
		u16 s = l->slot[n];

		neg[s] = empty(s);
		l->in[s / 64] &= ~(1ull << s % 64);
	}
	return true;
}

static void flush_one(struct soft_tlb *t, unsigned m, unsigned k)
{
	u64 *neg = t->neg[m][k];
	bool all = empty_listed(neg, &t->list[m][k][LOCAL]);

	all &= empty_listed(neg, &t->list[m][k][GLOBAL]);
	if (!all)
		memset(neg, 0, sizeof(t->neg[m][k]));
	neg[0] = neg[TLB_SIZE - 1] = TLB_NEVER;
}

void tlb_flush(struct soft_tlb *t)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			flush_one(t, m, k);
	tlb_aside_forget(t);
	memset(t->wrote, 0, sizeof(t->wrote));
	t->gen++;
}

void tlb_flush_local(struct soft_tlb *t)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			if (t->list[m][k][LOCAL].n > TLB_FILLED_MAX)
				flush_one(t, m, k);
			else
				empty_listed(t->neg[m][k],
					     &t->list[m][k][LOCAL]);
	t->gen++;
}

/* The slot stays listed: emptying it twice is harmless. */
static void drop_slot(u64 *neg, unsigned s, u64 la, u64 size)
{
	if (neg[s] != empty(s) && -neg[s] - la < size)
		neg[s] = empty(s);
}

static void drop_slots(u64 *neg, u64 la, u64 size)
{
	for (u64 at = 0; at < size; at += PAGE_SIZE)
		drop_slot(neg, tlb_slot(la + at), la, size);
}

static void drop_listed(u64 *neg, const struct tlb_list *l, u64 la, u64 size)
{
	for (u32 n = 0; n < l->n; n++)
		drop_slot(neg, l->slot[n], la, size);
}

/* Whichever is less: the slots the range has, or those that were filled. */
static void flush_range(struct soft_tlb *t, unsigned m, unsigned k, u64 la,
			u64 size)
{
	const struct tlb_list *l = t->list[m][k];
	u64 *neg = t->neg[m][k], pages = size / PAGE_SIZE;

	if (l[LOCAL].n + l[GLOBAL].n >= MIN(pages, TLB_FILLED_MAX)) {
		if (pages <= TLB_FILLED_MAX)
			drop_slots(neg, la, size);
		else
			flush_one(t, m, k);
		return;
	}
	drop_listed(neg, &l[LOCAL], la, size);
	drop_listed(neg, &l[GLOBAL], la, size);
}

void tlb_flush_range(struct soft_tlb *t, u64 la, u64 size)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			flush_range(t, m, k, la, size);
}

void tlb_drop_data(struct soft_tlb *t, u64 la)
{
	const unsigned s = tlb_slot(la);

	la &= ~(u64)(PAGE_SIZE - 1);
	for (unsigned m = 0; m < TLB_MODES; m++) {
		drop_slot(t->neg[m][TLB_READ], s, la, PAGE_SIZE);
		drop_slot(t->neg[m][TLB_WRITE], s, la, PAGE_SIZE);
	}
}

static bool holds(const struct soft_tlb *t, unsigned m, unsigned k, u64 la)
{
	return la + t->neg[m][k][tlb_slot(la)] < PAGE_SIZE;
}

void tlb_agree(struct soft_tlb *t, u64 la, const void *host_page)
{
	const unsigned s = tlb_slot(la);

	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = TLB_READ; k <= TLB_WRITE; k++)
			if (holds(t, m, k, la) && t->host[m][k][s] !=
			    (u64)(uintptr_t)host_page)
				t->neg[m][k][s] = empty(s);
}

bool tlb_knows(const struct soft_tlb *t, u64 la)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			if (holds(t, m, k, la))
				return true;
	return false;
}

void tlb_flush_kind(struct soft_tlb *t, enum tlb_kind k)
{
	for (unsigned m = 0; m < TLB_MODES; m++)
		flush_one(t, m, k);
	tlb_aside_drop_kind(t, k);
}

static void protect_slot(struct soft_tlb *t, unsigned m, unsigned s, u64 lo,
			 u64 len)
{
	u64 *neg = &t->neg[m][TLB_WRITE][s];

	if (*neg != empty(s) &&
	    t->delta[m][TLB_WRITE][s] - *neg - lo < len)
		*neg = empty(s);
}

static void protect_listed(struct soft_tlb *t, unsigned m, unsigned which,
			   u64 lo, u64 len)
{
	const struct tlb_list *l = &t->list[m][TLB_WRITE][which];

	if (l->n > TLB_FILLED_MAX)
		for (unsigned s = 0; s < TLB_SIZE; s++)
			protect_slot(t, m, s, lo, len);
	else
		for (u32 n = 0; n < l->n; n++)
			protect_slot(t, m, l->slot[n], lo, len);
}

void tlb_protect(struct soft_tlb *t, const void *host, u64 len)
{
	u64 lo = (u64)(uintptr_t)host;
	const unsigned s = tlb_slot(lo);

	if (len <= PAGE_SIZE - lo % PAGE_SIZE &&
	    !(t->wrote[s / 64] >> s % 64 & 1))
		return;
	for (unsigned m = 0; m < TLB_MODES; m++) {
		protect_listed(t, m, LOCAL, lo, len);
		protect_listed(t, m, GLOBAL, lo, len);
	}
	tlb_aside_protect(t, lo, len);
}
