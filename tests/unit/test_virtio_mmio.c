// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio.c by way of virtio/virtio_mmio.c: negotiation,
 * queue set-up, kicks, interrupts, reset, a guest that does it wrong, state.
 * The device is virtio-rng.
 */
#include "tests/unit/device_fake.h"

#include <stdlib.h>

#include "virtio/virtio.h"

extern const struct device_class virtio_rng_device_class;

enum { MAGIC = 0, VERSION = 4, ID = 8, FEATURES = 0x10, FSEL = 0x14,
       DFEATURES = 0x20, DFSEL = 0x24, QSEL = 0x30, QMAX = 0x34, QNUM = 0x38,
       READY = 0x44, NOTIFY = 0x50, ISTATUS = 0x60, IACK = 0x64,
       STATUS = 0x70, QDESC = 0x80, QDRV = 0x90, QDEV = 0xa0, QRESET = 0xc0 };

#define BASE 0xd0000000u

static struct virtio *v;
static u8 *ram;

static u32 rd(u32 reg)
{
	u64 val;

	bus_read(fake.env.mmio, BASE + reg, &val, 4);
	return val;
}

static void wr(u32 reg, u32 val)
{
	bus_write(fake.env.mmio, BASE + reg, val, 4);
}

static void up(void)
{
	struct err e = { 0 };

	fake_machine_up(0);
	gmem_add(fake.env.gmem, "ram", 0, MiB, -1, 0, GMEM_RAM, &e);
	ram = gmem_ptr(fake.env.gmem, 0, MiB);
	fake.dev = fake_new(&virtio_rng_device_class);
	device_set_prop(fake.dev, "base", "0xd0000000", &e);
	device_set_prop(fake.dev, "gsi", "5", &e);
	fake_realize(fake.dev);
	v = to_virtio(fake.dev);
}

static void negotiate(void)
{
	wr(STATUS, 0);
	wr(STATUS, 1 | 2);
	wr(DFSEL, 1);
	wr(DFEATURES, BIT(0) | BIT(VIRTIO_F_RING_RESET - 32));
	wr(STATUS, 1 | 2 | 8);
	assert_int_equal(rd(STATUS), 1 | 2 | 8);
}

static void queue_up(u32 desc)
{
	wr(QSEL, 0);
	wr(QNUM, 8);
	wr(QDESC, desc);
	wr(QDRV, 0x2000);
	wr(QDEV, 0x3000);
	wr(READY, 1);
}

static void driver_up(void)
{
	negotiate();
	queue_up(0x1000);
	wr(STATUS, 1 | 2 | 4 | 8);
	fake_turn();
}

/* One buffer of 16 bytes for the device to fill. */
static void offer(void)
{
	u64 addr = 0x8000;
	u32 len = 16;
	u16 flags = 2, idx = 1;

	memcpy(ram + 0x1000, &addr, 8);
	memcpy(ram + 0x1008, &len, 4);
	memcpy(ram + 0x100c, &flags, 2);
	memcpy(ram + 0x2002, &idx, 2);
}

static void offer_and_kick(void)
{
	offer();
	wr(NOTIFY, 0);
	fake_turn();
}

static void it_says_what_it_is(void **s)
{
	(void)s;
	up();
	assert_int_equal(rd(MAGIC), 0x74726976);
	assert_int_equal(rd(VERSION), 2);
	assert_int_equal(rd(ID), 4);
	assert_int_equal(rd(QMAX), 8);
	wr(FSEL, 1);
	assert_true(rd(FEATURES) & 1);
	wr(FSEL, 2);
	assert_int_equal(rd(FEATURES), 0);
	wr(QSEL, 1);
	assert_int_equal(rd(QMAX), 0);
	fake_machine_down();
}

static void a_kick_gets_bytes_and_an_interrupt(void **s)
{
	static const u8 zero[16];

	(void)s;
	up();
	driver_up();
	offer_and_kick();
	assert_memory_not_equal(ram + 0x8000, zero, 16);
	assert_int_equal(ram[0x3002], 1);
	assert_int_equal(fake.wire[5], 1);
	assert_int_equal(rd(ISTATUS), 1);
	wr(IACK, 1);
	assert_int_equal(fake.wire[5], 0);
	fake_machine_down();
}

static void features_not_offered_are_refused(void **s)
{
	(void)s;
	up();
	wr(STATUS, 3);
	wr(DFSEL, 0);
	wr(DFEATURES, 1);
	wr(DFSEL, 1);
	wr(DFEATURES, 1);
	wr(STATUS, 11);
	assert_int_equal(rd(STATUS), 3);
	wr(STATUS, 0);
	wr(STATUS, 3);                 /* without VERSION_1 neither        */
	wr(STATUS, 11);
	assert_int_equal(rd(STATUS), 3);
	fake_machine_down();
}

static void set_up_does_not_change_once_a_queue_is_enabled(void **s)
{
	(void)s;
	up();
	driver_up();
	wr(QNUM, 4);
	wr(QDESC, 0x9000);
	assert_int_equal(virtio_q(v, 0)->size, 8);
	assert_int_equal(virtio_q(v, 0)->desc, 0x1000);
	fake_machine_down();
}

static void a_ring_outside_ram_needs_a_reset(void **s)
{
	(void)s;
	up();
	negotiate();
	queue_up(0x40000000);
	assert_int_equal(rd(READY), 0);
	assert_true(rd(STATUS) & 64);
	assert_int_equal(v->errors, 1);
	wr(STATUS, 15);                /* it will not start now            */
	assert_false(v->started);
	wr(STATUS, 0);
	assert_int_equal(rd(STATUS), 0);
	driver_up();                   /* and works after a reset          */
	assert_true(v->started);
	fake_machine_down();
}

static void mistakes_are_counted_and_told_once(void **s)
{
	(void)s;
	up();
	driver_up();
	offer();
	ram[0x1007] = 0xff;            /* far outside                      */
	wr(NOTIFY, 0);
	fake_turn();
	wr(NOTIFY, 0);
	fake_turn();
	assert_int_equal(v->errors, 1);
	assert_true(rd(STATUS) & 64);
	assert_int_equal(rd(ISTATUS), 2);
	fake_machine_down();
}

static void a_queue_can_be_reset_alone(void **s)
{
	(void)s;
	up();
	driver_up();
	wr(QRESET, 1);
	assert_int_equal(rd(QRESET), 0);
	assert_int_equal(rd(READY), 0);
	queue_up(0x1000);
	assert_int_equal(rd(READY), 1);
	offer_and_kick();
	assert_int_equal(ram[0x3002], 1);
	fake_machine_down();
}

/* Without a look at QueueReset, which not every driver has. */
static void a_queue_turned_off_is_free_once_its_chains_are_back(void **s)
{
	struct virtq_chain c = { .max = 4 };
	struct iovec iov[4];

	(void)s;
	up();
	negotiate();
	queue_up(0x1000);
	offer();
	c.iov = iov;
	assert_int_equal(virtq_pop(virtio_q(v, 0), &c), 1);
	wr(READY, 0);
	queue_up(0x1000);
	assert_int_equal(rd(READY), 0);
	virtq_push(virtio_q(v, 0), &c, 0);
	queue_up(0x1000);
	assert_int_equal(rd(READY), 1);
	fake_machine_down();
}

static void a_paused_device_works_off_its_kicks_later(void **s)
{
	(void)s;
	up();
	driver_up();
	device_quiesce(fake.dev);
	offer_and_kick();
	assert_int_equal(ram[0x3002], 0);
	device_resume(fake.dev);
	fake_turn();
	assert_int_equal(ram[0x3002], 1);
	fake_machine_down();
}

static void state_goes_round(void **s)
{
	(void)s;
	up();
	driver_up();
	offer_and_kick();
	fake_round_trip(fake.dev);
	assert_true(v->started);
	assert_true(virtio_q(v, 0)->enabled);
	assert_int_equal(virtio_q(v, 0)->used_idx, 1);
	fake_machine_down();
}

/* Any register, any time, any value. */
static void random_registers_do_no_harm(void **s)
{
	(void)s;
	up();
	srandom(7);
	for (unsigned i = 0; i < 100000; i++) {
		u32 reg = random() % 0x200, val = random() >> random() % 32;
		unsigned size = 1u << random() % 3;
		u64 got;

		if (i % 64 == 0)
			driver_up();
		if (random() & 1)
			bus_write(fake.env.mmio, BASE + reg, val, size);
		else
			bus_read(fake.env.mmio, BASE + reg, &got, size);
		if (i % 16 == 0)
			fake_turn();
	}
	fake_machine_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_it_is),
		cmocka_unit_test(a_kick_gets_bytes_and_an_interrupt),
		cmocka_unit_test(features_not_offered_are_refused),
		cmocka_unit_test(set_up_does_not_change_once_a_queue_is_enabled),
		cmocka_unit_test(a_ring_outside_ram_needs_a_reset),
		cmocka_unit_test(mistakes_are_counted_and_told_once),
		cmocka_unit_test(a_queue_can_be_reset_alone),
		cmocka_unit_test(a_queue_turned_off_is_free_once_its_chains_are_back),
		cmocka_unit_test(a_paused_device_works_off_its_kicks_later),
		cmocka_unit_test(state_goes_round),
		cmocka_unit_test(random_registers_do_no_harm),
	};

	return cmocka_run_group_tests_name("virtio_mmio", tests, NULL, NULL);
}
