/* SPDX-License-Identifier: MIT */
/*
 * CMPXCHG XADD CMPXCHG8B CMPXCHG16B, on host atomics when LOCKed.
 */
#include "tcg-plugin/x86/operand.h"

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)

static inline void cmp_flags(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	cc_set(c, CC_SUB, l, a - b, b);
}

/* --- CMPXCHG -------------------------------------------------------------------- */

/* The accumulator met `old` in memory. */
static inline void cmpxchg_done(struct x86_cpu *c, unsigned l, u64 old)
{
	u64 acc = get_reg(c, RAX, 1u << l);

	cmp_flags(c, l, acc, old);
	if (acc != old)
		set_reg(c, RAX, 1u << l, old);
}

static void cmpxchg_slow(struct x86_cpu *c, gva_t la, unsigned l, u64 new)
{
	unsigned size = 1u << l;
	u64 old;

	mem_probe(c, la, size, true);
	old = ld_size(c, la, size);
	st_size(c, la, size, old == get_reg(c, RAX, size) ? new : old);
	cmpxchg_done(c, l, old);
}

static void cmpxchg_slow_locked(struct x86_cpu *c, gva_t la, unsigned l,
				u64 new)
{
	mem_rmw_lock(c);
	cmpxchg_slow(c, la, l, new);
	mem_rmw_unlock(c);
}

#define CMPXCHG(N, T, L)                                                       \
H(cmpxchg_r##N)                                                                \
{                                                                              \
	T old = rm_##N(c, i), acc = (T)c->r[RAX];                              \
									       \
	cmp_flags(c, L, acc, old);                                             \
	if (acc == old)                                                        \
		put_rm_##N(c, i, reg_##N(c, i));                               \
	else                                                                   \
		set_reg(c, RAX, N / 8, old);                                   \
}                                                                              \
H(cmpxchg_m##N)                                                                \
{                                                                              \
	cmpxchg_slow(c, x86_ea(c, i, N / 8, true), L, reg_##N(c, i));          \
}                                                                              \
H(cmpxchg_l##N)                                                                \
{                                                                              \
	gva_t la = x86_ea(c, i, N / 8, true);                                  \
	un##N *p = lock_ptr(c, la, N / 8);                                     \
	T old = (T)c->r[RAX];                                                  \
									       \
	if (UNLIKELY(!p)) {                                                    \
		cmpxchg_slow_locked(c, la, L, reg_##N(c, i));                  \
		return;                                                        \
	}                                                                      \
	__atomic_compare_exchange_n(p, &old, reg_##N(c, i), false,             \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
	cmpxchg_done(c, L, old);                                               \
}
SIZES(CMPXCHG)
insn_fn *const v_cmpxchg[12] =
	{ FOUR(cmpxchg_r), FOUR(cmpxchg_m), FOUR(cmpxchg_l) };

/* --- XADD ------------------------------------------------------------------------- */

/* Sum stored; returns what was there. */
static u64 xadd_slow(struct x86_cpu *c, gva_t la, unsigned l, u64 b)
{
	u64 old;

	mem_probe(c, la, 1u << l, true);
	old = ld_size(c, la, 1u << l);
	st_size(c, la, 1u << l, old + b);
	return old;
}

#define XADD(N, T, L)                                                          \
static inline void xadd_done_##N(struct x86_cpu *c, const struct insn *i,      \
				 T old)                                        \
{                                                                              \
	T b = reg_##N(c, i);                                                   \
									       \
	cc_set(c, CC_ADD, L, (u64)old + b, b);                                 \
	put_reg_##N(c, i, old);                                                \
}                                                                              \
H(xadd_r##N)                                                                   \
{                                                                              \
	T old = rm_##N(c, i), sum = (T)(old + reg_##N(c, i));                  \
									       \
	xadd_done_##N(c, i, old);                                              \
	put_rm_##N(c, i, sum);                                                 \
}                                                                              \
H(xadd_m##N)                                                                   \
{                                                                              \
	gva_t la = x86_ea(c, i, N / 8, true);                                  \
									       \
	xadd_done_##N(c, i, (T)xadd_slow(c, la, L, reg_##N(c, i)));            \
}                                                                              \
H(xadd_l##N)                                                                   \
{                                                                              \
	gva_t la = x86_ea(c, i, N / 8, true);                                  \
	un##N *p = lock_ptr(c, la, N / 8);                                     \
	T old;                                                                 \
									       \
	if (LIKELY(p != NULL)) {                                               \
		old = __atomic_fetch_add(p, reg_##N(c, i), __ATOMIC_SEQ_CST);  \
	} else {                                                               \
		mem_rmw_lock(c);                                               \
		old = (T)xadd_slow(c, la, L, reg_##N(c, i));                   \
		mem_rmw_unlock(c);                                             \
	}                                                                      \
	xadd_done_##N(c, i, old);                                              \
}
SIZES(XADD)
insn_fn *const v_xadd[12] = { FOUR(xadd_r), FOUR(xadd_m), FOUR(xadd_l) };

/* --- CMPXCHG8B, CMPXCHG16B ----------------------------------------------------------- */

struct pair {
	u64 lo, hi;
};

static bool host_cmpxchg16b(void *p, struct pair *old, struct pair new)
{
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(ok), "+m"(*(struct pair *)p),
			   "+a"(old->lo), "+d"(old->hi)
			 : "b"(new.lo), "c"(new.hi) : "memory");
	return ok;
}

/* Compare with *old, store new; *old becomes what was there. */
static bool pair_xchg(struct x86_cpu *c, gva_t la, unsigned half,
		      struct pair *old, struct pair new)
{
	void *p = lock_ptr(c, la, half * 2);
	struct pair was;
	bool same;

	if (p && half == 8)
		return host_cmpxchg16b(p, old, new);
	if (p) {
		un64 *q = p;
		u64 o = old->lo | old->hi << 32;

		same = __atomic_compare_exchange_n(q, &o,
				new.lo | new.hi << 32, false,
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		*old = (struct pair){ (u32)o, o >> 32 };
		return same;
	}
	mem_rmw_lock(c);
	mem_probe(c, la, half * 2, true);
	was.lo = ld_size(c, la, half);
	was.hi = ld_size(c, la + half, half);
	same = was.lo == old->lo && was.hi == old->hi;
	st_size(c, la, half, same ? new.lo : was.lo);
	st_size(c, la + half, half, same ? new.hi : was.hi);
	mem_rmw_unlock(c);
	*old = was;
	return same;
}

void op_cmpxchg8b(struct x86_cpu *c, const struct insn *i)
{
	unsigned half = i->opsize;
	struct pair old, new;
	gva_t la;

	if (half == 8 && !has_feat(c, FEAT_CX16))
		x86_raise(c, EXC_UD);
	la = x86_ea(c, i, half * 2, true);
	if (half == 8 && (la & 15))
		x86_raise_err(c, EXC_GP, 0);
	old.lo = get_reg(c, RAX, half);
	old.hi = get_reg(c, RDX, half);
	new.lo = get_reg(c, RBX, half);
	new.hi = get_reg(c, RCX, half);
	if (pair_xchg(c, la, half, &old, new)) {
		flags_merge(c, FL_ZF, FL_ZF);
		return;
	}
	flags_merge(c, FL_ZF, 0);
	set_reg(c, RAX, half, old.lo);
	set_reg(c, RDX, half, old.hi);
}

/* --- random numbers, processor id -------------------------------------------------------- */

void op_rdrand(struct x86_cpu *c, const struct insn *i)
{
	u64 v = x86_random64();

	set_reg(c, i->rm, i->opsize, v);
	c->cc_op = CC_RFLAGS;
	c->rflags = (c->rflags & ~(u64)FL_ARITH) | FL_CF;
}

void op_rdpid(struct x86_cpu *c, const struct insn *i)
{
	c->r[i->rm] = (u32)c->tsc_aux;
}
