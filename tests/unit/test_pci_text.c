/* SPDX-License-Identifier: MIT */
/* Unit test: what info pci and info qtree say of PCI functions. */
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

static void qtree_lines(void **s)
{
	struct strbuf b = STRBUF_INIT;

	cfg_wr(TOY, 0x10, 0xd080, 4);
	cfg_wr(TOY, 4, 1, 2);
	pci_dev_describe(&toys[0]->pci.dev, &b);
	assert_string_equal(b.buf,
		"class Ethernet controller, addr 00:03.0, pci id 1234:5678 "
		"(sub 1af4:1100)\n"
		"bar 0: i/o at 0xd080 [0xd09f]\n"
		"bar 1: mem at 0xffffffffffffffff [0xffe]\n"
		"bar 2: mem at 0xffffffffffffffff [0xffffe]\n");
	strbuf_fini(&b);
}

static void info_pci_lines(void **s)
{
	struct strbuf b = STRBUF_INIT;

	cfg_wr(TOY, 0x10, 0xd080, 4);
	cfg_wr(TOY, 0x18, 0xfe200000, 4);
	cfg_wr(TOY, 0x3c, 11, 1);
	cfg_wr(TOY, 4, 3, 2);
	pci_put(&toys[0]->pci, PCI_CLASS_PROG, 0x00ff00, 3);
	pci_bus_describe(fake.env.pci, &b);
	assert_string_equal(b.buf,
		"  Bus  0, device   3, function 0:\n"
		"    Class 0255: PCI device 1234:5678\n"
		"      PCI subsystem 1af4:1100\n"
		"      IRQ 11, pin A\n"
		"      BAR0: I/O at 0xd080 [0xd09f].\n"
		"      BAR1: 32 bit memory at 0xffffffffffffffff [0x00000ffe].\n"
		"      BAR2: 64 bit prefetchable memory at 0xfe200000 "
		"[0xfe2fffff].\n"
		"      id \"d0\"\n");
	strbuf_fini(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(qtree_lines),
		T(info_pci_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
