/* SPDX-License-Identifier: MIT */
/*
 * What the files of vmm/kvm share among themselves.
 */
#ifndef MOTE_KVM_KVM_PRIV_H
#define MOTE_KVM_KVM_PRIV_H

#include "vmm/kvm/kvm.h"

/* The sentence for a system fd that would not open; returns `rc`. */
int kvm_open_sentence(const struct kvm_provider *p, int rc, struct err *e);
/* KVM_GET_API_VERSION must answer 12. */
int kvm_check_api(const struct kvm_provider *p, int sys_fd, struct err *e);
/* ABI number, size and mandatory functions of a plugin's table. */
int kvm_provider_check(const struct kvm_provider *p, const char *path,
		       struct err *e);
const struct kvm_provider *kvm_plugin_load_path(const char *path,
						struct err *e);
/* Where KVM on Intel keeps three pages of its own below 4 GiB. */
int kvm_x86_private_pages(struct kvm_vm *vm, struct err *e);

/* memory.c: the log of one slot, the twin's pages too, but not what was carried
 * over. */
int kvm_vm_dirty_read(struct kvm_vm *vm, const struct gmem_block *b,
		      u64 *bitmap);
static inline size_t kvm_bitmap_words(const struct gmem_block *b)
{
	return (b->len / PAGE_SIZE + 63) / 64;
}

/* exchange.c.  An ioeventfd or irqfd came or went; the latter where `io` is
 * NULL. [any] */
void kvm_eventfd_note(struct kvm_vm *vm, const struct kvm_ioeventfd *io,
		      const struct kvm_irqfd *irq);
void kvm_eventfds_free(struct kvm_vm *vm);
/* Add what was dirty before the exchange, and forget it. */
void kvm_carried_fetch(struct kvm_vm *vm, const struct gmem_block *b,
		       u64 *bitmap);
void kvm_carried_drop(struct kvm_vm *vm, int slot);
void kvm_carried_free(struct kvm_vm *vm);

enum { KVM_SLOTS_FOLLOWED = 64 };      /* slots a VM can follow or carry  */

#endif
