// SPDX-License-Identifier: MIT
/*
 * insn-test: random instructions, host CPU against our engines; prints TAP.
 *
 *   insn-test [-n CASES] [-s SEED] [-m 32|64] [-e ENGINE] [-i MNEMONIC]
 *             [-c CASE] [-r REPORTS] [-x] [-1]
 *
 * -c runs one case by number (with the same -i), -x compares undefined
 * flags too, -1 keeps to one instruction per case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/insn/insn_test.h"

static const struct engine *const engines[] = {
	&engine_interp, &engine_jit, &engine_tcg, &engine_kvm,
};

/* AddressSanitizer's shadow, which cases find mapped on the host only. */
static bool in_shadow(u64 at)
{
#ifdef __SANITIZE_ADDRESS__
	return at >= 0x7fff7000 && at < 0x10007fff8000;
#else
	(void)at;
	return false;
#endif
}

struct run {
	u64 n, seed, only;
	unsigned bits, reports;
	const char *engine;
	bool one;
	struct case_opts opts;
	/* results */
	u64 ran, lost;
	u32 *bad_rows;                 /* mismatches by row               */
};

static u64 print_bad_rows(const struct run *r)
{
	u64 bad = 0;

	for (unsigned n = 0; n < insn_row_count; n++) {
		const struct insn_row *row = &insn_rows[n];

		if (!r->bad_rows[n])
			continue;
		bad += r->bad_rows[n];
		printf("#   %5u  %s (map %u, pfx %u, byte %02x, ext %02x)\n",
		       r->bad_rows[n], row->name, row->map, row->pfx, row->byte,
		       row->ext);
	}
	return bad;
}

static void check_batch(struct run *r, const struct engine *e,
			struct insn_case *k, unsigned n)
{
	static struct insn_state out;

	if (native_run(k, n) < 0) {
		printf("Bail out! the native child cannot be started\n");
		exit(1);
	}
	for (unsigned j = 0; j < n; j++) {
		if (!k[j].done) {
			r->lost++;
			continue;
		}
		r->ran++;
		e->run(&k[j], &out);
		if (compare_case(&k[j], &out, &r->opts, false))
			continue;
		if (out.vec == EXC_PF && in_shadow(out.cr2)) {
			r->lost++;
			continue;
		}
		r->bad_rows[k[j].row[0]]++;
		if (!r->reports)
			continue;
		r->reports--;
		print_case(&k[j], &out, e->name);
		compare_case(&k[j], &out, &r->opts, true);
	}
}

static void run_mode(struct run *r, const struct engine *e, unsigned bits)
{
	static struct insn_case k[BATCH];
	unsigned n = 0;
	u64 count = r->one ? 1 : r->n, first = r->one ? r->only : r->seed;

	for (u64 j = 0; j < count; j++) {
		if (gen_case(&k[n], first + j, bits, &r->opts))
			n++;
		if (n == BATCH || (n && j + 1 == count)) {
			check_batch(r, e, k, n);
			n = 0;
		}
	}
}

static bool run_engine(struct run *r, const struct engine *e, unsigned bits,
		       unsigned test)
{
	u64 bad;

	r->ran = r->lost = 0;
	memset(r->bad_rows, 0, insn_row_count * sizeof(*r->bad_rows));
	if (e->start() < 0) {
		printf("ok %u - %s, %u-bit # SKIP not available here\n", test,
		       e->name, bits);
		return true;
	}
	run_mode(r, e, bits);
	bad = print_bad_rows(r);
	printf("%sok %u - %s agrees with the host CPU on %llu %u-bit cases"
	       " (seed %llu, %llu differ, %llu lost)\n", bad ? "not " : "",
	       test, e->name, (unsigned long long)r->ran, bits,
	       (unsigned long long)r->seed, (unsigned long long)bad,
	       (unsigned long long)r->lost);
	return !bad;
}

static void parse(struct run *r, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:s:m:e:i:c:r:x1")) != -1) {
		switch (c) {
		case 'n': r->n = strtoull(optarg, NULL, 0); break;
		case 's': r->seed = strtoull(optarg, NULL, 0); break;
		case 'm': r->bits = (unsigned)atoi(optarg); break;
		case 'e': r->engine = optarg; break;
		case 'i': r->opts.name = optarg; break;
		case 'c': r->one = true; r->only = strtoull(optarg, NULL, 0); break;
		case 'r': r->reports = (unsigned)atoi(optarg); break;
		case 'x': r->opts.strict = true; break;
		case '1': r->opts.single = true; break;
		default:
			fprintf(stderr, "usage: %s [-n CASES] [-s SEED] "
				"[-m 32|64] [-e ENGINE] [-i MNEMONIC] [-c CASE] "
				"[-r REPORTS] [-x] [-1]\n", argv[0]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct run r = { .n = 20000, .seed = 1, .reports = 5 };
	unsigned test = 0;
	bool good = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(&r, argc, argv);
	insn_tables_init();
	if (!gen_rows(&r.opts)) {
		fprintf(stderr, "no testable instruction is called '%s'\n",
			r.opts.name);
		return 2;
	}
	r.bad_rows = calloc(insn_row_count, sizeof(*r.bad_rows));
	if (!r.bad_rows || native_start() < 0)
		return 1;
	for (unsigned n = 0; n < ARRAY_LEN(engines); n++) {
		if (r.engine ? strcmp(r.engine, engines[n]->name)
			     : engines[n]->asked)
			continue;
		for (unsigned bits = 64; bits >= 32; bits -= 32)
			if (!r.bits || r.bits == bits)
				good &= run_engine(&r, engines[n], bits, ++test);
	}
	printf("1..%u\n", test);
	native_stop();
	free(r.bad_rows);
	return good ? 0 : 1;
}
