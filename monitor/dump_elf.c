/* SPDX-License-Identifier: MIT */
/*
 * A core file as ELF: headers, notes, then the memory, written in one go from
 * front to back (the file may be a pipe).
 *
 * A physical range is a PT_LOAD with p_vaddr 0; with paging, each mapping of
 * the CPUs' page tables is one more, pointing into the same bytes.
 */
#include "monitor/dump.h"

#include <elf.h>
#include <string.h>

/* File offset of guest-physical `at`. */
static u64 offset_of(const struct dump *d, u64 memory, gpa_t at)
{
	for (unsigned i = 0; i < d->nranges; i++) {
		if (at >= d->ranges[i].gpa &&
		    at - d->ranges[i].gpa < d->ranges[i].len)
			return memory + (at - d->ranges[i].gpa);
		memory += d->ranges[i].len;
	}
	return 0;
}

static u64 header_bytes(const struct dump *d)
{
	const u64 n = 1 + d->nranges + d->nmaps;

	return d->wide ? sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr)
		       : sizeof(Elf32_Ehdr) + n * sizeof(Elf32_Phdr);
}

static void ident(u8 *p, unsigned class)
{
	memcpy(p, ELFMAG, SELFMAG);
	p[EI_CLASS] = (u8)class;
	p[EI_DATA] = ELFDATA2LSB;
	p[EI_VERSION] = EV_CURRENT;
}

static void file_header(const struct dump *d, struct strbuf *out)
{
	const u16 n = (u16)(1 + d->nranges + d->nmaps);

	if (d->wide) {
		Elf64_Ehdr h = {
			.e_type = ET_CORE, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT, .e_phoff = sizeof(h),
			.e_ehsize = sizeof(h), .e_phnum = n,
			.e_phentsize = sizeof(Elf64_Phdr),
		};
		ident(h.e_ident, ELFCLASS64);
		strbuf_add(out, &h, sizeof(h));
	} else {
		Elf32_Ehdr h = {
			.e_type = ET_CORE, .e_machine = EM_386,
			.e_version = EV_CURRENT, .e_phoff = sizeof(h),
			.e_ehsize = sizeof(h), .e_phnum = n,
			.e_phentsize = sizeof(Elf32_Phdr),
		};
		ident(h.e_ident, ELFCLASS32);
		strbuf_add(out, &h, sizeof(h));
	}
}

static void segment(const struct dump *d, struct strbuf *out, u32 type,
		    u64 off, gva_t va, gpa_t pa, u64 len)
{
	if (d->wide) {
		Elf64_Phdr h = { .p_type = type, .p_offset = off,
				 .p_vaddr = va, .p_paddr = pa,
				 .p_filesz = len, .p_memsz = len };

		strbuf_add(out, &h, sizeof(h));
	} else {
		Elf32_Phdr h = { .p_type = type, .p_offset = (u32)off,
				 .p_vaddr = (u32)va, .p_paddr = (u32)pa,
				 .p_filesz = (u32)len, .p_memsz = (u32)len };

		strbuf_add(out, &h, sizeof(h));
	}
}

static int elf_begin(struct dump *d)
{
	const u64 notes = header_bytes(d), memory = notes + d->notes.len;
	struct strbuf out = STRBUF_INIT;
	int rc;

	file_header(d, &out);
	segment(d, &out, PT_NOTE, notes, 0, 0, d->notes.len);
	for (unsigned i = 0; i < d->nmaps; i++)
		segment(d, &out, PT_LOAD,
			offset_of(d, memory, d->maps[i].pa), d->maps[i].va,
			d->maps[i].pa, d->maps[i].len);
	for (unsigned i = 0; i < d->nranges; i++)
		segment(d, &out, PT_LOAD,
			offset_of(d, memory, d->ranges[i].gpa), 0,
			d->ranges[i].gpa, d->ranges[i].len);
	rc = dump_write(d, out.buf, out.len);
	if (!rc)
		rc = dump_write(d, d->notes.buf, d->notes.len);
	strbuf_fini(&out);
	return rc;
}

static int elf_memory(struct dump *d, gpa_t at UNUSED, const u8 *p, size_t n)
{
	return dump_write(d, p, n);
}

const struct dump_writer dump_elf_writer = {
	.begin  = elf_begin,
	.memory = elf_memory,
};
