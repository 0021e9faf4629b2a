/* SPDX-License-Identifier: MIT */
/*
 * The guest's floating-point and vector state: what sse*.c, mmx.c, x87.c and
 * xsave.c share, and what the provider needs for KVM_GET/SET_FPU and _XSAVE.
 *
 * Invariants:
 *  1. Every component of c->fpu is valid at all times; xstate_bv is not kept
 *     up to date but computed when an XSAVE image is written.
 *  2. st[k] is ST(k): a change of TOP other than by host x87 code rotates it.
 *  3. mxcsr never has a bit outside fpu_mxcsr_mask().
 *  4. fip, fdp and fop follow every x87 instruction that is not control.
 */
#ifndef TCG_X86_FPU_H
#define TCG_X86_FPU_H

#include "tcg-plugin/x86/cpu.h"

enum {                                 /* x87 status and control word     */
	FSW_IE = BIT(0), FSW_DE = BIT(1), FSW_ZE = BIT(2), FSW_OE = BIT(3),
	FSW_UE = BIT(4), FSW_PE = BIT(5), FSW_SF = BIT(6), FSW_ES = BIT(7),
	FSW_C0 = BIT(8), FSW_C1 = BIT(9), FSW_C2 = BIT(10), FSW_C3 = BIT(14),
	FSW_B = BIT(15), FSW_EXC = 0x3f, FSW_TOP = 7 << 11,
	FCW_INIT = 0x37f,
};
enum { MXCSR_IE = BIT(0), MXCSR_DE = BIT(1), MXCSR_ZE = BIT(2),
       MXCSR_OE = BIT(3), MXCSR_UE = BIT(4), MXCSR_PE = BIT(5),
       MXCSR_DAZ = BIT(6), MXCSR_UM = BIT(11), MXCSR_FZ = BIT(15),
       MXCSR_MM = BIT(17), MXCSR_EXC = 0x3f, MXCSR_MASKS = 0x3f << 7,
       MXCSR_INIT = 0x1f80 };

static inline unsigned fpu_top(const struct x86_fpu *f)
{
	return f->fsw >> 11 & 7;
}

/* Power-on: x87, SSE, AVX and PKRU. */
void fpu_reset(struct x86_cpu *c);
/* XRSTOR's initial x87 state; FNINIT's, which keeps the registers' bits. */
void fpu_init(struct x86_fpu *f);
void fpu_init_keep(struct x86_fpu *f);
/* Bits 6 and up as the hardware reads them back. */
void fpu_set_fcw(struct x86_fpu *f, u16 v);
/* Keep physical registers in place when TOP changes from `from` to `to`. */
void fpu_rotate(struct x86_fpu *f, unsigned from, unsigned to);

/* XINUSE: components that differ from their initial state (XGETBV 1). */
u64  fpu_in_use(const struct x86_cpu *c);

/* Bits this CPU lets the guest set in MXCSR. */
u32  fpu_mxcsr_mask(const struct x86_cpu *c);

/* The 16-bit tag word of FNSTENV from the abridged one and the registers. */
u16  fpu_full_tag(const struct x86_fpu *f);
u8   fpu_abridge(u16 full);
/* Recompute ES and B after FCW or the flags were loaded. */
void fpu_update_es(struct x86_fpu *f);
/* Raise #MF when an unmasked x87 exception is pending (waiting instructions
 * and MMX). */
void fpu_wait(struct x86_cpu *c);

/* MMX: register n of the physical file; fpu_mmx_enter sets TOP = 0 and all
 * tags valid, after which register n is st[n]. */
u64  fpu_mmx_get(const struct x86_fpu *f, unsigned n);
void fpu_mmx_enter(struct x86_fpu *f);
void fpu_mmx_top(struct x86_fpu *f);   /* TOP = 0 only */
void fpu_mmx_set(struct x86_fpu *f, unsigned n, u64 v);

/*
 * Account the flags a SIMD operation raised (`mxcsr` as the host left it).
 * Returns when the result may be written; raises #XM or #UD otherwise.
 */
void fpu_simd_flags(struct x86_cpu *c, u32 mxcsr);

/*
 * Doors of the provider.  KVM_SET_FPU drops reserved MXCSR bits; an XSAVE
 * image with such bits, unknown components or a compacted header is -EINVAL.
 * `len` is that of the buffer; components past it are left out.
 */
void fpu_get_kvm_fpu(struct x86_cpu *c, struct kvm_fpu *out);
void fpu_set_kvm_fpu(struct x86_cpu *c, const struct kvm_fpu *in);
void fpu_get_xsave(struct x86_cpu *c, void *buf, size_t len);
int  fpu_set_xsave(struct x86_cpu *c, const void *buf, size_t len);

#endif
