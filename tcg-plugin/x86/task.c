/* SPDX-License-Identifier: MIT */
/*
 * Task-state segments: task switches (SDM vol. 3, chapter 7), stacks for inner
 * levels, the I/O permission bitmap.
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"
#include "tcg-plugin/x86/sys.h"

/* --- what others read from the current TSS ------------------------------------- */

static void tss_check(struct x86_cpu *c, u32 last)
{
	if (last > c->seg[TR].limit || (c->seg[TR].attr & SEG_UNUSABLE))
		x86_raise_err(c, EXC_TS, c->seg[TR].sel & 0xfffc);
}

void tss_stack(struct x86_cpu *c, unsigned pl, u16 *ss, u64 *sp)
{
	u64 base = c->seg[TR].base;

	if (c->seg[TR].attr & 8) {
		tss_check(c, 4 + 8 * pl + 5);
		*sp = ld32_sys(c, base + 4 + 8 * pl);
		*ss = ld16_sys(c, base + 8 + 8 * pl);
	} else {
		tss_check(c, 2 + 4 * pl + 3);
		*sp = ld16_sys(c, base + 2 + 4 * pl);
		*ss = ld16_sys(c, base + 4 + 4 * pl);
	}
}

u64 tss_rsp(struct x86_cpu *c, unsigned pl)
{
	tss_check(c, 4 + 8 * pl + 7);
	return ld64_sys(c, c->seg[TR].base + 4 + 8 * pl);
}

u64 tss_ist(struct x86_cpu *c, unsigned ist)
{
	u32 at = 0x24 + 8 * (ist - 1);

	tss_check(c, at + 7);
	return ld64_sys(c, c->seg[TR].base + at);
}

void io_check(struct x86_cpu *c, u16 port, unsigned size)
{
	const struct x86_seg *tr = &c->seg[TR];
	u32 at, bits;

	if (c->mode == MODE_REAL || (c->mode != MODE_V86 && c->cpl <= iopl(c)))
		return;
	if ((tr->attr & SEG_UNUSABLE) || !(tr->attr & 8) || tr->limit < 0x67)
		x86_raise_err(c, EXC_GP, 0);
	at = ld16_sys(c, tr->base + 0x66) + port / 8u;
	if (at + 1 > tr->limit)
		x86_raise_err(c, EXC_GP, 0);
	bits = ld16_sys(c, tr->base + at);
	if (bits >> (port & 7) & ((1u << size) - 1))
		x86_raise_err(c, EXC_GP, 0);
}

/* --- images ------------------------------------------------------------------------ */

struct tss_image {
	u32 cr3, eip, eflags, r[8];
	u16 seg[6], ldt;
	bool trap;
};

enum { TSS32_SIZE = 0x68, TSS16_SIZE = 0x2c };

/* Both ends writable, as supervisor: the stores after this do not fault. */
static void probe_sys(struct x86_cpu *c, u64 la, u32 n)
{
	st8_sys(c, la, ld8_sys(c, la));
	st8_sys(c, la + n - 1, ld8_sys(c, la + n - 1));
}

static void save_old(struct x86_cpu *c, u64 eip, u64 flags)
{
	u64 b = c->seg[TR].base;

	if (c->seg[TR].attr & 8) {
		probe_sys(c, b + 0x20, 0x40);
		st32_sys(c, b + 0x20, (u32)eip);
		st32_sys(c, b + 0x24, (u32)flags);
		for (unsigned n = 0; n < 8; n++)
			st32_sys(c, b + 0x28 + 4 * n, (u32)c->r[n]);
		for (unsigned n = 0; n < 6; n++)
			st16_sys(c, b + 0x48 + 4 * n, c->seg[n].sel);
		return;
	}
	probe_sys(c, b + 0x0e, 0x1c);
	st16_sys(c, b + 0x0e, (u16)eip);
	st16_sys(c, b + 0x10, (u16)flags);
	for (unsigned n = 0; n < 8; n++)
		st16_sys(c, b + 0x12 + 2 * n, (u16)c->r[n]);
	for (unsigned n = 0; n < 4; n++)
		st16_sys(c, b + 0x22 + 2 * n, c->seg[n].sel);
}

static void load_image(struct x86_cpu *c, u64 b, bool is32,
		       struct tss_image *t)
{
	*t = (struct tss_image){ 0 };
	if (is32) {
		t->cr3 = ld32_sys(c, b + 0x1c);
		t->eip = ld32_sys(c, b + 0x20);
		t->eflags = ld32_sys(c, b + 0x24);
		for (unsigned n = 0; n < 8; n++)
			t->r[n] = ld32_sys(c, b + 0x28 + 4 * n);
		for (unsigned n = 0; n < 6; n++)
			t->seg[n] = ld16_sys(c, b + 0x48 + 4 * n);
		t->ldt = ld16_sys(c, b + 0x60);
		t->trap = ld16_sys(c, b + 0x64) & 1;
		return;
	}
	t->eip = ld16_sys(c, b + 0x0e);
	t->eflags = ld16_sys(c, b + 0x10);
	for (unsigned n = 0; n < 8; n++)
		t->r[n] = ld16_sys(c, b + 0x12 + 2 * n);
	for (unsigned n = 0; n < 4; n++)
		t->seg[n] = ld16_sys(c, b + 0x22 + 2 * n);
	t->ldt = ld16_sys(c, b + 0x2a);
}

/* --- loading the new task's segments: faults are the new task's ----------------------- */

static void load_ldt(struct x86_cpu *c, u16 sel)
{
	struct desc d;

	seg_set_null(c, LDTR, sel);
	if (sel_null(sel))
		return;
	if ((sel & 4) || !desc_read(c, sel, &d) || desc_s(&d) ||
	    desc_type(&d) != DT_LDT || !desc_p(&d))
		x86_raise_err(c, EXC_TS, sel & 0xfffc);
	seg_set(c, LDTR, sel, &d);
}

static void load_cs(struct x86_cpu *c, u16 sel)
{
	struct desc d;
	unsigned rpl = sel & 3;

	if (sel_null(sel) || !desc_read(c, sel, &d) || !desc_code(&d) ||
	    (desc_conforming(&d) ? desc_dpl(&d) > rpl : desc_dpl(&d) != rpl))
		x86_raise_err(c, EXC_TS, sel & 0xfffc);
	if (!desc_p(&d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	desc_set_accessed(c, &d);
	seg_set(c, CS, sel, &d);
}

static void load_stack(struct x86_cpu *c, u16 sel, unsigned cpl)
{
	struct desc d;

	if (sel_null(sel))
		x86_raise_err(c, EXC_TS, 0);
	seg_check_ss(c, sel, &d, cpl, EXC_TS);
	desc_set_accessed(c, &d);
	seg_set(c, SS, sel, &d);
}

static void load_data(struct x86_cpu *c, unsigned seg, u16 sel)
{
	struct desc d;

	seg_set_null(c, seg, sel);
	x86_update_flat(c);
	if (sel_null(sel))
		return;
	if (!desc_read(c, sel, &d) || !desc_s(&d) ||
	    (desc_code(&d) && !desc_rw(&d)) ||
	    (!(desc_code(&d) && desc_conforming(&d)) &&
	     MAX(sel & 3u, c->cpl) > desc_dpl(&d)))
		x86_raise_err(c, EXC_TS, sel & 0xfffc);
	if (!desc_p(&d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	desc_set_accessed(c, &d);
	seg_set(c, seg, sel, &d);
	x86_update_flat(c);
}

static void load_segs(struct x86_cpu *c, const struct tss_image *t)
{
	unsigned cpl = t->seg[CS] & 3;

	load_ldt(c, t->ldt);
	if (c->rflags & FL_VM) {
		for (unsigned n = ES; n <= GS; n++)
			seg_set_v86(c, n, t->seg[n]);
		x86_update_mode(c);
		return;
	}
	load_cs(c, t->seg[CS]);
	load_stack(c, t->seg[SS], cpl);
	x86_update_mode(c);
	load_data(c, ES, t->seg[ES]);
	load_data(c, DS, t->seg[DS]);
	load_data(c, FS, t->seg[FS]);
	load_data(c, GS, t->seg[GS]);
}

/* --- the switch --------------------------------------------------------------------------- */

static void check_target(struct x86_cpu *c, u16 sel, const struct desc *d,
			 enum task_cause why)
{
	unsigned type = desc_type(d), vec = why == TASK_IRET ? EXC_TS : EXC_GP;
	bool busy = type & 2, tss = (type & 5) == 1;

	if (desc_s(d) || !tss || busy != (why == TASK_IRET))
		x86_raise_err(c, vec, sel & 0xfffc);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	if (desc_limit(d) + 1 < (type & 8 ? TSS32_SIZE : TSS16_SIZE))
		x86_raise_err(c, EXC_TS, sel & 0xfffc);
}

static void set_regs(struct x86_cpu *c, const struct tss_image *t, bool is32)
{
	for (unsigned n = 0; n < 8; n++)
		c->r[n] = is32 ? t->r[n] : (c->r[n] & ~0xffffull) | t->r[n];
	c->rip = t->eip;
	if (is32 && (c->cr0 & CR0_PG) && c->cr3 != t->cr3) {
		c->cr3 = t->cr3;
		mmu_flush(c);
	}
}

static void mark_old_idle(struct x86_cpu *c)
{
	struct desc d;

	if (desc_read(c, c->seg[TR].sel, &d))
		desc_set_busy(c, &d, false);
}

void task_switch(struct x86_cpu *c, u16 sel, struct desc *d,
		 enum task_cause why, u64 next_rip, bool rf)
{
	u64 flags = x86_rflags(c) & ~(u64)FL_RF, base = desc_base(d);
	bool is32 = desc_type(d) & 8, nested = why == TASK_CALL || why == TASK_INT;
	struct tss_image t;
	u16 old_sel = c->seg[TR].sel;

	check_target(c, sel, d, why);
	load_image(c, base, is32, &t);
	if (is32 && t.cr3 != c->cr3)
		x86_load_pdptes(c, c->cr0, t.cr3, c->cr4);
	if (why == TASK_IRET)
		flags &= ~(u64)FL_NT;
	save_old(c, next_rip, rf ? flags | FL_RF : flags);
	if (why == TASK_JMP || why == TASK_IRET)
		mark_old_idle(c);
	if (nested) {
		st16_sys(c, base, old_sel);
		t.eflags |= FL_NT;
	}
	if (why != TASK_IRET) {
		desc_set_busy(c, d, true);
		d->hi |= 2u << 8;
	}
	/* from here on faults belong to the new task */
	seg_set(c, TR, sel, d);
	c->cr0 |= CR0_TS;
	set_regs(c, &t, is32);
	if (!is32)
		t.eflags |= flags & 0xffff0000 & ~(u32)FL_VM;
	c->cc_op = CC_RFLAGS;
	c->rflags = (t.eflags & 0x3f7fd7) | 2;
	c->new_task = true;
	c->dr[7] &= ~0x55ull;
	x86_debug_update(c);
	load_segs(c, &t);
	if (c->rip > c->seg[CS].limit)
		x86_raise_err(c, EXC_GP, 0);
	if (t.trap)
		c->db_hits |= BIT(15);
	if (t.trap)
		atomic_fetch_or(&c->request, REQ_COMMIT);
}
