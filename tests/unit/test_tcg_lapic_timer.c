/* SPDX-License-Identifier: MIT */
/* Unit test: the LAPIC timer's three modes against host time. */
#include "tests/unit/irqchip_fake.h"

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

/* Wait up to two seconds for a vector. */
static int wait_vector(struct lapic *l)
{
	for (int i = 0; i < 2000 && !lapic_has_work(l); i++)
		usleep(1000);
	return lapic_ack(l);
}

static void one_shot_fires_once_after_its_count(void **s)
{
	struct lapic *l = vm.cpu[0];
	s64 start = ic_now();

	apic_wr(l, APIC_TDCR, 0xb);            /* divide by one */
	apic_wr(l, APIC_LVTT, 0xec);
	apic_wr(l, APIC_TMICT, 20000000);
	assert_in_range(apic_rd(l, APIC_TMCCT), 1, 20000000);
	assert_int_equal(wait_vector(l), 0xec);
	assert_true(ic_now() - start >= 20000000);
	apic_wr(l, APIC_EOI, 0);
	assert_int_equal(apic_rd(l, APIC_TMCCT), 0);
	usleep(30000);
	assert_false(lapic_has_work(l));
}

static void periodic_goes_on_until_stopped(void **s)
{
	struct lapic *l = vm.cpu[1];

	apic_wr(l, APIC_TDCR, 0);              /* divide by two */
	apic_wr(l, APIC_LVTT, 0x20000 | 0xed);
	apic_wr(l, APIC_TMICT, 1000000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wait_vector(l), 0xed);
		apic_wr(l, APIC_EOI, 0);
	}
	apic_wr(l, APIC_TMICT, 0);
	fake_take(l);
	usleep(10000);
	assert_false(lapic_has_work(l));
}

static void masked_counts_but_does_not_interrupt(void **s)
{
	struct lapic *l = vm.cpu[0];

	apic_wr(l, APIC_TDCR, 0xb);
	apic_wr(l, APIC_LVTT, LVT_MASKED | 0xee);
	apic_wr(l, APIC_TMICT, 1000000);
	usleep(5000);
	assert_false(lapic_has_work(l));
}

static void tsc_deadline_passed_fires_at_once(void **s)
{
	struct lapic *l = vm.cpu[0];

	vm.tsc = 1000;
	lapic_set_tsc_deadline(l, 500);        /* wrong mode: ignored */
	assert_false(lapic_has_work(l));
	apic_wr(l, APIC_LVTT, 0x40000 | 0xef);
	lapic_set_tsc_deadline(l, 500);
	assert_int_equal(fake_take(l), 0xef);
	assert_int_equal(lapic_tsc_deadline(l), 0);
}

static void tsc_deadline_waits_for_the_guests_tsc(void **s)
{
	struct lapic *l = vm.cpu[0];

	apic_wr(l, APIC_LVTT, 0x40000 | 0xef);
	vm.tsc = 0;
	lapic_set_tsc_deadline(l, 5000000);
	assert_int_equal(lapic_tsc_deadline(l), 5000000);
	usleep(10000);
	assert_false(lapic_has_work(l));       /* its TSC stands still */
	vm.tsc = 5000000;
	assert_int_equal(wait_vector(l), 0xef);
	assert_int_equal(lapic_tsc_deadline(l), 0);
}

static void mode_switch_disarms(void **s)
{
	struct lapic *l = vm.cpu[0];

	apic_wr(l, APIC_TDCR, 0xb);
	apic_wr(l, APIC_LVTT, 0xec);
	apic_wr(l, APIC_TMICT, 2000000);
	apic_wr(l, APIC_LVTT, 0x40000 | 0xec);
	assert_int_equal(apic_rd(l, APIC_TMICT), 0);
	usleep(6000);
	assert_false(lapic_has_work(l));
}

static void restored_one_shot_goes_on_from_its_count(void **s)
{
	struct kvm_lapic_state st;
	struct lapic *l = vm.cpu[0];

	apic_wr(l, APIC_TDCR, 0xb);
	apic_wr(l, APIC_LVTT, 0xec);
	apic_wr(l, APIC_TMICT, 30000000);
	usleep(10000);
	lapic_get(l, &st);
	lapic_reset(l, false);
	lapic_set(l, &st);
	assert_in_range(apic_rd(l, APIC_TMCCT), 1, 20500000);
	assert_int_equal(wait_vector(l), 0xec);
	apic_wr(l, APIC_EOI, 0);
	lapic_get(l, &st);
	lapic_set(l, &st);                     /* ended: stays ended */
	usleep(40000);
	assert_false(lapic_has_work(l));
}

static void divider_change_keeps_what_is_left(void **s)
{
	struct lapic *l = vm.cpu[0];

	apic_wr(l, APIC_TDCR, 0xb);
	apic_wr(l, APIC_LVTT, LVT_MASKED | 0xec);
	apic_wr(l, APIC_TMICT, 1000000000);
	apic_wr(l, APIC_TDCR, 0xa);            /* by 128 */
	assert_in_range(apic_rd(l, APIC_TMCCT), 900000000, 1000000000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_shot_fires_once_after_its_count),
		T(periodic_goes_on_until_stopped),
		T(masked_counts_but_does_not_interrupt),
		T(tsc_deadline_passed_fires_at_once),
		T(tsc_deadline_waits_for_the_guests_tsc),
		T(mode_switch_disarms),
		T(restored_one_shot_goes_on_from_its_count),
		T(divider_change_keeps_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
