// SPDX-License-Identifier: MIT
/*
 * Model-specific registers.
 *
 * Room:     which exist, what may be written, what a write does.
 * Talks to: LAPIC, clock.c, the MMU.
 * Never:    invents one: unknown MSRs are #GP(0), as KVM's are without
 *           ignore_msrs.
 *
 * Most are a row of plain_msrs[]: a place in struct x86_cpu and a rule.  The
 * rest are cases in get() and set(); `host` is true for KVM_GET/SET_MSRS.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/sys.h"
#include "tcg-plugin/x86/walk.h"

enum {
	MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_TSC_ADJUST = 0x3b,
	MSR_SPEC_CTRL = 0x48, MSR_PRED_CMD = 0x49, MSR_UCODE_WRITE = 0x79,
	MSR_UCODE_REV = 0x8b, MSR_PLATFORM_INFO = 0xce, MSR_MTRRCAP = 0xfe,
	MSR_ARCH_CAP = 0x10a, MSR_MISC_FEATURES = 0x140,
	MSR_MCG_CAP = 0x179, MSR_MCG_STATUS = 0x17a, MSR_MCG_CTL = 0x17b,
	MSR_MISC_ENABLE = 0x1a0, MSR_MTRR_VAR = 0x200, MSR_PAT = 0x277,
	MSR_MTRR_DEF = 0x2ff, MSR_MC0 = 0x400, MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800, MSR_XSS = 0xda0,
	MSR_KVM_WALL = 0x11, MSR_KVM_TIME = 0x12,
	MSR_KVM_WALL_NEW = 0x4b564d00, MSR_KVM_TIME_NEW = 0x4b564d01,
};
#define MSR_EFER           0xc0000080u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

/*
 * ARCH_CAPABILITIES: see add_no_speculation in cpuid.c.  RDCL_NO IBRS_ALL
 * SKIP_L1DFL_VMENTRY SSB_NO MDS_NO PSCHANGE_MC_NO TAA_NO SBDR_SSDP_NO
 * FBSDP_NO PSDP_NO BHI_NO PBRSB_NO GDS_NO RFDS_NO
 */
#define ARCH_CAP_NO (BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | \
		     BIT(8) | BIT(13) | BIT(14) | BIT(15) | BIT(20) |       \
		     BIT(24) | BIT(26) | BIT(27))

/* Memory-type encodings a MTRR or PAT entry may hold. */
#define VALID_MTRR(t) ((0x73u >> (t)) & 1)
#define VALID_PAT(t)  ((0xf3u >> (t)) & 1)

enum rule { ANY, CANONICAL, LOW32, PAT_TYPES, MTRR_TYPES, MTRR_DEF, MTRR_PHYS };

static const struct plain_msr {
	u32 msr;
	u32 at;                        /* in struct x86_cpu               */
	u8  rule;
} plain_msrs[] = {
#define AT(field) offsetof(struct x86_cpu, field)
	{ 0x174,      AT(sysenter_cs),      LOW32 },
	{ 0x175,      AT(sysenter_esp),     CANONICAL },
	{ 0x176,      AT(sysenter_eip),     CANONICAL },
	{ 0xc0000081, AT(star),             ANY },
	{ 0xc0000082, AT(lstar),            CANONICAL },
	{ 0xc0000083, AT(cstar),            CANONICAL },
	{ 0xc0000084, AT(sfmask),           LOW32 },
	{ MSR_KERNEL_GS_BASE, AT(kernel_gs_base), CANONICAL },
	{ MSR_FS_BASE, AT(seg[FS].base),    CANONICAL },
	{ MSR_GS_BASE, AT(seg[GS].base),    CANONICAL },
	{ MSR_PAT,    AT(pat),              PAT_TYPES },
	{ MSR_MTRR_DEF, AT(mtrr_def_type),  MTRR_DEF },
	{ 0x250, AT(mtrr_fix[0]), MTRR_TYPES },
	{ 0x258, AT(mtrr_fix[1]), MTRR_TYPES },
	{ 0x259, AT(mtrr_fix[2]), MTRR_TYPES },
	{ 0x268, AT(mtrr_fix[3]), MTRR_TYPES },
	{ 0x269, AT(mtrr_fix[4]), MTRR_TYPES },
	{ 0x26a, AT(mtrr_fix[5]), MTRR_TYPES },
	{ 0x26b, AT(mtrr_fix[6]), MTRR_TYPES },
	{ 0x26c, AT(mtrr_fix[7]), MTRR_TYPES },
	{ 0x26d, AT(mtrr_fix[8]), MTRR_TYPES },
	{ 0x26e, AT(mtrr_fix[9]), MTRR_TYPES },
	{ 0x26f, AT(mtrr_fix[10]), MTRR_TYPES },
	{ MSR_MISC_ENABLE, AT(misc_enable), ANY },
	{ MSR_MCG_STATUS, AT(mcg_status),   ANY },
	{ 0x1d9,      AT(debugctl),         ANY },
#undef AT
};

/* Read as a constant; a write is accepted where KVM accepts one. */
static const struct fixed_msr {
	u32 msr;
	u32 value;
	bool writable;                 /* ignored                         */
} fixed_msrs[] = {
	{ 0x0, 0, false },             /* P5_MC_ADDR                      */
	{ 0x1, 0, false },             /* P5_MC_TYPE                      */
	{ 0x17, 0, false },            /* PLATFORM_ID                     */
	{ 0x2a, 0, false },            /* EBL_CR_POWERON                  */
	{ MSR_UCODE_WRITE, 0, true },
	{ 0xcd, 3, false },            /* FSB_FREQ                        */
	{ MSR_PLATFORM_INFO, 0, false },
	{ MSR_MTRRCAP, 0x508, false }, /* 8 variable, fixed, WC           */
	{ MSR_MISC_FEATURES, 0, true },
	{ 0x198, 1000, false },        /* PERF_STATUS                     */
	{ 0x199, 0, true },            /* PERF_CTL                        */
	{ 0x1db, 0, false }, { 0x1dc, 0, false },      /* LASTBRANCH      */
	{ 0x1dd, 0, false }, { 0x1de, 0, false },      /* LASTINT         */
	{ 0x606, 0, false }, { 0x611, 0, false },      /* RAPL            */
	{ 0x619, 0, false }, { 0x639, 0, false }, { 0x641, 0, false },
	{ 0xc0010010, 0, true },       /* SYSCFG                          */
	{ 0xc0010015, 0x1000000, true },       /* HWCR: TscFreqSel        */
	{ 0xc001001f, 0, true },       /* NB_CFG                          */
	{ 0xc0010020, 0, true },       /* PATCH_LOADER                    */
	{ 0xc0010055, 0, true },       /* INT_PENDING_MSG                 */
	{ 0xc0010058, 0, true },       /* MMIO_CONF_BASE                  */
	{ 0xc0010114, 0, true },       /* VM_CR                           */
	{ 0xc0010140, 0, true }, { 0xc0010141, 0, true },      /* OSVW    */
	{ 0xc0011020, 0, true },       /* LS_CFG                          */
	{ 0xc0011022, 0, true },       /* DC_CFG                          */
	{ 0xc0011029, 2, true },       /* DE_CFG: LFENCE serialises       */
	{ 0xc001102a, 0, true },       /* BU_CFG2                         */
	{ 0xc001102b, 0, true },
};

static const struct plain_msr *plain_find(u32 msr)
{
	for (unsigned i = 0; i < ARRAY_LEN(plain_msrs); i++)
		if (plain_msrs[i].msr == msr)
			return &plain_msrs[i];
	return NULL;
}

static const struct fixed_msr *fixed_find(u32 msr)
{
	for (unsigned i = 0; i < ARRAY_LEN(fixed_msrs); i++)
		if (fixed_msrs[i].msr == msr)
			return &fixed_msrs[i];
	return NULL;
}

static bool is_amd_perf(u32 msr)
{
	return (msr >= 0xc0010000 && msr <= 0xc0010007) ||
	       (msr >= 0xc0010200 && msr <= 0xc001020b);
}

static bool is_intel_perf(u32 msr)
{
	return (msr >= 0xc1 && msr <= 0xc8) || (msr >= 0x186 && msr <= 0x18d);
}

static bool is_bank(const struct x86_cpu *c, u32 msr)
{
	return msr >= MSR_MC0 && msr < MSR_MC0 + 4 * (u32)(c->mcg_cap & 0xff) &&
	       msr < MSR_MC0 + ARRAY_LEN(c->mce_banks);
}

/* --- rules ---------------------------------------------------------------- */

static bool bytes_valid(u64 v, unsigned legal)
{
	for (unsigned i = 0; i < 8; i++, v >>= 8)
		if ((v & 0xff) > 7 || !(legal >> (v & 0xff) & 1))
			return false;
	return true;
}

static bool obeys(const struct x86_cpu *c, u8 rule, u64 v)
{
	switch (rule) {
	case CANONICAL:  return x86_canonical_base(c, v);
	case LOW32:      return !(v >> 32);
	case PAT_TYPES:  return bytes_valid(v, 0xf3);
	case MTRR_TYPES: return bytes_valid(v, 0x73);
	case MTRR_DEF:   return !(v & ~0xcffull) && VALID_MTRR(v & 7) &&
				!(v & 0xf8 & ~0xc00ull);
	default:         return true;
	}
}

static int set_mtrr_var(struct x86_cpu *c, u32 n, u64 v)
{
	u64 legal = c->phys_mask & ~0xfffull;

	if (n & 1) {
		if (v & ~(legal | 0x800))
			return -1;
	} else if ((v & ~(legal | 0xff)) || (v & 0xff) > 7 ||
		   !VALID_MTRR(v & 7)) {
		return -1;
	}
	c->mtrr_var[n] = v;
	return 0;
}

static int set_efer(struct x86_cpu *c, u64 v, bool host)
{
	u64 was = c->efer;

	if (v & ~(c->efer_allowed | (host ? EFER_LME | EFER_LMA | EFER_SCE |
					    EFER_NXE : 0)))
		return -1;
	if (!host) {
		if ((c->cr0 & CR0_PG) && ((was ^ v) & EFER_LME))
			return -1;
		v = (v & ~(u64)EFER_LMA) | (was & EFER_LMA);
	}
	c->efer = v;
	if ((was ^ v) & (EFER_NXE | EFER_LMA))
		mmu_flush(c);
	x86_update_mode(c);
	return 0;
}

/* --- time ----------------------------------------------------------------- */

static int set_tsc(struct x86_cpu *c, u64 v, bool host)
{
	u64 offset = v - tcg_vm_tsc(c->vm), was = c->tsc_offset;
	u64 last = atomic_load(&c->vm->tsc_write_offset);
	s64 apart = (s64)(offset - last);

	/*
	 * vCPUs given the same TSC one after the other are meant to agree:
	 * within a second of the last write, KVM reuses its offset.
	 */
	if (host && last && apart > -(s64)tcg_vm_tsc_khz(c->vm) * 1000 &&
	    apart < (s64)tcg_vm_tsc_khz(c->vm) * 1000)
		offset = last;
	if (host)
		atomic_store(&c->vm->tsc_write_offset, offset);
	else
		c->tsc_adjust += offset - was;
	__atomic_store_n(&c->tsc_offset, offset, __ATOMIC_RELAXED);
	tcg_clock_update(c);
	return 0;
}

static int set_tsc_adjust(struct x86_cpu *c, u64 v, bool host)
{
	if (!host)
		__atomic_store_n(&c->tsc_offset,
				 c->tsc_offset + v - c->tsc_adjust,
				 __ATOMIC_RELAXED);
	c->tsc_adjust = v;
	tcg_clock_update(c);
	return 0;
}

static int set_kvm_time(struct x86_cpu *c, u64 v)
{
	c->kvmclock_msr = v;
	tcg_clock_update(c);
	return 0;
}

static int set_kvm_wall(struct x86_cpu *c, u64 v)
{
	c->kvm_wall_msr = v;
	tcg_clock_wall(c);
	return 0;
}

static int set_deadline(struct x86_cpu *c, u64 v)
{
	if (!c->lapic)
		return -1;
	lapic_set_tsc_deadline(c->lapic, v);
	return 0;
}

static int set_apic_base(struct x86_cpu *c, u64 v, bool host)
{
	int rc = 0;

	if (v & ~(c->phys_mask | 0xfff))
		return -1;
	if (c->lapic)
		rc = host ? lapic_restore_base(c->lapic, v)
			  : lapic_set_base(c->lapic, v);
	if (rc)
		return -1;
	c->apic_base = v;
	mmu_flush(c);                  /* its page may hide RAM           */
	return 0;
}

/* --- machine check -------------------------------------------------------- */

static int set_bank(struct x86_cpu *c, u32 n, u64 v, bool host)
{
	switch (n & 3) {
	case 0:                        /* CTL: all zeros or all ones      */
		if (v && (v | (1u << 10) | 1) != ~0ull)
			return -1;
		break;
	case 1:                        /* STATUS: software may clear      */
		if (!host && v)
			return -1;
		break;
	}
	c->mce_banks[n] = v;
	return 0;
}

/* --- get ------------------------------------------------------------------ */

static int get_other(struct x86_cpu *c, u32 msr, u64 *v, bool host)
{
	const struct fixed_msr *f = fixed_find(msr);

	if (f) {
		*v = f->value;
		return 0;
	}
	if (is_amd_perf(msr) || is_intel_perf(msr)) {
		*v = 0;
		return 0;
	}
	if (is_bank(c, msr)) {
		*v = c->mce_banks[msr - MSR_MC0];
		return 0;
	}
	if (msr >= MSR_MTRR_VAR && msr < MSR_MTRR_VAR + 16) {
		*v = c->mtrr_var[msr - MSR_MTRR_VAR];
		return 0;
	}
	if (msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100 && c->lapic)
		return lapic_rdmsr(c->lapic, msr, v) ? -1 : 0;
	(void)host;
	return -1;
}

/* long: one line for each MSR */
static int get(struct x86_cpu *c, u32 msr, u64 *v, bool host)
{
	const struct plain_msr *p = plain_find(msr);

	if (p) {
		memcpy(v, (u8 *)c + p->at, sizeof(*v));
		return 0;
	}
	switch (msr) {
	case MSR_TSC:
		*v = x86_tsc(c);
		return 0;
	case MSR_TSC_ADJUST:
		*v = c->tsc_adjust;
		return 0;
	case MSR_TSC_DEADLINE:
		if (!c->lapic)
			return -1;
		*v = lapic_tsc_deadline(c->lapic);
		return 0;
	case MSR_TSC_AUX:
		if (!host && !x86_has(c, 0x80000001, 0, 3, 27) &&
		    !x86_has(c, 7, 0, 2, 22))
			return -1;
		*v = c->tsc_aux;
		return 0;
	case MSR_APIC_BASE:
		*v = c->lapic ? lapic_base(c->lapic) : c->apic_base;
		return 0;
	case MSR_EFER:
		*v = c->efer;
		return 0;
	case MSR_UCODE_REV:
		*v = 0x01000065;
		return 0;
	case MSR_MCG_CAP:
		*v = c->mcg_cap;
		return 0;
	case MSR_MCG_CTL:
		if (!(c->mcg_cap & 0x100))
			return -1;
		*v = c->mcg_ctl;
		return 0;
	case MSR_SPEC_CTRL:
		if (!host && !x86_has(c, 7, 0, 3, 26) &&
		    !x86_has(c, 0x80000008, 0, 1, 14))
			return -1;
		*v = c->spec_ctrl;
		return 0;
	case MSR_ARCH_CAP:
		if (!host && !x86_has(c, 7, 0, 3, 29))
			return -1;
		*v = ARCH_CAP_NO;
		return 0;
	case MSR_XSS:
		if (!host && !x86_has(c, 0xd, 1, 0, 3))
			return -1;
		*v = c->xss;
		return 0;
	case MSR_KVM_TIME:
	case MSR_KVM_TIME_NEW:
		*v = c->kvmclock_msr;
		return 0;
	case MSR_KVM_WALL:
	case MSR_KVM_WALL_NEW:
		*v = c->kvm_wall_msr;
		return 0;
	default:
		return get_other(c, msr, v, host);
	}
}

/* --- set ------------------------------------------------------------------ */

static int set_plain(struct x86_cpu *c, const struct plain_msr *p, u64 v)
{
	if (p->rule == LOW32)
		v = (u32)v;
	if (!obeys(c, p->rule, v))
		return -1;
	memcpy((u8 *)c + p->at, &v, sizeof(v));
	return 0;
}

static int set_other(struct x86_cpu *c, u32 msr, u64 v, bool host)
{
	const struct fixed_msr *f = fixed_find(msr);

	if (f)
		return f->writable || (host && v == f->value) ? 0 : -1;
	if (is_amd_perf(msr) || is_intel_perf(msr))
		return v ? -1 : 0;     /* no counters to program          */
	if (is_bank(c, msr))
		return set_bank(c, msr - MSR_MC0, v, host);
	if (msr >= MSR_MTRR_VAR && msr < MSR_MTRR_VAR + 16)
		return set_mtrr_var(c, msr - MSR_MTRR_VAR, v);
	if (msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100 && c->lapic)
		return lapic_wrmsr(c->lapic, msr, v) ? -1 : 0;
	return -1;
}

/* long: one line for each MSR */
static int set(struct x86_cpu *c, u32 msr, u64 v, bool host)
{
	const struct plain_msr *p = plain_find(msr);

	if (p)
		return set_plain(c, p, v);
	switch (msr) {
	case MSR_TSC:
		return set_tsc(c, v, host);
	case MSR_TSC_ADJUST:
		return set_tsc_adjust(c, v, host);
	case MSR_TSC_DEADLINE:
		return set_deadline(c, v);
	case MSR_TSC_AUX:
		if (v >> 32 || (!host && !x86_has(c, 0x80000001, 0, 3, 27) &&
				!x86_has(c, 7, 0, 2, 22)))
			return -1;
		c->tsc_aux = v;
		return 0;
	case MSR_APIC_BASE:
		return set_apic_base(c, v, host);
	case MSR_EFER:
		return set_efer(c, v, host);
	case MSR_UCODE_REV:
		return 0;
	case MSR_MCG_CAP:
		if (!host)
			return -1;
		c->mcg_cap = v;
		return 0;
	case MSR_MCG_CTL:
		if (!(c->mcg_cap & 0x100) || (v && ~v))
			return -1;
		c->mcg_ctl = v;
		return 0;
	case MSR_SPEC_CTRL:
		if (!host && !x86_has(c, 7, 0, 3, 26) &&
		    !x86_has(c, 0x80000008, 0, 1, 14))
			return -1;
		c->spec_ctrl = v;
		return 0;
	case MSR_PRED_CMD:
		if (!host && !x86_has(c, 7, 0, 3, 26) &&
		    !x86_has(c, 0x80000008, 0, 1, 12))
			return -1;
		return v & ~1ull ? -1 : 0;
	case MSR_ARCH_CAP:
		return host && !(v & ~(u64)ARCH_CAP_NO) ? 0 : -1;
	case MSR_XSS:
		if ((!host && !x86_has(c, 0xd, 1, 0, 3)) || v)
			return -1;
		c->xss = v;
		return 0;
	case MSR_KVM_TIME:
	case MSR_KVM_TIME_NEW:
		return set_kvm_time(c, v);
	case MSR_KVM_WALL:
	case MSR_KVM_WALL_NEW:
		return set_kvm_wall(c, v);
	default:
		return set_other(c, msr, v, host);
	}
}

/* --- doors ---------------------------------------------------------------- */

int x86_rdmsr(struct x86_cpu *c, u32 msr, u64 *v)
{
	int rc = get(c, msr, v, false);

	if (rc)
		x86_log(c, LOG_UNIMP, "vcpu %u: rdmsr %x\n", c->id, msr);
	return rc;
}

int x86_wrmsr(struct x86_cpu *c, u32 msr, u64 v)
{
	int rc = set(c, msr, v, false);

	if (rc)
		x86_log(c, LOG_UNIMP, "vcpu %u: wrmsr %x = %llx\n", c->id, msr,
		       (unsigned long long)v);
	return rc;
}

int x86_msr_get(struct x86_cpu *c, u32 msr, u64 *v)
{
	return get(c, msr, v, true);
}

int x86_msr_set(struct x86_cpu *c, u32 msr, u64 v)
{
	return set(c, msr, v, true);
}

void x86_msr_reset(struct x86_cpu *c)
{
	c->apic_base = 0xfee00000 | (1u << 11);
	c->mcg_cap = 0x0100 | 32;      /* MCG_CTL_P and 32 banks: KVM_CAP_MCE */
	c->mcg_ctl = ~0ull;
	for (unsigned i = 0; i < 32; i++)
		c->mce_banks[4 * i] = ~0ull;
}

/* --- lists ---------------------------------------------------------------- */

static const u32 saved_msrs[] = {
	MSR_TSC, MSR_TSC_ADJUST, MSR_TSC_DEADLINE, MSR_TSC_AUX, MSR_EFER,
	MSR_SPEC_CTRL, MSR_XSS, MSR_MCG_CTL, MSR_KVM_TIME, MSR_KVM_WALL,
	MSR_KVM_TIME_NEW, MSR_KVM_WALL_NEW, MSR_MISC_FEATURES,
	MSR_PLATFORM_INFO, MSR_ARCH_CAP, 0xc0011029,
};

unsigned x86_msr_list(u32 *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(plain_msrs) && n < max; i++)
		out[n++] = plain_msrs[i].msr;
	for (unsigned i = 0; i < ARRAY_LEN(saved_msrs) && n < max; i++)
		out[n++] = saved_msrs[i];
	for (unsigned i = 0; i < 16 && n < max; i++)
		out[n++] = MSR_MTRR_VAR + i;
	return n;
}

static const u32 feature_msrs[] = { MSR_UCODE_REV, MSR_ARCH_CAP, 0xc0011029 };

unsigned x86_msr_feature_list(u32 *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(feature_msrs) && n < max; i++)
		out[n++] = feature_msrs[i];
	return n;
}

int x86_msr_feature(u32 msr, u64 *v)
{
	switch (msr) {
	case MSR_UCODE_REV: *v = 0x01000065; return 0;
	case MSR_ARCH_CAP:  *v = ARCH_CAP_NO; return 0;
	case 0xc0011029:    *v = 2; return 0;
	default:            return -1;
	}
}
