/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/memory/string.c, which the linker prefers to libc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/base/types.h"

enum { ROOM = 512, MIDDLE = 128, LONGEST = 200 };

static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

static void fill(u8 *p)
{
	for (unsigned n = 0; n < ROOM; n++)
		p[n] = (u8)(n * 7 ^ n >> 3);
}

static void one_move(s32 apart, unsigned n)
{
	u8 got[ROOM], was[ROOM];

	fill(got);
	fill(was);
	assert_ptr_equal(move(got + MIDDLE + apart, got + MIDDLE, n),
			 got + MIDDLE + apart);
	for (unsigned k = 0; k < ROOM; k++) {
		const s32 from = (s32)k - apart;
		const bool moved = from >= MIDDLE && from < MIDDLE + (s32)n;

		assert_int_equal(got[k], was[moved ? from : (s32)k]);
	}
}

static void moves_may_overlap_at_every_distance(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= LONGEST; n++)
		for (s32 apart = -20; apart <= 20; apart++)
			one_move(apart, n);
}

static void copies_of_every_length_are_whole_and_no_longer(void **state)
{
	u8 from[ROOM], to[ROOM];

	(void)state;
	fill(from);
	for (unsigned n = 0; n <= LONGEST; n++) {
		for (unsigned k = 0; k < ROOM; k++)
			to[k] = 0xa5;
		assert_ptr_equal(copy(to + 1, from, n), to + 1);
		for (unsigned k = 0; k < ROOM; k++)
			assert_int_equal(to[k], k && k <= n ? from[k - 1]
							    : 0xa5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_may_overlap_at_every_distance),
		cmocka_unit_test(
			copies_of_every_length_are_whole_and_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
