/* SPDX-License-Identifier: MIT */
/*
 * System state behind instructions: MSRs, CPUID, TSC, TLB, breakpoints.
 *
 * Room:     what RDMSR, WRMSR, CPUID, RDTSC, INVLPG, MOV CR/DR call.
 * Thread:   the vCPU's.
 */
#ifndef TCG_X86_SYS_H
#define TCG_X86_SYS_H

#include "tcg-plugin/x86/cpu.h"

/* --- x86/msr.c: 0, or -1: the caller raises #GP(0) --- */
int  x86_rdmsr(struct x86_cpu *c, u32 msr, u64 *val);
int  x86_wrmsr(struct x86_cpu *c, u32 msr, u64 val);
/* KVM_GET/SET_MSRS: no privilege or CPUID checks beyond what KVM makes. */
int  x86_msr_get(struct x86_cpu *c, u32 msr, u64 *val);
int  x86_msr_set(struct x86_cpu *c, u32 msr, u64 val);
void x86_msr_reset(struct x86_cpu *c);         /* power-on values         */
/* Fill with the indices KVM_GET_MSR_INDEX_LIST reports; returns the count. */
unsigned x86_msr_list(u32 *out, unsigned max);
unsigned x86_msr_feature_list(u32 *out, unsigned max);
int  x86_msr_feature(u32 msr, u64 *val);

/* --- x86/cpuid.c --- */
/* What CPUID returns: eax, ebx, ecx, edx in out[0..3]; never fails. */
void x86_cpuid(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4]);
/* Fill with what this engine supports; -E2BIG when max is too small. */
int  x86_cpuid_supported(struct kvm_cpuid_entry2 *out, unsigned max);
/* Recompute phys_mask, cr4_allowed, efer_allowed, xcr0_allowed from the
 * table in c->cpuid. */
void x86_cpuid_update(struct x86_cpu *c);

/* --- x86/clock.c --- */
u64  x86_tsc(struct x86_cpu *c);       /* what RDTSC reads                */
/* Measured once per process when first asked for, over the time since the
 * first look: soon after that, it waits some milliseconds. */
void x86_tsc_first_look(void);
u32  x86_host_tsc_khz(void);

/* --- sync.c --- */
/* PAUSE: the guest spins.  Now and then the host's other threads, the holder of
 * the lock among them, get their turn. */
void x86_spin(struct x86_cpu *c);

/* --- x86/interp_cr.c --- */
/* PAE paging, if control registers were these: its four top entries are loaded
 * now (SDM vol. 3, 4.4.1), which here means checked, or #GP. */
void x86_load_pdptes(struct x86_cpu *c, u64 cr0, u64 cr3, u64 cr4);

/* --- x86/mmu.c --- */
/* Everything, of every address space: control registers changed. */
void mmu_flush(struct x86_cpu *c);
/* Where guest memory lies, or which of it is code, changed: what the guest's
 * tables say is still true. */
void mmu_flush_host(struct x86_cpu *c);
/* c->cr3 was written; `keep`: with bit 63 set, what is known of it is true. */
void mmu_new_space(struct x86_cpu *c, bool keep);
void mmu_invlpg(struct x86_cpu *c, gva_t la);
/* INVPCID, types 0 to 3. */
void mmu_invpcid(struct x86_cpu *c, unsigned type, u16 pcid, gva_t la);

/* --- x86/pkey.c --- */
void mmu_set_pkru(struct x86_cpu *c, u32 v);
/* A user page with this key is about to be filled in for data. */
void pkeys_note(struct x86_cpu *c, gva_t la, unsigned key);
/* Before the present address space's entries go or are put aside. */
void pkeys_leave(struct x86_cpu *c);

/* --- x86/debug.c --- */
/* After any write to DR0-3, DR7 or KVM_SET_GUEST_DEBUG. */
void x86_debug_update(struct x86_cpu *c);
/* DR access: index 4/5 already turned into 6/7 or #UD, privilege and GD done by
 * the caller (it raises #DB for GD). */
u64  x86_dr_read(struct x86_cpu *c, unsigned n);
void x86_dr_write(struct x86_cpu *c, unsigned n, u64 v);

#endif
