/* SPDX-License-Identifier: MIT */
/*
 * Flag instructions and software interrupts: CLC..STD, CLI STI, PUSHF POPF,
 * STAC CLAC, INT INTO INT3 INT1, with VME and PVI.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"


static _Noreturn void gp0(struct x86_cpu *c)
{
	x86_raise_err(c, EXC_GP, 0);
}

/* --- CF and DF ------------------------------------------------------------------- */

void op_cmc(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	flags_set_cf_of(c, !flag_cf(c), flag_of(c));
}

void op_clc(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	flags_set_cf_of(c, false, flag_of(c));
}

void op_stc(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	flags_set_cf_of(c, true, flag_of(c));
}

void op_cld(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	c->rflags &= ~(u64)FL_DF;
}

void op_std(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	c->rflags |= FL_DF;
}

/* --- AC --------------------------------------------------------------------------- */

/* CPL 3: #UD, not #GP. */
static void check_smap(struct x86_cpu *c)
{
	if (c->cpl)
		x86_raise(c, EXC_UD);
}

void op_clac(struct x86_cpu *c, const struct insn *i)
{
	check_smap(c);
	c->rflags &= ~(u64)FL_AC;
	x86_update_mode(c);
	x86_next(c, i);
}

void op_stac(struct x86_cpu *c, const struct insn *i)
{
	check_smap(c);
	c->rflags |= FL_AC;
	x86_update_mode(c);
	x86_next(c, i);
}

/* --- IF ---------------------------------------------------------------------------- */

/* CLI and STI work on VIF: VME in V86 mode, PVI at CPL 3; both below IOPL. */
static bool virtual_if(const struct x86_cpu *c)
{
	return c->mode == MODE_V86 ? c->cr4 & CR4_VME
				   : c->cpl == 3 && (c->cr4 & CR4_PVI);
}

static bool may_change_if(const struct x86_cpu *c)
{
	return c->mode == MODE_REAL || c->cpl <= iopl(c);
}

void op_cli(struct x86_cpu *c, const struct insn *i)
{
	if (may_change_if(c))
		c->rflags &= ~(u64)FL_IF;
	else if (virtual_if(c))
		c->rflags &= ~(u64)FL_VIF;
	else
		gp0(c);
	x86_next(c, i);
}

void op_sti(struct x86_cpu *c, const struct insn *i)
{
	if (may_change_if(c)) {
		if (!(c->rflags & FL_IF))
			c->shadow = 1;
		c->rflags |= FL_IF;
	} else if (virtual_if(c) && !(c->rflags & FL_VIP)) {
		c->rflags |= FL_VIF;
	} else {
		gp0(c);
	}
	x86_next(c, i);
}

/* --- PUSHF POPF ---------------------------------------------------------------------- */

/* V86 below IOPL 3 with VME: 16-bit flags show VIF as IF, IOPL as 3. */
static bool v86_virtual(struct x86_cpu *c, unsigned size)
{
	if (c->mode != MODE_V86 || iopl(c) == 3)
		return false;
	if (!(c->cr4 & CR4_VME) || size != 2)
		gp0(c);
	return true;
}

void op_pushf(struct x86_cpu *c, const struct insn *i)
{
	u64 fl = x86_rflags(c) & ~(u64)(FL_RF | FL_VM), sp = get_sp(c);

	if (v86_virtual(c, i->opsize)) {
		fl = (fl & ~(u64)FL_IF) | FL_IOPL;
		if (c->rflags & FL_VIF)
			fl |= FL_IF;
	}
	push_at(c, &sp, i->opsize, fl);
	set_sp(c, sp);
}

void op_popf(struct x86_cpu *c, const struct insn *i)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT, sp = get_sp(c), fl, old;
	bool virt = v86_virtual(c, i->opsize);

	fl = pop_at(c, &sp, i->opsize);
	if (c->mode == MODE_REAL || c->cpl == 0)
		mask |= FL_IF | FL_IOPL;
	else if (c->cpl <= iopl(c))
		mask |= FL_IF;
	if (i->opsize != 2)
		mask |= FL_AC | FL_ID | FL_RF;
	if (virt) {
		if ((fl & FL_TF) || ((fl & FL_IF) && (c->rflags & FL_VIP)))
			gp0(c);
		fl = (fl & ~(u64)FL_VIF) | (fl & FL_IF ? FL_VIF : 0);
		mask = (mask & ~(u64)FL_IF) | FL_VIF;
	}
	fl &= ~(u64)FL_RF;
	old = x86_rflags(c);
	set_sp(c, sp);
	x86_set_rflags(c, (old & ~mask) | (fl & mask));
	x86_next(c, i);
}

/* --- software interrupts ----------------------------------------------------------------- */

/* INT n in V86 mode with VME: does the bitmap send it to the V86 handler? */
static bool redirected(struct x86_cpu *c, unsigned vec)
{
	u64 base = c->seg[TR].base;
	u32 map = ld16_sys(c, base + 0x66);

	if (map < 32 || map - 32 + vec / 8 > c->seg[TR].limit)
		gp0(c);
	return !(ld8_sys(c, base + map - 32 + vec / 8) >> (vec & 7) & 1);
}

static void int_v86(struct x86_cpu *c, unsigned vec, u64 next)
{
	u64 fl = x86_rflags(c) & ~(u64)FL_RF, sp = get_sp(c);
	u32 v = ld32(c, vec * 4);
	u64 clear = FL_IF | FL_TF;

	if (iopl(c) < 3) {
		fl = (fl & ~(u64)FL_IF) | FL_IOPL;
		if (c->rflags & FL_VIF)
			fl |= FL_IF;
		clear = FL_VIF | FL_TF;
	}
	push_at(c, &sp, 2, fl);
	push_at(c, &sp, 2, c->seg[CS].sel);
	push_at(c, &sp, 2, next);
	set_sp(c, sp);
	seg_set_v86(c, CS, (u16)(v >> 16));
	c->rip = v & 0xffff;
	c->rflags &= ~clear;
}

void op_int(struct x86_cpu *c, const struct insn *i)
{
	unsigned vec = (u8)i->imm;
	u64 next = c->rip + i->len;

	if (c->mode == MODE_V86 && (c->cr4 & CR4_VME) && redirected(c, vec)) {
		int_v86(c, vec, next);
		return;
	}
	if (c->mode == MODE_V86 && iopl(c) < 3)
		gp0(c);
	x86_interrupt(c, vec, INT_SOFT, false, 0, next);
}

void op_int3(struct x86_cpu *c, const struct insn *i)
{
	if (c->guest_debug & KVM_GUESTDBG_USE_SW_BP) {
		c->exc.vec = EXC_BP;
		x86_exit(c, LEAVE_DEBUG);
	}
	x86_interrupt(c, EXC_BP, INT_SOFT, false, 0, c->rip + i->len);
}

void op_into(struct x86_cpu *c, const struct insn *i)
{
	if (flag_of(c))
		x86_interrupt(c, EXC_OF, INT_SOFT, false, 0, c->rip + i->len);
	else
		x86_next(c, i);
}

/* Like a hardware event: no DPL check, no DR6 bit. */
void op_int1(struct x86_cpu *c, const struct insn *i)
{
	x86_interrupt(c, EXC_DB, INT_ICEBP, false, 0, c->rip + i->len);
}
