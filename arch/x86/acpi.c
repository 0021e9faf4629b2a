/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables but for the DSDT's contents.  See acpi.h.
 */
#include "arch/x86/acpi.h"

#include <string.h>

#include "vmm/dev/acpi_ged.h"

/* --- a table under construction ------------------------------------------- */

static void little(struct strbuf *b, u64 v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		strbuf_addc(b, (char)(v >> (8 * i)));
}

static void zeroes(struct strbuf *b, unsigned n)
{
	while (n--)
		strbuf_addc(b, 0);
}

static void align(struct strbuf *b, unsigned to)
{
	while (b->len % to)
		strbuf_addc(b, 0);
}

static void fix_checksum(struct strbuf *b, size_t from, size_t len, size_t at)
{
	u8 sum = 0;

	b->buf[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += (u8)b->buf[from + i];
	b->buf[at] = (char)-sum;
}

/* 5.2.6: the header; length and checksum come in table_end. */
static size_t table_begin(struct strbuf *b, const char *signature, u8 revision)
{
	size_t at;

	align(b, 16);
	at = b->len;
	strbuf_add(b, signature, 4);
	little(b, 0, 4);               /* length */
	little(b, revision, 1);
	little(b, 0, 1);               /* checksum */
	strbuf_add(b, "MOTE  ", 6);
	strbuf_add(b, "MOTE", 4);
	strbuf_add(b, signature, 4);
	little(b, 1, 4);
	strbuf_add(b, "MOTE", 4);
	little(b, 1, 4);
	return at;
}

static void table_end(struct strbuf *b, size_t at)
{
	u32 len = b->len - at;

	memcpy(b->buf + at + 4, &len, 4);
	fix_checksum(b, at, len, at + 9);
}

/* Generic address structure: system I/O; nothing when base is 0. */
static void gas_io(struct strbuf *b, u16 base, u8 bits, u8 access)
{
	if (!base) {
		zeroes(b, 12);
		return;
	}
	little(b, 1, 1);
	little(b, bits, 1);
	little(b, 0, 1);
	little(b, access, 1);
	little(b, base, 8);
}

/* --- tables ---------------------------------------------------------------- */

enum {                                 /* FADT flags, 5.2.9 */
	FADT_WBINVD      = BIT(0),
	FADT_PROC_C1     = BIT(2),
	FADT_PWR_BUTTON  = BIT(4),     /* no fixed power button */
	FADT_SLP_BUTTON  = BIT(5),     /* no fixed sleep button */
	FADT_FIX_RTC     = BIT(6),     /* RTC wake not in fixed registers */
	FADT_TMR_VAL_EXT = BIT(8),
	FADT_RESET_REG   = BIT(10),
	FADT_REDUCED     = BIT(20),    /* no fixed hardware */
	BOOT_LEGACY      = BIT(0),
	BOOT_8042        = BIT(1),
	BOOT_NO_VGA      = BIT(2),
	BOOT_NO_RTC      = BIT(5),
};

enum { PM1_CNT_OFF = 4, PM_TMR_OFF = 8, GPE0_LEN = 16 };

static void fadt_legacy_blocks(struct strbuf *b, const struct acpi_facts *f)
{
	little(b, f->pm_base, 4);                      /* PM1a_EVT_BLK */
	little(b, 0, 4);
	little(b, f->pm_base ? f->pm_base + PM1_CNT_OFF : 0, 4);
	little(b, 0, 4);
	little(b, 0, 4);                               /* PM2_CNT_BLK */
	little(b, f->pm_base ? f->pm_base + PM_TMR_OFF : 0, 4);
	little(b, f->gpe_base, 4);
	little(b, 0, 4);
	little(b, f->pm_base ? 4 : 0, 1);              /* PM1_EVT_LEN */
	little(b, f->pm_base ? 2 : 0, 1);
	little(b, 0, 1);
	little(b, f->pm_base ? 4 : 0, 1);
	little(b, f->gpe_base ? GPE0_LEN : 0, 1);
	little(b, 0, 3);                               /* GPE1, CST_CNT */
}

static void fadt_extended_blocks(struct strbuf *b, const struct acpi_facts *f)
{
	const u16 pm = f->pm_base, ged = f->ged;

	gas_io(b, pm, 32, 2);
	gas_io(b, 0, 0, 0);
	gas_io(b, pm ? pm + PM1_CNT_OFF : 0, 16, 2);
	gas_io(b, 0, 0, 0);
	gas_io(b, 0, 0, 0);
	gas_io(b, pm ? pm + PM_TMR_OFF : 0, 32, 3);
	gas_io(b, f->gpe_base, GPE0_LEN * 8, 1);
	gas_io(b, 0, 0, 0);
	gas_io(b, ged ? ged + ACPI_GED_SLEEP : 0, 8, 1);
	gas_io(b, ged ? ged + ACPI_GED_STATUS : 0, 8, 1);
}

static void fadt(struct strbuf *b, const struct acpi_facts *f, gpa_t facs,
		 gpa_t dsdt)
{
	const u16 boot = (f->ged ? 0 : BOOT_LEGACY) | BOOT_NO_VGA |
			 (f->i8042 ? BOOT_8042 : 0) | (f->rtc ? 0 : BOOT_NO_RTC);
	const u32 flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON |
			  (f->rtc && f->pm_base ? 0 : FADT_FIX_RTC) |
			  FADT_TMR_VAL_EXT |
			  (f->reset_port ? FADT_RESET_REG : 0) |
			  (f->ged ? FADT_PWR_BUTTON | FADT_REDUCED : 0);
	size_t at = table_begin(b, "FACP", 6);

	little(b, facs, 4);
	little(b, dsdt, 4);
	little(b, 0, 2);
	little(b, f->sci, 2);
	little(b, f->smi_cmd, 4);
	little(b, f->smi_cmd ? f->acpi_enable : 0, 1);
	little(b, f->smi_cmd ? f->acpi_disable : 0, 1);
	little(b, 0, 2);               /* S4BIOS_REQ, PSTATE_CNT */
	fadt_legacy_blocks(b, f);
	little(b, 0xfff, 2);           /* C2, C3 latency: not supported */
	little(b, 0xfff, 2);
	zeroes(b, 8);                  /* flush, duty, alarms */
	little(b, f->rtc ? 0x32 : 0, 1);               /* century in CMOS */
	little(b, boot, 2);
	little(b, 0, 1);
	little(b, flags, 4);
	gas_io(b, f->reset_port, 8, 1);
	little(b, f->reset_value, 1);
	little(b, 0, 2);
	little(b, 3, 1);               /* FADT minor version */
	little(b, 0, 8);               /* X_FIRMWARE_CTRL: the 32-bit one */
	little(b, dsdt, 8);
	fadt_extended_blocks(b, f);
	strbuf_add(b, "MOTE\0\0\0", 8);
	table_end(b, at);
}

static void madt_cpus(struct strbuf *b, const struct acpi_facts *f)
{
	for (unsigned i = 0; i < f->cpus; i++) {
		u32 id = f->apic_ids[i];

		if (id < 255) {
			little(b, 0, 1);
			little(b, 8, 1);
			little(b, i, 1);
			little(b, id, 1);
			little(b, 1, 4);       /* enabled */
		} else {
			little(b, 9, 1);
			little(b, 16, 1);
			little(b, 0, 2);
			little(b, id, 4);
			little(b, 1, 4);
			little(b, i, 4);
		}
	}
}

static void madt_override(struct strbuf *b, u8 irq, u32 gsi, u16 flags)
{
	little(b, 2, 1);
	little(b, 10, 1);
	little(b, 0, 1);               /* ISA */
	little(b, irq, 1);
	little(b, gsi, 4);
	little(b, flags, 2);
}

static void madt(struct strbuf *b, const struct acpi_facts *f)
{
	size_t at = table_begin(b, "APIC", 5);

	little(b, 0xfee00000, 4);
	little(b, f->pic, 4);          /* dual 8259 present */
	madt_cpus(b, f);
	little(b, 1, 1);               /* IOAPIC */
	little(b, 12, 1);
	little(b, 0, 2);
	little(b, 0xfec00000, 4);
	little(b, 0, 4);
	if (f->pit)
		madt_override(b, 0, 2, 0);
	if (f->sci)
		madt_override(b, f->sci, f->sci, 0xd); /* level, high */
	little(b, 4, 1);               /* LINT1 is NMI on all CPUs */
	little(b, 6, 1);
	little(b, 0xff, 1);
	little(b, 0, 2);
	little(b, 1, 1);
	table_end(b, at);
}

static void mcfg(struct strbuf *b, const struct acpi_facts *f)
{
	size_t at = table_begin(b, "MCFG", 1);

	zeroes(b, 8);
	little(b, f->ecam, 8);
	little(b, 0, 2);
	little(b, 0, 1);
	little(b, 255, 1);
	zeroes(b, 4);
	table_end(b, at);
}

static void hpet(struct strbuf *b, const struct acpi_facts *f)
{
	size_t at = table_begin(b, "HPET", 1);

	little(b, 0x8086a201, 4);
	zeroes(b, 4);                  /* system memory */
	little(b, f->hpet, 8);
	zeroes(b, 4);
	table_end(b, at);
}

static void facs(struct strbuf *b)
{
	strbuf_add(b, "FACS", 4);
	little(b, 64, 4);
	zeroes(b, 24);
	little(b, 2, 1);               /* version */
	zeroes(b, 31);
}

static void dsdt(struct strbuf *b, const struct acpi_facts *f)
{
	struct strbuf body = STRBUF_INIT;
	size_t at = table_begin(b, "DSDT", 2);

	acpi_dsdt(f, &body);
	strbuf_add(b, body.buf, body.len);
	strbuf_fini(&body);
	table_end(b, at);
}

static void rsdp_fill(struct strbuf *b, gpa_t xsdt)
{
	const u8 revision = 2;
	const u32 len = 36;

	memcpy(b->buf, "RSD PTR ", 8);
	memcpy(b->buf + 9, "MOTE  ", 6);
	memcpy(b->buf + 15, &revision, 1);
	memcpy(b->buf + 20, &len, 4);
	memcpy(b->buf + 24, &xsdt, 8);
	fix_checksum(b, 0, 20, 8);
	fix_checksum(b, 0, 36, 32);
}

void acpi_build(const struct acpi_facts *f, gpa_t base, struct strbuf *out)
{
	gpa_t where[4], facs_at, dsdt_at;
	unsigned n = 0;
	size_t at;

	assert(base % 64 == 0 && out->len == 0);
	zeroes(out, ACPI_FACS);        /* RSDP; FACS wants 64-byte alignment */
	facs_at = base + out->len;
	facs(out);
	align(out, 16);
	dsdt_at = base + out->len;
	dsdt(out, f);
	align(out, 16);
	where[n++] = base + out->len;
	fadt(out, f, facs_at, dsdt_at);
	align(out, 16);
	where[n++] = base + out->len;
	madt(out, f);
	if (f->ecam) {
		align(out, 16);
		where[n++] = base + out->len;
		mcfg(out, f);
	}
	if (f->hpet) {
		align(out, 16);
		where[n++] = base + out->len;
		hpet(out, f);
	}
	at = table_begin(out, "XSDT", 1);
	for (unsigned i = 0; i < n; i++)
		little(out, where[i], 8);
	table_end(out, at);
	rsdp_fill(out, base + at);
}
