/* SPDX-License-Identifier: MIT */
/* Unit test: the 8254's modes, latches, speaker gate and IRQ 0. */
#include "tests/unit/irqchip_fake.h"

#include <errno.h>

static struct fake_vm vm;

static int up(void **s)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };

	(void)s;
	fake_up(&vm);
	assert_int_equal(irqchip_create_pit(vm.ic, &cfg), 0);
	assert_int_equal(irqchip_create_pit(vm.ic, &cfg), -EEXIST);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_down(&vm);
	return 0;
}

static void set_count(unsigned n, u8 control, u16 count)
{
	pio_wr(vm.ic, 0x43, n << 6 | 0x30 | control);
	pio_wr(vm.ic, 0x40 + n, count & 0xff);
	pio_wr(vm.ic, 0x40 + n, count >> 8);
}

static u16 latched(unsigned n)
{
	u16 v;

	pio_wr(vm.ic, 0x43, n << 6);
	v = pio_rd(vm.ic, 0x40 + n);
	return v | pio_rd(vm.ic, 0x40 + n) << 8;
}

static void counts_down_at_its_frequency(void **s)
{
	s64 t0 = ic_now(), took;
	u16 a, b;

	set_count(0, 0x00, 0xffff);
	a = latched(0);
	usleep(10000);
	b = latched(0);
	took = ic_now() - t0;
	assert_in_range(a - b, 11931, (u64)took * 1193182 / 1000000000 + 1);
}

static void latch_holds_until_read_and_ignores_a_second(void **s)
{
	u16 a, lo;

	set_count(0, 0x00, 0xf000);
	pio_wr(vm.ic, 0x43, 0);
	usleep(2000);
	pio_wr(vm.ic, 0x43, 0);
	lo = pio_rd(vm.ic, 0x40);
	a = lo | pio_rd(vm.ic, 0x40) << 8;
	assert_in_range(a, 0xf000 - 1000, 0xf000);
}

static void read_back_gives_status_then_count(void **s)
{
	u8 st;

	set_count(2, 0x06, 1000);
	pio_wr(vm.ic, 0x43, 0xc8);             /* both of counter 2 */
	st = pio_rd(vm.ic, 0x42);
	assert_int_equal(st & 0x3f, 0x36);     /* word, mode 3, binary */
	pio_rd(vm.ic, 0x42);
	pio_rd(vm.ic, 0x42);
}

static void bcd_counts_in_decimal(void **s)
{
	u16 v;

	pio_wr(vm.ic, 0x43, 0x31);
	pio_wr(vm.ic, 0x40, 0x00);
	pio_wr(vm.ic, 0x40, 0x90);             /* 9000 */
	v = latched(0);
	assert_in_range(v, 0x8000, 0x9000);
	for (int i = 0; i < 16; i += 4)
		assert_in_range(v >> i & 15, 0, 9);
}

/* The vector, once it came; the host may be busy. */
static int take_soon(void)
{
	int vec = -1;

	for (int i = 0; vec < 0 && i < 5000; i++) {
		usleep(1000);
		vec = fake_take(vm.cpu[0]);
	}
	return vec;
}

static void terminal_count_raises_irq0_once(void **s)
{
	io_rte(vm.ic, 0, 0x30, 0);
	set_count(0, 0x00, 1193);              /* one millisecond */
	assert_int_equal(take_soon(), 0x30);
	usleep(5000);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
}

static void rate_generator_keeps_raising_irq0(void **s)
{
	io_rte(vm.ic, 0, 0x30, 0);
	set_count(0, 0x04, 1193);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take_soon(), 0x30);
	pio_wr(vm.ic, 0x43, 0x34);             /* no count yet: quiet */
	fake_take(vm.cpu[0]);
	usleep(4000);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
}

static void speaker_port_gates_counter_2_and_shows_out(void **s)
{
	u8 a;

	pio_wr(vm.ic, 0x61, 0);
	pio_wr(vm.ic, 0x61, 1);
	set_count(2, 0x00, 2386);              /* two milliseconds */
	a = pio_rd(vm.ic, 0x61);
	assert_int_equal(a & 0x23, 0x01);
	usleep(4000);
	assert_int_equal(pio_rd(vm.ic, 0x61) & 0x20, 0x20);
	pio_wr(vm.ic, 0x61, 3);
	assert_int_equal(pio_rd(vm.ic, 0x61) & 0x03, 0x03);
}

static void state_round_trips(void **s)
{
	struct kvm_pit_state2 a, b;

	set_count(0, 0x04, 20000);
	pio_wr(vm.ic, 0x61, 3);
	irqchip_get_pit2(vm.ic, &a);
	set_count(0, 0x00, 0);
	assert_int_equal(irqchip_set_pit2(vm.ic, &a), 0);
	irqchip_get_pit2(vm.ic, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void hostile_state_is_tamed(void **s)
{
	struct kvm_pit_state2 a;

	memset(&a, 0xff, sizeof(a));
	irqchip_set_pit2(vm.ic, &a);
	for (int i = 0; i < 3; i++)
		pio_rd(vm.ic, 0x40 + i);
	pio_rd(vm.ic, 0x61);
	memset(&a, 0, sizeof(a));
	irqchip_set_pit2(vm.ic, &a);
	for (int i = 0; i < 3; i++)
		latched(i);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(counts_down_at_its_frequency),
		T(latch_holds_until_read_and_ignores_a_second),
		T(read_back_gives_status_then_count),
		T(bcd_counts_in_decimal),
		T(terminal_count_raises_irq0_once),
		T(rate_generator_keeps_raising_irq0),
		T(speaker_port_gates_counter_2_and_shows_out),
		T(state_round_trips),
		T(hostile_state_is_tamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
