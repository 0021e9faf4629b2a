/* SPDX-License-Identifier: MIT */
/*
 * The log's view of blocks: -d in_asm, op, out_asm, exec, cpu, fpu.  Thread: the
 * vCPU's.
 */
#ifndef TCG_BLOCKLOG_H
#define TCG_BLOCKLOG_H

#include "tcg-plugin/provider_priv.h"
#include "vmm/base/log.h"

enum { LOG_MADE = LOG_IN_ASM | LOG_OP };

/* LOG_MADE: a block at linear address `la` was decoded. */
void tcg_log_made(struct tcg_vcpu *v, const struct block *b, gva_t la);
/* LOG_OUT_ASM: the block at `rip` became n bytes at rx, readable at rw. */
void tcg_log_out(struct x86_cpu *c, u64 rip, const u8 *rx, const u8 *rw, u32 n);
/* LOG_EXEC, LOG_CPU: it is about to run. */
void tcg_log_run(struct tcg_vcpu *v, const struct block *b, gva_t la);

#endif
