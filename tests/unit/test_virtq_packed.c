// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtq_packed.c: chains, wrap counters, indirect tables,
 * event suppression, and a hostile driver.
 */
#include "tests/unit/virtq_driver.h"

#define PACKED   BIT64(VIRTIO_F_RING_PACKED)
#define INDIRECT BIT64(VIRTIO_F_INDIRECT_DESC)
#define EVENT    BIT64(VIRTIO_F_EVENT_IDX)

static void a_chain_takes_as_many_places_as_it_has_descriptors(void **s)
{
	u32 id, len;

	(void)s;
	drv_up(4, PACKED);
	for (unsigned i = 0; i < 10; i++) {
		drv_packed(DATA_AT, 16, 0, D_NEXT);
		drv_packed(DATA_AT + 64, 32, 0, D_NEXT | D_WRITE);
		drv_packed(DATA_AT + 128, 1, 9, D_WRITE);
		assert_int_equal(drv_pop(), 1);
		assert_int_equal(drv.c.ndesc, 3);
		assert_int_equal(drv.c.head, 9);
		assert_int_equal(drv.c.in_len, 33);
		virtq_push(&drv.q, &drv.c, 33);
		assert_true(drv_take(&id, &len, 3));
		assert_int_equal(id, 9);
		assert_int_equal(len, 33);
	}
	drv_down();
}

static void an_indirect_table_is_read_in_order(void **s)
{
	(void)s;
	drv_up(4, PACKED | INDIRECT);
	drv_raw(TABLE_AT, DATA_AT, 16, 0, 0);
	drv_raw(TABLE_AT + 16, DATA_AT + 64, 8, 0, D_WRITE);
	drv_packed(TABLE_AT, 32, 5, D_INDIRECT);
	assert_int_equal(drv_pop(), 1);
	assert_int_equal(drv.c.head, 5);
	assert_int_equal(drv.c.ndesc, 1);
	assert_int_equal(drv.c.out_len, 16);
	assert_int_equal(drv.c.in_len, 8);
	drv_down();
}

static void a_chain_longer_than_the_ring_breaks_it(void **s)
{
	(void)s;
	drv_up(4, PACKED);
	for (unsigned i = 0; i < 4; i++)
		drv_packed(DATA_AT, 16, 0, D_NEXT);
	drv_expect_broken("longer");
	drv_down();
}

/* The driver marks places available again that it never got back. */
static void chains_out_never_take_more_places_than_the_ring_has(void **s)
{
	struct iovec iov[3];
	struct virtq_chain first = { .iov = iov, .max = 3 };

	(void)s;
	drv_up(4, PACKED);
	for (unsigned i = 0; i < 3; i++)
		drv_packed(DATA_AT, 16, 0, i < 2 ? D_NEXT : 0);
	assert_int_equal(virtq_pop(&drv.q, &first), 1);
	for (unsigned i = 0; i < 3; i++)
		drv_packed(DATA_AT, 16, 1, i < 2 ? D_NEXT : 0);
	assert_int_equal(drv_pop(), -1);
	assert_non_null(strstr(drv.why, "places"));
	virtq_push(&drv.q, &first, 0);
	drv_down();
}

static void places_given_back_are_free_again(void **s)
{
	u32 id, len;

	(void)s;
	drv_up(4, PACKED);
	for (unsigned i = 0; i < 20; i++) {
		drv_packed(DATA_AT, 16, 0, D_NEXT);
		drv_packed(DATA_AT, 16, 0, D_NEXT);
		drv_packed(DATA_AT, 16, 3, 0);
		assert_int_equal(drv_pop(), 1);
		virtq_unpop(&drv.q, &drv.c);
		assert_int_equal(drv_pop(), 1);
		virtq_push(&drv.q, &drv.c, 0);
		assert_true(drv_take(&id, &len, 3));
	}
	drv_packed(DATA_AT, 16, 0, 0);
	assert_int_equal(drv_pop(), 1);
	virtq_disable(&drv.q);
	virtq_drop(&drv.q, &drv.c);
	assert_int_equal(drv.q.places, 0);
	drv_down();
}

static void tables_within_chains_break_it(void **s)
{
	(void)s;
	drv_up(4, PACKED | INDIRECT);
	drv_packed(DATA_AT, 16, 0, D_NEXT);
	drv_packed(TABLE_AT, 32, 0, D_INDIRECT);
	drv_expect_broken("indirect");
	drv_down();
	drv_up(4, PACKED);
	drv_packed(TABLE_AT, 32, 0, D_INDIRECT);
	drv_expect_broken("feature");
	drv_down();
}

static void a_used_place_is_not_available(void **s)
{
	(void)s;
	drv_up(4, PACKED);
	drv_raw(DESC_AT, DATA_AT, 16, 0, D_AVAIL | D_USED);
	assert_int_equal(drv_pop(), 0);
	drv_raw(DESC_AT, DATA_AT, 16, 0, 0);
	assert_int_equal(drv_pop(), 0);
	drv_down();
}

static void one_round(void)
{
	drv_packed(DATA_AT, 8, 0, 0);
	assert_int_equal(drv_pop(), 1);
	virtq_push(&drv.q, &drv.c, 0);
}

static void the_drivers_area_says_whether_to_interrupt(void **s)
{
	(void)s;
	drv_up(4, PACKED);
	one_round();
	assert_true(virtq_should_notify(&drv.q));
	drv16(AVAIL_AT)[1] = 1;        /* disabled */
	one_round();
	assert_false(virtq_should_notify(&drv.q));
	drv_down();
}

static void the_drivers_area_says_at_which_place(void **s)
{
	(void)s;
	drv_up(4, PACKED | EVENT);
	drv16(AVAIL_AT)[1] = 2;
	drv16(AVAIL_AT)[0] = 2 | 0x8000;
	for (unsigned i = 0; i < 4; i++) {
		one_round();
		assert_int_equal(virtq_should_notify(&drv.q), i == 2);
	}
	drv16(AVAIL_AT)[0] = 1;        /* the next lap                     */
	for (unsigned i = 0; i < 3; i++) {
		one_round();
		assert_int_equal(virtq_should_notify(&drv.q), i == 1);
	}
	drv_down();
}

static void kicks_are_asked_for_and_not(void **s)
{
	(void)s;
	drv_up(4, PACKED | EVENT);
	virtq_want_kicks(&drv.q, false);
	assert_int_equal(drv16(USED_AT)[1], 1);
	one_round();
	assert_false(virtq_want_kicks(&drv.q, true));
	assert_int_equal(drv16(USED_AT)[1], 2);
	assert_int_equal(drv16(USED_AT)[0], 1 | 0x8000);
	drv_packed(DATA_AT, 8, 0, 0);
	assert_true(virtq_want_kicks(&drv.q, true));
	drv_down();
}

/* A frame that needs more buffers than there are puts them back and waits. */
static void a_kick_is_asked_for_what_comes_after_what_was_put_back(void **s)
{
	struct iovec iov[2];
	struct virtq_chain c[2] = { { .iov = &iov[0], .max = 1 },
				    { .iov = &iov[1], .max = 1 } };

	(void)s;
	drv_up(8, PACKED | EVENT);
	drv_buffer(DATA_AT, 8, true, 0);
	drv_buffer(DATA_AT, 8, true, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(virtq_pop(&drv.q, &c[i]), 1);
	assert_int_equal(drv_pop(), 0);
	virtq_unpop(&drv.q, &c[1]);
	virtq_unpop(&drv.q, &c[0]);
	assert_false(virtq_want_kicks(&drv.q, true));
	assert_int_equal(drv16(USED_AT)[0] & 0x7fff, 2);
	assert_false(virtq_empty(&drv.q));
	drv_buffer(DATA_AT, 8, true, 2);
	assert_true(virtq_want_kicks(&drv.q, true));
	drv_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_takes_as_many_places_as_it_has_descriptors),
		cmocka_unit_test(an_indirect_table_is_read_in_order),
		cmocka_unit_test(a_chain_longer_than_the_ring_breaks_it),
		cmocka_unit_test(chains_out_never_take_more_places_than_the_ring_has),
		cmocka_unit_test(places_given_back_are_free_again),
		cmocka_unit_test(tables_within_chains_break_it),
		cmocka_unit_test(a_used_place_is_not_available),
		cmocka_unit_test(the_drivers_area_says_whether_to_interrupt),
		cmocka_unit_test(the_drivers_area_says_at_which_place),
		cmocka_unit_test(kicks_are_asked_for_and_not),
		cmocka_unit_test(a_kick_is_asked_for_what_comes_after_what_was_put_back),
	};

	return cmocka_run_group_tests_name("virtq_packed", tests, NULL, NULL);
}
