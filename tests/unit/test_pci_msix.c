/* SPDX-License-Identifier: MIT */
/* Unit test: MSI-X table, masks, pending bits. */
#include "tests/unit/pci_fake.h"

static int up(void **s)
{
	(void)s;
	pci_up();
	return 0;
}

static int down(void **s)
{
	(void)s;
	pci_down();
	return 0;
}

enum { BASE = 0xc0000000u, TABLE = BASE + 0x800, PBA = BASE + 0xc00 };

static unsigned cap(void)
{
	return cfg_rd(TOY, 0x34, 1);
}

/* Memory and bus mastering on, table in place, MSI-X enabled. */
static void enable(void)
{
	cfg_wr(TOY, 0x14, BASE, 4);
	cfg_wr(TOY, 4, 6, 2);
	cfg_wr(TOY, cap() + 2, 0x8000, 2);
}

static void program(unsigned v, u32 data, bool masked)
{
	mem_wr(TABLE + 16 * v, 0xfee01000, 4);
	mem_wr(TABLE + 16 * v + 4, 0, 4);
	mem_wr(TABLE + 16 * v + 8, data, 4);
	mem_wr(TABLE + 16 * v + 12, masked, 4);
}

static void capability_points_at_table_and_pba(void **s)
{
	assert_int_equal(cfg_rd(TOY, cap(), 1), PCI_CAP_MSIX);
	assert_int_equal(cfg_rd(TOY, cap() + 2, 2), 9);
	assert_int_equal(cfg_rd(TOY, cap() + 4, 4), 0x801);
	assert_int_equal(cfg_rd(TOY, cap() + 8, 4), 0xc01);
	cfg_wr(TOY, cap() + 2, 0xffff, 2);
	assert_int_equal(cfg_rd(TOY, cap() + 2, 2), 0xc009);
}

static void vectors_send_their_message(void **s)
{
	u64 addr;
	u32 data;

	pci_msix_notify(&toys[0]->pci, 0);
	enable();
	program(2, 0x4142, false);
	assert_int_equal(fake.msis, 0);
	pci_msix_notify(&toys[0]->pci, 2);
	assert_int_equal(fake.msis, 1);
	assert_int_equal(fake.msi_addr, 0xfee01000);
	assert_int_equal(fake.msi_data, 0x4142);
	assert_true(pci_msix_message(&toys[0]->pci, 2, &addr, &data));
	assert_int_equal(data, 0x4142);
	assert_false(pci_msix_message(&toys[0]->pci, 10, &addr, &data));
	pci_msix_notify(&toys[0]->pci, 10);
	assert_int_equal(fake.msis, 1);
}

static void masked_vectors_wait_in_the_pba(void **s)
{
	enable();
	program(9, 7, true);
	pci_msix_notify(&toys[0]->pci, 9);
	assert_int_equal(fake.msis, 0);
	assert_int_equal(mem_rd(PBA, 8), 1 << 9);
	mem_wr(PBA, 0, 8);             /* read-only */
	assert_int_equal(mem_rd(PBA, 4), 1 << 9);
	mem_wr(TABLE + 16 * 9 + 12, 0, 4);
	assert_int_equal(fake.msis, 1);
	assert_int_equal(mem_rd(PBA, 8), 0);
}

static void function_mask_holds_all(void **s)
{
	enable();
	program(0, 1, false);
	program(1, 2, false);
	cfg_wr(TOY, cap() + 2, 0xc000, 2);
	pci_msix_notify(&toys[0]->pci, 0);
	pci_msix_notify(&toys[0]->pci, 1);
	assert_int_equal(fake.msis, 0);
	cfg_wr(TOY, cap() + 2, 0x8000, 2);
	assert_int_equal(fake.msis, 2);
}

static void table_keeps_reserved_bits_clear(void **s)
{
	enable();
	mem_wr(TABLE, 0xffffffffffffffffull, 8);
	mem_wr(TABLE + 8, 0xffffffffffffffffull, 8);
	assert_int_equal(mem_rd(TABLE, 4), 0xfffffffc);
	assert_int_equal(mem_rd(TABLE + 8, 8), 0x1ffffffffull);
	assert_int_equal(mem_rd(TABLE + 10 * 16, 4), 0x8a0);  /* the BAR's own */
	mem_wr(TABLE + 12, 0xff, 1);           /* too narrow: dropped */
	assert_int_equal(mem_rd(TABLE + 12, 4), 1);
}

static void enabling_takes_intx_off_the_wire(void **s)
{
	pci_irq_set(&toys[0]->pci, 1);
	assert_int_equal(fake.wire[19], 1);
	enable();
	assert_int_equal(fake.wire[19], 0);
	cfg_wr(TOY, cap() + 2, 0, 2);
	assert_int_equal(fake.wire[19], 1);
}

static void changes_are_told(void **s)
{
	int n;

	enable();
	n = toys[0]->msix_changes;
	program(3, 1, false);
	assert_int_equal(toys[0]->msix_changes, n + 4);
	cfg_wr(TOY, cap() + 2, 0, 2);
	assert_int_equal(toys[0]->msix_changes, n + 5);
}

static void state_round_trips(void **s)
{
	enable();
	program(4, 0x44, true);
	pci_msix_notify(&toys[0]->pci, 4);
	fake_round_trip(&toys[0]->pci.dev);
	assert_int_equal(mem_rd(PBA, 8), 1 << 4);
	mem_wr(TABLE + 16 * 4 + 12, 0, 4);
	assert_int_equal(fake.msi_data, 0x44);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(capability_points_at_table_and_pba),
		T(vectors_send_their_message),
		T(masked_vectors_wait_in_the_pba),
		T(function_mask_holds_all),
		T(table_keeps_reserved_bits_clear),
		T(enabling_takes_intx_off_the_wire),
		T(changes_are_told),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
