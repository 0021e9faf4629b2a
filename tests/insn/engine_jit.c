// SPDX-License-Identifier: MIT
/*
 * Engine: the translator, on the interpreter engine's flat address space.
 *
 * The case becomes one block; slow paths meet the same fake MMU, and host
 * faults in translated code come back through jit_host_fault.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "tests/insn/insn_test.h"

static u8 *bodies, *body_at;
enum { BODIES = 1 << 20 };

/* jit_run asks for the next block: the case is only one. */
struct block *tcg_block_here(struct tcg_vcpu *v, bool *cross)
{
	(void)v;
	*cross = false;
	return NULL;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	u64 pc, r15;

	(void)info;
	if (!jit_host_fault(flat_cpu(), (u64)g[REG_RIP], &pc, &r15)) {
		signal(sig, SIG_DFL);
		return;
	}
	g[REG_RIP] = (greg_t)pc;
	g[REG_R15] = (greg_t)r15;
}

static int jit_start(void)
{
	static u8 stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (!jit_supported())
		return -1;
	flat_start();
	flat_cpu()->vm->eager = 1;
	if (jit_create(flat_cpu()) < 0)
		return -1;
	sigaltstack(&alt, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	bodies = body_at = mmap(NULL, BODIES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bodies == MAP_FAILED ? -1 : 0;
}

/* Decode from rip as the block cache would.  NULL: at the end. */
static struct block *block_of(struct x86_cpu *c)
{
	const u8 *p = flat_code(c->rip);
	struct block *b = (struct block *)(void *)body_at;
	struct insn *to = (struct insn *)(void *)b->body;
	unsigned at = 0, n = 0;

	if (!p)
		x86_raise_pf(c, c->rip, PF_U | PF_I);
	if (*p == 0xcc)
		return NULL;
	memset(b, 0, sizeof(*b));
	while (n < MAX_INSNS + 1 && p[at] != 0xcc) {
		at += insn_decode(&to[n], p + at, 15, c->code_bits);
		if (to[n++].row->attr & A_END)
			break;
	}
	b->host = p;
	b->count = (u16)n;
	b->bytes = (u16)at;
	atomic_store(&b->valid, 1);
	body_at += (sizeof(*b) + n * sizeof(*to) + 63) & ~(size_t)63;
	return b;
}

static void blocks(struct x86_cpu *c)
{
	for (unsigned n = 0; n < 20000; n++) {
		struct block *b;
		const struct insn *i;

		if (body_at > bodies + BODIES - 8192)
			return;
		jit_fpu_save(c);       /* this file's code may use SSE */
		b = block_of(c);
		if (!b)
			return;
		i = (const struct insn *)(const void *)b->body;
		c->request = 0;
		if (jit_usable(c))
			jit_run(c, b);
		else
			x86_run_block(c, i, b->count);
	}
}

static void jit_case(const struct insn_case *k, struct insn_state *out)
{
	struct x86_cpu *c = flat_cpu();

	flat_load(c, k);
	body_at = bodies;
	atomic_fetch_add(&c->vm->code.gen, 1);
	c->vm->code.n_flush++;         /* bodies are reused */
	if (!sigsetjmp(c->unwind, 0))
		blocks(c);
	c->request = 0;
	jit_fpu_save(c);
	flat_result(c, out);
}

const struct engine engine_jit = {
	.name  = "jit",
	.start = jit_start,
	.run   = jit_case,
};
