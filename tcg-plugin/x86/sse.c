/* SPDX-License-Identifier: MIT */
/*
 * SSE arithmetic: the table's regular rows, comparisons, string compares.
 *
 * Room:     fetch operands, run the host's stub, write the result (SDM
 *           volume 2; exceptions volume 1, 11.5).
 * Talks to: fpu_host.h for the operation, fpu.c for MXCSR and #XM.
 * Never:    writes a register before the last access or exception.
 */
#include "tcg-plugin/x86/fpu_priv.h"

/* MXCSR.MM spares operations, not the aligned moves; SHA takes any address on
 * AMD's CPUs. */
static void misaligned(struct x86_cpu *c, const struct insn *i, bool write)
{
	bool move = write || i->row->fn == sse_mov_vw;

	if (i->row->feat == FEAT_SHA && host_is_amd())
		return;
	if (move || !(c->fpu.mxcsr & MXCSR_MM))
		x86_raise_err(c, EXC_GP, 0);
}

gva_t sse_ea(struct x86_cpu *c, const struct insn *i, bool write)
{
	gva_t la = x86_ea(c, i, i->opsize, write);

	if (__builtin_expect((i->row->attr & A_ALIGN) && (la & 15), 0))
		misaligned(c, i, write);
	return la;
}

v128 sse_src(struct x86_cpu *c, const struct insn *i)
{
	v128 v = { 0, 0 };

	if (!(i->flags & I_MEM))
		return xmm_get(c, i->rm);
	ld_bytes(c, sse_ea(c, i, false), &v, i->opsize);
	return v;
}

/* --- regular rows --------------------------------------------------------- */

static v128 fp_run(struct x86_cpu *c, host_vv_fn *op, v128 a, v128 b)
{
	u32 flags;
	v128 r;

	fp_begin(c);
	r = op(a, b);
	flags = fp_end();
	if (__builtin_expect(!(c->fpu.mxcsr & MXCSR_UM), 0)) {
		/* Unmasked, underflow is any tiny result, even an exact one
		 * (and FZ is ignored); flushing to zero reports just that.
		 * PE stays that of the masked result, here and for overflow;
		 * hardware looks at the one with an unbounded exponent. */
		host_mxcsr_load((c->fpu.mxcsr & ~(MXCSR_EXC | MXCSR_FZ)) |
				MXCSR_MASKS);
		op(a, b);
		flags = fp_end();
		host_mxcsr_load((c->fpu.mxcsr & ~MXCSR_EXC) | MXCSR_MASKS |
				MXCSR_FZ);
		op(a, b);
		flags |= fp_end() & MXCSR_UE;
	}
	fpu_simd_flags(c, flags);
	return r;
}

static inline void sse_int(struct x86_cpu *c, const struct insn *i,
			   host_vv_fn *op)
{
	v128 b = sse_src(c, i);

	xmm_set(c, i->reg, op(xmm_get(c, i->reg), b));
}

static inline void sse_fp(struct x86_cpu *c, const struct insn *i,
			  host_vv_fn *op)
{
	v128 b = sse_src(c, i);

	xmm_set(c, i->reg, fp_run(c, op, xmm_get(c, i->reg), b));
}

static inline void sse_shift_i(struct x86_cpu *c, const struct insn *i,
			       host_vv_fn *op)
{
	v128 count = { (u8)i->imm, 0 };

	xmm_set(c, i->rm, op(xmm_get(c, i->rm), count));
}

#define HANDLER(name, body)                                              \
	void name(struct x86_cpu *c, const struct insn *i)                \
	{                                                                 \
		body;                                                     \
	}
#define ROW(...)
#define VI(map, pfx, byte, name, size, feat)                             \
	HANDLER(sse_##name, sse_int(c, i, host_##name))
#define VF(map, pfx, byte, name, size, feat)                             \
	HANDLER(sse_##name, sse_fp(c, i, host_##name))
#define VI8(map, pfx, byte, name, size, feat)                            \
	HANDLER(sse_##name, sse_int(c, i, host_imm(host_##name, (u8)i->imm)))
#define VF8(map, pfx, byte, name, size, feat)                            \
	HANDLER(sse_##name, sse_fp(c, i, host_imm(host_##name, (u8)i->imm)))
#define VN(byte, ext, name)                                              \
	HANDLER(sse_##name##_i, sse_shift_i(c, i, host_##name))
#define PI(map, byte, name, size, feat)
#define PN(byte, ext, name)
#include "tcg-plugin/x86/insns_sse.def"
#undef ROW

/* --- whole-register shifts, three-operand forms --------------------------- */

static void shift_bytes(struct x86_cpu *c, const struct insn *i, bool left)
{
	unsigned n = (u8)i->imm > 16 ? 16 : (u8)i->imm;
	u8 in[48] = { 0 };

	memcpy(in + 16, c->fpu.xmm[i->rm].b, 16);
	memcpy(c->fpu.xmm[i->rm].b, in + 16 + (left ? -(int)n : (int)n), 16);
}
HANDLER(sse_pslldq_i, shift_bytes(c, i, true))
HANDLER(sse_psrldq_i, shift_bytes(c, i, false))

static void with_xmm0(struct x86_cpu *c, const struct insn *i,
		      v128 op(v128, v128, v128))
{
	v128 b = sse_src(c, i);

	xmm_set(c, i->reg, op(xmm_get(c, i->reg), b, xmm_get(c, 0)));
}
HANDLER(sse_pblendvb, with_xmm0(c, i, host_pblendvb))
HANDLER(sse_blendvps, with_xmm0(c, i, host_blendvps))
HANDLER(sse_blendvpd, with_xmm0(c, i, host_blendvpd))
HANDLER(sse_sha256rnds2, with_xmm0(c, i, host_sha256rnds2))

void sse_insertps(struct x86_cpu *c, const struct insn *i)
{
	/* COUNT_S selects within a register, not within memory. */
	u8 imm = (u8)i->imm & (i->flags & I_MEM ? 0x3f : 0xff);

	sse_int(c, i, host_imm(host_insertps, imm));
}

/*
 * DPPS and DPPD multiply, then add: exceptions of the products end the
 * instruction before those of the sums can arise.
 */
static void dot(struct x86_cpu *c, const struct insn *i, host_vv_fn *op,
		host_vv_fn *mul)
{
	v128 a = xmm_get(c, i->reg), b = sse_src(c, i), r, keep = { 0, 0 };
	const u32 pre = MXCSR_IE | MXCSR_DE | MXCSR_ZE;
	u32 flags;

	for (unsigned n = 0; n < 4; n++)
		if (i->imm >> (mul == host_mulps ? 4 + n : 4 + n / 2) & 1)
			keep[n / 2] |= 0xffffffffull << n % 2 * 32;
	fp_run(c, mul, a & keep, b & keep);
	fp_begin(c);
	r = op(a, b);
	flags = fp_end() & MXCSR_EXC;
	if (flags & pre & ~(c->fpu.mxcsr >> 7))
		flags &= pre;
	fpu_simd_flags(c, flags);
	xmm_set(c, i->reg, r);
}
HANDLER(sse_dpps, dot(c, i, host_imm(host_dpps, (u8)i->imm), host_mulps))
HANDLER(sse_dppd, dot(c, i, host_imm(host_dppd, (u8)i->imm), host_mulpd))

/* --- comparisons into RFLAGS ---------------------------------------------- */

static void set_arith(struct x86_cpu *c, u64 flags)
{
	x86_set_rflags(c, (x86_rflags(c) & ~(u64)FL_ARITH) |
			  (flags & FL_ARITH));
}

static void compare(struct x86_cpu *c, const struct insn *i,
		    u64 op(v128, v128))
{
	v128 b = sse_src(c, i);
	u64 flags;

	fp_begin(c);
	flags = op(xmm_get(c, i->reg), b);
	fpu_simd_flags(c, fp_end());
	set_arith(c, flags);
}
HANDLER(sse_comiss, compare(c, i, host_comiss))
HANDLER(sse_comisd, compare(c, i, host_comisd))
HANDLER(sse_ucomiss, compare(c, i, host_ucomiss))
HANDLER(sse_ucomisd, compare(c, i, host_ucomisd))

void sse_ptest(struct x86_cpu *c, const struct insn *i)
{
	v128 b = sse_src(c, i);

	set_arith(c, host_ptest(xmm_get(c, i->reg), b));
}

/* --- SSE4.2 string compares ----------------------------------------------- */

/* A length register, cut to what the 32-bit form distinguishes. */
static s64 str_len(const struct x86_cpu *c, const struct insn *i, unsigned reg)
{
	s64 n = i->flags & I_REXW ? (s64)c->r[reg] : (s32)c->r[reg];

	return n > 16 ? 16 : n < -16 ? -16 : n;
}

static void str_index(struct x86_cpu *c, const struct insn *i,
		      host_str_fn *zero)
{
	host_str_fn *op = (host_str_fn *)((uintptr_t)zero +
					  (u8)i->imm * HOST_STR_STRIDE);
	v128 b = sse_src(c, i);
	struct host_str r = op(xmm_get(c, i->reg), b, str_len(c, i, RAX),
			       str_len(c, i, RDX));

	c->r[RCX] = r.index;
	set_arith(c, r.rflags);
}
HANDLER(sse_pcmpistri, str_index(c, i, host_pcmpistri))
HANDLER(sse_pcmpestri, str_index(c, i, host_pcmpestri))

/* The mask forms set the flags of the index forms. */
static void str_mask(struct x86_cpu *c, const struct insn *i,
		     host_strm_fn *zero, host_str_fn *zero_flags)
{
	uintptr_t off = (u8)i->imm * HOST_STR_STRIDE;
	host_strm_fn *op = (host_strm_fn *)((uintptr_t)zero + off);
	host_str_fn *fl = (host_str_fn *)((uintptr_t)zero_flags + off);
	s64 la = str_len(c, i, RAX), lb = str_len(c, i, RDX);
	v128 a = xmm_get(c, i->reg), b = sse_src(c, i);

	xmm_set(c, 0, op(a, b, la, lb));
	set_arith(c, fl(a, b, la, lb).rflags);
}
HANDLER(sse_pcmpistrm, str_mask(c, i, host_pcmpistrm, host_pcmpistri))
HANDLER(sse_pcmpestrm, str_mask(c, i, host_pcmpestrm, host_pcmpestri))
