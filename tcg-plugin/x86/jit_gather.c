/* SPDX-License-Identifier: MIT */
/*
 * Translated code: VGATHER and VPGATHER (SDM volume 2).
 *
 * The elements the mask names are looked up and loaded one by one, into a place
 * beside the registers.  Only when the last has been does the guest see any of
 * it; an element that is not in the TLB makes the whole instruction the
 * interpreter's, from its start, which does elements for good one by one and
 * can stop in between (vex_mem.c).
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

struct gather {
	u8 index, size;                /* bytes of an index, of an element */
	u8 count;
};

/* log2 of 4 or 8 */
static u8 log2_of(u8 n)
{
	return n == 8 ? 3 : 2;
}

static struct gather gather_of(const struct insn *i)
{
	insn_fn *f = i->row->fn;
	struct gather g = {
		.index = f == vex_gather_dd || f == vex_gather_dq ? 4 : 8,
		.size = f == vex_gather_dd || f == vex_gather_qd ? 4 : 8,
	};

	g.count = (u8)((i->flags & I_VEXL ? 32 : 16) / MAX(g.index, g.size));
	return g;
}

/* jr.gather's array at `at`, element rcx - 1. */
static struct host_rm element(size_t at, u8 size)
{
	return rm_gs_idx(gs_field(offsetof(struct x86_cpu, jr.gather) + at).disp
			 - size, H_CX, log2_of(size));
}

#define ELEMENT(member, size) \
	element(offsetof(struct x86_jit_gather, member), size)

static void load(struct tr *t, u8 size, u8 dst, struct host_rm m)
{
	(size == 8 ? emit_load : emit_load32)(&t->e, dst, m);
}

static void store_vector(struct tr *t, u8 reg, struct host_rm m)
{
	const struct host_op movdqu = { .map = 1, .byte = 0x7f, .pfx = 0xf3 };

	emit_vex(&t->e, &movdqu, reg, 0, true, m);
}

/* Jumps from where this returns if element rcx - 1 is masked out.  The sign is in
 * the upper half of a mask's eight bytes. */
static u8 *unless_masked_in(struct tr *t, const struct gather *g)
{
	struct host_rm sign = ELEMENT(mask, g->size);
	u8 *in, *out;

	sign.disp += g->size - 4;
	emit_load32(&t->e, H_CX, sign);
	emit_movsxd(&t->e, H_CX, H_CX);
	emit_pext(&t->e, H_CX, H_CX, GS(jr.sign));
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, -1));
	in = emit_jrcxz_fwd(&t->e);
	out = emit_jmp_fwd(&t->e);
	emit_here8(&t->e, in);
	return out;
}

/* Address of element rcx - 1 -> r14. */
static void element_ea(struct tr *t, const struct insn *i,
		       const struct gather *g)
{
	u8 base = H_NONE;
	struct host_rm at;

	load(t, g->index, H_15, ELEMENT(index, g->index));
	if (g->index == 4)
		emit_movsxd(&t->e, H_15, H_15);
	if (i->base != R_NONE)
		base = tr_get(t, i->base, H_14);
	at = rm_mem(base, H_15, i->scale, (s32)i->disp);
	(i->addrsize == 4 ? emit_lea32 : emit_lea)(&t->e, H_14, at);
}

static void load_elements(struct tr *t, const struct insn *i,
			  const struct gather *g)
{
	u8 *out, *done;
	u64 again;

	emit_store_imm(&t->e, g->count, GS(jr.gather.left));
	again = emit_here(&t->e);
	emit_load(&t->e, H_CX, GS(jr.gather.left));
	out = unless_masked_in(t, g);
	emit_load(&t->e, H_CX, GS(jr.gather.left));
	element_ea(t, i, g);
	tr_lookup_some(t, TLB_READ, g->size);
	load(t, g->size, H_15, tr_host());
	emit_load(&t->e, H_CX, GS(jr.gather.left));
	(g->size == 8 ? emit_store : emit_store32)(&t->e, H_15,
						   ELEMENT(data, g->size));
	emit_here32(&t->e, out);
	emit_load(&t->e, H_CX, GS(jr.gather.left));
	emit_lea(&t->e, H_CX, rm_mem(H_CX, H_NONE, 0, -1));
	emit_store(&t->e, H_CX, GS(jr.gather.left));
	done = emit_jrcxz_fwd(&t->e);
	emit_jmp(&t->e, again);
	emit_here8(&t->e, done);
}

/* The elements that were loaded into the destination; no mask. */
static void finish(struct tr *t, const struct insn *i, const struct gather *g)
{
	const struct host_op blend = { .map = 3, .p66 = true, .imm_len = 1,
		.byte = g->size == 8 ? 0x4b : 0x4a, .imm = i->vvvv << 4 };
	const struct host_op movq = { .map = 1, .byte = 0x7e, .pfx = 0xf3 };
	const struct host_op pxor = { .map = 1, .byte = 0xef, .p66 = true };
	const unsigned bytes = g->count * g->size;

	emit_vex(&t->e, &blend, i->reg, i->reg, bytes == 32,
		 GS(jr.gather.data));
	if (bytes == 8)
		emit_vex(&t->e, &movq, i->reg, 0, false, rm_reg(i->reg));
	emit_vex(&t->e, &pxor, i->vvvv, i->vvvv, false, rm_reg(i->vvvv));
}

bool tr_gather(struct tr *t, const struct insn *i)
{
	const struct gather g = gather_of(i);
	const u32 first = t->j->nsite;

	if (i->seg == FS || i->seg == GS)
		return false;
	store_vector(t, i->rm, GS(jr.gather.index));
	store_vector(t, i->vvvv, GS(jr.gather.mask));
	load_elements(t, i, &g);
	finish(t, i, &g);
	tr_lookup_done(t, first);
	return true;
}
