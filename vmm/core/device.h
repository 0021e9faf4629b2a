/* SPDX-License-Identifier: MIT */
/*
 * Devices: what one is, how it is made, and what it may touch.
 *
 * A device_class is a row of data with a few functions.  Its props drive
 * -device, device_add, info qtree, qom-get/set and -device help.
 *
 * Life: device_create (props at defaults) -> device_set_prop* ->
 *       device_realize -> reset / quiesce / resume ... -> device_destroy
 *       (which unrealizes).  All on the main loop.
 *
 * Thread: register callbacks come from any vCPU with d->lock held; timers and
 * chardev callbacks come on the loop and take d->lock themselves.
 */
#ifndef MOTE_CORE_DEVICE_H
#define MOTE_CORE_DEVICE_H

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/lock.h"
#include "vmm/core/bus.h"
#include "vmm/core/irq.h"
#include "vmm/core/loop.h"
#include "vmm/core/state.h"

struct gmem;
struct chardev;
struct device;
struct strbuf;
struct pci_bus;

enum prop_type {
	PROP_BOOL, PROP_U8, PROP_U16, PROP_U32, PROP_U64, PROP_SIZE,
	PROP_STR,                      /* char *, owned by the device      */
	PROP_CHARDEV,                  /* struct chardev *, by id          */
	PROP_NETDEV, PROP_DRIVE,       /* void *, resolved by their rooms  */
	PROP_IOTHREAD,                 /* struct iothread *, by id         */
	PROP_ENUM,                     /* u32 index into enum_names        */
};

struct device_prop {
	const char *name;              /* "iobase"                          */
	enum prop_type type;
	u32 offset;                    /* into the device struct            */
	const char *def;               /* default as text, NULL: zero       */
	const char *help;
	const char *const *enum_names; /* PROP_ENUM, NULL-terminated        */
	bool runtime;                  /* qom-set may change it when live   */
};
#define PROP(n, t, s, m, d, h) { .name = (n), .type = (t), \
	.offset = offsetof(s, m), .def = (d), .help = (h) }
#define PROP_END { .name = NULL }

/*
 * A range the class answers on.  `base` may be overridden by the property
 * at `base_off`; a 0 there leaves mapping to the class.  Mapped by
 * device_realize before ops->realize, unmapped by device_destroy.
 */
enum region_space { SPACE_PIO, SPACE_MMIO };
struct device_region {
	const char *name;
	enum region_space space;
	u64 base, len;
	u32 base_off;                  /* offsetof a u32/u64 prop field, or 0 */
	u8  base_size;                 /* 4 or 8 when base_off is used        */
	const struct region_ops *ops;
};

struct device_class {
	const char *name;              /* "isa-serial"                      */
	const char *summary;
	const char *bus;               /* "ISA", "PCI", "virtio-bus", "System" */
	const char *hosts;             /* a bus behind it, of this kind; NULL */
	const char *category;          /* -device help group: "Input" ...   */
	size_t size;
	const struct device_prop *props;       /* PROP_END; NULL ok         */
	const struct device_region *regions;   /* ends with len 0; NULL ok  */
	const struct state_desc *state;        /* NULL: stateless           */
	bool user_creatable;           /* -device may name it               */
	bool hotplug;
	const void *pci;               /* struct pci_class * for bus "PCI"  */
	const void *virtio;            /* struct virtio_class *, or NULL    */

	int  (*realize)(struct device *d, struct err *e);  /* [loop] NULL ok */
	void (*reset)(struct device *d);       /* [loop] vCPUs parked       */
	void (*quiesce)(struct device *d);     /* [loop] stop I/O: VM pauses */
	void (*resume)(struct device *d);      /* [loop] VM continues       */
	void (*unrealize)(struct device *d);   /* [loop] NULL ok            */
	/* A runtime property of a live device was set. [loop] NULL ok */
	int  (*changed)(struct device *d, struct err *e);
	/* Lines for info qtree beyond props. [loop] NULL ok */
	void (*describe)(struct device *d, struct strbuf *out);
};

/* What devices may have to say to the guest's ACPI. */
enum acpi_event { ACPI_EV_PCI_HOTPLUG, ACPI_EV_VMGENID, ACPI_EV_COUNT };

/*
 * What the machine hands every device: the only things it may reach.
 * Plain data filled by the machine; shared by all devices of one VM.
 */
/* A property's value in every device of a class that is made (-global). */
struct device_default {
	char *driver, *prop, *value;
	struct device_default *next;
};

struct device_env {
	const struct device_default *defaults;
	struct bus  *pio, *mmio;
	struct gmem *gmem;
	struct loop *loop;             /* main loop                        */
	struct clock *clock;
	struct pci_bus *pci;           /* root bus; NULL: none (yet)       */
	unsigned cpus;                 /* of the machine                   */
	struct irq_line (*gsi)(void *opaque, unsigned n); /* a GSI's wire   */
	struct msi_sink msi;
	/* A guest's write to `addr` in memory (len 0: of any length; match:
	 * of this value only) signals `efd` instead of reaching the bus, or no
	 * longer.  NULL: no such thing.  0 or -errno. [vcpu, loop] */
	int (*ioeventfd)(void *opaque, int efd, u64 addr, unsigned len,
			 const u64 *match, bool assign);
	/* The bus costs less than a wake-up.  Changes with the provider, while
	 * devices are quiesced. */
	bool cheap_exits;
	/* The one door to vhost devices; NULL: ioctl(2).  -errno. [any] */
	int (*vhost_ioctl)(int fd, unsigned long request, void *arg);
	/* `efd` raises that GSI; for back ends that signal by themselves. */
	int (*irqfd)(void *opaque, int efd, unsigned gsi, bool assign);
	/* Ask the VM to end or change; never blocks. [any] */
	void (*request)(void *opaque, unsigned request, int code);
	/* Some device has events; never blocks. NULL ok. [any] */
	void (*events_due)(void *opaque);
	/* Find a back end by id, NULL if absent. [loop] */
	struct chardev *(*find_chardev)(void *opaque, const char *id);
	void *(*find_backend)(void *opaque, enum prop_type t, const char *id);
	/* Tell the guest's ACPI; NULL: there is none. [any] */
	void (*acpi_event)(void *opaque, enum acpi_event ev);
	/* The guest let go of a device it was asked for, and it may be
	 * destroyed; or it refused. [loop] */
	void (*unplugged)(void *opaque, struct device *d, bool refused);
	void *opaque;
};

/* device_env.request codes: what a device may ask of the VM. */
enum vm_request {
	VM_REQ_RESET, VM_REQ_POWEROFF, VM_REQ_SUSPEND, VM_REQ_PANIC,
	VM_REQ_CRASHLOADED, VM_REQ_EXIT,       /* exit(code)               */
	VM_REQ_WATCHDOG, VM_REQ_IO_ERROR,
	VM_REQ_INTERNAL_ERROR, VM_REQ_DEBUG,   /* from vCPUs; code: its index */
	VM_REQ_COUNT
};

/*
 * What a device lets the host know.  A set of bits: a guest that does it a
 * thousand times a second is heard of once.
 */
enum device_event { DEV_EV_BALLOON, DEV_EV_PORT, DEV_EV_RX_FILTER, DEV_EV_RTC,
		    DEV_EV_COUNT };

struct device {
	const struct device_class *class;
	char *id;                      /* user's id or NULL                */
	char **prop_text;              /* back-end props' ids, by prop row */
	struct list node;              /* in the machine's device list     */
	struct lock lock;              /* guards all mutable device state  */
	const struct device_env *env;
	struct irq_line irq;           /* first wire; realize may set more */
	bool realized;
	struct device *parent;         /* the bus owner: PCI host, virtio transport */
	_Atomic u32 events;            /* BIT(device_event): not told yet  */
};

/* Say so. [any] */
void device_event(struct device *d, enum device_event ev);

/* Class look-up over every devices.def row; NULL when unknown. */
extern const struct device_class *const device_classes[];
const struct device_class *device_class_find(const char *name);
/* The same, with QEMU's short names: virtio-NAME is virtio-NAME-pci, or
 * virtio-NAME-device where there is no PCI. */
const struct device_class *device_class_named(const char *name, bool pci);

/* NULL never (aborts on no memory). Props hold their defaults. */
struct device *device_create(const struct device_class *c, const char *id,
			     const struct device_env *env);
/* Give a new device env's defaults for its class: the row's error, with the
 * default's own words in front. [loop] */
int  device_apply_defaults(struct device *d, struct err *e);
/* Parse `value` into the property. -ENOENT unknown, -EINVAL bad. */
int  device_set_prop(struct device *d, const char *name, const char *value,
		     struct err *e);
/* Text of a property as -device takes it, numbers in decimal; -ENOENT. */
int  device_get_prop(struct device *d, const char *name, struct strbuf *out);
int  device_realize(struct device *d, struct err *e);
void device_reset(struct device *d);
void device_quiesce(struct device *d);
void device_resume(struct device *d);
/*
 * Its state, while it is quiesced, and back into one that was just reset.
 * -EINVAL with a sentence; then only a reset helps. [loop]
 */
int  device_save(struct device *d, struct strbuf *out, struct err *e);
int  device_load(struct device *d, unsigned version, const void *buf,
		 size_t len, struct err *e);
/* Unmaps, waits for accesses under way, unrealizes, frees; NULL is fine. */
void device_destroy(struct device *d);

/* Bring device-time to the guest clock, ns. */
s64  device_now(const struct device *d);

#endif
