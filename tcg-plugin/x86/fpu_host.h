/* SPDX-License-Identifier: MIT */
/*
 * The host's own FPU and vector unit as plain functions.
 *
 * One stub per instruction, callable from C: a guest operation is the same
 * operation on the host, on values, so its result is exact by construction.
 * Stubs run under the MXCSR and x87 control word the caller loaded; SSE stubs
 * take and return XMM values, MMX stubs u64.
 */
#ifndef TCG_X86_FPU_HOST_H
#define TCG_X86_FPU_HOST_H

#include "vmm/base/types.h"

typedef u64 v128 __attribute__((vector_size(16)));

static inline void host_mxcsr_load(u32 v)
{
	__builtin_ia32_ldmxcsr(v);
}

static inline u32 host_mxcsr_store(void)
{
	return __builtin_ia32_stmxcsr();
}

typedef v128 host_vv_fn(v128 a, v128 b);       /* a op= b                 */
typedef u64  host_mm_fn(u64 a, u64 b);

/* The table's regular rows: host_NAME, host_mmx_NAME.  For those with an
 * immediate the name is the stub for 0; host_imm picks another. */
#define ROW(...)
#define VI(map, pfx, byte, name, size, feat)  host_vv_fn host_##name;
#define VF(map, pfx, byte, name, size, feat)  host_vv_fn host_##name;
#define VI8(map, pfx, byte, name, size, feat) host_vv_fn host_##name;
#define VF8(map, pfx, byte, name, size, feat) host_vv_fn host_##name;
#define PI(map, byte, name, size, feat)       host_mm_fn host_mmx_##name;
#define VN(byte, ext, name)
#define PN(byte, ext, name)
#include "tcg-plugin/x86/insns_sse.def"
#undef ROW

enum { HOST_IMM_STRIDE = 8, HOST_STR_STRIDE = 32 };

static inline host_vv_fn *host_imm(host_vv_fn *zero, u8 imm)
{
	return (host_vv_fn *)((uintptr_t)zero + imm * HOST_IMM_STRIDE);
}

host_vv_fn host_insertps, host_dpps, host_dppd; /* with immediates */

/* Three operands: the third is the implied XMM0. */
v128 host_pblendvb(v128 a, v128 b, v128 mask);
v128 host_blendvps(v128 a, v128 b, v128 mask);
v128 host_blendvpd(v128 a, v128 b, v128 mask);
v128 host_sha256rnds2(v128 a, v128 b, v128 k);

/* Compare into EFLAGS; returns RFLAGS. */
u64 host_comiss(v128 a, v128 b);
u64 host_ucomiss(v128 a, v128 b);
u64 host_comisd(v128 a, v128 b);
u64 host_ucomisd(v128 a, v128 b);
u64 host_ptest(v128 a, v128 b);

/* To and from general registers; the suffix is the operand size. */
u64  host_cvtss2si4(v128 a);
u64  host_cvtss2si8(v128 a);
u64  host_cvttss2si4(v128 a);
u64  host_cvttss2si8(v128 a);
u64  host_cvtsd2si4(v128 a);
u64  host_cvtsd2si8(v128 a);
u64  host_cvttsd2si4(v128 a);
u64  host_cvttsd2si8(v128 a);
v128 host_cvtsi2ss4(v128 a, u64 v);
v128 host_cvtsi2ss8(v128 a, u64 v);
v128 host_cvtsi2sd4(v128 a, u64 v);
v128 host_cvtsi2sd8(v128 a, u64 v);
u64  host_movmskps(v128 a);
u64  host_movmskpd(v128 a);
u64  host_pmovmskb(v128 a);
u64  host_mmx_pmovmskb(u64 a);

/* To and from MMX registers. */
u64  host_cvtps2pi(v128 a);
u64  host_cvttps2pi(v128 a);
u64  host_cvtpd2pi(v128 a);
u64  host_cvttpd2pi(v128 a);
v128 host_cvtpi2ps(v128 a, u64 v);
v128 host_cvtpi2pd(v128 a, u64 v);

/* MMX with an immediate: stub for 0, stride 32. */
u64 host_mmx_pshufw(u64 a, u64 b);
u64 host_mmx_palignr(u64 a, u64 b);

static inline host_mm_fn *host_mmx_imm(host_mm_fn *zero, u8 imm)
{
	return (host_mm_fn *)((uintptr_t)zero + imm * HOST_STR_STRIDE);
}

/* String compares; lengths for the explicit forms are already cut to int. */
struct host_str { u64 rflags, index; };
typedef struct host_str host_str_fn(v128 a, v128 b, s64 la, s64 lb);
typedef v128 host_strm_fn(v128 a, v128 b, s64 la, s64 lb);
host_str_fn  host_pcmpistri, host_pcmpestri;
host_strm_fn host_pcmpistrm, host_pcmpestrm;

/*
 * x87: `image` is an FXSAVE area (16-byte aligned, MXCSR sane).  Loads it,
 * runs the instruction (`byte` 0xd8-0xdf, `modrm`; memory forms work on
 * `mem`), stores it and leaves the host's unit in its initial state.  No
 * unmasked exception may be pending in `image`.  Flags go in and come out
 * (FCMOVcc, FCOMI).
 */
u64 host_x87(void *image, u8 byte, u8 modrm, void *mem, u64 flags);

#endif
