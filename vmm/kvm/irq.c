/* SPDX-License-Identifier: MIT */
/*
 * Interrupts into the provider's irqchip: wires, messages, eventfds.
 *
 * x86: KVM_CREATE_IRQCHIP gives two PICs, an IOAPIC and a LAPIC per vCPU.
 * GSI n is PIC pin n and IOAPIC pin n, except that GSI 0 (the PIT) is IOAPIC
 * pin 2 and GSI 2 (the PIC cascade) is nothing, as on a PC.
 *
 * Create it after the RAM slots: the kernel's PIT and PICs register on its
 * I/O bus by a slow RCU grace period, which a slot added later waits for.
 *
 * Room:     one function per way in.
 * Never:    keeps a line's level; the irqchip does.
 */
#include <errno.h>
#include <string.h>

#include "vmm/kvm/kvm.h"
#include "vmm/base/trace.h"
#include "vmm/kvm/kvm_priv.h"

enum { IOAPIC_PINS = 24, PIC_PINS = 16 };

int kvm_x86_private_pages(struct kvm_vm *vm, struct err *e)
{
	u64 identity = 0xfffbc000;
	int rc;

	if (kvm_vm_check(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR)) {
		rc = kvm_vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
		if (rc < 0)
			return err_set(e, rc, "%s: identity map address: %m",
				       vm->ops->name);
	}
	if (kvm_vm_check(vm, KVM_CAP_SET_TSS_ADDR)) {
		rc = kvm_vm_ioctl(vm, KVM_SET_TSS_ADDR,
				  (void *)(long)(identity + PAGE_SIZE));
		if (rc < 0)
			return err_set(e, rc, "%s: TSS address: %m",
				       vm->ops->name);
	}
	return 0;
}

static void route(struct kvm_irq_routing *r, unsigned gsi, unsigned chip,
		  unsigned pin)
{
	r->entries[r->nr++] = (struct kvm_irq_routing_entry){
		.gsi  = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* Without PICs nothing reaches them, whatever the provider has. */
static int route_like_a_pc(struct kvm_vm *vm, bool pic)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry rows[IOAPIC_PINS + PIC_PINS];
	} table;

	memset(&table, 0, sizeof(table));
	for (unsigned i = 0; pic && i < PIC_PINS; i++)
		if (i != 2)
			route(&table.head, i, i < 8 ? KVM_IRQCHIP_PIC_MASTER :
			      KVM_IRQCHIP_PIC_SLAVE, i % 8);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if (i != 2)
			route(&table.head, i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
	return kvm_vm_ioctl(vm, KVM_SET_GSI_ROUTING, &table.head);
}

static int create_pit(struct kvm_vm *vm, struct err *e)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int rc = kvm_vm_ioctl(vm, KVM_CREATE_PIT2, &pit);

	return rc < 0 ? err_set(e, rc, "%s cannot create its interval timer: "
				"%m", vm->ops->name) : 0;
}

int kvm_vm_create_irqchip(struct kvm_vm *vm, bool pic, bool pit,
			  struct err *e)
{
	int rc = kvm_x86_private_pages(vm, e);

	if (rc < 0)
		return rc;
	rc = kvm_vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
	if (rc < 0)
		return err_set(e, rc, "%s cannot create its interrupt "
			       "controllers: %m", vm->ops->name);
	rc = pit ? create_pit(vm, e) : 0;
	if (rc < 0)
		return rc;
	rc = route_like_a_pc(vm, pic);
	if (rc < 0)
		return err_set(e, rc, "%s refuses the interrupt routing: %m",
			       vm->ops->name);
	vm->has_irqchip = true;
	return 0;
}

void kvm_vm_irq_line(struct kvm_vm *vm, unsigned gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = (u32)!!level };

	trace(irq_line, "gsi %u level %d", gsi, !!level);
	kvm_vm_ioctl(vm, KVM_IRQ_LINE, &l);
}

void kvm_vm_msi(struct kvm_vm *vm, u64 addr, u32 data)
{
	struct kvm_msi m = {
		.address_lo = (u32)addr,
		.address_hi = (u32)(addr >> 32),
		.data       = data,
	};

	trace(irq_msi, "addr 0x%llx data 0x%x", (unsigned long long)addr,
	      data);
	kvm_vm_ioctl(vm, KVM_SIGNAL_MSI, &m);
}

int kvm_vm_ioeventfd(struct kvm_vm *vm, int efd, bool pio, u64 addr,
		     unsigned len, bool match, u64 data, bool assign)
{
	struct kvm_ioeventfd io = {
		.datamatch = data,
		.addr      = addr,
		.len       = len,
		.fd        = efd,
		.flags     = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0u) |
			     (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
			     (assign ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};
	int rc = kvm_vm_ioctl(vm, KVM_IOEVENTFD, &io);

	if (rc >= 0)
		kvm_eventfd_note(vm, &io, NULL);
	return rc;
}

int kvm_vm_irqfd(struct kvm_vm *vm, int efd, unsigned gsi, bool assign)
{
	struct kvm_irqfd f = {
		.fd    = (u32)efd,
		.gsi   = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};
	int rc = kvm_vm_ioctl(vm, KVM_IRQFD, &f);

	if (rc >= 0)
		kvm_eventfd_note(vm, NULL, &f);
	return rc;
}
