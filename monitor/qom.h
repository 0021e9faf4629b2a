/* SPDX-License-Identifier: MIT */
/*
 * The machine as a tree of objects with properties, in QEMU's paths: what
 * qom-list, qom-get, qom-set and info qom-tree show.
 *
 *   /objects/ID                   -object
 *   /chardevs/ID
 *   /machine/peripheral/ID        devices with an id
 *   /machine/unattached/device[N] CPUs, then the other devices
 *
 * Nothing is stored: an object is a place in the machine's own lists.
 *
 * Thread: main loop.
 */
#ifndef MOTE_MONITOR_QOM_H
#define MOTE_MONITOR_QOM_H

#include <jansson.h>

#include "monitor/mon.h"

enum qom_kind { QOM_ROOT, QOM_OBJECTS, QOM_CHARDEVS, QOM_MACHINE,
		QOM_PERIPHERAL, QOM_ANON, QOM_UNATTACHED, QOM_CPU, QOM_DEVICE,
		QOM_BACKEND, QOM_IOTHREAD, QOM_OBJECT, QOM_CHARDEV };

struct qom_obj {
	enum qom_kind kind;
	char name[128];                /* in its parent; "" is the root    */
	void *ptr;                     /* struct device, vcpu, iothread ...;
					  QOM_BACKEND: the device over it */
};

/* Called for each child; true ends it. */
typedef bool qom_child_fn(struct vm *vm, const struct qom_obj *o,
			  void *opaque);
bool qom_each_child(struct vm *vm, const struct qom_obj *o, qom_child_fn *fn,
		    void *opaque);

void qom_type(struct vm *vm, const struct qom_obj *o, char *buf, size_t size);

/* An absolute path, or the end of one that fits only one object.  -ENOENT,
 * -EEXIST when several fit. */
int  qom_find(struct vm *vm, const char *path, struct qom_obj *o,
	      struct err *e);

/* [{"name":, "type":}...], the type first, children last. */
json_t *qom_props(struct vm *vm, const struct qom_obj *o);
/* NULL with a sentence. */
json_t *qom_get(struct vm *vm, const struct qom_obj *o, const char *prop,
		struct err *e);
int  qom_set(struct vm *vm, const struct qom_obj *o, const char *prop,
	     json_t *v, struct err *e);
/* As qom_set, from a command line's text. */
int  qom_set_text(struct vm *vm, const struct qom_obj *o, const char *prop,
		  const char *text, struct err *e);

/* "/machine/..." of a device. */
void qom_device_path(struct vm *vm, const struct device *d, char *buf,
		     size_t size);

#endif
