/* SPDX-License-Identifier: MIT */
/*
 * Disassembly of guest memory.
 */
#ifndef MOTE_MONITOR_DISAS_H
#define MOTE_MONITOR_DISAS_H

#include "monitor/mon.h"

/* At least one instruction, as `x/i` prints them. */
void mon_disassemble(struct mon *m, u64 at, const struct mon_fmt *f, bool phys);

/*
 * One instruction of `n` bytes at p, placed at address `at`, in `bits` (16, 32
 * or 64) mode: its line (two when long) without the VM.  Returns its length.
 */
unsigned disas_one(struct strbuf *out, const u8 *p, size_t n, u64 at,
		   unsigned bits);

#endif
