/* SPDX-License-Identifier: MIT */
/* Unit test: pvpanic's events. */
#include "tests/unit/device_fake.h"

extern const struct device_class pvpanic_class;

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake.dev = fake_new(&pvpanic_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void events_become_requests(void **s)
{
	fake_realize(fake.dev);
	assert_int_equal(inb(0x505), 3);
	outb(0x505, 1);
	assert_int_equal(fake.request, VM_REQ_PANIC);
	outb(0x505, 2);
	assert_int_equal(fake.request, VM_REQ_CRASHLOADED);
	assert_int_equal(fake.requests, 2);
	outb(0x505, 0xfc);
	assert_int_equal(fake.requests, 2);
}

static void events_not_offered_are_ignored(void **s)
{
	struct err e = { 0 };

	device_set_prop(fake.dev, "events", "2", &e);
	fake_realize(fake.dev);
	outb(0x505, 1);
	assert_int_equal(fake.requests, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(events_become_requests),
		T(events_not_offered_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
