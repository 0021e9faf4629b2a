/* SPDX-License-Identifier: MIT */
/*
 * GSI routing: which chip pins or MSI a global interrupt number reaches
 * (KVM_SET_GSI_ROUTING).
 *
 * Room:     the table, sorted by GSI, and the levels of wires with several
 *           drivers.
 * Talks to: pic.c, ioapic.c, apic_bus.c.
 * Never:    runs without irqchip.lock; accepts a table it cannot honour.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_gsi(const void *a, const void *b)
{
	const struct gsi_route *x = a, *y = b;

	return x->gsi < y->gsi ? -1 : x->gsi > y->gsi;
}

static void publish(struct irqchip *ic, struct gsi_route *r, u32 n)
{
	free(ic->routes);
	qsort(r, n, sizeof(*r), by_gsi);
	ic->routes = r;
	ic->nroutes = n;
	memset(ic->pin_gsi, 0xff, sizeof(ic->pin_gsi));
	for (u32 i = 0; i < n; i++)
		if (r[i].type == KVM_IRQ_ROUTING_IRQCHIP)
			ic->pin_gsi[r[i].irq.chip][r[i].irq.pin] = r[i].gsi;
}

/* KVM's: GSIs 0-15 reach both PIC and IOAPIC, 16-23 the IOAPIC. */
void routing_init(struct irqchip *ic)
{
	struct gsi_route *r = calloc(16 + IOAPIC_PINS, sizeof(*r));
	u32 n = 0;

	if (!r)
		abort();
	for (u32 g = 0; g < IOAPIC_PINS; g++) {
		r[n++] = (struct gsi_route){
			.gsi = g, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.irq = { KVM_IRQCHIP_IOAPIC, g } };
		if (g < 16)
			r[n++] = (struct gsi_route){
				.gsi = g, .type = KVM_IRQ_ROUTING_IRQCHIP,
				.irq = { g / 8, g % 8 } };
	}
	publish(ic, r, n);
}

static int import(struct gsi_route *r, const struct kvm_irq_routing_entry *e)
{
	*r = (struct gsi_route){ .gsi = e->gsi, .type = e->type };
	if (e->gsi >= MAX_GSI)
		return -EINVAL;
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		r->irq.chip = e->u.irqchip.irqchip;
		r->irq.pin = e->u.irqchip.pin;
		if (r->irq.chip > KVM_IRQCHIP_IOAPIC || r->irq.pin >=
		    (r->irq.chip == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : 8u))
			return -EINVAL;
		return 0;
	case KVM_IRQ_ROUTING_MSI:
		r->msi.lo = e->u.msi.address_lo;
		r->msi.hi = e->u.msi.address_hi;
		r->msi.data = e->u.msi.data;
		return 0;
	default:
		return -EINVAL;
	}
}

int routing_set(struct irqchip *ic, const struct kvm_irq_routing *in)
{
	struct gsi_route *r;
	int rc;

	if (in->flags || in->nr > MAX_GSI)
		return -EINVAL;
	r = calloc(in->nr + 1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (u32 i = 0; i < in->nr; i++) {
		rc = import(&r[i], &in->entries[i]);
		if (rc < 0) {
			free(r);
			return rc;
		}
	}
	publish(ic, r, in->nr);
	return 0;
}

static u32 first_route(struct irqchip *ic, unsigned gsi)
{
	u32 lo = 0, hi = ic->nroutes;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (ic->routes[mid].gsi < gsi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int drive(struct irqchip *ic, const struct gsi_route *r, int level)
{
	if (r->type == KVM_IRQ_ROUTING_MSI)
		return level ? apic_deliver_msi(ic, r->msi.lo, r->msi.hi,
						r->msi.data) : -1;
	if (r->irq.chip == KVM_IRQCHIP_IOAPIC)
		return ioapic_set_line(ic, r->irq.pin, level);
	return pic_set_line(ic, r->irq.chip * 8 + r->irq.pin, level);
}

int irqchip_line_locked(struct irqchip *ic, unsigned gsi, unsigned source,
			int level)
{
	int sum = -1;

	if (gsi < LINE_GSIS) {
		u8 *l = &ic->line[gsi];

		*l = level ? *l | source : *l & ~source;
		level = *l != 0;
	}
	for (u32 i = first_route(ic, gsi);
	     i < ic->nroutes && ic->routes[i].gsi == gsi; i++) {
		int rc = drive(ic, &ic->routes[i], level);

		if (rc >= 0)
			sum = MAX(sum, 0) + rc;
	}
	return sum;
}
