// SPDX-License-Identifier: MIT
/*
 * x87, SSE and XSAVE state, KVM's structures and ours.
 *
 * Room:     KVM_GET/SET_FPU, KVM_GET/SET_XSAVE.
 * Talks to: struct x86_fpu, which is the standard XSAVE layout already.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"

enum { LEGACY = 512, HEADER = 64 };
_Static_assert(sizeof(struct x86_fpu) <= sizeof(struct kvm_xsave),
	       "the image fits");

static bool mxcsr_ok(const struct x86_cpu *c, u32 mxcsr)
{
	return !(mxcsr & ~c->fpu.mxcsr_mask);
}

void tcg_get_fpu(struct tcg_vcpu *v, struct kvm_fpu *f)
{
	const struct x86_fpu *s = &v->cpu.fpu;

	memset(f, 0, sizeof(*f));
	memcpy(f->fpr, s->st, sizeof(f->fpr));
	f->fcw = s->fcw;
	f->fsw = s->fsw;
	f->ftwx = s->ftw;
	f->last_opcode = s->fop;
	f->last_ip = s->fip;
	f->last_dp = s->fdp;
	memcpy(f->xmm, s->xmm, sizeof(f->xmm));
	f->mxcsr = s->mxcsr;
}

int tcg_set_fpu(struct tcg_vcpu *v, const struct kvm_fpu *f)
{
	struct x86_fpu *s = &v->cpu.fpu;

	memcpy(s->st, f->fpr, sizeof(f->fpr));
	s->fcw = f->fcw;
	s->fsw = f->fsw;
	s->ftw = f->ftwx;
	s->fop = f->last_opcode;
	s->fip = f->last_ip;
	s->fdp = f->last_dp;
	memcpy(s->xmm, f->xmm, sizeof(f->xmm));
	if (mxcsr_ok(&v->cpu, f->mxcsr))
		s->mxcsr = f->mxcsr;
	return 0;
}

void tcg_get_xsave(struct tcg_vcpu *v, struct kvm_xsave *x)
{
	struct x86_cpu *c = &v->cpu;
	struct x86_fpu *to = (struct x86_fpu *)(void *)x->region;
	u64 bv = 3 | (c->xcr0_allowed & 4);

	memset(x->region, 0, sizeof(x->region));
	memcpy(to, &c->fpu, sizeof(c->fpu));
	to->xstate_bv = bv;
	to->xcomp_bv = 0;
}

int tcg_set_xsave(struct tcg_vcpu *v, const struct kvm_xsave *x)
{
	struct x86_cpu *c = &v->cpu;
	struct x86_fpu in;
	u32 mask = c->fpu.mxcsr_mask;

	memcpy(&in, x->region, sizeof(in));
	if (in.xstate_bv & ~(c->xcr0_allowed | 3) || in.xcomp_bv)
		return -EINVAL;
	if ((in.xstate_bv & 6) && !mxcsr_ok(c, in.mxcsr))
		return -EINVAL;
	/* Absent components take their initial values. */
	if (!(in.xstate_bv & 1)) {
		memset(&in, 0, offsetof(struct x86_fpu, mxcsr));
		memset(in.st, 0, sizeof(in.st));
		in.fcw = 0x37f;
	}
	if (!(in.xstate_bv & 2))
		memset(in.xmm, 0, sizeof(in.xmm));
	if (!(in.xstate_bv & 6))
		in.mxcsr = 0x1f80;
	if (!(in.xstate_bv & 4))
		memset(in.ymmh, 0, sizeof(in.ymmh));
	in.mxcsr_mask = mask;
	c->fpu = in;
	return 0;
}
