/* SPDX-License-Identifier: MIT */
/*
 * The object tree: children and paths.  See qom.h; properties are
 * qom_props.c's.
 *
 * Talks to: the machine's lists: devices, CPUs, I/O threads, chardevs.
 * Never:    keeps anything of its own.
 */
#include "monitor/qom.h"
#include "virtio/virtio.h"
#include "vmm/block/iothread.h"
#include "vmm/objects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct child_walk {
	struct vm *vm;
	qom_child_fn *fn;
	void *opaque;
	bool stopped;
};

static bool give(struct child_walk *w, enum qom_kind kind, const char *name,
		 void *ptr)
{
	struct qom_obj o = { .kind = kind, .ptr = ptr };

	if (w->stopped)
		return true;
	snprintf(o.name, sizeof(o.name), "%s", name);
	w->stopped = w->fn(w->vm, &o, w->opaque);
	return w->stopped;
}

static void give_chardev(struct chardev *c, void *opaque)
{
	give(opaque, QOM_CHARDEV, chardev_id(c), c);
}

static void devices_with_id(struct child_walk *w)
{
	struct list *p;

	list_for_each(p, &w->vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (d->id && give(w, QOM_DEVICE, d->id, d))
			return;
	}
}

/* Made by a user without an id, as the classes go that only users make. */
static bool is_anon(const struct device *d)
{
	return !d->id && d->class->user_creatable &&
	       (d->class->virtio || d->class->hotplug);
}

/* Devices without an id: users' or the machine's, numbered from `n`. */
static void nameless(struct child_walk *w, bool anon, unsigned n)
{
	struct list *p;
	char name[32];

	list_for_each(p, &w->vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (d->id || is_anon(d) != anon)
			continue;
		snprintf(name, sizeof(name), "device[%u]", n++);
		if (give(w, QOM_DEVICE, name, d))
			return;
	}
}

static void unattached(struct child_walk *w)
{
	char name[32];

	for (unsigned n = 0; n < w->vm->nvcpus; n++) {
		snprintf(name, sizeof(name), "device[%u]", n);
		if (give(w, QOM_CPU, name, w->vm->vcpus[n]))
			return;
	}
	nameless(w, false, w->vm->nvcpus);
}

static void objects(struct child_walk *w)
{
	struct list *p;

	list_for_each(p, &w->vm->objects) {
		struct object *b = list_entry(p, struct object, node);
		struct iothread *t = iothread_find(&w->vm->iothreads, b->id);

		if (t ? give(w, QOM_IOTHREAD, b->id, t)
		      : give(w, QOM_OBJECT, b->id, b))
			return;
	}
}

bool qom_each_child(struct vm *vm, const struct qom_obj *o, qom_child_fn *fn,
		    void *opaque)
{
	struct child_walk w = { vm, fn, opaque, false };

	switch (o->kind) {
	case QOM_ROOT:
		give(&w, QOM_OBJECTS, "objects", NULL);
		give(&w, QOM_MACHINE, "machine", NULL);
		give(&w, QOM_CHARDEVS, "chardevs", NULL);
		break;
	case QOM_MACHINE:
		give(&w, QOM_PERIPHERAL, "peripheral", NULL);
		give(&w, QOM_ANON, "peripheral-anon", NULL);
		give(&w, QOM_UNATTACHED, "unattached", NULL);
		break;
	case QOM_OBJECTS:
		objects(&w);
		break;
	case QOM_CHARDEVS:
		if (vm->chardevs)
			chardev_for_each(vm->chardevs, give_chardev, &w);
		break;
	case QOM_PERIPHERAL:
		devices_with_id(&w);
		break;
	case QOM_UNATTACHED:
		unattached(&w);
		break;
	case QOM_DEVICE:
		if (((struct device *)o->ptr)->class->virtio)
			give(&w, QOM_BACKEND, "virtio-backend", o->ptr);
		break;
	case QOM_ANON:
		nameless(&w, true, 0);
		break;
	case QOM_CPU:
	case QOM_BACKEND:
	case QOM_IOTHREAD:
	case QOM_OBJECT:
	case QOM_CHARDEV:
		break;
	}
	return w.stopped;
}

void qom_type(struct vm *vm, const struct qom_obj *o, char *buf, size_t size)
{
	const struct device *d = o->ptr;

	switch (o->kind) {
	case QOM_MACHINE:
		snprintf(buf, size, "%s-machine", vm->config->machine ?
			 vm->config->machine : "pc");
		break;
	case QOM_CPU:
		snprintf(buf, size, "%.*s-x86_64-cpu",
			 vm->config->cpu ? (int)strcspn(vm->config->cpu, ",") :
			 3, vm->config->cpu ? vm->config->cpu : "max");
		break;
	case QOM_DEVICE:
		snprintf(buf, size, "%s", d->class->name);
		break;
	case QOM_BACKEND:
		snprintf(buf, size, "%s-device", to_virtio(o->ptr)->class->name);
		break;
	case QOM_IOTHREAD:
		snprintf(buf, size, "iothread");
		break;
	case QOM_OBJECT:
		snprintf(buf, size, "%s",
			 ((const struct object *)o->ptr)->type->name);
		break;
	case QOM_CHARDEV:
		snprintf(buf, size, "chardev");
		break;
	default:
		snprintf(buf, size, "container");
	}
}

/* --- paths --- */

struct find_child {
	const char *name;
	size_t len;
	struct qom_obj *o;
};

static bool is_child(struct vm *vm UNUSED, const struct qom_obj *o,
		     void *opaque)
{
	struct find_child *f = opaque;

	if (strlen(o->name) != f->len || memcmp(o->name, f->name, f->len))
		return false;
	*f->o = *o;
	return true;
}

/* Down from *o along `path`, which may be empty. */
static bool descend(struct vm *vm, const char *path, struct qom_obj *o)
{
	for (;;) {
		struct find_child f = { .o = o };
		const struct qom_obj from = *o;

		path += strspn(path, "/");
		if (!*path)
			return true;
		f.name = path;
		f.len = strcspn(path, "/");
		path += f.len;
		if (!qom_each_child(vm, &from, is_child, &f))
			return false;
	}
}

struct find_partial {
	const char *path;
	struct qom_obj *o;
	unsigned found;
};

static bool try_from(struct vm *vm, const struct qom_obj *from, void *opaque)
{
	struct find_partial *f = opaque;
	struct qom_obj o = *from;

	if (descend(vm, f->path, &o)) {
		*f->o = o;
		f->found++;
	}
	qom_each_child(vm, from, try_from, f);
	return false;
}

int qom_find(struct vm *vm, const char *path, struct qom_obj *o,
	     struct err *e)
{
	const struct qom_obj root = { .kind = QOM_ROOT };
	struct find_partial f = { .path = path, .o = o };

	*o = root;
	if (*path == '/' || !*path) {
		if (*path && descend(vm, path, o))
			return 0;
	} else {
		try_from(vm, &root, &f);
	}
	if (f.found == 1)
		return 0;
	if (f.found)
		return err_set(e, -EEXIST, "Path '%.200s' is ambiguous", path);
	return err_set(e, -ENOENT, "Device '%.200s' not found", path);
}

struct find_device {
	const struct device *d;
	const char *folder;
	char *buf;
	size_t size;
};

static bool is_device(struct vm *vm UNUSED, const struct qom_obj *o,
		      void *opaque)
{
	struct find_device *f = opaque;

	if (o->ptr != f->d)
		return false;
	snprintf(f->buf, f->size, "/machine/%s/%s", f->folder, o->name);
	return true;
}

void qom_device_path(struct vm *vm, const struct device *d, char *buf,
		     size_t size)
{
	const bool anon = is_anon(d);
	const struct qom_obj at = { .kind = anon ? QOM_ANON : QOM_UNATTACHED };
	struct find_device f = { d, anon ? "peripheral-anon" : "unattached",
				 buf, size };

	buf[0] = '\0';
	if (d->id)
		snprintf(buf, size, "/machine/peripheral/%s", d->id);
	else
		qom_each_child(vm, &at, is_device, &f);
}
