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
	aml_close(a);
	aml_close(a);
}

void acpi_dsdt_events(struct aml *a, const struct acpi_facts *f)
{
	if (f->ged) {
		power_button(a);
		event_device(a, f);
	}
}
