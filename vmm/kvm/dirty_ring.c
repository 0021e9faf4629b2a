/* SPDX-License-Identifier: MIT */
/*
 * Dirty rings (KVM API, KVM_CAP_DIRTY_LOG_RING).
 *
 * Room:     enabling them, mapping them, taking pages out.
 * Talks to: the provider; rings are memory it shares.
 * Never:    believes an index out of a ring: only its flags are looked at.
 *
 * An entry's flags go 0 -> DIRTY (KVM) -> RESET (taken) -> 0 (KVM, told to by
 * KVM_RESET_DIRTY_RINGS, after it protected the page again).
 */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/kvm/kvm.h"

static size_t ring_bytes(const struct kvm_vm *vm)
{
	return (size_t)vm->ring_entries * sizeof(struct kvm_dirty_gfn);
}

int kvm_vm_use_rings(struct kvm_vm *vm, u32 entries, struct err *e)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL };
	int max = kvm_vm_check(vm, (int)cap.cap), rc;

	if (!max) {
		cap.cap = KVM_CAP_DIRTY_LOG_RING;
		max = kvm_vm_check(vm, (int)cap.cap);
	}
	if (!max)
		return err_set(e, -ENOTSUP, "dirty-ring-size: %s has no dirty "
			       "rings", vm->ops->name);
	cap.args[0] = (u64)entries * sizeof(struct kvm_dirty_gfn);
	if (!entries || entries & (entries - 1))
		return err_set(e, -EINVAL, "dirty-ring-size must be a power "
			       "of two.");
	if (cap.args[0] > (u64)max)
		return err_set(e, -E2BIG, "dirty-ring-size %u is too large "
			       "(at most %u)", entries, (unsigned)max /
			       (unsigned)sizeof(struct kvm_dirty_gfn));
	rc = kvm_vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	if (rc < 0)
		return err_set(e, rc, "dirty-ring-size %u: %m", entries);
	vm->ring_entries = entries;
	return 0;
}

int kvm_vm_ring_track(struct kvm_vm *vm, bool on, struct err *e)
{
	int rc = 0;

	if (on && !vm->ring_users++)
		rc = kvm_vm_dirty_log(vm, true, e);
	else if (!on && !--vm->ring_users)
		rc = kvm_vm_dirty_log(vm, false, e);
	if (rc < 0 && on)
		kvm_vm_ring_track(vm, false, NULL);
	return rc;
}

int kvm_vcpu_ring_open(struct kvm_vcpu *v, struct err *e)
{
	void *p;

	if (!v->vm->ring_entries)
		return 0;
	p = mmap(NULL, ring_bytes(v->vm), PROT_READ | PROT_WRITE, MAP_SHARED,
		 v->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE);
	if (p == MAP_FAILED)
		return err_set(e, -errno, "map the dirty ring of vCPU %u: %m",
			       v->id);
	v->ring = p;
	v->ring_full_at = UINT64_MAX;
	return 0;
}

void kvm_vcpu_ring_close(struct kvm_vcpu *v)
{
	if (v->ring)
		munmap(v->ring, ring_bytes(v->vm));
	v->ring = NULL;
}

static struct kvm_dirty_gfn *next_entry(struct kvm_vcpu *v)
{
	return &v->ring[v->ring_next & (v->vm->ring_entries - 1)];
}

static void give_back(struct kvm_vcpu *v)
{
	__atomic_store_n(&next_entry(v)->flags, KVM_DIRTY_GFN_F_RESET,
			 __ATOMIC_RELEASE);
	v->ring_next++;
}

static u32 take_noted(struct kvm_vcpu *v)
{
	u32 n = 0;

	for (; v->ring && n < v->vm->ring_entries; n++) {
		if (!(__atomic_load_n(&next_entry(v)->flags,
				      __ATOMIC_ACQUIRE) &
		      KVM_DIRTY_GFN_F_DIRTY))
			break;
		give_back(v);
	}
	return n;
}

static void taken(struct kvm_vcpu *v, u32 n)
{
	if (n)
		kvm_vm_ioctl(v->vm, KVM_RESET_DIRTY_RINGS, NULL);
	v->ring_pages += n;
}

u64 kvm_vcpu_ring_take(struct kvm_vcpu *v)
{
	SCOPED_LOCK(&v->ring_lock);
	taken(v, take_noted(v));
	return v->ring_pages;
}

/*
 * A KVM that runs on past a full ring (Linux's PVM does, as it emulates many
 * instructions at once) writes over entries nobody has seen, and waits for ever
 * for those to be taken.  That is so when a ring is full again, nothing is in
 * it, and nobody took anything since it was full before: half of it is given
 * back unseen.
 */
bool kvm_vcpu_ring_full(struct kvm_vcpu *v)
{
	bool overrun;
	u32 n;

	SCOPED_LOCK(&v->ring_lock);
	n = take_noted(v);
	overrun = !n && v->ring && v->ring_full_at == v->ring_pages;
	for (; overrun && n < v->vm->ring_entries / 2; n++)
		give_back(v);
	taken(v, n);
	v->ring_full_at = v->ring_pages;
	return !overrun;
}
