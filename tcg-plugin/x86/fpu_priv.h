/* SPDX-License-Identifier: MIT */
/*
 * Shared by the MMX, SSE and x87 handlers only: operand fetch, register
 * access, and running a host stub under the guest's MXCSR.
 */
#ifndef TCG_X86_FPU_PRIV_H
#define TCG_X86_FPU_PRIV_H

#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/fpu_host.h"
#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/insn.h"

/* Every handler of the two tables. */
#define ROW(map, pfx, byte, ext, name, form, size, attr, feat, fn) insn_fn fn;
#include "tcg-plugin/x86/insns_sse.def"
#include "tcg-plugin/x86/insns_x87.def"
#undef ROW

static inline v128 xmm_get(const struct x86_cpu *c, unsigned n)
{
	v128 v;

	memcpy(&v, c->fpu.xmm[n].b, 16);
	return v;
}

static inline void xmm_set(struct x86_cpu *c, unsigned n, v128 v)
{
	memcpy(c->fpu.xmm[n].b, &v, 16);
}

static inline void gpr_set(struct x86_cpu *c, unsigned n, u64 v, unsigned size)
{
	c->r[n] = size == 8 ? v : (u32)v;
}

/* The r/m operand: opsize bytes of memory (zero-extended) or register rm. */
v128 sse_src(struct x86_cpu *c, const struct insn *i);
u64  mmx_src(struct x86_cpu *c, const struct insn *i);
u64  gpr_src(struct x86_cpu *c, const struct insn *i);
/* Linear address of the memory operand; #GP when A_ALIGN and it is not. */
gva_t sse_ea(struct x86_cpu *c, const struct insn *i, bool write);

/* MASKMOVQ, MASKMOVDQU: byte k of `data` to DS:rDI + k where bit 7 of mask[k] is
 * set; all `n` are probed for writing first. */
void fpu_mask_store(struct x86_cpu *c, const struct insn *i, const u8 *data,
		    const u8 *mask, unsigned n);

/* After an instruction with an MMX destination got all its operands. */
static inline void mmx_result(struct x86_cpu *c, unsigned n, u64 v)
{
	fpu_mmx_enter(&c->fpu);
	fpu_mmx_set(&c->fpu, n, v);
}

/* Bracket host arithmetic: guest rounding, DAZ and FZ; all masked, no flags.
 * fp_end returns the flags for fpu_simd_flags. */
static inline void fp_begin(const struct x86_cpu *c)
{
	host_mxcsr_load((c->fpu.mxcsr & ~MXCSR_EXC) | MXCSR_MASKS);
}

static inline u32 fp_end(void)
{
	u32 v = host_mxcsr_store();

	host_mxcsr_load(MXCSR_INIT);
	return v;
}

#endif
