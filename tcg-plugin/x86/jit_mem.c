/* SPDX-License-Identifier: MIT */
/*
 * Translated code: guest registers' homes, addresses, and the look-up.
 */
#include "tcg-plugin/x86/jit_priv.h"

/* rcx is scratch, so the guest's lives in r13; the guest's r13-r15 live in
 * memory. */
const u8 jit_home[16] = {
	H_AX, H_13, H_DX, H_BX, H_SP, H_BP, H_SI, H_DI,
	H_8, H_9, H_10, H_11, H_12, HOME_SLOT, HOME_SLOT, HOME_SLOT,
};

struct host_rm gs_field(size_t offset)
{
	assert(offset < (1u << 31));
	return rm_gs((s32)offset);
}

s32 gs_reg(unsigned guest)
{
	return (s32)(offsetof(struct x86_cpu, r) + 8 * guest);
}

u8 tr_get(struct tr *t, unsigned g, u8 tmp)
{
	if (jit_home[g] != HOME_SLOT)
		return jit_home[g];
	emit_load(&t->e, tmp, rm_gs(gs_reg(g)));
	return tmp;
}

void tr_put(struct tr *t, unsigned g, u8 h)
{
	if (jit_home[g] != HOME_SLOT)
		emit_mov(&t->e, jit_home[g], h);
	else
		emit_store(&t->e, h, rm_gs(gs_reg(g)));
}

static void ea_const(struct tr *t, const struct insn *i, u64 v)
{
	emit_mov_imm(&t->e, H_14, i->addrsize == 4 ? (u32)v : v);
}

static void ea_regs(struct tr *t, const struct insn *i)
{
	u8 b = H_NONE, x = H_NONE;

	if (i->base != R_NONE)
		b = tr_get(t, i->base, H_14);
	if (i->index != R_NONE)
		x = tr_get(t, i->index, H_15);
	if (i->addrsize == 4)
		emit_lea32(&t->e, H_14, rm_mem(b, x, i->scale, (s32)i->disp));
	else if (b != H_NONE && x == H_NONE && !i->disp)
		emit_mov(&t->e, H_14, b);
	else
		emit_lea(&t->e, H_14, rm_mem(b, x, i->scale, (s32)i->disp));
}

void tr_ea(struct tr *t, const struct insn *i)
{
	if (i->base == R_RIP)
		ea_const(t, i, t->rip + (u64)i->disp);
	else if (i->base == R_NONE && i->index == R_NONE)
		ea_const(t, i, (u64)i->disp);
	else
		ea_regs(t, i);
	if (i->seg == FS || i->seg == GS) {
		emit_load(&t->e, H_15, i->seg == FS ? GS(seg[FS].base)
						    : GS(seg[GS].base));
		word_lea(t, H_14, rm_mem(H_14, H_15, 0, 0));
	}
}

u32 tr_site(struct tr *t)
{
	struct jit_site *s;

	if (t->j->nsite == JIT_MAX_SITES) {
		t->failed = true;
		return 0;
	}
	s = &t->j->site[t->j->nsite];
	*s = (struct jit_site){ .insn = t->i, .rip = t->rip,
				.mode = t->mode, .block = t->block };
	return t->j->nsite++;
}

void tr_cold(struct tr *t, u8 *from0, u8 *from1, u32 site, u32 link, u32 thunk)
{
	if (t->ncold == JIT_COLD_MAX) {
		t->failed = true;
		return;
	}
	t->cold[t->ncold] = (struct jit_cold){
		.from = { from0, from1 }, .site = site, .link = link,
		.thunk = thunk,
	};
	if (t->flags.lost)
		t->cold[t->ncold].flags = t->flags.by;
	t->ncold++;
}

void tr_fault_flags(struct tr *t, u32 site)
{
	if (!t->flags.lost)
		return;
	tr_cold(t, NULL, NULL, site, JIT_NONE, t->j->fault);
	if (!t->failed)
		t->cold[t->ncold - 1].fault = true;
}

static u32 code_off(const struct tr *t)
{
	return (u32)(t->e.p - t->j->buf.rw);
}

#define TLB_ARRAY(t, member, kind) TR_TLB((t)->mode, member, kind)

/* Loses the flags.  The miss finds an offset in r14, the index in r15. */
static u8 *lookup_short(struct tr *t, unsigned kind, unsigned size)
{
	static const struct host_op add = { .byte = 0x03, .w = true };
	struct emit *e = &t->e;
	u8 *miss;

	t->hold.on = false;
	emit_rorx(e, H_15, H_14, PAGE_SHIFT);
	emit_movzx16(e, H_15, H_15);
	emit_modrm(e, &add, H_14,
		   rm_gs_idx(TLB_ARRAY(t, neg, kind), H_15, 3));
	emit_cmp_imm(e, H_14, (s32)(PAGE_SIZE - size));
	miss = emit_jcc_fwd(e, JCC_A);
	emit_load(e, H_15, rm_gs_idx(TLB_ARRAY(t, host, kind), H_15, 3));
	return miss;
}

/* `last`, with minus the page's address in rcx, is the last byte's offset.
 * Returns the displacement of the jump for misses. */
static u8 *lookup(struct tr *t, unsigned kind, struct host_rm last)
{
	struct emit *e = &t->e;
	u8 *hit, *slow;

	t->hold.on = false;
	t->wants_flags |= !t->flags.by.kind;
	emit_rorx(e, H_CX, H_14, PAGE_SHIFT);
	emit_movzx16(e, H_CX, H_CX);
	emit_load(e, H_15, rm_gs_idx(TLB_ARRAY(t, delta, kind), H_CX, 3));
	emit_load(e, H_CX, rm_gs_idx(TLB_ARRAY(t, neg, kind), H_CX, 3));
	if (last.index != H_14)
		emit_lea(e, H_CX, rm_mem(H_CX, H_14, 0, 0));
	emit_lea(e, H_CX, last);
	emit_pext(e, H_CX, H_CX, GS(jr.page_mask));
	hit = emit_jrcxz_fwd(e);
	slow = emit_jmp_fwd(e);
	emit_here8(e, hit);
	return slow;
}

u8 *tr_lookup_to(struct tr *t, unsigned kind, unsigned size)
{
	if (tr_flags_free(t))
		return lookup_short(t, kind, size);
	return lookup(t, kind, rm_mem(H_CX, H_14, 0, (s32)size - 1));
}

static u32 lookup_site(struct tr *t, unsigned kind, unsigned size)
{
	u32 site = tr_site(t);
	struct jit_site *s = &t->j->site[site];

	s->kind = (u8)kind;
	s->size = (u8)MIN(size, 255u);
	s->pc = code_off(t);
	return site;
}

/* The look-up is made, misses jump from `slow` and on to `thunk`. */
static void lookup_made(struct tr *t, u32 site, u8 *slow, u32 thunk)
{
	struct jit_site *s = &t->j->site[site];

	s->hit = code_off(t);
	tr_cold(t, slow, NULL, site, JIT_NONE, thunk);
	if (t->flags.lost && !t->failed) {
		t->cold[t->ncold - 1].neg = TLB_ARRAY(t, neg, s->kind);
		t->cold[t->ncold - 1].split = thunk == t->j->slow &&
					      tr_splits(t->i);
	}
	if (t->i->row->attr & (A_XM | A_FPU | A_MMX))
		tr_fault_flags(t, site);
}

void tr_lookup(struct tr *t, unsigned kind, unsigned size)
{
	u32 site = lookup_site(t, kind, size);

	lookup_made(t, site, tr_lookup_to(t, kind, size), t->j->slow);
}

void tr_lookup_some(struct tr *t, unsigned kind, unsigned size)
{
	u32 site = lookup_site(t, kind, size);

	lookup_made(t, site, tr_lookup_to(t, kind, size), t->j->interp);
}

/* Strings leave no flags to lose. */
void tr_lookup_run(struct tr *t, unsigned kind, u8 count, u8 log2)
{
	u32 site = lookup_site(t, kind, 0);

	assert(!t->flags.lost);
	lookup_made(t, site, lookup(t, kind, rm_mem(H_CX, count, log2, -1)),
		    t->j->interp);
}

void tr_lookup_done(struct tr *t, u32 first_site)
{
	for (u32 k = first_site; k < t->j->nsite; k++)
		t->j->site[k].next = code_off(t);
}

void tr_need_fpu(struct tr *t)
{
	u8 *here, *away;
	u32 site;

	if (t->fpu_here)
		return;
	t->fpu_here = true;
	t->hold.on = false;
	site = tr_site(t);
	t->j->site[site].pc = code_off(t);
	emit_load32(&t->e, H_CX, GS(jr.fpu_away));
	here = emit_jrcxz_fwd(&t->e);
	away = emit_jmp_fwd(&t->e);
	emit_here8(&t->e, here);
	t->j->site[site].hit = t->j->site[site].next = code_off(t);
	tr_cold(t, away, NULL, site, JIT_NONE, t->j->fpu);
}

void tr_interp(struct tr *t, bool end)
{
	u32 site = tr_site(t);
	u8 *go = emit_jmp_fwd(&t->e);

	t->hold.on = false;
	t->j->site[site].end = end;
	t->j->site[site].next = code_off(t);
	tr_cold(t, go, NULL, site, JIT_NONE, t->j->interp);
	if (end)
		t->ended = true;
}

void tr_slow(struct tr *t, u8 *from)
{
	u32 site = tr_site(t);

	t->j->site[site].end = t->i->row->attr & A_END;
	tr_cold(t, from, NULL, site, JIT_NONE, t->j->interp);
}

void tr_slow_unless_rcx0(struct tr *t)
{
	u8 *ok = emit_jrcxz_fwd(&t->e);

	tr_slow(t, emit_jmp_fwd(&t->e));
	emit_here8(&t->e, ok);
}
