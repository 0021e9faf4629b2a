/* SPDX-License-Identifier: MIT */
/*
 * All MSRs of a vCPU that another provider's vCPU should have, too.
 *
 * Each side is learned when the machine is built: which MSRs it lets us read, and
 * what they were before the guest ran.  One that the other side does not take is
 * no loss as long as the guest has not changed it.
 */
#ifndef MOTE_X86_MSRS_H
#define MOTE_X86_MSRS_H

#include <linux/kvm.h>

#include "vmm/base/err.h"
#include "vmm/kvm/kvm.h"

enum { MSRS_MAX = 640 };

struct msr_list {
	unsigned n;
	struct kvm_msr_entry e[MSRS_MAX];
};

/* Those this vCPU has, but for what its LAPIC, segments and clocks bring along. */
void x86_msrs_learn(struct kvm_vcpu *v, struct msr_list *l);
/* The values of now; `like` has the numbers. */
int  x86_msrs_read(struct kvm_vcpu *v, const struct msr_list *like,
		   struct msr_list *l, struct err *e);
/* `before`: as they were when the side they come from was learned. */
int  x86_msrs_write(struct kvm_vcpu *v, const struct msr_list *l,
		    const struct msr_list *before, struct err *e);
/* One of them: true when it is there, or was taken. */
bool x86_msr_read(struct kvm_vcpu *v, u32 index, u64 *value);
bool x86_msr_write(struct kvm_vcpu *v, u32 index, u64 value);

#endif
