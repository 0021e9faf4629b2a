/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/state.c: tables to bytes and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/core/state.h"

struct timer_regs {
	u16 count;
	bool gate;
};

struct thing {
	u8 a;
	u32 b[2];
	u64 c;
	u8 raw[3];
	struct timer_regs t[2];
	u32 added;
};

static const struct state_field timer_fields[] = {
	STATE_FIELD(STATE_U16, struct timer_regs, count, 1),
	STATE_FIELD(STATE_BOOL, struct timer_regs, gate, 1),
	STATE_END
};
static const struct state_desc timer_desc = {
	.version = 1, .oldest = 1, .fields = timer_fields,
};
static const struct state_field fields[] = {
	STATE_FIELD(STATE_U8, struct thing, a, 1),
	STATE_ARRAY(STATE_U32, struct thing, b, 1),
	STATE_FIELD(STATE_U64, struct thing, c, 1),
	STATE_BYTES(struct thing, raw, 1),
	STATE_STRUCTS(struct thing, t, timer_desc, 1),
	STATE_FIELD(STATE_U32, struct thing, added, 2),
	STATE_END
};
static const struct state_desc desc = {
	.version = 2, .oldest = 1, .fields = fields,
};

static const struct thing sample = {
	.a = 1, .b = { 2, 0x03040506 }, .c = 0x1122334455667788ull,
	.raw = { 7, 8, 9 }, .t = { { 0x0a0b, true }, { 0x0c0d, false } },
	.added = 99,
};
enum { V1_LEN = 1 + 8 + 8 + 3 + 6, V2_LEN = V1_LEN + 4 };

static void what_was_saved_loads(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct thing t;

	memset(&t, 0, sizeof(t));
	state_save(&desc, &sample, &s);
	assert_int_equal(s.len, V2_LEN);
	assert_int_equal((u8)s.buf[5], 0x06);  /* little endian */
	assert_int_equal(state_load(&desc, &t, 2, s.buf, s.len, NULL), 0);
	assert_int_equal(t.b[1], sample.b[1]);
	assert_int_equal(t.c, sample.c);
	assert_memory_equal(t.raw, sample.raw, 3);
	assert_int_equal(t.t[1].count, 0x0c0d);
	assert_true(t.t[0].gate);
	assert_int_equal(t.added, 99);
	strbuf_fini(&s);
}

static void an_old_stream_leaves_new_fields_alone(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct thing t = { .added = 5 };

	state_save(&desc, &sample, &s);
	assert_int_equal(state_load(&desc, &t, 1, s.buf, V1_LEN, NULL), 0);
	assert_int_equal(t.added, 5);
	assert_int_equal(t.a, 1);
	strbuf_fini(&s);
}

static void every_short_or_long_stream_is_refused(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct thing t;
	struct err e;

	state_save(&desc, &sample, &s);
	for (size_t n = 0; n < s.len; n++) {
		char *exact = malloc(n ? n : 1);       /* for asan */

		memcpy(exact, s.buf, n);
		assert_true(state_load(&desc, &t, 2, exact, n, &e) < 0);
		free(exact);
	}
	strbuf_addc(&s, 0);
	assert_true(state_load(&desc, &t, 2, s.buf, s.len, &e) < 0);
	assert_non_null(strstr(e.msg, "1 bytes too many"));
	strbuf_fini(&s);
}

static void strange_versions_and_booleans_are_refused(void **state)
{
	struct strbuf s = STRBUF_INIT;
	struct thing t;
	struct err e;

	state_save(&desc, &sample, &s);
	assert_true(state_load(&desc, &t, 3, s.buf, s.len, &e) < 0);
	assert_true(state_load(&desc, &t, 0, s.buf, s.len, &e) < 0);
	s.buf[1 + 8 + 8 + 3 + 2] = 2;
	assert_true(state_load(&desc, &t, 2, s.buf, s.len, &e) < 0);
	assert_non_null(strstr(e.msg, "'gate'"));
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_saved_loads),
		cmocka_unit_test(an_old_stream_leaves_new_fields_alone),
		cmocka_unit_test(every_short_or_long_stream_is_refused),
		cmocka_unit_test(strange_versions_and_booleans_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
