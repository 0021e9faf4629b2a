/* SPDX-License-Identifier: MIT */
/*
 * Machine checks (SDM volume 3, chapter 16).
 *
 * Room:     KVM_X86_SETUP_MCE and KVM_X86_SET_MCE.
 * Talks to: the vCPU's thread, by vcpu_call.
 */
#include "arch/x86/mce.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define MCG_CTL_P     BIT64(8)
#define MCG_SER_P     BIT64(24)
#define MCG_CAP_BANKS 0xffull
#define STATUS_VAL    BIT64(63)
#define STATUS_UC     BIT64(61)
#define STATUS_MCIP   BIT64(2)
#define CR4_MCE       BIT64(6)
enum { MSR_MCG_STATUS = 0x17a };

int x86_mce_setup(struct kvm_vcpu *v, struct err *e)
{
	u64 cap = 0;
	int rc;

	if (kvm_sys_ioctl(v->vm, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap) < 0 ||
	    (cap & MCG_CAP_BANKS) < X86_MCE_BANKS)
		return 0;
	cap = (cap & (MCG_CTL_P | MCG_SER_P)) | X86_MCE_BANKS;
	rc = kvm_vcpu_ioctl(v, KVM_X86_SETUP_MCE, &cap);
	return rc < 0 ? err_set(e, rc, "vCPU %u: its machine checks: %m",
				v->id) : 0;
}

struct injection {
	struct kvm_x86_mce mce;
	int rc;
};

static u64 mcg_status(struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry.index = MSR_MCG_STATUS };

	kvm_vcpu_ioctl(&v->kvm, KVM_GET_MSRS, &m);
	return m.entry.data;
}

static void inject(struct vcpu *v, void *opaque)
{
	struct injection *i = opaque;
	struct kvm_sregs s = { 0 };
	int fate = X86_MCE_TAKEN;

	i->rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &s);
	if (i->rc < 0)
		return;
	if (i->mce.status & STATUS_UC)
		fate = mcg_status(v) & STATUS_MCIP ? X86_MCE_IN_PROGRESS :
		       !(s.cr4 & CR4_MCE) ? X86_MCE_NOT_ENABLED :
		       X86_MCE_TAKEN;
	i->rc = kvm_vcpu_ioctl(&v->kvm, KVM_X86_SET_MCE, &i->mce);
	if (i->rc >= 0)
		i->rc = fate;
}

int x86_mce_inject(struct vcpu *v, const struct kvm_x86_mce *m,
		   struct err *e)
{
	struct injection i = { .mce = *m };

	if (m->bank >= X86_MCE_BANKS)
		return err_set(e, -EINVAL, "Invalid MCE bank number");
	if (!(m->status & STATUS_VAL))
		return err_set(e, -EINVAL, "Invalid MCE status code");
	vcpu_call(v, inject, &i);
	return i.rc < 0 ? err_set(e, i.rc, "CPU %u does not take the machine "
				  "check: %m", v->index) : i.rc;
}
