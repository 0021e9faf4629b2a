/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock and 128 bytes of CMOS (Motorola data sheet), with
 * the PC's century byte and RAM size bytes.
 *
 * Room:     ports 70h/71h, IRQ 8.
 * Talks to: the guest's wall clock, which -rtc base sets; guest memory, for
 *           its size.
 * Never:    ticks: time and flags follow from the clock when looked at; a
 *           timer runs only while an interrupt is enabled.
 *
 * Invariants (under dev.lock):
 *  1. While the clock runs, time is wall + offset; while SET holds it, time
 *     is what cmos[0..9] and the century byte say.
 *  2. Flags of REG_C are current up to `seen`.
 */
#include "vmm/dev/mc146818rtc.h"

#include <errno.h>
#include <time.h>

#include "vmm/core/clock.h"
#include "vmm/core/gmem.h"

enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM,
	DAY_OF_WEEK, DAY_OF_MONTH, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
	CENTURY = 0x32, PS2_CENTURY = 0x37, CMOS_LEN = 128,
};
enum { A_UIP = BIT(7), A_DV = 0x70, A_DV_RUN = 0x20, A_RS = 0x0f };
enum { B_SET = BIT(7), B_PIE = BIT(6), B_AIE = BIT(5), B_UIE = BIT(4),
       B_SQWE = BIT(3), B_DM = BIT(2), B_24 = BIT(1) };
enum { C_IRQF = BIT(7), C_PF = BIT(6), C_AF = BIT(5), C_UF = BIT(4) };
enum { D_VRT = BIT(7), ALARM_ANY = 0xc0, HOUR_PM = 0x80 };

#define NS     1000000000ll
#define UIP_NS 244141ll                /* 8 cycles of 32768 Hz */
#define DAY    86400ll
#define LIMIT  7200000000ll            /* seconds either side of 1970 */

struct mc146818rtc {
	struct device dev;
	u32 base_year, iobase, lost_tick_policy;   /* properties */
	u8  isairq;                    /* property "irq" */
	u8  index;
	u8  cmos[CMOS_LEN];
	u64 offset;                    /* ns, signed                     */
	u64 seen;                      /* RTC time flags were made up to */
	bool held;                     /* SET or the divider in reset    */
	struct timer timer;
};

static struct mc146818rtc *to_rtc(struct device *d)
{
	return container_of(d, struct mc146818rtc, dev);
}

static s64 rtc_now(const struct mc146818rtc *r)
{
	return clock_wall_ns(r->dev.env->clock) + (s64)r->offset;
}

static s64 floor_div(s64 a, s64 b)
{
	return a / b - (a % b < 0);
}

/* --- the number formats of REG_B ----------------------------------------- */

static u8 encode(const struct mc146818rtc *r, unsigned v)
{
	return r->cmos[REG_B] & B_DM ? v : (v / 10 % 10) << 4 | v % 10;
}

static unsigned decode(const struct mc146818rtc *r, u8 v)
{
	return r->cmos[REG_B] & B_DM ? v : (v >> 4) * 10 + (v & 15);
}

static u8 encode_hour(const struct mc146818rtc *r, unsigned h)
{
	if (r->cmos[REG_B] & B_24)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct mc146818rtc *r, u8 v)
{
	if (r->cmos[REG_B] & B_24)
		return decode(r, v);
	return decode(r, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* --- time to registers and back ------------------------------------------ */

static void registers_from_time(struct mc146818rtc *r)
{
	time_t t = floor_div(rtc_now(r), NS);
	struct tm tm = { 0 };
	unsigned year;

	if (r->held)
		return;
	gmtime_r(&t, &tm);
	year = tm.tm_year + 1900 - r->base_year;
	r->cmos[SECONDS] = encode(r, tm.tm_sec);
	r->cmos[MINUTES] = encode(r, tm.tm_min);
	r->cmos[HOURS] = encode_hour(r, tm.tm_hour);
	r->cmos[DAY_OF_WEEK] = encode(r, tm.tm_wday + 1);
	r->cmos[DAY_OF_MONTH] = encode(r, tm.tm_mday);
	r->cmos[MONTH] = encode(r, tm.tm_mon + 1);
	r->cmos[YEAR] = encode(r, year % 100);
	r->cmos[CENTURY] = encode(r, year / 100 % 100);
	r->cmos[PS2_CENTURY] = r->cmos[CENTURY];
}

/* Whatever the registers hold becomes the time; timegm takes odd days. */
static void time_from_registers(struct mc146818rtc *r)
{
	struct tm tm = {
		.tm_sec = decode(r, r->cmos[SECONDS]),
		.tm_min = decode(r, r->cmos[MINUTES]),
		.tm_hour = decode_hour(r, r->cmos[HOURS]),
		.tm_mday = decode(r, r->cmos[DAY_OF_MONTH]),
		.tm_mon = (int)decode(r, r->cmos[MONTH]) - 1,
	};
	s64 was = rtc_now(r), t;

	tm.tm_year = (int)decode(r, r->cmos[YEAR]) + (int)r->base_year +
		     (int)decode(r, r->cmos[CENTURY]) * 100 - 1900;
	t = timegm(&tm);
	t = MAX(MIN(t, LIMIT), -LIMIT) * NS;   /* what fits ns, with room */
	r->offset += t - was;
	r->seen = t;
	device_event(&r->dev, DEV_EV_RTC);
}

static bool is_time(u8 index)
{
	return index <= YEAR && index != SECONDS_ALARM &&
	       index != MINUTES_ALARM && index != HOURS_ALARM;
}

/* --- flags and the interrupt --------------------------------------------- */

static void update_irq(struct mc146818rtc *r)
{
	u8 c = r->cmos[REG_C] & (C_PF | C_AF | C_UF);
	bool level = c & r->cmos[REG_B];

	r->cmos[REG_C] = c | (level ? C_IRQF : 0);
	irq_drive(&r->dev.irq, level);
}

static s64 period_ns(const struct mc146818rtc *r)
{
	unsigned rs = r->cmos[REG_A] & A_RS;

	if (!rs || r->held)
		return 0;
	if (rs <= 2)
		rs += 7;
	return (NS << (rs - 1)) / 32768;
}

static bool alarm_takes(u8 reg, u8 now)
{
	return reg >= ALARM_ANY || reg == now;
}

/* Is there such a number among the first `n`? */
static bool alarm_can_be(const struct mc146818rtc *r, u8 reg, unsigned n,
			 u8 (*text)(const struct mc146818rtc *r, unsigned v))
{
	while (n--)
		if (alarm_takes(reg, text(r, n)))
			return true;
	return false;
}

/* First second after `from` at which the alarm matches; -1: never. */
static s64 next_alarm(const struct mc146818rtc *r, s64 from)
{
	s64 day = floor_div(from, DAY) * DAY;

	if (!alarm_can_be(r, r->cmos[SECONDS_ALARM], 60, encode) ||
	    !alarm_can_be(r, r->cmos[MINUTES_ALARM], 60, encode) ||
	    !alarm_can_be(r, r->cmos[HOURS_ALARM], 24, encode_hour))
		return -1;
	for (s64 h = 0; h < 48; h++) {
		if (day + (h + 1) * 3600 <= from + 1 ||
		    !alarm_takes(r->cmos[HOURS_ALARM], encode_hour(r, h % 24)))
			continue;
		for (s64 m = 0; m < 60; m++) {
			s64 at = day + h * 3600 + m * 60;

			if (at + 60 <= from + 1 ||
			    !alarm_takes(r->cmos[MINUTES_ALARM], encode(r, m)))
				continue;
			for (s64 s = 0; s < 60; s++)
				if (at + s > from &&
				    alarm_takes(r->cmos[SECONDS_ALARM],
						encode(r, s)))
					return at + s;
		}
	}
	return -1;
}

/* Raise what happened between `seen` and now. */
static void update_flags(struct mc146818rtc *r)
{
	s64 now = rtc_now(r), then = (s64)r->seen, p = period_ns(r), alarm;
	s64 sec = floor_div(now, NS), last = floor_div(then, NS);

	r->seen = now;
	if (now < then)
		return;                /* the wall clock went back */
	if (p && floor_div(now, p) != floor_div(then, p))
		r->cmos[REG_C] |= C_PF;
	if (sec == last || r->held)
		return;
	r->cmos[REG_C] |= C_UF;
	alarm = next_alarm(r, last);
	if (alarm >= 0 && alarm <= sec)
		r->cmos[REG_C] |= C_AF;
}

static s64 earlier(s64 a, s64 b)
{
	return a < 0 || b < a ? b : a;
}

/* Sleep until the next enabled interrupt that is not pending already. */
static void arm(struct mc146818rtc *r)
{
	u8 want = r->cmos[REG_B] & ~r->cmos[REG_C];
	s64 now = rtc_now(r), due = -1, p = period_ns(r);

	if ((want & B_PIE) && p)
		due = (floor_div(now, p) + 1) * p;
	if ((want & B_UIE) && !r->held)
		due = earlier(due, (floor_div(now, NS) + 1) * NS);
	if ((want & B_AIE) && !r->held) {
		s64 a = next_alarm(r, floor_div(now, NS));

		if (a >= 0)
			due = earlier(due, a * NS);
	}
	if (due < 0)
		timer_cancel(&r->timer);
	else
		timer_set(&r->timer, device_now(&r->dev) + (due - now));
}

static void refresh(struct mc146818rtc *r)
{
	update_flags(r);
	update_irq(r);
	arm(r);
}

static void on_timer(void *opaque)
{
	struct mc146818rtc *r = opaque;

	SCOPED_LOCK(&r->dev.lock);
	refresh(r);
}

/* --- registers ----------------------------------------------------------- */

static u8 read_a(struct mc146818rtc *r)
{
	s64 now = rtc_now(r);
	bool uip = !r->held &&
		   now - floor_div(now, NS) * NS >= NS - UIP_NS;

	return (r->cmos[REG_A] & ~A_UIP) | (uip ? A_UIP : 0);
}

static u8 read_c(struct mc146818rtc *r)
{
	u8 v;

	update_flags(r);
	update_irq(r);
	v = r->cmos[REG_C];
	r->cmos[REG_C] = 0;
	update_irq(r);
	arm(r);
	return v;
}

static u8 read_cmos(struct mc146818rtc *r)
{
	switch (r->index) {
	case REG_A:
		return read_a(r);
	case REG_C:
		return read_c(r);
	default:
		if (is_time(r->index) || r->index == CENTURY ||
		    r->index == PS2_CENTURY)
			registers_from_time(r);
		return r->cmos[r->index];
	}
}

/* SET and a divider in reset both stop the clock where it is. */
static void set_control(struct mc146818rtc *r, u8 index, u8 val)
{
	bool held;

	update_flags(r);
	registers_from_time(r);
	r->cmos[index] = val;
	held = (r->cmos[REG_B] & B_SET) || (r->cmos[REG_A] & A_DV) > A_DV_RUN;
	if (r->held && !held) {
		r->held = false;
		time_from_registers(r);
	}
	r->held = held;
	if (r->cmos[REG_B] & B_SET)
		r->cmos[REG_B] &= ~B_UIE;
	update_irq(r);
	arm(r);
}

static void set_time(struct mc146818rtc *r, u8 index, u8 val)
{
	update_flags(r);
	registers_from_time(r);
	r->cmos[index] = val;
	if (index == PS2_CENTURY)
		r->cmos[CENTURY] = val;
	if (!r->held)
		time_from_registers(r);
	arm(r);
}

static void write_cmos(struct mc146818rtc *r, u8 val)
{
	switch (r->index) {
	case REG_A:
		set_control(r, REG_A, val & ~A_UIP);
		break;
	case REG_B:
		set_control(r, REG_B, val);
		break;
	case REG_C:
	case REG_D:
		break;                 /* read-only */
	case SECONDS_ALARM:
	case MINUTES_ALARM:
	case HOURS_ALARM:
		update_flags(r);
		r->cmos[r->index] = val;
		arm(r);
		break;
	default:
		if (is_time(r->index) || r->index == CENTURY ||
		    r->index == PS2_CENTURY)
			set_time(r, r->index, val);
		else
			r->cmos[r->index] = val;
		break;
	}
}

static u64 rtc_read(struct device *d, u64 off, unsigned size)
{
	(void)size;                    /* 1, by region_ops */
	return off == 1 ? read_cmos(to_rtc(d)) : 0xff;
}

static void rtc_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct mc146818rtc *r = to_rtc(d);

	(void)size;
	if (off == 0)
		r->index = val & 0x7f; /* bit 7 would mask NMIs */
	else
		write_cmos(r, val);
}

/* --- what firmware would have left in CMOS ------------------------------- */

static void put16(struct mc146818rtc *r, u8 at, u64 v)
{
	v = MIN(v, 0xffffull);
	r->cmos[at] = v;
	r->cmos[at + 1] = v >> 8;
}

static void fill_ram_size(struct mc146818rtc *r)
{
	const struct gmem_block *const *b;
	u64 low = 0, high = 0;
	unsigned n;

	if (!r->dev.env->gmem)
		return;
	b = gmem_blocks(r->dev.env->gmem, &n);
	for (unsigned i = 0; i < n; i++) {
		if (b[i]->flags & GMEM_ROM)
			continue;
		if (b[i]->gpa >= 4 * GiB)
			high += b[i]->len;
		else
			low = MAX(low, b[i]->gpa + b[i]->len);
	}
	put16(r, 0x15, 640);                           /* KiB below 640 K */
	put16(r, 0x17, low > MiB ? (low - MiB) / KiB : 0);
	put16(r, 0x30, low > MiB ? (low - MiB) / KiB : 0);
	put16(r, 0x34, low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0);
	high = MIN(high / (64 * KiB), 0xffffffull);
	put16(r, 0x5b, high & 0xffff);
	r->cmos[0x5d] = high >> 16;
}

s64 mc146818rtc_offset(struct device *d)
{
	const struct mc146818rtc *r = container_of(d, struct mc146818rtc, dev);

	SCOPED_LOCK(&d->lock);
	return (s64)r->offset / (s64)NS;
}

s64 mc146818rtc_alarm_in(struct device *d)
{
	const struct mc146818rtc *r = to_rtc(d);
	s64 now, at;

	SCOPED_LOCK(&d->lock);
	if (!(r->cmos[REG_B] & B_AIE) || r->held)
		return -1;
	if (r->cmos[REG_C] & C_AF)
		return 0;
	now = rtc_now(r);
	at = next_alarm(r, floor_div(now, NS));
	return at < 0 ? -1 : at * NS - now;
}

void mc146818rtc_set_cmos(struct device *d, u8 index, u8 val)
{
	SCOPED_LOCK(&d->lock);
	if (index > REG_D && index < CMOS_LEN)
		to_rtc(d)->cmos[index] = val;
}

/* --- life ---------------------------------------------------------------- */

/* RESET# clears enables and flags; time and CMOS have a battery. */
static void rtc_reset(struct device *d)
{
	struct mc146818rtc *r = to_rtc(d);

	SCOPED_LOCK(&d->lock);
	r->cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	r->cmos[REG_C] = 0;
	r->seen = rtc_now(r);
	fill_ram_size(r);
	update_irq(r);
	arm(r);
}

static int rtc_realize(struct device *d, struct err *e)
{
	struct mc146818rtc *r = to_rtc(d);

	(void)e;
	d->irq = d->env->gsi(d->env->opaque, r->isairq);
	timer_init(&r->timer, d->env->loop, d->env->clock, on_timer, r);
	r->cmos[REG_A] = A_DV_RUN | 6;
	r->cmos[REG_B] = B_24;
	r->cmos[REG_D] = D_VRT;
	r->cmos[0x14] = 0x06;          /* equipment: FPU, mouse port */
	r->seen = rtc_now(r);
	return 0;
}

static void rtc_unrealize(struct device *d)
{
	timer_fini(&to_rtc(d)->timer);
}

/* --- tables -------------------------------------------------------------- */

static const struct state_field rtc_fields[] = {
	STATE_FIELD(STATE_U8,   struct mc146818rtc, index,  1),
	STATE_BYTES(struct mc146818rtc, cmos, 1),
	STATE_FIELD(STATE_U64,  struct mc146818rtc, offset, 1),
	STATE_FIELD(STATE_U64,  struct mc146818rtc, seen,   1),
	STATE_FIELD(STATE_BOOL, struct mc146818rtc, held,   1),
	STATE_END
};

static int rtc_post_load(struct device *d, unsigned version, struct err *e)
{
	struct mc146818rtc *r = to_rtc(d);

	s64 now;

	(void)version;
	SCOPED_LOCK(&d->lock);
	if (__builtin_add_overflow(clock_wall_ns(d->env->clock),
				   (s64)r->offset, &now) ||
	    now > LIMIT * NS || now < -LIMIT * NS)
		return err_set(e, -EINVAL, "mc146818rtc: the state's time is "
			       "out of range");
	r->index &= 0x7f;
	refresh(r);
	return 0;
}

static const struct state_desc rtc_state = {
	.version = 1, .oldest = 1, .fields = rtc_fields,
	.post_load = rtc_post_load,
};

static const struct region_ops rtc_ops = {
	.read = rtc_read, .write = rtc_write, .min_size = 1, .max_size = 1,
};

static const char *const lost_tick_names[] = { "discard", NULL };

static const struct device_prop rtc_props[] = {
	PROP("base_year", PROP_U32, struct mc146818rtc, base_year, "0",
	     "year that reads as 0"),
	PROP("iobase", PROP_U32, struct mc146818rtc, iobase, "112",
	     "index port; data is the next"),
	PROP("irq", PROP_U8, struct mc146818rtc, isairq, "8", "interrupt"),
	{ .name = "lost_tick_policy", .type = PROP_ENUM, .def = "discard",
	  .offset = offsetof(struct mc146818rtc, lost_tick_policy),
	  .help = "what happens to periodic ticks a guest missed",
	  .enum_names = lost_tick_names },
	PROP_END
};

static const struct device_region rtc_regions[] = {
	{ .name = "rtc", .space = SPACE_PIO, .len = 2, .ops = &rtc_ops,
	  .base_off = offsetof(struct mc146818rtc, iobase), .base_size = 4 },
	{ .len = 0 }
};

const struct device_class mc146818rtc_class = {
	.name      = "mc146818rtc",
	.summary   = "real-time clock and CMOS",
	.bus       = "ISA",
	.category  = "Misc",
	.size      = sizeof(struct mc146818rtc),
	.props     = rtc_props,
	.regions   = rtc_regions,
	.state     = &rtc_state,
	.realize   = rtc_realize,
	.reset     = rtc_reset,
	.unrealize = rtc_unrealize,
};
