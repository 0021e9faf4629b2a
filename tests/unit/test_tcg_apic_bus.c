/* SPDX-License-Identifier: MIT */
/* Unit test: which LAPICs a message on the APIC bus reaches. */
#include "tests/unit/irqchip_fake.h"

#include <pthread.h>

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

static unsigned reached(struct apic_msg m)
{
	unsigned mask = 0;

	apic_deliver(vm.ic, &m);
	for (unsigned i = 0; i < FAKE_CPUS; i++)
		if (fake_take(vm.cpu[i]) == m.vector)
			mask |= BIT(i);
	return mask;
}

static void physical_ids_follow_the_register(void **s)
{
	assert_int_equal(reached((struct apic_msg){ .dest = 2, .vector = 64 }), 4);
	apic_wr(vm.cpu[2], APIC_ID, 0x33u << 24);
	assert_int_equal(reached((struct apic_msg){ .dest = 2, .vector = 64 }), 0);
	assert_int_equal(reached((struct apic_msg){ .dest = 0x33, .vector = 64 }), 4);
	apic_wr(vm.cpu[3], APIC_ID, 1u << 24);         /* two with one id */
	assert_int_equal(reached((struct apic_msg){ .dest = 1, .vector = 64 }) & 2, 2);
}

static void broadcast_means_ff_unless_wide(void **s)
{
	assert_int_equal(reached((struct apic_msg){ .dest = 0xff, .vector = 65 }), 15);
	assert_int_equal(reached((struct apic_msg){ .dest = 0xff, .vector = 65,
						    .logical = true }), 15);
	assert_int_equal(reached((struct apic_msg){ .dest = 0xff, .vector = 65,
						    .wide = true }), 0);
	assert_int_equal(reached((struct apic_msg){ .dest = ~0u, .vector = 65,
						    .wide = true }), 15);
}

static void disabled_ones_do_not_listen(void **s)
{
	lapic_set_base(vm.cpu[1], 0xfee00000);
	assert_int_equal(reached((struct apic_msg){ .dest = 0xff, .vector = 66 }), 13);
	assert_int_equal(reached((struct apic_msg){ .dest = 1, .vector = 66 }), 0);
	apic_wr(vm.cpu[3], APIC_SVR, 0xff);
	assert_int_equal(reached((struct apic_msg){ .dest = 0xff, .vector = 66 }), 5);
}

static void lowest_priority_skips_the_software_disabled(void **s)
{
	struct apic_msg m = { .dest = 0x0f, .logical = true, .mode = DM_LOWEST,
			      .vector = 67 };

	for (int i = 0; i < 3; i++)
		apic_wr(vm.cpu[i], APIC_SVR, 0xff);
	assert_int_equal(reached(m), 8);
	assert_int_equal(reached(m), 8);
	apic_wr(vm.cpu[3], APIC_SVR, 0xff);
	assert_int_equal(apic_deliver(vm.ic, &m), -1);
}

static void delivery_counts_the_takers(void **s)
{
	struct apic_msg m = { .dest = 0xff, .vector = 68 };

	assert_int_equal(apic_deliver(vm.ic, &m), 4);
	assert_int_equal(apic_deliver(vm.ic, &m), 0);  /* coalesced */
	m.dest = 9;
	assert_int_equal(apic_deliver(vm.ic, &m), -1);
}

static void small_ids_reach_x2apics_by_logical_byte(void **s)
{
	fake_x2apic(&vm);
	assert_int_equal(apic_deliver(vm.ic, &(struct apic_msg){
		.dest = 0x05, .logical = true, .vector = 69 }), 2);
	assert_int_equal(lapic_pending(vm.cpu[0]), 69);
	assert_int_equal(lapic_pending(vm.cpu[2]), 69);
	assert_int_equal(apic_deliver(vm.ic, &(struct apic_msg){
		.dest = 0x10001, .logical = true, .wide = true,
		.vector = 69 }), -1);
}

/* Two vCPUs that interrupt each other as fast as they can. */
static void *pester(void *o)
{
	unsigned me = *(unsigned *)o, you = !me;
	int taken = 0;

	for (int i = 0; i < 20000; i++) {
		apic_wr(vm.cpu[me], APIC_ICR2, you << 24);
		apic_wr(vm.cpu[me], APIC_ICR, 0x80);
		if (lapic_has_work(vm.cpu[me]) && fake_take(vm.cpu[me]) >= 0)
			taken++;
		if (i % 64 == 0)
			irqchip_line(vm.ic, 20, i & 64);
	}
	return (void *)(intptr_t)taken;
}

static void ipis_in_both_directions_do_not_lock_up(void **s)
{
	unsigned id[2] = { 0, 1 };
	pthread_t t[2];

	io_rte(vm.ic, 20, 0x8090, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, pester, &id[i]);
	for (int i = 0; i < 2; i++) {
		void *taken;

		pthread_join(t[i], &taken);
		assert_true((intptr_t)taken > 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(physical_ids_follow_the_register),
		T(broadcast_means_ff_unless_wide),
		T(disabled_ones_do_not_listen),
		T(lowest_priority_skips_the_software_disabled),
		T(delivery_counts_the_takers),
		T(small_ids_reach_x2apics_by_logical_byte),
		T(ipis_in_both_directions_do_not_lock_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
