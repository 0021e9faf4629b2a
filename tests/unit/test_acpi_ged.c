/* SPDX-License-Identifier: MIT */
/* Unit test: events and their wire, sleep and reset without fixed hardware. */
#include "tests/unit/device_fake.h"

#include "vmm/dev/acpi_ged.h"

extern const struct device_class acpi_ged_class;

enum { EVENTS = 0x600, SLEEP = 0x604, STATUS = 0x605, RESET = 0x606 };

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake_device(&acpi_ged_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void an_event_holds_the_wire_until_it_is_read(void **s)
{
	acpi_ged_event(fake.dev, ACPI_GED_POWER);
	acpi_ged_event(fake.dev, 3);
	assert_int_equal(fake.wire[9], 1);
	assert_int_equal(in(EVENTS, 4), 9);
	assert_int_equal(fake.wire[9], 0);
	assert_int_equal(in(EVENTS, 4), 0);
}

static void a_narrow_read_loses_no_event(void **s)
{
	acpi_ged_event(fake.dev, 8);
	assert_int_equal(inb(EVENTS), 0);
	assert_int_equal(in(EVENTS + 1, 1), 0);
	assert_int_equal(fake.wire[9], 1);
	assert_int_equal(in(EVENTS, 4), 0x100);
}

static void sleep_type_5_is_power_off_and_others_are_nothing(void **s)
{
	outb(SLEEP, 0x20 | 3 << 2);
	assert_int_equal(fake.requests, 0);
	outb(SLEEP, 5 << 2);           /* not enabled */
	assert_int_equal(fake.requests, 0);
	assert_int_equal(inb(SLEEP), 5 << 2);
	outb(SLEEP, 0x20 | 5 << 2);
	assert_int_equal(fake.request, VM_REQ_POWEROFF);
	assert_int_equal(inb(SLEEP), 5 << 2);
	assert_int_equal(inb(STATUS), 0);
}

static void the_reset_value_resets(void **s)
{
	outb(RESET, 1);
	out(SLEEP, 0x420000, 4);       /* too wide for it */
	assert_int_equal(fake.requests, 0);
	outb(RESET, ACPI_GED_RESET_VALUE);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_RESET);
}

static void a_reset_forgets_events(void **s)
{
	acpi_ged_event(fake.dev, 0);
	device_reset(fake.dev);
	assert_int_equal(fake.wire[9], 0);
	assert_int_equal(in(EVENTS, 4), 0);
}

static void state_survives_and_the_wire_follows_it(void **s)
{
	acpi_ged_event(fake.dev, 2);
	outb(SLEEP, 4);
	fake_round_trip(fake.dev);
	assert_int_equal(fake.wire[9], 1);
	assert_int_equal(inb(SLEEP), 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_event_holds_the_wire_until_it_is_read),
		T(a_narrow_read_loses_no_event),
		T(sleep_type_5_is_power_off_and_others_are_nothing),
		T(the_reset_value_resets),
		T(a_reset_forgets_events),
		T(state_survives_and_the_wire_follows_it),
	};

	return cmocka_run_group_tests_name("acpi_ged", tests, NULL, NULL);
}
