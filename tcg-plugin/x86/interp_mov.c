/* SPDX-License-Identifier: MIT */
/*
 * Moves: MOV MOVZX MOVSX LEA XCHG BSWAP MOVBE CMOVcc SETcc, sign extensions of
 * the accumulator, XLAT, LAHF and SAHF.
 */
#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/operand.h"
#include "tcg-plugin/x86/sys.h"

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)

/* --- MOV -------------------------------------------------------------------- */

#define MOV(N, T, L)                                                           \
H(mov_eg_r##N) { put_rm_##N(c, i, reg_##N(c, i)); }                            \
H(mov_eg_m##N) { st##N(c, x86_ea(c, i, N / 8, true), reg_##N(c, i)); }         \
H(mov_ge_r##N) { put_reg_##N(c, i, rm_##N(c, i)); }                            \
H(mov_ge_m##N) { put_reg_##N(c, i, ld##N(c, x86_ea(c, i, N / 8, false))); }    \
H(mov_ei_r##N) { put_rm_##N(c, i, (T)i->imm); }                                \
H(mov_ei_m##N) { st##N(c, x86_ea(c, i, N / 8, true), (T)i->imm); }
SIZES(MOV)
insn_fn *const v_mov_eg[12] = { FOUR(mov_eg_r), FOUR(mov_eg_m) };
insn_fn *const v_mov_ge[12] = { FOUR(mov_ge_r), FOUR(mov_ge_m) };
insn_fn *const v_mov_ei[12] = { FOUR(mov_ei_r), FOUR(mov_ei_m) };

/* --- extensions --------------------------------------------------------------- */

/* S: source bits, U: its type as extended. */
#define EXTEND(name, S, U, N)                                                  \
H(name##_r##N) { put_reg_##N(c, i, (u64)(U)rm_##S(c, i)); }                    \
H(name##_m##N)                                                                 \
{                                                                              \
	put_reg_##N(c, i, (u64)(U)ld##S(c, x86_ea(c, i, S / 8, false)));       \
}
#define EXTEND_ALL(N, T, L)                                                    \
EXTEND(movzx8, 8, u8, N)                                                       \
EXTEND(movzx16, 16, u16, N)                                                    \
EXTEND(movsx8, 8, s8, N)                                                       \
EXTEND(movsx16, 16, s16, N)
WIDE_SIZES(EXTEND_ALL)
EXTEND(movsxd, 32, s32, 64)
EXTEND(movsxd, 32, u32, 32)
EXTEND(movsxd, 16, u16, 16)
#define EXT_TABLE(n) \
insn_fn *const v_##n[12] = { THREE(n##_r), THREE(n##_m) };
EXT_TABLE(movzx8)
EXT_TABLE(movzx16)
EXT_TABLE(movsx8)
EXT_TABLE(movsx16)
EXT_TABLE(movsxd)

H(cbw16) { set_reg16(c, RAX, (u16)(s8)c->r[RAX]); (void)i; }
H(cbw32) { c->r[RAX] = (u32)(s16)c->r[RAX]; (void)i; }
H(cbw64) { c->r[RAX] = (u64)(s32)c->r[RAX]; (void)i; }
insn_fn *const v_cbw[12] = { THREE(cbw) };

H(cwd16) { set_reg16(c, RDX, (u16)((s16)c->r[RAX] >> 15)); (void)i; }
H(cwd32) { c->r[RDX] = (u32)((s32)c->r[RAX] >> 31); (void)i; }
H(cwd64) { c->r[RDX] = (u64)((s64)c->r[RAX] >> 63); (void)i; }
insn_fn *const v_cwd[12] = { THREE(cwd) };

/* --- LEA ------------------------------------------------------------------------ */

H(lea16) { set_reg16(c, i->reg, (u16)x86_ea_off(c, i)); }
H(lea32) { c->r[i->reg] = (u32)x86_ea_off(c, i); }
H(lea64)
{
	if (LIKELY(i->addrsize == 8))
		c->r[i->reg] = c->rx[i->base] + (c->rx[i->index] << i->scale) +
			       (u64)i->disp;
	else
		c->r[i->reg] = x86_ea_off(c, i);
}
insn_fn *const v_lea[12] = { [5] = lea16, [6] = lea32, [7] = lea64 };

/* --- XCHG: with memory always locked ----------------------------------------------- */

/* Value that was in memory, for slow operands; the store has been made. */
static u64 xchg_slow(struct x86_cpu *c, gva_t la, unsigned l, u64 v)
{
	u64 old;

	mem_rmw_lock(c);
	mem_probe(c, la, 1u << l, true);
	old = ld_size(c, la, 1u << l);
	st_size(c, la, 1u << l, v);
	mem_rmw_unlock(c);
	return old;
}

#define XCHG(N, T, L)                                                          \
H(xchg_r##N)                                                                   \
{                                                                              \
	T a = rm_##N(c, i);                                                    \
									       \
	put_rm_##N(c, i, reg_##N(c, i));                                       \
	put_reg_##N(c, i, a);                                                  \
}                                                                              \
H(xchg_m##N)                                                                   \
{                                                                              \
	gva_t la = x86_ea(c, i, N / 8, true);                                  \
	un##N *p = lock_ptr(c, la, N / 8);                                     \
	T v = reg_##N(c, i);                                                   \
									       \
	if (LIKELY(p != NULL))                                                 \
		v = __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);               \
	else                                                                   \
		v = (T)xchg_slow(c, la, L, v);                                 \
	put_reg_##N(c, i, v);                                                  \
}
SIZES(XCHG)
insn_fn *const v_xchg[12] =
	{ FOUR(xchg_r), FOUR(xchg_m), FOUR(xchg_m) };

/* XCHG rAX,r by opcode: reg is RAX already, but 90 writes nothing at all. */
H(xchg_ao16) { if (i->rm) xchg_r16(c, i); }
H(xchg_ao32) { if (i->rm) xchg_r32(c, i); }
H(xchg_ao64) { if (i->rm) xchg_r64(c, i); }
insn_fn *const v_xchg_ao[12] = { THREE(xchg_ao) };

/* F3 90; with REX.B it is an XCHG like any other on AMD's CPUs. */
static void pause_or(struct x86_cpu *c, const struct insn *i, insn_fn *xchg)
{
	if (i->rm && host_is_amd())
		xchg(c, i);
	else
		x86_spin(c);
}

H(pause16) { pause_or(c, i, xchg_r16); }
H(pause32) { pause_or(c, i, xchg_r32); }
H(pause64) { pause_or(c, i, xchg_r64); }
insn_fn *const v_pause[12] = { THREE(pause) };

/* --- BSWAP, MOVBE --------------------------------------------------------------------- */

/* 16 bits: undefined; AMD and Intel store zero. */
H(bswap16) { set_reg16(c, i->rm, 0); }
H(bswap32) { c->r[i->rm] = __builtin_bswap32((u32)c->r[i->rm]); }
H(bswap64) { c->r[i->rm] = __builtin_bswap64(c->r[i->rm]); }
insn_fn *const v_bswap[12] = { THREE(bswap) };

#define MOVBE(N, T, L)                                                         \
H(movbe_ge##N)                                                                 \
{                                                                              \
	T v = ld##N(c, x86_ea(c, i, N / 8, false));                            \
									       \
	put_reg_##N(c, i, __builtin_bswap##N(v));                              \
}                                                                              \
H(movbe_eg##N)                                                                 \
{                                                                              \
	st##N(c, x86_ea(c, i, N / 8, true), __builtin_bswap##N(reg_##N(c, i))); \
}
WIDE_SIZES(MOVBE)
insn_fn *const v_movbe_ge[12] = { [4] = THREE(movbe_ge) };
insn_fn *const v_movbe_eg[12] = { [4] = THREE(movbe_eg) };

/* --- CMOVcc, SETcc --------------------------------------------------------------------- */

/* The memory operand is read, and 32-bit registers are cleared above, even
 * when the condition is false. */
#define CMOV(n, cc, N, T)                                                      \
H(cmov##cc##_r##N)                                                             \
{                                                                              \
	T v = rm_##N(c, i);                                                    \
									       \
	put_reg_##N(c, i, cond_true(c, n) ? v : reg_##N(c, i));                \
}                                                                              \
H(cmov##cc##_m##N)                                                             \
{                                                                              \
	T v = ld##N(c, x86_ea(c, i, N / 8, false));                            \
									       \
	put_reg_##N(c, i, cond_true(c, n) ? v : reg_##N(c, i));                \
}
#define CONDITIONAL(n, cc)                                                     \
CMOV(n, cc, 16, u16)                                                           \
CMOV(n, cc, 32, u32)                                                           \
CMOV(n, cc, 64, u64)                                                           \
insn_fn *const v_cmov##cc[12] = { THREE(cmov##cc##_r), THREE(cmov##cc##_m) };  \
void op_set##cc(struct x86_cpu *c, const struct insn *i)                       \
{                                                                              \
	set_rm(c, i, 1, cond_true(c, n));                                      \
}
CONDITIONS(CONDITIONAL)

/* --- odds and ends ---------------------------------------------------------------------- */

void op_lahf(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	*reg8(c, 4, 1) = (u8)((flags_sync(c) & 0xd5) | 2);
}

void op_sahf(struct x86_cpu *c, const struct insn *i)
{
	(void)i;
	flags_merge(c, FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF,
		    get_reg8(c, 4, 1));
}

void op_xlat(struct x86_cpu *c, const struct insn *i)
{
	u64 off = c->r[RBX] + (u8)c->r[RAX];

	if (i->addrsize < 8)
		off &= i->addrsize == 4 ? 0xffffffffu : 0xffffu;
	set_reg(c, RAX, 1, ld8(c, x86_lin(c, i->seg, off, 1, false)));
}

void op_nop(struct x86_cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
}
