/* SPDX-License-Identifier: MIT */
/*
 * Far control flow: CALL, JMP and RET between segments, call gates, IRET
 * (SDM vol. 2, the operation sections; vol. 3, 5.8).
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"

static _Noreturn void gp(struct x86_cpu *c, u16 sel)
{
	x86_raise_err(c, EXC_GP, sel & 0xfffc);
}

static bool lma(const struct x86_cpu *c)
{
	return c->efer & EFER_LMA;
}

/* Is `off` a place in the code segment? */
static void check_target(struct x86_cpu *c, const struct desc *d, u64 off)
{
	if (lma(c) && desc_l(d) ? !x86_canonical(c, off) : off > desc_limit(d))
		gp(c, 0);
}

static void check_long_code(struct x86_cpu *c, u16 sel, const struct desc *d)
{
	if (lma(c) && desc_l(d) && desc_db(d))
		gp(c, sel);
}

static void set_cs_rip(struct x86_cpu *c, u16 sel, const struct desc *d,
		       unsigned cpl, u64 rip)
{
	seg_set_cs(c, sel, d, cpl);
	c->rip = rip;
	x86_update_mode(c);
}

/* --- real and V86 mode ------------------------------------------------------------ */

static void far_real(struct x86_cpu *c, u16 sel, u64 off)
{
	if (off > c->seg[CS].limit)
		gp(c, 0);
	if (c->mode == MODE_V86)
		seg_set_v86(c, CS, sel);
	else
		seg_set_real(c, CS, sel);
	c->rip = off;
}

/* --- call gates --------------------------------------------------------------------- */

struct call_gate {
	u16 sel;
	u64 off;
	unsigned size, params;
};

static void read_call_gate(struct x86_cpu *c, u16 sel, const struct desc *d,
			   struct call_gate *g)
{
	if (desc_dpl(d) < MAX(c->cpl, sel & 3u))
		gp(c, sel);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	g->sel = (u16)(d->lo >> 16);
	g->off = (d->lo & 0xffff) | (d->hi & 0xffff0000);
	g->params = d->hi & 31;
	g->size = desc_type(d) == DT_CALL16 ? 2 : 4;
	if (g->size == 2)
		g->off &= 0xffff;
	if (!lma(c))
		return;
	g->size = 8;
	g->params = 0;
	g->off |= (u64)ld32_sys(c, d->la + 8) << 32;
	if (ld32_sys(c, d->la + 12) >> 8 & 31)
		gp(c, sel);
}

static void fetch_gate_code(struct x86_cpu *c, const struct call_gate *g,
			    struct desc *d)
{
	if (sel_null(g->sel))
		gp(c, 0);
	desc_fetch(c, g->sel, d, EXC_GP);
	if (!desc_code(d) || desc_dpl(d) > c->cpl)
		gp(c, g->sel);
	if (lma(c) && (!desc_l(d) || desc_db(d)))
		gp(c, g->sel);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, g->sel & 0xfffc);
	check_target(c, d, g->off);
}

static void inner_stack_long(struct x86_cpu *c, unsigned pl, u64 *sp)
{
	*sp = tss_rsp(c, pl);
	if (!x86_canonical(c, *sp))
		x86_raise_err(c, EXC_SS, 0);
	undo_arm(c);
	seg_set_null(c, SS, (u16)pl);
}

static void inner_stack(struct x86_cpu *c, unsigned pl, u64 *sp, u16 *sel)
{
	struct desc ss;

	tss_stack(c, pl, sel, sp);
	if (sel_null(*sel))
		x86_raise_err(c, EXC_TS, 0);
	seg_check_ss(c, *sel, &ss, pl, EXC_TS);
	desc_set_accessed(c, &ss);
	undo_arm(c);
	seg_set(c, SS, *sel, &ss);
}

static void call_inner(struct x86_cpu *c, const struct call_gate *g,
		       struct desc *cs, u64 next)
{
	u64 args[32], sp, old = get_sp(c);
	unsigned pl = desc_dpl(cs);
	u16 sel = 0;

	for (unsigned n = 0; n < g->params; n++)
		args[n] = pop_at(c, &old, g->size);
	desc_set_accessed(c, cs);
	if (lma(c))
		inner_stack_long(c, pl, &sp);
	else
		inner_stack(c, pl, &sp, &sel);
	seg_set_cs(c, g->sel, cs, pl);
	x86_update_mode(c);
	if (!lma(c))
		check_room(c, sel, sp, (4 + g->params) * g->size);
	push_at(c, &sp, g->size, c->undo.ss.sel);
	push_at(c, &sp, g->size, c->undo.rsp);
	for (unsigned n = g->params; n-- > 0;)
		push_at(c, &sp, g->size, args[n]);
	push_at(c, &sp, g->size, c->undo.cs.sel);
	push_at(c, &sp, g->size, next);
	c->undo.armed = false;
	set_sp(c, sp);
	c->rip = g->off;
}

static void call_same(struct x86_cpu *c, u16 sel, struct desc *d,
		      unsigned size, u64 off, u64 next)
{
	u64 sp = get_sp(c);

	push_at(c, &sp, size, c->seg[CS].sel);
	push_at(c, &sp, size, next);
	desc_set_accessed(c, d);
	set_sp(c, sp);
	set_cs_rip(c, sel, d, c->cpl, off);
}

static void through_gate(struct x86_cpu *c, u16 sel, const struct desc *gd,
			 bool call, u64 next)
{
	struct call_gate g;
	struct desc d;

	read_call_gate(c, sel, gd, &g);
	fetch_gate_code(c, &g, &d);
	if (!desc_conforming(&d) && desc_dpl(&d) < c->cpl) {
		if (!call)
			gp(c, g.sel);
		call_inner(c, &g, &d, next);
	} else if (call) {
		call_same(c, g.sel, &d, g.size, g.off, next);
	} else {
		desc_set_accessed(c, &d);
		set_cs_rip(c, g.sel, &d, c->cpl, g.off);
	}
}

/* --- CALL and JMP ------------------------------------------------------------------------ */

static void far_system(struct x86_cpu *c, u16 sel, struct desc *d, bool call,
		       u64 next)
{
	struct desc tss;
	u16 tsel = sel;

	switch (desc_type(d)) {
	case DT_CALL:
		through_gate(c, sel, d, call, next);
		return;
	case DT_CALL16:
		if (lma(c))
			break;
		through_gate(c, sel, d, call, next);
		return;
	case DT_TSS16: case DT_TSS: case DT_TASK:
		if (lma(c) || desc_dpl(d) < MAX(c->cpl, sel & 3u))
			break;
		tss = *d;
		if (desc_type(d) == DT_TASK) {
			if (!desc_p(d))
				x86_raise_err(c, EXC_NP, sel & 0xfffc);
			tsel = (u16)(d->lo >> 16);
			if ((tsel & 4) || sel_null(tsel) ||
			    !desc_read(c, tsel, &tss))
				gp(c, tsel);
		}
		task_switch(c, tsel, &tss, call ? TASK_CALL : TASK_JMP, next,
			    false);
		return;
	default:
		break;
	}
	gp(c, sel);
}

static void far_to(struct x86_cpu *c, const struct insn *i, u16 sel, u64 off,
		   bool call)
{
	u64 next = c->rip + i->len;
	struct desc d;
	unsigned rpl = sel & 3;

	if (!is_prot(c)) {
		u64 sp = get_sp(c);

		if (call) {
			push_at(c, &sp, i->opsize, c->seg[CS].sel);
			push_at(c, &sp, i->opsize, next);
		}
		far_real(c, sel, off);
		set_sp(c, sp);
		return;
	}
	if (sel_null(sel))
		gp(c, 0);
	desc_fetch(c, sel, &d, EXC_GP);
	if (!desc_s(&d)) {
		far_system(c, sel, &d, call, next);
		return;
	}
	if (!desc_code(&d) ||
	    (desc_conforming(&d) ? desc_dpl(&d) > c->cpl
				 : rpl > c->cpl || desc_dpl(&d) != c->cpl))
		gp(c, sel);
	check_long_code(c, sel, &d);
	if (!desc_p(&d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	check_target(c, &d, off);
	if (call) {
		call_same(c, sel, &d, i->opsize, off, next);
		return;
	}
	desc_set_accessed(c, &d);
	set_cs_rip(c, sel, &d, c->cpl, off);
}

void op_callf(struct x86_cpu *c, const struct insn *i)
{
	far_to(c, i, (u16)(i->imm >> 32), (u32)i->imm, true);
}

void op_jmpf(struct x86_cpu *c, const struct insn *i)
{
	far_to(c, i, (u16)(i->imm >> 32), (u32)i->imm, false);
}

static void far_mem(struct x86_cpu *c, const struct insn *i, bool call)
{
	gva_t la = x86_ea(c, i, i->opsize + 2u, false);
	u64 off = ld_size(c, la, i->opsize);

	far_to(c, i, ld16(c, la + i->opsize), off, call);
}

void op_callf_m(struct x86_cpu *c, const struct insn *i)
{
	far_mem(c, i, true);
}

void op_jmpf_m(struct x86_cpu *c, const struct insn *i)
{
	far_mem(c, i, false);
}

/* --- returns -------------------------------------------------------------------------------- */

/* The code segment a return goes to. */
static void fetch_return_cs(struct x86_cpu *c, u16 sel, struct desc *d)
{
	unsigned rpl = sel & 3;

	if (sel_null(sel))
		gp(c, 0);
	desc_fetch(c, sel, d, EXC_GP);
	if (!desc_code(d) || rpl < c->cpl ||
	    (desc_conforming(d) ? desc_dpl(d) > rpl : desc_dpl(d) != rpl))
		gp(c, sel);
	check_long_code(c, sel, d);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
}

/* The stack a return to `rpl` gets; false: null, allowed in 64-bit code. */
static bool fetch_return_ss(struct x86_cpu *c, u16 sel, unsigned rpl,
			    const struct desc *cs, struct desc *d)
{
	if (sel_null(sel)) {
		if (!lma(c) || !desc_l(cs) || rpl == 3 || (sel & 3) != rpl)
			gp(c, 0);
		return false;
	}
	seg_check_ss(c, sel, d, rpl, EXC_GP);
	return true;
}

/* CS:rIP, and SS:rSP when they change, are committed at once. */
static void return_to(struct x86_cpu *c, u16 cs_sel, struct desc *cs, u64 rip,
		      bool new_ss, u16 ss_sel, u64 sp)
{
	unsigned rpl = cs_sel & 3, old = c->cpl;
	struct desc ss;
	bool real_ss = false;

	if (new_ss)
		real_ss = fetch_return_ss(c, ss_sel, rpl, cs, &ss);
	check_target(c, cs, rip);
	desc_set_accessed(c, cs);
	if (real_ss)
		desc_set_accessed(c, &ss);
	seg_set_cs(c, cs_sel, cs, rpl);
	if (real_ss)
		seg_set(c, SS, ss_sel, &ss);
	else if (new_ss)
		seg_set_null(c, SS, ss_sel);
	c->rip = rip;
	x86_update_mode(c);
	set_sp(c, sp);
	if (c->cpl > old)
		seg_drop_outer(c);
}

void op_retf(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c), rip = pop_at(c, &sp, i->opsize);
	u16 sel = (u16)pop_at(c, &sp, i->opsize), ss;
	struct desc d;
	u64 outer;

	if (!is_prot(c)) {
		far_real(c, sel, rip);
		set_sp(c, sp + i->imm);
		return;
	}
	fetch_return_cs(c, sel, &d);
	sp += i->imm;
	if ((sel & 3) == c->cpl) {
		return_to(c, sel, &d, rip, false, 0, sp);
		return;
	}
	sp &= stack_mask(c);
	outer = pop_at(c, &sp, i->opsize);
	ss = (u16)pop_at(c, &sp, i->opsize);
	return_to(c, sel, &d, rip, true, ss, outer + i->imm);
}

/* --- IRET -------------------------------------------------------------------------------------- */

/* Which flag bits an IRET or POPF of `size` bytes may change at CPL, IOPL. */
static u64 iret_mask(const struct x86_cpu *c, unsigned size)
{
	u64 m = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (c->cpl <= iopl(c))
		m |= FL_IF;
	if (c->cpl == 0)
		m |= FL_IOPL;
	if (size == 2)
		return m;
	m |= FL_RF | FL_AC | FL_ID;
	if (c->cpl == 0 && c->mode != MODE_REAL)
		m |= FL_VIF | FL_VIP;
	return m;
}

static void put_flags(struct x86_cpu *c, u64 fl, u64 mask)
{
	u64 old = x86_rflags(c);

	c->rflags = (old & ~mask) | (fl & mask) | 2;
}

static void iret_real(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c), rip = pop_at(c, &sp, i->opsize), fl;
	u16 sel = (u16)pop_at(c, &sp, i->opsize);
	u64 mask;

	fl = pop_at(c, &sp, i->opsize);
	mask = iret_mask(c, i->opsize);
	if (c->mode == MODE_V86) {
		mask &= ~(u64)FL_IOPL;
		if (iopl(c) < 3) {
			if (!(c->cr4 & CR4_VME) || i->opsize != 2)
				gp(c, 0);
			if ((fl & FL_TF) || ((fl & FL_IF) &&
					     (c->rflags & FL_VIP)))
				gp(c, 0);
			fl = (fl & ~(u64)FL_VIF) | (fl & FL_IF ? FL_VIF : 0);
			mask = (mask & ~(u64)FL_IF) | FL_VIF;
		}
	}
	far_real(c, sel, rip);
	set_sp(c, sp);
	put_flags(c, fl, mask);
	x86_update_mode(c);
}

static void iret_to_v86(struct x86_cpu *c, u64 sp, u64 rip, u16 cs, u64 fl)
{
	u32 v[6];

	/* ESP SS ES DS FS GS */
	for (unsigned n = 0; n < 6; n++)
		v[n] = (u32)pop_at(c, &sp, 4);
	put_flags(c, fl, 0x3f7fd5);
	seg_set_v86(c, CS, cs);
	seg_set_v86(c, SS, (u16)v[1]);
	seg_set_v86(c, ES, (u16)v[2]);
	seg_set_v86(c, DS, (u16)v[3]);
	seg_set_v86(c, FS, (u16)v[4]);
	seg_set_v86(c, GS, (u16)v[5]);
	c->r[RSP] = v[0];
	c->rip = rip & 0xffff;
	x86_update_mode(c);
}

static void iret_task(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = ld16_sys(c, c->seg[TR].base);
	struct desc d;

	if ((sel & 4) || sel_null(sel) || !desc_read(c, sel, &d))
		x86_raise_err(c, EXC_TS, sel & 0xfffc);
	task_switch(c, sel, &d, TASK_IRET, c->rip + i->len, false);
}

static void iret_prot(struct x86_cpu *c, const struct insn *i)
{
	unsigned size = i->opsize;
	u64 sp = get_sp(c), rip = pop_at(c, &sp, size), fl, mask, outer = 0;
	u16 sel = (u16)pop_at(c, &sp, size), ss = 0;
	bool new_ss;
	struct desc d;

	fl = pop_at(c, &sp, size);
	mask = iret_mask(c, size);
	if (!lma(c) && size == 4 && (fl & FL_VM) && c->cpl == 0) {
		iret_to_v86(c, sp, rip, sel, fl);
		return;
	}
	fetch_return_cs(c, sel, &d);
	new_ss = c->mode == MODE_LONG || (sel & 3) != c->cpl;
	if (new_ss) {
		outer = pop_at(c, &sp, size);
		ss = (u16)pop_at(c, &sp, size);
	}
	return_to(c, sel, &d, rip, new_ss, ss, new_ss ? outer : sp);
	put_flags(c, fl, mask);
	x86_update_mode(c);
}

void op_iret(struct x86_cpu *c, const struct insn *i)
{
	if (!is_prot(c)) {
		iret_real(c, i);
	} else if (c->rflags & FL_NT) {
		if (lma(c))
			gp(c, 0);
		iret_task(c, i);
	} else if (i->opsize != 8 || !trap_leave(c)) {
		iret_prot(c, i);
	}
	c->nmi_masked = false;
	if (c->nmi_pending)            /* it waited for this              */
		atomic_fetch_or(&c->request, REQ_EVENT);
}
