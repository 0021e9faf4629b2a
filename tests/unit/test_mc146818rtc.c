/* SPDX-License-Identifier: MIT */
/* Unit test: the RTC's time, flags, interrupts and CMOS. */
#include "tests/unit/device_fake.h"

#include "vmm/dev/mc146818rtc.h"

#include <time.h>

extern const struct device_class mc146818rtc_class;

#define NS 1000000000ll
#define START (1767225599ll * NS)      /* 2025-12-31 23:59:59, a Wednesday */

static u8 rd(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void wr(u8 reg, u8 v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

static int up(void **s)
{
	(void)s;
	fake_machine_up(START);
	fake_device(&mc146818rtc_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void time_is_the_wall_clocks_in_bcd(void **s)
{
	assert_int_equal(rd(0), 0x59);
	assert_int_equal(rd(2), 0x59);
	assert_int_equal(rd(4), 0x23);
	assert_int_equal(rd(6), 4);
	assert_int_equal(rd(7), 0x31);
	assert_int_equal(rd(8), 0x12);
	assert_int_equal(rd(9), 0x25);
	assert_int_equal(rd(0x32), 0x20);
	fake_pass(NS);
	assert_int_equal(rd(9), 0x26);
	assert_int_equal(rd(8), 0x01);
	assert_int_equal(rd(0), 0x00);
	assert_int_equal(rd(13), 0x80);
	assert_int_equal(inb(0x70), 0xff);
}

static void binary_and_twelve_hour_formats(void **s)
{
	wr(11, 0x04);                  /* binary, 12 h */
	assert_int_equal(rd(4), 0x80 | 11);
	assert_int_equal(rd(2), 59);
	assert_int_equal(rd(9), 25);
	fake_pass(NS);
	assert_int_equal(rd(4), 12);   /* midnight is 12 AM */
}

static void set_holds_the_clock_until_released(void **s)
{
	wr(11, 0x82);
	wr(0, 0x30);
	wr(2, 0x15);
	wr(4, 0x08);
	wr(7, 0x04);
	wr(8, 0x07);
	wr(9, 0x76);
	wr(0x32, 0x19);
	fake_pass(5 * NS);
	assert_int_equal(rd(0), 0x30);
	wr(11, 0x02);
	fake_pass(31 * NS);
	assert_int_equal(rd(0), 0x01);
	assert_int_equal(rd(2), 0x16);
	assert_int_equal(rd(4), 0x08);
	assert_int_equal(rd(9), 0x76);
	assert_int_equal(rd(0x32), 0x19);
	assert_int_equal(rd(6), 1);    /* 1976-07-04 was a Sunday */
}

static void uip_precedes_the_second(void **s)
{
	assert_int_equal(rd(10), 0x26);
	fake_pass(NS - 244141 - 1);
	assert_int_equal(rd(10) & 0x80, 0);
	fake_pass(1);
	assert_int_equal(rd(10) & 0x80, 0x80);
	fake_pass(244141);
	assert_int_equal(rd(10) & 0x80, 0);
}

static void update_flag_and_interrupt(void **s)
{
	wr(1, 0x77);
	wr(10, 0x20);
	rd(12);
	fake_pass(NS);
	assert_int_equal(rd(12), 0x10);        /* flag without interrupt */
	assert_int_equal(rd(12), 0);
	wr(11, 0x12);
	fake_pass(NS);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
	assert_int_equal(rd(12), 0x90);
	assert_int_equal(fake.wire[8], 0);
	fake_pass(NS);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
}

static void periodic_interrupt_at_its_rate(void **s)
{
	wr(11, 0x42);                  /* 1024 Hz by default */
	rd(12);
	fake_pass(976563);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
	assert_int_equal(rd(12), 0xc0);
	assert_int_equal(fake.wire[8], 0);
	wr(10, 0x2f);                  /* 2 Hz */
	rd(12);
	fake_pass(100000000);
	fake_turn();
	assert_int_equal(fake.wire[8], 0);
	fake_pass(500000000);
	fake_turn();
	assert_int_equal(rd(12) & 0xc0, 0xc0);
	wr(10, 0x20);                  /* none */
	fake_pass(700000000);
	assert_int_equal(rd(12) & 0x40, 0);
}

static void alarm_matches_and_wildcards(void **s)
{
	wr(1, 0x05);
	wr(3, 0x00);
	wr(5, 0x00);
	wr(11, 0x22);
	fake_pass(5 * NS);             /* 00:00:04 */
	fake_turn();
	assert_int_equal(fake.wire[8], 0);
	fake_pass(NS);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
	assert_int_equal(rd(12) & 0xa0, 0xa0);
	wr(1, 0xff);                   /* every second */
	wr(3, 0xc0);
	wr(5, 0xc0);
	fake_pass(NS);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
	rd(12);
	wr(1, 0x77);                   /* never */
	fake_pass(90000 * NS);
	assert_int_equal(rd(12) & 0x20, 0);
}

/* For a machine that sleeps: nobody ticks, but somebody asks. */
/* Any hour and minute, at a second there is not: looked for once a write, and
 * by the loop at each tick. */
static void an_alarm_that_never_comes_is_not_long_looked_for(void **s)
{
	struct timespec a, b;

	wr(1, 0x7f);
	wr(3, 0xc0);
	wr(5, 0xc0);
	wr(11, 0x22);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (unsigned i = 0; i < 2000; i++)
		rd(12);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	assert_in_range((b.tv_sec - a.tv_sec) * 1000 +
			(b.tv_nsec - a.tv_nsec) / 1000000, 0, 200);
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), -1);
}

static void how_long_until_the_alarm_can_be_asked(void **s)
{
	(void)s;
	wr(1, 0x05);
	wr(3, 0x00);
	wr(5, 0x00);
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), -1);
	wr(11, 0x22);
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), 6 * NS);
	fake_pass(NS / 2);
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), 11 * NS / 2);
	wr(11, 0xa2);                  /* the clock is held */
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), -1);
	wr(11, 0x22);
	fake_pass(7 * NS);
	fake_turn();
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), 0);
	rd(12);
	wr(1, 0x77);                   /* never */
	assert_int_equal(mc146818rtc_alarm_in(fake.dev), -1);
}

static void cmos_keeps_bytes_across_reset(void **s)
{
	wr(0x40, 0xab);
	wr(0x0f, 0x0a);
	mc146818rtc_set_cmos(fake.dev, 0x5f, 3);
	mc146818rtc_set_cmos(fake.dev, 0x00, 3);
	wr(11, 0x72);
	device_reset(fake.dev);
	assert_int_equal(rd(0x40), 0xab);
	assert_int_equal(rd(0x0f), 0x0a);
	assert_int_equal(rd(0x5f), 3);
	assert_int_equal(rd(11), 0x02);
	assert_int_equal(rd(0), 0x59);
	outb(0x70, 0x8b);              /* the NMI bit is not an index */
	assert_int_equal(inb(0x71), 0x02);
}

static void ram_size_bytes_describe_guest_memory(void **s)
{
	struct err e = { 0 };
	int fd;

	assert_int_equal(gmem_backing_create("ram", 128 * MiB, &fd, &e), 0);
	assert_int_equal(gmem_add(fake.env.gmem, "low", 0, 64 * MiB, fd, 0,
				  GMEM_RAM, &e), 0);
	assert_int_equal(gmem_add(fake.env.gmem, "high", 4 * GiB, 64 * MiB,
				  fd, 64 * MiB, GMEM_RAM, &e), 0);
	device_reset(fake.dev);
	assert_int_equal(rd(0x15) | rd(0x16) << 8, 640);
	assert_int_equal(rd(0x30) | rd(0x31) << 8, 63 * 1024);
	assert_int_equal(rd(0x34) | rd(0x35) << 8, 48 * 16);
	assert_int_equal(rd(0x5b) | rd(0x5c) << 8 | rd(0x5d) << 16, 1024);
}

static void garbage_in_time_registers_is_survived(void **s)
{
	for (int r = 0; r < 10; r++)
		wr(r, 0xff);
	wr(0x32, 0xff);
	for (int r = 0; r < 128; r++)
		rd(r);
	wr(10, 0x7f);
	fake_pass(NS);
	wr(10, 0x26);
	for (int r = 0; r < 128; r++)
		rd(r);
}

static void state_round_trips(void **s)
{
	wr(11, 0x12);
	wr(0x41, 0x99);
	wr(4, 0x05);
	fake_round_trip(fake.dev);
	assert_int_equal(rd(4), 0x05);
	fake_pass(NS);
	fake_turn();
	assert_int_equal(fake.wire[8], 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(time_is_the_wall_clocks_in_bcd),
		T(binary_and_twelve_hour_formats),
		T(set_holds_the_clock_until_released),
		T(uip_precedes_the_second),
		T(update_flag_and_interrupt),
		T(periodic_interrupt_at_its_rate),
		T(alarm_matches_and_wildcards),
		T(an_alarm_that_never_comes_is_not_long_looked_for),
		T(how_long_until_the_alarm_can_be_asked),
		T(cmos_keeps_bytes_across_reset),
		T(ram_size_bytes_describe_guest_memory),
		T(garbage_in_time_registers_is_survived),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
