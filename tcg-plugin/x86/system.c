/* SPDX-License-Identifier: MIT */
/*
 * Derived CPU state: mode, features, reset.
 *
 * Room:     x86_update_mode and what else follows from registers and CPUID.
 */
#include <sys/random.h>
#include <string.h>

#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/segment.h"
#include "tcg-plugin/x86/sys.h"

static u8 mode_of(const struct x86_cpu *c)
{
	if (!(c->cr0 & CR0_PE))
		return MODE_REAL;
	if (c->efer & EFER_LMA)
		return c->seg[CS].attr & SEG_L ? MODE_LONG : MODE_COMPAT;
	return c->rflags & FL_VM ? MODE_V86 : MODE_PROT;
}

static bool is_flat(const struct x86_seg *s)
{
	const u32 mask = SEG_UNUSABLE | SEG_CODE | SEG_E | SEG_W | SEG_P;

	return !s->base && s->limit == 0xffffffff &&
	       (s->attr & mask) == (SEG_W | SEG_P);
}

void x86_update_flat(struct x86_cpu *c)
{
	u8 f = 0;

	for (unsigned n = ES; n <= GS; n++)
		if (is_flat(&c->seg[n]))
			f |= BIT(n);
	c->flat = c->align_check ? 0 : f;
}

void x86_update_mode(struct x86_cpu *c)
{
	c->mode = mode_of(c);
	c->cpl = c->mode == MODE_REAL ? 0 : c->mode == MODE_V86 ? 3 :
		 SEG_DPL(c->seg[SS].attr);
	if (c->mode == MODE_LONG) {
		c->code_bits = c->stack_bits = 64;
	} else if (c->mode == MODE_V86) {
		c->code_bits = c->stack_bits = 16;
	} else {
		c->code_bits = c->seg[CS].attr & SEG_DB ? 32 : 16;
		c->stack_bits = c->seg[SS].attr & SEG_DB ? 32 : 16;
	}
	c->tlb_mode = c->cpl == 3 ? TLB_USER :
		      (c->cr4 & CR4_SMAP) && (c->rflags & FL_AC) ?
		      TLB_SUPER_AC : TLB_SUPER;
	c->align_check = c->cpl == 3 && (c->cr0 & CR0_AM) &&
			 (c->rflags & FL_AC);
	if (c->mode != MODE_LONG)
		x86_update_flat(c);
}

/* --- features ---------------------------------------------------------------- */

bool x86_has(const struct x86_cpu *c, u32 leaf, u32 sub, unsigned reg,
	     unsigned bit)
{
	for (unsigned n = 0; n < c->ncpuid; n++) {
		const struct kvm_cpuid_entry2 *e = &c->cpuid[n];
		const u32 r[4] = { e->eax, e->ebx, e->ecx, e->edx };

		if (e->function == leaf && e->index == sub)
			return r[reg] >> bit & 1;
	}
	return false;
}

enum { EAX, EBX, ECX, EDX };

/* Where CPUID says it: leaf, subleaf, register, bit. */
static const struct {
	u8 feat;
	u32 leaf;
	u8 sub, reg, bit;
} feat_bits[] = {
	{ FEAT_CMOV, 1, 0, EDX, 15 },     { FEAT_CX8, 1, 0, EDX, 8 },
	{ FEAT_CX16, 1, 0, ECX, 13 },     { FEAT_MMX, 1, 0, EDX, 23 },
	{ FEAT_SSE, 1, 0, EDX, 25 },      { FEAT_SSE2, 1, 0, EDX, 26 },
	{ FEAT_SSE3, 1, 0, ECX, 0 },      { FEAT_SSSE3, 1, 0, ECX, 9 },
	{ FEAT_SSE41, 1, 0, ECX, 19 },    { FEAT_SSE42, 1, 0, ECX, 20 },
	{ FEAT_SSE4A, 0x80000001, 0, ECX, 6 },
	{ FEAT_POPCNT, 1, 0, ECX, 23 },   { FEAT_MOVBE, 1, 0, ECX, 22 },
	{ FEAT_LZCNT, 0x80000001, 0, ECX, 5 },
	{ FEAT_BMI1, 7, 0, EBX, 3 },      { FEAT_BMI2, 7, 0, EBX, 8 },
	{ FEAT_ADX, 7, 0, EBX, 19 },      { FEAT_AES, 1, 0, ECX, 25 },
	{ FEAT_PCLMUL, 1, 0, ECX, 1 },    { FEAT_SHA, 7, 0, EBX, 29 },
	{ FEAT_RDRAND, 1, 0, ECX, 30 },   { FEAT_RDSEED, 7, 0, EBX, 18 },
	{ FEAT_FSGS, 7, 0, EBX, 0 },
	{ FEAT_RDTSCP, 0x80000001, 0, EDX, 27 },
	{ FEAT_RDPID, 7, 0, ECX, 22 },    { FEAT_XSAVE, 1, 0, ECX, 26 },
	{ FEAT_XSAVEOPT, 13, 1, EAX, 0 }, { FEAT_XSAVEC, 13, 1, EAX, 1 },
	{ FEAT_XSAVES, 13, 1, EAX, 3 },   { FEAT_CLFLUSH, 1, 0, EDX, 19 },
	{ FEAT_CLFLUSHOPT, 7, 0, EBX, 23 }, { FEAT_CLWB, 7, 0, EBX, 24 },
	{ FEAT_SMAP, 7, 0, EBX, 20 },     { FEAT_INVPCID, 7, 0, EBX, 10 },
	{ FEAT_PKU, 7, 0, ECX, 3 },       { FEAT_MONITOR, 1, 0, ECX, 3 },
	{ FEAT_AVX, 1, 0, ECX, 28 },      { FEAT_AVX2, 7, 0, EBX, 5 },
	{ FEAT_FMA, 1, 0, ECX, 12 },      { FEAT_F16C, 1, 0, ECX, 29 },
	{ FEAT_VAES, 7, 0, ECX, 9 },      { FEAT_VPCLMUL, 7, 0, ECX, 10 },
};
_Static_assert(FEAT_COUNT <= 64, "c->feats is 64 bits");

void x86_update_feats(struct x86_cpu *c)
{
	u64 f = 1ull << FEAT_NONE;

	for (unsigned n = 0; n < ARRAY_LEN(feat_bits); n++)
		if (x86_has(c, feat_bits[n].leaf, feat_bits[n].sub,
			    feat_bits[n].reg, feat_bits[n].bit))
			f |= 1ull << feat_bits[n].feat;
	c->feats = f;
}

u64 x86_random64(void)
{
	u64 v = 0;

	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v = (u64)(uintptr_t)&v * 0x9e3779b97f4a7c15ull;
	return v;
}

/* --- reset (SDM vol. 3, table 9-1) ----------------------------------------------- */

static void reset_segs(struct x86_cpu *c)
{
	for (unsigned n = 0; n < SEG_COUNT; n++)
		c->seg[n] = (struct x86_seg){ .limit = 0xffff, .attr = 0x93 };
	c->seg[CS] = (struct x86_seg){
		.sel = 0xf000, .base = 0xffff0000, .limit = 0xffff,
		.attr = 0x9b,
	};
	c->seg[LDTR].attr = 0x82;
	c->seg[TR].attr = 0x8b;
	c->gdtr = c->idtr = (struct x86_dtr){ .limit = 0xffff };
}

static u32 signature(const struct x86_cpu *c)
{
	for (unsigned n = 0; n < c->ncpuid; n++)
		if (c->cpuid[n].function == 1)
			return c->cpuid[n].eax;
	return 0x600;
}

static void reset_msrs(struct x86_cpu *c)
{
	fpu_reset(c);
	c->xcr0 = 1;
	c->pat = 0x0007040600070406ull;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = 0;
	c->tsc_aux = c->spec_ctrl = c->xss = c->debugctl = 0;
	c->mtrr_def_type = 0;
	memset(c->mtrr_var, 0, sizeof(c->mtrr_var));
	memset(c->mtrr_fix, 0, sizeof(c->mtrr_fix));
	c->misc_enable = 1;            /* fast strings */
	c->user_irq = -1;
}

void x86_cpu_reset(struct x86_cpu *c, bool init)
{
	u64 cache = init ? c->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	memset(c->r, 0, sizeof(c->r));
	c->r[RDX] = signature(c);
	c->rip = 0xfff0;
	c->rflags = 2;
	c->cc_op = CC_RFLAGS;
	c->shadow = 0;
	reset_segs(c);
	c->cr0 = cache | CR0_ET;
	c->cr2 = c->cr3 = c->cr4 = c->cr8 = c->efer = 0;
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	memset(&c->exc, 0, sizeof(c->exc));
	memset(&c->io, 0, sizeof(c->io));
	c->nmi_pending = c->nmi_masked = c->in_smm = false;
	c->db_hits = 0;
	if (!init)
		reset_msrs(c);
	if (!c->feats)
		x86_update_feats(c);
	x86_debug_update(c);
	x86_update_mode(c);
	mmu_flush(c);
}
