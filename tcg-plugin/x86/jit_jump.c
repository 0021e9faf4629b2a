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

void jit_jump_fill(struct x86_cpu *c, u64 rip, u64 code)
{
	struct x86_jump *t = &c->jump[c->tlb_mode];
	struct x86_jump_list *l = &c->jr.jumps[jit_page_global(c, rip)];
	unsigned s = tlb_slot(rip);
	u16 k = (u16)rip;

	code += (u64)(uintptr_t)c->jit->buf.rx;
	if (t->neg[k] == -rip && t->code[k] == code)
		return;                /* entered from C, but known       */
	c->jit->st.jump_misses++;
	c->jr.jump_pages[s / 64] |= 1ull << s % 64;
	t->neg[k] = -rip;
	t->code[k] = code;
	if (l->n < ARRAY_LEN(l->slot))
		l->slot[l->n] = (u32)c->tlb_mode << 16 | k;
	if (l->n <= ARRAY_LEN(l->slot))
		l->n++;
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
	l->n = 0;
}

void jit_jump_flush(struct x86_cpu *c)
{
	if (!c->jit)
		return;
	jit_cut_all(c->jit);
	jump_flush_list(c, &c->jr.jumps[0]);
	jump_flush_list(c, &c->jr.jumps[1]);
}

void jit_jump_flush_local(struct x86_cpu *c)
{
	if (c->jit)
		jump_flush_list(c, &c->jr.jumps[0]);
}

/* A page's jumps have one upper nibble of slot in common. */
void jit_jump_flush_page(struct x86_cpu *c, u64 la)
{
	u64 page = la & ~(u64)(PAGE_SIZE - 1);
	unsigned first = (u16)page, s = tlb_slot(la);

	if (c->jit)
		jit_cut_page(c->jit, la);
	if (!c->jit || !(c->jr.jump_pages[s / 64] >> s % 64 & 1))
		return;
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = first; k < first + PAGE_SIZE; k++)
			if (c->jump[m].code[k] &&
			    (-c->jump[m].neg[k] & ~(u64)(PAGE_SIZE - 1)) == page)
				jump_clear(c, m, (u16)k);
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
