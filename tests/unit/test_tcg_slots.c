// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/memory/slots.c. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcg-plugin/memory/slots.h"

static u8 ram[8 * PAGE_SIZE] __attribute__((aligned(4096)));

static int set(struct mem_map *m, u32 slot, gpa_t gpa, u64 size, u8 *host,
	       u32 flags)
{
	const struct kvm_userspace_memory_region r = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (u64)(uintptr_t)host, .flags = flags,
	};
	struct mem_retired old;
	int rc = mem_map_set(m, &r, &old);

	if (!rc)
		mem_retired_free(&old);
	return rc;
}

static void slots_are_found_by_address_whatever_their_order(void **state)
{
	struct mem_map m;
	u64 left;

	(void)state;
	assert_int_equal(mem_map_init(&m), 0);
	assert_null(mem_find(mem_table(&m), 0));
	assert_int_equal(set(&m, 3, 0x100000, 0x2000, ram + 0x2000, 0), 0);
	assert_int_equal(set(&m, 1, 0, 0x2000, ram, 0), 0);
	assert_int_equal(set(&m, 2, 0x8000, 0x1000, ram + 0x4000, 0), 0);
	assert_ptr_equal(mem_host(mem_table(&m), 0x1fff, &left), ram + 0x1fff);
	assert_int_equal(left, 1);
	assert_null(mem_host(mem_table(&m), 0x2000, NULL));
	assert_ptr_equal(mem_host(mem_table(&m), 0x8000, &left), ram + 0x4000);
	assert_ptr_equal(mem_host(mem_table(&m), 0x101000, &left),
			 ram + 0x3000);
	assert_null(mem_host(mem_table(&m), 0x102000, NULL));
	assert_int_equal(mem_find_id(mem_table(&m), 2)->gpa, 0x8000);
	mem_map_fini(&m);
}

static void a_slot_moves_and_goes(void **state)
{
	struct mem_map m;

	(void)state;
	assert_int_equal(mem_map_init(&m), 0);
	assert_int_equal(set(&m, 0, 0, 0x1000, ram, 0), 0);
	assert_int_equal(set(&m, 0, 0x5000, 0x1000, ram, 0), 0);
	assert_null(mem_host(mem_table(&m), 0, NULL));
	assert_ptr_equal(mem_host(mem_table(&m), 0x5000, NULL), ram);
	assert_int_equal(set(&m, 0, 0, 0, ram, 0), 0);
	assert_int_equal(mem_table(&m)->count, 0);
	assert_int_equal(set(&m, 0, 0, 0, ram, 0), -EINVAL);
	mem_map_fini(&m);
}

static void logging_survives_other_changes_and_ends_with_its_flag(void **state)
{
	struct mem_map m;
	const struct mem_slot *s;

	(void)state;
	assert_int_equal(mem_map_init(&m), 0);
	assert_int_equal(set(&m, 0, 0, 0x2000, ram,
			     KVM_MEM_LOG_DIRTY_PAGES), 0);
	s = mem_find(mem_table(&m), 0x1000);
	mem_mark_dirty(s, 0x1abc);
	assert_int_equal(atomic_load(&s->dirty[0]), 2);
	assert_int_equal(set(&m, 1, 0x8000, 0x1000, ram + 0x2000, 0), 0);
	s = mem_find(mem_table(&m), 0);
	assert_int_equal(atomic_load(&s->dirty[0]), 2);
	assert_int_equal(set(&m, 0, 0, 0x2000, ram, 0), 0);
	s = mem_find(mem_table(&m), 0);
	assert_null((void *)s->dirty);
	mem_mark_dirty(s, 0);
	mem_map_fini(&m);
}

struct marker {
	struct mem_map *map;
	unsigned first;
};

/* Every other page, one bit at a time, in the same words as the other. */
static void *mark_pages(void *opaque)
{
	struct marker *m = opaque;

	for (unsigned round = 0; round < 2000; round++)
		for (unsigned p = m->first; p < 8; p += 2) {
			const struct mem_slot *s = mem_find(mem_table(m->map),
							    p * PAGE_SIZE);

			assert_non_null(s);
			mem_mark_dirty(s, p * PAGE_SIZE);
		}
	return NULL;
}

static void dirty_pages_of_many_vcpus_are_all_kept(void **state)
{
	struct mem_map m;
	struct marker who[2];
	const struct mem_slot *s;
	pthread_t t[2];
	u64 seen = 0;

	(void)state;
	assert_int_equal(mem_map_init(&m), 0);
	assert_int_equal(set(&m, 0, 0, 8 * PAGE_SIZE, ram,
			     KVM_MEM_LOG_DIRTY_PAGES), 0);
	s = mem_find_id(mem_table(&m), 0);
	for (unsigned n = 0; n < 2; n++) {
		who[n] = (struct marker){ &m, n };
		assert_int_equal(pthread_create(&t[n], NULL, mark_pages,
						&who[n]), 0);
	}
	for (unsigned n = 0; n < 1000; n++)
		seen |= atomic_exchange(&s->dirty[0], 0);
	for (unsigned n = 0; n < 2; n++)
		pthread_join(t[n], NULL);
	seen |= atomic_load(&s->dirty[0]);
	assert_int_equal(seen, 0xff);
	mem_map_fini(&m);
}

static void copies_span_slots_and_stop_at_holes(void **state)
{
	u8 buf[16] = "0123456789abcdef", back[16];
	struct mem_map m;

	(void)state;
	assert_int_equal(mem_map_init(&m), 0);
	assert_int_equal(set(&m, 0, 0, 0x1000, ram, 0), 0);
	assert_int_equal(set(&m, 1, 0x1000, 0x1000, ram + 0x4000, 0), 0);
	assert_int_equal(set(&m, 2, 0x4000, 0x1000, ram + 0x5000,
			     KVM_MEM_READONLY), 0);
	assert_true(mem_copy_out(mem_table(&m), 0xff8, buf, 16));
	assert_memory_equal(ram + 0xff8, "01234567", 8);
	assert_memory_equal(ram + 0x4000, "89abcdef", 8);
	assert_true(mem_copy_in(mem_table(&m), 0xff8, back, 16));
	assert_memory_equal(back, buf, 16);
	assert_false(mem_copy_out(mem_table(&m), 0x1ff8, buf, 16));
	assert_false(mem_copy_out(mem_table(&m), 0x4000, buf, 1));
	assert_false(mem_copy_in(mem_table(&m), 0x3000, back, 1));
	mem_map_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			slots_are_found_by_address_whatever_their_order),
		cmocka_unit_test(a_slot_moves_and_goes),
		cmocka_unit_test(dirty_pages_of_many_vcpus_are_all_kept),
		cmocka_unit_test(
			logging_survives_other_changes_and_ends_with_its_flag),
		cmocka_unit_test(copies_span_slots_and_stop_at_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
