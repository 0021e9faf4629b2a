/* SPDX-License-Identifier: MIT */
/*
 * info tlb and info mem: the current CPU's page tables, leaf by leaf.
 *
 * Talks to: arch->walk, which visits leaves in address order.
 * Never:    believes that a guest's tables end: a walk has a budget.
 */
#include "monitor/x86.h"

static int say_cut(struct mon *m)
{
	mon_puts(m, "[too many page tables: stopped here]\n");
	return 1;
}

/* Registers of a CPU with paging on; complains and returns NULL otherwise. */
static const struct x86_regs *paging_regs(struct mon *m)
{
	const struct x86_regs *r = mon_regs(m);
	struct paging p;

	if (!r) {
		mon_puts(m, "No CPU available\n");
		return NULL;
	}
	p = x86_regs_paging(r);
	if (paging_enabled(&p))
		return r;
	mon_puts(m, "PG disabled\n");
	return NULL;
}

static int put_leaf(const struct arch_mapping *l, void *opaque)
{
	struct mon *m = opaque;
	const u64 e = l->pte;

	if (!l->size)
		return say_cut(m);
	mon_printf(m, "%016llx: %016llx %c%c%c%c%c%c%c%c%c\n",
		   (long long)l->va, (long long)l->pa,
		   e & PG_NX ? 'X' : '-', e & PG_G ? 'G' : '-',
		   e & PG_PS ? 'P' : '-', e & PG_D ? 'D' : '-',
		   e & PG_A ? 'A' : '-', e & PG_PCD ? 'C' : '-',
		   e & PG_PWT ? 'T' : '-', e & PG_US ? 'U' : '-',
		   e & PG_RW ? 'W' : '-');
	return mon_enough(m);
}

void mon_x86_info_tlb(struct mon *m, const struct mon_arg *a UNUSED)
{
	const struct x86_regs *r = paging_regs(m);
	struct vm *vm = mon_vm(m);

	if (r)
		vm->arch->walk(vm, r, put_leaf, m);
}

struct run {                           /* of equal rights, growing */
	struct mon *m;
	gva_t start, end;
	u64 rights;
	bool any, cut;
};

static void put_run(struct run *r)
{
	if (r->any)
		mon_printf(r->m, "%016llx-%016llx %016llx %cr%c\n",
			   (long long)r->start, (long long)r->end,
			   (long long)(r->end - r->start),
			   r->rights & PG_US ? 'u' : '-',
			   r->rights & PG_RW ? 'w' : '-');
	r->any = false;
}

static int add_leaf(const struct arch_mapping *l, void *opaque)
{
	struct run *r = opaque;
	u64 rights = l->attr & (PG_US | PG_RW);

	r->cut = !l->size;
	if (r->cut)
		return 1;
	if (!r->any || r->end != l->va || r->rights != rights) {
		put_run(r);
		r->start = l->va;
		r->rights = rights;
		r->any = true;
	}
	r->end = l->va + l->size;
	return mon_enough(r->m);
}

void mon_x86_info_mem(struct mon *m, const struct mon_arg *a UNUSED)
{
	const struct x86_regs *regs = paging_regs(m);
	struct vm *vm = mon_vm(m);
	struct run r = { .m = m };

	if (!regs)
		return;
	vm->arch->walk(vm, regs, add_leaf, &r);
	put_run(&r);
	if (r.cut)
		say_cut(m);
}
