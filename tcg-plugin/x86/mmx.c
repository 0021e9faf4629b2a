/* SPDX-License-Identifier: MIT */
/*
 * MMX: 64-bit integers in the x87 register file (SDM volume 1, chapter 9).
 *
 * Room:     operands, aliasing and state changes; the host does the sums.
 * Talks to: fpu_host.h, fpu.c.
 * Never:    changes tags before the last access of an instruction, nor TOP
 *           where the host does not.
 */
#include "tcg-plugin/x86/fpu_priv.h"

/* `rm` and `reg` may carry REX bits, which MMX ignores: registers are & 7
 * in fpu_mmx_get and fpu_mmx_set. */
u64 mmx_src(struct x86_cpu *c, const struct insn *i)
{
	u64 v = 0;

	if (!(i->flags & I_MEM))
		return fpu_mmx_get(&c->fpu, i->rm);
	ld_bytes(c, x86_ea(c, i, i->opsize, false), &v, i->opsize);
	return v;
}

static inline void mmx_op(struct x86_cpu *c, const struct insn *i,
			  host_mm_fn *op)
{
	u64 a, b;

	fpu_wait(c);
	b = mmx_src(c, i);
	a = fpu_mmx_get(&c->fpu, i->reg);
	mmx_result(c, i->reg, op(a, b));
}

static inline void mmx_shift_i(struct x86_cpu *c, const struct insn *i,
			       host_mm_fn *op)
{
	u64 a;

	fpu_wait(c);
	a = fpu_mmx_get(&c->fpu, i->rm);
	mmx_result(c, i->rm, op(a, (u8)i->imm));
}

#define HANDLER(name, body)                                              \
	void name(struct x86_cpu *c, const struct insn *i)                \
	{                                                                 \
		body;                                                     \
	}
#define ROW(...)
#define VI(map, pfx, byte, name, size, feat)
#define VF(map, pfx, byte, name, size, feat)
#define VI8(map, pfx, byte, name, size, feat)
#define VF8(map, pfx, byte, name, size, feat)
#define VN(byte, ext, name)
#define PI(map, byte, name, size, feat)                                  \
	HANDLER(mmx_##name, mmx_op(c, i, host_mmx_##name))
#define PN(byte, ext, name)                                              \
	HANDLER(mmx_##name##_i, mmx_shift_i(c, i, host_mmx_##name))
#include "tcg-plugin/x86/insns_sse.def"
#undef ROW

HANDLER(mmx_pshufw, mmx_op(c, i, host_mmx_imm(host_mmx_pshufw, (u8)i->imm)))
HANDLER(mmx_palignr, mmx_op(c, i, host_mmx_imm(host_mmx_palignr, (u8)i->imm)))

void mmx_emms(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	fpu_wait(c);
	fpu_mmx_enter(&c->fpu);
	c->fpu.ftw = 0;
}

void mmx_movd_pe(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = gpr_src(c, i);
	mmx_result(c, i->reg, i->opsize == 8 ? v : (u32)v);
}

/* What a store is to write.  TOP is 0 on Intel's CPUs even if it faults. */
static u64 to_store(struct x86_cpu *c, const struct insn *i)
{
	u64 v = fpu_mmx_get(&c->fpu, i->reg);

	if (!host_is_amd())
		fpu_mmx_top(&c->fpu);
	return v;
}

void mmx_movd_ep(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = to_store(c, i);
	if (i->flags & I_MEM)
		st_bytes(c, x86_ea(c, i, i->opsize, true), &v, i->opsize);
	else
		gpr_set(c, i->rm, v, i->opsize);
	fpu_mmx_enter(&c->fpu);
}

void mmx_movq_pq(struct x86_cpu *c, const struct insn *i)
{
	fpu_wait(c);
	mmx_result(c, i->reg, mmx_src(c, i));
}

void mmx_movq_qp(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = to_store(c, i);
	if (i->flags & I_MEM)
		st64(c, x86_ea(c, i, 8, true), v);
	else
		mmx_result(c, i->rm, v);
	fpu_mmx_enter(&c->fpu);
}

void mmx_pmovmskb(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = fpu_mmx_get(&c->fpu, i->rm);
	fpu_mmx_enter(&c->fpu);
	c->r[i->reg] = host_mmx_pmovmskb(v);
}

void mmx_pinsrw(struct x86_cpu *c, const struct insn *i)
{
	unsigned shift = ((unsigned)i->imm & 3) * 16;
	u64 v, d;

	fpu_wait(c);
	v = (u16)gpr_src(c, i);
	d = fpu_mmx_get(&c->fpu, i->reg);
	mmx_result(c, i->reg, (d & ~(0xffffull << shift)) | v << shift);
}

void mmx_pextrw(struct x86_cpu *c, const struct insn *i)
{
	u64 v;

	fpu_wait(c);
	v = fpu_mmx_get(&c->fpu, i->rm);
	fpu_mmx_enter(&c->fpu);
	c->r[i->reg] = (u16)(v >> ((unsigned)i->imm & 3) * 16);
}

/* MASKMOVQ, MASKMOVDQU: bytes whose mask has its top bit, to DS:rDI.  The host
 * checks the whole operand, whatever the mask. */
void fpu_mask_store(struct x86_cpu *c, const struct insn *i, const u8 *data,
		    const u8 *mask, unsigned n)
{
	unsigned seg = i->seg == SEG_NONE ? DS : i->seg;
	u64 cut = i->addrsize == 8 ? ~0ull : i->addrsize == 4 ? 0xffffffff
							       : 0xffff;

	mem_probe(c, x86_lin(c, seg, c->r[RDI] & cut, n, true), n, true);
	for (unsigned k = 0; k < n; k++)
		if (mask[k] & 0x80)
			st8(c, x86_lin(c, seg, (c->r[RDI] + k) & cut, 1, true),
			    data[k]);
}

void mmx_maskmovq(struct x86_cpu *c, const struct insn *i)
{
	u64 data, mask;

	fpu_wait(c);
	data = fpu_mmx_get(&c->fpu, i->reg);
	mask = fpu_mmx_get(&c->fpu, i->rm);
	fpu_mmx_enter(&c->fpu);        /* even if the store faults */
	fpu_mask_store(c, i, (const u8 *)&data, (const u8 *)&mask, 8);
}
