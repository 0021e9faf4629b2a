/* SPDX-License-Identifier: MIT */
/*
 * BMI1 and BMI2: general registers under VEX prefixes (SDM volume 2).
 *
 * Room:     handlers of ANDN, BEXTR, BLS*, BZHI, MULX, PDEP, PEXT, RORX, SHLX and
 *           kin, 32 and 64 bits.
 * Never:    needs the host to have any of them.
 */
#include "tcg-plugin/x86/interp.h"

static u64 src(struct x86_cpu *c, const struct insn *i)
{
	return get_rm(c, i, i->opsize);
}

static u64 vvvv(const struct x86_cpu *c, const struct insn *i)
{
	return get_reg(c, i->vvvv, i->opsize);
}

static void dest(struct x86_cpu *c, const struct insn *i, u64 v)
{
	set_reg(c, i->reg, i->opsize, v);
}

static unsigned log2_of(const struct insn *i)
{
	return i->opsize == 8 ? 3 : 2;
}

static unsigned bits_of(const struct insn *i)
{
	return i->opsize * 8u;
}

/* ZF and SF from the result, this CF, no OF. */
static void flags(struct x86_cpu *c, const struct insn *i, u64 res, bool cf)
{
	cc_expl(c, log2_of(i), res, cf ? FL_CF : 0);
}

void op_andn(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i) & ~vvvv(c, i);

	dest(c, i, v);
	flags(c, i, v, false);
}

static u64 low_bits(unsigned n)
{
	return n >= 64 ? ~0ull : BIT64(n) - 1;
}

void op_bextr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i), control = vvvv(c, i);
	unsigned start = control & 0xff, len = control >> 8 & 0xff;

	v = start >= bits_of(i) ? 0 : v >> start & low_bits(len);
	dest(c, i, v);
	flags(c, i, v, false);
}

void op_bzhi(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i);
	unsigned n = vvvv(c, i) & 0xff;

	v &= low_bits(n);
	dest(c, i, v);
	flags(c, i, v, n >= bits_of(i));
}

/* BLSR, BLSMSK, BLSI write vvvv. */
static void lowest(struct x86_cpu *c, const struct insn *i, u64 v, bool cf)
{
	set_reg(c, i->vvvv, i->opsize, v);
	flags(c, i, v, cf);
}

void op_blsr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i);

	lowest(c, i, v & (v - 1), !v);
}

void op_blsmsk(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i);

	lowest(c, i, v ^ (v - 1), !v);
}

void op_blsi(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i);

	lowest(c, i, v & -v, v);
}

void op_pext(struct x86_cpu *c, const struct insn *i)
{
	u64 v = vvvv(c, i), mask = src(c, i), out = 0;

	for (unsigned n = 0; mask; mask &= mask - 1, n++)
		out |= (v >> __builtin_ctzll(mask) & 1) << n;
	dest(c, i, out);
}

void op_pdep(struct x86_cpu *c, const struct insn *i)
{
	u64 v = vvvv(c, i), mask = src(c, i), out = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		out |= (v & 1) << __builtin_ctzll(mask);
	dest(c, i, out);
}

/* When both destinations are one register, the high half stays. */
void op_mulx(struct x86_cpu *c, const struct insn *i)
{
	u64 b = get_reg(c, RDX, i->opsize);
	unsigned __int128 v = (unsigned __int128)src(c, i) * b;

	set_reg(c, i->vvvv, i->opsize, (u64)v);
	dest(c, i, (u64)(v >> bits_of(i)));
}

void op_rorx(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = (unsigned)i->imm & (bits_of(i) - 1);
	u64 v = src(c, i);

	dest(c, i, n ? v >> n | v << (bits_of(i) - n) : v);
}

static unsigned count(const struct x86_cpu *c, const struct insn *i)
{
	return (unsigned)vvvv(c, i) & (bits_of(i) - 1);
}

void op_shlx(struct x86_cpu *c, const struct insn *i)
{
	dest(c, i, src(c, i) << count(c, i));
}

void op_shrx(struct x86_cpu *c, const struct insn *i)
{
	dest(c, i, src(c, i) >> count(c, i));
}

void op_sarx(struct x86_cpu *c, const struct insn *i)
{
	u64 v = src(c, i);
	s64 s = i->opsize == 8 ? (s64)v : (s32)v;

	dest(c, i, (u64)(s >> count(c, i)));
}
