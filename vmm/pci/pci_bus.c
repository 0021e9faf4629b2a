/* SPDX-License-Identifier: MIT */
/*
 * The root bus: slots, configuration routing, INTx wires.
 *
 * Room:     who sits at which devfn; how many hold each wire.
 * Talks to: device_env.gsi.
 * Never:    answers for buses other than 0: there are no bridges yet.
 *
 * Invariants: pin_users[i] counts functions whose intx_wire is set and whose
 * pin leads to wire i; the GSI is high while it is not 0.
 */
#include "vmm/pci/pci_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pci_bus *pci_bus_create(struct device *host)
{
	struct pci_bus *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->host = host;
	lock_init(&b->irq_lock, "pci-irq");
	return b;
}

void pci_bus_destroy(struct pci_bus *b)
{
	if (!b)
		return;
	lock_fini(&b->irq_lock);
	free(b);
}

struct pci_dev *pci_bus_dev(struct pci_bus *b, u8 devfn)
{
	return b->devs[devfn];
}

/* --- slots --------------------------------------------------------------- */

/* "5", "05.0", "1f.3": hexadecimal, as QEMU's addr. */
static int parse_addr(const char *text, u8 *devfn)
{
	char *end;
	unsigned long slot = strtoul(text, &end, 16), fn = 0;

	if (end == text || slot >= PCI_SLOTS)
		return -EINVAL;
	if (*end == '.') {
		text = end + 1;
		fn = strtoul(text, &end, 16);
		if (end == text || fn > 7)
			return -EINVAL;
	}
	if (*end)
		return -EINVAL;
	*devfn = PCI_DEVFN(slot, fn);
	return 0;
}

static bool slot_is_free(const struct pci_bus *b, unsigned slot)
{
	for (unsigned fn = 0; fn < 8; fn++)
		if (b->devs[PCI_DEVFN(slot, fn)])
			return false;
	return true;
}

static int choose_devfn(struct pci_bus *b, struct pci_dev *p, struct err *e)
{
	if (p->addr && *p->addr) {
		if (parse_addr(p->addr, &p->devfn) < 0)
			return err_set(e, -EINVAL, "%s: addr=%s is not "
				       "SLOT[.FUNCTION]", p->dev.class->name,
				       p->addr);
		if (b->devs[p->devfn])
			return err_set(e, -EBUSY, "PCI: slot %d function %d not "
				       "available for %s, in use by %s",
				       p->devfn >> 3, p->devfn & 7,
				       p->dev.class->name,
				       b->devs[p->devfn]->dev.class->name);
		return 0;
	}
	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		if (slot_is_free(b, slot)) {
			p->devfn = PCI_DEVFN(slot, 0);
			return 0;
		}
	}
	return err_set(e, -ENOSPC, "PCI: no slot/function available for %s, "
		       "all in use", p->dev.class->name);
}

int pci_bus_attach(struct pci_bus *b, struct pci_dev *p, struct err *e)
{
	int rc = choose_devfn(b, p, e);

	if (rc < 0)
		return rc;
	p->bus = b;
	p->dev.parent = b->host;
	b->devs[p->devfn] = p;
	return 0;
}

void pci_bus_detach(struct pci_dev *p)
{
	struct pci_bus *b = p->bus;

	SCOPED_LOCK(&b->host->lock);
	b->devs[p->devfn] = NULL;
	p->bus = NULL;
	p->shown = false;
}

/* --- configuration ------------------------------------------------------- */

static struct pci_dev *routed(struct pci_bus *b, u8 bus, u8 devfn)
{
	struct pci_dev *p = b->devs[devfn];

	if (bus || !p || !p->shown || b->ejected & BIT(devfn >> 3))
		return NULL;
	return p;
}

u32 pci_bus_config_read(struct pci_bus *b, u8 bus, u8 devfn, unsigned off,
			unsigned size)
{
	struct pci_dev *p = routed(b, bus, devfn);
	u32 v = p ? pci_dev_config_read(p, off, size) : ~0u;

	return size < 4 ? v & (BIT(8 * size) - 1) : v;
}

void pci_bus_config_write(struct pci_bus *b, u8 bus, u8 devfn, unsigned off,
			  u32 val, unsigned size)
{
	struct pci_dev *p = routed(b, bus, devfn);

	if (p)
		pci_dev_config_write(p, off, val, size);
}

/* --- INTx ---------------------------------------------------------------- */

static void drive(struct pci_dev *p, bool level)
{
	struct pci_bus *b = p->bus;
	const struct device_env *env = p->dev.env;
	unsigned gsi = pci_intx_gsi(p->devfn >> 3,
				    pci_class_of(p)->int_pin - 1);
	u16 *users = &b->pin_users[gsi - PCI_GSI_BASE];
	struct irq_line line = env->gsi(env->opaque, gsi);

	p->intx_wire = level;
	*users += level ? 1 : -1;
	if (*users == level)           /* first on, or last off */
		irq_drive(&line, level);
}

static void update_locked(struct pci_dev *p)
{
	u8 cmd_high = __atomic_load_n(&p->config[PCI_COMMAND + 1],
				      __ATOMIC_RELAXED);
	u8 *status = &p->config[PCI_STATUS];
	bool level = p->intx_level && !(cmd_high & PCI_CMD_INTX_OFF >> 8) &&
		     !pci_msix_enabled(p);
	u8 v = *status & ~PCI_STS_INTX;

	__atomic_store_n(status, v | (p->intx_level ? PCI_STS_INTX : 0),
			 __ATOMIC_RELAXED);
	if (level != p->intx_wire)
		drive(p, level);
}

void pci_irq_update(struct pci_dev *p)
{
	if (!pci_class_of(p)->int_pin)
		return;
	SCOPED_LOCK(&p->bus->irq_lock);
	update_locked(p);
}

void pci_irq_set(struct pci_dev *p, int level)
{
	if (!pci_class_of(p)->int_pin)
		return;
	SCOPED_LOCK(&p->bus->irq_lock);
	p->intx_level = level;
	update_locked(p);
}
