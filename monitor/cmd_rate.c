/* SPDX-License-Identifier: MIT */
/*
 * Dirty rates, and limits of them.
 */
#include "monitor/dirty_limit.h"
#include "monitor/dirty_rate.h"
#include "monitor/mon.h"

static void cmd_calc(struct mon *m, const struct mon_arg *a)
{
	const bool count = a[0].given || a[1].given;
	const struct rate_wish w = {
		.mode = a[0].given ? RATE_RING : a[1].given ? RATE_BITMAP :
			RATE_SAMPLING,
		.period_ms = a[2].num > RATE_PERIOD_MAX ? UINT64_MAX :
			     a[2].num * 1000,
		.samples = count ? 0 : a[3].given ? a[3].num : RATE_SAMPLES,
	};
	struct err e = { 0 };

	if (!a[2].num)
		mon_puts(m, "Incorrect period length specified!\n");
	else if (a[0].given && a[1].given)
		mon_puts(m, "Either dirty ring or dirty bitmap can be "
			 "specified!\n");
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
	for (unsigned i = 0; i < r.nvcpus; i++)
		mon_printf(m, "vcpu[%u], Dirty rate: %llu (MB/s)\n", i,
			   (unsigned long long)r.vcpu_mib[i]);
}

static void say_where(struct mon *m, int rc, const struct err *e)
{
	if (rc < 0)
		mon_error(m, e);
	else
		mon_puts(m, "[Please use 'info vcpu_dirty_limit' to query "
			 "dirty limit for virtual CPU]\n");
}

static s64 cpu_of(const struct mon_arg *a)
{
	return a->given ? (s64)a->num : DIRTY_LIMIT_ALL;
}

static void cmd_set_limit(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	say_where(m, dirty_limit_set(m->mons, cpu_of(&a[1]), a[0].num, &e),
		  &e);
}

static void cmd_cancel_limit(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	say_where(m, dirty_limit_cancel(m->mons, cpu_of(&a[0]), &e), &e);
}

static void info_limit(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct dirty_limit_report r;
	bool any = false;

	for (unsigned i = 0; i < mon_vm(m)->nvcpus; i++) {
		if (!dirty_limit_of(m->mons, i, &r))
			continue;
		any = true;
		mon_printf(m, "vcpu[%u], limit rate %llu (MB/s), current rate "
			   "%llu (MB/s)\n", i, (unsigned long long)r.limit,
			   (unsigned long long)r.now);
	}
	if (!any)
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
			   "logs as written is counted; with -r, where -accel "
			   "kvm,dirty-ring-size=N was given, those in each "
			   "CPU's ring. The guest runs on. Result: info "
			   "dirty_rate.",
		.example = "calc_dirty_rate 1",
		.when    = MON_MAIN,
		.run     = cmd_calc,
	}, {
		.name    = "set_vcpu_dirty_limit",
		.args    = "dirty_rate:long cpu_index:long?",
		.params  = "dirty_rate [cpu_index]",
		.help    = "limit how fast a CPU writes memory",
		.doc     = "In MB/s; all CPUs without an index. One that "
			   "writes more waits until that is paid for. Wants "
			   "KVM and its dirty rings: -accel "
			   "kvm,dirty-ring-size=4096.",
		.example = "set_vcpu_dirty_limit 200 0",
		.when    = MON_MAIN,
		.run     = cmd_set_limit,
	}, {
		.name    = "cancel_vcpu_dirty_limit",
		.args    = "cpu_index:long?",
		.params  = "[cpu_index]",
		.help    = "end a CPU's write limit",
		.doc     = "Of one CPU, or of all.",
		.example = "cancel_vcpu_dirty_limit 0",
		.when    = MON_MAIN,
		.run     = cmd_cancel_limit,
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
		.doc     = "And how much each of those CPUs wrote in the last "
			   "second.",
		.example = "info vcpu_dirty_limit",
		.when    = MON_MAIN,
		.run     = info_limit,
	},
	{ 0 }
};
