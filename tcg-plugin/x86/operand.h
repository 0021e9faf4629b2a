/* SPDX-License-Identifier: MIT */
/*
 * Operands of one fixed size, for handlers generated per size.
 *
 * SIZES(X) calls X(bits, type, log2) for 8, 16, 32 and 64.  For each there are
 * reg_N/put_reg_N (ModRM.reg), rm_N/put_rm_N (ModRM.rm as a register), and
 * rmw_N_*, which read-modify-write the memory operand.
 */
#ifndef TCG_X86_OPERAND_H
#define TCG_X86_OPERAND_H

#include "tcg-plugin/x86/interp.h"

#define SIZES(X) X(8, u8, 0) X(16, u16, 1) X(32, u32, 2) X(64, u64, 3)
#define WIDE_SIZES(X) X(16, u16, 1) X(32, u32, 2) X(64, u64, 3)

/* A table's four entries of one kind, and the three without bytes. */
#define FOUR(p)  p##8, p##16, p##32, p##64
#define THREE(p) op_ud, p##16, p##32, p##64

static inline u8 reg_8(struct x86_cpu *c, const struct insn *i)
{
	return get_reg8(c, i->reg, i->sel8 & 1);
}
static inline u8 rm_8(struct x86_cpu *c, const struct insn *i)
{
	return get_reg8(c, i->rm, i->sel8 & 2);
}
static inline void put_reg_8(struct x86_cpu *c, const struct insn *i, u64 v)
{
	*reg8(c, i->reg, i->sel8 & 1) = (u8)v;
}
static inline void put_rm_8(struct x86_cpu *c, const struct insn *i, u64 v)
{
	*reg8(c, i->rm, i->sel8 & 2) = (u8)v;
}

#define REG_ACCESS(N, T, L)                                               \
static inline T reg_##N(struct x86_cpu *c, const struct insn *i)          \
{                                                                         \
	return (T)c->r[i->reg];                                           \
}                                                                         \
static inline T rm_##N(struct x86_cpu *c, const struct insn *i)           \
{                                                                         \
	return (T)c->r[i->rm];                                            \
}                                                                         \
static inline void put_reg_##N(struct x86_cpu *c, const struct insn *i,   \
			       u64 v)                                     \
{                                                                         \
	set_reg(c, i->reg, N / 8, v);                                     \
}                                                                         \
static inline void put_rm_##N(struct x86_cpu *c, const struct insn *i,    \
			      u64 v)                                      \
{                                                                         \
	set_reg(c, i->rm, N / 8, v);                                      \
}
WIDE_SIZES(REG_ACCESS)
#undef REG_ACCESS

/* --- read-modify-write of memory -------------------------------------------- */

struct cc_state {
	u64 dst, src, rflags;
	u32 op;
};

static inline struct cc_state cc_save(const struct x86_cpu *c)
{
	return (struct cc_state){ c->cc_dst, c->cc_src, c->rflags,
				  c->cc_op };
}

static inline void cc_load(struct x86_cpu *c, struct cc_state s)
{
	c->cc_dst = s.dst;
	c->cc_src = s.src;
	c->rflags = s.rflags;
	c->cc_op = s.op;
}

/* An operation on two operands: result, lazy flags set; touches only
 * cc_* and rflags. */
typedef u64 alu_fn(struct x86_cpu *c, unsigned log2, u64 a, u64 b);

/* Device, page-crossing or not-yet-mapped operand (interp_alu.c). */
void rmw_slow(struct x86_cpu *c, gva_t la, unsigned log2, alu_fn *op, u64 b);
void rmw_slow_locked(struct x86_cpu *c, gva_t la, unsigned log2, alu_fn *op,
		     u64 b);

/* Host pointer for a LOCKed access, NULL for the slow way. */
static inline void *lock_ptr(struct x86_cpu *c, gva_t la, unsigned n)
{
	void *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_WRITE, la, n);

	return LIKELY(p != NULL) ? p : mem_rmw_ptr(c, la, n);
}

typedef u16 __attribute__((aligned(1))) un16;
typedef u32 __attribute__((aligned(1))) un32;
typedef u64 __attribute__((aligned(1))) un64;
typedef u8 un8;

#define RMW(N, T, L)                                                      \
static inline __attribute__((always_inline))                              \
void rmw_##N(struct x86_cpu *c, const struct insn *i, alu_fn *op, T b)    \
{                                                                         \
	gva_t la = x86_ea(c, i, N / 8, true);                             \
	un##N *p = tlb_lookup(&c->tlb, c->tlb_mode, TLB_WRITE, la, N / 8);\
									  \
	if (LIKELY(p != NULL))                                            \
		*p = (T)op(c, L, *p, b);                                  \
	else                                                              \
		rmw_slow(c, la, L, op, b);                                \
}                                                                         \
static inline __attribute__((always_inline))                              \
void lock_##N(struct x86_cpu *c, const struct insn *i, alu_fn *op, T b)   \
{                                                                         \
	gva_t la = x86_ea(c, i, N / 8, true);                             \
	un##N *p = lock_ptr(c, la, N / 8);                                \
	struct cc_state s = cc_save(c);                                   \
	T old, new;                                                       \
									  \
	if (UNLIKELY(!p)) {                                               \
		rmw_slow_locked(c, la, L, op, b);                         \
		return;                                                   \
	}                                                                 \
	old = __atomic_load_n(p, __ATOMIC_RELAXED);                       \
	do {                                                              \
		cc_load(c, s);                                            \
		new = (T)op(c, L, old, b);                                \
	} while (!__atomic_compare_exchange_n(p, &old, new, false,        \
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));     \
}
SIZES(RMW)
#undef RMW

#endif
