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
#include <stdio.h>

#include "tests/insn/insn_test.h"

/* --- randomness ------------------------------------------------------------ */

static u64 rnd(u64 *s)
{
	u64 z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static unsigned below(u64 *s, unsigned n)
{
	return (unsigned)(rnd(s) >> 32) % n;
}

static bool chance(u64 *s, unsigned percent)
{
	return below(s, 100) < percent;
}

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

static bool is(const struct insn_row *r, const char *name)
{
	return !strcmp(r->name, name);
}

static bool usable(const struct insn_row *r, const struct case_opts *o)
{
	bool sreg = r->form == F_SE || r->form == F_ES;

	if (o->name && strcmp(r->name, o->name))
		return false;
	if (r->map >= V0F && r->map <= V3A)
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

/* --- values ------------------------------------------------------------------ */

static u64 gen_value(u64 *s)
{
	static const u64 edge[] = {
		0, 1, 2, ~0ull, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
		0x8000000000000000, 0xffffffff80000000, 0xffffffffffffff80,
	};

	switch (below(s, 6)) {
	case 0: return edge[below(s, ARRAY_LEN(edge))];
	case 1: return below(s, 256);
	case 2: return DATA_AT + below(s, DATA_LEN);
	case 3: return rnd(s) >> below(s, 64);
	default: return rnd(s);
	}
}

static u32 gen_float(u64 *s)
{
	static const u32 v[] = {
		0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
		0x7fc00000, 0xffc00001, 0x7f800001, 0xff8abcde, 0x00000001,
		0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff,
		0xff7fffff, 0x40490fdb, 0x4effffff, 0x4f000000, 0xcf000000,
		0x5f000000, 0x3f000000, 0x3effffff, 0x4b000001, 0x1f800000,
	};
	u32 r = (u32)rnd(s);

	if (chance(s, 50))
		return v[below(s, ARRAY_LEN(v))];
	/* Near one, so that sums and products stay ordinary. */
	return chance(s, 50) ? (r & 0x81ffffff) | 0x3e000000 : r;
}

static u64 gen_double(u64 *s)
{
	static const u64 v[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
		0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
		0xfff8000000000001, 0x7ff0000000000001, 0xfff123456789abcd,
		1, 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000,
		0x7fefffffffffffff, 0xffefffffffffffff, 0x400921fb54442d18,
		0x41dfffffffc00000, 0x41e0000000000000, 0x43e0000000000000,
		0x3fe0000000000000, 0x3fdfffffffffffff, 0x4330000000000001,
		0x36a0000000000000, 0x380fffffffffffff, 0x47efffffffffffff,
		0x1ff0000000000000, 0xc1e0000000200000,
	};
	u64 r = rnd(s);

	if (chance(s, 50))
		return v[below(s, ARRAY_LEN(v))];
	return chance(s, 50) ? (r & 0x803fffffffffffff) | 0x3fc0000000000000
			     : r;
}

static void gen_extended(u64 *s, u8 *out)
{
	static const struct { u16 se; u64 frac; } v[] = {
		{ 0, 0 }, { 0x8000, 0 }, { 0x3fff, 1ull << 63 },
		{ 0xbfff, 1ull << 63 }, { 0x7fff, 1ull << 63 },
		{ 0xffff, 1ull << 63 }, { 0x7fff, 3ull << 62 },
		{ 0x7fff, 1ull << 63 | 1 }, { 0xffff, 3ull << 62 | 5 },
		{ 0, 1 }, { 0x8000, 0x7fffffffffffffff }, { 0, 1ull << 63 },
		{ 1, 1ull << 63 }, { 0x7ffe, ~0ull }, { 0xfffe, ~0ull },
		{ 0x4000, 0xc90fdaa22168c235 }, { 0x403e, ~0ull },
		{ 0x3ffe, 1ull << 63 }, { 0x4000, 0x4000000000000000 },
		{ 0x7fff, 0 }, { 0x401e, 0xffffffff00000000 },
		{ 0x3c00, 1ull << 63 }, { 0x4400, 1ull << 63 },
	};
	u64 frac = rnd(s) | 1ull << 63;
	u16 se = (u16)(0x3fff - 20 + below(s, 40)) | (chance(s, 50) ? 0x8000 : 0);

	if (chance(s, 45)) {
		unsigned n = below(s, ARRAY_LEN(v));

		frac = v[n].frac;
		se = v[n].se;
	} else if (chance(s, 20)) {
		frac = rnd(s);
		se = (u16)rnd(s);
	}
	memcpy(out, &frac, 8);
	memcpy(out + 8, &se, 2);
}

static void gen_vector(u64 *s, u8 *out)
{
	u64 q[2];
	u32 d[4];

	switch (below(s, 4)) {
	case 0:
		for (unsigned n = 0; n < 4; n++)
			d[n] = gen_float(s);
		memcpy(out, d, 16);
		return;
	case 1:
		q[0] = gen_double(s);
		q[1] = gen_double(s);
		break;
	case 2:
		q[0] = gen_value(s);
		q[1] = gen_value(s);
		break;
	default:
		q[0] = rnd(s);
		q[1] = rnd(s);
		break;
	}
	memcpy(out, q, 16);
}

/* --- the state --------------------------------------------------------------- */

static void gen_x87(u64 *s, struct fx_state *f)
{
	f->fcw = 0x37f;
	if (chance(s, 50))
		f->fcw = (u16)((rnd(s) & 0x1f3f) | 0x40);
	else if (chance(s, 60))
		f->fcw = (u16)((rnd(s) & 0xf00) | 0x7f);
	f->fsw = (u16)(rnd(s) & 0x7f7f);
	if (!chance(s, 5))             /* rarely with an exception pending */
		f->fsw &= f->fcw | 0xff40;
	if (f->fsw & ~f->fcw & 0x3f)
		f->fsw |= 0x8080;
	f->ftw = chance(s, 60) ? 0xff : (u8)rnd(s);
	for (unsigned n = 0; n < 8; n++)
		gen_extended(s, f->st[n].b);
	if (chance(s, 25)) {           /* an MMX state */
		f->fsw &= (u16)~0x3800;
		for (unsigned n = 0; n < 8; n++) {
			gen_vector(s, f->st[n].b);
			memset(f->st[n].b + 8, 0, 8);
			memset(f->st[n].b + 8, 0xff, 2);
		}
		f->ftw = 0xff;
	}
}

static void gen_state(u64 *s, struct insn_case *k)
{
	struct insn_state *in = &k->in;

	memset(in, 0, sizeof(*in));
	in->vec = NO_VEC;
	in->rip = CODE_AT;
	for (unsigned n = 0; n < 16; n++)
		in->r[n] = gen_value(s);
	in->r[RSP] = DATA_AT + 0x400 + below(s, 0x1800 / 8) * 8;
	if (chance(s, 50))
		in->r[RBP] = DATA_AT + 0x400 + below(s, 0x1800);
	in->rflags = 0x202 | (rnd(s) & (FL_ARITH | FL_DF));
	for (unsigned n = 0; n < DATA_LEN; n += 16)
		gen_vector(s, in->mem + n);
	gen_x87(s, &in->fx);
	in->fx.mxcsr = 0x1f80;
	if (chance(s, 30))
		in->fx.mxcsr = (u32)rnd(s) & 0xffff;
	else if (chance(s, 40))
		in->fx.mxcsr = 0x1f80 | ((u32)rnd(s) & 0xe07f);
	for (unsigned n = 0; n < 16; n++)
		gen_vector(s, in->fx.xmm[n].b);
	if (k->bits == 32)
		for (unsigned n = 0; n < 16; n++)
			in->r[n] = n < 8 ? (u32)in->r[n] : 0;
}

/* --- encodings --------------------------------------------------------------- */

struct enc {
	u64 *s;
	struct insn_case *k;
	const struct insn_row *r;
	u8  *p;                        /* first byte of this instruction  */
	unsigned n;                    /* bytes so far                    */
	int disp_at, disp_len;         /* -1: none                        */
};

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

/* --- making operands meaningful ---------------------------------------------- */

static u64 target_addr(struct enc *e, const struct insn *i)
{
	unsigned size = i->opsize ? i->opsize : 16;
	u64 a = DATA_AT + below(e->s, DATA_LEN - 16);
	unsigned align = i->row->attr & A_ALIGN ? 16 : 1;

	if (i->row->form == F_M && i->row->size == S_NONE)
		align = 64;
	if (i->row->size == S_NONE)
		size = align == 64 ? 1024 : 108;
	if (chance(e->s, 8))           /* at an edge: page or mapping */
		return DATA_AT + PAGE_SIZE * below(e->s, 3) - below(e->s, size + 1);
	if (chance(e->s, 5))
		return a;
	if (a + size > DATA_AT + DATA_LEN)
		a = DATA_AT + DATA_LEN - size;
	if (align == 1 && chance(e->s, 50))
		align = size & (size - 1) ? 1 : size;
	return a & ~(u64)(align - 1);
}

static void patch_disp(struct enc *e, u32 disp)
{
	if (e->disp_at >= 0 && e->disp_len == 4)
		memcpy(e->p + e->disp_at, &disp, 4);
}

/* Set registers or the displacement so that the operand is at a good place. */
static void aim(struct enc *e, const struct insn *i)
{
	u64 at = target_addr(e, i), *r = e->k->in.r;
	u64 scale = 1ull << i->scale, x;
	bool rip = i->flags & I_RIPREL;
	bool has_index = i->index < 16, has_base = i->base < 16;

	if (i->seg == GS)
		at -= GS_BASE;
	if (rip) {
		patch_disp(e, (u32)(at - (CODE_AT + (u64)(e->p - e->k->code) +
					  i->len)));
		return;
	}
	if (!has_base && !has_index) {
		patch_disp(e, (u32)at);
		return;
	}
	at -= (u64)i->disp;
	if (has_base && has_index && i->base == i->index) {
		r[i->base] = at / (1 + scale);
		return;
	}
	if (!has_base) {
		r[i->index] = at / scale;
		return;
	}
	if (has_index) {
		x = (u64)(s64)((int)below(e->s, 64) - 32);
		if (i->index != RSP)
			r[i->index] = x;
		at -= r[i->index] * scale;
	}
	r[i->base] = at;
}

static u64 code_addr(struct enc *e)
{
	return CODE_AT + 100 + below(e->s, 200);
}

static u8 *mem_at(struct enc *e, u64 la, unsigned n)
{
	if (la - DATA_AT > DATA_LEN - n)
		return NULL;
	return e->k->in.mem + (la - DATA_AT);
}

static void poke(struct enc *e, u64 la, u64 v, unsigned n)
{
	u8 *p = mem_at(e, la, n);

	if (p)
		memcpy(p, &v, n);
}

/* Address of the memory operand, as long as no earlier instruction of the
 * case changes its registers. */
static u64 ea_of(const struct enc *e, const struct insn *i)
{
	const struct insn_case *k = e->k;
	u64 a = (u64)i->disp;

	if (i->flags & I_RIPREL)
		a += CODE_AT + (u64)(e->p - k->code);
	if (i->base < 16)
		a += k->in.r[i->base];
	if (i->index < 16)
		a += k->in.r[i->index] << i->scale;
	a = i->addrsize == 8 ? a : (u32)a;
	return i->seg == GS && k->bits == 64 ? a + GS_BASE : a;
}

static void tune_branch(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;
	unsigned n = e->k->bits == 64 ? 8 : 4;

	if (r->form == F_J || (r->form == F_J8 && i->len > 1)) {
		u32 d = 80 + below(e->s, 40);

		if (r->form == F_J8)
			e->p[i->len - 1] = (u8)d;
		else if (i->opsize == 2)
			e->p[i->len - 2] = (u8)d, e->p[i->len - 1] = 0;
		else
			memcpy(e->p + i->len - 4, &d, 4);
	}
	if (is(r, "ret"))
		poke(e, reg[RSP], code_addr(e), n);
	if (r->map == M1 && r->byte == 0xff && (r->ext == 2 || r->ext == 4)) {
		if (i->flags & I_MEM)
			poke(e, ea_of(e, i),
			     code_addr(e), n);
		else
			reg[i->rm] = code_addr(e);
	}
}

static void tune_string(struct enc *e)
{
	u64 *r = e->k->in.r;

	r[RSI] = DATA_AT + below(e->s, DATA_LEN);
	r[RDI] = DATA_AT + below(e->s, DATA_LEN);
	r[RCX] = chance(e->s, 80) ? below(e->s, 70) : below(e->s, 3000);
}

/* A fair chance that DIV and IDIV do not fault. */
static void tune_div(struct enc *e, const struct insn *i)
{
	u64 *r = e->k->in.r;

	if (chance(e->s, 25))
		return;
	if (i->opsize == 1) {
		r[RAX] &= ~0xff00ull;
		return;
	}
	r[RDX] = is(i->row, "idiv") && i->opsize == 8 && (s64)r[RAX] < 0 ? ~0ull
									  : 0;
}

static void tune_xrstor(struct enc *e, const struct insn *i)
{
	u64 at = ea_of(e, i), zero[8] = { 0 };
	struct fx_state fx = e->k->in.fx;
	u8 *p = mem_at(e, at, 1024);

	e->k->in.r[RAX] = below(e->s, 4);      /* AVX: not everywhere */
	e->k->in.r[RDX] = 0;
	if (!p || chance(e->s, 10))
		return;
	fx.mxcsr &= 0xffff;
	fx.fop &= 0x7ff;
	memcpy(p, &fx, sizeof(fx));
	zero[0] = below(e->s, 4);
	if (chance(e->s, 15) || is(i->row, "xrstors"))
		zero[1] = 1ull << 63 | 3;
	memcpy(p + 512, zero, 64);
}

static void skip_mem(struct enc *e, const struct insn *i, unsigned off,
		     unsigned len)
{
	struct insn_case *k = e->k;

	if (k->skips == ARRAY_LEN(k->skip))
		return;
	k->skip[k->skips].at = (u32)(ea_of(e, i) + off - DATA_AT);
	k->skip[k->skips++].len = len;
}

static void tune(struct enc *e, const struct insn *i)
{
	const struct insn_row *r = i->row;
	u64 *reg = e->k->in.r;

	if (r->attr & A_END)
		tune_branch(e, i);
	if (r->attr & A_REP)
		tune_string(e);
	if (is(r, "div") || is(r, "idiv"))
		tune_div(e, i);
	if (is(r, "popf"))
		/* no ID: sigreturn would not take it back */
		poke(e, reg[RSP], 0x202 | (rnd(e->s) & (FL_ARITH | FL_DF)), 8);
	if (is(r, "xlat"))
		reg[RBX] = DATA_AT + below(e->s, DATA_LEN - 256);
	if (is(r, "maskmovq") || is(r, "maskmovdqu"))
		reg[RDI] = DATA_AT + below(e->s, DATA_LEN - 16);
	if (is(r, "leave") || is(r, "enter"))
		reg[RBP] = DATA_AT + 0x800 + below(e->s, 0x1000);
	if (is(r, "enter") && i->len >= 4)
		e->p[i->len - 2] = 0;  /* at most 255 bytes */
	if (r->form == F_EG && r->name[0] == 'b' && i->flags & I_MEM &&
	    i->reg != i->base && i->reg != i->index)
		reg[i->reg] = (u64)(s64)((int)below(e->s, 2048) - 1024);
	if (r->form == F_AM || r->form == F_MA) {
		u64 at = DATA_AT + below(e->s, DATA_LEN - 8);

		if (i->seg == GS)
			at -= GS_BASE;
		memcpy(e->p + i->len - i->addrsize, &at, i->addrsize);
	}
	if (r->byte == 0xb1 && r->map == M0F && chance(e->s, 50)) {
		const u8 *m = i->flags & I_MEM ? mem_at(e, ea_of(e, i), 8)
					       : (u8 *)&reg[i->rm];
		if (m)
			memcpy(&reg[RAX], m, 8);
	}
	if (is(r, "cmpxchg8b") && chance(e->s, 50)) {
		u8 *m = mem_at(e, ea_of(e, i), 16);
		unsigned half = i->opsize == 8 ? 8 : 4;

		if (m) {
			memcpy(&reg[RAX], m, half);
			memcpy(&reg[RDX], m + half, half);
		}
	}
	if (!strncmp(r->name, "xrstor", 6) || is(r, "fxrstor"))
		tune_xrstor(e, i);
	if (!strncmp(r->name, "xsave", 5)) {
		reg[RAX] = below(e->s, 4);
		reg[RDX] = 0;
		poke(e, ea_of(e, i) + 512, 0, 8);
		/* XSTATE_BV: what counts as in use is the CPU's choice */
		skip_mem(e, i, 512, 8);
	}
	/* FCS to FDS: selectors are not kept */
	if (is(r, "fnstenv") || is(r, "fnsave")) {
		bool wide = i->flags & I_REXW || !(i->flags & I_66);

		skip_mem(e, i, wide ? 16 : 8, wide ? 10 : 6);
	}
	if (is(r, "fxsave") || !strncmp(r->name, "xsave", 5))
		skip_mem(e, i, 12, 10), skip_mem(e, i, 28, 4);
}

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

/* One instruction; false: this draw is no good. */
static bool gen_insn(struct enc *e)
{
	const struct insn_row *r = e->r;
	struct insn i;
	unsigned len;

	if (r->attr & (e->k->bits == 64 ? A_NO64 : A_ONLY64))
		return false;
	memset(e->p, 0xcc, 24);
	put_prefixes(e);
	put_opcode(e);
	put_modrm(e);
	put_rnd(e, 8);
	memset(e->p + e->n, 0xcc, 8);
	len = insn_decode(&i, e->p, 15, e->k->bits);
	if (!len || excluded_row(&i) || is_undefined(&i) || len > e->n ||
	    reads_undefined(i.row, e->k->undef))
		return false;
	/* microcode touches these operands in an order of its own */
	if (i.row->size == S_NONE || is(i.row, "maskmovq") ||
	    is(i.row, "maskmovdqu"))
		e->k->skip_cr2 = 1;
	if ((i.flags & I_MEM) && r->form != F_AM && r->form != F_MA) {
		aim(e, &i);
		insn_decode(&i, e->p, 15, e->k->bits);
	}
	tune(e, &i);
	insn_decode(&i, e->p, 15, e->k->bits);
	memset(e->p + i.len, 0xcc, 24 - i.len);
	if (is(i.row, "popa"))
		e->k->loose_fault = 1;
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
