/* SPDX-License-Identifier: MIT */
/*
 * A PCI host and functions of one made-up class: BAR0 I/O, BAR1 memory with
 * MSI-X in its upper half, BAR2 64 bits wide.
 */
#ifndef TEST_PCI_FAKE_H
#define TEST_PCI_FAKE_H

#include "tests/unit/device_fake.h"
#include "vmm/pci/pci.h"

extern const struct device_class pci_host_class, mch_class, ich9_lpc_class;

struct toy {
	struct pci_dev pci;
	u32 reg;
	int moves, config_writes, msix_changes;
	u64 moved_to;
	bool moved_in;
};

static struct toy *toys[4];            /* borrowed from the tests' devices */

static inline struct toy *to_toy(struct device *d)
{
	return container_of(d, struct toy, pci.dev);
}

static inline u64 toy_read(struct device *d, u64 off, unsigned size)
{
	(void)size;
	return to_toy(d)->reg + off;
}

static inline void toy_write(struct device *d, u64 off, u64 val,
			     unsigned size)
{
	(void)off;
	(void)size;
	to_toy(d)->reg = val;
}

static const struct region_ops toy_ops = {
	.read = toy_read, .write = toy_write, .min_size = 1, .max_size = 4,
};

static inline void toy_bar_moved(struct pci_dev *p, unsigned bar, u64 addr,
				 bool mapped)
{
	struct toy *t = to_toy(&p->dev);

	if (bar != 2)
		return;
	t->moves++;
	t->moved_to = addr;
	t->moved_in = mapped;
}

static inline void toy_config_written(struct pci_dev *p, unsigned off,
				      unsigned n)
{
	(void)off;
	(void)n;
	to_toy(&p->dev)->config_writes++;
}

static inline void toy_msix_changed(struct pci_dev *p, unsigned v)
{
	(void)v;
	to_toy(&p->dev)->msix_changes++;
}

static const struct pci_class toy_pci = {
	.vendor = 0x1234, .device = 0x5678, .class_code = 0x020000,
	.revision = 3, .int_pin = 1, .express = true,
	.bars = {
		[0] = { "toy-io", PCI_BAR_IO, false, 32, &toy_ops },
		[1] = { "toy-mem", PCI_BAR_MEM32, false, 4096, &toy_ops },
		[2] = { "toy-big", PCI_BAR_MEM64, true, MiB, &toy_ops },
	},
	.bar_moved = toy_bar_moved, .config_written = toy_config_written,
	.msix_changed = toy_msix_changed,
};

static inline int toy_realize(struct device *d, struct err *e)
{
	int rc = pci_dev_realize(to_pci(d), e);

	if (rc < 0)
		return rc;
	return pci_msix_init(to_pci(d), 10, 1, 0x800, 1, 0xc00, e);
}

static inline void toy_reset(struct device *d)
{
	pci_dev_reset(to_pci(d));
}

static inline void toy_unrealize(struct device *d)
{
	pci_dev_unrealize(to_pci(d));
}

static inline int toy_post_load(struct device *d, unsigned v, struct err *e)
{
	(void)v;
	return pci_dev_post_load(to_pci(d), e);
}

static const struct device_prop toy_props[] = {
	PCI_PROPS(struct toy, pci),
	PROP_END
};

static const struct state_field toy_fields[] = {
	STATE_ONE(struct toy, pci, pci_dev_state, 1),
	STATE_FIELD(STATE_U32, struct toy, reg, 1),
	STATE_END
};

static const struct state_desc toy_state = {
	.version = 1, .oldest = 1, .fields = toy_fields,
	.post_load = toy_post_load,
};

static const struct device_class toy_class = {
	.name = "toy", .summary = "toy", .bus = "PCI", .size = sizeof(struct toy),
	.props = toy_props, .state = &toy_state, .pci = &toy_pci,
	.hotplug = true,
	.realize = toy_realize, .reset = toy_reset, .unrealize = toy_unrealize,
};

static inline u32 cfg_addr(u8 devfn, unsigned off)
{
	return 0x80000000u | (u32)devfn << 8 | (off & 0xfc);
}

static inline u32 cfg_rd(u8 devfn, unsigned off, unsigned size)
{
	out(0xcf8, cfg_addr(devfn, off), 4);
	return in(0xcfc + (off & 3), size);
}

static inline void cfg_wr(u8 devfn, unsigned off, u32 val, unsigned size)
{
	out(0xcf8, cfg_addr(devfn, off), 4);
	out(0xcfc + (off & 3), val, size);
}

static inline u64 mem_rd(u64 addr, unsigned size)
{
	u64 v;

	bus_read(fake.env.mmio, addr, &v, size);
	return v;
}

static inline void mem_wr(u64 addr, u64 val, unsigned size)
{
	bus_write(fake.env.mmio, addr, val, size);
}

static inline struct toy *toy_new(const char *addr)
{
	struct err e = { 0 };
	struct device *d = fake_new(&toy_class);

	if (addr)
		assert_int_equal(device_set_prop(d, "addr", addr, &e), 0);
	fake_realize(d);
	return to_toy(d);
}

/* A host in fake.dev and toys[0] at 03.0. */
static inline void pci_up(void)
{
	fake_machine_up(0);
	fake_device(&pci_host_class);
	fake.env.pci = pci_host_bus(fake.dev);
	memset(toys, 0, sizeof(toys));
	toys[0] = toy_new("03.0");
}

static inline void pci_down(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(toys); i++)
		if (toys[i])
			device_destroy(&toys[i]->pci.dev);
	fake_machine_down();
}

#define TOY PCI_DEVFN(3, 0)

#endif
