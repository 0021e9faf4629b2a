/* SPDX-License-Identifier: MIT */
/*
 * Base address registers: sizing, and mapping as the guest moves them.
 *
 * Room:     BARs of one function.
 * Talks to: the buses; the class's bar_moved.
 * Never:    maps a BAR that wraps, or while COMMAND turns its space off.
 */
#include <errno.h>

#include "vmm/pci/pci_bus.h"
#include "vmm/base/trace.h"

enum { FLAG_IO = 1, FLAG_MEM64 = 4, FLAG_PREFETCH = 8 };

static unsigned bar_off(unsigned i)
{
	return PCI_BAR0 + 4 * i;
}

static struct bus *bar_bus(const struct pci_dev *p, unsigned i)
{
	return p->bars[i].kind == PCI_BAR_IO ? p->dev.env->pio
					     : p->dev.env->mmio;
}

static int bar_init(struct pci_dev *p, unsigned i, struct err *e)
{
	const struct pci_bar *b = &p->bars[i];
	bool io = b->kind == PCI_BAR_IO, wide = b->kind == PCI_BAR_MEM64;
	u64 mask = ~(b->len - 1);

	if (b->len & (b->len - 1) || b->len < (io ? 4u : 16u) ||
	    (io && b->len > 0x10000) || (!wide && b->len > BIT64(31)) ||
	    (wide && (i == PCI_BARS - 1 ||
		      p->bars[i + 1].kind != PCI_BAR_NONE)))
		return err_set(e, -EINVAL, "%s: BAR %u cannot be 0x%llx bytes",
			       p->dev.class->name, i,
			       (unsigned long long)b->len);
	pci_put(p, bar_off(i), io ? FLAG_IO : (wide ? FLAG_MEM64 : 0) |
				  (b->prefetch ? FLAG_PREFETCH : 0), 4);
	pci_put_wmask(p, bar_off(i), mask & (io ? ~3u : ~15u), 4);
	if (wide)
		pci_put_wmask(p, bar_off(i + 1), mask >> 32, 4);
	return 0;
}

int pci_bars_init(struct pci_dev *p, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (!p->bars_set)
			p->bars[i] = pci_class_of(p)->bars[i];
		p->bar_at[i] = PCI_BAR_NOWHERE;
		p->bar_mapped[i] = false;
	}
	for (unsigned i = 0; i < PCI_BARS && rc == 0; i++)
		if (p->bars[i].kind != PCI_BAR_NONE)
			rc = bar_init(p, i, e);
	return rc;
}

/* Where configuration space wants it, or nowhere. */
static u64 bar_wanted(const struct pci_dev *p, unsigned i)
{
	const struct pci_bar *b = &p->bars[i];
	u16 cmd = pci_get(p, PCI_COMMAND, 2);
	u64 at = pci_get(p, bar_off(i), 4), last;

	if (b->kind == PCI_BAR_IO) {
		at &= ~3ull;
		if (!(cmd & PCI_CMD_IO) || !at || at + b->len > 0x10000)
			return PCI_BAR_NOWHERE;
		return at;
	}
	at &= ~15ull;
	if (b->kind == PCI_BAR_MEM64)
		at |= (u64)pci_get(p, bar_off(i + 1), 4) << 32;
	if (!(cmd & PCI_CMD_MEM) || !at ||
	    __builtin_add_overflow(at, b->len - 1, &last))
		return PCI_BAR_NOWHERE;
	/* The answer while a guest sizes it: all ones but the length. */
	if (last == UINT64_MAX || last == UINT32_MAX)
		return PCI_BAR_NOWHERE;
	return at;
}

static void bar_unmap(struct pci_dev *p, unsigned i)
{
	const struct pci_class *c = pci_class_of(p);
	u64 at = p->bar_at[i];

	if (at == PCI_BAR_NOWHERE)
		return;
	trace(pci_bar, "%s bar %u leaves 0x%llx", p->dev.class->name, i,
	      (unsigned long long)at);
	if (c->bar_moved)
		c->bar_moved(p, i, at, false);
	pci_msix_map(p, i, at, false);
	if (p->bar_mapped[i])
		bus_unmap(bar_bus(p, i), &p->dev, at);
	p->bar_mapped[i] = false;
	p->bar_at[i] = PCI_BAR_NOWHERE;
}

/* A bus may refuse (beyond its span): then the BAR is nowhere. */
static void bar_map(struct pci_dev *p, unsigned i, u64 at)
{
	const struct pci_class *c = pci_class_of(p);
	const struct pci_bar *b = &p->bars[i];
	struct region r = { .name = b->name ? b->name : p->dev.class->name,
			    .base = at, .len = b->len, .ops = b->ops,
			    .dev = &p->dev };

	if (b->ops) {
		if (bus_map(bar_bus(p, i), &r, NULL) < 0)
			return;
		p->bar_mapped[i] = true;
	}
	trace(pci_bar, "%s bar %u at 0x%llx", p->dev.class->name, i,
	      (unsigned long long)at);
	p->bar_at[i] = at;
	pci_msix_map(p, i, at, true);
	if (c->bar_moved)
		c->bar_moved(p, i, at, true);
}

void pci_bars_update(struct pci_dev *p)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		u64 at;

		if (p->bars[i].kind == PCI_BAR_NONE)
			continue;
		at = bar_wanted(p, i);
		if (at == p->bar_at[i])
			continue;
		bar_unmap(p, i);
		if (at != PCI_BAR_NOWHERE)
			bar_map(p, i, at);
	}
}

void pci_bars_unmap(struct pci_dev *p)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (p->bars[i].kind != PCI_BAR_NONE)
			bar_unmap(p, i);
}

u64 pci_bar_addr(const struct pci_dev *p, unsigned bar)
{
	assert(bar < PCI_BARS);
	return p->bar_at[bar];
}
