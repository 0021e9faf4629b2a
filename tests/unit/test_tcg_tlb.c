// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/memory/tlb.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tcg-plugin/memory/tlb.h"

static struct soft_tlb *fresh(void)
{
	struct soft_tlb *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(t, MAP_FAILED);
	tlb_flush(t);
	return t;
}

static void done(struct soft_tlb *t)
{
	munmap(t, sizeof(*t));
}

static u8 page[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static void a_filled_page_is_found_to_its_last_byte(void **state)
{
	struct soft_tlb *t = fresh();
	u64 la = 0xffff888000123000;

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_READ, la + 0x345, page);
	assert_ptr_equal(tlb_lookup(t, TLB_SUPER, TLB_READ, la, 8), page);
	assert_ptr_equal(tlb_lookup(t, TLB_SUPER, TLB_READ, la + 4095, 1),
			 page + 4095);
	assert_ptr_equal(tlb_lookup(t, TLB_SUPER, TLB_READ, la + 4088, 8),
			 page + 4088);
	/* translated code's other way to the same byte */
	assert_int_equal(t->host[TLB_SUPER][TLB_READ][tlb_slot(la)],
			 (uintptr_t)page);
	done(t);
}

static void an_access_over_the_page_end_takes_the_slow_path(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x400000, page);
	assert_null(tlb_lookup(t, TLB_USER, TLB_WRITE, 0x400ff9, 8));
	assert_null(tlb_lookup(t, TLB_USER, TLB_WRITE, 0x400fff, 2));
	done(t);
}

static void modes_and_kinds_are_apart(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x5000, page);
	assert_null(tlb_lookup(t, TLB_USER, TLB_READ, 0x5000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER_AC, TLB_READ, 0x5000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0x5000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_EXEC, 0x5000, 1));
	done(t);
}

/* Every slot, and addresses no CPU has: nothing matches what is empty. */
static void no_address_matches_an_empty_slot(void **state)
{
	static const u64 odd[] = { 0, 0x5000, 0x800000000000, ~0ull << 12,
				   0xffff800000000000, 0x7ffffffff000,
				   0x1000000000000000, 0xfff };
	struct soft_tlb *t = fresh();

	(void)state;
	for (u64 p = 0; p < 2 * TLB_SIZE; p++)
		for (unsigned i = 0; i < ARRAY_LEN(odd); i++) {
			u64 la = odd[i] + (p << PAGE_SHIFT);

			assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, la, 1));
			assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ,
					       la + 0xabc, 8));
		}
	done(t);
}

static void another_page_of_the_same_slot_does_not_match(void **state)
{
	struct soft_tlb *t = fresh();
	u64 apart = (u64)TLB_SIZE << PAGE_SHIFT;

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x7000, page);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x7000 + apart, 4));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ,
			       0x7000 | 1ull << 63, 4));
	done(t);
}

static void page_zero_and_the_last_page_work_as_any_other(void **state)
{
	static const u64 ends[] = { 0, 0xfffffffffffff000, 0xffff000,
				    0x7ffffffff000 };
	struct soft_tlb *t = fresh();

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		tlb_fill(t, TLB_SUPER, TLB_READ, ends[i], page);
		assert_ptr_equal(tlb_lookup(t, TLB_SUPER, TLB_READ,
					    ends[i] + 0xff8, 8),
				 page + 0xff8);
		tlb_flush_page(t, ends[i]);
		assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, ends[i], 1));
	}
	done(t);
}

static void flush_page_forgets_one_page_of_every_kind(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++) {
			tlb_fill(t, m, k, 0x9000, page);
			tlb_fill(t, m, k, 0xa000, page);
		}
	tlb_flush_page(t, 0x9123);
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++) {
			assert_null(tlb_lookup(t, m, k, 0x9000, 1));
			assert_non_null(tlb_lookup(t, m, k, 0xa000, 1));
		}
	done(t);
}

static void flush_forgets_everything_however_much_was_filled(void **state)
{
	struct soft_tlb *t = fresh();
	u64 gen = t->gen;

	(void)state;
	for (u64 p = 0; p < 2 * TLB_FILLED_MAX; p++)
		tlb_fill(t, TLB_USER, TLB_READ, p << PAGE_SHIFT, page);
	tlb_fill(t, TLB_SUPER, TLB_EXEC, 0x3000, page);
	tlb_flush(t);
	for (u64 p = 0; p < 2 * TLB_FILLED_MAX; p++)
		assert_null(tlb_lookup(t, TLB_USER, TLB_READ,
				       p << PAGE_SHIFT, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_EXEC, 0x3000, 1));
	assert_true(t->gen > gen);
	done(t);
}

static void a_new_address_space_keeps_global_pages_only(void **state)
{
	struct soft_tlb *t = fresh();
	u64 apart = (u64)TLB_SIZE << PAGE_SHIFT;

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x3000, page);
	tlb_fill_global(t, TLB_SUPER, TLB_READ, 0x4000, page);
	tlb_fill_global(t, TLB_SUPER, TLB_READ, 0x5000, page);
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x5000 + apart, page);
	tlb_flush_local(t);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x3000, 1));
	assert_non_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x4000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x5000 + apart, 1));
	for (u64 p = 0; p < 2 * TLB_FILLED_MAX; p++)
		tlb_fill(t, TLB_SUPER, TLB_READ, p << PAGE_SHIFT, page);
	tlb_flush_local(t);
	for (u64 p = 0; p < 2 * TLB_FILLED_MAX; p++)
		assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ,
				       p << PAGE_SHIFT, 1));
	tlb_flush(t);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x4000, 1));
	done(t);
}

static void flush_kind_leaves_the_other_kinds(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_EXEC, 0x3000, page);
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x3000, page);
	tlb_flush_kind(t, TLB_EXEC);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_EXEC, 0x3000, 1));
	assert_non_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x3000, 1));
	done(t);
}

static void protect_drops_write_entries_of_a_host_range_only(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_WRITE, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x7fff00002000, page);
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x4000, page + PAGE_SIZE);
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	tlb_protect(t, page, PAGE_SIZE);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0x1000, 1));
	assert_null(tlb_lookup(t, TLB_USER, TLB_WRITE, 0x7fff00002000, 1));
	assert_non_null(tlb_lookup(t, TLB_USER, TLB_WRITE, 0x4000, 1));
	assert_non_null(tlb_lookup(t, TLB_USER, TLB_READ, 0x1000, 1));
	done(t);
}

/* What says that a page may have write entries outlives them, and a flush of
 * everything only once. */
static void protect_finds_entries_filled_after_a_flush(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_SUPER, TLB_WRITE, 0x1000, page);
	tlb_flush_local(t);
	tlb_protect(t, page, PAGE_SIZE);
	tlb_fill(t, TLB_SUPER, TLB_WRITE, 0x1000, page);
	tlb_protect(t, page, PAGE_SIZE);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0x1000, 1));
	tlb_flush(t);
	tlb_fill_global(t, TLB_SUPER, TLB_WRITE, 0x3000, page);
	tlb_fill(t, TLB_SUPER, TLB_WRITE, 0x4000, page + PAGE_SIZE);
	tlb_protect(t, page, 2 * PAGE_SIZE);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0x3000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0x4000, 1));
	done(t);
}

static void data_entries_go_in_every_mode_and_fetches_stay(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	for (unsigned m = 0; m < TLB_MODES; m++)
		for (unsigned k = 0; k < TLB_KINDS; k++) {
			tlb_fill(t, m, k, 0x5000, page);
			tlb_fill(t, m, k, 0x6000, page);
		}
	tlb_drop_data(t, 0x5123);
	for (unsigned m = 0; m < TLB_MODES; m++) {
		assert_null(tlb_lookup(t, m, TLB_READ, 0x5000, 1));
		assert_null(tlb_lookup(t, m, TLB_WRITE, 0x5000, 1));
		assert_non_null(tlb_lookup(t, m, TLB_EXEC, 0x5000, 1));
		assert_non_null(tlb_lookup(t, m, TLB_WRITE, 0x6000, 1));
	}
	done(t);
}

static void entries_that_disagree_on_a_page_go(void **state)
{
	struct soft_tlb *t = fresh();

	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0, page);
	tlb_fill(t, TLB_SUPER, TLB_WRITE, 0, page + PAGE_SIZE);
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page + PAGE_SIZE);
	assert_true(tlb_knows(t, 0x123));
	tlb_agree(t, 0x123, page);
	assert_non_null(tlb_lookup(t, TLB_USER, TLB_READ, 0, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_WRITE, 0, 1));
	tlb_agree(t, 0, NULL);
	assert_false(tlb_knows(t, 0));
	assert_true(tlb_knows(t, 0x1fff));
	assert_false(tlb_knows(t, 0x2000));
	done(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filled_page_is_found_to_its_last_byte),
		cmocka_unit_test(
			an_access_over_the_page_end_takes_the_slow_path),
		cmocka_unit_test(modes_and_kinds_are_apart),
		cmocka_unit_test(no_address_matches_an_empty_slot),
		cmocka_unit_test(another_page_of_the_same_slot_does_not_match),
		cmocka_unit_test(page_zero_and_the_last_page_work_as_any_other),
		cmocka_unit_test(flush_page_forgets_one_page_of_every_kind),
		cmocka_unit_test(
			flush_forgets_everything_however_much_was_filled),
		cmocka_unit_test(a_new_address_space_keeps_global_pages_only),
		cmocka_unit_test(flush_kind_leaves_the_other_kinds),
		cmocka_unit_test(
			protect_drops_write_entries_of_a_host_range_only),
		cmocka_unit_test(protect_finds_entries_filled_after_a_flush),
		cmocka_unit_test(
			data_entries_go_in_every_mode_and_fetches_stay),
		cmocka_unit_test(entries_that_disagree_on_a_page_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
