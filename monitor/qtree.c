/* SPDX-License-Identifier: MIT */
/*
 * Devices and objects as text: info qtree, info qdm, info qom-tree and the
 * help of device_add.
 *
 * Thread: main loop.
 */
#include "monitor/qtree.h"
#include "monitor/qom.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- info qtree --- */

static void indent(struct strbuf *out, unsigned n)
{
	strbuf_addf(out, "%*s", (int)n, "");
}

/* "128 MiB": the largest unit that leaves a short number. */
static void add_size(struct strbuf *out, u64 v)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
					     "PiB", "EiB" };
	double x = (double)v;
	unsigned i = 0;

	while (x >= 1000 && i < ARRAY_LEN(units) - 1) {
		x /= 1024;
		i++;
	}
	strbuf_addf(out, "%" PRIu64 " (%0.3g %s)", v, x, units[i]);
}

static void show_prop(struct strbuf *out, unsigned in, struct device *d,
		      const struct device_prop *p)
{
	struct strbuf s = STRBUF_INIT;
	u64 v;

	device_get_prop(d, p->name, &s);
	v = strtoull(s.buf, NULL, 10);
	indent(out, in);
	strbuf_addf(out, "%s = ", p->name);
	if (p->type == PROP_BOOL)
		strbuf_addstr(out, s.buf);
	else if (p->type == PROP_SIZE)
		add_size(out, v);
	else if (p->type >= PROP_U8 && p->type <= PROP_U64)
		strbuf_addf(out, "%" PRIu64 " (0x%" PRIx64 ")", v, v);
	else
		strbuf_addf(out, "\"%s\"", s.buf);
	strbuf_addc(out, '\n');
	strbuf_fini(&s);
}

static void show_lines(struct strbuf *out, unsigned in, const char *text)
{
	while (*text) {
		const size_t n = strcspn(text, "\n");

		indent(out, in);
		strbuf_add(out, text, n);
		strbuf_addc(out, '\n');
		text += n + (text[n] == '\n');
	}
}

static void show_regions(struct strbuf *out, unsigned in,
			 const struct device *d)
{
	const struct device_region *r = d->class->regions;

	for (; r && r->len; r++) {
		if (r->space != SPACE_MMIO || !r->base)
			continue;
		indent(out, in);
		strbuf_addf(out, "mmio %016" PRIx64 "/%016" PRIx64 "\n",
			    r->base, r->len);
	}
}

static void show_bus(struct strbuf *out, struct vm *vm, unsigned in,
		     const char *name, const char *type,
		     const struct device *parent);

static void show_device(struct strbuf *out, struct vm *vm, unsigned in,
			struct device *d)
{
	struct strbuf more = STRBUF_INIT;

	indent(out, in);
	strbuf_addf(out, "dev: %s, id \"%s\"\n", d->class->name,
		    d->id ? d->id : "");
	for (const struct device_prop *p = d->class->props; p && p->name; p++)
		show_prop(out, in + 2, d, p);
	if (d->class->describe)
		d->class->describe(d, &more);
	show_lines(out, in + 2, more.buf);
	strbuf_fini(&more);
	show_regions(out, in + 2, d);
	if (!strcmp(d->class->name, "pci-host"))
		show_bus(out, vm, in + 2, "pci.0", "PCI", NULL);
	if (!strcmp(d->class->name, "ICH9-LPC"))
		show_bus(out, vm, in + 2, "isa.0", "ISA", NULL);
	if (d->class->hosts) {
		strbuf_addf(&more, "%s.0", d->id ? d->id : d->class->name);
		show_bus(out, vm, in + 2, more.buf, d->class->hosts, d);
		strbuf_fini(&more);
	}
}

static const char *bus_of(const struct device *d)
{
	return d->class->bus ? d->class->bus : "System";
}

static bool has_class(struct vm *vm, const char *name)
{
	struct list *p;

	list_for_each(p, &vm->devices)
		if (!strcmp(list_entry(p, struct device, node)->class->name,
			    name))
			return true;
	return false;
}

/* Newest first, as QEMU lists them; `parent`: only those behind it. */
static void show_bus(struct strbuf *out, struct vm *vm, unsigned in,
		     const char *name, const char *type,
		     const struct device *parent)
{
	indent(out, in);
	strbuf_addf(out, "bus: %s\n", name);
	indent(out, in + 2);
	strbuf_addf(out, "type %s\n", type);
	for (struct list *p = vm->devices.prev; p != &vm->devices;
	     p = p->prev) {
		struct device *d = list_entry(p, struct device, node);

		if (!strcmp(bus_of(d), type) &&
		    (!parent || d->parent == parent))
			show_device(out, vm, in + 2, d);
	}
}

void qtree_print(struct vm *vm, struct strbuf *out)
{
	show_bus(out, vm, 0, "main-system-bus", "System", NULL);
	if (!has_class(vm, "ICH9-LPC"))
		show_bus(out, vm, 0, "isa.0", "ISA", NULL);
	show_bus(out, vm, 0, "virtio-mmio", "virtio-bus", NULL);
}

/* --- device models --- */

static int by_name(const void *a, const void *b)
{
	const struct device_class *const *x = a, *const *y = b;

	return strcasecmp((*x)->name, (*y)->name);
}

static const char *category(const struct device_class *c)
{
	return c->category ? c->category : "Uncategorized";
}

static bool shown_before(const struct device_class *const *v, unsigned i,
			 bool all)
{
	for (unsigned k = 0; k < i; k++)
		if ((all || v[k]->user_creatable) &&
		    !strcmp(category(v[k]), category(v[i])))
			return true;
	return false;
}

static void list_one(struct strbuf *out, const struct device_class *c)
{
	strbuf_addf(out, "name \"%s\", bus %s", c->name,
		    c->bus ? c->bus : "System");
	if (c->summary)
		strbuf_addf(out, ", desc \"%s\"", c->summary);
	strbuf_addf(out, "%s\n", c->user_creatable ? "" : ", no-user");
}

void qdm_print(struct strbuf *out, bool all)
{
	const struct device_class *v[256];
	unsigned n = 0;
	bool first = true;

	while (device_classes[n] && n < ARRAY_LEN(v)) {
		v[n] = device_classes[n];
		n++;
	}
	qsort(v, n, sizeof(v[0]), by_name);
	for (unsigned i = 0; i < n; i++) {
		if ((!all && !v[i]->user_creatable) ||
		    shown_before(v, i, all))
			continue;
		strbuf_addf(out, "%s%s devices:\n", first ? "" : "\n",
			    category(v[i]));
		first = false;
		for (unsigned k = i; k < n; k++)
			if ((all || v[k]->user_creatable) &&
			    !strcmp(category(v[k]), category(v[i])))
				list_one(out, v[k]);
	}
}

static const char *prop_type(const struct device_prop *p)
{
	static const char *const names[] = {
		[PROP_BOOL] = "bool", [PROP_U8] = "uint8",
		[PROP_U16] = "uint16", [PROP_U32] = "uint32",
		[PROP_U64] = "uint64", [PROP_SIZE] = "size",
		[PROP_STR] = "str", [PROP_CHARDEV] = "str",
		[PROP_NETDEV] = "str", [PROP_DRIVE] = "str",
		[PROP_IOTHREAD] = "link<iothread>", [PROP_ENUM] = "enum",
	};

	return names[p->type];
}

int qdm_print_props(struct strbuf *out, const char *driver, struct err *e)
{
	const struct device_class *c = device_class_named(driver, true);

	if (!c)
		return err_set(e, -ENODEV, "Device '%s' not found", driver);
	strbuf_addf(out, "%s options:\n", c->name);
	for (const struct device_prop *p = c->props; p && p->name; p++) {
		char head[128];

		snprintf(head, sizeof(head), "  %s=<%s>", p->name,
			 prop_type(p));
		strbuf_addf(out, p->help || p->def ? "%-24s - %s" : "%s",
			    head, p->help ? p->help : "");
		if (p->def)
			strbuf_addf(out, " (default: %s)", p->def);
		strbuf_addc(out, '\n');
	}
	return 0;
}

/* --- info qom-tree --- */

struct tree_walk {
	struct strbuf *out;
	unsigned depth;
};

struct sorted {
	struct qom_obj v[512];
	unsigned n;
};

static bool collect(struct vm *vm UNUSED, const struct qom_obj *o,
		    void *opaque)
{
	struct sorted *s = opaque;

	s->v[s->n++] = *o;
	return s->n == ARRAY_LEN(s->v);
}

static int obj_by_name(const void *a, const void *b)
{
	const struct qom_obj *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void tree(struct vm *vm, const struct qom_obj *o, unsigned depth,
		 struct strbuf *out)
{
	struct sorted *s = calloc(1, sizeof(*s));
	char type[160];

	qom_type(vm, o, type, sizeof(type));
	indent(out, depth * 2);
	strbuf_addf(out, "/%s (%s)\n", o->name, type);
	if (!s)
		return;
	qom_each_child(vm, o, collect, s);
	qsort(s->v, s->n, sizeof(s->v[0]), obj_by_name);
	for (unsigned i = 0; i < s->n; i++)
		tree(vm, &s->v[i], depth + 1, out);
	free(s);
}

void qom_tree_print(struct vm *vm, const char *path, struct strbuf *out)
{
	struct err e = { 0 };
	struct qom_obj o;
	int rc = qom_find(vm, path, &o, &e);

	if (rc == -EEXIST)
		strbuf_addf(out, "Warning: Path '%s' is ambiguous.\n", path);
	else if (rc < 0)
		strbuf_addf(out, "Path '%s' could not be resolved.\n", path);
	else
		tree(vm, &o, 0, out);
}
