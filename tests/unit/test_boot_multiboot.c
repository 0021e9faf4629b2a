/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/boot_multiboot.c with made-up images. */
#include "tests/unit/boot_fixture.h"

#include <elf.h>

#define MAGIC 0x1badb002u

struct image {
	Elf32_Ehdr eh;
	Elf32_Phdr ph;
	u32 header[8];
	u8 code[2048];
};

static void fake(struct image *i, u32 flags)
{
	memset(i, 0, sizeof(*i));
	memcpy(i->eh.e_ident, ELFMAG, 4);
	i->eh.e_ident[EI_CLASS] = ELFCLASS32;
	i->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	i->eh.e_machine = EM_386;
	i->eh.e_entry = 0x100010;
	i->eh.e_phoff = offsetof(struct image, ph);
	i->eh.e_phnum = 1;
	i->eh.e_phentsize = sizeof(Elf32_Phdr);
	i->ph = (Elf32_Phdr){ .p_type = PT_LOAD, .p_paddr = 0x100000,
		.p_offset = offsetof(struct image, header),
		.p_filesz = sizeof(i->header) + sizeof(i->code),
		.p_memsz = 0x2000 };
	i->header[0] = MAGIC;
	i->header[1] = flags;
	i->header[2] = -(MAGIC + flags);
	memset(i->code, 0xf4, sizeof(i->code));
}

/* A flat binary: header first, then code; addresses in the header. */
static void fake_flat(u32 *image, size_t words, u32 load, u32 load_end,
		      u32 bss_end)
{
	memset(image, 0xf4, words * 4);
	image[0] = MAGIC;
	image[1] = BIT(16);
	image[2] = -(MAGIC + BIT(16));
	image[3] = load;               /* header_addr */
	image[4] = load;
	image[5] = load_end;
	image[6] = bss_end;
	image[7] = load + 32;          /* entry */
}

static void an_elf_image_gets_its_registers_and_command_line(void **s)
{
	struct boot_test t;
	struct image i;
	char line[128];
	u32 info;

	boot_test_init(&t, 16 * MiB);
	fake(&i, 3);
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), NULL, "a=1 b"), 0);
	assert_int_equal(t.entry.rip, 0x100010);
	assert_int_equal(t.entry.rax, 0x2badb002);
	info = t.entry.rbx;
	assert_int_equal(info, 0x102000);              /* behind the bss */
	assert_int_equal(ram32(&t, info) & 0x4d, 0x45);
	assert_int_equal(ram32(&t, info + 4), 640);
	assert_int_equal(ram32(&t, info + 8), 15 * 1024);
	ram_string(&t, ram32(&t, info + 16), line, sizeof(line));
	assert_int_equal(strncmp(line, t.path, strlen(t.path)), 0);
	assert_string_equal(line + strlen(t.path), " a=1 b");
	assert_int_equal(ram32(&t, info + 44), 48);    /* two rows of 24 */
	assert_int_equal(ram32(&t, ram32(&t, info + 48)), 20);
	boot_test_fini(&t);
}

static void modules_are_placed_behind_the_image_in_order(void **s)
{
	struct boot_test t;
	struct image i;
	char a[64], b[64], list[200], line[100];
	u32 info, mods;

	boot_test_init(&t, 16 * MiB);
	write_file(a, "AAAA", 4);
	write_file(b, "BBBBB", 5);
	snprintf(list, sizeof(list), "%s one two,%s x,,y", a, b);
	fake(&i, 0);
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), list, ""), 0);
	info = t.entry.rbx;
	assert_int_equal(ram32(&t, info + 20), 2);
	mods = ram32(&t, info + 24);
	assert_int_equal(ram32(&t, mods), 0x102000);
	assert_int_equal(ram32(&t, mods + 4), 0x102004);
	assert_int_equal(ram32(&t, mods + 16), 0x103000);
	assert_int_equal(ram32(&t, mods + 20), 0x103005);
	assert_int_equal(ram32(&t, 0x103000), 0x42424242);
	ram_string(&t, ram32(&t, mods + 8), line, strlen(a) + 9);
	assert_string_equal(line + strlen(a), " one two");
	ram_string(&t, ram32(&t, mods + 24), line, strlen(b) + 5);
	assert_string_equal(line + strlen(b), " x,y");
	unlink(a);
	unlink(b);
	boot_test_fini(&t);
}

static void a_missing_module_is_named(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 16 * MiB);
	fake(&i, 0);
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), "/no/such arg", ""),
			 -2);
	assert_sentence(&t, "-initrd: open /no/such:");
	boot_test_fini(&t);
}

static void the_header_may_give_the_addresses(void **s)
{
	struct boot_test t;
	u32 image[256];

	boot_test_init(&t, 16 * MiB);
	fake_flat(image, 256, 0x200000, 0x200200, 0x201000);
	gmem_set(t.g, 0x200000, 0xff, 0x1000);
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""), 0);
	assert_int_equal(t.entry.rip, 0x200020);
	assert_int_equal(ram32(&t, 0x2001fc), 0xf4f4f4f4);
	assert_int_equal(ram32(&t, 0x200200), 0);
	fake_flat(image, 256, 0x200000, 0, 0);         /* the whole file */
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""), 0);
	assert_int_equal(ram32(&t, 0x2003fc), 0xf4f4f4f4);
	boot_test_fini(&t);
}

static void addresses_that_cannot_be_are_refused(void **s)
{
	struct boot_test t;
	u32 image[256];

	boot_test_init(&t, 16 * MiB);
	fake_flat(image, 256, 0x200000, 0x200200, 0);
	image[4] = 0x200004;                           /* above the header */
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""),
			 -22);
	image[4] = 0x1ffffc;                           /* before the file */
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""),
			 -22);
	fake_flat(image, 256, 0x200000, 0x1ff000, 0);
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""),
			 -22);
	fake_flat(image, 256, 0x200000, 0x200500, 0);
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""),
			 -22);
	assert_sentence(&t, "truncated");
	fake_flat(image, 256, 0x200000, 0, 0xfffff000);
	assert_int_equal(boot_test_run(&t, image, sizeof(image), NULL, ""),
			 -12);
	assert_sentence(&t, "too large");
	boot_test_fini(&t);
}

static void images_nobody_can_load_are_refused(void **s)
{
	struct boot_test t;
	struct image i;
	u32 bare[8] = { MAGIC, 0, -MAGIC };

	boot_test_init(&t, 16 * MiB);
	fake(&i, 0x40);
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "0x40");
	fake(&i, 0);
	i.eh.e_ident[EI_CLASS] = ELFCLASS64;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_true(boot_test_run(&t, bare, sizeof(bare), NULL, "") < 0);
	assert_sentence(&t, "neither ELF");
	boot_test_fini(&t);
}

static void every_cut_of_an_image_fails_cleanly(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 16 * MiB);
	fake(&i, 0);
	for (size_t n = 0; n < sizeof(i); n += 7) {
		assert_true(boot_test_run(&t, &i, n, NULL, "") < 0);
		assert_true(t.e.msg[0]);
	}
	boot_test_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_elf_image_gets_its_registers_and_command_line),
		cmocka_unit_test(modules_are_placed_behind_the_image_in_order),
		cmocka_unit_test(a_missing_module_is_named),
		cmocka_unit_test(the_header_may_give_the_addresses),
		cmocka_unit_test(addresses_that_cannot_be_are_refused),
		cmocka_unit_test(images_nobody_can_load_are_refused),
		cmocka_unit_test(every_cut_of_an_image_fails_cleanly),
	};

	return cmocka_run_group_tests_name("boot_multiboot", tests, NULL, NULL);
}
