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

#endif
