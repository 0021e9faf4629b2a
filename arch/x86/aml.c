/* SPDX-License-Identifier: MIT */
/*
 * ACPI Machine Language, byte by byte.  See aml.h.
 */
#include "arch/x86/aml.h"

#include <string.h>

enum {
	OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD = 0x0b, OP_DWORD = 0x0c,
	OP_STRING = 0x0d, OP_QWORD = 0x0e, OP_SCOPE = 0x10, OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12, OP_METHOD = 0x14, OP_DUAL_NAME = 0x2e, OP_MULTI_NAME = 0x2f, OP_EXT = 0x5b,
	OP_REGION = 0x80, OP_FIELD = 0x81, OP_DEVICE = 0x82, OP_IF = 0xa0,
	OP_ELSE = 0xa1, SPACE_IO = 1,
};

void aml_init(struct aml *a)
{
	strbuf_init(&a->b);
	a->depth = 0;
}

void aml_fini(struct aml *a)
{
	strbuf_fini(&a->b);
}

static void little(struct strbuf *b, u64 v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		strbuf_addc(b, (char)(v >> (8 * i)));
}

void aml_op(struct aml *a, u8 op)
{
	strbuf_addc(&a->b, (char)op);
}

static void open_package(struct aml *a)
{
	assert(a->depth < AML_DEPTH);
	a->open[a->depth++] = a->b.len;
}

/* 20.2.4: the length counts its own bytes. */
static unsigned encode_length(size_t body, u8 out[4])
{
	unsigned extra = 0;
	size_t len = body + 1;

	if (len > 0x3f)
		for (extra = 1; body + 1 + extra >= 1ul << (4 + 8 * extra);)
			extra++;
	len = body + 1 + extra;
	assert(extra <= 3);
	if (!extra) {
		out[0] = len;
		return 1;
	}
	out[0] = extra << 6 | (len & 0xf);
	for (unsigned i = 0; i < extra; i++)
		out[1 + i] = len >> (4 + 8 * i);
	return 1 + extra;
}

void aml_close(struct aml *a)
{
	size_t at = a->open[--a->depth], body = a->b.len - at;
	u8 len[4];
	unsigned n = encode_length(body, len);

	strbuf_add(&a->b, len, n);             /* make room */
	memmove(a->b.buf + at + n, a->b.buf + at, body);
	memcpy(a->b.buf + at, len, n);
}

static void name_segment(struct aml *a, const char *s, size_t n)
{
	assert(n >= 1 && n <= 4);
	for (size_t i = 0; i < 4; i++)
		strbuf_addc(&a->b, i < n ? s[i] : '_');
}

void aml_path(struct aml *a, const char *path)
{
	const char *dot, *p;
	unsigned dots = 0;

	if (*path == '\\') {
		aml_op(a, '\\');
		path++;
		if (!*path) {
			aml_op(a, AML_ZERO);
			return;
		}
	}
	for (p = path; *p; p++)
		dots += *p == '.';
	if (dots)
		aml_op(a, dots == 1 ? OP_DUAL_NAME : OP_MULTI_NAME);
	if (dots > 1)
		aml_op(a, dots + 1);
	while ((dot = strchr(path, '.'))) {
		name_segment(a, path, dot - path);
		path = dot + 1;
	}
	name_segment(a, path, strlen(path));
}

void aml_scope(struct aml *a, const char *path)
{
	aml_op(a, OP_SCOPE);
	open_package(a);
	aml_path(a, path);
}

void aml_device(struct aml *a, const char *name)
{
	aml_op(a, OP_EXT);
	aml_op(a, OP_DEVICE);
	open_package(a);
	aml_path(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args,
		bool serialized)
{
	aml_op(a, OP_METHOD);
	open_package(a);
	aml_path(a, name);
	aml_op(a, args | (serialized ? 8 : 0));
}

void aml_package(struct aml *a, unsigned count)
{
	assert(count < 256);
	aml_op(a, OP_PACKAGE);
	open_package(a);
	aml_op(a, count);
}

void aml_if(struct aml *a)
{
	aml_op(a, OP_IF);
	open_package(a);
}

void aml_else(struct aml *a)
{
	aml_op(a, OP_ELSE);
	open_package(a);
}

void aml_int(struct aml *a, u64 v)
{
	if (v <= 1) {
		aml_op(a, v);
	} else if (v <= 0xff) {
		aml_op(a, OP_BYTE);
		little(&a->b, v, 1);
	} else if (v <= 0xffff) {
		aml_op(a, OP_WORD);
		little(&a->b, v, 2);
	} else if (v <= 0xffffffff) {
		aml_op(a, OP_DWORD);
		little(&a->b, v, 4);
	} else {
		aml_op(a, OP_QWORD);
		little(&a->b, v, 8);
	}
}

void aml_string(struct aml *a, const char *s)
{
	aml_op(a, OP_STRING);
	strbuf_add(&a->b, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three 5-bit letters and four hexadecimal digits, big-endian. */
void aml_eisaid(struct aml *a, const char *id)
{
	u32 v;

	assert(strlen(id) == 7);
	v = (u32)(id[0] - '@') << 26 | (u32)(id[1] - '@') << 21 |
	    (u32)(id[2] - '@') << 16;
	for (unsigned i = 0; i < 4; i++)
		v |= hex_digit(id[3 + i]) << (12 - 4 * i);
	aml_op(a, OP_DWORD);
	little(&a->b, __builtin_bswap32(v), 4);
}

void aml_buffer(struct aml *a, const void *p, size_t n)
{
	aml_op(a, OP_BUFFER);
	open_package(a);
	aml_int(a, n);
	strbuf_add(&a->b, p, n);
	aml_close(a);
}

void aml_io_region(struct aml *a, const char *name, u16 base, u16 len)
{
	aml_op(a, OP_EXT);
	aml_op(a, OP_REGION);
	aml_path(a, name);
	aml_op(a, SPACE_IO);
	aml_int(a, base);
	aml_int(a, len);
}

/* No lock; bits not named are written as zeroes. */
void aml_field(struct aml *a, const char *region, unsigned access)
{
	const unsigned type = access == 8 ? 1 : access == 16 ? 2 : 3;

	aml_op(a, OP_EXT);
	aml_op(a, OP_FIELD);
	open_package(a);
	aml_path(a, region);
	aml_op(a, type | 2 << 5);
}

void aml_field_bits(struct aml *a, const char *name, unsigned bits)
{
	assert(bits < 64);             /* one byte's worth of length */
	aml_path(a, name);
	aml_op(a, bits);
}

void aml_name(struct aml *a, const char *name)
{
	aml_op(a, OP_NAME);
	aml_path(a, name);
}

void aml_name_int(struct aml *a, const char *name, u64 v)
{
	aml_name(a, name);
	aml_int(a, v);
}

void aml_name_string(struct aml *a, const char *name, const char *v)
{
	aml_name(a, name);
	aml_string(a, v);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisaid(a, id);
}

/* --- resources (ACPI 6.4, 6.4.2 and 6.4.3) --------------------------------- */

void res_io(struct strbuf *r, u16 base, u8 len)
{
	little(r, 0x47, 1);            /* I/O port, decodes 16 bits */
	little(r, 1, 1);
	little(r, base, 2);
	little(r, base, 2);
	little(r, 1, 1);
	little(r, len, 1);
}

void res_irq(struct strbuf *r, unsigned irq)
{
	little(r, 0x22, 1);            /* edge, active high, exclusive */
	little(r, 1u << irq, 2);
}

void res_fixed_memory(struct strbuf *r, u32 base, u32 len, bool writable)
{
	little(r, 0x86, 1);
	little(r, 9, 2);
	little(r, writable, 1);
	little(r, base, 4);
	little(r, len, 4);
}

/* Address space descriptor of 2-, 4- or 8-byte fields: a fixed window. */
static void window(struct strbuf *r, u8 tag, unsigned width, u8 type,
		   u8 flags, u64 min, u64 max)
{
	little(r, tag, 1);
	little(r, 3 + 5 * width, 2);
	little(r, type, 1);            /* 0 memory, 1 I/O, 2 bus */
	little(r, 0x0c, 1);            /* min and max fixed, producer */
	little(r, flags, 1);
	little(r, 0, width);           /* granularity */
	little(r, min, width);
	little(r, max, width);
	little(r, 0, width);           /* translation */
	little(r, max - min + 1, width);
}

void res_bus(struct strbuf *r, u16 min, u16 max)
{
	window(r, 0x88, 2, 2, 0, min, max);
}

void res_io_window(struct strbuf *r, u16 min, u16 max)
{
	window(r, 0x88, 2, 1, 3, min, max);    /* entire range */
}

void res_memory_window(struct strbuf *r, u32 min, u32 max, bool cacheable)
{
	window(r, 0x87, 4, 0, cacheable ? 3 : 1, min, max);
}

void res_memory64_window(struct strbuf *r, u64 min, u64 max)
{
	window(r, 0x8a, 8, 0, 3, min, max);
}

void aml_name_resources(struct aml *a, const char *name, struct strbuf *r)
{
	little(r, 0x79, 1);            /* end tag, checksum not used */
	little(r, 0, 1);
	aml_name(a, name);
	aml_buffer(a, r->buf, r->len);
	strbuf_fini(r);
}
