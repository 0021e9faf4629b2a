// SPDX-License-Identifier: MIT
/*
 * From rip to a block, and through it.
 *
 * Room:     fetch, decoding into the block cache, and the lone instructions that
 *           no block can hold (page-crossing, near the CS limit).
 * Talks to: mem_fetch, insn_decode, the block cache, x86_run_block.
 * Never:    looks at events; returns to exec.c when cpu.request is set.
 */
#include <string.h>

#include "tcg-plugin/blocklog.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "vmm/base/log.h"

static gva_t code_la(const struct x86_cpu *c)
{
	return c->code_bits == 64 ? c->rip : (u32)(c->seg[CS].base + c->rip);
}

static const struct insn *block_insns(const struct block *b)
{
	return (const struct insn *)(const void *)b->body;
}

/* Where a lone instruction at that place would be kept, decoded. */
static u64 lone_key(const struct x86_cpu *c, const u8 *host)
{
	return (u64)(uintptr_t)host << 2 | (c->code_bits >> 5);
}

static struct cross_insn *cross_slot(struct tcg_vcpu *v, u64 key)
{
	return &v->cross[(key ^ key >> 14) % TCG_CROSS_CACHE];
}

/* --- decoding a block ----------------------------------------------------- */

/* Take write entries for this page away everywhere.  Leaves guest code
 * meanwhile: every pointer the caller holds is stale afterwards. */
static void protect_page(struct tcg_vcpu *v, const u8 *host)
{
	struct code_cache *cc = &v->vm->code;
	u64 who = atomic_load(code_writers(cc, host)) * 0x0101010101010101ull;
	const u8 *page = host - (uintptr_t)host % PAGE_SIZE;

	tlb_protect(&v->cpu.tlb, page, PAGE_SIZE);
	tcg_shootdown(v->vm, v, who);
	code_page_protected(cc, page);
}

static void cache_full(struct tcg_vcpu *v)
{
	struct tcg_vm *vm = v->vm;

	tcg_world_stop(vm, v);
	code_flush(&vm->code);
	tcg_world_go(vm, v);
}

/* NULL: something had to be done first, look again from rip.  A block of no
 * instructions is never made: *cross says the first one needs two pages. */
static struct block *block_make(struct tcg_vcpu *v, const u8 *host,
				bool *cross)
{
	unsigned avail = PAGE_SIZE - (uintptr_t)host % PAGE_SIZE;
	unsigned bits = v->cpu.code_bits, n = 0, at = 0;
	struct code_cache *cc = &v->vm->code;
	enum code_why why;
	struct block *b;
	struct insn *to;

	b = code_begin(cc, host, bits, TCG_BLOCK_INSNS * sizeof(*to), &why);
	if (!b) {
		if (why == CODE_PROTECT)
			protect_page(v, host);
		else
			cache_full(v);
		return NULL;
	}
	to = (struct insn *)(void *)b->body;
	while (n < TCG_BLOCK_INSNS && at < avail) {
		unsigned len = insn_decode(&to[n], host + at, avail - at, bits);

		if (!len)
			break;
		at += len;
		if (to[n++].row->attr & A_END)
			break;
	}
	if (!n) {
		code_abort(cc);
		*cross = true;
		return NULL;
	}
	code_commit(cc, b, n, at, n * sizeof(*to));
	if (log_on(LOG_MADE))
		tcg_log_made(v, b, code_la(&v->cpu));
	return b;
}

/* --- counted instructions (icount.h) ------------------------------------------ */

static void charge(struct x86_cpu *c, s64 n)
{
	if (__builtin_expect(c->counted, 0))
		c->jr.icount_left -= n;
}

void tcg_refund(struct tcg_vcpu *v)
{
	const struct block *b = v->running;
	u64 at = v->running_rip;

	if (!v->cpu.counted || !b)
		return;
	for (unsigned n = 0; n < b->count; n++) {
		if (at == v->cpu.rip) {
			v->cpu.jr.icount_left += b->count - n;
			return;
		}
		at += block_insns(b)[n].len;
	}
}

/* --- lone instructions ---------------------------------------------------- */

/* Decode from a private copy of its bytes; keep it while they stay the same. */
static void run_bytes(struct tcg_vcpu *v, u64 key, const u8 *bytes,
		      unsigned avail)
{
	struct cross_insn *x = cross_slot(v, key);

	if (x->key != key || memcmp(x->bytes, bytes, sizeof(x->bytes))) {
		x->key = 0;
		if (!insn_decode(&x->insn, bytes, avail, v->cpu.code_bits))
			x86_raise_err(&v->cpu, EXC_GP, 0);
		memcpy(x->bytes, bytes, sizeof(x->bytes));
		x->key = key;
	}
	v->running = NULL;
	charge(&v->cpu, 1);
	x86_run_block(&v->cpu, &x->insn, 1);
}

/* At most 15 bytes from rip, over a page boundary if need be. */
static void run_lone(struct tcg_vcpu *v, const u8 *host)
{
	struct x86_cpu *c = &v->cpu;
	gva_t la = code_la(c);
	unsigned want = 15, first = PAGE_SIZE - la % PAGE_SIZE;
	u8 bytes[16] = { 0 };

	if (c->code_bits != 64) {
		u64 left = (u64)c->seg[CS].limit - (u32)c->rip;

		want = MIN(left, 14) + 1;
		if (c->rip > c->seg[CS].limit)
			x86_raise_err(c, EXC_GP, 0);
	}
	memcpy(bytes, host, MIN(first, want));
	if (first < want) {
		gva_t next = la + first;
		const u8 *more;

		if (c->code_bits != 64)
			next = (u32)next;
		more = mem_fetch(c, next, NULL);
		if (!more)
			x86_exit(c, LEAVE_INTERNAL);
		memcpy(bytes + first, more, want - first);
	}
	run_bytes(v, lone_key(c, host), bytes, want);
}

void tcg_run_lone(struct tcg_vcpu *v)
{
	const u8 *host = mem_fetch(&v->cpu, code_la(&v->cpu), NULL);

	if (!host)
		x86_exit(&v->cpu, LEAVE_INTERNAL);
	run_lone(v, host);
}

/* --- look-up -------------------------------------------------------------- */

static bool near_limit(const struct x86_cpu *c, const struct block *b)
{
	return c->code_bits != 64 &&
	       (c->rip > c->seg[CS].limit ||
		c->seg[CS].limit - c->rip + 1 < b->bytes);
}

/* In *host: where rip's bytes are.  In *cross: no block can start here. */
static struct block *block_at(struct tcg_vcpu *v, const u8 **host, bool *cross)
{
	struct x86_cpu *c = &v->cpu;
	struct block *b;
	u64 key;

	*host = mem_fetch(c, code_la(c), NULL);
	if (__builtin_expect(!*host, 0))
		x86_exit(c, LEAVE_INTERNAL);
	b = code_find(&v->vm->code, *host, c->code_bits);
	if (__builtin_expect(b != NULL, 1))
		return b;
	key = lone_key(c, *host);
	if (cross_slot(v, key)->key == key) {
		*cross = true;         /* run_lone checks its bytes */
		return NULL;
	}
	return block_make(v, *host, cross);
}

struct block *tcg_block_here(struct tcg_vcpu *v, bool *cross)
{
	const u8 *host;

	*cross = false;
	return block_at(v, &host, cross);
}

/* Charged whole, for a fault to refund (after_leave); what did not run for
 * another reason comes back here. */
void tcg_interpret(struct tcg_vcpu *v, struct block *b)
{
	struct x86_cpu *c = &v->cpu;
	u64 before = c->n_insn;

	v->running = b;
	v->running_rip = c->rip;
	charge(c, b->count);
	x86_run_block(c, block_insns(b), b->count);
	charge(c, (s64)(c->n_insn - before) - b->count);
}

/* One block, or one lone instruction, from rip.  false: nothing was run yet,
 * something had to be done first. */
static bool run_from_rip(struct tcg_vcpu *v, bool jit)
{
	struct x86_cpu *c = &v->cpu;
	bool cross = false;
	const u8 *host;
	struct block *b = block_at(v, &host, &cross);

	if (__builtin_expect(!b, 0)) {
		if (cross)
			run_lone(v, host);
		return cross;
	}
	if (__builtin_expect(near_limit(c, b), 0)) {
		run_lone(v, host);
		return true;
	}
	c->n_block++;
	if (log_on(LOG_EXEC | LOG_CPU)) {
		tcg_log_run(v, b, code_la(c));
		jit = false;           /* it would not come back for each */
	}
	if (jit && jit_usable(c))
		jit_run(c, b);
	else
		tcg_interpret(v, b);
	return true;
}

void tcg_run_blocks(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	do {
		run_from_rip(v, true);
	} while (!tcg_look_around(c));
	v->running = NULL;
}

void tcg_run_one(struct tcg_vcpu *v)
{
	while (!run_from_rip(v, false))
		;
	v->running = NULL;
}
