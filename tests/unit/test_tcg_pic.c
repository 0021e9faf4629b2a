/* SPDX-License-Identifier: MIT */
/* Unit test: the two 8259As, command by command. */
#include "tests/unit/irqchip_fake.h"

static struct fake_vm vm;

static void init_pics(u8 icw4)
{
	static const u16 base[2] = { 0x20, 0xa0 };

	for (int i = 0; i < 2; i++) {
		pio_wr(vm.ic, base[i], 0x11);
		pio_wr(vm.ic, base[i] + 1, 0x30 + 8 * i);
		pio_wr(vm.ic, base[i] + 1, i ? 2 : 4);
		pio_wr(vm.ic, base[i] + 1, icw4);
		pio_wr(vm.ic, base[i] + 1, 0);
	}
}

static int up(void **s)
{
	(void)s;
	fake_up(&vm);
	apic_wr(vm.cpu[0], APIC_LVT0, DM_EXTINT << 8);
	init_pics(1);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_down(&vm);
	return 0;
}

static void irq_reaches_the_cpu_whose_lint0_takes_it(void **s)
{
	vm.notified[0] = vm.notified[1] = 0;
	irqchip_line(vm.ic, 3, 1);
	assert_int_equal(vm.notified[0], 1);
	assert_int_equal(vm.notified[1], 0);
	assert_true(lapic_has_work(vm.cpu[0]));
	assert_false(lapic_has_work(vm.cpu[1]));
	assert_int_equal(lapic_pending(vm.cpu[0]), 0x33);
	assert_int_equal(lapic_ack(vm.cpu[0]), 0x33);
	assert_false(lapic_has_work(vm.cpu[0]));
}

static void priorities_nest_until_eoi(void **s)
{
	irqchip_line(vm.ic, 4, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x34);
	irqchip_line(vm.ic, 5, 1);
	assert_false(irqchip_pic_pending(vm.ic));
	irqchip_line(vm.ic, 1, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x31);
	pio_wr(vm.ic, 0x20, 0x20);
	pio_wr(vm.ic, 0x20, 0x64);             /* specific EOI of 4 */
	assert_int_equal(vm.eoi[4], 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x35);
}

static void slave_comes_through_the_cascade(void **s)
{
	irqchip_line(vm.ic, 8, 1);
	irqchip_line(vm.ic, 12, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x38);
	assert_false(irqchip_pic_pending(vm.ic));
	pio_wr(vm.ic, 0xa0, 0x20);
	pio_wr(vm.ic, 0x20, 0x20);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x3c);
}

static void edge_fires_once_level_fires_while_high(void **s)
{
	irqchip_line(vm.ic, 3, 1);
	irqchip_pic_ack(vm.ic);
	pio_wr(vm.ic, 0x20, 0x20);
	assert_false(irqchip_pic_pending(vm.ic));
	pio_wr(vm.ic, 0x4d1, 0xff);
	assert_int_equal(pio_rd(vm.ic, 0x4d1), 0xde);
	irqchip_line(vm.ic, 11, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x3b);
	pio_wr(vm.ic, 0xa0, 0x20);
	pio_wr(vm.ic, 0x20, 0x20);
	assert_true(irqchip_pic_pending(vm.ic));
	irqchip_line(vm.ic, 11, 0);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x3f);  /* slave's spurious */
}

static void masks_and_reads(void **s)
{
	pio_wr(vm.ic, 0x21, 0xfb);
	assert_int_equal(pio_rd(vm.ic, 0x21), 0xfb);
	assert_int_equal(irqchip_line(vm.ic, 6, 1), -1);
	assert_false(irqchip_pic_pending(vm.ic));
	assert_int_equal(pio_rd(vm.ic, 0x20), 0x40);     /* IRR */
	pio_wr(vm.ic, 0x21, 0);
	irqchip_pic_ack(vm.ic);
	pio_wr(vm.ic, 0x20, 0x0b);
	assert_int_equal(pio_rd(vm.ic, 0x20), 0x40);     /* ISR */
}

static void auto_eoi_leaves_nothing_in_service(void **s)
{
	init_pics(3);
	irqchip_line(vm.ic, 4, 1);
	irqchip_pic_ack(vm.ic);
	pio_wr(vm.ic, 0x20, 0x0b);
	assert_int_equal(pio_rd(vm.ic, 0x20), 0);
	assert_int_equal(vm.eoi[4], 1);
}

static void rotation_moves_the_top(void **s)
{
	pio_wr(vm.ic, 0x20, 0xc4);             /* 5 is highest now */
	irqchip_line(vm.ic, 0, 1);
	irqchip_line(vm.ic, 5, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x35);
	pio_wr(vm.ic, 0x20, 0xa0);             /* rotate on EOI: 6 */
	irqchip_line(vm.ic, 5, 0);
	irqchip_line(vm.ic, 5, 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x30);
}

static void special_mask_lets_lower_ones_in(void **s)
{
	irqchip_line(vm.ic, 3, 1);
	irqchip_pic_ack(vm.ic);
	irqchip_line(vm.ic, 7, 1);
	assert_false(irqchip_pic_pending(vm.ic));
	pio_wr(vm.ic, 0x21, 0x08);
	pio_wr(vm.ic, 0x20, 0x68);
	assert_int_equal(irqchip_pic_ack(vm.ic), 0x37);
}

static void poll_acknowledges(void **s)
{
	pio_wr(vm.ic, 0x20, 0x0c);
	assert_int_equal(pio_rd(vm.ic, 0x20), 0x07);
	irqchip_line(vm.ic, 6, 1);
	pio_wr(vm.ic, 0x20, 0x0c);
	assert_int_equal(pio_rd(vm.ic, 0x20), 0x86);
	assert_false(irqchip_pic_pending(vm.ic));
}

static void state_round_trips(void **s)
{
	struct kvm_irqchip a[2], b[2];

	irqchip_line(vm.ic, 8, 1);
	irqchip_line(vm.ic, 4, 1);
	irqchip_pic_ack(vm.ic);
	pio_wr(vm.ic, 0x21, 0x42);
	memset(a, 0, sizeof(a));
	for (u32 i = 0; i < 2; i++) {
		a[i].chip_id = b[i].chip_id = i;
		irqchip_get(vm.ic, &a[i]);
	}
	init_pics(1);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(irqchip_set(vm.ic, &a[i]), 0);
	for (u32 i = 0; i < 2; i++) {
		irqchip_get(vm.ic, &b[i]);
		assert_memory_equal(&a[i].chip.pic, &b[i].chip.pic,
				    sizeof(a[i].chip.pic));
	}
	a[0].chip_id = 7;
	assert_true(irqchip_get(vm.ic, &a[0]) < 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(irq_reaches_the_cpu_whose_lint0_takes_it),
		T(priorities_nest_until_eoi),
		T(slave_comes_through_the_cascade),
		T(edge_fires_once_level_fires_while_high),
		T(masks_and_reads),
		T(auto_eoi_leaves_nothing_in_service),
		T(rotation_moves_the_top),
		T(special_mask_lets_lower_ones_in),
		T(poll_acknowledges),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
