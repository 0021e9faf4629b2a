/* SPDX-License-Identifier: MIT */
/* Unit test: PM1, the PM timer, GPE0, sleep and the power button. */
#include "tests/unit/device_fake.h"

#include "vmm/dev/acpi_pm.h"

extern const struct device_class acpi_pm_class;

enum { STS = 0x600, EN = 0x602, CNT = 0x604, TMR = 0x608, GPE = 0x620 };

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake_device(&acpi_pm_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void sci_en_is_set_by_the_machine_or_by_smi_command(void **s)
{
	assert_int_equal(in(CNT, 2), 1);
	out(CNT, 0, 2);                /* not the guest's to clear */
	assert_int_equal(in(CNT, 2), 1);
	outb(0xb2, ACPI_DISABLE);
	assert_int_equal(in(CNT, 2), 0);
	outb(0xb2, ACPI_ENABLE);
	assert_int_equal(in(CNT, 2), 1);
	outb(0xb3, 0x77);
	assert_int_equal(inb(0xb3), 0x77);
}

static void power_button_raises_sci_until_cleared(void **s)
{
	acpi_pm_power_button(fake.dev);
	assert_int_equal(in(STS, 2), 0x100);
	assert_int_equal(fake.wire[9], 0);
	out(EN, 0x100, 2);
	assert_int_equal(fake.wire[9], 1);
	out(STS, 0x100, 2);
	assert_int_equal(fake.wire[9], 0);
	assert_int_equal(in(STS, 2), 0);
	acpi_pm_power_button(fake.dev);
	outb(STS + 1, 1);              /* by byte as well */
	assert_int_equal(fake.wire[9], 0);
}

static void pm_timer_counts_at_its_frequency(void **s)
{
	u32 a = in(TMR, 4);

	fake_pass(1000000000);
	assert_int_equal((u32)in(TMR, 4) - a, 3579545);
	out(TMR, 0, 4);
	assert_int_equal((u32)in(TMR, 4) - a, 3579545);
}

static void timer_overflow_sets_its_status(void **s)
{
	out(EN, 1, 2);
	fake_pass(599900000000ll);     /* just short of 2^31 ticks */
	assert_int_equal(in(STS, 2) & 1, 0);
	fake_pass(100000000);
	fake_turn();
	assert_int_equal(fake.wire[9], 1);
	assert_int_equal(in(STS, 2) & 1, 1);
	out(STS, 1, 2);
	assert_int_equal(fake.wire[9], 0);
}

static void s5_powers_off(void **s)
{
	out(CNT, ACPI_S5_TYPE << 10, 2);
	assert_int_equal(fake.requests, 0);
	out(CNT, ACPI_S5_TYPE << 10 | 0x2000, 2);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_POWEROFF);
	assert_int_equal(in(CNT, 2) & 0x2000, 0);
	outb(CNT, 1);                  /* the low byte alone: no sleep */
	assert_int_equal(fake.requests, 1);
	out(CNT, 1 << 10 | 0x2000, 2);
	assert_int_equal(fake.request, VM_REQ_SUSPEND);
}

static void waking_up_is_told_as_the_power_button(void **s)
{
	out(EN, 1 << 8, 2);
	acpi_pm_wake(fake.dev, false);
	assert_int_equal(in(STS, 2) & 0x8100, 0x8100);
	assert_int_equal(fake.wire[9], 1);
	out(STS, 0x8100, 2);
	assert_int_equal(fake.wire[9], 0);
}

static void an_alarm_wakes_when_it_may_and_says_so(void **s)
{
	assert_false(acpi_pm_rtc_wakes(fake.dev));
	out(EN, 1 << 10, 2);
	assert_true(acpi_pm_rtc_wakes(fake.dev));
	acpi_pm_wake(fake.dev, true);
	assert_int_equal(in(STS, 2) & 0x8500, 0x8400);
	assert_int_equal(fake.wire[9], 1);
}

static void gpe_bits_are_cleared_by_writing_ones(void **s)
{
	acpi_pm_gpe(fake.dev, 9);
	assert_int_equal(inb(GPE + 1), 2);
	assert_int_equal(fake.wire[9], 0);
	outb(GPE + 8 + 1, 2);
	assert_int_equal(fake.wire[9], 1);
	outb(GPE + 1, 2);
	assert_int_equal(fake.wire[9], 0);
}

static void wide_and_narrow_accesses_agree(void **s)
{
	out(EN, 0x0721, 2);
	assert_int_equal(in(STS, 4), 0x07210000);
	assert_int_equal(inb(EN), 0x21);
	assert_int_equal(inb(EN + 1), 0x07);
	out(STS, 0x01200000, 4);
	assert_int_equal(in(EN, 2), 0x0120);
	assert_int_equal(in(CNT, 4), 1);
}

static void reset_port_is_there_when_asked_for(void **s)
{
	struct err e = { 0 };
	struct device *d = fake_new(&acpi_pm_class);

	device_set_prop(d, "base", "0x700", &e);
	device_set_prop(d, "gpe-base", "0x720", &e);
	device_set_prop(d, "smi-cmd", "0", &e);
	device_set_prop(d, "reset-port", "0x64", &e);
	device_set_prop(d, "sci-en", "off", &e);
	fake_realize(d);
	assert_int_equal(in(0x704, 2), 0);
	outb(0x64, 0x02);
	assert_int_equal(fake.requests, 0);
	outb(0x64, 0x06);
	assert_int_equal(fake.request, VM_REQ_RESET);
	device_destroy(d);
}

static void state_round_trips(void **s)
{
	out(EN, 0x100, 2);
	acpi_pm_power_button(fake.dev);
	acpi_pm_gpe(fake.dev, 3);
	out(CNT, 0x1c02, 2);
	fake_round_trip(fake.dev);
	assert_int_equal(fake.wire[9], 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sci_en_is_set_by_the_machine_or_by_smi_command),
		T(power_button_raises_sci_until_cleared),
		T(pm_timer_counts_at_its_frequency),
		T(timer_overflow_sets_its_status),
		T(s5_powers_off),
		T(waking_up_is_told_as_the_power_button),
		T(an_alarm_wakes_when_it_may_and_says_so),
		T(gpe_bits_are_cleared_by_writing_ones),
		T(wide_and_narrow_accesses_agree),
		T(reset_port_is_there_when_asked_for),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
