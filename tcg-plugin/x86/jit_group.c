/* SPDX-License-Identifier: MIT */
/*
 * Translated code: several accesses off one address share a look-up.
 *
 * Saving registers in a prologue, fields of one struct, loads from one frame, an
 * unrolled loop: their distances are known, also across additions of constants
 * to the base.  The page of the whole range is looked up
 * once; r15 then holds the host's address of the base as it was, and each
 * instruction is emitted against that.  When the range is not in one page with
 * a TLB entry, the same instructions run one look-up each, out of line.
 *
 * Invariants:
 *  1. Nothing in a group but its first look-up uses r15; whoever leaves it in
 *     the middle does not come back.
 *  2. A group with a store wants an entry for writing: the entry exists for no
 *     page that could not be read.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

enum { RANGE_MAX = 1024, INSNS_MAX = 24 };

/* While looking for a group's end. */
struct scan {
	u8 base, index, scale;         /* x86_gpr; index may be R_NONE    */
	s64 lo, hi;                    /* bytes accessed, from the base   */
	s64 shift;                     /* the base has moved so far       */
	unsigned accesses;
	bool store, sse, open;         /* open: base still holds it       */
};

static bool in_slot(u8 g)
{
	return g < 16 && jit_home[g] == HOME_SLOT;
}

static bool is_m1(const struct insn *i, u8 lo, u8 hi)
{
	return i->row->map == M1 && i->byte >= lo && i->byte <= hi;
}

/* --- which instructions ----------------------------------------------------------- */

static bool plain_m1(const struct insn *i)
{
	unsigned ext = i->modrm >> 3 & 7;

	if (i->byte < 0x40)
		return (i->byte & 7) < 4;      /* add ... cmp, r/m and reg */
	switch (i->byte) {
	case 0x63: case 0x80: case 0x81: case 0x83: case 0x84: case 0x85:
	case 0x88 ... 0x8b: case 0xc0: case 0xc1: case 0xc6: case 0xc7:
	case 0xd0: case 0xd1: case 0xb8 ... 0xbf:
		return true;
	case 0x8d:
		return !in_slot(i->reg) && !in_slot(i->base) &&
		       !in_slot(i->index) && i->opsize >= 4;
	case 0xf6: case 0xf7:
		return ext == 0 || ext == 2 || ext == 3;
	case 0xfe: case 0xff:
		return ext < 2;
	default:
		return false;
	}
}

static bool plain_0f(const struct insn *i)
{
	switch (i->byte) {
	case 0x40 ... 0x4f: case 0x90 ... 0x9f: case 0xaf: case 0xb6:
	case 0xb7: case 0xbe: case 0xbf:
		return true;
	case 0x10: case 0x11: case 0x14: case 0x15: case 0x28: case 0x29:
	case 0x2e: case 0x2f: case 0x51 ... 0x5f: case 0x6f: case 0x7f:
	case 0xef:
		return i->row->attr & A_SSE;   /* moves, arithmetic        */
	default:
		return false;
	}
}

/* AH to BH are special; other byte-less operands 4 to 7 are registers like any. */
static bool has_high8(const struct insn *i)
{
	return i->sel8 && (i->row->size == S_B ||
			   (i->row->map == M0F && (i->byte & 0xf7) == 0xb6));
}

/* Moves no stack pointer, needs no r15.  Faults of SSE are the interpreter's,
 * and it does not come back into the group (tr_fault_site). */
bool tr_group_plain(const struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (has_high8(i) || (r->attr & (A_MMX | A_FPU | A_END | A_NO64)) ||
	    !(t->c->feats >> r->feat & 1))
		return false;
	if ((r->attr & A_SSE) && !(t->state & ST_FPU))
		return false;
	if (insn_is_vex(r))
		return tr_vex_groups(t, i);
	return r->map == M1 ? plain_m1(i) : r->map == M0F && plain_0f(i);
}

static bool is_lea(const struct insn *i)
{
	return is_m1(i, 0x8d, 0x8d);
}

/* add, sub base, imm; inc, dec base: by how much; 0: not that. */
static s64 base_move(const struct tr *t, const struct insn *i, u8 base)
{
	unsigned ext = i->modrm >> 3 & 7;

	if ((i->flags & I_MEM) || i->rm != base || i->opsize != t->word)
		return 0;
	if (is_m1(i, 0x81, 0x81) || is_m1(i, 0x83, 0x83))
		return ext == 0 ? (s64)i->imm : ext == 5 ? -(s64)i->imm : 0;
	return !is_m1(i, 0xff, 0xff) ? 0 : ext == 0 ? 1 : ext == 1 ? -1 : 0;
}

static bool is_push(const struct tr *t, const struct insn *i)
{
	return is_m1(i, 0x50, 0x57) && i->opsize == t->word && i->rm != RSP;
}

static bool is_pop(const struct tr *t, const struct insn *i)
{
	return is_m1(i, 0x58, 0x5f) && i->opsize == t->word && i->rm != RSP;
}

static bool is_ret(const struct tr *t, const struct insn *i)
{
	return is_m1(i, 0xc3, 0xc3) && i->opsize == t->word;
}

/* --- scanning ------------------------------------------------------------------------ */

static bool add_range(struct scan *s, s64 at, unsigned size, bool store)
{
	s64 lo = at, hi = at + size;

	if (s->accesses) {
		lo = MIN(s->lo, lo);
		hi = MAX(s->hi, hi);
	}
	if (hi - lo > RANGE_MAX || lo < -(1 << 30) || hi > 1 << 30)
		return false;
	s->lo = lo;
	s->hi = hi;
	s->store |= store;
	s->accesses++;
	return true;
}

/* The instruction's base: what a group it starts would hang on, with its
 * index. */
static u8 base_of(const struct tr *t, const struct insn *i)
{
	if (is_push(t, i) || is_pop(t, i))
		return RSP;
	if (!(i->flags & I_MEM) || is_lea(i) || i->base == R_NONE ||
	    i->base == R_RIP || i->addrsize != t->word || i->seg == CS ||
	    i->seg == FS || i->seg == GS)
		return R_NONE;
	return i->base;
}

static bool same_address(const struct tr *t, const struct scan *s,
			 const struct insn *i)
{
	return base_of(t, i) == s->base && i->index == s->index &&
	       (s->index == R_NONE || i->scale == s->scale);
}

/* Might it change the register?  Sources count too. */
static bool names(const struct insn *i, u8 reg)
{
	if ((i->row->attr & A_SSE) || reg == R_NONE)
		return false;
	return i->reg == reg || (!(i->flags & I_MEM) && i->rm == reg);
}

static bool take_stack(const struct tr *t, struct scan *s,
		       const struct insn *i)
{
	bool push = is_push(t, i);

	if (s->base != RSP || s->index != R_NONE ||
	    !add_range(s, s->shift - (push ? t->word : 0), t->word, push))
		return false;
	s->shift += push ? -t->word : t->word;
	return true;
}

/* May `i` be the group's next? */
static bool take(const struct tr *t, struct scan *s, const struct insn *i)
{
	s64 by = base_move(t, i, s->base);

	if (!s->open)
		return false;
	if (is_push(t, i) || is_pop(t, i))
		return take_stack(t, s, i);
	if (is_ret(t, i)) {
		s->open = false;
		return s->base == RSP && s->index == R_NONE &&
		       add_range(s, s->shift, t->word, false);
	}
	if (by && by == (s32)by && s->index != s->base) {
		s->shift += by;
		return s->shift == (s16)s->shift;
	}
	if (!tr_group_plain(t, i))
		return false;
	if ((i->flags & I_MEM) && !is_lea(i)) {
		if (!same_address(t, s, i) ||
		    !add_range(s, s->shift + i->disp, tr_mem_size(i),
			       i->row->attr & A_STORE))
			return false;
	}
	s->sse |= !!(i->row->attr & A_SSE);
	if (names(i, s->base) || names(i, s->index))
		s->open = false;
	return true;
}

/* How many of the `left` instructions at `i` make a group; 0: none. */
static unsigned find(const struct tr *t, const struct insn *i, unsigned left,
		     struct scan *s)
{
	struct scan now = { .base = base_of(t, i), .index = i->index,
			    .scale = i->scale, .open = true };
	unsigned best = 0;

	if (now.base == R_NONE)
		return 0;
	for (unsigned n = 0; n < MIN(left, INSNS_MAX); n++) {
		unsigned had = now.accesses;

		if (!take(t, &now, &i[n]))
			break;
		if (now.accesses == had)
			continue;
		best = n + 1;
		*s = now;
	}
	return best && s->accesses > 1 ? best : 0;
}

/* --- emitting --------------------------------------------------------------------------- */

static struct host_rm group_rm(const struct tr *t, s64 disp)
{
	return rm_mem(H_15, H_NONE, 0, (s32)(t->group.shift + disp));
}

struct host_rm tr_group_operand(const struct tr *t, const struct insn *i)
{
	return group_rm(t, i->disp);
}

static void group_ret(struct tr *t)
{
	word_load(t, H_14, group_rm(t, 0));
	word_rsp(t, t->word);
	tr_inline_goto(t, -t->word);
	t->ended = true;
}

static void group_insn(struct tr *t, const struct insn *i)
{
	t->i = i;
	if (is_push(t, i)) {
		word_store(t, tr_get(t, i->rm, H_CX),
			   group_rm(t, -t->word));
		word_rsp(t, -t->word);
		t->group.shift -= t->word;
	} else if (is_pop(t, i)) {
		u8 h = in_slot(i->rm) ? H_CX : jit_home[i->rm];

		word_load(t, h, group_rm(t, 0));
		if (in_slot(i->rm))
			tr_put(t, i->rm, h);
		word_rsp(t, t->word);
		t->group.shift += t->word;
	} else if (is_ret(t, i)) {
		group_ret(t);
	} else {
		tr_plain(t, i);
		t->group.shift += base_move(t, i, t->group.base);
	}
	tr_flags_after(t, i);
}

/* The look-up of the range; misses go out of line. */
static void group_lookup(struct tr *t, const struct scan *s, unsigned count)
{
	u8 h = tr_get(t, s->base, H_14);
	u8 x = s->index == R_NONE ? H_NONE : tr_get(t, s->index, H_15);
	struct jit_group *g = &t->groups[t->ngroup++];

	word_lea(t, H_14, rm_mem(h, x, x == H_NONE ? 0 : s->scale,
				 (s32)s->lo));
	g->from = tr_lookup_to(t, s->store ? TLB_WRITE : TLB_READ,
			       (unsigned)(s->hi - s->lo));
	emit_lea(&t->e, H_15, rm_mem(H_14, H_15, 0, -(s32)s->lo));
	g->insn = t->n;
	g->count = count;
	g->rip = t->rip;
	g->mode = t->mode;
	g->back = NULL;
	g->flags = t->flags;
}

unsigned tr_group(struct tr *t, const struct insn *i, unsigned left)
{
	struct scan s = { 0 };
	unsigned count = find(t, i, left, &s);
	u64 rip = t->rip;

	if (!count || t->ngroup == JIT_GROUPS)
		return 0;
	if (s.accesses < 4 && tr_hold_wanted(t))
		return 0;
	t->hold.on = false;
	t->i = i;
	if (s.sse)
		tr_need_fpu(t);
	group_lookup(t, &s, count);
	t->group.on = true;
	t->group.base = s.base;
	t->group.shift = 0;
	for (unsigned n = 0; n < count; n++) {
		group_insn(t, &i[n]);
		t->rip += i[n].len;
	}
	t->group.on = false;
	t->rip = rip;
	t->groups[t->ngroup - 1].after = t->flags;
	if (!t->ended)
		t->groups[t->ngroup - 1].back = t->e.p;
	return count;
}
