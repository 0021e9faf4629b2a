/* SPDX-License-Identifier: MIT */
/* Unit test: a function's configuration space. */
#include "tests/unit/pci_fake.h"

#include <pthread.h>
#include <unistd.h>

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

static void header_shows_the_class(void **s)
{
	assert_int_equal(cfg_rd(TOY, 0, 4), 0x56781234);
	assert_int_equal(cfg_rd(TOY, 8, 4), 0x02000003);
	assert_int_equal(cfg_rd(TOY, 0x2c, 4), 0x11001af4);
	assert_int_equal(cfg_rd(TOY, 0x3d, 1), 1);
	assert_int_equal(cfg_rd(TOY, 0x0e, 1), 0);
}

static void only_writable_bits_change(void **s)
{
	cfg_wr(TOY, 0, 0xffffffff, 4);
	assert_int_equal(cfg_rd(TOY, 0, 4), 0x56781234);
	cfg_wr(TOY, 4, 0xffff, 2);
	assert_int_equal(cfg_rd(TOY, 4, 2), 0x0547);
	cfg_wr(TOY, 0x3c, 0x5a, 1);
	assert_int_equal(cfg_rd(TOY, 0x3c, 2), 0x015a);
	assert_int_equal(toys[0]->config_writes, 3);
}

static void status_bits_clear_by_writing_ones(void **s)
{
	pci_put(&toys[0]->pci, PCI_STATUS, 0xf910, 2);
	cfg_wr(TOY, 6, 0x0800, 2);
	assert_int_equal(cfg_rd(TOY, 6, 2), 0xf110);
	cfg_wr(TOY, 4, 0xffff0000, 4);
	assert_int_equal(cfg_rd(TOY, 6, 2), 0x0010);
}

static void capabilities_form_a_list(void **s)
{
	struct pci_dev *p = &toys[0]->pci;
	unsigned a = cfg_rd(TOY, 0x34, 1), b = pci_add_cap(p, PCI_CAP_VENDOR, 10);
	unsigned c = pci_add_cap(p, PCI_CAP_VENDOR, 16);

	assert_int_equal(cfg_rd(TOY, 6, 2) & 0x10, 0x10);
	assert_int_equal(cfg_rd(TOY, a, 1), PCI_CAP_MSIX);
	assert_int_equal(cfg_rd(TOY, a + 1, 1), b);
	assert_int_equal(cfg_rd(TOY, b, 2), c << 8 | PCI_CAP_VENDOR);
	assert_int_equal(cfg_rd(TOY, c + 1, 1), 0);
	assert_int_equal(c % 4, 0);
	assert_int_equal(pci_add_ecap(p, 3, 1, 12), 0x100);
	assert_int_equal(pci_add_ecap(p, 4, 2, 16), 0x10c);
	assert_int_equal(pci_get(p, 0x100, 4), 0x10c10003);
	assert_int_equal(pci_get(p, 0x10c, 4), 0x00020004);
}

static void reset_brings_back_the_start(void **s)
{
	cfg_wr(TOY, 4, 0x0407, 2);
	cfg_wr(TOY, 0x10, 0xc000, 4);
	cfg_wr(TOY, 0x18, 0x80000000, 4);
	cfg_wr(TOY, 0x3c, 11, 1);
	device_reset(&toys[0]->pci.dev);
	assert_int_equal(cfg_rd(TOY, 4, 2), 0);
	assert_int_equal(cfg_rd(TOY, 0x10, 4), 1);
	assert_int_equal(cfg_rd(TOY, 0x18, 4), 0xc);
	assert_int_equal(cfg_rd(TOY, 0x3c, 1), 0);
	assert_int_equal(in(0xc000, 4), 0xffffffff);
}

static void bus_mastering_is_a_bit(void **s)
{
	assert_false(pci_bus_master(&toys[0]->pci));
	cfg_wr(TOY, 4, 4, 2);
	assert_true(pci_bus_master(&toys[0]->pci));
}

static void state_round_trips_with_its_bars(void **s)
{
	cfg_wr(TOY, 0x10, 0xc000, 4);
	cfg_wr(TOY, 4, 3, 2);
	out(0xc000, 7, 4);
	pci_irq_set(&toys[0]->pci, 1);
	fake_round_trip(&toys[0]->pci.dev);
	assert_int_equal(in(0xc000, 4), 7);
	assert_int_equal(fake.wire[19], 1);
}

static void another_devices_state_is_refused(void **s)
{
	struct device *d = &toys[0]->pci.dev;
	struct strbuf a = STRBUF_INIT;
	struct err e = { 0 };

	pci_put(&toys[0]->pci, 0, 0x9999, 2);
	state_save(&toy_state, d, &a);
	pci_put(&toys[0]->pci, 0, 0x1234, 2);
	assert_int_equal(state_load(&toy_state, d, 1, a.buf, a.len, &e), 0);
	assert_true(toy_post_load(d, 1, &e) < 0);
	pci_put(&toys[0]->pci, 0, 0x1234, 2);
	strbuf_fini(&a);
}

/* --- a guest that moves a BAR while its device is unplugged ---------------- */

enum { SLOW = PCI_DEVFN(4, 0), SLOW_BAR = 0xd0000000 };

static _Atomic bool slow_in, slow_out;

static u64 slow_read(struct device *d, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	slow_in = true;
	usleep(50000);
	slow_out = true;
	return to_pci(d)->msix.table[0];       /* or whatever is its own  */
}

static const struct region_ops slow_ops = {
	.read = slow_read, .min_size = 1, .max_size = 4,
};

static const struct pci_class slow_pci = {
	.vendor = 0x1234, .device = 0x9abc,
	.bars = { [1] = { "slow", PCI_BAR_MEM32, false, 4096, &slow_ops } },
};

static void *read_slowly(void *opaque)
{
	(void)opaque;
	mem_rd(SLOW_BAR, 4);
	return NULL;
}

static void slow_unrealize(struct device *d)
{
	pthread_t vcpu;

	cfg_wr(SLOW, 0x14, SLOW_BAR, 4);
	cfg_wr(SLOW, 4, PCI_CMD_MEM, 2);
	pthread_create(&vcpu, NULL, read_slowly, NULL);
	while (!slow_in)
		usleep(100);
	pci_dev_unrealize(to_pci(d));
	assert_true(slow_out);
	pthread_join(vcpu, NULL);
}

static void unplugging_waits_for_whoever_is_in_a_register(void **s)
{
	static struct device_class slow;

	slow = toy_class;
	slow.pci = &slow_pci;
	slow.unrealize = slow_unrealize;
	slow_in = slow_out = false;
	toys[1] = to_toy(fake_new(&slow));
	assert_int_equal(device_set_prop(&toys[1]->pci.dev, "addr", "04.0",
					 NULL), 0);
	fake_realize(&toys[1]->pci.dev);
	device_destroy(&toys[1]->pci.dev);
	toys[1] = NULL;
	assert_int_equal(cfg_rd(SLOW, 0, 4), 0xffffffff);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(header_shows_the_class),
		T(only_writable_bits_change),
		T(status_bits_clear_by_writing_ones),
		T(capabilities_form_a_list),
		T(reset_brings_back_the_start),
		T(bus_mastering_is_a_bit),
		T(state_round_trips_with_its_bars),
		T(another_devices_state_is_refused),
		T(unplugging_waits_for_whoever_is_in_a_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
