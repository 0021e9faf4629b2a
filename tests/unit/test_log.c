/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/log.c: masks by name, whole lines into files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/err.h"
#include "vmm/base/log.h"

static void names_turn_into_bits(void **state)
{
	u32 m = 0;

	assert_int_equal(log_parse_mask("int,cpu_reset", &m, NULL), 0);
	assert_int_equal(m, LOG_INT | LOG_RESET);
	assert_int_equal(log_parse_mask("int,none", &m, NULL), 0);
	assert_int_equal(m, 0);
	assert_int_equal(log_parse_mask("all", &m, NULL), 0);
	for (const struct log_item_row *r = log_items; r->name; r++)
		assert_true(m & r->mask);
}

static void an_unknown_name_is_named(void **state)
{
	struct err e;
	u32 m = 7;

	assert_true(log_parse_mask("int,nosuch", &m, &e) < 0);
	assert_non_null(strstr(e.msg, "'nosuch'"));
	assert_int_equal(m, 7);
	assert_true(log_parse_mask("", &m, &e) < 0);
}

static void every_item_has_its_own_bit_and_help(void **state)
{
	u32 seen = 0;

	for (const struct log_item_row *r = log_items; r->name; r++) {
		assert_false(seen & r->mask);
		assert_true(strlen(r->help) > 5);
		seen |= r->mask;
	}
}

static u32 seen_mask;
static int seen_fd, told;

static void watch(u32 mask, int fd, void *opaque)
{
	assert_ptr_equal(opaque, &told);
	seen_mask = mask;
	seen_fd = fd;
	told++;
}

static void a_watcher_hears_of_every_change(void **state)
{
	int p[2];

	(void)state;
	log_watch(watch, &told);
	assert_int_equal(told, 1);
	log_set_mask(LOG_CPU);
	assert_int_equal(seen_mask, LOG_CPU);
	assert_int_equal(pipe(p), 0);
	log_set_fd(p[1]);
	assert_int_equal(seen_fd, p[1]);
	log_set_fd(-1);
	assert_int_equal(seen_fd, STDERR_FILENO);
	assert_int_equal(told, 4);
	log_watch(NULL, NULL);
	log_set_mask(0);
	assert_int_equal(told, 4);
	close(p[0]);
}

static void lines_go_to_the_file_and_gain_a_newline(void **state)
{
	char path[] = "/tmp/mote-log-XXXXXX", buf[128] = "";
	FILE *f;

	close(mkstemp(path));
	assert_int_equal(log_set_file(path, NULL), 0);
	log_set_mask(LOG_INT);
	log_if(LOG_INT, "one %d", 1);
	log_if(LOG_CPU, "not this");
	log_if(LOG_INT, "two\n");
	log_set_mask(0);
	assert_int_equal(log_set_file(NULL, NULL), 0);
	f = fopen(path, "r");
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) > 0);
	assert_string_equal(buf, "one 1\ntwo\n");
	fclose(f);
	unlink(path);
}

static void a_bad_file_leaves_the_old_one(void **state)
{
	char path[] = "/tmp/mote-log-XXXXXX", buf[64] = "";
	struct err e;
	FILE *f;

	close(mkstemp(path));
	assert_int_equal(log_set_file(path, NULL), 0);
	assert_true(log_set_file("/nonexistent/x.log", &e) < 0);
	assert_string_equal(e.msg, "Error opening logfile /nonexistent/x.log: "
				   "No such file or directory");
	log_write("still here");
	log_set_fd(-1);
	f = fopen(path, "r");
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) > 0);
	assert_string_equal(buf, "still here\n");
	fclose(f);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_turn_into_bits),
		cmocka_unit_test(an_unknown_name_is_named),
		cmocka_unit_test(every_item_has_its_own_bit_and_help),
		cmocka_unit_test(a_watcher_hears_of_every_change),
		cmocka_unit_test(lines_go_to_the_file_and_gain_a_newline),
		cmocka_unit_test(a_bad_file_leaves_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
