/* SPDX-License-Identifier: MIT */
/* Unit test: the keyboard controller as a kernel's probe meets it. */
#include "tests/unit/device_fake.h"

#include "vmm/dev/i8042.h"

extern const struct device_class i8042_class;

static int up(void **s)
{
	(void)s;
	fake_machine_up(0);
	fake_device(&i8042_class);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_machine_down();
	return 0;
}

static bool full(void)
{
	return inb(0x64) & 1;
}

static void expect(const u8 *bytes, int n, bool aux)
{
	for (int i = 0; i < n; i++) {
		assert_true(full());
		assert_int_equal(!!(inb(0x64) & 0x20), aux);
		assert_int_equal(inb(0x60), bytes[i]);
	}
	assert_false(full());
}

#define EXPECT(aux, ...) do { \
	const u8 b_[] = { __VA_ARGS__ }; \
	expect(b_, sizeof(b_), aux); } while (0)

static void self_tests_pass(void **s)
{
	outb(0x64, 0xaa);
	EXPECT(false, 0x55);
	assert_int_equal(inb(0x64) & 0x04, 0x04);
	outb(0x64, 0xab);
	EXPECT(false, 0x00);
	outb(0x64, 0xa9);
	EXPECT(false, 0x00);
}

static void command_byte_reads_back(void **s)
{
	outb(0x64, 0x20);
	EXPECT(false, 0x47);
	outb(0x64, 0x60);
	outb(0x60, 0x74);
	outb(0x64, 0x20);
	EXPECT(false, 0x74);
	outb(0x64, 0xa8);
	outb(0x64, 0xae);
	outb(0x64, 0x20);
	EXPECT(false, 0x44);
	outb(0x64, 0x65);
	outb(0x60, 0x99);
	outb(0x64, 0x25);
	EXPECT(false, 0x99);
}

static void aux_loop_comes_back_as_mouse(void **s)
{
	outb(0x64, 0xd3);
	outb(0x60, 0x5a);
	EXPECT(true, 0x5a);
	outb(0x64, 0xd2);
	outb(0x60, 0x1e);
	EXPECT(false, 0x1e);
}

static void keyboard_identifies_and_resets(void **s)
{
	outb(0x60, 0xf2);
	EXPECT(false, 0xfa, 0xab, 0x41);       /* translated */
	outb(0x64, 0x60);
	outb(0x60, 0x03);
	outb(0x60, 0xf2);
	EXPECT(false, 0xfa, 0xab, 0x83);
	outb(0x60, 0xff);
	EXPECT(false, 0xfa, 0xaa);
	outb(0x60, 0xed);
	EXPECT(false, 0xfa);
	outb(0x60, 0x07);
	EXPECT(false, 0xfa);
	outb(0x60, 0xf0);
	outb(0x60, 0x00);
	EXPECT(false, 0xfa, 0xfa, 0x02);
	outb(0x60, 0xee);
	EXPECT(false, 0xee);
	outb(0x60, 0x01);
	EXPECT(false, 0xfe);
}

static void mouse_identifies_and_learns_the_wheel(void **s)
{
	static const u8 rates[] = { 200, 100, 80 };

	outb(0x64, 0xd4);
	outb(0x60, 0xff);
	EXPECT(true, 0xfa, 0xaa, 0x00);
	for (int i = 0; i < 3; i++) {
		outb(0x64, 0xd4);
		outb(0x60, 0xf3);
		outb(0x64, 0xd4);
		outb(0x60, rates[i]);
		EXPECT(true, 0xfa, 0xfa);
	}
	outb(0x64, 0xd4);
	outb(0x60, 0xf2);
	EXPECT(true, 0xfa, 0x03);
	outb(0x64, 0xd4);
	outb(0x60, 0xe9);
	EXPECT(true, 0xfa, 0x00, 0x02, 80);
	outb(0x64, 0xd4);
	outb(0x60, 0x55);
	EXPECT(true, 0xfe);
}

static void interrupts_follow_the_command_byte(void **s)
{
	outb(0x60, 0xf2);              /* three bytes: three edges */
	assert_int_equal(fake.wire[1], 1);
	inb(0x60);
	inb(0x60);
	inb(0x60);
	assert_int_equal(fake.wire[1], 0);
	assert_int_equal(fake.edges[1], 3);
	outb(0x64, 0xd4);
	outb(0x60, 0xf4);
	assert_int_equal(fake.wire[12], 1);
	inb(0x60);
	outb(0x64, 0x60);
	outb(0x60, 0x00);
	outb(0x60, 0xee);
	assert_int_equal(fake.wire[1], 0);
}

static void disabled_ports_hold_their_bytes(void **s)
{
	outb(0x60, 0xee);
	outb(0x60, 0xee);
	inb(0x60);
	outb(0x64, 0xad);
	inb(0x60);
	outb(0x60, 0xee);              /* writing turns it on again */
	assert_int_equal(inb(0x60), 0xee);
}

static void reset_lines_reset(void **s)
{
	outb(0x64, 0xff);
	assert_int_equal(fake.requests, 0);
	outb(0x64, 0xfe);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_RESET);
	outb(0x92, 0x02);
	assert_int_equal(fake.requests, 1);
	outb(0x92, 0x03);
	assert_int_equal(fake.requests, 2);
	outb(0x92, 0x03);              /* no new edge */
	assert_int_equal(fake.requests, 2);
	outb(0x64, 0xd1);
	outb(0x60, 0xde);
	assert_int_equal(fake.requests, 3);
}

static void a20_shows_in_both_places(void **s)
{
	assert_int_equal(inb(0x92) & 2, 2);
	outb(0x64, 0xdd);
	assert_int_equal(inb(0x92) & 2, 0);
	outb(0x92, 2);
	outb(0x64, 0xd0);
	assert_int_equal(inb(0x60) & 2, 2);
}

static void a_flood_of_commands_is_bounded(void **s)
{
	for (int i = 0; i < 1000; i++) {
		outb(0x60, 0xf2);
		outb(0x64, 0xd4);
		outb(0x60, 0xff);
		outb(0x64, 0xaa);
	}
	for (int i = 0; i < 200; i++)
		inb(0x60);
	assert_false(full());
	outb(0x60, 0xee);
	EXPECT(false, 0xee);
}

static void state_round_trips(void **s)
{
	outb(0x60, 0xf2);
	outb(0x64, 0xd4);
	outb(0x60, 0xe9);
	inb(0x60);
	outb(0x64, 0xd1);
	fake_round_trip(fake.dev);
	assert_int_equal(inb(0x60), 0xab);
}

static void keys_of_the_host_come_as_the_controller_says(void **s)
{
	(void)s;
	outb(0x64, 0x60);              /* command byte: translation */
	outb(0x60, 0x41);
	i8042_key(fake.dev, 0x1e, true);
	i8042_key(fake.dev, 0x1e, false);
	i8042_key(fake.dev, 0xc8, true);       /* up, with E0 */
	i8042_key(fake.dev, 0xc8, false);
	EXPECT(false, 0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8);
	outb(0x64, 0x60);
	outb(0x60, 0x01);              /* none: set 2 */
	i8042_key(fake.dev, 0x1e, true);
	i8042_key(fake.dev, 0x1e, false);
	i8042_key(fake.dev, 0xc8, false);
	EXPECT(false, 0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x75);
	for (unsigned i = 0; i < 100; i++)     /* nobody reads: whole keys */
		i8042_key(fake.dev, 0xc8, true);
	for (unsigned n = 0; full(); n++)
		assert_int_equal(inb(0x60), n % 2 ? 0x75 : 0xe0);
}

static void mouse_says(const u8 *bytes, int n)
{
	expect(bytes, n, true);
}

static void moves_of_the_host_are_packets(void **s)
{
	static const u8 ack[] = { 0xfa }, near[] = { 0x09 | 0x20, 5, 0xf6 },
		far[] = { 0x08, 127, 0, 0x08, 73, 0 };

	(void)s;
	outb(0x64, 0x60);
	outb(0x60, 0x02);              /* the mouse is on */
	i8042_mouse(fake.dev, 1, 1, 0, 0);     /* not enabled: nothing */
	assert_false(full());
	outb(0x64, 0xd4);
	outb(0x60, 0xf4);
	mouse_says(ack, 1);
	i8042_mouse(fake.dev, 5, 10, 0, I8042_LEFT);
	mouse_says(near, 3);
	i8042_mouse(fake.dev, 200, 0, 0, 0);
	mouse_says(far, 6);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(self_tests_pass),
		T(command_byte_reads_back),
		T(aux_loop_comes_back_as_mouse),
		T(keyboard_identifies_and_resets),
		T(mouse_identifies_and_learns_the_wheel),
		T(interrupts_follow_the_command_byte),
		T(disabled_ports_hold_their_bytes),
		T(reset_lines_reset),
		T(a20_shows_in_both_places),
		T(a_flood_of_commands_is_bounded),
		T(state_round_trips),
		T(keys_of_the_host_come_as_the_controller_says),
		T(moves_of_the_host_are_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
