/* SPDX-License-Identifier: MIT */
/*
 * QMP: devices and objects.
 *
 * Talks to: cmd_device.c's functions, which the human monitor uses too.
 */
#include "monitor/both.h"
#include "monitor/qmp.h"
#include "monitor/qom.h"
#include "vmm/objects.h"
#include "vmm/opts_json.h"
#include "vmm/block/iothread.h"
#include "vmm/pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void run_spec(struct qmp_call *c,
		     int (*fn)(struct vm *vm, const char *spec,
			       struct err *e))
{
	struct strbuf s = STRBUF_INIT;
	struct err e = { 0 };
	int rc = opts_from_json(c->args, &s, &e);

	if (rc >= 0)
		rc = fn(mon_vm(c->m), s.buf, &e);
	qmp_check(c, rc, &e);
	strbuf_fini(&s);
}

static void run_device_add(struct qmp_call *c)
{
	run_spec(c, mon_do_device_add);
}

static void run_object_add(struct qmp_call *c)
{
	run_spec(c, object_add);
}

static void run_device_del(struct qmp_call *c)
{
	struct err e = { 0 };
	int rc = mon_do_device_del(mon_vm(c->m), qmp_str(c, "id"), &e);

	if (rc == -ENOENT)
		qmp_fail(c, QMP_DEVICE_NOT_FOUND, "%s", e.msg);
	else
		qmp_check(c, rc, &e);
}

static void run_object_del(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, object_del(mon_vm(c->m), qmp_str(c, "id"), &e),
		  &e);
}

/* --- the object tree --- */

static bool find(struct qmp_call *c, struct qom_obj *o)
{
	struct err e = { 0 };
	int rc = qom_find(mon_vm(c->m), qmp_str(c, "path"), o, &e);

	if (rc < 0)
		qmp_fail(c, rc == -ENOENT ? QMP_DEVICE_NOT_FOUND :
			 QMP_GENERIC, "%s", e.msg);
	return rc >= 0;
}

static void run_qom_list(struct qmp_call *c)
{
	struct qom_obj o;

	if (find(c, &o))
		c->ret = qom_props(mon_vm(c->m), &o);
}

static void run_qom_get(struct qmp_call *c)
{
	struct err e = { 0 };
	struct qom_obj o;

	if (!find(c, &o))
		return;
	c->ret = qom_get(mon_vm(c->m), &o, qmp_str(c, "property"), &e);
	qmp_check(c, c->ret ? 0 : -ENOENT, &e);
}

static void run_qom_set(struct qmp_call *c)
{
	struct err e = { 0 };
	struct qom_obj o;

	if (find(c, &o))
		qmp_check(c, qom_set(mon_vm(c->m), &o, qmp_str(c, "property"),
				     qmp_arg(c, "value"), &e), &e);
}

/* --- types --- */

static void add_type(json_t *list, const char *name, const char *parent)
{
	json_array_append_new(list, json_pack("{s:s,s:s}", "name", name,
					      "parent", parent));
}

static void run_list_types(struct qmp_call *c)
{
	const char *of = qmp_str(c, "implements");
	const bool all = !of || !strcmp(of, "object");

	c->ret = json_array();
	if (all || !strcmp(of, "iothread"))
		add_type(c->ret, "iothread", "object");
	for (unsigned i = 0; device_classes[i]; i++) {
		const struct device_class *d = device_classes[i];

		if (all || !strcmp(of, "device") || !strcmp(of, d->name))
			add_type(c->ret, d->name, "device");
	}
}

static const char *prop_type(const struct device_prop *p)
{
	static const char *const names[] = {
		[PROP_BOOL] = "bool", [PROP_U8] = "uint8",
		[PROP_U16] = "uint16", [PROP_U32] = "uint32",
		[PROP_U64] = "uint64", [PROP_SIZE] = "size",
		[PROP_IOTHREAD] = "link<iothread>",
	};

	return p->type < ARRAY_LEN(names) && names[p->type] ? names[p->type] :
	       "str";
}

static void run_list_properties(struct qmp_call *c)
{
	const struct device_class *d =
		device_class_find(qmp_str(c, "typename"));

	if (!d) {
		qmp_fail(c, QMP_GENERIC, "Parameter 'typename' expects a "
			 "non-abstract device type");
		return;
	}
	c->ret = json_array();
	for (const struct device_prop *p = d->props; p && p->name; p++) {
		json_t *v = json_pack("{s:s,s:s}", "name", p->name, "type",
				      prop_type(p));

		if (p->help)
			json_object_set_new(v, "description",
					    json_string(p->help));
		json_array_append_new(c->ret, v);
	}
}

static void run_query_iothreads(struct qmp_call *c)
{
	struct list *p;

	c->ret = json_array();
	list_for_each(p, &mon_vm(c->m)->iothreads) {
		const struct iothread *t = list_entry(p, struct iothread,
						      node);

		json_array_append_new(c->ret, json_pack(
			"{s:s,s:i,s:I,s:I,s:I,s:i}", "id", t->id, "thread-id",
			(int)t->tid, "poll-max-ns", (json_int_t)t->poll_max_ns,
			"poll-grow", (json_int_t)t->poll_grow, "poll-shrink",
			(json_int_t)t->poll_shrink, "aio-max-batch", 0));
	}
}

/* --- networks --- */

static void run_netdev_add(struct qmp_call *c)
{
	run_spec(c, mon_do_netdev_add);
}

static void run_netdev_del(struct qmp_call *c)
{
	struct err e = { 0 };
	int rc = mon_do_netdev_del(mon_vm(c->m), qmp_str(c, "id"), &e);

	if (rc == -ENOENT)
		qmp_fail(c, QMP_DEVICE_NOT_FOUND, "%s", e.msg);
	else
		qmp_check(c, rc, &e);
}

static void run_set_link(struct qmp_call *c)
{
	struct err e = { 0 };
	int rc = mon_do_set_link(mon_vm(c->m), qmp_str(c, "name"),
				 qmp_bool(c, "up", false), &e);

	if (rc == -ENOENT)
		qmp_fail(c, QMP_DEVICE_NOT_FOUND, "%s", e.msg);
	else
		qmp_check(c, rc, &e);
}

static void run_announce(struct qmp_call *c)
{
	json_t *names = qmp_arg(c, "interfaces"), *name;
	struct strbuf list = STRBUF_INIT;
	size_t i;

	json_array_foreach(names, i, name)
		strbuf_addf(&list, "%s%s", list.len ? "," : "",
			    json_string_value(name));
	mon_do_announce(mon_vm(c->m), list.len ? list.buf : NULL);
	strbuf_fini(&list);
}

/* --- PCI --- */

static json_t *pci_region(const struct pci_shown_bar *b, unsigned i)
{
	const json_int_t at = (json_int_t)b->at, size = (json_int_t)b->len;

	if (b->kind == PCI_BAR_IO)
		return json_pack("{s:i,s:I,s:I,s:s}", "bar", i, "size", size,
				 "address", at, "type", "io");
	return json_pack("{s:b,s:b,s:i,s:I,s:I,s:s}", "prefetch", b->prefetch,
			 "mem_type_64", b->kind == PCI_BAR_MEM64, "bar", i,
			 "size", size, "address", at, "type", "memory");
}

static void add_function(const struct pci_function *f, void *list)
{
	json_t *regions = json_array(), *class, *v;

	for (unsigned i = 0; i < PCI_BARS; i++)
		if (f->bars[i].kind != PCI_BAR_NONE)
			json_array_append_new(regions,
					      pci_region(&f->bars[i], i));
	class = json_pack("{s:i}", "class", f->class);
	if (f->class_name)
		json_object_set_new(class, "desc", json_string(f->class_name));
	v = json_pack("{s:i,s:i,s:o,s:i,s:o,s:{s:i,s:i,s:i,s:i},s:i,s:o}",
		      "irq_pin", f->pin, "bus", 0,
		      "qdev_id", qmp_text(f->id, strlen(f->id)),
		      "slot", f->slot, "class_info", class, "id",
		      "device", f->device, "vendor", f->vendor,
		      "subsystem-vendor", f->subsys_vendor,
		      "subsystem", f->subsys, "function", f->function,
		      "regions", regions);
	if (f->pin)
		json_object_set_new(v, "irq", json_integer(f->irq));
	json_array_append_new(list, v);
}

static void add_bus(struct pci_bus *b, void *buses)
{
	json_t *devices = json_array();

	pci_bus_each(b, add_function, devices);
	json_array_append_new(buses, json_pack("{s:i,s:o}", "bus", 0,
					       "devices", devices));
}

static void run_query_pci(struct qmp_call *c)
{
	c->ret = json_array();
	mon_each_pci_bus(mon_vm(c->m), add_bus, c->ret);
}

const struct qmp_cmd qmp_device_cmds[] = {
	{ "device_add", "driver:str bus:str? id:str? *", "",
	  "Add a device; its properties are members beside.", MON_MAIN,
	  run_device_add, NULL },
	{ "device_del", "id:str", "", "Remove a device.", MON_MAIN,
	  run_device_del, NULL },
	{ "object-add", "qom-type:str id:str *", "",
	  "Add an object; its properties are members beside.",
	  MON_MAIN | MON_PRE, run_object_add, NULL },
	{ "object-del", "id:str", "", "Remove an object.",
	  MON_MAIN | MON_PRE, run_object_del, NULL },
	{ "qom-list", "path:str", "[ObjectPropertyInfo]",
	  "The properties of an object.", MON_MAIN | MON_PRE, run_qom_list,
	  NULL },
	{ "qom-get", "path:str property:str", "any",
	  "A property's value.", MON_MAIN | MON_PRE, run_qom_get, NULL },
	{ "qom-set", "path:str property:str value:any", "",
	  "Set a property.", MON_MAIN | MON_PRE, run_qom_set, NULL },
	{ "qom-list-types", "implements:str? abstract:bool?",
	  "[ObjectTypeInfo]", "The types there are.", MON_PRE, run_list_types,
	  NULL },
	{ "qom-list-properties", "typename:str", "[ObjectPropertyInfo]",
	  "The properties of a type.", MON_PRE, run_list_properties, NULL },
	{ "device-list-properties", "typename:str", "[ObjectPropertyInfo]",
	  "The properties of a device model.", MON_PRE, run_list_properties,
	  NULL },
	{ "query-iothreads", "", "[IOThreadInfo]", "The I/O threads.",
	  MON_MAIN | MON_PRE, run_query_iothreads, NULL },
	{ "query-pci", "", "[PciInfo]", "The PCI functions.", MON_MAIN,
	  run_query_pci, NULL },
	{ "netdev_add", "type:str id:str *", "",
	  "Add a network back end; its options are members beside.",
	  MON_MAIN | MON_PRE, run_netdev_add, NULL },
	{ "netdev_del", "id:str", "", "Remove a network back end.",
	  MON_MAIN | MON_PRE, run_netdev_del, NULL },
	{ "announce-self", "id:str? interfaces:[str]? initial:int? max:int? "
	  "rounds:int? step:int?", "",
	  "Tell networks where the guest is now; the timing is mote's.",
	  MON_MAIN, run_announce, NULL },
	{ "set_link", "name:str up:bool", "",
	  "Plug or unplug a network cable.", MON_MAIN, run_set_link, NULL },
	{ 0 }
};
