/* SPDX-License-Identifier: MIT */
/*
 * Near control flow: Jcc JMP CALL RET LOOP JCXZ, BOUND.
 */
#include "tcg-plugin/x86/operand.h"

/* Every row here has A_END: the handler sets rip. */

static inline u64 next_rip(const struct x86_cpu *c, const struct insn *i)
{
	return c->rip + i->len;
}

static inline void jump_rel(struct x86_cpu *c, const struct insn *i)
{
	branch_to(c, next_rip(c, i) + i->imm, i->opsize);
}

#define JCC(n, cc)                                                \
void op_j##cc(struct x86_cpu *c, const struct insn *i)            \
{                                                                 \
	if (cond_true(c, n))                                      \
		jump_rel(c, i);                                   \
	else                                                      \
		x86_next(c, i);                                   \
}
CONDITIONS(JCC)

void op_jmp(struct x86_cpu *c, const struct insn *i)
{
	jump_rel(c, i);
}

void op_jmp_e(struct x86_cpu *c, const struct insn *i)
{
	branch_to(c, get_rm(c, i, i->opsize), i->opsize);
}

static void call_to(struct x86_cpu *c, const struct insn *i, u64 target)
{
	u64 sp = get_sp(c);

	/* a bad target faults before anything is pushed */
	if (UNLIKELY(!x86_canonical(c, target)))
		x86_raise_err(c, EXC_GP, 0);
	push_at(c, &sp, i->opsize, next_rip(c, i));
	branch_to(c, target, i->opsize);
	set_sp(c, sp);
}

void op_call(struct x86_cpu *c, const struct insn *i)
{
	call_to(c, i, next_rip(c, i) + i->imm);
}

void op_call_e(struct x86_cpu *c, const struct insn *i)
{
	call_to(c, i, get_rm(c, i, i->opsize));
}

void op_ret(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c), to = pop_at(c, &sp, i->opsize);

	branch_to(c, to, i->opsize);
	set_sp(c, sp + i->imm);
}

/* LOOPNE LOOPE LOOP JCXZ: E0-E3 */
void op_loop(struct x86_cpu *c, const struct insn *i)
{
	u64 n = get_reg(c, RCX, i->addrsize);
	bool taken;

	if (i->byte == 0xe3) {
		taken = n == 0;
	} else {
		n = i->addrsize == 8 ? n - 1 : i->addrsize == 4 ?
		    (u32)(n - 1) : (u16)(n - 1);
		taken = n != 0;
		if (i->byte != 0xe2)
			taken = taken && flag_zf(c) == (i->byte & 1);
	}
	if (taken)
		jump_rel(c, i);
	else
		x86_next(c, i);
	if (i->byte != 0xe3)
		set_reg(c, RCX, i->addrsize, n);
}

void op_bound(struct x86_cpu *c, const struct insn *i)
{
	unsigned size = i->opsize;
	gva_t la = x86_ea(c, i, 2 * size, false);
	s32 v = size == 2 ? (s16)c->r[i->reg] : (s32)c->r[i->reg];
	s32 lo, hi;

	if (size == 2) {
		lo = (s16)ld16(c, la);
		hi = (s16)ld16(c, la + 2);
	} else {
		lo = (s32)ld32(c, la);
		hi = (s32)ld32(c, la + 4);
	}
	if (v < lo || v > hi)
		x86_raise(c, EXC_BR);
}
