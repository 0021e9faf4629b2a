/* SPDX-License-Identifier: MIT */
/* Helpers of the boot tests: files made of bytes, a machine made of RAM. */
#ifndef TEST_BOOT_FIXTURE_H
#define TEST_BOOT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86/boot.h"
#include "vmm/core/gmem.h"

struct boot_test {
	struct gmem *g;
	struct boot_env env;
	struct boot *boot;
	struct boot_entry entry;
	struct err e;
	char path[64], initrd[64];
};

static inline void boot_test_init(struct boot_test *t, u64 ram)
{
	memset(t, 0, sizeof(*t));
	t->g = gmem_create();
	assert_int_equal(gmem_add(t->g, "low", 0, 0xa0000, -1, 0, GMEM_RAM,
				  NULL), 0);
	assert_int_equal(gmem_add(t->g, "ram", 0xc0000, ram - 0xc0000, -1, 0,
				  GMEM_RAM, NULL), 0);
	t->env = (struct boot_env){
		.gmem = t->g, .low_end = ram, .rsdp = BOOT_ACPI, .ne820 = 2,
		.e820 = { { 0, 0x9fc00, E820_RAM },
			  { 0x100000, ram - 0x100000, E820_RAM } },
	};
}

static inline void write_file(char path[64], const void *p, size_t n)
{
	int fd;

	snprintf(path, 64, "/tmp/mote-boot-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	close(fd);
}

/* Open and load; the result of the first step that fails. */
static inline int boot_test_run(struct boot_test *t, const void *kernel,
				size_t n, const char *initrd,
				const char *cmdline)
{
	if (t->path[0])
		unlink(t->path);
	write_file(t->path, kernel, n);
	boot_close(t->boot);
	memset(&t->e, 0, sizeof(t->e));
	t->boot = boot_open(t->path, initrd, cmdline, &t->e);
	if (!t->boot)
		return t->e.rc ? t->e.rc : -1;
	return boot_load(t->boot, &t->env, &t->entry, &t->e);
}

static inline void boot_test_fini(struct boot_test *t)
{
	boot_close(t->boot);
	gmem_destroy(t->g);
	if (t->path[0])
		unlink(t->path);
	if (t->initrd[0])
		unlink(t->initrd);
}

static inline void assert_sentence(struct boot_test *t, const char *part)
{
	if (!strstr(t->e.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", t->e.msg, part);
}

static inline u32 ram32(struct boot_test *t, gpa_t at)
{
	u32 v = 0;

	assert_int_equal(gmem_read(t->g, at, &v, 4), 0);
	return v;
}

static inline void ram_string(struct boot_test *t, gpa_t at, char *out,
			      size_t n)
{
	assert_int_equal(gmem_read(t->g, at, out, n), 0);
	out[n - 1] = '\0';
}

#endif
