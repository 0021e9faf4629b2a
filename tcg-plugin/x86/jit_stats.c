/* SPDX-License-Identifier: MIT */
/*
 * What the translator counted, as text: `info jit`.
 *
 * Room:     totals, and the instructions that were left to the interpreter.
 * Never:    stops a vCPU; numbers may be a moment apart.
 */
#include "tcg-plugin/x86/jit_priv.h"
#include "vmm/base/strbuf.h"

enum { TOP_ROWS = 20 };

static void totals(const struct jit_stats *s, struct strbuf *sb)
{
	const struct {
		const char *name;
		u64 n;
	} rows[] = {
		{ "translated blocks", s->blocks },
		{ "guest bytes", s->bytes_in },
		{ "host bytes", s->bytes_out },
		{ "seldom run", s->bytes_cold },
		{ "killed blocks", s->killed },
		{ "code flushes", s->flushes },
		{ "entries from C", s->enters },
		{ "direct links", s->links },
		{ "inline caches", s->inlined },
		{ "jump cache misses", s->jump_misses },
		{ "look-ups by C", s->slow_hits },
		{ "interpreted", s->slow_interp },
		{ "across pages", s->lone },
		{ "host faults", s->faults },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		strbuf_addf(sb, "  %-18s%llu\n", rows[i].name,
			    (unsigned long long)rows[i].n);
}

/* Row a is listed before row b: `none` is behind all. */
static bool before(const struct jit *j, unsigned a, unsigned b, unsigned none)
{
	return b == none || j->fell[a] > j->fell[b] ||
	       (j->fell[a] == j->fell[b] && a < b);
}

/* The most frequent rows the interpreter ran, one by one. */
static void fallbacks(const struct jit *j, struct strbuf *sb)
{
	const unsigned none = insn_row_count;
	unsigned last = none;

	for (unsigned k = 0; k < TOP_ROWS; k++) {
		unsigned best = none;

		for (unsigned n = 0; n < none; n++)
			if (j->fell[n] && before(j, n, best, none) &&
			    (last == none || before(j, last, n, none)))
				best = n;
		if (best == none)
			return;
		last = best;
		strbuf_addf(sb, "    %-12s%02x  %llu\n",
			    insn_rows[best].name, insn_rows[best].byte,
			    (unsigned long long)j->fell[best]);
	}
}

void jit_report(const struct x86_cpu *c, struct strbuf *sb)
{
	const struct jit *j = c->jit;

	if (!j) {
		strbuf_addf(sb, "CPU#%u: interpreter only\n", c->id);
		return;
	}
	strbuf_addf(sb, "CPU#%u code buffer %u/%u\n", c->id,
		    j->buf.used + j->buf.cold - j->buf.middle, j->buf.size);
	totals(&j->st, sb);
	fallbacks(j, sb);
}
