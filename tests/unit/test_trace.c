/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/base/trace.c, patterns, lines, the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/trace.h"

static int evaluated;

static int count(void)
{
	return ++evaluated;
}

static void patterns_choose_rows(void **state)
{
	(void)state;
	assert_int_equal(trace_set("nosuch", true), 0);
	assert_int_equal(trace_set("bus_*", true), 2);
	assert_true(trace_is_on(bus_read));
	assert_false(trace_is_on(vm_state));
	assert_int_equal(trace_set("*", false), TRACE_COUNT);
	assert_false(trace_is_on(bus_read));
}

static void a_point_that_is_off_evaluates_nothing(void **state)
{
	(void)state;
	trace(vm_state, "%d", count());
	assert_int_equal(evaluated, 0);
}

static void lines_go_to_the_file(void **state)
{
	char name[] = "/tmp/mote-trace-XXXXXX", line[1024], is[256];
	int fd = mkstemp(name);
	FILE *f;

	(void)state;
	trace_file_name(name);
	assert_false(trace_file_status(is, sizeof(is)));
	assert_string_equal(is, name);
	assert_int_equal(trace_file_on(NULL), 0);
	assert_true(trace_file_status(is, sizeof(is)));
	trace_set("vm_state", true);
	trace(vm_state, "%s to %s", "paused", "running\nforged 1 2 line");
	trace(bus_read, "not on");
	trace_file_off();
	trace_set("*", false);
	f = fdopen(fd, "r");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, " vm_state paused to running forged"));
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	unlink(name);
}

/* Opening it is a trace point itself. */
static void the_file_opens_while_everything_is_traced(void **state)
{
	char name[] = "/tmp/mote-trace-XXXXXX", is[256];
	int fd = mkstemp(name);

	(void)state;
	trace_file_name(name);
	trace_set("*", true);
	assert_int_equal(trace_file_on(NULL), 0);
	trace_set("*", false);
	assert_true(trace_file_status(is, sizeof(is)));
	trace_file_off();
	close(fd);
	unlink(name);
}

static void more_than_the_buffer_is_written_in_order(void **state)
{
	char name[] = "/tmp/mote-trace-XXXXXX", line[1024];
	int fd = mkstemp(name), n = 0;
	FILE *f;

	(void)state;
	trace_file_name(name);
	assert_int_equal(trace_file_on(NULL), 0);
	trace_set("vm_state", true);
	for (int i = 0; i < 5000; i++)
		trace(vm_state, "%0600d", i);
	trace_set("*", false);
	trace_file_off();
	f = fdopen(fd, "r");
	while (fgets(line, sizeof(line), f)) {
		assert_true(strlen(line) < 512);
		n++;
	}
	assert_int_equal(n, 5000);
	fclose(f);
	unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_choose_rows),
		cmocka_unit_test(a_point_that_is_off_evaluates_nothing),
		cmocka_unit_test(lines_go_to_the_file),
		cmocka_unit_test(the_file_opens_while_everything_is_traced),
		cmocka_unit_test(more_than_the_buffer_is_written_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
