/* SPDX-License-Identifier: MIT */
/*
 * The host's AVX unit: one stub per row of insns_vex.def, and what runs it.
 *
 * A stub is the row's own instruction with fixed registers, so the result is
 * exact by construction:
 *
 *   ymm0  ModRM.reg (what it held is an input: FMA), or the result
 *   ymm1  VEX.vvvv
 *   ymm2  ModRM.rm or memory; ModRM.reg of forms that write rm
 *   ymm3  the register named by an immediate
 *   eax   a general register as a result; edx: as a source
 */
#ifndef TCG_X86_HOST_VEX_H
#define TCG_X86_HOST_VEX_H

#include "tcg-plugin/x86/insn.h"

struct host_vex {
	u8  v[4][32];
	u64 rax, rdx, rflags;
	u32 mxcsr;                     /* in: to run under; out: left     */
};

/* The stub for *i, NULL: its form has none. */
const void *host_vex_stub(const struct insn *i);
/* Run it: v[0], rax, rflags and mxcsr are what it left. */
void host_vex_run(struct host_vex *o, const void *stub);

/* v[0] = v[1] * v[2], for VDPPS and VDPPD; by vector length. */
extern const u8 host_vex_mulps[2][8], host_vex_mulpd[2][8];

#endif
