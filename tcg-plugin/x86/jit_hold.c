/* SPDX-License-Identifier: MIT */
/*
 * Translated code: accesses that lie in the page of the one before.
 *
 * A version of a block (jit_version.c) is made while a loop runs, so the
 * guest's registers tell which of its accesses lie in one page just now.  The
 * first of them looks its page up and leaves minus its address in rcx and the
 * host's page in r15; each of the others only compares with that, or not even that
 * where it follows one off the same address (`near`).  One that turns
 * out to lie elsewhere looks its page up out of line, which then is the one
 * held.  A block reached by a jump while all is still in place goes on with it.
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

enum { NEAR_MAX = 512 };               /* bytes one check covers          */

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
	if (i->flags & I_MEM)          /* loads go by r14 */
		return !in_slot(i->reg) ||
		       (tr_reg_written(i) && !tr_reg_read(i));
	return !in_slot(i->reg) || !in_slot(i->rm) || i->reg == i->rm ||
	       tr_rm_in_place(i);
}

/* ... nor r14; but for a look-up. */
static bool keeps_r14(const struct insn *i)
{
	if ((i->flags & I_MEM) && (in_slot(i->base) || i->base == R_RIP))
		return false;
	return (i->row->attr & A_SSE) || (!in_slot(i->reg) &&
					  ((i->flags & I_MEM) || !in_slot(i->rm)));
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

/* The operand's offset in its segment, if its registers are known. */
static u64 operand_at(const struct guess *g, const struct insn *i)
{
	u64 at = (u64)i->disp;

	if (i->base < 16)
		at += g->r[i->base];
	if (i->index < 16)
		at += g->r[i->index] << i->scale;
	return at;
}

/* The page of the operand, or 0; bit 0 set, bit 1: it is written. */
static u64 page_of(const struct guess *g, const struct insn *i)
{
	if (i->addrsize != 8 || i->seg == FS || i->seg == GS ||
	    !has(g, i->base) || !has(g, i->index))
		return 0;
	return (operand_at(g, i) & ~(u64)(PAGE_SIZE - 1)) | 1 |
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

/* What it makes of the register it writes, if that can be told; false: it writes
 * none, or who knows. */
static bool makes(const struct guess *g, const struct insn *i, u8 *reg, u64 *v)
{
	const bool mem = i->flags & I_MEM, wide = i->opsize >= 4;
	s64 by;

	*reg = i->rm;
	if (adds(i, &by)) {
		*v = g->r[i->rm] + (u64)by;
		return has(g, i->rm);
	}
	if (i->row->map != M1 || !wide)
		return false;
	switch (i->byte) {
	case 0x29: case 0x2b: case 0x31: case 0x33:    /* sub, xor itself */
		*v = 0;
		return !mem && i->reg == i->rm;
	case 0x89: case 0x8b:
		*reg = i->byte == 0x89 ? i->rm : i->reg;
		*v = g->r[(i->byte == 0x89 ? i->reg : i->rm) & 15];
		*v = i->opsize == 4 ? (u32)*v : *v;
		return !mem && has(g, i->reg + i->rm - *reg);
	case 0x8d:
		*reg = i->reg;
		*v = operand_at(g, i);
		return i->opsize == 8 && has(g, i->base) && has(g, i->index);
	case 0xb8 ... 0xbf: case 0xc7:
		*v = i->opsize == 4 ? (u32)i->imm : i->imm;
		return !mem;
	default:
		return false;
	}
}

/* ModRM.reg is part of the opcode. */
static bool is_ext(const struct insn *i)
{
	switch (i->row->form) {
	case F_E: case F_EI8: case F_EI: case F_E1: case F_ECL:
		return true;
	default:
		return false;
	}
}

/* Of those that keep what is held. */
static bool writes(const struct insn *i, u8 reg)
{
	if ((i->row->attr & A_SSE) || reg == R_NONE)
		return false;
	return (i->reg == reg && !is_ext(i) && tr_reg_written(i)) ||
	       (!(i->flags & I_MEM) && i->rm == reg && tr_rm_written(i));
}

static void goes_on(struct guess *g, const struct insn *i)
{
	u64 v;
	u8 reg;

	if (i->row->attr & A_SSE)
		return;
	if (makes(g, i, &reg, &v)) {
		g->r[reg] = v;
		g->known |= BIT(reg);
		return;
	}
	for (u8 n = 0; n < 16; n++)
		if (writes(i, n))
			g->known &= ~BIT(n);
}

void tr_hold_plan(struct tr *t, const struct jit_known *known)
{
	const struct insn *body = tr_body(t);
	const unsigned count = t->guest->count;
	struct guess g = { .known = 0xffff };

	t->hold.plan = false;
	t->hold.on = false;
	t->hold.near.on = false;
	if (!known || known->no_hold || t->word != 8 || !count ||
	    count > JIT_HOLD_INSNS)
		return;
	memcpy(g.r, t->c->r, sizeof(g.r));
	for (unsigned n = 0; n < count; n++) {
		t->hold.page[n] = 0;
		if (!tr_group_plain(t, &body[n]))
			g.known = 0;
		else if (touches(&body[n]) && keeps(t, &body[n]))
			t->hold.page[n] = page_of(&g, &body[n]);
		goes_on(&g, &body[n]);
	}
	t->hold.plan = true;
	t->hold.on = known->hold;
	t->hold.held = known->held;
	t->hold.kind = known->hold_kind;
}

static bool same_page(u64 a, u64 b)
{
	return a && b && !((a ^ b) >> PAGE_SHIFT);
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
	return found > 1 || n == t->guest->count;
}

static bool planned(const struct tr *t)
{
	return t->hold.plan && t->n < t->guest->count && t->hold.page[t->n];
}

/* What is held is what the access is thought to want. */
static bool is_held(const struct tr *t)
{
	return t->hold.on && same_page(t->hold.held, t->hold.page[t->n]);
}

bool tr_hold_wanted(const struct tr *t)
{
	u8 kind;

	return planned(t) && (is_held(t) || run(t, &kind));
}

/* --- accesses near the one before ---------------------------------------------------- */

/* Where `i` accesses, as r14's check counts. */
static s64 near_at(const struct tr_near *r, const struct insn *i)
{
	return r->moved + i->disp;
}

static bool near_same(const struct tr_near *r, const struct insn *i)
{
	return i->base == r->base && i->index == r->index &&
	       i->scale == r->scale;
}

static bool kind_serves(u8 kind, const struct insn *i)
{
	return kind == TLB_WRITE || !(i->row->attr & A_STORE);
}

/* r14 and r15 lead there, and it was checked. */
static bool is_near(const struct tr *t, const struct insn *i)
{
	const struct tr_near *r = &t->hold.near;
	const s64 at = near_at(r, i);

	return t->hold.on && r->on && near_same(r, i) && at >= r->lo &&
	       at + tr_mem_size(i) <= r->hi && kind_serves(t->hold.kind, i);
}

/* `i` ran: is r14 still what it was, and the address? */
static void near_after(struct tr_near *r, const struct insn *i)
{
	s64 by;

	if (!keeps_r14(i)) {
		r->on = false;
	} else if (adds(i, &by) && i->rm == r->base && i->rm != r->index &&
		   by == (s16)by) {
		r->moved += by;
		r->on &= r->moved == (s16)r->moved;
	} else if (writes(i, r->base) || writes(i, r->index)) {
		r->on = false;
	}
}

/* Let the check cover instruction n's access too. */
static bool near_widen(const struct tr *t, unsigned n, u8 kind,
		       struct tr_near *r)
{
	const struct insn *i = tr_body(t) + n;
	const s64 at = near_at(r, i);
	const s64 lo = MIN(r->lo, at), hi = MAX(r->hi, at + tr_mem_size(i));

	if (!near_same(r, i) || !kind_serves(kind, i) ||
	    !same_page(t->hold.page[n], t->hold.page[t->n]) ||
	    hi - lo > NEAR_MAX || lo != (s32)lo)
		return false;
	r->lo = lo;
	r->hi = hi;
	return true;
}

/* What a check for t->n serves: those behind it off the same address as well,
 * while r14 stays. */
static struct tr_near near_scan(const struct tr *t, u8 kind)
{
	const struct insn *i = tr_body(t) + t->n;
	struct tr_near r = { .on = true, .base = i->base, .index = i->index,
		.scale = i->scale, .lo = i->disp,
		.hi = i->disp + tr_mem_size(i) };

	for (unsigned n = t->n; ; ) {
		near_after(&r, i++);
		if (++n == t->guest->count || !r.on || !keeps(t, i))
			break;
		if (touches(i) && !near_widen(t, n, kind, &r))
			break;
	}
	r.on = true;
	r.moved = 0;
	return r;
}

/* An access off r14. */
static struct host_rm near_rm(const struct tr *t, const struct insn *i)
{
	const struct tr_near *r = &t->hold.near;

	return rm_mem(H_14, H_15, 0, (s32)(near_at(r, i) - r->lo));
}

void tr_hold_after(struct tr *t, const struct insn *i)
{
	if (t->hold.on && !keeps(t, i))
		t->hold.on = false;
	if (t->hold.on)
		near_after(&t->hold.near, i);
	else
		t->hold.near.on = false;
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

/* r14 is the offset of an access in the page that is held? */
static u8 *compare(struct tr *t, unsigned size)
{
	emit_cmp_imm(&t->e, H_14, (s32)(PAGE_SIZE - size));
	return emit_jcc_fwd(&t->e, JCC_A);
}

/* The operand's address, but with `disp`, less the held page if `on` -> r14. */
static void address(struct tr *t, const struct insn *i, s64 disp, bool on)
{
	struct emit *e = &t->e;
	struct insn at = *i;

	at.disp = disp;
	if (on && i->base < 16 && !in_slot(i->base) && i->index == R_NONE) {
		emit_lea(e, H_14, rm_mem(jit_home[i->base], H_CX, 0,
					 (s32)disp));
		return;
	}
	tr_ea(t, &at);
	if (on)
		emit_modrm(e, &add, H_14, rm_reg(H_CX));
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
	k->size = (u16)size;
	k->kind = t->hold.kind;
}

/* Look the page up, or only compare with the one held. */
static bool check(struct tr *t, const struct insn *i)
{
	const bool on = is_held(t) && kind_serves(t->hold.kind, i);
	u8 kind = t->hold.kind, *miss;
	unsigned size;

	if (!(on || run(t, &kind)) || !tr_flags_free(t))
		return false;
	t->hold.near = near_scan(t, kind);
	size = (unsigned)(t->hold.near.hi - t->hold.near.lo);
	address(t, i, t->hold.near.lo, on);
	miss = on ? compare(t, size) : look_up(t, t->mode, kind, size);
	t->hold.kind = kind;
	t->hold.on = true;
	t->hold.held = t->hold.page[t->n];
	out_of_line(t, miss, size, on);
	return true;
}

bool tr_hold(struct tr *t, const struct insn *i, struct host_rm *rm)
{
	if (!planned(t) || !keeps(t, i) || !(is_near(t, i) || check(t, i)))
		return false;
	*rm = near_rm(t, i);
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
