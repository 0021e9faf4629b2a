/* SPDX-License-Identifier: MIT */
/* Unit test: the irqchip's doors: who answers where, and what is refused. */
#include "tests/unit/irqchip_fake.h"

#include <errno.h>

static struct fake_vm vm;

static int up(void **s)
{
	(void)s;
	fake_up(&vm);
	return 0;
}

static int down(void **s)
{
	(void)s;
	fake_down(&vm);
	return 0;
}

static bool answers(u16 port)
{
	u32 v = 0;

	return irqchip_pio(vm.ic, port, 1, &v, false);
}

static void ports_are_the_pcs(void **s)
{
	struct kvm_pit_config none = { 0 };

	assert_true(answers(0x20) && answers(0xa1) && answers(0x4d0));
	assert_false(answers(0x40) || answers(0x61) || answers(0x22));
	assert_int_equal(irqchip_create_pit(vm.ic, &none), 0);
	assert_true(answers(0x43));
	assert_false(answers(0x61));           /* not without the speaker */
	assert_false(answers(0x44) || answers(0x4d2) || answers(0x60));
}

static void wide_accesses_are_bytes(void **s)
{
	u32 v = 0xa55a;

	assert_true(irqchip_pio(vm.ic, 0x4d0, 2, &v, true));
	assert_true(irqchip_pio(vm.ic, 0x4d0, 2, &v, false));
	assert_int_equal(v, 0x8458);           /* as far as ELCR lets it */
	assert_true(irqchip_pio(vm.ic, 0x21, 2, &v, false));
	assert_int_equal(v, 0xff00);           /* 22h is nobody's */
	assert_true(irqchip_pio(vm.ic, 0x20, 4, &v, false));
	assert_false(irqchip_pio(vm.ic, 0x20, 8, &v, false));
}

static void a_pit_has_to_be_made_first(void **s)
{
	struct kvm_pit_state2 st;

	assert_int_equal(irqchip_get_pit2(vm.ic, &st), -ENXIO);
	memset(&st, 0, sizeof(st));
	assert_int_equal(irqchip_set_pit2(vm.ic, &st), -ENXIO);
}

static void ids_are_taken_once_and_bounded(void **s)
{
	assert_null(lapic_create(vm.ic, 2));
	assert_null(lapic_create(vm.ic, MAX_LAPICS));
	lapic_destroy(vm.cpu[2]);
	vm.cpu[2] = lapic_create(vm.ic, 2);
	assert_non_null(vm.cpu[2]);
}

static void pic_peek_does_not_acknowledge(void **s)
{
	assert_int_equal(irqchip_pic_peek(vm.ic), -1);
	assert_int_equal(irqchip_pic_ack(vm.ic), -1);
	irqchip_line(vm.ic, 1, 1);
	assert_int_equal(irqchip_pic_peek(vm.ic), 1);
	assert_int_equal(irqchip_pic_peek(vm.ic), 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), 1);
	assert_int_equal(irqchip_pic_ack(vm.ic), -1);
}

static void extint_waits_for_an_acceptor(void **s)
{
	irqchip_line(vm.ic, 1, 1);
	assert_false(lapic_has_work(vm.cpu[0]));
	vm.notified[0] = 0;
	apic_wr(vm.cpu[0], APIC_LVT0, DM_EXTINT << 8);
	assert_int_equal(vm.notified[0], 1);
	assert_true(lapic_has_work(vm.cpu[0]));
	apic_wr(vm.cpu[0], APIC_LVT0, LVT_MASKED);
	assert_false(lapic_has_work(vm.cpu[0]));
	lapic_set_base(vm.cpu[0], 0xfee00100);         /* off: a bare INTR pin */
	assert_true(lapic_has_work(vm.cpu[0]));
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ports_are_the_pcs),
		T(wide_accesses_are_bytes),
		T(a_pit_has_to_be_made_first),
		T(ids_are_taken_once_and_bounded),
		T(pic_peek_does_not_acknowledge),
		T(extint_waits_for_an_acceptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
