/* SPDX-License-Identifier: MIT */
/*
 * A core file as crash(8) and makedumpfile(8) read it: "kdump-compressed",
 * version 6, pages compressed with zlib.
 *
 * Blocks of 4096: header, sub-header with notes, two bitmaps (pages there
 * are, pages in the file), one descriptor per page, the pages.  Pages of
 * zeroes share one.  Written flattened (records of offset, size, bytes, so
 * that a pipe will do) or, raw, in place.
 */
#include "monitor/dump.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 4096, VERSION = 6, ZLIB_PAGE = 1, DESC_SIZE = 24,
       UTSNAME_FIELD = 65, FLAT_HEADER = 4096, BUFFER = 256 << 10 };

struct dump_kdump {
	u64 desc_at, data_at;          /* where the next ones go   */
	struct strbuf desc, data;      /* not written yet          */
	bool has_zero;
	u8 zero_desc[DESC_SIZE];
	u8 packed[BLOCK + 64];
};

static void little(struct strbuf *b, u64 v, unsigned size)
{
	strbuf_add(b, &v, size);
}

static void zeroes(struct strbuf *b, size_t upto)
{
	while (b->len < upto)
		strbuf_addc(b, 0);
}

static int write_at(struct dump *d, u64 off, const void *p, size_t n)
{
	const u64 head[2] = { htobe64(off), htobe64(n) };
	int rc;

	if (d->wish.format == DUMP_KDUMP_RAW_ZLIB) {
		if (lseek(d->fd, (off_t)off, SEEK_SET) < 0)
			return err_set(&d->e, -errno, "dump: a raw kdump file "
				       "must be seekable: %m");
		return dump_write(d, p, n);
	}
	rc = dump_write(d, head, sizeof(head));
	return rc < 0 ? rc : dump_write(d, p, n);
}

static int flat_header(struct dump *d)
{
	struct strbuf b = STRBUF_INIT;
	const u64 words[2] = { htobe64(1), htobe64(1) };  /* type, version */
	int rc;

	strbuf_addstr(&b, "makedumpfile");
	zeroes(&b, 16);
	strbuf_add(&b, words, sizeof(words));
	zeroes(&b, FLAT_HEADER);
	rc = dump_write(d, b.buf, b.len);
	strbuf_fini(&b);
	return rc;
}

/* --- the fixed blocks --- */

static u64 last_pfn(const struct dump *d)
{
	const struct dump_range *r = &d->ranges[d->nranges - 1];

	return (r->gpa + r->len + BLOCK - 1) / BLOCK;
}

static u64 bitmap_bytes(const struct dump *d)
{
	return ALIGN_UP((last_pfn(d) + 7) / 8, (u64)BLOCK);
}

static void uts_field(struct strbuf *b, const char *text)
{
	const size_t end = b->len + UTSNAME_FIELD;

	strbuf_addstr(b, text);
	zeroes(b, end);
}

static void main_header(const struct dump *d, struct strbuf *b, u64 sub_blocks)
{
	const unsigned word = d->wide ? 8 : 4;

	strbuf_addstr(b, "KDUMP   ");
	little(b, VERSION, 4);
	for (unsigned i = 0; i < 4; i++)
		uts_field(b, "");      /* what the guest runs is its secret */
	uts_field(b, d->wide ? "x86_64" : "i686");
	uts_field(b, "");
	zeroes(b, ALIGN_UP(b->len, (size_t)word));
	little(b, (u64)time(NULL), word);
	little(b, 0, word);
	little(b, ZLIB_PAGE, 4);       /* status: how pages are compressed */
	little(b, BLOCK, 4);
	little(b, sub_blocks, 4);
	little(b, 2 * bitmap_bytes(d) / BLOCK, 4);
	little(b, MIN(last_pfn(d), (u64)UINT32_MAX), 4);
	zeroes(b, b->len + 16);        /* ram, device, written blocks; cpu */
	little(b, d->ncpus, 4);
	zeroes(b, BLOCK);
}

/* kdump_sub_header; the notes follow it. */
static void sub_header(const struct dump *d, struct strbuf *b)
{
	const unsigned word = d->wide ? 8 : 4;
	const u64 at = d->wide ? 112 : 88;

	little(b, 0, word);            /* phys_base: a reader finds it     */
	little(b, 1, 4);               /* dump_level: no pages of zeroes   */
	little(b, 0, 4);               /* split                            */
	zeroes(b, b->len + 2 * word);  /* its start and end                */
	zeroes(b, b->len + 8 + word);  /* vmcoreinfo: there is none        */
	little(b, BLOCK + at, 8);
	little(b, d->notes.len, word);
	zeroes(b, b->len + 8 + word);  /* eraseinfo                        */
	zeroes(b, b->len + 16);        /* split, in 64 bits                */
	little(b, last_pfn(d), 8);
	zeroes(b, at);
	strbuf_add(b, d->notes.buf, d->notes.len);
	zeroes(b, ALIGN_UP(b->len, (size_t)BLOCK));
}

static int write_bitmaps(struct dump *d, u64 at)
{
	const u64 n = bitmap_bytes(d);
	u8 *map = calloc(1, n);
	int rc;

	if (!map)
		return err_set(&d->e, -ENOMEM, "dump: %m");
	for (unsigned i = 0; i < d->nranges; i++)
		for (u64 p = d->ranges[i].gpa / BLOCK, end = p +
		     d->ranges[i].len / BLOCK; p < end; p++)
			map[p / 8] |= BIT(p % 8);
	rc = write_at(d, at, map, n);
	if (rc >= 0)
		rc = write_at(d, at + n, map, n);
	free(map);
	return rc;
}

static int kdump_begin(struct dump *d)
{
	struct strbuf head = STRBUF_INIT, sub = STRBUF_INIT;
	struct dump_kdump *k = calloc(1, sizeof(*k));
	u64 bitmaps;
	int rc = 0;

	if (!k)
		return err_set(&d->e, -ENOMEM, "dump: %m");
	strbuf_init(&k->desc);
	strbuf_init(&k->data);
	d->kdump = k;
	sub_header(d, &sub);
	main_header(d, &head, sub.len / BLOCK);
	bitmaps = BLOCK + sub.len;
	k->desc_at = bitmaps + 2 * bitmap_bytes(d);
	k->data_at = k->desc_at + d->total / BLOCK * DESC_SIZE;
	if (d->wish.format == DUMP_KDUMP_ZLIB)
		rc = flat_header(d);
	if (!rc)
		rc = write_at(d, 0, head.buf, head.len);
	if (!rc)
		rc = write_at(d, BLOCK, sub.buf, sub.len);
	if (!rc)
		rc = write_bitmaps(d, bitmaps);
	strbuf_fini(&head);
	strbuf_fini(&sub);
	return rc;
}

/* --- pages --- */

static int flush(struct dump *d, struct strbuf *b, u64 *at)
{
	int rc = b->len ? write_at(d, *at, b->buf, b->len) : 0;

	*at += b->len;
	strbuf_reset(b);
	return rc;
}

static bool all_zero(const u8 *p)
{
	return !p[0] && !memcmp(p, p + 1, BLOCK - 1);
}

static void describe(struct dump_kdump *k, u8 out[DESC_SIZE], u64 size,
		     bool packed)
{
	const u64 off = k->data_at + k->data.len;
	const u32 words[2] = { (u32)size, packed ? ZLIB_PAGE : 0 };

	memset(out, 0, DESC_SIZE);
	memcpy(out, &off, sizeof(off));
	memcpy(out + sizeof(off), words, sizeof(words));
}

static void add_page(struct dump_kdump *k, const u8 *page)
{
	uLongf n = sizeof(k->packed);
	const bool zero = all_zero(page);
	u8 desc[DESC_SIZE];
	bool packed;

	if (zero && k->has_zero) {
		strbuf_add(&k->desc, k->zero_desc, DESC_SIZE);
		return;
	}
	packed = compress2(k->packed, &n, page, BLOCK, Z_BEST_SPEED) == Z_OK &&
		 n < BLOCK;
	describe(k, desc, packed ? n : BLOCK, packed);
	strbuf_add(&k->desc, desc, DESC_SIZE);
	strbuf_add(&k->data, packed ? k->packed : page, packed ? n : BLOCK);
	if (zero) {
		memcpy(k->zero_desc, desc, DESC_SIZE);
		k->has_zero = true;
	}
}

/* RAM is whole pages, and so is every piece of it. */
static int kdump_memory(struct dump *d, gpa_t at UNUSED, const u8 *p, size_t n)
{
	struct dump_kdump *k = d->kdump;
	int rc = 0;

	for (size_t i = 0; i + BLOCK <= n && !rc; i += BLOCK) {
		add_page(k, p + i);
		if (k->data.len > BUFFER)
			rc = flush(d, &k->data, &k->data_at);
		if (!rc && k->desc.len > BUFFER)
			rc = flush(d, &k->desc, &k->desc_at);
	}
	return rc;
}

static int kdump_end(struct dump *d)
{
	static const u8 last[16] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct dump_kdump *k = d->kdump;
	int rc = flush(d, &k->data, &k->data_at);

	if (!rc)
		rc = flush(d, &k->desc, &k->desc_at);
	if (!rc && d->wish.format == DUMP_KDUMP_ZLIB)
		rc = dump_write(d, last, sizeof(last));
	return rc;
}

static void kdump_free(struct dump *d)
{
	if (!d->kdump)
		return;
	strbuf_fini(&d->kdump->desc);
	strbuf_fini(&d->kdump->data);
	free(d->kdump);
}

const struct dump_writer dump_kdump_writer = {
	.begin  = kdump_begin,
	.memory = kdump_memory,
	.end    = kdump_end,
	.free   = kdump_free,
};
