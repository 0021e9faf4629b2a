// SPDX-License-Identifier: MIT
/*
 * Soft TLB maintenance: fill, flush, take write permission away.
 *
 * Room:     the arrays of memory/tlb.h; who may fill what is the MMU's affair.
 * Talks to: nobody.
 * Never:    runs on another thread than the owning vCPU's.
 */
#include "tcg-plugin/memory/tlb.h"

#include <string.h>

void tlb_fill(struct soft_tlb *t, unsigned mode, enum tlb_kind k, u64 la,
	      void *host_page)
{
	struct tlb_entry *e = tlb_slot(t, mode, k, la);
	u64 page = la & ~(u64)(PAGE_SIZE - 1);

	e->tag = page;
	e->delta = (u64)(uintptr_t)host_page - page;
}

void tlb_flush(struct soft_tlb *t)
{
	memset(t->e, 0xff, sizeof(t->e));
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			t->e[m][k][TLB_SIZE - 1].tag = 0;
	t->gen++;
}

void tlb_flush_page(struct soft_tlb *t, u64 la)
{
	unsigned slot = (la >> PAGE_SHIFT) & (TLB_SIZE - 1);
	u64 page = la & ~(u64)(PAGE_SIZE - 1);

	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++)
			if (t->e[m][k][slot].tag == page)
				t->e[m][k][slot].tag = tlb_empty(slot);
}

void tlb_flush_kind(struct soft_tlb *t, enum tlb_kind k)
{
	for (unsigned m = 0; m < TLB_MODES; m++) {
		memset(t->e[m][k], 0xff, sizeof(t->e[m][k]));
		t->e[m][k][TLB_SIZE - 1].tag = 0;
	}
}

void tlb_protect(struct soft_tlb *t, const void *host, u64 len)
{
	u64 lo = (u64)(uintptr_t)host;

	for (unsigned m = 0; m < TLB_MODES; m++) {
		for (unsigned i = 0; i < TLB_SIZE; i++) {
			struct tlb_entry *e = &t->e[m][TLB_WRITE][i];

			if (e->tag != tlb_empty(i) &&
			    e->tag + e->delta - lo < len)
				e->tag = tlb_empty(i);
		}
	}
}
