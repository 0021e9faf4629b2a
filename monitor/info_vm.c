/* SPDX-License-Identifier: MIT */
/*
 * info: the machine as a whole, and the monitor itself.
 */
#include "monitor/mon.h"

#include <ctype.h>
#include <string.h>

/* The QEMU whose commands these are, then who answers. */
static void info_version(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "8.2.0 (mote " MOTE_VERSION ")\n");
}

static void info_status(struct mon *m, const struct mon_arg *a UNUSED)
{
	enum run_state s = vm_state(mon_vm(m));

	mon_printf(m, "VM status: %s",
		   s == RUN_RUNNING ? "running" : "paused");
	if (s != RUN_RUNNING && s != RUN_PAUSED)
		mon_printf(m, " (%s)", run_state_name(s));
	mon_puts(m, "\n");
}

static void info_name(struct mon *m, const struct mon_arg *a UNUSED)
{
	if (mon_vm(m)->config->name)
		mon_printf(m, "%s\n", mon_vm(m)->config->name);
}

static void info_uuid(struct mon *m, const struct mon_arg *a UNUSED)
{
	const char *u = mon_vm(m)->config->uuid;
	char text[37] = "00000000-0000-0000-0000-000000000000";

	for (unsigned i = 0; u && u[i] && i < sizeof(text) - 1; i++)
		text[i] = tolower((unsigned char)u[i]);
	mon_printf(m, "%s\n", text);
}

static void show_chardev(struct chardev *c, void *opaque)
{
	struct mon *m = opaque;
	struct strbuf what = STRBUF_INIT;

	chardev_describe(c, &what);
	mon_printf(m, "%s: filename=%s\n", chardev_id(c), what.buf);
	strbuf_fini(&what);
}

static void info_chardev(struct mon *m, const struct mon_arg *a UNUSED)
{
	chardev_for_each(mon_vm(m)->chardevs, show_chardev, m);
}

static void info_history(struct mon *m, const struct mon_arg *a UNUSED)
{
	for (unsigned i = 0; m->rl && i < m->rl->nhistory; i++)
		mon_printf(m, "%u: '%s'\n", i, m->rl->history[i]);
}

const struct mon_cmd mon_info_vm_cmds[] = {
	{
		.name    = "version",
		.args    = "",
		.params  = "",
		.help    = "show what this is",
		.doc     = "The version of QEMU whose monitor this follows, "
			   "then mote's own.",
		.example = "info version",
		.when    = MON_PRE,
		.run     = info_version,
	}, {
		.name    = "status",
		.args    = "",
		.params  = "",
		.help    = "show whether the guest runs",
		.doc     = "running, paused, or paused with the reason in "
			   "parentheses.",
		.example = "info status",
		.when    = MON_PRE,
		.run     = info_status,
	}, {
		.name    = "name",
		.args    = "",
		.params  = "",
		.help    = "show the machine's name",
		.doc     = "What -name said; nothing without it.",
		.example = "info name",
		.when    = MON_PRE,
		.run     = info_name,
	}, {
		.name    = "uuid",
		.args    = "",
		.params  = "",
		.help    = "show the machine's UUID",
		.doc     = "What -uuid said; zeros without it.",
		.example = "info uuid",
		.when    = MON_PRE,
		.run     = info_uuid,
	}, {
		.name    = "chardev",
		.args    = "",
		.params  = "",
		.help    = "show character devices",
		.doc     = "One line each: its id and what is behind it.",
		.example = "info chardev",
		.when    = MON_MAIN | MON_PRE,
		.run     = info_chardev,
	}, {
		.name    = "history",
		.args    = "",
		.params  = "",
		.help    = "show the lines typed here",
		.doc     = "Oldest first, at most 64; a line typed again "
			   "moves to the end.",
		.example = "info history",
		.when    = MON_PRE,
		.run     = info_history,
	},
	{ 0 }
};
