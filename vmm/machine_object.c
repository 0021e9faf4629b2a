// SPDX-License-Identifier: MIT
/*
 * The wiring room, objects: what -object and object_add make.
 *
 * Room:     one table of types; each row says who makes them.
 * Talks to: vmm/block for I/O threads, vmm/net for captures.
 * Never:    keeps an object: they belong to the rooms that make them.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/net/netdev.h"

static int add_dump(struct vm *vm, struct opts *o, const char *spec,
		    struct err *e)
{
	(void)o;
	return netdev_dump_add(vm->nets, spec, e);
}

static int add_iothread(struct vm *vm, struct opts *o, const char *spec,
			struct err *e)
{
	(void)spec;
	return iothread_add(&vm->iothreads, o, e);
}

/* The host's getrandom serves both kinds. */
static int add_rng(struct vm *vm, struct opts *o, const char *spec,
		   struct err *e)
{
	(void)vm;
	(void)spec;
	opts_take(o, "id");
	opts_take(o, "filename");
	return opts_check_taken(o, e);
}

static const struct object_type {
	const char *name, *summary;
	/* `o` is `spec` parsed, its qom-type taken; [loop] */
	int (*add)(struct vm *vm, struct opts *o, const char *spec,
		   struct err *e);
} types[] = {
	{ "filter-dump", "a network's frames in a pcap file",   add_dump },
	{ "iothread",    "a thread for disks",                  add_iothread },
	{ "rng-builtin", "random bytes, the host's getrandom",  add_rng },
	{ "rng-random",  "the same",                            add_rng },
};

static const struct object_type *find_type(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

bool machine_object_type(const char *name)
{
	return find_type(name);
}

void machine_object_help(struct strbuf *out)
{
	strbuf_addstr(out, "List of user creatable objects:\n");
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		strbuf_addf(out, "  %-12s %s\n", types[i].name,
			    types[i].summary);
}

static int object_add(struct vm *vm, struct opts *o, const char *spec,
		      struct err *e)
{
	const char *name = opts_take(o, "qom-type");
	const struct object_type *t = name ? find_type(name) : NULL;

	if (!name)
		return err_set(e, -EINVAL, "an object needs qom-type=TYPE");
	if (!t)
		return err_set(e, -ENOTSUP, "not supported yet: objects of "
			       "type '%s'", name);
	return t->add(vm, o, spec, e);
}

int machine_object_add(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	if (rc < 0)
		return rc;
	rc = object_add(vm, &o, spec, e);
	opts_fini(&o);
	return rc;
}

int machine_object_del(struct vm *vm, const char *id, struct err *e)
{
	struct iothread *t = iothread_find(&vm->iothreads, id);

	if (t && !t->users)
		blk_set_forget_loop(disk_blks(vm->disks), t->loop);
	return iothread_del(&vm->iothreads, id, e);
}
