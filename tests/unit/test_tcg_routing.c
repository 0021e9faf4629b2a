/* SPDX-License-Identifier: MIT */
/* Unit test: GSI routing, MSI delivery and lines with two drivers. */
#include "tests/unit/irqchip_fake.h"

#include <errno.h>
#include <stdlib.h>

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

static struct kvm_irq_routing *table(unsigned n)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) +
					   n * sizeof(r->entries[0]));

	assert_non_null(r);
	r->nr = n;
	return r;
}

static void default_table_reaches_both_chips(void **s)
{
	io_rte(vm.ic, 4, 0x44, 0);
	pio_wr(vm.ic, 0x21, 0);
	irqchip_line(vm.ic, 4, 1);
	assert_int_equal(lapic_pending(vm.cpu[0]), 0x44);
	assert_true(irqchip_pic_pending(vm.ic));
	io_rte(vm.ic, 23, 0x55, 1);
	irqchip_line(vm.ic, 23, 1);
	assert_int_equal(lapic_pending(vm.cpu[1]), 0x55);
	assert_int_equal(irqchip_line(vm.ic, 24, 1), -1);
	assert_int_equal(irqchip_line(vm.ic, 4000000, 1), -1);
}

static void new_table_replaces_the_old(void **s)
{
	struct kvm_irq_routing *r = table(2);

	r->entries[0] = (struct kvm_irq_routing_entry){
		.gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee02000, .data = 0x66 } };
	r->entries[1] = (struct kvm_irq_routing_entry){
		.gsi = 0, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = 2 } };
	assert_int_equal(irqchip_set_routing(vm.ic, r), 0);
	assert_int_equal(irqchip_line(vm.ic, 30, 1), 1);
	assert_int_equal(irqchip_line(vm.ic, 30, 0), -1);
	assert_int_equal(fake_take(vm.cpu[2]), 0x66);
	io_rte(vm.ic, 2, 0x32, 0);
	irqchip_line(vm.ic, 0, 1);
	assert_int_equal(fake_take(vm.cpu[0]), 0x32);
	assert_int_equal(irqchip_line(vm.ic, 4, 1), -1);
	free(r);
}

static void bad_tables_are_refused_whole(void **s)
{
	struct kvm_irq_routing *r = table(1);

	r->entries[0] = (struct kvm_irq_routing_entry){
		.gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = 0, .pin = 8 } };
	assert_int_equal(irqchip_set_routing(vm.ic, r), -EINVAL);
	r->entries[0].u.irqchip.pin = 7;
	r->entries[0].u.irqchip.irqchip = 3;
	assert_int_equal(irqchip_set_routing(vm.ic, r), -EINVAL);
	r->entries[0].type = 99;
	assert_int_equal(irqchip_set_routing(vm.ic, r), -EINVAL);
	r->entries[0].type = KVM_IRQ_ROUTING_MSI;
	r->entries[0].gsi = 100000;
	assert_int_equal(irqchip_set_routing(vm.ic, r), -EINVAL);
	io_rte(vm.ic, 4, 0x44, 0);
	irqchip_line(vm.ic, 4, 1);             /* the old one still rules */
	assert_int_equal(lapic_pending(vm.cpu[0]), 0x44);
	free(r);
}

static void msi_addresses_and_data_are_decoded(void **s)
{
	struct kvm_msi m = { .address_lo = 0xfee01000, .data = 0x47 };

	assert_int_equal(irqchip_msi(vm.ic, &m), 1);
	assert_int_equal(fake_take(vm.cpu[1]), 0x47);
	m.address_lo = 0xfee0c00c;             /* logical 0xc, redirected */
	assert_int_equal(irqchip_msi(vm.ic, &m), 1);
	m.address_lo = 0xfee03000;
	m.data = 0x400;
	irqchip_msi(vm.ic, &m);
	assert_int_equal(vm.nmi[3], 1);
	m.address_lo = 0xfee63000;             /* nobody */
	assert_int_equal(irqchip_msi(vm.ic, &m), -1);
}

static void wide_msi_destination_uses_the_high_word(void **s)
{
	struct kvm_msi m = { .address_lo = 0xfee01000, .data = 0x47,
			     .address_hi = 0x100 };
	struct lapic *far = lapic_create(vm.ic, 257);

	assert_non_null(far);
	assert_int_equal(lapic_set_base(far, lapic_base(far) | APIC_BASE_EXTD), 0);
	lapic_wrmsr(far, 0x80f, 0x1ff);
	/* vCPU 257 is beyond the fake's counters: take it by hand. */
	vm.ic->lapics[257] = NULL;
	assert_int_equal(irqchip_msi(vm.ic, &m), -1);
	m.address_hi = 0;
	assert_int_equal(irqchip_msi(vm.ic, &m), 1);
	assert_int_equal(fake_take(vm.cpu[1]), 0x47);
	vm.ic->lapics[257] = far;
	lapic_destroy(far);
}

static void line_stays_high_while_anyone_drives_it(void **s)
{
	io_rte(vm.ic, 10, 0x804a, 0);
	lock_take(&vm.ic->lock);
	irqchip_line_locked(vm.ic, 10, LINE_PIT, 1);
	irqchip_line_locked(vm.ic, 10, LINE_USER, 1);
	irqchip_line_locked(vm.ic, 10, LINE_USER, 0);
	assert_true(vm.ic->ioapic.irr & BIT(10));
	irqchip_line_locked(vm.ic, 10, LINE_PIT, 0);
	assert_false(vm.ic->ioapic.irr & BIT(10));
	lock_drop(&vm.ic->lock);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(default_table_reaches_both_chips),
		T(new_table_replaces_the_old),
		T(bad_tables_are_refused_whole),
		T(msi_addresses_and_data_are_decoded),
		T(wide_msi_destination_uses_the_high_word),
		T(line_stays_high_while_anyone_drives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
