/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/boot_bzimage.c with made-up kernels, whole and broken. */
#include "tests/unit/boot_fixture.h"

#include <asm/bootparam.h>

enum { SETUP = 2 * 512, CODE = 4096, SIZE = SETUP + CODE };

/* A kernel of two setup sectors and one page of code. */
static struct setup_header *fake(u8 *image)
{
	struct setup_header *h = (void *)(image + 0x1f1);

	memset(image, 0x90, SIZE);
	memset(image, 0, SETUP);
	h->setup_sects = 1;
	h->syssize = CODE / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x20f;
	h->loadflags = LOADED_HIGH;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 255;
	h->initrd_addr_max = 0x7fffffff;
	h->pref_address = 0x1000000;
	h->init_size = 0x100000;
	return h;
}

static void a_whole_kernel_is_entered_in_long_mode(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	char cmdline[16];

	boot_test_init(&t, 64 * MiB);
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, "quiet"), 0);
	assert_true(t.entry.long_mode);
	assert_int_equal(t.entry.rip, 0x1000200);
	assert_int_equal(t.entry.rsi, BOOT_PARAMS);
	assert_int_equal(ram32(&t, 0x1000000), 0x90909090);
	ram_string(&t, BOOT_CMDLINE, cmdline, 6);
	assert_string_equal(cmdline, "quiet");
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x1e8) & 0xff, 2);  /* E820 */
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x70), BOOT_ACPI);
	boot_test_fini(&t);
}

static void little_ram_moves_a_relocatable_kernel_down(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 8 * MiB);
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), 0);
	assert_int_equal(t.entry.rip, 0x200200);
	boot_test_fini(&t);
}

static void a_kernel_without_the_64_bit_entry_starts_in_protected_mode(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 64 * MiB);
	fake(image)->xloadflags = 0;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), 0);
	assert_false(t.entry.long_mode);
	assert_int_equal(t.entry.rip, 0x1000000);
	boot_test_fini(&t);
}

static void the_initrd_goes_as_high_as_it_may(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	char initrd[64], data[5000];

	boot_test_init(&t, 64 * MiB);
	memset(data, 'i', sizeof(data));
	write_file(initrd, data, sizeof(data));
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, initrd, ""), 0);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x218), 64 * MiB - 8192);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x21c), 5000);
	assert_int_equal(ram32(&t, 64 * MiB - 8192), 0x69696969);
	fake(image)->initrd_addr_max = 0x1ffffff;
	assert_int_equal(boot_test_run(&t, image, SIZE, initrd, ""), 0);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x218), 32 * MiB - 8192);
	unlink(initrd);
	boot_test_fini(&t);
}

static void an_initrd_that_does_not_fit_is_too_large(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	char initrd[64];

	boot_test_init(&t, 32 * MiB);
	write_file(initrd, "x", 1);
	assert_int_equal(truncate(initrd, 20 * MiB), 0);
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, initrd, ""), -12);
	assert_sentence(&t, "-initrd");
	assert_sentence(&t, "too large");
	assert_int_equal(truncate(initrd, 0), 0);
	assert_int_equal(boot_test_run(&t, image, SIZE, initrd, ""), -22);
	assert_sentence(&t, "empty");
	unlink(initrd);
	boot_test_fini(&t);
}

static void a_truncated_kernel_says_so(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	static const size_t cuts[] = { 0x206, 0x230, SETUP, SETUP + 1,
				       SIZE - 1 };

	boot_test_init(&t, 64 * MiB);
	fake(image);
	for (unsigned i = 0; i < ARRAY_LEN(cuts); i++) {
		assert_true(boot_test_run(&t, image, cuts[i], NULL, "") < 0);
		assert_sentence(&t, "truncated");
	}
	boot_test_fini(&t);
}

static void every_cut_of_a_kernel_fails_cleanly(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 64 * MiB);
	fake(image);
	for (size_t n = 0; n < SIZE; n += 37) {
		assert_true(boot_test_run(&t, image, n, NULL, "") < 0);
		assert_true(t.e.msg[0]);
	}
	boot_test_fini(&t);
}

static void a_kernel_larger_than_ram_says_so(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 8 * MiB);
	fake(image)->init_size = 0xffffffff;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), -12);
	assert_sentence(&t, "too large");
	fake(image)->pref_address = 0xfffffffffffff000ull;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), 0);
	fake(image)->relocatable_kernel = 0;
	((struct setup_header *)(void *)(image + 0x1f1))->pref_address = ~0ull;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), -12);
	boot_test_fini(&t);
}

static void a_command_line_longer_than_the_kernel_takes_is_refused(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	char line[400];

	boot_test_init(&t, 64 * MiB);
	memset(line, 'a', sizeof(line));
	line[256] = '\0';
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, line), -7);
	assert_sentence(&t, "-append");
	line[255] = '\0';
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, line), 0);
	boot_test_fini(&t);
}

static void an_old_protocol_is_refused(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 64 * MiB);
	fake(image)->version = 0x203;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), -22);
	assert_sentence(&t, "too old");
	fake(image)->loadflags = 0;
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, ""), -22);
	boot_test_fini(&t);
}

static void foreign_files_are_named_for_what_they_are(void **s)
{
	struct boot_test t;
	u8 arm[64] = { 0 };

	boot_test_init(&t, 64 * MiB);
	assert_true(boot_test_run(&t, "\x1f\x8b\x08 rest", 9, NULL, "") < 0);
	assert_sentence(&t, "gzip");
	assert_true(boot_test_run(&t, "#!/bin/sh\n", 10, NULL, "") < 0);
	assert_sentence(&t, "not a kernel");
	memcpy(arm + 56, "ARM\x64", 4);
	assert_true(boot_test_run(&t, arm, 64, NULL, "") < 0);
	assert_sentence(&t, "arm64");
	assert_true(boot_test_run(&t, "", 0, NULL, "") < 0);
	assert_sentence(&t, "empty");
	boot_test_fini(&t);
}

static void a_missing_or_odd_file_is_named(void **s)
{
	struct err e = { 0 };

	assert_null(boot_open("/nonexistent/vmlinuz", NULL, NULL, &e));
	assert_non_null(strstr(e.msg, "-kernel: open /nonexistent/vmlinuz"));
	assert_null(boot_open("/tmp", NULL, NULL, &e));
	assert_non_null(strstr(e.msg, "not a file"));
}

static void a_second_load_restores_what_the_guest_overwrote(void **s)
{
	struct boot_test t;
	u8 image[SIZE];

	boot_test_init(&t, 64 * MiB);
	fake(image);
	assert_int_equal(boot_test_run(&t, image, SIZE, NULL, "a"), 0);
	gmem_set(t.g, 0x1000000, 0, CODE);
	gmem_set(t.g, BOOT_PARAMS, 0xff, 4096);
	assert_int_equal(boot_load(t.boot, &t.env, &t.entry, &t.e), 0);
	assert_int_equal(ram32(&t, 0x1000000), 0x90909090);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 0x202), 0x53726448);
	boot_test_fini(&t);
}

static void a_pipe_is_kept_for_later_loads(void **s)
{
	struct boot_test t;
	u8 image[SIZE];
	int p[2];
	char path[64];

	boot_test_init(&t, 64 * MiB);
	fake(image);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], image, SIZE), SIZE);
	close(p[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	t.boot = boot_open(path, NULL, "", &t.e);
	assert_non_null(t.boot);
	close(p[0]);
	assert_int_equal(boot_load(t.boot, &t.env, &t.entry, &t.e), 0);
	assert_int_equal(boot_load(t.boot, &t.env, &t.entry, &t.e), 0);
	boot_test_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_kernel_is_entered_in_long_mode),
		cmocka_unit_test(little_ram_moves_a_relocatable_kernel_down),
		cmocka_unit_test(a_kernel_without_the_64_bit_entry_starts_in_protected_mode),
		cmocka_unit_test(the_initrd_goes_as_high_as_it_may),
		cmocka_unit_test(an_initrd_that_does_not_fit_is_too_large),
		cmocka_unit_test(a_truncated_kernel_says_so),
		cmocka_unit_test(every_cut_of_a_kernel_fails_cleanly),
		cmocka_unit_test(a_kernel_larger_than_ram_says_so),
		cmocka_unit_test(a_command_line_longer_than_the_kernel_takes_is_refused),
		cmocka_unit_test(an_old_protocol_is_refused),
		cmocka_unit_test(foreign_files_are_named_for_what_they_are),
		cmocka_unit_test(a_missing_or_odd_file_is_named),
		cmocka_unit_test(a_second_load_restores_what_the_guest_overwrote),
		cmocka_unit_test(a_pipe_is_kept_for_later_loads),
	};

	return cmocka_run_group_tests_name("boot_bzimage", tests, NULL, NULL);
}
