/* SPDX-License-Identifier: MIT */
/*
 * The wiring room, objects: what -object and object_add make by type and id.
 *
 * Thread: the main loop's.
 */
#ifndef MOTE_VMM_OBJECTS_H
#define MOTE_VMM_OBJECTS_H

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/strbuf.h"

struct opts;
struct vm;

struct object_option {
	const char *name, *type, *help;        /* name NULL ends */
};

struct object_type {
	const char *name, *summary;    /* name NULL ends the table */
	const struct object_option *options;
	/* `spec` is all of it, with type, id and options of the table. */
	int  (*add)(struct vm *vm, const char *spec, struct err *e);
	int  (*del)(struct vm *vm, const char *id, struct err *e);
	bool late;                     /* -object waits for what -nic makes */
};

struct object {
	struct list node;              /* vm->objects, in order of creation */
	const struct object_type *type;
	char *id;
};

extern const struct object_type object_types[];

/* The types, or the options of one, a line each. */
void object_help(struct strbuf *out);
int  object_help_options(const char *type, struct strbuf *out, struct err *e);

/* "TYPE,id=ID,...".  -errno with a sentence. */
int  object_add(struct vm *vm, const char *spec, struct err *e);
int  object_del(struct vm *vm, const char *id, struct err *e);
/* Is that one of a late type?  false: not, or there is no such type. */
bool object_is_late(const char *spec);
struct object *object_find(struct vm *vm, const char *id);     /* NULL */
/* What -device says of an object, rng=ID, is one there is. */
int  object_check_named(struct vm *vm, const char *driver,
			const struct opts *o, struct err *e);
/* The list; what the objects stand for is destroyed by its own room. */
void objects_forget(struct vm *vm);

#endif
