// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/memory/tlb2.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcg-plugin/memory/tlb2.h"

enum { P4K = 12, P2M = 21, P1G = 30 };

static struct tlb2 *t;

static int setup(void **state)
{
	(void)state;
	t = calloc(1, sizeof(*t));
	assert_non_null(t);
	tlb2_flush(t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(t);
	return 0;
}

static u64 pa_of(u32 asid, u64 la)
{
	const struct tlb2_entry *e = tlb2_find(t, asid, la);

	return e ? e->pa : ~0ull;
}

static void a_page_of_each_size_is_found_by_any_of_its_addresses(void **state)
{
	const struct tlb2_entry *e;

	(void)state;
	tlb2_fill(t, 1, 0x7000123, 0x5000456, P4K, 3, false);
	tlb2_fill(t, 1, 0x40234567, 0x80234567, P2M, 4, false);
	tlb2_fill(t, 1, 0x8012345678, 0xc012345678, P1G, 5, false);
	e = tlb2_find(t, 1, 0x7000fff);
	assert_non_null(e);
	assert_int_equal(e->pa, 0x5000000);
	assert_int_equal(e->attr, 3);
	assert_int_equal(e->shift, P4K);
	assert_int_equal(pa_of(1, 0x403fffff), 0x80200000);
	assert_int_equal(pa_of(1, 0x803fffffff), 0xc000000000);
	assert_null(tlb2_find(t, 1, 0x7001000));
	assert_null(tlb2_find(t, 1, 0x40400000));
	assert_null(tlb2_find(t, 1, 0x8040000000));
}

static void a_fresh_one_holds_nothing(void **state)
{
	(void)state;
	assert_null(tlb2_find(t, 0, 0));
	assert_null(tlb2_find(t, TLB2_ASIDS - 1, 0));
	assert_int_equal(tlb2_pieces(t, 0), 4096);
}

static void address_spaces_do_not_see_each_other_s_pages(void **state)
{
	(void)state;
	tlb2_fill(t, 1, 0x1000, 0xa000, P4K, 0, false);
	tlb2_fill(t, 2, 0x1000, 0xb000, P4K, 0, false);
	assert_int_equal(pa_of(1, 0x1000), 0xa000);
	assert_int_equal(pa_of(2, 0x1000), 0xb000);
	assert_null(tlb2_find(t, 3, 0x1000));
	tlb2_flush_asid(t, 1);
	assert_null(tlb2_find(t, 1, 0x1000));
	assert_int_equal(pa_of(2, 0x1000), 0xb000);
	tlb2_fill(t, 1, 0x1000, 0xc000, P4K, 0, false);
	assert_int_equal(pa_of(1, 0x1000), 0xc000);
}

static void global_pages_are_everybody_s(void **state)
{
	(void)state;
	tlb2_fill(t, 1, 0x1000, 0xa000, P4K, 0, true);
	tlb2_fill(t, 1, 0x2000, 0xb000, P4K, 0, false);
	assert_int_equal(pa_of(7, 0x1000), 0xa000);
	tlb2_flush_asid(t, 1);
	assert_int_equal(pa_of(1, 0x1000), 0xa000);
	tlb2_flush_local(t);
	assert_int_equal(pa_of(1, 0x1000), 0xa000);
	assert_null(tlb2_find(t, 1, 0x2000));
	tlb2_flush(t);
	assert_null(tlb2_find(t, 1, 0x1000));
}

static void one_page_is_dropped_from_one_space(void **state)
{
	(void)state;
	for (u32 asid = 1; asid < 3; asid++) {
		tlb2_fill(t, asid, 0x1000, 0xa000, P4K, 0, false);
		tlb2_fill(t, asid, 0x2000, 0xb000, P4K, 0, false);
	}
	tlb2_fill(t, 1, 0x3000, 0xc000, P4K, 0, true);
	tlb2_flush_page(t, 1, 0x1fff, false);
	assert_null(tlb2_find(t, 1, 0x1000));
	assert_int_equal(pa_of(1, 0x2000), 0xb000);
	assert_int_equal(pa_of(2, 0x1000), 0xa000);
	tlb2_flush_page(t, 1, 0x3000, false);
	assert_int_equal(pa_of(1, 0x3000), 0xc000);
	tlb2_flush_page(t, 2, 0x3000, true);
	assert_null(tlb2_find(t, 1, 0x3000));
}

static void a_full_set_gives_way_and_never_lies(void **state)
{
	unsigned found = 0;

	(void)state;
	for (u64 n = 0; n < 4096; n++)
		tlb2_fill(t, 1, n << 12, (n + 7) << 12, P4K, 0, false);
	for (u64 n = 0; n < 4096; n++)
		if (tlb2_find(t, 1, n << 12)) {
			found++;
			assert_int_equal(pa_of(1, n << 12), (n + 7) << 12);
		}
	assert_int_equal(found, TLB2_SETS * TLB2_WAYS);
	assert_int_equal(pa_of(1, 4095 << 12), (4095 + 7) << 12);
}

static void pieces_are_remembered_until_everything_is_flushed(void **state)
{
	(void)state;
	tlb2_fill(t, 1, 0x40234567, 0, P2M, 0, false);
	tlb2_fill(t, 1, 0x8012345678, 0, P1G, 0, false);
	assert_int_equal(tlb2_pieces(t, 0x40200000), 2 * MiB);
	assert_int_equal(tlb2_pieces(t, 0x803fffffff), GiB);
	assert_int_equal(tlb2_pieces(t, 0x40400000), 4096);
	tlb2_flush_asid(t, 1);
	assert_int_equal(tlb2_pieces(t, 0x40200000), 2 * MiB);
	tlb2_flush(t);
	assert_int_equal(tlb2_pieces(t, 0x40200000), 4096);
	for (u64 n = 0; n < TLB2_HUGE + 1; n++)
		tlb2_fill(t, 1, n << 30, 0, P1G, 0, false);
	assert_int_equal(tlb2_pieces(t, 100ull << 30), GiB);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_page_of_each_size_is_found_by_any_of_its_addresses),
		T(a_fresh_one_holds_nothing),
		T(address_spaces_do_not_see_each_other_s_pages),
		T(global_pages_are_everybody_s),
		T(one_page_is_dropped_from_one_space),
		T(a_full_set_gives_way_and_never_lies),
		T(pieces_are_remembered_until_everything_is_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
