/* SPDX-License-Identifier: MIT */
/*
 * Translated code: MOVS, STOS, LODS, CMPS and SCAS.
 *
 * A run under REP that stays within one page at each end is done by the host's
 * own REP, comparisons with their flags; anything else is the interpreter's, which goes page by page.  DF is
 * clear here (jit_usable).
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

static u8 log2_of(const struct insn *i)
{
	return i->opsize == 8 ? 3 : i->opsize >> 1;
}

static struct host_op sized(const struct insn *i, u8 byte)
{
	return (struct host_op){ .byte = byte, .w = i->opsize == 8,
				 .p66 = i->opsize == 2 };
}

static void load_elem(struct tr *t, const struct insn *i, u8 dst)
{
	const struct host_op movzx = { .map = 1,
		.byte = i->opsize == 1 ? 0xb6 : 0xb7 };
	const struct host_op mov = sized(i, 0x8b);

	emit_modrm(&t->e, i->opsize <= 2 ? &movzx : &mov, dst, tr_host());
}

static void store_elem(struct tr *t, const struct insn *i, u8 src)
{
	struct host_op mov = sized(i, i->opsize == 1 ? 0x88 : 0x89);

	mov.rex = i->opsize == 1;
	emit_modrm(&t->e, &mov, src, tr_host());
}

static void step(struct tr *t, u8 r, s32 by)
{
	word_lea(t, r, rm_mem(r, H_NONE, 0, by));
}

/* CMP of `reg` with the element at r14 + r15. */
static void cmp_elem(struct tr *t, const struct insn *i, u8 reg)
{
	const struct host_op cmp = sized(i, i->opsize == 1 ? 0x3a : 0x3b);

	emit_modrm(&t->e, &cmp, reg, tr_host());
}

/* --- one element ---------------------------------------------------------------- */

/* From rsi in host rcx; `with` has it and the place at rdi, which is looked up
 * for `kind`. */
static void one_of_two(struct tr *t, const struct insn *i, enum tlb_kind kind,
		       void (*with)(struct tr *, const struct insn *, u8))
{
	word_mov(t, H_14, H_SI);
	tr_lookup(t, TLB_READ, i->opsize);
	load_elem(t, i, H_CX);
	emit_store(&t->e, H_CX, GS(jr.tmp));
	word_mov(t, H_14, H_DI);
	tr_lookup(t, kind, i->opsize);
	emit_load(&t->e, H_CX, GS(jr.tmp));
	with(t, i, H_CX);
	step(t, H_SI, i->opsize);
	step(t, H_DI, i->opsize);
}

static void one_movs(struct tr *t, const struct insn *i)
{
	one_of_two(t, i, TLB_WRITE, store_elem);
}

static void one_cmps(struct tr *t, const struct insn *i)
{
	one_of_two(t, i, TLB_READ, cmp_elem);
}

static void one_stos(struct tr *t, const struct insn *i)
{
	word_mov(t, H_14, H_DI);
	tr_lookup(t, TLB_WRITE, i->opsize);
	store_elem(t, i, H_AX);
	step(t, H_DI, i->opsize);
}

static void one_lods(struct tr *t, const struct insn *i)
{
	struct host_op mov = sized(i, i->opsize == 1 ? 0x8a : 0x8b);

	word_mov(t, H_14, H_SI);
	tr_lookup(t, TLB_READ, i->opsize);
	emit_modrm(&t->e, &mov, H_AX, tr_host());
	step(t, H_SI, i->opsize);
}

static void one_scas(struct tr *t, const struct insn *i)
{
	word_mov(t, H_14, H_DI);
	tr_lookup(t, TLB_READ, i->opsize);
	cmp_elem(t, i, H_AX);
	step(t, H_DI, i->opsize);
}

/* --- REP ---------------------------------------------------------------------------- */

/* No count, nothing to do: returns the jump to behind it all.  More than 4096
 * elements are not for one page. */
static u8 *check_count(struct tr *t)
{
	u8 *none, *some, *out;

	emit_mov(&t->e, H_CX, H_13);
	none = emit_jrcxz_fwd(&t->e);
	some = emit_jmp8_fwd(&t->e);
	emit_here8(&t->e, none);
	out = emit_jmp_fwd(&t->e);
	emit_here8(&t->e, some);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, -1));
	emit_pext(&t->e, H_CX, H_CX, GS(jr.page_mask));
	tr_slow_unless_rcx0(t);
	return out;
}

static bool ends_early(const struct insn *i)
{
	return i->row->fn == op_cmps || i->row->fn == op_scas;
}

static void host_rep(struct tr *t, const struct insn *i)
{
	emit_mov(&t->e, H_CX, H_13);
	if (i->opsize == 2)
		e8(&t->e, 0x66);
	e8(&t->e, ends_early(i) && !(i->flags & I_REP) ? 0xf2 : 0xf3);
	if (i->opsize == 8)
		e8(&t->e, 0x48);
	e8(&t->e, i->byte);
}

/* Guest registers after a run of r13 elements from `was`. */
static void after_run(struct tr *t, const struct insn *i, u8 r, u8 was)
{
	word_lea(t, r, rm_mem(was, H_13, log2_of(i), 0));
}

/* The host's REP, rsi and rdi being its addresses; where they began for the guest is
 * in r14 and r15 then. */
static void run_of_two(struct tr *t, const struct insn *i, enum tlb_kind kind)
{
	word_mov(t, H_14, H_SI);
	tr_lookup_run(t, TLB_READ, H_13, log2_of(i));
	emit_lea(&t->e, H_CX, tr_host());
	emit_store(&t->e, H_CX, GS(jr.tmp));
	word_mov(t, H_14, H_DI);
	tr_lookup_run(t, kind, H_13, log2_of(i));
	emit_lea(&t->e, H_15, tr_host());
	word_mov(t, H_14, H_SI);
	emit_load(&t->e, H_SI, GS(jr.tmp));
	emit_xchg(&t->e, H_DI, H_15);
	host_rep(t, i);
}

/* The same where rdi alone is an address. */
static void run_of_one(struct tr *t, const struct insn *i, enum tlb_kind kind)
{
	word_mov(t, H_14, H_DI);
	tr_lookup_run(t, kind, H_13, log2_of(i));
	emit_lea(&t->e, H_15, tr_host());
	emit_xchg(&t->e, H_DI, H_15);
	host_rep(t, i);
}

static void rep_movs(struct tr *t, const struct insn *i)
{
	u8 *none = check_count(t);

	run_of_two(t, i, TLB_WRITE);
	after_run(t, i, H_SI, H_14);
	after_run(t, i, H_DI, H_15);
	emit_mov_imm(&t->e, H_13, 0);
	emit_here32(&t->e, none);
}

static void rep_stos(struct tr *t, const struct insn *i)
{
	u8 *none = check_count(t);

	run_of_one(t, i, TLB_WRITE);
	after_run(t, i, H_DI, H_15);
	emit_mov_imm(&t->e, H_13, 0);
	emit_here32(&t->e, none);
}

/* The host's REP left rcx elements of r13.  Flags are its comparison's, and
 * stay. */
static void after_compares(struct tr *t, const struct insn *i)
{
	const u8 log2 = log2_of(i);

	emit_store(&t->e, H_CX, GS(jr.tmp));
	emit_not(&t->e, H_CX);
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_13, 0, 1));
	if (i->row->fn == op_cmps)
		word_lea(t, H_SI, rm_mem(H_14, H_CX, log2, 0));
	word_lea(t, H_DI, rm_mem(H_15, H_CX, log2, 0));
	emit_load(&t->e, H_13, GS(jr.tmp));
}

static void rep_cmps(struct tr *t, const struct insn *i)
{
	u8 *none = check_count(t);

	run_of_two(t, i, TLB_READ);
	after_compares(t, i);
	emit_here32(&t->e, none);
}

static void rep_scas(struct tr *t, const struct insn *i)
{
	u8 *none = check_count(t);

	run_of_one(t, i, TLB_READ);
	after_compares(t, i);
	emit_here32(&t->e, none);
}

static const struct {
	insn_fn *fn;
	bool rep;
	void (*make)(struct tr *t, const struct insn *i);
} makers[] = {
	{ op_movs, false, one_movs }, { op_movs, true, rep_movs },
	{ op_stos, false, one_stos }, { op_stos, true, rep_stos },
	{ op_cmps, false, one_cmps }, { op_cmps, true, rep_cmps },
	{ op_scas, false, one_scas }, { op_scas, true, rep_scas },
	{ op_lods, false, one_lods },
};

bool tr_string(struct tr *t, const struct insn *i)
{
	bool rep = i->flags & (I_REP | I_REPNE);
	insn_fn *fn = i->row->fn;
	u32 first = t->j->nsite;

	if (!(i->row->attr & A_REP) || i->addrsize != t->word || i->seg == FS ||
	    i->seg == GS)
		return false;
	for (unsigned n = 0; n < ARRAY_LEN(makers); n++)
		if (makers[n].fn == fn && makers[n].rep == rep) {
			makers[n].make(t, i);
			tr_lookup_done(t, first);
			return true;
		}
	return false;
}
