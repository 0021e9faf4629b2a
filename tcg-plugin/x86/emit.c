/* SPDX-License-Identifier: MIT */
/*
 * Host x86-64 encodings.  See emit.h.
 */
#include "tcg-plugin/x86/emit.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

static unsigned hi(u8 r)
{
	return r != H_NONE && r >= 8;
}

static unsigned rm_rex(struct host_rm rm)
{
	if (rm.kind == HRM_REG)
		return hi(rm.reg) * REX_B;
	return hi(rm.base) * REX_B + hi(rm.index) * REX_X;
}

/* ModRM, SIB and displacement of a memory operand. */
static void put_mem(struct emit *e, u8 reg, struct host_rm m)
{
	unsigned r = (reg & 7) << 3, mod;
	bool sib = m.index != H_NONE || m.base == H_NONE ||
		   (m.base & 7) == H_SP;

	if (m.base == H_NONE) {        /* [disp32] or [index*s + disp32] */
		e8(e, r | 4);
		e8(e, m.scale << 6 | (m.index == H_NONE ? 4 : m.index & 7) << 3
		      | 5);
		e32(e, m.disp);
		return;
	}
	mod = m.disp == 0 && (m.base & 7) != H_BP ? 0 :
	      m.disp == (s8)m.disp ? 1 : 2;
	e8(e, mod << 6 | r | (sib ? 4 : m.base & 7));
	if (sib)
		e8(e, m.scale << 6 |
		      (m.index == H_NONE ? 4 : m.index & 7) << 3 |
		      (m.base & 7));
	if (mod == 1)
		e8(e, m.disp);
	else if (mod == 2)
		e32(e, m.disp);
}

static void put_rm(struct emit *e, u8 reg, struct host_rm rm)
{
	if (rm.kind == HRM_REG)
		e8(e, 0xc0 | (reg & 7) << 3 | (rm.reg & 7));
	else
		put_mem(e, reg, rm);
}

static void put_imm(struct emit *e, const struct host_op *op)
{
	memcpy(e->p, &op->imm, 8);
	e->p += op->imm_len;
}

static void put_escape(struct emit *e, u8 map)
{
	if (map)
		e8(e, 0x0f);
	if (map == 2)
		e8(e, 0x38);
	if (map == 3)
		e8(e, 0x3a);
}

void emit_modrm(struct emit *e, const struct host_op *op, u8 reg,
		struct host_rm rm)
{
	unsigned rex = op->w * REX_W + hi(reg) * REX_R + rm_rex(rm);

	if (rm.kind == HRM_GS)
		e8(e, 0x65);
	if (op->lock)
		e8(e, 0xf0);
	if (op->p66)
		e8(e, 0x66);
	if (op->pfx)
		e8(e, op->pfx);
	if (rex || op->rex)
		e8(e, 0x40 | rex);
	put_escape(e, op->map);
	e8(e, op->byte);
	put_rm(e, reg, rm);
	put_imm(e, op);
}

void emit_vex(struct emit *e, const struct host_op *op, u8 reg, u8 vvvv,
	      bool l, struct host_rm rm)
{
	unsigned rex = hi(reg) * REX_R + rm_rex(rm);
	unsigned pp = op->p66 ? 1 : op->pfx == 0xf3 ? 2 :
		      op->pfx == 0xf2 ? 3 : 0;

	if (rm.kind == HRM_GS)
		e8(e, 0x65);
	e8(e, 0xc4);
	e8(e, (~rex & 7) << 5 | op->map);
	e8(e, op->w << 7 | (~vvvv & 15) << 3 | l << 2 | pp);
	e8(e, op->byte);
	put_rm(e, reg, rm);
	put_imm(e, op);
}

static void op_rm(struct emit *e, u8 byte, bool w, u8 reg, struct host_rm m)
{
	const struct host_op op = { .byte = byte, .w = w };

	emit_modrm(e, &op, reg, m);
}

void emit_mov(struct emit *e, u8 dst, u8 src)
{
	if (dst != src)
		op_rm(e, 0x89, true, src, rm_reg(dst));
}

void emit_mov32(struct emit *e, u8 dst, u8 src)
{
	op_rm(e, 0x89, false, src, rm_reg(dst));
}

void emit_mov_imm(struct emit *e, u8 dst, u64 imm)
{
	struct host_op op = { .byte = 0xc7, .w = true, .imm_len = 4,
			      .imm = imm };

	if (imm == (u32)imm) {
		if (dst >= 8)
			e8(e, 0x40 | REX_B);
		e8(e, 0xb8 | (dst & 7));
		e32(e, imm);
	} else if (imm == (u64)(s64)(s32)imm) {
		emit_modrm(e, &op, 0, rm_reg(dst));
	} else {
		e8(e, 0x40 | REX_W | hi(dst) * REX_B);
		e8(e, 0xb8 | (dst & 7));
		e64(e, imm);
	}
}

void emit_load(struct emit *e, u8 dst, struct host_rm m)
{
	op_rm(e, 0x8b, true, dst, m);
}

void emit_load32(struct emit *e, u8 dst, struct host_rm m)
{
	op_rm(e, 0x8b, false, dst, m);
}

void emit_store(struct emit *e, u8 src, struct host_rm m)
{
	op_rm(e, 0x89, true, src, m);
}

void emit_store32(struct emit *e, u8 src, struct host_rm m)
{
	op_rm(e, 0x89, false, src, m);
}

void emit_store_imm(struct emit *e, s32 imm, struct host_rm m)
{
	const struct host_op op = { .byte = 0xc7, .w = true, .imm_len = 4,
				    .imm = (u32)imm };

	emit_modrm(e, &op, 0, m);
}

void emit_store32_imm(struct emit *e, u32 imm, struct host_rm m)
{
	const struct host_op op = { .byte = 0xc7, .imm_len = 4, .imm = imm };

	emit_modrm(e, &op, 0, m);
}

void emit_store8_imm(struct emit *e, u8 imm, struct host_rm m)
{
	const struct host_op op = { .byte = 0xc6, .imm_len = 1, .imm = imm };

	emit_modrm(e, &op, 0, m);
}

void emit_lea(struct emit *e, u8 dst, struct host_rm m)
{
	op_rm(e, 0x8d, true, dst, m);
}

void emit_lea32(struct emit *e, u8 dst, struct host_rm m)
{
	op_rm(e, 0x8d, false, dst, m);
}

void emit_rorx(struct emit *e, u8 dst, u8 src, u8 n)
{
	const struct host_op op = { .map = 3, .byte = 0xf0, .pfx = 0xf2,
				    .w = true, .imm_len = 1, .imm = n };

	emit_vex(e, &op, dst, 0, false, rm_reg(src));
}

void emit_cmp_imm(struct emit *e, u8 r, s32 imm)
{
	const struct host_op op = { .byte = 0x81, .w = true, .imm_len = 4,
				    .imm = (u64)(s64)imm };

	emit_modrm(e, &op, 7, rm_reg(r));
}

void emit_movzx16(struct emit *e, u8 dst, u8 src)
{
	const struct host_op op = { .map = 1, .byte = 0xb7 };

	emit_modrm(e, &op, dst, rm_reg(src));
}

void emit_pext(struct emit *e, u8 dst, u8 src, struct host_rm mask)
{
	const struct host_op op = { .map = 2, .byte = 0xf5, .pfx = 0xf3,
				    .w = true };

	emit_vex(e, &op, dst, src, false, mask);
}

void emit_pdep(struct emit *e, u8 dst, u8 src, struct host_rm mask)
{
	const struct host_op op = { .map = 2, .byte = 0xf5, .pfx = 0xf2,
				    .w = true };

	emit_vex(e, &op, dst, src, false, mask);
}

void emit_shlx(struct emit *e, u8 dst, u8 src, u8 count)
{
	const struct host_op op = { .map = 2, .byte = 0xf7, .p66 = true,
				    .w = true };

	emit_vex(e, &op, dst, count, false, rm_reg(src));
}

void emit_sarx(struct emit *e, u8 dst, u8 src, u8 count)
{
	const struct host_op op = { .map = 2, .byte = 0xf7, .pfx = 0xf3,
				    .w = true };

	emit_vex(e, &op, dst, count, false, rm_reg(src));
}

void emit_not(struct emit *e, u8 r)
{
	op_rm(e, 0xf7, true, 2, rm_reg(r));
}

void emit_xchg(struct emit *e, u8 a, u8 b)
{
	op_rm(e, 0x87, true, a, rm_reg(b));
}

void emit_movsxd(struct emit *e, u8 dst, u8 src)
{
	op_rm(e, 0x63, true, dst, rm_reg(src));
}

void emit_jmp(struct emit *e, u64 target)
{
	e8(e, 0xe9);
	e32(e, target - (emit_here(e) + 4));
}

void emit_jcc(struct emit *e, u8 cc, u64 target)
{
	e8(e, 0x0f);
	e8(e, 0x80 | cc);
	e32(e, target - (emit_here(e) + 4));
}

void emit_jmp_reg(struct emit *e, u8 r)
{
	op_rm(e, 0xff, false, 4, rm_reg(r));
}

void emit_jmp_mem(struct emit *e, struct host_rm m)
{
	op_rm(e, 0xff, false, 4, m);
}

u8 *emit_jrcxz_fwd(struct emit *e)
{
	e8(e, 0xe3);
	e8(e, 0);
	return e->p - 1;
}

u8 *emit_jmp8_fwd(struct emit *e)
{
	e8(e, 0xeb);
	e8(e, 0);
	return e->p - 1;
}

u8 *emit_jmp_fwd(struct emit *e)
{
	e8(e, 0xe9);
	e32(e, 0);
	return e->p - 4;
}

u8 *emit_jcc_fwd(struct emit *e, u8 cc)
{
	e8(e, 0x0f);
	e8(e, 0x80 | cc);
	e32(e, 0);
	return e->p - 4;
}

void emit_here8(struct emit *e, u8 *site)
{
	s64 d = e->p - (site + 1);

	assert(d == (s8)d);
	*site = d;
}

void emit_here32(struct emit *e, u8 *site)
{
	emit_patch32(e, site, emit_here(e));
}

void emit_patch32(struct emit *e, u8 *site, u64 target)
{
	u32 d = target - ((u64)(uintptr_t)site + e->to_rx + 4);

	memcpy(site, &d, 4);
}
