/* SPDX-License-Identifier: MIT */
/*
 * What the interpreter's handlers share: lazy flags, register and operand
 * access, the stack.
 *
 * Lazy flags: cc_op is a family and an operand size, or CC_RFLAGS (0) when the
 * arithmetic bits of rflags are valid.  cc_dst holds the result and cc_src an
 * operand, both shifted to the top of 64 bits, so that sign, zero, carry and
 * overflow need no look at the size:
 *
 *   CC_ADD    dst = res - src              CC_ADC   dst = res - src - 1
 *   CC_SUB    dst = res + src (CMP too)    CC_SBB   dst = res + src + 1
 *   CC_LOGIC  CF = OF = AF = 0
 *   CC_EXPL   ZF, SF and PF from res; CF, AF and OF are bits of cc_src
 */
#ifndef TCG_X86_INTERP_H
#define TCG_X86_INTERP_H

#include <stdatomic.h>

#include "tcg-plugin/x86/handlers.h"
#include "tcg-plugin/x86/insn.h"
#include "tcg-plugin/x86/mem.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum cc_family { CC_RFLAGS, CC_ADD, CC_ADC, CC_SUB, CC_SBB, CC_LOGIC, CC_EXPL };
#define CC(family, log2) ((family) << 2 | (log2))

/* cc_op's size as the shift that brought the operands to the top. */
static inline unsigned cc_shift(u32 op)
{
	return 64 - (8u << (op & 3));
}

static inline void cc_set(struct x86_cpu *c, enum cc_family f, unsigned log2,
			  u64 res, u64 src)
{
	unsigned sh = 64 - (8u << log2);

	c->cc_op = CC(f, log2);
	c->cc_dst = res << sh;
	c->cc_src = src << sh;
}

/* Result's ZF, SF, PF and these CF, AF, OF. */
static inline void cc_expl(struct x86_cpu *c, unsigned log2, u64 res, u64 fl)
{
	c->cc_op = CC(CC_EXPL, log2);
	c->cc_dst = res << (64 - (8u << log2));
	c->cc_src = fl;
}

static inline bool flag_cf(const struct x86_cpu *c)
{
	u64 d = c->cc_dst, s = c->cc_src;

	switch (c->cc_op >> 2) {
	case CC_ADD:   return d < s;
	case CC_ADC:   return d <= s;
	case CC_SUB:   return d + s < s;
	case CC_SBB:   return d + s + (1ull << cc_shift(c->cc_op)) <= s;
	case CC_LOGIC: return false;
	case CC_EXPL:  return s & FL_CF;
	default:       return c->rflags & FL_CF;
	}
}

static inline bool flag_zf(const struct x86_cpu *c)
{
	return c->cc_op ? c->cc_dst == 0 : !!(c->rflags & FL_ZF);
}

static inline bool flag_sf(const struct x86_cpu *c)
{
	return c->cc_op ? (s64)c->cc_dst < 0 : !!(c->rflags & FL_SF);
}

static inline bool flag_pf(const struct x86_cpu *c)
{
	if (!c->cc_op)
		return c->rflags & FL_PF;
	return !__builtin_parity(c->cc_dst >> cc_shift(c->cc_op) & 0xff);
}

static inline bool flag_of(const struct x86_cpu *c)
{
	u64 d = c->cc_dst, s = c->cc_src, one = 1ull << cc_shift(c->cc_op), o;

	switch (c->cc_op >> 2) {
	case CC_ADD: o = d - s; return (s64)((o ^ d) & (s ^ d)) < 0;
	case CC_ADC: o = d - s - one; return (s64)((o ^ d) & (s ^ d)) < 0;
	case CC_SUB: o = d + s; return (s64)((o ^ s) & (o ^ d)) < 0;
	case CC_SBB: o = d + s + one; return (s64)((o ^ s) & (o ^ d)) < 0;
	case CC_LOGIC: return false;
	case CC_EXPL:  return s & FL_OF;
	default:       return c->rflags & FL_OF;
	}
}

static inline u32 flag_af(const struct x86_cpu *c)
{
	unsigned sh = cc_shift(c->cc_op);
	u64 d = c->cc_dst >> sh, s = c->cc_src >> sh, o;

	switch (c->cc_op >> 2) {
	case CC_RFLAGS: return c->rflags & FL_AF;
	case CC_ADD: o = d - s; break;
	case CC_ADC: o = d - s - 1; break;
	case CC_SUB: o = d + s; break;
	case CC_SBB: o = d + s + 1; break;
	case CC_EXPL: return c->cc_src & FL_AF;
	default: return 0;
	}
	return (o ^ s ^ d) & FL_AF;
}

/* The six bits as they would be in RFLAGS (flags.c). */
u32 flags_arith(const struct x86_cpu *c);

/* Arithmetic bits into rflags; returns it. Cheap when they are there. */
static inline u64 flags_sync(struct x86_cpu *c)
{
	if (c->cc_op) {
		c->rflags = (c->rflags & ~(u64)FL_ARITH) | flags_arith(c);
		c->cc_op = CC_RFLAGS;
	}
	return c->rflags;
}

/* Bits of `mask` (arithmetic ones only) become those of `v`. */
static inline void flags_merge(struct x86_cpu *c, u64 mask, u64 v)
{
	flags_sync(c);
	c->rflags = (c->rflags & ~mask) | (v & mask);
}

/* New CF and OF, the other arithmetic flags as they were. */
static inline void flags_set_cf_of(struct x86_cpu *c, bool cf, bool of)
{
	u32 f = (cf ? FL_CF : 0) | (of ? FL_OF : 0);

	if (c->cc_op) {
		c->cc_src = f | flag_af(c);
		c->cc_op = CC(CC_EXPL, c->cc_op & 3);
	} else {
		c->rflags = (c->rflags & ~(u64)(FL_CF | FL_OF)) | f;
	}
}

static inline bool cond_be(const struct x86_cpu *c)
{
	if (LIKELY(c->cc_op >> 2 == CC_SUB))
		return c->cc_dst + c->cc_src <= c->cc_src;
	return flag_cf(c) || flag_zf(c);
}

static inline bool cond_l(const struct x86_cpu *c)
{
	if (LIKELY(c->cc_op >> 2 == CC_SUB))
		return (s64)(c->cc_dst + c->cc_src) < (s64)c->cc_src;
	return flag_sf(c) != flag_of(c);
}

static inline bool cond_le(const struct x86_cpu *c)
{
	if (LIKELY(c->cc_op >> 2 == CC_SUB))
		return (s64)(c->cc_dst + c->cc_src) <= (s64)c->cc_src;
	return flag_zf(c) || flag_sf(c) != flag_of(c);
}

static inline bool cond_b(const struct x86_cpu *c)
{
	if (LIKELY(c->cc_op >> 2 == CC_SUB))
		return c->cc_dst + c->cc_src < c->cc_src;
	return flag_cf(c);
}

/* Condition codes 0-15; constant-folded when `cc` is a constant. */
static inline bool cond_true(const struct x86_cpu *c, unsigned cc)
{
	bool t;

	switch (cc >> 1) {
	case 0:  t = flag_of(c); break;
	case 1:  t = cond_b(c); break;
	case 2:  t = flag_zf(c); break;
	case 3:  t = cond_be(c); break;
	case 4:  t = flag_sf(c); break;
	case 5:  t = flag_pf(c); break;
	case 6:  t = cond_l(c); break;
	default: t = cond_le(c); break;
	}
	return t != (cc & 1);
}

/* X-table of the conditions: number, suffix. */
#define CONDITIONS(X) \
	X(0, o) X(1, no) X(2, b) X(3, ae) X(4, e) X(5, ne) X(6, be) X(7, a) \
	X(8, s) X(9, ns) X(10, p) X(11, np) X(12, l) X(13, ge) X(14, le) X(15, g)

/* --- registers by size -------------------------------------------------- */

/* Byte register n, or AH..BH for n = 4..7 when `high`. */
static inline u8 *reg8(struct x86_cpu *c, unsigned n, unsigned high)
{
	return (u8 *)c->r + n * 8 - (high ? 31 : 0);
}

static inline u8 get_reg8(struct x86_cpu *c, unsigned n, unsigned high)
{
	return *reg8(c, n, high);
}

static inline void set_reg16(struct x86_cpu *c, unsigned n, u16 v)
{
	*(u16 *)&c->r[n] = v;
}

/* Register n as an operand of `size` bytes (not high bytes). */
static inline u64 get_reg(const struct x86_cpu *c, unsigned n, unsigned size)
{
	switch (size) {
	case 1:  return (u8)c->r[n];
	case 2:  return (u16)c->r[n];
	case 4:  return (u32)c->r[n];
	default: return c->r[n];
	}
}

static inline void set_reg(struct x86_cpu *c, unsigned n, unsigned size, u64 v)
{
	switch (size) {
	case 1:  *(u8 *)&c->r[n] = (u8)v; break;
	case 2:  *(u16 *)&c->r[n] = (u16)v; break;
	case 4:  c->r[n] = (u32)v; break;
	default: c->r[n] = v; break;
	}
}

/* The r/m operand, register or memory, any size, byte registers included. */
static inline u64 ld_size(struct x86_cpu *c, gva_t la, unsigned size)
{
	switch (size) {
	case 1:  return ld8(c, la);
	case 2:  return ld16(c, la);
	case 4:  return ld32(c, la);
	default: return ld64(c, la);
	}
}

static inline void st_size(struct x86_cpu *c, gva_t la, unsigned size, u64 v)
{
	switch (size) {
	case 1:  st8(c, la, (u8)v); break;
	case 2:  st16(c, la, (u16)v); break;
	case 4:  st32(c, la, (u32)v); break;
	default: st64(c, la, v); break;
	}
}

static inline u64 get_rm(struct x86_cpu *c, const struct insn *i, unsigned size)
{
	if (i->flags & I_MEM)
		return ld_size(c, x86_ea(c, i, size, false), size);
	if (size == 1)
		return get_reg8(c, i->rm, i->sel8 & 2);
	return get_reg(c, i->rm, size);
}

static inline void set_rm(struct x86_cpu *c, const struct insn *i,
			  unsigned size, u64 v)
{
	if (i->flags & I_MEM)
		st_size(c, x86_ea(c, i, size, true), size, v);
	else if (size == 1)
		*reg8(c, i->rm, i->sel8 & 2) = (u8)v;
	else
		set_reg(c, i->rm, size, v);
}

/* --- stack ----------------------------------------------------------------- */

static inline u64 stack_mask(const struct x86_cpu *c)
{
	return c->stack_bits == 64 ? ~0ull
	       : c->stack_bits == 32 ? 0xffffffffull : 0xffffull;
}

/* rSP as the stack size sees it, and back (upper bits kept for 16 bits). */
static inline u64 get_sp(const struct x86_cpu *c)
{
	return c->r[RSP] & stack_mask(c);
}

static inline void set_sp(struct x86_cpu *c, u64 sp)
{
	if (c->stack_bits == 16)
		set_reg16(c, RSP, (u16)sp);
	else
		c->r[RSP] = sp & stack_mask(c);
}

/* Linear address of stack offset sp (cut to the stack size), checked. */
static inline gva_t stack_lin(struct x86_cpu *c, u64 sp, unsigned n, bool wr)
{
	if (LIKELY(c->stack_bits == 64 && !c->align_check))
		return sp;
	if (c->stack_bits == 32 && (c->flat >> SS & 1) && (u32)sp <= 0u - n)
		return (u32)sp;
	return x86_lin(c, SS, sp & stack_mask(c), n, wr);
}

/*
 * Pushes and pops that commit nothing: *sp walks, the caller stores it with
 * set_sp when the last access is done.
 */
static inline void push_at(struct x86_cpu *c, u64 *sp, unsigned size, u64 v)
{
	u64 to = (*sp - size) & stack_mask(c);

	st_size(c, stack_lin(c, to, size, true), size, v);
	*sp = to;
}

static inline u64 pop_at(struct x86_cpu *c, u64 *sp, unsigned size)
{
	u64 v = ld_size(c, stack_lin(c, *sp, size, false), size);

	*sp = (*sp + size) & stack_mask(c);
	return v;
}

/* Host entropy for RDRAND and RDSEED (system.c). */
u64 x86_random64(void);

/* --- control ------------------------------------------------------------------ */

/* Cut a branch target to the operand size; checks canonical or CS limit. */
static inline void branch_to(struct x86_cpu *c, u64 target, unsigned opsize)
{
	if (LIKELY(c->code_bits == 64)) {
		if (UNLIKELY(!x86_canonical(c, target)))
			x86_raise_err(c, EXC_GP, 0);
		c->rip = target;
		return;
	}
	target = opsize == 2 ? (u16)target : (u32)target;
	if (UNLIKELY(target > c->seg[CS].limit))
		x86_raise_err(c, EXC_GP, 0);
	c->rip = target;
}

static inline unsigned iopl(const struct x86_cpu *c)
{
	return c->rflags >> 12 & 3;
}

static inline bool is_prot(const struct x86_cpu *c)
{
	return c->mode >= MODE_PROT;   /* neither real nor V86 */
}

/* CR4.OSXSAVE, and XCR0 has SSE and AVX. */
static inline bool x86_avx_on(const struct x86_cpu *c)
{
	return (c->cr4 & CR4_OSXSAVE) && (c->xcr0 & 6) == 6;
}

static inline bool has_feat(const struct x86_cpu *c, unsigned feat)
{
	return c->feats >> feat & 1;
}

#endif
