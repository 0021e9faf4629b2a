/* SPDX-License-Identifier: MIT */
/*
 * XSAVE images of KVM_GET_XSAVE: the standard format, SDM vol. 1, 13.4.
 */
#ifndef MOTE_X86_XSAVE_H
#define MOTE_X86_XSAVE_H

#include <linux/kvm.h>

#include "vmm/base/types.h"

struct cpuid_list;
struct kvm_vm;

/* The components this provider and the guest's CPUID know: leaf 0DH, as XCR0
 * names them.  KVM's images may hold others: the host has them. */
u64  x86_xfeatures(struct kvm_vm *vm, struct cpuid_list *guest);
/* Forget all but these components. */
void x86_xsave_keep(struct kvm_xsave *image, u64 features);
/* Put these components of `from` into `to`, which keeps its others. */
void x86_xsave_merge(struct kvm_xsave *to, const struct kvm_xsave *from,
		     u64 features);

#endif
