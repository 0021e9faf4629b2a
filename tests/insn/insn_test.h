/* SPDX-License-Identifier: MIT */
/*
 * Instruction tests: one case, run by the host CPU and by our engines.
 *
 * gen.c makes cases from the decode tables, native.c asks the host in a
 * sandboxed child, engine_*.c run the same bytes, compare.c says what differs.
 */
#ifndef TESTS_INSN_INSN_TEST_H
#define TESTS_INSN_INSN_TEST_H

#include "tcg-plugin/x86/insn.h"

enum {
	CODE_PAGE = 0x20000000,        /* r-x                             */
	CODE_AT   = CODE_PAGE + 0x800, /* where the case's bytes are      */
	DATA_AT   = 0x30000000,        /* rw-, nothing around it          */
	DATA_LEN  = 0x2000,
	GS_BASE   = DATA_AT + 0x800,   /* 64-bit mode's GS                */
	MAX_BYTES = 80, MAX_INSNS = 5,
	BATCH     = 64,
	NO_VEC    = 0xff,
};

/* The FXSAVE image without its reserved tail. */
struct fx_state {
	u16 fcw, fsw;
	u8  ftw, rsvd;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	struct { u8 b[16]; } st[8], xmm[16];
};

struct insn_state {
	u64 r[16], rip, rflags, cr2;
	u32 vec, err;                  /* exception, NO_VEC: ran to the end */
	struct fx_state fx;
	struct { u8 b[16]; } ymmh[16]; /* upper halves; 0 without AVX     */
	u8  mem[DATA_LEN];
};

struct insn_case {
	u64 seed;
	u32 bits;                      /* 32 or 64                        */
	u32 len, ninsn;
	u32 row[MAX_INSNS];
	u32 undef;                     /* flags not to compare            */
	u32 loose_fault;               /* POPA, gathers: may fault half-way */
	u32 rep_compare;               /* CMPS, SCAS with REP             */
	u32 skips;                     /* ranges of mem not to compare    */
	struct { u32 at, len; } skip[8];
	u32 skip_cr2;                  /* big operand: any of its pages   */
	u8  code[MAX_BYTES];
	struct insn_state in, out;     /* out: the host's                 */
	u32 done;                      /* 0: the child died in it         */
};

struct case_opts {
	const char *name;              /* only rows of this mnemonic      */
	bool strict;                   /* undefined flags count           */
	bool single;                   /* one instruction per case        */
};

/* Does the host switch AVX state? Without it no case has VEX vectors. */
bool host_has_avx(void);
/* gen.c: choose the rows to draw from; returns how many there are. */
unsigned gen_rows(const struct case_opts *o);
/* Case number `seed`; false: nothing to test in that mode. */
bool gen_case(struct insn_case *k, u64 seed, unsigned bits,
	      const struct case_opts *o);

/* native.c */
int  native_start(void);
void native_stop(void);
/* Fills out and done; -EIO when the child cannot be started. */
int  native_run(struct insn_case *k, unsigned n);

struct engine {
	const char *name;
	int  (*start)(void);           /* 0, or -1: not available         */
	void (*run)(const struct insn_case *k, struct insn_state *out);
	bool asked;                    /* only when named with -e         */
};
extern const struct engine engine_interp, engine_jit, engine_tcg, engine_kvm;

/* engine_interp.c: the host's CPUID leaves that matter; returns the count. */
unsigned host_cpuid(struct kvm_cpuid_entry2 *e, unsigned max);
/* One CPU on a flat address space, without an MMU. */
struct x86_cpu *flat_cpu(void);
int  flat_start(void);
void flat_load(struct x86_cpu *c, const struct insn_case *k);
u8  *flat_code(u64 rip);               /* NULL: not code */
void flat_result(struct x86_cpu *c, struct insn_state *out);

/* compare.c: true when equal; else prints why when `verbose`. */
bool compare_case(const struct insn_case *k, const struct insn_state *out,
		  const struct case_opts *o, bool verbose);
void print_case(const struct insn_case *k, const struct insn_state *out,
		const char *engine);

#endif
