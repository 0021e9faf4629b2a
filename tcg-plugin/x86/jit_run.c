/* SPDX-License-Identifier: MIT */
/*
 * Translated code seen from C: entering it, what its slow paths ask, and why
 * it came back.
 *
 * Room:     the life of a vCPU's struct jit; the FPU's ownership; host faults.
 * Talks to: the block cache through tcg_block_here; mmu.c for pages.
 * Never:    calls libc's string functions while the guest's FP state is in
 *           the host's registers: jit_fpu_save comes first.
 */
#include "tcg-plugin/x86/jit_priv.h"

#include <errno.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "tcg-plugin/code/arena.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/handlers.h"
#include "tcg-plugin/x86/host_cpu.h"
#include "tcg-plugin/x86/interp.h"
#include "tcg-plugin/x86/walk.h"

/* Sanitizers' C uses vector registers, which hold guest state here. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { JIT_BUILT_FOR = 0 };
#else
enum { JIT_BUILT_FOR = 1 };
#endif

enum { JIT_STOP = 0xfffffffe };        /* eax of leave: rip is set         */

/* --- life ----------------------------------------------------------------------- */

bool jit_supported(void)
{
	bool fsgsbase = getauxval(AT_HWCAP2) & 2;

	__builtin_cpu_init();
	/* PEXT is microcode before Zen 3: a family 17h host interprets. */
	return JIT_BUILT_FOR && fsgsbase && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("avx") && !__builtin_cpu_is("znver1") &&
	       !__builtin_cpu_is("znver2");
}

int jit_create(struct x86_cpu *c)
{
	struct jit *j = calloc(1, sizeof(*j));
	int rc = -ENOMEM;

	if (!j)
		return rc;
	j->site = arena_map(JIT_MAX_SITES * sizeof(*j->site));
	j->link = arena_map(JIT_MAX_LINKS * sizeof(*j->link));
	j->block = arena_map(JIT_MAX_BLOCKS * sizeof(*j->block));
	j->hash = arena_map(JIT_HASH * sizeof(*j->hash));
	j->cross = arena_map(JIT_MAX_LINKS * sizeof(*j->cross));
	j->lone_insn = arena_map(JIT_MAX_LONE * sizeof(*j->lone_insn));
	j->fell = calloc(insn_row_count, sizeof(*j->fell));
	if (j->site && j->link && j->block && j->hash && j->cross &&
	    j->lone_insn && j->fell)
		rc = code_buf_init(&j->buf, JIT_CODE_SIZE);
	c->jit = j;
	if (rc < 0) {
		jit_destroy(c);
		return rc;
	}
	atomic_store(&j->two_pages.valid, 1);
	c->jr.self = c;
	c->jr.fpu_away = 1;
	c->jr.page_mask = ~(u64)(PAGE_SIZE - 1);
	c->jr.no_if = ~(u64)FL_IF;
	c->jr.no_ac = ~(u64)FL_AC;
	c->jr.sign = 1ull << 63;
	jit_space_new(c);
	jit_make_thunks(c, j);
	for (unsigned m = 0; m < TLB_MODES; m++)
		c->jump[m].neg[0] = 1;         /* rip 0 matches nothing */
	memset(j->hash, 0xff, JIT_HASH * sizeof(*j->hash));
	return 0;
}

void jit_destroy(struct x86_cpu *c)
{
	struct jit *j = c->jit;

	if (!j)
		return;
	code_buf_fini(&j->buf);
	arena_unmap(j->site, JIT_MAX_SITES * sizeof(*j->site));
	arena_unmap(j->link, JIT_MAX_LINKS * sizeof(*j->link));
	arena_unmap(j->block, JIT_MAX_BLOCKS * sizeof(*j->block));
	arena_unmap(j->hash, JIT_HASH * sizeof(*j->hash));
	arena_unmap(j->cross, JIT_MAX_LINKS * sizeof(*j->cross));
	arena_unmap(j->lone_insn, JIT_MAX_LONE * sizeof(*j->lone_insn));
	free(j->fell);
	free(j);
	c->jit = NULL;
}

/* The TLB's arrays and the jump cache are read at random places all the time.
 * A guest that is no small one gets them in the host's large pages; one that
 * is does not pay for them at its start. */
void jit_settle(struct x86_cpu *c)
{
	struct tcg_vcpu *v = to_tcg_vcpu(c);

	if (madvise(v, sizeof(*v), MADV_HUGEPAGE) == 0)
		madvise(v, sizeof(*v), MADV_COLLAPSE); /* Linux 6.1      */
}

/* --- sites ------------------------------------------------------------------------ */

/* The block whose code, of the two ends, is at this offset, if there is any. */
static u32 block_of_pc(const struct jit *j, u32 pc)
{
	u32 lo = 0, hi = j->nblock;

	while (hi - lo > 1) {          /* at both ends in this order */
		const u32 mid = lo + (hi - lo) / 2;
		const struct jit_block *b = &j->block[mid];

		if ((pc < j->buf.middle ? b->code : b->cold) <= pc)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Which site does this host address belong to?  JIT_NONE: none. */
static u32 site_of_pc(const struct jit *j, u32 pc)
{
	const u32 b = block_of_pc(j, pc);
	const u32 end = b + 1 < j->nblock ? j->block[b + 1].site : j->nsite;

	for (u32 n = j->nblock ? j->block[b].site : end; n < end; n++)
		if (j->site[n].next > pc)
			return pc < j->site[n].pc ? JIT_NONE : n;
	return JIT_NONE;
}

/* --- floating point ---------------------------------------------------------------- */

static void fpu_load(struct x86_cpu *c)
{
	if (!c->jr.fpu_away)
		return;
	/* a guest without AVX finds it in its initial state, which is cheap;
	 * what it left there earlier stays in memory */
	c->fpu.xstate_bv = 3 | (c->xcr0 & 4);
	c->fpu.mxcsr &= 0xffff;
	c->jr.fip = c->fpu.fip;
	c->jr.fdp = c->fpu.fdp;
	c->jr.fop = c->fpu.fop;
	c->fpu.fip = c->fpu.fdp = c->fpu.fop = 0;
	asm volatile("xrstor64 %0" : : "m"(c->fpu), "a"(7), "d"(0));
	c->jr.fpu_away = 0;
}

/* The host noted where it ran the last x87 instruction, in the low half of its
 * address at least: XSAVE of AMD's tells only with an exception pending.  The
 * guest must see its own address, and never the host's; that of its last
 * operand in memory was noted by translated code. */
static void fpu_pointers(struct x86_cpu *c, u32 fip)
{
	struct jit *j = c->jit;
	const u32 at = fip - (u32)(uintptr_t)j->buf.rx;
	const u32 site = fip && at < JIT_CODE_SIZE ? site_of_pc(j, at)
						 : JIT_NONE;
	const struct jit_site *s;

	c->fpu.fip = c->jr.fip;
	c->fpu.fop = (u16)c->jr.fop;
	c->fpu.fdp = c->jr.fdp;
	if (site == JIT_NONE)
		return;
	s = &j->site[site];
	c->fpu.fip = s->rip;
	c->fpu.fop = (u16)((s->insn->byte & 7) << 8 | s->insn->modrm);
}

void jit_fpu_save(struct x86_cpu *c)
{
	static const u32 mxcsr = 0x1f80;
	u32 env[7] = { 0 };

	if (!c->jit || c->jr.fpu_away)
		return;
	asm volatile("xsave64 %0" : "+m"(c->fpu)
		     : "a"(3 | (u32)(c->xcr0 & 4)), "d"(0));
	if (c->fpu.xstate_bv & 1)      /* else x87 is as after FNINIT */
		asm volatile("fnstenv %0\n\tfninit" : "=m"(env));
	asm volatile("ldmxcsr %0\n\tvzeroupper" : : "m"(mxcsr));
	fpu_pointers(c, env[3]);
	c->jr.fpu_away = 1;
}

/* --- flags ---------------------------------------------------------------------------- */

/* RF goes: there are no breakpoints it could hold back (jit_usable). */
static void flags_in(struct x86_cpu *c)
{
	u64 fl = x86_rflags(c);

	c->jr.flags = (u16)((fl & 0xd7) << 8 | !!(fl & FL_OF));
	c->rflags = fl & ~(u64)(FL_ARITH | FL_RF);
}

static void flags_out(struct x86_cpu *c)
{
	u64 fl = (c->jr.flags >> 8 & 0xd5) | (c->jr.flags & 1 ? FL_OF : 0);

	c->rflags = (c->rflags & ~(u64)FL_ARITH) | fl;
	c->cc_op = CC_RFLAGS;
}

/* --- slow paths ---------------------------------------------------------------------- */

static u32 resume(struct x86_cpu *c, u32 code)
{
	c->rflags &= ~(u64)FL_ARITH;   /* they are in jr.flags */
	c->jr.resume = (u64)(uintptr_t)c->jit->buf.rx + code;
	return 0;
}

/* Control went elsewhere: on at once if its code is known, else out. */
static u32 chain(struct x86_cpu *c)
{
	const void *code;

	if (!jit_usable(c) || jit_must_stop(c) ||
	    (jit_state(c) & ST_ENV) != c->jit->env[c->tlb_mode])
		return JIT_STOP;
	code = jit_jump_get(c, c->rip);
	if (!code)
		return JIT_STOP;
	flags_in(c);
	c->jr.resume = (u64)(uintptr_t)code;
	return 0;
}

/* The guest is at `s`. */
static void at_site(struct x86_cpu *c, const struct jit_site *s)
{
	const struct jit_block *b = &c->jit->block[s->block];
	struct tcg_vcpu *v = to_tcg_vcpu(c);

	c->rip = s->rip;
	v->running = b->guest == &c->jit->two_pages ? NULL : b->guest;
	v->running_rip = b->rip;
}

/* The instruction of `s` in the interpreter, then on or out. */
static u32 interpret(struct x86_cpu *c, const struct jit_site *s)
{
	struct tcg_vcpu *v = to_tcg_vcpu(c);
	u64 next = s->rip + s->insn->len;
	bool fpu = !c->jr.fpu_away;    /* the block may count on it */

	c->jit->st.slow_interp++;
	if ((u64)(s->insn->row - insn_rows) < insn_row_count)
		c->jit->fell[s->insn->row - insn_rows]++;
	x86_run_block(c, s->insn, 1);
	if (s->end)
		return chain(c);
	if (c->rip != next || (c->rflags & FL_DF)) {
		tcg_refund(v);
		return chain(c);
	}
	if (c->shadow || jit_must_stop(c)) {
		tcg_refund(v);
		return JIT_STOP;
	}
	flags_in(c);
	if (fpu)
		fpu_load(c);
	return resume(c, s->next);
}

u32 jit_c_interp(struct x86_cpu *c, u32 site, u64 unused)
{
	const struct jit_site *s = &c->jit->site[site];

	(void)unused;
	flags_out(c);
	at_site(c, s);
	return interpret(c, s);
}

u32 jit_c_lone(struct x86_cpu *c, u32 site, u64 unused)
{
	const struct jit_site *s = &c->jit->site[site];

	(void)unused;
	flags_out(c);
	c->rip = s->rip;
	c->jit->st.lone++;
	jit_lone_missed(c, &c->jit->block[s->block]);
	tcg_run_lone(to_tcg_vcpu(c));
	return chain(c);
}

u32 jit_c_fpu(struct x86_cpu *c, u32 site, u64 unused)
{
	(void)unused;
	fpu_load(c);
	return resume(c, c->jit->site[site].hit);
}

/* Rows of SSE that have an MMX operand, too. */
static bool has_mmx(const struct insn *i)
{
	switch (i->row->form) {
	case F_PQ: case F_QP: case F_PQI8: case F_PE: case F_EP: case F_VQ:
	case F_PW: case F_NI8: case F_PEI8: case F_GNI8: case F_GQ:
		return true;
	default:
		return i->row->attr & (A_FPU | A_MMX);
	}
}

/* Intel's CPUs do something before a store's page fault: see host_cpu.h. */
static bool acts_first(const struct insn_row *r)
{
	return r->attr & A_STORE && !host_is_amd() &&
	       r->attr & (A_FPU | A_MMX | A_XM);
}

/* Exceptions that come before the page's: misaligned operands, and x87 errors
 * still pending.  The interpreter keeps the order. */
static bool fault_first(const struct jit_site *s, u64 la)
{
	u32 attr = s->insn->row->attr;
	bool cx16 = s->insn->row->fn == op_cmpxchg8b && s->size == 16;
	u16 fsw;

	if ((attr & A_ALIGN) && la % s->insn->opsize)
		return true;
	if (acts_first(s->insn->row))
		return true;
	if (cx16 && la % 16)
		return true;
	if (!has_mmx(s->insn))
		return false;
	asm volatile("fnstsw %0" : "=m"(fsw));
	return fsw & 0x80;
}

/* Across a page; NULL: not possible, or *done. */
static void *slow_split(struct x86_cpu *c, const struct jit_site *s, u64 la,
			bool *done)
{
	enum jit_split r = jit_split(c, s, la);

	*done = r == SPLIT_STORED;
	return r == SPLIT_LOADED ? c->jr.bounce : NULL;
}

u32 jit_c_slow(struct x86_cpu *c, u32 site, u64 la)
{
	const struct jit_site *s = &c->jit->site[site];
	void *host = NULL;
	bool done = false;
	u64 one = 1;

	flags_out(c);
	at_site(c, s);
	if (fault_first(s, la))
		return interpret(c, s);
	if (la % PAGE_SIZE + s->size > PAGE_SIZE)
		host = slow_split(c, s, la, &done);
	else
		host = s->kind == TLB_WRITE ? mem_rmw_ptr(c, la, s->size)
					    : mem_span(c, la, false, &one);
	if (done)
		return resume(c, s->next);
	if (!host)
		return interpret(c, s);
	c->jit->st.slow_hits++;
	c->jr.r14 = la;
	c->jr.r15 = (u64)(uintptr_t)host - la;
	return resume(c, s->hit);
}

/* A host fault in re-emitted code is the guest's: the interpreter raises it. */
u32 jit_c_fault(struct x86_cpu *c, u32 site, u64 reason)
{
	c->jit->st.faults++;
	return jit_c_interp(c, site, reason);
}

bool jit_host_fault(struct x86_cpu *c, u64 pc, u64 *new_pc, u64 *r15)
{
	struct jit *j = c->jit;
	u32 site;

	if (!j || !code_buf_holds(&j->buf, (void *)(uintptr_t)pc))
		return false;
	site = site_of_pc(j, (u32)(pc - (u64)(uintptr_t)j->buf.rx));
	if (site == JIT_NONE)
		return false;
	*new_pc = (u64)(uintptr_t)j->buf.rx +
		  (j->site[site].again ? j->site[site].again : j->fault);
	*r15 = site;
	return true;
}

/* --- invalidation --------------------------------------------------------------------------- */

static void kill_block(struct x86_cpu *c, struct jit_block *b)
{
	jit_jump_forget(c, b);
	jit_block_kill(c->jit, b);
}

/* All translations of `b`. */
static void kill_guest(struct x86_cpu *c, const struct block *b)
{
	struct jit_block *jb = jit_block_next(c->jit, NULL, b);

	for (; jb; jb = jit_block_next(c->jit, jb, b))
		kill_block(c, jb);
}

/* Every translation, when too many blocks died to know which. */
static void sweep_all(struct x86_cpu *c)
{
	struct jit *j = c->jit;

	for (u32 k = 0; k < j->nblock; k++) {
		struct jit_block *b = &j->block[k];

		if (!b->dead && !atomic_load_explicit(&b->guest->valid,
						      memory_order_relaxed))
			kill_block(c, b);
	}
}

/* Drop translations of blocks that are no longer valid. */
static void sweep(struct x86_cpu *c)
{
	struct jit *j = c->jit;
	struct code_cache *cc = &c->vm->code;
	u64 gen = atomic_load_explicit(&cc->gen, memory_order_acquire);

	if (j->code_gen == gen)
		return;
	if (j->flush_gen != cc->n_flush) {     /* the bodies are gone */
		j->flush_gen = cc->n_flush;
		jit_forget_all(c);
	} else if (gen - j->code_gen > CODE_DEAD / 2) {
		sweep_all(c);
	} else {
		for (u64 n = j->code_gen; n != gen; n++)
			kill_guest(c, atomic_load(&cc->dead[n % CODE_DEAD]));
		if (atomic_load(&cc->gen) - j->code_gen > CODE_DEAD)
			sweep_all(c);          /* overtaken while reading */
	}
	j->code_gen = gen;
}

bool jit_must_stop(const struct x86_cpu *c)
{
	return tcg_look_around(c) ||
	       c->jit->code_gen != atomic_load_explicit(&c->vm->code.gen,
							memory_order_relaxed);
}

/* --- running ----------------------------------------------------------------------------------- */

/* 32-bit code whose segments, but for FS and GS, are all of memory. */
static bool flat_32(const struct x86_cpu *c)
{
	const u8 flat = BIT(ES) | BIT(SS) | BIT(DS);
	const struct x86_seg *cs = &c->seg[CS];

	return c->code_bits == 32 && c->stack_bits == 32 &&
	       (c->flat & flat) == flat && !cs->base &&
	       cs->limit == 0xffffffff &&
	       (c->mode == MODE_PROT || c->mode == MODE_COMPAT);
}

/* ... which may have a base, but no limit. */
static bool unlimited(const struct x86_seg *s)
{
	const u32 mask = SEG_UNUSABLE | SEG_CODE | SEG_E | SEG_W | SEG_P;

	return s->limit == 0xffffffff && (s->attr & mask) == (SEG_W | SEG_P);
}

static u16 state_32(const struct x86_cpu *c)
{
	return ST_32 | (unlimited(&c->seg[FS]) ? ST_FS32 : 0) |
	       (unlimited(&c->seg[GS]) ? ST_GS32 : 0);
}

bool jit_usable(const struct x86_cpu *c)
{
	return c->jit && (c->mode == MODE_LONG || flat_32(c)) &&
	       !c->align_check &&
	       c->cpl != 1 && c->cpl != 2 &&
	       !c->shadow && !c->io.count && !c->singlestep && !c->one_insn &&
	       !(c->rflags & (FL_TF | FL_DF)) && !c->dr_armed &&
	       !(c->dr[7] & 0xff);
}

static bool syscall_usual(const struct x86_cpu *c)
{
	const u64 clears = FL_IF | FL_DF | FL_TF | FL_AC;

	return (c->efer & EFER_SCE) && (c->sfmask & clears) == clears;
}

u16 jit_state(const struct x86_cpu *c)
{
	bool fpu = !(c->cr0 & (CR0_EM | CR0_TS)) && (c->cr4 & CR4_OSFXSR);

	return (u16)(c->tlb_mode | (fpu ? ST_FPU : 0) |
		     (c->cr4 & CR4_SMAP ? ST_SMAP : 0) |
		     (c->cr4 & CR4_FSGSBASE ? ST_FSGS : 0) |
		     (c->cr4 & CR4_TSD ? ST_TSD : 0) |
		     (c->cr4 & CR4_PKE ? ST_PKE : 0) |
		     (!(c->cr0 & CR0_TS) && x86_avx_on(c) ? ST_AVX : 0) |
		     (c->cr4 & CR4_LA57 ? ST_LA57 : 0) |
		     (c->cpl ? 0 : ST_CPL0) |
		     (syscall_usual(c) ? ST_SYSCALL : 0) |
		     (c->mode == MODE_LONG ? 0 : state_32(c)));
}

/* The jump cache knows the TLB mode only: CPL 1 and 2 stay out of its way. */
static void check_env(struct x86_cpu *c)
{
	u16 env = jit_state(c) & ST_ENV;

	if (env == c->jit->env[c->tlb_mode])
		return;
	c->jit->env[c->tlb_mode] = env;
	c->jr.env_differs = c->jit->env[TLB_USER] != c->jit->env[TLB_SUPER];
	jit_jump_flush(c);
}

/* Most blocks of a system's start run once, and are cheaper interpreted. */
static bool is_cold(const struct x86_cpu *c, const struct block *b)
{
	return b->runs < JIT_COLD_RUNS && b != &c->jit->two_pages &&
	       !atomic_load_explicit(&c->vm->eager, memory_order_relaxed);
}

/* NULL: too seldom run so far to be worth it. */
static struct jit_block *block_for(struct x86_cpu *c, struct block *b)
{
	struct jit_block *jb;

	if (is_cold(c, b)) {           /* then nobody translated it       */
		b->runs++;
		return NULL;
	}
	jb = jit_block_find(c->jit, b, c->rip, jit_state(c));
	if (jb)
		return jb;
	jb = jit_translate(c, b, NULL);
	if (!jb) {                     /* full: start again */
		jit_forget_all(c);
		jb = jit_translate(c, b, NULL);
	}
	return jb;
}

static struct jit_block *piece_for(struct x86_cpu *c)
{
	struct jit *j = c->jit;
	struct jit_block *jb = jit_block_find(j, &j->two_pages, c->rip,
					      jit_state(c));

	if (jb)
		return jb;
	jit_lone_read(c);
	return block_for(c, &j->two_pages);
}

static u32 enter(struct x86_cpu *c, u32 code)
{
	u8 *rx = c->jit->buf.rx;
	u32 (*fn)(void *) = (u32 (*)(void *))(void *)(rx + c->jit->enter);
	u32 r;

	flags_in(c);
	c->jit->st.enters++;
	r = fn(rx + code);
	if (r != JIT_STOP)
		flags_out(c);
	return r;
}

/* An indirect jump the jump cache did not know. */
static void jump_to(struct x86_cpu *c, const struct jit_site *s)
{
	if (!x86_canonical(c, c->jr.r14)) {
		c->r[RSP] += (u64)(s64)s->undo;
		at_site(c, s);
		x86_raise_err(c, EXC_GP, 0);
	}
	c->rip = c->jr.r14;
}

/* How control came to rip. */
struct arrival {
	u32 by;                        /* what enter() said               */
	bool shadow;                   /* STI's                           */
	u64 flushes;                   /* of jit_stats, when it did       */
};

static bool is_link(u32 r)
{
	return r != JIT_NONE && !(r & JIT_JUMP);
}

/* Where control left the translated code: sets rip.  False: C decides.  *past:
 * in an STI shadow. */
static bool next_rip(struct x86_cpu *c, u32 r, bool *past)
{
	*past = false;
	if (r == JIT_STOP)
		return false;
	if (r == JIT_NONE) {
		c->rip = c->jr.r14;
	} else if (r & JIT_JUMP) {
		jump_to(c, &c->jit->site[r & ~JIT_JUMP]);
		if (c->jr.hold_left < 0)
			jit_hold_missed(c, c->jit->site[r & ~JIT_JUMP].block);
	} else {
		c->rip = c->jit->link[r].target;
		*past = c->jit->link[r].entry == LINK_SHADOW;
	}
	if (!jit_must_stop(c))
		return true;
	c->shadow = *past;
	return false;
}

/* Patch the link that led to `*jb`, or a better version, which is entered then;
 * false: it goes by the jump cache. */
static bool link_up(struct x86_cpu *c, u32 link, struct jit_block **jb)
{
	const u8 cross = c->jit->link[link].cross;
	struct jit_block *base = *jb;

	if (cross == LINK_GLOBAL && !jit_page_global(c, c->rip)) {
		jit_link_via(c->jit, link);
		return false;
	}
	if (cross == LINK_SPACE) {
		if (!jit_link_space(c, link, jb))
			return false;
	} else {
		*jb = jit_version(c, link, *jb);
		jit_link_to(c->jit, link, *jb);
		if ((*jb)->known.hold)
			*jb = base;    /* C has no page to give */
	}
	if ((*jb)->known.fpu)
		fpu_load(c);
	return true;
}

/* From C into `jb`, which starts at rip, and to its end.  False: C decides. */
static bool run_block(struct x86_cpu *c, struct jit_block *jb,
		      struct arrival *at)
{
	const bool known = at->flushes == c->jit->st.flushes &&
			   is_link(at->by) && link_up(c, at->by, &jb);

	if (!known && !at->shadow)
		jit_jump_fill(c, c->rip, jb->code);
	if (at->flushes == c->jit->st.flushes && at->by != JIT_NONE &&
	    (at->by & JIT_JUMP))
		jit_inline_learn(c, at->by & ~JIT_JUMP, jb);
	at->by = enter(c, at->shadow ? jb->inner : jb->code);
	return next_rip(c, at->by, &at->shadow);
}

/* A block that was not run often.  False: C decides. */
static bool run_cold(struct x86_cpu *c, struct block *b, struct arrival *at)
{
	tcg_interpret(to_tcg_vcpu(c), b);
	at->by = JIT_JUMP;
	at->shadow = false;
	return jit_usable(c) && !jit_must_stop(c);
}

static void run(struct x86_cpu *c, struct block *b)
{
	struct arrival at = { .by = JIT_JUMP };
	struct jit_block *jb = block_for(c, b);
	bool cross;

	for (;;) {
		if (!(jb ? run_block(c, jb, &at) : run_cold(c, b, &at)))
			return;
		check_env(c);
		at.flushes = c->jit->st.flushes;
		b = tcg_block_here(to_tcg_vcpu(c), &cross);
		if (!b && !cross)
			return;
		jb = b ? block_for(c, b) : piece_for(c);
	}
}

void jit_run(struct x86_cpu *c, struct block *b)
{
	sweep(c);
	check_env(c);
	if (!atomic_load_explicit(&b->valid, memory_order_relaxed))
		return;
	asm volatile("wrgsbase %0" : : "r"(c));
	run(c, b);
}
