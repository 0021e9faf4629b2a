/* SPDX-License-Identifier: MIT */
/*
 * Translated code: versions of a block.
 *
 * A block is made for whoever comes.  One whose look-ups had to keep EFLAGS,
 * and that a link of a loop leads to which knows what made them, is made
 * again for links that know just that, and that the FPU is in the host's
 * registers.  A link belongs to a loop when it leads backwards, or leaves such a
 * version: so what runs once is not made twice.
 *
 * Invariants:
 *  1. Only links lead to a version, never the jump cache: who gets there has come
 *     from a place where what it counts on holds.
 *  2. It hangs in its block's chain and dies with it.
 */
#include "tcg-plugin/x86/jit_priv.h"

static bool same(const struct jit_known *a, const struct jit_known *b)
{
	const struct jit_flags *f = &a->flags, *g = &b->flags;

	return a->fpu == b->fpu && a->hold == b->hold &&
	       (!a->hold || a->hold_kind == b->hold_kind) && f->kind == g->kind && f->size == g->size &&
	       f->a == g->a && f->b == g->b && f->imm == g->imm;
}

static struct jit_block *find(struct jit *j, const struct jit_block *of,
			      const struct jit_known *known)
{
	struct jit_block *b = jit_block_next(j, NULL, of->guest);

	for (; b; b = jit_block_next(j, b, of->guest))
		if (b->version && b->rip == of->rip && b->state == of->state &&
		    same(&b->known, known))
			return b;
	return NULL;
}

static bool in_loop(const struct jit *j, const struct jit_link *l)
{
	return l->entry == LINK_BACK ||
	       (l->entry == LINK_FORWARD && j->block[l->from].version);
}

struct jit_block *jit_version(struct x86_cpu *c, u32 link,
			      struct jit_block *to)
{
	struct jit *j = c->jit;
	struct jit_known known = j->link[link].known;
	struct jit_block *v;

	if (!to->wants_flags || !(known.flags.kind || known.hold) || c->counted ||
	    to->guest == &j->two_pages || !in_loop(j, &j->link[link]))
		return to;
	known.no_hold = to->no_hold;
	known.hold &= !to->no_hold;
	v = find(j, to, &known);
	if (v || to->versions == JIT_VERSIONS)
		return v ? v : to;
	v = jit_translate(c, to->guest, &known);
	if (!v)
		return to;             /* no room: not worth a flush */
	v->version = true;
	v->known = known;
	to->versions++;
	return v;
}
