// SPDX-License-Identifier: MIT
/*
 * KVM_GET/SET_FPU and KVM_GET/SET_XSAVE.
 *
 * Room:     the ioctls' side; images are made and checked by x86/xsave.c.
 * Talks to: x86/fpu.h.
 * Never:    copies an image into the CPU itself.
 */
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/fpu.h"

void tcg_get_fpu(struct tcg_vcpu *v, struct kvm_fpu *f)
{
	fpu_get_kvm_fpu(&v->cpu, f);
}

int tcg_set_fpu(struct tcg_vcpu *v, const struct kvm_fpu *f)
{
	fpu_set_kvm_fpu(&v->cpu, f);
	return 0;
}

void tcg_get_xsave(struct tcg_vcpu *v, struct kvm_xsave *x)
{
	fpu_get_xsave(&v->cpu, x->region, sizeof(x->region));
}

int tcg_set_xsave(struct tcg_vcpu *v, const struct kvm_xsave *x)
{
	return fpu_set_xsave(&v->cpu, x->region, sizeof(x->region));
}
