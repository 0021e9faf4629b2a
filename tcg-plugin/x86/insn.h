/* SPDX-License-Identifier: MIT */
/*
 * Decoded instructions and the tables they come from.
 *
 * insns_*.def hold one ROW per encoding; the decoder, the interpreter, the
 * translator, `info opcount` and the instruction tests are loops over them:
 *
 *   ROW(map, pfx, byte, ext, name, form, size, attr, feat, fn)
 *
 *   map   M1 (no escape), M0F, M38, M3A; VEX maps V0F, V38, V3A; X87 (D8-DF)
 *   pfx   mandatory prefix: PX (none required, 66/F2/F3 keep their usual
 *         meaning), NP, P66, PF3, PF2
 *   byte  opcode byte
 *   ext   modrm.reg 0-7, or XA (any); RM(reg, rm) for mod 3 encodings fixed by
 *         the whole ModRM byte (0F 01 D0 ...)
 *   name  mnemonic; OP_name is its enum
 *   form  where the operands are (enum insn_form)
 *   size  operand size rule (enum insn_size)
 *   attr  A_* below: what may be assumed, flags read (R_*) and written (W_*)
 *   feat  CPUID feature it needs, FEAT_NONE for the 64-bit base set
 *   fn    the interpreter's handler
 *
 * VROW(...) is the same with a table of handlers instead of one: twelve, by
 * log2(operand bytes), +4 memory operand, +8 LOCKed; the decoder picks.
 *
 * A handler whose row has A_END always sets rip itself (x86_next for the
 * fall-through); every other handler leaves rip alone and the caller advances
 * it.  Handlers of A_PRIV, A_PROT, A_FPU, A_MMX, A_SSE rows and of rows with a
 * feature run behind insn_checked, which made those checks.
 */
#ifndef TCG_X86_INSN_H
#define TCG_X86_INSN_H

#include "tcg-plugin/x86/cpu.h"
#include "tcg-plugin/x86/mem.h"

enum insn_map { M1, M0F, M38, M3A, V0F, V38, V3A, X87, INSN_MAPS };
enum insn_pfx { PX, NP, P66, PF3, PF2 };
#define XA 0x80
#define RM(reg, rm) (0xc0 | (reg) << 3 | (rm))

enum insn_form {
	F_NONE,                        /* no ModRM, implied operands      */
	F_EG, F_GE,                    /* r/m,reg ; reg,r/m               */
	F_E, F_EI8, F_EI,              /* r/m ; r/m,imm8 sx ; r/m,immz    */
	F_E1, F_ECL,                   /* shifts by 1, by CL              */
	F_EGI8, F_EGCL, F_GEI8, F_GEI, /* shld/shrd ; imul                */
	F_AI, F_AI8,                   /* accumulator, imm                */
	F_O, F_OI, F_AO,               /* reg in opcode ; +imm(full) ; xchg */
	F_I8, F_I, F_I16, F_I16I8,     /* push imm ; ret imm16 ; enter    */
	F_J8, F_J,                     /* relative branch                 */
	F_AM, F_MA,                    /* moffs                           */
	F_FAR,                         /* ptr16:16/32                     */
	F_M,                           /* memory operand only, or r/m as address */
	F_ES, F_SE,                    /* mov r/m,sreg ; mov sreg,r/m     */
	F_RC, F_CR, F_RD, F_DR,        /* mov reg,crN ...                 */
	F_VW, F_WV, F_VWI8, F_WVI8,    /* xmm,xmm/m ...                   */
	F_PQ, F_QP, F_PQI8,            /* mmx,mmx/m                       */
	F_VE, F_EV, F_GW, F_GQ, F_PE, F_EP, F_VQ, F_PW,  /* mixes         */
	F_UI8, F_NI8,                  /* shift groups on xmm/mmx reg (mod 3) */
	F_VEI8, F_EVI8, F_PEI8, F_GUI8, F_GNI8,
	F_X87,                         /* D8-DF; handler looks at modrm   */
	/* VEX only.  H and B are vvvv as a vector and a general register; in
	 * all other forms vvvv must be 1111. */
	F_VHW, F_VHWI8, F_VHWL,        /* L: a register in imm8[7:4]      */
	F_WHV,                         /* rm is written: movss, maskmov   */
	F_VHE, F_VHEI8, F_HUI8,        /* shift groups write H            */
	F_VMH,                         /* gathers: VSIB, the mask in H    */
	F_GBE, F_GEB, F_BE,            /* BMI; BE writes B                */
};

enum insn_size {
	S_NONE, S_B, S_W, S_D, S_Q, S_DQ,      /* fixed: 0,1,2,4,8,16     */
	S_V,                           /* 16/32/64 by 66 and REX.W        */
	S_V64,                         /* as S_V, 64 by default in 64-bit */
	S_Z,                           /* 16/32 (64 counts as 32)         */
	S_Y,                           /* 32, 64 with REX.W or: 64 in 64-bit
					  for control registers           */
	S_P,                           /* far pointer 16:16/16:32/16:64   */
	S_F,                           /* forced 64 in 64-bit (near branch) */
	S_X, S_HX, S_QX, S_EX,         /* 16, 32 by VEX.L; 1/2, 1/4, 1/8  */
};

enum insn_attr {
	A_LOCK  = BIT(0),              /* LOCK allowed with memory dest   */
	A_PRIV  = BIT(1),              /* CPL 0 or #GP(0)                 */
	A_NO64  = BIT(2), A_ONLY64 = BIT(3),
	A_REG   = BIT(4), A_MEM = BIT(5), /* mod 3 only / memory only     */
	A_END   = BIT(6),              /* ends a block: control flow, mode,
					  CR, MSR, IF changes, I/O, HLT   */
	A_REP   = BIT(7),              /* string instruction              */
	A_FPU   = BIT(8), A_MMX = BIT(9), A_SSE = BIT(10), /* which #NM/#UD
					  checks; SSE: OSFXSR              */
	A_ALIGN = BIT(11),             /* memory operand aligned, else #GP */
	A_PROT  = BIT(12),             /* #UD in real and V86 mode        */
	A_STORE = BIT(13),             /* memory operand is written       */
	A_LOAD  = BIT(14),             /* memory operand is read          */
	A_XM    = BIT(15),             /* may raise #XM                   */
	R_SHIFT = 16, W_SHIFT = 22,    /* flags read / written, six bits:
					  CF PF AF ZF SF OF               */
	A_L0 = BIT(28), A_L1 = BIT(29), /* VEX.L and VEX.W must be; without */
	A_W0 = BIT(30), A_W1 = BIT(31), /* one of two, both will do       */
};
#define R_CF (1u << 16)
#define R_PF (1u << 17)
#define R_AF (1u << 18)
#define R_ZF (1u << 19)
#define R_SF (1u << 20)
#define R_OF (1u << 21)
#define R_ALL (0x3fu << 16)
#define W_CF (1u << 22)
#define W_ALL (0x3fu << 22)            /* written or undefined            */
#define W_NOCF (0x3eu << 22)
#define A_RMW (A_LOAD | A_STORE)

enum insn_feat {
	FEAT_NONE, FEAT_CMOV, FEAT_CX8, FEAT_CX16, FEAT_MMX, FEAT_SSE,
	FEAT_SSE2, FEAT_SSE3, FEAT_SSSE3, FEAT_SSE41, FEAT_SSE42, FEAT_SSE4A,
	FEAT_POPCNT, FEAT_MOVBE, FEAT_LZCNT, FEAT_BMI1, FEAT_BMI2, FEAT_ADX,
	FEAT_AES, FEAT_PCLMUL, FEAT_SHA, FEAT_RDRAND, FEAT_RDSEED, FEAT_FSGS,
	FEAT_RDTSCP, FEAT_RDPID, FEAT_XSAVE, FEAT_XSAVEOPT, FEAT_XSAVEC,
	FEAT_XSAVES, FEAT_CLFLUSH, FEAT_CLFLUSHOPT, FEAT_CLWB, FEAT_SMAP,
	FEAT_INVPCID, FEAT_PKU, FEAT_MONITOR, FEAT_AVX, FEAT_AVX2, FEAT_FMA,
	FEAT_F16C, FEAT_VAES, FEAT_VPCLMUL, FEAT_COUNT
};

struct insn;
typedef void insn_fn(struct x86_cpu *c, const struct insn *i);

struct insn_row {
	u8 map, pfx, byte, ext;
	u16 op;                        /* enum insn_op: OP_add ...        */
	u8 form, size, feat;
	u32 attr;
	insn_fn *fn;
	insn_fn *const *var;           /* VROW: the twelve handlers       */
	const char *name;
};

enum insn_flag {
	I_LOCK = BIT(0), I_REP = BIT(1), I_REPNE = BIT(2), I_MEM = BIT(3),
	I_REX = BIT(4), I_RIPREL = BIT(5), I_66 = BIT(6), I_67 = BIT(7),
	I_REXW = BIT(8), I_VEXL = BIT(9), I_EASY = BIT(10), /* EA: 64-bit,
					 base+index+disp, flat segment    */
	I_64 = BIT(11),                /* decoded as 64-bit code          */
	I_A32 = BIT(12),               /* 32-bit code and addresses       */
	I_NEAR = BIT(13),              /* Jcc, JMP, LOOP: only rip changes */
};

/* One decoded instruction; the block cache holds arrays of these. */
struct insn {
	insn_fn *fn;
	const struct insn_row *row;
	u64 imm;                       /* sign-extended; far: sel<<32|off */
	s64 disp;                      /* RIP-relative: from this insn's
					  own rip (its length is added)   */
	u16 flags;                     /* enum insn_flag                  */
	u8  len;                       /* 1..15                           */
	u8  opsize;                    /* bytes, by size rule             */
	u8  addrsize;                  /* 2, 4, 8                         */
	u8  modrm;
	u8  reg, rm;                   /* with REX bits; rm when mod 3, and
					  the index register of a VSIB    */
	u8  base, index;               /* x86_gpr, R_NONE or R_RIP        */
	u8  scale;                     /* shift 0-3                       */
	u8  seg;                       /* effective segment of the EA     */
	u8  vvvv;                      /* VEX                             */
	u8  sel8;                      /* as a byte register this is
					  AH..BH: bit 0 reg, bit 1 rm     */
	u8  byte;                      /* last opcode byte                */
};

/*
 * Decode at most `avail` bytes.  `bits` is 16, 32 or 64.  Returns the length
 * and fills *i; 0: needs more bytes than `avail` (fetch the next page); bad
 * encodings decode to a row whose handler raises #UD, over-long ones #GP(0).
 */
unsigned insn_decode(struct insn *i, const u8 *p, unsigned avail,
		     unsigned bits);
extern const struct insn_row *const insn_rows;
extern const unsigned insn_row_count;
const char *insn_op_name(unsigned op);
void insn_tables_init(void);           /* idempotent, thread-safe         */

static inline bool insn_is_vex(const struct insn_row *r)
{
	return r->map >= V0F && r->map <= V3A;
}

/* Linear address of the memory operand, n bytes; checks as x86_lin. */
gva_t x86_ea_slow(struct x86_cpu *c, const struct insn *i, unsigned n,
		  bool write);
/* Offset part alone (LEA). */
u64   x86_ea_off(struct x86_cpu *c, const struct insn *i);

/* Not a power of two (x87, descriptors): aligned to 8 is enough. */
static inline bool x86_misaligned(gva_t a, unsigned n)
{
	return a & ((n & (n - 1) ? 8 : n) - 1);
}

static inline gva_t x86_ea(struct x86_cpu *c, const struct insn *i,
			   unsigned n, bool write)
{
	gva_t a = c->rx[i->base] + (c->rx[i->index] << i->scale) +
		  (u64)i->disp;

	if (__builtin_expect(!(i->flags & I_EASY), 0)) {
		if (!(i->flags & I_A32) || !(c->flat >> i->seg & 1) ||
		    (u32)a > 0u - n)
			return x86_ea_slow(c, i, n, write);
		return (u32)a;
	}
	/* canonical: the TLB xor refuses, the slow path rechecks */
	if (__builtin_expect(c->align_check, 0) && x86_misaligned(a, n))
		x86_raise_err(c, EXC_AC, 0);
	return a;
}

static inline void x86_next(struct x86_cpu *c, const struct insn *i)
{
	c->rip += i->len;
	if (__builtin_expect(!(i->flags & I_64), 0))
		c->rip = (u32)c->rip;
}

/*
 * Run one decoded instruction: checks attr (LOCK, privilege, mode, FPU and SSE
 * availability, features), calls fn, advances rip unless fn set it.
 * interp.c's block loop is this, inlined.
 */
void x86_step(struct x86_cpu *c, const struct insn *i);
/* The handler the decoder would pick for *i were no checks needed. */
insn_fn *insn_pick(const struct insn *i);
insn_fn insn_checked;
/*
 * Run a block of n instructions whose first is at c->rip.  Returns LEAVE_NONE
 * at a block edge (rip is the next instruction's), LEAVE_AGAIN when c->request
 * is set or only one instruction was run because of TF, RF, the interrupt
 * shadow, breakpoints, an I/O replay or c->one_insn.  Faults and exits leave by
 * c->unwind.
 */
enum x86_leave x86_run_block(struct x86_cpu *c, const struct insn *insns,
			     unsigned n);

#endif
