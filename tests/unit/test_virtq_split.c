// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtq_split.c: chains, indirect tables, notifications,
 * and a hostile driver.
 */
#include "tests/unit/virtq_driver.h"

#define INDIRECT BIT64(VIRTIO_F_INDIRECT_DESC)
#define EVENT    BIT64(VIRTIO_F_EVENT_IDX)

static void a_chain_gives_readable_then_writable_parts(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_desc(5, DATA_AT, 16, D_NEXT, 2);
	drv_desc(2, DATA_AT + 0x100, 512, D_NEXT | D_WRITE, 7);
	drv_desc(7, DATA_AT + 0x400, 1, D_WRITE, 0);
	drv_offer(5);
	assert_int_equal(drv_pop(), 1);
	assert_int_equal(drv.c.nout, 1);
	assert_int_equal(drv.c.nin, 2);
	assert_int_equal(drv.c.out_len, 16);
	assert_int_equal(drv.c.in_len, 513);
	assert_ptr_equal(drv.c.iov[2].iov_base, drv.ram + DATA_AT + 0x400);
	drv_down();
}

static void an_indirect_table_is_followed(void **s)
{
	(void)s;
	drv_up(8, INDIRECT);
	drv_desc(0, TABLE_AT, 48, D_INDIRECT, 0);
	drv_raw(TABLE_AT, DATA_AT, 16, D_NEXT, 2);
	drv_raw(TABLE_AT + 32, DATA_AT + 64, 8, D_WRITE, 0);
	drv_offer(0);
	assert_int_equal(drv_pop(), 1);
	assert_int_equal(drv.c.nout, 1);
	assert_int_equal(drv.c.nin, 1);
	drv_down();
}

static void a_loop_breaks_the_queue(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_desc(0, DATA_AT, 16, D_NEXT, 1);
	drv_desc(1, DATA_AT, 16, D_NEXT, 0);
	drv_offer(0);
	drv_expect_broken("loop");
	drv_down();
}

static void a_loop_in_a_table_breaks_the_queue(void **s)
{
	(void)s;
	drv_up(8, INDIRECT);
	drv_desc(0, TABLE_AT, 32, D_INDIRECT, 0);
	drv_raw(TABLE_AT, DATA_AT, 16, D_NEXT, 0);
	drv_offer(0);
	drv_expect_broken("loop");
	drv_down();
}

static void indexes_beyond_the_ring_break_the_queue(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_offer(8);
	drv_expect_broken("index");
	drv_down();
	drv_up(8, 0);
	drv_desc(0, DATA_AT, 16, D_NEXT, 9);
	drv_offer(0);
	drv_expect_broken("index");
	drv_down();
}

static void an_available_index_that_ran_ahead_breaks_the_queue(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv16(AVAIL_AT)[1] = 9;
	drv_expect_broken("ahead");
	drv_down();
}

static void bad_tables_break_the_queue(void **s)
{
	static const struct { u64 addr; u32 len; u16 flags; } bad[] = {
		{ TABLE_AT, 0, D_INDIRECT }, { TABLE_AT, 20, D_INDIRECT },
		{ TABLE_AT, 0x10000000, D_INDIRECT },
		{ RAM_LEN, 32, D_INDIRECT }, { ~0ull - 8, 32, D_INDIRECT },
		{ TABLE_AT, 32, D_INDIRECT | D_NEXT },
	};

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		drv_up(8, INDIRECT);
		drv_desc(0, bad[i].addr, bad[i].len, bad[i].flags, 1);
		drv_offer(0);
		drv_expect_broken("");
		drv_down();
	}
	drv_up(8, 0);                  /* the feature was not negotiated   */
	drv_desc(0, TABLE_AT, 32, D_INDIRECT, 0);
	drv_offer(0);
	drv_expect_broken("feature");
	drv_down();
}

static void a_table_in_a_table_breaks_the_queue(void **s)
{
	(void)s;
	drv_up(8, INDIRECT);
	drv_desc(0, TABLE_AT, 32, D_INDIRECT, 0);
	drv_raw(TABLE_AT, TABLE_AT, 32, D_INDIRECT, 0);
	drv_offer(0);
	drv_expect_broken("nested");
	drv_down();
}

static void readable_after_writable_breaks_the_queue(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_desc(0, DATA_AT, 16, D_NEXT | D_WRITE, 1);
	drv_desc(1, DATA_AT, 16, 0, 0);
	drv_offer(0);
	drv_expect_broken("readable");
	drv_down();
}

static void more_buffers_than_there_is_room_for_break_the_queue(void **s)
{
	(void)s;
	drv_up(128, 0);
	for (u16 i = 0; i < 100; i++)
		drv_desc(i, DATA_AT + 64u * i, 16, i == 99 ? 0 : D_NEXT, i + 1);
	drv_offer(0);
	drv_expect_broken("too many");
	drv_down();
}

static void more_chains_than_the_ring_has_break_the_queue(void **s)
{
	(void)s;
	drv_up(4, 0);
	for (unsigned i = 0; i < 4; i++) {
		drv_buffer(DATA_AT, 8, false, 0);
		assert_int_equal(drv_pop(), 1);
	}
	drv_buffer(DATA_AT, 8, false, 0);
	assert_int_equal(drv_pop(), -1);
	assert_int_equal(drv.broken, 1);
	drv_down();
}

static void without_event_index_the_flag_decides(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_buffer(DATA_AT, 8, false, 0);
	drv_pop();
	virtq_push(&drv.q, &drv.c, 0);
	assert_true(virtq_should_notify(&drv.q));
	assert_false(virtq_should_notify(&drv.q));     /* nothing new      */
	drv16(AVAIL_AT)[0] = 1;
	drv_buffer(DATA_AT, 8, false, 0);
	drv_pop();
	virtq_push(&drv.q, &drv.c, 0);
	assert_false(virtq_should_notify(&drv.q));
	drv_down();
}

static void event_index_asks_for_one_interrupt_in_so_many(void **s)
{
	(void)s;
	drv_up(8, EVENT);
	drv16(AVAIL_AT)[2 + 8] = 2;    /* used_event: the third            */
	for (unsigned i = 0; i < 5; i++) {
		drv_buffer(DATA_AT, 8, false, 0);
		drv_pop();
		virtq_push(&drv.q, &drv.c, 0);
		assert_int_equal(virtq_should_notify(&drv.q), i == 2);
	}
	drv_down();
}

static void kicks_are_asked_for_and_not(void **s)
{
	(void)s;
	drv_up(8, 0);
	virtq_want_kicks(&drv.q, false);
	assert_int_equal(drv16(USED_AT)[0], 1);
	assert_false(virtq_want_kicks(&drv.q, true));
	assert_int_equal(drv16(USED_AT)[0], 0);
	drv_buffer(DATA_AT, 8, false, 0);
	assert_true(virtq_want_kicks(&drv.q, true));
	drv_down();
	drv_up(8, EVENT);
	drv_buffer(DATA_AT, 8, false, 0);
	drv_pop();
	assert_false(virtq_want_kicks(&drv.q, true));
	assert_int_equal(drv16(USED_AT)[2 + 4 * 8], 1);        /* avail_event */
	drv_down();
}

static void a_buffer_across_two_blocks_is_two_iovecs(void **s)
{
	struct err e = { 0 };

	(void)s;
	drv_up(8, 0);
	assert_int_equal(gmem_add(drv.gmem, "more", RAM_LEN, 4096, -1, 0,
				  GMEM_RAM, &e), 0);
	drv_buffer(RAM_LEN - 8, 16, true, 0);
	assert_int_equal(drv_pop(), 1);
	assert_int_equal(drv.c.nin, 2);
	assert_int_equal(drv.c.in_len, 16);
	virtq_push(&drv.q, &drv.c, 16);
	drv_down();
}

/* A frame that needs more buffers than there are puts them back and waits. */
static void a_kick_is_asked_for_what_comes_after_what_was_put_back(void **s)
{
	struct iovec iov[2];
	struct virtq_chain c[2] = { { .iov = &iov[0], .max = 1 },
				    { .iov = &iov[1], .max = 1 } };

	(void)s;
	drv_up(8, EVENT);
	drv_buffer(DATA_AT, 8, true, 0);
	drv_buffer(DATA_AT, 8, true, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(virtq_pop(&drv.q, &c[i]), 1);
	assert_int_equal(drv_pop(), 0);
	virtq_unpop(&drv.q, &c[1]);
	virtq_unpop(&drv.q, &c[0]);
	assert_false(virtq_want_kicks(&drv.q, true));
	assert_int_equal(drv16(USED_AT)[2 + 4 * 8], 2);
	assert_false(virtq_empty(&drv.q));
	drv_buffer(DATA_AT, 8, true, 2);
	assert_true(virtq_want_kicks(&drv.q, true));
	drv_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_gives_readable_then_writable_parts),
		cmocka_unit_test(an_indirect_table_is_followed),
		cmocka_unit_test(a_loop_breaks_the_queue),
		cmocka_unit_test(a_loop_in_a_table_breaks_the_queue),
		cmocka_unit_test(indexes_beyond_the_ring_break_the_queue),
		cmocka_unit_test(an_available_index_that_ran_ahead_breaks_the_queue),
		cmocka_unit_test(bad_tables_break_the_queue),
		cmocka_unit_test(a_table_in_a_table_breaks_the_queue),
		cmocka_unit_test(readable_after_writable_breaks_the_queue),
		cmocka_unit_test(more_buffers_than_there_is_room_for_break_the_queue),
		cmocka_unit_test(more_chains_than_the_ring_has_break_the_queue),
		cmocka_unit_test(without_event_index_the_flag_decides),
		cmocka_unit_test(event_index_asks_for_one_interrupt_in_so_many),
		cmocka_unit_test(kicks_are_asked_for_and_not),
		cmocka_unit_test(a_kick_is_asked_for_what_comes_after_what_was_put_back),
		cmocka_unit_test(a_buffer_across_two_blocks_is_two_iovecs),
	};

	return cmocka_run_group_tests_name("virtq_split", tests, NULL, NULL);
}
