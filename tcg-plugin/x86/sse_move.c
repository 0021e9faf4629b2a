/* SPDX-License-Identifier: MIT */
/*
 * SSE moves, element access and conversions across register files.
 *
 * Room:     data movement between XMM, memory, general and MMX registers.
 * Talks to: fpu_host.h for conversions, fpu.c for MXCSR and MMX state.
 * Never:    writes a register before the last access or exception.
 */
#include "tcg-plugin/x86/fpu_priv.h"

#define HANDLER(name, body)                                              \
	void name(struct x86_cpu *c, const struct insn *i)                \
	{                                                                 \
		body;                                                     \
	}

u64 gpr_src(struct x86_cpu *c, const struct insn *i)
{
	u64 v = 0;

	if (!(i->flags & I_MEM))
		return c->r[i->rm];
	ld_bytes(c, x86_ea(c, i, i->opsize, false), &v, i->opsize);
	return v;
}

/* --- whole registers and scalars ------------------------------------------ */

HANDLER(sse_mov_vw, xmm_set(c, i->reg, sse_src(c, i)))

void sse_mov_wv(struct x86_cpu *c, const struct insn *i)
{
	if (i->flags & I_MEM)
		st_bytes(c, sse_ea(c, i, true), c->fpu.xmm[i->reg].b,
			 i->opsize);
	else
		xmm_set(c, i->rm, xmm_get(c, i->reg));
}

/* MOVSS, MOVSD: a load clears the rest, a register move keeps it. */
void sse_movs_vw(struct x86_cpu *c, const struct insn *i)
{
	if (i->flags & I_MEM)
		xmm_set(c, i->reg, sse_src(c, i));
	else
		memcpy(c->fpu.xmm[i->reg].b, c->fpu.xmm[i->rm].b, i->opsize);
}

void sse_movs_wv(struct x86_cpu *c, const struct insn *i)
{
	if (i->flags & I_MEM)
		sse_mov_wv(c, i);
	else
		memcpy(c->fpu.xmm[i->rm].b, c->fpu.xmm[i->reg].b, i->opsize);
}

void sse_movq_vw(struct x86_cpu *c, const struct insn *i)
{
	v128 v = sse_src(c, i);

	v[1] = 0;
	xmm_set(c, i->reg, v);
}

void sse_movq_wv(struct x86_cpu *c, const struct insn *i)
{
	v128 v = xmm_get(c, i->reg);

	v[1] = 0;
	if (i->flags & I_MEM)
		st64(c, x86_ea(c, i, 8, true), v[0]);
	else
		xmm_set(c, i->rm, v);
}

/* Half of the destination from half of the source. */
static void half(struct x86_cpu *c, const struct insn *i, unsigned to,
		 unsigned from)
{
	v128 s = sse_src(c, i), d = xmm_get(c, i->reg);

	d[to] = s[from];
	xmm_set(c, i->reg, d);
}
HANDLER(sse_movl_vm, half(c, i, 0, 0))
HANDLER(sse_movh_vm, half(c, i, 1, 0))
HANDLER(sse_movhlps, half(c, i, 0, 1))
HANDLER(sse_movlhps, half(c, i, 1, 0))
HANDLER(sse_movl_mv, st64(c, x86_ea(c, i, 8, true), xmm_get(c, i->reg)[0]))
HANDLER(sse_movh_mv, st64(c, x86_ea(c, i, 8, true), xmm_get(c, i->reg)[1]))

void sse_movd_ve(struct x86_cpu *c, const struct insn *i)
{
	u64 v = gpr_src(c, i);

	xmm_set(c, i->reg, (v128){ i->opsize == 8 ? v : (u32)v, 0 });
}

void sse_movd_ev(struct x86_cpu *c, const struct insn *i)
{
	u64 v = xmm_get(c, i->reg)[0];

	if (i->flags & I_MEM)
		st_bytes(c, x86_ea(c, i, i->opsize, true), &v, i->opsize);
	else
		gpr_set(c, i->rm, v, i->opsize);
}

void sse_movnti(struct x86_cpu *c, const struct insn *i)
{
	st_bytes(c, x86_ea(c, i, i->opsize, true), &c->r[i->reg], i->opsize);
}

HANDLER(sse_movmskps, c->r[i->reg] = host_movmskps(xmm_get(c, i->rm)))
HANDLER(sse_movmskpd, c->r[i->reg] = host_movmskpd(xmm_get(c, i->rm)))
HANDLER(sse_pmovmskb, c->r[i->reg] = host_pmovmskb(xmm_get(c, i->rm)))

void sse_maskmovdqu(struct x86_cpu *c, const struct insn *i)
{
	fpu_mask_store(c, i, c->fpu.xmm[i->reg].b, c->fpu.xmm[i->rm].b, 16);
}

/* --- elements -------------------------------------------------------------- */

static unsigned lane(const struct insn *i)
{
	return (unsigned)i->imm % (16 / i->opsize) * i->opsize;
}

void sse_pinsr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = gpr_src(c, i);

	memcpy(c->fpu.xmm[i->reg].b + lane(i), &v, i->opsize);
}

void sse_pextr(struct x86_cpu *c, const struct insn *i)
{
	u64 v = 0;

	memcpy(&v, c->fpu.xmm[i->reg].b + lane(i), i->opsize);
	if (i->flags & I_MEM)
		st_bytes(c, x86_ea(c, i, i->opsize, true), &v, i->opsize);
	else
		c->r[i->rm] = v;
}

void sse_pextrw(struct x86_cpu *c, const struct insn *i)
{
	u16 v;

	memcpy(&v, c->fpu.xmm[i->rm].b + ((unsigned)i->imm & 7) * 2, 2);
	c->r[i->reg] = v;
}

/* --- SSE4A ------------------------------------------------------------------ */

/* Length and index as AMD volume 4 has them; length 0 means 64. */
static u64 field_mask(unsigned len)
{
	return len ? BIT64(len) - 1 : ~0ull;
}

void sse_extrq(struct x86_cpu *c, const struct insn *i)
{
	v128 d = xmm_get(c, i->reg), s = xmm_get(c, i->rm);

	d[0] = d[0] >> (s[0] >> 8 & 63) & field_mask(s[0] & 63);
	xmm_set(c, i->reg, (v128){ d[0], 0 });
}

void sse_insertq(struct x86_cpu *c, const struct insn *i)
{
	v128 d = xmm_get(c, i->reg), s = xmm_get(c, i->rm);
	unsigned shift = s[1] >> 8 & 63;
	u64 mask = field_mask(s[1] & 63);

	d[0] = (d[0] & ~(mask << shift)) | (s[0] & mask) << shift;
	xmm_set(c, i->reg, (v128){ d[0], 0 });
}

/* --- conversions ------------------------------------------------------------ */

/* Source of CVTSS2SI and kin: 4 or 8 bytes, not the opsize. */
static v128 scalar_src(struct x86_cpu *c, const struct insn *i, unsigned n)
{
	v128 v = { 0, 0 };

	if (!(i->flags & I_MEM))
		return xmm_get(c, i->rm);
	ld_bytes(c, x86_ea(c, i, n, false), &v, n);
	return v;
}

static void to_gpr(struct x86_cpu *c, const struct insn *i, unsigned n,
		   u64 op4(v128), u64 op8(v128))
{
	v128 a = scalar_src(c, i, n);
	u64 v;

	fp_begin(c);
	v = i->opsize == 8 ? op8(a) : op4(a);
	fpu_simd_flags(c, fp_end());
	gpr_set(c, i->reg, v, i->opsize);
}
#define TO_GPR(name, n) \
	HANDLER(sse_##name, to_gpr(c, i, n, host_##name##4, host_##name##8))
TO_GPR(cvtss2si, 4)
TO_GPR(cvttss2si, 4)
TO_GPR(cvtsd2si, 8)
TO_GPR(cvttsd2si, 8)

static void from_gpr(struct x86_cpu *c, const struct insn *i,
		     v128 op4(v128, u64), v128 op8(v128, u64))
{
	u64 v = gpr_src(c, i);
	v128 d = xmm_get(c, i->reg);

	fp_begin(c);
	d = i->opsize == 8 ? op8(d, v) : op4(d, v);
	fpu_simd_flags(c, fp_end());
	xmm_set(c, i->reg, d);
}
HANDLER(sse_cvtsi2ss, from_gpr(c, i, host_cvtsi2ss4, host_cvtsi2ss8))
HANDLER(sse_cvtsi2sd, from_gpr(c, i, host_cvtsi2sd4, host_cvtsi2sd8))

static void to_mmx(struct x86_cpu *c, const struct insn *i, u64 op(v128))
{
	v128 a;
	u64 v;

	fpu_wait(c);
	a = sse_src(c, i);
	fpu_mmx_enter(&c->fpu);        /* even if #XM follows */
	fp_begin(c);
	v = op(a);
	fpu_simd_flags(c, fp_end());
	fpu_mmx_set(&c->fpu, i->reg, v);
}
HANDLER(sse_cvtps2pi, to_mmx(c, i, host_cvtps2pi))
HANDLER(sse_cvttps2pi, to_mmx(c, i, host_cvttps2pi))
HANDLER(sse_cvtpd2pi, to_mmx(c, i, host_cvtpd2pi))
HANDLER(sse_cvttpd2pi, to_mmx(c, i, host_cvttpd2pi))

/* With a memory operand the x87 unit is not involved at all. */
static void from_mmx(struct x86_cpu *c, const struct insn *i,
		     v128 op(v128, u64))
{
	v128 d = xmm_get(c, i->reg);
	u64 v;

	if (!(i->flags & I_MEM))
		fpu_wait(c);
	v = mmx_src(c, i);
	if (!(i->flags & I_MEM))
		fpu_mmx_enter(&c->fpu);
	fp_begin(c);
	d = op(d, v);
	fpu_simd_flags(c, fp_end());
	xmm_set(c, i->reg, d);
}
HANDLER(sse_cvtpi2ps, from_mmx(c, i, host_cvtpi2ps))
HANDLER(sse_cvtpi2pd, from_mmx(c, i, host_cvtpi2pd))

void sse_movq2dq(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = fpu_mmx_get(&c->fpu, i->rm);
	fpu_mmx_enter(&c->fpu);
	xmm_set(c, i->reg, (v128){ v, 0 });
}

void sse_movdq2q(struct x86_cpu *c, const struct insn *i)
{
	fpu_wait(c);
	mmx_result(c, i->reg, xmm_get(c, i->rm)[0]);
}
