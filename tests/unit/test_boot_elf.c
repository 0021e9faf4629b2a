/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/boot_elf.c and elf.c with made-up vmlinux files. */
#include "tests/unit/boot_fixture.h"

#include <elf.h>

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	struct {
		Elf64_Nhdr h;
		char name[4];
		u64 entry;
	} note;
	u8 code[4096];
};

static void fake(struct image *i)
{
	memset(i, 0, sizeof(*i));
	memcpy(i->eh.e_ident, ELFMAG, 4);
	i->eh.e_ident[EI_CLASS] = ELFCLASS64;
	i->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	i->eh.e_type = ET_EXEC;
	i->eh.e_machine = EM_X86_64;
	i->eh.e_entry = 0xffffffff81000000ull;
	i->eh.e_phoff = offsetof(struct image, ph);
	i->eh.e_phnum = 2;
	i->eh.e_phentsize = sizeof(Elf64_Phdr);
	i->ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_paddr = 0x1000000,
		.p_offset = offsetof(struct image, code),
		.p_filesz = sizeof(i->code), .p_memsz = 0x3000 };
	i->ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_align = 4,
		.p_offset = offsetof(struct image, note),
		.p_filesz = sizeof(i->note) };
	i->note.h = (Elf64_Nhdr){ 4, 8, 18 };
	memcpy(i->note.name, "Xen", 4);
	i->note.entry = 0x1000040;
	memset(i->code, 0xcc, sizeof(i->code));
}

static void the_pvh_note_is_the_entry(void **s)
{
	struct boot_test t;
	struct image i;
	char line[8];

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	gmem_set(t.g, 0x1002000, 0xff, 4096);
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), NULL, "abc"), 0);
	assert_false(t.entry.long_mode);
	assert_int_equal(t.entry.rip, 0x1000040);
	assert_int_equal(t.entry.rbx, BOOT_PARAMS);
	assert_int_equal(ram32(&t, BOOT_PARAMS), 0x336ec578);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 12), 0);      /* modules */
	assert_int_equal(ram32(&t, BOOT_PARAMS + 32), BOOT_ACPI);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 48), 2);      /* memmap */
	ram_string(&t, ram32(&t, BOOT_PARAMS + 24), line, 4);
	assert_string_equal(line, "abc");
	assert_int_equal(ram32(&t, 0x1000000), 0xcccccccc);
	assert_int_equal(ram32(&t, 0x1002ffc), 0);             /* bss */
	boot_test_fini(&t);
}

static void the_initrd_is_the_first_module(void **s)
{
	struct boot_test t;
	struct image i;
	u32 mod;

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	write_file(t.initrd, "initrd!", 7);
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), t.initrd, ""), 0);
	assert_int_equal(ram32(&t, BOOT_PARAMS + 12), 1);
	mod = ram32(&t, BOOT_PARAMS + 16);
	assert_int_equal(ram32(&t, mod), 64 * MiB - 4096);
	assert_int_equal(ram32(&t, mod + 8), 7);
	assert_int_equal(ram32(&t, 64 * MiB - 4096), 0x74696e69);
	boot_test_fini(&t);
}

static void an_elf_without_the_note_is_refused(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	i.note.h.n_type = 7;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "CONFIG_PVH");
	boot_test_fini(&t);
}

static void foreign_elf_files_are_refused(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	i.eh.e_machine = EM_AARCH64;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "arm64");
	fake(&i);
	i.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "big-endian");
	fake(&i);
	i.eh.e_phnum = 60000;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "60000 program headers");
	boot_test_fini(&t);
}

static void every_cut_of_an_elf_fails_cleanly(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	for (size_t n = 0; n < sizeof(i); n += 13) {
		assert_true(boot_test_run(&t, &i, n, NULL, "") < 0);
		assert_true(t.e.msg[0]);
	}
	assert_sentence(&t, "truncated");
	boot_test_fini(&t);
}

static void segments_outside_ram_are_too_large(void **s)
{
	static const u64 places[] = { 64 * MiB - 4096, 4ull << 30, 0xa0000,
				      ~0ull, 0x9f000 };
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	for (unsigned n = 0; n < ARRAY_LEN(places); n++) {
		fake(&i);
		i.ph[0].p_paddr = places[n];
		assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
		assert_sentence(&t, "too large");
	}
	fake(&i);
	i.ph[0].p_memsz = ~0ull;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	fake(&i);
	i.ph[0].p_paddr = BOOT_FIRMWARE;
	assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
	assert_sentence(&t, "firmware");
	boot_test_fini(&t);
}

static void odd_notes_do_not_lead_outside_their_segment(void **s)
{
	static const u32 sizes[] = { 5, 8, 100, 0x7fffffff, 0xfffffff0,
				     0xffffffff };
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	for (unsigned n = 0; n < ARRAY_LEN(sizes); n++) {
		fake(&i);
		i.note.h.n_namesz = sizes[n];
		assert_true(boot_test_run(&t, &i, sizeof(i), NULL, "") < 0);
		fake(&i);
		i.note.h.n_descsz = sizes[n];
		boot_test_run(&t, &i, sizeof(i), NULL, "");
	}
	boot_test_fini(&t);
}

static void a_segment_larger_in_the_file_is_refused(void **s)
{
	struct boot_test t;
	struct image i;

	boot_test_init(&t, 64 * MiB);
	fake(&i);
	i.ph[0].p_memsz = 16;
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), NULL, ""), -22);
	assert_sentence(&t, "larger in the file");
	fake(&i);
	i.ph[0].p_type = PT_NULL;
	assert_int_equal(boot_test_run(&t, &i, sizeof(i), NULL, ""), -22);
	assert_sentence(&t, "nothing to load");
	boot_test_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pvh_note_is_the_entry),
		cmocka_unit_test(the_initrd_is_the_first_module),
		cmocka_unit_test(an_elf_without_the_note_is_refused),
		cmocka_unit_test(foreign_elf_files_are_refused),
		cmocka_unit_test(every_cut_of_an_elf_fails_cleanly),
		cmocka_unit_test(segments_outside_ram_are_too_large),
		cmocka_unit_test(odd_notes_do_not_lead_outside_their_segment),
		cmocka_unit_test(a_segment_larger_in_the_file_is_refused),
	};

	return cmocka_run_group_tests_name("boot_elf", tests, NULL, NULL);
}
