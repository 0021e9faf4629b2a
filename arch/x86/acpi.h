/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables that say what this machine has.
 *
 * Room:     ACPI 6.4: RSDP, XSDT, FADT, FACS, MADT, MCFG, HPET, DSDT.
 * Talks to: the machine's facts in struct acpi_facts; writes one image.
 * Never:    looks at a device; the machine tells it which are there.
 */
#ifndef MOTE_X86_ACPI_H
#define MOTE_X86_ACPI_H

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct aml;

enum { ACPI_MMIO_MAX = 32 };

struct acpi_facts {
	unsigned cpus;
	const u32 *apic_ids;           /* cpus of them                     */
	u64 low_end, high_end;         /* RAM ends; high_end 4 GiB if none */
	u64 pci_low, pci_low_end;      /* 32-bit MMIO window, end exclusive */
	u64 pci_high, pci_high_end;    /* 64-bit window, 0: none           */
	u64 ecam;                      /* 0: none                          */
	/* INTx: pin `pin` (0 = A) of root device `slot` is this GSI. */
	unsigned (*pci_gsi)(unsigned slot, unsigned pin);
	u16 com[4];                    /* base or 0: absent                */
	u8  com_irq[4];
	u16 pm_base;                   /* PM1a event block; 0: no ACPI PM  */
	u16 gpe_base;
	u8  sci;
	u16 smi_cmd;                   /* 0: always in ACPI mode           */
	u8  acpi_enable, acpi_disable;
	u16 ged;                       /* event device: no fixed hardware  */
	u8  ged_gsi;
	u8  s3_type, s5_type;          /* SLP_TYP of S3 and S5             */
	u16 reset_port;                /* 0: none                          */
	u8  reset_value;
	u16 pci_hotplug;               /* its registers; 0: none           */
	u32 pci_slots;                 /* that can be plugged              */
	u16 fw_cfg;                    /* 0: absent                        */
	u16 pvpanic;
	u64 hpet;
	u32 vmgenid;                   /* address of the bytes; 0: none    */
	bool rtc, i8042, pic, pit;
	struct acpi_mmio {             /* virtio-mmio devices; len 0 ends  */
		u32 base, len;
		u32 gsi;
	} mmio[ACPI_MMIO_MAX + 1];
};

/* The FACS, counted from `base`, and where the OS says how to wake it. */
enum { ACPI_FACS = 64, FACS_WAKING_VECTOR = 12 };

/* The tables as they go to `base` (64-byte aligned); the RSDP is first. */
void acpi_build(const struct acpi_facts *f, gpa_t base, struct strbuf *out);

/* The DSDT's AML, without its header. */
void acpi_dsdt(const struct acpi_facts *f, struct strbuf *out);

/* --- acpi_events.c: parts of the DSDT, in \_SB --- */
void acpi_dsdt_events(struct aml *a, const struct acpi_facts *f);
/* What is known of PCI slots, in the host's scope. */
void acpi_dsdt_slots(struct aml *a, const struct acpi_facts *f);
/* What is outside \_SB: the methods of events. */
void acpi_dsdt_gpe(struct aml *a, const struct acpi_facts *f);
/* A level interrupt, active high, by its GSI. */
void acpi_res_gsi(struct strbuf *res, u32 gsi);

#endif
