/* SPDX-License-Identifier: MIT */
/*
 * ELF kernels with a PVH entry note (Xen's "x86/HVM direct boot ABI"): Linux
 * vmlinux with CONFIG_PVH.
 *
 * Room:     XEN_ELFNOTE_PHYS32_ENTRY in, hvm_start_info out.
 * Talks to: elf.h, boot.h.
 * Never:    uses e_entry.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "arch/x86/elf.h"

enum {
	NOTE_PHYS32_ENTRY = 18,
	NOTES_MAX         = 65536,
	START_MAGIC       = 0x336ec578,
	MODULE_OFF        = 0x100,     /* from BOOT_PARAMS */
	MEMMAP_OFF        = 0x200,
};

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	u32 memmap_entries, reserved;
};

struct hvm_modlist_entry {
	u64 paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

/* True when [p, p+n) has the note; tables of notes are 4-byte aligned. */
static bool find_note(const u8 *p, u64 n, u64 align, gpa_t *entry)
{
	u64 off = 0;

	align = align == 8 ? 8 : 4;
	while (off + sizeof(Elf64_Nhdr) <= n) {
		Elf64_Nhdr h;
		u64 name = off + sizeof(h), desc;

		memcpy(&h, p + off, sizeof(h));
		desc = ALIGN_UP(name + h.n_namesz, align);
		off = ALIGN_UP(desc + h.n_descsz, align);
		if (desc + h.n_descsz > n)
			return false;
		if (h.n_type != NOTE_PHYS32_ENTRY || h.n_namesz != 4 ||
		    memcmp(p + name, "Xen", 4) || h.n_descsz < 4)
			continue;
		*entry = 0;
		memcpy(entry, p + desc, h.n_descsz >= 8 ? 8 : 4);
		return true;
	}
	return false;
}

static int probe(struct boot *b, struct err *e)
{
	static const char *const lacks =
		"%s: an ELF file without the PVH entry note; a Linux kernel "
		"has it when built with CONFIG_PVH";
	u8 notes[NOTES_MAX];
	struct elf_image img;
	int rc = elf_parse(&b->kernel, &img, e);

	if (rc <= 0)
		return rc;
	for (unsigned i = 0; i < img.n; i++) {
		const struct elf_segment *s = &img.seg[i];

		if (s->type != PT_NOTE || s->filesz > sizeof(notes))
			continue;
		rc = boot_file_read(&b->kernel, s->off, notes, s->filesz, e);
		if (rc < 0)
			return rc;
		if (find_note(notes, s->filesz, s->align, &b->pvh_entry))
			return 1;
	}
	return err_set(e, -ENOEXEC, lacks, b->kernel.path);
}

static int place_module(struct boot *b, gpa_t kernel_end,
			const struct boot_env *env, struct err *e)
{
	const struct boot_file *f = &b->modules[0];
	struct hvm_modlist_entry m = { 0 };
	int rc;

	if (f->size > env->low_end ||
	    ALIGN_DOWN(env->low_end - f->size, PAGE_SIZE) < kernel_end)
		return err_set(e, -ENOMEM, "-initrd %s: too large: %llu bytes "
			       "do not fit above the kernel (-m)", f->path,
			       (unsigned long long)f->size);
	m.paddr = ALIGN_DOWN(env->low_end - f->size, PAGE_SIZE);
	m.size = f->size;
	boot_rom(env, m.paddr, m.size, "initrd");
	rc = boot_file_load(f, 0, f->size, m.paddr, 0, env, e);
	if (rc < 0)
		return rc;
	return boot_write(env, BOOT_PARAMS + MODULE_OFF, &m, sizeof(m),
			  "module list", e);
}

static int write_memmap(const struct boot_env *env, struct err *e)
{
	struct hvm_memmap_entry map[ARRAY_LEN(env->e820)] = { { 0 } };

	for (unsigned i = 0; i < env->ne820; i++) {
		map[i].addr = env->e820[i].addr;
		map[i].size = env->e820[i].len;
		map[i].type = env->e820[i].type;
	}
	return boot_write(env, BOOT_PARAMS + MEMMAP_OFF, map,
			  env->ne820 * sizeof(map[0]), "memory map", e);
}

static int write_start_info(struct boot *b, const struct boot_env *env,
			    struct err *e)
{
	const struct hvm_start_info si = {
		.magic = START_MAGIC, .version = 1,
		.nr_modules = b->nmodules,
		.modlist_paddr = b->nmodules ? BOOT_PARAMS + MODULE_OFF : 0,
		.cmdline_paddr = BOOT_CMDLINE,
		.rsdp_paddr = env->rsdp,
		.memmap_paddr = BOOT_PARAMS + MEMMAP_OFF,
		.memmap_entries = env->ne820,
	};
	size_t len = strlen(b->cmdline);
	int rc;

	if (len >= BOOT_CMDLINE_MAX)
		return err_set(e, -E2BIG, "-append: the command line has %zu "
			       "characters, %u is the most", len,
			       BOOT_CMDLINE_MAX - 1);
	rc = write_memmap(env, e);
	if (rc < 0)
		return rc;
	rc = boot_write(env, BOOT_CMDLINE, b->cmdline, len + 1, "command line",
			e);
	if (rc < 0)
		return rc;
	return boot_write(env, BOOT_PARAMS, &si, sizeof(si), "start info", e);
}

static int load(struct boot *b, const struct boot_env *env,
		struct boot_entry *out, struct err *e)
{
	struct elf_image img;
	gpa_t end;
	int rc = elf_parse(&b->kernel, &img, e);

	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, -EIO, "%s: changed since it "
					     "was opened", b->kernel.path);
	rc = elf_load(&b->kernel, &img, env, &end, e);
	if (rc < 0)
		return rc;
	if (b->nmodules) {
		rc = place_module(b, end, env, e);
		if (rc < 0)
			return rc;
	}
	out->rip = (u32)b->pvh_entry;
	out->rbx = BOOT_PARAMS;
	return write_start_info(b, env, e);
}

const struct boot_protocol boot_elf = {
	.name  = "ELF (PVH)",
	.probe = probe,
	.load  = load,
};
