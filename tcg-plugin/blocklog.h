/* SPDX-License-Identifier: MIT */
/*
 * The log's view of blocks: -d in_asm, op, exec, cpu, fpu.  Thread: the vCPU's.
 */
#ifndef TCG_BLOCKLOG_H
#define TCG_BLOCKLOG_H

#include "tcg-plugin/provider_priv.h"
#include "vmm/base/log.h"

enum { LOG_MADE = LOG_IN_ASM | LOG_OP };

/* LOG_MADE: a block at linear address `la` was decoded. */
void tcg_log_made(struct tcg_vcpu *v, const struct block *b, gva_t la);
/* LOG_EXEC, LOG_CPU: it is about to run. */
void tcg_log_run(struct tcg_vcpu *v, const struct block *b, gva_t la);

#endif
