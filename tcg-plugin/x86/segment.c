/* SPDX-License-Identifier: MIT */
/*
 * Segment registers and effective addresses.
 *
 * Room:     descriptor reads and checks for data segments, x86_lin, x86_ea_slow.
 * Talks to: mem.h for the tables; callers are instructions and exception.c.
 */
#include "tcg-plugin/x86/segment.h"

#include "tcg-plugin/x86/interp.h"

/* --- addresses ------------------------------------------------------------- */

u64 x86_ea_off(struct x86_cpu *c, const struct insn *i)
{
	u64 a = c->rx[i->base] + (c->rx[i->index] << i->scale) + (u64)i->disp;

	return i->addrsize == 8 ? a : i->addrsize == 4 ? (u32)a : (u16)a;
}

static _Noreturn void bad_address(struct x86_cpu *c, unsigned seg)
{
	x86_raise_err(c, seg == SS ? EXC_SS : EXC_GP, 0);
}

static void check_access(struct x86_cpu *c, unsigned seg, u64 off, unsigned n,
			 bool write)
{
	const struct x86_seg *s = &c->seg[seg];
	u64 end = off + n - 1, max;
	bool code = s->attr & SEG_CODE;

	if (c->mode >= MODE_PROT) {
		if (s->attr & SEG_UNUSABLE)
			bad_address(c, seg);
		/* W of data and R of code share a bit */
		if (write ? code || !(s->attr & SEG_W)
			  : code && !(s->attr & SEG_R))
			bad_address(c, seg);
	}
	if (!code && (s->attr & SEG_E) && c->mode != MODE_V86) {
		max = s->attr & SEG_DB ? 0xffffffff : 0xffff;
		if (off <= s->limit || end > max)
			bad_address(c, seg);
	} else if (end > s->limit) {
		bad_address(c, seg);
	}
}

gva_t x86_lin(struct x86_cpu *c, unsigned seg, u64 off, unsigned n, bool write)
{
	gva_t la;

	if (LIKELY(c->mode == MODE_LONG)) {
		la = off + (seg == FS || seg == GS ? c->seg[seg].base : 0);
		if (UNLIKELY(!x86_canonical(c, la) || !x86_canonical(c, la + n - 1)))
			bad_address(c, seg);
	} else {
		check_access(c, seg, off, n, write);
		la = (u32)(c->seg[seg].base + off);
	}
	if (UNLIKELY(c->align_check) && x86_misaligned(la, n))
		x86_raise_err(c, EXC_AC, 0);
	return la;
}

gva_t x86_ea_slow(struct x86_cpu *c, const struct insn *i, unsigned n,
		  bool write)
{
	return x86_lin(c, i->seg, x86_ea_off(c, i), n, write);
}

/*
 * Which segment a non-canonical address came through: decode again.  What is
 * not the memory operand of the instruction at rip is its stack access, if it
 * has one at all (strings and tables go through others, and make #GP).
 */
static bool through_stack(struct x86_cpu *c, gva_t la)
{
	unsigned left = PAGE_SIZE - c->rip % PAGE_SIZE;
	const u8 *p = NULL;
	struct insn i;

	if (x86_canonical(c, c->rip))  /* else it is the fetch, and comes here */
		p = mem_fetch(c, c->rip, NULL);
	if (!p || !insn_decode(&i, p, MIN(left, 15), c->code_bits))
		return false;
	if ((i.flags & I_MEM) && la - x86_ea_off(c, &i) < 64)
		return i.seg == SS;
	if (i.row->map == M0F)
		return (i.byte & 0xf6) == 0xa0;        /* push, pop fs, gs */
	if (i.row->map != M1)
		return false;
	switch (i.byte) {
	case 0x50 ... 0x5f: case 0x68: case 0x6a: case 0x8f: case 0x9c:
	case 0x9d: case 0xc2: case 0xc3: case 0xc8: case 0xc9: case 0xca:
	case 0xcb: case 0xcf: case 0xe8: case 0xff:
		return true;
	default:
		return false;
	}
}

void x86_raise_noncanonical(struct x86_cpu *c, gva_t la)
{
	x86_raise_err(c, through_stack(c, la) ? EXC_SS : EXC_GP, 0);
}

/* --- descriptors --------------------------------------------------------------- */

u32 desc_base(const struct desc *d)
{
	return d->lo >> 16 | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
}

u32 desc_limit(const struct desc *d)
{
	u32 l = (d->lo & 0xffff) | (d->hi & 0xf0000);

	return d->hi & BIT(23) ? l << 12 | 0xfff : l;
}

bool desc_read(struct x86_cpu *c, u16 sel, struct desc *d)
{
	u64 base = c->gdtr.base, v;
	u32 limit = c->gdtr.limit, at = sel & 0xfff8;

	if (sel & 4) {
		if (c->seg[LDTR].attr & SEG_UNUSABLE)
			return false;
		base = c->seg[LDTR].base;
		limit = c->seg[LDTR].limit;
	}
	if (at + 7 > limit)
		return false;
	d->la = base + at;
	if (!(c->efer & EFER_LMA))
		d->la = (u32)d->la;
	v = ld64_sys(c, d->la);
	d->lo = (u32)v;
	d->hi = (u32)(v >> 32);
	return true;
}

void desc_fetch(struct x86_cpu *c, u16 sel, struct desc *d, unsigned vec)
{
	if (sel_null(sel) || !desc_read(c, sel, d))
		x86_raise_err(c, vec, sel & 0xfffc);
}

void desc_set_accessed(struct x86_cpu *c, struct desc *d)
{
	if (d->hi & BIT(8))
		return;
	d->hi |= BIT(8);
	st8_sys(c, d->la + 5, (u8)(d->hi >> 8));
}

void desc_set_busy(struct x86_cpu *c, const struct desc *d, bool busy)
{
	u8 b = (u8)(d->hi >> 8);

	st8_sys(c, d->la + 5, busy ? b | 2 : b & ~2);
}

u64 desc_base64(struct x86_cpu *c, const struct desc *d)
{
	return desc_base(d) | (u64)ld32_sys(c, d->la + 8) << 32;
}

/* --- hidden parts ------------------------------------------------------------------ */

void seg_set(struct x86_cpu *c, unsigned seg, u16 sel, const struct desc *d)
{
	struct x86_seg *s = &c->seg[seg];

	s->sel = sel;
	s->base = desc_base(d);
	s->limit = desc_limit(d);
	s->attr = d->hi >> 8 & 0xf0ff;
}

void seg_set_real(struct x86_cpu *c, unsigned seg, u16 sel)
{
	c->seg[seg].sel = sel;
	c->seg[seg].base = (u32)sel << 4;
}

void seg_set_v86(struct x86_cpu *c, unsigned seg, u16 sel)
{
	c->seg[seg] = (struct x86_seg){
		.sel = sel, .base = (u32)sel << 4, .limit = 0xffff,
		.attr = 0xf3,
	};
}

void seg_set_null(struct x86_cpu *c, unsigned seg, u16 sel)
{
	c->seg[seg] = (struct x86_seg){
		.sel = sel,
		.attr = SEG_UNUSABLE | (seg == SS ? (u32)(sel & 3) << 5 : 0),
	};
}

void seg_set_flat(struct x86_cpu *c, unsigned seg, u16 sel, u32 attr)
{
	c->seg[seg] = (struct x86_seg){
		.sel = sel, .limit = 0xffffffff, .attr = attr,
	};
}

void seg_set_cs(struct x86_cpu *c, u16 sel, const struct desc *d, unsigned cpl)
{
	seg_set(c, CS, (u16)((sel & ~3u) | cpl), d);
}

/* --- loading ----------------------------------------------------------------------- */

void seg_check_ss(struct x86_cpu *c, u16 sel, struct desc *d, unsigned cpl,
		  unsigned vec)
{
	if (!desc_read(c, sel, d) || (sel & 3) != cpl || !desc_s(d) ||
	    desc_code(d) || !desc_rw(d) || desc_dpl(d) != cpl)
		x86_raise_err(c, vec, sel & 0xfffc);
	if (!desc_p(d))
		x86_raise_err(c, EXC_SS, sel & 0xfffc);
}

static void load_ss(struct x86_cpu *c, u16 sel)
{
	struct desc d;

	if (sel_null(sel)) {
		if (c->mode != MODE_LONG || c->cpl == 3 || (sel & 3) != c->cpl)
			x86_raise_err(c, EXC_GP, 0);
		seg_set_null(c, SS, sel);
		return;
	}
	seg_check_ss(c, sel, &d, c->cpl, EXC_GP);
	desc_set_accessed(c, &d);
	seg_set(c, SS, sel, &d);
}

static bool data_ok(const struct desc *d, unsigned level)
{
	if (!desc_s(d) || (desc_code(d) && !desc_rw(d)))
		return false;
	return (desc_code(d) && desc_conforming(d)) || level <= desc_dpl(d);
}

static void load_data(struct x86_cpu *c, unsigned seg, u16 sel)
{
	struct desc d;

	if (sel_null(sel)) {
		seg_set_null(c, seg, sel);
		return;
	}
	desc_fetch(c, sel, &d, EXC_GP);
	if (!data_ok(&d, MAX(sel & 3u, c->cpl)))
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	if (!desc_p(&d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	desc_set_accessed(c, &d);
	seg_set(c, seg, sel, &d);
}

void seg_load(struct x86_cpu *c, unsigned seg, u16 sel)
{
	if (c->mode == MODE_REAL)
		seg_set_real(c, seg, sel);
	else if (c->mode == MODE_V86)
		seg_set_v86(c, seg, sel);
	else if (seg == SS)
		load_ss(c, sel);
	else
		load_data(c, seg, sel);
	if (seg == SS)
		x86_update_mode(c);
	else
		x86_update_flat(c);
}

void seg_drop_outer(struct x86_cpu *c)
{
	static const u8 segs[] = { ES, DS, FS, GS };

	for (unsigned n = 0; n < ARRAY_LEN(segs); n++) {
		struct x86_seg *s = &c->seg[segs[n]];
		bool conforming = (s->attr & (SEG_CODE | SEG_C)) ==
				  (SEG_CODE | SEG_C);

		if (!(s->attr & SEG_UNUSABLE) && !conforming &&
		    SEG_DPL(s->attr) < c->cpl) {
			/* the base survives in FS and GS on the real thing
			 * in 64-bit mode only when never reloaded */
			seg_set_null(c, segs[n], 0);
		}
	}
	x86_update_flat(c);
}

/* --- instructions ---------------------------------------------------------------------- */

void op_mov_es(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = i->reg & 7;

	if (n > GS)
		x86_raise(c, EXC_UD);
	if (i->flags & I_MEM)
		st16(c, x86_ea(c, i, 2, true), c->seg[n].sel);
	else
		set_reg(c, i->rm, i->opsize, c->seg[n].sel);
}

/* Loading SS holds off interrupts for one instruction. */
static void loaded_ss(struct x86_cpu *c)
{
	c->shadow = 2;
}

void op_mov_se(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = i->reg & 7;

	if (n > GS || n == CS)
		x86_raise(c, EXC_UD);
	seg_load(c, n, (u16)get_rm(c, i, 2));
	if (n == SS)
		loaded_ss(c);
	x86_next(c, i);
}

/* 06 0E 16 1E, 0F A0 A8: the register is in bits 3-5. */
static unsigned sreg_of(const struct insn *i)
{
	return i->byte >> 3 & 7;
}

void op_push_sreg(struct x86_cpu *c, const struct insn *i)
{
	u64 sp = get_sp(c), to = (sp - i->opsize) & stack_mask(c);
	u16 sel = c->seg[sreg_of(i)].sel;

	/* a 32-bit push writes 16 bits only */
	if (i->opsize == 4)
		st16(c, stack_lin(c, to, 4, true), sel);
	else
		st_size(c, stack_lin(c, to, i->opsize, true), i->opsize, sel);
	set_sp(c, to);
}

void op_pop_sreg(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = sreg_of(i);
	u64 sp = get_sp(c);
	u16 sel = ld16(c, stack_lin(c, sp, i->opsize, false));

	sp = (sp + i->opsize) & stack_mask(c);
	if (n == SS) {
		/* rSP by the old stack size, after the checks */
		u64 mask = stack_mask(c);

		seg_load(c, SS, sel);
		c->r[RSP] = (c->r[RSP] & ~mask) | sp;
		loaded_ss(c);
	} else {
		seg_load(c, n, sel);
		set_sp(c, sp);
	}
	x86_next(c, i);
}

/* LES LDS LSS LFS LGS */
void op_lfp(struct x86_cpu *c, const struct insn *i)
{
	unsigned size = i->opsize, seg;
	gva_t la = x86_ea(c, i, size + 2, false);
	u64 off = ld_size(c, la, size);
	u16 sel = ld16(c, la + size);

	switch (i->byte) {
	case 0xc4: seg = ES; break;
	case 0xc5: seg = DS; break;
	case 0xb2: seg = SS; break;
	case 0xb4: seg = FS; break;
	default:   seg = GS; break;
	}
	seg_load(c, seg, sel);
	set_reg(c, i->reg, size, off);
	x86_next(c, i);
}

void op_arpl(struct x86_cpu *c, const struct insn *i)
{
	gva_t la = i->flags & I_MEM ? x86_ea(c, i, 2, true) : 0;
	u16 d = la || (i->flags & I_MEM) ? ld16(c, la) : (u16)c->r[i->rm];
	u16 s = c->r[i->reg] & 3;
	bool raise = (d & 3) < s;

	if (raise) {
		d = (u16)((d & ~3u) | s);
		if (i->flags & I_MEM)
			st16(c, la, d);
		else
			set_reg16(c, i->rm, d);
	}
	flags_merge(c, FL_ZF, raise ? FL_ZF : 0);
}

/* --- LAR LSL VERR VERW: false clears ZF ----------------------------------------------------- */

/* Bit n: system descriptor type n may be asked about. */
static bool visible(struct x86_cpu *c, u16 sel, struct desc *d, u32 sys_ok)
{
	if (sel_null(sel) || !desc_read(c, sel, d))
		return false;
	if (!desc_s(d) && !(sys_ok >> desc_type(d) & 1))
		return false;
	if (desc_s(d) && desc_code(d) && desc_conforming(d))
		return true;
	return MAX(sel & 3u, c->cpl) <= desc_dpl(d);
}

static u32 sys_types(const struct x86_cpu *c, bool gates)
{
	u32 t = BIT(DT_LDT) | BIT(DT_TSS) | BIT(DT_TSS_BUSY);

	if (!(c->efer & EFER_LMA))
		t |= BIT(DT_TSS16) | BIT(DT_TSS16_BUSY);
	if (gates)
		t |= BIT(DT_CALL) | (c->efer & EFER_LMA ? 0 :
				     BIT(DT_CALL16) | BIT(DT_TASK));
	return t;
}

void op_lar(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)get_rm(c, i, 2);
	struct desc d;
	bool ok = visible(c, sel, &d, sys_types(c, true));

	if (ok)
		set_reg(c, i->reg, i->opsize, d.hi & 0xffff00);
	flags_merge(c, FL_ZF, ok ? FL_ZF : 0);
}

void op_lsl(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)get_rm(c, i, 2);
	struct desc d;
	bool ok = visible(c, sel, &d, sys_types(c, false));

	if (ok)
		set_reg(c, i->reg, i->opsize, desc_limit(&d));
	flags_merge(c, FL_ZF, ok ? FL_ZF : 0);
}

void op_verr(struct x86_cpu *c, const struct insn *i)
{
	bool write = (i->modrm >> 3 & 7) == 5, ok;
	u16 sel = (u16)get_rm(c, i, 2);
	struct desc d;

	ok = visible(c, sel, &d, 0);
	if (ok && write)
		ok = !desc_code(&d) && desc_rw(&d);
	else if (ok)
		ok = !desc_code(&d) || desc_rw(&d);
	flags_merge(c, FL_ZF, ok ? FL_ZF : 0);
}
