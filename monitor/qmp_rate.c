/* SPDX-License-Identifier: MIT */
/*
 * QMP: dirty rates, and limits of them.
 *
 * Talks to: dirty_rate.c and dirty_limit.c, as the human monitor does.
 */
#include "monitor/dirty_limit.h"
#include "monitor/dirty_rate.h"
#include "monitor/qmp.h"

#include <string.h>

static void run_calc_rate(struct qmp_call *c)
{
	const char *mode = qmp_str(c, "mode"), *unit =
		qmp_str(c, "calc-time-unit");
	const bool ms = unit && !strcmp(unit, "millisecond");
	const s64 time = qmp_int(c, "calc-time", 0);
	struct rate_wish w = { .mode = RATE_SAMPLING };
	struct err e = { 0 };

	while (mode && strcmp(mode, rate_mode_names[w.mode]))
		w.mode++;              /* the type's check let no other in */
	if (w.mode == RATE_SAMPLING)
		w.samples = (u64)qmp_int(c, "sample-pages", RATE_SAMPLES);
	w.period_ms = time < 0 || time > RATE_PERIOD_MAX * 1000 ? UINT64_MAX :
		      (u64)time * (ms ? 1 : 1000);
	qmp_check(c, dirty_rate_start(c->m->mons, &w, &e), &e);
}

static void run_query_rate(struct qmp_call *c)
{
	const struct rate_report r = dirty_rate_report(c->m->mons);
	json_t *vcpus;

	c->ret = json_pack("{s:s,s:I,s:I,s:s,s:I,s:s}",
			   "status", rate_status_names[r.status],
			   "start-time", (json_int_t)r.start_ms / 1000,
			   "calc-time", (json_int_t)r.wish.period_ms / 1000,
			   "calc-time-unit", "second",
			   "sample-pages", (json_int_t)r.wish.samples,
			   "mode", rate_mode_names[r.wish.mode]);
	if (r.status == RATE_MEASURED)
		json_object_set_new(c->ret, "dirty-rate",
				    json_integer((json_int_t)r.mib_per_s));
	if (!r.nvcpus)
		return;
	vcpus = json_array();
	for (unsigned i = 0; i < r.nvcpus; i++)
		json_array_append_new(vcpus, json_pack("{s:i,s:I}", "id", i,
			"dirty-rate", (json_int_t)r.vcpu_mib[i]));
	json_object_set_new(c->ret, "vcpu-dirty-rate", vcpus);
}

static void run_set_limit(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, dirty_limit_set(c->m->mons, qmp_int(c, "cpu-index",
							 DIRTY_LIMIT_ALL),
				     (u64)qmp_int(c, "dirty-rate", 0), &e),
		  &e);
}

static void run_cancel_limit(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, dirty_limit_cancel(c->m->mons, qmp_int(c, "cpu-index",
						DIRTY_LIMIT_ALL), &e), &e);
}

static void run_query_limit(struct qmp_call *c)
{
	struct dirty_limit_report r;

	c->ret = json_array();
	for (unsigned i = 0; i < mon_vm(c->m)->nvcpus; i++)
		if (dirty_limit_of(c->m->mons, i, &r))
			json_array_append_new(c->ret, json_pack(
				"{s:i,s:I,s:I}", "cpu-index", i,
				"limit-rate", (json_int_t)r.limit,
				"current-rate", (json_int_t)r.now));
}

const struct qmp_cmd qmp_rate_cmds[] = {
	{ "calc-dirty-rate", "calc-time:int calc-time-unit:TimeUnit? "
	  "sample-pages:int? mode:DirtyRateMeasureMode?", "",
	  "Measure how fast the guest writes memory.", MON_MAIN,
	  run_calc_rate, NULL },
	{ "query-dirty-rate", "calc-time-unit:TimeUnit?", "DirtyRateInfo",
	  "What calc-dirty-rate found.", MON_MAIN, run_query_rate, NULL },
	{ "set-vcpu-dirty-limit", "cpu-index:int? dirty-rate:int", "",
	  "Limit how fast a CPU, or each, writes memory, in MB/s.", MON_MAIN,
	  run_set_limit, NULL },
	{ "cancel-vcpu-dirty-limit", "cpu-index:int?", "",
	  "End a CPU's limit, or all.", MON_MAIN, run_cancel_limit, NULL },
	{ "query-vcpu-dirty-limit", "", "[DirtyLimitInfo]",
	  "The CPUs that have a limit.", MON_MAIN, run_query_limit, NULL },
	{ 0 }
};
