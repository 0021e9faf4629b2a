/* SPDX-License-Identifier: MIT */
/*
 * VEX instructions that touch memory element by element: masked moves and
 * gathers (SDM volume 2, VMASKMOV, VPMASKMOV, VGATHER, VPGATHER).
 *
 * Masked-out elements are not accessed and cannot fault.  A masked move does
 * all or nothing; a gather commits each element and clears its mask, so a
 * fault in the middle restarts where it was.
 */
#include "tcg-plugin/x86/vex.h"

/* --- masked moves ------------------------------------------------------------ */

static bool masked_in(struct x86_cpu *c, unsigned mask, unsigned at, unsigned n)
{
	return *ymm_at(c, mask, at + n - 1) >> 7;
}

static inline void mask_load(struct x86_cpu *c, const struct insn *i,
			     unsigned n)
{
	gva_t la = x86_ea(c, i, i->opsize, false);
	u8 d[32] = { 0 };

	for (unsigned at = 0; at < i->opsize; at += n)
		if (masked_in(c, i->vvvv, at, n))
			ld_bytes(c, la + at, d + at, n);
	ymm_set(c, i->reg, d);
}

static inline void mask_store(struct x86_cpu *c, const struct insn *i,
			      unsigned n)
{
	gva_t la = x86_ea(c, i, i->opsize, true);

	for (unsigned at = 0; at < i->opsize; at += n)
		if (masked_in(c, i->vvvv, at, n))
			mem_probe(c, la + at, n, true);
	for (unsigned at = 0; at < i->opsize; at += n)
		if (masked_in(c, i->vvvv, at, n))
			st_bytes(c, la + at, ymm_at(c, i->reg, at), n);
}

void vex_maskload4(struct x86_cpu *c, const struct insn *i)
{
	mask_load(c, i, 4);
}

void vex_maskload8(struct x86_cpu *c, const struct insn *i)
{
	mask_load(c, i, 8);
}

void vex_maskstore4(struct x86_cpu *c, const struct insn *i)
{
	mask_store(c, i, 4);
}

void vex_maskstore8(struct x86_cpu *c, const struct insn *i)
{
	mask_store(c, i, 8);
}

/* --- gathers ------------------------------------------------------------------ */

static gva_t element_at(struct x86_cpu *c, const struct insn *i, unsigned k,
			unsigned index, unsigned n)
{
	s64 x = 0;
	u64 off;

	memcpy(&x, ymm_at(c, i->rm, k * index), index);
	if (index == 4)
		x = (s32)x;
	off = c->rx[i->base] + (u64)i->disp + ((u64)x << i->scale);
	return x86_lin(c, i->seg, i->addrsize == 8 ? off : (u32)off, n, false);
}

/* Indices of `index` bytes, elements of n. */
static inline void gather(struct x86_cpu *c, const struct insn *i,
			  unsigned index, unsigned n)
{
	unsigned count = vex_len(i) / MAX(index, n);

	for (unsigned k = 0; k < count; k++) {
		u8 v[8];

		if (masked_in(c, i->vvvv, k * n, n)) {
			ld_bytes(c, element_at(c, i, k, index, n), v, n);
			memcpy(ymm_at(c, i->reg, k * n), v, n);
			io_commit(c);
		}
		memset(ymm_at(c, i->vvvv, k * n), 0, n);
	}
	for (unsigned at = count * n; at < 32; at += n)
		memset(ymm_at(c, i->reg, at), 0, n);
	memset(c->fpu.xmm[i->vvvv].b, 0, 16);
	memset(c->fpu.ymmh[i->vvvv].b, 0, 16);
}

void vex_gather_dd(struct x86_cpu *c, const struct insn *i)
{
	gather(c, i, 4, 4);
}

void vex_gather_dq(struct x86_cpu *c, const struct insn *i)
{
	gather(c, i, 4, 8);
}

void vex_gather_qd(struct x86_cpu *c, const struct insn *i)
{
	gather(c, i, 8, 4);
}

void vex_gather_qq(struct x86_cpu *c, const struct insn *i)
{
	gather(c, i, 8, 8);
}
