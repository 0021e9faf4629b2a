// SPDX-License-Identifier: MIT
/*
 * CPUID: what this engine offers, and what the instruction returns.
 *
 * Room:     the host's features minus what is not emulated, plus what is
 *           emulated whatever the host has.
 * Talks to: the instruction rows: a feature with instructions is offered only
 *           where some row implements it.
 * Never:    offers a bit not named in bits[].
 */
#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

enum { EAX, EBX, ECX, EDX };
enum how {
	HOST,                          /* if the host has it              */
	ROWS,                          /* if the host has it and we do too */
	SOFT,                          /* always: emulated in full        */
};

/* Bits not listed are masked.  Those a reader may look for, and why not: VME
 * and PSN (nobody uses them), DTES64 to PDCM (no performance monitoring), VMX and
 * SVM (no nesting), IBRS and its kin (nothing speculates), MISALIGNSSE's companions. */
static const struct bit {
	u32 leaf;
	u8 sub, reg, bit, how, feat;
} bits[] = {
	{ 1, 0, ECX, 0, ROWS, FEAT_SSE3 }, { 1, 0, ECX, 1, ROWS, FEAT_PCLMUL },
	{ 1, 0, ECX, 9, ROWS, FEAT_SSSE3 }, { 1, 0, ECX, 12, ROWS, FEAT_FMA },
	{ 1, 0, ECX, 13, HOST, 0 },    /* CX16: in the row of CX8         */
	{ 1, 0, ECX, 17, SOFT, 0 },    /* PCID                            */
	{ 1, 0, ECX, 19, ROWS, FEAT_SSE41 },
	{ 1, 0, ECX, 20, ROWS, FEAT_SSE42 },
	{ 1, 0, ECX, 21, SOFT, 0 },    /* x2APIC                          */
	{ 1, 0, ECX, 22, ROWS, FEAT_MOVBE },
	{ 1, 0, ECX, 23, ROWS, FEAT_POPCNT },
	{ 1, 0, ECX, 24, SOFT, 0 },    /* TSC deadline                    */
	{ 1, 0, ECX, 25, ROWS, FEAT_AES },
	{ 1, 0, ECX, 26, ROWS, FEAT_XSAVE },
	{ 1, 0, ECX, 28, ROWS, FEAT_AVX }, { 1, 0, ECX, 29, ROWS, FEAT_F16C },
	{ 1, 0, ECX, 30, ROWS, FEAT_RDRAND },
	{ 1, 0, ECX, 31, SOFT, 0 },    /* hypervisor                      */
	{ 1, 0, EDX, 0, SOFT, 0 },     /* FPU                             */
	{ 1, 0, EDX, 2, SOFT, 0 },     /* DE                              */
	{ 1, 0, EDX, 3, SOFT, 0 },     /* PSE                             */
	{ 1, 0, EDX, 4, SOFT, 0 },     /* TSC                             */
	{ 1, 0, EDX, 5, SOFT, 0 },     /* MSR                             */
	{ 1, 0, EDX, 6, SOFT, 0 },     /* PAE                             */
	{ 1, 0, EDX, 7, SOFT, 0 },     /* MCE                             */
	{ 1, 0, EDX, 8, SOFT, 0 },     /* CX8                             */
	{ 1, 0, EDX, 9, SOFT, 0 },     /* APIC                            */
	{ 1, 0, EDX, 11, SOFT, 0 },    /* SEP                             */
	{ 1, 0, EDX, 12, SOFT, 0 },    /* MTRR                            */
	{ 1, 0, EDX, 13, SOFT, 0 },    /* PGE                             */
	{ 1, 0, EDX, 14, SOFT, 0 },    /* MCA                             */
	{ 1, 0, EDX, 15, SOFT, 0 },    /* CMOV                            */
	{ 1, 0, EDX, 16, SOFT, 0 },    /* PAT                             */
	{ 1, 0, EDX, 17, SOFT, 0 },    /* PSE36                           */
	{ 1, 0, EDX, 19, SOFT, 0 },    /* CLFLUSH                         */
	{ 1, 0, EDX, 23, ROWS, FEAT_MMX },
	{ 1, 0, EDX, 24, SOFT, 0 },    /* FXSR                            */
	{ 1, 0, EDX, 25, ROWS, FEAT_SSE }, { 1, 0, EDX, 26, ROWS, FEAT_SSE2 },
	{ 6, 0, EAX, 2, SOFT, 0 },     /* ARAT                            */
	{ 7, 0, EBX, 0, ROWS, FEAT_FSGS },
	{ 7, 0, EBX, 1, SOFT, 0 },     /* TSC_ADJUST                      */
	{ 7, 0, EBX, 3, ROWS, FEAT_BMI1 }, { 7, 0, EBX, 5, ROWS, FEAT_AVX2 },
	{ 7, 0, EBX, 7, SOFT, 0 },     /* SMEP                            */
	{ 7, 0, EBX, 8, ROWS, FEAT_BMI2 },
	{ 7, 0, EBX, 9, SOFT, 0 },     /* ERMS                            */
	{ 7, 0, EBX, 10, SOFT, 0 },    /* INVPCID                         */
	{ 7, 0, EBX, 18, ROWS, FEAT_RDSEED },
	{ 7, 0, EBX, 19, ROWS, FEAT_ADX },
	{ 7, 0, EBX, 20, SOFT, 0 },    /* SMAP                            */
	{ 7, 0, EBX, 23, ROWS, FEAT_CLFLUSHOPT },
	{ 7, 0, EBX, 24, ROWS, FEAT_CLWB },
	{ 7, 0, EBX, 29, ROWS, FEAT_SHA },
	{ 7, 0, ECX, 2, SOFT, 0 },     /* UMIP                            */
	{ 7, 0, ECX, 3, SOFT, 0 },     /* PKU                             */
	{ 7, 0, ECX, 9, ROWS, FEAT_VAES },
	{ 7, 0, ECX, 10, ROWS, FEAT_VPCLMUL },
	{ 7, 0, ECX, 16, SOFT, 0 },    /* LA57                            */
	{ 7, 0, ECX, 22, ROWS, FEAT_RDPID },
	{ 7, 0, EDX, 4, SOFT, 0 },     /* FSRM                            */
	{ 7, 0, EDX, 29, SOFT, 0 },    /* ARCH_CAPABILITIES               */
	{ 0xd, 1, EAX, 0, ROWS, FEAT_XSAVEOPT },
	{ 0xd, 1, EAX, 1, ROWS, FEAT_XSAVEC },
	{ 0xd, 1, EAX, 2, HOST, 0 },   /* XGETBV with ECX = 1             */
	{ 0xd, 1, EAX, 3, ROWS, FEAT_XSAVES },
	{ 0x80000001, 0, ECX, 0, SOFT, 0 },    /* LAHF in 64-bit mode     */
	{ 0x80000001, 0, ECX, 1, HOST, 0 },    /* CMP_LEGACY              */
	{ 0x80000001, 0, ECX, 4, HOST, 0 },    /* CR8 in 32-bit mode      */
	{ 0x80000001, 0, ECX, 5, HOST, 0 },    /* LZCNT, else BSR         */
	{ 0x80000001, 0, ECX, 6, ROWS, FEAT_SSE4A },
	{ 0x80000001, 0, ECX, 8, SOFT, 0 },    /* PREFETCHW               */
	{ 0x80000001, 0, ECX, 22, HOST, 0 },   /* TOPOEXT                 */
	{ 0x80000001, 0, EDX, 11, SOFT, 0 },   /* SYSCALL                 */
	{ 0x80000001, 0, EDX, 20, SOFT, 0 },   /* NX                      */
	{ 0x80000001, 0, EDX, 22, HOST, 0 },   /* MMXEXT                  */
	{ 0x80000001, 0, EDX, 26, SOFT, 0 },   /* 1 GiB pages             */
	{ 0x80000001, 0, EDX, 27, ROWS, FEAT_RDTSCP },
	{ 0x80000001, 0, EDX, 29, SOFT, 0 },   /* long mode               */
	{ 0x80000007, 0, EDX, 8, SOFT, 0 },    /* invariant TSC           */
	{ 0x80000008, 0, EBX, 2, HOST, 0 },    /* XSAVEERPTR              */
	{ 0x80000008, 0, EBX, 26, SOFT, 0 },   /* SSB_NO                  */
};

/* AMD's leaf 0x80000001 EDX repeats these of leaf 1. */
#define AMD_ALIAS 0x0183f3ffu

enum { AVX = 2, PKRU = 9 };            /* components of extended state    */
enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = BIT(AVX),
       XCR0_PKRU = BIT(PKRU) };
#define KVM_SIGNATURE 0x40000000u
#define KVM_FEATURES  0x40000001u

static u32 *reg_of(struct kvm_cpuid_entry2 *e, unsigned reg)
{
	u32 *const r[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return r[reg];
}

static void host(u32 leaf, u32 sub, struct kvm_cpuid_entry2 *e)
{
	__cpuid_count(leaf, sub, e->eax, e->ebx, e->ecx, e->edx);
}

static bool have_rows(unsigned feat)
{
	for (unsigned i = 0; i < insn_row_count; i++)
		if (insn_rows[i].feat == feat)
			return true;
	return false;
}

/* CPUID alone does not say that the host's kernel switches AVX state. */
static bool host_avx(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx");
}

static bool needs_avx(unsigned feat)
{
	return feat >= FEAT_AVX && feat <= FEAT_VPCLMUL;
}

static bool offered(const struct bit *b, u32 have)
{
	if (b->how == SOFT)
		return true;
	if (needs_avx(b->feat) && !host_avx())
		return false;
	return (have >> b->bit & 1) && (b->how == HOST || have_rows(b->feat));
}

/* The listed bits of a leaf's registers that hold feature bits. */
static void mask_features(struct kvm_cpuid_entry2 *e, unsigned regs)
{
	for (unsigned r = 0; r < 4; r++) {
		u32 have = *reg_of(e, r), keep = 0;

		if (!(regs >> r & 1))
			continue;
		for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
			if (bits[i].leaf == e->function &&
			    bits[i].sub == e->index && bits[i].reg == r &&
			    offered(&bits[i], have))
				keep |= 1u << bits[i].bit;
		*reg_of(e, r) = keep;
	}
}

/* --- the list ------------------------------------------------------------- */

struct list {
	struct kvm_cpuid_entry2 *e;
	unsigned n, max;
	struct kvm_cpuid_entry2 spill; /* past the end: -E2BIG            */
};

static struct kvm_cpuid_entry2 *add(struct list *l, u32 leaf, u32 sub,
				    bool indexed)
{
	struct kvm_cpuid_entry2 *e = l->n < l->max ? &l->e[l->n] : &l->spill;

	l->n++;
	*e = (struct kvm_cpuid_entry2){
		.function = leaf, .index = sub,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	return e;
}

static struct kvm_cpuid_entry2 *add_host(struct list *l, u32 leaf, u32 sub,
					 bool indexed)
{
	struct kvm_cpuid_entry2 *e = add(l, leaf, sub, indexed);

	host(leaf, sub, e);
	return e;
}

static u64 xcr0_offered(void)
{
	return XCR0_X87 | XCR0_SSE | XCR0_PKRU | (host_avx() ? XCR0_AVX : 0);
}

enum { XSAVE_MIN = 576, AVX_SIZE = 256, PKRU_SIZE = 8 };

/* Where the host has PKRU it lies there for guests of KVM, who may come here;
 * else behind AVX, as on CPUs without AVX-512. */
static u32 pkru_offset(void)
{
	struct kvm_cpuid_entry2 h;

	host(0xd, PKRU, &h);
	return h.eax == PKRU_SIZE ? h.ebx : XSAVE_MIN + AVX_SIZE;
}

/* Component n; the area of all of them is so large at least. */
static void add_component(struct list *l, unsigned n, u32 size, u32 off,
			  u32 *all)
{
	struct kvm_cpuid_entry2 *e = add(l, 0xd, n, true);

	e->eax = size;
	e->ebx = off;
	*all = MAX(*all, off + size);
}

static void add_xsave(struct list *l)
{
	u64 xcr0 = xcr0_offered();
	struct kvm_cpuid_entry2 *top, *e;
	u32 size = XSAVE_MIN;

	if (!have_rows(FEAT_XSAVE))
		return;
	top = add(l, 0xd, 0, true);
	e = add_host(l, 0xd, 1, true);
	mask_features(e, 1u << EAX);
	e->ebx = XSAVE_MIN;
	e->ecx = e->edx = 0;
	if (xcr0 & XCR0_AVX)
		add_component(l, AVX, AVX_SIZE, XSAVE_MIN, &size);
	add_component(l, PKRU, PKRU_SIZE, pkru_offset(), &size);
	top->eax = (u32)xcr0;
	top->ebx = top->ecx = size;
}

/* Cache leaves go through as they are until one of type 0. */
static void add_caches(struct list *l, u32 leaf)
{
	for (u32 sub = 0; sub < 8; sub++)
		if (!(add_host(l, leaf, sub, true)->eax & 0x1f))
			return;
}

static void add_basic(struct list *l)
{
	struct kvm_cpuid_entry2 *e = add_host(l, 0, 0, false);

	e->eax = MIN(e->eax, 0xd);
	e = add_host(l, 1, 0, false);
	e->ebx &= 0xffff;              /* no APIC id, one CPU             */
	mask_features(e, 1u << ECX | 1u << EDX);
	add_host(l, 2, 0, false);
	add_caches(l, 4);
	add(l, 5, 0, false);
	mask_features(add(l, 6, 0, false), 1u << EAX);
	e = add_host(l, 7, 0, true);
	e->eax = 0;
	mask_features(e, 1u << EBX | 1u << ECX | 1u << EDX);
	add(l, 0xa, 0, false);
	add(l, 0xb, 0, true);
	add_xsave(l);
}

/*
 * What guests do against speculation (retpolines, VERW on each return to user
 * mode, RSB stuffing) is aimed at predictors that translated code does not
 * drive as the guest believes: its returns are no host returns, its indirect
 * branches compare before they jump.  Such sequences would cost and protect
 * nothing, so the engine says that it needs none: automatic IBRS, no SRSO, no
 * TSA here; the Intel side is MSR_ARCH_CAP.
 */
static void add_no_speculation(struct list *l)
{
	struct kvm_cpuid_entry2 *e = add(l, 0x80000021, 0, false);

	/* LFENCE serialises, null selectors clear the base, AutoIBRS, SRSO_NO */
	e->eax = BIT(2) | BIT(6) | BIT(8) | BIT(29);
	e->ecx = BIT(1) | BIT(2);      /* TSA_SQ_NO, TSA_L1_NO            */
}

static void add_extended(struct list *l)
{
	struct kvm_cpuid_entry2 top, *e;
	u32 amd = 0;

	host(0x80000000, 0, &top);
	e = add_host(l, 0x80000000, 0, false);
	e->eax = 0x80000021;
	e = add_host(l, 0x80000001, 0, false);
	if (top.ebx == 0x68747541)     /* "Auth"enticAMD                  */
		amd = l->max > 1 ? l->e[1].edx & AMD_ALIAS : 0;
	mask_features(e, 1u << ECX | 1u << EDX);
	e->edx |= amd;
	for (u32 leaf = 0x80000002; leaf <= 0x80000006; leaf++)
		add_host(l, leaf, 0, false);
	e = add(l, 0x80000007, 0, false);
	mask_features(e, 1u << EDX);
	e = add_host(l, 0x80000008, 0, false);
	mask_features(e, 1u << EBX);
	e->eax = (e->eax & 0xff) | 57 << 8;    /* linear bits             */
	e->ecx = e->edx = 0;
	if (top.eax >= 0x80000019)
		add_host(l, 0x80000019, 0, false);
	if (top.eax >= 0x8000001d)
		add_caches(l, 0x8000001d);
	if (top.eax >= 0x8000001e)
		add(l, 0x8000001e, 0, false);
	add_no_speculation(l);
}

static void add_kvm(struct list *l)
{
	struct kvm_cpuid_entry2 *e = add(l, KVM_SIGNATURE, 0, false);

	e->eax = KVM_FEATURES;
	e->ebx = 0x4b4d564b;           /* "KVMKVMKVM"                     */
	e->ecx = 0x564b4d56;
	e->edx = 0x4d;
	e = add(l, KVM_FEATURES, 0, false);
	/* CLOCKSOURCE, NOP_IO_DELAY, CLOCKSOURCE2, CLOCKSOURCE_STABLE */
	e->eax = BIT(0) | BIT(1) | BIT(3) | BIT(24);
}

int x86_cpuid_supported(struct kvm_cpuid_entry2 *out, unsigned max)
{
	struct list l = { .e = out, .max = max };

	add_basic(&l);
	add_extended(&l);
	add_kvm(&l);
	return l.n > max ? -E2BIG : (int)l.n;
}

/* --- the instruction ------------------------------------------------------ */

static const struct kvm_cpuid_entry2 *find(const struct x86_cpu *c, u32 leaf,
					   u32 sub)
{
	for (unsigned i = 0; i < c->ncpuid; i++) {
		const struct kvm_cpuid_entry2 *e = &c->cpuid[i];

		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     e->index == sub))
			return e;
	}
	return NULL;
}

/* Size of an XSAVE area, standard form, for these components. */
static u32 xsave_size(const struct x86_cpu *c, u64 xcr0)
{
	u32 size = XSAVE_MIN;

	for (unsigned n = AVX; n < XCOMPS; n++)
		if (xcr0 >> n & 1)
			size = MAX(size, c->xcomp[n].off + c->xcomp[n].size);
	return size;
}

static u32 xsave_compact_size(const struct x86_cpu *c, u64 mask)
{
	u32 size = XSAVE_MIN;

	for (unsigned n = AVX; n < XCOMPS; n++) {
		if (!(mask >> n & 1))
			continue;
		if (c->xcomp[n].aligned)
			size = ALIGN_UP(size, 64u);
		size += c->xcomp[n].size;
	}
	return size;
}

/* What depends on the CPU's present state. */
static void apply_state(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4])
{
	u64 base = c->lapic ? lapic_base(c->lapic) : c->apic_base;

	if (leaf == 1) {
		out[ECX] &= ~BIT(27);
		if ((out[ECX] & BIT(26)) && (c->cr4 & CR4_OSXSAVE))
			out[ECX] |= BIT(27);
		if (!(base & BIT(11)))
			out[EDX] &= ~BIT(9);
	} else if (leaf == 7 && sub == 0) {
		out[ECX] &= ~BIT(4);
		if (c->cr4 & CR4_PKE)
			out[ECX] |= BIT(4);
	} else if (leaf == 0xd && sub == 0) {
		out[EBX] = xsave_size(c, c->xcr0);
	} else if (leaf == 0xd && sub == 1 && (out[EAX] & (BIT(1) | BIT(3)))) {
		out[EBX] = xsave_compact_size(c, c->xcr0 | c->xss);
	}
}

/* Beyond the last leaf Intel answers with the last basic one, AMD with zeros. */
static const struct kvm_cpuid_entry2 *beyond(const struct x86_cpu *c,
					     u32 leaf, u32 sub)
{
	const struct kvm_cpuid_entry2 *top = find(c, leaf & 0xc0000000, 0);
	const struct kvm_cpuid_entry2 *zero = find(c, 0, 0);

	if (!zero || zero->ebx != 0x756e6547 || (top && leaf <= top->eax))
		return NULL;
	return find(c, zero->eax, sub);
}

void x86_cpuid(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4])
{
	const struct kvm_cpuid_entry2 *e = find(c, leaf, sub);

	if (!e)
		e = beyond(c, leaf, sub);
	memset(out, 0, 4 * sizeof(out[0]));
	if (e) {
		out[EAX] = e->eax;
		out[EBX] = e->ebx;
		out[ECX] = e->ecx;
		out[EDX] = e->edx;
	} else if (leaf == 0xb || leaf == 0x1f) {
		const struct kvm_cpuid_entry2 *first = find(c, leaf, 0);

		if (first) {           /* past the last level             */
			out[ECX] = sub & 0xff;
			out[EDX] = first->edx;
		}
	}
	apply_state(c, leaf, sub, out);
}

/* --- what follows from it ------------------------------------------------- */

static u64 cr4_bits(const struct x86_cpu *c)
{
	static const struct {
		u32 cr4, leaf;
		u8 reg, bit;
	} by_feature[] = {
		{ CR4_UMIP, 7, ECX, 2 }, { CR4_FSGSBASE, 7, EBX, 0 },
		{ CR4_PCIDE, 1, ECX, 17 }, { CR4_OSXSAVE, 1, ECX, 26 },
		{ CR4_SMEP, 7, EBX, 7 }, { CR4_SMAP, 7, EBX, 20 },
		{ CR4_PKE, 7, ECX, 3 }, { CR4_LA57, 7, ECX, 16 },
	};
	u64 cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE |
		  CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	for (unsigned i = 0; i < ARRAY_LEN(by_feature); i++)
		if (x86_has(c, by_feature[i].leaf, 0, by_feature[i].reg,
			    by_feature[i].bit))
			cr4 |= by_feature[i].cr4;
	return cr4;
}

static void update_xcomps(struct x86_cpu *c)
{
	for (u32 n = 0; n < XCOMPS; n++) {
		const struct kvm_cpuid_entry2 *e = find(c, 0xd, n);

		c->xcomp[n] = (struct x86_xcomp){ 0 };
		if (e && n >= AVX)
			c->xcomp[n] = (struct x86_xcomp){
				.size = e->eax, .off = e->ebx,
				.aligned = e->ecx & 2,
			};
	}
}

void x86_cpuid_update(struct x86_cpu *c)
{
	const struct kvm_cpuid_entry2 *e = find(c, 0x80000008, 0);
	unsigned bits_pa = e ? e->eax & 0xff : 36;

	bits_pa = MAX(MIN(bits_pa, 52), 32);
	c->phys_mask = (1ull << bits_pa) - 1;
	update_xcomps(c);
	c->has_1g = x86_has(c, 0x80000001, 0, EDX, 26);
	c->has_la57 = x86_has(c, 7, 0, ECX, 16);
	c->cr4_allowed = cr4_bits(c);
	c->efer_allowed = 0;
	if (!c->ncpuid || x86_has(c, 0x80000001, 0, EDX, 11))
		c->efer_allowed |= EFER_SCE;
	if (!c->ncpuid || x86_has(c, 0x80000001, 0, EDX, 29))
		c->efer_allowed |= EFER_LME | EFER_LMA;
	if (!c->ncpuid || x86_has(c, 0x80000001, 0, EDX, 20))
		c->efer_allowed |= EFER_NXE;
	if (x86_has(c, 0x80000021, 0, EAX, 8))
		c->efer_allowed |= EFER_AUTOIBRS;
	e = find(c, 0xd, 0);
	c->xcr0_allowed = (e ? e->eax | (u64)e->edx << 32 : 3) & xcr0_offered();
	/* Without KVM_SET_CPUID2 KVM's guests still run what the host can. */
	if (c->ncpuid)
		x86_update_feats(c);
	else
		c->feats = ~0ull;
}
