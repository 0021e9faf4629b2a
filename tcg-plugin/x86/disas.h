/* SPDX-License-Identifier: MIT */
/*
 * Code as text, for the log.  Uses vector registers: guest FP state has left them
 * (jit_fpu_save).  Thread: the vCPU's.
 */
#ifndef TCG_X86_DISAS_H
#define TCG_X86_DISAS_H

#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct disas {
	size_t handle;                 /* capstone's                        */
};

/* bits: 16, 32 or 64.  False: no disassembler. */
bool disas_open(struct disas *d, unsigned bits);
/* One instruction of at most n bytes that runs at `at`, with a newline; what
 * cannot be read is `unknown`.  Its length. */
unsigned disas_insn(const struct disas *d, struct strbuf *s, const u8 *p,
		    unsigned n, u64 at, const char *unknown);
void disas_close(struct disas *d);

#endif
