/* SPDX-License-Identifier: MIT */
/*
 * Translated code: SYSCALL and SYSRET between 64-bit kernels and programs.
 *
 * Both make up flat segments, so nothing is read from memory; the rest is
 * flags.  The common case: SFMASK clears IF, DF, TF and AC (ST_SYSCALL), and
 * R11 brings nothing back but arithmetic flags and IF.
 *
 * Invariant: the code goes on in another TLB mode, through that mode's part of
 *            the jump cache, so both parts must have been filled under the
 *            same control registers: jr.env_differs is zero.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/segment.h"

static const struct host_op store16 = { .byte = 0x89, .p66 = true };

static void alu_imm(struct tr *t, unsigned op, u8 reg, u32 imm, bool w)
{
	const struct host_op o = { .byte = 0x81, .w = w, .imm_len = 4,
				   .imm = imm };

	emit_modrm(&t->e, &o, (u8)op, rm_reg(reg));
}

enum { ALU_ADD = 0, ALU_OR = 1, ALU_AND = 4 };

/* A flat segment; its selector is in cx. */
static void set_seg(struct tr *t, unsigned seg, u32 attr)
{
	size_t at = offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_seg);

	emit_modrm(&t->e, &store16, H_CX,
		   gs_field(at + offsetof(struct x86_seg, sel)));
	emit_store_imm(&t->e, 0, gs_field(at + offsetof(struct x86_seg, base)));
	emit_store32_imm(&t->e, ~0u,
			 gs_field(at + offsetof(struct x86_seg, limit)));
	emit_store32_imm(&t->e, attr,
			 gs_field(at + offsetof(struct x86_seg, attr)));
}

/* CS and SS off a selector in STAR; clobbers flags. */
static void set_segs(struct tr *t, unsigned shift, u32 mask, u32 cs, u32 rpl,
		     u32 ss, u32 dpl)
{
	emit_load(&t->e, H_CX, GS(star));
	emit_rorx(&t->e, H_CX, H_CX, (u8)shift);
	alu_imm(t, ALU_AND, H_CX, mask, false);
	alu_imm(t, ALU_ADD, H_CX, cs, false);
	alu_imm(t, ALU_OR, H_CX, rpl, false);
	set_seg(t, CS, FLAT_CODE64 | dpl);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, (s32)(ss - cs)));
	set_seg(t, SS, FLAT_DATA | dpl);
}

static void set_privilege(struct tr *t, u8 cpl, u8 mode)
{
	emit_store8_imm(&t->e, cpl, GS(cpl));
	emit_store8_imm(&t->e, mode, GS(tlb_mode));
	t->mode = mode;
}

static void same_env(struct tr *t)
{
	emit_load32(&t->e, H_CX, GS(jr.env_differs));
	tr_slow_unless_rcx0(t);
}

/* To the address in r14, in the mode just set. */
static bool go(struct tr *t, u32 first)
{
	tr_lookup_done(t, first);
	tr_goto_r14(t, 0);
	return t->ended = true;
}

bool tr_syscall(struct tr *t, const struct insn *i)
{
	const struct host_op not = { .byte = 0xf7, .w = true };
	const struct host_op and = { .byte = 0x23, .w = true };
	u32 first = t->j->nsite;

	if (!(t->state & ST_SYSCALL) || (t->state & ST_32) ||
	    t->mode != TLB_USER)
		return false;
	same_env(t);
	tr_rflags_to_rcx(t);                   /* rax is in jr.tmp now    */
	emit_mov(&t->e, H_11, H_CX);
	emit_load(&t->e, H_14, GS(sfmask));
	emit_modrm(&t->e, &not, 2, rm_reg(H_14));
	emit_modrm(&t->e, &and, H_14, rm_reg(H_CX));
	emit_mov(&t->e, H_15, H_14);
	alu_imm(t, ALU_AND, H_14, ~(u32)FL_ARITH, true);
	alu_imm(t, ALU_OR, H_14, 2, true);
	emit_store(&t->e, H_14, GS(rflags));
	set_segs(t, 32, 0xfffc, 0, 0, 8, 0);
	set_privilege(t, 0, TLB_SUPER);
	emit_mov_imm(&t->e, H_13, t->rip + i->len);
	tr_flags_from(t, H_15);
	emit_load(&t->e, H_AX, GS(jr.tmp));
	emit_load(&t->e, H_14, GS(lstar));
	return go(t, first);
}

bool tr_sysret(struct tr *t, const struct insn *i)
{
	const u32 other = 0x3c7fd5 & ~(u32)(FL_ARITH | FL_IF);
	const struct host_op test = { .byte = 0xf7, .imm_len = 4, .imm = other };
	u32 first = t->j->nsite;

	if (!(t->state & ST_SYSCALL) || (t->state & ST_32) ||
	    !(t->state & ST_CPL0) || i->opsize != 8)
		return false;
	same_env(t);
	emit_mov(&t->e, H_15, H_13);
	tr_check_canonical(t, H_15);
	tr_load8(t, H_CX, GS(irq_blocked));
	tr_slow_unless_rcx0(t);
	emit_modrm(&t->e, &test, 0, rm_reg(H_11));     /* flags: R11's now */
	tr_slow(t, emit_jcc_fwd(&t->e, 5));
	emit_mov32(&t->e, H_CX, H_11);
	alu_imm(t, ALU_AND, H_CX, FL_IF, false);
	alu_imm(t, ALU_OR, H_CX, 2, false);
	emit_store(&t->e, H_CX, GS(rflags));
	set_segs(t, 48, 0xffff, 16, 3, 8, SEG_DPL_3);
	set_privilege(t, 3, TLB_USER);
	emit_store(&t->e, H_AX, GS(jr.tmp));
	tr_flags_from(t, H_11);
	emit_load(&t->e, H_AX, GS(jr.tmp));
	emit_mov(&t->e, H_14, H_13);
	return go(t, first);
}
