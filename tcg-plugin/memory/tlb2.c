// SPDX-License-Identifier: MIT
/*
 * The second-level TLB: set-associative, tagged, three page sizes.
 *
 * Room:     finding, filling, forgetting; the rules are tlb2.h's.
 * Talks to: nobody.
 * Never:    knows what a right is.
 */
#include "tcg-plugin/memory/tlb2.h"

#include <string.h>

static const u8 shifts[TLB2_SIZES] = { 12, 21, 30 };

static unsigned set_of(u64 la, unsigned shift)
{
	u64 n = la >> shift;

	return (n ^ n >> 8) & (TLB2_SETS - 1);
}

static u64 page_of(u64 la, unsigned shift)
{
	return la >> shift << shift;
}

/* --- stamps --------------------------------------------------------------- */

/* 0: it has none, and no entry. */
static u64 stamp_of(const struct tlb2 *t, u32 asid)
{
	u64 s = t->stamp[asid % TLB2_ASIDS];

	return s > t->floor ? s : 0;
}

static bool lives(const struct tlb2 *t, const struct tlb2_entry *e, u64 stamp)
{
	return e->stamp && (e->stamp == stamp || e->stamp == t->global);
}

void tlb2_flush_local(struct tlb2 *t)
{
	t->floor = t->now;
}

void tlb2_flush(struct tlb2 *t)
{
	t->floor = t->now;
	t->global = ++t->now;
	memset(t->pieces_2m, 0, sizeof(t->pieces_2m));
	t->n_1g = 0;
}

void tlb2_flush_asid(struct tlb2 *t, u32 asid)
{
	t->stamp[asid % TLB2_ASIDS] = 0;
}

/* --- entries -------------------------------------------------------------- */

const struct tlb2_entry *tlb2_find(const struct tlb2 *t, u32 asid, u64 la)
{
	u64 stamp = stamp_of(t, asid);

	for (unsigned z = 0; z < TLB2_SIZES; z++) {
		const struct tlb2_entry *e = t->e[z][set_of(la, shifts[z])];
		u64 page = page_of(la, shifts[z]);

		for (unsigned w = 0; w < TLB2_WAYS; w++)
			if (e[w].page == page && lives(t, &e[w], stamp))
				return &e[w];
	}
	return NULL;
}

/* The page's own entry, else one that is dead, else any. */
static struct tlb2_entry *victim(struct tlb2 *t, struct tlb2_entry *e,
				 u64 page, u64 stamp)
{
	struct tlb2_entry *dead = NULL;

	for (unsigned w = 0; w < TLB2_WAYS; w++) {
		if (e[w].page == page && lives(t, &e[w], stamp))
			return &e[w];
		if (e[w].stamp <= t->floor && e[w].stamp != t->global)
			dead = &e[w];
	}
	return dead ? dead : &e[t->clock++ % TLB2_WAYS];
}

static void note_pieces(struct tlb2 *t, u64 la, unsigned shift)
{
	u64 n = la >> shift;

	if (shift == 21) {
		t->pieces_2m[n / 64 % 64] |= 1ull << n % 64;
		return;
	}
	for (unsigned i = 0; i < MIN(t->n_1g, (unsigned)TLB2_HUGE); i++)
		if (t->pieces_1g[i] == n)
			return;
	if (t->n_1g < TLB2_HUGE)
		t->pieces_1g[t->n_1g] = n;
	if (t->n_1g <= TLB2_HUGE)
		t->n_1g++;
}

void tlb2_fill(struct tlb2 *t, u32 asid, u64 la, u64 pa, unsigned shift,
	       u32 attr, bool global)
{
	unsigned z = shift == 12 ? 0 : shift == 21 ? 1 : 2;
	u64 page = page_of(la, shift), stamp;

	if (!stamp_of(t, asid))
		t->stamp[asid % TLB2_ASIDS] = ++t->now;
	stamp = global ? t->global : stamp_of(t, asid);
	*victim(t, t->e[z][set_of(la, shift)], page, stamp) =
		(struct tlb2_entry){ .page = page, .stamp = stamp,
				     .pa = page_of(pa, shift), .attr = attr,
				     .shift = shift };
	if (z)
		note_pieces(t, la, shift);
}

void tlb2_flush_page(struct tlb2 *t, u32 asid, u64 la, bool global)
{
	u64 stamp = stamp_of(t, asid);

	for (unsigned z = 0; z < TLB2_SIZES; z++) {
		struct tlb2_entry *e = t->e[z][set_of(la, shifts[z])];
		u64 page = page_of(la, shifts[z]);

		for (unsigned w = 0; w < TLB2_WAYS; w++)
			if (e[w].page == page && e[w].stamp &&
			    (e[w].stamp == stamp ||
			     (global && e[w].stamp == t->global)))
				e[w].stamp = 0;
	}
}

u64 tlb2_pieces(const struct tlb2 *t, u64 la)
{
	u64 n = la >> 30;

	if (t->n_1g > TLB2_HUGE)
		return GiB;
	for (unsigned i = 0; i < t->n_1g; i++)
		if (t->pieces_1g[i] == n)
			return GiB;
	n = la >> 21;
	return t->pieces_2m[n / 64 % 64] >> n % 64 & 1 ? 2 * MiB : 4096;
}
