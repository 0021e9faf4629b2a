/* SPDX-License-Identifier: MIT */
/*
 * A PCI function's configuration space (PCI Local Bus 3.0, chapter 6).
 *
 * Room:     header, capabilities, guest reads and writes of it.
 * Talks to: pci_bar.c, pci_msix.c, pci_bus.c.
 * Never:    lets a guest write a bit its mask does not name.
 */
#include "vmm/pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/strbuf.h"
#include "vmm/pci/pci_bus.h"

enum { HEADER_LEN = 0x40, CONFIG_LEN = 256, EXPRESS_LEN = 4096,
       STATUS_W1C = 0xf900 };

u32 pci_get(const struct pci_dev *p, unsigned off, unsigned size)
{
	u32 v = 0;

	assert(size <= 4 && off + size <= p->config_len);
	memcpy(&v, p->config + off, size);
	return v;
}

void pci_put(struct pci_dev *p, unsigned off, u32 val, unsigned size)
{
	assert(size <= 4 && off + size <= p->config_len);
	memcpy(p->config + off, &val, size);
}

void pci_put_wmask(struct pci_dev *p, unsigned off, u32 mask, unsigned size)
{
	assert(size <= 4 && off + size <= p->config_len);
	memcpy(p->wmask + off, &mask, size);
}

bool pci_bus_master(const struct pci_dev *p)
{
	return __atomic_load_n(&p->config[PCI_COMMAND], __ATOMIC_RELAXED) &
	       PCI_CMD_MASTER;
}

/* --- what a class says --------------------------------------------------- */

static void fill_header(struct pci_dev *p)
{
	const struct pci_class *c = pci_class_of(p);
	bool own = c->subsys_vendor || c->subsys;

	pci_put(p, PCI_VENDOR_ID, c->vendor, 2);
	pci_put(p, PCI_DEVICE_ID, c->device, 2);
	pci_put(p, PCI_REVISION, c->revision, 1);
	pci_put(p, PCI_CLASS_PROG, c->class_code, 3);
	pci_put(p, PCI_HEADER_TYPE, p->multifunction ? 0x80 : 0, 1);
	pci_put(p, PCI_SUBSYS_VENDOR,
		own ? c->subsys_vendor : PCI_VENDOR_REDHAT_SUBSYS, 2);
	pci_put(p, PCI_SUBSYS_ID, own ? c->subsys : PCI_SUBSYS_DEFAULT, 2);
	pci_put(p, PCI_INT_PIN, c->int_pin, 1);
	pci_put_wmask(p, PCI_COMMAND, PCI_CMD_IO | PCI_CMD_MEM |
		      PCI_CMD_MASTER | PCI_CMD_PARITY | PCI_CMD_SERR |
		      PCI_CMD_INTX_OFF, 2);
	pci_put_wmask(p, PCI_CACHE_LINE, 0xff, 1);
	pci_put_wmask(p, PCI_INT_LINE, 0xff, 1);
	p->w1c[PCI_STATUS + 1] = STATUS_W1C >> 8;
}

static void free_config(struct pci_dev *p)
{
	free(p->config);
	p->config = NULL;
}

static int alloc_config(struct pci_dev *p, struct err *e)
{
	p->config_len = pci_class_of(p)->express ? EXPRESS_LEN : CONFIG_LEN;
	p->config = calloc(3, p->config_len);
	if (!p->config)
		return err_set(e, -ENOMEM, "%s: configuration space: %m",
			       p->dev.class->name);
	p->wmask = p->config + p->config_len;
	p->w1c = p->wmask + p->config_len;
	p->cap_end = HEADER_LEN;
	p->last_cap = p->last_ecap = 0;
	return 0;
}

int pci_dev_realize(struct pci_dev *p, struct err *e)
{
	struct pci_bus *b = p->dev.env->pci;
	int rc;

	if (!b)
		return err_set(e, -ENODEV, "%s needs a PCI bus, this machine "
			       "has none", p->dev.class->name);
	if (p->romfile && *p->romfile)
		return err_set(e, -ENOTSUP, "romfile=%s: not supported yet: "
			       "option ROMs", p->romfile);
	rc = alloc_config(p, e);
	if (rc < 0)
		return rc;
	lock_init(&p->msix_lock, "pci-msix");
	fill_header(p);
	rc = pci_bars_init(p, e);
	if (rc == 0) {
		SCOPED_LOCK(&b->host->lock);
		rc = pci_bus_attach(b, p, e);
	}
	if (rc < 0) {
		lock_fini(&p->msix_lock);
		free_config(p);
	}
	return rc;
}

void pci_dev_unrealize(struct pci_dev *p)
{
	if (!p->bus)
		return;
	pci_irq_set(p, 0);
	lock_take(&p->bus->host->lock);
	pci_bars_unmap(p);
	lock_drop(&p->bus->host->lock);
	pci_bus_detach(p);
	/* Until here a guest may have mapped a BAR again, and be in it still. */
	bus_quiesce(p->dev.env->pio);
	bus_quiesce(p->dev.env->mmio);
	pci_msix_fini(p);
	lock_fini(&p->msix_lock);
	free_config(p);
}

void pci_dev_reset(struct pci_dev *p)
{
	pci_irq_set(p, 0);
	SCOPED_LOCK(&p->bus->host->lock);
	pci_put(p, PCI_COMMAND, 0, 2);
	pci_put(p, PCI_STATUS, pci_get(p, PCI_STATUS, 2) & PCI_STS_CAPS, 2);
	pci_put(p, PCI_CACHE_LINE, 0, 1);
	pci_put(p, PCI_INT_LINE, 0, 1);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		unsigned at = PCI_BAR0 + 4 * i;
		u32 wmask;

		memcpy(&wmask, p->wmask + at, 4);
		pci_put(p, at, pci_get(p, at, 4) & ~wmask, 4);
	}
	pci_msix_reset(p);
	pci_bars_update(p);
	pci_irq_update(p);
	p->shown = true;
}

/* --- capabilities -------------------------------------------------------- */

unsigned pci_add_cap(struct pci_dev *p, u8 id, unsigned len)
{
	unsigned at = p->cap_end;

	assert(at + len <= CONFIG_LEN);
	p->cap_end = ALIGN_UP(at + len, 4u);
	pci_put(p, at, id, 1);
	if (p->last_cap)
		pci_put(p, p->last_cap + 1, at, 1);
	else
		pci_put(p, PCI_CAP_PTR, at, 1);
	p->last_cap = at;
	pci_put(p, PCI_STATUS, pci_get(p, PCI_STATUS, 2) | PCI_STS_CAPS, 2);
	return at;
}

/* Version, id and link of PCI Express 7.9.3; the first is at 0x100. */
unsigned pci_add_ecap(struct pci_dev *p, u16 id, u8 version, unsigned len)
{
	unsigned at = p->last_ecap ? p->ecap_end : CONFIG_LEN;

	assert(p->config_len == EXPRESS_LEN && at + len <= EXPRESS_LEN);
	pci_put(p, at, (u32)version << 16 | id, 4);
	if (p->last_ecap)
		pci_put(p, p->last_ecap + 2,
			(pci_get(p, p->last_ecap + 2, 2) & 0xf) | at << 4, 2);
	p->last_ecap = at;
	p->ecap_end = ALIGN_UP(at + len, 4u);
	return at;
}

/* --- the guest's side ---------------------------------------------------- */

static bool touches(unsigned off, unsigned size, unsigned at, unsigned len)
{
	return off < at + len && at < off + size;
}

u32 pci_dev_config_read(struct pci_dev *p, unsigned off, unsigned size)
{
	const struct pci_class *c = pci_class_of(p);

	if (off + size > p->config_len)
		return off >= CONFIG_LEN ? 0 : ~0u;
	if (c->config_reading)
		c->config_reading(p, off, size);
	return pci_get(p, off, size);
}

static void write_masked(struct pci_dev *p, unsigned off, u32 val,
			 unsigned size)
{
	for (unsigned i = off; i < off + size; i++, val >>= 8) {
		u8 v;

		if (!(p->wmask[i] | p->w1c[i]))
			continue;      /* status is others' to write */
		v = (p->config[i] & ~p->wmask[i]) | (val & p->wmask[i]);

		__atomic_store_n(&p->config[i], v & ~(val & p->w1c[i]),
				 __ATOMIC_RELAXED);
	}
}

void pci_dev_config_write(struct pci_dev *p, unsigned off, u32 val,
			  unsigned size)
{
	const struct pci_class *c = pci_class_of(p);
	u16 control = 0;

	if (off + size > p->config_len)
		return;
	if (p->msix.n)
		control = pci_get(p, p->msix.cap + 2, 2);
	write_masked(p, off, val, size);
	if (touches(off, size, PCI_BAR0, 4 * PCI_BARS) ||
	    touches(off, size, PCI_COMMAND, 2))
		pci_bars_update(p);
	if (touches(off, size, PCI_COMMAND, 2))
		pci_irq_update(p);
	if (p->msix.n && touches(off, size, p->msix.cap + 2, 2))
		pci_msix_control_written(p, control);
	if (c->config_written)
		c->config_written(p, off, size);
}

/* --- state --------------------------------------------------------------- */

static const struct state_field msix_fields[] = {
	STATE_MEM(struct pci_msix, table, table_len, 1),
	STATE_MEM(struct pci_msix, pba,   pba_len,   1),
	STATE_END
};
static const struct state_desc msix_state = {
	.version = 1, .oldest = 1, .fields = msix_fields,
};

static const struct state_field pci_fields[] = {
	STATE_MEM(struct pci_dev, config, config_len, 1),
	STATE_FIELD(STATE_BOOL, struct pci_dev, intx_level, 1),
	STATE_ONE(struct pci_dev, msix, msix_state, 1),
	STATE_END
};

const struct state_desc pci_dev_state = {
	.version = 1, .oldest = 1, .fields = pci_fields,
};

/* What a stream may not change: identity, BAR kinds, capability layout. */
static int check_loaded(struct pci_dev *p, struct err *e)
{
	const struct pci_class *c = pci_class_of(p);

	if (pci_get(p, PCI_VENDOR_ID, 2) != c->vendor ||
	    pci_get(p, PCI_DEVICE_ID, 2) != c->device)
		return err_set(e, -EINVAL, "%s: the state is of PCI device "
			       "%04x:%04x", p->dev.class->name,
			       pci_get(p, PCI_VENDOR_ID, 2),
			       pci_get(p, PCI_DEVICE_ID, 2));
	if (p->msix.n && (pci_get(p, p->msix.cap + 2, 2) & 0x7ff) !=
			 p->msix.n - 1u)
		return err_set(e, -EINVAL, "%s: the state has another number of "
			       "MSI-X vectors", p->dev.class->name);
	return 0;
}

int pci_dev_post_load(struct pci_dev *p, struct err *e)
{
	int rc = check_loaded(p, e);

	if (rc < 0)
		return rc;
	lock_take(&p->bus->host->lock);
	pci_bars_update(p);
	lock_drop(&p->bus->host->lock);
	pci_irq_update(p);
	if (p->msix.n && pci_class_of(p)->msix_changed)
		pci_class_of(p)->msix_changed(p, ~0u);
	return 0;
}
