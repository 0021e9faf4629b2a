/* SPDX-License-Identifier: MIT */
/*
 * The doors of the irqchip: KVM's ioctl formats, ports and the IOAPIC page.
 *
 * Room:     takes the VM's irqchip lock and hands on to the chip at hand.
 * Talks to: every chip of this folder; host.eoi with no lock held.
 * Never:    holds state of its own.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IOAPIC_PAGE 0x1000u

struct irqchip *irqchip_create(const struct irqchip_host *h)
{
	struct irqchip *ic = calloc(1, sizeof(*ic));

	if (!ic)
		return NULL;
	ic->host = *h;
	ic->ioapic_version = 0x11;
	lock_init(&ic->lock, "irqchip");
	if (h->now)
		ic_timers_init_kept(&ic->timers, h->sooner, h->opaque);
	else
		ic_timers_init(&ic->timers);
	if (!h->now && !ic->timers.started) {
		ic_timers_fini(&ic->timers);
		lock_fini(&ic->lock);
		free(ic);
		return NULL;
	}
	pic_init(ic);
	ioapic_init(ic);
	routing_init(ic);
	return ic;
}

void irqchip_destroy(struct irqchip *ic)
{
	if (!ic)
		return;
	pit_fini(ic);
	ic_timers_fini(&ic->timers);
	free(ic->routes);
	lock_fini(&ic->lock);
	free(ic);
}

s64 irqchip_fire_timers(struct irqchip *ic, s64 now)
{
	return ic_timers_fire(&ic->timers, now);
}

s64 ic_clock(const struct irqchip *ic)
{
	return ic->host.now ? ic->host.now(ic->host.opaque) : ic_now();
}

void irqchip_use_x2apic_ids(struct irqchip *ic, bool on)
{
	ic->x2apic_ids = on;
}

/* --- KVM_GET/SET_IRQCHIP, PIT, routing ----------------------------------- */

int irqchip_get(struct irqchip *ic, struct kvm_irqchip *out)
{
	SCOPED_LOCK(&ic->lock);
	switch (out->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		out->chip.pic = ic->pic[out->chip_id];
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get(ic, &out->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

void irqchip_get_raised(struct irqchip *ic, struct irqchip_raised *out)
{
	SCOPED_LOCK(&ic->lock);
	*out = ic->raised;
}

int irqchip_set(struct irqchip *ic, const struct kvm_irqchip *in)
{
	SCOPED_LOCK(&ic->lock);
	switch (in->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set(ic, in->chip_id, &in->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set(ic, &in->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

int irqchip_create_pit(struct irqchip *ic, const struct kvm_pit_config *cfg)
{
	SCOPED_LOCK(&ic->lock);
	if (ic->pit.present)
		return -EEXIST;
	pit_init(ic, cfg->flags & KVM_PIT_SPEAKER_DUMMY);
	return 0;
}

int irqchip_get_pit2(struct irqchip *ic, struct kvm_pit_state2 *out)
{
	SCOPED_LOCK(&ic->lock);
	if (!ic->pit.present)
		return -ENXIO;
	*out = ic->pit.s;
	return 0;
}

int irqchip_set_pit2(struct irqchip *ic, const struct kvm_pit_state2 *in)
{
	SCOPED_LOCK(&ic->lock);
	if (!ic->pit.present)
		return -ENXIO;
	pit_set(ic, in);
	return 0;
}

int irqchip_set_routing(struct irqchip *ic, const struct kvm_irq_routing *r)
{
	SCOPED_LOCK(&ic->lock);
	return routing_set(ic, r);
}

/* --- wires and messages -------------------------------------------------- */

int irqchip_line(struct irqchip *ic, unsigned gsi, int level)
{
	SCOPED_LOCK(&ic->lock);
	return irqchip_line_locked(ic, gsi, LINE_USER, level);
}

int irqchip_msi(struct irqchip *ic, const struct kvm_msi *m)
{
	return apic_deliver_msi(ic, m->address_lo, m->address_hi, m->data);
}

/* --- ports and the IOAPIC page ------------------------------------------- */

static void report_pic_eois(struct irqchip *ic, u32 gsis)
{
	for (; gsis && ic->host.eoi; gsis &= gsis - 1)
		ic->host.eoi(ic->host.opaque, __builtin_ctz(gsis));
}

enum pio_owner { PIO_NONE, PIO_PIC, PIO_PIT, PIO_SPEAKER };

static enum pio_owner pio_owner(struct irqchip *ic, u16 port)
{
	switch (port) {
	case 0x20: case 0x21: case 0xa0: case 0xa1: case 0x4d0: case 0x4d1:
		return PIO_PIC;
	case 0x40: case 0x41: case 0x42: case 0x43:
		return ic->pit.present ? PIO_PIT : PIO_NONE;
	case 0x61:
		return ic->pit.present && ic->pit.speaker ? PIO_SPEAKER :
							    PIO_NONE;
	default:
		return PIO_NONE;
	}
}

static void pio_byte(struct irqchip *ic, enum pio_owner o, u16 port, u8 *val,
		     bool write)
{
	u32 gsis;

	lock_take(&ic->lock);
	if (o == PIO_PIC)
		pic_io(ic, port, val, write);
	else if (o == PIO_PIT)
		pit_io(ic, port, val, write);
	else
		pit_speaker_io(ic, val, write);
	gsis = ic->eoi_gsis_pic;
	ic->eoi_gsis_pic = 0;
	lock_drop(&ic->lock);
	report_pic_eois(ic, gsis);
}

bool irqchip_pio(struct irqchip *ic, u16 port, unsigned size, u32 *val,
		 bool write)
{
	u8 b[4] = { 0xff, 0xff, 0xff, 0xff };

	if (size > 4 || pio_owner(ic, port) == PIO_NONE)
		return false;
	if (write)
		memcpy(b, val, size);
	for (unsigned i = 0; i < size; i++) {
		enum pio_owner o = pio_owner(ic, port + i);

		if (o != PIO_NONE)
			pio_byte(ic, o, port + i, &b[i], write);
	}
	if (!write) {
		*val = 0;
		memcpy(val, b, size);
	}
	return true;
}

bool irqchip_mmio(struct irqchip *ic, u64 gpa, unsigned size, u64 *val,
		  bool write)
{
	u64 base = ic->ioapic.base_address;
	unsigned off = gpa & 0xff & ~0xfu;
	u32 eoi;

	if (gpa < base || gpa - base >= IOAPIC_PAGE)
		return false;
	if (write && off == 0x40 && ic->ioapic_version >= 0x20) {
		eoi = *val & 0xff;
		ioapic_eoi(ic, eoi);
		return true;
	}
	SCOPED_LOCK(&ic->lock);
	if (write) {
		if ((size == 4 || size == 1 || size == 8) && !(gpa & 0xf))
			ioapic_write(ic, off, (u32)*val);
		return true;
	}
	*val = (u64)ioapic_read(ic, off) >> (8 * (gpa & 3));
	if (size < 8)
		*val &= (1ull << (8 * size)) - 1;
	return true;
}

/* --- INTA cycles --------------------------------------------------------- */

int irqchip_pic_ack(struct irqchip *ic)
{
	u32 gsis;
	int vec = -1;

	lock_take(&ic->lock);
	if (ic->pic_out)
		vec = pic_ack(ic);
	gsis = ic->eoi_gsis_pic;
	ic->eoi_gsis_pic = 0;
	lock_drop(&ic->lock);
	report_pic_eois(ic, gsis);
	return vec;
}

int irqchip_pic_peek(struct irqchip *ic)
{
	SCOPED_LOCK(&ic->lock);
	return ic->pic_out ? pic_peek(ic) : -1;
}

bool irqchip_pic_pending(struct irqchip *ic)
{
	return ic->pic_out;
}
