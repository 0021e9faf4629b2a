/* SPDX-License-Identifier: MIT */
/*
 * Shared by the VEX handlers only: YMM registers as 32 bytes.
 */
#ifndef TCG_X86_VEX_H
#define TCG_X86_VEX_H

#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/interp.h"

static inline void ymm_get(const struct x86_cpu *c, unsigned n, void *out)
{
	memcpy(out, c->fpu.xmm[n].b, 16);
	memcpy((u8 *)out + 16, c->fpu.ymmh[n].b, 16);
}

static inline void ymm_set(struct x86_cpu *c, unsigned n, const void *v)
{
	memcpy(c->fpu.xmm[n].b, v, 16);
	memcpy(c->fpu.ymmh[n].b, (const u8 *)v + 16, 16);
}

/* Byte `at` of register n, for elements. */
static inline u8 *ymm_at(struct x86_cpu *c, unsigned n, unsigned at)
{
	return at < 16 ? &c->fpu.xmm[n].b[at] : &c->fpu.ymmh[n].b[at - 16];
}

/* Bytes of the vectors the instruction works on. */
static inline unsigned vex_len(const struct insn *i)
{
	return i->flags & I_VEXL ? 32 : 16;
}

#endif
