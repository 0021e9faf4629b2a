/* SPDX-License-Identifier: MIT */
/*
 * Translated code: VEX-encoded instructions are emitted again.
 *
 * Vector registers are the host's own; general registers have homes, or are
 * brought into a scratch register: r14 for what ModRM.reg names, rcx for
 * vvvv, r15 for a register rm.  Memory is at r14 + r15, both free again when
 * the instruction writes its result.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/x86/handlers.h"

enum operand { O_NONE, O_EXT, O_VEC, O_SRC, O_DST };

/* What ModRM.reg, vvvv and a register rm are; SRC and DST are general ones. */
static const struct shape {
	u8 reg, vvvv, rm;
	bool known, imm;
} shapes[] = {
	[F_VW]    = { O_VEC, O_NONE, O_VEC, true, false },
	[F_WV]    = { O_VEC, O_NONE, O_VEC, true, false },
	[F_VWI8]  = { O_VEC, O_NONE, O_VEC, true, true  },
	[F_WVI8]  = { O_VEC, O_NONE, O_VEC, true, true  },
	[F_VHW]   = { O_VEC, O_VEC,  O_VEC, true, false },
	[F_VHWI8] = { O_VEC, O_VEC,  O_VEC, true, true  },
	[F_VHWL]  = { O_VEC, O_VEC,  O_VEC, true, true  },
	[F_WHV]   = { O_VEC, O_VEC,  O_VEC, true, false },
	[F_HUI8]  = { O_EXT, O_VEC,  O_VEC, true, true  },
	[F_VE]    = { O_VEC, O_NONE, O_SRC, true, false },
	[F_EV]    = { O_VEC, O_NONE, O_DST, true, false },
	[F_EVI8]  = { O_VEC, O_NONE, O_DST, true, true  },
	[F_VHE]   = { O_VEC, O_VEC,  O_SRC, true, false },
	[F_VHEI8] = { O_VEC, O_VEC,  O_SRC, true, true  },
	[F_GW]    = { O_DST, O_NONE, O_VEC, true, false },
	[F_GUI8]  = { O_DST, O_NONE, O_VEC, true, true  },
	[F_M]     = { O_EXT, O_NONE, O_NONE, true, false },
	[F_GEI8]  = { O_DST, O_NONE, O_SRC, true, true  },
	[F_GBE]   = { O_DST, O_SRC,  O_SRC, true, false },
	[F_GEB]   = { O_DST, O_SRC,  O_SRC, true, false },
	[F_BE]    = { O_EXT, O_DST,  O_SRC, true, false },
};

static bool is_mulx(const struct insn *i)
{
	return i->row->fn == op_mulx;
}

static struct host_op host_op_of(const struct insn *i, bool imm)
{
	const struct insn_row *r = i->row;
	/* 32-bit code has eight registers, also in immediates */
	u8 mask = r->form == F_VHWL && !(i->flags & I_64) ? 0x7f : 0xff;

	return (struct host_op){
		.map = (u8)(r->map - V0F + 1), .byte = i->byte,
		.w = r->attr & (A_W0 | A_W1) ? !!(r->attr & A_W1)
					     : !!(i->flags & I_REXW),
		.p66 = r->pfx == P66,
		.pfx = r->pfx == PF3 ? 0xf3 : r->pfx == PF2 ? 0xf2 : 0,
		.imm_len = imm, .imm = (u8)i->imm & mask,
	};
}

/* Host register for a field; `tmp` where guest r13-r15 have none. */
static u8 field(struct tr *t, u8 what, u8 guest, u8 tmp)
{
	if (what == O_SRC)
		return tr_get(t, guest, tmp);
	if (what == O_DST)
		return jit_home[guest] == HOME_SLOT ? tmp : jit_home[guest];
	return guest;
}

/* Results that were made in a scratch register go home. */
static void put_field(struct tr *t, u8 what, u8 guest, u8 host)
{
	if (what == O_DST && jit_home[guest] == HOME_SLOT)
		tr_put(t, guest, host);
}

/* Masked moves touch what their mask says: all or, by C, just that. */
static bool is_masked_move(const struct insn *i)
{
	insn_fn *f = i->row->fn;

	return f == vex_maskload4 || f == vex_maskload8 ||
	       f == vex_maskstore4 || f == vex_maskstore8;
}

static struct host_rm operand(struct tr *t, const struct insn *i,
			      const struct shape *s)
{
	if (!(i->flags & I_MEM)) {
		if (i->row->attr & A_XM)
			tr_fault_site(t);
		return rm_reg(field(t, s->rm, i->rm, H_15));
	}
	if (!is_masked_move(i))
		return tr_mem_operand(t, i);
	tr_ea(t, i);
	tr_lookup_some(t, i->row->attr & A_STORE ? TLB_WRITE : TLB_READ,
		       i->opsize);
	return tr_host();
}

static void shaped(struct tr *t, const struct insn *i, const struct shape *s)
{
	const struct host_op op = host_op_of(i, s->imm);
	u8 what_v = is_mulx(i) ? O_DST : s->vvvv;
	u32 first = t->j->nsite;
	struct host_rm rm = operand(t, i, s);
	u8 reg = s->reg == O_EXT ? i->modrm >> 3 & 7
				 : field(t, s->reg, i->reg, H_14);
	u8 v = field(t, what_v, i->vvvv, H_CX);

	emit_vex(&t->e, &op, reg, v, i->flags & I_VEXL, rm);
	put_field(t, what_v, i->vvvv, v);
	put_field(t, s->reg, i->reg, reg);     /* mulx: the high half last */
	if (!(i->flags & I_MEM))
		put_field(t, s->rm, i->rm, rm.reg);
	tr_lookup_done(t, first);
}

/* VZEROUPPER, VZEROALL.  In 32-bit code they spare registers 8 to 15: VMOVAPS or
 * VXORPS of eight registers with themselves. */
static void zero(struct tr *t, const struct insn *i)
{
	const bool all = i->flags & I_VEXL;
	const struct host_op op = { .map = 1, .byte = all ? 0x57 : 0x28 };

	if (i->flags & I_64) {
		e8(&t->e, 0xc5);
		e8(&t->e, all ? 0xfc : 0xf8);
		e8(&t->e, 0x77);
		return;
	}
	for (u8 n = 0; n < 8; n++)
		emit_vex(&t->e, &op, n, all ? n : 0, false, rm_reg(n));
}

/* Registers no field names (ecx, rdi). */
static bool refused(const struct insn *i)
{
	insn_fn *f = i->row->fn;

	return f == sse_maskmovdqu || f == sse_pcmpestri ||
	       f == sse_pcmpistri || f == vex_pcmpestrm ||
	       f == vex_pcmpistrm;
}

static bool allowed(const struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (refused(i) || !(t->c->feats >> r->feat & 1))
		return false;
	return !(r->attr & A_SSE) ||
	       ((t->state & ST_AVX) && (t->c->feats >> FEAT_AVX & 1));
}

bool tr_vex_groups(const struct tr *t, const struct insn *i)
{
	const struct shape *s = &shapes[i->row->form];

	if (!(i->row->attr & A_SSE) || !allowed(t, i) || is_masked_move(i))
		return false;
	return i->row->form < ARRAY_LEN(shapes) && s->known &&
	       (s->reg == O_VEC || s->reg == O_EXT) &&
	       (s->rm == O_VEC || s->rm == O_NONE);
}

bool tr_vex(struct tr *t, const struct insn *i)
{
	const struct insn_row *r = i->row;

	if (!allowed(t, i))
		return false;
	if (r->attr & A_SSE)
		tr_need_fpu(t);
	if (r->form == F_NONE) {
		zero(t, i);
		return true;
	}
	if (r->form == F_VMH)
		return tr_gather(t, i);
	if (r->form >= ARRAY_LEN(shapes) || !shapes[r->form].known)
		return false;
	shaped(t, i, &shapes[r->form]);
	return true;
}
