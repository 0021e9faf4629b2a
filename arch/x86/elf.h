/* SPDX-License-Identifier: MIT */
/*
 * An ELF executable's program headers, of either class, checked.
 */
#ifndef MOTE_X86_ELF_H
#define MOTE_X86_ELF_H

#include "arch/x86/boot.h"

enum { ELF_SEGMENTS_MAX = 64 };

struct elf_segment {
	u32 type;
	u64 off, filesz, memsz, paddr, align;
};

struct elf_image {
	bool is64;
	u16 machine;
	u64 entry;
	unsigned n;
	struct elf_segment seg[ELF_SEGMENTS_MAX];
};

/* 1 and *img; 0 not an ELF file; -errno an ELF file that is bad. */
int elf_parse(const struct boot_file *f, struct elf_image *img, struct err *e);

/* Every PT_LOAD to its physical address; *end is the highest byte + 1. */
int elf_load(const struct boot_file *f, const struct elf_image *img,
	     const struct boot_env *env, gpa_t *end, struct err *e);

#endif
