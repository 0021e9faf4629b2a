/* SPDX-License-Identifier: MIT */
/*
 * Reading ELF kernels (System V ABI, "Object Files").
 *
 * Room:     headers in, segments placed; both classes, little-endian.
 * Talks to: boot.h's files.
 * Never:    relocates; looks at section headers.
 */
#include "arch/x86/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

static void from_phdr32(struct elf_segment *s, const Elf32_Phdr *p)
{
	*s = (struct elf_segment){
		.type = p->p_type, .off = p->p_offset, .filesz = p->p_filesz,
		.memsz = p->p_memsz, .paddr = p->p_paddr, .align = p->p_align,
	};
}

static void from_phdr64(struct elf_segment *s, const Elf64_Phdr *p)
{
	*s = (struct elf_segment){
		.type = p->p_type, .off = p->p_offset, .filesz = p->p_filesz,
		.memsz = p->p_memsz, .paddr = p->p_paddr, .align = p->p_align,
	};
}

static int read_segments(const struct boot_file *f, struct elf_image *img,
			 u64 phoff, unsigned phnum, unsigned phentsize,
			 struct err *e)
{
	const size_t size = img->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (phnum > ELF_SEGMENTS_MAX || phentsize != size)
		return err_set(e, -EINVAL, "%s: an ELF file with %u program "
			       "headers of %u bytes is not a kernel", f->path,
			       phnum, phentsize);
	for (img->n = 0; img->n < phnum; img->n++) {
		union { Elf32_Phdr p32; Elf64_Phdr p64; } u;
		int rc = boot_file_read(f, phoff + img->n * size, &u, size, e);

		if (rc < 0)
			return rc;
		if (img->is64)
			from_phdr64(&img->seg[img->n], &u.p64);
		else
			from_phdr32(&img->seg[img->n], &u.p32);
	}
	return 0;
}

static int parse_class(const struct boot_file *f, struct elf_image *img,
		       struct err *e)
{
	union { Elf32_Ehdr h32; Elf64_Ehdr h64; } u;
	int rc;

	rc = boot_file_read(f, 0, &u, img->is64 ? sizeof(u.h64) : sizeof(u.h32),
			    e);
	if (rc < 0)
		return rc;
	if (img->is64) {
		img->machine = u.h64.e_machine;
		img->entry = u.h64.e_entry;
		return read_segments(f, img, u.h64.e_phoff, u.h64.e_phnum,
				     u.h64.e_phentsize, e);
	}
	img->machine = u.h32.e_machine;
	img->entry = u.h32.e_entry;
	return read_segments(f, img, u.h32.e_phoff, u.h32.e_phnum,
			     u.h32.e_phentsize, e);
}

int elf_parse(const struct boot_file *f, struct elf_image *img, struct err *e)
{
	u8 ident[EI_NIDENT] = { 0 };
	int rc;

	memset(img, 0, sizeof(*img));
	if (f->size < SELFMAG)
		return 0;
	rc = boot_file_read(f, 0, ident, MIN(f->size, sizeof(ident)), e);
	if (rc < 0)
		return rc;
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return 0;
	if (ident[EI_DATA] == ELFDATA2MSB)
		return err_set(e, -ENOEXEC, "%s: a big-endian ELF file is not "
			       "a kernel for this machine", f->path);
	img->is64 = ident[EI_CLASS] == ELFCLASS64;
	rc = parse_class(f, img, e);
	if (rc < 0)
		return rc;
	if (img->machine != EM_386 && img->machine != EM_X86_64)
		return err_set(e, -ENOEXEC, "%s: an ELF file for %s (machine "
			       "%u) is not a kernel for this machine", f->path,
			       img->machine == EM_AARCH64 ? "arm64"
							  : "another CPU",
			       img->machine);
	return 1;
}

int elf_load(const struct boot_file *f, const struct elf_image *img,
	     const struct boot_env *env, gpa_t *end, struct err *e)
{
	unsigned loaded = 0;

	*end = 0;
	for (unsigned i = 0; i < img->n; i++) {
		const struct elf_segment *s = &img->seg[i];
		int rc;

		if (s->type != PT_LOAD || s->memsz == 0)
			continue;
		if (s->filesz > s->memsz)
			return err_set(e, -EINVAL, "%s: segment %u is larger "
				       "in the file than in memory", f->path,
				       i);
		rc = boot_file_load(f, s->off, s->filesz, s->paddr, s->memsz,
				    env, e);
		if (rc < 0)
			return rc;
		*end = MAX(*end, s->paddr + s->memsz);
		boot_rom(env, s->paddr, s->memsz, f->path);
		loaded++;
	}
	if (!loaded)
		return err_set(e, -EINVAL, "%s: an ELF file with nothing to "
			       "load", f->path);
	return 0;
}
