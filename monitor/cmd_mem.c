/* SPDX-License-Identifier: MIT */
/*
 * Looking at and saving memory and ports: x xp print i o sum memsave ...
 *
 * Talks to: mon_read_virt, mon_read_phys; ports through the main loop.
 */
#include "monitor/disas.h"
#include "monitor/both.h"
#include "monitor/mon.h"
#include "monitor/x86.h"
#include "vmm/arch.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 4096, PORT_MASK = 0xffff };

/* --- formats --- */

static void print_char(struct mon *m, int c)
{
	switch (c) {
	case '\'':	mon_puts(m, "'\\''"); break;
	case '\\':	mon_puts(m, "'\\\\'"); break;
	case '\n':	mon_puts(m, "'\\n'"); break;
	case '\r':	mon_puts(m, "'\\r'"); break;
	default:
		if (c >= 32 && c <= 126)
			mon_printf(m, "'%c'", c);
		else
			mon_printf(m, "'\\x%02x'", c);
	}
}

/* Digits that hold the largest item, per kind. */
static int digits(char kind, unsigned size)
{
	switch (kind) {
	case 'o':	return (size * 8 + 2) / 3;
	case 'u':
	case 'd':	return (size * 80 + 32) / 33;
	}
	return size * 2;
}

static void print_item(struct mon *m, char kind, u64 v, int width)
{
	mon_puts(m, " ");
	switch (kind) {
	case 'o':	mon_printf(m, "%#*llo", width, (long long)v); break;
	case 'u':	mon_printf(m, "%*llu", width, (long long)v); break;
	case 'd':	mon_printf(m, "%*lld", width, (long long)v); break;
	case 'c':	print_char(m, v); break;
	default:	mon_printf(m, "0x%0*llx", width, (long long)v);
	}
}

static bool read_at(struct mon *m, bool phys, u64 at, void *buf, size_t n)
{
	return phys ? mon_read_phys(m, at, buf, n)
		    : mon_read_virt(m, at, buf, n);
}

static void dump(struct mon *m, const struct mon_fmt *f, u64 at, bool phys)
{
	unsigned size = f->size > 0 ? f->size : 1;
	unsigned per_line = size == 1 ? 8 : 16;
	int width = digits(f->kind, size);
	s32 left = (s32)(f->count * size);

	if (f->kind == 'c')
		size = 1;
	while (left > 0 && !mon_enough(m)) {
		unsigned n = MIN((unsigned)left, per_line);
		u8 line[16];

		mon_printf(m, "%016llx:", (long long)at);
		if (!read_at(m, phys, at, line, n)) {
			mon_puts(m, " Cannot access memory\n");
			return;
		}
		for (unsigned i = 0; i < n; i += size) {
			u64 v = 0;

			memcpy(&v, line + i, size);
			print_item(m, f->kind, v, width);
		}
		mon_puts(m, "\n");
		at += n;
		left -= n;
	}
}

static void examine(struct mon *m, const struct mon_arg *a, bool phys)
{
	const struct mon_fmt *f = &a[0].fmt;

	if (f->kind == 'i')
		mon_disassemble(m, a[1].num, f, phys);
	else
		dump(m, f, a[1].num, phys);
}

static void cmd_x(struct mon *m, const struct mon_arg *a)
{
	if (!mon_vcpu(m))
		mon_puts(m, "Can not dump without CPU\n");
	else
		examine(m, a, false);
}

static void cmd_xp(struct mon *m, const struct mon_arg *a)
{
	examine(m, a, true);
}

static void cmd_print(struct mon *m, const struct mon_arg *a)
{
	const long long v = a[1].num;

	switch (a[0].fmt.kind) {
	case 'o':	mon_printf(m, "%#llo", v); break;
	case 'x':	mon_printf(m, "%#llx", v); break;
	case 'u':	mon_printf(m, "%llu", v); break;
	case 'c':	print_char(m, v); break;
	default:	mon_printf(m, "%lld", v);
	}
	mon_puts(m, "\n");
}

/* --- ports, on the main loop --- */

static unsigned port_size(const struct mon_fmt *f)
{
	return f->size == 2 || f->size == 4 ? f->size : 1;
}

static void cmd_i(struct mon *m, const struct mon_arg *a)
{
	const unsigned size = port_size(&a[0].fmt);
	struct bus *pio = mon_vm(m)->pio;
	u64 port = a[1].num, v = 0;
	u8 byte;

	if (a[2].given)
		bus_write(pio, port++ & PORT_MASK, a[2].num & 0xff, 1);
	port &= PORT_MASK;
	if (size == 1 && mon_x86_chip_in(mon_vm(m), port, &byte))
		v = byte;
	else
		bus_read(pio, port, &v, size);
	mon_printf(m, "port%c[0x%04x] = 0x%0*llx\n", " bw l"[size],
		   (unsigned)port, a[0].fmt.size * 2, (long long)v);
}

static void cmd_o(struct mon *m, const struct mon_arg *a)
{
	bus_write(mon_vm(m)->pio, a[1].num & PORT_MASK, a[2].num,
		  port_size(&a[0].fmt));
}

/* --- translation --- */

/* The provider's chips are on no bus of ours, but no RAM either. */
static bool device_at(struct vm *vm, gpa_t at)
{
	return bus_overlaps(vm->mmio, at, at) || mon_x86_chip_at(vm, at);
}

/* The block behind an address; complains and returns NULL otherwise. */
static const struct gmem_block *block_at(struct mon *m, gpa_t at, u8 **host)
{
	struct vm *vm = mon_vm(m);
	const struct gmem_block *b = gmem_find(vm->gmem, at);

	if (b)
		*host = b->host + (at - b->gpa);
	else if (device_at(vm, at))
		mon_printf(m, "Memory at address 0x%llx is not RAM\n",
			   (long long)at);
	else
		mon_printf(m, "No memory is mapped at address 0x%llx\n",
			   (long long)at);
	return b;
}

static void cmd_gpa2hva(struct mon *m, const struct mon_arg *a)
{
	const struct gmem_block *b;
	u8 *host;

	b = block_at(m, a[0].num, &host);
	if (b)
		mon_printf(m, "Host virtual address for 0x%llx (%s) is %p\n",
			   (long long)a[0].num, b->name, (void *)host);
}

enum { PAGEMAP_ENTRY = 8 };
#define PAGEMAP_PFN     (BIT64(55) - 1)
#define PAGEMAP_PRESENT BIT64(63)

/* The frame number of a page of ours, touched first; see proc(5). */
static void cmd_gpa2hpa(struct mon *m, const struct mon_arg *a)
{
	const struct gmem_block *b;
	u64 entry = 0;
	ssize_t n = -1;
	u8 *host;
	int fd;

	b = block_at(m, a[0].num, &host);
	if (!b)
		return;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		mon_printf(m, "Cannot open /proc/self/pagemap: %s\n",
			   strerror(errno));
		return;
	}
	*(volatile u8 *)host;
	n = pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)host / PAGE_SIZE * PAGEMAP_ENTRY));
	if (n != sizeof(entry))
		mon_printf(m, "Cannot read pagemap: %s\n",
			   n < 0 ? strerror(errno) : "it is too short");
	else if (!(entry & PAGEMAP_PRESENT))
		mon_puts(m, "Page not present\n");
	else if (!(entry & PAGEMAP_PFN))
		mon_puts(m, "Cannot read pagemap: frame numbers are for who "
			 "has CAP_SYS_ADMIN\n");
	else
		mon_printf(m, "Host physical address for 0x%llx (%s) is "
			   "0x%llx\n", (long long)a[0].num, b->name,
			   (long long)((entry & PAGEMAP_PFN) * PAGE_SIZE |
				       ((uintptr_t)host & (PAGE_SIZE - 1))));
	close(fd);
}

static void cmd_gva2gpa(struct mon *m, const struct mon_arg *a)
{
	const void *regs = mon_regs(m);
	struct vm *vm = mon_vm(m);
	u64 attr;
	gpa_t pa;

	if (!regs)
		mon_puts(m, "No cpu\n");
	else if (vm->arch->translate(vm, regs, a[0].num, &pa, &attr))
		mon_puts(m, "Unmapped\n");
	else
		mon_printf(m, "gpa: %#llx\n", (long long)pa);
}

/* --- sums and files --- */

/* The BSD sum; both numbers have 32 bits, and a range past 4 GiB is empty. */
static void cmd_sum(struct mon *m, const struct mon_arg *a)
{
	u32 at = a[0].num, end = at + (u32)a[1].num;
	u8 buf[CHUNK];
	u16 sum = 0;

	while (at < end && !mon_enough(m)) {
		u32 n = MIN(end - at, (u32)CHUNK);

		mon_read_phys(m, at, buf, n);
		for (u32 i = 0; i < n; i++)
			sum = (u16)((u16)(sum >> 1 | sum << 15) + buf[i]);
		at += n;
	}
	mon_printf(m, "%05d\n", sum);
}

static int write_all(int fd, const u8 *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k ? -errno : -EIO;
		p += k;
		n -= k;
	}
	return 0;
}

int mon_save_memory(struct mon *m, bool phys, u64 at, u64 size,
		    const char *path, struct err *e)
{
	u8 buf[CHUNK];
	int fd, rc = 0;

	fd = mon_open(m, path, O_WRONLY | O_CREAT | O_TRUNC, 0666, e);
	if (fd < 0)
		return fd;
	for (u64 done = 0, n; done < size && !rc && !mon_enough(m);
	     done += n) {
		n = MIN(size - done, (u64)CHUNK);
		if (!read_at(m, phys, at + done, buf, n) && !phys) {
			rc = err_set(e, -EFAULT, "Invalid addr 0x%016llx/size "
				     "%lld specified", (long long)at,
				     (long long)size);
			break;
		}
		rc = write_all(fd, buf, n);
		if (rc < 0)
			err_set(e, rc, "writing to '%s' failed: %m", path);
	}
	close(fd);
	return rc;
}

static void save(struct mon *m, const struct mon_arg *a, bool phys)
{
	struct err e = { 0 };

	if (mon_save_memory(m, phys, a[0].num, a[1].num, a[2].str, &e) < 0)
		mon_error(m, &e);
}

static void cmd_memsave(struct mon *m, const struct mon_arg *a)
{
	if (!mon_vcpu(m))
		mon_puts(m, "No CPU available\n");
	else
		save(m, a, false);
}

static void cmd_pmemsave(struct mon *m, const struct mon_arg *a)
{
	save(m, a, true);
}

const struct mon_cmd mon_mem_cmds[] = {
	{
		.name    = "x",
		.args    = "fmt:fmt addr:long",
		.params  = "/fmt addr",
		.help    = "show virtual memory",
		.doc     = "Reads through the current CPU's page tables. "
			   "`/fmt` is `/COUNT FORMAT SIZE` without blanks: "
			   "FORMAT x d u o c, or i for instructions; SIZE b h "
			   "w g. Format and size are remembered. With i, h "
			   "and w choose 16- and 32-bit code.",
		.example = "x/4i $pc",
		.when    = MON_ANYTIME,
		.run     = cmd_x,
	}, {
		.name    = "xp",
		.args    = "fmt:fmt addr:long",
		.params  = "/fmt addr",
		.help    = "show physical memory",
		.doc     = "As x, without page tables. Device registers are "
			   "read as the guest would, side effects included; "
			   "the local APIC is the current CPU's.",
		.example = "xp/8xw 0x100000",
		.when    = MON_ANYTIME,
		.run     = cmd_xp,
	}, {
		.name    = "print|p",
		.args    = "fmt:fmt val:long",
		.params  = "/fmt expr",
		.help    = "show the value of an expression",
		.doc     = "Only the FORMAT letter of /fmt matters.",
		.example = "p/d 0x40 * 2",
		.when    = MON_ANYTIME,
		.run     = cmd_print,
	}, {
		.name    = "i",
		.args    = "fmt:fmt addr:int index:dotint",
		.params  = "/fmt addr[.index]",
		.help    = "read an I/O port",
		.doc     = "With .INDEX, writes INDEX to the port and reads "
			   "the next one. The timer (0x40-0x43) is inside the "
			   "provider and does not answer.",
		.example = "i/b 0x70.0x0b",
		.when    = MON_MAIN,
		.run     = cmd_i,
	}, {
		.name    = "o",
		.args    = "fmt:fmt addr:int val:int",
		.params  = "/fmt addr value",
		.help    = "write an I/O port",
		.doc     = "As the guest's OUT would, but for the interrupt "
			   "controllers and the timer: those are inside the "
			   "provider.",
		.example = "o/b 0x80 0x55",
		.when    = MON_MAIN,
		.run     = cmd_o,
	}, {
		.name    = "sum",
		.args    = "start:int size:int",
		.params  = "addr size",
		.help    = "checksum of physical memory",
		.doc     = "The 16-bit rotating sum of BSD's sum(1), in five "
			   "digits.",
		.example = "sum 0x100000 4096",
		.when    = MON_ANYTIME,
		.run     = cmd_sum,
	}, {
		.name    = "memsave",
		.args    = "val:long size:int filename:string",
		.params  = "addr size file",
		.help    = "save virtual memory to a file",
		.doc     = "Expressions run on over blanks: quote a file name "
			   "that begins with an operator, such as '/'.",
		.example = "memsave 0xffffffff81000000 4096 \"/tmp/text\"",
		.when    = MON_ANYTIME,
		.run     = cmd_memsave,
	}, {
		.name    = "pmemsave",
		.args    = "val:long size:int filename:string",
		.params  = "addr size file",
		.help    = "save physical memory to a file",
		.doc     = "Where there is nothing, zeros are written.",
		.example = "pmemsave 0 0x100000 low.bin",
		.when    = MON_ANYTIME,
		.run     = cmd_pmemsave,
	}, {
		.name    = "gpa2hva",
		.args    = "addr:long",
		.params  = "addr",
		.help    = "where a guest-physical address lies in mote",
		.doc     = "Names the block of RAM or ROM, too.",
		.example = "gpa2hva 0x100000",
		.when    = MON_MAIN,
		.run     = cmd_gpa2hva,
	}, {
		.name    = "gpa2hpa",
		.args    = "addr:long",
		.params  = "addr",
		.help    = "where a guest-physical address lies in the host",
		.doc     = "Needs the right to read /proc/self/pagemap.",
		.example = "gpa2hpa 0x100000",
		.when    = MON_MAIN,
		.run     = cmd_gpa2hpa,
	}, {
		.name    = "gva2gpa",
		.args    = "addr:long",
		.params  = "addr",
		.help    = "translate a guest-virtual address",
		.doc     = "Through the current CPU's page tables.",
		.example = "gva2gpa $rsp",
		.when    = MON_ANYTIME,
		.run     = cmd_gva2gpa,
	},
	{ 0 }
};
