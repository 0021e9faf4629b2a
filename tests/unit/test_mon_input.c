/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/input.c and cmd_input.c, into a PS/2 controller. */
#include "tests/unit/mon_ps2.h"

#include "monitor/input.h"
#include "vmm/dev/i8042.h"

static struct fake f;
static struct monitors mons;
static struct device *ps2;

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	monitors_init(&mons, &f.vm);
	f.vm.monitors = &mons;
	ps2 = ps2_add(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	f.vm.monitors = NULL;
	monitors_fini(&mons);
	ps2_remove(ps2);
	fake_fini(&f);
	return 0;
}

static void names_have_codes(void **state)
{
	(void)state;
	assert_int_equal(input_key_code("a", 1), 0x1e);
	assert_int_equal(input_key_code("ctrl-alt", 4), 0x1d);
	assert_int_equal(input_key_code("delete", 6), 0xd3);
	assert_int_equal(input_key_code("undo", 4), 0);
	assert_int_equal(input_key_code("ctr", 3), -ENOENT);
	assert_int_equal(input_key_code("", 0), -ENOENT);
}

static void keys_are_pressed_in_order_and_released_in_reverse(void **state)
{
	const u8 keys[] = { 0x1d, 0x38, 0xd3 };

	(void)state;
	input_keys(&mons, keys, 3, 100);
	assert_string_equal(ps2_said(&f), "k1d k38 ke0 k53 ke0 kd3 kb8 k9d");
}

static void keys_a_pc_lacks_press_nothing(void **state)
{
	(void)state;
	input_key(&mons, 0, true);
	assert_string_equal(ps2_said(&f), "");
	assert_says(&f, "sendkey undo", "");
	assert_string_equal(ps2_said(&f), "");
}

static void more_keys_than_hands_are_bounded(void **state)
{
	u8 keys[100];

	(void)state;
	memset(keys, 0x1e, sizeof(keys));
	input_keys(&mons, keys, sizeof(keys), 1);
	assert_true(strlen(ps2_said(&f)) <= 4 * 2 * INPUT_KEYS_MAX);
	assert_says(&f, "sendkey a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a",
		    "");
	assert_true(strlen(ps2_said(&f)) <= 4 * 2 * INPUT_KEYS_MAX);
}

static void end_loop(void *loop)
{
	loop_stop(loop);
}

/* With a loop they are held, and what is held goes first. */
static void a_key_is_held_until_its_time_or_the_next(void **state)
{
	const u8 a = 0x1e, b = 0x30;
	struct err e = { 0 };
	struct timer end;

	(void)state;
	f.vm.loop = loop_create("main", &e);
	input_keys(&mons, &a, 1, 60000);
	assert_string_equal(ps2_said(&f), "k1e");
	input_keys(&mons, &b, 1, 1);
	assert_string_equal(ps2_said(&f), "k9e k30");
	timer_init(&end, f.vm.loop, NULL, end_loop, f.vm.loop);
	timer_set(&end, clock_host_ns() + 20000000);
	loop_run(f.vm.loop);
	assert_string_equal(ps2_said(&f), "kb0");
	timer_fini(&end);
	input_fini(&mons);
	mons.input.timer.loop = NULL;
	loop_destroy(f.vm.loop);
	f.vm.loop = NULL;
}

static void sendkey_takes_names_and_numbers(void **state)
{
	(void)state;
	assert_says(&f, "sendkey a", "");
	assert_string_equal(ps2_said(&f), "k1e k9e");
	assert_says(&f, "sendkey 0x1e-<", "");
	assert_string_equal(ps2_said(&f), "k1e k56 kd6 k9e");
	assert_says(&f, "sendkey nosuch", "invalid parameter: nosuch\n");
	assert_says(&f, "sendkey a-", "invalid parameter: \n");
	assert_says(&f, "sendkey 0x", "invalid parameter: 0x\n");
	assert_says(&f, "sendkey 0x11111111111111111", "invalid parameter: "
		    "0x11111111111111111\n");
	assert_string_equal(ps2_said(&f), "");
}

static void a_mouse_moves_and_clicks(void **state)
{
	(void)state;
	assert_says(&f, "mouse_move 5 3", "");
	assert_string_equal(ps2_said(&f), "");         /* it is off */
	ps2_enable_mouse(&f);
	assert_says(&f, "mouse_move 5 3", "");
	assert_string_equal(ps2_said(&f), "m28 m05 mfd");
	assert_says(&f, "mouse_button 1", "");
	assert_string_equal(ps2_said(&f), "m09 m00 m00");
	assert_int_equal(input_buttons_now(&mons), I8042_LEFT);
	assert_says(&f, "mouse_move 1 0", "");         /* dragging */
	assert_string_equal(ps2_said(&f), "m09 m01 m00");
	assert_says(&f, "mouse_button 6", "");
	assert_string_equal(ps2_said(&f), "m0e m00 m00");
	assert_says(&f, "mouse_button 0", "");
	assert_string_equal(ps2_said(&f), "m08 m00 m00");
}

static void mice_are_listed_where_there_is_one(void **state)
{
	struct device *gone = ps2;

	(void)state;
	assert_true(input_has_mouse(&f.vm));
	assert_says(&f, "info mice", "* Mouse #2: PS/2 Mouse\n");
	assert_says(&f, "mouse_set 2", "");
	assert_says(&f, "mouse_set 1", "Mouse at index '1' not found\n");
	list_remove(&gone->node);
	assert_false(input_has_mouse(&f.vm));
	assert_says(&f, "info mice", "No mouse devices connected\n");
	assert_says(&f, "mouse_set 2", "Mouse at index '2' not found\n");
	assert_says(&f, "sendkey a", "");
	assert_says(&f, "mouse_move 1 1", "");
	list_append(&f.vm.devices, &gone->node);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_have_codes),
		T(keys_are_pressed_in_order_and_released_in_reverse),
		T(keys_a_pc_lacks_press_nothing),
		T(more_keys_than_hands_are_bounded),
		T(a_key_is_held_until_its_time_or_the_next),
		T(sendkey_takes_names_and_numbers),
		T(a_mouse_moves_and_clicks),
		T(mice_are_listed_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
