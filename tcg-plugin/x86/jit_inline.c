/* SPDX-License-Identifier: MIT */
/*
 * Translated code: inline caches of indirect jumps, calls and returns.
 *
 * At first each goes to C, which watches.  One that leads to the same place in
 * its own page time and again gets its jump cache's place filled with
 *
 *     movabs $-target, %rcx
 *     lea    (%rcx,%r14), %rcx
 *     jrcxz  hit
 *     jmp    miss                 the jump cache, out of line now
 * hit:
 *     jmp    link
 *
 * and all others the jump cache, as it is, behind a NOP.  When the target's block
 * dies, that is jit_link.c's, as with direct jumps.
 *
 * Room:     emitting them, and learning, in C.
 * Invariant: a cache learns once, and never forgets the address, only where
 *           its code is: control at a link's stub wants the link's target.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/code/perf.h"

enum { WATCHED = 8,                    /* jumps                           */
       NOP_LEN = 5, CACHE_LEN = 26, PIECE_MAX = 256 };

static u8 *code_at(const struct jit *j, u32 at)
{
	return j->buf.rw + at;
}

void tr_inline_goto(struct tr *t, s32 undo)
{
	u32 site = tr_site(t), at = (u32)(t->e.p - t->j->buf.rw);
	u8 *learn, *miss;

	if (t->hot_end) {              /* seldom run: not worth it */
		tr_goto_r14(t, undo);
		return;
	}
	learn = emit_jmp_fwd(&t->e);
	miss = tr_jump_cache(t);
	assert(t->e.p >= code_at(t->j, at) + CACHE_LEN);
	t->j->site[site].undo = undo;
	t->j->site[site].inl = at;
	tr_lookup_done(t, site);
	tr_cold(t, learn, miss, site | JIT_JUMP, JIT_NONE, t->j->leave);
}

/* --- learning ------------------------------------------------------------------ */

/* What is in the jump cache's place: a way to `miss` and one by the link. */
static void emit_cache(struct tr *t, u32 at, u8 *miss, struct jit_link *l)
{
	struct emit *e = &t->e;
	u8 *hit;

	e->p = code_at(t->j, at);
	e8(e, 0x48);                   /* movabs, however short */
	e8(e, 0xb9);
	e64(e, -l->target);
	emit_lea(e, H_CX, rm_mem(H_CX, H_14, 0, 0));
	hit = emit_jrcxz_fwd(e);
	emit_jmp(e, (u64)(uintptr_t)miss + (u64)e->to_rx);
	emit_here8(e, hit);
	l->at = (u32)(emit_jmp_fwd(e) - t->j->buf.rw);
	assert(e->p <= code_at(t->j, at) + CACHE_LEN);
}

/* Out of line: the jump cache, and what the link leads to when not patched. */
static void emit_piece(struct tr *t, u32 site, u32 link)
{
	const u64 leave = (u64)(uintptr_t)t->j->buf.rx + t->j->leave;
	struct emit *e = &t->e;

	emit_here32(e, tr_jump_cache(t));
	emit_mov_imm(e, H_15, site | JIT_JUMP);
	emit_jmp(e, leave);
	tr_link_stub(t, link);
	emit_jmp(e, leave);
}

static void tell_perf(struct x86_cpu *c, u8 *from, u8 *to)
{
	if (!perf_on())
		return;
	jit_fpu_save(c);               /* libc may use vector registers */
	perf_code(from + (c->jit->buf.rx - c->jit->buf.rw), from,
		  (u32)(to - from), "jit:inline");
}

/* From now on compare with rip, whose code is `to`. */
static void learn(struct x86_cpu *c, u32 site, struct jit_block *to)
{
	struct jit *j = c->jit;
	const struct jit_site *s = &j->site[site];
	const u32 k = j->nlink++;
	u8 *piece = code_at(j, j->buf.cold);
	struct tr t;

	j->link[k] = (struct jit_link){
		.target = c->rip, .from = s->block, .cross = LINK_IN_PAGE,
		.to = JIT_NONE, .next_in = JIT_NONE,
		.entry = c->rip > s->rip ? LINK_FORWARD : LINK_BACK,
	};
	t.e.to_rx = j->buf.rx - j->buf.rw;
	t.c = c;
	t.j = j;
	t.mode = c->tlb_mode;
	emit_cache(&t, s->inl, piece, &j->link[k]);
	t.e.p = piece;
	emit_piece(&t, site, k);
	tell_perf(c, piece, t.e.p);
	j->buf.cold = (u32)(t.e.p - j->buf.rw);
	jit_link_to(j, k, to);
	j->st.inlined++;
}

/* In its own page: where else, what is there must be looked at, which costs as
 * much as the jump cache. */
static bool may_learn(const struct x86_cpu *c, const struct jit_site *s)
{
	return !((s->rip ^ c->rip) >> PAGE_SHIFT) &&
	       c->jit->nlink < JIT_MAX_LINKS &&
	       code_buf_room(&c->jit->buf) > PIECE_MAX;
}

void jit_inline_learn(struct x86_cpu *c, u32 site, struct jit_block *to)
{
	static const u8 nop[NOP_LEN] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	struct jit *j = c->jit;
	struct jit_site *s = &j->site[site];
	bool same;

	if (site >= j->nsite || !s->inl)
		return;
	same = (!s->seen || s->hit == (u32)c->rip) && may_learn(c, s);
	s->hit = (u32)c->rip;
	if (same && ++s->seen < WATCHED)
		return;
	if (same)
		learn(c, site, to);
	else
		memcpy(code_at(j, s->inl), nop, NOP_LEN);
	s->inl = 0;
}
