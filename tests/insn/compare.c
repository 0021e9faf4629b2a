// SPDX-License-Identifier: MIT
/*
 * What differs between the host's result and an engine's, and how to print it.
 */
#include <capstone/capstone.h>
#include <stdio.h>

#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/host_cpu.h"
#include "tests/insn/insn_test.h"

static const char *const gpr_name[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

static bool differ(bool verbose, const char *what, unsigned n, u64 want,
		   u64 got)
{
	if (want == got)
		return false;
	if (verbose)
		printf("#   %s%.0u: host %016llx, engine %016llx\n", what, n,
		       (unsigned long long)want, (unsigned long long)got);
	return true;
}

static bool bytes_differ(bool verbose, const char *what, unsigned n,
			 const u8 *want, const u8 *got, unsigned len)
{
	if (!memcmp(want, got, len))
		return false;
	if (!verbose)
		return true;
	printf("#   %s%u: host ", what, n);
	for (unsigned k = len; k-- > 0;)
		printf("%02x", want[k]);
	printf(", engine ");
	for (unsigned k = len; k-- > 0;)
		printf("%02x", got[k]);
	printf("\n");
	return true;
}

/* #SS and #GP differ only by the base register's default segment. */
static u32 vec_class(const struct insn_case *k, u32 v)
{
	if (v == EXC_PF && k->skip_cr2)
		return EXC_GP;         /* images at the 4 GiB wrap */
	return v == EXC_SS ? EXC_GP : v;
}

/* An operand across 4 GiB: see host_cpu.h. */
static bool wraps(const struct insn_case *k, const struct insn_state *w,
		  const struct insn_state *g)
{
	return !host_is_amd() && k->bits == 32 && w->vec == EXC_PF &&
	       w->cr2 > 0xffffffff - 32 && vec_class(k, g->vec) == EXC_GP;
}

static bool fault_differs(const struct insn_case *k, const struct insn_state *w,
			  const struct insn_state *g, bool v)
{
	bool bad = !wraps(k, w, g) &&
		   differ(v, "vec", 0, vec_class(k, w->vec),
			  vec_class(k, g->vec));

	if (!bad && w->vec == EXC_PF && g->vec == EXC_PF) {
		/* the host maps a few pages in the kernel's half */
		u32 bits = PF_W | PF_U | ((s64)w->cr2 < 0 ? 0 : PF_P);

		bad |= differ(v, "err", 0, w->err & bits, g->err & bits);
		if (!k->skip_cr2)
			bad |= differ(v, "cr2", 0, w->cr2, g->cr2);
	}
	return bad;
}

static bool fx_differs(const struct insn_case *k, const struct fx_state *w,
		       const struct fx_state *g, bool v)
{
	bool bad = false;
	u32 mxcsr = ~0u;

	/* unmasked overflow or underflow: see fp_run in sse.c */
	if (k->out.vec == EXC_XM &&
	    w->mxcsr & ~(w->mxcsr >> 7) & (MXCSR_OE | MXCSR_UE))
		mxcsr &= ~(u32)MXCSR_PE;

	bad |= differ(v, "fcw", 0, w->fcw, g->fcw);
	bad |= differ(v, "fsw", 0, w->fsw, g->fsw);
	bad |= differ(v, "ftw", 0, w->ftw, g->ftw);
	bad |= differ(v, "mxcsr", 0, w->mxcsr & mxcsr, g->mxcsr & mxcsr);
	if (w->fsw & 0x80 && !(k->in.fx.fsw & 0x80)) {
		bad |= differ(v, "fip", 0, (u32)w->fip, (u32)g->fip);
		/* Intel's CPUs note these two with an error only, not when
		 * FLDCW makes an old one count (CPUID 7 EBX bit 6) */
		if (w->fop != k->in.fx.fop)
			bad |= differ(v, "fop", 0, w->fop, g->fop);
		if (w->fdp != k->in.fx.fdp)
			bad |= differ(v, "fdp", 0, (u32)w->fdp, (u32)g->fdp);
	}
	for (unsigned n = 0; n < 8; n++)
		bad |= bytes_differ(v, "st", n, w->st[n].b, g->st[n].b, 10);
	for (unsigned n = 0; n < 16; n++)
		bad |= bytes_differ(v, "xmm", n, w->xmm[n].b, g->xmm[n].b, 16);
	return bad;
}

static bool ymmh_differs(const struct insn_state *w, const struct insn_state *g,
			 bool v)
{
	bool bad = false;

	for (unsigned n = 0; n < 16; n++)
		bad |= bytes_differ(v, "ymmh", n, w->ymmh[n].b, g->ymmh[n].b,
				    16);
	return bad;
}

static bool skipped(const struct insn_case *k, unsigned off)
{
	for (unsigned n = 0; n < k->skips; n++)
		if (off - k->skip[n].at < k->skip[n].len)
			return true;
	return false;
}

static bool mem_differs(const struct insn_case *k, const u8 *w, const u8 *g,
			bool v)
{
	unsigned shown = 0;
	bool bad = false;

	if (!memcmp(w, g, DATA_LEN))
		return false;
	for (unsigned n = 0; n < DATA_LEN; n++) {
		if (w[n] == g[n] || skipped(k, n))
			continue;
		bad = true;
		if (v && shown++ < 24)
			printf("#   mem %x: in %02x, host %02x, engine %02x\n",
			       DATA_AT + n, k->in.mem[n], w[n], g[n]);
	}
	return bad;
}

bool compare_case(const struct insn_case *k, const struct insn_state *g,
		  const struct case_opts *o, bool v)
{
	const struct insn_state *w = &k->out;
	u64 flags = FL_ARITH | FL_DF;
	bool bad = fault_differs(k, w, g, v);

	if (!o->strict)
		flags &= ~(u64)k->undef;
	if (k->rep_compare && w->vec == EXC_PF && !host_is_amd())
		flags &= ~(u64)FL_ARITH;   /* see host_cpu.h */
	bad |= differ(v, "rip", 0, w->rip, g->rip);
	bad |= differ(v, "rflags", 0, w->rflags & flags, g->rflags & flags);
	if (k->loose_fault && w->vec != NO_VEC)
		return !bad;
	for (unsigned n = 0; n < (k->bits == 64 ? 16u : 8u); n++)
		bad |= differ(v, gpr_name[n], 0, w->r[n], g->r[n]);
	bad |= fx_differs(k, &w->fx, &g->fx, v);
	bad |= ymmh_differs(w, g, v);
	bad |= mem_differs(k, w->mem, g->mem, v);
	return !bad;
}

static void print_code(const struct insn_case *k)
{
	cs_insn *insn;
	size_t n;
	csh h;

	printf("#   bytes:");
	for (unsigned j = 0; j < k->len; j++)
		printf(" %02x", k->code[j]);
	printf("\n");
	if (cs_open(CS_ARCH_X86, k->bits == 64 ? CS_MODE_64 : CS_MODE_32, &h))
		return;
	cs_option(h, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	n = cs_disasm(h, k->code, k->len, CODE_AT, 0, &insn);
	for (size_t j = 0; j < n; j++)
		printf("#   %x: %s %s\n", (unsigned)insn[j].address,
		       insn[j].mnemonic, insn[j].op_str);
	if (n)
		cs_free(insn, n);
	cs_close(&h);
}

static void print_state(const char *what, const struct insn_state *s)
{
	printf("#   %s: rip=%llx rflags=%llx", what, (unsigned long long)s->rip,
	       (unsigned long long)s->rflags);
	if (s->vec != NO_VEC)
		printf(" vec=%u err=%x cr2=%llx", s->vec, s->err,
		       (unsigned long long)s->cr2);
	printf("\n#    ");
	for (unsigned n = 0; n < 16; n++)
		printf(" %s=%llx", gpr_name[n], (unsigned long long)s->r[n]);
	printf("\n#     fcw=%x fsw=%x ftw=%x mxcsr=%x", s->fx.fcw, s->fx.fsw,
	       s->fx.ftw, s->fx.mxcsr);
	for (unsigned n = 0; n < 8; n++) {
		u64 frac;
		u16 se;

		memcpy(&frac, s->fx.st[n].b, 8);
		memcpy(&se, s->fx.st[n].b + 8, 2);
		printf(" st%u=%04x:%016llx", n, se, (unsigned long long)frac);
	}
	printf("\n#     xmm");
	for (unsigned n = 0; n < 16; n++) {
		u64 q[2];

		memcpy(q, s->fx.xmm[n].b, 16);
		printf(" %u=%016llx.%016llx", n, (unsigned long long)q[1],
		       (unsigned long long)q[0]);
	}
	printf("\n#     ymmh");
	for (unsigned n = 0; n < 16; n++) {
		u64 q[2];

		memcpy(q, s->ymmh[n].b, 16);
		printf(" %u=%016llx.%016llx", n, (unsigned long long)q[1],
		       (unsigned long long)q[0]);
	}
	printf("\n");
}

void print_case(const struct insn_case *k, const struct insn_state *out,
		const char *engine)
{
	printf("# case %llu, %u-bit: %s\n", (unsigned long long)k->seed,
	       k->bits, insn_rows[k->row[0]].name);
	print_code(k);
	print_state("in", &k->in);
	print_state("host", &k->out);
	print_state(engine, out);
}
