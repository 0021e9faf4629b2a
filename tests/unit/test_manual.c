/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/manual.c: mote(1) names every option and is man(7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/strbuf.h"
#include "vmm/config.h"

static struct strbuf page = STRBUF_INIT;

static void every_option_is_in_the_page(void **state)
{
	struct config_option o;
	unsigned n = 0;

	(void)state;
	for (; config_option(n, &o); n++) {
		char want[80] = ".TP\n\\fB\\-";
		char *to = want + strlen(want);

		for (const char *p = o.name; *p; p++) {
			if (*p == '-')
				*to++ = '\\';
			*to++ = *p;
		}
		strcpy(to, "\\fR");
		if (!strstr(page.buf, want))
			fail_msg("-%s", o.name);
	}
	assert_true(n > 50);
}

static void what_is_not_supported_yet_is_left_out(void **state)
{
	(void)state;
	assert_null(strstr(page.buf, "\\-readconfig"));
	assert_null(strstr(page.buf, "not supported"));
}

/* A line that begins with a dot or a quote is a request to man. */
static void no_line_is_a_request_by_accident(void **state)
{
	static const char *const known[] = {
		".TH ", ".SH ", ".TP\n", ".B ", ".PP\n", ".nf\n", ".fi\n",
		".ad l\n", ".nh\n",
		".\\\"",
	};

	(void)state;
	for (const char *line = page.buf; *line;
	     line = strchr(line, '\n') + 1) {
		bool ok = *line != '.' && *line != '\'';

		for (unsigned i = 0; i < ARRAY_LEN(known); i++)
			ok |= !strncmp(line, known[i], strlen(known[i]));
		if (!ok)
			fail_msg("%.60s", line);
		assert_non_null(strchr(line, '\n'));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_is_in_the_page),
		cmocka_unit_test(what_is_not_supported_yet_is_left_out),
		cmocka_unit_test(no_line_is_a_request_by_accident),
	};
	int rc = 0;

	config_manual(&page);
	if (argc > 1 && !strcmp(argv[1], "doc"))
		fputs(page.buf, stdout);
	else
		rc = cmocka_run_group_tests(tests, NULL, NULL);
	strbuf_fini(&page);
	return rc;
}
