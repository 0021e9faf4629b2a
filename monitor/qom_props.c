/* SPDX-License-Identifier: MIT */
/*
 * The properties of objects: names, types, values as JSON.
 *
 * Talks to: device.h for devices' own; the rest is data of the machine.
 */
#include "monitor/qmp.h"
#include "monitor/qom.h"
#include "virtio/virtio_balloon.h"
#include "vmm/base/opts.h"
#include "vmm/block/blk_throttle.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/objects.h"
#include "vmm/opts_json.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called for each property; `v` is the callee's. */
typedef void prop_fn(void *opaque, const char *name, const char *type,
		     json_t *v);

struct prop_walk {
	prop_fn *fn;
	void *opaque;
};

static void give(const struct prop_walk *w, const char *name,
		 const char *type, json_t *v)
{
	w->fn(w->opaque, name, type, v);
}

static json_t *text(const char *s)
{
	return qmp_text(s ? s : "", s ? strlen(s) : 0);
}

/* --- devices --- */

static const char *const type_names[] = {
	[PROP_BOOL] = "bool", [PROP_U8] = "uint8", [PROP_U16] = "uint16",
	[PROP_U32] = "uint32", [PROP_U64] = "uint64", [PROP_SIZE] = "size",
	[PROP_STR] = "str", [PROP_CHARDEV] = "str", [PROP_NETDEV] = "str",
	[PROP_DRIVE] = "str", [PROP_IOTHREAD] = "link<iothread>",
	[PROP_ENUM] = "str",
};

static json_t *device_value(struct device *d, const struct device_prop *p)
{
	struct strbuf s = STRBUF_INIT;
	json_t *v;

	device_get_prop(d, p->name, &s);
	if (p->type == PROP_BOOL)
		v = json_boolean(!strcmp(s.buf, "true"));
	else if (p->type >= PROP_U8 && p->type <= PROP_SIZE)
		v = json_integer((json_int_t)strtoull(s.buf, NULL, 10));
	else
		v = qmp_text(s.buf, s.len);
	strbuf_fini(&s);
	return v;
}

/* jansson's numbers have a sign: what was not told, ~0, is -1. */
static json_t *balloon_stats(const struct balloon_stats *s)
{
	static const char *const names[BALLOON_STATS] = {
		"stat-swap-in", "stat-swap-out", "stat-major-faults",
		"stat-minor-faults", "stat-free-memory", "stat-total-memory",
		"stat-available-memory", "stat-disk-caches",
		"stat-htlb-pgalloc", "stat-htlb-pgfail",
	};
	json_t *stats = json_object();

	for (unsigned i = 0; i < BALLOON_STATS; i++)
		json_object_set_new(stats, names[i],
				    json_integer((json_int_t)s->val[i]));
	return json_pack("{s:o,s:I}", "stats", stats, "last-update",
			 (json_int_t)s->seconds);
}

static void device_props(struct device *d, const struct prop_walk *w)
{
	struct balloon_stats stats;

	give(w, "parent_bus", "link<bus>",
	     text(d->class->bus ? d->class->bus : "System"));
	give(w, "realized", "bool", json_boolean(d->realized));
	give(w, "hotplugged", "bool", json_false());
	give(w, "hotpluggable", "bool", json_boolean(d->class->hotplug));
	for (const struct device_prop *p = d->class->props; p && p->name; p++)
		give(w, p->name, type_names[p->type], device_value(d, p));
	if (d->class->virtio && balloon_last_stats(d, &stats))
		give(w, "guest-stats", "guest statistics",
		     balloon_stats(&stats));
}

/* --- the others --- */

static void cpu_props(struct vm *vm, const struct vcpu *v,
		      const struct prop_walk *w)
{
	const unsigned threads = vm->config->threads ? vm->config->threads : 1;
	const unsigned cores = vm->config->cores ? vm->config->cores : 1;

	give(w, "realized", "bool", json_true());
	give(w, "hotplugged", "bool", json_false());
	give(w, "hotpluggable", "bool", json_false());
	give(w, "apic-id", "uint32", json_integer(v->kvm.id));
	give(w, "socket-id", "int32",
	     json_integer(v->index / threads / cores));
	give(w, "core-id", "int32", json_integer(v->index / threads % cores));
	give(w, "thread-id", "int32", json_integer(v->index % threads));
}

static void machine_props(struct vm *vm, const struct prop_walk *w)
{
	const struct vm_config *c = vm->config;

	give(w, "kernel", "string", text(c->kernel));
	give(w, "initrd", "string", text(c->initrd));
	give(w, "append", "string", text(c->append));
	give(w, "firmware", "string", text(""));
	give(w, "graphics", "bool", json_false());
	give(w, "usb", "bool", json_false());
	give(w, "smp", "SMPConfiguration",
	     json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "cpus", c->cpus,
		       "maxcpus", c->max_cpus, "threads", c->threads, "cores",
		       c->cores, "dies", 1, "sockets", c->sockets, "clusters",
		       1));
	give(w, "memory", "MemorySizeConfiguration",
	     json_pack("{s:I,s:i,s:I}", "size", (json_int_t)c->ram_bytes,
		       "slots", 0, "max-size", (json_int_t)c->ram_bytes));
}

static void iothread_props(const struct iothread *t,
			   const struct prop_walk *w)
{
	give(w, "poll-max-ns", "int", json_integer(t->poll_max_ns));
	give(w, "poll-grow", "int", json_integer(t->poll_grow));
	give(w, "poll-shrink", "int", json_integer(t->poll_shrink));
}

/* Limits disks share: object throttle-group. */
static struct throttle_group *group_of(struct vm *vm, const struct qom_obj *o)
{
	const struct object *b = o->ptr;

	return o->kind == QOM_OBJECT && !strcmp(b->type->name, "throttle-group")
		? throttle_group_find(blk_groups(disk_blks(vm->disks)), b->id)
		: NULL;
}

static void put_limit(json_t *o, const char *name, const char *suffix, u64 v)
{
	char key[40];

	snprintf(key, sizeof(key), "%s%s", name, suffix);
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void group_props(struct throttle_group *g, const struct prop_walk *w)
{
	json_t *o = json_object();

	for (unsigned k = 0; g && k < THROTTLE_KINDS; k++) {
		const struct throttle_limit *l = &g->t.config.limit[k];
		const char *name = throttle_kind_name(k);

		put_limit(o, name, "", l->avg);
		put_limit(o, name, "-max", l->max);
		put_limit(o, name, "-max-length", MAX(l->length, 1u));
	}
	if (g)
		put_limit(o, "iops-size", "", g->t.config.iops_size);
	if (g)
		give(w, "limits", "ThrottleLimits", json_incref(o));
	json_decref(o);
}

static void chardev_props(struct chardev *c, const struct prop_walk *w)
{
	struct strbuf s = STRBUF_INIT;

	chardev_describe(c, &s);
	give(w, "connected", "bool",
	     json_boolean(strncmp(s.buf, "disconnected:", 13)));
	give(w, "filename", "string", qmp_text(s.buf, s.len));
	strbuf_fini(&s);
}

static void own_props(struct vm *vm, const struct qom_obj *o,
		      const struct prop_walk *w)
{
	char type[160];

	qom_type(vm, o, type, sizeof(type));
	give(w, "type", "string", text(type));
	switch (o->kind) {
	case QOM_BACKEND:
	case QOM_DEVICE:   return device_props(o->ptr, w);
	case QOM_CPU:      return cpu_props(vm, o->ptr, w);
	case QOM_MACHINE:  return machine_props(vm, w);
	case QOM_IOTHREAD: return iothread_props(o->ptr, w);
	case QOM_CHARDEV:  return chardev_props(o->ptr, w);
	case QOM_OBJECT:   return group_props(group_of(vm, o), w);
	default:           return;
	}
}

/* --- list --- */

static void list_prop(void *opaque, const char *name, const char *type,
		      json_t *v)
{
	json_array_append_new(opaque, json_pack("{s:s,s:s}", "name", name,
						"type", type));
	json_decref(v);
}

static bool list_child(struct vm *vm, const struct qom_obj *o, void *opaque)
{
	char type[160], child[176];

	qom_type(vm, o, type, sizeof(type));
	snprintf(child, sizeof(child), "child<%s>", type);
	json_array_append_new(opaque, json_pack("{s:o,s:o}", "name",
						text(o->name), "type",
						text(child)));
	return false;
}

json_t *qom_props(struct vm *vm, const struct qom_obj *o)
{
	json_t *list = json_array();
	const struct prop_walk w = { list_prop, list };

	own_props(vm, o, &w);
	qom_each_child(vm, o, list_child, list);
	return list;
}

/* --- get --- */

struct get_prop {
	const char *name;
	json_t *v;
};

static void pick(void *opaque, const char *name, const char *type UNUSED,
		 json_t *v)
{
	struct get_prop *g = opaque;

	if (!g->v && !strcmp(name, g->name))
		g->v = json_incref(v);
	json_decref(v);
}

static bool pick_child(struct vm *vm UNUSED, const struct qom_obj *o,
		       void *opaque)
{
	struct get_prop *g = opaque;

	if (strcmp(o->name, g->name))
		return false;
	g->v = text(o->name);
	return true;
}

static int not_found(struct vm *vm, const struct qom_obj *o, const char *prop,
		     struct err *e)
{
	char type[160];

	qom_type(vm, o, type, sizeof(type));
	return err_set(e, -ENOENT, "Property '%s.%.100s' not found", type,
		       prop);
}

json_t *qom_get(struct vm *vm, const struct qom_obj *o, const char *prop,
		struct err *e)
{
	struct get_prop g = { prop, NULL };
	const struct prop_walk w = { pick, &g };

	own_props(vm, o, &w);
	if (!g.v)
		qom_each_child(vm, o, pick_child, &g);
	if (!g.v)
		not_found(vm, o, prop, e);
	return g.v;
}

/* --- set --- */

static int set_iothread(struct iothread *t, const char *prop, json_t *v,
			struct err *e)
{
	u64 *field = !strcmp(prop, "poll-max-ns") ? &t->poll_max_ns :
		     !strcmp(prop, "poll-grow") ? &t->poll_grow :
		     !strcmp(prop, "poll-shrink") ? &t->poll_shrink : NULL;

	if (!field)
		return -ENOENT;
	if (!json_is_integer(v))
		return err_set(e, -EINVAL, "Invalid parameter type for '%s', "
			       "expected: integer", prop);
	if (json_integer_value(v) < 0)
		return err_set(e, -ERANGE, "%s value must be in range [0, "
			       "9223372036854775807]", prop);
	*field = (u64)json_integer_value(v);
	iothread_set_poll(t);
	return 0;
}

/* What `v` does not name stays as it is. */
static int set_limits(struct throttle_group *g, const char *prop, json_t *v,
		      struct err *e)
{
	struct throttle_config c = g->t.config;
	json_t *o = json_pack("{s:O}", "limits", v);
	struct strbuf s = STRBUF_INIT;
	struct opts in = OPTS_INIT;
	int rc;

	if (strcmp(prop, "limits")) {
		json_decref(o);
		return -ENOENT;
	}
	rc = json_is_object(v) ? opts_from_json(o, &s, e) :
		err_set(e, -EINVAL, "Invalid parameter type for 'limits', "
			"expected: object");
	if (rc == 0)
		rc = opts_parse(&in, s.buf, NULL, e);
	if (rc == 0)
		rc = throttle_take(&c, &in, "limits.", e);
	if (rc == 0)
		rc = opts_check_taken(&in, e);
	if (rc == 0)
		throttle_set(&g->t, &c);
	opts_fini(&in);
	strbuf_fini(&s);
	json_decref(o);
	return rc;
}

static const struct device_prop *device_prop(const struct device *d,
					     const char *name)
{
	const struct device_prop *p = d->class->props;

	while (p && p->name && strcmp(p->name, name))
		p++;
	return p && p->name ? p : NULL;
}

static int set_device(struct device *d, const char *prop, json_t *v,
		      struct err *e)
{
	const struct device_prop *p = device_prop(d, prop);
	char number[32];
	const char *value = number;

	if (!p)
		return -ENOENT;
	if (!p->runtime && d->id)
		return err_set(e, -EPERM, "Attempt to set property '%s' on "
			       "device '%s' (type '%s') after it was realized",
			       prop, d->id, d->class->name);
	if (!p->runtime)
		return err_set(e, -EPERM, "Attempt to set property '%s' on "
			       "anonymous device (type '%s') after it was "
			       "realized", prop, d->class->name);
	if (json_is_string(v))
		value = json_string_value(v);
	else if (json_is_boolean(v))
		value = json_is_true(v) ? "on" : "off";
	else if (json_is_integer(v))
		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(v));
	else
		return err_set(e, -EINVAL, "Invalid parameter type for '%s', "
			       "expected: %s", prop, type_names[p->type]);
	return device_set_prop(d, prop, value, e);
}

int qom_set(struct vm *vm, const struct qom_obj *o, const char *prop,
	    json_t *v, struct err *e)
{
	int rc = -ENOENT;
	char type[160];
	json_t *old;

	if (o->kind == QOM_IOTHREAD)
		rc = set_iothread(o->ptr, prop, v, e);
	else if (group_of(vm, o))
		rc = set_limits(group_of(vm, o), prop, v, e);
	else if (o->kind == QOM_DEVICE || o->kind == QOM_BACKEND)
		rc = set_device(o->ptr, prop, v, e);
	if (rc != -ENOENT)
		return rc;
	old = qom_get(vm, o, prop, e);
	if (!old)
		return rc;
	json_decref(old);
	qom_type(vm, o, type, sizeof(type));
	return err_set(e, -EPERM, "Property '%s.%.100s' is not writable", type,
		       prop);
}

int qom_set_text(struct vm *vm, const struct qom_obj *o, const char *prop,
		 const char *value, struct err *e)
{
	json_t *old = qom_get(vm, o, prop, e), *v;
	const bool number = json_is_integer(old);
	char *end;
	int rc;

	if (!old)
		return -ENOENT;
	json_decref(old);
	if (number) {
		v = json_integer(strtoll(value, &end, 0));
		if (*end || end == value) {
			json_decref(v);
			return err_set(e, -EINVAL, "Parameter '%s' expects "
				       "int64", prop);
		}
	} else {
		v = qmp_text(value, strlen(value));
	}
	rc = qom_set(vm, o, prop, v, e);
	json_decref(v);
	return rc;
}
