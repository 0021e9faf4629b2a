// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/code/arena.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tcg-plugin/code/arena.h"
#include "vmm/base/types.h"

static void an_arena_is_zero_and_may_be_written_to_its_last_byte(void **state)
{
	const size_t sizes[] = { 4096, 4 * MiB, 4 * MiB + 4096, 64 * MiB };

	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
		u8 *p = arena_map(sizes[k]);

		assert_non_null(p);
		assert_int_equal(p[0] | p[sizes[k] / 2] | p[sizes[k] - 1], 0);
		p[0] = p[sizes[k] - 1] = 1;
		arena_unmap(p, sizes[k]);
	}
}

static void an_arena_costs_no_memory_until_it_is_used(void **state)
{
	const size_t size = 64 * MiB;
	u8 *p = arena_map(size), seen[64 * MiB / 4096];
	size_t there = 0;

	(void)state;
	assert_non_null(p);
	p[5 * 4096] = 1;
	assert_int_equal(mincore(p, size, seen), 0);
	for (size_t n = 0; n < size / 4096; n++)
		there += seen[n] & 1;
	assert_int_equal(there, 1);
	arena_unmap(p, size);
}

static void what_does_not_fit_is_null_and_null_may_be_given_back(void **state)
{
	(void)state;
	assert_null(arena_map(1ull << 60));
	arena_unmap(NULL, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_is_zero_and_may_be_written_to_its_last_byte),
		cmocka_unit_test(an_arena_costs_no_memory_until_it_is_used),
		cmocka_unit_test(what_does_not_fit_is_null_and_null_may_be_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
