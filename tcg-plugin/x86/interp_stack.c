/* SPDX-License-Identifier: MIT */
/*
 * PUSH POP PUSHA POPA ENTER LEAVE, for every stack and operand size.
 */
#include "tcg-plugin/x86/operand.h"

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)

static void push_any(struct x86_cpu *c, unsigned size, u64 v)
{
	u64 sp = get_sp(c);

	push_at(c, &sp, size, v);
	set_sp(c, sp);
}

/* --- PUSH ----------------------------------------------------------------- */

H(push_r16) { push_any(c, 2, c->r[i->rm]); }
H(push_r32) { push_any(c, 4, c->r[i->rm]); }
H(push_r64)
{
	if (LIKELY(!c->align_check)) {
		u64 sp = c->r[RSP] - 8;

		st64(c, sp, c->r[i->rm]);
		c->r[RSP] = sp;
	} else {
		push_any(c, 8, c->r[i->rm]);
	}
}
H(push_m16) { push_any(c, 2, ld16(c, x86_ea(c, i, 2, false))); }
H(push_m32) { push_any(c, 4, ld32(c, x86_ea(c, i, 4, false))); }
H(push_m64) { push_any(c, 8, ld64(c, x86_ea(c, i, 8, false))); }
insn_fn *const v_push[12] = { THREE(push_r), THREE(push_m) };

H(push_i16) { push_any(c, 2, i->imm); }
H(push_i32) { push_any(c, 4, i->imm); }
H(push_i64) { push_any(c, 8, i->imm); }
insn_fn *const v_push_i[12] = { THREE(push_i) };

/* --- POP: rSP moves before a register or an rSP-based operand is used -------- */

static void pop_reg(struct x86_cpu *c, unsigned reg, unsigned size)
{
	u64 sp = get_sp(c), v = pop_at(c, &sp, size);

	set_sp(c, sp);
	set_reg(c, reg, size, v);
}

static void pop_mem(struct x86_cpu *c, const struct insn *i, unsigned size)
{
	u64 old = c->r[RSP], sp = get_sp(c), v = pop_at(c, &sp, size);
	gva_t la;

	if (i->base != RSP) {
		st_size(c, x86_ea(c, i, size, true), size, v);
		set_sp(c, sp);
		return;
	}
	/* the address uses the new rSP; a fault must still see the old one */
	set_sp(c, sp);
	sp = c->r[RSP];
	la = x86_ea_off(c, i);
	c->r[RSP] = old;
	st_size(c, x86_lin(c, i->seg, la, size, true), size, v);
	c->r[RSP] = sp;
}

H(pop_r16) { pop_reg(c, i->rm, 2); }
H(pop_r32) { pop_reg(c, i->rm, 4); }
H(pop_r64)
{
	u64 sp = c->r[RSP];

	if (LIKELY(!c->align_check)) {
		u64 v = ld64(c, sp);

		c->r[RSP] = sp + 8;
		c->r[i->rm] = v;
	} else {
		pop_reg(c, i->rm, 8);
	}
}
H(pop_m16) { pop_mem(c, i, 2); }
H(pop_m32) { pop_mem(c, i, 4); }
H(pop_m64) { pop_mem(c, i, 8); }
insn_fn *const v_pop[12] = { THREE(pop_r), THREE(pop_m) };

/* --- PUSHA, POPA ----------------------------------------------------------------- */

void op_pusha(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c);

	for (unsigned n = RAX; n <= RDI; n++)
		push_at(c, &sp, i->opsize, c->r[n]);
	set_sp(c, sp);
}

void op_popa(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c), v[8];

	for (int n = RDI; n >= RAX; n--)
		v[n] = pop_at(c, &sp, i->opsize);
	for (unsigned n = RAX; n <= RDI; n++)
		if (n != RSP)
			set_reg(c, n, i->opsize, v[n]);
	set_sp(c, sp);
}

/* --- ENTER, LEAVE ------------------------------------------------------------------ */

void op_enter(struct x86_cpu *c, const struct insn *i)
{
	unsigned size = i->opsize, level = i->imm >> 16 & 31;
	u64 mask = stack_mask(c), sp = get_sp(c), bp = c->r[RBP] & mask;
	u64 frame;

	push_at(c, &sp, size, c->r[RBP]);
	frame = sp;
	for (unsigned n = 1; n < level; n++) {
		bp = (bp - size) & mask;
		push_at(c, &sp, size,
			ld_size(c, stack_lin(c, bp, size, false), size));
	}
	if (level)
		push_at(c, &sp, size, frame);
	sp = (sp - (i->imm & 0xffff)) & mask;
	/* the new top must be writable */
	mem_probe(c, stack_lin(c, sp, size, true), 1, true);
	set_reg(c, RBP, size, frame);
	set_sp(c, sp);
}

void op_leave(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = c->r[RBP] & stack_mask(c);
	u64 v = pop_at(c, &sp, i->opsize);

	set_sp(c, sp);
	set_reg(c, RBP, i->opsize, v);
}
