/* SPDX-License-Identifier: MIT */
/*
 * The MP table.  See mptable.h; section numbers are the specification's.
 */
#include "arch/x86/mptable.h"

#include <string.h>

enum {                                 /* 4.3: entry types, in their order */
	PROCESSOR = 0, BUS = 1, IOAPIC = 2, IO_INTERRUPT = 3,
	LOCAL_INTERRUPT = 4,
	INT = 0, NMI = 1, EXTINT = 3,
	LEVEL_HIGH = 0xd, CONFORMS = 0,
	BUS_ISA = 1, BUS_PCI = 0,
	APIC_VERSION = 0x14, IOAPIC_VERSION = 0x11, IOAPIC_PINS = 24,
	ISA_IRQS = 16, POINTER_LEN = 16, HEADER_LEN = 44,
	COUNT_OFF = 34, LEN_OFF = 4, CHECKSUM_OFF = 7, PROCESSOR_MAX = 254,
	PCI_SLOTS = 32, PCI_PINS = 4,
};

static void little(struct strbuf *b, u64 v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		strbuf_addc(b, i < sizeof(v) ? (char)(v >> (8 * i)) : 0);
}

static void put_checksum(struct strbuf *b, size_t from, size_t len, size_t at)
{
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (u8)b->buf[from + i];
	b->buf[at] = (char)-sum;
}

/* CPUs whose number does not fit stay unknown. */
static unsigned cpus(struct strbuf *b, const struct acpi_facts *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->cpus; i++) {
		if (f->apic_ids[i] >= PROCESSOR_MAX)
			continue;
		little(b, PROCESSOR, 1);
		little(b, f->apic_ids[i], 1);
		little(b, APIC_VERSION, 1);
		little(b, 1 | (i == 0 ? 2 : 0), 1);    /* enabled, boot CPU */
		little(b, 0, 16);
		n++;
	}
	return n;
}

static void bus(struct strbuf *b, u8 id, const char *name)
{
	little(b, BUS, 1);
	little(b, id, 1);
	strbuf_add(b, name, 6);
}

static void interrupt(struct strbuf *b, u8 type, u8 kind, u16 flags, u8 from,
		      u8 irq, u8 apic, u8 pin)
{
	little(b, type, 1);
	little(b, kind, 1);
	little(b, flags, 2);
	little(b, from, 1);
	little(b, irq, 1);
	little(b, apic, 1);
	little(b, pin, 1);
}

static u8 ioapic_id(const struct acpi_facts *f)
{
	u32 most = 0;

	for (unsigned i = 0; i < f->cpus; i++)
		most = MAX(most, f->apic_ids[i]);
	return MIN(most + 1, (u32)PROCESSOR_MAX);
}

static bool is_virtio(const struct acpi_facts *f, unsigned gsi)
{
	for (unsigned i = 0; f->mmio[i].len; i++)
		if (f->mmio[i].gsi == gsi)
			return true;
	return false;
}

/* Pins 16 and up are ISA's too where no PCI bus has them: so a kernel finds
 * virtio-mmio devices' interrupts by their numbers. */
static unsigned isa_interrupts(struct strbuf *b, const struct acpi_facts *f,
			       u8 apic)
{
	const unsigned end = f->pci_gsi ? ISA_IRQS : IOAPIC_PINS;
	unsigned n = 0;

	for (unsigned irq = 0; irq < end; irq++) {
		if (irq == 2)
			continue;      /* the cascade */
		interrupt(b, IO_INTERRUPT, INT, irq >= ISA_IRQS ||
			  is_virtio(f, irq) ? LEVEL_HIGH : CONFORMS, BUS_ISA,
			  irq, apic, irq ? irq : 2);
		n++;
	}
	return n;
}

static unsigned pci_interrupts(struct strbuf *b, const struct acpi_facts *f,
			       u8 apic)
{
	if (!f->pci_gsi)
		return 0;
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		for (unsigned pin = 0; pin < PCI_PINS; pin++)
			interrupt(b, IO_INTERRUPT, INT, LEVEL_HIGH, BUS_PCI,
				  slot << 2 | pin, apic,
				  f->pci_gsi(slot, pin));
	return PCI_SLOTS * PCI_PINS;
}

static unsigned entries(struct strbuf *b, const struct acpi_facts *f)
{
	const u8 apic = ioapic_id(f);
	unsigned n = cpus(b, f);

	if (f->pci_gsi) {
		bus(b, BUS_PCI, "PCI   ");
		n++;
	}
	bus(b, BUS_ISA, "ISA   ");
	little(b, IOAPIC, 1);
	little(b, apic, 1);
	little(b, IOAPIC_VERSION, 1);
	little(b, 1, 1);
	little(b, 0xfec00000, 4);
	n += 2;
	n += pci_interrupts(b, f, apic);
	n += isa_interrupts(b, f, apic);
	interrupt(b, LOCAL_INTERRUPT, EXTINT, CONFORMS, BUS_ISA, 0, 0xff, 0);
	interrupt(b, LOCAL_INTERRUPT, NMI, CONFORMS, BUS_ISA, 0, 0xff, 1);
	return n + 2;
}

static void pointer(struct strbuf *b, gpa_t table)
{
	strbuf_add(b, "_MP_", 4);
	little(b, table, 4);
	little(b, POINTER_LEN / 16, 1);
	little(b, 4, 1);               /* revision 1.4 */
	little(b, 0, 6);
	put_checksum(b, 0, POINTER_LEN, 10);
}

void mptable_build(const struct acpi_facts *f, gpa_t base, struct strbuf *out)
{
	u16 n, len;

	assert(base % 16 == 0 && out->len == 0);
	pointer(out, base + POINTER_LEN);
	strbuf_add(out, "PCMP", 4);
	little(out, 0, 2);             /* length: below */
	little(out, 4, 1);
	little(out, 0, 1);
	strbuf_add(out, "MOTE    " "MOTE        ", 20);
	little(out, 0, 8);             /* no OEM table; count: below */
	little(out, 0xfee00000, 4);
	little(out, 0, 4);
	assert(out->len == POINTER_LEN + HEADER_LEN);
	n = entries(out, f);
	len = out->len - POINTER_LEN;
	memcpy(out->buf + POINTER_LEN + LEN_OFF, &len, 2);
	memcpy(out->buf + POINTER_LEN + COUNT_OFF, &n, 2);
	put_checksum(out, POINTER_LEN, len, POINTER_LEN + CHECKSUM_OFF);
}
