/* SPDX-License-Identifier: MIT */
/*
 * Take the ELF vmlinux out of a bzImage: payload_offset and payload_length of
 * the setup header (boot protocol 2.08), LZ4 "legacy" frames or gzip.
 *
 * usage: vmlinux BZIMAGE OUTPUT       (exit 77: compressed some other way)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static uint8_t *in;
static size_t in_len;

static uint32_t le32(size_t at)
{
	uint32_t v = 0;

	if (at + 4 <= in_len)
		memcpy(&v, in + at, 4);
	return v;
}

/* One LZ4 block; the number of bytes written, or 0 when it is broken. */
static size_t lz4_block(const uint8_t *s, size_t n, uint8_t *out, size_t room)
{
	const uint8_t *end = s + n;
	size_t o = 0;

	while (s < end) {
		unsigned token = *s++, b;
		size_t lit = token >> 4, match = token & 15, off;

		if (lit == 15)
			do {
				if (s >= end)
					return 0;
				b = *s++;
				lit += b;
			} while (b == 255);
		if (lit > (size_t)(end - s) || lit > room - o)
			return 0;
		memcpy(out + o, s, lit);
		o += lit;
		s += lit;
		if (end - s < 2)
			break;                 /* the last sequence */
		off = s[0] | s[1] << 8;
		s += 2;
		if (match == 15)
			do {
				if (s >= end)
					return 0;
				b = *s++;
				match += b;
			} while (b == 255);
		match += 4;
		if (off == 0 || off > o || match > room - o)
			return 0;
		for (; match; match--, o++)
			out[o] = out[o - off];
	}
	return o;
}

static int lz4(size_t at, size_t len, FILE *out)
{
	const size_t room = 8 << 20;
	uint8_t *buf = malloc(room);
	size_t end = at + len;

	for (at += 4; buf && at + 4 <= end;) {
		uint32_t n = le32(at), got;

		at += 4;
		if (n == 0 || n > end - at)
			break;                 /* the trailing size */
		got = lz4_block(in + at, n, buf, room);
		if (!got || fwrite(buf, 1, got, out) != got)
			return 1;
		at += n;
	}
	free(buf);
	return 0;
}

static int gzip(size_t at, size_t len, FILE *out)
{
	static uint8_t buf[1 << 16];
	z_stream z = { .next_in = in + at, .avail_in = len };
	int rc = inflateInit2(&z, 31);

	while (rc == Z_OK) {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		rc = inflate(&z, Z_NO_FLUSH);
		fwrite(buf, 1, sizeof(buf) - z.avail_out, out);
	}
	inflateEnd(&z);
	return rc != Z_STREAM_END;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL, *out;
	size_t at, len;

	if (!f) {
		fprintf(stderr, "usage: vmlinux BZIMAGE OUTPUT\n");
		return 2;
	}
	in = malloc(64 << 20);
	in_len = in ? fread(in, 1, 64 << 20, f) : 0;
	if (in_len < 0x250 || le32(0x202) != 0x53726448)
		return 2;
	at = ((in[0x1f1] ? in[0x1f1] : 4) + 1) * 512 + le32(0x248);
	len = le32(0x24c);
	if (at > in_len || len > in_len - at)
		return 2;
	out = fopen(argv[2], "wb");
	if (!out)
		return 2;
	if (le32(at) == 0x184c2102)
		return lz4(at, len, out) | fclose(out);
	if ((le32(at) & 0xffff) == 0x8b1f)
		return gzip(at, len, out) | fclose(out);
	return 77;
}
