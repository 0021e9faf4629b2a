/* SPDX-License-Identifier: MIT */
/*
 * QMP: trace points.
 *
 * Talks to: base/trace.h.
 */
#include "monitor/qmp.h"
#include "vmm/base/trace.h"

#include <string.h>

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

static void run_get(struct qmp_call *c)
{
	const char *name = qmp_str(c, "name");

	c->ret = json_array();
	for (unsigned i = 0; i < TRACE_COUNT; i++)
		if (trace_fits(name, (enum trace_id)i))
			json_array_append_new(c->ret, json_pack("{s:s,s:b,s:s}",
				"name", trace_events[i].name, "vcpu", 0,
				"state", trace_enabled[i] ? "enabled" :
				"disabled"));
	if (!json_array_size(c->ret) && !is_pattern(name))
		qmp_fail(c, QMP_GENERIC, "unknown event \"%.100s\"", name);
}

static void run_set(struct qmp_call *c)
{
	const char *name = qmp_str(c, "name");

	if (!trace_set(name, qmp_bool(c, "enable", false)) &&
	    !is_pattern(name) && !qmp_bool(c, "ignore-unavailable", false))
		qmp_fail(c, QMP_GENERIC, "unknown event \"%.100s\"", name);
}

const struct qmp_cmd qmp_trace_cmds[] = {
	{ "trace-event-get-state", "name:str vcpu:int?", "[TraceEventInfo]",
	  "Which trace points are on.", MON_PRE, run_get, NULL },
	{ "trace-event-set-state",
	  "name:str enable:bool ignore-unavailable:bool? vcpu:int?", "",
	  "Switch trace points.", MON_PRE, run_set, NULL },
	{ 0 }
};
