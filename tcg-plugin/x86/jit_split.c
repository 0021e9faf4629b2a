/* SPDX-License-Identifier: MIT */
/*
 * Translated code: memory operands that cross a page.
 *
 * A load goes through a buffer both parts are copied to: the instruction goes on
 * as if it had found its page there.  A store of a vector register is made by C.
 * Other stores, and what is not RAM, are the interpreter's.
 *
 * Plain moves of whole vectors whose look-up may lose EFLAGS, as in a loop that
 * copies, do the same out of line, in translated code, where both pages have TLB
 * entries.
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

/* --- out of line ----------------------------------------------------------- */

bool tr_splits(const struct insn *i)
{
	const struct insn_row *r = i->row;

	if ((r->map != M0F && r->map != V0F) || !(r->attr & A_SSE) ||
	    (i->opsize != 16 && i->opsize != 32))
		return false;
	if (i->byte == 0x10 || i->byte == 0x11)
		return r->pfx == NP || r->pfx == P66;
	return (i->byte == 0x6f || i->byte == 0x7f) && r->pfx == PF3;
}

/* MOVUPS as the instruction is encoded, which says what becomes of the rest of
 * the register. */
static void move(struct tr *t, const struct insn *i, bool store,
		 struct host_rm m)
{
	const struct host_op op = { .map = 1, .byte = 0x10 | store };

	if (insn_is_vex(i->row))
		emit_vex(&t->e, &op, i->reg, 0, i->flags & I_VEXL, m);
	else
		emit_modrm(&t->e, &op, i->reg, m);
}

/* The array's entry for the page after r15's -> rcx. */
static void load_next(struct tr *t, s32 array)
{
	emit_lea32(&t->e, H_CX, rm_mem(H_15, H_NONE, 0, 1));
	emit_movzx16(&t->e, H_CX, H_CX);
	emit_load(&t->e, H_CX, rm_gs_idx(array, H_CX, 3));
}

/* The host's pages -> r15 and rcx; r14 stays the offset in the first.  What
 * jumps from *no finds r14 and r15 as they were. */
static void both_pages(struct tr *t, const struct jit_site *s, u8 *no[2])
{
	static const struct host_op sub = { .byte = 0x2b, .w = true };
	const s32 neg = TR_TLB(s->mode, neg, s->kind);
	const s32 host = TR_TLB(s->mode, host, s->kind);
	struct emit *e = &t->e;

	emit_cmp_imm(e, H_14, PAGE_SIZE - 1);
	no[0] = emit_jcc_fwd(e, JCC_A);
	load_next(t, neg);
	emit_modrm(e, &sub, H_CX, rm_gs_idx(neg, H_15, 3));
	emit_cmp_imm(e, H_CX, -(s32)PAGE_SIZE);
	no[1] = emit_jcc_fwd(e, JCC_NE);
	load_next(t, host);
	emit_load(e, H_15, rm_gs_idx(host, H_15, 3));
}

/* Both pages' last and first bytes, side by side; then what is wanted. */
static void split_load(struct tr *t, const struct insn *i)
{
	const s32 n = i->opsize, at = offsetof(struct x86_cpu, jr.bounce);
	const s32 last = (s32)PAGE_SIZE - n;

	move(t, i, false, rm_mem(H_15, H_NONE, 0, last));
	move(t, i, true, rm_gs(at));
	move(t, i, false, rm_mem(H_CX, H_NONE, 0, 0));
	move(t, i, true, rm_gs(at + n));
	move(t, i, false, rm_gs_idx(at - last, H_14, 0));
}

static void rep_movsb(struct tr *t)
{
	e8(&t->e, 0xf3);
	e8(&t->e, 0xa4);
}

/* rcx bytes end the first page, the rest begins the second. */
static void split_store(struct tr *t, const struct insn *i)
{
	static const struct host_op neg = { .byte = 0xf7, .w = true };
	const s32 at = offsetof(struct x86_cpu, jr.bounce);
	struct emit *e = &t->e;

	move(t, i, true, rm_gs(at));
	emit_store(e, H_SI, rm_gs(gs_reg(RSI)));
	emit_store(e, H_DI, rm_gs(gs_reg(RDI)));
	emit_lea(e, H_DI, tr_host());
	emit_mov(e, H_15, H_CX);
	emit_load(e, H_SI, GS(jr.self));
	emit_lea(e, H_SI, rm_mem(H_SI, H_NONE, 0, at));
	emit_lea(e, H_CX, rm_mem(H_14, H_NONE, 0, -(s32)PAGE_SIZE));
	emit_modrm(e, &neg, 3, rm_reg(H_CX));
	rep_movsb(t);
	emit_mov(e, H_DI, H_15);
	emit_lea(e, H_CX, rm_mem(H_14, H_NONE, 0, i->opsize - (s32)PAGE_SIZE));
	rep_movsb(t);
	emit_load(e, H_SI, rm_gs(gs_reg(RSI)));
	emit_load(e, H_DI, rm_gs(gs_reg(RDI)));
}

/* 32 bytes, 16 in each page, as in buffers of malloc's: no way by the buffer.
 * VINSERTF128 and VEXTRACTF128. */
static void halves(struct tr *t, const struct jit_site *s)
{
	const bool store = s->kind == TLB_WRITE;
	const struct host_op low = { .map = 1, .byte = 0x10 | store };
	const struct host_op high = { .map = 3, .byte = 0x18 | store,
				      .p66 = true, .imm_len = 1, .imm = 1 };
	const u8 reg = s->insn->reg;
	u8 *no;

	emit_cmp_imm(&t->e, H_14, PAGE_SIZE - 16);
	no = emit_jcc_fwd(&t->e, JCC_NE);
	emit_vex(&t->e, &low, reg, 0, false, tr_host());
	emit_vex(&t->e, &high, reg, store ? 0 : reg, true,
		 rm_mem(H_CX, H_NONE, 0, 0));
	emit_jmp(&t->e, (u64)(uintptr_t)t->j->buf.rx + s->next);
	emit_here32(&t->e, no);
}

void tr_split(struct tr *t, const struct jit_site *s)
{
	u8 *no[2];

	both_pages(t, s, no);
	if (s->insn->opsize == 32)
		halves(t, s);
	if (s->kind == TLB_WRITE)
		split_store(t, s->insn);
	else
		split_load(t, s->insn);
	emit_jmp(&t->e, (u64)(uintptr_t)t->j->buf.rx + s->next);
	emit_here32(&t->e, no[0]);
	emit_here32(&t->e, no[1]);
}
