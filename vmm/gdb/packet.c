/* SPDX-License-Identifier: MIT */
/*
 * Frames and hexadecimal of gdb's remote serial protocol.  See packet.h.
 *
 *   idle -'$'-> body -'}'-> escaped -> body -'#'-> sum1 -> sum2 -> idle
 */
#include "vmm/gdb/packet.h"

#include <stdlib.h>
#include <string.h>

void gdb_reader_init(struct gdb_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->payload = malloc(GDB_PACKET_MAX + 1);
	if (!r->payload)
		abort();
	gdb_reader_reset(r);
}

void gdb_reader_fini(struct gdb_reader *r)
{
	free(r->payload);
	r->payload = NULL;
}

void gdb_reader_reset(struct gdb_reader *r)
{
	r->state = GDB_IDLE;
	r->len = 0;
	r->ignore_sum = false;
	r->payload[0] = '\0';
}

static int digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void begin(struct gdb_reader *r)
{
	r->state = GDB_BODY;
	r->len = 0;
	r->sum = 0;
	r->cut = r->bad_hex = false;
}

static void keep(struct gdb_reader *r, u8 c)
{
	if (r->len < GDB_PACKET_MAX)
		r->payload[r->len++] = (char)c;
	else
		r->cut = true;
}

static enum gdb_input idle_byte(struct gdb_reader *r, u8 c)
{
	switch (c) {
	case '$':
		begin(r);
		return GDB_MORE;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	case 3:
		return GDB_BREAK;
	default:
		return GDB_MORE;       /* noise on the line */
	}
}

static enum gdb_input body_byte(struct gdb_reader *r, u8 c)
{
	switch (c) {
	case '#':
		r->state = GDB_SUM1;
		return GDB_MORE;
	case '$':                      /* the last one never ended */
		begin(r);
		return GDB_MORE;
	case '}':
		r->state = GDB_ESCAPED;
		break;
	default:
		keep(r, c);
		break;
	}
	r->sum += c;
	return GDB_MORE;
}

static void sum_byte(struct gdb_reader *r, u8 c)
{
	int d = digit(c);

	if (d < 0)
		r->bad_hex = true;
	r->sent_sum = (u8)(r->sent_sum << 4 | (d & 15));
}

static enum gdb_input end(struct gdb_reader *r)
{
	r->state = GDB_IDLE;
	r->payload[r->len] = '\0';
	if (!r->ignore_sum && (r->bad_hex || r->sum != r->sent_sum))
		return GDB_BAD_SUM;
	return r->cut ? GDB_TOO_LONG : GDB_PACKET;
}

enum gdb_input gdb_reader_byte(struct gdb_reader *r, u8 c)
{
	switch (r->state) {
	case GDB_IDLE:
		return idle_byte(r, c);
	case GDB_BODY:
		return body_byte(r, c);
	case GDB_ESCAPED:
		keep(r, c ^ 0x20);
		r->sum += c;
		r->state = GDB_BODY;
		return GDB_MORE;
	case GDB_SUM1:
		r->sent_sum = 0;
		sum_byte(r, c);
		r->state = GDB_SUM2;
		return GDB_MORE;
	case GDB_SUM2:
		sum_byte(r, c);
		return end(r);
	}
	return GDB_MORE;
}

/* --- out --- */

static void put(struct strbuf *out, u8 c, u8 *sum)
{
	strbuf_addc(out, (char)c);
	*sum += c;
}

void gdb_frame(struct strbuf *out, const void *payload, size_t n)
{
	const u8 *p = payload;
	u8 sum = 0;

	strbuf_addc(out, '$');
	for (size_t i = 0; i < n; i++) {
		const u8 c = p[i];

		if (c == '#' || c == '$' || c == '}' || c == '*') {
			put(out, '}', &sum);
			put(out, c ^ 0x20, &sum);
		} else {
			put(out, c, &sum);
		}
	}
	strbuf_addf(out, "#%02x", sum);
}

/* --- hexadecimal --- */

void gdb_hex(struct strbuf *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *b = p;

	for (size_t i = 0; i < n; i++) {
		const char two[2] = { digits[b[i] >> 4], digits[b[i] & 15] };

		strbuf_add(out, two, 2);
	}
}

bool gdb_unhex(const char *hex, void *out, size_t n)
{
	u8 *b = out;

	for (size_t i = 0; i < n; i++) {
		const int hi = digit((u8)hex[2 * i]);
		const int lo = hi < 0 ? -1 : digit((u8)hex[2 * i + 1]);

		if (lo < 0)
			return false;
		b[i] = (u8)(hi << 4 | lo);
	}
	return true;
}

bool gdb_number(const char **p, u64 *v)
{
	const char *at = *p;
	u64 n = 0;

	for (int d; (d = digit((u8)*at)) >= 0; at++) {
		if (n >> 60)
			return false;
		n = n << 4 | (u64)d;
	}
	if (at == *p)
		return false;
	*p = at;
	*v = n;
	return true;
}

bool gdb_skip(const char **p, char c)
{
	if (**p != c || !c)
		return false;
	(*p)++;
	return true;
}

bool gdb_skip_word(const char **p, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

static bool one_id(const char **p, s64 *id)
{
	u64 n;

	if (gdb_skip_word(p, "-1")) {
		*id = GDB_THREAD_ALL;
		return true;
	}
	if (!gdb_number(p, &n) || n > INT32_MAX)
		return false;
	*id = (s64)n;
	return true;
}

/* There is one process: what it is called does not matter. */
bool gdb_thread(const char **p, s64 *id)
{
	if (!gdb_skip(p, 'p'))
		return one_id(p, id);
	if (!one_id(p, id))
		return false;
	if (gdb_skip(p, '.'))
		return one_id(p, id);
	*id = GDB_THREAD_ALL;
	return true;
}
