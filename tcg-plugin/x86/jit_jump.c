/* SPDX-License-Identifier: MIT */
/*
 * The jump cache: guest address -> host code, for the present address space.
 *
 * Room:     filling it, and forgetting what a flush of translations takes away.
 * Invariant: an entry's page has the translation it had when it was filled, and
 *           j->env is what its block was made for.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include <string.h>

/* rip's page was last filled as a global one. */
bool jit_page_global(const struct x86_cpu *c, u64 rip)
{
	const struct tlb_list *l = c->tlb.list[c->tlb_mode][TLB_EXEC];
	unsigned s = tlb_slot(rip);

	return (l[1].in[s / 64] >> s % 64 & 1) &&
	       !(l[0].in[s / 64] >> s % 64 & 1);
}

static void jump_put(struct x86_cpu *c, unsigned mode, u64 rip, u64 code,
		     struct x86_jump_list *l)
{
	unsigned s = tlb_slot(rip);
	u16 k = (u16)rip;

	c->jr.jump_pages[mode][s / 64] |= 1ull << s % 64;
	c->jump[mode].neg[k] = -rip;
	c->jump[mode].code[k] = code;
	if (l->n < ARRAY_LEN(l->slot))
		l->slot[l->n] = (u32)mode << 16 | k;
	if (l->n <= ARRAY_LEN(l->slot))
		l->n++;
}

void jit_jump_fill(struct x86_cpu *c, u64 rip, u64 code)
{
	code += (u64)(uintptr_t)c->jit->buf.rx;
	if (jit_jump_get(c, rip) == (void *)(uintptr_t)code)
		return;                /* entered from C, but known       */
	c->jit->st.jump_misses++;
	jump_put(c, c->tlb_mode, rip, code,
		 &c->jr.jumps[jit_page_global(c, rip)]);
}

static void jump_clear(struct x86_cpu *c, unsigned mode, u16 k)
{
	c->jump[mode].neg[k] = k ? 0 : 1;
	c->jump[mode].code[k] = 0;
}

static void jump_clear_all(struct x86_cpu *c)
{
	memset(c->jump, 0, sizeof(c->jump));
	for (unsigned m = 0; m < TLB_MODES; m++)
		c->jump[m].neg[0] = 1;
	c->jr.jumps[0].n = c->jr.jumps[1].n = 0;
	c->jr.jumps[0].old = 0;
	memset(c->jr.jump_pages, 0, sizeof(c->jr.jump_pages));
}

static void jump_flush_list(struct x86_cpu *c, struct x86_jump_list *l)
{
	if (l->n > ARRAY_LEN(l->slot)) {
		jump_clear_all(c);
		return;
	}
	for (u32 n = 0; n < l->n; n++)
		jump_clear(c, l->slot[n] >> 16, (u16)l->slot[n]);
	l->n = l->old = 0;
}

void jit_jump_flush(struct x86_cpu *c)
{
	if (!c->jit)
		return;
	jit_cut_all(c->jit);
	jit_space_new(c);
	jump_flush_list(c, &c->jr.jumps[0]);
	jump_flush_list(c, &c->jr.jumps[1]);
}

void jit_jump_flush_local(struct x86_cpu *c)
{
	if (!c->jit)
		return;
	jit_space_new(c);
	jump_flush_list(c, &c->jr.jumps[0]);
}

/* --- address spaces ------------------------------------------------------- */

/* rip's page is in the TLB, as one of the present address space only. */
static bool page_local(struct x86_cpu *c, unsigned mode, u64 rip)
{
	const u64 *global = c->tlb.list[mode][TLB_EXEC][1].in;
	unsigned s = tlb_slot(rip);

	return tlb_lookup(&c->tlb, mode, TLB_EXEC, rip, 1) &&
	       !(global[s / 64] >> s % 64 & 1);
}

static void keep_old(const struct x86_cpu *c, struct jit_aside *a)
{
	u32 n = a->n;

	a->n = 0;
	for (u32 i = 0; i < n; i++) {
		struct jit_kept e = a->e[i];
		const struct x86_jump *t = &c->jump[e.mode];

		if (++e.moves < TLB_MOVES && t->neg[(u16)e.rip] == -e.rip &&
		    t->code[(u16)e.rip] == e.code)
			a->e[a->n++] = e;
	}
}

static void keep_new(struct x86_cpu *c, struct jit_aside *a)
{
	const struct x86_jump_list *l = &c->jr.jumps[0];
	u32 n = MIN(l->n, (u32)ARRAY_LEN(l->slot));

	while (n-- > l->old && a->n < JIT_ASIDE_MAX) {
		unsigned mode = l->slot[n] >> 16;
		u16 k = (u16)l->slot[n];
		u64 code = c->jump[mode].code[k], rip = -c->jump[mode].neg[k];

		if (code && page_local(c, mode, rip))
			a->e[a->n++] = (struct jit_kept){
				.rip = rip, .code = code, .mode = (u8)mode,
				.moves = k * 5 % (TLB_MOVES / 2),
			};
	}
}

void jit_jump_aside(struct x86_cpu *c, unsigned set, u64 serial)
{
	struct jit *j = c->jit;
	struct jit_aside *a;

	if (!j)
		return;
	a = &j->aside[set];
	if (j->live == a)
		keep_old(c, a);
	else
		a->n = 0;
	j->live = NULL;
	a->serial = serial;
	a->space = c->jr.space;
	a->killed = j->st.killed;
	a->flushes = j->st.flushes;
	memcpy(a->env, j->env, sizeof(a->env));
	keep_new(c, a);
}

void jit_jump_back(struct x86_cpu *c, unsigned set, u64 serial)
{
	struct jit *j = c->jit;
	struct jit_aside *a;

	if (!j)
		return;
	a = &j->aside[set];
	if (a->serial != serial || a->flushes != j->st.flushes ||
	    memcmp(a->env, j->env, sizeof(a->env)))
		return;
	if (a->space && !c->tlb.aside[set].edited)
		c->jr.space = a->space;
	a->space = 0;                  /* it is not aside any more */
	if (a->killed != j->st.killed)
		return;
	j->live = a;
	for (u32 n = 0; n < a->n; n++)
		if (page_local(c, a->e[n].mode, a->e[n].rip))
			jump_put(c, a->e[n].mode, a->e[n].rip, a->e[n].code,
				 &c->jr.jumps[0]);
	c->jr.jumps[0].old = c->jr.jumps[0].n;
}

/* A page's jumps have one upper nibble of slot in common, as have those of all
 * pages of its TLB slot; so the scan knows what is left of them. */
static void flush_page(struct x86_cpu *c, unsigned mode, u64 page)
{
	const struct x86_jump *t = &c->jump[mode];
	const unsigned first = (u16)page, s = tlb_slot(page);
	bool left = false;

	for (unsigned k = first; k < first + PAGE_SIZE; k++) {
		const u64 at = -t->neg[k] & ~(u64)(PAGE_SIZE - 1);

		if (!t->code[k])
			continue;
		if (at == page)
			jump_clear(c, mode, (u16)k);
		else if (tlb_slot(at) == s)
			left = true;
	}
	if (!left)
		c->jr.jump_pages[mode][s / 64] &= ~(1ull << s % 64);
}

void jit_jump_flush_page(struct x86_cpu *c, u64 la)
{
	const unsigned s = tlb_slot(la);

	if (!c->jit)
		return;
	jit_cut_page(c->jit, la);
	jit_space_page(c, la);
	for (unsigned m = 0; m < TLB_MODES; m++)
		if (c->jr.jump_pages[m][s / 64] >> s % 64 & 1)
			flush_page(c, m, la & ~(u64)(PAGE_SIZE - 1));
}

const void *jit_jump_get(const struct x86_cpu *c, u64 rip)
{
	const struct x86_jump *t = &c->jump[c->tlb_mode];
	u16 k = (u16)rip;

	return t->neg[k] == -rip ? (void *)(uintptr_t)t->code[k] : NULL;
}

void jit_jump_forget(struct x86_cpu *c, const struct jit_block *b)
{
	u64 code = (u64)(uintptr_t)c->jit->buf.rx + b->code;

	for (unsigned m = 0; m < TLB_MODES; m++)
		if (c->jump[m].code[(u16)b->rip] == code)
			jump_clear(c, m, (u16)b->rip);
}
