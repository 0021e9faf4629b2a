/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's registers as one plain struct, and the state a CPU resets to.
 *
 * Room:     everything KVM's user API says about one x86 vCPU but its LAPIC.
 * Talks to: kvm/ vCPU ioctls, on that vCPU's thread.
 * Never:    formats or prints.
 */
#ifndef MOTE_X86_REGS_H
#define MOTE_X86_REGS_H

#include <linux/kvm.h>

#include "arch/x86/paging.h"
#include "vmm/arch.h"

struct vcpu;

/* MSRs kept in a snapshot. */
enum x86_msr {
	MSR_TSC, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	MSR_PAT, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK,
	MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_MISC_ENABLE, MSR_MTRR_DEF_TYPE,
	MSR_TSC_DEADLINE, X86_MSR_COUNT
};

struct x86_regs {
	struct kvm_regs gp;
	struct kvm_sregs s;
	struct kvm_debugregs dr;
	struct kvm_xcrs xcrs;
	struct kvm_fpu fpu;            /* the legacy view               */
	struct kvm_xsave xsave;        /* standard format; bv 0: absent */
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
	u64 msr[X86_MSR_COUNT];        /* 0 where the provider has none */
	u32 pkru_at;                   /* its bytes in xsave; 0: no PKRU */
};

/* XSAVE's component for protection keys. */
enum { XSAVE_PKRU = 9 };
/* 0 where there is none. */
u32  x86_regs_pkru(const struct x86_regs *r);

/* 0 or -errno.  [vcpu] */
int  x86_regs_get(struct vcpu *v, struct x86_regs *r);
struct paging x86_regs_paging(const struct x86_regs *r);

/* Power-on state (SDM 9.1); `signature` is CPUID.1:EAX, for EDX. */
void x86_regs_reset(struct x86_regs *r, bool bsp, u32 signature);
/* Load all of it: APIC base first, mp_state last.  [vcpu] */
int  x86_regs_put(struct vcpu *v, const struct x86_regs *r, struct err *e);

/* Load what differs from now of the registers a debugger may write: general,
 * segment, control, FPU, KERNEL_GS_BASE.  -errno; [vcpu] */
int  x86_regs_set(struct vcpu *v, const struct x86_regs *r);

u64 x86_regs_xcr0(const struct x86_regs *r);
u32 x86_regs_mxcsr(const struct x86_regs *r);

extern const struct arch_reg x86_arch_regs[];          /* reg_names.c */
/* PVM tells CR4.FSGSBASE of guests whose CPUID does not offer it; another
 * provider would not take that. */
struct cpuid_list;
void x86_sregs_offered(struct kvm_sregs *s, struct cpuid_list *guest);

extern const struct arch_debug x86_arch_debug;         /* debug.c */
extern const struct arch_helper x86_arch_helper;       /* helper.c */
extern const struct arch_move x86_arch_move;           /* move.c */

#endif
