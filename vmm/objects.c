/* SPDX-License-Identifier: MIT */
/*
 * The types of objects, one table, and which objects there are.  See
 * objects.h.
 *
 * Talks to: the rooms whose objects these are: block's I/O threads and limits,
 *           net's dumps.  A source of random bytes is a name alone: the host's
 *           getrandom serves them all.
 */
#include "vmm/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/block/blk_throttle.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/core/device.h"
#include "vmm/net/netdev.h"
#include "vmm/vm.h"

static int in_use(const char *id, struct err *e)
{
	return err_set(e, -EBUSY, "object '%s' is in use, can not be deleted",
		       id);
}

/* --- I/O threads --- */

static int add_iothread(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	if (rc < 0)
		return rc;
	opts_take(&o, "qom-type");
	rc = iothread_add(&vm->iothreads, &o, e);
	opts_fini(&o);
	return rc;
}

static int del_iothread(struct vm *vm, const char *id, struct err *e)
{
	struct iothread *t = iothread_find(&vm->iothreads, id);

	if (t && t->users)
		return in_use(id, e);
	if (t)
		blk_set_forget_loop(disk_blks(vm->disks), t->loop);
	return iothread_del(&vm->iothreads, id, e);
}

/* --- limits disks share --- */

static int add_throttle(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	if (rc == 0)
		rc = throttle_group_add(blk_groups(disk_blks(vm->disks)),
					opts_find(&o, "id"), &o, e);
	opts_fini(&o);
	return rc;
}

static int del_throttle(struct vm *vm, const char *id, struct err *e)
{
	return throttle_group_del(blk_groups(disk_blks(vm->disks)), id, e);
}

/* --- sources of random bytes --- */

/* The kernel's pool by either name; nobody opens it. */
static int check_pool(const char *name, struct err *e)
{
	if (!name || !strcmp(name, "/dev/urandom") ||
	    !strcmp(name, "/dev/random"))
		return 0;
	return err_set(e, -ENOTSUP, "not supported yet: random bytes from '%s'",
		       name);
}

static int add_rng(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	(void)vm;
	if (rc < 0)
		return rc;
	rc = check_pool(opts_find(&o, "filename"), e);
	opts_fini(&o);
	return rc;
}

static bool names_it(struct device *d, const char *id)
{
	struct strbuf s = STRBUF_INIT;
	const bool is = d->class->virtio && !device_get_prop(d, "rng", &s) &&
			!strcmp(s.buf, id);

	strbuf_fini(&s);
	return is;
}

static int del_rng(struct vm *vm, const char *id, struct err *e)
{
	struct list *p;

	list_for_each(p, &vm->devices)
		if (names_it(list_entry(p, struct device, node), id))
			return in_use(id, e);
	return 0;
}

/* --- dumps of a netdev's frames --- */

static int add_dump(struct vm *vm, const char *spec, struct err *e)
{
	return netdev_dump_add(vm->nets, spec, e);
}

/* It goes with its netdev, too. */
static int del_dump(struct vm *vm, const char *id, struct err *e)
{
	(void)e;
	netdev_dump_del(vm->nets, id, NULL);
	return 0;
}

/* --- the table --- */

static const struct object_option iothread_options[] = {
	{ "poll-max-ns", "int", "spin so long before sleeping" },
	{ "poll-grow", "int", "how a spin grows, 0: twofold" },
	{ "poll-shrink", "int", "how a spin shrinks, 0: to none" },
	{ NULL, NULL, NULL }
};

static const struct object_option dump_options[] = {
	{ "netdev", "string", "whose frames" },
	{ "file", "string", "a pcap file (default: qemu-vlan.pcap)" },
	{ "maxlen", "size", "bytes kept of a frame (default: 65536)" },
	{ NULL, NULL, NULL }
};

#define LIMIT(p, k, unit) \
	{ p k, "int", unit " a second" }, \
	{ p k "-max", "int", "the same in a burst" }, \
	{ p k "-max-length", "int", "seconds of a burst" }
#define LIMITS(p) \
	LIMIT(p, "bps-total", "bytes"), LIMIT(p, "bps-read", "bytes read"), \
	LIMIT(p, "bps-write", "bytes written"), \
	LIMIT(p, "iops-total", "requests"), LIMIT(p, "iops-read", "reads"), \
	LIMIT(p, "iops-write", "writes"), \
	{ p "iops-size", "int", "bytes that count as one request" }

static const struct object_option throttle_options[] = {
	LIMITS("limits."), LIMITS("x-"), { NULL, NULL, NULL }
};

static const struct object_option rng_builtin_options[] = {
	{ NULL, NULL, NULL }
};

static const struct object_option rng_random_options[] = {
	{ "filename", "string", "/dev/urandom or /dev/random; getrandom serves both" },
	{ NULL, NULL, NULL }
};

const struct object_type object_types[] = {
	{ "filter-dump", "a network's frames in a pcap file", dump_options,
	  add_dump, del_dump, true },
	{ "iothread", "a thread for disks", iothread_options,
	  add_iothread, del_iothread, false },
	{ "rng-builtin", "random bytes, the host's getrandom",
	  rng_builtin_options, add_rng, del_rng, false },
	{ "rng-random", "the same", rng_random_options, add_rng, del_rng,
	  false },
	{ "throttle-group", "limits for -blockdev throttle", throttle_options,
	  add_throttle, del_throttle, false },
	{ NULL, NULL, NULL, NULL, NULL, false }
};

/* What QEMU 7.2 has beside these. */
static const char *const later_types[] = {
	"authz-list", "authz-listfile", "authz-pam", "authz-simple", "can-bus",
	"can-host-socketcan", "colo-compare", "cryptodev-backend",
	"cryptodev-backend-builtin", "cryptodev-vhost-user", "dbus-vmstate",
	"filter-buffer", "filter-mirror", "filter-redirector", "filter-replay",
	"filter-rewriter", "input-barrier", "input-linux", "main-loop",
	"memory-backend-epc", "memory-backend-file", "memory-backend-memfd",
	"memory-backend-ram", "pr-manager-helper", "qtest", "rng-egd", "secret",
	"secret_keyring", "sev-guest", "thread-context", "tls-cipher-suites",
	"tls-creds-anon", "tls-creds-psk", "tls-creds-x509",
	"x-remote-object", "x-vfio-user-server", NULL
};

static int no_such_type(const char *name, struct err *e)
{
	for (const char *const *t = later_types; *t; t++)
		if (!strcmp(*t, name))
			return err_set(e, -ENOTSUP, "not supported yet: objects "
				       "of type '%s'", name);
	return err_set(e, -EINVAL, "Parameter 'qom-type' does not accept value "
		       "'%.100s'", name);
}

static const struct object_type *find_type(const char *name)
{
	const struct object_type *t = object_types;

	while (t->name && strcmp(t->name, name))
		t++;
	return t->name ? t : NULL;
}

void object_help(struct strbuf *out)
{
	strbuf_addstr(out, "List of user creatable objects:\n");
	for (const struct object_type *t = object_types; t->name; t++)
		strbuf_addf(out, "  %-14s %s\n", t->name, t->summary);
}

int object_help_options(const char *type, struct strbuf *out, struct err *e)
{
	const struct object_type *t = find_type(type);

	if (!t)
		return err_set(e, -ENOENT, "invalid object type: %s", type);
	if (t->options->name)
		strbuf_addf(out, "%s options:\n", type);
	else
		strbuf_addf(out, "There are no options for %s.\n", type);
	for (const struct object_option *o = t->options; o->name; o++) {
		const size_t from = out->len;

		strbuf_addf(out, "  %s=<%s>", o->name, o->type);
		while (out->len < from + 24)
			strbuf_addc(out, ' ');
		strbuf_addf(out, " - %s\n", o->help);
	}
	return 0;
}

/* --- which there are --- */

struct object *object_find(struct vm *vm, const char *id)
{
	struct list *p;

	list_for_each(p, &vm->objects) {
		struct object *b = list_entry(p, struct object, node);

		if (!strcmp(b->id, id))
			return b;
	}
	return NULL;
}

static void forget(struct object *b)
{
	list_remove(&b->node);
	free(b->id);
	free(b);
}

static void remember(struct vm *vm, const struct object_type *t,
		     const char *id)
{
	struct object *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->type = t;
	b->id = strdup(id);
	if (!b->id)
		abort();
	list_append(&vm->objects, &b->node);
}

static int check(struct vm *vm, const char *type, const char *id,
		 struct err *e)
{
	if (!type)
		return err_set(e, -EINVAL, "Parameter 'qom-type' is missing");
	if (!id)
		return err_set(e, -EINVAL, "Parameter 'id' is missing");
	if (!find_type(type))
		return no_such_type(type, e);
	if (!opts_id_ok(id)) {
		err_set(e, -EINVAL, "Parameter 'id' expects an identifier");
		err_hint(e, "Identifiers consist of letters, digits, '-', '.', "
			 "'_', starting with a letter.");
		return -EINVAL;
	}
	if (object_find(vm, id))
		return err_set(e, -EEXIST, "attempt to add duplicate property "
			       "'%s' to object (type 'container')", id);
	return 0;
}

/* What no type has, before anything is made. */
static int check_options(const struct object_type *t, const struct opts *o,
			 struct err *e)
{
	const struct opt *p;

	opts_for_each(p, o) {
		const struct object_option *k = t->options;

		while (k->name && strcmp(k->name, p->key))
			k++;
		if (!k->name && !p->taken)
			return err_set(e, -EINVAL, "Parameter '%.100s' is "
				       "unexpected", p->key);
	}
	return 0;
}

int object_add(struct vm *vm, const char *spec, struct err *e)
{
	const struct object_type *t = NULL;
	const char *type, *id;
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	if (rc < 0)
		return rc;
	type = opts_take(&o, "qom-type");
	id = opts_take(&o, "id");
	rc = check(vm, type, id, e);
	if (rc == 0) {
		t = find_type(type);
		rc = check_options(t, &o, e);
	}
	if (rc == 0)
		rc = t->add(vm, spec, e);
	if (rc == 0)
		remember(vm, t, id);
	opts_fini(&o);
	return rc;
}

bool object_is_late(const char *spec)
{
	const struct object_type *t = NULL;
	struct err e = { 0 };
	const char *type;
	struct opts o;

	if (opts_parse(&o, spec, "qom-type", &e) < 0)
		return false;
	type = opts_find(&o, "qom-type");
	if (type)
		t = find_type(type);
	opts_fini(&o);
	return t && t->late;
}

int object_del(struct vm *vm, const char *id, struct err *e)
{
	struct object *b = object_find(vm, id);
	int rc;

	if (!b)
		return err_set(e, -ENOENT, "object '%s' not found", id);
	rc = b->type->del(vm, b->id, e);
	if (rc == 0)
		forget(b);
	return rc;
}

int object_check_named(struct vm *vm, const char *driver,
		       const struct opts *o, struct err *e)
{
	const char *rng = opts_find(o, "rng");

	if (!rng || strncmp(driver, "virtio-rng-", 11) || object_find(vm, rng))
		return 0;
	return err_set(e, -ENOENT, "Property '%s.rng' can't find value '%s'",
		       driver, rng);
}

void objects_forget(struct vm *vm)
{
	while (!list_empty(&vm->objects))
		forget(list_entry(vm->objects.next, struct object, node));
}
