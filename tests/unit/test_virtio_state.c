// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_state.c: chains that are out while the state is
 * saved come back with it, and a stream that lies breaks the device only.
 */
#include "tests/unit/virtio_guest.h"

#include "vmm/block/disk.h"

enum { T_OUT = 1, BLK_HDR = 16 };

static struct disk_set *disks;

static void *find(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_DRIVE ? disk_find(disks, id) : NULL;
}

/* A disk whose first write finds no room. */
static void full_disk_up(u64 features)
{
	static const char *const props[] = { "drive", "n", "packed", "on",
					     "in_order", "on", NULL };
	struct err e = { 0 };

	g_memory();
	fake.env.find_backend = find;
	disks = disk_set_create(fake.env.loop);
	assert_int_equal(blk_add(disk_blks(disks), "fault,node-name=n,op=write,"
				 "errno=28,count=1,file.driver=null-co,"
				 "file.size=1M", &e), 0);
	assert_int_equal(g_realize("virtio-blk-device", props, &e), 0);
	g_start(features);
	g_turns(2);
}

static void disk_down(void)
{
	struct device *d = fake.dev;

	fake.dev = NULL;
	device_destroy(d);
	disk_set_destroy(disks);
	fake_machine_down();
}

/* A write of a sector; where its status will be. */
static u64 write_sector(u64 sector)
{
	const u64 hdr[2] = { T_OUT, sector };
	struct g_desc d[3] = {
		{ .addr = g_alloc(BLK_HDR), .len = BLK_HDR },
		{ .addr = g_alloc(512), .len = 512 },
		{ .addr = g_alloc(1), .len = 1 },
	};

	memcpy(g.ram + d[0].addr, hdr, BLK_HDR);
	g.ram[d[2].addr] = 0xee;
	g_chain(0, d, 2, 1);
	return d[2].addr;
}

static void save(struct strbuf *b)
{
	struct err e = { 0 };

	device_quiesce(fake.dev);
	assert_int_equal(device_save(fake.dev, b, &e), 0);
}

static int load(const struct strbuf *b)
{
	struct err e = { 0 };

	device_reset(fake.dev);
	return device_load(fake.dev, fake.dev->class->state->version, b->buf,
			   b->len, &e);
}

static void go_on(void)
{
	device_resume(fake.dev);
	g_turns(4);
}

static void one_stops_and_comes_back(u64 features)
{
	struct strbuf b = STRBUF_INIT;
	u64 first, second;

	full_disk_up(features);
	first = write_sector(1);
	second = write_sector(2);
	g_kick(0);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.request, VM_REQ_IO_ERROR);
	assert_int_equal(g_done(0), 0);
	save(&b);
	assert_int_equal(load(&b), 0);
	assert_int_equal(virtio_q(g.v, 0)->inuse, 1);
	go_on();
	assert_int_equal(g_done(0), 2);
	assert_int_equal(g.ram[first], 0);
	assert_int_equal(g.ram[second], 0);
	assert_int_equal(virtio_q(g.v, 0)->inuse, 0);
	strbuf_fini(&b);
	disk_down();
}

static void requests_that_wait_for_cont_are_part_of_the_state(void **s)
{
	(void)s;
	one_stops_and_comes_back(0);
}

static void also_where_completions_are_in_order(void **s)
{
	(void)s;
	one_stops_and_comes_back(BIT64(VIRTIO_F_IN_ORDER));
}

/* The second was done first: it waits for the other, in the stream too. */
static void what_waits_for_its_turn_is_part_of_the_state(void **s)
{
	struct iovec iov[2][4];
	struct virtq_chain c[2] = { { .iov = iov[0], .max = 4 },
				    { .iov = iov[1], .max = 4 } };
	struct strbuf b = STRBUF_INIT;
	struct virtq *q;

	(void)s;
	full_disk_up(BIT64(VIRTIO_F_IN_ORDER));
	device_quiesce(fake.dev);
	q = virtio_q(g.v, 0);
	write_sector(1);
	write_sector(2);
	assert_int_equal(virtq_pop(q, &c[0]), 1);
	assert_int_equal(virtq_pop(q, &c[1]), 1);
	virtq_push(q, &c[1], 1);
	assert_int_equal(g_done(0), 0);
	state_save(&virtq_state, q, &b);
	virtq_drop(q, &c[0]);
	device_reset(fake.dev);
	assert_int_equal(state_load(&virtq_state, q, 1, b.buf, b.len, NULL), 0);
	q->enabled = false;
	assert_true(virtq_enable(q, BIT64(VIRTIO_F_IN_ORDER), true));
	assert_true(virtq_restore_begin(q, &c[0]));
	virtq_push(q, &c[0], 1);
	assert_int_equal(g_done(0), 2);
	strbuf_fini(&b);
	disk_down();
}

static void saving_alone_changes_nothing(void **s)
{
	struct strbuf b = STRBUF_INIT;

	(void)s;
	full_disk_up(0);
	write_sector(1);
	g_kick(0);
	save(&b);
	go_on();
	g_turns(4);
	device_quiesce(fake.dev);
	go_on();
	assert_int_equal(g_done(0), 1);
	strbuf_fini(&b);
	disk_down();
}

/* Every byte of the stream, wrong in turn. */
static void a_stream_that_lies_breaks_the_device_and_nothing_else(void **s)
{
	struct strbuf b = STRBUF_INIT;

	(void)s;
	full_disk_up(0);
	write_sector(1);
	write_sector(2);
	g_kick(0);
	save(&b);
	for (size_t i = 0; i < b.len; i++) {
		b.buf[i] ^= 0xff;
		if (load(&b) == 0)
			go_on();
		device_quiesce(fake.dev);
		b.buf[i] ^= 0xff;
	}
	assert_int_equal(load(&b), 0);
	go_on();
	strbuf_fini(&b);
	disk_down();
}

static void a_chain_of_a_queue_that_is_off_breaks_the_device(void **s)
{
	struct virtio_held h = { .q = 0, .ndesc = 1, .nout = 1 };
	struct strbuf b = STRBUF_INIT;

	(void)s;
	full_disk_up(0);
	save(&b);
	assert_int_equal(load(&b), 0);
	virtio_set_status(g.v, 0);
	g.v->held = malloc(sizeof(h));
	*g.v->held = h;
	g.v->nheld = 1;
	assert_int_equal(virtio_post_load(g.v, NULL), 0);
	assert_true(g_broken());
	strbuf_fini(&b);
	disk_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_that_wait_for_cont_are_part_of_the_state),
		cmocka_unit_test(also_where_completions_are_in_order),
		cmocka_unit_test(what_waits_for_its_turn_is_part_of_the_state),
		cmocka_unit_test(saving_alone_changes_nothing),
		cmocka_unit_test(a_stream_that_lies_breaks_the_device_and_nothing_else),
		cmocka_unit_test(a_chain_of_a_queue_that_is_off_breaks_the_device),
	};

	return cmocka_run_group_tests_name("virtio_state", tests, NULL, NULL);
}
