/* SPDX-License-Identifier: MIT */
/*
 * The host's CPU where the makers' differ: Intel's and AMD's manuals disagree,
 * or leave it open, and both kinds run guests that never notice.
 *
 * Translated code is the host's own, so the interpreter follows the host too,
 * whatever name the guest's CPUID gives.  tests/insn compares on either kind.
 * What differs, and where it is:
 *
 *   SHA with a misaligned operand     AMD: takes it; Intel: #GP     sse.c
 *   F3 90 with REX.B                  AMD: XCHG; Intel: PAUSE  interp_mov.c
 *   FST and its kin into a page that is not there, with an unmasked error
 *                                     AMD: #PF; Intel: the error    x87.c
 *   VCVTPS2PH likewise                                              vex.c
 *   An MMX store into such a page     Intel: TOP is 0 already       mmx.c
 *   VPEXTRQ, VPINSRQ in 32-bit code   AMD: #UD; Intel: W ignored decode.c
 *   MXCSR.MM                          AMD's only                    fpu.c
 *
 * Not followed (SDM volume 3, 5.3: any execution may do as it likes; and the
 * instruction is run again): on Intel's CPUs an operand across 4 GiB wraps
 * where AMD's raise #GP, and REP CMPS and SCAS that fault restore the flags
 * where AMD's leave the last element's.
 *
 * Thread: any.
 */
#ifndef TCG_X86_HOST_CPU_H
#define TCG_X86_HOST_CPU_H

#include "vmm/base/types.h"

/* Made by AMD, or to AMD's design (Hygon). */
bool host_is_amd(void);
/* MXCSR.MM is there: CPUID 0x80000001 ECX bit 7. */
bool host_has_misaligned_sse(void);

#endif
