/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: every gmem block, shown to the provider; and the dirty log.
 *
 * Room:     keeps provider slots equal to gmem's table, one slot a block.
 * Talks to: gmem as its listener, the VM descriptor.
 * Never:    maps or frees memory; the blocks are gmem's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vmm/core/gmem.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"
#include "vmm/base/trace.h"

/* Where no guest can look: beyond what any CPU addresses. */
#define SCRATCH_GPA (1ull << 51)

static int slot_set(struct kvm_vm *vm, const struct gmem_block *b, u64 len)
{
	struct kvm_userspace_memory_region r = {
		.slot            = (u32)b->slot,
		.guest_phys_addr = b->gpa,
		.memory_size     = len,
		.userspace_addr  = (u64)(uintptr_t)b->host,
	};

	if (b->flags & GMEM_ROM)
		r.flags |= KVM_MEM_READONLY;
	else if (vm->dirty_logging)
		r.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	trace(kvm_memory, "slot %u at 0x%llx len 0x%llx flags %u", r.slot,
	      (unsigned long long)r.guest_phys_addr, (unsigned long long)len,
	      r.flags);
	return kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static int slots_add(struct gmem_listener *l, const struct gmem_block *b,
		     struct err *e)
{
	struct kvm_vm *vm = container_of(l, struct kvm_vm, slots);
	int rc = slot_set(vm, b, b->len);

	if (rc < 0)
		return err_set(e, rc, "%s refuses memory %s (%llu MiB at "
			       "0x%llx): %m", vm->ops->name, b->name,
			       (unsigned long long)(b->len / MiB),
			       (unsigned long long)b->gpa);
	return 0;
}

static void slots_del(struct gmem_listener *l, const struct gmem_block *b)
{
	struct kvm_vm *vm = container_of(l, struct kvm_vm, slots);

	kvm_carried_drop(vm, b->slot);
	if (vm->fd >= 0)               /* closing the VM took them all */
		slot_set(vm, b, 0);
}

int kvm_vm_attach_gmem(struct kvm_vm *vm, struct gmem *g, struct err *e)
{
	vm->slots = (struct gmem_listener){ .add = slots_add,
					    .del = slots_del };
	vm->gmem = g;
	return gmem_listen(g, &vm->slots, e);
}

int kvm_vm_dirty_log(struct kvm_vm *vm, bool on, struct err *e)
{
	const struct gmem_block *const *b;
	unsigned n;

	if (vm->dirty_logging == on)
		return 0;
	vm->dirty_logging = on;
	kvm_carried_free(vm);
	b = gmem_blocks(vm->gmem, &n);
	for (unsigned i = 0; i < n; i++) {
		int rc = b[i]->flags & GMEM_ROM ? 0 :
			 slot_set(vm, b[i], b[i]->len);

		if (rc < 0)
			return err_set(e, rc, "dirty log of %s: %m",
				       b[i]->name);
	}
	return 0;
}

/* Bits of a word at a time: the twin's pages are dirty, too. */
static int fetch_twin(struct kvm_vm *twin, const struct gmem_block *b,
		      u64 *bitmap)
{
	const u64 words = kvm_bitmap_words(b);
	u64 *more = malloc(words * sizeof(*more));
	struct kvm_dirty_log log = {
		.slot         = (u32)b->slot,
		.dirty_bitmap = more,
	};
	int rc = more ? kvm_vm_ioctl(twin, KVM_GET_DIRTY_LOG, &log) : -ENOMEM;

	for (u64 i = 0; rc >= 0 && i < words; i++)
		bitmap[i] |= more[i];
	free(more);
	return rc == -ENOENT ? 0 : rc;         /* not logging yet: no page */
}

int kvm_vm_dirty_read(struct kvm_vm *vm, const struct gmem_block *b,
		      u64 *bitmap)
{
	struct kvm_dirty_log log = {
		.slot         = (u32)b->slot,
		.dirty_bitmap = bitmap,
	};
	int rc = kvm_vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);

	if (rc < 0 || !vm->twin)
		return rc;
	return fetch_twin(vm->twin, b, bitmap);
}

int kvm_vm_dirty_fetch(struct kvm_vm *vm, const struct gmem_block *b,
		       u64 *bitmap)
{
	int rc = kvm_vm_dirty_read(vm, b, bitmap);

	if (rc >= 0)
		kvm_carried_fetch(vm, b, bitmap);
	return rc;
}

/* --- following another VM --- */

void kvm_vm_unfollow(struct kvm_vm *vm)
{
	for (unsigned i = 0; i < KVM_SLOTS_FOLLOWED; i++) {
		struct kvm_userspace_memory_region none = { .slot = i };

		if (vm->followed_slots & BIT64(i))
			kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &none);
	}
	vm->followed_slots = 0;
	vm->followed = NULL;
}

int kvm_vm_follow(struct kvm_vm *vm, const struct kvm_vm *other,
		  struct err *e)
{
	unsigned n;
	const struct gmem_block *const *b = gmem_blocks(other->gmem, &n);

	if (b == vm->followed && vm->dirty_logging == other->dirty_logging)
		return 0;
	kvm_vm_unfollow(vm);
	vm->dirty_logging = other->dirty_logging;
	for (unsigned i = 0; i < n; i++) {
		int rc = b[i]->slot < KVM_SLOTS_FOLLOWED ?
			 slot_set(vm, b[i], b[i]->len) : -ENOSPC;

		if (rc < 0)
			return err_set(e, rc, "%s refuses memory %s: %m",
				       vm->ops->name, b[i]->name);
		vm->followed_slots |= BIT64(b[i]->slot);
	}
	vm->followed = b;
	return 0;
}

/* --- forgetting --- */

/* Moving a slot, one without a use, makes KVM drop every shadow page. */
int kvm_vm_forget_translations(struct kvm_vm *vm)
{
	struct kvm_userspace_memory_region r = {
		.slot            = (u32)MAX(kvm_vm_check(vm,
					KVM_CAP_NR_MEMSLOTS), 1) - 1,
		.flags           = KVM_MEM_READONLY,
		.guest_phys_addr = SCRATCH_GPA,
		.memory_size     = PAGE_SIZE,
	};

	if (!vm->scratch) {
		void *p = mmap(NULL, PAGE_SIZE, PROT_READ,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -errno;
		vm->scratch = p;
	}
	r.userspace_addr = (u64)(uintptr_t)vm->scratch;
	vm->scratch_moved = !vm->scratch_moved;
	if (vm->scratch_moved)
		r.guest_phys_addr += PAGE_SIZE;
	return kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
}
