/* SPDX-License-Identifier: MIT */
/*
 * System instructions: descriptor-table registers, MSRs, CPUID, TSC, hints.
 * Privilege was checked by insn_checked (A_PRIV).
 *
 * Talks to: sys.h for what is behind them.
 */
#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"
#include "tcg-plugin/x86/sys.h"

static void check_umip(struct x86_cpu *c)
{
	if ((c->cr4 & CR4_UMIP) && c->cpl)
		x86_raise_err(c, EXC_GP, 0);
}

/* --- SGDT SIDT LGDT LIDT -------------------------------------------------------- */

void op_sgdt(struct x86_cpu *c, const struct insn *i)
{
	const struct x86_dtr *t = (i->modrm >> 3 & 7) ? &c->idtr : &c->gdtr;
	unsigned n = i->flags & I_64 ? 8 : 4;
	gva_t la;

	check_umip(c);
	la = x86_ea(c, i, n + 2, true);
	mem_probe(c, la, n + 2, true);
	st16(c, la, (u16)t->limit);
	st_size(c, la + 2, n, t->base);
}

void op_lgdt(struct x86_cpu *c, const struct insn *i)
{
	struct x86_dtr *t = (i->modrm >> 3 & 7) == 3 ? &c->idtr : &c->gdtr;
	unsigned n = i->flags & I_64 ? 8 : 4;
	gva_t la = x86_ea(c, i, n + 2, false);
	u16 limit = ld16(c, la);
	u64 base = ld_size(c, la + 2, n);

	if (n == 4 && i->opsize == 2)
		base &= 0xffffff;
	if (!x86_canonical_base(c, base))
		x86_raise_err(c, EXC_GP, 0);
	t->base = base;
	t->limit = limit;
	x86_next(c, i);
}

/* --- SLDT STR LLDT LTR ------------------------------------------------------------ */

void op_sldt(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = c->seg[(i->modrm >> 3 & 7) ? TR : LDTR].sel;

	check_umip(c);
	if (i->flags & I_MEM)
		st16(c, x86_ea(c, i, 2, true), sel);
	else
		set_reg(c, i->rm, i->opsize, sel);
}

/* System descriptor of `sel`, GDT only, with its full base. */
static void fetch_system(struct x86_cpu *c, u16 sel, struct desc *d, u32 types,
			 u64 *base)
{
	if (sel & 4)
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	desc_fetch(c, sel, d, EXC_GP);
	if (desc_s(d) || !(types >> desc_type(d) & 1))
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	if (!desc_p(d))
		x86_raise_err(c, EXC_NP, sel & 0xfffc);
	*base = desc_base(d);
	if (!(c->efer & EFER_LMA))
		return;
	if ((sel & 0xfff8u) + 15 > c->gdtr.limit)
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
	*base = desc_base64(c, d);
	if (!x86_canonical_base(c, *base))
		x86_raise_err(c, EXC_GP, sel & 0xfffc);
}

void op_lldt(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)get_rm(c, i, 2);
	struct desc d;
	u64 base;

	if (sel_null(sel)) {
		seg_set_null(c, LDTR, sel);
	} else {
		fetch_system(c, sel, &d, BIT(DT_LDT), &base);
		seg_set(c, LDTR, sel, &d);
		c->seg[LDTR].base = base;
	}
	x86_next(c, i);
}

void op_ltr(struct x86_cpu *c, const struct insn *i)
{
	u16 sel = (u16)get_rm(c, i, 2);
	u32 types = BIT(DT_TSS);
	struct desc d;
	u64 base;

	if (sel_null(sel))
		x86_raise_err(c, EXC_GP, 0);
	if (!(c->efer & EFER_LMA))
		types |= BIT(DT_TSS16);
	fetch_system(c, sel, &d, types, &base);
	desc_set_busy(c, &d, true);
	d.hi |= 2u << 8;
	seg_set(c, TR, sel, &d);
	c->seg[TR].base = base;
	x86_next(c, i);
}

/* --- MSRs, CPUID, counters ---------------------------------------------------------- */

static void put_edx_eax(struct x86_cpu *c, u64 v)
{
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
}

static u64 edx_eax(const struct x86_cpu *c)
{
	return c->r[RDX] << 32 | (u32)c->r[RAX];
}

/* What the guest's other self must do, where there is one. */
static void not_in_slices(struct x86_cpu *c)
{
	if (c->slices)
		x86_exit(c, LEAVE_OTHER);
}

void op_rdmsr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = 0;

	not_in_slices(c);
	if (x86_rdmsr(c, (u32)c->r[RCX], &v))
		x86_raise_err(c, EXC_GP, 0);
	put_edx_eax(c, v);
	x86_next(c, i);
}

void op_wrmsr(struct x86_cpu *c, const struct insn *i)
{
	not_in_slices(c);
	if (x86_wrmsr(c, (u32)c->r[RCX], edx_eax(c)))
		x86_raise_err(c, EXC_GP, 0);
	x86_update_mode(c);
	x86_next(c, i);
}

void op_cpuid(struct x86_cpu *c, const struct insn *i)
{
	u32 out[4];

	x86_cpuid(c, (u32)c->r[RAX], (u32)c->r[RCX], out);
	c->r[RAX] = out[0];
	c->r[RBX] = out[1];
	c->r[RCX] = out[2];
	c->r[RDX] = out[3];
	x86_next(c, i);
}

/* RDTSC and RDTSCP. */
void op_rdtsc(struct x86_cpu *c, const struct insn *i)
{
	if ((c->cr4 & CR4_TSD) && c->cpl)
		x86_raise_err(c, EXC_GP, 0);
	put_edx_eax(c, x86_tsc(c));
	if (i->byte == 0x01)
		c->r[RCX] = (u32)c->tsc_aux;
	x86_next(c, i);
}

/* No counters are offered. */
void op_rdpmc(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	x86_raise_err(c, EXC_GP, 0);
}

/* --- TLB ---------------------------------------------------------------------------- */

void op_invlpg(struct x86_cpu *c, const struct insn *i)
{
	u64 la = x86_ea_off(c, i);

	if (c->mode != MODE_LONG)
		la = (u32)(la + c->seg[i->seg].base);
	else if (i->seg == FS || i->seg == GS)
		la += c->seg[i->seg].base;
	if (x86_canonical(c, la))
		mmu_invlpg(c, la);
	x86_next(c, i);
}

void op_invpcid(struct x86_cpu *c, const struct insn *i)
{
	u64 type = get_reg(c, i->reg, i->flags & I_64 ? 8 : 4);
	gva_t la = x86_ea(c, i, 16, false);
	u64 pcid = ld64(c, la), addr = ld64(c, la + 8);

	if (type > 3 || pcid > 0xfff ||
	    (type < 2 && pcid && !(c->cr4 & CR4_PCIDE)) ||
	    (type == 0 && !x86_canonical_base(c, addr)))
		x86_raise_err(c, EXC_GP, 0);
	mmu_invpcid(c, (unsigned)type, (u16)pcid, addr);
	x86_next(c, i);
}

/* --- extended state, protection keys --------------------------------------------------- */

void op_xgetbv(struct x86_cpu *c, const struct insn *i)
{
	u32 n = (u32)c->r[RCX];

	(void)i;
	if (!(c->cr4 & CR4_OSXSAVE))
		x86_raise(c, EXC_UD);
	if (n > 1)
		x86_raise_err(c, EXC_GP, 0);
	put_edx_eax(c, n ? c->xcr0 & fpu_in_use(c) : c->xcr0);
}

void op_xsetbv(struct x86_cpu *c, const struct insn *i)
{
	u64 v = edx_eax(c);

	if (!(c->cr4 & CR4_OSXSAVE))
		x86_raise(c, EXC_UD);
	if ((u32)c->r[RCX] || !(v & 1) || (v & 6) == 4 ||
	    (v & ~c->xcr0_allowed))
		x86_raise_err(c, EXC_GP, 0);
	not_in_slices(c);
	c->xcr0 = v;
	x86_next(c, i);
}

static void check_pke(struct x86_cpu *c)
{
	if (!(c->cr4 & CR4_PKE))
		x86_raise(c, EXC_UD);
	if ((u32)c->r[RCX])
		x86_raise_err(c, EXC_GP, 0);
}

void op_rdpkru(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	check_pke(c);
	put_edx_eax(c, c->pkru);
}

void op_wrpkru(struct x86_cpu *c, const struct insn *i)
{
	check_pke(c);
	if ((u32)c->r[RDX])
		x86_raise_err(c, EXC_GP, 0);
	mmu_set_pkru(c, (u32)c->r[RAX]);
	x86_next(c, i);
}

/* --- FS and GS bases -------------------------------------------------------------------- */

void op_swapgs(struct x86_cpu *c, const struct insn *i)
{
	u64 v = c->seg[GS].base;

	(void)i;
	c->seg[GS].base = c->kernel_gs_base;
	c->kernel_gs_base = v;
}

static struct x86_seg *based_seg(struct x86_cpu *c, const struct insn *i)
{
	if (!(c->cr4 & CR4_FSGSBASE))
		x86_raise(c, EXC_UD);
	return &c->seg[i->modrm >> 3 & 1 ? GS : FS];
}

void op_rdseg(struct x86_cpu *c, const struct insn *i)
{
	set_reg(c, i->rm, i->opsize, based_seg(c, i)->base);
}

void op_wrseg(struct x86_cpu *c, const struct insn *i)
{
	struct x86_seg *s = based_seg(c, i);
	u64 v = get_reg(c, i->rm, i->opsize);

	if (!x86_canonical_base(c, v))
		x86_raise_err(c, EXC_GP, 0);
	s->base = v;
}

/* --- waiting, caches, hypercalls ----------------------------------------------------------- */

void op_hlt(struct x86_cpu *c, const struct insn *i)
{
	not_in_slices(c);
	x86_next(c, i);
	c->n_insn++;
	c->shadow = 0;
	c->rflags &= ~(u64)FL_RF;      /* completed: step_careful will not */
	if (c->rflags & FL_TF)         /* its trap ends the halt at once   */
		x86_raise_db(c, BIT(14), false);
	x86_exit(c, LEAVE_HLT);
}

/* MONITOR arms nothing, and MWAIT may always return at once. */
void op_monitor(struct x86_cpu *c, const struct insn *i)
{
	if ((u32)c->r[RCX])
		x86_raise_err(c, EXC_GP, 0);
	x86_next(c, i);
}

void op_mwait(struct x86_cpu *c, const struct insn *i)
{
	x86_next(c, i);
}

void op_clflush(struct x86_cpu *c, const struct insn *i)
{
	mem_probe(c, x86_ea(c, i, 1, false), 1, false);
}

void op_fence(struct x86_cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
	__sync_synchronize();
}

/* KVM's hypercall convention: number in rax, answer in rax. None is offered. */
void op_vmcall(struct x86_cpu *c, const struct insn *i)
{
	s64 answer = c->cpl ? -1 : -1000;      /* KVM_EPERM, KVM_ENOSYS */

	not_in_slices(c);
	set_reg(c, RAX, c->mode == MODE_LONG ? 8 : 4, (u64)answer);
	x86_next(c, i);
}

void op_rsm(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	x86_raise(c, EXC_UD);
}

void op_ud(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	x86_raise(c, EXC_UD);
}

void op_gp(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	x86_raise_err(c, EXC_GP, 0);
}
