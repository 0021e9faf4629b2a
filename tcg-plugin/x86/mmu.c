// SPDX-License-Identifier: MIT
/*
 * Guest memory accesses that miss the soft TLB.
 *
 * Room:     canonical checks, walks, TLB fills, page splits, code pages,
 *           watched pages; devices are handed to x86/mmio.c.
 * Talks to: walk.c, memory slots, the block cache, mmio.c.
 * Never:    touches a byte before every page of the access is known good.
 *
 * A store into the block being executed sets REQ_CODE, one onto a watched
 * address REQ_COMMIT: the block ends after this instruction.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/mmio.h"
#include "tcg-plugin/x86/sys.h"
#include "tcg-plugin/x86/walk.h"

/* One page's part of an access, translated. */
struct part {
	gva_t la;
	gpa_t pa;
	u8 *host;                      /* NULL: device                    */
	unsigned n;
};

/* --- large pages ---------------------------------------------------------- */

static u64 *large_bit(u64 *set, unsigned words, u64 n, u64 *bit)
{
	*bit = 1ull << n % 64;
	return &set[n / 64 % words];
}

static void note_large(struct x86_cpu *c, const struct walk *w, gva_t la)
{
	u64 bit, *word;

	if (w->size >= GiB)
		word = large_bit(c->large_1g, ARRAY_LEN(c->large_1g),
				 la >> 30, &bit);
	else
		word = large_bit(c->large_2m, ARRAY_LEN(c->large_2m),
				 la >> 21, &bit);
	*word |= bit;
}

/* May a large page that holds `la` have pieces in the TLB?  4 MiB pages set the
 * bit of the half they were used in, so ask for both. */
static bool large_cached(struct x86_cpu *c, gva_t la)
{
	u64 bit, *word = large_bit(c->large_1g, ARRAY_LEN(c->large_1g),
				   la >> 30, &bit);

	if (*word & bit)
		return true;
	word = large_bit(c->large_2m, ARRAY_LEN(c->large_2m), la >> 21, &bit);
	if (*word & bit)
		return true;
	word = large_bit(c->large_2m, ARRAY_LEN(c->large_2m),
			 la >> 21 ^ 1, &bit);
	return !(c->cr4 & CR4_PAE) && (*word & bit);
}

/* --- translating ---------------------------------------------------------- */

/* Fill what this walk proved; page may be cached for `kind` accesses. */
static void fill(struct x86_cpu *c, const struct walk *w, unsigned mode,
		 enum tlb_kind kind, gva_t la, u8 *page)
{
	if (c->dr_armed && kind != TLB_EXEC &&
	    x86_debug_page_watched(c, la, kind == TLB_WRITE))
		return;
	if (kind == TLB_WRITE) {
		struct code_cache *cc = &c->vm->code;

		code_note_writer(cc, page, c->id);
		if (code_page_tracked(cc, page))
			return;
	}
	if (w->size > PAGE_SIZE)
		note_large(c, w, la);
	if (w->global && (c->cr4 & CR4_PGE))
		tlb_fill_global(&c->tlb, mode, kind, la, page);
	else
		tlb_fill(&c->tlb, mode, kind, la, page);
}

static void check_canonical(struct x86_cpu *c, gva_t la)
{
	if (c->mode == MODE_LONG && !x86_canonical(c, la))
		x86_raise_noncanonical(c, la);
}

static void translate(struct x86_cpu *c, struct part *p, unsigned mode,
		      enum tlb_kind kind)
{
	static const u32 of_kind[TLB_KINDS] = { 0, PF_W, PF_I };
	static const u32 of_mode[TLB_MODES] = {
		[TLB_USER] = PF_U, [TLB_SUPER_AC] = WALK_AC,
	};
	u32 access = of_kind[kind] | of_mode[mode], bad;
	const struct mem_slot *s;
	struct walk w;

	check_canonical(c, p->la);
	c->n_tlb_miss++;
	bad = x86_walk(c, p->la, access, &w);
	if (bad)
		x86_raise_pf(c, p->la, bad & ~WALK_FAULT);
	p->pa = w.pa;
	p->host = NULL;
	if (mmio_inside(c, w.pa))
		return;
	s = mem_find(mem_table(&c->vm->mem), w.pa);
	if (!s || (kind == TLB_WRITE && (s->flags & KVM_MEM_READONLY)))
		return;
	p->host = s->host + (w.pa - s->gpa);
	if (kind == TLB_WRITE)
		mem_mark_dirty(s, w.pa);
	fill(c, &w, mode, kind, p->la,
	     p->host - (uintptr_t)p->host % PAGE_SIZE);
}

/* Cut [la, la+n) at the page boundary; returns the number of parts. */
static unsigned split(struct x86_cpu *c, struct part p[2], gva_t la,
		      unsigned n, unsigned mode, enum tlb_kind kind)
{
	unsigned first = PAGE_SIZE - la % PAGE_SIZE;

	p[0] = (struct part){ .la = la, .n = MIN(n, first) };
	translate(c, &p[0], mode, kind);
	if (n <= first)
		return 1;
	p[1] = (struct part){ .la = la + first, .n = n - first };
	if (c->mode != MODE_LONG)
		p[1].la = (u32)p[1].la;
	translate(c, &p[1], mode, kind);
	return 2;
}

/* --- data breakpoints ----------------------------------------------------- */

static void watch(struct x86_cpu *c, gva_t la, unsigned n, bool write)
{
	u32 hits;

	if (!c->dr_armed)
		return;
	hits = x86_debug_data_hit(c, la, n, write);
	if (!hits)
		return;
	c->db_hits |= hits;
	atomic_fetch_or(&c->request, REQ_COMMIT);
}

/* --- reading -------------------------------------------------------------- */

void mem_slow_read(struct x86_cpu *c, gva_t la, void *buf, unsigned n,
		   unsigned mode)
{
	struct part p[2];
	unsigned parts = split(c, p, la, n, mode, TLB_READ);
	u8 *to = buf;

	watch(c, la, n, false);
	for (unsigned i = 0; i < parts; i++) {
		if (p[i].host)
			mem_load(to, p[i].host, p[i].n);
		else
			mmio_read(c, p[i].pa, to, p[i].n);
		to += p[i].n;
	}
}

/* --- writing -------------------------------------------------------------- */

/* Blocks died: translated code on other vCPUs must not run on in them. */
static void tell_others(struct x86_cpu *c)
{
	unsigned n = atomic_load(&c->vm->nvcpu);

	for (unsigned id = 0; id < n; id++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(c->vm, id);

		if (v && id != c->id && atomic_load(&v->inside))
			atomic_fetch_or(&v->cpu.request, REQ_CODE);
	}
}

/* Into a page that holds decoded code.  false: it no longer does. */
static bool store_code(struct x86_cpu *c, u8 *host, const void *buf,
		       unsigned n)
{
	const struct block *b = to_tcg_vcpu(c)->running;
	bool held = c->rmw_locked, done;
	u64 gen;

	if (b && block_overlaps(b, host, n))
		atomic_fetch_or(&c->request, REQ_CODE);
	*(volatile u8 *)host;          /* fault here, holding no lock     */
	if (!held)
		mem_rmw_lock(c);
	gen = atomic_load(&c->vm->code.gen);
	done = code_write(&c->vm->code, host, buf, n);
	if (gen != atomic_load(&c->vm->code.gen))
		tell_others(c);
	if (!held)
		mem_rmw_unlock(c);
	return done;
}

static void store_part(struct x86_cpu *c, const struct part *p,
		       const void *buf)
{
	if (!p->host) {
		mmio_write(c, p->pa, buf, p->n);
		return;
	}
	if (code_page_tracked(&c->vm->code, p->host) &&
	    store_code(c, p->host, buf, p->n))
		return;
	mem_store(p->host, buf, p->n);
}

void mem_slow_write(struct x86_cpu *c, gva_t la, const void *buf, unsigned n,
		    unsigned mode)
{
	struct part p[2];
	unsigned parts = split(c, p, la, n, mode, TLB_WRITE);

	watch(c, la, n, true);
	store_part(c, &p[0], buf);
	if (parts == 2)
		store_part(c, &p[1], (const u8 *)buf + p[0].n);
}

/* --- pointers ------------------------------------------------------------- */

const u8 *mem_fetch(struct x86_cpu *c, gva_t la, gpa_t *pa)
{
	struct part p = { .la = la };
	const u8 *host = tlb_lookup(&c->tlb, c->tlb_mode, TLB_EXEC, la, 1);

	if (host && !pa)
		return host;
	translate(c, &p, c->tlb_mode, TLB_EXEC);
	if (pa)
		*pa = p.pa;
	if (p.host && !host)
		code_verify(&c->vm->code, p.host);
	return p.host;
}

void *mem_rmw_ptr(struct x86_cpu *c, gva_t la, unsigned n)
{
	struct part p = { .la = la, .n = n };
	void *host = tlb_lookup(&c->tlb, c->tlb_mode, TLB_WRITE, la, n);

	if (host)
		return host;
	if (la % PAGE_SIZE + n > PAGE_SIZE)
		return NULL;
	translate(c, &p, c->tlb_mode, TLB_WRITE);
	if (!p.host || code_page_tracked(&c->vm->code, p.host))
		return NULL;
	if (c->dr_armed && x86_debug_page_watched(c, la, true))
		return NULL;
	return p.host;
}

void *mem_span(struct x86_cpu *c, gva_t la, bool write, u64 *n)
{
	u64 left = PAGE_SIZE - la % PAGE_SIZE;
	struct part p = { .la = la };
	u8 *host;

	*n = MIN(*n, left);
	if (write)
		return mem_rmw_ptr(c, la, 1);
	host = tlb_lookup(&c->tlb, c->tlb_mode, TLB_READ, la, 1);
	if (host)
		return host;
	translate(c, &p, c->tlb_mode, TLB_READ);
	if (c->dr_armed && x86_debug_page_watched(c, la, false))
		return NULL;
	return p.host;
}

void mem_probe(struct x86_cpu *c, gva_t la, unsigned n, bool write)
{
	enum tlb_kind kind = write ? TLB_WRITE : TLB_READ;
	struct part p[2];

	if (n && !tlb_lookup(&c->tlb, c->tlb_mode, kind, la, n))
		split(c, p, la, n, c->tlb_mode, kind);
}

int mem_translate(struct x86_cpu *c, gva_t la, gpa_t *pa, u32 *attr)
{
	struct walk w;

	if (((c->cr0 & CR0_PG) && !x86_canonical(c, la) &&
	     (c->efer & EFER_LMA)) ||
	    x86_walk(c, la, WALK_PROBE, &w))
		return -EFAULT;
	*pa = w.pa;
	if (attr)
		*attr = (w.writable ? PF_W : 0) | (w.user ? PF_U : 0) |
			(w.exec ? PF_I : 0);
	return 0;
}

/* --- locks and maintenance ------------------------------------------------ */

void mem_rmw_lock(struct x86_cpu *c)
{
	lock_take(&c->vm->rmw);
	c->rmw_locked = true;
}

void mem_rmw_unlock(struct x86_cpu *c)
{
	c->rmw_locked = false;
	lock_drop(&c->vm->rmw);
}

void mmu_flush(struct x86_cpu *c)
{
	x86_log(c, LOG_MMU, "vcpu %u: TLB flush, all\n", c->id);
	tlb_flush(&c->tlb);
	jit_jump_flush(c);
	memset(c->large_2m, 0, sizeof(c->large_2m));
	memset(c->large_1g, 0, sizeof(c->large_1g));
	c->n_tlb_flush++;
}

void mmu_new_space(struct x86_cpu *c)
{
	x86_log(c, LOG_MMU, "vcpu %u: CR3 %llx\n", c->id,
		(unsigned long long)c->cr3);
	tlb_flush_local(&c->tlb);
	jit_jump_flush_local(c);
	c->n_tlb_flush++;
}

void mmu_invlpg(struct x86_cpu *c, gva_t la)
{
	x86_log(c, LOG_MMU, "vcpu %u: INVLPG %llx\n", c->id,
		(unsigned long long)la);
	if (large_cached(c, la)) {
		mmu_flush(c);
		return;
	}
	tlb_flush_page(&c->tlb, la);
	jit_jump_flush_page(c, la);
}

void mmu_set_pkru(struct x86_cpu *c, u32 v)
{
	if (c->pkru == v)
		return;
	c->pkru = v;
	if (c->cr4 & CR4_PKE)
		mmu_flush(c);
}
