/* SPDX-License-Identifier: MIT */
/*
 * Shared by the generator's files only.
 */
#ifndef TESTS_INSN_GEN_H
#define TESTS_INSN_GEN_H

#include "tests/insn/insn_test.h"

/* An instruction being made. */
struct enc {
	u64 *s;
	struct insn_case *k;
	const struct insn_row *r;
	u8  *p;                        /* first byte of this instruction  */
	unsigned n;                    /* bytes so far                    */
	int disp_at, disp_len;         /* -1: none                        */
};

/* gen_state.c: a stream of numbers from *s, values, a whole CPU state */
u64 rnd(u64 *s);
unsigned below(u64 *s, unsigned n);
bool chance(u64 *s, unsigned percent);
void gen_state(u64 *s, struct insn_case *k);

/* gen_tune.c: point the memory operand somewhere; then what else i needs. */
void gen_aim(struct enc *e, const struct insn *i);
void gen_tune(struct enc *e, const struct insn *i);

static inline bool is(const struct insn_row *r, const char *name)
{
	return !strcmp(r->name, name);
}

#endif
