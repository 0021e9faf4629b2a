/* SPDX-License-Identifier: MIT */
/*
 * MSI-X (PCI Local Bus 3.0, 6.8.2): table, pending bits, masks.
 *
 * Room:     one function's vectors.
 * Talks to: device_env.msi; the class's msix_changed.
 * Never:    sends a masked vector; sends with msix_lock held.
 *
 * Invariants: a pending bit is set only while its vector, the function or
 * MSI-X as a whole is masked or off; whoever lifts the mask sends it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pci/pci_bus.h"

enum { CAP_LEN = 12, CONTROL = 2, TABLE = 4, PBA = 8, ENTRY = 16,
       ENTRY_ADDR = 0, ENTRY_DATA = 8, ENTRY_CTRL = 12, ENTRY_MASKED = 1 };
enum { CTL_ENABLE = BIT(15), CTL_MASK = BIT(14) };

static u16 control_of(const struct pci_dev *p)
{
	return __atomic_load_n(&p->config[p->msix.cap + CONTROL + 1],
			       __ATOMIC_RELAXED) << 8;
}

static u32 entry_word(const struct pci_dev *p, unsigned v, unsigned off)
{
	u32 w;

	memcpy(&w, p->msix.table + v * ENTRY + off, 4);
	return w;
}

static bool masked(const struct pci_dev *p, unsigned v)
{
	return (control_of(p) & (CTL_ENABLE | CTL_MASK)) != CTL_ENABLE ||
	       (entry_word(p, v, ENTRY_CTRL) & ENTRY_MASKED);
}

static void message(const struct pci_dev *p, unsigned v, u64 *addr, u32 *data)
{
	memcpy(addr, p->msix.table + v * ENTRY + ENTRY_ADDR, 8);
	*data = entry_word(p, v, ENTRY_DATA);
}

bool pci_msix_enabled(const struct pci_dev *p)
{
	return p->msix.n && (control_of(p) & CTL_ENABLE);
}

bool pci_msix_message(struct pci_dev *p, unsigned vector, u64 *addr, u32 *data)
{
	if (vector >= p->msix.n)
		return false;
	SCOPED_LOCK(&p->msix_lock);
	if (masked(p, vector))
		return false;
	message(p, vector, addr, data);
	return true;
}

static void send(struct pci_dev *p, u64 addr, u32 data)
{
	const struct msi_sink *s = &p->dev.env->msi;

	if (s->send && pci_bus_master(p))
		s->send(s->opaque, addr, data);
}

void pci_msix_notify(struct pci_dev *p, unsigned v)
{
	u64 addr;
	u32 data;
	bool now;

	if (v >= p->msix.n || !pci_msix_enabled(p))
		return;
	lock_take(&p->msix_lock);
	now = !masked(p, v);
	if (now)
		message(p, v, &addr, &data);
	else
		p->msix.pba[v / 8] |= BIT(v % 8);
	lock_drop(&p->msix_lock);
	if (now)
		send(p, addr, data);
}

/* The mask over `v` may have gone: send what waited for that. */
static void send_pending(struct pci_dev *p, unsigned v)
{
	u64 addr;
	u32 data;
	bool now;

	lock_take(&p->msix_lock);
	now = (p->msix.pba[v / 8] & BIT(v % 8)) && !masked(p, v);
	if (now) {
		p->msix.pba[v / 8] &= ~BIT(v % 8);
		message(p, v, &addr, &data);
	}
	lock_drop(&p->msix_lock);
	if (now)
		send(p, addr, data);
}

static void changed(struct pci_dev *p, unsigned v)
{
	const struct pci_class *c = pci_class_of(p);

	if (c->msix_changed)
		c->msix_changed(p, v);
}

void pci_msix_control_written(struct pci_dev *p, u16 old)
{
	if (!((control_of(p) ^ old) & (CTL_ENABLE | CTL_MASK)))
		return;
	changed(p, ~0u);
	for (unsigned v = 0; v < p->msix.n; v++)
		send_pending(p, v);
	pci_irq_update(p);             /* MSI-X on takes INTx off the wire */
}

/* --- the regions: d->lock held ------------------------------------------- */

static u64 table_read(struct device *d, u64 off, unsigned size)
{
	struct pci_dev *p = to_pci(d);
	u64 v = 0;

	SCOPED_LOCK(&p->msix_lock);
	if (off + size <= p->msix.table_len)
		memcpy(&v, p->msix.table + off, size);
	return v;
}

static void table_write(struct device *d, u64 off, u64 val, unsigned size)
{
	struct pci_dev *p = to_pci(d);
	unsigned v = off / ENTRY;

	if (off + size > p->msix.table_len)
		return;
	lock_take(&p->msix_lock);
	memcpy(p->msix.table + off, &val, size);
	p->msix.table[v * ENTRY + ENTRY_ADDR] &= ~3;
	memset(p->msix.table + v * ENTRY + ENTRY_CTRL + 1, 0, 3);
	p->msix.table[v * ENTRY + ENTRY_CTRL] &= ENTRY_MASKED;
	lock_drop(&p->msix_lock);
	changed(p, v);
	send_pending(p, v);
}

static u64 pba_read(struct device *d, u64 off, unsigned size)
{
	struct pci_dev *p = to_pci(d);
	u64 v = 0;

	SCOPED_LOCK(&p->msix_lock);
	if (off + size <= p->msix.pba_len)
		memcpy(&v, p->msix.pba + off, size);
	return v;
}

static const struct region_ops table_ops = {
	.read = table_read, .write = table_write, .min_size = 4, .max_size = 8,
};
static const struct region_ops pba_ops = {
	.read = pba_read, .min_size = 4, .max_size = 8,
};

static void map_one(struct pci_dev *p, const char *name, u64 at, u32 len,
		    const struct region_ops *ops, bool map)
{
	struct region r = { .name = name, .base = at, .len = len, .ops = ops,
			    .priority = 1, .dev = &p->dev };

	if (map)
		bus_map(p->dev.env->mmio, &r, NULL);
	else
		bus_unmap(p->dev.env->mmio, &p->dev, at);
}

void pci_msix_map(struct pci_dev *p, unsigned bar, u64 base, bool map)
{
	const struct pci_msix *m = &p->msix;

	if (m->n && m->table_bar == bar)
		map_one(p, "msix-table", base + m->table_off, m->table_len,
			&table_ops, map);
	if (m->n && m->pba_bar == bar)
		map_one(p, "msix-pba", base + m->pba_off, m->pba_len,
			&pba_ops, map);
}

/* --- life ---------------------------------------------------------------- */

static bool fits(const struct pci_dev *p, unsigned bar, u32 off, u32 len)
{
	const struct pci_bar *b;

	if (bar >= PCI_BARS || off & 7)
		return false;
	b = &p->bars[bar];
	if (b->kind < PCI_BAR_MEM32)
		return false;
	/* bus_unmap goes by base: a region of the BAR's own may not share it */
	return (u64)off + len <= b->len && (off || !b->ops);
}

int pci_msix_init(struct pci_dev *p, unsigned vectors, unsigned table_bar,
		  u32 table_off, unsigned pba_bar, u32 pba_off, struct err *e)
{
	u32 table_len = vectors * ENTRY, pba_len = ALIGN_UP(vectors, 64u) / 8;
	struct pci_msix *m = &p->msix;

	if (!vectors || vectors > PCI_MSIX_MAX ||
	    !fits(p, table_bar, table_off, table_len) ||
	    !fits(p, pba_bar, pba_off, pba_len))
		return err_set(e, -EINVAL, "%s: %u MSI-X vectors do not fit "
			       "their BAR", p->dev.class->name, vectors);
	m->table = calloc(1, table_len);
	m->pba = calloc(1, pba_len);
	if (!m->table || !m->pba) {
		pci_msix_fini(p);
		return err_set(e, -ENOMEM, "%s: MSI-X table: %m",
			       p->dev.class->name);
	}
	m->cap = pci_add_cap(p, PCI_CAP_MSIX, CAP_LEN);
	pci_put(p, m->cap + CONTROL, vectors - 1, 2);
	pci_put_wmask(p, m->cap + CONTROL, CTL_ENABLE | CTL_MASK, 2);
	pci_put(p, m->cap + TABLE, table_off | table_bar, 4);
	pci_put(p, m->cap + PBA, pba_off | pba_bar, 4);
	m->table_bar = table_bar;
	m->table_off = table_off;
	m->table_len = table_len;
	m->pba_bar = pba_bar;
	m->pba_off = pba_off;
	m->pba_len = pba_len;
	m->n = vectors;
	pci_msix_reset(p);
	return 0;
}

void pci_msix_reset(struct pci_dev *p)
{
	struct pci_msix *m = &p->msix;

	if (!m->n)
		return;
	lock_take(&p->msix_lock);
	memset(m->table, 0, m->table_len);
	memset(m->pba, 0, m->pba_len);
	for (unsigned v = 0; v < m->n; v++)
		m->table[v * ENTRY + ENTRY_CTRL] = ENTRY_MASKED;
	lock_drop(&p->msix_lock);
	pci_put(p, m->cap + CONTROL, m->n - 1, 2);
	changed(p, ~0u);
}

void pci_msix_fini(struct pci_dev *p)
{
	free(p->msix.table);
	free(p->msix.pba);
	p->msix = (struct pci_msix){ 0 };
}
