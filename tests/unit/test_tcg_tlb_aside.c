// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/memory/tlb_aside.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tcg-plugin/memory/tlb.h"

static struct soft_tlb *t;
static u8 page[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static int setup(void **state)
{
	(void)state;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(t, MAP_FAILED);
	tlb_flush(t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(t, sizeof(*t));
	return 0;
}

/* As a front end does it. */
static void go_to(u32 asid)
{
	struct tlb_aside *set;

	tlb_put_aside(t);
	tlb_flush_local(t);
	t->asid = asid;
	set = tlb_aside_find(t, asid);
	if (set)
		tlb_bring_back(t, set);
}

static void *user(enum tlb_kind k, u64 la)
{
	return tlb_lookup(t, TLB_USER, k, la, 1);
}

static void an_address_space_finds_its_pages_when_it_comes_back(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x1000, page);
	tlb_fill(t, TLB_SUPER, TLB_EXEC, 0x7f0000002000, page + PAGE_SIZE);
	go_to(5);
	assert_null(user(TLB_READ, 0x1000));
	assert_null(user(TLB_WRITE, 0x1000));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_EXEC, 0x7f0000002000, 1));
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page + 2 * PAGE_SIZE);
	go_to(0);
	assert_ptr_equal(user(TLB_READ, 0x1000), page);
	assert_ptr_equal(user(TLB_WRITE, 0x1000), page);
	assert_ptr_equal(tlb_lookup(t, TLB_SUPER, TLB_EXEC, 0x7f0000002000, 1),
			 page + PAGE_SIZE);
	assert_null(user(TLB_EXEC, 0x1000));
	go_to(5);
	assert_ptr_equal(user(TLB_READ, 0x1000), page + 2 * PAGE_SIZE);
}

static void page_zero_and_the_last_one_come_back_too(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0, page);
	tlb_fill(t, TLB_USER, TLB_READ, ~0xfffull, page + PAGE_SIZE);
	go_to(1);
	assert_null(user(TLB_READ, 0));
	assert_null(user(TLB_READ, ~0xfffull));
	go_to(0);
	assert_ptr_equal(user(TLB_READ, 0), page);
	assert_ptr_equal(user(TLB_READ, ~0xfffull), page + PAGE_SIZE);
}

static void global_pages_stay_and_are_never_put_aside(void **state)
{
	u64 apart = (u64)TLB_SIZE << PAGE_SHIFT;

	(void)state;
	tlb_fill_global(t, TLB_SUPER, TLB_READ, 0x4000, page);
	tlb_fill(t, TLB_SUPER, TLB_READ, 0x5000 + apart, page);
	tlb_fill_global(t, TLB_SUPER, TLB_READ, 0x5000, page);
	go_to(1);
	assert_non_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x4000, 1));
	tlb_flush(t);
	go_to(0);
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x4000, 1));
	assert_null(tlb_lookup(t, TLB_SUPER, TLB_READ, 0x5000, 1));
}

static void what_was_dropped_while_present_does_not_come_back(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_READ, 0x2000, page);
	go_to(1);
	go_to(0);
	tlb_flush_page(t, 0x1000);
	go_to(1);
	go_to(0);
	assert_null(user(TLB_READ, 0x1000));
	assert_non_null(user(TLB_READ, 0x2000));
	tlb_flush_local(t);
	go_to(1);
	go_to(0);
	assert_null(user(TLB_READ, 0x2000));
}

static void what_was_remapped_while_present_comes_back_as_it_is_now(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	go_to(1);
	go_to(0);
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page + PAGE_SIZE);
	go_to(1);
	go_to(0);
	/* it may be missed; it may not be the old one */
	assert_ptr_not_equal(user(TLB_READ, 0x1000), page);
}

static void one_page_or_all_of_a_set_are_dropped(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_READ, 0x2000, page);
	go_to(1);
	tlb_aside_drop_page(tlb_aside_find(t, 0), 0x1000, ~0xfffull);
	go_to(0);
	assert_null(user(TLB_READ, 0x1000));
	assert_null(user(TLB_WRITE, 0x1000));
	assert_non_null(user(TLB_READ, 0x2000));
	go_to(1);
	tlb_aside_forget(t);
	assert_null(tlb_aside_find(t, 0));
	go_to(0);
	assert_null(user(TLB_READ, 0x2000));
}

static void protection_reaches_what_is_put_aside(void **state)
{
	(void)state;
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	tlb_fill(t, TLB_USER, TLB_WRITE, 0x2000, page + PAGE_SIZE);
	tlb_fill(t, TLB_USER, TLB_EXEC, 0x2000, page + PAGE_SIZE);
	go_to(1);
	tlb_protect(t, page, PAGE_SIZE);
	tlb_flush_kind(t, TLB_EXEC);
	go_to(0);
	assert_null(user(TLB_WRITE, 0x1000));
	assert_null(user(TLB_EXEC, 0x2000));
	assert_non_null(user(TLB_READ, 0x1000));
	assert_non_null(user(TLB_WRITE, 0x2000));
}

/* So that a set does not grow with what is no longer used. */
static void an_entry_is_moved_a_limited_number_of_times(void **state)
{
	unsigned moves = 0;

	(void)state;
	tlb_fill(t, TLB_USER, TLB_READ, 0x1000, page);
	do {
		go_to(1);
		go_to(0);
		moves++;
	} while (user(TLB_READ, 0x1000) && moves < 1000);
	assert_in_range(moves, TLB_MOVES / 2, TLB_MOVES + 1);
}

static void the_space_left_longest_ago_gives_way(void **state)
{
	(void)state;
	for (u32 asid = 0; asid < TLB_ASIDES + 1; asid++) {
		go_to(asid);
		tlb_fill(t, TLB_USER, TLB_READ, 0x1000 * (asid + 1), page);
	}
	go_to(100);
	assert_null(tlb_aside_find(t, 0));
	for (u32 asid = 1; asid < TLB_ASIDES + 1; asid++)
		assert_non_null(tlb_aside_find(t, asid));
}

static void more_than_a_set_holds_is_left_behind(void **state)
{
	unsigned found = 0;

	(void)state;
	for (u64 n = 0; n < 3 * TLB_ASIDE_MAX; n++)
		tlb_fill(t, TLB_USER, TLB_READ, n << PAGE_SHIFT, page);
	go_to(1);
	go_to(0);
	for (u64 n = 0; n < 3 * TLB_ASIDE_MAX; n++)
		found += user(TLB_READ, n << PAGE_SHIFT) != NULL;
	assert_int_equal(found, TLB_ASIDE_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_address_space_finds_its_pages_when_it_comes_back),
		T(page_zero_and_the_last_one_come_back_too),
		T(global_pages_stay_and_are_never_put_aside),
		T(what_was_dropped_while_present_does_not_come_back),
		T(what_was_remapped_while_present_comes_back_as_it_is_now),
		T(one_page_or_all_of_a_set_are_dropped),
		T(protection_reaches_what_is_put_aside),
		T(an_entry_is_moved_a_limited_number_of_times),
		T(the_space_left_longest_ago_gives_way),
		T(more_than_a_set_holds_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
