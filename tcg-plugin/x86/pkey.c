/* SPDX-License-Identifier: MIT */
/*
 * Protection keys and the soft TLB (SDM vol. 3, 4.6.2).
 *
 * Room:     which entries a change of PKRU takes away.
 * Talks to: the soft TLB.
 * Never:    judges an access: walk.c does, when an entry is filled.
 *
 * An entry holds the rights of its page under the present PKRU, so that a hit
 * costs nothing.  Pages with a key are few and are listed as they come in; a
 * PKRU that forbids more drops those of the keys in question, one that allows
 * more drops nothing: what it allows is missed and filled.  Key 0 is most
 * pages': they are not listed, and a PKRU that forbids more of it drops all.
 */
#include "tcg-plugin/x86/sys.h"

void pkeys_note(struct x86_cpu *c, gva_t la, unsigned key)
{
	struct x86_pkeys *k = &c->pkeys;
	const u64 page = (la & ~(u64)(PAGE_SIZE - 1)) | key;

	if (!(c->cr4 & CR4_PKE) ||
	    (k->n && k->n <= PKEY_PAGES && k->page[k->n - 1] == page))
		return;
	if (k->n < PKEY_PAGES)
		k->page[k->n] = page;
	if (k->n <= PKEY_PAGES)
		k->n++;
}

/* `keys`: a bit for each. */
static void drop(struct x86_cpu *c, u32 keys)
{
	struct x86_pkeys *k = &c->pkeys;
	u32 n = 0;

	if (k->n > PKEY_PAGES) {
		mmu_flush_host(c);
		return;
	}
	for (u32 i = 0; i < k->n; i++)
		if (keys >> (k->page[i] & 15) & 1)
			tlb_drop_data(&c->tlb, k->page[i]);
		else
			k->page[n++] = k->page[i];
	k->n = n;
}

void pkeys_leave(struct x86_cpu *c)
{
	if (c->pkeys.n)
		drop(c, 0xffff);
}

void mmu_set_pkru(struct x86_cpu *c, u32 v)
{
	const u32 forbids = v & ~c->pkru;
	u32 keys = 0;

	c->pkru = v;
	if (!forbids || !(c->cr4 & CR4_PKE))
		return;
	for (unsigned key = 0; key < 16; key++)
		if (forbids >> key * 2 & 3)
			keys |= BIT(key);
	if (keys & 1)
		mmu_flush_host(c);
	else if (c->pkeys.n)
		drop(c, keys);
}
