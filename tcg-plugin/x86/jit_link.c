// SPDX-License-Identifier: MIT
/*
 * Translated code: links, the direct jumps from block to block.
 *
 * A link is patched when control first takes it, and stays as long as it is true.
 *
 *   within a page   the page is what is being executed: until a block dies
 *   LINK_GLOBAL     to another page, which is global, of supervisor code: until
 *                   that page's translation is invalidated (jit_cut_*)
 *   LINK_SPACE      to another page of user code: while c->jr.space is what it was
 *                   when the link was patched.  The jump looks at that, and comes
 *                   here when it differs; or, where address spaces that come and
 *                   go share the code, tries the jump cache first.
 *
 * c->jr.space names a state of the present address space's translations: it
 * changes with the address space, comes back with it if nothing was invalidated
 * meanwhile, and gets a number never used before when a page is invalidated
 * that such a link may lead to.  So an address space that comes and goes costs
 * its links nothing, and no list of them is needed.
 *
 * Talks to: jit_jump.c, which hears of invalidations.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include <string.h>

void jit_link_aim(struct jit *j, u32 at, u32 to)
{
	u32 d = to - (at + 4);

	memcpy(j->buf.rw + at, &d, 4);
}

static void remember_cross(struct jit *j, u32 link)
{
	unsigned s = tlb_slot(j->link[link].target);

	if (j->ncross == JIT_MAX_LINKS)
		jit_cut_all(j);
	j->cross[j->ncross++] = link;
	j->cross_pages[s / 64] |= 1ull << s % 64;
}

/* On its block's list. */
static void hang_in(struct jit *j, u32 link, struct jit_block *to)
{
	struct jit_link *l = &j->link[link];

	l->to = (u32)(to - j->block);
	l->next_in = to->links_in;
	to->links_in = link;
}

static void aim(struct jit *j, const struct jit_link *l)
{
	const struct jit_block *to = &j->block[l->to];

	jit_link_aim(j, l->at, l->entry == LINK_BACK ? to->code : to->inner);
	j->st.links++;
}

void jit_link_to(struct jit *j, u32 link, struct jit_block *to)
{
	struct jit_link *l = &j->link[link];
	u32 k = (u32)(to - j->block);

	if (l->to != JIT_NONE && !(l->cut && l->to == k))
		return;
	if (l->to == JIT_NONE)
		hang_in(j, link, to);
	l->cut = false;
	aim(j, l);
	if (l->cross)
		remember_cross(j, link);
}

/* --- links of an address space ------------------------------------------------- */

/* The next look finds it true in `space`; 0: never. */
static void tag(struct jit *j, struct jit_link *l, u32 space)
{
	u32 minus = -space;

	memcpy(j->buf.rw + l->tag, &minus, 4);
	l->space = space;
}

/* Of an address space that may come back. */
static bool is_aside(const struct jit *j, u32 space)
{
	for (unsigned n = 0; space && n < ARRAY_LEN(j->aside); n++)
		if (j->aside[n].space == space)
			return true;
	return false;
}

static bool same_place(const struct jit_block *a, const struct jit_block *b)
{
	return a->guest == b->guest && a->rip == b->rip && a->state == b->state;
}

bool jit_link_space(struct x86_cpu *c, u32 link, struct jit_block **to)
{
	struct jit *j = c->jit;
	struct jit_link *l = &j->link[link];
	unsigned s = tlb_slot(l->target);
	bool first = l->to == JIT_NONE;

	if (first)
		hang_in(j, link, *to = jit_version(c, link, *to));
	else if (!same_place(&j->block[l->to], *to)) {
		jit_link_aim(j, l->miss, l->via);
		return false;          /* another space has other code there */
	}
	if (first)
		aim(j, l);
	if (is_aside(j, l->space))
		jit_link_aim(j, l->miss, l->via);
	j->space_pages[s / 64] |= 1ull << s % 64;
	tag(j, l, c->jr.space);
	return first;                  /* ... else its space may come back and
					  tag it again: let jumps be known */
}

/* A number no link has. */
void jit_space_new(struct x86_cpu *c)
{
	struct jit *j = c->jit;

	if (++j->last_space == 0) {    /* after 2^32: none is true */
		for (u32 n = 0; n < j->nlink; n++)
			if (j->link[n].cross == LINK_SPACE)
				tag(j, &j->link[n], 0);
		for (unsigned n = 0; n < ARRAY_LEN(j->aside); n++)
			j->aside[n].space = 0;
		j->last_space = 1;
	}
	c->jr.space = j->last_space;
}

void jit_space_page(struct x86_cpu *c, u64 la)
{
	unsigned s = tlb_slot(la);

	if (c->jit->space_pages[s / 64] >> s % 64 & 1)
		jit_space_new(c);
}

/* --- cutting -------------------------------------------------------------------- */

void jit_link_via(struct jit *j, u32 link)
{
	struct jit_link *l = &j->link[link];

	if (l->to == JIT_NONE || l->cut)
		jit_link_aim(j, l->at, l->via);
}

/* It stays on its block's list, which may be long. */
static void cut(struct jit *j, struct jit_link *l)
{
	if (l->to == JIT_NONE)
		return;                /* the block died meanwhile */
	l->cut = true;
	jit_link_aim(j, l->at, l->stub);
}

void jit_cut_all(struct jit *j)
{
	if (!j->ncross)
		return;
	for (u32 n = 0; n < j->ncross; n++)
		cut(j, &j->link[j->cross[n]]);
	j->ncross = 0;
	memset(j->cross_pages, 0, sizeof(j->cross_pages));
}

void jit_cut_page(struct jit *j, u64 la)
{
	unsigned s = tlb_slot(la);

	if (!(j->cross_pages[s / 64] >> s % 64 & 1))
		return;
	for (u32 n = 0; n < j->ncross; ) {
		struct jit_link *l = &j->link[j->cross[n]];

		if ((l->target ^ la) >> PAGE_SHIFT) {
			n++;
			continue;
		}
		cut(j, l);
		j->cross[n] = j->cross[--j->ncross];
	}
}

void jit_block_kill(struct jit *j, struct jit_block *b)
{
	u32 k = b->links_in;

	while (k != JIT_NONE) {
		struct jit_link *l = &j->link[k];

		k = l->next_in;
		jit_link_aim(j, l->at, l->stub);
		if (l->cross == LINK_SPACE)
			tag(j, l, 0);
		l->to = l->next_in = JIT_NONE;
		l->cut = false;
	}
	b->links_in = JIT_NONE;
	b->dead = true;
	j->st.killed++;
}

void jit_links_forget(struct jit *j)
{
	j->nlink = j->ncross = 0;
	memset(j->cross_pages, 0, sizeof(j->cross_pages));
	memset(j->space_pages, 0, sizeof(j->space_pages));
}
