// SPDX-License-Identifier: MIT
/*
 * The wiring room, one device: -device, device_add, device_del, and what the
 * guest says to that.
 *
 * Room:     which devices may come and go, and when.
 * Talks to: device.h; pci.h for slots the guest is asked about; listeners of
 *           the VM.
 * Thread:   the main loop's.
 */
#include "vmm/machine.h"
#include "vmm/objects.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/opts.h"
#include "vmm/pci/pci.h"

static struct device *device_by_id(struct vm *vm, const char *id)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (d->id && !strcmp(d->id, id))
			return d;
	}
	return NULL;
}

static int check_class(const struct vm *vm, const char *driver,
		       const struct device_class **out, struct err *e)
{
	const struct device_class *c;

	if (!driver)
		return err_set(e, -EINVAL, "a device needs driver=NAME");
	c = device_class_named(driver, vm->env.pci);
	if (!c)
		return err_set(e, -ENODEV, "'%s' is not a valid device model "
			       "name", driver);
	if (!c->user_creatable)
		return err_set(e, -EPERM, "device '%s' is part of the machine "
			       "and cannot be added", driver);
	if (vm->nvcpus && !c->hotplug)
		return err_set(e, -EPERM, "device '%s' cannot be added while "
			       "the machine exists", driver);
	*out = c;
	return 0;
}

static int set_props(struct device *d, const struct opts *o, struct err *e)
{
	const struct opt *p;

	opts_for_each(p, o) {
		int rc = p->taken ? 0 : device_set_prop(d, p->key, p->val, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A bus behind a device is "ID.0". */
static bool is_bus_of(const struct device *d, const char *bus)
{
	const size_t n = d->id ? strlen(d->id) : 0;

	return n && !strncmp(bus, d->id, n) && !strcmp(bus + n, ".0");
}

/* The device on whose bus this one goes: the one named, or the first. */
static int find_parent(struct vm *vm, const struct device_class *c,
		       const char *bus, struct device **out, struct err *e)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (d->class->hosts && !strcmp(d->class->hosts, c->bus) &&
		    (!bus || is_bus_of(d, bus))) {
			*out = d;
			return 0;
		}
	}
	if (bus)
		return err_set(e, -ENOENT, "Bus '%s' not found", bus);
	return err_set(e, -ENODEV, "No '%s' bus found for device '%s'", c->bus,
		       c->name);
}

static bool goes_on_a_device(const struct device_class *c)
{
	for (unsigned i = 0; device_classes[i]; i++)
		if (device_classes[i]->hosts && c->bus &&
		    !strcmp(device_classes[i]->hosts, c->bus))
			return true;
	return false;
}

/* Else there is one bus of each kind; the PCI one has the names of a PC's and
 * a Q35's. */
static int check_bus(const struct vm *vm, const struct device_class *c,
		     const char *bus, struct err *e)
{
	static const struct { const char *name, *kind; } buses[] = {
		{ "pci.0", "PCI" }, { "pcie.0", "PCI" }, { "isa.0", "ISA" },
	};

	for (unsigned i = 0; bus && i < ARRAY_LEN(buses); i++) {
		if (strcmp(bus, buses[i].name) ||
		    (*bus == 'p' && !vm->env.pci))
			continue;
		return !strcmp(c->bus, buses[i].kind) ? 0 :
		       err_set(e, -EINVAL, "Device '%s' can't go on %s bus",
			       c->name, buses[i].kind);
	}
	return bus ? err_set(e, -ENOENT, "Bus '%s' not found", bus) : 0;
}

/* The guest runs, or did: it is told of a device on a bus it can be told of. */
static void came_late(struct device *d)
{
	device_reset(d);
	if (d->class->pci)
		pci_hotplug_added(to_pci(d));
}

static int device_add_opts(struct vm *vm, struct opts *o, struct err *e)
{
	const struct device_class *c = NULL;
	const char *driver = opts_take(o, "driver");
	const char *id = opts_take(o, "id"), *bus = opts_take(o, "bus");
	struct device *d, *parent = NULL;
	int rc;

	if (id && !opts_id_ok(id))
		return err_set(e, -EINVAL, "'%s' is no id: a letter, then "
			       "letters, digits, '-', '.', '_'", id);
	rc = check_class(vm, driver, &c, e);
	if (!rc)
		rc = goes_on_a_device(c) ? find_parent(vm, c, bus, &parent, e)
					 : check_bus(vm, c, bus, e);
	if (!rc)
		rc = object_check_named(vm, c->name, o, e);
	if (rc < 0)
		return rc;
	if (id && device_by_id(vm, id))
		return err_set(e, -EEXIST, "there is a device '%s' already",
			       id);
	d = device_create(c, id, &vm->env);
	d->parent = parent;
	rc = device_apply_defaults(d, e);
	if (!rc)
		rc = set_props(d, o, e);
	if (!rc)
		rc = device_realize(d, e);
	if (rc < 0) {
		device_destroy(d);
		return rc;
	}
	list_append(&vm->devices, &d->node);
	if (vm->nvcpus)
		came_late(d);
	return 0;
}

int machine_device_add(struct vm *vm, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "driver", e);

	if (rc < 0)
		return rc;
	rc = device_add_opts(vm, &o, e);
	opts_fini(&o);
	return rc;
}

/* --- gone ---------------------------------------------------------------- */

/* One that sits on its bus. */
static struct device *child_of(struct vm *vm, const struct device *d)
{
	struct list *p;

	list_for_each(p, &vm->devices)
		if (list_entry(p, struct device, node)->parent == d)
			return list_entry(p, struct device, node);
	return NULL;
}

void machine_device_unplugged(void *opaque, struct device *d, bool refused)
{
	struct vm *vm = opaque;
	struct device *child;

	while (!refused && (child = child_of(vm, d)))
		machine_device_unplugged(vm, child, false);
	vm_device_event(vm, refused ? VM_EV_UNPLUG_REFUSED :
			VM_EV_DEVICE_DELETED, d, 0);
	if (!refused)
		device_destroy(d);
}

/* Devices on no bus with a say in it go at once, as do those of a guest
 * whose ACPI does not run. */
int machine_device_del(struct vm *vm, const char *id, struct err *e)
{
	struct device *d = device_by_id(vm, id);
	int rc;

	if (!d)
		return err_set(e, -ENOENT, "Device '%s' not found", id);
	if (!d->class->hotplug)
		return err_set(e, -EPERM, "device '%s' (%s) cannot be removed "
			       "while the machine exists", id, d->class->name);
	rc = d->class->pci ? pci_hotplug_ask(to_pci(d), e) : 0;
	if (rc == 0)
		machine_device_unplugged(vm, d, false);
	return MIN(rc, 0);
}
