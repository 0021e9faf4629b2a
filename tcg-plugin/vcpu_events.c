// SPDX-License-Identifier: MIT
/*
 * Events in flight and the run state, KVM's structures and ours.
 *
 * Room:     KVM_GET/SET_VCPU_EVENTS, KVM_SET_MP_STATE.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/events.h"
#include "tcg-plugin/provider_priv.h"

void tcg_get_events(struct tcg_vcpu *v, struct kvm_vcpu_events *e)
{
	struct x86_cpu *c = &v->cpu;
	int sipi = atomic_load(&v->sipi_vector);

	memset(e, 0, sizeof(*e));
	/* As KVM: nothing here tells an instruction's length.  INT3 and INTO
	 * are still to come, and do the same again. */
	e->exception.injected = c->exc.pending && !c->exc.soft;
	e->exception.nr = c->exc.vec;
	e->exception.has_error_code = c->exc.has_err;
	e->exception.error_code = c->exc.err;
	e->interrupt.injected = c->user_irq >= 0;
	e->interrupt.nr = c->user_irq >= 0 ? (u8)c->user_irq : 0;
	e->interrupt.shadow =
		c->shadow == 1 ? KVM_X86_SHADOW_INT_STI :
		c->shadow == 2 ? KVM_X86_SHADOW_INT_MOV_SS : 0;
	e->nmi.pending = c->nmi_pending || atomic_load(&v->nmi_queued);
	e->nmi.masked = c->nmi_masked;
	e->sipi_vector = sipi >= 0 ? (u32)sipi : 0;
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		   KVM_VCPUEVENT_VALID_SHADOW;
	if (v->vm->tell_triple_fault) {
		e->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		e->triple_fault.pending = v->triple_fault;
	}
}

int tcg_set_events(struct tcg_vcpu *v, const struct kvm_vcpu_events *e)
{
	const u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING |
			  KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			  KVM_VCPUEVENT_VALID_SHADOW |
			  KVM_VCPUEVENT_VALID_SMM |
			  KVM_VCPUEVENT_VALID_PAYLOAD |
			  KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	struct x86_cpu *c = &v->cpu;

	if (e->flags & ~known)
		return -EINVAL;
	if ((e->exception.injected || e->exception.pending) &&
	    (e->exception.nr > 31 || e->exception.nr == EXC_NMI))
		return -EINVAL;
	if ((e->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (e->smi.smm || e->smi.pending))
		return -EINVAL;        /* no SMM                          */
	memset(&c->exc, 0, sizeof(c->exc));
	c->exc.pending = e->exception.injected;
	c->exc.vec = e->exception.nr;
	c->exc.has_err = e->exception.has_error_code;
	c->exc.err = e->exception.error_code;
	c->exc.soft = c->exc.vec == EXC_BP || c->exc.vec == EXC_OF;
	c->exc.insn_len = c->exc.soft;         /* one byte, either */
	c->user_irq = e->interrupt.injected ? e->interrupt.nr : -1;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		c->shadow = e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? 2
			  : e->interrupt.shadow & KVM_X86_SHADOW_INT_STI;
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		atomic_store(&v->nmi_queued, 0);
		c->nmi_pending = e->nmi.pending;
	}
	c->nmi_masked = e->nmi.masked;
	if (e->nmi.injected) {         /* on its way in: it is delivered anew */
		c->nmi_pending = true;
		c->nmi_masked = false;
	}
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR && e->sipi_vector < 256)
		atomic_store(&v->sipi_vector,
			     e->sipi_vector ? (int)e->sipi_vector : -1);
	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		v->triple_fault = e->triple_fault.pending;
	tcg_request(v, REQ_EVENT);
	return 0;
}

/* As KVM's, this takes an INIT or SIPI that waits: who saves a vCPU asks for
 * its run state first, and then for registers. */
void tcg_get_mp_state(struct tcg_vcpu *v, struct kvm_mp_state *s)
{
	tcg_accept_init(v);
	s->mp_state = v->cpu.mp_state;
}

int tcg_set_mp_state(struct tcg_vcpu *v, const struct kvm_mp_state *s)
{
	switch (s->mp_state) {
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
		if (!v->cpu.lapic)
			return -EINVAL;
		break;
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (!v->cpu.lapic)
			return -EINVAL;
		v->cpu.mp_state = KVM_MP_STATE_INIT_RECEIVED;
		return 0;
	default:
		return -EINVAL;
	}
	v->cpu.mp_state = (u8)s->mp_state;
	tcg_request(v, REQ_EVENT);
	return 0;
}
