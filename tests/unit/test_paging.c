/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/paging.c, every mode over tables made by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/paging.h"
#include "vmm/core/gmem.h"

enum { RAM = 4 * 1024 * 1024 };
#define PG_ON  0x80000001ull
#define PAE    0x20ull
#define PSE    0x10ull
#define LA57   0x1000ull
#define LMA    0x500ull

static struct gmem *fresh(void)
{
	struct gmem *g = gmem_create();

	assert_int_equal(gmem_add(g, "ram", 0, RAM, -1, 0, GMEM_RAM, NULL), 0);
	return g;
}

static void put32(struct gmem *g, gpa_t at, u32 v)
{
	assert_int_equal(gmem_write(g, at, &v, 4), 0);
}

static void put64(struct gmem *g, gpa_t at, u64 v)
{
	assert_int_equal(gmem_write(g, at, &v, 8), 0);
}

struct leaves {
	struct arch_mapping m[64];
	unsigned n, stop_at;
};

static int collect(const struct arch_mapping *m, void *o)
{
	struct leaves *l = o;

	if (l->n < 64)
		l->m[l->n] = *m;
	return ++l->n == l->stop_at;
}

static void no_paging_is_identity_of_52_bits(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = 1 };
	gpa_t pa;
	u64 attr;

	assert_int_equal(paging_translate(g, &p, 0x1234, &pa, &attr), 0);
	assert_int_equal(pa, 0x1234);
	assert_int_equal(attr, PG_P | PG_RW | PG_US);
	assert_int_equal(paging_translate(g, &p, 0xffff800000001234, &pa, NULL),
			 0);
	assert_true(pa == 0xf800000001234);
	assert_false(paging_enabled(&p));
	gmem_destroy(g);
}

static void thirty_two_bit_tables_give_small_and_large_pages(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x10000, .cr4 = PSE };
	struct leaves l = { .n = 0 };
	gpa_t pa;
	u64 attr;

	put32(g, 0x10000, 0x11027);            /* user table       */
	put32(g, 0x10004, 0x004000e5);         /* 4M, user, ro     */
	put32(g, 0x10c00, 0x000021a3);         /* PSE-36: bit 32   */
	put32(g, 0x11000 + 4 * 5, 0x00077003); /* supervisor, rw   */
	assert_int_equal(paging_translate(g, &p, 0x5abc, &pa, &attr), 0);
	assert_int_equal(pa, 0x77abc);
	assert_int_equal(attr, PG_P | PG_RW);
	assert_int_equal(paging_translate(g, &p, 0x512345, &pa, &attr), 0);
	assert_int_equal(pa, 0x512345);
	assert_int_equal(attr, PG_P | PG_US);
	assert_int_equal(paging_translate(g, &p, 0xc0000010, &pa, NULL), 0);
	assert_true(pa == 0x100000010);
	assert_int_equal(paging_translate(g, &p, 0x6000, &pa, NULL), -14);
	paging_walk(g, &p, collect, &l);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.m[0].va, 0x5000);
	assert_int_equal(l.m[1].size, 4 * MiB);
	assert_true(l.m[2].va == 0xc0000000);
	gmem_destroy(g);
}

static void without_pse_the_large_bit_is_ignored(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x10000 };
	gpa_t pa;

	put32(g, 0x10000, 0x110e7);
	put32(g, 0x11000, 0x5003);
	assert_int_equal(paging_translate(g, &p, 0x10, &pa, NULL), 0);
	assert_int_equal(pa, 0x5010);
	gmem_destroy(g);
}

static void pae_directory_pointers_carry_no_rights(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x10020, .cr4 = PAE };
	gpa_t pa;
	u64 attr;

	put64(g, 0x10020 + 24, 0x12001);       /* 3 GiB up */
	put64(g, 0x12000, 0x80000000002000e7ull);
	assert_int_equal(paging_translate(g, &p, 0xc0000123, &pa, &attr), 0);
	assert_int_equal(pa, 0x200123);
	assert_true(attr == (PG_P | PG_RW | PG_US | PG_NX));
	assert_int_equal(paging_translate(g, &p, 0x123, &pa, &attr), -14);
	gmem_destroy(g);
}

static void four_levels_and_their_rights(struct gmem *g, struct paging *p)
{
	*p = (struct paging){ .cr0 = PG_ON, .cr3 = 0x10000, .cr4 = PAE,
			      .efer = LMA };
	put64(g, 0x10000, 0x11027);
	put64(g, 0x10000 + 8 * 511, 0x11023);
	put64(g, 0x11000, 0x12025);            /* read-only above   */
	put64(g, 0x11008, 0x400000e7);         /* 1G at 1G          */
	put64(g, 0x12000, 0x13027);
	put64(g, 0x13000 + 8 * 2, 0x0000000000055067ull);
}

static void four_level_rights_are_the_and_of_all_levels(void **s)
{
	struct gmem *g = fresh();
	struct paging p;
	struct leaves l = { .n = 0 };
	gpa_t pa;
	u64 attr;

	four_levels_and_their_rights(g, &p);
	assert_int_equal(paging_translate(g, &p, 0x2fff, &pa, &attr), 0);
	assert_int_equal(pa, 0x55fff);
	assert_int_equal(attr, PG_P | PG_US);
	assert_int_equal(paging_translate(g, &p, 0x7fffffff, &pa, &attr), 0);
	assert_int_equal(pa, 0x7fffffff);
	assert_int_equal(attr, PG_P | PG_RW | PG_US);
	paging_walk(g, &p, collect, &l);
	assert_int_equal(l.n, 4);
	assert_true(l.m[2].va == 0xffffff8000002000ull);
	assert_int_equal(l.m[2].attr, PG_P);
	assert_int_equal(l.m[2].pte, 0x55067);
	gmem_destroy(g);
}

static void addresses_that_are_not_canonical_do_not_translate(void **s)
{
	struct gmem *g = fresh();
	struct paging p;
	gpa_t pa;

	four_levels_and_their_rights(g, &p);
	assert_int_equal(paging_translate(g, &p, 0x0000800000002000ull, &pa,
					  NULL), -14);
	assert_int_equal(paging_translate(g, &p, 0x7f00000000002000ull, &pa,
					  NULL), -14);
	gmem_destroy(g);
}

static void five_levels_reach_57_bits(void **s)
{
	struct gmem *g = fresh();
	struct paging p;
	struct leaves l = { .n = 0 };
	gpa_t pa;

	four_levels_and_their_rights(g, &p);
	p.cr4 |= LA57;
	p.cr3 = 0x9000;
	put64(g, 0x9000 + 8 * 256, 0x10027);
	assert_int_equal(paging_translate(g, &p, 0xff00000000002010ull, &pa,
					  NULL), 0);
	assert_int_equal(pa, 0x55010);
	paging_walk(g, &p, collect, &l);
	assert_int_equal(l.n, 4);
	assert_true(l.m[0].va == 0xff00000000002000ull);
	gmem_destroy(g);
}

static void tables_outside_ram_end_the_walk(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x7ffffffff000, .cr4 = PAE,
			    .efer = LMA };
	struct leaves l = { .n = 0 };
	gpa_t pa;

	assert_int_equal(paging_translate(g, &p, 0, &pa, NULL), -14);
	paging_walk(g, &p, collect, &l);
	assert_int_equal(l.n, 0);
	gmem_destroy(g);
}

static void a_table_that_points_at_itself_is_walked_until_told_to_stop(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x10000, .cr4 = PAE,
			    .efer = LMA };
	struct leaves l = { .stop_at = 1000 };

	for (unsigned i = 0; i < 512; i++)
		put64(g, 0x10000 + 8 * i, 0x10027);
	paging_walk(g, &p, collect, &l);
	assert_int_equal(l.n, 1000);
	gmem_destroy(g);
}

static int count_and_end(const struct arch_mapping *m, void *o)
{
	u64 *seen = o;

	seen[!m->size]++;
	return 0;
}

static void a_knot_of_tables_has_a_budget(void **s)
{
	struct gmem *g = fresh();
	struct paging p = { .cr0 = PG_ON, .cr3 = 0x10000, .cr4 = PAE,
			    .efer = LMA };
	u64 seen[2] = { 0 };

	/* Sixteen entries, each the table itself: 16^4 leaves. */
	for (unsigned i = 0; i < 16; i++)
		put64(g, 0x10000 + 8 * i, 0x10027);
	paging_walk(g, &p, count_and_end, seen);
	assert_int_equal(seen[0], 16 * 16 * 16 * 16);
	assert_int_equal(seen[1], 0);
	for (unsigned i = 0; i < 512; i++)
		put64(g, 0x10000 + 8 * i, 0x10027);
	seen[0] = 0;
	paging_walk(g, &p, count_and_end, seen);
	assert_int_equal(seen[1], 1);
	assert_true(seen[0] < PAGING_TABLES_MAX * 512ull);
	gmem_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_knot_of_tables_has_a_budget),
		cmocka_unit_test(no_paging_is_identity_of_52_bits),
		cmocka_unit_test(thirty_two_bit_tables_give_small_and_large_pages),
		cmocka_unit_test(without_pse_the_large_bit_is_ignored),
		cmocka_unit_test(pae_directory_pointers_carry_no_rights),
		cmocka_unit_test(four_level_rights_are_the_and_of_all_levels),
		cmocka_unit_test(addresses_that_are_not_canonical_do_not_translate),
		cmocka_unit_test(five_levels_reach_57_bits),
		cmocka_unit_test(tables_outside_ram_end_the_walk),
		cmocka_unit_test(a_table_that_points_at_itself_is_walked_until_told_to_stop),
	};

	return cmocka_run_group_tests_name("paging", tests, NULL, NULL);
}
