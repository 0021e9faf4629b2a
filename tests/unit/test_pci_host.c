/* SPDX-License-Identifier: MIT */
/* Unit test: configuration mechanism #1, ECAM, reset control, bridges. */
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

enum { ECAM = 0xb0000000u };

static void absent_functions_read_all_ones(void **s)
{
	assert_int_equal(cfg_rd(PCI_DEVFN(9, 0), 0, 4), 0xffffffff);
	cfg_wr(PCI_DEVFN(9, 0), 0, 0, 4);
	assert_int_equal(mem_rd(ECAM + (9 << 15), 2), 0xffff);
	assert_int_equal(mem_rd(ECAM + (1 << 20) + (3 << 15), 4), 0xffffffff);
	out(0xcf8, 0x80010000u | TOY << 8, 4);         /* bus 1 */
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
}

static void bytes_and_words_of_the_data_port(void **s)
{
	out(0xcf8, cfg_addr(TOY, 0), 4);
	assert_int_equal(in(0xcfc, 2), 0x1234);
	assert_int_equal(in(0xcfe, 2), 0x5678);
	assert_int_equal(in(0xcfd, 1), 0x12);
	assert_int_equal(in(0xcf8, 4), cfg_addr(TOY, 0));
}

static void disabled_address_reaches_nothing(void **s)
{
	out(0xcf8, TOY << 8, 4);
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, cfg_addr(TOY, 4), 4);
	outb(0xcf8, 0);                /* a byte is no address */
	assert_int_equal(in(0xcf8, 4), cfg_addr(TOY, 4));
}

static void ecam_reaches_extended_space(void **s)
{
	u64 at = ECAM + (3 << 15);

	assert_int_equal(mem_rd(at, 4), 0x56781234);
	assert_int_equal(mem_rd(at, 8), 0x0010000056781234ull);
	mem_wr(at + 0x3c, 0x55, 1);
	assert_int_equal(mem_rd(at + 0x3c, 1), 0x55);
	pci_add_ecap(&toys[0]->pci, 0x0b, 1, 16);
	assert_int_equal(mem_rd(at + 0x100, 4), 0x1000b);
	assert_int_equal(mem_rd(at + 0xffc, 4), 0);
}

static void reset_control_wants_a_rising_edge(void **s)
{
	outb(0xcf9, 0x02);
	assert_int_equal(fake.requests, 0);
	assert_int_equal(inb(0xcf9), 0x02);
	outb(0xcf9, 0x06);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_RESET);
	out(0xcf8, 0x00000600, 4);     /* no reset by a double word */
	assert_int_equal(fake.requests, 1);
}

static void bridges_are_where_a_pc_has_them(void **s)
{
	struct device *mch = fake_new(&mch_class);
	struct device *lpc = fake_new(&ich9_lpc_class);

	fake_realize(mch);
	fake_realize(lpc);
	assert_int_equal(cfg_rd(0, 0, 4), 0x29c08086);
	assert_int_equal(cfg_rd(0, 8, 4), 0x06000000);
	assert_int_equal(cfg_rd(PCI_DEVFN(31, 0), 0, 4), 0x29188086);
	assert_int_equal(cfg_rd(PCI_DEVFN(31, 0), 8, 4), 0x06010002);
	assert_int_equal(cfg_rd(PCI_DEVFN(31, 0), 0x0e, 1), 0x80);
	fake_round_trip(lpc);
	device_destroy(lpc);
	device_destroy(mch);
}

static void no_bus_no_device(void **s)
{
	struct err e = { 0 };
	struct device *d = fake_new(&toy_class);
	struct pci_bus *b = fake.env.pci;

	fake.env.pci = NULL;
	assert_true(device_realize(d, &e) < 0);
	device_destroy(d);
	fake.env.pci = b;
}

static void state_round_trips(void **s)
{
	out(0xcf8, cfg_addr(TOY, 8), 4);
	fake_round_trip(fake.dev);
	assert_int_equal(in(0xcfc, 4), 0x02000003);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(absent_functions_read_all_ones),
		T(bytes_and_words_of_the_data_port),
		T(disabled_address_reaches_nothing),
		T(ecam_reaches_extended_space),
		T(reset_control_wants_a_rising_edge),
		T(bridges_are_where_a_pc_has_them),
		T(no_bus_no_device),
		T(state_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
