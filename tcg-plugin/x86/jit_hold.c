/* SPDX-License-Identifier: MIT */
/*
 * Translated code: accesses that lie in the page of the one before.
 *
 * A version of a block (jit_version.c) is made while a loop runs, so the
 * guest's registers tell which of its accesses lie in one page just now.  The
 * first of them looks its page up and leaves minus its address in rcx and the
 * host's page in r15; each of the others only compares with that.  One that turns
 * out to lie elsewhere looks its page up out of line, which then is the one
 * held.  Where the block jumps to its own start, and all is still in place
 * there, the next round goes on with it.
 *
 * What registers say is a guess and costs time when wrong, nothing else; when it
 * is wrong all the time, the version goes (jit_hold_missed).  When there is no
 * TLB entry, control goes to the block that starts at the
 * instruction, and which knows nothing of this.
 *
 * Invariants:
 *  1. While t->hold.on, rcx and r15 are as said, for accesses of t->hold.kind;
 *     an instruction that needs one of them ends it.
 *  2. Nobody comes back from C to where a page is held: sites made there end
 *     the block.
 */
#include "tcg-plugin/x86/jit_priv.h"

static bool in_slot(u8 g)
{
	return g < 16 && jit_home[g] == HOME_SLOT;
}

static bool is_jcc(const struct insn *i)
{
	return i->row->map == M1  ? (i->byte & 0xf0) == 0x70
	     : i->row->map == M0F ? (i->byte & 0xf0) == 0x80 : false;
}

static bool is_lea(const struct insn *i)
{
	return i->row->map == M1 && i->byte == 0x8d;
}

static bool touches(const struct insn *i)
{
	return (i->flags & I_MEM) && !is_lea(i);
}

/* Its code uses neither rcx nor r15. */
static bool keeps(const struct tr *t, const struct insn *i)
{
	if (is_jcc(i))
		return true;
	if (!tr_group_plain(t, i))
		return false;
	if ((i->flags & I_MEM) && in_slot(i->index))
		return false;
	if (i->row->attr & A_SSE)
		return t->fpu_here;
	if (in_slot(i->reg))
		return false;
	return (i->flags & I_MEM) || !in_slot(i->rm) || tr_rm_in_place(i);
}

/* --- what registers say ------------------------------------------------------------ */

struct guess {
	u64 r[16];
	u32 known;                     /* bit n: r[n] is what it will be  */
};

static bool has(const struct guess *g, u8 reg)
{
	return reg == R_NONE || (reg < 16 && (g->known >> reg & 1));
}

/* The page of the operand, or 0; bit 0 set, bit 1: it is written. */
static u64 page_of(const struct guess *g, const struct insn *i)
{
	u64 at = (u64)i->disp;

	if (i->addrsize != 8 || i->seg == FS || i->seg == GS ||
	    !has(g, i->base) || !has(g, i->index))
		return 0;
	if (i->base != R_NONE)
		at += g->r[i->base];
	if (i->index != R_NONE)
		at += g->r[i->index] << i->scale;
	return (at & ~(u64)(PAGE_SIZE - 1)) | 1 |
	       (i->row->attr & A_STORE ? 2 : 0);
}

/* add, sub reg, imm. */
static bool adds(const struct insn *i, s64 *by)
{
	const unsigned ext = i->modrm >> 3 & 7;

	if (i->row->map != M1 || (i->flags & I_MEM) || i->opsize != 8 ||
	    (i->byte != 0x81 && i->byte != 0x83) || (ext != 0 && ext != 5))
		return false;
	*by = ext ? -(s64)i->imm : (s64)i->imm;
	return true;
}

static void goes_on(struct guess *g, const struct insn *i)
{
	s64 by;

	if (i->row->attr & A_SSE)
		return;
	if (adds(i, &by)) {
		g->r[i->rm] += (u64)by;
		return;
	}
	if (i->reg < 16)
		g->known &= ~BIT(i->reg);
	if (!(i->flags & I_MEM) && i->rm < 16)
		g->known &= ~BIT(i->rm);
}

void tr_hold_plan(struct tr *t, const struct jit_known *known)
{
	const struct insn *body = tr_body(t), *last;
	const unsigned count = t->guest->count;
	struct guess g = { .known = 0xffff };

	t->hold.plan = false;
	t->hold.on = false;
	if (!known || known->no_hold || t->word != 8 || !count ||
	    count > JIT_HOLD_INSNS)
		return;
	memcpy(g.r, t->c->r, sizeof(g.r));
	for (unsigned n = 0; n < count; n++) {
		t->hold.page[n] = 0;
		if (!keeps(t, &body[n]))
			g.known = 0;
		else if (touches(&body[n]))
			t->hold.page[n] = page_of(&g, &body[n]);
		goes_on(&g, &body[n]);
	}
	last = &body[count - 1];
	t->hold.plan = true;
	t->hold.on = known->hold;
	t->hold.kind = known->hold_kind;
	t->hold.loop = is_jcc(last) && t->rip + t->guest->bytes + last->imm ==
				       t->rip;
}

static bool same_page(u64 a, u64 b)
{
	return a && b && !((a ^ b) >> PAGE_SHIFT);
}

/* The block starts with accesses to that page. */
static bool starts_with(const struct tr *t, u64 page)
{
	const struct insn *body = tr_body(t);

	for (unsigned n = 0; n < t->guest->count; n++) {
		if (!keeps(t, &body[n]))
			return false;
		if (t->hold.page[n])
			return same_page(t->hold.page[n], page);
	}
	return false;
}

/* The accesses from t->n on that lie in its page: is it worth holding, and for
 * what kind? */
static bool run(const struct tr *t, u8 *kind)
{
	const struct insn *body = tr_body(t);
	const u64 page = t->hold.page[t->n];
	unsigned n, found = 0;

	*kind = TLB_READ;
	for (n = t->n; n < t->guest->count && keeps(t, &body[n]); n++) {
		const u64 p = t->hold.page[n];

		if (touches(&body[n]) && !same_page(p, page))
			break;
		found += !!p;
		if (p & 2)
			*kind = TLB_WRITE;
	}
	return found > 1 || (n == t->guest->count && t->hold.loop &&
			     starts_with(t, page));
}

static bool planned(const struct tr *t)
{
	return t->hold.plan && t->n < t->guest->count && t->hold.page[t->n];
}

bool tr_hold_wanted(const struct tr *t)
{
	u8 kind;

	return planned(t) && (t->hold.on || run(t, &kind));
}

bool tr_hold_known(const struct tr *t, u64 target)
{
	return t->hold.on && t->hold.loop && target == t->j->block[t->block].rip &&
	       starts_with(t, t->hold.held);
}

void tr_hold_after(struct tr *t, const struct insn *i)
{
	if (t->hold.on && !keeps(t, i))
		t->hold.on = false;
}

/* --- code ---------------------------------------------------------------------------- */

static const struct host_op add = { .byte = 0x03, .w = true };
static const struct host_op sub = { .byte = 0x2b, .w = true };

/* r14 -> its offset in the page, rcx: minus the page; returns where misses jump
 * from.  The host's page -> r15. */
static u8 *look_up(struct tr *t, unsigned mode, unsigned kind, unsigned size)
{
	struct emit *e = &t->e;
	u8 *miss;

	emit_rorx(e, H_15, H_14, PAGE_SHIFT);
	emit_movzx16(e, H_15, H_15);
	emit_load(e, H_CX, rm_gs_idx(TR_TLB(mode, neg, kind), H_15, 3));
	emit_modrm(e, &add, H_14, rm_reg(H_CX));
	emit_cmp_imm(e, H_14, (s32)(PAGE_SIZE - size));
	miss = emit_jcc_fwd(e, JCC_A);
	emit_load(e, H_15, rm_gs_idx(TR_TLB(mode, host, kind), H_15, 3));
	return miss;
}

/* The operand's offset in the held page, if it is there -> r14. */
static u8 *compare(struct tr *t, const struct insn *i, unsigned size)
{
	struct emit *e = &t->e;

	if (i->base < 16 && !in_slot(i->base) && i->index == R_NONE) {
		emit_lea(e, H_14, rm_mem(jit_home[i->base], H_CX, 0,
					 (s32)i->disp));
	} else {
		tr_ea(t, i);
		emit_modrm(e, &add, H_14, rm_reg(H_CX));
	}
	emit_cmp_imm(e, H_14, (s32)(PAGE_SIZE - size));
	return emit_jcc_fwd(e, JCC_A);
}

static void out_of_line(struct tr *t, u8 *miss, unsigned size, bool again)
{
	struct jit_cold *k;

	tr_cold(t, miss, NULL, JIT_NONE, JIT_NONE, 0);
	if (t->failed)
		return;
	k = &t->cold[t->ncold - 1];
	k->hold = true;
	k->site = tr_site(t);
	k->rip = t->rip;
	k->back = again ? t->e.p : NULL;
	k->size = (u8)size;
	k->kind = t->hold.kind;
}

bool tr_hold(struct tr *t, const struct insn *i)
{
	const bool store = i->row->attr & A_STORE;
	const unsigned size = tr_mem_size(i);
	bool on = t->hold.on && (!store || t->hold.kind == TLB_WRITE);
	u8 kind, *miss;

	if (!planned(t) || !keeps(t, i) || !(on || run(t, &kind)) ||
	    !tr_flags_free(t))
		return false;
	if (on) {
		miss = compare(t, i, size);
	} else {
		t->hold.kind = kind;
		tr_ea(t, i);
		miss = look_up(t, t->mode, kind, size);
	}
	t->hold.on = true;
	t->hold.held = t->hold.page[t->n];
	out_of_line(t, miss, size, on);
	if (i->row->attr & (A_ALIGN | A_XM))
		tr_fault_site(t);
	return true;
}

/* Wrong guesses are counted; when there were many, C is told. */
static void count_miss(struct tr *t, const struct jit_cold *k)
{
	static const struct host_op sub1 = { .byte = 0x83, .imm_len = 1,
					     .imm = 1 };
	struct emit *e = &t->e;
	u8 *few;

	emit_modrm(e, &sub1, 5, GS(jr.hold_left));
	few = emit_jcc_fwd(e, JCC_NS);
	if (k->flags.kind)
		tr_flags_again(t, &k->flags);
	emit_mov_imm(e, H_14, k->rip);
	emit_mov_imm(e, H_15, k->site | JIT_JUMP);
	emit_jmp(e, (u64)(uintptr_t)t->j->buf.rx + t->j->leave);
	emit_here32(e, few);
}

void tr_hold_cold(struct tr *t, const struct jit_cold *k)
{
	u8 *miss = NULL;

	if (k->back) {
		emit_modrm(&t->e, &sub, H_14, rm_reg(H_CX));
		count_miss(t, k);
		miss = look_up(t, t->mode, k->kind, k->size);
		emit_jmp(&t->e, (u64)(uintptr_t)k->back + (u64)t->e.to_rx);
		emit_here32(&t->e, miss);
	}
	if (k->flags.kind)
		tr_flags_again(t, &k->flags);
	tr_cold_goto(t, k->rip);
}

/* --- guesses that were wrong -------------------------------------------------------- */

/* So many of them in so many cycles are too many: each costs some ten. */
enum { PATIENCE = 4096, CYCLES = 200 * PATIENCE };

void jit_hold_missed(struct x86_cpu *c, u32 block)
{
	struct jit *j = c->jit;
	struct jit_block *b = &j->block[block], *base;
	u64 now = __builtin_ia32_rdtsc(), since = j->hold_since;

	j->hold_since = now;
	c->jr.hold_left = PATIENCE;
	if (now - since > CYCLES || b->dead || !b->version)
		return;
	base = jit_block_find(j, b->guest, b->rip, b->state);
	if (base) {
		base->no_hold = true;
		base->versions--;
	}
	jit_block_kill(j, b);
}
