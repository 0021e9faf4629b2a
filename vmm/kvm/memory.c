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

#include "vmm/core/gmem.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

struct kvm_vm_slots {
	struct gmem_listener listener;
	struct kvm_vm *vm;
	bool logging;
};

static int slot_set(struct kvm_vm_slots *s, const struct gmem_block *b,
		    u64 len)
{
	struct kvm_userspace_memory_region r = {
		.slot            = (u32)b->slot,
		.guest_phys_addr = b->gpa,
		.memory_size     = len,
		.userspace_addr  = (u64)(uintptr_t)b->host,
	};

	if (b->flags & GMEM_ROM)
		r.flags |= KVM_MEM_READONLY;
	else if (s->logging)
		r.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	return kvm_vm_ioctl(s->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static int slots_add(struct gmem_listener *l, const struct gmem_block *b,
		     struct err *e)
{
	struct kvm_vm_slots *s = container_of(l, struct kvm_vm_slots, listener);
	int rc = slot_set(s, b, b->len);

	if (rc < 0)
		return err_set(e, rc, "%s refuses memory %s (%llu MiB at "
			       "0x%llx): %m", s->vm->ops->name, b->name,
			       (unsigned long long)(b->len / MiB),
			       (unsigned long long)b->gpa);
	return 0;
}

static void slots_del(struct gmem_listener *l, const struct gmem_block *b)
{
	struct kvm_vm_slots *s = container_of(l, struct kvm_vm_slots, listener);

	if (s->vm)
		slot_set(s, b, 0);
}

int kvm_vm_attach_gmem(struct kvm_vm *vm, struct gmem *g, struct err *e)
{
	struct kvm_vm_slots *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, -ENOMEM, "memory slots: %m");
	s->listener.add = slots_add;
	s->listener.del = slots_del;
	s->vm = vm;
	vm->slots = s;
	vm->gmem = g;
	return gmem_listen(g, &s->listener, e);
}

/* gmem must be destroyed first or never call again: see kvm_vm_close. */
void kvm_memory_close(struct kvm_vm *vm)
{
	free(vm->slots);
	vm->slots = NULL;
}

int kvm_vm_dirty_log(struct kvm_vm *vm, bool on, struct err *e)
{
	const struct gmem_block *const *b;
	unsigned n;

	if (vm->slots->logging == on)
		return 0;
	vm->slots->logging = on;
	b = gmem_blocks(vm->gmem, &n);
	for (unsigned i = 0; i < n; i++) {
		int rc = b[i]->flags & GMEM_ROM ? 0 :
			 slot_set(vm->slots, b[i], b[i]->len);

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
