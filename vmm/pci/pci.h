/* SPDX-License-Identifier: MIT */
/*
 * PCI: functions, their configuration space, BARs, MSI-X and INTx.
 *
 * A PCI device embeds struct pci_dev first and gives its class a struct
 * pci_class; its realize calls pci_dev_realize() first.  Its unrealize calls
 * pci_dev_unrealize() before it lets go of anything a register or the
 * configuration space reaches: until then the guest does.  The machine creates "pci-host", puts
 * pci_host_bus() into device_env.pci, then "mch" and "ICH9-LPC".
 *
 * Locks, in order: the host's device lock (configuration space), the
 * function's device lock (its registers, MSI-X table), pci_bus.irq_lock and
 * pci_dev.msix_lock (leaves).  pci_irq_set, pci_msix_notify and the readers
 * of atomics may be called with any lock held, from any thread.
 *
 * Invariants:
 *  1. A BAR is on a bus exactly while its space is enabled in COMMAND and
 *     its address is not 0 and does not wrap.
 *  2. Guest writes reach only bits of wmask (set) and w1c (clear).
 *  3. The wire of an INTx pin is high while any function holds it.
 *  4. A function that is being made has its slot, but no guest sees it before
 *     its first reset.
 */
#ifndef MOTE_PCI_PCI_H
#define MOTE_PCI_PCI_H

#include "vmm/core/device.h"

enum {
	PCI_VENDOR_ID = 0x00, PCI_DEVICE_ID = 0x02, PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06, PCI_REVISION = 0x08, PCI_CLASS_PROG = 0x09,
	PCI_CACHE_LINE = 0x0c, PCI_LATENCY = 0x0d, PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10, PCI_SUBSYS_VENDOR = 0x2c, PCI_SUBSYS_ID = 0x2e,
	PCI_ROM = 0x30, PCI_CAP_PTR = 0x34, PCI_INT_LINE = 0x3c,
	PCI_INT_PIN = 0x3d,
	PCI_CMD_IO = BIT(0), PCI_CMD_MEM = BIT(1), PCI_CMD_MASTER = BIT(2),
	PCI_CMD_PARITY = BIT(6), PCI_CMD_SERR = BIT(8),
	PCI_CMD_INTX_OFF = BIT(10),
	PCI_STS_INTX = BIT(3), PCI_STS_CAPS = BIT(4),
	PCI_CAP_MSI = 0x05, PCI_CAP_VENDOR = 0x09, PCI_CAP_EXPRESS = 0x10,
	PCI_CAP_MSIX = 0x11,
	PCI_BARS = 6, PCI_SLOTS = 32, PCI_GSI_BASE = 16, PCI_GSIS = 8,
	PCI_MSIX_MAX = 2048,
};
#define PCI_DEVFN(slot, fn) ((u8)((slot) << 3 | (fn)))
#define PCI_VENDOR_REDHAT_SUBSYS 0x1af4
#define PCI_SUBSYS_DEFAULT       0x1100

struct pci_dev;

#define PCI_BAR_NOWHERE (~0ull)

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_bar {
	const char *name;              /* for info mtree                   */
	enum pci_bar_kind kind;        /* MEM64 takes the next BAR as well */
	bool prefetch;
	u64 len;                       /* power of two; I/O >= 4, mem >= 16 */
	const struct region_ops *ops;  /* NULL: MSI-X only, rest reads 0   */
};

struct pci_class {
	u16 vendor, device;
	u16 subsys_vendor, subsys;     /* 0, 0: 1af4:1100                  */
	u32 class_code;                /* 24 bits: class, subclass, prog if */
	u8  revision;
	u8  int_pin;                   /* 0 none, 1 = INTA#                */
	bool express;                  /* 4 KiB of configuration space     */
	struct pci_bar bars[PCI_BARS];

	/* A BAR came to or left `addr` (ioeventfds). [host lock held] */
	void (*bar_moved)(struct pci_dev *p, unsigned bar, u64 addr,
			  bool mapped);
	/* After a configuration write to [off, off+n). [host lock held] */
	void (*config_written)(struct pci_dev *p, unsigned off, unsigned n);
	/* Before a configuration read of [off, off+n). [host lock held] */
	void (*config_reading)(struct pci_dev *p, unsigned off, unsigned n);
	/* Vector's message, mask or the function's enable changed (irqfd
	 * routes); vector == ~0u: all. [vcpu, loop] */
	void (*msix_changed)(struct pci_dev *p, unsigned vector);
};

struct pci_msix {                      /* empty when n == 0 */
	u16 n;
	u16 cap;                       /* config offset */
	u8  table_bar, pba_bar;
	u32 table_off, pba_off;
	u32 table_len, pba_len;        /* bytes; whole qwords            */
	u8 *table;                     /* 16 bytes a vector, as the guest
					  sees it; msix_lock guards both */
	u8 *pba;
};

/* Embedded first in every PCI device. */
struct pci_dev {
	struct device dev;
	struct pci_bus *bus;
	char *addr;                    /* property: "SLOT[.FN]", hex      */
	char *romfile;                 /* property: NULL or ""            */
	bool multifunction;            /* property                        */
	u8   devfn;
	bool shown;                    /* host lock; from the first reset on,
					  the guest finds it               */
	u8  *config, *wmask, *w1c;     /* config_len bytes each           */
	u32  config_len;               /* 256 or 4096                     */
	u16  cap_end, ecap_end;        /* where the next capability goes  */
	u16  last_cap, last_ecap;
	struct pci_bar bars[PCI_BARS]; /* the class's; a realize may change
					  lengths before pci_dev_realize
					  when it sets bars_set          */
	bool bars_set;
	_Atomic u64 bar_at[PCI_BARS];  /* mapped address                  */
	bool bar_mapped[PCI_BARS];
	bool intx_level;               /* what the function drives        */
	bool intx_wire;                /* what the wire was told          */
	struct lock msix_lock;
	struct pci_msix msix;
};

/* `m` is the struct pci_dev member of `s`. */
#define PCI_PROPS(s, m) \
	PROP("addr", PROP_STR, s, m.addr, NULL, "slot and function (05.0)"), \
	PROP("multifunction", PROP_BOOL, s, m.multifunction, "off", \
	     "other functions follow in this slot"), \
	PROP("romfile", PROP_STR, s, m.romfile, NULL, \
	     "option ROM: none, romfile= says so")

static inline struct pci_dev *to_pci(struct device *d)
{
	return container_of(d, struct pci_dev, dev);
}

static inline const struct pci_class *pci_class_of(const struct pci_dev *p)
{
	return p->dev.class->pci;
}

/* --- life: [loop] --- */
/* Take a slot, fill in configuration space. -EBUSY, -ENOSPC, -EINVAL. */
int  pci_dev_realize(struct pci_dev *p, struct err *e);
/* No vCPU is in its registers any more, and none gets there. */
void pci_dev_unrealize(struct pci_dev *p);
void pci_dev_reset(struct pci_dev *p);
/* State of the configuration space, INTx and MSI-X: make
 * STATE_ONE(struct foo, pci, pci_dev_state, 1) the first field, and call
 * pci_dev_post_load first in post_load. */
extern const struct state_desc pci_dev_state;
int  pci_dev_post_load(struct pci_dev *p, struct err *e);

/* --- capabilities: in realize, after pci_dev_realize --- */
/* Offset of `len` zeroed bytes with id and link filled in. */
unsigned pci_add_cap(struct pci_dev *p, u8 id, unsigned len);
unsigned pci_add_ecap(struct pci_dev *p, u16 id, u8 version, unsigned len);
int  pci_msix_init(struct pci_dev *p, unsigned vectors, unsigned table_bar,
		   u32 table_off, unsigned pba_bar, u32 pba_off,
		   struct err *e);

/* Little-endian access to one's own configuration space. */
u32  pci_get(const struct pci_dev *p, unsigned off, unsigned size);
void pci_put(struct pci_dev *p, unsigned off, u32 val, unsigned size);
void pci_put_wmask(struct pci_dev *p, unsigned off, u32 mask, unsigned size);

/* --- at run time: [any] --- */
void pci_irq_set(struct pci_dev *p, int level);
bool pci_bus_master(const struct pci_dev *p);
bool pci_msix_enabled(const struct pci_dev *p);
/* Send vector's message, or remember it in the PBA while masked. */
void pci_msix_notify(struct pci_dev *p, unsigned vector);
/* The message of a vector; false while it may not be sent. */
bool pci_msix_message(struct pci_dev *p, unsigned vector, u64 *addr,
		      u32 *data);
/* Where a BAR is now; ~0: nowhere. */
u64  pci_bar_addr(const struct pci_dev *p, unsigned bar);

/* --- the bus: pci_bus.c --- */
struct pci_bus;
struct pci_bus *pci_bus_create(struct device *host);
void pci_bus_destroy(struct pci_bus *b);
struct pci_dev *pci_bus_dev(struct pci_bus *b, u8 devfn);   /* or NULL */
/* Configuration access from the guest; size 1, 2, 4. Host lock held. */
u32  pci_bus_config_read(struct pci_bus *b, u8 bus, u8 devfn, unsigned off,
			 unsigned size);
void pci_bus_config_write(struct pci_bus *b, u8 bus, u8 devfn, unsigned off,
			  u32 val, unsigned size);
/* The GSI of pin `pin` (0 = A) of root device `slot`. */
static inline unsigned pci_intx_gsi(unsigned slot, unsigned pin)
{
	return PCI_GSI_BASE + ((slot + pin) % PCI_GSIS);
}

/* --- pci_hotplug.c: the slots of a machine with "acpi-pci-hotplug" --- */
enum { PCI_HOTPLUG_BASE = 0xae00, PCI_HOTPLUG_LEN = 20 };
/* Tell the guest of a function that came. [loop] */
void pci_hotplug_added(struct pci_dev *p);
/* Ask the guest to let go of its slot.  1: it was asked, env.unplugged will
 * say; 0: nobody to ask, it may go at once; -EBUSY: asked a moment ago;
 * -EINVAL: not function 0. [loop] */
int  pci_hotplug_ask(struct pci_dev *p, struct err *e);

/* --- pci_text.c --- */
/* A class's `describe`: the lines info qtree adds for a PCI device. [loop] */
void pci_dev_describe(struct device *d, struct strbuf *out);
/* A function as the monitors show it. */
struct pci_function {
	const char *id;                /* "" without one                   */
	const char *class_name;        /* NULL: not known by name          */
	u16 class, vendor, device, subsys_vendor, subsys;
	u8 slot, function;
	u8 irq, pin;                   /* line; 0 none, 1 = INTA#          */
	struct pci_shown_bar {
		enum pci_bar_kind kind;
		bool prefetch;
		u64 at, len;           /* PCI_BAR_NOWHERE: not mapped      */
	} bars[PCI_BARS];
};
/* Every function, by address, under the host's lock. [loop] */
void pci_bus_each(struct pci_bus *b,
		  void (*fn)(const struct pci_function *f, void *opaque),
		  void *opaque);
/* What info pci prints. [loop] */
void pci_bus_describe(struct pci_bus *b, struct strbuf *out);

/* --- pci_host.c --- */
struct pci_bus *pci_host_bus(struct device *host);   /* of a "pci-host" */

#endif
