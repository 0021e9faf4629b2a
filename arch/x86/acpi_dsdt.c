/* SPDX-License-Identifier: MIT */
/*
 * The DSDT: the devices a PC's kernel learns of by no other way.
 */
#include <stdio.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/aml.h"

enum { PCI_SLOTS = 32, PCI_PINS = 4 };

/* Device (name) { _HID, _UID, _STA, _CRS } of the legacy kind. */
static void simple_device(struct aml *a, const char *name, const char *pnp,
			  unsigned uid, struct strbuf *res)
{
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", pnp);
	if (uid)
		aml_name_int(a, "_UID", uid);
	aml_name_int(a, "_STA", 0xf);
	aml_name_resources(a, "_CRS", res);
	aml_close(a);
}

static void com_ports(struct aml *a, const struct acpi_facts *f)
{
	for (unsigned i = 0; i < 4; i++) {
		struct strbuf res = STRBUF_INIT;
		char name[5];

		if (!f->com[i])
			continue;
		snprintf(name, sizeof(name), "COM%u", (i + 1) & 7);
		res_io(&res, f->com[i], 8);
		res_irq(&res, f->com_irq[i]);
		simple_device(a, name, "PNP0501", i + 1, &res);
	}
}

static void virtio_mmio(struct aml *a, const struct acpi_facts *f)
{
	for (unsigned i = 0; f->mmio[i].len; i++) {
		struct strbuf res = STRBUF_INIT;
		char name[8];

		snprintf(name, sizeof(name), "VR%02u", i % 100);
		res_fixed_memory(&res, f->mmio[i].base, f->mmio[i].len, true);
		acpi_res_gsi(&res, f->mmio[i].gsi);
		aml_device(a, name);
		aml_name_string(a, "_HID", "LNRO0005");
		aml_name_int(a, "_UID", i);
		aml_name_int(a, "_STA", 0xf);
		aml_name_resources(a, "_CRS", &res);
		aml_close(a);
	}
}

static void i8042(struct aml *a)
{
	struct strbuf kbd = STRBUF_INIT, mou = STRBUF_INIT;

	res_io(&kbd, 0x60, 1);
	res_io(&kbd, 0x64, 1);
	res_irq(&kbd, 1);
	simple_device(a, "KBD", "PNP0303", 0, &kbd);
	res_irq(&mou, 12);
	simple_device(a, "MOU", "PNP0F13", 0, &mou);
}

static void rtc(struct aml *a)
{
	struct strbuf res = STRBUF_INIT;

	res_io(&res, 0x70, 8);
	res_irq(&res, 8);
	simple_device(a, "RTC", "PNP0B00", 0, &res);
}

/* Devices with QEMU's string ids, which Linux knows. */
static void string_device(struct aml *a, const char *name, const char *hid,
			  u8 sta, u16 port, u8 len)
{
	struct strbuf res = STRBUF_INIT;

	aml_device(a, name);
	aml_name_string(a, "_HID", hid);
	aml_name_int(a, "_STA", sta);
	res_io(&res, port, len);
	aml_name_resources(a, "_CRS", &res);
	aml_close(a);
}

/* PNP0C01: addresses in use that belong to no other device. */
static void board_resources(struct aml *a, const struct acpi_facts *f)
{
	struct strbuf res = STRBUF_INIT;

	if (!f->ecam)
		return;
	aml_device(a, "BRD");
	aml_name_eisaid(a, "_HID", "PNP0C01");
	res_fixed_memory(&res, f->ecam, 256 * MiB, true);
	aml_name_resources(a, "_CRS", &res);
	aml_close(a);
}

static void host_resources(struct aml *a, const struct acpi_facts *f)
{
	struct strbuf res = STRBUF_INIT;

	res_bus(&res, 0, 255);
	res_io(&res, 0xcf8, 8);
	res_io_window(&res, 0, 0xcf7);
	res_io_window(&res, 0xd00, 0xffff);
	res_memory_window(&res, 0xa0000, 0xbffff, true);
	if (f->pci_low)
		res_memory_window(&res, f->pci_low, f->pci_low_end - 1, false);
	if (f->pci_high)
		res_memory64_window(&res, f->pci_high, f->pci_high_end - 1);
	aml_name_resources(a, "_CRS", &res);
}

static void host_routing(struct aml *a, const struct acpi_facts *f)
{
	aml_name(a, "_PRT");
	aml_package(a, PCI_SLOTS * PCI_PINS);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		for (unsigned pin = 0; pin < PCI_PINS; pin++) {
			aml_package(a, 4);
			aml_int(a, (u64)slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, f->pci_gsi(slot, pin));
			aml_close(a);
		}
	}
	aml_close(a);
}

/* CreateDWordField (Arg3, offset, name) */
static void arg3_dword(struct aml *a, unsigned offset, const char *name)
{
	aml_op(a, AML_CREATE_DWORD);
	aml_op(a, AML_ARG0 + 3);
	aml_int(a, offset);
	aml_path(a, name);
}

/* name |= bits */
static void or_into(struct aml *a, const char *name, unsigned bits)
{
	aml_op(a, AML_OR);
	aml_path(a, name);
	aml_int(a, bits);
	aml_path(a, name);
}

/*
 * _OSC (PCI firmware specification 3.0, 4.5): the OS may control native
 * hot-plug, PME, AER and PCIe capabilities; nothing else is there to give.
 */
static void host_osc(struct aml *a)
{
	static const u8 uuid[16] = {
		0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
		0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66,
	};

	aml_method(a, "_OSC", 4, true);
	arg3_dword(a, 0, "CDW1");
	aml_if(a);
	aml_op(a, AML_LEQUAL);
	aml_op(a, AML_ARG0);
	aml_buffer(a, uuid, sizeof(uuid));
	arg3_dword(a, 8, "CDW3");
	aml_op(a, AML_AND);                    /* Local0 = CDW3 & 0x1f */
	aml_path(a, "CDW3");
	aml_int(a, 0x1f);
	aml_op(a, AML_LOCAL0);
	aml_if(a);                             /* unknown revision */
	aml_op(a, AML_LNOT);
	aml_op(a, AML_LEQUAL);
	aml_op(a, AML_ARG0 + 1);
	aml_int(a, 1);
	or_into(a, "CDW1", 0x08);
	aml_close(a);
	aml_if(a);                             /* capabilities masked */
	aml_op(a, AML_LNOT);
	aml_op(a, AML_LEQUAL);
	aml_path(a, "CDW3");
	aml_op(a, AML_LOCAL0);
	or_into(a, "CDW1", 0x10);
	aml_close(a);
	aml_op(a, AML_STORE);
	aml_op(a, AML_LOCAL0);
	aml_path(a, "CDW3");
	aml_close(a);
	aml_else(a);
	or_into(a, "CDW1", 0x04);              /* unknown UUID */
	aml_close(a);
	aml_op(a, AML_RETURN);
	aml_op(a, AML_ARG0 + 3);
	aml_close(a);
}

static void pci_host(struct aml *a, const struct acpi_facts *f)
{
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_int(a, "_SEG", 0);
	aml_name_int(a, "_BBN", 0);
	aml_name_int(a, "_UID", 0);
	host_resources(a, f);
	host_routing(a, f);
	host_osc(a);
	acpi_dsdt_slots(a, f);
	aml_close(a);
}

static void cpus(struct aml *a, const struct acpi_facts *f)
{
	for (unsigned i = 0; i < f->cpus; i++) {
		char name[5];

		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_device(a, name);
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i);
		aml_close(a);
	}
}

/* \_Sn: what to write for a sleep state; the last two are reserved. */
static void sleep_state(struct aml *a, const char *name, u8 type)
{
	aml_name(a, name);
	aml_package(a, 4);
	aml_int(a, type);
	aml_int(a, type);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_close(a);
}

void acpi_dsdt(const struct acpi_facts *f, struct strbuf *out)
{
	struct aml a;

	aml_init(&a);
	aml_scope(&a, "\\_SB");
	acpi_dsdt_events(&a, f);
	if (f->pci_gsi)
		pci_host(&a, f);
	board_resources(&a, f);
	cpus(&a, f);
	com_ports(&a, f);
	virtio_mmio(&a, f);
	if (f->rtc)
		rtc(&a);
	if (f->i8042)
		i8042(&a);
	if (f->fw_cfg)
		string_device(&a, "FWCF", "QEMU0002", 0xb, f->fw_cfg, 12);
	if (f->pvpanic)
		string_device(&a, "PEVT", "QEMU0001", 0xf, f->pvpanic, 1);
	aml_close(&a);
	acpi_dsdt_gpe(&a, f);
	if (f->pm_base)
		sleep_state(&a, "\\_S3", f->s3_type);
	if (f->pm_base || f->ged)
		sleep_state(&a, "\\_S5", f->s5_type);
	strbuf_add(out, a.b.buf, a.b.len);
	aml_fini(&a);
}
