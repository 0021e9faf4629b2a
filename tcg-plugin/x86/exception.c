/* SPDX-License-Identifier: MIT */
/*
 * Leaving an instruction, and delivery of exceptions and interrupts
 * (SDM vol. 3, chapter 6).
 *
 * Room:     x86_raise*, x86_exit, x86_deliver, x86_interrupt.
 * Invariants:
 *  1. Delivery to another privilege level changes CS, SS, RSP and RFLAGS before
 *     its last access that may fault; c->undo holds the old ones until it is
 *     done, and x86_exit puts them back.
 *  2. While c->exc.delivering is set, a second fault is combined by table 6-5.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"
#include "tcg-plugin/x86/sys.h"

/* --- leaving -------------------------------------------------------------------- */

void undo_arm(struct x86_cpu *c)
{
	c->undo.rsp = c->r[RSP];
	c->undo.rflags = x86_rflags(c);
	c->undo.cs = c->seg[CS];
	c->undo.ss = c->seg[SS];
	c->undo.armed = true;
}

static void undo_run(struct x86_cpu *c)
{
	c->undo.armed = false;
	c->r[RSP] = c->undo.rsp;
	c->rflags = c->undo.rflags;
	c->cc_op = CC_RFLAGS;
	c->seg[CS] = c->undo.cs;
	c->seg[SS] = c->undo.ss;
	x86_update_mode(c);
}

void x86_exit(struct x86_cpu *c, enum x86_leave why)
{
	if (UNLIKELY(c->undo.armed))
		undo_run(c);
	c->leave = (u8)why;
	siglongjmp(c->unwind, 1);
}

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum fault_class class_of(unsigned vec)
{
	switch (vec) {
	case EXC_DE: case EXC_TS: case EXC_NP: case EXC_SS: case EXC_GP:
		return CONTRIBUTORY;
	case EXC_PF:
		return PAGE_FAULT;
	default:
		return BENIGN;
	}
}

static bool makes_double(unsigned first, unsigned second)
{
	enum fault_class a = class_of(first), b = class_of(second);

	return (a == CONTRIBUTORY && b == CONTRIBUTORY) ||
	       (a == PAGE_FAULT && b != BENIGN);
}

static _Noreturn void raise_any(struct x86_cpu *c, unsigned vec, bool has_err,
				u32 err, u64 payload)
{
	unsigned state = c->exc.delivering, first = c->exc.vec;

	if (state && c->exc.ext && class_of(vec) == CONTRIBUTORY)
		err |= 1;
	c->exc.delivering = 0;
	c->exc.ext = false;
	if (state == 1 && first == EXC_DF && class_of(vec) != BENIGN) {
		c->exc.pending = false;
		x86_exit(c, LEAVE_SHUTDOWN);
	}
	if (state == 1 && makes_double(first, vec)) {
		if (vec == EXC_PF)
			c->cr2 = payload;
		vec = EXC_DF;
		has_err = true;
		err = 0;
	}
	c->exc.pending = true;
	c->exc.soft = false;
	c->exc.vec = (u8)vec;
	c->exc.has_err = has_err;
	c->exc.err = err;
	c->exc.payload = payload;
	c->exc.insn_len = 0;
	c->io.count = c->io.cursor = 0;
	c->io.pending = false;
	x86_exit(c, LEAVE_EXCEPTION);
}

void x86_raise(struct x86_cpu *c, unsigned vec)
{
	raise_any(c, vec, false, 0, 0);
}

void x86_raise_err(struct x86_cpu *c, unsigned vec, u32 err)
{
	raise_any(c, vec, true, err, 0);
}

void x86_raise_pf(struct x86_cpu *c, gva_t la, u32 err)
{
	raise_any(c, EXC_PF, true, err, la);
}

void x86_raise_db(struct x86_cpu *c, u32 dr6, bool fault)
{
	(void)fault;
	raise_any(c, EXC_DB, false, 0, dr6);
}

/* --- gates ------------------------------------------------------------------------ */

struct gate {
	u16 sel;
	u64 off;
	u8  type, dpl, ist;
	u8  size;                      /* bytes pushed at a time */
};

/* What is being delivered. */
struct event {
	unsigned vec;
	enum int_kind kind;
	bool has_err;
	u32 err;
	u64 next_rip;
	u64 flags;                     /* as pushed */
};

static u32 idt_error(unsigned vec)
{
	return vec << 3 | 2;
}

static void read_gate(struct x86_cpu *c, const struct event *e, struct gate *g)
{
	bool lma = c->efer & EFER_LMA;
	unsigned size = lma ? 16 : 8, at = e->vec * size;
	u64 lo;

	if (at + size - 1 > c->idtr.limit)
		x86_raise_err(c, EXC_GP, idt_error(e->vec));
	lo = ld64_sys(c, c->idtr.base + at);
	g->sel = (u16)(lo >> 16);
	g->off = (lo & 0xffff) | (lo >> 32 & 0xffff0000);
	g->type = lo >> 40 & 31;
	g->dpl = lo >> 45 & 3;
	g->ist = lma ? lo >> 32 & 7 : 0;
	g->size = lma ? 8 : g->type & 8 ? 4 : 2;
	if (lma)
		g->off |= (u64)ld32_sys(c, c->idtr.base + at + 8) << 32;
	if (!(g->type == DT_INT || g->type == DT_TRAP ||
	      (!lma && (g->type == DT_TASK || g->type == DT_INT16 ||
			g->type == DT_TRAP16))))
		x86_raise_err(c, EXC_GP, idt_error(e->vec));
	if (e->kind == INT_SOFT && g->dpl < c->cpl)
		x86_raise_err(c, EXC_GP, idt_error(e->vec));
	if (!(lo >> 47 & 1))
		x86_raise_err(c, EXC_NP, idt_error(e->vec));
}

/* The handler's code segment, checked. */
static void fetch_handler(struct x86_cpu *c, u16 sel, struct desc *d)
{
	if (sel_null(sel))
		x86_raise_err(c, EXC_GP, 0);
	desc_fetch(c, sel, d, EXC_GP);
	if (!desc_code(d) || desc_dpl(d) > c->cpl)
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	if ((c->efer & EFER_LMA) && (!desc_l(d) || desc_db(d)))
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
}

static u64 flags_after(u64 fl, bool interrupt_gate)
{
	fl &= ~(u64)(FL_TF | FL_NT | FL_RF | FL_VM);
	return interrupt_gate ? fl & ~(u64)FL_IF : fl;
}

static void push_frame(struct x86_cpu *c, const struct event *e, u64 *sp,
		       unsigned size)
{
	push_at(c, sp, size, e->flags);
	push_at(c, sp, size, c->undo.cs.sel);
	push_at(c, sp, size, e->next_rip);
	if (e->has_err)
		push_at(c, sp, size, e->err);
}

static void enter_handler(struct x86_cpu *c, const struct gate *g, u64 sp)
{
	c->undo.armed = false;
	set_sp(c, sp);
	c->rip = g->off;
	c->rflags = flags_after(c->undo.rflags,
				g->type == DT_INT || g->type == DT_INT16);
	x86_update_mode(c);
}

void check_room(struct x86_cpu *c, u16 sel, u64 sp, unsigned n)
{
	const struct x86_seg *s = &c->seg[SS];
	u64 lo = (sp - n) & stack_mask(c), hi = lo + n - 1;
	u64 max = s->attr & SEG_DB ? 0xffffffff : 0xffff;
	bool ok = s->attr & SEG_E ? lo > s->limit && hi <= max : hi <= s->limit;

	if (!ok)
		x86_raise_err(c, EXC_SS, sel & 0xfffc);
}

/* --- long mode ---------------------------------------------------------------------- */

static void deliver_long(struct x86_cpu *c, const struct event *e,
			 const struct gate *g)
{
	struct desc d;
	unsigned pl = c->cpl;
	bool inner;
	u64 sp;

	fetch_handler(c, g->sel, &d);
	inner = !desc_conforming(&d) && desc_dpl(&d) < c->cpl;
	if (inner)
		pl = desc_dpl(&d);
	sp = g->ist ? tss_ist(c, g->ist) : inner ? tss_rsp(c, pl) : c->r[RSP];
	if (!x86_canonical(c, sp))
		x86_raise_err(c, EXC_SS, 0);
	if (!x86_canonical(c, g->off))
		x86_raise_err(c, EXC_GP, 0);
	desc_set_accessed(c, &d);
	undo_arm(c);
	seg_set_cs(c, g->sel, &d, pl);
	if (inner)
		seg_set_null(c, SS, (u16)pl);
	/* AC no longer matters to the handler's own stack */
	x86_update_mode(c);
	sp &= ~15ull;
	push_at(c, &sp, 8, c->undo.ss.sel);
	push_at(c, &sp, 8, c->undo.rsp);
	push_frame(c, e, &sp, 8);
	enter_handler(c, g, sp);
}

/* --- protected mode ------------------------------------------------------------------ */

static void push_v86_segs(struct x86_cpu *c, u64 *sp, unsigned size)
{
	static const u8 order[] = { GS, FS, DS, ES };

	for (unsigned n = 0; n < ARRAY_LEN(order); n++)
		push_at(c, sp, size, c->seg[order[n]].sel);
}

static void deliver_inner(struct x86_cpu *c, const struct event *e,
			  const struct gate *g, struct desc *cs)
{
	unsigned pl = desc_dpl(cs), frame = 5 + e->has_err;
	bool v86 = c->mode == MODE_V86;
	struct desc ss;
	u16 sel;
	u64 sp;

	tss_stack(c, pl, &sel, &sp);
	if (sel_null(sel))
		x86_raise_err(c, EXC_TS, 0);
	seg_check_ss(c, sel, &ss, pl, EXC_TS);
	if (g->off > desc_limit(cs))
		x86_raise_err(c, EXC_GP, 0);
	desc_set_accessed(c, &ss);
	desc_set_accessed(c, cs);
	undo_arm(c);
	c->rflags &= ~(u64)FL_VM;
	seg_set_cs(c, g->sel, cs, pl);
	seg_set(c, SS, sel, &ss);
	x86_update_mode(c);
	check_room(c, sel, sp, (frame + 4 * v86) * g->size);
	sp &= stack_mask(c);
	if (v86)
		push_v86_segs(c, &sp, g->size);
	push_at(c, &sp, g->size, c->undo.ss.sel);
	push_at(c, &sp, g->size, c->undo.rsp);
	push_frame(c, e, &sp, g->size);
	enter_handler(c, g, sp);
	if (!v86)
		return;
	for (unsigned n = ES; n <= GS; n++)
		if (n != CS && n != SS)
			seg_set_null(c, n, 0);
	x86_update_flat(c);
}

static void deliver_same(struct x86_cpu *c, const struct event *e,
			 const struct gate *g, struct desc *cs)
{
	u64 sp;

	if (g->off > desc_limit(cs))
		x86_raise_err(c, EXC_GP, 0);
	desc_set_accessed(c, cs);
	undo_arm(c);
	sp = get_sp(c);
	push_frame(c, e, &sp, g->size);
	seg_set_cs(c, g->sel, cs, c->cpl);
	enter_handler(c, g, sp);
}

static void deliver_task(struct x86_cpu *c, const struct event *e, u16 sel)
{
	struct desc d;
	u64 sp;

	if ((sel & 4) || sel_null(sel) || !desc_read(c, sel, &d))
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	task_switch(c, sel, &d, TASK_INT, e->next_rip,
		    e->flags & FL_RF);
	if (!e->has_err)
		return;
	sp = get_sp(c);
	push_at(c, &sp, c->seg[TR].attr & 8 ? 4 : 2, e->err);
	set_sp(c, sp);
}

static void deliver_prot(struct x86_cpu *c, const struct event *e)
{
	struct gate g;
	struct desc d;

	read_gate(c, e, &g);
	if (c->efer & EFER_LMA) {
		deliver_long(c, e, &g);
		return;
	}
	if (g.type == DT_TASK) {
		deliver_task(c, e, g.sel);
		return;
	}
	fetch_handler(c, g.sel, &d);
	if (!desc_conforming(&d) && desc_dpl(&d) < c->cpl) {
		if (c->mode == MODE_V86 && desc_dpl(&d))
			x86_raise_err(c, EXC_GP, g.sel & 0xfffc);
		deliver_inner(c, e, &g, &d);
	} else {
		if (c->mode == MODE_V86)
			x86_raise_err(c, EXC_GP, g.sel & 0xfffc);
		deliver_same(c, e, &g, &d);
	}
}

/* --- real mode --------------------------------------------------------------------------- */

static void deliver_real(struct x86_cpu *c, const struct event *e)
{
	u64 sp = get_sp(c);
	u32 v;

	if (e->vec * 4 + 3 > c->idtr.limit)
		x86_raise_err(c, EXC_GP, idt_error(e->vec));
	v = ld32_sys(c, c->idtr.base + e->vec * 4);
	push_at(c, &sp, 2, e->flags);
	push_at(c, &sp, 2, c->seg[CS].sel);
	push_at(c, &sp, 2, e->next_rip);
	set_sp(c, sp);
	seg_set_real(c, CS, (u16)(v >> 16));
	c->rip = v & 0xffff;
	x86_set_rflags(c, e->flags & ~(u64)(FL_IF | FL_TF | FL_RF | FL_AC));
}

/* --- the doors ------------------------------------------------------------------------------ */

/* Faults push RF so that their own instruction breakpoint does not hit again. */
static bool pushes_rf(const struct event *e)
{
	return e->kind == INT_EXC && e->vec != EXC_DB;
}

void x86_interrupt(struct x86_cpu *c, unsigned vec, enum int_kind k,
		   bool has_err, u32 err, u64 next_rip)
{
	struct event e = {
		.vec = vec, .kind = k, .err = err, .next_rip = next_rip,
	};

	c->exc.delivering = k == INT_EXC ? 1 : 2;
	c->exc.ext = k != INT_SOFT;
	e.flags = x86_rflags(c) & ~(u64)FL_RF;
	if (pushes_rf(&e))
		e.flags |= FL_RF;
	e.has_err = has_err && c->mode != MODE_REAL;
	if (c->mode == MODE_REAL)
		deliver_real(c, &e);
	else if (k == INT_SOFT ||
		 !trap_enter(c, vec, e.has_err, err, next_rip, e.flags))
		deliver_prot(c, &e);
	c->exc.delivering = 0;
	c->exc.ext = false;
	c->shadow = 0;
}

/* DR6 and CR2 change when the exception is delivered, not when it is raised. */
static void take_payload(struct x86_cpu *c)
{
	if (c->exc.vec == EXC_PF) {
		c->cr2 = c->exc.payload;
	} else if (c->exc.vec == EXC_DB) {
		c->dr[6] = (c->dr[6] & ~15ull) | c->exc.payload;
		if (c->dr[7] & BIT(13)) {
			c->dr[7] &= ~(u64)BIT(13);
			x86_debug_update(c);
		}
	}
}

void x86_deliver(struct x86_cpu *c)
{
	u64 next = c->rip + (c->exc.soft ? c->exc.insn_len : 0);

	take_payload(c);
	c->n_exception++;
	x86_interrupt(c, c->exc.vec, c->exc.soft ? INT_SOFT : INT_EXC,
		      c->exc.has_err, c->exc.err, next);
	c->exc.pending = false;
}

void x86_deliver_irq(struct x86_cpu *c, u8 vec)
{
	c->exc.vec = vec;
	x86_interrupt(c, vec, INT_HW, false, 0, c->rip);
}
