/* SPDX-License-Identifier: MIT */
/*
 * Dirty rates, and limits of them.
 */
#include "monitor/dirty_rate.h"
#include "monitor/mon.h"

static void cmd_calc(struct mon *m, const struct mon_arg *a)
{
	const struct rate_wish w = {
		.mode = a[1].given ? RATE_BITMAP : RATE_SAMPLING,
		.period_ms = a[2].num > RATE_PERIOD_MAX ? UINT64_MAX :
			     a[2].num * 1000,
		.samples = a[1].given ? 0 : a[3].given ? a[3].num :
			   RATE_SAMPLES,
	};
	struct err e = { 0 };

	if (!a[2].num)
		mon_puts(m, "Incorrect period length specified!\n");
	else if (a[0].given && a[1].given)
		mon_puts(m, "Either dirty ring or dirty bitmap can be "
			 "specified!\n");
	else if (a[0].given)
		mon_puts(m, "Error: not supported yet: dirty rings\n");
	else if (dirty_rate_start(m->mons, &w, &e) < 0)
		mon_error(m, &e);
	else
		mon_printf(m, "Starting dirty rate measurement with period "
			   "%llu seconds\n[Please use 'info dirty_rate' to "
			   "check results]\n", (unsigned long long)a[2].num);
}

static void info_rate(struct mon *m, const struct mon_arg *a UNUSED)
{
	const struct rate_report r = dirty_rate_report(m->mons);

	mon_printf(m, "Status: %s\nStart Time: %lld (ms)\n"
		   "Sample Pages: %llu (per GB)\nPeriod: %llu (sec)\n"
		   "Mode: %s\nDirty rate: ", rate_status_names[r.status],
		   (long long)r.start_ms, (unsigned long long)r.wish.samples,
		   (unsigned long long)r.wish.period_ms / 1000,
		   rate_mode_names[r.wish.mode]);
	if (r.status == RATE_MEASURED)
		mon_printf(m, "%llu (MB/s)\n",
			   (unsigned long long)r.mib_per_s);
	else
		mon_puts(m, "(not ready)\n");
}

static void info_limit(struct mon *m, const struct mon_arg *a UNUSED)
{
	mon_puts(m, "Dirty page limit not enabled!\n");
}

const struct mon_cmd mon_rate_cmds[] = {
	{
		.name    = "calc_dirty_rate",
		.args    = "dirty_ring:-r dirty_bitmap:-b second:long "
			   "sample_pages_per_GB:long?",
		.params  = "[-r] [-b] second [sample_pages_per_GB]",
		.help    = "measure how fast the guest writes memory",
		.doc     = "Hashes sample pages (512 a GiB) now and after "
			   "SECOND seconds; with -b every page the provider "
			   "logs as written is counted. The guest runs on. "
			   "Result: info dirty_rate. Not supported yet: -r.",
		.example = "calc_dirty_rate 1",
		.when    = MON_MAIN,
		.run     = cmd_calc,
	}, {
		.name    = "set_vcpu_dirty_limit",
		.args    = "dirty_rate:long cpu_index:long?",
		.params  = "dirty_rate [cpu_index]",
		.help    = "limit how fast a CPU writes memory",
		.doc     = "In MB/s; all CPUs without an index.",
		.example = "set_vcpu_dirty_limit 200 0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "dirty rings",
	}, {
		.name    = "cancel_vcpu_dirty_limit",
		.args    = "cpu_index:long?",
		.params  = "[cpu_index]",
		.help    = "end a CPU's write limit",
		.doc     = "Of one CPU, or of all.",
		.example = "cancel_vcpu_dirty_limit 0",
		.when    = MON_MAIN,
		.run     = mon_not_yet,
		.needs   = "dirty rings",
	},
	{ 0 }
};

const struct mon_cmd mon_info_rate_cmds[] = {
	{
		.name    = "dirty_rate",
		.args    = "",
		.params  = "",
		.help    = "show the dirty rate",
		.doc     = "What calc_dirty_rate found, or how far it is.",
		.example = "info dirty_rate",
		.when    = MON_MAIN,
		.run     = info_rate,
	}, {
		.name    = "vcpu_dirty_limit",
		.args    = "",
		.params  = "",
		.help    = "show the write limits of CPUs",
		.doc     = "There are none: they need dirty rings.",
		.example = "info vcpu_dirty_limit",
		.when    = MON_ANYTIME,
		.run     = info_limit,
	},
	{ 0 }
};
