/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage (Documentation/x86/boot.rst): the 64-bit entry, and the
 * 32-bit one for kernels that have no other.
 *
 * Room:     setup header in, zero page out.
 * Talks to: boot.h's files and RAM.
 * Never:    runs the real-mode setup code.
 */
#include "arch/x86/boot.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

enum {
	HEADER_OFF = 0x1f1,
	HDRS_MAGIC = 0x53726448,       /* "HdrS" */
	LOAD_HIGH  = 0x100000,
};


static int read_header(const struct boot_file *f, struct setup_header *h,
		       struct err *e)
{
	u8 raw[sizeof(*h)] = { 0 };
	u64 len;
	int rc;

	/* 0x202 + the jump's displacement is where the header ends. */
	rc = boot_file_read(f, HEADER_OFF, raw, 0x202 - HEADER_OFF + 4, e);
	if (rc < 0)
		return rc;
	len = 0x202 - HEADER_OFF + raw[0x201 - HEADER_OFF];
	memset(raw, 0, sizeof(raw));
	rc = boot_file_read(f, HEADER_OFF, raw, MIN(len, sizeof(raw)), e);
	if (rc < 0)
		return rc;
	memcpy(h, raw, sizeof(*h));
	return 0;
}

static int probe(struct boot *b, struct err *e)
{
	const struct boot_file *f = &b->kernel;
	struct setup_header h;
	u32 magic = 0;

	if (f->size < 0x206 ||
	    boot_file_read(f, 0x202, &magic, 4, NULL) < 0 ||
	    magic != HDRS_MAGIC)
		return 0;
	if (read_header(f, &h, e) < 0)
		return -EINVAL;
	if (h.boot_flag != 0xaa55)
		return err_set(e, -EINVAL, "%s: the Linux boot sector lacks "
			       "its signature", f->path);
	if (h.version < 0x206 || !(h.loadflags & LOADED_HIGH))
		return err_set(e, -EINVAL, "%s: Linux boot protocol %u.%02u "
			       "is too old, 2.06 is the least", f->path,
			       h.version >> 8, h.version & 0xff);
	return 1;
}

static bool fits(u64 at, u64 len, const struct boot_env *env)
{
	u64 end;

	return at >= LOAD_HIGH && !__builtin_add_overflow(at, len, &end) &&
	       end <= env->low_end;
}

/* Where the protected-mode part goes: as linked if it fits, else low. */
static u64 choose_address(const struct setup_header *h, u64 need,
			  const struct boot_env *env)
{
	u64 align = h->kernel_alignment, at;

	if (h->version < 0x20a)
		return LOAD_HIGH;
	if (fits(h->pref_address, need, env) || !h->relocatable_kernel)
		return h->pref_address;
	if (align < PAGE_SIZE || align & (align - 1))
		align = 2 * MiB;
	at = ALIGN_UP((u64)LOAD_HIGH, align);
	return at;
}

static int place_initrd(struct boot *b, struct setup_header *h, u64 kernel_end,
			const struct boot_env *env, struct err *e)
{
	const struct boot_file *f = &b->modules[0];
	u64 top = MIN(env->low_end, (u64)h->initrd_addr_max + 1), at;

	if (f->size == 0)
		return err_set(e, -EINVAL, "-initrd %s: the file is empty",
			       f->path);
	if (top < f->size || ALIGN_DOWN(top - f->size, PAGE_SIZE) < kernel_end)
		return err_set(e, -ENOMEM, "-initrd %s: too large: %llu bytes "
			       "do not fit between the kernel's end at 0x%llx "
			       "and 0x%llx (-m)", f->path,
			       (unsigned long long)f->size,
			       (unsigned long long)kernel_end,
			       (unsigned long long)top);
	at = ALIGN_DOWN(top - f->size, PAGE_SIZE);
	h->ramdisk_image = at;
	h->ramdisk_size = f->size;
	boot_rom(env, at, f->size, "initrd");
	return boot_file_load(f, 0, f->size, at, 0, env, e);
}

static int write_zero_page(struct boot *b, const struct setup_header *h,
			   const struct boot_env *env, struct err *e)
{
	size_t len = strlen(b->cmdline);
	u64 max = MIN(h->cmdline_size, (u32)BOOT_CMDLINE_MAX - 1);
	struct boot_params bp;
	int rc;

	if (len > max)
		return err_set(e, -E2BIG, "-append: the command line has %zu "
			       "characters, this kernel takes %llu", len,
			       (unsigned long long)max);
	memset(&bp, 0, sizeof(bp));
	bp.hdr = *h;
	bp.hdr.type_of_loader = 0xff;
	bp.hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp.acpi_rsdp_addr = env->rsdp;
	for (unsigned i = 0; i < env->ne820; i++) {
		bp.e820_table[i].addr = env->e820[i].addr;
		bp.e820_table[i].size = env->e820[i].len;
		bp.e820_table[i].type = env->e820[i].type;
	}
	bp.e820_entries = env->ne820;
	bp.alt_mem_k = (env->low_end - MIN(env->low_end, 1 * MiB)) / KiB;
	rc = boot_write(env, BOOT_CMDLINE, b->cmdline, len + 1, "command line",
			e);
	if (rc < 0)
		return rc;
	return boot_write(env, BOOT_PARAMS, &bp, sizeof(bp), "zero page", e);
}

static int load(struct boot *b, const struct boot_env *env,
		struct boot_entry *out, struct err *e)
{
	const struct boot_file *f = &b->kernel;
	struct setup_header h;
	u64 off, len, need, at;
	int rc;

	rc = read_header(f, &h, e);
	if (rc < 0)
		return rc;
	off = ((h.setup_sects ? h.setup_sects : 4) + 1) * 512ull;
	if (off >= f->size || f->size - off < h.syssize * 16ull)
		return err_set(e, -EINVAL, "%s: truncated: the header says "
			       "%llu bytes, the file has %llu", f->path,
			       (unsigned long long)(off + h.syssize * 16ull),
			       (unsigned long long)f->size);
	len = f->size - off;
	need = MAX(len, h.version >= 0x20a ? (u64)h.init_size : 0);
	at = choose_address(&h, need, env);
	if (!fits(at, need, env))
		return err_set(e, -ENOMEM, "%s: too large: it needs %llu bytes "
			       "of RAM at 0x%llx, which ends at 0x%llx (-m)",
			       f->path, (unsigned long long)need,
			       (unsigned long long)at,
			       (unsigned long long)env->low_end);
	rc = boot_file_load(f, off, len, at, 0, env, e);
	if (rc < 0)
		return rc;
	boot_rom(env, at, len, "bzImage");
	h.code32_start = at;
	if (b->nmodules) {
		rc = place_initrd(b, &h, at + need, env, e);
		if (rc < 0)
			return rc;
	}
	out->long_mode = h.version >= 0x20c && (h.xloadflags & XLF_KERNEL_64);
	out->rip = at + (out->long_mode ? 0x200 : 0);
	out->rsi = BOOT_PARAMS;
	return write_zero_page(b, &h, env, e);
}

const struct boot_protocol boot_bzimage = {
	.name  = "bzImage",
	.probe = probe,
	.load  = load,
};
