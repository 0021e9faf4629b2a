/* SPDX-License-Identifier: MIT */
/*
 * Unit test: arch/x86/boot.c and boot_file.c: files, the list of modules, and
 * the state in which a guest is entered.
 */
#include "tests/unit/boot_fixture.h"

#include <errno.h>

#include "arch/x86/regs.h"

static struct x86_regs *enter(struct boot_test *t, bool long_mode)
{
	const struct boot_entry entry = {
		.long_mode = long_mode, .rip = 0x1000200, .rax = 1, .rbx = 2,
		.rsi = 3,
	};
	struct x86_regs *r = calloc(1, sizeof(*r));

	x86_regs_reset(r, true, 0xabc);
	assert_int_equal(boot_enter(&entry, &t->env, r, &t->e), 0);
	return r;
}

static void protected_mode_is_flat_and_without_paging(void **s)
{
	struct boot_test t;
	struct x86_regs *r;

	boot_test_init(&t, 16 * MiB);
	r = enter(&t, false);
	assert_int_equal(r->s.cr0 & 0x80000001, 1);
	assert_int_equal(r->s.efer, 0);
	assert_int_equal(r->s.cs.base, 0);
	assert_int_equal(r->s.cs.limit, 0xffffffff);
	assert_true(r->s.cs.db && !r->s.cs.l && r->s.cs.g);
	assert_int_equal(r->s.ds.type & 2, 2);         /* writable */
	assert_int_equal(r->gp.rip, 0x1000200);
	assert_int_equal(r->gp.rax, 1);
	assert_int_equal(r->gp.rbx, 2);
	assert_int_equal(r->gp.rsi, 3);
	assert_int_equal(r->gp.rflags, 2);             /* interrupts off */
	assert_int_equal(r->s.tr.type, 0xb);
	free(r);
	boot_test_fini(&t);
}

static void long_mode_maps_the_first_4_gib_to_themselves(void **s)
{
	static const gva_t places[] = { 0, 0x1000200, 0x3fffffff, 0xc0001234,
					0xffffffff };
	struct boot_test t;
	struct x86_regs *r;
	struct paging p;
	gpa_t pa;
	u64 attr;

	boot_test_init(&t, 16 * MiB);
	r = enter(&t, true);
	assert_int_equal(r->s.efer, 0x500);
	assert_true(r->s.cs.l && !r->s.cs.db);
	p = x86_regs_paging(r);
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		assert_int_equal(paging_translate(t.g, &p, places[i], &pa,
						  &attr), 0);
		assert_true(pa == places[i]);
		assert_true(attr & PG_RW);
		assert_false(attr & PG_NX);
	}
	assert_int_equal(paging_translate(t.g, &p, 4ull << 30, &pa, NULL),
			 -EFAULT);
	free(r);
	boot_test_fini(&t);
}

/* A guest may reload any selector: the GDT says what the registers say. */
static void the_gdt_agrees_with_the_segment_registers(void **s)
{
	for (unsigned wide = 0; wide < 2; wide++) {
		struct boot_test t;
		struct x86_regs *r;
		u32 hi;

		boot_test_init(&t, 16 * MiB);
		r = enter(&t, wide);
		assert_int_equal(r->s.gdt.base, BOOT_GDT);
		assert_int_equal(r->s.gdt.limit, 31);
		hi = ram32(&t, BOOT_GDT + r->s.cs.selector + 4);
		assert_int_equal(hi >> 8 & 0xff, 0x9b);
		assert_int_equal(hi >> 21 & 1, wide);
		assert_int_equal(hi >> 22 & 1, !wide);
		assert_int_equal(ram32(&t, BOOT_GDT + r->s.cs.selector), 0xffff);
		hi = ram32(&t, BOOT_GDT + r->s.ss.selector + 4);
		assert_int_equal(hi >> 8 & 0xff, 0x93);
		free(r);
		boot_test_fini(&t);
	}
}

static void reads_past_the_end_are_truncation(void **s)
{
	struct boot_test t = { .path = "" };
	struct boot_file f;
	u8 buf[16];

	write_file(t.path, "0123456789", 10);
	assert_int_equal(boot_file_open(&f, t.path, &t.e), 0);
	assert_int_equal(f.size, 10);
	assert_int_equal(boot_file_read(&f, 2, buf, 8, &t.e), 0);
	assert_memory_equal(buf, "23456789", 8);
	assert_int_equal(boot_file_read(&f, 3, buf, 8, &t.e), -EINVAL);
	assert_sentence(&t, "truncated");
	assert_int_equal(boot_file_read(&f, ~0ull, buf, 8, &t.e), -EINVAL);
	boot_file_close(&f);
	boot_file_close(&f);                   /* twice is fine */
	unlink(t.path);
}

static void a_file_cut_short_later_is_an_error(void **s)
{
	struct boot_test t = { .path = "" };
	struct boot_file f;
	u8 buf[16];

	write_file(t.path, "0123456789", 10);
	assert_int_equal(boot_file_open(&f, t.path, &t.e), 0);
	assert_int_equal(truncate(t.path, 4), 0);
	assert_int_equal(boot_file_read(&f, 0, buf, 10, &t.e), -EIO);
	assert_sentence(&t, "shorter");
	boot_file_close(&f);
	unlink(t.path);
}

static void loading_zeroes_the_rest_and_stays_inside_ram(void **s)
{
	struct boot_test t;
	struct boot_file f;

	boot_test_init(&t, 16 * MiB);
	write_file(t.path, "0123456789", 10);
	assert_int_equal(boot_file_open(&f, t.path, &t.e), 0);
	gmem_set(t.g, 0x200000, 0xff, 32);
	assert_int_equal(boot_file_load(&f, 0, 4, 0x200000, 8, &t.env, &t.e),
			 0);
	assert_int_equal(ram32(&t, 0x200000), 0x33323130);
	assert_int_equal(ram32(&t, 0x200004), 0);
	assert_int_equal(ram32(&t, 0x200008), 0xffffffff);
	assert_int_equal(boot_file_load(&f, 0, 4, ~0ull, 8, &t.env, &t.e),
			 -ENOMEM);
	assert_int_equal(boot_file_load(&f, 0, 4, 16 * MiB - 4, 8, &t.env,
					&t.e), -ENOMEM);
	assert_int_equal(boot_file_load(&f, 0, 4, BOOT_ACPI, 8, &t.env, &t.e),
			 -EINVAL);
	boot_file_close(&f);
	boot_test_fini(&t);
}

/* Two windows of one memfd, the second copy-on-write. */
static void loading_finds_the_place_in_a_shared_file_and_leaves_a_private_one(void **s)
{
	struct boot_test t;
	struct boot_file f;
	u32 in_file = 0;
	int fd;

	boot_test_init(&t, 16 * MiB);
	write_file(t.path, "0123456789", 10);
	assert_int_equal(boot_file_open(&f, t.path, &t.e), 0);
	assert_int_equal(gmem_backing_create("windows", 4 * MiB, &fd, &t.e), 0);
	assert_int_equal(gmem_add(t.g, "shared", 32 * MiB, 1 * MiB, fd, 2 * MiB,
				  GMEM_RAM, &t.e), 0);
	assert_int_equal(gmem_add(t.g, "private", 48 * MiB, 1 * MiB, fd,
				  3 * MiB, GMEM_RAM | GMEM_PRIVATE, &t.e), 0);
	assert_int_equal(boot_file_load(&f, 2, 4, 32 * MiB + 16, 8, &t.env,
					&t.e), 0);
	assert_int_equal(ram32(&t, 32 * MiB + 16), 0x35343332);
	assert_int_equal(pread(fd, &in_file, 4, 2 * MiB + 16), 4);
	assert_int_equal(in_file, 0x35343332);
	assert_int_equal(boot_file_load(&f, 2, 4, 48 * MiB, 8, &t.env, &t.e), 0);
	assert_int_equal(ram32(&t, 48 * MiB), 0x35343332);
	assert_int_equal(pread(fd, &in_file, 4, 3 * MiB), 4);
	assert_int_equal(in_file, 0);
	assert_int_equal(truncate(t.path, 4), 0);
	assert_int_equal(boot_file_load(&f, 2, 4, 32 * MiB, 8, &t.env, &t.e),
			 -EIO);
	assert_sentence(&t, "shorter");
	close(fd);
	boot_file_close(&f);
	boot_test_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(protected_mode_is_flat_and_without_paging),
		cmocka_unit_test(long_mode_maps_the_first_4_gib_to_themselves),
		cmocka_unit_test(the_gdt_agrees_with_the_segment_registers),
		cmocka_unit_test(reads_past_the_end_are_truncation),
		cmocka_unit_test(a_file_cut_short_later_is_an_error),
		cmocka_unit_test(loading_finds_the_place_in_a_shared_file_and_leaves_a_private_one),
		cmocka_unit_test(loading_zeroes_the_rest_and_stays_inside_ram),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
