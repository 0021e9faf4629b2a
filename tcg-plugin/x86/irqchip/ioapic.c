/* SPDX-License-Identifier: MIT */
/*
 * 82093AA I/O APIC, 24 pins.
 *
 * Room:     redirection table, line states, remote IRR.
 * Talks to: apic_bus.c to deliver; host.eoi for resampled lines.
 * Never:    runs without irqchip.lock, but for ioapic_eoi which takes it.
 *
 * Invariants:
 *  1. Bit n of state.irr is the level of pin n.
 *  2. remote_irr is set only on level-triggered entries whose message a LAPIC
 *     took, and cleared by that vector's EOI or by making the entry edge.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <string.h>

enum {
	IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40,
	IOAPICID = 0, IOAPICVER = 1, IOAPICARB = 2, IOREDTBL = 0x10,
	IOAPIC_DEFAULT_BASE = 0xfec00000u,
};
#define RTE_REMOTE_IRR  BIT64(14)
#define RTE_STATUS      BIT64(12)
#define RTE_LEVEL       BIT64(15)
#define RTE_MASK        BIT64(16)
#define RTE_WRITABLE    (0xff0000000001afffull & ~RTE_STATUS)

typedef __typeof__(((struct kvm_ioapic_state *)0)->redirtbl[0]) rte_t;

static int service(struct irqchip *ic, unsigned pin)
{
	rte_t *e = &ic->ioapic.redirtbl[pin];
	struct apic_msg m = {
		.dest = e->fields.dest_id,
		.logical = e->fields.dest_mode,
		.vector = e->fields.vector,
		.mode = e->fields.delivery_mode,
		.level = e->fields.trig_mode,
	};
	int rc;

	if (e->fields.mask || (m.level && e->fields.remote_irr))
		return -1;
	if (m.mode == DM_NMI || m.mode == DM_SMI || m.mode == DM_INIT)
		m.level = false;       /* always edge, 82093AA 3.2.4 */
	rc = apic_deliver(ic, &m);
	if (m.level && rc >= 0)
		e->fields.remote_irr = 1;
	return rc;
}

int ioapic_set_line(struct irqchip *ic, unsigned pin, int level)
{
	struct kvm_ioapic_state *s = &ic->ioapic;
	u32 bit = BIT(pin), old = s->irr;
	int rc;

	if (pin >= IOAPIC_PINS)
		return -1;
	if (!level) {
		s->irr &= ~bit;
		return 1;
	}
	s->irr |= bit;
	ic->raised.ioapic[pin] += !(old & bit);
	if (!s->redirtbl[pin].fields.trig_mode) {
		ic->ioapic_irr_delivered &= ~bit;
		if (old & bit)
			return 0;
		rc = service(ic, pin);
		if (rc >= 0)
			ic->ioapic_irr_delivered |= bit;
		return rc;
	}
	return service(ic, pin);
}

static void write_rte(struct irqchip *ic, unsigned pin, bool high, u32 val)
{
	rte_t *e = &ic->ioapic.redirtbl[pin];
	u64 bits = e->bits, ro = RTE_REMOTE_IRR;

	if (high)
		bits = (bits & 0xffffffffu) | (u64)val << 32;
	else
		bits = (bits & ~0xffffffffull) | val;
	e->bits = (bits & RTE_WRITABLE) | (e->bits & ro);
	if (!(e->bits & RTE_LEVEL))
		e->bits &= ~RTE_REMOTE_IRR;
	else if (ic->ioapic.irr & BIT(pin))
		service(ic, pin);
}

static void write_window(struct irqchip *ic, u32 val)
{
	unsigned reg = ic->ioapic.ioregsel & 0xff;

	if (reg == IOAPICID)
		ic->ioapic.id = (val >> 24) & 0xf;
	else if (reg >= IOREDTBL && reg < IOREDTBL + 2 * IOAPIC_PINS)
		write_rte(ic, (reg - IOREDTBL) / 2, reg & 1, val);
}

static u32 read_window(struct irqchip *ic)
{
	unsigned reg = ic->ioapic.ioregsel & 0xff;
	u64 bits;

	switch (reg) {
	case IOAPICID:
	case IOAPICARB:
		return (ic->ioapic.id & 0xf) << 24;
	case IOAPICVER:
		return (IOAPIC_PINS - 1) << 16 | ic->ioapic_version;
	}
	if (reg < IOREDTBL || reg >= IOREDTBL + 2 * IOAPIC_PINS)
		return 0;
	bits = ic->ioapic.redirtbl[(reg - IOREDTBL) / 2].bits;
	return reg & 1 ? bits >> 32 : bits;
}

u32 ioapic_read(struct irqchip *ic, unsigned off)
{
	switch (off) {
	case IOREGSEL: return ic->ioapic.ioregsel;
	case IOWIN:    return read_window(ic);
	default:       return 0;
	}
}

void ioapic_write(struct irqchip *ic, unsigned off, u32 val)
{
	if (off == IOREGSEL)
		ic->ioapic.ioregsel = val & 0xff;
	else if (off == IOWIN)
		write_window(ic, val);
}

static bool pin_has_vector(struct irqchip *ic, unsigned pin, u8 vector)
{
	rte_t *e = &ic->ioapic.redirtbl[pin];

	return e->fields.vector == vector && e->fields.trig_mode;
}

static u32 pins_with_vector(struct irqchip *ic, u8 vector)
{
	u32 pins = 0;

	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if (pin_has_vector(ic, i, vector))
			pins |= BIT(i);
	return pins;
}

/* Resampled lines are lowered by their owner before remote IRR opens. */
static void report_eoi(struct irqchip *ic, u32 pins)
{
	for (; pins; pins &= pins - 1) {
		int gsi = ic->pin_gsi[KVM_IRQCHIP_IOAPIC][__builtin_ctz(pins)];

		if (gsi >= 0)
			ic->host.eoi(ic->host.opaque, gsi);
	}
}

void ioapic_eoi(struct irqchip *ic, u8 vector)
{
	u32 pins;

	if (ic->host.eoi) {
		lock_take(&ic->lock);
		pins = pins_with_vector(ic, vector);
		lock_drop(&ic->lock);
		report_eoi(ic, pins);
	}
	SCOPED_LOCK(&ic->lock);
	for (pins = pins_with_vector(ic, vector); pins; pins &= pins - 1) {
		unsigned pin = __builtin_ctz(pins);

		ic->ioapic.redirtbl[pin].fields.remote_irr = 0;
		if (ic->ioapic.irr & BIT(pin))
			service(ic, pin);
	}
}

void ioapic_init(struct irqchip *ic)
{
	memset(&ic->ioapic, 0, sizeof(ic->ioapic));
	ic->ioapic.base_address = IOAPIC_DEFAULT_BASE;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		ic->ioapic.redirtbl[i].bits = RTE_MASK;
	ic->ioapic_irr_delivered = 0;
}

/* An edge that was sent on is not pending any more. */
void ioapic_get(struct irqchip *ic, struct kvm_ioapic_state *out)
{
	*out = ic->ioapic;
	out->irr &= ~ic->ioapic_irr_delivered;
}

void ioapic_set(struct irqchip *ic, const struct kvm_ioapic_state *in)
{
	u32 irr = in->irr & (BIT(IOAPIC_PINS) - 1);

	ic->ioapic = *in;
	ic->ioapic.ioregsel &= 0xff;
	ic->ioapic.irr = 0;
	ic->ioapic_irr_delivered = 0;
	for (; irr; irr &= irr - 1)
		ioapic_set_line(ic, __builtin_ctz(irr), 1);
}
