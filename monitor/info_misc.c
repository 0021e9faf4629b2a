/* SPDX-License-Identifier: MIT */
/*
 * info: migration, dumps, statistics, traces.
 */
#include "monitor/disk.h"
#include "monitor/dump.h"
#include "monitor/mon.h"
#include "monitor/profile.h"
#include "monitor/stats.h"
#include "vmm/base/trace.h"

#include <string.h>

static void info_sync_profile(struct mon *m, const struct mon_arg *a)
{
	sync_profile_print(m, a[0].given, a[1].given,
			   a[2].given ? (unsigned)a[2].num : 10);
}

static void info_trace_events(struct mon *m, const struct mon_arg *a)
{
	const char *name = a[0].given ? a[0].str : "*";

	if (!mon_trace_known(m, name, &a[1]))
		return;
	for (unsigned i = 0; i < TRACE_COUNT; i++)
		if (trace_fits(name, (enum trace_id)i))
			mon_printf(m, "%s : state %d\n", trace_events[i].name,
				   trace_enabled[i]);
}

static void info_stats(struct mon *m, const struct mon_arg *a)
{
	struct strbuf out = STRBUF_INIT;
	const bool vcpu = !strcmp(a[0].str, "vcpu");

	if (!vcpu && strcmp(a[0].str, "vm")) {
		mon_printf(m, "invalid stats target %s\n", a[0].str);
		return;
	}
	if (a[2].given && !stats_source_known(a[2].str)) {
		mon_printf(m, "invalid stats provider %s\n", a[2].str);
		return;
	}
	if (!vcpu || mon_vcpu(m))
		stats_print(mon_vm(m), vcpu ? mon_vcpu(m) : NULL,
			    a[2].given ? a[2].str : NULL,
			    a[1].given ? a[1].str : NULL, &out);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

static void info_dump(struct mon *m, const struct mon_arg *a UNUSED)
{
	const struct dump_progress p = dump_progress(m->mons);

	mon_printf(m, "Status: %s\n", dump_status_names[p.status]);
	if (p.status == DUMP_ACTIVE)
		mon_printf(m, "Finished: %.2f %%\n", p.total ?
			   100.0 * (double)p.done / (double)p.total : 0.0);
}

const struct mon_cmd mon_info_misc_cmds[] = {
	{
		.name    = "migrate",
		.args    = "",
		.params  = "",
		.help    = "show a migration",
		.doc     = "Show a migration.",
		.example = "info migrate",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_capabilities",
		.args    = "",
		.params  = "",
		.help    = "show migration capabilities",
		.doc     = "Show migration capabilities.",
		.example = "info migrate_capabilities",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "migrate_parameters",
		.args    = "",
		.params  = "",
		.help    = "show migration parameters",
		.doc     = "Show migration parameters.",
		.example = "info migrate_parameters",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "migration",
	}, {
		.name    = "balloon",
		.args    = "",
		.params  = "",
		.help    = "show the balloon",
		.doc     = "Show the balloon.",
		.example = "info balloon",
		.when    = MON_MAIN,
		.run     = mon_info_balloon,
	}, {
		.name    = "dump",
		.args    = "",
		.params  = "",
		.help    = "show the state of a dump",
		.doc     = "none, active with how far it is, completed or "
			   "failed.",
		.example = "info dump",
		.when    = MON_ANYTIME,
		.run     = info_dump,
	}, {
		.name    = "trace-events",
		.args    = "name:string? vcpu:int?",
		.params  = "[name] [vcpu]",
		.help    = "list trace points",
		.doc     = "NAME may hold `*` and `?`.",
		.example = "info trace-events bus_*",
		.when    = MON_ANYTIME,
		.run     = info_trace_events,
	}, {
		.name    = "sync-profile",
		.args    = "mean:-m no_coalesce:-n max:int?",
		.params  = "[-m] [-n] [max]",
		.help    = "show waits for locks",
		.doc     = "-m sorts by the mean, -n keeps objects apart.",
		.example = "info sync-profile 5",
		.when    = MON_ANYTIME,
		.run     = info_sync_profile,
	}, {
		.name    = "stats",
		.args    = "target:string names:string? provider:string?",
		.params  = "target [names] [provider]",
		.help    = "show run-time statistics",
		.doc     = "TARGET is vm or vcpu, NAMES a list by commas or "
			   "*. PROVIDER is kvm, tcg or mote, which counts "
			   "exits whoever runs the guest.",
		.example = "info stats vcpu exits,halts tcg",
		.when    = MON_MAIN,
		.run     = info_stats,
	}, {
		.name    = "replay",
		.args    = "",
		.params  = "",
		.help    = "show a recording or replay",
		.doc     = "Show a recording or replay.",
		.example = "info replay",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "record and replay",
	},
	{ 0 }
};
