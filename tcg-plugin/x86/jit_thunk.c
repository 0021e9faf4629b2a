/* SPDX-License-Identifier: MIT */
/*
 * Translated code: the pieces every block may jump to.
 *
 *   enter    called from C with the code's address: guest state in, jump
 *   leave    r15d = link or JIT_NONE, r14 = target: guest state out, return
 *   slow     r15d = site, r14 = address: C finds the page or interprets
 *   interp   r15d = site: C interprets the instruction
 *   lone     r15d = site: C interprets an instruction no block holds
 *   fpu      r15d = site: C loads the guest's FP state
 *   fault    r15d = site: as interp, after a host fault
 *
 * All save into *c first, so C may leave through c->unwind at any point.
 * Arithmetic flags travel as LAHF and SETO give them.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include "tcg-plugin/code/perf.h"

enum { SAVED_REGS = 6 };
static const u8 saved[SAVED_REGS] = { H_BX, H_BP, H_12, H_13, H_14, H_15 };

static u32 here(const struct emit *e, const struct jit *j)
{
	return (u32)(e->p - j->buf.rw);
}

static void push(struct emit *e, u8 r)
{
	if (r >= 8)
		e8(e, 0x41);
	e8(e, 0x50 | (r & 7));
}

static void pop(struct emit *e, u8 r)
{
	if (r >= 8)
		e8(e, 0x41);
	e8(e, 0x58 | (r & 7));
}

static void bytes(struct emit *e, const char *b, unsigned n)
{
	memcpy(e->p, b, n);
	e->p += n;
}

/* Registers and flags to *c; then the host stack.  Keeps rcx, r14, r15. */
static void save_all(struct emit *e)
{
	static const struct host_op store16 = { .byte = 0x89, .p66 = true };

	emit_store(e, H_AX, rm_gs(gs_reg(RAX)));
	bytes(e, "\x9f\x0f\x90\xc0", 4);               /* lahf; seto %al */
	emit_modrm(e, &store16, H_AX, GS(jr.flags));
	for (unsigned g = RCX; g < 16; g++)
		if (jit_home[g] != HOME_SLOT)
			emit_store(e, jit_home[g], rm_gs(gs_reg(g)));
	emit_load(e, H_SP, GS(jr.host_rsp));
}

static void load_all(struct emit *e)
{
	emit_load32(e, H_AX, GS(jr.flags));
	bytes(e, "\x04\x7f\x9e", 3);                   /* add $127,%al; sahf */
	for (unsigned g = 0; g < 16; g++)
		if (jit_home[g] != HOME_SLOT)
			emit_load(e, jit_home[g], rm_gs(gs_reg(g)));
}

/* Back to C with eax as it is. */
static void epilogue(struct emit *e)
{
	bytes(e, "\x48\x83\xc4\x08", 4);               /* add $8,%rsp */
	for (unsigned k = SAVED_REGS; k--; )
		pop(e, saved[k]);
	e8(e, 0xc3);
}

static void make_enter(struct emit *e)
{
	for (unsigned k = 0; k < SAVED_REGS; k++)
		push(e, saved[k]);
	bytes(e, "\x48\x83\xec\x08", 4);               /* sub $8,%rsp */
	emit_store(e, H_SP, GS(jr.host_rsp));
	emit_store(e, H_DI, GS(jr.resume));
	load_all(e);
	emit_jmp_mem(e, GS(jr.resume));
}

static void make_leave(struct emit *e)
{
	save_all(e);
	emit_store(e, H_14, GS(jr.r14));
	emit_mov32(e, H_AX, H_15);
	epilogue(e);
}

/* u32 fn(cpu, site, address): 0 resumes where c->jr says. */
static void make_call(struct emit *e, void *fn)
{
	u8 *out;

	save_all(e);
	emit_load(e, H_DI, GS(jr.self));
	emit_mov32(e, H_SI, H_15);
	emit_mov(e, H_DX, H_14);
	emit_mov_imm(e, H_AX, (u64)(uintptr_t)fn);
	bytes(e, "\xff\xd0\x85\xc0", 4);       /* call *%rax; test %eax,%eax */
	out = emit_jcc_fwd(e, 5);
	load_all(e);
	emit_load(e, H_14, GS(jr.r14));
	emit_load(e, H_15, GS(jr.r15));
	emit_mov_imm(e, H_CX, 0);
	emit_jmp_mem(e, GS(jr.resume));
	emit_here32(e, out);
	epilogue(e);
}

void jit_make_thunks(struct x86_cpu *c, struct jit *j)
{
	const struct {
		const char *name;
		u32 *at;
		void (*make)(struct emit *e);  /* or: a call of           */
		void *fn;
	} thunks[] = {
		{ "jit:enter",  &j->enter,  make_enter, NULL },
		{ "jit:leave",  &j->leave,  make_leave, NULL },
		{ "jit:slow",   &j->slow,   NULL, jit_c_slow },
		{ "jit:interp", &j->interp, NULL, jit_c_interp },
		{ "jit:lone",   &j->lone,   NULL, jit_c_lone },
		{ "jit:fpu",    &j->fpu,    NULL, jit_c_fpu },
		{ "jit:fault",  &j->fault,  NULL, jit_c_fault },
	};
	struct emit e = { .p = j->buf.rw, .to_rx = j->buf.rx - j->buf.rw };

	(void)c;
	for (unsigned i = 0; i < ARRAY_LEN(thunks); i++) {
		u8 *from = e.p;

		*thunks[i].at = here(&e, j);
		if (thunks[i].make)
			thunks[i].make(&e);
		else
			make_call(&e, thunks[i].fn);
		perf_code(from + e.to_rx, from, (u32)(e.p - from),
			  thunks[i].name);
	}
	j->buf.used = here(&e, j);
	code_buf_keep(&j->buf);
}
