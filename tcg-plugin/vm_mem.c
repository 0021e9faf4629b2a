// SPDX-License-Identifier: MIT
/*
 * Memory slots of a VM: change them under running vCPUs, fetch dirty bits.
 *
 * Room:     KVM_SET_USER_MEMORY_REGION, KVM_GET/CLEAR_DIRTY_LOG.
 * Talks to: memory/slots, the block cache, sync.c.
 * Never:    returns before every vCPU has forgotten what went away.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"

int tcg_vm_set_region(struct tcg_vm *vm,
		      const struct kvm_userspace_memory_region *r)
{
	struct kvm_userspace_memory_region copy = *r;
	struct mem_retired old;
	int rc;

	SCOPED_LOCK(&vm->mem.lock);
	rc = mem_map_set(&vm->mem, &copy, &old);
	if (rc < 0)
		return rc;
	tcg_shootdown(vm, NULL, ~0ull);
	if (old.host)
		code_forget(&vm->code, old.host, old.size);
	mem_retired_free(&old);
	return 0;
}

int tcg_vm_get_dirty(struct tcg_vm *vm, const struct kvm_dirty_log *log)
{
	SCOPED_LOCK(&vm->mem.lock);
	const struct mem_slot *s = mem_find_id(mem_table(&vm->mem), log->slot);
	u64 *to = log->dirty_bitmap, words;
	bool any = false;

	if (!s || !s->dirty)
		return -ENOENT;
	if (!to)
		return -EFAULT;
	words = (s->size / PAGE_SIZE + 63) / 64;
	for (u64 i = 0; i < words; i++) {
		u64 w = atomic_load_explicit(&s->dirty[i],
					     memory_order_relaxed);

		if (w && !vm->manual_dirty)
			w = atomic_exchange(&s->dirty[i], 0);
		memcpy(&to[i], &w, sizeof(w));
		any |= w != 0;
	}
	/* Stores through old write entries end before we return. */
	if (any && !vm->manual_dirty)
		tcg_shootdown(vm, NULL, ~0ull);
	return 0;
}

int tcg_vm_clear_dirty(struct tcg_vm *vm, const struct kvm_clear_dirty_log *l)
{
	SCOPED_LOCK(&vm->mem.lock);
	const struct mem_slot *s = mem_find_id(mem_table(&vm->mem), l->slot);
	const u64 *from = l->dirty_bitmap;
	u64 pages, end;

	if (!s || !s->dirty)
		return -ENOENT;
	if (!from)
		return -EFAULT;
	pages = s->size / PAGE_SIZE;
	if (l->first_page % 64 ||
	    __builtin_add_overflow(l->first_page, l->num_pages, &end) ||
	    end > pages || (l->num_pages % 64 && end != pages))
		return -EINVAL;
	for (u64 i = 0; i < (l->num_pages + 63) / 64; i++) {
		u64 w;

		memcpy(&w, &from[i], sizeof(w));
		atomic_fetch_and(&s->dirty[l->first_page / 64 + i], ~w);
	}
	tcg_shootdown(vm, NULL, ~0ull);
	return 0;
}
