/* SPDX-License-Identifier: MIT */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NOT NEG, by size and operand
 * kind, generated from the inline operations at the top.
 */
#include "tcg-plugin/x86/operand.h"

#define INLINE_ALU static inline __attribute__((always_inline)) u64

INLINE_ALU alu_add(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	u64 r = a + b;

	cc_set(c, CC_ADD, l, r, b);
	return r;
}

INLINE_ALU alu_adc(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bool cf = flag_cf(c);
	u64 r = a + b + cf;

	cc_set(c, cf ? CC_ADC : CC_ADD, l, r, b);
	return r;
}

INLINE_ALU alu_sub(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	u64 r = a - b;

	cc_set(c, CC_SUB, l, r, b);
	return r;
}

INLINE_ALU alu_sbb(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bool cf = flag_cf(c);
	u64 r = a - b - cf;

	cc_set(c, cf ? CC_SBB : CC_SUB, l, r, b);
	return r;
}

INLINE_ALU alu_and(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	cc_set(c, CC_LOGIC, l, a & b, 0);
	return a & b;
}

INLINE_ALU alu_or(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	cc_set(c, CC_LOGIC, l, a | b, 0);
	return a | b;
}

INLINE_ALU alu_xor(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	cc_set(c, CC_LOGIC, l, a ^ b, 0);
	return a ^ b;
}

/* b is not used by the one-operand kinds. */
INLINE_ALU alu_inc(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	u64 sign = 1ull << ((8u << l) - 1), r = a + 1;
	u64 top = sign << 1 ? (sign << 1) - 1 : ~0ull;

	(void)b;
	cc_expl(c, l, r, (flag_cf(c) ? FL_CF : 0) |
		((r & top) == sign ? FL_OF : 0) | ((r & 15) ? 0 : FL_AF));
	return r;
}

INLINE_ALU alu_dec(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	u64 sign = 1ull << ((8u << l) - 1), r = a - 1;
	u64 top = sign << 1 ? (sign << 1) - 1 : ~0ull;

	(void)b;
	cc_expl(c, l, r, (flag_cf(c) ? FL_CF : 0) |
		((a & top) == sign ? FL_OF : 0) | ((a & 15) ? 0 : FL_AF));
	return r;
}

INLINE_ALU alu_neg(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	(void)b;
	return alu_sub(c, l, 0, a);
}

INLINE_ALU alu_not(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	(void)c;
	(void)l;
	(void)b;
	return ~a;
}

/* --- slow memory operands ----------------------------------------------------- */

/* Flags change only once the store went through. */
void rmw_slow(struct x86_cpu *c, gva_t la, unsigned l, alu_fn *op, u64 b)
{
	struct cc_state old, new;
	u64 v;

	mem_probe(c, la, 1u << l, true);
	v = ld_size(c, la, 1u << l);
	old = cc_save(c);
	v = op(c, l, v, b);
	new = cc_save(c);
	cc_load(c, old);
	st_size(c, la, 1u << l, v);
	cc_load(c, new);
}

void rmw_slow_locked(struct x86_cpu *c, gva_t la, unsigned l, alu_fn *op,
		     u64 b)
{
	mem_rmw_lock(c);
	rmw_slow(c, la, l, op, b);
	mem_rmw_unlock(c);
}

/* --- two operands, result written ----------------------------------------------- */

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)

#define BINARY(op, N, T, L)                                                    \
H(op##_eg_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), reg_##N(c, i))); } \
H(op##_eg_m##N) { rmw_##N(c, i, alu_##op, reg_##N(c, i)); }                    \
H(op##_eg_l##N) { lock_##N(c, i, alu_##op, reg_##N(c, i)); }                   \
H(op##_ge_r##N) { put_reg_##N(c, i, alu_##op(c, L, reg_##N(c, i), rm_##N(c, i))); } \
H(op##_ge_m##N)                                                                \
{                                                                              \
	T b = ld##N(c, x86_ea(c, i, N / 8, false));                            \
									       \
	put_reg_##N(c, i, alu_##op(c, L, reg_##N(c, i), b));                   \
}                                                                              \
H(op##_ei_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), (T)i->imm)); } \
H(op##_ei_m##N) { rmw_##N(c, i, alu_##op, (T)i->imm); }                        \
H(op##_ei_l##N) { lock_##N(c, i, alu_##op, (T)i->imm); }

#define TABLES(op)                                                             \
insn_fn *const v_##op##_eg[12] =                                               \
	{ FOUR(op##_eg_r), FOUR(op##_eg_m), FOUR(op##_eg_l) };                 \
insn_fn *const v_##op##_ge[12] = { FOUR(op##_ge_r), FOUR(op##_ge_m) };         \
insn_fn *const v_##op##_ei[12] =                                               \
	{ FOUR(op##_ei_r), FOUR(op##_ei_m), FOUR(op##_ei_l) };

#define ADD(N, T, L) BINARY(add, N, T, L)
#define OR(N, T, L)  BINARY(or, N, T, L)
#define ADC(N, T, L) BINARY(adc, N, T, L)
#define SBB(N, T, L) BINARY(sbb, N, T, L)
#define AND(N, T, L) BINARY(and, N, T, L)
#define SUB(N, T, L) BINARY(sub, N, T, L)
#define XOR(N, T, L) BINARY(xor, N, T, L)
SIZES(ADD) TABLES(add)
SIZES(OR)  TABLES(or)
SIZES(ADC) TABLES(adc)
SIZES(SBB) TABLES(sbb)
SIZES(AND) TABLES(and)
SIZES(SUB) TABLES(sub)
SIZES(XOR) TABLES(xor)

/* --- two operands, flags only ------------------------------------------------------ */

#define COMPARE(name, op, N, T, L)                                             \
H(name##_eg_r##N) { op(c, L, rm_##N(c, i), reg_##N(c, i)); }                   \
H(name##_eg_m##N)                                                              \
{                                                                              \
	op(c, L, ld##N(c, x86_ea(c, i, N / 8, false)), reg_##N(c, i));         \
}                                                                              \
H(name##_ei_r##N) { op(c, L, rm_##N(c, i), (T)i->imm); }                       \
H(name##_ei_m##N)                                                              \
{                                                                              \
	op(c, L, ld##N(c, x86_ea(c, i, N / 8, false)), (T)i->imm);             \
}

#define CMP(N, T, L)                                                           \
COMPARE(cmp, alu_sub, N, T, L)                                                 \
H(cmp_ge_r##N) { alu_sub(c, L, reg_##N(c, i), rm_##N(c, i)); }                 \
H(cmp_ge_m##N)                                                                 \
{                                                                              \
	T b = ld##N(c, x86_ea(c, i, N / 8, false));                            \
									       \
	alu_sub(c, L, reg_##N(c, i), b);                                       \
}
#define TEST(N, T, L) COMPARE(test, alu_and, N, T, L)
SIZES(CMP)
SIZES(TEST)
insn_fn *const v_cmp_eg[12] = { FOUR(cmp_eg_r), FOUR(cmp_eg_m) };
insn_fn *const v_cmp_ge[12] = { FOUR(cmp_ge_r), FOUR(cmp_ge_m) };
insn_fn *const v_cmp_ei[12] = { FOUR(cmp_ei_r), FOUR(cmp_ei_m) };
insn_fn *const v_test_eg[12] = { FOUR(test_eg_r), FOUR(test_eg_m) };
insn_fn *const v_test_ei[12] = { FOUR(test_ei_r), FOUR(test_ei_m) };

/* --- one operand --------------------------------------------------------------------- */

#define UNARY(op, N, T, L)                                                     \
H(op##_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), 0)); }            \
H(op##_m##N) { rmw_##N(c, i, alu_##op, 0); }                                   \
H(op##_l##N) { lock_##N(c, i, alu_##op, 0); }
#define TABLE1(op) \
insn_fn *const v_##op[12] = { FOUR(op##_r), FOUR(op##_m), FOUR(op##_l) };
#define INC(N, T, L) UNARY(inc, N, T, L)
#define DEC(N, T, L) UNARY(dec, N, T, L)
#define NOT(N, T, L) UNARY(not, N, T, L)
#define NEG(N, T, L) UNARY(neg, N, T, L)
SIZES(INC) TABLE1(inc)
SIZES(DEC) TABLE1(dec)
SIZES(NOT) TABLE1(not)
SIZES(NEG) TABLE1(neg)
