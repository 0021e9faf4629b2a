/* SPDX-License-Identifier: MIT */
/* Unit test: slots come and go by the registers the DSDT's methods use. */
#include "tests/unit/pci_fake.h"

#include <errno.h>

extern const struct device_class pci_hotplug_class;

enum { UP = 0xae00, DOWN = 0xae04, EJECT = 0xae08, STATUS = 0xae0c,
       READY = 0xae10, SLOT = BIT(3) };

static struct device *ctl;
static int events, gone, refused;

static void on_acpi(void *opaque, enum acpi_event ev)
{
	(void)opaque;
	assert_int_equal(ev, ACPI_EV_PCI_HOTPLUG);
	events++;
}

static void on_unplugged(void *opaque, struct device *d, bool no)
{
	(void)opaque;
	refused += no;
	gone += !no;
	for (unsigned i = 0; !no && i < ARRAY_LEN(toys); i++)
		if (toys[i] && &toys[i]->pci.dev == d)
			toys[i] = NULL;
	if (!no)
		device_destroy(d);
}

static int up(void **s)
{
	(void)s;
	pci_up();
	events = gone = refused = 0;
	fake.env.acpi_event = on_acpi;
	fake.env.unplugged = on_unplugged;
	ctl = fake_new(&pci_hotplug_class);
	fake_realize(ctl);
	return 0;
}

static int down(void **s)
{
	(void)s;
	device_destroy(ctl);
	pci_down();
	return 0;
}

static int ask(void)
{
	struct err e = { 0 };

	return pci_hotplug_ask(&toys[0]->pci, &e);
}

static void a_guest_without_acpi_is_not_asked(void **s)
{
	assert_int_equal(ask(), 0);
	pci_hotplug_added(&toys[0]->pci);
	assert_int_equal(events, 0);
	assert_int_equal(in(UP, 4), 0);
}

static void a_device_that_came_is_told_once(void **s)
{
	out(READY, 1, 4);
	pci_hotplug_added(&toys[0]->pci);
	assert_int_equal(events, 1);
	assert_int_equal(in(UP, 4), SLOT);
	assert_int_equal(in(UP, 4), 0);
}

static void an_asked_slot_is_ejected_and_then_gone(void **s)
{
	out(READY, 1, 4);
	assert_int_equal(ask(), 1);
	assert_int_equal(events, 1);
	assert_int_equal(in(DOWN, 4), SLOT);
	assert_int_equal(in(DOWN, 4), 0);
	assert_int_equal(cfg_rd(TOY, 0, 2), 0x1234);
	out(EJECT, SLOT, 4);
	assert_int_equal(cfg_rd(TOY, 0, 2), 0xffff);   /* at once */
	assert_int_equal(gone, 0);
	fake_turn();
	assert_int_equal(gone, 1);
	toys[0] = toy_new("03.0");             /* and its slot is free */
	assert_int_equal(cfg_rd(TOY, 0, 2), 0x1234);
}

static void asking_twice_in_a_moment_is_refused(void **s)
{
	out(READY, 1, 4);
	assert_int_equal(ask(), 1);
	assert_int_equal(ask(), -EBUSY);
	assert_int_equal(events, 1);
}

static void a_guest_may_refuse_what_it_was_asked(void **s)
{
	out(READY, 1, 4);
	out(STATUS, 3 << 16 | 3 << 8 | 0x82, 4);       /* nobody asked */
	fake_turn();
	assert_int_equal(refused, 0);
	assert_int_equal(ask(), 1);
	out(STATUS, 3 << 16 | 3 << 8 | 0x84, 4);       /* under way */
	out(STATUS, 3 << 16 | 3 << 8 | 0, 4);          /* done */
	out(STATUS, 3 << 16 | 1 << 8 | 0x82, 4);       /* of something else */
	fake_turn();
	assert_int_equal(refused, 0);
	out(STATUS, 3 << 16 | 3 << 8 | 0x82, 4);
	fake_turn();
	assert_int_equal(refused, 1);
	assert_int_equal(gone, 0);
	assert_int_equal(ask(), 1);            /* and may be asked again */
}

static void a_slot_goes_with_all_its_functions(void **s)
{
	struct err e = { 0 };

	toys[1] = toy_new("03.1");
	assert_int_equal(pci_hotplug_ask(&toys[1]->pci, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "function 1"));
	out(READY, 1, 4);
	pci_hotplug_added(&toys[1]->pci);      /* tells when 0 comes */
	assert_int_equal(events, 0);
	out(EJECT, SLOT, 4);                   /* the guest's own wish */
	fake_turn();
	assert_int_equal(gone, 2);
}

static void empty_slots_and_any_bits_do_nothing(void **s)
{
	out(READY, 1, 4);
	out(EJECT, ~SLOT, 4);
	out(STATUS, 0xffffffff, 4);
	fake_turn();
	assert_int_equal(gone + refused, 0);
	assert_int_equal(in(EJECT, 4), 0);
	assert_int_equal(in(STATUS, 4), 0);
	assert_int_equal(in(UP, 1), 0);
}

static void a_reset_does_what_the_guest_was_asked_for(void **s)
{
	out(READY, 1, 4);
	assert_int_equal(ask(), 1);
	device_reset(ctl);
	assert_int_equal(in(DOWN, 4), 0);
	fake_turn();
	assert_int_equal(gone, 1);
}

static void work_posted_to_a_controller_that_went_is_dropped(void **s)
{
	out(READY, 1, 4);
	out(EJECT, SLOT, 4);
	device_destroy(ctl);
	fake_turn();
	assert_int_equal(gone, 0);
	ctl = fake_new(&pci_hotplug_class);
	fake_realize(ctl);
}

static void state_survives(void **s)
{
	out(READY, 1, 4);
	assert_int_equal(ask(), 1);
	fake_round_trip(ctl);
	assert_int_equal(in(DOWN, 4), SLOT);
	fake_turn();                   /* the round trip's reset ejected it */
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_guest_without_acpi_is_not_asked),
		T(a_device_that_came_is_told_once),
		T(an_asked_slot_is_ejected_and_then_gone),
		T(asking_twice_in_a_moment_is_refused),
		T(a_guest_may_refuse_what_it_was_asked),
		T(a_slot_goes_with_all_its_functions),
		T(empty_slots_and_any_bits_do_nothing),
		T(a_reset_does_what_the_guest_was_asked_for),
		T(work_posted_to_a_controller_that_went_is_dropped),
		T(state_survives),
	};

	return cmocka_run_group_tests_name("pci_hotplug", tests, NULL, NULL);
}
