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

/* --- translating ---------------------------------------------------------- */

static u8 *page_of(const u8 *host)
{
	return (u8 *)((uintptr_t)host & ~(uintptr_t)(PAGE_SIZE - 1));
}

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
	if (w->pkey && w->user && kind != TLB_EXEC)
		pkeys_note(c, la, w->pkey);
	if (w->global && (c->cr4 & CR4_PGE))
		tlb_fill_global(&c->tlb, mode, kind, la, page);
	else
		tlb_fill(&c->tlb, mode, kind, la, page);
}

/* --- the second level ----------------------------------------------------- */

enum { A_USER = BIT(4), A_WRITABLE = BIT(5), A_EXEC = BIT(6), A_DIRTY = BIT(7),
       A_GLOBAL = BIT(8), A_PKEY = 15 };

static void remember(struct x86_cpu *c, const struct walk *w, gva_t la)
{
	u32 attr = w->pkey | (w->user ? A_USER : 0) |
		   (w->writable ? A_WRITABLE : 0) | (w->exec ? A_EXEC : 0) |
		   (w->dirty ? A_DIRTY : 0) | (w->global ? A_GLOBAL : 0);
	/* a page of 4 MiB is two */
	unsigned shift = w->size >= GiB ? 30 : w->size > PAGE_SIZE ? 21 : 12;

	tlb2_fill(&c->tlb2, c->tlb.asid, la, w->pa, shift, attr,
		  w->global && (c->cr4 & CR4_PGE));
}

static bool recall(struct x86_cpu *c, gva_t la, u32 access, struct walk *w)
{
	const struct tlb2_entry *e = tlb2_find(&c->tlb2, c->tlb.asid, la);

	if (!e)
		return false;
	*w = (struct walk){
		.pa = e->pa | (la & ((1ull << e->shift) - 1)),
		.size = 1ull << e->shift, .user = e->attr & A_USER,
		.writable = e->attr & A_WRITABLE, .exec = e->attr & A_EXEC,
		.dirty = e->attr & A_DIRTY, .global = e->attr & A_GLOBAL,
		.pkey = e->attr & A_PKEY,
	};
	return x86_walk_serves(c, w, access);
}

/* As x86_walk, from memory if it can be; *fresh: it could not. */
static u32 walk(struct x86_cpu *c, gva_t la, u32 access, struct walk *w,
		bool *fresh)
{
	u32 bad;

	*fresh = !recall(c, la, access, w);
	if (!*fresh)
		return 0;
	c->n_walk++;
	bad = x86_walk(c, la, access, w);
	if (!bad && (c->cr0 & CR0_PG))
		remember(c, w, la);
	return bad;
}

static void check_canonical(struct x86_cpu *c, gva_t la)
{
	if (c->mode == MODE_LONG && !x86_canonical(c, la))
		x86_raise_noncanonical(c, la);
}

static void invlpg(struct x86_cpu *c, gva_t la, bool global);

/* A page fault invalidates what is known of its page (SDM vol. 3, 4.10.4.1). */
static _Noreturn void page_fault(struct x86_cpu *c, gva_t la, u32 err)
{
	if (tlb_knows(&c->tlb, la) || tlb2_find(&c->tlb2, c->tlb.asid, la))
		invlpg(c, la, true);
	x86_raise_pf(c, la, err);
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
	u8 *host;
	bool fresh;

	check_canonical(c, p->la);
	c->n_tlb_miss++;
	bad = walk(c, p->la, access, &w, &fresh);
	if (bad)
		page_fault(c, p->la, bad & ~WALK_FAULT);
	p->pa = w.pa;
	p->host = NULL;
	s = mmio_inside(c, w.pa) ? NULL :
	    mem_find(mem_table(&c->vm->mem), w.pa);
	host = s ? s->host + (w.pa - s->gpa) : NULL;
	/* a page has one place: reads and writes find the same */
	if (fresh)
		tlb_agree(&c->tlb, p->la, page_of(host));
	if (!s || (kind == TLB_WRITE && (s->flags & KVM_MEM_READONLY)))
		return;
	p->host = host;
	if (kind == TLB_WRITE)
		mem_mark_dirty(s, w.pa);
	fill(c, &w, mode, kind, p->la, page_of(host));
}

/* Cut [la, la+n) at the page boundary; returns the number of parts. */
static unsigned split(struct x86_cpu *c, struct part p[2], gva_t la,
		      unsigned n, unsigned mode, enum tlb_kind kind)
{
	unsigned first = PAGE_SIZE - la % PAGE_SIZE;

	p[0] = (struct part){ .la = la, .n = MIN(n, first) };
	if (n > first)                 /* before any page is looked at */
		check_canonical(c, la + first);
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

/* The tag of the present address space. */
static u32 asid_of(const struct x86_cpu *c)
{
	return c->cr4 & CR4_PCIDE ? c->cr3 & 0xfff : 0;
}

void mmu_flush_host(struct x86_cpu *c)
{
	x86_log(c, LOG_MMU, "vcpu %u: TLB flush, all\n", c->id);
	tlb_flush(&c->tlb);
	jit_jump_flush(c);
	c->pkeys.n = 0;
	c->n_tlb_flush++;
}

void mmu_flush(struct x86_cpu *c)
{
	mmu_flush_host(c);
	tlb2_flush(&c->tlb2);
	c->tlb.asid = asid_of(c);
}

/* All of the present address space. */
static void flush_present(struct x86_cpu *c)
{
	tlb2_flush_asid(&c->tlb2, c->tlb.asid);
	pkeys_leave(c);
	tlb_flush_local(&c->tlb);
	jit_jump_flush_local(c);
	c->n_tlb_flush++;
}

static void flush_asid(struct x86_cpu *c, u32 asid)
{
	struct tlb_aside *set;

	if (asid == c->tlb.asid) {
		flush_present(c);
		return;
	}
	tlb2_flush_asid(&c->tlb2, asid);
	set = tlb_aside_find(&c->tlb, asid);
	if (set)
		set->serial = set->n = 0;
}

static void put_aside(struct x86_cpu *c)
{
	struct tlb_aside *set;

	pkeys_leave(c);
	set = tlb_put_aside(&c->tlb);
	jit_jump_aside(c, (unsigned)(set - c->tlb.aside), set->serial);
	jit_jump_flush_local(c);
	tlb_flush_local(&c->tlb);
}

/* Code that a device may have stored into since is compared as on a miss. */
static void bring_back(struct x86_cpu *c, struct tlb_aside *set)
{
	unsigned which = (unsigned)(set - c->tlb.aside);
	u64 serial = set->serial;

	for (u32 n = 0; n < set->n; n++)
		if (tlb_kept_kind(&set->e[n]) == TLB_EXEC)
			code_verify(&c->vm->code, tlb_kept_host(&set->e[n]));
	tlb_bring_back(&c->tlb, set);
	jit_jump_back(c, which, serial);
	c->n_back++;
}

void mmu_new_space(struct x86_cpu *c, bool keep)
{
	u32 asid = asid_of(c);
	struct tlb_aside *set;

	x86_log(c, LOG_MMU, "vcpu %u: CR3 %llx\n", c->id,
		(unsigned long long)c->cr3);
	c->n_space++;
	if (!keep)
		flush_asid(c, asid);
	if (asid == c->tlb.asid)
		return;
	put_aside(c);
	c->tlb.asid = asid;
	set = tlb_aside_find(&c->tlb, asid);
	if (set)
		bring_back(c, set);
}

/* Every piece of the page, in the present address space. */
static void flush_pieces(struct x86_cpu *c, gva_t la)
{
	u64 size = tlb2_pieces(&c->tlb2, la);

	la &= ~(size - 1);
	tlb_flush_range(&c->tlb, la, size);
	if (size > 2 * MiB)
		jit_jump_flush(c);
	else
		for (u64 at = 0; at < size; at += PAGE_SIZE)
			jit_jump_flush_page(c, la + at);
}

static void invlpg(struct x86_cpu *c, gva_t la, bool global)
{
	flush_pieces(c, la);
	tlb2_flush_page(&c->tlb2, c->tlb.asid, la, global);
}

void mmu_invlpg(struct x86_cpu *c, gva_t la)
{
	x86_log(c, LOG_MMU, "vcpu %u: INVLPG %llx\n", c->id,
		(unsigned long long)la);
	invlpg(c, la, true);
	if (!(c->cr4 & CR4_PAE))
		invlpg(c, la ^ 2 * MiB, true);         /* pages of 4 MiB  */
}

static void invpcid_page(struct x86_cpu *c, u16 pcid, gva_t la)
{
	u64 size = tlb2_pieces(&c->tlb2, la);
	struct tlb_aside *set = tlb_aside_find(&c->tlb, pcid);

	if (pcid == c->tlb.asid) {
		invlpg(c, la, false);
		return;
	}
	tlb2_flush_page(&c->tlb2, pcid, la, false);
	if (set)
		tlb_aside_drop_page(set, la & ~(size - 1), ~(size - 1));
}

void mmu_invpcid(struct x86_cpu *c, unsigned type, u16 pcid, gva_t la)
{
	x86_log(c, LOG_MMU, "vcpu %u: INVPCID %u pcid %x %llx\n", c->id, type,
		pcid, (unsigned long long)la);
	switch (type) {
	case 0:
		invpcid_page(c, pcid, la);
		break;
	case 1:
		flush_asid(c, pcid);
		break;
	case 2:
		mmu_flush(c);
		break;
	default:                       /* all but global pages            */
		flush_present(c);
		tlb_aside_forget(&c->tlb);
		tlb2_flush_local(&c->tlb2);
	}
}
