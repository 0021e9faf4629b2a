/* SPDX-License-Identifier: MIT */
/*
 * Every command there is: the groups, look-up, and the tables made of them
 * (help is cmd_help.c's; the reference page and the status counts are here).
 *
 * Add a command: a row in one cmd_*.c.  Add a group: a line below.
 */
#include "monitor/mon.h"
#include "monitor/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MON_GROUPS(X) \
	X(help) X(run) X(mem) X(log) X(block) X(snapshot) X(device) \
	X(char) X(net) X(input) X(display) X(audio) X(migrate) X(inject) \
	X(rate) X(dump) X(replay) X(foreign)
#define MON_INFO_GROUPS(X) \
	X(info_vm) X(info_cpu) X(info_mem) X(info_block) X(info_device) \
	X(info_net) X(info_rate) X(info_misc) X(info_foreign)

#define DECLARE(g) extern const struct mon_cmd mon_##g##_cmds[];
MON_GROUPS(DECLARE)
MON_INFO_GROUPS(DECLARE)
#undef DECLARE

#define ROW(g) mon_##g##_cmds,
const struct mon_cmd *const mon_groups[] = { MON_GROUPS(ROW) NULL };
const struct mon_cmd *const mon_info_groups[] = { MON_INFO_GROUPS(ROW) NULL };
#undef ROW

void mon_not_yet(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_printf(m, "not supported yet: %s\n", m->call->cmd->needs);
}

static bool alias_list_holds(const char *list, const char *name, size_t len)
{
	while (*list) {
		size_t n = strcspn(list, "|");

		if (n == len && !memcmp(list, name, n))
			return true;
		list += n + (list[n] == '|');
	}
	return false;
}

const struct mon_cmd *mon_find(const struct mon_cmd *const *groups,
			       const char *name, size_t len)
{
	for (; *groups; groups++)
		for (const struct mon_cmd *c = *groups; c->name; c++)
			if (!(c->when & MON_FOREIGN) &&
			    alias_list_holds(c->name, name, len))
				return c;
	return NULL;
}

bool mon_available(struct mon *m, const struct mon_cmd *c)
{
	return c->when & MON_PRE || !mon_vm(m)->preconfig;
}

static int by_name(const void *a, const void *b)
{
	const struct mon_cmd *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static const struct mon_cmd **sorted(const struct mon_cmd *const *groups,
				     unsigned *n, bool foreign)
{
	const struct mon_cmd **all;
	unsigned max = 0;

	for (const struct mon_cmd *const *g = groups; *g; g++)
		for (const struct mon_cmd *c = *g; c->name; c++)
			max++;
	*n = 0;
	all = calloc(max + 1, sizeof(all[0]));
	if (!all)
		return NULL;
	for (const struct mon_cmd *const *g = groups; *g; g++)
		for (const struct mon_cmd *c = *g; c->name; c++)
			if (foreign || !(c->when & MON_FOREIGN))
				all[(*n)++] = c;
	qsort(all, *n, sizeof(all[0]), by_name);
	return all;
}

const struct mon_cmd **mon_sorted(const struct mon_cmd *const *groups,
				  unsigned *n)
{
	return sorted(groups, n, false);
}

/* --- docs/ref/monitor.md --- */

static const char *state_of(const struct mon_cmd *c)
{
	if (c->when & MON_FOREIGN)
		return "foreign";
	return c->needs ? "not yet" : "works";
}

/* The line of conformance.tsv about a command; "" when it has none. */
static const char *conformance_of(const char *all, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = all; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p, name, n) && p[n] == '\t')
			return p + n + 1;
	return "";
}

/* "SAME VALUES DIFFERS NOT-YET why", by tabs. */
static void document_conformance(struct strbuf *out, const char *line)
{
	unsigned n[4];
	int at = 0;

	if (sscanf(line, "%u\t%u\t%u\t%u\t%n", &n[0], &n[1], &n[2], &n[3],
		   &at) < 4)
		return;
	strbuf_addf(out, "\nOf QEMU 7.2's recorded answers: %u the same",
		    n[0]);
	if (n[1])
		strbuf_addf(out, ", %u the same but for values", n[1]);
	if (n[2])
		strbuf_addf(out, ", %u different (%.*s)", n[2],
			    (int)strcspn(line + at, "\n"), line + at);
	if (n[3])
		strbuf_addf(out, ", %u not supported yet", n[3]);
	strbuf_addstr(out, ".\n");
}

static void document_row(struct strbuf *out, const char *prefix,
			 const struct mon_cmd *c, const char *conformance)
{
	char name[64];
	size_t first = strcspn(c->name, "|");

	strbuf_addf(out, "### %s%.*s\n\n", prefix, (int)first, c->name);
	strbuf_addf(out, "`%s%.*s%s%s`", prefix, (int)first, c->name,
		    *c->params ? " " : "", c->params);
	if (c->name[first])
		strbuf_addf(out, " (also `%s%s`)", prefix, c->name + first + 1);
	strbuf_addf(out, " -- %s.\n\n%s\n", c->help, c->doc);
	if (c->when & MON_FOREIGN)
		strbuf_addstr(out, "\nNot part of an x86 guest's monitor: "
			      "answered as an unknown command.\n");
	else if (c->needs)
		strbuf_addf(out, "\n**Not supported yet:** %s.\n", c->needs);
	snprintf(name, sizeof(name), "%s%.*s", prefix, (int)first, c->name);
	document_conformance(out, conformance_of(conformance, name));
	strbuf_addf(out, "\n    (qemu) %s\n\n", c->example);
}

static void document_index(struct strbuf *out, const char *prefix,
			   const struct mon_cmd **rows, unsigned n)
{
	strbuf_addstr(out, "| command | does | state |\n|---|---|---|\n");
	for (unsigned i = 0; i < n; i++) {
		size_t first = strcspn(rows[i]->name, "|");

		strbuf_addf(out, "| [`%s%.*s`](#%s%.*s) | %s | %s |\n",
			    prefix, (int)first, rows[i]->name,
			    *prefix ? "info-" : "", (int)first, rows[i]->name,
			    rows[i]->help, state_of(rows[i]));
	}
	strbuf_addc(out, '\n');
}

static void document(struct strbuf *out, const char *title, const char *prefix,
		     const struct mon_cmd *const *groups,
		     const char *conformance)
{
	unsigned n;
	const struct mon_cmd **rows = sorted(groups, &n, true);

	strbuf_addf(out, "## %s\n\n", title);
	document_index(out, prefix, rows, n);
	for (unsigned i = 0; i < n; i++)
		document_row(out, prefix, rows[i], conformance);
	free(rows);
}

void mon_table_document(struct strbuf *out, const char *conformance)
{
	strbuf_addstr(out,
		"# The monitor's commands\n\n"
		"Generated from the tables in `monitor/cmd_*.c` by `make "
		"docs-ref`; do not edit.\n\n");
	mon_table_status(out);
	strbuf_addstr(out,
		"\nThe sessions of a real QEMU 7.2 that were recorded are "
		"replayed against mote\n(`make monitor-conform`); each "
		"command says how many answers were the same.\nLines that "
		"are no commands are in `tests/monitor/conformance.tsv` "
		"too.\n\n");
	document_conformance(out, conformance_of(conformance, "total"));
	strbuf_addc(out, '\n');
	document(out, "Commands", "", mon_groups, conformance);
	document(out, "Info", "info ", mon_info_groups, conformance);
}

static void count(struct strbuf *out, const char *what,
		  const struct mon_cmd *const *groups)
{
	unsigned n, works = 0, not_yet = 0, foreign = 0;
	const struct mon_cmd **rows = sorted(groups, &n, true);

	for (unsigned i = 0; i < n; i++) {
		foreign += !!(rows[i]->when & MON_FOREIGN);
		not_yet += !(rows[i]->when & MON_FOREIGN) && rows[i]->needs;
	}
	works = n - foreign - not_yet;
	strbuf_addf(out, "%s: %u rows, %u work, %u not supported yet, "
		    "%u of other guests or builds\n", what, n, works, not_yet,
		    foreign);
	free(rows);
}

void mon_table_status(struct strbuf *out)
{
	count(out, "commands", mon_groups);
	count(out, "info subcommands", mon_info_groups);
}
