/* SPDX-License-Identifier: MIT */
/*
 * Two cascaded 8259A interrupt controllers with ELCR, as on a PC.
 *
 * Room:     ICW/OCW state machines, priorities, INTA cycles.
 * Talks to: host.notify when the master's INTR rises.
 * Never:    runs without irqchip.lock.
 *
 * Invariants: ic->pic_out is the master's INTR; the slave's INTR drives the
 * master's pin 2 and nothing else does.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <string.h>

enum { MASTER, SLAVE, CASCADE_PIN = 2 };
enum { ICW1_IC4 = BIT(0), ICW1_SNGL = BIT(1), ICW1_LTIM = BIT(3),
       ICW1 = BIT(4), OCW3 = BIT(3) };

/* Distance of the highest-priority set bit from the top; 8 when none. */
static int priority_of(const struct kvm_pic_state *s, u8 mask)
{
	int p = 0;

	if (!mask)
		return 8;
	while (!(mask & BIT((p + s->priority_add) & 7)))
		p++;
	return p;
}

/* The pin that asks the CPU, or -1. */
static int requesting_pin(struct irqchip *ic, unsigned n)
{
	const struct kvm_pic_state *s = &ic->pic[n];
	int p = priority_of(s, s->irr & ~s->imr), busy;
	u8 in_service = s->isr;

	if (p == 8)
		return -1;
	if (s->special_mask)
		in_service &= ~s->imr;
	if (s->special_fully_nested_mode && n == MASTER)
		in_service &= ~BIT(CASCADE_PIN);
	busy = priority_of(s, in_service);
	return p < busy ? (p + s->priority_add) & 7 : -1;
}

static int pin_level(struct kvm_pic_state *s, unsigned pin, int level)
{
	u8 bit = BIT(pin);
	bool new_edge = !(s->last_irr & bit);

	if (s->elcr & bit) {
		int was = s->irr & bit;

		s->irr = level ? s->irr | bit : s->irr & ~bit;
		s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
		return level && was ? 0 : 1;
	}
	if (!level) {
		s->last_irr &= ~bit;
		return 1;
	}
	s->last_irr |= bit;
	if (!new_edge)
		return s->irr & bit ? 0 : 1;
	if (s->irr & bit)
		return 0;
	s->irr |= bit;
	return 1;
}

static void notify_acceptors(struct irqchip *ic)
{
	unsigned n = ic->nlapics;

	for (unsigned i = 0; i < n; i++) {
		struct lapic *l = ic->lapics[i];

		if (l && l->accepts_pic)
			ic->host.notify(ic->host.opaque, i);
	}
}

static void update_out(struct irqchip *ic)
{
	bool out = requesting_pin(ic, MASTER) >= 0;

	if (out == ic->pic_out)
		return;
	ic->pic_out = out;
	if (out)
		notify_acceptors(ic);
}

static void update(struct irqchip *ic)
{
	pin_level(&ic->pic[MASTER], CASCADE_PIN, requesting_pin(ic, SLAVE) >= 0);
	update_out(ic);
}

int pic_set_line(struct irqchip *ic, unsigned pin, int level)
{
	struct kvm_pic_state *s;
	int rc;

	if (pin >= 16 || pin == CASCADE_PIN)
		return -1;
	s = &ic->pic[pin >> 3];
	ic->raised.pic[pin] += level && !(s->last_irr & BIT(pin & 7));
	rc = pin_level(s, pin & 7, level);
	if (s->imr & BIT(pin & 7))
		rc = -1;
	update(ic);
	return rc;
}

/* --- interrupt acknowledge and end --------------------------------------- */

static void clear_isr(struct irqchip *ic, unsigned n, unsigned pin)
{
	int gsi = ic->pin_gsi[n][pin];

	ic->pic[n].isr &= ~BIT(pin);
	if (gsi >= 0 && gsi < 32)
		ic->eoi_gsis_pic |= BIT(gsi);
}

static void intack(struct irqchip *ic, unsigned n, unsigned pin)
{
	struct kvm_pic_state *s = &ic->pic[n];

	s->isr |= BIT(pin);
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (!s->auto_eoi)
		return;
	if (s->rotate_on_auto_eoi)
		s->priority_add = (pin + 1) & 7;
	clear_isr(ic, n, pin);
}

static int vector_of(struct irqchip *ic, bool ack)
{
	int pin = requesting_pin(ic, MASTER), pin2;

	if (pin < 0)                   /* spurious: gone before the INTA */
		return ack ? ic->pic[MASTER].irq_base + 7 : -1;
	if (ack)
		intack(ic, MASTER, pin);
	if (pin != CASCADE_PIN)
		return ic->pic[MASTER].irq_base + pin;
	pin2 = requesting_pin(ic, SLAVE);
	if (pin2 < 0)
		return ic->pic[SLAVE].irq_base + 7;
	if (ack)
		intack(ic, SLAVE, pin2);
	return ic->pic[SLAVE].irq_base + pin2;
}

int pic_ack(struct irqchip *ic)
{
	int vec = vector_of(ic, true);

	update(ic);
	return vec;
}

int pic_peek(struct irqchip *ic)
{
	return vector_of(ic, false);
}

/* --- ports --------------------------------------------------------------- */

static void icw1(struct irqchip *ic, unsigned n, u8 val)
{
	struct kvm_pic_state *s = &ic->pic[n];
	struct kvm_pic_state fresh = {
		.elcr = s->elcr, .elcr_mask = s->elcr_mask,
		.last_irr = s->last_irr & s->elcr,
		.irr = s->irr & s->elcr,
		.irq_base = s->irq_base,
		.init_state = 1, .init4 = val & ICW1_IC4,
	};

	*s = fresh;
}

static void ocw2(struct irqchip *ic, unsigned n, u8 val)
{
	struct kvm_pic_state *s = &ic->pic[n];
	unsigned cmd = val >> 5, pin = val & 7;
	int p;

	switch (cmd) {
	case 0:                        /* rotate in AEOI: clear, set */
	case 4:
		s->rotate_on_auto_eoi = cmd >> 2;
		break;
	case 1:                        /* non-specific EOI, rotating */
	case 5:
		p = priority_of(s, s->isr);
		if (p == 8)
			break;
		pin = (p + s->priority_add) & 7;
		clear_isr(ic, n, pin);
		if (cmd == 5)
			s->priority_add = (pin + 1) & 7;
		break;
	case 3:                        /* specific EOI */
		clear_isr(ic, n, pin);
		break;
	case 6:                        /* set priority */
		s->priority_add = (pin + 1) & 7;
		break;
	case 7:                        /* rotate on specific EOI */
		s->priority_add = (pin + 1) & 7;
		clear_isr(ic, n, pin);
		break;
	}
}

static void ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & 4)
		s->poll = 1;
	if (val & 2)
		s->read_reg_select = val & 1;
	if (val & 0x40)
		s->special_mask = (val >> 5) & 1;
}

static void write_data(struct kvm_pic_state *s, u8 val)
{
	switch (s->init_state) {
	case 0:
		s->imr = val;
		break;
	case 1:
		s->irq_base = val & 0xf8;
		s->init_state = 2;
		break;
	case 2:                        /* ICW3: the wiring is fixed */
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:
		s->special_fully_nested_mode = (val >> 4) & 1;
		s->auto_eoi = (val >> 1) & 1;
		s->init_state = 0;
		break;
	}
}

static u8 poll_read(struct irqchip *ic, unsigned n)
{
	int pin = requesting_pin(ic, n);

	ic->pic[n].poll = 0;
	if (pin < 0)
		return 0x07;
	intack(ic, n, pin);
	return 0x80 | pin;
}

static u8 read_port(struct irqchip *ic, unsigned n, bool data)
{
	struct kvm_pic_state *s = &ic->pic[n];

	if (s->poll)
		return poll_read(ic, n);
	if (data)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

static void write_port(struct irqchip *ic, unsigned n, bool data, u8 val)
{
	if (data)
		write_data(&ic->pic[n], val);
	else if (val & ICW1)
		icw1(ic, n, val);
	else if (val & OCW3)
		ocw3(&ic->pic[n], val);
	else
		ocw2(ic, n, val);
}

void pic_io(struct irqchip *ic, u16 port, u8 *val, bool write)
{
	struct kvm_pic_state *s;

	if ((port & ~1) == 0x4d0) {
		s = &ic->pic[port & 1];
		if (write)
			s->elcr = *val & s->elcr_mask;
		else
			*val = s->elcr;
	} else {
		unsigned n = port >= 0xa0 ? SLAVE : MASTER;

		if (write)
			write_port(ic, n, port & 1, *val);
		else
			*val = read_port(ic, n, port & 1);
	}
	update(ic);
}

void pic_init(struct irqchip *ic)
{
	memset(ic->pic, 0, sizeof(ic->pic));
	ic->pic[MASTER].elcr_mask = 0xf8;
	ic->pic[SLAVE].elcr_mask = 0xde;
	ic->pic_out = false;
}

void pic_set(struct irqchip *ic, unsigned n, const struct kvm_pic_state *in)
{
	ic->pic[n] = *in;
	ic->pic[n].priority_add &= 7;
	ic->pic[n].init_state &= 3;
	update_out(ic);                /* the cascade is part of the state */
}
