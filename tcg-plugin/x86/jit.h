/* SPDX-License-Identifier: MIT */
/*
 * The same-ISA translator: what the rest of the plugin sees of it.
 *
 * One struct jit per vCPU, used by its thread only.  Translates blocks the
 * block cache decoded; what it cannot translate runs in the interpreter, one
 * instruction at a time, and is counted by reason.
 */
#ifndef TCG_X86_JIT_H
#define TCG_X86_JIT_H

#include "vmm/base/log.h"
#include "vmm/base/types.h"

struct x86_cpu;
struct block;
struct jit;

struct jit_stats {
	u64 blocks, bytes_in, bytes_out, bytes_cold, flushes, killed;
	u64 enters, links, inlined, jump_misses, slow_hits, slow_interp, lone, faults;
};

/* The host has what the emitted code needs (BMI2 with a fast PEXT). */
bool jit_supported(void);
/* 0, or -errno and then c->jit is NULL: the interpreter does all. */
int  jit_create(struct x86_cpu *c);
void jit_destroy(struct x86_cpu *c);

/* May c's present mode be translated? */
bool jit_usable(const struct x86_cpu *c);
/*
 * Run from block `b`, which starts at c->rip, through every block it can reach,
 * until c->request is set or something needs C.  State is back in *c.
 * Faults leave by c->unwind as the interpreter's do.
 */
void jit_run(struct x86_cpu *c, struct block *b);

struct strbuf;
/* One vCPU's part of `info jit`. [any] */
void jit_report(const struct x86_cpu *c, struct strbuf *sb);
/* Guest FP state: from the host's registers to c->fpu, if it is there. */
void jit_fpu_save(struct x86_cpu *c);
/* A line for the log, whose C uses vector registers.  From files that do not. */
#define x86_log(c, item, ...)                                             \
	((void)(log_on(item) &&                                           \
		(jit_fpu_save(c), log_write(__VA_ARGS__), 0)))
/* Address translation changed: forget virtual jump targets; all, those that are
 * not in global pages, those in la's page. */
void jit_jump_flush(struct x86_cpu *c);
void jit_jump_flush_local(struct x86_cpu *c);
void jit_jump_flush_page(struct x86_cpu *c, u64 la);
/*
 * Another address space takes over, and the TLB put this one aside in its set
 * number `set`: copy the jumps into its pages, which are still in the TLB.  It
 * comes back, and its pages are in the TLB again: so are its jumps.
 */
void jit_jump_aside(struct x86_cpu *c, unsigned set, u64 serial);
void jit_jump_back(struct x86_cpu *c, unsigned set, u64 serial);
/*
 * A synchronous signal at host address `pc` on the vCPU's thread.  True: go on
 * at *new_pc with r15 as given, all else as it was. [signal handler]
 */
bool jit_host_fault(struct x86_cpu *c, u64 pc, u64 *new_pc, u64 *r15);

#endif
