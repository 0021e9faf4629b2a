// SPDX-License-Identifier: MIT
/*
 * Making operands meaningful: addresses in the data pages, branch targets in
 * the code page, divisions that do not all fault.
 */
#include "tests/insn/gen.h"

static u64 target_addr(struct enc *e, const struct insn *i)
{
	unsigned size = i->opsize ? i->opsize : 16;
	u64 a = DATA_AT + below(e->s, DATA_LEN - 16);
	unsigned align = i->row->attr & A_ALIGN ? size : 1;

	if (i->row->form == F_M && i->row->size == S_NONE)
		align = 64;
	if (i->row->size == S_NONE)
		size = align == 64 ? 1024 : 108;
	if (chance(e->s, 8))           /* at an edge: page or mapping */
		return DATA_AT + PAGE_SIZE * below(e->s, 3) - below(e->s, size + 1);
	if (chance(e->s, 5))
		return a;
	if (a + size > DATA_AT + DATA_LEN)
		a = DATA_AT + DATA_LEN - size;
	if (align == 1 && chance(e->s, 50))
		align = size & (size - 1) ? 1 : size;
	return a & ~(u64)(align - 1);
}

static void patch_disp(struct enc *e, u32 disp)
{
	if (e->disp_at >= 0 && e->disp_len == 4)
		memcpy(e->p + e->disp_at, &disp, 4);
}

/* Set registers or the displacement so that the operand is at a good place. */
void gen_aim(struct enc *e, const struct insn *i)
{
	u64 at = target_addr(e, i), *r = e->k->in.r;
	u64 scale = 1ull << i->scale, x;
	bool rip = i->flags & I_RIPREL;
	bool has_index = i->index < 16, has_base = i->base < 16;

	if (i->seg == GS)
		at -= GS_BASE;
	if (rip) {
		patch_disp(e, (u32)(at - (CODE_AT + (u64)(e->p - e->k->code) +
					  i->len)));
		return;
	}
	if (!has_base && !has_index) {
		patch_disp(e, (u32)at);
		return;
	}
	at -= (u64)i->disp;
	if (has_base && has_index && i->base == i->index) {
		r[i->base] = at / (1 + scale);
		return;
	}
	if (!has_base) {
		r[i->index] = at / scale;
		return;
	}
	if (has_index) {
		x = (u64)(s64)((int)below(e->s, 64) - 32);
		if (i->index != RSP)
			r[i->index] = x;
		at -= r[i->index] * scale;
	}
	r[i->base] = at;
}

static u64 code_addr(struct enc *e)
{
	return CODE_AT + 100 + below(e->s, 200);
}

static u8 *mem_at(struct enc *e, u64 la, unsigned n)
{
	if (la - DATA_AT > DATA_LEN - n)
		return NULL;
	return e->k->in.mem + (la - DATA_AT);
}

static void poke(struct enc *e, u64 la, u64 v, unsigned n)
{
	u8 *p = mem_at(e, la, n);

	if (p)
		memcpy(p, &v, n);
}

/* Address of the memory operand, as long as no earlier instruction of the
 * case changes its registers. */
static u64 ea_of(const struct enc *e, const struct insn *i)
{
	const struct insn_case *k = e->k;
	u64 a = (u64)i->disp;

	if (i->flags & I_RIPREL)
		a += CODE_AT + (u64)(e->p - k->code);
	if (i->base < 16)
		a += k->in.r[i->base];
	if (i->index < 16)
		a += k->in.r[i->index] << i->scale;
	a = i->addrsize == 8 ? a : (u32)a;
	return i->seg == GS && k->bits == 64 ? a + GS_BASE : a;
}

static void tune_branch(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;
	unsigned n = e->k->bits == 64 ? 8 : 4;

	if (r->form == F_J || (r->form == F_J8 && i->len > 1)) {
		u32 d = 80 + below(e->s, 40);

		if (r->form == F_J8)
			e->p[i->len - 1] = (u8)d;
		else if (i->opsize == 2)
			e->p[i->len - 2] = (u8)d, e->p[i->len - 1] = 0;
		else
			memcpy(e->p + i->len - 4, &d, 4);
	}
	if (is(r, "ret"))
		poke(e, reg[RSP], code_addr(e), n);
	if (r->map == M1 && r->byte == 0xff && (r->ext == 2 || r->ext == 4)) {
		if (i->flags & I_MEM)
			poke(e, ea_of(e, i),
			     code_addr(e), n);
		else
			reg[i->rm] = code_addr(e);
	}
}

static void tune_string(struct enc *e)
{
	u64 *r = e->k->in.r;

	r[RSI] = DATA_AT + below(e->s, DATA_LEN);
	r[RDI] = DATA_AT + below(e->s, DATA_LEN);
	r[RCX] = chance(e->s, 80) ? below(e->s, 70) : below(e->s, 3000);
}

/* A fair chance that DIV and IDIV do not fault. */
static void tune_div(struct enc *e, const struct insn *i)
{
	u64 *r = e->k->in.r;

	if (chance(e->s, 25))
		return;
	if (i->opsize == 1) {
		r[RAX] &= ~0xff00ull;
		return;
	}
	r[RDX] = is(i->row, "idiv") && i->opsize == 8 && (s64)r[RAX] < 0 ? ~0ull
									  : 0;
}

static void tune_xrstor(struct enc *e, const struct insn *i)
{
	u64 at = ea_of(e, i), zero[8] = { 0 };
	struct fx_state fx = e->k->in.fx;
	u8 *p = mem_at(e, at, 1024);
	unsigned parts = host_has_avx() ? 8 : 4;

	e->k->in.r[RAX] = below(e->s, parts);
	e->k->in.r[RDX] = 0;
	if (!p || chance(e->s, 10))
		return;
	fx.mxcsr &= 0xffff;
	fx.fop &= 0x7ff;
	memcpy(p, &fx, sizeof(fx));
	zero[0] = below(e->s, parts);
	if (chance(e->s, 15) || is(i->row, "xrstors"))
		zero[1] = 1ull << 63 | (parts - 1);
	memcpy(p + 512, zero, 64);
}

static void skip_mem(struct enc *e, const struct insn *i, unsigned off,
		     unsigned len)
{
	struct insn_case *k = e->k;

	if (k->skips == ARRAY_LEN(k->skip))
		return;
	k->skip[k->skips].at = (u32)(ea_of(e, i) + off - DATA_AT);
	k->skip[k->skips++].len = len;
}

/* CMPXCHG and kin: half of the time the comparison succeeds. */
static void tune_exchange(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;

	if (r->byte == 0xb1 && r->map == M0F && chance(e->s, 50)) {
		const u8 *m = i->flags & I_MEM ? mem_at(e, ea_of(e, i), 8)
					       : (u8 *)&reg[i->rm];
		if (m)
			memcpy(&reg[RAX], m, 8);
	}
	if (is(r, "cmpxchg8b") && chance(e->s, 50)) {
		u8 *m = mem_at(e, ea_of(e, i), 16);
		unsigned half = i->opsize == 8 ? 8 : 4;

		if (m) {
			memcpy(&reg[RAX], m, half);
			memcpy(&reg[RDX], m + half, half);
		}
	}
}

/* Indices that mostly stay in the data pages around the base. */
static void tune_gather(struct enc *e, const struct insn *i)
{
	bool quad = i->byte & 1;
	u64 v[4];

	for (unsigned n = 0; n < 4; n++) {
		u32 lo = (u32)((int)below(e->s, 512) - 256);
		u32 hi = (u32)((int)below(e->s, 512) - 256);

		v[n] = quad ? (u64)(s64)(s32)lo : lo | (u64)hi << 32;
		if (chance(e->s, 4))
			v[n] = rnd(e->s);
	}
	memcpy(e->k->in.fx.xmm[i->rm].b, v, 16);
	memcpy(e->k->in.ymmh[i->rm].b, v + 2, 16);
}

/* FXSAVE, XSAVE and kin: sane images; what is not comparable in them. */
static void tune_image(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;

	if (!strncmp(r->name, "xrstor", 6) || is(r, "fxrstor"))
		tune_xrstor(e, i);
	if (!strncmp(r->name, "xsave", 5)) {
		reg[RAX] = below(e->s, host_has_avx() ? 8 : 4);
		reg[RDX] = 0;
		poke(e, ea_of(e, i) + 512, 0, 8);
		/* XSTATE_BV: what counts as in use is the CPU's choice */
		skip_mem(e, i, 512, 8);
	}
	/* FCS and FDS: selectors are not kept */
	if (is(r, "fnstenv") || is(r, "fnsave")) {
		bool wide = i->flags & I_REXW || !(i->flags & I_66);

		skip_mem(e, i, wide ? 16 : 8, 2);
		skip_mem(e, i, wide ? 24 : 12, 2);
	}
	if (is(r, "fxsave") || !strncmp(r->name, "xsave", 5))
		skip_mem(e, i, 12, 10), skip_mem(e, i, 28, 4);
}

void gen_tune(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;

	if (r->attr & A_END)
		tune_branch(e, i);
	if (r->attr & A_REP)
		tune_string(e);
	if (is(r, "div") || is(r, "idiv"))
		tune_div(e, i);
	if (is(r, "popf"))
		/* no ID: sigreturn would not take it back */
		poke(e, reg[RSP], 0x202 | (rnd(e->s) & (FL_ARITH | FL_DF)), 8);
	if (is(r, "xlat"))
		reg[RBX] = DATA_AT + below(e->s, DATA_LEN - 256);
	if (r->form == F_VMH)
		tune_gather(e, i);
	if (is(r, "maskmovq") || is(r, "maskmovdqu") || is(r, "vmaskmovdqu"))
		reg[RDI] = DATA_AT + below(e->s, DATA_LEN - 16);
	if (is(r, "leave") || is(r, "enter"))
		reg[RBP] = DATA_AT + 0x800 + below(e->s, 0x1000);
	if (is(r, "enter") && i->len >= 4)
		e->p[i->len - 2] = 0;  /* at most 255 bytes */
	if (r->form == F_EG && r->name[0] == 'b' && i->flags & I_MEM &&
	    i->reg != i->base && i->reg != i->index)
		reg[i->reg] = (u64)(s64)((int)below(e->s, 2048) - 1024);
	if (r->form == F_AM || r->form == F_MA) {
		u64 at = DATA_AT + below(e->s, DATA_LEN - 8);

		if (i->seg == GS)
			at -= GS_BASE;
		memcpy(e->p + i->len - i->addrsize, &at, i->addrsize);
	}
	tune_exchange(e, i);
	tune_image(e, i);
}
