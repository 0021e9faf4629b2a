// SPDX-License-Identifier: MIT
/*
 * Random cases from the decode tables.
 *
 * A case is one to five encodings of table rows with random prefixes,
 * operands and immediates, and a CPU state in which memory operands mostly lie
 * in the data pages.  Equal seeds give equal cases.
 *
 * Never:    makes what the host must not execute (system calls, segment
 *           loads) or what cannot agree (time, CPUID, random numbers).
 */
#include "tests/insn/gen.h"

/* --- which rows ------------------------------------------------------------- */

/* Not compared, and why. */
static const char *const excluded[] = {
	/* leave user mode or reload segments */
	"syscall", "sysenter", "sysret", "int", "int3", "int1", "into", "iret",
	"callf", "jmpf", "retf", "lds", "les", "lfs", "lgs", "lss", "vmcall",
	"vmmcall", "swapgs", "wrfsbase", "wrgsbase",
	"rdfsbase", "rdgsbase",
	/* differ from run to run or host to host */
	"rdtsc", "rdtscp", "rdpmc", "rdrand", "rdseed", "cpuid", "rdpid",
	"xgetbv", "rdpkru", "wrpkru", "lar", "lsl", "verr", "verw", "arpl",
	/* emulated by the host kernel (UMIP) or its policy */
	"sgdt", "sidt", "sldt", "str", "smsw", "monitor", "mwait", "rsm",
	"in", "out", "ins", "outs", "clzero", "mcommit",
};

bool host_has_avx(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx");
}

static bool usable(const struct insn_row *r, const struct case_opts *o)
{
	bool sreg = r->form == F_SE || r->form == F_ES;

	if (o->name && strcmp(r->name, o->name))
		return false;
	if (insn_is_vex(r) && (r->attr & A_SSE) && !host_has_avx())
		return false;
	/* push and pop of segment registers */
	if (r->form == F_NONE && (is(r, "push") || is(r, "pop")))
		return false;
	for (unsigned n = 0; n < ARRAY_LEN(excluded); n++)
		if (is(r, excluded[n]))
			return false;
	return !sreg;
}

static u16 usable_row[4096];           /* made by gen_rows                */
static unsigned usable_rows;
static bool may_appear[4096];          /* by row, whatever o->name says   */

unsigned gen_rows(const struct case_opts *o)
{
	const struct case_opts any = { 0 };

	usable_rows = 0;
	for (unsigned n = 0; n < MIN(insn_row_count, 4096u); n++) {
		may_appear[n] = usable(&insn_rows[n], &any);
		if (usable(&insn_rows[n], o))
			usable_row[usable_rows++] = (u16)n;
	}
	return usable_rows;
}

static const struct insn_row *nth_row(unsigned n)
{
	return &insn_rows[usable_row[n]];
}
/* --- undefined flags (SDM volume 2, the instructions' pages) ---------------- */

static const struct { const char *name; u32 flags; } undefined[] = {
	{ "and", FL_AF }, { "or", FL_AF }, { "xor", FL_AF }, { "test", FL_AF },
	{ "mul", FL_SF | FL_ZF | FL_AF | FL_PF },
	{ "imul", FL_SF | FL_ZF | FL_AF | FL_PF },
	{ "div", FL_ARITH }, { "idiv", FL_ARITH },
	{ "shl", FL_AF | FL_OF | FL_CF }, { "shr", FL_AF | FL_OF | FL_CF },
	{ "sar", FL_AF | FL_OF }, { "rol", FL_OF }, { "ror", FL_OF },
	{ "rcl", FL_OF }, { "rcr", FL_OF },
	{ "shld", FL_AF | FL_OF }, { "shrd", FL_AF | FL_OF },
	{ "bt", FL_OF | FL_SF | FL_AF | FL_PF | FL_ZF },
	{ "bts", FL_OF | FL_SF | FL_AF | FL_PF | FL_ZF },
	{ "btr", FL_OF | FL_SF | FL_AF | FL_PF | FL_ZF },
	{ "btc", FL_OF | FL_SF | FL_AF | FL_PF | FL_ZF },
	{ "bsf", FL_CF | FL_OF | FL_SF | FL_AF | FL_PF },
	{ "bsr", FL_CF | FL_OF | FL_SF | FL_AF | FL_PF },
	{ "tzcnt", FL_OF | FL_SF | FL_AF | FL_PF },
	{ "lzcnt", FL_OF | FL_SF | FL_AF | FL_PF },
	{ "aaa", FL_OF | FL_SF | FL_ZF | FL_PF },
	{ "aas", FL_OF | FL_SF | FL_ZF | FL_PF },
	{ "aam", FL_OF | FL_AF | FL_CF }, { "aad", FL_OF | FL_AF | FL_CF },
	{ "daa", FL_OF }, { "das", FL_OF },
	{ "andn", FL_AF | FL_PF }, { "bzhi", FL_AF | FL_PF },
	{ "blsr", FL_AF | FL_PF }, { "blsmsk", FL_AF | FL_PF },
	{ "blsi", FL_AF | FL_PF }, { "bextr", FL_AF | FL_PF | FL_SF },
};

static u32 undefined_flags(const struct insn_row *r)
{
	for (unsigned n = 0; n < ARRAY_LEN(undefined); n++)
		if (is(r, undefined[n].name)) {
			u32 f = undefined[n].flags;

			if (r->form == F_E1)
				f &= ~(u32)(FL_OF | FL_CF);
			return f;
		}
	return 0;
}

/* Does r read a flag that an earlier instruction left undefined? */
static bool reads_undefined(const struct insn_row *r, u32 undef)
{
	static const u32 bit[6] = { FL_CF, FL_PF, FL_AF, FL_ZF, FL_SF, FL_OF };

	for (unsigned n = 0; n < 6; n++)
		if ((undef & bit[n]) && (r->attr >> (R_SHIFT + n) & 1))
			return true;
	return false;
}
/* --- encodings --------------------------------------------------------------- */


static void put(struct enc *e, unsigned b)
{
	e->p[e->n++] = (u8)b;
}

static void put_rnd(struct enc *e, unsigned n)
{
	while (n--)
		put(e, (unsigned)rnd(e->s));
}

static void put_prefixes(struct enc *e)
{
	const struct insn_row *r = e->r;
	/* With 66, near branches differ between vendors. */
	bool free66 = r->pfx == PX && r->size != S_F;

	if (free66 && chance(e->s, 20))
		put(e, 0x66);
	if (r->pfx == P66)
		put(e, 0x66);
	if (chance(e->s, 4) && e->k->bits == 64)
		put(e, 0x67);
	if (chance(e->s, 4) && e->k->bits == 64)
		put(e, 0x65);
	/* LOCK MOV CR0 is CR8 on AMD */
	if (r->form != F_RC && r->form != F_CR &&
	    (r->attr & A_LOCK ? chance(e->s, 25) : chance(e->s, 1)))
		put(e, 0xf0);
	if (r->pfx == PF3 || r->pfx == PF2)
		put(e, r->pfx == PF3 ? 0xf3 : 0xf2);
	else if (r->attr & A_REP && chance(e->s, 60))
		put(e, chance(e->s, 70) ? 0xf3 : 0xf2);
	if (e->k->bits == 64 && chance(e->s, 60))
		put(e, 0x40 | (chance(e->s, 50) ? 8 : 0) | below(e->s, 8));
}

static void put_opcode(struct enc *e)
{
	if (e->r->map != M1 && e->r->map != X87)
		put(e, 0x0f);
	if (e->r->map == M38)
		put(e, 0x38);
	if (e->r->map == M3A)
		put(e, 0x3a);
	put(e, e->r->byte);
}

static void put_vex_prefixes(struct enc *e)
{
	if (chance(e->s, 4) && e->k->bits == 64)
		put(e, 0x67);
	if (chance(e->s, 4) && e->k->bits == 64)
		put(e, 0x65);
}

/* Both manuals want W = 1 here; AMD's CPUs do not look. */
static bool ignores_w(const struct insn_row *r)
{
	return is(r, "vpermq") || is(r, "vpermpd");
}

/* Mostly as the row wants it; now and then with a bit that makes #UD, a prefix
 * that may not be there, or the same thing in two bytes. */
static void put_vex(struct enc *e)
{
	static const u8 illegal[] = { 0x66, 0xf2, 0xf3, 0xf0, 0x48 };
	const struct insn_row *r = e->r;
	bool l64 = e->k->bits == 64, odd = chance(e->s, 2);
	unsigned l = r->attr & A_L1 ? 1 : r->attr & A_L0 ? 0 : below(e->s, 2);
	unsigned w = r->attr & A_W1 ? 1 : r->attr & A_W0 ? 0 : below(e->s, 2);
	unsigned pp = r->pfx == P66 ? 1 : r->pfx == PF3 ? 2 :
		      r->pfx == PF2 ? 3 : 0;
	unsigned v = r->form >= F_VHW && r->form <= F_BE ? below(e->s, 16) : 15;
	unsigned rxb = l64 ? below(e->s, 8) : 6 | below(e->s, 2);

	if (!l64)
		v |= 8;
	if (odd && chance(e->s, 20) && l64)
		put(e, illegal[below(e->s, ARRAY_LEN(illegal))]);
	if (odd && chance(e->s, 30))
		v = below(e->s, 16) | (l64 ? 0 : 8);
	if (odd && chance(e->s, 30))
		l ^= 1;
	if (odd && chance(e->s, 30) && !ignores_w(r))
		w ^= 1;
	if (r->map == V0F && !w && (rxb & 3) == 3 && chance(e->s, 80)) {
		put(e, 0xc5);
		put(e, (rxb & 4) << 5 | v << 3 | l << 2 | pp);
	} else {
		put(e, 0xc4);
		put(e, rxb << 5 | (unsigned)(r->map - V0F + 1));
		put(e, w << 7 | v << 3 | l << 2 | pp);
	}
	put(e, r->byte);
}

static bool has_modrm(const struct insn_row *r)
{
	switch (r->form) {
	case F_NONE: case F_AI: case F_AI8: case F_O: case F_OI: case F_AO:
	case F_I8: case F_I: case F_I16: case F_I16I8: case F_J8: case F_J:
	case F_AM: case F_MA: case F_FAR:
		return r->ext != XA;
	default:
		return true;
	}
}

static void put_modrm(struct enc *e)
{
	const struct insn_row *r = e->r;
	unsigned reg = below(e->s, 8), rm = below(e->s, 8), mod;
	bool mem = r->attr & A_MEM || (!(r->attr & A_REG) && chance(e->s, 55));

	e->disp_at = -1;
	if (!has_modrm(r))
		return;
	if (r->ext != XA && r->ext >= 0xc0) {
		put(e, r->ext);
		return;
	}
	if (r->ext != XA)
		reg = r->ext;
	mod = mem ? below(e->s, 3) : 3;
	put(e, mod << 6 | reg << 3 | rm);
	if (mod == 3)
		return;
	if (rm == 4) {
		unsigned sib = (unsigned)rnd(e->s);

		put(e, sib);
		if (mod == 0 && (sib & 7) == 5)
			mod = 2;
	} else if (rm == 5 && mod == 0) {
		mod = 2;
	}
	if (mod) {
		e->disp_at = (int)e->n;
		e->disp_len = mod == 1 ? 1 : 4;
		put_rnd(e, 1);
		if (mod == 2) {        /* a small 32-bit one */
			u8 sx = e->p[e->n - 1] & 0x80 ? 0xff : 0;

			put(e, sx);
			put(e, sx);
			put(e, sx);
		}
	}
}
/* --- cases --------------------------------------------------------------------- */

/* 16-bit SHLD and SHRD by more than 16, 16-bit BSWAP: results undefined.
 * 16-bit MOVSXD: CPUs disagree on how much memory it reads. */
static bool is_undefined(const struct insn *i)
{
	if (i->opsize != 2)
		return false;
	return is(i->row, "shld") || is(i->row, "shrd") ||
	       is(i->row, "bswap") || is(i->row, "movsxd");
}

static bool excluded_row(const struct insn *i)
{
	size_t n = (size_t)(i->row - insn_rows);

	return n < insn_row_count && !may_appear[n];
}

/* VMASKMOV, VPMASKMOV with memory. */
static bool is_masked(const struct insn_row *r)
{
	return !strncmp(r->name, "vmaskmovp", 9) ||
	       !strncmp(r->name, "vpmaskmov", 9);
}

/* One instruction; false: this draw is no good. */
static bool gen_insn(struct enc *e)
{
	const struct insn_row *r = e->r;
	struct insn i;
	unsigned len;

	if (r->attr & (e->k->bits == 64 ? A_NO64 : A_ONLY64))
		return false;
	memset(e->p, 0xcc, 24);
	if (insn_is_vex(r)) {
		put_vex_prefixes(e);
		put_vex(e);
	} else {
		put_prefixes(e);
		put_opcode(e);
	}
	put_modrm(e);
	put_rnd(e, 8);
	memset(e->p + e->n, 0xcc, 8);
	len = insn_decode(&i, e->p, 15, e->k->bits);
	if (!len || excluded_row(&i) || is_undefined(&i) || len > e->n ||
	    reads_undefined(i.row, e->k->undef))
		return false;
	/* microcode touches these operands in an order of its own */
	if (i.row->size == S_NONE || is(i.row, "maskmovq") ||
	    is(i.row, "maskmovdqu") || is(i.row, "vmaskmovdqu") ||
	    i.row->form == F_VMH || is_masked(i.row))
		e->k->skip_cr2 = 1;
	if ((i.flags & I_MEM) && r->form != F_AM && r->form != F_MA) {
		gen_aim(e, &i);
		insn_decode(&i, e->p, 15, e->k->bits);
	}
	gen_tune(e, &i);
	insn_decode(&i, e->p, 15, e->k->bits);
	memset(e->p + i.len, 0xcc, 24 - i.len);
	if (is(i.row, "popa") || i.row->form == F_VMH)
		e->k->loose_fault = 1;
	if ((is(i.row, "cmps") || is(i.row, "scas")) &&
	    i.flags & (I_REP | I_REPNE))
		e->k->rep_compare = 1;
	e->k->undef |= undefined_flags(i.row);
	e->k->row[e->k->ninsn++] = (u32)(r - insn_rows);
	e->k->len += i.len;
	return true;
}

/* Rows that stand alone: they may leave the case, or parts of what they store
 * are not compared and must be found from the initial registers. */
static bool ends(const struct insn_row *r)
{
	return r->attr & (A_END | A_REP) ||
	       (r->size == S_NONE && (r->form == F_M || r->attr & A_STORE));
}

bool gen_case(struct insn_case *k, u64 seed, unsigned bits,
	      const struct case_opts *o)
{
	u64 state = seed * 0x2545f4914f6cdd1dull + bits, *s = &state;
	unsigned rows = usable_rows, n = 1;
	const struct insn_row *first = nth_row((unsigned)(seed % rows));

	memset(k, 0, offsetof(struct insn_case, in));
	k->seed = seed;
	k->bits = bits;
	k->done = 0;
	memset(k->code, 0xcc, sizeof(k->code));
	gen_state(s, k);
	if (first->attr & (bits == 64 ? A_NO64 : A_ONLY64))
		return false;
	if (!o->name && !o->single && !ends(first) && chance(s, 20))
		n = 2 + below(s, MAX_INSNS - 1);
	for (unsigned j = 0, tries = 0; j < n && tries < 20; tries++) {
		struct enc e = { .s = s, .k = k, .p = k->code + k->len };

		e.r = j == 0 ? first : nth_row(below(s, rows));
		if (j && ends(e.r))
			continue;
		if (gen_insn(&e))
			j++;
		else
			memset(e.p, 0xcc, 24);
	}
	if (bits == 32)
		for (unsigned j = 0; j < 16; j++)
			k->in.r[j] = j < 8 ? (u32)k->in.r[j] : 0;
	return k->ninsn > 0;
}
