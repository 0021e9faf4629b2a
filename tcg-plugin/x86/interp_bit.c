/* SPDX-License-Identifier: MIT */
/*
 * Bit tests, bit scans and counts, CRC32, ADCX and ADOX.
 */
#include "tcg-plugin/x86/operand.h"

#define H(name) static void name(struct x86_cpu *c, const struct insn *i)
#define INLINE_ALU static inline __attribute__((always_inline)) u64

/* --- BT BTS BTR BTC ---------------------------------------------------------- */

/* Only CF changes: ZF is kept, the others are undefined and kept too. */
static inline void bt_flag(struct x86_cpu *c, bool bit)
{
	flags_set_cf_of(c, bit, flag_of(c));
}

static inline u64 bit_of(unsigned l, u64 n)
{
	return 1ull << (n & ((8u << l) - 1));
}

INLINE_ALU alu_bt(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bt_flag(c, a & bit_of(l, b));
	return a;
}

INLINE_ALU alu_bts(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bt_flag(c, a & bit_of(l, b));
	return a | bit_of(l, b);
}

INLINE_ALU alu_btr(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bt_flag(c, a & bit_of(l, b));
	return a & ~bit_of(l, b);
}

INLINE_ALU alu_btc(struct x86_cpu *c, unsigned l, u64 a, u64 b)
{
	bt_flag(c, a & bit_of(l, b));
	return a ^ bit_of(l, b);
}

/* A register bit offset reaches beyond the operand: its linear address. */
static gva_t bit_ea(struct x86_cpu *c, const struct insn *i, unsigned l,
		    bool write)
{
	unsigned sh = 64 - (8u << l);
	s64 n = (s64)(c->r[i->reg] << sh) >> sh;
	struct insn at = *i;

	/* in operand-size units, signed */
	at.disp += (s64)((u64)(n >> (3 + l)) << l);
	return x86_ea(c, &at, 1u << l, write);
}

static void bt_mem(struct x86_cpu *c, gva_t la, unsigned l, u64 n)
{
	alu_bt(c, l, ld_size(c, la, 1u << l), n);
}

/* LOCK on an address already computed. */
static void bit_lock(struct x86_cpu *c, gva_t la, unsigned l, alu_fn *op,
		     u64 n)
{
	u8 *p = lock_ptr(c, la, 1u << l);
	struct cc_state s = cc_save(c);
	unsigned bit = n & ((8u << l) - 1);
	u8 old, now;

	if (!p) {
		rmw_slow_locked(c, la, l, op, n);
		return;
	}
	/* one byte of the operand holds the bit */
	p += bit >> 3;
	old = __atomic_load_n(p, __ATOMIC_RELAXED);
	do {
		cc_load(c, s);
		now = (u8)op(c, 0, old, bit & 7);
	} while (!__atomic_compare_exchange_n(p, &old, now, false,
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

#define BT_READ(N, T, L)                                                       \
H(bt_eg_r##N) { alu_bt(c, L, rm_##N(c, i), reg_##N(c, i)); }                   \
H(bt_eg_m##N) { bt_mem(c, bit_ea(c, i, L, false), L, c->r[i->reg]); }          \
H(bt_ei_r##N) { alu_bt(c, L, rm_##N(c, i), (u8)i->imm); }                      \
H(bt_ei_m##N) { bt_mem(c, x86_ea(c, i, N / 8, false), L, (u8)i->imm); }
WIDE_SIZES(BT_READ)
insn_fn *const v_bt_eg[12] = { THREE(bt_eg_r), THREE(bt_eg_m) };
insn_fn *const v_bt_ei[12] = { THREE(bt_ei_r), THREE(bt_ei_m) };

#define BT_WRITE(op, N, T, L)                                                  \
H(op##_eg_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), reg_##N(c, i))); } \
H(op##_eg_m##N)                                                                \
{                                                                              \
	rmw_slow(c, bit_ea(c, i, L, true), L, alu_##op, c->r[i->reg]);          \
}                                                                              \
H(op##_eg_l##N)                                                                \
{                                                                              \
	bit_lock(c, bit_ea(c, i, L, true), L, alu_##op, c->r[i->reg]);         \
}                                                                              \
H(op##_ei_r##N) { put_rm_##N(c, i, alu_##op(c, L, rm_##N(c, i), (u8)i->imm)); } \
H(op##_ei_m##N)                                                                \
{                                                                              \
	rmw_slow(c, x86_ea(c, i, N / 8, true), L, alu_##op, (u8)i->imm);        \
}                                                                              \
H(op##_ei_l##N)                                                                \
{                                                                              \
	bit_lock(c, x86_ea(c, i, N / 8, true), L, alu_##op, (u8)i->imm);       \
}
#define BT_TABLES(op)                                                          \
insn_fn *const v_##op##_eg[12] =                                               \
	{ THREE(op##_eg_r), THREE(op##_eg_m), THREE(op##_eg_l) };              \
insn_fn *const v_##op##_ei[12] =                                               \
	{ THREE(op##_ei_r), THREE(op##_ei_m), THREE(op##_ei_l) };
#define BTS(N, T, L) BT_WRITE(bts, N, T, L)
#define BTR(N, T, L) BT_WRITE(btr, N, T, L)
#define BTC(N, T, L) BT_WRITE(btc, N, T, L)
WIDE_SIZES(BTS) BT_TABLES(bts)
WIDE_SIZES(BTR) BT_TABLES(btr)
WIDE_SIZES(BTC) BT_TABLES(btc)

/* --- scans and counts --------------------------------------------------------------- */

/* A zero source leaves the destination as it was, and sets ZF. */
static void do_bsf(struct x86_cpu *c, const struct insn *i, unsigned l, u64 v)
{
	if (v)
		set_reg(c, i->reg, 1u << l, (unsigned)__builtin_ctzll(v));
	flags_merge(c, FL_ZF, v ? 0 : FL_ZF);
}

static void do_bsr(struct x86_cpu *c, const struct insn *i, unsigned l, u64 v)
{
	if (v)
		set_reg(c, i->reg, 1u << l, 63u - (unsigned)__builtin_clzll(v));
	flags_merge(c, FL_ZF, v ? 0 : FL_ZF);
}

static void do_tzcnt(struct x86_cpu *c, const struct insn *i, unsigned l, u64 v)
{
	unsigned n = v ? (unsigned)__builtin_ctzll(v) : 8u << l;

	set_reg(c, i->reg, 1u << l, n);
	flags_merge(c, FL_ARITH & ~FL_OF,
		    (n ? 0 : FL_ZF) | (v ? 0 : FL_CF));
}

static void do_lzcnt(struct x86_cpu *c, const struct insn *i, unsigned l, u64 v)
{
	unsigned bits = 8u << l;
	unsigned n = v ? (unsigned)__builtin_clzll(v) - (64 - bits) : bits;

	set_reg(c, i->reg, 1u << l, n);
	flags_merge(c, FL_ARITH & ~FL_OF,
		    (n ? 0 : FL_ZF) | (v ? 0 : FL_CF));
}

/* TZCNT and LZCNT are BSF and BSR where CPUID does not have them. */
static void do_tzcnt_or_bsf(struct x86_cpu *c, const struct insn *i,
			    unsigned l, u64 v)
{
	if (has_feat(c, FEAT_BMI1))
		do_tzcnt(c, i, l, v);
	else
		do_bsf(c, i, l, v);
}

static void do_lzcnt_or_bsr(struct x86_cpu *c, const struct insn *i,
			    unsigned l, u64 v)
{
	if (has_feat(c, FEAT_LZCNT))
		do_lzcnt(c, i, l, v);
	else
		do_bsr(c, i, l, v);
}

static void do_popcnt(struct x86_cpu *c, const struct insn *i, unsigned l,
		      u64 v)
{
	set_reg(c, i->reg, 1u << l, (unsigned)__builtin_popcountll(v));
	c->cc_op = CC_RFLAGS;
	c->rflags = (c->rflags & ~(u64)FL_ARITH) | (v ? 0 : FL_ZF);
}

#define COUNT(name, fn, N, T, L)                                               \
H(name##_r##N) { fn(c, i, L, rm_##N(c, i)); }                                  \
H(name##_m##N) { fn(c, i, L, ld##N(c, x86_ea(c, i, N / 8, false))); }
#define COUNTS(N, T, L)                                                        \
COUNT(bsf, do_bsf, N, T, L)                                                    \
COUNT(bsr, do_bsr, N, T, L)                                                    \
COUNT(tzcnt, do_tzcnt_or_bsf, N, T, L)                                         \
COUNT(lzcnt, do_lzcnt_or_bsr, N, T, L)                                         \
COUNT(popcnt, do_popcnt, N, T, L)
WIDE_SIZES(COUNTS)
#define COUNT_TABLE(n) insn_fn *const v_##n[12] = { THREE(n##_r), THREE(n##_m) };
COUNT_TABLE(bsf)
COUNT_TABLE(bsr)
COUNT_TABLE(tzcnt)
COUNT_TABLE(lzcnt)
COUNT_TABLE(popcnt)

/* --- CRC32 (Castagnoli, reflected) ------------------------------------------------------ */

static void do_crc32(struct x86_cpu *c, const struct insn *i, unsigned l, u64 v)
{
	u32 crc = (u32)c->r[i->reg];

	for (unsigned n = 0; n < 1u << l; n++) {
		crc ^= (u8)(v >> 8 * n);
		for (unsigned k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	c->r[i->reg] = crc;
}

#define CRC(N, T, L) COUNT(crc32, do_crc32, N, T, L)
SIZES(CRC)
insn_fn *const v_crc32[12] = { FOUR(crc32_r), FOUR(crc32_m) };

/* --- ADCX, ADOX ---------------------------------------------------------------------------- */

#define ADX(N, T)                                                              \
static void adx_##N(struct x86_cpu *c, const struct insn *i, T b, u32 flag)    \
{                                                                              \
	T a = (T)c->r[i->reg], r;                                              \
	u64 fl = flags_sync(c);                                                \
	bool out = __builtin_add_overflow(a, b, &r);                           \
									       \
	out |= __builtin_add_overflow(r, (T)!!(fl & flag), &r);                \
	put_reg_##N(c, i, r);                                                  \
	flags_merge(c, flag, out ? flag : 0);                                  \
}                                                                              \
H(adcx_r##N) { adx_##N(c, i, rm_##N(c, i), FL_CF); }                           \
H(adcx_m##N) { adx_##N(c, i, ld##N(c, x86_ea(c, i, N / 8, false)), FL_CF); }   \
H(adox_r##N) { adx_##N(c, i, rm_##N(c, i), FL_OF); }                           \
H(adox_m##N) { adx_##N(c, i, ld##N(c, x86_ea(c, i, N / 8, false)), FL_OF); }
ADX(32, u32)
ADX(64, u64)
insn_fn *const v_adcx[12] =
	{ op_ud, op_ud, adcx_r32, adcx_r64, op_ud, op_ud, adcx_m32, adcx_m64 };
insn_fn *const v_adox[12] =
	{ op_ud, op_ud, adox_r32, adox_r64, op_ud, op_ud, adox_m32, adox_m64 };
