// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtq.c: enabling, what both layouts do alike, iovecs,
 * state.  Each layout test runs over a split and a packed ring.
 */
#include "tests/unit/virtq_driver.h"
#include "virtio/virtq_priv.h"

#include <stdlib.h>

#define PACKED   BIT64(VIRTIO_F_RING_PACKED)
#define IN_ORDER BIT64(VIRTIO_F_IN_ORDER)
#define EVENT    BIT64(VIRTIO_F_EVENT_IDX)

static u64 layouts[2] = { 0, PACKED };

static void a_queue_that_is_not_enabled_gives_nothing(void **s)
{
	(void)s;
	drv_memory(8);
	assert_int_equal(drv_pop(), 0);
	assert_true(virtq_empty(&drv.q));
	assert_false(virtq_should_notify(&drv.q));
	drv_down();
}

static void bad_sizes_are_refused(void **s)
{
	static const u16 sizes[] = { 0, 3, 1025, 65535 };

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		drv_memory(sizes[i]);
		assert_false(virtq_enable(&drv.q, 0, false));
		assert_int_equal(drv.broken, 1);
		drv_down();
	}
	drv_memory(3);                 /* packed rings may have any size   */
	assert_true(virtq_enable(&drv.q, PACKED, false));
	drv_down();
}

static void rings_outside_ram_or_misaligned_are_refused(void **s)
{
	static const u64 bad[] = { RAM_LEN, RAM_LEN - 16, ~0ull - 15, 0xfee00000,
				   DESC_AT + 1 };

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		for (unsigned i = 0; i < ARRAY_LEN(bad) * 3; i++) {
			u64 *which[3];

			drv_memory(8);
			which[0] = &drv.q.desc;
			which[1] = &drv.q.driver;
			which[2] = &drv.q.device;
			*which[i % 3] = bad[i / 3];
			if (l && i % 3 && i / 3 == 1) {
				drv_down();
				continue;      /* four bytes do fit there */
			}
			assert_false(virtq_enable(&drv.q, layouts[l], false));
			drv_down();
		}
	}
	drv_memory(8);                 /* the device must be able to write */
	drv.q.device = ROM_AT;
	assert_false(virtq_enable(&drv.q, 0, false));
	drv_down();
}

static void a_buffer_goes_round_both_ways(void **s)
{
	u32 id, len;
	char got[6];

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(8, layouts[l]);
		memcpy(drv.ram + DATA_AT, "hello", 5);
		drv_buffer(DATA_AT, 5, false, 3);
		assert_int_equal(drv_pop(), 1);
		assert_int_equal(drv.c.out_len, 5);
		assert_int_equal(drv.c.in_len, 0);
		assert_int_equal(virtq_read(&drv.c, 0, got, 6), 5);
		assert_memory_equal(got, "hello", 5);
		virtq_push(&drv.q, &drv.c, 0);
		assert_true(drv_take(&id, &len, 1));
		assert_int_equal(id, 3);

		drv_buffer(DATA_AT, 16, true, 4);
		assert_int_equal(drv_pop(), 1);
		assert_int_equal(virtq_write(&drv.c, 0, "world", 5), 5);
		virtq_push(&drv.q, &drv.c, 5);
		assert_true(drv_take(&id, &len, 1));
		assert_int_equal(id, 4);
		assert_int_equal(len, 5);
		assert_memory_equal(drv.ram + DATA_AT, "world", 5);
		assert_false(drv_take(&id, &len, 1));
		drv_down();
	}
}

static void rings_wrap_for_ever(void **s)
{
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(l ? 5 : 8, layouts[l]);
		for (unsigned i = 0; i < 70000; i++) {
			drv_buffer(DATA_AT, 64, i & 1, i % drv.q.size);
			assert_int_equal(drv_pop(), 1);
			virtq_push(&drv.q, &drv.c, i & 1);
			assert_true(drv_take(&id, &len, 1));
			assert_int_equal(id, i % drv.q.size);
		}
		assert_int_equal(drv.broken, 0);
		drv_down();
	}
}

static void buffers_that_are_not_ram_break_the_queue(void **s)
{
	static const struct { u64 addr; u32 len; bool write; } bad[] = {
		{ RAM_LEN, 16, false }, { RAM_LEN - 8, 16, false },
		{ 0xfee00000, 4, true }, { ~0ull - 4, 16, false },
		{ ROM_AT, 16, true }, { DATA_AT, 0, false },
		{ DATA_AT, 0xffffffff, true },
	};

	(void)s;
	for (unsigned l = 0; l < 2; l++)
		for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
			drv_up(8, layouts[l]);
			drv_buffer(bad[i].addr, bad[i].len, bad[i].write, 1);
			drv_expect_broken("");
			drv_down();
		}
}

static void rom_may_be_read(void **s)
{
	(void)s;
	drv_up(8, 0);
	drv_buffer(ROM_AT, 16, false, 1);
	assert_int_equal(drv_pop(), 1);
	virtq_push(&drv.q, &drv.c, 0);
	drv_down();
}

static void a_chain_put_back_comes_again(void **s)
{
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(4, layouts[l]);
		for (unsigned i = 0; i < 20; i++) {
			drv_buffer(DATA_AT, 8, false, i % 4);
			assert_int_equal(drv_pop(), 1);
			virtq_unpop(&drv.q, &drv.c);
			assert_int_equal(drv_pop(), 1);
			assert_int_equal(drv.c.head, i % 4);
			virtq_push(&drv.q, &drv.c, 0);
			assert_true(drv_take(&id, &len, 1));
		}
		drv_down();
	}
}

static void filled_chains_show_only_when_flushed(void **s)
{
	struct virtq_chain a, b;
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(8, layouts[l]);
		drv_buffer(DATA_AT, 8, true, 0);
		drv_buffer(DATA_AT + 64, 8, true, 1);
		assert_int_equal(drv_pop(), 1);
		a = drv.c;
		assert_int_equal(drv_pop(), 1);
		b = drv.c;
		virtq_fill(&drv.q, &a, 8);
		virtq_fill(&drv.q, &b, 8);
		assert_false(drv_take(&id, &len, 1));
		virtq_flush(&drv.q);
		assert_true(drv_take(&id, &len, 1));
		assert_int_equal(id, 0);
		assert_true(drv_take(&id, &len, 1));
		assert_int_equal(id, 1);
		drv_down();
	}
}

static void in_order_gives_back_in_the_order_of_popping(void **s)
{
	struct virtq_chain c[3];
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(4, layouts[l] | IN_ORDER);
		for (unsigned round = 0; round < 5; round++) {
			for (u16 i = 0; i < 3; i++)
				drv_buffer(DATA_AT, 8, false, i);
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(drv_pop(), 1);
				c[i] = drv.c;
			}
			virtq_push(&drv.q, &c[2], 0);
			virtq_push(&drv.q, &c[1], 0);
			assert_false(drv_take(&id, &len, 1));
			virtq_push(&drv.q, &c[0], 0);
			for (u32 i = 0; i < 3; i++) {
				assert_true(drv_take(&id, &len, 1));
				assert_int_equal(id, i);
			}
		}
		drv_down();
	}
}

static void after_a_reset_old_chains_write_nothing(void **s)
{
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		drv_up(8, layouts[l]);
		drv_buffer(DATA_AT, 8, true, 0);
		drv_buffer(DATA_AT, 8, true, 1);
		assert_int_equal(drv_pop(), 1);
		virtq_disable(&drv.q);
		virtq_push(&drv.q, &drv.c, 8);
		assert_false(drv_take(&id, &len, 1));
		assert_int_equal(drv.q.inuse, 0);
		drv_down();
	}
}

static void state_goes_round_and_the_queue_goes_on(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };
	u32 id, len;

	(void)s;
	for (unsigned l = 0; l < 2; l++) {
		strbuf_reset(&b);
		drv_up(4, layouts[l]);
		for (u16 i = 0; i < 6; i++) {
			drv_buffer(DATA_AT, 8, true, i % 4);
			assert_int_equal(drv_pop(), 1);
			virtq_push(&drv.q, &drv.c, 8);
			assert_true(drv_take(&id, &len, 1));
		}
		state_save(&virtq_state, &drv.q, &b);
		virtq_disable(&drv.q);
		assert_int_equal(state_load(&virtq_state, &drv.q, 1, b.buf, b.len,
					    &e), 0);
		assert_true(virtq_enable(&drv.q, layouts[l], true));
		drv_buffer(DATA_AT, 8, true, 2);
		assert_int_equal(drv_pop(), 1);
		assert_int_equal(drv.c.head, 2);
		virtq_push(&drv.q, &drv.c, 8);
		assert_true(drv_take(&id, &len, 1));
		drv_down();
	}
	strbuf_fini(&b);
}

/* One chain is done and waits for the one before it; then the stream lies
 * about how long it is. */
static void a_loaded_order_longer_than_the_ring_breaks_it(void **s)
{
	struct strbuf b = STRBUF_INIT;
	struct err e = { 0 };
	struct virtq_chain first;

	(void)s;
	for (unsigned lie = 0; lie < 2; lie++) {
		strbuf_reset(&b);
		drv_up(4, PACKED | IN_ORDER);
		drv_buffer(DATA_AT, 8, false, 0);
		drv_buffer(DATA_AT, 8, false, 1);
		assert_int_equal(drv_pop(), 1);
		first = drv.c;
		assert_int_equal(drv_pop(), 1);
		virtq_push(&drv.q, &drv.c, 0);
		if (lie)
			drv.q.order[1].ndesc = 60000;
		state_save(&virtq_state, &drv.q, &b);
		virtq_disable(&drv.q);
		virtq_drop(&drv.q, &first);
		assert_int_equal(state_load(&virtq_state, &drv.q, 1, b.buf,
					    b.len, &e), 0);
		virtq_enable(&drv.q, PACKED | IN_ORDER, true);
		assert_int_equal(drv.broken, lie);
		drv_down();
	}
	strbuf_fini(&b);
}

static void written_bytes_are_marked_dirty(void **s)
{
	u64 bits[RAM_LEN / PAGE_SIZE / 64];

	(void)s;
	drv_up(8, 0);
	gmem_dirty_log(drv.gmem, true);
	drv_buffer(DATA_AT, 2 * PAGE_SIZE, true, 0);
	assert_int_equal(drv_pop(), 1);
	virtq_push(&drv.q, &drv.c, PAGE_SIZE + 1);
	memset(bits, 0, sizeof(bits));
	gmem_dirty_take(gmem_find(drv.gmem, 0), bits);
	assert_true(bits[0] >> (DATA_AT / PAGE_SIZE) & 1);
	assert_true(bits[0] >> (DATA_AT / PAGE_SIZE + 1) & 1);
	assert_true(bits[0] >> (USED_AT / PAGE_SIZE) & 1);
	drv_down();
}

static void iovecs_are_cut_and_copied_within_bounds(void **s)
{
	char a[4] = "abcd", b[4] = "efgh", out[9] = { 0 };
	struct iovec iov[2] = { { a, 4 }, { b, 4 } }, cut[2];

	(void)s;
	assert_int_equal(iov_from(iov, 2, 2, out, 9), 6);
	assert_string_equal(out, "cdefgh");
	assert_int_equal(iov_to(iov, 2, 3, "XYZ", 3), 3);
	assert_memory_equal(a, "abcX", 4);
	assert_memory_equal(b, "YZgh", 4);
	assert_int_equal(iov_from(iov, 2, 8, out, 1), 0);
	assert_int_equal(iov_slice(iov, 2, 1, 5, cut, 2), 2);
	assert_ptr_equal(cut[0].iov_base, a + 1);
	assert_int_equal(cut[0].iov_len, 3);
	assert_int_equal(cut[1].iov_len, 2);
	assert_int_equal(iov_slice(iov, 2, 1, 5, cut, 1), -1);
}

/* Rings full of noise: whatever comes out lies in RAM, and it ends. */
static void noise_never_leaves_ram(void **s)
{
	(void)s;
	srandom(1);
	for (unsigned round = 0; round < 4000; round++) {
		drv_up(16, layouts[round & 1] | EVENT | IN_ORDER |
		       BIT64(VIRTIO_F_INDIRECT_DESC));
		for (u32 i = DESC_AT; i < TABLE_AT + 4096; i += 2)
			*drv16(i) = random() & (random() & 1 ? 0x1f : 0xffff);
		for (unsigned n = 0; n < 40 && drv_pop() > 0; n++) {
			for (int i = 0; i < drv.c.nout + drv.c.nin; i++)
				assert_non_null(drv.c.iov[i].iov_base);
			assert_true(drv.c.nout + drv.c.nin <= drv.c.max);
			virtq_push(&drv.q, &drv.c, drv.c.in_len);
			virtq_should_notify(&drv.q);
			virtq_want_kicks(&drv.q, n & 1);
		}
		drv_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_that_is_not_enabled_gives_nothing),
		cmocka_unit_test(bad_sizes_are_refused),
		cmocka_unit_test(rings_outside_ram_or_misaligned_are_refused),
		cmocka_unit_test(a_buffer_goes_round_both_ways),
		cmocka_unit_test(rings_wrap_for_ever),
		cmocka_unit_test(buffers_that_are_not_ram_break_the_queue),
		cmocka_unit_test(rom_may_be_read),
		cmocka_unit_test(a_chain_put_back_comes_again),
		cmocka_unit_test(filled_chains_show_only_when_flushed),
		cmocka_unit_test(in_order_gives_back_in_the_order_of_popping),
		cmocka_unit_test(after_a_reset_old_chains_write_nothing),
		cmocka_unit_test(state_goes_round_and_the_queue_goes_on),
		cmocka_unit_test(a_loaded_order_longer_than_the_ring_breaks_it),
		cmocka_unit_test(written_bytes_are_marked_dirty),
		cmocka_unit_test(iovecs_are_cut_and_copied_within_bounds),
		cmocka_unit_test(noise_never_leaves_ram),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
