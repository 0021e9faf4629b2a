/* SPDX-License-Identifier: MIT */
/*
 * isa-debug-exit: a write ends the process with status (value << 1) | 1.
 *
 * Room:     one port range.  Talks to: the VM, by VM_REQ_EXIT.
 * Never:    exits by itself.
 */
#include "vmm/core/device.h"

struct isa_debug_exit {
	struct device dev;
	u32 iobase, iosize;            /* properties */
};

static u64 exit_read(struct device *d, u64 off, unsigned size)
{
	(void)d;
	(void)off;
	(void)size;
	return 0;
}

static void exit_write(struct device *d, u64 off, u64 val, unsigned size)
{
	(void)off;
	(void)size;
	d->env->request(d->env->opaque, VM_REQ_EXIT,
			(int)((u32)val << 1 | 1));
}

static const struct region_ops exit_ops = {
	.read = exit_read, .write = exit_write, .min_size = 1, .max_size = 4,
};

static int exit_realize(struct device *d, struct err *e)
{
	struct isa_debug_exit *x = container_of(d, struct isa_debug_exit, dev);
	struct region r = { .name = "isa-debug-exit", .base = x->iobase,
			    .len = x->iosize, .ops = &exit_ops, .dev = d };

	return bus_map(d->env->pio, &r, e);
}

static const struct device_prop exit_props[] = {
	PROP("iobase", PROP_U32, struct isa_debug_exit, iobase, "0x501",
	     "first port"),
	PROP("iosize", PROP_U32, struct isa_debug_exit, iosize, "2",
	     "number of ports"),
	PROP_END
};

const struct device_class isa_debug_exit_class = {
	.name     = "isa-debug-exit",
	.summary  = "a port that ends the VMM with a status",
	.bus      = "ISA",
	.category = "Misc",
	.size     = sizeof(struct isa_debug_exit),
	.props    = exit_props,
	.user_creatable = true,
	.realize  = exit_realize,
};
