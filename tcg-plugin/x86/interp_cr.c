/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers (SDM vol. 3, 2.5 and 18.2).
 */
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/sys.h"
#include "tcg-plugin/x86/irqchip/irqchip.h"
#include "tcg-plugin/x86/walk.h"

static _Noreturn void gp0(struct x86_cpu *c)
{
	x86_raise_err(c, EXC_GP, 0);
}

/* --- CR0 ------------------------------------------------------------------------ */

static void check_paging_on(struct x86_cpu *c)
{
	if (!(c->efer & EFER_LME))
		return;
	if (!(c->cr4 & CR4_PAE) || (c->seg[CS].attr & SEG_L))
		gp0(c);
}

void x86_load_pdptes(struct x86_cpu *c, u64 cr0, u64 cr3, u64 cr4)
{
	if ((cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(c->efer & EFER_LME) &&
	    !x86_pdptes_ok(c, cr3))
		gp0(c);
}

static void write_cr0(struct x86_cpu *c, u64 v)
{
	u64 changed;

	if (v >> 32)
		gp0(c);
	v &= CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM |
	     CR0_NW | CR0_CD | CR0_PG;
	v |= CR0_ET;
	if (((v & CR0_PG) && !(v & CR0_PE)) ||
	    ((v & CR0_NW) && !(v & CR0_CD)))
		gp0(c);
	changed = c->cr0 ^ v;
	if ((changed & CR0_PG) && (v & CR0_PG))
		check_paging_on(c);
	if ((changed & CR0_PG) && !(v & CR0_PG) &&
	    (c->mode == MODE_LONG || (c->cr4 & CR4_PCIDE)))
		gp0(c);
	if (changed & (CR0_CD | CR0_NW | CR0_PG))
		x86_load_pdptes(c, v, c->cr3, c->cr4);
	c->cr0 = v;
	if (changed & CR0_PG) {
		c->efer &= ~(u64)EFER_LMA;
		if ((v & CR0_PG) && (c->efer & EFER_LME))
			c->efer |= EFER_LMA;
	}
	if (changed & (CR0_PG | CR0_WP | CR0_PE))
		mmu_flush(c);
	x86_update_mode(c);
}

/* --- CR3, CR4, CR8 ---------------------------------------------------------------- */

static void write_cr3(struct x86_cpu *c, u64 v)
{
	bool keep = (c->cr4 & CR4_PCIDE) && v >> 63;

	if (c->efer & EFER_LMA) {
		if (c->cr4 & CR4_PCIDE)
			v &= ~(1ull << 63);
		if (v & ~(c->phys_mask | 0xfff))
			gp0(c);
	} else {
		v = (u32)v;
		x86_load_pdptes(c, c->cr0, v, c->cr4);
	}
	c->cr3 = v;
	mmu_new_space(c, keep);
}

static void write_cr4(struct x86_cpu *c, u64 v)
{
	u64 changed = c->cr4 ^ v;

	if (v & ~c->cr4_allowed)
		gp0(c);
	if ((c->efer & EFER_LMA) && !(v & CR4_PAE))
		gp0(c);
	if ((c->efer & EFER_LMA) && (changed & CR4_LA57))
		gp0(c);
	if ((changed & v & CR4_PCIDE) &&
	    (!(c->efer & EFER_LMA) || (c->cr3 & 0xfff)))
		gp0(c);
	if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP))
		x86_load_pdptes(c, c->cr0, c->cr3, v);
	c->cr4 = v;
	if (changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP |
		       CR4_SMAP | CR4_PKE | CR4_LA57))
		mmu_flush(c);
	x86_update_mode(c);
}

static u64 read_cr8(struct x86_cpu *c)
{
	return c->lapic ? lapic_cr8(c->lapic) : c->cr8;
}

static void write_cr8(struct x86_cpu *c, u64 v)
{
	if (v & ~15ull)
		gp0(c);
	c->cr8 = v;
	if (c->lapic)
		lapic_set_cr8(c->lapic, v);
}

/* A register that does not exist is #UD before privilege is looked at. */
static void check_cr(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = i->reg;

	if ((i->flags & I_LOCK) && !x86_has(c, 0x80000001, 0, 2, 4))
		x86_raise(c, EXC_UD);
	if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8)
		x86_raise(c, EXC_UD);
	if (c->cpl)
		gp0(c);
}

/* --- MOV CR ----------------------------------------------------------------------------- */

void op_mov_rc(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	check_cr(c, i);
	switch (i->reg) {
	case 0:  v = c->cr0; break;
	case 2:  v = c->cr2; break;
	case 3:  v = c->cr3; break;
	case 4:  v = c->cr4; break;
	default: v = read_cr8(c); break;
	}
	set_reg(c, i->rm, i->opsize, v);
}

void op_mov_cr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = get_reg(c, i->rm, i->opsize);

	check_cr(c, i);
	switch (i->reg) {
	case 0:  write_cr0(c, v); break;
	case 2:  c->cr2 = v; break;
	case 3:  write_cr3(c, v); break;
	case 4:  write_cr4(c, v); break;
	default: write_cr8(c, v); break;
	}
	x86_next(c, i);
}

void op_clts(struct x86_cpu *c, const struct insn *i)
{
	c->cr0 &= ~(u64)CR0_TS;
	x86_next(c, i);
}

void op_smsw(struct x86_cpu *c, const struct insn *i)
{
	if ((c->cr4 & CR4_UMIP) && c->cpl)
		gp0(c);
	if (i->flags & I_MEM)
		st16(c, x86_ea(c, i, 2, true), (u16)c->cr0);
	else
		set_reg(c, i->rm, i->opsize, c->cr0);
}

/* PE can be set but not cleared. */
void op_lmsw(struct x86_cpu *c, const struct insn *i)
{
	u64 v = get_rm(c, i, 2), mask = CR0_MP | CR0_EM | CR0_TS;

	write_cr0(c, (c->cr0 & ~mask) | (v & (mask | CR0_PE)));
	x86_next(c, i);
}

/* --- MOV DR ----------------------------------------------------------------------------- */

static unsigned debug_reg(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = i->reg;

	if (n > 7 || ((n == 4 || n == 5) && (c->cr4 & CR4_DE)))
		x86_raise(c, EXC_UD);
	if (c->cpl)
		gp0(c);
	if (c->dr[7] & BIT(13))
		x86_raise_db(c, BIT(13), true);
	return n == 4 || n == 5 ? n + 2 : n;
}

void op_mov_rd(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = debug_reg(c, i);

	set_reg(c, i->rm, i->opsize, x86_dr_read(c, n));
	x86_next(c, i);
}

void op_mov_dr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = get_reg(c, i->rm, i->opsize);
	unsigned n = debug_reg(c, i);

	if (n >= 6 && v >> 32)
		gp0(c);
	x86_dr_write(c, n, v);
	x86_next(c, i);
}
