/* SPDX-License-Identifier: MIT */
/*
 * Translated code: where a look-up may lose EFLAGS.
 *
 * A comparison and a conditional jump are cheaper than the look-up that leaves
 * EFLAGS alone.  They serve where nobody reads the flags again: within the
 * block an instruction that sets all six comes before any that reads one.  But a
 * fault on the way there must show them, and an interrupt.  So the flags must
 * also be known: their producer is in the block and its operands are still
 * in their registers.  Then the pieces out of line compute them again, and only
 * then go to C.
 *
 * What a block's end knows goes along with its links (jit_version.c).
 *
 * Invariant: t->flags.lost implies t->flags.by.kind, or that nothing goes to C
 *            any more before they are set; each place that may gets a copy of
 *            t->flags.by.
 */
#include "tcg-plugin/x86/jit_priv.h"

static bool is_comis(const struct insn *i)
{
	return (i->row->map == M0F || i->row->map == V0F) &&
	       (i->byte == 0x2e || i->byte == 0x2f) && (i->row->attr & A_SSE);
}

/* Sets all six, reads none, and does so whatever its operands are.  Shifts may
 * set none. */
static bool sets_all(const struct insn *i)
{
	unsigned ext = i->modrm >> 3 & 7;

	if (i->row->map == M0F || i->row->map == V0F)
		return is_comis(i);
	if (i->row->map != M1)
		return false;
	if (i->byte < 0x40)                            /* not adc, sbb    */
		return (i->byte & 7) < 6 && (i->byte & 0x38) != 0x10 &&
		       (i->byte & 0x38) != 0x18;
	switch (i->byte) {
	case 0x80: case 0x81: case 0x82: case 0x83:
		return ext != 2 && ext != 3;
	case 0x84: case 0x85: case 0xa8: case 0xa9:
		return true;
	case 0xf6: case 0xf7:
		return ext < 2 || ext == 3;            /* test, neg       */
	default:
		return false;
	}
}

/* Vector registers and perhaps memory, nothing else. */
static bool only_vectors(const struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (insn_is_vex(r))
		return tr_vex_groups(t, i);
	return (r->attr & A_SSE) && !(r->attr & A_MMX) &&
	       (r->form == F_VW || r->form == F_WV || r->form == F_VWI8 ||
		r->form == F_WVI8);
}

/* Neither reads nor sets flags; of general registers it writes at most those
 * it names, and rsp. */
static bool leaves_flags(const struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (r->attr & (R_ALL | W_ALL | A_END | A_REP | A_PRIV | A_FPU))
		return false;
	if (only_vectors(t, i))
		return true;
	if (r->map == M0F)
		return (i->byte & 0xf6) == 0xb6 ||     /* movzx, movsx    */
		       r->form == F_VE;                /* movd, cvtsi2s?  */
	if (r->map != M1)
		return false;
	switch (i->byte) {
	case 0x50 ... 0x5f: case 0x63: case 0x88 ... 0x8b: case 0x8d:
	case 0xb0 ... 0xbf: case 0xc6: case 0xc7:
		return true;
	default:
		return false;
	}
}

/* AH to BH: what names them may be a register like any in a wider instruction. */
static bool is_high8(const struct insn *i)
{
	return i->sel8 && i->opsize == 1;
}

/* Sets some of them, or perhaps none, reads none, and never goes to C: shifts,
 * inc, dec, imul of registers. */
static bool sets_some(const struct tr *t, const struct insn *i)
{
	unsigned ext = i->modrm >> 3 & 7;

	if ((i->flags & I_MEM) || is_high8(i) || i->addrsize != t->word)
		return false;
	if (i->row->map == M0F)
		return i->byte == 0xaf;
	if (i->row->map != M1)
		return false;
	switch (i->byte) {
	case 0x69: case 0x6b:
		return true;
	case 0xc0: case 0xc1: case 0xd0 ... 0xd3:
		return ext != 2 && ext != 3;           /* rcl, rcr: CF    */
	case 0xfe: case 0xff:
		return ext < 2;
	default:
		return false;
	}
}

/* Might it write that register?  Of instructions that leave flags. */
static bool may_write(const struct tr *t, const struct insn *i, u8 g)
{
	if (g == R_NONE || only_vectors(t, i))
		return false;
	if (i->row->map == M1 && i->byte >= 0x50 && i->byte <= 0x5f && g == RSP)
		return true;
	/* AH to BH are numbered 4 to 7, and parts of 0 to 3 */
	return i->reg == g || i->rm == g ||
	       (i->sel8 && ((i->reg & 3) == g || (i->rm & 3) == g));
}

static bool spoils(const struct tr *t, const struct insn *i,
		   const struct jit_flags *f)
{
	return may_write(t, i, f->a) || may_write(t, i, f->b);
}

static bool goes_to_c(const struct insn *i)
{
	return (i->flags & I_MEM) || (i->row->attr & (A_XM | A_SSE)) ||
	       (i->row->map == M1 && i->byte >= 0x50 && i->byte <= 0x5f);
}

/* --- producers ------------------------------------------------------------------ */

static u8 alu_kind(unsigned op)
{
	static const u8 kind[8] = {
		FL_ADD, FL_RESULT, FL_NONE, FL_NONE,
		FL_RESULT, FL_SUB, FL_RESULT, FL_CMP,
	};

	return kind[op & 7];
}

/* Kind by opcode; *in_reg: the destination is ModRM.reg. */
static u8 kind_of(const struct insn *i, bool *in_reg)
{
	*in_reg = false;
	if (i->row->map != M1)
		return FL_NONE;
	if (i->byte < 0x40) {
		*in_reg = i->byte & 2;
		return alu_kind(i->byte >> 3);
	}
	switch (i->byte) {
	case 0x80: case 0x81: case 0x83:
		return alu_kind(i->modrm >> 3);
	case 0x84: case 0x85: case 0xa8: case 0xa9:
		return FL_TEST;
	case 0xf6: case 0xf7:
		return (i->modrm >> 3 & 7) < 2 ? FL_TEST : FL_NONE;
	default:
		return FL_NONE;
	}
}

static struct jit_flags made_by(const struct insn *i)
{
	const struct jit_flags none = { .kind = FL_NONE };
	struct jit_flags f = { .size = i->opsize, .imm = (s32)i->imm };
	bool in_reg;

	f.kind = kind_of(i, &in_reg);
	if (!f.kind || (i->flags & I_MEM) || is_high8(i))
		return none;
	switch (i->row->form) {
	case F_EG: case F_GE:
		f.a = in_reg ? i->reg : i->rm;
		f.b = in_reg ? i->rm : i->reg;
		break;
	case F_EI8: case F_EI:
		f.a = i->rm;
		f.b = R_NONE;
		break;
	case F_AI:
		f.a = RAX;
		f.b = R_NONE;
		break;
	default:
		return none;
	}
	if (f.kind == FL_SUB && f.a == f.b)
		f.kind = FL_RESULT;
	return f.kind == FL_ADD && f.a == f.b ? none : f;
}

/* --- the door --------------------------------------------------------------------- */

/* Does nobody see flags before an instruction that sets all, where `by` tells
 * what they are? */
static bool unseen(const struct tr *t, const struct jit_flags *by)
{
	const struct insn *i = t->i, *end = tr_body(t) + t->guest->count;
	bool known = true;

	for (; i < end; i++) {
		if (!known && goes_to_c(i))
			return false;
		if (sets_all(i))
			return true;
		if (leaves_flags(t, i))
			known = known && !spoils(t, i, by);
		else if (sets_some(t, i))
			known = false;
		else
			return false;
	}
	return false;
}

bool tr_flags_free(struct tr *t)
{
	if (t->flags.lost)
		return true;
	if (!t->flags.by.kind)
		return false;
	return t->flags.lost = unseen(t, &t->flags.by);
}

bool tr_flags_unseen(const struct tr *t)
{
	const struct jit_flags any = { .a = R_NONE, .b = R_NONE };

	return unseen(t, &any);
}

/* A comparison of vector registers, in a loop: for two stores what comes behind
 * the jump may lose its flags. */
static struct jit_flags made_by_comis(struct tr *t, const struct insn *i)
{
	static const struct host_op store = { .map = 1, .byte = 0xd6,
					      .p66 = true };   /* movq */

	if ((i->flags & I_MEM) || !t->hold.plan || !t->fpu_here ||
	    t->group.on || !tr_group_plain(t, i))
		return (struct jit_flags){ .kind = FL_NONE };
	emit_modrm(&t->e, &store, i->reg, GS(jr.comis[0]));
	emit_modrm(&t->e, &store, i->rm, GS(jr.comis[1]));
	return (struct jit_flags){ .kind = FL_COMIS, .size = i->opsize,
				   .a = R_NONE, .b = R_NONE };
}

static bool is_jcc(const struct insn *i)
{
	return i->row->map == M1  ? (i->byte & 0xf0) == 0x70
	     : i->row->map == M0F ? (i->byte & 0xf0) == 0x80 : false;
}

void tr_flags_after(struct tr *t, const struct insn *i)
{
	if (sets_all(i)) {
		t->flags.lost = false;
		t->flags.by = is_comis(i) ? made_by_comis(t, i) : made_by(i);
	} else if (is_jcc(i)) {
		return;
	} else if (!leaves_flags(t, i) || spoils(t, i, &t->flags.by)) {
		t->flags.by.kind = FL_NONE;
	}
}

static bool is_jmp(const struct insn *i)
{
	return i->row->map == M1 && (i->byte == 0xe9 || i->byte == 0xeb);
}

/* Others may change what they have not told tr_flags_after yet. */
struct jit_known tr_known(const struct tr *t)
{
	if (!t->fell && !(t->i && (is_jcc(t->i) || is_jmp(t->i))))
		return (struct jit_known){ .fpu = false };
	return (struct jit_known){ .flags = t->flags.by, .fpu = t->fpu_here,
				   .hold = t->hold.on, .held = t->hold.held,
				   .hold_kind = t->hold.kind };
}

/* --- making them again ----------------------------------------------------------------- */

/* ALU operation `op` (0 to 7; 8: test) on rcx and the second operand. */
static void on_rcx(struct tr *t, const struct jit_flags *f, unsigned op)
{
	const bool test = op == 8;
	struct host_op h = { .w = f->size == 8, .p66 = f->size == 2,
			     .rex = f->size == 1 };
	const u8 wide = f->size > 1;

	if (f->b == R_NONE) {
		h.byte = (test ? 0xf6 : 0x80) | wide;
		h.imm_len = (u8)MIN(f->size, 4);
		h.imm = (u64)(s64)f->imm;
		emit_modrm(&t->e, &h, test ? 0 : (u8)op, rm_reg(H_CX));
		return;
	}
	h.byte = (u8)((test ? 0x84 : op << 3 | 2) | wide);
	emit_modrm(&t->e, &h, H_CX,
		   jit_home[f->b] == HOME_SLOT ? rm_gs(gs_reg(f->b))
					       : rm_reg(jit_home[f->b]));
}

/* Nothing but the flags changes: what MXCSR notes was noted then. */
static void comis_again(struct tr *t, const struct jit_flags *f)
{
	static const struct host_op load = { .map = 1, .byte = 0x7e,
					     .pfx = 0xf3 };    /* movq */
	static const struct host_op movups[2] = {
		{ .map = 1, .byte = 0x11 }, { .map = 1, .byte = 0x10 },
	};
	const struct host_op ucomis = { .map = 1, .byte = 0x2e,
					.p66 = f->size == 8 };
	struct emit *e = &t->e;

	emit_modrm(e, &movups[0], 0, GS(jr.comis_xmm));
	emit_modrm(e, &load, 0, GS(jr.comis[0]));
	emit_modrm(e, &ucomis, 0, GS(jr.comis[1]));
	emit_modrm(e, &movups[1], 0, GS(jr.comis_xmm));
}

void tr_flags_again(struct tr *t, const struct jit_flags *f)
{
	struct jit_flags self = *f;
	u8 a;

	if (f->kind == FL_COMIS) {
		comis_again(t, f);
		return;
	}
	a = tr_get(t, f->a, H_CX);
	if (a != H_CX)
		emit_mov(&t->e, H_CX, a);
	switch (f->kind) {
	case FL_CMP:
		on_rcx(t, f, 7);
		break;
	case FL_TEST:
		on_rcx(t, f, 8);
		break;
	case FL_ADD:
		on_rcx(t, f, 5);
		on_rcx(t, f, 0);
		break;
	case FL_SUB:
		on_rcx(t, f, 0);
		on_rcx(t, f, 5);
		break;
	default:                       /* the result is all there is to know */
		self.b = f->a;
		on_rcx(t, &self, 8);
		break;
	}
}
