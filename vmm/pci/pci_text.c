/* SPDX-License-Identifier: MIT */
/*
 * PCI functions as the monitor shows them.
 *
 * Room:     names of classes; the lines of info pci and info qtree.
 * Talks to: configuration space, under the host's lock.
 * Never:    changes anything.
 */
#include "vmm/base/strbuf.h"
#include "vmm/pci/pci_bus.h"

static const struct { u16 class; const char *name; } names[] = {
	{ 0x0001, "VGA controller" },
	{ 0x0100, "SCSI controller" },
	{ 0x0101, "IDE controller" },
	{ 0x0106, "SATA controller" },
	{ 0x0180, "Storage controller" },
	{ 0x0200, "Ethernet controller" },
	{ 0x0280, "Network controller" },
	{ 0x0300, "VGA controller" },
	{ 0x0380, "Display controller" },
	{ 0x0401, "Audio controller" },
	{ 0x0403, "Audio controller" },
	{ 0x0500, "RAM controller" },
	{ 0x0580, "Memory controller" },
	{ 0x0600, "Host bridge" },
	{ 0x0601, "ISA bridge" },
	{ 0x0604, "PCI bridge" },
	{ 0x0680, "Bridge" },
	{ 0x0700, "Serial port" },
	{ 0x0701, "Parallel port" },
	{ 0x0c00, "Firewire" },
	{ 0x0c03, "USB controller" },
	{ 0x0c05, "SMBus" },
};

static const char *class_name(u16 class)
{
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].class == class)
			return names[i].name;
	return NULL;
}

/* --- info qtree ---------------------------------------------------------- */

static void describe_bar(const struct pci_dev *p, unsigned i,
			 struct strbuf *out)
{
	u64 at = pci_bar_addr(p, i), last = at + p->bars[i].len - 1;

	strbuf_addf(out, "bar %u: %s at 0x%llx [0x%llx]\n", i,
		    p->bars[i].kind == PCI_BAR_IO ? "i/o" : "mem",
		    (unsigned long long)at, (unsigned long long)last);
}

void pci_dev_describe(struct device *d, struct strbuf *out)
{
	const struct pci_dev *p = to_pci(d);
	u16 class = pci_get(p, PCI_CLASS_PROG + 1, 2);
	const char *name = class_name(class);

	strbuf_addstr(out, "class ");
	if (name)
		strbuf_addstr(out, name);
	else
		strbuf_addf(out, "Class %04x", class);
	strbuf_addf(out, ", addr 00:%02x.%x, pci id %04x:%04x "
		    "(sub %04x:%04x)\n", p->devfn >> 3, p->devfn & 7,
		    pci_get(p, PCI_VENDOR_ID, 2), pci_get(p, PCI_DEVICE_ID, 2),
		    pci_get(p, PCI_SUBSYS_VENDOR, 2),
		    pci_get(p, PCI_SUBSYS_ID, 2));
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (p->bars[i].kind != PCI_BAR_NONE)
			describe_bar(p, i, out);
}

/* --- functions ----------------------------------------------------------- */

static struct pci_function show(const struct pci_dev *p)
{
	struct pci_function f = {
		.id = p->dev.id ? p->dev.id : "",
		.class = pci_get(p, PCI_CLASS_PROG + 1, 2),
		.vendor = pci_get(p, PCI_VENDOR_ID, 2),
		.device = pci_get(p, PCI_DEVICE_ID, 2),
		.subsys_vendor = pci_get(p, PCI_SUBSYS_VENDOR, 2),
		.subsys = pci_get(p, PCI_SUBSYS_ID, 2),
		.slot = p->devfn >> 3, .function = p->devfn & 7,
		.irq = pci_get(p, PCI_INT_LINE, 1),
		.pin = pci_get(p, PCI_INT_PIN, 1),
	};

	f.class_name = class_name(f.class);
	for (unsigned i = 0; i < PCI_BARS; i++)
		f.bars[i] = (struct pci_shown_bar){
			p->bars[i].kind, p->bars[i].prefetch,
			pci_bar_addr(p, i), p->bars[i].len,
		};
	return f;
}

void pci_bus_each(struct pci_bus *b,
		  void (*fn)(const struct pci_function *f, void *opaque),
		  void *opaque)
{
	SCOPED_LOCK(&b->host->lock);
	for (unsigned i = 0; i < ARRAY_LEN(b->devs); i++) {
		struct pci_function f;

		if (!b->devs[i])
			continue;
		f = show(b->devs[i]);
		fn(&f, opaque);
	}
}

/* --- info pci ------------------------------------------------------------ */

static void list_bar(const struct pci_shown_bar *b, unsigned i,
		     struct strbuf *out)
{
	unsigned long long at = b->at, last = at + b->len - 1;

	if (b->kind == PCI_BAR_IO)
		strbuf_addf(out, "      BAR%u: I/O at 0x%04llx [0x%04llx].\n",
			    i, at, last);
	else
		strbuf_addf(out, "      BAR%u: %u bit%s memory at 0x%08llx "
			    "[0x%08llx].\n", i,
			    b->kind == PCI_BAR_MEM64 ? 64 : 32,
			    b->prefetch ? " prefetchable" : "", at, last);
}

static void list_function(const struct pci_function *f, void *opaque)
{
	struct strbuf *out = opaque;

	strbuf_addf(out, "  Bus  0, device %3u, function %u:\n    ", f->slot,
		    f->function);
	if (f->class_name)
		strbuf_addstr(out, f->class_name);
	else
		strbuf_addf(out, "Class %04u", f->class);
	strbuf_addf(out, ": PCI device %04x:%04x\n"
		    "      PCI subsystem %04x:%04x\n", f->vendor, f->device,
		    f->subsys_vendor, f->subsys);
	if (f->pin)
		strbuf_addf(out, "      IRQ %u, pin %c\n", f->irq,
			    'A' + f->pin - 1);
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (f->bars[i].kind != PCI_BAR_NONE)
			list_bar(&f->bars[i], i, out);
	strbuf_addf(out, "      id \"%s\"\n", f->id);
}

void pci_bus_describe(struct pci_bus *b, struct strbuf *out)
{
	pci_bus_each(b, list_function, out);
}
