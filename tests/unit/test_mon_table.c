/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/table.c: every row is complete, every name is there.
 * With an argument it prints instead: `doc CONFORMANCE` the reference page,
 * `status` the counts. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/mon.h"
#include "monitor/monitor.h"

static const char *const kinds[] = {
	"string", "file", "block", "rest", "options", "int", "long", "mib",
	"dotint", "size", "onoff", "fmt", NULL
};

static bool known_kind(const char *kind)
{
	for (unsigned i = 0; kinds[i]; i++)
		if (!strcmp(kinds[i], kind))
			return true;
	return false;
}

static void check_args(const struct mon_cmd *c)
{
	const char *args = c->args;
	struct mon_decl d;
	unsigned n = 0;

	for (; mon_decl_next(&args, &d); n++) {
		if (!d.flag && !known_kind(d.kind))
			fail_msg("%s: no kind '%s'", c->name, d.kind);
		if (d.flag && !isalpha((unsigned char)d.letter))
			fail_msg("%s: a flag without a letter", c->name);
	}
	assert_true(n <= MON_ARGS_MAX);
}

static void check_row(const struct mon_cmd *c)
{
	const char *const texts[] = { c->args, c->params, c->help, c->doc,
				      c->example };

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
		if (!texts[i])
			fail_msg("%s: text %u is missing", c->name, i);
	if (!*c->help || !*c->doc || !*c->example || !c->run)
		fail_msg("%s: the row is not complete", c->name);
	if (c->help[strlen(c->help) - 1] == '.')
		fail_msg("%s: help ends in a dot", c->name);
	if (c->doc[strlen(c->doc) - 1] != '.')
		fail_msg("%s: doc is no sentence: %s", c->name, c->doc);
	if ((c->run == mon_not_yet) != !!c->needs)
		fail_msg("%s: needs and run disagree", c->name);
	check_args(c);
}

static unsigned check_all(const struct mon_cmd *const *groups)
{
	unsigned n = 0;

	for (; *groups; groups++)
		for (const struct mon_cmd *c = *groups; c->name; c++, n++)
			check_row(c);
	return n;
}

static void every_row_is_complete(void **state)
{
	assert_true(check_all(mon_groups) >= 114);
	assert_true(check_all(mon_info_groups) >= 70);
}

static void no_name_is_there_twice(void **state)
{
	const struct mon_cmd *const *const tables[] = { mon_groups,
							mon_info_groups };

	for (unsigned t = 0; t < 2; t++) {
		unsigned n;
		const struct mon_cmd **all = mon_sorted(tables[t], &n);

		for (unsigned i = 1; i < n; i++)
			assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
		free(all);
	}
}

static void aliases_find_their_row(void **state)
{
	assert_ptr_equal(mon_find(mon_groups, "q", 1),
			 mon_find(mon_groups, "quit", 4));
	assert_ptr_equal(mon_find(mon_groups, "?", 1),
			 mon_find(mon_groups, "help", 4));
	assert_null(mon_find(mon_groups, "qui", 3));
	assert_null(mon_find(mon_groups, "QUIT", 4));
	assert_null(mon_find(mon_groups, "", 0));
	assert_null(mon_find(mon_groups, "quit|q", 6));
}

static void foreign_commands_are_not_found(void **state)
{
	assert_null(mon_find(mon_groups, "dump-skeys", 10));
	assert_null(mon_find(mon_info_groups, "via", 3));
}

static const char *find_shared(char *buf, size_t size, const char *path)
{
	const char *root = getenv("MOTE_SHARED");

	snprintf(buf, size, "%s/%s", root ? root : "../shared", path);
	return buf;
}

/* The specification marks commands, and a few arguments, `like this`. */
static void every_command_of_the_specification_has_a_row(void **state)
{
	char path[512], line[4096];
	FILE *f = fopen(find_shared(path, sizeof(path),
				    "spec/qemu-monitor.txt"), "r");
	unsigned seen = 0;

	if (!f) {
		print_message("# SKIP: %s is not there\n", path);
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		const struct mon_cmd *const *groups = mon_groups;
		char name[256] = "", *p = line + 1;
		size_t n = 0;
		bool found = false;

		if (line[0] != '`' || !isalpha((unsigned char)line[1]))
			continue;
		if (!strncmp(p, "info ", 5)) {
			groups = mon_info_groups;
			p += 5;
		} else if (!strncmp(p, "stats", 5)) {
			groups = mon_info_groups;
		}
		for (; *p && !strchr("`/ ", *p); p++)
			if (*p != '\\' && n < sizeof(name) - 1)
				name[n++] = *p;
		for (; *groups && !found; groups++)
			for (const struct mon_cmd *c = *groups; c->name; c++)
				found |= !strncmp(c->name, name, n) &&
					 strchr("|", c->name[n]);
		if (strstr(" h now never ", name) &&
		    strlen(name) < 6)          /* arguments, not commands */
			continue;
		if (!found)
			fail_msg("'%s' has no row", name);
		seen++;
	}
	fclose(f);
	assert_true(seen > 180);
}

static void a_page_says_how_a_command_compares(void **state)
{
	struct strbuf out = STRBUF_INIT;

	(void)state;
	mon_table_document(&out, "# a comment\ncont\t5\t0\t2\t1\tbecause; "
			   "and so\nc\t9\t9\t9\t9\tno\n");
	assert_non_null(strstr(out.buf, "5 the same, 2 different (because; "
			       "and so), 1 not supported yet."));
	assert_null(strstr(out.buf, "9 the same"));
	strbuf_fini(&out);
}

static void print(const char *what, const char *path)
{
	struct strbuf out = STRBUF_INIT, tsv = STRBUF_INIT;
	FILE *f = path ? fopen(path, "r") : NULL;
	char buf[4096];
	size_t n;

	while (f && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&tsv, buf, n);
	if (f)
		fclose(f);
	if (!strcmp(what, "doc"))
		mon_table_document(&out, tsv.buf);
	else
		mon_table_status(&out);
	fputs(out.buf, stdout);
	strbuf_fini(&out);
	strbuf_fini(&tsv);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(no_name_is_there_twice),
		cmocka_unit_test(aliases_find_their_row),
		cmocka_unit_test(foreign_commands_are_not_found),
		cmocka_unit_test(a_page_says_how_a_command_compares),
		cmocka_unit_test(every_command_of_the_specification_has_a_row),
	};

	if (argc > 1) {
		print(argv[1], argv[2]);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
