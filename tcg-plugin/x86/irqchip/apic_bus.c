/* SPDX-License-Identifier: MIT */
/*
 * The APIC bus: which LAPICs a message reaches (SDM vol. 3, 11.6.2, 11.12.10)
 * and what an ICR write or an MSI means.
 *
 * Room:     destination matching, shorthands, lowest-priority arbitration.
 * Talks to: lapic_accept on each target.
 * Never:    holds a LAPIC's lock; trusts that APIC ids equal vCPU ids.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <errno.h>

static bool match_logical(struct lapic *l, u32 dest)
{
	u32 ldr = __atomic_load_n(lapic_reg(l, APIC_LDR), __ATOMIC_RELAXED);

	if (lapic_x2(l))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	if (dest > 0xff)
		return false;
	ldr >>= 24;
	switch (__atomic_load_n(lapic_reg(l, APIC_DFR), __ATOMIC_RELAXED) >> 28) {
	case 0xf:
		return ldr & dest;
	case 0x0:
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	default:
		return false;
	}
}

static bool msg_is_broadcast(const struct apic_msg *m)
{
	return m->dest == 0xffffffffu || (!m->wide && m->dest == 0xff);
}

static bool match(struct lapic *l, const struct apic_msg *m)
{
	if (!l || !lapic_hw_on(l))
		return false;
	if (msg_is_broadcast(m))
		return true;
	return m->logical ? match_logical(l, m->dest) : l->id == m->dest;
}

static bool takes_fixed(struct lapic *l)
{
	return __atomic_load_n(lapic_reg(l, APIC_SVR), __ATOMIC_RELAXED) &
	       SVR_ENABLED;
}

static int deliver_lowest(struct irqchip *ic, const struct apic_msg *m)
{
	struct lapic *best = NULL;
	unsigned n = ic->nlapics;

	for (unsigned i = 0; i < n; i++) {
		struct lapic *l = ic->lapics[i];

		if (match(l, m) && takes_fixed(l) &&
		    (!best || (s32)(l->arb - best->arb) < 0))
			best = l;
	}
	if (!best)
		return -1;
	best->arb++;
	return lapic_accept(best, DM_FIXED, m->vector, m->level);
}

/* APIC ids equal vCPU ids unless the guest changed them: look there first. */
static struct lapic *direct_target(struct irqchip *ic, const struct apic_msg *m)
{
	struct lapic *l;

	if (m->logical || m->dest >= ic->nlapics || msg_is_broadcast(m))
		return NULL;
	l = ic->lapics[m->dest];
	return l && l->id == m->dest && lapic_hw_on(l) ? l : NULL;
}

int apic_deliver(struct irqchip *ic, const struct apic_msg *m)
{
	struct lapic *l = direct_target(ic, m);
	unsigned n = ic->nlapics;
	int sum = -1;

	if (l)
		return lapic_accept(l, m->mode, m->vector, m->level);
	if (m->mode == DM_LOWEST)
		return deliver_lowest(ic, m);
	for (unsigned i = 0; i < n; i++) {
		int rc;

		l = ic->lapics[i];
		if (!match(l, m))
			continue;
		rc = lapic_accept(l, m->mode, m->vector, m->level);
		if (rc >= 0)
			sum = MAX(sum, 0) + rc;
	}
	return sum;
}

int apic_deliver_msi(struct irqchip *ic, u32 lo, u32 hi, u32 data)
{
	struct apic_msg m = {
		.dest = ((lo >> 12) & 0xff) | (hi & 0xffffff00u),
		.logical = lo & BIT(2),
		.vector = data & 0xff,
		.mode = (data >> 8) & 7,
		.level = data & BIT(15),
	};

	m.wide = hi & 0xffffff00u;
	if ((lo & BIT(3)) && m.mode == DM_FIXED)
		m.mode = DM_LOWEST;    /* redirection hint */
	return apic_deliver(ic, &m);
}

static void send_shorthand(struct lapic *from, unsigned shorthand,
			   const struct apic_msg *m)
{
	struct irqchip *ic = from->ic;
	unsigned n = ic->nlapics;

	if (shorthand == 1) {
		lapic_accept(from, m->mode, m->vector, m->level);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct lapic *l = ic->lapics[i];

		if (!l || !lapic_hw_on(l) || (shorthand == 3 && l == from))
			continue;
		lapic_accept(l, m->mode, m->vector, m->level);
	}
}

void apic_send_icr(struct lapic *from, u32 icr, u32 dest)
{
	unsigned shorthand = (icr >> 18) & 3;
	struct apic_msg m = {
		.dest = dest,
		.wide = lapic_x2(from),
		.vector = icr & 0xff,
		.mode = LVT_MODE(icr),
		.logical = icr & BIT(11),
		.level = icr & BIT(15),
	};

	/* INIT level de-assert only reset arbitration ids, long ago. */
	if (m.mode == DM_INIT && m.level && !(icr & BIT(14)))
		return;
	if ((m.mode == DM_FIXED || m.mode == DM_LOWEST) && m.vector < 16) {
		SCOPED_LOCK(&from->lock);
		lapic_error_locked(from, ESR_SEND_ILLEGAL);
		return;
	}
	m.level = false;               /* IPIs are edge but for INIT */
	if (shorthand)
		send_shorthand(from, shorthand, &m);
	else
		apic_deliver(from->ic, &m);
}
