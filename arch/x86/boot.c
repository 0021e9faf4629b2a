/* SPDX-License-Identifier: MIT */
/*
 * Choosing a boot protocol and entering the guest.  See boot.h.
 */
#include "arch/x86/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/regs.h"
#include "vmm/core/gmem.h"

static const struct boot_protocol *const boot_protocols[] = {
	&boot_bzimage, &boot_multiboot, &boot_elf, NULL
};

static char *copy(const char *s, size_t n)
{
	char *p = strndup(s, n);

	if (!p)
		abort();
	return p;
}

static int add_module(struct boot *b, const char *text, bool has_args,
		      struct err *e)
{
	const char *blank = has_args ? strchr(text, ' ') : NULL;
	char *path = copy(text, blank ? (size_t)(blank - text) : strlen(text));
	struct boot_file *m;
	int rc;

	b->modules = realloc(b->modules,
			     (b->nmodules + 1) * sizeof(*b->modules));
	if (!b->modules)
		abort();
	m = &b->modules[b->nmodules];
	rc = boot_file_open(m, path, e);
	if (rc == 0) {
		m->args = copy(text, strlen(text));
		b->nmodules++;
	} else {
		err_prefix(e, "-initrd");
	}
	free(path);
	return rc;
}

/* "file args,file args"; ",," is a comma. */
static int add_modules(struct boot *b, const char *list, struct err *e)
{
	size_t n = strlen(list);
	char *one = malloc(n + 1);
	int rc = 0;

	if (!one)
		abort();
	while (*list && rc == 0) {
		size_t len = 0;

		while (*list == ' ')
			list++;
		while (*list && (*list != ',' || list[1] == ',')) {
			list += *list == ',';
			one[len++] = *list++;
		}
		list += *list == ',';
		one[len] = '\0';
		if (len)
			rc = add_module(b, one, true, e);
	}
	free(one);
	return rc;
}

/* What a file is that no protocol claims. */
static int foreign(const struct boot_file *f, struct err *e)
{
	u8 h[64] = { 0 };
	const char *what = "it has neither a Linux nor a multiboot header and "
			   "is no ELF file";

	if (f->size == 0)
		return err_set(e, -EINVAL, "%s: the file is empty", f->path);
	boot_file_read(f, 0, h, MIN(f->size, sizeof(h)), NULL);
	if (h[0] == 0x1f && h[1] == 0x8b)
		what = "it is gzip-compressed, and boots only unpacked";
	else if (!memcmp(h + 56, "ARM\x64", 4))
		what = "it is an arm64 Image";
	else if (!memcmp(h, "\xfd" "7zXZ", 5) || !memcmp(h, "\x28\xb5\x2f\xfd", 4))
		what = "it is compressed, and boots only unpacked";
	else if (!memcmp(h, "!<arch>", 7))
		what = "it is an archive";
	else if (!memcmp(h, "MZ", 2))
		what = "it is an EFI program without a Linux header";
	return err_set(e, -ENOEXEC, "%s: not a kernel for this machine: %s",
		       f->path, what);
}

static int probe(struct boot *b, struct err *e)
{
	for (unsigned i = 0; boot_protocols[i]; i++) {
		int rc = boot_protocols[i]->probe(b, e);

		if (rc < 0)
			return rc;
		if (rc > 0) {
			b->protocol = boot_protocols[i];
			return 0;
		}
	}
	return foreign(&b->kernel, e);
}

struct boot *boot_open(const char *kernel, const char *initrd,
		       const char *cmdline, struct err *e)
{
	struct boot *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		abort();
	b->kernel.fd = -1;
	b->cmdline = copy(cmdline ? cmdline : "", strlen(cmdline ? cmdline : ""));
	if (boot_file_open(&b->kernel, kernel, e) < 0) {
		err_prefix(e, "-kernel");
		goto fail;
	}
	if (probe(b, e) < 0)
		goto fail;
	if (initrd && *initrd) {
		rc = b->protocol->many_modules ? add_modules(b, initrd, e)
					       : add_module(b, initrd, false, e);
		if (rc < 0)
			goto fail;
	}
	return b;

fail:
	boot_close(b);
	return NULL;
}

void boot_close(struct boot *b)
{
	if (!b)
		return;
	boot_file_close(&b->kernel);
	for (unsigned i = 0; i < b->nmodules; i++)
		boot_file_close(&b->modules[i]);
	free(b->modules);
	free(b->cmdline);
	free(b);
}

/* In front: what follows a "--" is the first program's. */
void boot_prepend_args(struct boot *b, const char *args)
{
	char *both = NULL;

	if (asprintf(&both, "%s%s", args, b->cmdline) < 0)
		abort();
	free(b->cmdline);
	b->cmdline = both;
}

int boot_load(struct boot *b, const struct boot_env *env,
	      struct boot_entry *out, struct err *e)
{
	*out = (struct boot_entry){ 0 };
	return b->protocol->load(b, env, out, e);
}

int boot_write(const struct boot_env *env, gpa_t gpa, const void *p, u64 len,
	       const char *what, struct err *e)
{
	if (gmem_write(env->gmem, gpa, p, len) < 0)
		return err_set(e, -ENOMEM, "guest RAM is too small for the %s "
			       "(%llu bytes at 0x%llx): use a larger -m", what,
			       (unsigned long long)len, (unsigned long long)gpa);
	return 0;
}

void boot_rom(const struct boot_env *env, gpa_t addr, u64 size,
	      const char *name)
{
	if (env->rom)
		env->rom(env->opaque, addr, size, name);
}

/* --- entry --------------------------------------------------------------- */

#define CODE_SELECTOR 0x10             /* Linux's __BOOT_CS, __BOOT_DS */
#define DATA_SELECTOR 0x18

static int write_page_tables(const struct boot_env *env, struct err *e)
{
	u64 t[6][512] = { { 0 } };             /* PML4, PDPT, four PDs */
	const u64 rw = PG_P | PG_RW;

	t[0][0] = (BOOT_PAGE_TABLES + 0x1000) | rw;
	for (unsigned i = 0; i < 4; i++)
		t[1][i] = (BOOT_PAGE_TABLES + 0x2000 + i * 0x1000) | rw;
	for (u64 i = 0; i < 4 * 512; i++)
		t[2 + i / 512][i % 512] = (i << 21) | rw | PG_PS;
	return boot_write(env, BOOT_PAGE_TABLES, t, sizeof(t), "page tables", e);
}

static int write_gdt(const struct boot_env *env, bool long_mode, struct err *e)
{
	const u64 gdt[4] = {
		0, 0,
		long_mode ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull,
		0x00cf93000000ffffull,
	};

	return boot_write(env, BOOT_GDT, gdt, sizeof(gdt), "GDT", e);
}

static struct kvm_segment flat(u16 selector, u8 type, bool long_mode)
{
	return (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type,
		.present = 1, .s = 1, .g = 1, .l = long_mode,
		.db = !long_mode,
	};
}

int boot_enter(const struct boot_entry *entry, const struct boot_env *env,
	       struct x86_regs *regs, struct err *e)
{
	struct kvm_sregs *s = &regs->s;
	int rc = write_gdt(env, entry->long_mode, e);

	if (rc < 0)
		return rc;
	s->gdt.base = BOOT_GDT;
	s->gdt.limit = 4 * 8 - 1;
	s->idt.limit = 0;
	s->cs = flat(CODE_SELECTOR, 0xb, entry->long_mode);
	s->ds = flat(DATA_SELECTOR, 0x3, false);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr.limit = 0x67;
	s->cr0 = 0x11;                         /* PE, ET */
	if (entry->long_mode) {
		rc = write_page_tables(env, e);
		if (rc < 0)
			return rc;
		s->cr3 = BOOT_PAGE_TABLES;
		s->cr4 = 0x20;                 /* PAE */
		s->efer = 0x500;               /* LME, LMA */
		s->cr0 |= 0x80000000;
	}
	regs->gp.rip = entry->rip;
	regs->gp.rax = entry->rax;
	regs->gp.rbx = entry->rbx;
	regs->gp.rsi = entry->rsi;
	regs->gp.rdx = 0;
	return 0;
}
