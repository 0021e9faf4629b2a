/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 (specification 0.6.96): ELF32 images and images that say
 * themselves where they go.
 *
 * Room:     header in, kernel, modules and the information structure out.
 * Talks to: elf.h, boot.h.
 * Never:    sets a video mode.
 *
 * Everything we add goes behind the image, page by page: modules, then one
 * page-aligned block with the information structure, lists and strings.
 */
#include <errno.h>
#include <string.h>

#include "arch/x86/elf.h"
#include "vmm/base/log.h"
#include "vmm/base/strbuf.h"

enum {
	HEADER_MAGIC  = 0x1badb002,
	BOOT_MAGIC    = 0x2badb002,
	SEARCH_LEN    = 8192,
	FLAG_VIDEO    = BIT(2),
	FLAG_ADDRESS  = BIT(16),
	FLAGS_UNKNOWN = 0xfff8,        /* of those that must be understood */
};

struct mb_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

enum {                                 /* mb_info.flags */
	INFO_MEM = BIT(0), INFO_CMDLINE = BIT(2), INFO_MODS = BIT(3),
	INFO_MMAP = BIT(6), INFO_LOADER = BIT(9),
};
struct mb_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline;
	u32 mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, boot_loader_name;
	u32 apm_table, vbe[4];
};

struct mb_module {
	u32 start, end, string, reserved;
};

struct mb_mmap {
	u32 size;                      /* of the rest */
	u64 addr, len;
	u32 type;
} __attribute__((packed));

static bool find_header(const struct boot_file *f, u64 *off)
{
	u8 buf[SEARCH_LEN];
	u64 n = MIN(f->size, sizeof(buf));

	if (boot_file_read(f, 0, buf, n, NULL) < 0)
		return false;
	for (u64 i = 0; i + 12 <= n; i += 4) {
		u32 h[3];

		memcpy(h, buf + i, sizeof(h));
		if (h[0] == HEADER_MAGIC && h[0] + h[1] + h[2] == 0) {
			*off = i;
			return true;
		}
	}
	return false;
}

static int read_header(const struct boot *b, struct mb_header *h,
		       struct err *e)
{
	int rc;

	memset(h, 0, sizeof(*h));
	rc = boot_file_read(&b->kernel, b->header_off, h, 12, e);
	if (rc == 0 && (h->flags & FLAG_ADDRESS))
		rc = boot_file_read(&b->kernel, b->header_off, h, sizeof(*h), e);
	return rc;
}

static int probe(struct boot *b, struct err *e)
{
	struct mb_header h;
	struct elf_image img;
	int rc;

	if (!find_header(&b->kernel, &b->header_off))
		return 0;
	rc = read_header(b, &h, e);
	if (rc < 0)
		return rc;
	if (h.flags & FLAGS_UNKNOWN)
		return err_set(e, -ENOEXEC, "%s: its multiboot header asks for "
			       "features 0x%x nobody has", b->kernel.path,
			       h.flags & FLAGS_UNKNOWN);
	if (h.flags & FLAG_ADDRESS)
		return 1;
	rc = elf_parse(&b->kernel, &img, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, -ENOEXEC, "%s: a multiboot image that is "
			       "neither ELF nor says where to load it",
			       b->kernel.path);
	if (img.is64)
		return err_set(e, -ENOEXEC, "%s: a multiboot image must be "
			       "a 32-bit ELF file, this is a 64-bit one",
			       b->kernel.path);
	return 1;
}

/* The "a.out kludge": the header gives the addresses. */
static int load_addressed(struct boot *b, const struct mb_header *h,
			  const struct boot_env *env, gpa_t *end,
			  struct err *e)
{
	const struct boot_file *f = &b->kernel;
	u64 before = (u64)h->header_addr - h->load_addr, off, len, mem;
	int rc;

	if (h->load_addr > h->header_addr || before > b->header_off)
		return err_set(e, -EINVAL, "%s: its multiboot addresses do not "
			       "fit where the header is", f->path);
	off = b->header_off - before;
	len = h->load_end_addr ? (u64)h->load_end_addr - h->load_addr
			       : f->size - off;
	if (h->load_end_addr && h->load_end_addr < h->load_addr)
		return err_set(e, -EINVAL, "%s: its multiboot load end is "
			       "below the start", f->path);
	mem = len;
	if (h->bss_end_addr > h->load_addr)
		mem = MAX(mem, (u64)h->bss_end_addr - h->load_addr);
	rc = boot_file_load(f, off, len, h->load_addr, mem, env, e);
	*end = h->load_addr + mem;
	if (rc == 0)
		boot_rom(env, h->load_addr, mem, f->path);
	return rc;
}

static int load_image(struct boot *b, const struct mb_header *h,
		      const struct boot_env *env, struct boot_entry *out,
		      gpa_t *end, struct err *e)
{
	struct elf_image img;
	int rc;

	if (h->flags & FLAG_ADDRESS) {
		out->rip = h->entry_addr;
		return load_addressed(b, h, env, end, e);
	}
	rc = elf_parse(&b->kernel, &img, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, -EIO, "%s: changed since it "
					     "was opened", b->kernel.path);
	out->rip = (u32)img.entry;
	return elf_load(&b->kernel, &img, env, end, e);
}

/* Modules behind the image; their list is appended to `list`. */
static int load_modules(struct boot *b, const struct boot_env *env,
			gpa_t *at, struct strbuf *list, struct err *e)
{
	for (unsigned i = 0; i < b->nmodules; i++) {
		const struct boot_file *f = &b->modules[i];
		struct mb_module m = { .start = *at };
		int rc = boot_file_load(f, 0, f->size, *at, 0, env, e);

		if (rc < 0) {
			err_prefix(e, "-initrd");
			return rc;
		}
		boot_rom(env, *at, f->size, f->path);
		m.end = *at + f->size;
		*at = ALIGN_UP(*at + f->size, PAGE_SIZE);
		strbuf_add(list, &m, sizeof(m));
	}
	return 0;
}

static u32 add_string(struct strbuf *block, gpa_t base, const char *a,
		      const char *b)
{
	u32 at = base + block->len;

	strbuf_addstr(block, a);
	if (b && *b)
		strbuf_addf(block, " %s", b);
	strbuf_addc(block, '\0');
	return at;
}

static u32 add_mmap(struct strbuf *block, gpa_t base,
		    const struct boot_env *env)
{
	u32 at = base + block->len;

	for (unsigned i = 0; i < env->ne820; i++) {
		const struct mb_mmap m = {
			.size = sizeof(m) - 4, .addr = env->e820[i].addr,
			.len = env->e820[i].len, .type = env->e820[i].type,
		};

		strbuf_add(block, &m, sizeof(m));
	}
	return at;
}

static u32 add_module_list(struct boot *b, struct strbuf *block, gpa_t base,
			   struct strbuf *list)
{
	struct mb_module *m = (struct mb_module *)(void *)list->buf;
	u32 at;

	for (unsigned i = 0; i < b->nmodules; i++)
		m[i].string = add_string(block, base, b->modules[i].args, NULL);
	while (block->len % 8)
		strbuf_addc(block, '\0');
	at = base + block->len;
	strbuf_add(block, list->buf, list->len);
	return at;
}

static int write_info(struct boot *b, const struct boot_env *env, gpa_t base,
		      struct strbuf *list, struct err *e)
{
	struct strbuf block = STRBUF_INIT;
	struct mb_info info = {
		.flags = INFO_MEM | INFO_CMDLINE | INFO_MMAP | INFO_LOADER,
		.mem_lower = 640,
		.mem_upper = (env->low_end - MIN(env->low_end, 1 * MiB)) / KiB,
		.boot_device = 0x8000ffff,
	};
	int rc;

	strbuf_add(&block, &info, sizeof(info));
	info.mmap_addr = add_mmap(&block, base, env);
	info.mmap_length = env->ne820 * sizeof(struct mb_mmap);
	info.cmdline = add_string(&block, base, b->kernel.path, b->cmdline);
	info.boot_loader_name = add_string(&block, base, "mote", NULL);
	if (b->nmodules) {
		info.flags |= INFO_MODS;
		info.mods_count = b->nmodules;
		info.mods_addr = add_module_list(b, &block, base, list);
	}
	memcpy(block.buf, &info, sizeof(info));
	rc = boot_write(env, base, block.buf, block.len,
			"multiboot information", e);
	strbuf_fini(&block);
	return rc;
}

static int load(struct boot *b, const struct boot_env *env,
		struct boot_entry *out, struct err *e)
{
	struct strbuf list = STRBUF_INIT;
	struct mb_header h;
	gpa_t at;
	int rc;

	rc = read_header(b, &h, e);
	if (rc < 0)
		return rc;
	if (h.flags & FLAG_VIDEO)
		log_warn("%s: there is no video mode to set", b->kernel.path);
	rc = load_image(b, &h, env, out, &at, e);
	if (rc < 0)
		return rc;
	/* Images below 640 KiB get their modules above 1 MiB. */
	at = at <= BOOT_LOW_END ? 1 * MiB : ALIGN_UP(at, PAGE_SIZE);
	rc = load_modules(b, env, &at, &list, e);
	if (rc == 0)
		rc = write_info(b, env, at, &list, e);
	strbuf_fini(&list);
	out->rax = BOOT_MAGIC;
	out->rbx = at;
	return rc;
}

const struct boot_protocol boot_multiboot = {
	.name         = "multiboot",
	.probe        = probe,
	.load         = load,
	.many_modules = true,
};
