// SPDX-License-Identifier: MIT
/*
 * Random register and memory contents: ordinary values, and the edges of
 * every number format.
 */
#include "tests/insn/gen.h"

/* --- randomness ------------------------------------------------------------ */

u64 rnd(u64 *s)
{
	u64 z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

unsigned below(u64 *s, unsigned n)
{
	return (unsigned)(rnd(s) >> 32) % n;
}

bool chance(u64 *s, unsigned percent)
{
	return below(s, 100) < percent;
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

void gen_state(u64 *s, struct insn_case *k)
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
	for (unsigned n = 0; n < 16 && host_has_avx(); n++)
		if (chance(s, 70))
			gen_vector(s, in->ymmh[n].b);
	if (k->bits == 32)
		for (unsigned n = 0; n < 16; n++)
			in->r[n] = n < 8 ? (u32)in->r[n] : 0;
}
