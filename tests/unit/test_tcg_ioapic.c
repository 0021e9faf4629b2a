/* SPDX-License-Identifier: MIT */
/* Unit test: IOAPIC registers, edges, levels, remote IRR, state. */
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

static void registers_read_as_the_data_sheet_says(void **s)
{
	assert_int_equal(io_rd(vm.ic, 1), 23 << 16 | 0x11);
	io_wr(vm.ic, 0, 0x0f000000);
	assert_int_equal(io_rd(vm.ic, 0), 0x0f000000);
	assert_int_equal(io_rd(vm.ic, 0x10), 0x10000);
	io_wr(vm.ic, 0x10, 0xffffffff);        /* status, remote IRR stay 0 */
	assert_int_equal(io_rd(vm.ic, 0x10), 0x1afff);
	assert_int_equal(io_rd(vm.ic, 0x40), 0);
	assert_int_equal(io_rd(vm.ic, 0xff), 0);
}

static void edges_deliver_once_each_and_coalesce(void **s)
{
	io_rte(vm.ic, 18, 0x34, 1);
	assert_int_equal(irqchip_line(vm.ic, 18, 1), 1);
	assert_int_equal(irqchip_line(vm.ic, 18, 1), 0);
	irqchip_line(vm.ic, 18, 0);
	assert_int_equal(fake_take(vm.cpu[1]), 0x34);
	assert_int_equal(fake_take(vm.cpu[1]), -1);
	irqchip_line(vm.ic, 18, 1);
	assert_int_equal(fake_take(vm.cpu[1]), 0x34);
	assert_int_equal(vm.eoi[18], 0);        /* edge: not the IOAPIC's */
}

static void every_rise_of_a_pin_is_counted(void **s)
{
	struct irqchip_raised r;

	(void)s;
	irqchip_line(vm.ic, 4, 1);             /* masked, and on both chips */
	irqchip_line(vm.ic, 4, 1);
	irqchip_line(vm.ic, 4, 0);
	irqchip_line(vm.ic, 4, 1);
	irqchip_line(vm.ic, 18, 1);
	irqchip_get_raised(vm.ic, &r);
	assert_int_equal(r.ioapic[4], 2);
	assert_int_equal(r.pic[4], 2);
	assert_int_equal(r.ioapic[18], 1);
	assert_int_equal(r.ioapic[5] + r.pic[5], 0);
}

static void masked_edges_are_lost_masked_levels_are_not(void **s)
{
	io_rte(vm.ic, 20, 0x10035, 0);
	irqchip_line(vm.ic, 20, 1);
	io_rte(vm.ic, 20, 0x35, 0);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
	irqchip_line(vm.ic, 20, 0);
	io_rte(vm.ic, 21, 0x18036, 0);
	irqchip_line(vm.ic, 21, 1);
	assert_int_equal(fake_take(vm.cpu[0]), -1);
	io_rte(vm.ic, 21, 0x8036, 0);
	assert_int_equal(fake_take(vm.cpu[0]), 0x36);
}

static void levels_hold_remote_irr_until_eoi(void **s)
{
	io_rte(vm.ic, 22, 0x8041, 0);
	irqchip_line(vm.ic, 22, 1);
	assert_int_equal(io_rd(vm.ic, 0x10 + 44), 0xc041);
	assert_int_equal(lapic_ack(vm.cpu[0]), 0x41);
	irqchip_line(vm.ic, 22, 1);
	assert_int_equal(lapic_pending(vm.cpu[0]), -1);
	apic_wr(vm.cpu[0], APIC_EOI, 0);       /* still high: again */
	assert_int_equal(vm.eoi[22], 1);
	assert_int_equal(lapic_ack(vm.cpu[0]), 0x41);
	irqchip_line(vm.ic, 22, 0);
	apic_wr(vm.cpu[0], APIC_EOI, 0);
	assert_int_equal(io_rd(vm.ic, 0x10 + 44), 0x8041);
	assert_int_equal(lapic_pending(vm.cpu[0]), -1);
}

static void becoming_edge_drops_remote_irr(void **s)
{
	io_rte(vm.ic, 22, 0x8041, 0);
	irqchip_line(vm.ic, 22, 1);
	io_rte(vm.ic, 22, 0x10041, 0);
	assert_int_equal(io_rd(vm.ic, 0x10 + 44), 0x10041);
}

static void eoi_register_is_there_in_version_20(void **s)
{
	u64 v = 0x41;

	vm.ic->ioapic_version = 0x20;
	io_rte(vm.ic, 22, 0x8041, 0);
	irqchip_line(vm.ic, 22, 1);
	irqchip_line(vm.ic, 22, 0);
	assert_true(irqchip_mmio(vm.ic, 0xfec00040, 4, &v, true));
	assert_int_equal(io_rd(vm.ic, 0x10 + 44), 0x8041);
}

static void modes_reach_the_host(void **s)
{
	io_rte(vm.ic, 10, 0x400, 2);
	irqchip_line(vm.ic, 10, 1);
	assert_int_equal(vm.nmi[2], 1);
	io_rte(vm.ic, 11, 0x949, 0x0c);        /* lowest, logical 4|8 */
	irqchip_line(vm.ic, 11, 1);
	assert_int_equal((lapic_pending(vm.cpu[2]) == 0x49) +
			 (lapic_pending(vm.cpu[3]) == 0x49), 1);
}

static void state_round_trips_and_redelivers_pending_levels(void **s)
{
	struct kvm_irqchip a = { .chip_id = KVM_IRQCHIP_IOAPIC }, b = a;

	io_rte(vm.ic, 5, 0x45, 1);
	irqchip_line(vm.ic, 5, 1);             /* edge, delivered */
	io_rte(vm.ic, 9, 0x18049, 0);
	irqchip_line(vm.ic, 9, 1);
	irqchip_get(vm.ic, &a);
	assert_int_equal(a.chip.ioapic.irr, BIT(9));
	fake_take(vm.cpu[1]);
	irqchip_set(vm.ic, &a);
	irqchip_get(vm.ic, &b);
	assert_memory_equal(&a.chip.ioapic, &b.chip.ioapic,
			    sizeof(a.chip.ioapic));
	assert_int_equal(fake_take(vm.cpu[1]), -1);
	io_rte(vm.ic, 9, 0x8049, 0);
	assert_int_equal(fake_take(vm.cpu[0]), 0x49);
}

static void byte_reads_see_their_lane(void **s)
{
	u64 v = 1;

	irqchip_mmio(vm.ic, 0xfec00000, 4, &v, true);
	irqchip_mmio(vm.ic, 0xfec00012, 1, &v, false);
	assert_int_equal(v, 23);
	assert_false(irqchip_mmio(vm.ic, 0xfebffffc, 4, &v, false));
	assert_false(irqchip_mmio(vm.ic, 0xfec01000, 4, &v, false));
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers_read_as_the_data_sheet_says),
		T(edges_deliver_once_each_and_coalesce),
		T(every_rise_of_a_pin_is_counted),
		T(masked_edges_are_lost_masked_levels_are_not),
		T(levels_hold_remote_irr_until_eoi),
		T(becoming_edge_drops_remote_irr),
		T(eoi_register_is_there_in_version_20),
		T(modes_reach_the_host),
		T(state_round_trips_and_redelivers_pending_levels),
		T(byte_reads_see_their_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
