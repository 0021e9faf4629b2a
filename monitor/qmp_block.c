/* SPDX-License-Identifier: MIT */
/*
 * QMP: disks and their nodes.
 *
 * Talks to: block/disk.h, disk.c's functions, which the human monitor uses
 *           too.
 * Thread:   main loop.
 */
#include "monitor/both.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "monitor/qom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/block/disk.h"
#include "vmm/block/throttle.h"
#include "vmm/core/clock.h"
#include "vmm/opts_json.h"

static struct disk_set *disks(struct qmp_call *c)
{
	return mon_vm(c->m)->disks;
}

/* --- nodes ------------------------------------------------------------------- */

static void run_blockdev_add(struct qmp_call *c)
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };
	int rc = opts_from_json(c->args, &s, &e);

	if (rc >= 0)
		rc = blk_add(disk_blks(disks(c)), s.buf, &e);
	qmp_check(c, rc, &e);
	strbuf_fini(&s);
}

/* One after the other; the first that cannot be is the answer. */
static void run_blockdev_reopen(struct qmp_call *c)
{
	json_t *all = json_object_get(c->args, "options"), *one;
	struct err e = { 0 };
	int rc = 0;
	size_t i;

	json_array_foreach(all, i, one) {
		struct strbuf s = STRBUF_INIT;
		struct opts o = OPTS_INIT;

		if (rc == 0)
			rc = json_is_object(one) ? opts_from_json(one, &s, &e) :
				err_set(&e, -EINVAL, "Invalid parameter type "
					"for 'options[%zu]', expected: object",
					i);
		if (rc == 0)
			rc = opts_parse(&o, s.buf, NULL, &e);
		if (rc == 0)
			rc = disk_node_reopen(disks(c), &o, &e);
		opts_fini(&o);
		strbuf_fini(&s);
	}
	qmp_check(c, rc, &e);
}

static void run_blockdev_del(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, disk_node_del(disks(c), qmp_str(c, "node-name"), &e), &e);
}

/* --- what is asked of one disk ----------------------------------------------- */

/* "device" or "id" or "node-name", as the command has them; NULL: failed. */
static const char *disk_name(struct qmp_call *c, const char *other)
{
	const char *device = qmp_str(c, "device");
	const char *name = qmp_str(c, other);

	if (!device == !name) {
		qmp_fail(c, QMP_GENERIC, "Need exactly one of 'device' and "
			 "'%s'", other);
		return NULL;
	}
	return device ? device : name;
}

static void run_resize(struct qmp_call *c)
{
	const char *name = disk_name(c, "node-name");
	const s64 size = qmp_int(c, "size", 0);
	struct err e = { 0 };

	if (!name)
		return;
	if (size < 0) {
		qmp_fail(c, QMP_GENERIC, "Parameter 'size' expects a >0 size");
		return;
	}
	qmp_check(c, mon_do_block_resize(mon_vm(c->m), name, size, &e), &e);
}

static const struct limit_names {
	const char *avg, *max, *length;
} limit_names[THROTTLE_KINDS] = {
	[THROTTLE_BPS]     = { "bps", "bps_max", "bps_max_length" },
	[THROTTLE_BPS_RD]  = { "bps_rd", "bps_rd_max", "bps_rd_max_length" },
	[THROTTLE_BPS_WR]  = { "bps_wr", "bps_wr_max", "bps_wr_max_length" },
	[THROTTLE_IOPS]    = { "iops", "iops_max", "iops_max_length" },
	[THROTTLE_IOPS_RD] = { "iops_rd", "iops_rd_max", "iops_rd_max_length" },
	[THROTTLE_IOPS_WR] = { "iops_wr", "iops_wr_max", "iops_wr_max_length" },
};

static void run_throttle(struct qmp_call *c)
{
	const char *name = disk_name(c, "id");
	struct throttle_config t = { .iops_size = qmp_int(c, "iops_size", 0) };
	struct err e = { 0 };

	if (!name)
		return;
	for (unsigned i = 0; i < THROTTLE_KINDS; i++)
		t.limit[i] = (struct throttle_limit){
			qmp_int(c, limit_names[i].avg, 0),
			qmp_int(c, limit_names[i].max, 0),
			qmp_int(c, limit_names[i].length, 0) };
	qmp_check(c, mon_do_block_throttle(mon_vm(c->m), name, &t,
					   qmp_str(c, "group"), &e), &e);
}

/* --- queries ----------------------------------------------------------------- */

static json_t *text_of(struct strbuf *s)
{
	json_t *v = qmp_text(s->buf, s->len);

	strbuf_fini(s);
	return v;
}

static json_t *node_file(struct blk *b)
{
	struct strbuf s = STRBUF_INIT;

	while (b->child)
		b = b->child;
	blk_describe(b, &s);
	return text_of(&s);
}

static void put_int(json_t *o, const char *key, u64 v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void put_limits(json_t *o, const struct throttle_config *t,
		       const char *group)
{
	for (unsigned i = 0; i < THROTTLE_KINDS; i++) {
		put_int(o, limit_names[i].avg, t->limit[i].avg);
		if (t->limit[i].max)
			put_int(o, limit_names[i].max, t->limit[i].max);
		if (t->limit[i].max)
			put_int(o, limit_names[i].length, t->limit[i].length);
	}
	if (t->iops_size)
		put_int(o, "iops_size", t->iops_size);
	if (group)
		json_object_set_new(o, "group", json_string(group));
}

/* BlockDeviceInfo; `d` NULL: a node nobody has. */
static json_t *device_info(struct blk *b, const struct disk *d)
{
	const char *driver = d ? disk_format(d) : blk_driver_name(b);
	struct throttle_config t = { 0 };
	const char *group = NULL;
	json_t *o;

	if (d && !disk_get_throttle(d, &t, &group))
		group = NULL;
	o = json_pack("{s:o,s:b,s:s,s:i,s:s,s:i,s:{s:b,s:b,s:b},"
		      "s:{s:o,s:s,s:I}}",
		      "file", node_file(b), "ro", b->read_only,
		      "drv", driver, "backing_file_depth", 0,
		      "detect_zeroes", !b->detect_zeroes ? "off"
			: b->unmap_zeroes ? "unmap" : "on",
		      "write_threshold", 0, "cache",
		      "writeback", !d || d->writeback,
		      "direct", b->direct, "no-flush", b->no_flush,
		      "image", "filename", node_file(b),
		      "format", driver,
		      "virtual-size", (json_int_t)b->len);
	if (blk_used(b) >= 0)
		put_int(json_object_get(o, "image"), "actual-size",
			(u64)blk_used(b));
	put_limits(o, &t, group);
	if (mon_node_name(b))
		json_object_set_new(o, "node-name",
				    json_string(mon_node_name(b)));
	return o;
}

static void put_qdev(struct qmp_call *c, json_t *o, const struct disk *d)
{
	struct strbuf path = STRBUF_INIT;

	if (!d->dev)
		return;
	mon_backend_path(mon_vm(c->m), d->dev, &path);
	json_object_set_new(o, "qdev", json_string(path.buf));
	strbuf_fini(&path);
}

static const char *const statuses[] = {
	[DISK_OK] = "ok", [DISK_FAILED] = "failed", [DISK_NOSPACE] = "nospace",
};

static void run_query_block(struct qmp_call *c)
{
	struct list *p;

	c->ret = json_array();
	list_for_each(p, disk_list(disks(c))) {
		struct disk *d = list_entry(p, struct disk, node);
		json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:o}",
			"device", d->of_node ? "" : d->id, "type", "unknown",
			"removable", 0, "locked", 0,
			"inserted", device_info(d->root, d));

		put_qdev(c, o, d);
		if (d->pulled)
			json_object_del(o, "inserted");
		if (d->dev)
			json_object_set_new(o, "io-status",
				json_string(statuses[d->status]));
		json_array_append_new(c->ret, o);
	}
}

static void run_query_nodes(struct qmp_call *c)
{
	struct list *p;

	c->ret = json_array();
	list_for_each(p, blk_nodes(disk_blks(disks(c))))
		json_array_append_new(c->ret, device_info(
			list_entry(p, struct blk, node), NULL));
}

static json_t *stats_of(const struct disk *d)
{
	static const struct { const char *name; enum blk_op op; } ops[] = {
		{ "rd", BLK_READ }, { "wr", BLK_WRITE },
		{ "flush", BLK_FLUSH }, { "unmap", BLK_DISCARD },
	};
	const struct disk_stats *s = &d->stats;
	json_t *o = json_object();
	char key[64];

	for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
		const char *n = ops[i].name;
		const enum blk_op op = ops[i].op;

		snprintf(key, sizeof(key), "%s_operations", n);
		put_int(o, key, s->ops[op]);
		snprintf(key, sizeof(key), "%s_total_time_ns", n);
		put_int(o, key, s->ns[op]);
		snprintf(key, sizeof(key), "failed_%s_operations", n);
		put_int(o, key, s->failed[op]);
		snprintf(key, sizeof(key), "invalid_%s_operations", n);
		put_int(o, key, s->invalid[op]);
		if (op == BLK_FLUSH)
			continue;
		snprintf(key, sizeof(key), "%s_bytes", n);
		put_int(o, key, s->bytes[op]);
		snprintf(key, sizeof(key), "%s_merged", n);
		put_int(o, key, 0);
	}
	if (s->last_ns)
		put_int(o, "idle_time_ns", clock_host_ns() - s->last_ns);
	put_int(o, "wr_highest_offset", s->highest);
	json_object_set_new(o, "account_invalid", json_true());
	json_object_set_new(o, "account_failed", json_true());
	json_object_set_new(o, "timed_stats", json_array());
	return o;
}

/* query-nodes: every node that has a name; what a guest did is its disk's. */
static void node_stats(struct qmp_call *c)
{
	static const struct disk unused;
	struct list *p, *q;

	list_for_each(p, blk_nodes(disk_blks(disks(c)))) {
		struct blk *b = list_entry(p, struct blk, node);
		const struct disk *user = &unused;

		list_for_each(q, disk_list(disks(c))) {
			struct disk *d = list_entry(q, struct disk, node);

			if (d->root == b)
				user = d;
		}
		json_array_append_new(c->ret, json_pack("{s:s,s:o}",
			"node-name", mon_node_name(b), "stats",
			stats_of(user)));
	}
}

static void run_query_stats(struct qmp_call *c)
{
	struct list *p;

	c->ret = json_array();
	if (qmp_bool(c, "query-nodes", false)) {
		node_stats(c);
		return;
	}
	list_for_each(p, disk_list(disks(c))) {
		struct disk *d = list_entry(p, struct disk, node);
		json_t *o = json_pack("{s:s,s:o}", "device",
				      d->of_node ? "" : d->id, "stats",
				      stats_of(d));

		if (d->root->name)
			json_object_set_new(o, "node-name",
					    json_string(d->root->name));
		put_qdev(c, o, d);
		json_array_append_new(c->ret, o);
	}
}

/* --- the event --------------------------------------------------------------- */

void qmp_disk_failed(void *opaque, struct disk *d, const struct disk_failure *f)
{
	static const char *const actions[] = {
		[DISK_REPORT] = "report", [DISK_IGNORE] = "ignore",
		[DISK_STOP] = "stop",
	};
	struct vm *vm = opaque;
	struct strbuf path = STRBUF_INIT;
	char *text;
	json_t *o;

	if (d->dev)
		mon_backend_path(vm, d->dev, &path);
	o = json_pack("{s:s,s:s,s:s,s:s,s:b,s:s}", "qom-path", path.buf,
		      "device", d->of_node ? "" : d->id,
		      "operation", f->op == BLK_READ ? "read" : "write",
		      "action", actions[f->action],
		      "nospace", f->rc == -ENOSPC,
		      "reason", strerror(-f->rc));
	if (d->root->name)
		json_object_set_new(o, "node-name", json_string(d->root->name));
	text = json_dumps(o, JSON_COMPACT);
	if (text)
		monitors_event(vm, "BLOCK_IO_ERROR", text);
	free(text);
	json_decref(o);
	strbuf_fini(&path);
}

#define LIMIT(n) n "_max:int? " n "_max_length:int? "

const struct qmp_cmd qmp_block_cmds[] = {
	{ "blockdev-add", "driver:str node-name:str? *", "",
	  "Add a block node; its options are members beside, those of its "
	  "child in an object 'file'.", MON_MAIN, run_blockdev_add, NULL },
	{ "blockdev-reopen", "options:[any]", "",
	  "Change read-only, discard, detect-zeroes and cache of block nodes.",
	  MON_MAIN, run_blockdev_reopen, NULL },
	{ "blockdev-del", "node-name:str", "", "Remove a block node.",
	  MON_MAIN, run_blockdev_del, NULL },
	{ "query-block", "", "[BlockInfo]", "The disks.", MON_MAIN | MON_PRE,
	  run_query_block, NULL },
	{ "query-blockstats", "query-nodes:bool?", "[BlockStats]",
	  "How disks were used.", MON_MAIN | MON_PRE, run_query_stats, NULL },
	{ "query-named-block-nodes", "flat:bool?", "[BlockDeviceInfo]",
	  "The block nodes that have names.", MON_MAIN | MON_PRE,
	  run_query_nodes, NULL },
	{ "block_resize", "device:str? node-name:str? size:int", "",
	  "Change the size of an image in use.", MON_MAIN, run_resize, NULL },
	{ "block_set_io_throttle", "device:str? id:str? bps:int bps_rd:int "
	  "bps_wr:int iops:int iops_rd:int iops_wr:int " LIMIT("bps")
	  LIMIT("bps_rd") LIMIT("bps_wr") LIMIT("iops") LIMIT("iops_rd")
	  LIMIT("iops_wr") "iops_size:int? group:str?", "",
	  "Limit a disk; zero is no limit.", MON_MAIN, run_throttle, NULL },
	{ 0 }
};
