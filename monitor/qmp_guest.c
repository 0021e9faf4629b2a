/* SPDX-License-Identifier: MIT */
/*
 * QMP: what the guest holds and does: dumps, dirty rates, its balloon,
 * statistics, what its NICs let in.
 *
 * Talks to: the functions the human monitor's commands call.
 */
#include "monitor/both.h"
#include "monitor/dump.h"
#include "monitor/qmp.h"
#include "monitor/stats.h"
#include "virtio/virtio_balloon.h"
#include "virtio/virtio_net.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- dumps --- */

static const struct {
	const char *name;
	enum dump_format format;
} dump_formats[] = {
	{ "elf", DUMP_ELF }, { "kdump-zlib", DUMP_KDUMP_ZLIB },
	{ "kdump-raw-zlib", DUMP_KDUMP_RAW_ZLIB },
};

static bool dump_format_of(const char *name, enum dump_format *out)
{
	*out = DUMP_ELF;
	for (unsigned i = 0; name && i < ARRAY_LEN(dump_formats); i++) {
		if (strcmp(name, dump_formats[i].name))
			continue;
		*out = dump_formats[i].format;
		return true;
	}
	return !name;
}

static void run_dump(struct qmp_call *c)
{
	const char *format = qmp_str(c, "format");
	struct dump_wish w = {
		.paging = qmp_bool(c, "paging", false),
		.detach = qmp_bool(c, "detach", false),
		.has_range = qmp_arg(c, "begin") != NULL,
		.begin = (u64)qmp_int(c, "begin", 0),
		.length = (u64)qmp_int(c, "length", 0),
	};
	struct err e = { 0 };

	if (!dump_format_of(format, &w.format))
		qmp_fail(c, QMP_GENERIC, "%s is not available now", format);
	else if (w.has_range && !qmp_arg(c, "length"))
		qmp_fail(c, QMP_GENERIC, "Parameter 'length' is missing");
	else if (!w.has_range && qmp_arg(c, "length"))
		qmp_fail(c, QMP_GENERIC, "Parameter 'begin' is missing");
	else
		qmp_check(c, mon_do_dump(c->m, &w, qmp_str(c, "protocol"), &e),
			  &e);
}

static void run_query_dump(struct qmp_call *c)
{
	const struct dump_progress p = dump_progress(c->m->mons);

	c->ret = json_pack("{s:s,s:I,s:I}", "status",
			   dump_status_names[p.status], "completed",
			   (json_int_t)p.done, "total", (json_int_t)p.total);
}

static void run_dump_formats(struct qmp_call *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < ARRAY_LEN(dump_formats); i++)
		json_array_append_new(list,
				      json_string(dump_formats[i].name));
	c->ret = json_pack("{s:o}", "formats", list);
}

/* --- the balloon --- */

static void check_balloon(struct qmp_call *c, int rc, const struct err *e)
{
	if (rc == -ENODEV)
		qmp_fail(c, QMP_DEVICE_NOT_ACTIVE, "%s", e->msg);
	else
		qmp_check(c, rc, e);
}

static void run_balloon(struct qmp_call *c)
{
	const s64 target = qmp_int(c, "value", 0);
	struct err e = { 0 };

	check_balloon(c, mon_do_balloon(mon_vm(c->m), target > 0 ?
					(u64)target : 0, &e), &e);
}

static void run_balloon_hint(struct qmp_call *c)
{
	struct err e = { 0 };

	check_balloon(c, mon_do_balloon_hint(mon_vm(c->m), &e), &e);
}

static void run_query_balloon(struct qmp_call *c)
{
	struct balloon_stats s;
	struct err e = { 0 };
	u64 actual = 0;
	int rc = mon_do_query_balloon(mon_vm(c->m), &actual, &s, &e);

	check_balloon(c, rc, &e);
	if (rc >= 0)
		c->ret = json_pack("{s:I}", "actual", (json_int_t)actual);
}

/* --- statistics --- */

static json_t *stat_value(const struct stat *s)
{
	const char *unit = stat_unit(s);
	json_t *list;

	if (s->n == 1 && unit && !strcmp(unit, "boolean"))
		return json_boolean(s->value[0]);
	if (s->n == 1)
		return json_integer((json_int_t)s->value[0]);
	list = json_array();
	for (unsigned i = 0; i < s->n; i++)
		json_array_append_new(list, json_integer(
					(json_int_t)s->value[i]));
	return list;
}

static void add_stat(const struct stat *s, void *opaque)
{
	json_array_append_new(opaque, json_pack("{s:s,s:o}", "name", s->name,
						"value", stat_value(s)));
}

static void add_schema(const struct stat *s, void *opaque)
{
	const char *unit = stat_unit(s);
	json_t *v = json_pack("{s:s,s:s,s:i}", "name", s->name, "type",
			      stat_type(s), "exponent", s->exponent);

	if (unit)
		json_object_set_new(v, "unit", json_string(unit));
	if (s->exponent)
		json_object_set_new(v, "base", json_integer(
			s->flags & KVM_STATS_BASE_MASK ? 2 : 10));
	if (s->bucket_size)
		json_object_set_new(v, "bucket-size",
				    json_integer(s->bucket_size));
	json_array_append_new(opaque, v);
}

/* Of the requests for this source: the names, joined by commas; false: none is
 * for it.  `*all`: no names were given. */
static bool names_of(struct qmp_call *c, const char *source,
		     struct strbuf *names, bool *all)
{
	json_t *providers = qmp_arg(c, "providers"), *p, *name;
	bool any = !providers && stats_source_usual(mon_vm(c->m), source);
	size_t i, k;

	*all = !providers;
	json_array_foreach(providers, i, p) {
		json_t *list = json_object_get(p, "names");

		if (strcmp(json_string_value(json_object_get(p, "provider")),
			   source))
			continue;
		any = true;
		*all |= !list;
		json_array_foreach(list, k, name)
			strbuf_addf(names, "%s%s", names->len ? "," : "",
				    json_string_value(name));
	}
	return any;
}

static bool vcpu_wanted(struct qmp_call *c, const char *path)
{
	json_t *list = qmp_arg(c, "vcpus"), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!strcmp(json_string_value(v), path))
			return true;
	return !list;
}

static void add_result(struct qmp_call *c, struct vcpu *v, const char *source,
		       const char *names, const char *path)
{
	json_t *stats = json_array(), *r;

	stats_each(mon_vm(c->m), v, source, names, add_stat, stats);
	if (!json_array_size(stats)) {
		json_decref(stats);
		return;
	}
	r = json_pack("{s:s,s:o}", "provider", source, "stats", stats);
	if (path)
		json_object_set_new(r, "qom-path", json_string(path));
	json_array_append_new(c->ret, r);
}

static void add_results(struct qmp_call *c, const char *source,
			const char *names)
{
	const char *target = qmp_str(c, "target");
	struct vm *vm = mon_vm(c->m);
	char path[64];

	if (!strcmp(target, "vm"))
		add_result(c, NULL, source, names, NULL);
	for (unsigned i = 0; !strcmp(target, "vcpu") && i < vm->nvcpus; i++) {
		snprintf(path, sizeof(path), "/machine/unattached/device[%u]",
			 i);
		if (vcpu_wanted(c, path))
			add_result(c, vm->vcpus[i], source, names, path);
	}
}

static void run_query_stats(struct qmp_call *c)
{
	c->ret = json_array();
	for (unsigned i = 0; stats_sources[i]; i++) {
		struct strbuf names = STRBUF_INIT;
		bool all;

		if (names_of(c, stats_sources[i], &names, &all))
			add_results(c, stats_sources[i], all ? NULL : names.buf);
		strbuf_fini(&names);
	}
}

static void add_schemas(struct qmp_call *c, const char *source)
{
	static const char *const targets[] = { "vm", "vcpu" };
	struct vm *vm = mon_vm(c->m);

	for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
		json_t *list = json_array();

		if (!i || vm->nvcpus)
			stats_each(vm, i ? vm->vcpus[0] : NULL, source, NULL,
				   add_schema, list);
		if (json_array_size(list))
			json_array_append_new(c->ret, json_pack(
				"{s:s,s:s,s:O}", "provider", source, "target",
				targets[i], "stats", list));
		json_decref(list);
	}
}

static void run_query_stats_schemas(struct qmp_call *c)
{
	const char *provider = qmp_str(c, "provider");

	c->ret = json_array();
	for (unsigned i = 0; stats_sources[i]; i++)
		if (!provider || !strcmp(provider, stats_sources[i]))
			add_schemas(c, stats_sources[i]);
}

/* --- what NICs let in --- */

static json_t *mac_text(const u8 mac[6])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return json_string(text);
}

static json_t *mac_table(const u8 (*macs)[6], unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, mac_text(macs[i]));
	return list;
}

static json_t *vlan_table(const struct vnet_filter *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < 4096; i++)
		if (f->vlans[i / 32] & BIT(i % 32))
			json_array_append_new(list, json_integer(i));
	return list;
}

static const char *rx_state(bool none, bool all)
{
	return none ? "none" : all ? "all" : "normal";
}

static json_t *rx_filter(const struct device *d, const struct virtio_net *n)
{
	const struct vnet_filter *f = &n->filter;

	return json_pack(
		"{s:s,s:b,s:s,s:s,s:s,s:b,s:b,s:b,s:o,s:o,s:o,s:o}",
		"name", d->id ? d->id : d->class->name,
		"promiscuous", f->promisc,
		"multicast", rx_state(f->nomulti, f->allmulti),
		"unicast", rx_state(f->nouni, f->alluni),
		"vlan", rx_state(false, f->all_vlans),
		"broadcast-allowed", !f->nobcast,
		"multicast-overflow", f->multi_overflow,
		"unicast-overflow", f->uni_overflow,
		"main-mac", mac_text(n->mac), "vlan-table", vlan_table(f),
		"unicast-table", mac_table(f->uni, f->nuni),
		"multicast-table", mac_table(f->multi, f->nmulti));
}

static void run_query_rx_filter(struct qmp_call *c)
{
	const char *name = qmp_str(c, "name");
	struct list *p;

	c->ret = json_array();
	list_for_each(p, &mon_vm(c->m)->devices) {
		struct device *d = list_entry(p, struct device, node);
		const struct virtio_class *k = d->class->virtio;

		if (!k || k->id != VIRTIO_ID_NET ||
		    (name && strcmp(name, d->id ? d->id : d->class->name)))
			continue;
		lock_take(&d->lock);
		json_array_append_new(c->ret, rx_filter(d,
					to_net(to_virtio(d))));
		lock_drop(&d->lock);
	}
	if (name && !json_array_size(c->ret))
		qmp_fail(c, QMP_GENERIC, "invalid net client name: %.100s",
			 name);
}

static void run_empty_list(struct qmp_call *c)
{
	c->ret = json_array();
}

const struct qmp_cmd qmp_guest_cmds[] = {
	{ "dump-guest-memory", "paging:bool protocol:str detach:bool? "
	  "begin:int? length:int? format:DumpGuestMemoryFormat?", "",
	  "Write a core file; `protocol` is file:PATH or fd:NAME.",
	  MON_ANYTIME, run_dump, NULL },
	{ "query-dump", "", "DumpQueryResult", "How far a dump is.",
	  MON_ANYTIME, run_query_dump, NULL },
	{ "query-dump-guest-memory-capability", "",
	  "DumpGuestMemoryCapability", "The formats of dumps.", MON_PRE,
	  run_dump_formats, NULL },
	{ "balloon", "value:int", "", "Ask the guest to keep so much memory.",
	  MON_MAIN, run_balloon, NULL },
	{ "x-balloon-hint", "", "",
	  "Ask the guest once which pages are free (mote's own).",
	  MON_MAIN, run_balloon_hint, NULL },
	{ "query-balloon", "", "BalloonInfo", "How much the guest has.",
	  MON_MAIN, run_query_balloon, NULL },
	{ "query-stats", "target:StatsTarget providers:[StatsRequest]? "
	  "vcpus:[str]?", "[StatsResult]", "Run-time statistics.", MON_MAIN,
	  run_query_stats, NULL },
	{ "query-stats-schemas", "provider:StatsProvider?", "[StatsSchema]",
	  "Which statistics there are.", MON_MAIN, run_query_stats_schemas,
	  NULL },
	{ "query-rx-filter", "name:str?", "[RxFilterInfo]",
	  "What NICs let in.", MON_MAIN, run_query_rx_filter, NULL },
	{ "query-block-jobs", "", "[any]", "Block jobs: none.", MON_ANYTIME,
	  run_empty_list, NULL },
	{ "query-jobs", "", "[any]", "Background jobs: none.", MON_ANYTIME,
	  run_empty_list, NULL },
	{ 0 }
};
