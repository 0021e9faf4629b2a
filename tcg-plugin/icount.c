// SPDX-License-Identifier: MIT
/*
 * Counted instructions.  See icount.h.
 *
 * Room:     the count, its rate, and who is due.
 * Talks to: the irqchip's timers.
 * Never:    looks at a host clock, but to follow it (shift=auto).
 */
#include "tcg-plugin/icount.h"

#include <errno.h>
#include <sched.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/irqchip/timers.h"

#define AUTO_EVERY_NS 50000000         /* looks at the host's clock apart  */
#define RUN_MAX       (1ll << 24)      /* instructions between two looks   */

int icount_set(struct icount *ic, u64 how)
{
	u32 shift = how & 0xff;

	if (shift > ICOUNT_MAX_SHIFT)
		return -EINVAL;
	ic->on = how & ICOUNT_ON;
	ic->automatic = how & ICOUNT_AUTO;
	ic->sleep = how & ICOUNT_SLEEP;
	atomic_store(&ic->shift, ic->automatic ? ICOUNT_AUTO_SHIFT : shift);
	ic->auto_host = ic_now();
	return 0;
}

/* --- the count ------------------------------------------------------------ */

static s64 left(const struct icount *ic)
{
	return ic->cpu ? __atomic_load_n(&ic->cpu->jr.icount_left,
					 __ATOMIC_RELAXED) : 0;
}

static s64 now_once(struct icount *ic)
{
	u64 run = atomic_load(&ic->end) - (u64)left(ic);

	return atomic_load(&ic->base_ns) +
	       (s64)((run - atomic_load(&ic->base_run))
		     << atomic_load(&ic->shift));
}

s64 icount_now(struct icount *ic)
{
	s64 now;
	u32 seq;

	do {
		while ((seq = atomic_load(&ic->seq)) & 1)
			sched_yield();
		now = now_once(ic);
	} while (atomic_load(&ic->seq) != seq);
	return now;
}

static void change(struct icount *ic)
{
	atomic_fetch_add(&ic->seq, 1);
}

/* From now on `n` instructions until the next look. */
static void grant(struct icount *ic, s64 n)
{
	change(ic);
	atomic_store(&ic->end, atomic_load(&ic->end) + (u64)(n - left(ic)));
	__atomic_store_n(&ic->cpu->jr.icount_left, n, __ATOMIC_RELAXED);
	change(ic);
}

/* now += ns, at another rate if need be. */
static void skip(struct icount *ic, s64 ns, u32 shift)
{
	s64 now = now_once(ic);

	change(ic);
	atomic_store(&ic->base_ns, now + ns);
	atomic_store(&ic->base_run, atomic_load(&ic->end) - (u64)left(ic));
	atomic_store(&ic->shift, shift);
	change(ic);
}

/* --- following the host ------------------------------------------------------- */

/* Slower or faster by a factor of two, when the guest's clock left the host's
 * by more than a tenth since the last look. */
static void follow(struct icount *ic)
{
	s64 host = ic_now(), guest = now_once(ic);
	s64 took = host - ic->auto_host, counted = guest - ic->auto_guest;
	u32 shift = atomic_load(&ic->shift);

	if (took < AUTO_EVERY_NS)
		return;
	if (counted > took + took / 10 && shift)
		skip(ic, 0, shift - 1);
	else if (counted < took - took / 10 && shift < ICOUNT_MAX_SHIFT)
		skip(ic, 0, shift + 1);
	ic->auto_host = host;
	ic->auto_guest = guest;
}

/* --- between two blocks ------------------------------------------------------- */

void icount_settle(struct tcg_vcpu *v)
{
	struct icount *ic = &v->vm->icount;
	struct irqchip *chip = tcg_irqchip(v->vm);
	s64 due, n = RUN_MAX;
	s64 now;

	if (ic->automatic)
		follow(ic);
	now = now_once(ic);
	due = chip ? irqchip_fire_timers(chip, now) : INT64_MAX;
	if (due != INT64_MAX)
		n = MIN(n, (due - now - 1) >> atomic_load(&ic->shift));
	grant(ic, n);
}

s64 icount_idle(struct tcg_vcpu *v)
{
	struct icount *ic = &v->vm->icount;
	struct irqchip *chip = tcg_irqchip(v->vm);
	s64 now = now_once(ic);
	s64 due = chip ? irqchip_fire_timers(chip, now) : INT64_MAX;

	if (due == INT64_MAX)
		return -1;
	if (ic->sleep)
		return due - now;
	skip(ic, due - now, atomic_load(&ic->shift));
	irqchip_fire_timers(chip, due);
	return 0;
}

void icount_slept(struct tcg_vcpu *v, s64 ns)
{
	struct icount *ic = &v->vm->icount;
	struct irqchip *chip = tcg_irqchip(v->vm);

	if (!ic->sleep)
		return;                /* its sleep took no time */
	skip(ic, ns, atomic_load(&ic->shift));
	irqchip_fire_timers(chip, now_once(ic));
}
