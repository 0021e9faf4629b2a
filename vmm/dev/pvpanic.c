/* SPDX-License-Identifier: MIT */
/*
 * pvpanic: how a guest's kernel tells that it panicked (QEMU's
 * docs/specs/pvpanic).
 *
 * Room:     one port.  Talks to: the VM, by requests.
 * Never:    acts on an event it did not offer.
 */
#include "vmm/core/device.h"

enum { PANICKED = BIT(0), CRASHLOADED = BIT(1) };

struct pvpanic {
	struct device dev;
	u32 ioport;                    /* properties */
	u8  events;
};

static u64 pvpanic_read(struct device *d, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return container_of(d, struct pvpanic, dev)->events;
}

static void pvpanic_write(struct device *d, u64 off, u64 val, unsigned size)
{
	u8 ev = val & container_of(d, struct pvpanic, dev)->events;
	const struct device_env *env = d->env;

	(void)off;
	(void)size;
	if (ev & PANICKED)
		env->request(env->opaque, VM_REQ_PANIC, 0);
	else if (ev & CRASHLOADED)
		env->request(env->opaque, VM_REQ_CRASHLOADED, 0);
}

static const struct region_ops pvpanic_ops = {
	.read = pvpanic_read, .write = pvpanic_write,
	.min_size = 1, .max_size = 1,
};

static const struct device_prop pvpanic_props[] = {
	PROP("ioport", PROP_U32, struct pvpanic, ioport, "0x505", "port"),
	PROP("events", PROP_U8, struct pvpanic, events, "3",
	     "events offered: 1 panicked, 2 crash kernel loaded"),
	PROP_END
};

static const struct device_region pvpanic_regions[] = {
	{ .name = "pvpanic", .space = SPACE_PIO, .len = 1,
	  .ops = &pvpanic_ops, .base_size = 4,
	  .base_off = offsetof(struct pvpanic, ioport) },
	{ .len = 0 }
};

const struct device_class pvpanic_class = {
	.name     = "pvpanic",
	.summary  = "guest panic notifier",
	.bus      = "ISA",
	.category = "Misc",
	.size     = sizeof(struct pvpanic),
	.props    = pvpanic_props,
	.regions  = pvpanic_regions,
	.user_creatable = true,
};
