/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: every gmem block, shown to the provider; and the dirty log.
 *
 * Room:     keeps provider slots equal to gmem's table, one slot a block.
 * Talks to: gmem as its listener, the VM descriptor.
 * Never:    maps or frees memory; the blocks are gmem's.
 */
#include "vmm/core/gmem.h"
#include "vmm/kvm/kvm.h"

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

int kvm_vm_dirty_fetch(struct kvm_vm *vm, const struct gmem_block *b,
		       u64 *bitmap)
{
	struct kvm_dirty_log log = {
		.slot         = (u32)b->slot,
		.dirty_bitmap = bitmap,
	};

	return kvm_vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
}
