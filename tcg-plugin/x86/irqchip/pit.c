/* SPDX-License-Identifier: MIT */
/*
 * 8254 interval timer and the speaker port 61h.
 *
 * Room:     three counters in modes 0-5, derived from the time they were
 *           loaded; counter 0 drives GSI 0.
 * Talks to: irqchip_line_locked, the timer thread.
 * Never:    runs without irqchip.lock, but for the thread's entry point.
 *
 * Invariants:
 *  1. A counter's value and output follow from count, mode, gate and
 *     count_load_time; nothing ticks.
 *  2. pit->due is 0 whenever no edge of OUT0 is to come.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <string.h>

#define PIT_HZ     1193182ull
#define NS         1000000000ull
#define MIN_PERIOD 100000              /* ns; faster would be a storm */

enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD };
enum { WORD_LOW = 0, WORD_HIGH = 1 };

typedef struct kvm_pit_channel_state chan_t;

static u64 ticks_since(const chan_t *c, s64 now)
{
	s64 ns = now - c->count_load_time;

	return ns <= 0 ? 0 :
	       (u64)((unsigned __int128)(u64)ns * PIT_HZ / NS);
}

static s64 ticks_to_ns(u64 ticks)
{
	return (s64)((unsigned __int128)ticks * NS / PIT_HZ);
}

static unsigned to_bcd(unsigned v)
{
	return (v / 1000 % 10) << 12 | (v / 100 % 10) << 8 |
	       (v / 10 % 10) << 4 | v % 10;
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 +
	       (v >> 4 & 15) * 10 + (v & 15);
}

static u32 range(const chan_t *c)
{
	return c->bcd ? 10000 : 0x10000;
}

/* What the counting element holds. */
static u16 counter(const chan_t *c, s64 now)
{
	u64 d = ticks_since(c, now);
	u32 n = c->count ? c->count : range(c), v;

	switch (c->mode) {
	case 2:
		v = n - d % n;
		break;
	case 3:                        /* counts down by two */
		v = n - 2 * d % n;
		break;
	default:                       /* wraps round and goes on */
		v = (u32)((n + range(c) - d % range(c)) % range(c));
		break;
	}
	v &= 0xffff;
	return c->bcd ? to_bcd(v % 10000) : v;
}

static bool output(const chan_t *c, s64 now)
{
	u64 d = ticks_since(c, now);
	u32 n = c->count ? c->count : range(c);

	switch (c->mode) {
	case 0:
	case 1:
		return d >= n;
	case 2:
		return !(d % n == n - 1) || !c->gate;
	case 3:
		return d % n < (n + 1) / 2 || !c->gate;
	default:                       /* 4, 5: one low clock at the end */
		return d != n;
	}
}

/* --- OUT0 ---------------------------------------------------------------- */

static void stop_timer(struct irqchip *ic)
{
	if (ic->pit.due)
		ic_timer_cancel(&ic->timers, &ic->pit.timer);
	ic->pit.due = 0;
}

static void start_timer(struct irqchip *ic, s64 now)
{
	const chan_t *c = &ic->pit.s.channels[0];
	s64 span = ticks_to_ns(c->count ? c->count : range(c)), next;

	stop_timer(ic);
	if ((ic->pit.s.flags & KVM_PIT_FLAGS_HPET_LEGACY) || c->mode > 4 ||
	    c->mode == 1 || !c->count_load_time)
		return;                /* gate 0 is tied high: 1, 5 never start */
	ic->pit.period = 0;
	next = c->count_load_time + span;
	if (c->mode == 2 || c->mode == 3) {
		ic->pit.period = MAX(span, MIN_PERIOD);
		if (next <= now)
			next = now + ic->pit.period -
			       (now - c->count_load_time) % ic->pit.period;
	} else if (next <= now) {
		return;                /* ended before we were restored */
	}
	ic->pit.due = MAX(next, 1);
	ic_timer_arm(&ic->timers, &ic->pit.timer, ic->pit.due);
}

/* [timer thread] */
static void fire(void *opaque, s64 now)
{
	struct irqchip *ic = opaque;
	struct pit *p = &ic->pit;

	SCOPED_LOCK(&ic->lock);
	if (!p->due || p->due > now)
		return;
	irqchip_line_locked(ic, 0, LINE_PIT, 1);
	irqchip_line_locked(ic, 0, LINE_PIT, 0);
	if (!p->period) {
		p->due = 0;
		return;
	}
	p->due += p->period;
	if (p->due <= now)
		p->due = now + p->period;
	ic_timer_arm(&ic->timers, &p->timer, p->due);
}

/* --- the ports ----------------------------------------------------------- */

static void load(struct irqchip *ic, unsigned n, unsigned val)
{
	chan_t *c = &ic->pit.s.channels[n];
	s64 now = ic_clock(ic);

	if (c->bcd)
		val = from_bcd(val);
	c->count = val ? val : range(c);
	c->count_load_time = now;
	if (n == 0)
		start_timer(ic, now);
}

static void latch_count(chan_t *c, s64 now)
{
	if (c->count_latched)
		return;
	c->latched_count = counter(c, now);
	c->count_latched = c->rw_mode;
}

static void latch_status(chan_t *c, s64 now)
{
	if (c->status_latched)
		return;
	c->status = output(c, now) << 7 | c->rw_mode << 4 | c->mode << 1 |
		    c->bcd;
	c->status_latched = 1;
}

static void read_back(struct irqchip *ic, u8 val)
{
	s64 now = ic_clock(ic);

	for (unsigned i = 0; i < 3; i++) {
		if (!(val & (2u << i)))
			continue;
		if (!(val & 0x20))
			latch_count(&ic->pit.s.channels[i], now);
		if (!(val & 0x10))
			latch_status(&ic->pit.s.channels[i], now);
	}
}

static void control(struct irqchip *ic, u8 val)
{
	unsigned n = val >> 6, rw = (val >> 4) & 3, mode = (val >> 1) & 7;
	chan_t *c;

	if (n == 3) {
		read_back(ic, val);
		return;
	}
	c = &ic->pit.s.channels[n];
	if (rw == RW_LATCH) {
		latch_count(c, ic_clock(ic));
		return;
	}
	c->rw_mode = rw;
	c->read_state = c->write_state = WORD_LOW;
	c->count_latched = c->status_latched = 0;
	c->mode = mode > 5 ? mode - 4 : mode;
	c->bcd = val & 1;
	if (n == 0)
		stop_timer(ic);        /* until a count is written */
}

static void write_count(struct irqchip *ic, unsigned n, u8 val)
{
	chan_t *c = &ic->pit.s.channels[n];

	switch (c->rw_mode) {
	case RW_MSB:
		load(ic, n, val << 8);
		break;
	case RW_WORD:
		if (c->write_state == WORD_LOW) {
			c->write_latch = val;
			c->write_state = WORD_HIGH;
			break;
		}
		c->write_state = WORD_LOW;
		load(ic, n, c->write_latch | val << 8);
		break;
	default:
		load(ic, n, val);
		break;
	}
}

static u8 read_latched(chan_t *c)
{
	switch (c->count_latched) {
	case RW_LSB:
		c->count_latched = 0;
		return c->latched_count;
	case RW_MSB:
		c->count_latched = 0;
		return c->latched_count >> 8;
	default:                       /* low byte, then as RW_MSB */
		c->count_latched = RW_MSB;
		return c->latched_count;
	}
}

static u8 read_count(struct irqchip *ic, unsigned n)
{
	chan_t *c = &ic->pit.s.channels[n];
	u16 v;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched)
		return read_latched(c);
	v = counter(c, ic_clock(ic));
	switch (c->rw_mode) {
	case RW_MSB:
		return v >> 8;
	case RW_WORD:
		c->read_state ^= 1;
		return c->read_state == WORD_HIGH ? v : v >> 8;
	default:
		return v;
	}
}

void pit_io(struct irqchip *ic, u16 port, u8 *val, bool write)
{
	unsigned n = port & 3;

	if (!write)
		*val = n == 3 ? 0 : read_count(ic, n);
	else if (n == 3)
		control(ic, *val);
	else
		write_count(ic, n, *val);
}

static void set_gate2(struct irqchip *ic, bool gate)
{
	chan_t *c = &ic->pit.s.channels[2];

	/* A rising gate restarts all but modes 0 and 4. */
	if (gate && !c->gate && c->mode != 0 && c->mode != 4)
		c->count_load_time = ic_clock(ic);
	c->gate = gate;
}

void pit_speaker_io(struct irqchip *ic, u8 *val, bool write)
{
	const chan_t *c = &ic->pit.s.channels[2];
	u32 *flags = &ic->pit.s.flags;
	s64 now;

	if (write) {
		*flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
		if (*val & 2)
			*flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
		set_gate2(ic, *val & 1);
		return;
	}
	now = ic_clock(ic);
	*val = c->gate | (*flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? 2 : 0) |
	       (now / 15085 & 1) << 4 | output(c, now) << 5;
}

/* --- life ---------------------------------------------------------------- */

void pit_init(struct irqchip *ic, bool speaker)
{
	s64 now = ic_clock(ic);

	memset(&ic->pit.s, 0, sizeof(ic->pit.s));
	ic_timer_init(&ic->pit.timer, fire, ic);
	for (unsigned i = 0; i < 3; i++) {
		chan_t *c = &ic->pit.s.channels[i];

		c->mode = 3;
		c->gate = i != 2;
		c->count = 0x10000;
		c->count_load_time = now;
		c->rw_mode = RW_WORD;
	}
	ic->pit.speaker = speaker;
	ic->pit.present = true;
}

void pit_fini(struct irqchip *ic)
{
	if (!ic->pit.present)
		return;
	lock_take(&ic->lock);
	stop_timer(ic);
	lock_drop(&ic->lock);
	ic_timer_fini(&ic->timers, &ic->pit.timer);
}

void pit_set(struct irqchip *ic, const struct kvm_pit_state2 *in)
{
	ic->pit.s = *in;
	for (unsigned i = 0; i < 3; i++) {
		chan_t *c = &ic->pit.s.channels[i];

		c->mode = c->mode > 5 ? c->mode & 3 : c->mode;
		c->count = MIN(c->count, 0x10000u);
		c->bcd &= 1;
		c->gate &= 1;
		c->rw_mode &= 3;
	}
	start_timer(ic, ic_clock(ic));
}
