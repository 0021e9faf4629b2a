/* SPDX-License-Identifier: MIT */
/*
 * The PCI host of a q35-like PC: configuration mechanism #1 at CF8h/CFCh,
 * ECAM, the reset control register CF9h; and the two functions every such
 * board has, the host bridge at 00.0 and the LPC bridge at 1f.0.
 *
 * Room:     three regions and two bare functions.
 * Talks to: pci_bus.c for configuration; the VM, by VM_REQ_RESET.
 * Never:    has a second root bus.
 */
#include "vmm/pci/pci.h"

enum { ADDR_PORT = 0xcf8, DATA_PORT = 0xcfc, ADDR_ENABLE = 0x80000000u,
       RESET_LANE = 1, RST_SYS = BIT(1), RST_CPU = BIT(2),
       RST_FULL = BIT(3) };
#define ECAM_LEN  (256 * MiB)

struct pci_host {
	struct device dev;
	struct pci_bus *bus;
	u64 ecam;                      /* property; 0: none */
	u32 addr;                      /* CONFIG_ADDRESS    */
	u8  reset_control;
};

static struct pci_host *to_host(struct device *d)
{
	return container_of(d, struct pci_host, dev);
}

struct pci_bus *pci_host_bus(struct device *host)
{
	return to_host(host)->bus;
}

/* --- CF8h: the address as a double word; CF9h as a byte -------------------- */

static u64 addr_read(struct device *d, u64 off, unsigned size)
{
	struct pci_host *h = to_host(d);

	if (size == 4)
		return h->addr;
	return size == 1 && off == RESET_LANE ? h->reset_control : ~0ull;
}

/* A rising RST_CPU resets; RST_SYS only says how hard. */
static void reset_write(struct pci_host *h, u8 val)
{
	u8 old = h->reset_control;

	h->reset_control = val & (RST_SYS | RST_FULL);
	if ((val & ~old) & RST_CPU)
		h->dev.env->request(h->dev.env->opaque, VM_REQ_RESET, 0);
}

static void addr_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct pci_host *h = to_host(d);

	if (size == 4)
		h->addr = val;
	else if (size == 1 && off == RESET_LANE)
		reset_write(h, val);
}

/* --- CFCh: the data, any bytes of it --------------------------------------- */

static u64 data_read(struct device *d, u64 off, unsigned size)
{
	struct pci_host *h = to_host(d);

	if (!(h->addr & ADDR_ENABLE))
		return ~0ull;
	return pci_bus_config_read(h->bus, h->addr >> 16, h->addr >> 8,
				   (h->addr & 0xfc) + off, size);
}

static void data_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct pci_host *h = to_host(d);

	if (h->addr & ADDR_ENABLE)
		pci_bus_config_write(h->bus, h->addr >> 16, h->addr >> 8,
				     (h->addr & 0xfc) + off, val, size);
}

/* --- ECAM: bus << 20 | devfn << 12 | register ------------------------------ */

static u64 ecam_read(struct device *d, u64 off, unsigned size)
{
	return pci_bus_config_read(to_host(d)->bus, off >> 20, off >> 12,
				   off & 0xfff, size);
}

static void ecam_write(struct device *d, u64 off, u64 val, unsigned size)
{
	pci_bus_config_write(to_host(d)->bus, off >> 20, off >> 12,
			     off & 0xfff, val, size);
}

/* --- life ------------------------------------------------------------------ */

static void host_reset(struct device *d)
{
	struct pci_host *h = to_host(d);

	SCOPED_LOCK(&d->lock);
	h->addr = 0;
	h->reset_control = 0;
}

static int host_realize(struct device *d, struct err *e)
{
	(void)e;
	to_host(d)->bus = pci_bus_create(d);
	return 0;
}

static void host_unrealize(struct device *d)
{
	pci_bus_destroy(to_host(d)->bus);
}

static const struct state_field host_fields[] = {
	STATE_FIELD(STATE_U32, struct pci_host, addr,          1),
	STATE_FIELD(STATE_U8,  struct pci_host, reset_control, 1),
	STATE_END
};

static const struct state_desc host_state = {
	.version = 1, .oldest = 1, .fields = host_fields,
};

static const struct region_ops addr_ops = {
	.read = addr_read, .write = addr_write, .min_size = 1, .max_size = 4,
};
static const struct region_ops data_ops = {
	.read = data_read, .write = data_write, .min_size = 1, .max_size = 4,
};
static const struct region_ops ecam_ops = {
	.read = ecam_read, .write = ecam_write, .min_size = 1, .max_size = 4,
};

static const struct device_region host_regions[] = {
	{ .name = "pci-conf-idx", .space = SPACE_PIO, .base = ADDR_PORT,
	  .len = 4, .ops = &addr_ops },
	{ .name = "pci-conf-data", .space = SPACE_PIO, .base = DATA_PORT,
	  .len = 4, .ops = &data_ops },
	{ .name = "pcie-mmcfg-mmio", .space = SPACE_MMIO, .len = ECAM_LEN,
	  .ops = &ecam_ops, .base_size = 8,
	  .base_off = offsetof(struct pci_host, ecam) },
	{ .len = 0 }
};

static const struct device_prop host_props[] = {
	PROP("MCFG", PROP_U64, struct pci_host, ecam, "0xb0000000",
	     "where ECAM is; 0: nowhere"),
	PROP_END
};

const struct device_class pci_host_class = {
	.name      = "pci-host",
	.summary   = "PCI host of a PC",
	.bus       = "System",
	.category  = "Controller/Bridge/Hub",
	.size      = sizeof(struct pci_host),
	.props     = host_props,
	.regions   = host_regions,
	.state     = &host_state,
	.realize   = host_realize,
	.reset     = host_reset,
	.unrealize = host_unrealize,
};

/* --- the two functions ----------------------------------------------------- */

static int bridge_realize(struct device *d, struct err *e)
{
	return pci_dev_realize(to_pci(d), e);
}

static void bridge_reset(struct device *d)
{
	pci_dev_reset(to_pci(d));
}

static void bridge_unrealize(struct device *d)
{
	pci_dev_unrealize(to_pci(d));
}

static int bridge_post_load(struct device *d, unsigned version, struct err *e)
{
	(void)version;
	return pci_dev_post_load(to_pci(d), e);
}

struct bridge {                        /* nothing but its PCI function */
	struct pci_dev pci;
};

static const struct state_field bridge_fields[] = {
	STATE_ONE(struct bridge, pci, pci_dev_state, 1),
	STATE_END
};

static const struct state_desc bridge_state = {
	.version = 1, .oldest = 1, .fields = bridge_fields,
	.post_load = bridge_post_load,
};

static const struct pci_class mch_pci = {
	.vendor = 0x8086, .device = 0x29c0, .class_code = 0x060000,
};
static const struct device_prop mch_props[] = {
	PROP("addr", PROP_STR, struct bridge, pci.addr, "00.0", "slot"),
	PROP("multifunction", PROP_BOOL, struct bridge, pci.multifunction, "off",
	     "other functions follow in this slot"),
	PROP_END
};

const struct device_class mch_class = {
	.name      = "mch",
	.summary   = "Host bridge",
	.bus       = "PCI",
	.category  = "Controller/Bridge/Hub",
	.size      = sizeof(struct bridge),
	.props     = mch_props,
	.state     = &bridge_state,
	.pci       = &mch_pci,
	.realize   = bridge_realize,
	.reset     = bridge_reset,
	.unrealize = bridge_unrealize,
	.describe  = pci_dev_describe,
};

static const struct pci_class lpc_pci = {
	.vendor = 0x8086, .device = 0x2918, .class_code = 0x060100,
	.revision = 2,
};
static const struct device_prop lpc_props[] = {
	PROP("addr", PROP_STR, struct bridge, pci.addr, "1f.0", "slot"),
	PROP("multifunction", PROP_BOOL, struct bridge, pci.multifunction, "on",
	     "other functions follow in this slot"),
	PROP_END
};

const struct device_class ich9_lpc_class = {
	.name      = "ICH9-LPC",
	.summary   = "ICH9 LPC bridge",
	.bus       = "PCI",
	.category  = "Controller/Bridge/Hub",
	.size      = sizeof(struct bridge),
	.props     = lpc_props,
	.state     = &bridge_state,
	.pci       = &lpc_pci,
	.realize   = bridge_realize,
	.reset     = bridge_reset,
	.unrealize = bridge_unrealize,
	.describe  = pci_dev_describe,
};
