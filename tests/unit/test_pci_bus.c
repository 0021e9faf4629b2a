/* SPDX-License-Identifier: MIT */
/* Unit test: slots and INTx wires. */
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

static void slots_are_given_in_order(void **s)
{
	toys[1] = toy_new(NULL);
	toys[2] = toy_new(NULL);
	toys[3] = toy_new(NULL);
	assert_int_equal(toys[1]->pci.devfn, PCI_DEVFN(1, 0));
	assert_int_equal(toys[2]->pci.devfn, PCI_DEVFN(2, 0));
	assert_int_equal(toys[3]->pci.devfn, PCI_DEVFN(4, 0));
}

static int try_addr(const char *addr)
{
	struct err e = { 0 };
	struct device *d = fake_new(&toy_class);
	int rc;

	device_set_prop(d, "addr", addr, &e);
	rc = device_realize(d, &e);
	device_destroy(d);
	return rc;
}

static void bad_addresses_are_refused(void **s)
{
	assert_int_equal(try_addr("20"), -EINVAL);
	assert_int_equal(try_addr("3.8"), -EINVAL);
	assert_int_equal(try_addr("x"), -EINVAL);
	assert_int_equal(try_addr("3.1x"), -EINVAL);
	assert_int_equal(try_addr("3"), -EBUSY);
	assert_int_equal(try_addr("1f.7"), 0);
}

static void a_full_bus_says_so(void **s)
{
	struct toy *t[PCI_SLOTS];
	int n = 0;

	while (n < 30)
		t[n++] = toy_new(NULL);
	assert_int_equal(try_addr(""), -ENOSPC);
	while (n)
		device_destroy(&t[--n]->pci.dev);
}

static void pins_swizzle_over_eight_wires(void **s)
{
	toys[1] = toy_new("05.0");
	pci_irq_set(&toys[0]->pci, 1);
	pci_irq_set(&toys[1]->pci, 1);
	assert_int_equal(fake.wire[19], 1);
	assert_int_equal(fake.wire[21], 1);
	pci_irq_set(&toys[0]->pci, 0);
	assert_int_equal(fake.wire[19], 0);
	assert_int_equal(pci_intx_gsi(8, 0), 16);
	assert_int_equal(pci_intx_gsi(31, 1), 16);
}

static void shared_wires_stay_up_for_the_last(void **s)
{
	toys[1] = toy_new("0b.0");
	pci_irq_set(&toys[0]->pci, 1);
	pci_irq_set(&toys[1]->pci, 1);
	pci_irq_set(&toys[0]->pci, 0);
	assert_int_equal(fake.wire[19], 1);
	assert_int_equal(fake.edges[19], 1);
	device_destroy(&toys[1]->pci.dev);
	toys[1] = NULL;
	assert_int_equal(fake.wire[19], 0);
}

static void status_shows_intx_even_when_disabled(void **s)
{
	cfg_wr(TOY, 4, 0x400, 2);
	pci_irq_set(&toys[0]->pci, 1);
	assert_int_equal(fake.wire[19], 0);
	assert_int_equal(cfg_rd(TOY, 6, 2) & 8, 8);
	cfg_wr(TOY, 4, 0, 2);
	assert_int_equal(fake.wire[19], 1);
	pci_irq_set(&toys[0]->pci, 0);
	assert_int_equal(cfg_rd(TOY, 6, 2) & 8, 0);
}

/* A guest that looks while a function is plugged in. */
static u32 seen_early;

static int nosy_realize(struct device *d, struct err *e)
{
	int rc = pci_dev_realize(to_pci(d), e);

	seen_early = cfg_rd(to_pci(d)->devfn, 0, 4);
	cfg_wr(to_pci(d)->devfn, 4, 7, 2);
	return rc;
}

static void a_function_is_seen_when_it_is_whole(void **s)
{
	struct device_class nosy = toy_class;
	struct device *d;
	struct err e = { 0 };
	u8 devfn;

	nosy.realize = nosy_realize;
	d = fake_new(&nosy);
	assert_int_equal(device_realize(d, &e), 0);
	devfn = to_pci(d)->devfn;
	assert_int_equal(seen_early, ~0u);
	assert_int_equal(cfg_rd(devfn, 0, 4), ~0u);
	assert_int_equal(pci_get(to_pci(d), 4, 2), 0); /* nor written to   */
	device_reset(d);
	assert_int_equal(cfg_rd(devfn, 0, 4), 0x56781234);
	device_destroy(d);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(slots_are_given_in_order),
		T(bad_addresses_are_refused),
		T(a_full_bus_says_so),
		T(pins_swizzle_over_eight_wires),
		T(shared_wires_stay_up_for_the_last),
		T(status_shows_intx_even_when_disabled),
		T(a_function_is_seen_when_it_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
