/* SPDX-License-Identifier: MIT */
/* Unit test: BAR sizing, mapping and moving. */
#include "tests/unit/pci_fake.h"

#include <errno.h>

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

static void sizes_read_back_as_masks(void **s)
{
	cfg_wr(TOY, 0x10, 0xffffffff, 4);
	assert_int_equal(cfg_rd(TOY, 0x10, 4), 0xffffffe1);
	cfg_wr(TOY, 0x14, 0xffffffff, 4);
	assert_int_equal(cfg_rd(TOY, 0x14, 4), 0xfffff000);
	cfg_wr(TOY, 0x18, 0xffffffff, 4);
	cfg_wr(TOY, 0x1c, 0xffffffff, 4);
	assert_int_equal(cfg_rd(TOY, 0x18, 4), 0xfff0000c);
	assert_int_equal(cfg_rd(TOY, 0x1c, 4), 0xffffffff);
	cfg_wr(TOY, 0x24, 0xffffffff, 4);      /* BAR5 is not there */
	assert_int_equal(cfg_rd(TOY, 0x24, 4), 0);
}

static void mapped_only_while_command_says_so(void **s)
{
	cfg_wr(TOY, 0x10, 0xc000, 4);
	cfg_wr(TOY, 0x14, 0xc0000000, 4);
	assert_int_equal(in(0xc004, 1), 0xff);
	cfg_wr(TOY, 4, 1, 2);
	assert_int_equal(in(0xc004, 1), 4);
	assert_int_equal(mem_rd(0xc0000010, 4), 0xffffffff);
	cfg_wr(TOY, 4, 2, 2);
	assert_int_equal(in(0xc004, 1), 0xff);
	assert_int_equal(mem_rd(0xc0000010, 4), 0x10);
	mem_wr(0xc0000000, 0x100, 4);
	assert_int_equal(mem_rd(0xc0000010, 4), 0x110);
	cfg_wr(TOY, 4, 0, 2);
	assert_int_equal(mem_rd(0xc0000010, 4), 0xffffffff);
}

static void moving_takes_the_region_along(void **s)
{
	cfg_wr(TOY, 4, 3, 2);
	cfg_wr(TOY, 0x10, 0xc000, 4);
	cfg_wr(TOY, 0x10, 0xd000, 4);
	assert_int_equal(in(0xc004, 1), 0xff);
	assert_int_equal(in(0xd004, 1), 4);
	assert_int_equal(pci_bar_addr(&toys[0]->pci, 0), 0xd000);
}

static void wide_bars_go_above_four_gib(void **s)
{
	cfg_wr(TOY, 4, 2, 2);
	cfg_wr(TOY, 0x18, 0x00100000, 4);
	cfg_wr(TOY, 0x1c, 0x00000009, 4);
	assert_int_equal(mem_rd(0x900100020ull, 4), 0x20);
	assert_int_equal(toys[0]->moved_to, 0x900100000ull);
	assert_true(toys[0]->moved_in);
	cfg_wr(TOY, 4, 0, 2);
	assert_false(toys[0]->moved_in);
	assert_int_equal(pci_bar_addr(&toys[0]->pci, 2), PCI_BAR_NOWHERE);
}

static void sizing_while_enabled_maps_nothing_odd(void **s)
{
	cfg_wr(TOY, 4, 3, 2);
	cfg_wr(TOY, 0x10, 0xffffffff, 4);
	cfg_wr(TOY, 0x14, 0xffffffff, 4);
	cfg_wr(TOY, 0x18, 0xffffffff, 4);
	cfg_wr(TOY, 0x1c, 0xffffffff, 4);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pci_bar_addr(&toys[0]->pci, i),
				 PCI_BAR_NOWHERE);
	cfg_wr(TOY, 0x14, 0xd0000000, 4);
	assert_int_equal(mem_rd(0xd0000001, 1), 1);
}

static void impossible_bars_are_refused(void **s)
{
	static const struct pci_bar bad[] = {
		{ "x", PCI_BAR_MEM32, false, 100, &toy_ops },
		{ "x", PCI_BAR_MEM32, false, 8, &toy_ops },
		{ "x", PCI_BAR_IO, false, 0x20000, &toy_ops },
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct device *d = fake_new(&toy_class);
		struct err e = { 0 };

		to_pci(d)->bars[0] = bad[i];
		to_pci(d)->bars_set = true;
		assert_int_equal(device_realize(d, &e), -EINVAL);
		device_destroy(d);
	}
}

static void removal_leaves_the_buses(void **s)
{
	cfg_wr(TOY, 0x10, 0xc000, 4);
	cfg_wr(TOY, 4, 3, 2);
	device_destroy(&toys[0]->pci.dev);
	toys[0] = NULL;
	assert_int_equal(in(0xc004, 1), 0xff);
	assert_int_equal(cfg_rd(TOY, 0, 4), 0xffffffff);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sizes_read_back_as_masks),
		T(mapped_only_while_command_says_so),
		T(moving_takes_the_region_along),
		T(wide_bars_go_above_four_gib),
		T(sizing_while_enabled_maps_nothing_odd),
		T(impossible_bars_are_refused),
		T(removal_leaves_the_buses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
