/* SPDX-License-Identifier: MIT */
/*
 * All MSRs of a vCPU.  See msrs.h.
 *
 * Talks to: KVM_GET_MSR_INDEX_LIST, KVM_GET_MSRS, KVM_SET_MSRS.
 * Never:    writes one whose write does something: move.c does those in order.
 */
#include "arch/x86/msrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the index list leaves out: MTRRs and machine check banks. */
static const struct {
	u32 first, n;
} more[] = {
	{ 0x17a, 2 },                  /* MCG_STATUS, MCG_CTL             */
	{ 0x200, 16 }, { 0x250, 1 }, { 0x258, 2 }, { 0x268, 8 }, { 0x277, 1 },
	{ 0x2ff, 1 }, { 0x400, 4 * 32 },
};

/*
 * Not ours: in sregs (APIC_BASE, EFER, FS and GS base), in the LAPIC (x2APIC),
 * in move.c's load_times (TSC, deadline, kvmclock), or a command: the wall clock
 * MSR writes the time to where it says; Hyper-V's are nobody's here.
 */
static bool is_elsewhere(u32 msr)
{
	static const u32 list[] = { 0x10, 0x11, 0x12, 0x1b, 0x49, 0x79, 0x6e0,
				    0x4b564d00, 0x4b564d01, 0xc0000080,
				    0xc0000100, 0xc0000101 };

	for (unsigned i = 0; i < ARRAY_LEN(list); i++)
		if (list[i] == msr)
			return true;
	return (msr >= 0x800 && msr < 0x900) ||
	       (msr >= 0x40000000 && msr < 0x40000200);
}

/* --- a few at a time --------------------------------------------------------- */

enum { BATCH = 100 };                  /* KVM takes 255 */

struct batch {
	struct kvm_msrs head;
	struct kvm_msr_entry e[BATCH];
};

/* How many it did; it stops at one it does not do. */
static unsigned request(struct kvm_vcpu *v, unsigned long req,
			struct kvm_msr_entry *e, unsigned n)
{
	struct batch b;
	unsigned all = 0, part;
	int done;

	do {
		part = MIN(n - all, (unsigned)BATCH);
		b.head.nmsrs = part;
		memcpy(b.head.entries, e + all, part * sizeof(*e));
		done = kvm_vcpu_ioctl(v, req, &b);
		if (done <= 0)
			break;
		if (req == KVM_GET_MSRS)
			memcpy(e + all, b.head.entries,
			       (unsigned)done * sizeof(*e));
		all += (unsigned)done;
	} while ((unsigned)done == part && all < n);
	return all;
}

bool x86_msr_read(struct kvm_vcpu *v, u32 index, u64 *value)
{
	struct kvm_msr_entry e = { .index = index };
	bool there = request(v, KVM_GET_MSRS, &e, 1) == 1;

	*value = there ? e.data : 0;
	return there;
}

bool x86_msr_write(struct kvm_vcpu *v, u32 index, u64 value)
{
	struct kvm_msr_entry e = { .index = index, .data = value };

	return request(v, KVM_SET_MSRS, &e, 1) == 1;
}

/* --- learning ------------------------------------------------------------------ */

static const struct kvm_msr_entry *find(const struct msr_list *l, u32 index)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->e[i].index == index)
			return &l->e[i];
	return NULL;
}

static void learn(struct kvm_vcpu *v, struct msr_list *l, u32 index)
{
	u64 value;

	if (l->n == MSRS_MAX || is_elsewhere(index) || find(l, index) ||
	    !x86_msr_read(v, index, &value))
		return;
	l->e[l->n++] = (struct kvm_msr_entry){ .index = index, .data = value };
}

static void learn_listed(struct kvm_vcpu *v, struct msr_list *l)
{
	struct {
		struct kvm_msr_list head;
		u32 index[MSRS_MAX];
	} *all = calloc(1, sizeof(*all));

	if (!all)
		abort();
	all->head.nmsrs = MSRS_MAX;
	if (kvm_sys_ioctl(v->vm, KVM_GET_MSR_INDEX_LIST, all) >= 0)
		for (u32 i = 0; i < all->head.nmsrs; i++)
			learn(v, l, all->head.indices[i]);
	free(all);
}

void x86_msrs_learn(struct kvm_vcpu *v, struct msr_list *l)
{
	l->n = 0;
	learn_listed(v, l);
	for (unsigned r = 0; r < ARRAY_LEN(more); r++)
		for (u32 i = 0; i < more[r].n; i++)
			learn(v, l, more[r].first + i);
}

/* --- moving ---------------------------------------------------------------------- */

int x86_msrs_read(struct kvm_vcpu *v, const struct msr_list *like,
		  struct msr_list *l, struct err *e)
{
	unsigned done;

	*l = *like;
	done = request(v, KVM_GET_MSRS, l->e, l->n);
	if (done < l->n)
		return err_set(e, -EIO, "%s does not tell MSR 0x%x",
			       v->vm->ops->name, l->e[done].index);
	return 0;
}

/* It was not taken: does that lose anything? */
static bool is_loss(struct kvm_vcpu *v, const struct kvm_msr_entry *m,
		    const struct msr_list *before)
{
	const struct kvm_msr_entry *was = find(before, m->index);
	u64 there;

	if (x86_msr_read(v, m->index, &there) && there == m->data)
		return false;
	return !was || was->data != m->data;
}

int x86_msrs_write(struct kvm_vcpu *v, const struct msr_list *l,
		   const struct msr_list *before, struct err *e)
{
	for (unsigned i = 0; i < l->n; i++) {
		i += request(v, KVM_SET_MSRS, (void *)&l->e[i], l->n - i);
		if (i >= l->n)
			break;
		if (is_loss(v, &l->e[i], before))
			return err_set(e, -ENOTSUP, "%s does not take MSR 0x%x "
				       "= 0x%llx", v->vm->ops->name,
				       l->e[i].index,
				       (unsigned long long)l->e[i].data);
	}
	return 0;
}
