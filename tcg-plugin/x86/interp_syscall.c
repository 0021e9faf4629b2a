/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL SYSRET SYSENTER SYSEXIT (AMD APM vol. 3; SDM vol. 2).
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"

static _Noreturn void gp0(struct x86_cpu *c)
{
	x86_raise_err(c, EXC_GP, 0);
}

static void enter_segs(struct x86_cpu *c, u16 sel, u32 code)
{
	seg_set_flat(c, CS, sel & 0xfffc, code);
	seg_set_flat(c, SS, (u16)((sel & 0xfffc) + 8), FLAT_DATA);
}

static void leave_segs(struct x86_cpu *c, u16 cs, u16 ss, u32 code)
{
	seg_set_flat(c, CS, cs | 3, code | SEG_DPL_3);
	seg_set_flat(c, SS, ss | 3, FLAT_DATA | SEG_DPL_3);
}

void op_syscall(struct x86_cpu *c, const struct insn *i)
{
	u64 fl = x86_rflags(c), next = c->rip + i->len;
	u16 sel = (u16)(c->star >> 32);

	if (!(c->efer & EFER_SCE) || !is_prot(c))
		x86_raise(c, EXC_UD);
	if (c->efer & EFER_LMA) {
		bool from64 = c->mode == MODE_LONG;

		c->r[RCX] = next;
		c->r[R11] = fl & ~(u64)FL_RF;
		c->rip = from64 ? c->lstar : c->cstar;
		c->rflags = (fl & ~c->sfmask & ~(u64)FL_RF) | 2;
		enter_segs(c, sel, FLAT_CODE64);
	} else {
		c->r[RCX] = (u32)next;
		c->rip = (u32)c->star;
		c->rflags = fl & ~(u64)(FL_IF | FL_RF | FL_VM);
		enter_segs(c, sel, FLAT_CODE32);
	}
	x86_update_mode(c);
}

void op_sysret(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)(c->star >> 48);
	u64 keep;

	if (!(c->efer & EFER_SCE))
		x86_raise(c, EXC_UD);
	if (!is_prot(c) || c->cpl)
		gp0(c);
	if (c->mode == MODE_LONG && i->opsize == 8) {
		if (!x86_canonical(c, c->r[RCX]))
			gp0(c);
		c->rip = c->r[RCX];
		leave_segs(c, (u16)(sel + 16), (u16)(sel + 8), FLAT_CODE64);
	} else {
		c->rip = (u32)c->r[RCX];
		leave_segs(c, sel, (u16)(sel + 8), FLAT_CODE32);
	}
	keep = x86_rflags(c);
	if (c->efer & EFER_LMA)
		c->rflags = (c->r[R11] & 0x3c7fd5) | 2;
	else
		c->rflags = keep | FL_IF;
	x86_update_mode(c);
}

void op_sysenter(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)c->sysenter_cs;
	bool lma = c->efer & EFER_LMA;

	(void)i;
	if (!is_prot(c) && c->mode != MODE_V86)
		gp0(c);
	if (sel_null(sel))
		gp0(c);
	flags_sync(c);
	c->rflags &= ~(u64)(FL_VM | FL_IF | FL_RF);
	c->rip = lma ? c->sysenter_eip : (u32)c->sysenter_eip;
	c->r[RSP] = lma ? c->sysenter_esp : (u32)c->sysenter_esp;
	enter_segs(c, sel, lma ? FLAT_CODE64 : FLAT_CODE32);
	x86_update_mode(c);
}

void op_sysexit(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)c->sysenter_cs;

	if (sel_null(sel) || !is_prot(c))
		gp0(c);
	if (i->opsize == 8) {
		if (!x86_canonical(c, c->r[RCX]) || !x86_canonical(c, c->r[RDX]))
			gp0(c);
		leave_segs(c, (u16)(sel + 32), (u16)(sel + 40), FLAT_CODE64);
		c->r[RSP] = c->r[RCX];
		c->rip = c->r[RDX];
	} else {
		leave_segs(c, (u16)(sel + 16), (u16)(sel + 24), FLAT_CODE32);
		c->r[RSP] = (u32)c->r[RCX];
		c->rip = (u32)c->r[RDX];
	}
	x86_update_mode(c);
}
