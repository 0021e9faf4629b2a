/* SPDX-License-Identifier: MIT */
/*
 * The LAPIC's timer: one-shot, periodic and TSC-deadline (SDM vol. 3, 11.5.4).
 *
 * Room:     the count registers over host time; the bus clock is 1 GHz as
 *           KVM's, so one count is the divisor in nanoseconds.
 * Talks to: the timer thread, its LAPIC.
 * Never:    runs without l->lock, but for the thread's entry point.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#define MIN_PERIOD_NS 200000           /* KVM's lower bound for periodic */

static unsigned divisor_of(u32 tdcr)
{
	unsigned code = (tdcr & 3) | ((tdcr >> 1) & 4);

	return 1u << ((code + 1) & 7);
}

static unsigned divisor(struct lapic *l)
{
	return divisor_of(*lapic_reg(l, APIC_TDCR));
}

static unsigned mode(struct lapic *l)
{
	return LVTT_MODE(*lapic_reg(l, APIC_LVTT));
}

static void arm(struct lapic *l, s64 due)
{
	l->timer_due = MAX(due, 1);
	ic_timer_arm(&l->ic->timers, &l->timer, l->timer_due);
}

/* True: lapic_notify is due. */
static bool deliver(struct lapic *l)
{
	u32 lvt = *lapic_reg(l, APIC_LVTT);

	return !(lvt & LVT_MASKED) && (lvt & 0xff) >= 16 &&
	       lapic_set_locked(l, lvt & 0xff, false) == LAPIC_DELIVERABLE;
}

void lapic_timer_stop(struct lapic *l)
{
	if (l->timer_due)
		ic_timer_cancel(&l->ic->timers, &l->timer);
	l->timer_due = 0;
}

void lapic_timer_start(struct lapic *l, u32 first_count)
{
	u32 initial = *lapic_reg(l, APIC_TMICT);
	s64 now;

	if (!initial || mode(l) == LVTT_TSCDEADLINE) {
		lapic_timer_stop(l);
		return;
	}
	if (!first_count || first_count > initial)
		first_count = initial;
	l->timer_period = (s64)initial * divisor(l);
	if (mode(l) == LVTT_PERIODIC)
		l->timer_period = MAX(l->timer_period, MIN_PERIOD_NS);
	now = ic_clock(l->ic);
	l->timer_start = now;
	arm(l, now + (first_count == initial ? l->timer_period :
		      (s64)first_count * divisor(l)));
}

u32 lapic_timer_count(struct lapic *l)
{
	s64 left;

	if (!l->timer_due || mode(l) == LVTT_TSCDEADLINE)
		return 0;
	left = l->timer_due - ic_clock(l->ic);
	if (left <= 0) {
		if (mode(l) != LVTT_PERIODIC)
			return 0;
		left = l->timer_period - (-left % l->timer_period);
	}
	left /= divisor(l);
	return MIN(left, (s64)*lapic_reg(l, APIC_TMICT));
}

/* ns from now until the guest's TSC reads `tsc`; <= 0 when it has. */
static s64 tsc_distance(struct lapic *l, u64 tsc)
{
	const struct irqchip_host *h = &l->ic->host;
	u64 now = h->guest_tsc(h->opaque, l->vcpu);
	u64 hz = h->tsc_hz(h->opaque);
	unsigned __int128 ns;

	if (tsc <= now)
		return 0;
	ns = (unsigned __int128)(tsc - now) * 1000000000u / (hz ? hz : 1) + 1;
	return ns > (u64)INT64_MAX / 4 ? INT64_MAX / 4 : (s64)ns;
}

void lapic_timer_set_deadline(struct lapic *l, u64 tsc)
{
	s64 ns;

	l->tsc_deadline = tsc;
	if (!tsc) {
		lapic_timer_stop(l);
		return;
	}
	ns = tsc_distance(l, tsc);
	if (ns > 0) {
		arm(l, ic_clock(l->ic) + ns);  /* moves it when it was armed */
		return;
	}
	lapic_timer_stop(l);
	l->tsc_deadline = 0;
	if (deliver(l))
		lapic_notify(l);
}

void lapic_timer_lvt_changed(struct lapic *l, u32 old)
{
	unsigned was = LVTT_MODE(old), is = mode(l);

	if (was == is)
		return;
	if (was == LVTT_TSCDEADLINE || is == LVTT_TSCDEADLINE) {
		lapic_timer_stop(l);
		*lapic_reg(l, APIC_TMICT) = 0;
		l->tsc_deadline = 0;
	} else if (l->timer_due && is == LVTT_PERIODIC) {
		l->timer_period = MAX(l->timer_period, MIN_PERIOD_NS);
	}
}

void lapic_timer_div_changed(struct lapic *l, u32 old_tdcr)
{
	s64 left;

	if (!l->timer_due || mode(l) == LVTT_TSCDEADLINE ||
	    divisor_of(old_tdcr) == divisor(l))
		return;
	left = MAX(l->timer_due - ic_clock(l->ic), 0) / divisor_of(old_tdcr);
	lapic_timer_start(l, MAX(left, 1));
}

static bool fire(struct lapic *l, s64 now)
{
	if (!l->timer_due || l->timer_due > now)
		return false;          /* cancelled or moved meanwhile */
	if (mode(l) == LVTT_TSCDEADLINE) {
		s64 ns = tsc_distance(l, l->tsc_deadline);

		if (ns > 0) {          /* the guest's TSC was moved */
			arm(l, now + ns);
			return false;
		}
		l->tsc_deadline = 0;
	}
	if (mode(l) == LVTT_PERIODIC) {
		s64 next = l->timer_due + l->timer_period;

		arm(l, next > now ? next : now + l->timer_period);
	} else {
		l->timer_due = 0;
	}
	return deliver(l);
}

/* [timer thread] */
void lapic_timer_fire(void *opaque, s64 now)
{
	struct lapic *l = opaque;
	bool due;

	lock_take(&l->lock);
	due = fire(l, now);
	lock_drop(&l->lock);
	if (due)
		lapic_notify(l);
}
