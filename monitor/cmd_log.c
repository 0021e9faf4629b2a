/* SPDX-License-Identifier: MIT */
/*
 * Logs and traces.
 *
 * Talks to: base/log.h; files are opened on the main loop.
 */
#include "monitor/mon.h"
#include "vmm/base/log.h"
#include "vmm/base/trace.h"

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

/* "trace:PATTERN" or "trace:help". */
static void log_trace(struct mon *m, const char *pattern)
{
	if (strcmp(pattern, "help") && strcmp(pattern, "?")) {
		trace_set(pattern, true);
		return;
	}
	for (unsigned i = 0; i < TRACE_COUNT; i++)
		mon_printf(m, "%s\n", trace_events[i].name);
}

static void cmd_log(struct mon *m, const struct mon_arg *a)
{
	u32 mask;

	if (!strncmp(a[0].str, "trace:", 6))
		log_trace(m, a[0].str + 6);
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
	struct err e = { 0 };

	if (!fill_template(path, sizeof(path), a[0].str)) {
		mon_printf(m, "Bad logfile template: %s\n", a[0].str);
		return;
	}
	if (log_set_file(path, &e) < 0)
		mon_printf(m, "%s\n", e.msg);
}

/* Complain about what no row fits; false then. */
bool mon_trace_known(struct mon *m, const char *name,
		     const struct mon_arg *vcpu)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TRACE_COUNT; i++)
		n += trace_fits(name, (enum trace_id)i);
	if (!n && !strpbrk(name, "*?["))
		mon_printf(m, "unknown event \"%s\"\n", name);
	else if (vcpu->given && vcpu->num >= mon_vm(m)->nvcpus)
		mon_printf(m, "invalid vCPU index %d\n", (int)vcpu->num);
	else if (vcpu->given && n)
		mon_printf(m, "event \"%s\" is not vCPU-specific\n", name);
	else
		return true;
	return false;
}

static void cmd_trace_event(struct mon *m, const struct mon_arg *a)
{
	if (mon_trace_known(m, a[0].str, &a[2]))
		trace_set(a[0].str, a[1].num);
}

static void show_trace_file(struct mon *m)
{
	char name[256];
	const bool on = trace_file_status(name, sizeof(name));

	mon_printf(m, "Trace file \"%s\" %s.\n", name, on ? "on" : "off");
}

static void cmd_trace_file(struct mon *m, const struct mon_arg *a)
{
	const char *op = a[0].given ? a[0].str : NULL;
	struct err e = { 0 };

	if (!op)
		show_trace_file(m);
	else if (!strcmp(op, "on") && trace_file_on(&e) < 0)
		mon_error(m, &e);
	else if (!strcmp(op, "off"))
		trace_file_off();
	else if (!strcmp(op, "flush"))
		trace_file_flush();
	else if (!strcmp(op, "set") && a[1].given)
		trace_file_name(a[1].str);
	else if (strcmp(op, "on"))
		mon_printf(m, "unexpected argument \"%s\"\n", op);
}

static void complete_trace(struct mon *m, unsigned n, const char *typed)
{
	static const char *const words[] = { "off", "on", NULL };

	if (n == 1)
		mon_offer_list(m, words, typed);
	if (n == 0)
		readline_typed(m->rl, strlen(typed));
	for (unsigned i = 0; n == 0 && i < TRACE_COUNT; i++)
		mon_offer(m, trace_events[i].name, typed);
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
		.example = "trace-event bus_* on",
		.when    = MON_MAIN,
		.run     = cmd_trace_event,
		.complete = complete_trace,
	}, {
		.name    = "trace-file",
		.args    = "op:string? arg:file?",
		.params  = "on|off|flush|set [arg]",
		.help    = "open, close, flush or name the trace file",
		.doc     = "Without a word, says what it is and whether it is "
			   "open.",
		.example = "trace-file set run.trace",
		.when    = MON_MAIN,
		.run     = cmd_trace_file,
	},
	{ 0 }
};
