/* SPDX-License-Identifier: MIT */
/*
 * Resetting the provider's interrupt controllers.
 *
 * KVM has no "reset the irqchip" request: their state right after creation
 * is kept and put back.
 *
 * Talks to: KVM_GET/SET_IRQCHIP, PIT2 and LAPIC.
 * Never:    interprets a register but the boot CPU's LINT0.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/machine.h"
#include "vmm/vcpu.h"

enum {
	APIC_LVT0 = 0x350, APIC_LVT1 = 0x360,
	LVT_NMI = 0x400, LVT_EXTINT = 0x700,
};

struct lapic_call {
	struct kvm_lapic_state *state;
	int rc;
};

static void get_lapic(struct vcpu *v, void *opaque)
{
	struct lapic_call *c = opaque;

	c->rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_LAPIC, c->state);
}

static void set_lapic(struct vcpu *v, void *opaque)
{
	struct lapic_call *c = opaque;

	c->rc = kvm_vcpu_ioctl(&v->kvm, KVM_SET_LAPIC, c->state);
}

/* Virtual wire mode, which firmware sets up: PIC on LINT0, NMI on LINT1. */
static void wire_boot_cpu(struct kvm_lapic_state *s)
{
	const u32 lint0 = LVT_EXTINT, lint1 = LVT_NMI;

	memcpy(s->regs + APIC_LVT0, &lint0, 4);
	memcpy(s->regs + APIC_LVT1, &lint1, 4);
}

static int save(struct x86_machine *m, struct err *e)
{
	struct irqchip_reset *r = &m->irqchip;
	struct vm *vm = m->vm;
	int rc;

	r->lapic = calloc(vm->nvcpus, sizeof(*r->lapic));
	if (!r->lapic)
		abort();
	for (u32 i = 0; i < 3; i++) {
		r->chip[i].chip_id = i;
		rc = kvm_vm_ioctl(&vm->kvm, KVM_GET_IRQCHIP, &r->chip[i]);
		if (rc < 0)
			return err_set(e, rc, "interrupt controller %u: %m", i);
	}
	rc = vm->config->board & BOARD_PIT
	     ? kvm_vm_ioctl(&vm->kvm, KVM_GET_PIT2, &r->pit) : 0;
	if (rc < 0)
		return err_set(e, rc, "interval timer: %m");
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct lapic_call c = { .state = &r->lapic[i] };

		vcpu_call(vm->vcpus[i], get_lapic, &c);
		if (c.rc < 0)
			return err_set(e, c.rc, "local APIC %u: %m", i);
	}
	wire_boot_cpu(&r->lapic[0]);
	r->saved = true;
	return 0;
}

static int restore_chips(struct x86_machine *m, struct err *e)
{
	struct irqchip_reset *r = &m->irqchip;
	struct vm *vm = m->vm;
	int rc;

	for (u32 i = 0; i < 3; i++) {
		struct kvm_irqchip chip = r->chip[i];

		rc = kvm_vm_ioctl(&vm->kvm, KVM_SET_IRQCHIP, &chip);
		if (rc < 0)
			return err_set(e, rc, "interrupt controller %u: %m", i);
	}
	rc = vm->config->board & BOARD_PIT
	     ? kvm_vm_ioctl(&vm->kvm, KVM_SET_PIT2, &r->pit) : 0;
	return rc < 0 ? err_set(e, rc, "interval timer: %m") : 0;
}

int x86_irqchip_reset(struct x86_machine *m, struct err *e)
{
	struct vm *vm = m->vm;
	bool first = !m->irqchip.saved;
	int rc;

	if (first) {
		rc = save(m, e);
		if (rc < 0)
			return rc;
	} else {
		rc = restore_chips(m, e);
		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct lapic_call c = { .state = &m->irqchip.lapic[i] };

		if (first && i > 0)            /* as created already */
			continue;
		vcpu_call(vm->vcpus[i], set_lapic, &c);
		if (c.rc < 0)
			return err_set(e, c.rc, "local APIC %u: %m", i);
	}
	return 0;
}

void x86_irqchip_fini(struct x86_machine *m)
{
	free(m->irqchip.lapic);
	m->irqchip.lapic = NULL;
}
