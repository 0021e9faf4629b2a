/* SPDX-License-Identifier: MIT */
/*
 * help, info: the table shown to people.
 */
#include "monitor/mon.h"

#include <stdlib.h>
#include <string.h>

static void show_row(struct mon *m, char **words, unsigned depth,
		     const struct mon_cmd *c)
{
	for (unsigned i = 0; i < depth; i++)
		mon_printf(m, "%s ", words[i]);
	mon_printf(m, "%s %s -- %s\n", c->name, c->params, c->help);
}

static void show(struct mon *m, const struct mon_cmd *const *groups,
		 char **words, unsigned n, unsigned depth)
{
	const struct mon_cmd **all, *c;
	unsigned count;

	if (depth >= n) {
		all = mon_sorted(groups, &count);
		for (unsigned i = 0; i < count; i++)
			if (mon_available(m, all[i]))
				show_row(m, words, depth, all[i]);
		free(all);
		return;
	}
	c = mon_find(groups, words[depth], strlen(words[depth]));
	if (c && !mon_available(m, c))
		c = NULL;
	if (c && c->sub) {
		show(m, c->sub, words, n, depth + 1);
	} else if (c) {
		show_row(m, words, depth, c);
	} else {
		mon_puts(m, "unknown command: '");
		for (unsigned i = 0; i <= depth; i++)
			mon_printf(m, "%s%s", words[i],
				   i == depth ? "'\n" : " ");
	}
}

static void help(struct mon *m, const char *line)
{
	char *words[MON_ARGS_MAX];
	unsigned n;

	if (!mon_split(line, words, &n))
		return;
	show(m, mon_groups, words, n, 0);
	mon_split_free(words, n);
}

static void cmd_help(struct mon *m, const struct mon_arg *a)
{
	if (a[0].given && !strcmp(a[0].str, "log"))
		mon_log_items(m);
	else
		help(m, a[0].given ? a[0].str : "");
}

static void cmd_info(struct mon *m, const struct mon_arg *a UNUSED)
{
	help(m, "info");
}

const struct mon_cmd mon_help_cmds[] = {
	{
		.name    = "help|?",
		.args    = "name:rest?",
		.params  = "[cmd]",
		.help    = "list the commands, or show the usage of one",
		.doc     = "Without a word, one line for every command. With "
			   "words, the line of that command; `help info` "
			   "lists the info subcommands, `help log` the log "
			   "items.",
		.example = "help info status",
		.when    = MON_PRE,
		.run     = cmd_help,
	}, {
		.name    = "info",
		.args    = "item:string?",
		.params  = "[subcommand]",
		.help    = "show something about the machine",
		.doc     = "Runs a subcommand of its own table; without one, "
			   "lists them.",
		.example = "info status",
		.when    = MON_PRE,
		.run     = cmd_info,
		.sub     = mon_info_groups,
	},
	{ 0 }
};
