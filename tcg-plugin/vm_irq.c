// SPDX-License-Identifier: MIT
/*
 * The irqchip of a VM: its ioctls, and the wires from it to the vCPUs.
 *
 * Room:     create, get and set, lines, MSIs, routing, PIT.
 * Talks to: x86/irqchip, sync.c.
 * Never:    knows what a chip does inside.
 */
#include <errno.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

/* --- what the chip asks of us --------------------------------------------- */

static void on_notify(void *opaque, unsigned id)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, id);

	if (v)
		tcg_request(v, REQ_EVENT);
}

static void on_nmi(void *opaque, unsigned id)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, id);

	if (!v)
		return;
	atomic_store(&v->nmi_queued, 1);
	tcg_request(v, REQ_EVENT);
}

static void on_smi(void *opaque, unsigned id)
{
	(void)opaque;                  /* no SMM: an SMI goes nowhere     */
	(void)id;
}

static void on_init(void *opaque, unsigned id)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, id);

	if (!v)
		return;
	atomic_store(&v->sipi_vector, -1);
	atomic_store(&v->init_pending, 1);
	tcg_request(v, REQ_EVENT);
}

static void on_sipi(void *opaque, unsigned id, u8 vector)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, id);

	if (!v)
		return;
	atomic_store(&v->sipi_vector, vector);
	tcg_request(v, REQ_EVENT);
}

static void on_eoi(void *opaque, unsigned gsi)
{
	tcg_irqfd_eoi(opaque, gsi);
}

static u64 guest_tsc(void *opaque, unsigned id)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, id);

	return tcg_vm_tsc(opaque) + (v ? __atomic_load_n(&v->cpu.tsc_offset,
						     __ATOMIC_RELAXED) : 0);
}

static u64 tsc_hz(void *opaque)
{
	return tcg_vm_tsc_khz(opaque) * 1000ull;
}

static s64 counted_now(void *opaque)
{
	return icount_now(&((struct tcg_vm *)opaque)->icount);
}

static void timer_sooner(void *opaque)
{
	struct tcg_vcpu *v = tcg_vm_vcpu(opaque, 0);

	if (v)
		tcg_request(v, REQ_TIMER);
}

/* --- requests ------------------------------------------------------------- */

static int create_irqchip(struct tcg_vm *vm)
{
	struct irqchip_host h = {
		.notify = on_notify, .nmi = on_nmi, .smi = on_smi,
		.init = on_init, .sipi = on_sipi, .eoi = on_eoi,
		.guest_tsc = guest_tsc, .tsc_hz = tsc_hz, .opaque = vm,
	};
	struct irqchip *ic;

	SCOPED_LOCK(&vm->lock);
	if (tcg_irqchip(vm))
		return -EEXIST;
	if (atomic_load(&vm->nvcpu))
		return -EINVAL;
	if (vm->icount.on) {
		h.now = counted_now;
		h.sooner = timer_sooner;
	}
	ic = irqchip_create(&h);
	if (!ic)
		return -ENOMEM;
	irqchip_use_x2apic_ids(ic, vm->x2apic_ids);
	atomic_store_explicit(&vm->irqchip, ic, memory_order_release);
	return 0;
}

static int create_pit(struct tcg_vm *vm, const struct kvm_pit_config *cfg)
{
	struct irqchip *ic = tcg_irqchip(vm);
	int rc;

	SCOPED_LOCK(&vm->lock);
	if (!ic)
		return -ENOENT;
	if (vm->has_pit)
		return -EEXIST;
	rc = irqchip_create_pit(ic, cfg);
	vm->has_pit = rc >= 0;
	return rc;
}

static int irq_line(struct irqchip *ic, struct kvm_irq_level *l)
{
	l->status = irqchip_line(ic, l->irq, l->level);
	return 0;
}

static int set_routing(struct irqchip *ic, const struct kvm_irq_routing *r)
{
	if (r->flags || r->nr > 4096)
		return -EINVAL;
	return irqchip_set_routing(ic, r);
}

long tcg_vm_irq_ioctl(struct tcg_vm *vm, unsigned long req, void *arg)
{
	const struct kvm_pit_config plain = { 0 };
	struct irqchip *ic = tcg_irqchip(vm);

	switch (req) {
	case KVM_CREATE_IRQCHIP:
		return create_irqchip(vm);
	case KVM_CREATE_PIT:
		return create_pit(vm, &plain);
	case KVM_CREATE_PIT2:
		return create_pit(vm, arg);
	case KVM_GET_IRQCHIP:
		return ic ? irqchip_get(ic, arg) : -ENXIO;
	case KVM_SET_IRQCHIP:
		return ic ? irqchip_set(ic, arg) : -ENXIO;
	case KVM_GET_PIT2:
		return vm->has_pit ? irqchip_get_pit2(ic, arg) : -ENXIO;
	case KVM_SET_PIT2:
		return vm->has_pit ? irqchip_set_pit2(ic, arg) : -ENXIO;
	case KVM_REINJECT_CONTROL:
		return vm->has_pit ? 0 : -ENXIO;
	case KVM_IRQ_LINE:
	case KVM_IRQ_LINE_STATUS:
		code_outside(&vm->code);
		return ic ? irq_line(ic, arg) : -ENXIO;
	case KVM_SET_GSI_ROUTING:
		return ic ? set_routing(ic, arg) : -EINVAL;
	case KVM_SIGNAL_MSI:
		code_outside(&vm->code);
		return ic ? irqchip_msi(ic, arg) : -EINVAL;
	default:
		return -ENOTTY;
	}
}
