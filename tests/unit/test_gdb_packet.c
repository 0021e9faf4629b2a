/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/gdb/packet.c, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/gdb/packet.h"

static int setup(void **state)
{
	struct gdb_reader *r = malloc(sizeof(*r));

	gdb_reader_init(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	gdb_reader_fini(*state);
	free(*state);
	return 0;
}

/* What the last byte of the text completed. */
static enum gdb_input feed(struct gdb_reader *r, const char *text)
{
	enum gdb_input last = GDB_MORE;

	while (*text)
		last = gdb_reader_byte(r, (u8)*text++);
	return last;
}

static void a_good_packet_is_read(void **state)
{
	struct gdb_reader *r = *state;

	assert_int_equal(feed(r, "$m0,4#fd"), GDB_PACKET);
	assert_int_equal(r->len, 4);
	assert_string_equal(r->payload, "m0,4");
	assert_int_equal(feed(r, "$#00"), GDB_PACKET);
	assert_int_equal(r->len, 0);
}

static void a_wrong_sum_is_refused_unless_nobody_looks(void **state)
{
	struct gdb_reader *r = *state;

	assert_int_equal(feed(r, "$g#68"), GDB_BAD_SUM);
	assert_int_equal(feed(r, "$g#zz"), GDB_BAD_SUM);
	r->ignore_sum = true;
	assert_int_equal(feed(r, "$g#00"), GDB_PACKET);
}

static void escaped_bytes_are_restored(void **state)
{
	struct gdb_reader *r = *state;

	r->ignore_sum = true;
	assert_int_equal(feed(r, "$X}\x03}\x04}]#00"), GDB_PACKET);
	assert_int_equal(r->len, 4);
	assert_memory_equal(r->payload, "X#$}", 4);
}

static void single_bytes_have_their_meaning(void **state)
{
	struct gdb_reader *r = *state;

	assert_int_equal(feed(r, "+"), GDB_ACK);
	assert_int_equal(feed(r, "-"), GDB_NAK);
	assert_int_equal(feed(r, "\x03"), GDB_BREAK);
	assert_int_equal(feed(r, "noise"), GDB_MORE);
}

static void a_packet_that_never_ends_gives_way_to_the_next(void **state)
{
	struct gdb_reader *r = *state;

	assert_int_equal(feed(r, "$m0,$g#67"), GDB_PACKET);
	assert_string_equal(r->payload, "g");
}

static void an_endless_packet_is_cut(void **state)
{
	struct gdb_reader *r = *state;

	r->ignore_sum = true;
	feed(r, "$");
	for (unsigned i = 0; i < GDB_PACKET_MAX + 1000; i++)
		assert_int_equal(gdb_reader_byte(r, 'a'), GDB_MORE);
	assert_int_equal(feed(r, "#00"), GDB_TOO_LONG);
	assert_int_equal(r->len, GDB_PACKET_MAX);
	assert_int_equal(feed(r, "$g#67"), GDB_PACKET);
}

static void frames_carry_sum_and_escapes(void **state)
{
	struct strbuf s = STRBUF_INIT;

	(void)state;
	gdb_frame(&s, "OK", 2);
	assert_string_equal(s.buf, "$OK#9a");
	strbuf_reset(&s);
	gdb_frame(&s, "a*}", 3);
	assert_memory_equal(s.buf, "$a}\n}]#", 7);
	strbuf_fini(&s);
}

static void what_is_framed_reads_back(void **state)
{
	struct gdb_reader *r = *state;
	struct strbuf s = STRBUF_INIT;
	enum gdb_input last = GDB_MORE;
	u8 all[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (u8)i;
	gdb_frame(&s, all, sizeof(all));
	for (size_t i = 0; i < s.len; i++)
		last = gdb_reader_byte(r, (u8)s.buf[i]);
	assert_int_equal(last, GDB_PACKET);
	assert_int_equal(r->len, sizeof(all));
	assert_memory_equal(r->payload, all, sizeof(all));
	strbuf_fini(&s);
}

static void hexadecimal_goes_both_ways(void **state)
{
	struct strbuf s = STRBUF_INIT;
	u8 out[3];

	(void)state;
	gdb_hex(&s, "\x00\xff\x1a", 3);
	assert_string_equal(s.buf, "00ff1a");
	assert_true(gdb_unhex("00Ff1A", out, 3));
	assert_memory_equal(out, "\x00\xff\x1a", 3);
	assert_false(gdb_unhex("0", out, 1));
	assert_false(gdb_unhex("0x", out, 1));
	strbuf_fini(&s);
}

static void numbers_end_where_they_should(void **state)
{
	const char *p = "ffffffffffffffff,1";
	u64 v;

	(void)state;
	assert_true(gdb_number(&p, &v));
	assert_true(v == ~0ull);
	assert_true(gdb_skip(&p, ','));
	p = "10000000000000000";
	assert_false(gdb_number(&p, &v));
	p = "";
	assert_false(gdb_number(&p, &v));
	assert_false(gdb_skip(&p, '\0'));
}

static void threads_are_read_in_every_form(void **state)
{
	static const struct {
		const char *text;
		s64 id;
	} good[] = {
		{ "2", 2 }, { "-1", -1 }, { "0", 0 }, { "p1.3", 3 },
		{ "p1.-1", -1 }, { "p1", -1 }, { "p-1.0", 0 },
	};
	const char *p;
	s64 id;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		p = good[i].text;
		assert_true(gdb_thread(&p, &id));
		assert_int_equal(id, good[i].id);
		assert_int_equal(*p, '\0');
	}
	p = "p.1";
	assert_false(gdb_thread(&p, &id));
	p = "-2";
	assert_false(gdb_thread(&p, &id));
	p = "ffffffffff";
	assert_false(gdb_thread(&p, &id));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_good_packet_is_read),
		T(a_wrong_sum_is_refused_unless_nobody_looks),
		T(escaped_bytes_are_restored),
		T(single_bytes_have_their_meaning),
		T(a_packet_that_never_ends_gives_way_to_the_next),
		T(an_endless_packet_is_cut),
		T(frames_carry_sum_and_escapes),
		T(what_is_framed_reads_back),
		T(hexadecimal_goes_both_ways),
		T(numbers_end_where_they_should),
		T(threads_are_read_in_every_form),
	};

	return cmocka_run_group_tests_name("gdb packets", tests, NULL, NULL);
}
