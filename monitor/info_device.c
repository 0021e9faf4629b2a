/* SPDX-License-Identifier: MIT */
/*
 * info: devices and objects.
 */
#include "monitor/both.h"
#include "monitor/disk.h"
#include "monitor/mon.h"
#include "monitor/qtree.h"
#include "vmm/block/iothread.h"
#include "vmm/pci/pci.h"

#include <errno.h>
#include <string.h>

void mon_each_pci_bus(struct vm *vm, void (*fn)(struct pci_bus *b,
		      void *opaque), void *opaque)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (!strcmp(d->class->name, "pci-host"))
			fn(pci_host_bus(d), opaque);
	}
}

static void describe_bus(struct pci_bus *b, void *out)
{
	pci_bus_describe(b, out);
}

static void info_pci(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;

	mon_each_pci_bus(mon_vm(m), describe_bus, &out);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

static void print(struct mon *m, struct strbuf *out)
{
	mon_write(m, out->buf, out->len);
	strbuf_fini(out);
}

static void info_qtree(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;

	qtree_print(mon_vm(m), &out);
	print(m, &out);
}

static void info_qdm(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;

	qdm_print(&out, true);
	print(m, &out);
}

static void info_qom_tree(struct mon *m, const struct mon_arg *a)
{
	struct strbuf out = STRBUF_INIT;

	qom_tree_print(mon_vm(m), a[0].given ? a[0].str : "/machine", &out);
	print(m, &out);
}

static void info_iothreads(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct list *p;

	list_for_each(p, &mon_vm(m)->iothreads) {
		const struct iothread *t = list_entry(p, struct iothread,
						      node);

		mon_printf(m, "%s:\n  thread_id=%d\n  poll-max-ns=%llu\n"
			   "  poll-grow=%llu\n  poll-shrink=%llu\n"
			   "  aio-max-batch=0\n", t->id, (int)t->tid,
			   (unsigned long long)t->poll_max_ns,
			   (unsigned long long)t->poll_grow,
			   (unsigned long long)t->poll_shrink);
	}
}

int mon_generation_id(struct vm *vm, struct strbuf *out)
{
	struct list *p;

	list_for_each(p, &vm->devices) {
		struct device *d = list_entry(p, struct device, node);

		if (!strcmp(d->class->name, "vmgenid"))
			return device_get_prop(d, "guid", out);
	}
	return -ENODEV;
}

static void info_generation_id(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf s = STRBUF_INIT;

	if (mon_generation_id(mon_vm(m), &s) < 0)
		mon_puts(m, "Error: VM Generation ID device not found\n");
	else
		mon_printf(m, "%s\n", s.buf);
	strbuf_fini(&s);
}

const struct mon_cmd mon_info_device_cmds[] = {
	{
		.name    = "pci",
		.args    = "",
		.params  = "",
		.help    = "show PCI functions",
		.doc     = "Every function: what it is, its interrupt, its "
			   "bridges' windows and its BARs.",
		.example = "info pci",
		.when    = MON_MAIN,
		.run     = info_pci,
	}, {
		.name    = "usb",
		.args    = "",
		.params  = "",
		.help    = "show USB devices",
		.doc     = "Show USB devices.",
		.example = "info usb",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "USB",
	}, {
		.name    = "usbhost",
		.args    = "",
		.params  = "",
		.help    = "show the host's USB devices",
		.doc     = "Show the host's USB devices.",
		.example = "info usbhost",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "USB",
	}, {
		.name    = "qtree",
		.args    = "",
		.params  = "",
		.help    = "show the devices as a tree",
		.doc     = "Show the devices as a tree.",
		.example = "info qtree",
		.when    = MON_MAIN,
		.run     = info_qtree,
	}, {
		.name    = "qdm",
		.args    = "",
		.params  = "",
		.help    = "list the device models",
		.doc     = "List the device models.",
		.example = "info qdm",
		.when    = MON_MAIN,
		.run     = info_qdm,
	}, {
		.name    = "qom-tree",
		.args    = "path:string?",
		.params  = "[path]",
		.help    = "show the objects as a tree",
		.doc     = "Show the objects as a tree.",
		.example = "info qom-tree /machine",
		.when    = MON_MAIN | MON_PRE,
		.run     = info_qom_tree,
	}, {
		.name    = "tpm",
		.args    = "",
		.params  = "",
		.help    = "show the TPM",
		.doc     = "Show the TPM.",
		.example = "info tpm",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "TPM",
	}, {
		.name    = "iothreads",
		.args    = "",
		.params  = "",
		.help    = "show I/O threads",
		.doc     = "Show I/O threads.",
		.example = "info iothreads",
		.when    = MON_MAIN | MON_PRE,
		.run     = info_iothreads,
	}, {
		.name    = "virtio",
		.args    = "",
		.params  = "",
		.help    = "list virtio devices",
		.doc     = "List virtio devices.",
		.example = "info virtio",
		.when    = MON_MAIN | MON_PRE,
		.run     = mon_info_virtio,
	}, {
		.name    = "virtio-status",
		.args    = "path:string",
		.params  = "path",
		.help    = "show the state of a virtio device",
		.doc     = "Show the state of a virtio device.",
		.example = "info virtio-status "
			   "/machine/peripheral/rng0/virtio-backend",
		.when    = MON_MAIN,
		.run     = mon_info_virtio_status,
	}, {
		.name    = "virtio-queue-status",
		.args    = "path:string queue:int",
		.params  = "path queue",
		.help    = "show the state of a virtio queue",
		.doc     = "Show the state of a virtio queue.",
		.example = "info virtio-queue-status "
			   "/machine/peripheral/rng0/virtio-backend 0",
		.when    = MON_MAIN,
		.run     = mon_info_virtio_queue,
	}, {
		.name    = "virtio-vhost-queue-status",
		.args    = "path:string queue:int",
		.params  = "path queue",
		.help    = "show the state of a vhost queue",
		.doc     = "Show the state of a vhost queue.",
		.example = "info virtio-vhost-queue-status "
			   "/machine/peripheral/nic0/virtio-backend 0",
		.when    = MON_MAIN,
		.run     = mon_info_virtio_vhost,
	}, {
		.name    = "virtio-queue-element",
		.args    = "path:string queue:int index:int?",
		.params  = "path queue [index]",
		.help    = "show an element of a virtio queue",
		.doc     = "The next one without an index.",
		.example = "info virtio-queue-element "
			   "/machine/peripheral/rng0/virtio-backend 0",
		.when    = MON_MAIN,
		.run     = mon_info_virtio_element,
	}, {
		.name    = "cryptodev",
		.args    = "",
		.params  = "",
		.help    = "show crypto devices",
		.doc     = "Show crypto devices.",
		.example = "info cryptodev",
		.when    = MON_ANYTIME,
		.run     = mon_not_yet,
		.needs   = "crypto devices",
	}, {
		.name    = "vm-generation-id",
		.args    = "",
		.params  = "",
		.help    = "show the VM generation id",
		.doc     = "Show the VM generation id.",
		.example = "info vm-generation-id",
		.when    = MON_MAIN,
		.run     = info_generation_id,
	},
	{ 0 }
};
