/* SPDX-License-Identifier: MIT */
/*
 * What of arch/x86/helper.c may be asked by itself.
 */
#ifndef MOTE_X86_HELPER_H
#define MOTE_X86_HELPER_H

#include "vmm/base/types.h"

/* May the instruction in these bytes read or change x87, SSE or AVX state? */
bool x86_may_use_fpu(const u8 *op, unsigned n);

#endif
