/* SPDX-License-Identifier: MIT */
/*
 * Translated code: memory operands that cross a page.
 *
 * A load goes through a buffer both parts are copied to: the instruction goes on
 * as if it had found its page there.  A store of a vector register is made by C.
 * Other stores, and what is not RAM, are the interpreter's.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"
#include "tcg-plugin/x86/mem.h"

/* The operand's parts, `first` bytes and the rest. */
struct parts {
	void *at[2];
	unsigned first;
};

/* Host addresses of both; false: one is not RAM.  Faults are raised. */
static bool find(struct x86_cpu *c, const struct jit_site *s, u64 la,
		 struct parts *p)
{
	bool write = s->kind == TLB_WRITE;
	u64 next, n = s->size;

	p->first = PAGE_SIZE - (unsigned)(la % PAGE_SIZE);
	next = la + p->first;
	if (c->code_bits != 64 && next >> 32)
		return false;          /* the segment ends here */
	p->at[0] = write ? mem_rmw_ptr(c, la, p->first)
			 : mem_span(c, la, false, &n);
	if (!p->at[0])
		return false;
	n = s->size - p->first;
	p->at[1] = write ? mem_rmw_ptr(c, next, (unsigned)n)
			 : mem_span(c, next, false, &n);
	return p->at[1];
}

static bool stores_vector(const struct insn *i)
{
	insn_fn *f = i->row->fn;

	return f == vex_store || f == sse_mov_wv || f == sse_movs_wv;
}

/* The guest's register, which is in the host's. */
static void ymm_read(unsigned n, u8 *to)
{
	switch (n) {
#define CASE(k) case k:                                                  \
	asm volatile("vmovdqu %%ymm" #k ", (%0)" : : "r"(to) : "memory"); \
	break;
	CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
	CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14) CASE(15)
#undef CASE
	}
}

enum jit_split jit_split(struct x86_cpu *c, const struct jit_site *s, u64 la)
{
	u8 *buf = c->jr.bounce;
	struct parts p;

	if (s->size > sizeof(c->jr.bounce) ||
	    (s->kind == TLB_WRITE && !stores_vector(s->insn)) ||
	    !find(c, s, la, &p))
		return SPLIT_NOT;
	if (s->kind == TLB_READ) {
		memcpy(buf, p.at[0], p.first);
		memcpy(buf + p.first, p.at[1], s->size - p.first);
		return SPLIT_LOADED;
	}
	ymm_read(s->insn->reg, buf);
	memcpy(p.at[0], buf, p.first);
	memcpy(p.at[1], buf + p.first, s->size - p.first);
	return SPLIT_STORED;
}
