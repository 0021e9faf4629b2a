/* SPDX-License-Identifier: MIT */
/*
 * Direct kernel boot: a file is opened once, then loaded at every reset.
 *
 * Room:     three protocols (bzImage, multiboot 1, ELF with the PVH note),
 *           tried in that order; each is one row of boot_protocols[].
 * Talks to: gmem (images), files opened before the sandbox closes.
 * Never:    trusts a number in a file; keeps an image in memory; opens a
 *           file after boot_open.
 *
 * Low memory while booting (everything here is our "firmware area", reserved
 * in the E820 map, but for the zero page and the command line):
 */
#ifndef MOTE_X86_BOOT_H
#define MOTE_X86_BOOT_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct gmem;
struct x86_regs;

enum {
	BOOT_PARAMS      = 0x10000,    /* zero page or hvm_start_info    */
	BOOT_CMDLINE     = 0x20000,
	BOOT_CMDLINE_MAX = 0x10000,
	BOOT_LOW_END     = 0x9fc00,    /* conventional memory ends       */
	BOOT_FIRMWARE    = 0xe0000,
	BOOT_GDT         = 0xe0000,
	BOOT_PAGE_TABLES = 0xe1000,    /* six pages                      */
	BOOT_VMGENID     = 0xe7000,    /* 16 bytes                       */
	BOOT_ACPI        = 0xe8000,
	BOOT_MPTABLE     = 0xf0000,    /* or behind ACPI's, if they are long */
	BOOT_RESET_CODE  = 0xffff0,    /* where a CPU would start        */
	BOOT_FIRMWARE_END = 0x100000,
};

enum { E820_RAM = 1, E820_RESERVED = 2 };
struct boot_e820 {
	u64 addr, len;
	u32 type;
};

/* What a load needs to know of the machine. */
struct boot_env {
	struct gmem *gmem;
	u64 low_end;                   /* RAM below 4 GiB ends here      */
	struct boot_e820 e820[16];
	unsigned ne820;
	gpa_t rsdp;
	/* For info roms; NULL ok. */
	void (*rom)(void *opaque, gpa_t addr, u64 size, const char *name);
	void *opaque;
};

/* How the boot CPU starts. */
struct boot_entry {
	bool long_mode;                /* else 32-bit protected mode     */
	u64 rip, rax, rbx, rsi;
};

/* A file kept open for reloading.  fd -1 when closed. */
struct boot_file {
	int fd;
	u64 size;
	char *path;
	char *args;                    /* multiboot module's whole text  */
};

struct boot;
/* Claims and loads one kind of image. */
struct boot_protocol {
	const char *name;
	/* 1 mine, 0 not mine, -errno mine but bad. [loop] */
	int (*probe)(struct boot *b, struct err *e);
	/* Into RAM; may run again after a reset. [loop, parked] */
	int (*load)(struct boot *b, const struct boot_env *env,
		    struct boot_entry *out, struct err *e);
	bool many_modules;             /* -initrd is a list              */
};
extern const struct boot_protocol boot_bzimage, boot_elf, boot_multiboot;

struct boot {
	const struct boot_protocol *protocol;
	struct boot_file kernel;
	struct boot_file *modules;     /* the initrd, or multiboot's     */
	unsigned nmodules;
	char *cmdline;                 /* never NULL                     */
	u64 header_off;                /* multiboot: of its header       */
	gpa_t pvh_entry;               /* elf                            */
};

/* Open the files and decide the protocol.  NULL with a sentence. */
struct boot *boot_open(const char *kernel, const char *initrd,
		       const char *cmdline, struct err *e);
void boot_close(struct boot *b);       /* NULL is fine */
/* Words in front of the command line, each with a blank behind. */
void boot_prepend_args(struct boot *b, const char *args);
int  boot_load(struct boot *b, const struct boot_env *env,
	       struct boot_entry *out, struct err *e);

/* Put the boot CPU at `entry`: flat segments, GDT, page tables. */
int  boot_enter(const struct boot_entry *entry, const struct boot_env *env,
		struct x86_regs *regs, struct err *e);

/* --- for the protocols --- */
int  boot_file_open(struct boot_file *f, const char *path, struct err *e);
void boot_file_close(struct boot_file *f);
/* All of [off, off+len), or -EINVAL and "PATH: truncated ...". */
int  boot_file_read(const struct boot_file *f, u64 off, void *buf, u64 len,
		    struct err *e);
/* From the file into RAM, and zeroes up to mem_len. */
int  boot_file_load(const struct boot_file *f, u64 off, u64 len, gpa_t gpa,
		    u64 mem_len, const struct boot_env *env, struct err *e);
int  boot_write(const struct boot_env *env, gpa_t gpa, const void *p, u64 len,
		const char *what, struct err *e);
void boot_rom(const struct boot_env *env, gpa_t addr, u64 size,
	      const char *name);

#endif
