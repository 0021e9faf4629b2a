/* SPDX-License-Identifier: MIT */
/*
 * The DSDT: what happens while the machine runs.
 *
 * Fixed hardware raises general-purpose events, whose methods are in \_GPE;
 * hardware-reduced machines have one device (ACPI0013) that reads which
 * events came.  Both end in the same notifications.
 *
 * Talks to: the registers of vmm/dev/acpi_pm.c, acpi_ged.c.
 */
#include <stdio.h>

#include "arch/x86/acpi.h"
#include "arch/x86/aml.h"
#include "vmm/dev/acpi_ged.h"

/* An extended interrupt descriptor (ACPI 6.4, 6.4.3.6): level, active high. */
void acpi_res_gsi(struct strbuf *res, u32 gsi)
{
	const u8 d[] = { 0x89, 6, 0, 0x01, 1, gsi, gsi >> 8, gsi >> 16,
			 gsi >> 24 };

	strbuf_add(res, d, sizeof(d));
}

static void power_button(struct aml *a)
{
	aml_device(a, "PWRB");
	aml_name_eisaid(a, "_HID", "PNP0C0C");
	aml_name_int(a, "_UID", 0);
	aml_close(a);
}

/* If (And (Local0, bit)) { ...; the caller closes */
static void if_event(struct aml *a, unsigned bit)
{
	aml_if(a);
	aml_op(a, AML_AND);
	aml_op(a, AML_LOCAL0);
	aml_int(a, BIT(bit));
	aml_op(a, AML_ZERO);
}

static void notify(struct aml *a, const char *device, unsigned value)
{
	aml_op(a, AML_NOTIFY);
	aml_path(a, device);
	aml_int(a, value);
}

/* --- PCI slots: the registers of vmm/pci/pci_hotplug.c ------------------------ */

static void slot_name(char name[8], unsigned slot)
{
	snprintf(name, 8, "S%02X", (slot << 3) & 0xff);
}

/* Store (slot << 16 | (Arg0 & ff) << 8 | (Arg1 & ff), POST) */
static void slot_ost(struct aml *a, unsigned slot)
{
	aml_method(a, "_OST", 3, true);
	aml_op(a, AML_AND);
	aml_op(a, AML_ARG0);
	aml_int(a, 0xff);
	aml_op(a, AML_LOCAL0);
	aml_op(a, AML_SHIFT_LEFT);
	aml_op(a, AML_LOCAL0);
	aml_int(a, 8);
	aml_op(a, AML_LOCAL0);
	aml_op(a, AML_AND);
	aml_op(a, AML_ARG0 + 1);
	aml_int(a, 0xff);
	aml_op(a, AML_LOCAL0 + 1);
	aml_op(a, AML_OR);
	aml_op(a, AML_LOCAL0);
	aml_op(a, AML_LOCAL0 + 1);
	aml_op(a, AML_LOCAL0);
	aml_op(a, AML_OR);
	aml_op(a, AML_LOCAL0);
	aml_int(a, (u64)slot << 16);
	aml_path(a, "POST");
	aml_close(a);
}

static void slot_device(struct aml *a, unsigned slot)
{
	char name[8];

	slot_name(name, slot);
	aml_device(a, name);
	aml_name_int(a, "_ADR", (u64)slot << 16);
	aml_name_int(a, "_SUN", slot);
	aml_method(a, "_EJ0", 1, true);
	aml_op(a, AML_STORE);
	aml_int(a, BIT(slot));
	aml_path(a, "PCEJ");
	aml_close(a);
	slot_ost(a, slot);
	aml_close(a);
}

/* The host's _INI says that somebody listens; a device a slot. */
void acpi_dsdt_slots(struct aml *a, const struct acpi_facts *f)
{
	if (!f->pci_hotplug)
		return;
	aml_method(a, "_INI", 0, true);
	aml_op(a, AML_STORE);
	aml_int(a, 1);
	aml_path(a, "PRDY");
	aml_close(a);
	for (unsigned slot = 0; slot < 32; slot++)
		if (f->pci_slots & BIT(slot))
			slot_device(a, slot);
}

/* Notify every slot of a register's bits. */
static void notify_slots(struct aml *a, const struct acpi_facts *f,
			 const char *reg, unsigned value)
{
	char path[24] = "\\_SB.PCI0.";

	aml_op(a, AML_STORE);
	aml_path(a, reg);
	aml_op(a, AML_LOCAL0);
	for (unsigned slot = 0; slot < 32; slot++) {
		if (!(f->pci_slots & BIT(slot)))
			continue;
		slot_name(path + 10, slot);
		if_event(a, slot);
		notify(a, path, value);
		aml_close(a);
	}
}

static void slot_registers(struct aml *a, const struct acpi_facts *f)
{
	static const char *const names[] = { "PCIU", "PCID", "PCEJ", "POST",
					     "PRDY" };

	aml_io_region(a, "HPRG", f->pci_hotplug, 4 * ARRAY_LEN(names));
	aml_field(a, "HPRG", 32);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		aml_field_bits(a, names[i], 32);
	aml_close(a);
	aml_method(a, "PCNT", 0, true);
	notify_slots(a, f, "PCIU", 1);         /* device check */
	notify_slots(a, f, "PCID", 3);         /* eject request */
	aml_close(a);
}

/* --- who hears of events ------------------------------------------------------ */

/* Kernels go by the _CID. */
static void generation_id(struct aml *a, const struct acpi_facts *f)
{
	aml_device(a, "VGEN");
	aml_name_string(a, "_HID", "MOTE0001");
	aml_name_string(a, "_CID", "VM_Gen_Counter");
	aml_name_string(a, "_DDN", "VM_Gen_Counter");
	aml_name(a, "ADDR");
	aml_package(a, 2);
	aml_int(a, f->vmgenid);
	aml_int(a, 0);
	aml_close(a);
	aml_close(a);
}

/* What an event stands for. */
static void run_event(struct aml *a, enum acpi_event ev)
{
	if (ev == ACPI_EV_PCI_HOTPLUG)
		aml_path(a, "\\_SB.PCNT");
	else
		notify(a, "\\_SB.VGEN", 0x80);
}

static bool has_event(const struct acpi_facts *f, enum acpi_event ev)
{
	return ev == ACPI_EV_PCI_HOTPLUG ? f->pci_hotplug : f->vmgenid;
}

/* Device (GED) and its _EVT, in \_SB. */
static void event_device(struct aml *a, const struct acpi_facts *f)
{
	struct strbuf res = STRBUF_INIT;

	aml_device(a, "GED");
	aml_name_string(a, "_HID", "ACPI0013");
	aml_name_int(a, "_UID", 0);
	acpi_res_gsi(&res, f->ged_gsi);
	aml_name_resources(a, "_CRS", &res);
	aml_io_region(a, "EREG", f->ged, ACPI_GED_SLEEP);
	aml_field(a, "EREG", 32);
	aml_field_bits(a, "ESEL", 32);
	aml_close(a);
	aml_method(a, "_EVT", 1, true);
	aml_op(a, AML_STORE);
	aml_path(a, "ESEL");
	aml_op(a, AML_LOCAL0);
	if_event(a, ACPI_GED_POWER);
	notify(a, "PWRB", 0x80);
	aml_close(a);
	for (unsigned ev = 0; ev < ACPI_EV_COUNT; ev++) {
		if (!has_event(f, ev))
			continue;
		if_event(a, ACPI_GED_EVENTS + ev);
		run_event(a, ev);
		aml_close(a);
	}
	aml_close(a);
	aml_close(a);
}

void acpi_dsdt_events(struct aml *a, const struct acpi_facts *f)
{
	if (f->pci_hotplug)
		slot_registers(a, f);
	if (f->vmgenid)
		generation_id(a, f);
	if (f->ged) {
		power_button(a);
		event_device(a, f);
	}
}

void acpi_dsdt_gpe(struct aml *a, const struct acpi_facts *f)
{
	static const char *const methods[ACPI_EV_COUNT] = {
		[ACPI_EV_PCI_HOTPLUG] = "_E01", [ACPI_EV_VMGENID] = "_E05",
	};

	if (!f->gpe_base)
		return;
	aml_scope(a, "\\_GPE");
	for (unsigned ev = 0; ev < ACPI_EV_COUNT; ev++) {
		if (!has_event(f, ev))
			continue;
		aml_method(a, methods[ev], 0, true);
		run_event(a, ev);
		aml_close(a);
	}
	aml_close(a);
}
