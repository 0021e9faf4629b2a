/* SPDX-License-Identifier: MIT */
/*
 * Logs and traces.
 *
 * Talks to: base/log.h; files are opened on the main loop.
 */
#include "monitor/mon.h"
#include "vmm/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void mon_log_items(struct mon *m)
{
	mon_puts(m, "Log items (comma separated):\n");
	mon_printf(m, "%-15s %s\n", "none", "switch every item off");
	mon_printf(m, "%-15s %s\n", "all", "switch every item on");
	for (const struct log_item_row *r = log_items; r->name; r++)
		mon_printf(m, "%-15s %s\n", r->name, r->help);
}

static void cmd_log(struct mon *m, const struct mon_arg *a)
{
	u32 mask;

	if (!strncmp(a[0].str, "trace:", 6))
		mon_puts(m, "not supported yet: trace points\n");
	else if (log_parse_mask(a[0].str, &mask, NULL) < 0)
		mon_log_items(m);
	else
		log_set_mask(mask);
}

/* One %d stands for the process id; no other % may be there. */
static bool fill_template(char *to, size_t size, const char *name)
{
	const char *percent = strchr(name, '%');

	if (!percent)
		return (size_t)snprintf(to, size, "%s", name) < size;
	if (percent[1] != 'd' || strchr(percent + 2, '%'))
		return false;
	return (size_t)snprintf(to, size, "%.*s%d%s", (int)(percent - name),
				name, (int)getpid(), percent + 2) < size;
}

static void cmd_logfile(struct mon *m, const struct mon_arg *a)
{
	char path[MON_WORD_MAX + 16];
	int rc;

	if (!fill_template(path, sizeof(path), a[0].str)) {
		mon_printf(m, "Bad logfile template: %s\n", a[0].str);
		return;
	}
	rc = log_set_file(path, NULL);
	if (rc < 0)
		mon_printf(m, "Error opening logfile %s: %s\n", path,
			   strerror(-rc));
}

static void complete_onoff(struct mon *m, unsigned n, const char *typed)
{
	static const char *const words[] = { "off", "on", NULL };

	if (n == 1)
		mon_offer_list(m, words, typed);
}

const struct mon_cmd mon_log_cmds[] = {
	{
		.name    = "logfile",
		.args    = "filename:file",
		.params  = "filename",
		.help    = "send the log to a file",
		.doc     = "One `%d` in the name becomes the process id.",
		.example = "logfile mote-%d.log",
		.when    = MON_MAIN,
		.run     = cmd_logfile,
	}, {
		.name    = "log",
		.args    = "items:string",
		.params  = "item1[,...]",
		.help    = "choose what is logged",
		.doc     = "Replaces the set of items; `none` and `all` are "
			   "sets too. Anything unknown lists the items and "
			   "changes nothing.",
		.example = "log int,cpu_reset",
		.when    = MON_MAIN,
		.run     = cmd_log,
	}, {
		.name    = "trace-event",
		.args    = "name:string option:onoff vcpu:int?",
		.params  = "name on|off [vcpu]",
		.help    = "switch trace points",
		.doc     = "NAME may hold `*` and `?`.",
		.example = "trace-event virtq_* on",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.complete = complete_onoff,
		.needs   = "trace points",
	}, {
		.name    = "trace-file",
		.args    = "op:string? arg:file?",
		.params  = "on|off|flush|set [arg]",
		.help    = "open, close, flush or name the trace file",
		.doc     = "Without a word, says what it is and whether it is "
			   "open.",
		.example = "trace-file set run.trace",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "trace points",
	},
	{ 0 }
};
