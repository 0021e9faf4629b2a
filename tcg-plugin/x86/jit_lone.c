/* SPDX-License-Identifier: MIT */
/*
 * Translated code: instructions that lie in two pages.
 *
 * No block holds them, so nothing tells when their bytes change, and their two
 * pages may be mapped apart from each other.  Each gets a piece of its own, known
 * by its address, that looks first: both pages are in the TLB for execution, and
 * the bytes there are those it was made from.  Whatever else is C's, one
 * instruction at a time (tcg_run_lone).
 *
 * Room:     deciding that one is worth a piece, and the look.
 * Invariant: a piece belongs to no page, so none of its links stays in one.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/provider_priv.h"

enum { WORD = 8, LONGEST = 15 };

/* Misses before a piece is made anew: its bytes have changed, or two address
 * spaces have different ones there. */
enum { PATIENCE = 64 };

/* Two words of each page, at their border. */
static bool read_border(struct x86_cpu *c, struct jit_lone *l)
{
	const u8 *p = mem_fetch(c, c->rip, NULL);

	if (!p)
		return false;
	p -= (uintptr_t)p % PAGE_SIZE;
	memcpy(l->bytes, p + PAGE_SIZE - 2 * WORD, 2 * WORD);
	p = mem_fetch(c, (c->rip | (PAGE_SIZE - 1)) + 1, NULL);
	if (!p)
		return false;
	memcpy(l->bytes + 2 * WORD, p, 2 * WORD);
	return true;
}

void jit_lone_read(struct x86_cpu *c)
{
	struct jit_lone *l = &c->jit->lone_now;
	const unsigned n = PAGE_SIZE - c->rip % PAGE_SIZE;

	l->insn.len = 0;
	if (c->mode != MODE_LONG || c->counted || n >= LONGEST ||
	    !read_border(c, l))
		return;
	if (!insn_decode(&l->insn, l->bytes + 2 * WORD - n, LONGEST, 64) ||
	    l->insn.len <= n)
		l->insn.len = 0;
}

void jit_lone_missed(struct x86_cpu *c, struct jit_block *b)
{
	if (c->counted || ++b->missed < PATIENCE)
		return;
	jit_jump_forget(c, b);
	jit_block_kill(c->jit, b);
}

/* --- the look ------------------------------------------------------------- */

static void unless_rcx0(struct tr *t, u32 site)
{
	u8 *ok = emit_jrcxz_fwd(&t->e);

	tr_cold(t, emit_jmp_fwd(&t->e), NULL, site, JIT_NONE, t->j->lone);
	emit_here8(&t->e, ok);
}

/* `page` is in the TLB; host - guest -> r15. */
static void look_page(struct tr *t, u64 page, u32 site)
{
	const unsigned s = tlb_slot(page);

	emit_load(&t->e, H_CX, GS(tlb.neg[t->mode][TLB_EXEC][s]));
	emit_mov_imm(&t->e, H_14, page);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_14, 0, 0));
	unless_rcx0(t, site);
	emit_load(&t->e, H_15, GS(tlb.delta[t->mode][TLB_EXEC][s]));
	emit_lea(&t->e, H_15, rm_mem(H_15, H_14, 0, 0));
}

/* The word at r15 + off is as it was. */
static void look_word(struct tr *t, s32 off, const u8 *was, u32 site)
{
	u64 v;

	memcpy(&v, was, WORD);
	emit_load(&t->e, H_CX, rm_mem(H_15, H_NONE, 0, off));
	emit_mov_imm(&t->e, H_14, -v);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_14, 0, 0));
	unless_rcx0(t, site);
}

static void look(struct tr *t, const struct jit_lone *l, u32 site)
{
	const u64 page = t->rip & ~(u64)(PAGE_SIZE - 1);
	const unsigned first = PAGE_SIZE - t->rip % PAGE_SIZE;

	look_page(t, page, site);
	look_word(t, PAGE_SIZE - WORD, l->bytes + WORD, site);
	if (first > WORD)
		look_word(t, PAGE_SIZE - 2 * WORD, l->bytes, site);
	look_page(t, page + PAGE_SIZE, site);
	look_word(t, 0, l->bytes + 2 * WORD, site);
	if (l->insn.len - first > WORD)
		look_word(t, WORD, l->bytes + 3 * WORD, site);
}

const struct insn *tr_lone(struct tr *t)
{
	struct jit *j = t->j;
	u32 site = tr_site(t);
	struct insn *i;

	tr_lookup_done(t, site);
	if (!j->lone_now.insn.len) {
		tr_cold(t, emit_jmp_fwd(&t->e), NULL, site, JIT_NONE, j->lone);
		t->ended = true;
		return NULL;
	}
	if (j->nlone == JIT_MAX_LONE) {
		t->failed = true;
		return NULL;
	}
	i = &j->lone_insn[j->nlone++];
	*i = j->lone_now.insn;
	look(t, &j->lone_now, site);
	t->page = ~0ull;
	return i;
}
