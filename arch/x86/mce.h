/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: what a CPU offers, and putting one into it.
 */
#ifndef MOTE_X86_MCE_H
#define MOTE_X86_MCE_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct kvm_vcpu;
struct kvm_x86_mce;
struct vcpu;

enum { X86_MCE_BANKS = 10 };

/* Tell the provider how many banks there are; once, after creation.  A
 * provider without machine checks is left alone. [vcpu] */
int  x86_mce_setup(struct kvm_vcpu *v, struct err *e);

enum x86_mce_fate {
	X86_MCE_TAKEN,                 /* recorded, or raised as #MC      */
	X86_MCE_NOT_ENABLED,           /* CR4.MCE is 0: triple fault      */
	X86_MCE_IN_PROGRESS,           /* MCG_STATUS.MCIP: triple fault   */
};
/* What became of it, or -errno. [any] */
int  x86_mce_inject(struct vcpu *v, const struct kvm_x86_mce *m,
		    struct err *e);

#endif
