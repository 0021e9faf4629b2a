// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/dev/i6300esb.c: unlocking, both stages, the lock, the flag
 * that survives the reset.
 */
#include <pthread.h>

#include "tests/unit/pci_fake.h"

extern const struct device_class i6300esb_class;

#define BAR 0xc0000000u
#define ESB PCI_DEVFN(5, 0)

static struct device *host, *esb;

static void up(void)
{
	struct err e = { 0 };

	fake_machine_up(0);
	host = fake_device(&pci_host_class);
	fake.env.pci = pci_host_bus(host);
	esb = fake_new(&i6300esb_class);
	assert_int_equal(device_set_prop(esb, "addr", "05.0", &e), 0);
	fake_realize(esb);
	cfg_wr(ESB, PCI_BAR0, BAR, 4);
	cfg_wr(ESB, PCI_COMMAND, PCI_CMD_MEM, 2);
}

static void down(void)
{
	device_destroy(esb);
	fake_machine_down();
}

static void unlocked(u32 reg, u32 val)
{
	mem_wr(BAR + 0xc, 0x80, 2);
	mem_wr(BAR + 0xc, 0x86, 2);
	mem_wr(BAR + reg, val, reg == 0xc ? 2 : 4);
}

/* 1024 ticks of about a millisecond each: a second a stage. */
static void start(u16 config)
{
	cfg_wr(ESB, 0x60, config, 2);
	unlocked(0, 1024);
	unlocked(4, 1024);
	cfg_wr(ESB, 0x68, 2, 1);
	unlocked(0xc, 0x100);
}

static void pass(s64 ms)
{
	fake_pass(ms * 1000000);
	fake_turn();
}

static void timers_change_only_when_unlocked(void **s)
{
	(void)s;
	up();
	mem_wr(BAR, 5, 4);
	assert_int_equal(mem_rd(BAR, 4), 0xfffff);
	unlocked(0, 5);
	assert_int_equal(mem_rd(BAR, 4), 5);
	mem_wr(BAR, 6, 4);
	assert_int_equal(mem_rd(BAR, 4), 5);
	down();
}

static void both_stages_over_ask_for_the_action(void **s)
{
	(void)s;
	up();
	start(3);
	pass(1100);
	assert_int_equal(fake.requests, 0);
	pass(1100);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_WATCHDOG);
	device_reset(esb);
	cfg_wr(ESB, PCI_BAR0, BAR, 4);
	cfg_wr(ESB, PCI_COMMAND, PCI_CMD_MEM, 2);
	assert_int_equal(mem_rd(BAR + 0xc, 2), 0x200);
	unlocked(0xc, 0x200);
	assert_int_equal(mem_rd(BAR + 0xc, 2), 0);
	down();
}

static void a_reload_keeps_it_quiet(void **s)
{
	(void)s;
	up();
	start(3);
	for (unsigned i = 0; i < 10; i++) {
		pass(1500);
		unlocked(0xc, 0x100);
	}
	assert_int_equal(fake.requests, 0);
	cfg_wr(ESB, 0x68, 0, 1);       /* off */
	pass(10000);
	assert_int_equal(fake.requests, 0);
	down();
}

static void a_locked_one_cannot_be_turned_off(void **s)
{
	(void)s;
	up();
	start(3);
	cfg_wr(ESB, 0x68, 3, 1);
	cfg_wr(ESB, 0x68, 0, 1);
	pass(1100);
	pass(1100);
	assert_int_equal(fake.requests, 1);
	down();
}

static void state_goes_round(void **s)
{
	(void)s;
	up();
	start(3);
	fake_round_trip(esb);
	pass(1100);
	pass(1100);
	assert_int_equal(fake.requests, 1);
	down();
}

/* Stages of no length, for ever: the main loop does other things, too. */
static void stages_without_length_do_not_keep_the_loop(void **s)
{
	(void)s;
	up();
	unlocked(0, 0);
	unlocked(4, 0);
	cfg_wr(ESB, 0x60, BIT(2) | BIT(5), 2);
	cfg_wr(ESB, 0x68, BIT(1) | BIT(2), 1);
	for (unsigned i = 0; i < 10; i++) {
		fake_pass(1000);
		fake_turn();
	}
	assert_int_equal(mem_rd(BAR + 8, 4), 0);
	fake_pass(1000000);
	fake_turn();
	assert_int_equal(mem_rd(BAR + 8, 4), 1);
	down();
}

static _Atomic bool unplugged, writes;

static void *enable_for_ever(void *opaque)
{
	(void)opaque;
	while (!unplugged) {
		cfg_wr(ESB, 0x68, 0, 1);
		cfg_wr(ESB, 0x68, 2, 1);
		writes = true;
	}
	return NULL;
}

static void a_guest_may_go_on_writing_while_it_is_unplugged(void **s)
{
	pthread_t vcpu;

	(void)s;
	for (unsigned i = 0; i < 300; i++) {
		up();
		unplugged = writes = false;
		pthread_create(&vcpu, NULL, enable_for_ever, NULL);
		while (!writes)
			;
		device_destroy(esb);
		unplugged = true;
		pthread_join(vcpu, NULL);
		fake_machine_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_change_only_when_unlocked),
		cmocka_unit_test(both_stages_over_ask_for_the_action),
		cmocka_unit_test(a_reload_keeps_it_quiet),
		cmocka_unit_test(a_locked_one_cannot_be_turned_off),
		cmocka_unit_test(state_goes_round),
		cmocka_unit_test(stages_without_length_do_not_keep_the_loop),
		cmocka_unit_test(a_guest_may_go_on_writing_while_it_is_unplugged),
	};

	return cmocka_run_group_tests_name("i6300esb", tests, NULL, NULL);
}
