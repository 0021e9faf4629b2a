/* SPDX-License-Identifier: MIT */
/*
 * MUL IMUL DIV IDIV, and the BCD instructions.
 */
#include "tcg-plugin/x86/operand.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)


/* --- MUL, IMUL with one operand: rDX:rAX ------------------------------------ */

static void put_wide(struct x86_cpu *c, unsigned size, u64 lo, u64 hi)
{
	if (size == 1) {
		set_reg16(c, RAX, (u16)((u8)lo | (u8)hi << 8));
		return;
	}
	set_reg(c, RAX, size, lo);
	set_reg(c, RDX, size, hi);
}

/* SF, ZF, AF and PF are undefined; see mul_flags. */
static inline void mul_flags(struct x86_cpu *c, bool over)
{
	flags_set_cf_of(c, over, over);
}

static void do_mul(struct x86_cpu *c, unsigned size, u64 b)
{
	u128 p = (u128)get_reg(c, RAX, size) * b;
	u64 lo = (u64)p, hi = (u64)(p >> 8 * size);

	put_wide(c, size, lo, hi);
	mul_flags(c, hi);
}

static inline s64 sext(u64 v, unsigned size)
{
	unsigned sh = 64 - 8 * size;

	return (s64)(v << sh) >> sh;
}

static void do_imul(struct x86_cpu *c, unsigned size, u64 b)
{
	s128 p = (s128)sext(c->r[RAX], size) * sext(b, size);
	u64 lo = (u64)p, hi = (u64)(p >> 8 * size);

	put_wide(c, size, lo, hi);
	mul_flags(c, p != sext(lo, size));
}

/* --- DIV, IDIV ------------------------------------------------------------------ */

/* Undefined by the manual; CF and OF are kept, AF is set. */
static inline void div_flags(struct x86_cpu *c)
{
	flags_merge(c, FL_PF | FL_AF | FL_ZF | FL_SF, FL_AF);
}

static u128 dividend(const struct x86_cpu *c, unsigned size)
{
	if (size == 1)
		return (u16)c->r[RAX];
	return (u128)get_reg(c, RDX, size) << 8 * size | get_reg(c, RAX, size);
}

static void do_div(struct x86_cpu *c, unsigned size, u64 b)
{
	u128 a = dividend(c, size);
	u64 q, r;

	if (!b || (u64)(a >> 8 * size) >= b)
		x86_raise(c, EXC_DE);
	if (size <= 4) {
		q = (u64)a / b;
		r = (u64)a % b;
	} else {
		q = (u64)(a / b);
		r = (u64)(a % b);
	}
	put_wide(c, size, q, r);
	div_flags(c);
}

static void do_idiv(struct x86_cpu *c, unsigned size, u64 b)
{
	unsigned sh = 128 - 16 * size;
	s128 a = (s128)(dividend(c, size) << sh) >> sh;
	s64 d = sext(b, size);
	s128 q;

	if (!d)
		x86_raise(c, EXC_DE);
	/* -2^127 / -1 does not fit s128 */
	if (d == -1 && a == (s128)((u128)1 << 127))
		x86_raise(c, EXC_DE);
	q = a / d;
	if (q != sext((u64)q, size))
		x86_raise(c, EXC_DE);
	put_wide(c, size, (u64)q, (u64)(a % d));
	div_flags(c);
}

#define WIDE(op, N, T, L)                                                      \
H(op##_r##N) { do_##op(c, N / 8, rm_##N(c, i)); }                              \
H(op##_m##N) { do_##op(c, N / 8, ld##N(c, x86_ea(c, i, N / 8, false))); }
#define WIDE_TABLE(op) \
insn_fn *const v_##op[12] = { FOUR(op##_r), FOUR(op##_m) };
#define MUL(N, T, L)  WIDE(mul, N, T, L)
#define IMUL(N, T, L) WIDE(imul, N, T, L)
#define DIV(N, T, L)  WIDE(div, N, T, L)
#define IDIV(N, T, L) WIDE(idiv, N, T, L)
SIZES(MUL)  WIDE_TABLE(mul)
SIZES(IMUL) WIDE_TABLE(imul)
SIZES(DIV)  WIDE_TABLE(div)
SIZES(IDIV) WIDE_TABLE(idiv)

/* --- IMUL with two and three operands ---------------------------------------------- */

#define IMUL2(N, T, L)                                                         \
static inline void imul2_##N(struct x86_cpu *c, const struct insn *i,          \
			     s##N a, s##N b)                                   \
{                                                                              \
	s##N r;                                                                \
	bool over = __builtin_mul_overflow(a, b, &r);                          \
									       \
	put_reg_##N(c, i, (T)r);                                               \
	mul_flags(c, over);                                                    \
}                                                                              \
H(imul_ge_r##N) { imul2_##N(c, i, (s##N)reg_##N(c, i), (s##N)rm_##N(c, i)); }  \
H(imul_ge_m##N)                                                                \
{                                                                              \
	s##N b = (s##N)ld##N(c, x86_ea(c, i, N / 8, false));                   \
									       \
	imul2_##N(c, i, (s##N)reg_##N(c, i), b);                               \
}                                                                              \
H(imul_gei_r##N) { imul2_##N(c, i, (s##N)rm_##N(c, i), (s##N)i->imm); }        \
H(imul_gei_m##N)                                                               \
{                                                                              \
	s##N b = (s##N)ld##N(c, x86_ea(c, i, N / 8, false));                   \
									       \
	imul2_##N(c, i, b, (s##N)i->imm);                                      \
}
WIDE_SIZES(IMUL2)
insn_fn *const v_imul_ge[12] = { THREE(imul_ge_r), THREE(imul_ge_m) };
insn_fn *const v_imul_gei[12] = { THREE(imul_gei_r), THREE(imul_gei_m) };

/* --- BCD (SDM vol. 2, the operation sections) ----------------------------------------- */

static void set_al_ah(struct x86_cpu *c, unsigned al, unsigned ah)
{
	set_reg16(c, RAX, (u16)((al & 0xff) | (ah & 0xff) << 8));
}

static void decimal_adjust(struct x86_cpu *c, int sign)
{
	u64 fl = flags_sync(c);
	u8 old = (u8)c->r[RAX], al = old;
	bool cf = fl & FL_CF, af = (al & 15) > 9 || (fl & FL_AF), out = false;
	bool of;
	u8 adj;

	if (af) {
		out = cf || (sign > 0 ? al > 0xf9 : al < 6);
		al = (u8)(al + sign * 6);
	}
	if (old > 0x99 || cf) {
		al = (u8)(al + sign * 0x60);
		out = true;
	}
	adj = sign > 0 ? (u8)(al - old) : (u8)(old - al);
	of = (old ^ al) & (sign > 0 ? ~(old ^ adj) : old ^ adj) & 0x80;
	set_reg(c, RAX, 1, al);
	cc_expl(c, 0, al, (out ? FL_CF : 0) | (af ? FL_AF : 0) |
		(of ? FL_OF : 0));
}

void op_daa(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	decimal_adjust(c, 1);
}

void op_das(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	decimal_adjust(c, -1);
}

static void ascii_adjust(struct x86_cpu *c, int sign)
{
	u64 fl = flags_sync(c);
	u16 old = (u16)c->r[RAX], ax = old;
	bool adj = (ax & 15) > 9 || (fl & FL_AF);

	if (adj)
		ax = (u16)(ax + sign * 0x106);
	set_reg16(c, RAX, ax & 0xff0f);
	/* undefined: SF, ZF and OF are those of the sum before the mask */
	cc_expl(c, 1, ax, (adj ? FL_CF | FL_AF : 0) |
		((sign > 0 ? ax & ~old : old & ~ax) & 0x8000 ? FL_OF : 0));
}

void op_aaa(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	ascii_adjust(c, 1);
}

void op_aas(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	ascii_adjust(c, -1);
}

void op_aam(struct x86_cpu *c, const struct insn *i)
{
	u8 base = (u8)i->imm, al = (u8)c->r[RAX];

	if (!base)
		x86_raise(c, EXC_DE);
	set_al_ah(c, al % base, al / base);
	cc_expl(c, 0, al % base, 0);
}

void op_aad(struct x86_cpu *c, const struct insn *i)
{
	u8 add = (u8)((c->r[RAX] >> 8 & 0xff) * (u8)i->imm);
	u8 al = (u8)(c->r[RAX] + add);

	set_al_ah(c, al, 0);
	cc_set(c, CC_ADD, 0, al, add);
}

void op_salc(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	set_reg(c, RAX, 1, flag_cf(c) ? 0xff : 0);
}
