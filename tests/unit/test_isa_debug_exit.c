/* SPDX-License-Identifier: MIT */
/* Unit test: isa-debug-exit's status and port range. */
#include "tests/unit/device_fake.h"

extern const struct device_class isa_debug_exit_class;

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake.dev = fake_new(&isa_debug_exit_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static void status_is_value_doubled_plus_one(void **s)
{
	fake_realize(fake.dev);
	outb(0x501, 0x10);
	assert_int_equal(fake.request, VM_REQ_EXIT);
	assert_int_equal(fake.request_code, 0x21);
	out(0x501, 0, 2);
	assert_int_equal(fake.request_code, 1);
	assert_int_equal(inb(0x501), 0);
}

static void range_is_two_ports_unless_told(void **s)
{
	struct err e = { 0 };

	device_set_prop(fake.dev, "iobase", "0xf4", &e);
	device_set_prop(fake.dev, "iosize", "0x04", &e);
	fake_realize(fake.dev);
	out(0xf4, 3, 4);
	assert_int_equal(fake.request_code, 7);
	outb(0xf7, 1);
	outb(0xf8, 1);
	outb(0x501, 1);
	assert_int_equal(fake.requests, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(status_is_value_doubled_plus_one),
		T(range_is_two_ports_unless_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
