/* SPDX-License-Identifier: MIT */
/*
 * The wiring room: vm_config in, struct vm out, and back into nothing.
 *
 * Room:     the order in which a machine comes to be; one step a function.
 * Talks to: every room's create and destroy.
 * Never:    does a step's work itself, knows a device or an architecture.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"
#include "vmm/helper.h"
#include "vmm/icount.h"
#include "vmm/net/netdev.h"
#include "vmm/objects.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"

#define PIO_SPAN  0x10000ull
#define MMIO_SPAN (1ull << 52)

/* --- what devices reach through their env --- */

static void env_gsi_set(void *opaque, unsigned n, int level)
{
	struct vm *vm = opaque;

	kvm_vm_irq_line(&vm->kvm, n, level);
}

static struct irq_line env_gsi(void *opaque, unsigned n)
{
	return (struct irq_line){ .set = env_gsi_set, .opaque = opaque,
				  .n = n };
}

static void env_msi(void *opaque, u64 addr, u32 data)
{
	struct vm *vm = opaque;

	kvm_vm_msi(&vm->kvm, addr, data);
}

static int env_ioeventfd(void *opaque, int efd, u64 addr, unsigned len,
			 const u64 *match, bool assign)
{
	struct vm *vm = opaque;

	return kvm_vm_ioeventfd(&vm->kvm, efd, false, addr, len, match,
				match ? *match : 0, assign);
}

static int env_irqfd(void *opaque, int efd, unsigned gsi, bool assign)
{
	struct vm *vm = opaque;

	return kvm_vm_irqfd(&vm->kvm, efd, gsi, assign);
}

static void env_request(void *opaque, unsigned request, int code)
{
	vm_request(opaque, (enum vm_request)request, code);
}

static struct chardev *env_find_chardev(void *opaque, const char *id)
{
	struct vm *vm = opaque;

	return chardev_find(vm->chardevs, id);
}

static void *env_find_backend(void *opaque, enum prop_type t, const char *id)
{
	struct vm *vm = opaque;

	switch (t) {
	case PROP_DRIVE:    return disk_find(vm->disks, id);
	case PROP_NETDEV:   return netdev_find(vm->nets, id);
	case PROP_IOTHREAD: return iothread_find(&vm->iothreads, id);
	default:            return NULL;
	}
}

static void env_events_due(void *opaque)
{
	vm_events_due(opaque);
}

static void fill_env(struct vm *vm)
{
	vm->env = (struct device_env){
		.pio = vm->pio, .mmio = vm->mmio, .gmem = vm->gmem,
		.loop = vm->loop, .clock = &vm->clock,
		.cpus = vm->config->cpus,
		.gsi = env_gsi,
		.msi = { .send = env_msi, .opaque = vm },
		.ioeventfd = env_ioeventfd,
		.cheap_exits = vm->provider->cheap_exits, .irqfd = env_irqfd,
		.request = env_request, .events_due = env_events_due,
		.find_chardev = env_find_chardev,
		.find_backend = env_find_backend,
		.unplugged = machine_device_unplugged,
		.opaque = vm,
	};
}

/* --- the steps --- */

static int choose_provider(struct vm *vm, struct err *e)
{
	char why[256];
	int rc = icount_check(vm->config, e);

	if (rc < 0)
		return rc;
	vm->provider = kvm_provider_choose(vm->config->accel, why,
					   sizeof(why), e);
	if (!vm->provider)
		return e && e->rc ? e->rc : -ENODEV;
	if (why[0])
		log_info("%s", why);
	return 0;
}

/* Switches of the translator, before there is a VM. */
static int set_switch(struct vm *vm, const char *name, struct err *e)
{
	const struct kvm_provider *p = vm->provider;
	int rc = p->control ? p->control(-1, name, 1) : -ENOENT;

	if (rc == -ENOENT)
		return err_set(e, -EINVAL, "%s: accelerator %s translates "
			       "nothing", name, p->name);
	return rc < 0 ? err_set(e, rc, "%s: %s", name, strerror(-rc)) : 0;
}

static int set_switches(struct vm *vm, struct err *e)
{
	const struct {
		const char *name;
		bool on;
	} rows[] = {
		{ "perfmap", vm->config->perfmap },
		{ "jitdump", vm->config->jitdump },
		{ "one-insn-per-tb", vm->config->one_insn },
		{ "eager", vm->config->eager },
	};
	int rc = 0;

	for (unsigned n = 0; n < ARRAY_LEN(rows) && !rc; n++)
		if (rows[n].on)
			rc = set_switch(vm, rows[n].name, e);
	return rc;
}

static int create_memory(struct vm *vm, struct err *e)
{
	vm->gmem = gmem_create();
	return kvm_vm_attach_gmem(&vm->kvm, vm->gmem, e);
}

/* What -rtc says the time is, in ns since 1970. */
static s64 wall_start(const struct vm_config *c)
{
	struct timespec t;
	struct tm tm;

	if (c->rtc_base == RTC_DATE)
		return c->rtc_date * 1000000000ll;
	clock_gettime(CLOCK_REALTIME, &t);
	if (c->rtc_base == RTC_LOCALTIME && localtime_r(&t.tv_sec, &tm))
		t.tv_sec += tm.tm_gmtoff;
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void mux_quit(void *opaque)
{
	vm_quit(opaque, 0);
}

static int create_loop(struct vm *vm, struct err *e)
{
	vm->loop = loop_create("main", e);
	if (!vm->loop)
		return -ENOMEM;
	vm_events_init(vm);
	clock_init(&vm->clock, wall_start(vm->config));
	vm->stopped_ns = clock_host_ns();
	vm->chardevs = chardev_set_create(vm->loop);
	chardev_set_on_quit(vm->chardevs, mux_quit, vm);
	vm->disks = disk_set_create(vm->loop);
	return 0;
}

/* --- objects and disks --- */

static int add_objects_of(struct vm *vm, bool late, struct err *e)
{
	for (const struct config_item *i = vm->config->objects; i;
	     i = i->next) {
		int rc = object_is_late(i->text) == late ?
			 object_add(vm, i->text, e) : 0;

		if (rc < 0) {
			err_prefix(e, "-object %s", i->text);
			return rc;
		}
	}
	return 0;
}

static int add_objects(struct vm *vm, struct err *e)
{
	return add_objects_of(vm, false, e);
}

static int add_late_objects(struct vm *vm, struct err *e)
{
	return add_objects_of(vm, true, e);
}

/* if=virtio brings its device along. */
static int add_disk_device(struct vm *vm, const struct disk *d, struct err *e)
{
	struct strbuf spec = STRBUF_INIT;
	int rc;

	strbuf_addf(&spec, "virtio-blk-%s,drive=%s",
		    vm->env.pci ? "pci" : "device", d->id);
	rc = machine_device_add(vm, spec.buf, e);
	strbuf_fini(&spec);
	return rc;
}

int machine_drive_add(struct vm *vm, const char *spec, struct err *e)
{
	struct disk *d = disk_add(vm->disks, spec, vm->config->snapshot, e);
	int rc;

	if (!d)
		return e && e->rc ? e->rc : -EINVAL;
	if (d->iface == DISK_IF_NONE)
		return 0;
	rc = add_disk_device(vm, d, e);
	if (rc < 0)
		disk_del(d, NULL);
	return rc;
}

static int add_disks(struct vm *vm, struct err *e)
{
	const struct vm_config *c = vm->config;
	const struct config_item *i;
	int rc;

	for (i = c->blockdevs; i; i = i->next) {
		rc = blk_add(disk_blks(vm->disks), i->text, e);
		if (rc < 0) {
			err_prefix(e, "-blockdev %s", i->text);
			return rc;
		}
	}
	for (i = c->drives; i; i = i->next) {
		rc = machine_drive_add(vm, i->text, e);
		if (rc < 0) {
			err_prefix(e, "-drive %s", i->text);
			return rc;
		}
	}
	return 0;
}

/* -serial and -monitor: item n under the id PREFIXn. */
static int open_numbered(struct vm *vm, const struct config_item *list,
			 const char *prefix, struct err *e)
{
	char id[32];
	unsigned n = 0;

	for (const struct config_item *i = list; i; i = i->next, n++) {
		const char *spec = config_monitor_spec(i->text);

		if (!strcmp(spec, "none") || !strncmp(spec, "chardev:", 8))
			continue;
		snprintf(id, sizeof(id), "%s%u", prefix, n);
		if (!chardev_open(vm->chardevs, id, spec, e))
			return e && e->rc ? e->rc : -EINVAL;
	}
	return 0;
}

static int open_chardevs(struct vm *vm, struct err *e)
{
	const struct vm_config *c = vm->config;
	int rc;

	for (const struct config_item *i = c->chardevs; i; i = i->next) {
		if (!chardev_open(vm->chardevs, NULL, i->text, e)) {
			err_prefix(e, "-chardev %s", i->text);
			return e && e->rc ? e->rc : -EINVAL;
		}
	}
	rc = open_numbered(vm, c->serials, "serial", e);
	return rc < 0 ? rc : open_numbered(vm, c->monitors,
					   "compat_monitor", e);
}

static int create_buses(struct vm *vm, struct err *e)
{
	(void)e;
	vm->pio = bus_create("io", PIO_SPAN);
	vm->mmio = bus_create("memory", MMIO_SPAN);
	fill_env(vm);
	return 0;
}

static int build_arch(struct vm *vm, struct err *e)
{
	vm->arch = &arch_x86_64;
	return vm->arch->build(vm, e);
}

static int add_devices(struct vm *vm, struct err *e)
{
	for (const struct config_item *i = vm->config->devices; i;
	     i = i->next) {
		int rc = machine_device_add(vm, i->text, e);

		if (rc < 0) {
			err_prefix(e, "-device %s", i->text);
			return rc;
		}
	}
	return 0;
}

static int create_vcpus(struct vm *vm, struct err *e)
{
	const unsigned n = vm->config->cpus;

	vm->vcpus = calloc(n, sizeof(vm->vcpus[0]));
	if (!vm->vcpus)
		return err_set(e, -ENOMEM, "%u vCPUs: %m", n);
	for (unsigned i = 0; i < n; i++) {
		vm->vcpus[i] = vcpu_create(vm, i, e);
		if (!vm->vcpus[i])
			return e && e->rc ? e->rc : -EIO;
		vm->nvcpus = i + 1;
	}
	return 0;
}

static int first_reset(struct vm *vm, struct err *e)
{
	struct list *p;

	list_for_each(p, &vm->devices)
		device_reset(list_entry(p, struct device, node));
	return vm->arch->reset ? vm->arch->reset(vm, e) : 0;
}

int machine_start_threads(struct vm *vm, struct err *e)
{
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		int rc = vcpu_start(vm->vcpus[i], e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int open_vm(struct vm *vm, struct err *e)
{
	const u32 ring = vm->config->dirty_ring;
	int rc;

	if (ring && vm->config->can_switch)
		return err_set(e, -ENOTSUP, "dirty-ring-size does not go with "
			       "switch=on: the plugin has no rings");
	rc = kvm_vm_open(&vm->kvm, vm->provider, e);
	return rc < 0 || !ring ? rc : kvm_vm_use_rings(&vm->kvm, ring, e);
}

/* What happens next is these lists. */
typedef int build_step(struct vm *vm, struct err *e);

static build_step *const first_steps[] = {
	choose_provider,
	set_switches,
	open_vm,
	switch_open,
	create_memory,
	create_loop,
	icount_start,
	helper_load,
	open_chardevs,
	create_buses,
	machine_netdevs_open,
	add_objects,
	NULL
};

static build_step *const machine_steps[] = {
	machine_set_defaults,
	build_arch,
	add_disks,
	machine_nics_add,
	add_late_objects,
	add_devices,
	create_vcpus,
	switch_prepare,
	first_reset,
	machine_netdevs_ready,
	NULL
};

static int take_steps(struct vm *vm, build_step *const *steps, struct err *e)
{
	int rc = 0;

	for (; *steps && rc >= 0; steps++)
		rc = (*steps)(vm, e);
	return rc;
}

struct vm *machine_begin(struct vm_config *c, struct err *e)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		err_set(e, -ENOMEM, "the machine: %m");
		return NULL;
	}
	vm->config = c;
	vm->kvm.sys_fd = vm->kvm.fd = -1;
	list_init(&vm->devices);
	list_init(&vm->roms);
	list_init(&vm->listeners);
	list_init(&vm->iothreads);
	list_init(&vm->objects);
	if (take_steps(vm, first_steps, e) < 0) {
		machine_destroy(vm);
		return NULL;
	}
	return vm;
}

int machine_finish(struct vm *vm, struct err *e)
{
	return take_steps(vm, machine_steps, e);
}

struct vm *machine_build(struct vm_config *c, struct err *e)
{
	struct vm *vm = machine_begin(c, e);

	if (vm && machine_finish(vm, e) < 0) {
		machine_destroy(vm);
		return NULL;
	}
	return vm;
}

/* --- and back --- */

static void destroy_vcpus(struct vm *vm)
{
	const unsigned n = vm->nvcpus;

	for (unsigned i = 0; i < n; i++)
		vcpu_park_ask(vm->vcpus[i]);
	vm->nvcpus = 0;
	for (unsigned i = 0; i < n; i++)
		vcpu_destroy(vm->vcpus[i]);
	free(vm->vcpus);
	vm->vcpus = NULL;
}

static void destroy_devices(struct vm *vm)
{
	while (!list_empty(&vm->devices))
		device_destroy(list_entry(vm->devices.prev, struct device,
					  node));
}

static void destroy_roms(struct vm *vm)
{
	while (!list_empty(&vm->roms)) {
		struct rom_entry *r = list_entry(vm->roms.next,
						 struct rom_entry, node);

		list_remove(&r->node);
		free(r->name);
		free(r);
	}
}

void machine_destroy(struct vm *vm)
{
	if (!vm)
		return;
	destroy_vcpus(vm);
	if (!vm->switcher)
		helper_destroy(vm->helper);
	switch_destroy(vm->switcher);
	destroy_devices(vm);
	if (vm->arch)
		vm->arch->destroy(vm);
	machine_forget_defaults(vm);
	destroy_roms(vm);
	if (vm->mmio)
		bus_destroy(vm->mmio);
	if (vm->pio)
		bus_destroy(vm->pio);
	disk_set_destroy(vm->disks);
	objects_forget(vm);
	iothreads_destroy(&vm->iothreads);
	netdev_set_destroy(vm->nets);
	if (vm->chardevs)
		chardev_set_destroy(vm->chardevs);
	vm_events_fini(vm);
	if (vm->loop)
		loop_destroy(vm->loop);
	kvm_vm_close(&vm->kvm);
	gmem_destroy(vm->gmem);
	free(vm);
}
