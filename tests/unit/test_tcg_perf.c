// SPDX-License-Identifier: MIT
/*
 * Unit test: the perf map and jitdump (tcg-plugin/code/perf.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tcg-plugin/code/perf.h"

static const u8 code[] = { 0x90, 0xc3 };

static size_t slurp(const char *format, char *path, u8 *buf, size_t n)
{
	FILE *f;

	sprintf(path, format, (int)getpid());
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(buf, 1, n, f);
	fclose(f);
	return n;
}

static void nothing_is_written_unless_asked_for(void **state)
{
	char path[64];

	(void)state;
	assert_false(perf_on());
	perf_code(code, code, sizeof(code), "early");
	sprintf(path, "/tmp/perf-%d.map", (int)getpid());
	assert_int_not_equal(access(path, F_OK), 0);
}

static void the_map_has_a_line_for_each_piece(void **state)
{
	char path[64], want[128];
	u8 buf[256] = { 0 };

	(void)state;
	assert_int_equal(perf_open(PERF_MAP), 0);
	assert_int_equal(perf_open(PERF_MAP), 0);
	assert_true(perf_on());
	perf_code((const u8 *)0x7f0000001000, code, 2, "kernel:1+1");
	perf_code((const u8 *)0x7f0000002000, code, 16, "user:2+2");
	slurp("/tmp/perf-%d.map", path, buf, sizeof(buf) - 1);
	sprintf(want, "7f0000001000 2 kernel:1+1\n7f0000002000 10 user:2+2\n");
	assert_string_equal((char *)buf, want);
	unlink(path);
}

static u32 le32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static u64 le64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

static void the_dump_has_the_code_and_its_time(void **state)
{
	const unsigned record = 56 + 5 + sizeof(code);
	u8 buf[512] = { 0 };
	char path[64];

	(void)state;
	assert_int_equal(perf_open(PERF_JITDUMP), 0);
	perf_code((const u8 *)0x7f0000003000, code, sizeof(code), "user");
	perf_code((const u8 *)0x7f0000004000, code, sizeof(code), "user");
	assert_int_equal(slurp("/tmp/jit-%d.dump", path, buf, sizeof(buf)),
			 40 + 2 * record);
	assert_memory_equal(buf, "DTiJ", 4);
	assert_int_equal(le32(buf + 8), 40);           /* header's size */
	assert_int_equal(le32(buf + 20), getpid());
	assert_int_equal(le32(buf + 40), 0);           /* code load */
	assert_int_equal(le32(buf + 44), record);
	assert_true(le64(buf + 48) >= le64(buf + 24)); /* times */
	assert_int_equal(le64(buf + 72), 0x7f0000003000);
	assert_int_equal(le64(buf + 80), sizeof(code));
	assert_int_equal(le64(buf + 40 + record + 48), 1);
	assert_string_equal((char *)buf + 96, "user");
	assert_memory_equal(buf + 101, code, sizeof(code));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_written_unless_asked_for),
		cmocka_unit_test(the_map_has_a_line_for_each_piece),
		cmocka_unit_test(the_dump_has_the_code_and_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
