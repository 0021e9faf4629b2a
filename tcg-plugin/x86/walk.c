// SPDX-License-Identifier: MIT
/*
 * The page-table walk (SDM vol. 3, chapter 4): none, 32-bit with PSE, PAE,
 * 4-level, 5-level.
 *
 * Room:     rights, reserved bits, error codes; A and D set in guest RAM.
 * Talks to: memory slots.
 * Never:    raises; trusts an entry it has not checked.
 *
 * Order: read the entries down to the leaf, judge rights over all levels, then
 * set A (and D) by compare-and-swap; an entry that changed meanwhile restarts
 * the walk.
 */
#include "tcg-plugin/x86/walk.h"

#include "tcg-plugin/provider_priv.h"

enum {
	PTE_P = BIT(0), PTE_RW = BIT(1), PTE_US = BIT(2), PTE_A = BIT(5),
	PTE_D = BIT(6), PTE_PS = BIT(7), PTE_G = BIT(8),
};
#define PTE_NX   BIT64(63)
#define PTE_ADDR 0x000ffffffffff000ull

enum { WALK_LEVELS = 5 };

struct step {
	void *host;                    /* the entry in guest RAM          */
	const struct mem_slot *slot;
	gpa_t gpa;
	u64 pte;
};

struct path {
	const struct mem_table *table;
	struct step step[WALK_LEVELS];
	unsigned depth;
	bool wide;                     /* 8-byte entries                  */
};

/* Entries outside RAM read as all ones, as on a bus nobody answers. */
static u64 entry_read(struct path *p, gpa_t gpa)
{
	struct step *s = &p->step[p->depth++];

	s->gpa = gpa;
	s->slot = mem_find(p->table, gpa);
	s->host = NULL;
	s->pte = ~0ull;
	if (!s->slot)
		return s->pte;
	s->host = s->slot->host + (gpa - s->slot->gpa);
	s->pte = p->wide ? __atomic_load_n((u64 *)s->host, __ATOMIC_RELAXED)
			 : __atomic_load_n((u32 *)s->host, __ATOMIC_RELAXED);
	return s->pte;
}

/* Set bits in an entry; false: it changed under us. */
static bool entry_set(const struct path *p, const struct step *s, u64 bits)
{
	u64 want = s->pte | bits, was = s->pte;
	u32 was32 = was;
	bool ok;

	if (want == s->pte)
		return true;
	if (!s->host || (s->slot->flags & KVM_MEM_READONLY))
		return true;           /* ROM tables: nothing to write    */
	if (p->wide)
		ok = __atomic_compare_exchange_n((u64 *)s->host, &was, want,
			false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else
		ok = __atomic_compare_exchange_n((u32 *)s->host, &was32,
			(u32)want, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	if (ok)
		mem_mark_dirty(s->slot, s->gpa);
	return ok;
}

static bool path_accessed(const struct path *p, bool write, bool pae_top)
{
	for (unsigned i = pae_top; i < p->depth; i++) {
		bool leaf = i == p->depth - 1;

		if (!entry_set(p, &p->step[i],
			       PTE_A | (leaf && write ? PTE_D : 0)))
			return false;
	}
	return true;
}

/* --- rights over all levels ----------------------------------------------- */

/* Protection keys (SDM 4.6.2); data accesses to user pages in long mode. */
static bool pkey_denies(const struct x86_cpu *c, unsigned key, u32 access)
{
	unsigned bits = c->pkru >> key * 2;

	if (!(c->cr4 & CR4_PKE) || !(c->efer & EFER_LMA) || access & PF_I)
		return false;
	if (bits & 1)
		return true;
	return (bits & 2) && (access & PF_W) &&
	       (access & PF_U || c->cr0 & CR0_WP);
}

/* What keys do not know. */
static bool tables_deny(const struct x86_cpu *c, const struct walk *w,
			u32 access)
{
	bool user = access & PF_U;

	if (user && !w->user)
		return true;
	if ((access & PF_W) && !w->writable && (user || c->cr0 & CR0_WP))
		return true;
	if (access & PF_I)
		return !w->exec || (!user && w->user && c->cr4 & CR4_SMEP);
	return !user && w->user && (c->cr4 & CR4_SMAP) && !(access & WALK_AC);
}

/* 0, or PF_P (and PF_PK, which says what PKRU would do whatever else is
 * wrong: SDM vol. 3, 4.7). */
static u32 rights_fault(const struct x86_cpu *c, const struct walk *w,
			u32 access)
{
	if (w->user && pkey_denies(c, w->pkey, access))
		return PF_P | PF_PK;
	return tables_deny(c, w, access) ? PF_P : 0;
}

static u32 fault_code(const struct x86_cpu *c, u32 access, u32 why)
{
	u32 err = (access & (PF_W | PF_U)) | why;
	bool nx = (c->efer & EFER_NXE) && (c->cr4 & CR4_PAE);

	if ((access & PF_I) && (nx || c->cr4 & CR4_SMEP))
		err |= PF_I;
	return err | WALK_FAULT;
}

/* --- the shapes of tables ------------------------------------------------- */

static void leaf_fill(struct walk *w, u64 pte, u64 base, unsigned shift,
		      gva_t la)
{
	w->size = 1ull << shift;
	w->pa = (base & ~(w->size - 1)) | (la & (w->size - 1));
	w->dirty = pte & PTE_D;
	w->global = pte & PTE_G;
	w->pkey = pte >> 59 & 15;
}

static void rights_and(struct walk *w, u64 pte)
{
	w->user &= !!(pte & PTE_US);
	w->writable &= !!(pte & PTE_RW);
	w->exec &= !(pte & PTE_NX);
}

/* 0: leaf found; else PF_* to report. */
static u32 walk_32bit(struct x86_cpu *c, struct path *p, gva_t la,
		      struct walk *w)
{
	u64 pte;

	la = (u32)la;
	p->wide = false;
	pte = entry_read(p, (c->cr3 & 0xfffff000u) + (la >> 22) * 4);
	if (!(pte & PTE_P))
		return WALK_FAULT;
	rights_and(w, pte & 0xffffffffu);
	if ((pte & PTE_PS) && (c->cr4 & CR4_PSE)) {
		u64 high = (pte >> 13 & 0xff) << 32;

		if ((pte & BIT(21)) || (high & ~c->phys_mask))
			return WALK_FAULT | PF_P | PF_RSVD;
		leaf_fill(w, pte, (pte & 0xffc00000u) | high, 22, la);
		return 0;
	}
	pte = entry_read(p, (pte & 0xfffff000u) + (la >> 12 & 0x3ff) * 4);
	if (!(pte & PTE_P))
		return WALK_FAULT;
	rights_and(w, pte & 0xffffffffu);
	leaf_fill(w, pte, pte & 0xfffff000u, 12, la);
	return 0;
}

/* Of a PAE page-directory-pointer-table entry: 2:1, 8:5, and the high ones. */
static u64 pdpte_reserved(const struct x86_cpu *c)
{
	return 0xfff00000000001e6ull | (PTE_ADDR & ~c->phys_mask);
}

bool x86_pdptes_ok(struct x86_cpu *c, u64 cr3)
{
	struct path p = { .table = mem_table(&c->vm->mem), .wide = true };

	for (unsigned n = 0; n < 4; n++) {
		u64 e;

		p.depth = 0;
		e = entry_read(&p, (cr3 & 0xffffffe0u) + n * 8);
		if ((e & PTE_P) && (e & pdpte_reserved(c)))
			return false;
	}
	return true;
}

static u64 reserved_bits(const struct x86_cpu *c, unsigned level, bool leaf,
			 bool pae)
{
	u64 rsvd = PTE_ADDR & ~c->phys_mask;

	if (!(c->efer & EFER_NXE))
		rsvd |= PTE_NX;
	if (pae)
		rsvd |= 0x7ff0000000000000ull;
	if (level > 3)
		rsvd |= PTE_PS;
	if (level == 3 && !pae && !c->has_1g)
		rsvd |= PTE_PS;
	if (leaf && level > 1)
		rsvd |= ((1ull << (12 + 9 * (level - 1))) - 1) & ~0x1fffull;
	return rsvd;
}

static u32 walk_wide(struct x86_cpu *c, struct path *p, gva_t la,
		     struct walk *w)
{
	bool lm = c->efer & EFER_LMA;
	unsigned level = !lm ? 3 : c->cr4 & CR4_LA57 ? 5 : 4;
	gpa_t table = lm ? c->cr3 & PTE_ADDR & c->phys_mask
			 : c->cr3 & 0xffffffe0u;

	p->wide = true;
	for (;; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		bool top = !lm && level == 3, leaf;
		u64 pte = entry_read(p, table + (la >> shift &
						 (top ? 3 : 0x1ff)) * 8);

		if (!(pte & PTE_P))
			return WALK_FAULT;
		leaf = level == 1 || (!top && (pte & PTE_PS));
		if (top) {
			if (pte & pdpte_reserved(c))
				return WALK_FAULT | PF_P | PF_RSVD;
		} else {
			if (pte & reserved_bits(c, level, leaf, !lm))
				return WALK_FAULT | PF_P | PF_RSVD;
			rights_and(w, pte);
		}
		table = pte & PTE_ADDR & c->phys_mask;
		if (leaf) {
			leaf_fill(w, pte, table, shift, la);
			return 0;
		}
	}
}

bool x86_walk_serves(const struct x86_cpu *c, const struct walk *w,
		     u32 access)
{
	return (w->dirty || !(access & PF_W)) && !rights_fault(c, w, access);
}

u32 x86_walk(struct x86_cpu *c, gva_t la, u32 access, struct walk *w)
{
	struct path p;
	u32 bad;

	if (!(c->cr0 & CR0_PG)) {
		*w = (struct walk){ .user = true, .writable = true,
				    .exec = true, .dirty = true };
		leaf_fill(w, PTE_D, (u32)la, 12, la);
		return 0;
	}
	do {
		p.table = mem_table(&c->vm->mem);
		p.depth = 0;
		*w = (struct walk){ .user = true, .writable = true,
				    .exec = true };
		bad = c->cr4 & CR4_PAE ? walk_wide(c, &p, la, w)
				       : walk_32bit(c, &p, la, w);
		if (bad)
			return fault_code(c, access, bad & ~WALK_FAULT);
		if (access & WALK_PROBE)
			return 0;
		bad = rights_fault(c, w, access);
		if (bad)
			return fault_code(c, access, bad);
	} while (!path_accessed(&p, access & PF_W, p.wide &&
				!(c->efer & EFER_LMA)));
	w->dirty |= !!(access & PF_W);
	return 0;
}
