/* SPDX-License-Identifier: MIT */
/*
 * VEX-encoded vector instructions (SDM volume 2; exceptions 2.4).
 *
 * Room:     operands in, the host's stub, the result out; moves by hand.
 * Talks to: host_vex.h for the operation, fpu.c for MXCSR and #XM.
 * Never:    writes a register before the last access or exception; built with
 *           vector registers (the guest's may be in them).
 */
#include "tcg-plugin/x86/vex.h"

#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/host_vex.h"

/* --- operands ------------------------------------------------------------- */

/* ModRM.reg is a source, rm the destination. */
static bool writes_rm(unsigned form)
{
	return form == F_WV || form == F_WVI8 || form == F_WHV ||
	       form == F_EV || form == F_EVI8;
}

static bool rm_is_gpr(unsigned form)
{
	return form == F_VE || form == F_VHE || form == F_VHEI8;
}

/* Bytes of a memory source: conversions to general registers are sized by
 * what they write. */
static unsigned mem_size(const struct insn *i)
{
	if (i->row->form != F_GW || i->row->size != S_Y)
		return i->opsize;
	return i->row->pfx == PF3 ? 4 : 8;
}

static gva_t vex_ea(struct x86_cpu *c, const struct insn *i, unsigned n,
		    bool write)
{
	gva_t la = x86_ea(c, i, n, write);

	if ((i->row->attr & A_ALIGN) && la & (n - 1))
		x86_raise_err(c, EXC_GP, 0);
	return la;
}

/* rm or memory, zero-extended to 32 bytes. */
static void vex_src(struct x86_cpu *c, const struct insn *i, u8 *v)
{
	unsigned n = mem_size(i);

	if (!(i->flags & I_MEM)) {
		ymm_get(c, i->rm, v);
		return;
	}
	memset(v, 0, 32);
	ld_bytes(c, vex_ea(c, i, n, false), v, n);
}

static void load(struct x86_cpu *c, const struct insn *i, struct host_vex *o)
{
	unsigned form = i->row->form;

	memset(o, 0, sizeof(*o));
	ymm_get(c, i->reg, o->v[0]);
	ymm_get(c, i->vvvv, o->v[1]);
	o->mxcsr = MXCSR_INIT;
	if (form == F_VHWL)
		ymm_get(c, i->imm >> 4 & (i->flags & I_64 ? 15 : 7), o->v[3]);
	if (writes_rm(form))
		ymm_get(c, i->reg, o->v[2]);
	else if (rm_is_gpr(form))
		o->rdx = i->flags & I_MEM ? get_rm(c, i, i->opsize)
					  : c->r[i->rm];
	else
		vex_src(c, i, o->v[2]);
}

static void store(struct x86_cpu *c, const struct insn *i,
		  const struct host_vex *o)
{
	unsigned n = i->opsize;

	switch (i->row->form) {
	case F_GW: case F_GUI8:
		c->r[i->reg] = o->rax;
		return;
	case F_EV: case F_EVI8:
		if (i->flags & I_MEM)
			st_bytes(c, vex_ea(c, i, n, true), &o->rax, n);
		else
			c->r[i->rm] = o->rax;
		return;
	case F_WV: case F_WVI8: case F_WHV:
		if (i->flags & I_MEM)
			st_bytes(c, vex_ea(c, i, n, true), o->v[0], n);
		else
			ymm_set(c, i->rm, o->v[0]);
		return;
	case F_HUI8:
		ymm_set(c, i->vvvv, o->v[0]);
		return;
	default:
		ymm_set(c, i->reg, o->v[0]);
	}
}

/* --- regular rows --------------------------------------------------------- */

void vex_op(struct x86_cpu *c, const struct insn *i)
{
	struct host_vex o;

	load(c, i, &o);
	host_vex_run(&o, host_vex_stub(i));
	store(c, i, &o);
}

/* Under the guest's MXCSR with everything masked; returns the flags. */
static u32 fp_flags(const struct x86_cpu *c, struct host_vex *o,
		    const void *stub, u32 clear, u32 set)
{
	o->mxcsr = (c->fpu.mxcsr & ~(MXCSR_EXC | clear)) | MXCSR_MASKS | set;
	host_vex_run(o, stub);
	return o->mxcsr & MXCSR_EXC;
}

/*
 * Unmasked, underflow is any tiny result, even an exact one, and FZ is
 * ignored; flushing to zero reports just that (compare fp_run in sse.c).
 */
static u32 fp_run(const struct x86_cpu *c, struct host_vex *o,
		  const void *stub)
{
	const struct host_vex in = *o;
	u32 flags = fp_flags(c, o, stub, 0, 0);
	struct host_vex again = in;

	if (c->fpu.mxcsr & MXCSR_UM)
		return flags;
	flags = fp_flags(c, &again, stub, MXCSR_FZ, 0);
	again = in;
	return flags | (fp_flags(c, &again, stub, 0, MXCSR_FZ) & MXCSR_UE);
}

void vex_fp(struct x86_cpu *c, const struct insn *i)
{
	struct host_vex o;

	load(c, i, &o);
	fpu_simd_flags(c, fp_run(c, &o, host_vex_stub(i)));
	store(c, i, &o);
}

static void set_arith(struct x86_cpu *c, u64 flags)
{
	x86_set_rflags(c, (x86_rflags(c) & ~(u64)FL_ARITH) |
			  (flags & FL_ARITH));
}

/* VPTEST, VTESTPS. */
void vex_flags(struct x86_cpu *c, const struct insn *i)
{
	struct host_vex o;

	load(c, i, &o);
	host_vex_run(&o, host_vex_stub(i));
	set_arith(c, o.rflags);
}

/* VCOMISS and kin. */
void vex_fpflags(struct x86_cpu *c, const struct insn *i)
{
	struct host_vex o;

	load(c, i, &o);
	fpu_simd_flags(c, fp_flags(c, &o, host_vex_stub(i), 0, 0));
	set_arith(c, o.rflags);
}

/*
 * VDPPS, VDPPD multiply, then add: exceptions of the products end the
 * instruction before those of the sums can arise.
 */
void vex_dp(struct x86_cpu *c, const struct insn *i)
{
	const bool ps = i->byte == 0x40;
	const u32 pre = MXCSR_IE | MXCSR_DE | MXCSR_ZE;
	const unsigned l = !!(i->flags & I_VEXL), n = ps ? 4 : 8;
	struct host_vex o, mul;
	u32 flags;

	load(c, i, &o);
	mul = o;
	for (unsigned at = 0; at < 32; at += n)
		if (!(i->imm >> (4 + at % 16 / n) & 1)) {
			memset(mul.v[1] + at, 0, n);
			memset(mul.v[2] + at, 0, n);
		}
	fpu_simd_flags(c, fp_run(c, &mul, ps ? host_vex_mulps[l]
					     : host_vex_mulpd[l]));
	flags = fp_flags(c, &o, host_vex_stub(i), 0, 0);
	if (flags & pre & ~(c->fpu.mxcsr >> 7))
		flags &= pre;
	fpu_simd_flags(c, flags);
	store(c, i, &o);
}

/* A half that is tiny. */
static bool has_denormal_half(const u8 *v, unsigned n)
{
	for (unsigned at = 0; at < n; at += 2) {
		u16 h;

		memcpy(&h, v + at, 2);
		if (!(h & 0x7c00) && (h & 0x3ff))
			return true;
	}
	return false;
}

/* FZ does not concern it, so an exact tiny result is found by looking. */
void vex_cvtps2ph(struct x86_cpu *c, const struct insn *i)
{
	struct host_vex o;
	u32 flags;

	load(c, i, &o);
	flags = fp_flags(c, &o, host_vex_stub(i), 0, 0);
	if (!(c->fpu.mxcsr & MXCSR_UM) && has_denormal_half(o.v[0], i->opsize))
		flags |= MXCSR_UE;
	if (i->flags & I_MEM && host_is_amd())
		mem_probe(c, vex_ea(c, i, i->opsize, true), i->opsize, true);
	fpu_simd_flags(c, flags);
	store(c, i, &o);
}

/* --- moves ---------------------------------------------------------------- */

/* Whole vectors and scalars from memory: the rest becomes zero. */
void vex_load(struct x86_cpu *c, const struct insn *i)
{
	u8 v[32];

	vex_src(c, i, v);
	memset(v + i->opsize, 0, sizeof(v) - i->opsize);
	ymm_set(c, i->reg, v);
}

void vex_store(struct x86_cpu *c, const struct insn *i)
{
	u8 v[32];

	ymm_get(c, i->reg, v);
	if (i->flags & I_MEM) {
		st_bytes(c, vex_ea(c, i, i->opsize, true), v, i->opsize);
		return;
	}
	memset(v + i->opsize, 0, sizeof(v) - i->opsize);
	ymm_set(c, i->rm, v);
}

/* VMOVLPS, VMOVHPS from memory: the other half is vvvv's. */
static void half(struct x86_cpu *c, const struct insn *i, unsigned to)
{
	u64 v = ld64(c, x86_ea(c, i, 8, false));
	u8 d[32] = { 0 };

	memcpy(d, c->fpu.xmm[i->vvvv].b, 16);
	memcpy(d + to, &v, 8);
	ymm_set(c, i->reg, d);
}

void vex_movl(struct x86_cpu *c, const struct insn *i)
{
	half(c, i, 0);
}

void vex_movh(struct x86_cpu *c, const struct insn *i)
{
	half(c, i, 8);
}

void vex_movh_store(struct x86_cpu *c, const struct insn *i)
{
	st_bytes(c, x86_ea(c, i, 8, true), c->fpu.xmm[i->reg].b + 8, 8);
}

void vex_broadcast(struct x86_cpu *c, const struct insn *i)
{
	unsigned n = i->opsize;
	u8 v[32], d[32] = { 0 };

	vex_src(c, i, v);
	for (unsigned at = 0; at < vex_len(i); at += n)
		memcpy(d + at, v, n);
	ymm_set(c, i->reg, d);
}

void vex_insertps(struct x86_cpu *c, const struct insn *i)
{
	struct insn whole = *i;

	/* COUNT_S selects within a register, not within memory. */
	if (i->flags & I_MEM)
		whole.imm &= 0x3f;
	vex_op(c, &whole);
}

/* The SSE handlers write XMM0; here the rest of it is cleared. */
void vex_pcmpestrm(struct x86_cpu *c, const struct insn *i)
{
	sse_pcmpestrm(c, i);
	memset(c->fpu.ymmh[0].b, 0, 16);
}

void vex_pcmpistrm(struct x86_cpu *c, const struct insn *i)
{
	sse_pcmpistrm(c, i);
	memset(c->fpu.ymmh[0].b, 0, 16);
}

/* --- all registers (outside 64-bit mode, the eight there are) -------------- */

void vex_zeroupper(struct x86_cpu *c, const struct insn *i)
{
	memset(c->fpu.ymmh, 0, i->flags & I_64 ? 256 : 128);
}

void vex_zeroall(struct x86_cpu *c, const struct insn *i)
{
	memset(c->fpu.xmm, 0, i->flags & I_64 ? 256 : 128);
	vex_zeroupper(c, i);
}
