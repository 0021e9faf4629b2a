/* SPDX-License-Identifier: MIT */
/*
 * The instruction rows as one array, and the index the decoder walks.
 *
 * Room:     gathers insns_*.def; chains the rows of each (map, byte).
 * Never:    changes a row; the index is built once and then only read.
 */
#include "tcg-plugin/x86/insn_table.h"

#include <pthread.h>
#include <string.h>

#include "tcg-plugin/x86/handlers.h"

static const struct insn_row rows[] = {
#define ROW(m, p, b, x, n, fo, sz, at, fe, f)                             \
	{ .map = m, .pfx = p, .byte = b, .ext = x, .op = __COUNTER__,     \
	  .form = fo, .size = sz, .feat = fe, .attr = at, .fn = f, .name = #n },
#define VROW(m, p, b, x, n, fo, sz, at, fe, v)                            \
	{ .map = m, .pfx = p, .byte = b, .ext = x, .op = __COUNTER__,     \
	  .form = fo, .size = sz, .feat = fe, .attr = at, .var = v,       \
	  .name = #n },
#include "tcg-plugin/x86/all_insns.def"
#undef ROW
#undef VROW
};
const struct insn_row *const insn_rows = rows;
const unsigned insn_row_count = ARRAY_LEN(rows);

const char *insn_op_name(unsigned op)
{
	return op < ARRAY_LEN(rows) ? rows[op].name : "?";
}

/* Chains: head and next hold row number + 1; 0 ends. Written once. */
static struct insn_index the_index;
static u16 next_row[ARRAY_LEN(rows)];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool form_has_modrm(unsigned form)
{
	switch (form) {
	case F_NONE: case F_AI: case F_AI8: case F_O: case F_OI: case F_AO:
	case F_I8: case F_I: case F_I16: case F_I16I8: case F_J8: case F_J:
	case F_AM: case F_MA: case F_FAR:
		return false;
	default:
		return true;
	}
}

static void build_index(void)
{
	for (unsigned n = ARRAY_LEN(rows); n-- > 0;) {
		const struct insn_row *r = &rows[n];

		next_row[n] = the_index.head[r->map][r->byte];
		the_index.head[r->map][r->byte] = (u16)(n + 1);
		if (r->ext != XA || form_has_modrm(r->form))
			the_index.modrm[r->map][r->byte] = true;
	}
}

void insn_tables_init(void)
{
	pthread_once(&once, build_index);
}

bool insn_has_modrm(unsigned map, unsigned byte)
{
	return the_index.modrm[map][byte];
}

/* How well a row fits what was decoded so far; -1: not at all. */
static int row_fit(const struct insn_row *r, const struct insn_key *k)
{
	const u32 lw = A_L0 | A_L1 | A_W0 | A_W1;
	int fit = 0;

	if (r->attr & lw & ~k->lw)
		return -1;
	if (r->attr & (k->bits == 64 ? A_NO64 : A_ONLY64))
		return -1;
	if (r->pfx != PX) {
		if (r->pfx != k->pfx)
			return -1;
		fit += 4;
	}
	if (r->ext == XA)
		return fit;
	if (r->ext >= 0xc0)
		return r->ext == k->modrm ? fit + 2 : -1;
	return r->ext == (k->modrm >> 3 & 7) ? fit + 1 : -1;
}

/* mod decides between rows marked for one kind of operand. */
static bool row_mod_ok(const struct insn_row *r, const struct insn_key *k)
{
	bool reg = k->modrm >= 0xc0;

	if (r->form == F_RC || r->form == F_CR || r->form == F_RD ||
	    r->form == F_DR)
		return true;
	return !(r->attr & (reg ? A_MEM : A_REG));
}

const struct insn_row *insn_find_row(const struct insn_key *k)
{
	const struct insn_row *best = NULL;
	int best_fit = -1;

	for (unsigned n = the_index.head[k->map][k->byte]; n;
	     n = next_row[n - 1]) {
		const struct insn_row *r = &rows[n - 1];
		int fit = row_fit(r, k);

		if (fit > best_fit && row_mod_ok(r, k)) {
			best = r;
			best_fit = fit;
		}
	}
	return best;
}
