/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates.  Where the manual leaves a flag undefined the rule is
 * the one AMD's Zen follows, which tests/insn compares.
 */
#include "tcg-plugin/x86/operand.h"

#define INLINE_ALU static inline __attribute__((always_inline)) u64

static inline unsigned bits_of(unsigned l)
{
	return 8u << l;
}

static inline u64 mask_of(unsigned l)
{
	return ~0ull >> (64 - bits_of(l));
}

static inline u64 msb(unsigned l, u64 v)
{
	return v >> (bits_of(l) - 1) & 1;
}

/* The hardware's count: modulo 32, or 64 for 64-bit operands. */
static inline unsigned count_of(unsigned l, u64 n)
{
	return n & (l == 3 ? 63 : 31);
}

/* AF is always set by a shift that shifts; OF as if the last step were the
 * only one. */

/* --- SHL SHR SAR -------------------------------------------------------------- */

INLINE_ALU alu_shl(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	unsigned n = count_of(l, b), bits = bits_of(l);
	u64 r, cf;

	if (!n)
		return a;
	r = a << n;
	cf = n <= bits ? a >> (bits - n) & 1 : 0;
	cc_expl(c, l, r, FL_AF | cf | (msb(l, r) != cf ? FL_OF : 0));
	return r;
}

INLINE_ALU alu_shr(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	unsigned n = count_of(l, b);
	u64 r, before;

	if (!n)
		return a;
	before = (a & mask_of(l)) >> (n - 1);
	r = before >> 1;
	cc_expl(c, l, r, FL_AF | (before & 1) |
		(msb(l, before) ? FL_OF : 0));
	return r;
}

INLINE_ALU alu_sar(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	unsigned n = count_of(l, b), sh = 64 - bits_of(l);
	s64 v;

	if (!n)
		return a;
	v = (s64)(a << sh) >> sh >> (n - 1);
	cc_expl(c, l, (u64)(v >> 1), FL_AF | (v & 1));
	return (u64)(v >> 1);
}

/* --- ROL ROR RCL RCR ------------------------------------------------------------ */

INLINE_ALU alu_rol(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	unsigned n = count_of(l, b), bits = bits_of(l), m = n & (bits - 1);
	u64 r;

	if (!n)
		return a;
	a &= mask_of(l);
	r = m ? a << m | a >> (bits - m) : a;
	flags_set_cf_of(c, r & 1, msb(l, r) != (r & 1));
	return r;
}

INLINE_ALU alu_ror(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	unsigned n = count_of(l, b), bits = bits_of(l), m = n & (bits - 1);
	u64 r;

	if (!n)
		return a;
	a &= mask_of(l);
	r = m ? a >> m | a << (bits - m) : a;
	flags_set_cf_of(c, msb(l, r), msb(l, r) != msb(l, r << 1));
	return r;
}

/* Through carry: a rotate of bits + 1, done a bit at a time at most 64 times;
 * rare enough. */
INLINE_ALU alu_through_carry(struct x86_cpu *c, unsigned l, u64 a, u64 b,
			     bool left)
{
	unsigned n = count_of(l, b);
	bool cf = flag_cf(c), of;

	if (!n)
		return a;
	if (l < 2)
		n %= bits_of(l) + 1;
	a &= mask_of(l);
	while (n--) {
		bool out = left ? msb(l, a) : a & 1;

		a = left ? (a << 1 & mask_of(l)) | cf :
			   a >> 1 | (u64)cf << (bits_of(l) - 1);
		cf = out;
	}
	of = msb(l, a) != (left ? cf : msb(l, a << 1));
	flags_set_cf_of(c, cf, of);
	return a;
}

INLINE_ALU alu_rcl(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	return alu_through_carry(c, l, a, b, true);
}

INLINE_ALU alu_rcr(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	return alu_through_carry(c, l, a, b, false);
}

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)

#define SHIFT(op, N, T, L)                                                     \
H(op##_ei_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), (u8)i->imm)); } \
H(op##_ei_m##N) { rmw_##N(c, i, alu_##op, (u8)i->imm); }                       \
H(op##_cl_r##N)                                                                \
{                                                                              \
	put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), (u8)c->r[RCX]));         \
}                                                                              \
H(op##_cl_m##N) { rmw_##N(c, i, alu_##op, (u8)c->r[RCX]); }
#define SHIFT_TABLES(op)                                                       \
insn_fn *const v_##op##_ei[12] = { FOUR(op##_ei_r), FOUR(op##_ei_m) };         \
insn_fn *const v_##op##_cl[12] = { FOUR(op##_cl_r), FOUR(op##_cl_m) };

#define ROL(N, T, L) SHIFT(rol, N, T, L)
#define ROR(N, T, L) SHIFT(ror, N, T, L)
#define RCL(N, T, L) SHIFT(rcl, N, T, L)
#define RCR(N, T, L) SHIFT(rcr, N, T, L)
#define SHL(N, T, L) SHIFT(shl, N, T, L)
#define SHR(N, T, L) SHIFT(shr, N, T, L)
#define SAR(N, T, L) SHIFT(sar, N, T, L)
SIZES(ROL) SHIFT_TABLES(rol)
SIZES(ROR) SHIFT_TABLES(ror)
SIZES(RCL) SHIFT_TABLES(rcl)
SIZES(RCR) SHIFT_TABLES(rcr)
SIZES(SHL) SHIFT_TABLES(shl)
SIZES(SHR) SHIFT_TABLES(shr)
SIZES(SAR) SHIFT_TABLES(sar)

/* --- SHLD SHRD ---------------------------------------------------------------------- */

/* 16 bits with a count above 16: undefined; Zen shifts the three words
 * destination, source, destination. */
static u64 shld(struct x86_cpu *c, unsigned l, u64 a, u64 b, unsigned n)
{
	unsigned bits = bits_of(l);
	u64 r, cf;

	if (l == 1) {
		u64 w = a << 32 | b << 16 | a;

		r = w << n >> 32 & 0xffff;
		cf = w >> (48 - n) & 1;
	} else {
		r = a << n | b >> (bits - n);
		cf = a >> (bits - n) & 1;
	}
	cc_expl(c, l, r, FL_AF | cf | (msb(l, r) != cf ? FL_OF : 0));
	return r;
}

static u64 shrd(struct x86_cpu *c, unsigned l, u64 a, u64 b, unsigned n)
{
	unsigned bits = bits_of(l);
	u64 r, cf;

	if (l == 1) {
		u64 w = a << 32 | b << 16 | a;

		r = w >> n & 0xffff;
		cf = w >> (n - 1) & 1;
	} else {
		r = a >> n | b << (bits - n);
		cf = a >> (n - 1) & 1;
	}
	cc_expl(c, l, r, FL_AF | cf |
		(msb(l, r) != msb(l, r << 1) ? FL_OF : 0));
	return r;
}

typedef u64 double_fn(struct x86_cpu *c, unsigned l, u64 a, u64 b, unsigned n);

static void double_shift(struct x86_cpu *c, const struct insn *i, unsigned l,
			 double_fn *f, u64 count)
{
	unsigned n = count_of(l, count), size = 1u << l;
	bool mem = i->flags & I_MEM;
	gva_t la = mem ? x86_ea(c, i, size, true) : 0;
	struct cc_state old, new;
	u64 a;

	if (mem)
		mem_probe(c, la, size, true);
	a = mem ? ld_size(c, la, size) : get_reg(c, i->rm, size);
	old = cc_save(c);
	if (n)
		a = f(c, l, a, get_reg(c, i->reg, size), n);
	if (!mem) {
		set_reg(c, i->rm, size, a);
		return;
	}
	new = cc_save(c);
	cc_load(c, old);
	st_size(c, la, size, a);
	cc_load(c, new);
}

#define DOUBLE(op, N, L)                                                       \
H(op##_i##N) { double_shift(c, i, L, op, (u8)i->imm); }                        \
H(op##_cl##N) { double_shift(c, i, L, op, (u8)c->r[RCX]); }
#define DOUBLES(N, T, L) DOUBLE(shld, N, L) DOUBLE(shrd, N, L)
WIDE_SIZES(DOUBLES)
insn_fn *const v_shld_i[12] = { THREE(shld_i), THREE(shld_i) };
insn_fn *const v_shld_cl[12] = { THREE(shld_cl), THREE(shld_cl) };
insn_fn *const v_shrd_i[12] = { THREE(shrd_i), THREE(shrd_i) };
insn_fn *const v_shrd_cl[12] = { THREE(shrd_cl), THREE(shrd_cl) };
