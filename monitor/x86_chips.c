/* SPDX-License-Identifier: MIT */
/*
 * The chips inside the provider: where they are, and their registers read as
 * memory and ports.
 *
 * Talks to: KVM_GET_LAPIC on the vCPU's thread, KVM_GET_IRQCHIP.
 * Never:    reads a register in a way that changes it: states are fetched
 *           whole, and what the guest would see is taken out of them.
 */
#include "monitor/x86.h"
#include "vmm/vcpu.h"

#include <string.h>

enum {
	IOAPIC_BASE = 0xfec00000, APIC_BASE = 0xfee00000u, MSI_LEN = 0x100000,
	IOREGSEL = 0x00, IOWIN = 0x10,
	IOAPICID = 0, IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10,
};

const struct x86_chip mon_x86_chips[] = {
	{ "kvm-ioapic",   false, IOAPIC_BASE, 0x1000, 0 },
	{ "kvm-apic-msi", false, APIC_BASE, MSI_LEN, 4096 },
	{ "kvm-pic",      true,  0x20, 2, 0 },
	{ "kvm-pit",      true,  0x40, 4, 0 },
	{ "kvm-pic",      true,  0xa0, 2, 0 },
	{ "kvm-elcr",     true,  0x4d0, 1, 0 },
	{ "kvm-elcr",     true,  0x4d1, 1, 0 },
	{ 0 }
};

static const struct x86_chip *find(struct vm *vm, u64 at, bool pio)
{
	for (const struct x86_chip *c = mon_x86_chips;
	     c->name && vm->kvm.has_irqchip; c++)
		if (c->pio == pio && at - c->base < c->len)
			return c;
	return NULL;
}

bool mon_x86_chip_at(struct vm *vm, gpa_t at)
{
	return find(vm, at, false);
}

/* --- their states --- */

struct get_lapic {
	struct kvm_lapic_state *state;
	u64 base;
	int rc;
};

static void get_lapic(struct vcpu *v, void *opaque)
{
	struct get_lapic *g = opaque;
	struct kvm_sregs s = { .apic_base = 0 };

	kvm_vcpu_ioctl(&v->kvm, KVM_GET_SREGS, &s);
	g->base = s.apic_base;
	g->rc = kvm_vcpu_ioctl(&v->kvm, KVM_GET_LAPIC, g->state);
}

bool mon_x86_get_lapic(struct vcpu *v, struct kvm_lapic_state *l, u64 *base)
{
	struct get_lapic g = { .state = l, .rc = -1 };

	vcpu_call(v, get_lapic, &g);
	*base = g.base;
	return g.rc >= 0;
}

bool mon_x86_get_chip(struct vm *vm, u32 id, struct kvm_irqchip *c)
{
	memset(c, 0, sizeof(*c));
	c->chip_id = id;
	return vm->kvm.has_irqchip &&
	       kvm_vm_ioctl(&vm->kvm, KVM_GET_IRQCHIP, c) >= 0;
}

/* --- their registers, as memory --- */

static u32 ioapic_window(const struct kvm_ioapic_state *s)
{
	const unsigned reg = s->ioregsel & 0xff, pin = (reg - IOREDTBL) / 2;

	switch (reg) {
	case IOAPICID:
	case IOAPICARB:
		return (s->id & 15) << 24;
	case IOAPICVER:
		return (KVM_IOAPIC_NUM_PINS - 1) << 16 | 0x11;
	}
	if (reg < IOREDTBL || pin >= KVM_IOAPIC_NUM_PINS)
		return 0;
	return (u32)(s->redirtbl[pin].bits >> (reg & 1) * 32);
}

/* The first bytes of the chip's page as the guest would read them; false: the
 * chip is not there, or not in this way. */
static bool ioapic_page(struct vm *vm, u8 *page)
{
	struct kvm_irqchip c;
	u32 window;

	if (!mon_x86_get_chip(vm, KVM_IRQCHIP_IOAPIC, &c))
		return false;
	window = ioapic_window(&c.chip.ioapic);
	memcpy(page + IOREGSEL, &c.chip.ioapic.ioregsel, 4);
	memcpy(page + IOWIN, &window, sizeof(window));
	return true;
}

static bool lapic_page(struct vcpu *v, u8 *page)
{
	struct kvm_lapic_state l;
	u64 base;

	if (!v || !mon_x86_get_lapic(v, &l, &base) ||
	    !(base & APIC_BASE_ENABLED) || base & APIC_BASE_X2APIC)
		return false;          /* an x2APIC is read by MSR only */
	memcpy(page, l.regs, sizeof(l.regs));
	return true;
}

size_t mon_x86_chip_read(struct mon *m, gpa_t at, u8 *buf, size_t n,
			 bool *answered)
{
	const struct x86_chip *c = find(mon_vm(m), at, false);
	u8 page[PAGE_SIZE] = { 0 };
	const size_t off = at % PAGE_SIZE;

	if (!c)
		return 0;
	n = MIN(n, PAGE_SIZE - off);
	if (c->base == IOAPIC_BASE)
		*answered = ioapic_page(mon_vm(m), page);
	else                           /* behind the page lie only messages */
		*answered = at - c->base < PAGE_SIZE &&
			    lapic_page(mon_vcpu(m), page);
	memcpy(buf, page + off, n);
	return n;
}

u64 mon_x86_until_chip(struct vm *vm, gpa_t at)
{
	u64 gap = UINT64_MAX;

	for (const struct x86_chip *c = mon_x86_chips;
	     c->name && vm->kvm.has_irqchip; c++)
		if (!c->pio && c->base > at)
			gap = MIN(gap, c->base - at);
	return gap;
}

/* --- and as ports --- */

bool mon_x86_chip_in(struct vm *vm, u16 port, u8 *val)
{
	const bool slave = port >= 0xa0 && port != 0x4d0;
	struct kvm_irqchip c;
	const struct kvm_pic_state *s = &c.chip.pic;

	if (!find(vm, port, true) || port / 4 == 0x40 / 4 ||
	    !mon_x86_get_chip(vm, slave ? KVM_IRQCHIP_PIC_SLAVE :
			      KVM_IRQCHIP_PIC_MASTER, &c))
		return false;          /* reading the PIT turns its latches */
	if (port >= 0x4d0)
		*val = s->elcr;
	else if (port & 1)
		*val = s->imr;
	else
		*val = s->read_reg_select ? s->isr : s->irr;
	return true;
}
