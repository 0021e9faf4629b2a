/* SPDX-License-Identifier: MIT */
/*
 * A wire as a value: what a device drives, never who listens.
 */
#ifndef MOTE_CORE_IRQ_H
#define MOTE_CORE_IRQ_H

#include "vmm/base/types.h"

struct irq_line {
	void (*set)(void *opaque, unsigned n, int level);   /* [any] */
	void *opaque;
	unsigned n;                    /* GSI or pin number */
};

static inline void irq_drive(const struct irq_line *l, int level)
{
	if (l->set)
		l->set(l->opaque, l->n, !!level);
}

static inline void irq_pulse(const struct irq_line *l)
{
	irq_drive(l, 1);
	irq_drive(l, 0);
}

/* Message-signalled interrupts: where a PCI function sends its MSI. */
struct msi_sink {
	void (*send)(void *opaque, u64 addr, u32 data);      /* [any] */
	void *opaque;
};

#endif
