/* SPDX-License-Identifier: MIT */
/*
 * Devices and objects come, go and show their properties.
 *
 * Talks to: machine.h, on the main loop; qom.h for paths and properties.
 */
#include "monitor/both.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "monitor/qom.h"
#include "monitor/qtree.h"
#include "vmm/base/opts.h"
#include "vmm/block/iothread.h"
#include "vmm/machine.h"
#include "vmm/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what both monitors do --- */

static bool id_taken(struct vm *vm, const char *id)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		const struct device *d = list_entry(p, struct device, node);

		if (d->id && !strcmp(d->id, id))
			return true;
	}
	return false;
}

int mon_do_device_add(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o = OPTS_INIT;
	int rc = opts_parse(&o, spec, "driver", e);

	if (rc < 0)
		return rc;
	if (!opts_find(&o, "driver"))
		rc = err_set(e, -EINVAL, "Parameter 'driver' is missing");
	else if (opts_find(&o, "id") && id_taken(vm, opts_find(&o, "id")))
		rc = err_set(e, -EEXIST, "Duplicate device ID '%s'",
			     opts_find(&o, "id"));
	opts_fini(&o);
	return rc < 0 ? rc : machine_device_add(vm, spec, e);
}

/* By id or path. */
int mon_do_device_del(struct vm *vm, const char *id, struct err *e)
{
	const struct device *d;
	char name[128];
	struct qom_obj o;
	int rc = qom_find(vm, id, &o, e);

	if (rc < 0)
		return rc;
	d = o.kind == QOM_DEVICE ? o.ptr : NULL;
	if (!d)
		return err_set(e, -EINVAL, "%s is not a hotpluggable device",
			       id);
	if (!d->id || !d->class->hotplug)
		return err_set(e, -EPERM, "Device '%s' does not support "
			       "hotplugging", d->id ? d->id : d->class->name);
	snprintf(name, sizeof(name), "%s", d->id);
	return machine_device_del(vm, name, e);
}

/* --- the commands --- */

static void print(struct mon *m, struct strbuf *out)
{
	mon_write(m, out->buf, out->len);
	strbuf_fini(out);
}

static bool ends_in_help(const char *s, char *name, size_t size)
{
	const size_t n = strcspn(s, ",");

	snprintf(name, size, "%.*s", (int)MIN(n, size - 1), s);
	return !strcmp(s + n, ",help") || !strcmp(s + n, ",?");
}

static void cmd_device_add(struct mon *m, const struct mon_arg *a)
{
	const char *spec = a[0].given ? a[0].str : "";
	struct strbuf out = STRBUF_INIT;
	struct err e = { 0 };
	char name[128];

	if (!strcmp(spec, "help") || !strcmp(spec, "?")) {
		qdm_print(&out, false);
	} else if (ends_in_help(spec, name, sizeof(name))) {
		if (qdm_print_props(&out, name, &e) < 0)
			strbuf_addf(&out, "%s\n", e.msg);
	} else if (!*spec) {
		strbuf_addstr(&out, "Error: Parameter 'driver' is missing\n");
	} else if (mon_do_device_add(mon_vm(m), spec, &e) < 0) {
		mon_error(m, &e);
	}
	print(m, &out);
}

static void cmd_device_del(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_do_device_del(mon_vm(m), a[0].str, &e) < 0)
		mon_error(m, &e);
}

static void cmd_object_add(struct mon *m, const struct mon_arg *a)
{
	struct strbuf out = STRBUF_INIT;
	struct err e = { 0 };
	char name[128];
	int rc = 0;

	if (!strcmp(a[0].str, "help") || !strcmp(a[0].str, "?"))
		object_help(&out);
	else if (ends_in_help(a[0].str, name, sizeof(name)))
		rc = object_help_options(name, &out, &e);
	else
		rc = object_add(mon_vm(m), a[0].str, &e);
	if (rc < 0)
		mon_error(m, &e);
	print(m, &out);
}

static void cmd_object_del(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (object_del(mon_vm(m), a[0].str, &e) < 0)
		mon_error(m, &e);
}

static void cmd_qom_list(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };
	struct qom_obj o;
	json_t *list, *v;
	size_t i;

	if (!a[0].given) {
		mon_puts(m, "/\n");
		return;
	}
	if (qom_find(mon_vm(m), a[0].str, &o, &e) < 0) {
		mon_error(m, &e);
		return;
	}
	list = qom_props(mon_vm(m), &o);
	json_array_foreach(list, i, v)
		mon_printf(m, "%s (%s)\n",
			   json_string_value(json_object_get(v, "name")),
			   json_string_value(json_object_get(v, "type")));
	json_decref(list);
}

static void cmd_qom_get(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };
	struct qom_obj o;
	json_t *v = NULL;
	char *text;

	if (qom_find(mon_vm(m), a[0].str, &o, &e) >= 0)
		v = qom_get(mon_vm(m), &o, a[1].str, &e);
	if (!v) {
		mon_error(m, &e);
		return;
	}
	text = json_dumps(v, JSON_INDENT(4) | JSON_ENCODE_ANY |
			  JSON_ENSURE_ASCII);
	if (text)
		mon_printf(m, "%s\n", text);
	free(text);
	json_decref(v);
}

static int set_json(struct vm *vm, const struct qom_obj *o, const char *prop,
		    const char *text, struct err *e)
{
	json_error_t why;
	json_t *v = json_loads(text, JSON_DECODE_ANY, &why);
	int rc;

	if (!v)
		return err_set(e, -EINVAL, "JSON parse error, %s", why.text);
	rc = qom_set(vm, o, prop, v, e);
	json_decref(v);
	return rc;
}

static void cmd_qom_set(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };
	struct qom_obj o;
	int rc = qom_find(mon_vm(m), a[1].str, &o, &e);

	if (rc >= 0 && a[0].given)
		rc = set_json(mon_vm(m), &o, a[2].str, a[3].str, &e);
	else if (rc >= 0)
		rc = qom_set_text(mon_vm(m), &o, a[2].str, a[3].str, &e);
	if (rc < 0)
		mon_error(m, &e);
}

const struct mon_cmd mon_device_cmds[] = {
	{
		.name    = "device_add",
		.args    = "device:options",
		.params  = "driver[,prop=value][,...]",
		.help    = "add a device",
		.doc     = "As -device. `device_add help` lists the models, "
			   "`MODEL,help` its properties.",
		.example = "device_add virtio-rng-pci,id=rng1",
		.when    = MON_MAIN,
		.run     = cmd_device_add,
	}, {
		.name    = "device_del",
		.args    = "id:string",
		.params  = "device",
		.help    = "remove a device",
		.doc     = "By its id or its object path. The guest may have "
			   "to agree.",
		.example = "device_del rng1",
		.when    = MON_MAIN,
		.run     = cmd_device_del,
	}, {
		.name    = "object_add",
		.args    = "object:rest",
		.params  = "[qom-type=]type,id=str[,prop=value][,...]",
		.help    = "add an object",
		.doc     = "As -object.",
		.example = "object_add iothread,id=io1",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_object_add,
	}, {
		.name    = "object_del",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove an object",
		.doc     = "Remove an object.",
		.example = "object_del io1",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_object_del,
	}, {
		.name    = "qom-list",
		.args    = "path:string?",
		.params  = "path",
		.help    = "list the properties of an object",
		.doc     = "Without a path, the roots.",
		.example = "qom-list /machine",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_qom_list,
	}, {
		.name    = "qom-get",
		.args    = "path:string property:string",
		.params  = "path property",
		.help    = "show a property of an object",
		.doc     = "As JSON.",
		.example = "qom-get /machine type",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_qom_get,
	}, {
		.name    = "qom-set",
		.args    = "json:-j path:string property:string value:rest",
		.params  = "[-j] path property value",
		.help    = "set a property of an object",
		.doc     = "-j takes the value as JSON.",
		.example = "qom-set /objects/io1 poll-max-ns 0",
		.when    = MON_MAIN | MON_PRE,
		.run     = cmd_qom_set,
	},
	{ 0 }
};
