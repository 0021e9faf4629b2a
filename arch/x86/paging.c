/* SPDX-License-Identifier: MIT */
/*
 * The x86 page-table walk.  See paging.h.
 *
 * One table of formats describes every mode; translate and walk are two
 * loops over it.  Guests may build tables that point at themselves: depth is
 * bounded by the format, and the caller of walk may stop at any leaf.
 */
#include "arch/x86/paging.h"

#include <errno.h>
#include <string.h>

#include "vmm/core/gmem.h"

#define CR0_PG      BIT64(31)
#define CR4_PSE     BIT64(4)
#define CR4_PAE     BIT64(5)
#define CR4_LA57    BIT64(12)
#define EFER_LMA    BIT64(10)
#define PHYS_MASK   0x000ffffffffff000ull
#define RIGHTS      ((u64)(PG_P | PG_RW | PG_US))

struct level {
	u8 shift, bits;
	bool may_be_large;             /* PS may end the walk here       */
	bool has_rights;               /* entries carry RW, US and NX    */
};

struct format {
	u8 entry_size, depth, va_bits;
	u64 root_mask;
	struct level level[5];
};

static const struct format format_32 = {
	4, 2, 32, 0xfffff000,
	{ { 22, 10, true, true }, { 12, 10, false, true } },
};
static const struct format format_pae = {
	8, 3, 32, 0xffffffe0,
	{ { 30, 2, false, false }, { 21, 9, true, true },
	  { 12, 9, false, true } },
};
static const struct format format_4level = {
	8, 4, 48, PHYS_MASK,
	{ { 39, 9, false, true }, { 30, 9, true, true }, { 21, 9, true, true },
	  { 12, 9, false, true } },
};
static const struct format format_5level = {
	8, 5, 57, PHYS_MASK,
	{ { 48, 9, false, true }, { 39, 9, false, true }, { 30, 9, true, true },
	  { 21, 9, true, true }, { 12, 9, false, true } },
};

bool paging_enabled(const struct paging *p)
{
	return p->cr0 & CR0_PG;
}

static const struct format *format_of(const struct paging *p)
{
	if (!(p->cr4 & CR4_PAE))
		return &format_32;
	if (!(p->efer & EFER_LMA))
		return &format_pae;
	return p->cr4 & CR4_LA57 ? &format_5level : &format_4level;
}

static bool is_leaf(const struct paging *p, const struct format *f,
		    unsigned depth, u64 entry)
{
	if (depth + 1u == f->depth)
		return true;
	if (!f->level[depth].may_be_large || !(entry & PG_PS))
		return false;
	return f != &format_32 || (p->cr4 & CR4_PSE);
}

static gpa_t leaf_address(const struct format *f, unsigned depth, u64 entry)
{
	u64 size = BIT64(f->level[depth].shift);
	u64 pa = entry & PHYS_MASK & ~(size - 1);

	if (f == &format_32 && depth == 0)     /* PSE-36 */
		pa |= (entry & 0x1fe000) << 19;
	return pa;
}

static u64 rights_below(u64 attr, const struct level *l, u64 entry)
{
	if (!l->has_rights)
		return attr;
	return ((attr & entry & RIGHTS) | ((attr | entry) & PG_NX));
}

static bool canonical(const struct format *f, gva_t va)
{
	s64 top = (s64)va >> (f->va_bits - 1);

	return f->va_bits == 32 || top == 0 || top == -1;
}

int paging_translate(struct gmem *g, const struct paging *p, gva_t va,
		     gpa_t *pa, u64 *attr)
{
	const struct format *f = format_of(p);
	u64 table = p->cr3 & f->root_mask, rights = RIGHTS;

	if (!paging_enabled(p)) {
		*pa = va & (PHYS_MASK | 0xfff);
		if (attr)
			*attr = RIGHTS;
		return 0;
	}
	if (!canonical(f, va))
		return -EFAULT;
	for (unsigned d = 0; d < f->depth; d++) {
		const struct level *l = &f->level[d];
		u64 index = (va >> l->shift) & (BIT64(l->bits) - 1);
		u64 entry = 0;

		if (gmem_read(g, table + index * f->entry_size, &entry,
			      f->entry_size) < 0 || !(entry & PG_P))
			return -EFAULT;
		rights = rights_below(rights, l, entry);
		if (is_leaf(p, f, d, entry)) {
			*pa = leaf_address(f, d, entry) |
			      (va & (BIT64(l->shift) - 1));
			if (attr)
				*attr = rights;
			return 0;
		}
		table = entry & PHYS_MASK;
	}
	return -EFAULT;
}

struct walk {
	struct gmem *g;
	const struct paging *p;
	const struct format *f;
	int (*fn)(const struct arch_mapping *m, void *o);
	void *o;
	unsigned budget;               /* tables that may still be read */
};

static gva_t sign_extend(const struct format *f, gva_t va)
{
	unsigned n = 64 - f->va_bits;

	return f->va_bits == 32 ? va : (gva_t)((s64)(va << n) >> n);
}

/* Tables may point at each other and never end: too many are cut off. */
static int out_of_budget(const struct walk *w, gva_t va)
{
	const struct arch_mapping cut = { .va = sign_extend(w->f, va) };

	w->fn(&cut, w->o);
	return -E2BIG;
}

static int walk_table(struct walk *w, unsigned depth, gpa_t table,
		      gva_t va, u64 rights)
{
	const struct level *l = &w->f->level[depth];
	unsigned n = 1u << l->bits, size = w->f->entry_size;
	u8 page[4096];

	if (!w->budget--)
		return out_of_budget(w, va);
	if (gmem_read(w->g, table, page, (u64)n * size) < 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct arch_mapping m = { .size = BIT64(l->shift) };
		u64 entry = 0, below;
		int rc;

		memcpy(&entry, page + (size_t)i * size, size);
		if (!(entry & PG_P))
			continue;
		m.va = va + ((u64)i << l->shift);
		below = rights_below(rights, l, entry);
		if (is_leaf(w->p, w->f, depth, entry)) {
			m.va = sign_extend(w->f, m.va);
			m.pa = leaf_address(w->f, depth, entry);
			m.pte = entry;
			m.attr = below;
			rc = w->fn(&m, w->o);
		} else {
			rc = walk_table(w, depth + 1, entry & PHYS_MASK, m.va,
					below);
		}
		if (rc)
			return rc;
	}
	return 0;
}

void paging_walk(struct gmem *g, const struct paging *p,
		 int (*fn)(const struct arch_mapping *m, void *o), void *o)
{
	const struct format *f = format_of(p);
	struct walk w = { g, p, f, fn, o, PAGING_TABLES_MAX };

	if (paging_enabled(p))
		walk_table(&w, 0, p->cr3 & f->root_mask, 0, RIGHTS);
}
