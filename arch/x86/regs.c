/* SPDX-License-Identifier: MIT */
/*
 * Register snapshots and reset state.  See regs.h.
 */
#include "arch/x86/regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpuid.h"
#include "arch/x86/machine.h"
#include "vmm/vcpu.h"

enum { CR4_FSGSBASE = BIT(16) };

static const u32 msr_numbers[X86_MSR_COUNT] = {
	[MSR_TSC]            = 0x10,
	[MSR_SYSENTER_CS]    = 0x174,
	[MSR_SYSENTER_ESP]   = 0x175,
	[MSR_SYSENTER_EIP]   = 0x176,
	[MSR_PAT]            = 0x277,
	[MSR_STAR]           = 0xc0000081,
	[MSR_LSTAR]          = 0xc0000082,
	[MSR_CSTAR]          = 0xc0000083,
	[MSR_FMASK]          = 0xc0000084,
	[MSR_KERNEL_GS_BASE] = 0xc0000102,
	[MSR_TSC_AUX]        = 0xc0000103,
	[MSR_MISC_ENABLE]    = 0x1a0,
	[MSR_MTRR_DEF_TYPE]  = 0x2ff,
	[MSR_TSC_DEADLINE]   = 0x6e0,
};

struct msr_buf {
	struct kvm_msrs head;
	struct kvm_msr_entry e[X86_MSR_COUNT];
};

/* One at a time: KVM stops at the first MSR it does not have. */
static void msrs_get(struct vcpu *v, u64 *msr)
{
	for (unsigned i = 0; i < X86_MSR_COUNT; i++) {
		struct msr_buf b = { .head.nmsrs = 1 };

		b.head.entries[0].index = msr_numbers[i];
		msr[i] = 0;
		if (kvm_vcpu_ioctl(&v->kvm, KVM_GET_MSRS, &b) == 1)
			msr[i] = b.head.entries[0].data;
	}
}

/* Where PKRU lies in an XSAVE image: the guest's CPUID knows. */
static u32 pkru_at(struct vcpu *v)
{
	const struct x86_machine *m = x86_machine(v->vm);
	const struct kvm_cpuid_entry2 *e = m && m->cpuid ?
		cpuid_find(m->cpuid, 0xd, XSAVE_PKRU) : NULL;

	return e && e->eax >= 4 && e->ebx >= 576 &&
	       e->ebx <= sizeof(struct kvm_xsave) - 4 ? e->ebx : 0;
}

u32 x86_regs_pkru(const struct x86_regs *r)
{
	const u8 *x = (const u8 *)&r->xsave;
	u64 bv;
	u32 v = 0;

	memcpy(&bv, x + 512, sizeof(bv));
	if (r->pkru_at && (bv & BIT64(XSAVE_PKRU)))
		memcpy(&v, x + r->pkru_at, sizeof(v));
	return v;
}

int x86_regs_get(struct vcpu *v, struct x86_regs *r)
{
	int rc;

	memset(r, 0, sizeof(*r));
	rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_REGS, &r->gp);
	if (rc < 0)
		return rc;
	rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &r->s);
	if (rc < 0)
		return rc;
	/* The rest may be missing from a provider: it then reads as zero. */
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_DEBUGREGS, &r->dr);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_XCRS, &r->xcrs);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_FPU, &r->fpu);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_XSAVE, &r->xsave);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_MP_STATE, &r->mp);
	kvm_vcpu_ioctl(&v->kvm, KVM_GET_VCPU_EVENTS, &r->events);
	msrs_get(v, r->msr);
	r->pkru_at = pkru_at(v);
	return 0;
}

void x86_sregs_offered(struct kvm_sregs *s, struct cpuid_list *guest)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(guest, CPUID_EXTENDED, 0);

	if (!e || !(e->ebx & CPUID_FSGSBASE))
		s->cr4 &= ~(u64)CR4_FSGSBASE;
}

struct paging x86_regs_paging(const struct x86_regs *r)
{
	return (struct paging){
		.cr0 = r->s.cr0, .cr3 = r->s.cr3, .cr4 = r->s.cr4,
		.efer = r->s.efer,
	};
}

/* --- reset --------------------------------------------------------------- */

static struct kvm_segment real_segment(u16 selector, u64 base, u8 type, u8 s)
{
	return (struct kvm_segment){
		.selector = selector, .base = base, .limit = 0xffff,
		.type = type, .s = s, .present = 1,
	};
}

static void reset_sregs(struct kvm_sregs *s, bool bsp)
{
	s->cs = real_segment(0xf000, 0xffff0000, 0xb, 1);
	s->ds = real_segment(0, 0, 3, 1);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->ldt = real_segment(0, 0, 2, 0);
	s->tr = real_segment(0, 0, 0xb, 0);
	s->gdt.limit = s->idt.limit = 0xffff;
	s->cr0 = 0x60000010;
	s->apic_base = 0xfee00800 | (bsp ? 0x100 : 0);
}

static void reset_fpu(struct x86_regs *r)
{
	const u32 mxcsr = 0x1f80;

	r->fpu.fcw = 0x37f;
	r->fpu.mxcsr = mxcsr;
	r->xsave.region[0] = 0x37f;            /* FCW */
	r->xsave.region[6] = mxcsr;
	r->xsave.region[128] = 3;              /* XSTATE_BV: x87 and SSE */
	r->xcrs.nr_xcrs = 1;
	r->xcrs.xcrs[0].value = 1;
}

void x86_regs_reset(struct x86_regs *r, bool bsp, u32 signature)
{
	memset(r, 0, sizeof(*r));
	r->gp.rip = 0xfff0;
	r->gp.rflags = 2;
	r->gp.rdx = signature;
	reset_sregs(&r->s, bsp);
	reset_fpu(r);
	r->dr.dr6 = 0xffff0ff0;
	r->dr.dr7 = 0x400;
	r->msr[MSR_PAT] = 0x0007040600070406ull;
	r->msr[MSR_MISC_ENABLE] = 1;
	/* Without firmware nobody else sets the MTRRs: enabled, WB. */
	r->msr[MSR_MTRR_DEF_TYPE] = 0x806;
	r->mp.mp_state = bsp ? KVM_MP_STATE_RUNNABLE
			     : KVM_MP_STATE_UNINITIALIZED;
}

/*
 * All in one request; KVM stops at the first it does not have, which is
 * passed over.  The TSC runs on through a reset.
 */
static void msrs_put(struct vcpu *v, const u64 *msr)
{
	unsigned i = MSR_TSC + 1;

	while (i < X86_MSR_COUNT) {
		struct msr_buf b = { .head.nmsrs = X86_MSR_COUNT - i };
		int done;

		for (unsigned k = i; k < X86_MSR_COUNT; k++) {
			b.head.entries[k - i].index = msr_numbers[k];
			b.head.entries[k - i].data = msr[k];
		}
		done = kvm_vcpu_ioctl(&v->kvm, KVM_SET_MSRS, &b);
		i += done < 0 ? 1 : (unsigned)done + 1;
	}
}

static int put_fpu(struct vcpu *v, const struct x86_regs *r)
{
	int rc;

	rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_XSAVE, (void *)&r->xsave);
	if (rc < 0)
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_FPU, (void *)&r->fpu);
	return rc;
}

int x86_regs_put(struct vcpu *v, const struct x86_regs *r, struct err *e)
{
	const struct {
		unsigned long req;
		const void *arg;
		const char *what;
		bool optional;
	} steps[] = {
		{ KVM_SET_SREGS, &r->s, "control registers", false },
		{ KVM_SET_REGS, &r->gp, "registers", false },
		{ KVM_SET_VCPU_EVENTS, &r->events, "events", true },
		{ KVM_SET_XCRS, &r->xcrs, "XCR0", true },
		{ KVM_SET_DEBUGREGS, &r->dr, "debug registers", true },
		{ KVM_SET_MP_STATE, &r->mp, "run state", false },
	};
	int rc;

	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		rc = kvm_vcpu_ioctl(&v->kvm, steps[i].req,
				    (void *)steps[i].arg);
		if (rc < 0 && !steps[i].optional)
			return err_set(e, rc, "vCPU %u: setting its %s: %m",
				       v->index, steps[i].what);
	}
	rc = put_fpu(v, r);
	if (rc < 0)
		return err_set(e, rc, "vCPU %u: setting its FPU: %m", v->index);
	msrs_put(v, r->msr);
	return 0;
}

static int set_msr(struct vcpu *v, enum x86_msr n, u64 value)
{
	struct msr_buf b = { .head.nmsrs = 1 };
	int done;

	b.head.entries[0].index = msr_numbers[n];
	b.head.entries[0].data = value;
	done = kvm_vcpu_ioctl(&v->kvm, KVM_SET_MSRS, &b);
	return done == 1 ? 0 : done < 0 ? done : -EINVAL;
}

/* What is the same is left alone: setting it could drop an event. */
static int set_changed(struct vcpu *v, const struct x86_regs *r,
		       const struct x86_regs *now)
{
	int rc = 0;

	if (memcmp(&r->s, &now->s, sizeof(r->s)))
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_SREGS, (void *)&r->s);
	if (rc >= 0 && memcmp(&r->gp, &now->gp, sizeof(r->gp)))
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_REGS, (void *)&r->gp);
	if (rc >= 0 && memcmp(&r->xsave, &now->xsave, sizeof(r->xsave)))
		rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_XSAVE, (void *)&r->xsave);
	if (rc >= 0 && r->msr[MSR_KERNEL_GS_BASE] !=
	    now->msr[MSR_KERNEL_GS_BASE])
		rc = set_msr(v, MSR_KERNEL_GS_BASE,
			     r->msr[MSR_KERNEL_GS_BASE]);
	return rc < 0 ? rc : 0;
}

int x86_regs_set(struct vcpu *v, const struct x86_regs *r)
{
	struct x86_regs *now = malloc(sizeof(*now));
	int rc;

	if (!now)
		return -ENOMEM;
	rc = x86_regs_get(v, now);
	if (rc >= 0)
		rc = set_changed(v, r, now);
	free(now);
	return rc;
}

/* --- what is in no one place --- */

u64 x86_regs_xcr0(const struct x86_regs *r)
{
	for (u32 i = 0; i < MIN(r->xcrs.nr_xcrs, (u32)KVM_MAX_XCRS); i++)
		if (r->xcrs.xcrs[i].xcr == 0)
			return r->xcrs.xcrs[i].value;
	return 1;
}

/* The kernel's KVM_GET_FPU leaves it out; XSAVE has it. */
u32 x86_regs_mxcsr(const struct x86_regs *r)
{
	return r->fpu.mxcsr ? r->fpu.mxcsr : r->xsave.region[6];
}
