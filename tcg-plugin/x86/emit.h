/* SPDX-License-Identifier: MIT */
/*
 * Host x86-64 encodings (SDM vol. 2, chapter 2), appended to a code buffer.
 *
 * Room:     bytes of instructions; knows registers and addressing forms,
 *           nothing of guests, blocks or look-ups.
 * Invariant: the caller has made sure of room: no function here writes more
 *           than EMIT_MAX bytes.
 */
#ifndef TCG_X86_EMIT_H
#define TCG_X86_EMIT_H

#include <string.h>

#include "vmm/base/types.h"

enum { EMIT_MAX = 24 };
enum { JCC_NE = 5, JCC_A = 7, JCC_NS = 9 };        /* condition codes */

enum host_reg { H_AX, H_CX, H_DX, H_BX, H_SP, H_BP, H_SI, H_DI,
		H_8, H_9, H_10, H_11, H_12, H_13, H_14, H_15, H_NONE };

struct emit {
	u8 *p;                         /* next byte, writer's view  */
	s64 to_rx;                     /* + p: its executable address */
};

/* What the r/m field names. */
struct host_rm {
	enum { HRM_REG, HRM_MEM, HRM_GS } kind;
	u8  reg;                       /* HRM_REG                    */
	u8  base, index, scale;        /* HRM_MEM; H_NONE when absent */
	s32 disp;                      /* HRM_MEM, HRM_GS            */
};

/* Everything about an encoding but its ModRM operands. */
struct host_op {
	u8 map;                        /* 0: none, 1: 0F, 2: 0F38, 3: 0F3A */
	u8 byte;
	u8 pfx;                        /* mandatory F2/F3, or 0      */
	bool p66, lock, w;
	bool rex;                      /* byte registers 4-7 are SPL..DIL */
	u8 imm_len;                    /* 0, 1, 2, 4, 8              */
	u64 imm;
};

static inline struct host_rm rm_reg(u8 r)
{
	return (struct host_rm){ .kind = HRM_REG, .reg = r };
}

static inline struct host_rm rm_mem(u8 base, u8 index, u8 scale, s32 disp)
{
	return (struct host_rm){ .kind = HRM_MEM, .base = base,
		.index = index, .scale = scale, .disp = disp };
}

static inline struct host_rm rm_gs(s32 disp)
{
	return (struct host_rm){ .kind = HRM_GS, .base = H_NONE,
		.index = H_NONE, .disp = disp };
}

static inline struct host_rm rm_gs_idx(s32 disp, u8 index, u8 scale)
{
	return (struct host_rm){ .kind = HRM_GS, .base = H_NONE,
		.index = index, .scale = scale, .disp = disp };
}

static inline void e8(struct emit *e, u8 b)
{
	*e->p++ = b;
}

static inline void e32(struct emit *e, u32 v)
{
	memcpy(e->p, &v, 4);
	e->p += 4;
}

static inline void e64(struct emit *e, u64 v)
{
	memcpy(e->p, &v, 8);
	e->p += 8;
}

static inline u64 emit_here(const struct emit *e)
{
	return (u64)(uintptr_t)e->p + e->to_rx;
}

/* One instruction with a ModRM byte. */
void emit_modrm(struct emit *e, const struct host_op *op, u8 reg,
		struct host_rm rm);
/* VEX-encoded: `l` 0/1, `pp` 0/1/2/3 for none/66/F3/F2, vvvv plain. */
void emit_vex(struct emit *e, const struct host_op *op, u8 reg, u8 vvvv,
	      bool l, struct host_rm rm);

void emit_mov(struct emit *e, u8 dst, u8 src);              /* 64 bits */
void emit_mov32(struct emit *e, u8 dst, u8 src);
void emit_mov_imm(struct emit *e, u8 dst, u64 imm);         /* shortest */
void emit_load(struct emit *e, u8 dst, struct host_rm m);   /* 64 bits */
void emit_load32(struct emit *e, u8 dst, struct host_rm m);
void emit_store(struct emit *e, u8 src, struct host_rm m);  /* 64 bits */
void emit_store32(struct emit *e, u8 src, struct host_rm m);
/* m must fit the sign-extended imm32. */
void emit_store_imm(struct emit *e, s32 imm, struct host_rm m);
void emit_store32_imm(struct emit *e, u32 imm, struct host_rm m);
void emit_store8_imm(struct emit *e, u8 imm, struct host_rm m);
void emit_lea(struct emit *e, u8 dst, struct host_rm m);
void emit_lea32(struct emit *e, u8 dst, struct host_rm m);
void emit_rorx(struct emit *e, u8 dst, u8 src, u8 n);       /* BMI2 */
void emit_cmp_imm(struct emit *e, u8 r, s32 imm);          /* 64 bits */
void emit_movzx16(struct emit *e, u8 dst, u8 src);
void emit_pext(struct emit *e, u8 dst, u8 src, struct host_rm mask);
void emit_pdep(struct emit *e, u8 dst, u8 src, struct host_rm mask);
/* 64 bits, by the count in a register; flags stay (BMI2). */
void emit_shlx(struct emit *e, u8 dst, u8 src, u8 count);
void emit_sarx(struct emit *e, u8 dst, u8 src, u8 count);
void emit_not(struct emit *e, u8 r);                        /* 64 bits */
void emit_xchg(struct emit *e, u8 a, u8 b);                 /* 64 bits */
void emit_movsxd(struct emit *e, u8 dst, u8 src);
/* Jumps: targets are executable addresses within +-2 GiB. */
void emit_jmp(struct emit *e, u64 target);
void emit_jcc(struct emit *e, u8 cc, u64 target);
void emit_jmp_reg(struct emit *e, u8 r);
void emit_jmp_mem(struct emit *e, struct host_rm m);
/* Forward jumps patched later: return the address of the displacement. */
u8  *emit_jrcxz_fwd(struct emit *e);
u8  *emit_jmp8_fwd(struct emit *e);
u8  *emit_jmp_fwd(struct emit *e);
u8  *emit_jcc_fwd(struct emit *e, u8 cc);
void emit_here8(struct emit *e, u8 *site);     /* site lands here */
void emit_here32(struct emit *e, u8 *site);
void emit_patch32(struct emit *e, u8 *site, u64 target);

#endif
