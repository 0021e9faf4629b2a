/* SPDX-License-Identifier: MIT */
/*
 * gdb's m, M and X: guest memory, through the current vCPU's page tables or,
 * with qqemu.PhyMemMode:1, by physical address.
 *
 * Talks to: arch->translate, gmem.
 * Never:    touches a device: reading a register may change it.
 */
#include "vmm/gdb/gdb_priv.h"

#include <errno.h>
#include <string.h>

int gdb_mem_where(struct gdb *g, u64 at, gpa_t *pa)
{
	const void *regs;
	u64 attr;

	if (g->physical) {
		*pa = at;
		return 0;
	}
	regs = gdb_regs(g);
	if (!regs)
		return -ESRCH;
	return g->vm->arch->translate(g->vm, regs, at, pa, &attr);
}

/* How much of [at, at+n) one translation covers. */
static size_t in_page(u64 at, size_t n)
{
	const size_t left = PAGE_SIZE - at % PAGE_SIZE;

	return MIN(left, n);
}

size_t gdb_mem_read(struct gdb *g, u64 at, u8 *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const size_t piece = in_page(at + done, n - done);
		gpa_t pa;

		if (gdb_mem_where(g, at + done, &pa) < 0 ||
		    gmem_read(g->vm->gmem, pa, buf + done, piece) < 0)
			break;
		gdb_breaks_hide(g, pa, buf + done, piece);
		done += piece;
	}
	return done;
}

int gdb_mem_write(struct gdb *g, u64 at, const u8 *buf, size_t n)
{
	u8 copy[PAGE_SIZE];

	while (n) {
		const size_t piece = in_page(at, n);
		gpa_t pa;
		int rc = gdb_mem_where(g, at, &pa);

		if (rc < 0)
			return rc;
		memcpy(copy, buf, piece);
		gdb_breaks_keep(g, pa, copy, piece);
		rc = gmem_load(g->vm->gmem, pa, copy, piece);
		if (rc < 0)
			return rc;
		gdb_regs_forget(g);    /* page tables may be in there */
		at += piece;
		buf += piece;
		n -= piece;
	}
	return 0;
}

/* --- packets --- */

static bool range(const char **args, u64 *at, u64 *len)
{
	return gdb_number(args, at) && gdb_skip(args, ',') &&
	       gdb_number(args, len);
}

void gdb_read_mem(struct gdb *g, const char *args, size_t n)
{
	u8 buf[PAGE_SIZE];
	u64 at, len, done = 0;

	if (!range(&args, &at, &len) || *args)
		return gdb_error(g, -EINVAL);
	len = MIN(len, (u64)(GDB_PACKET_MAX / 2));
	while (done < len) {
		const size_t want = MIN(len - done, sizeof(buf));
		const size_t got = gdb_mem_read(g, at + done, buf, want);

		gdb_hex(&g->reply, buf, got);
		done += got;
		if (got < want)
			break;
	}
	if (len && !done)
		gdb_error(g, -EFAULT);
}

static void write_bytes(struct gdb *g, u64 at, const u8 *buf, size_t n)
{
	int rc = gdb_mem_write(g, at, buf, n);

	return rc < 0 ? gdb_error(g, rc) : gdb_ok(g);
}

void gdb_write_hex(struct gdb *g, const char *args, size_t n)
{
	const char *from = args;
	u64 at, len;

	if (!range(&args, &at, &len) || !gdb_skip(&args, ':'))
		return gdb_error(g, -EINVAL);
	n -= (size_t)(args - from);
	if (len > n / 2 || n != 2 * len || !gdb_unhex(args, g->in.payload, len))
		return gdb_error(g, -EINVAL);
	/* Decoded in place: two digits become one byte further in front. */
	write_bytes(g, at, (const u8 *)g->in.payload, len);
}

void gdb_write_binary(struct gdb *g, const char *args, size_t n)
{
	const char *from = args;
	u64 at, len;

	if (!range(&args, &at, &len) || !gdb_skip(&args, ':') ||
	    n - (size_t)(args - from) != len)
		return gdb_error(g, -EINVAL);
	write_bytes(g, at, (const u8 *)args, len);
}
