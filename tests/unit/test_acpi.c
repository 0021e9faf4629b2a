/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/acpi.c: checksums, lengths, links, and iasl's opinion. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86/acpi.h"

enum { BASE = 0xe8000 };

static unsigned gsi(unsigned slot, unsigned pin)
{
	return 16 + (slot + pin) % 8;
}

static struct acpi_facts facts(const u32 *ids, unsigned cpus)
{
	return (struct acpi_facts){
		.cpus = cpus, .apic_ids = ids,
		.low_end = 128 * MiB, .high_end = 4 * GiB,
		.pci_low = 0xc0000000, .pci_low_end = 0xfec00000,
		.pci_high = 4 * GiB, .pci_high_end = 36 * GiB,
		.ecam = 0xb0000000, .pci_gsi = gsi,
		.com = { 0x3f8, 0x2f8 }, .com_irq = { 4, 3 },
		.pm_base = 0x600, .gpe_base = 0x620, .sci = 9,
		.smi_cmd = 0xb2, .acpi_enable = 2, .acpi_disable = 3,
		.reset_port = 0xcf9, .reset_value = 0xf, .fw_cfg = 0x510,
		.pvpanic = 0x505, .rtc = true, .i8042 = true, .pic = true,
		.pit = true, .pci_hotplug = 0xae00, .pci_slots = 0x7ffffffe,
		.vmgenid = 0xe7000,
	};
}

/* Hardware-reduced: a microVM's. */
static struct acpi_facts few_facts(const u32 *ids, unsigned cpus)
{
	return (struct acpi_facts){
		.cpus = cpus, .apic_ids = ids,
		.low_end = 128 * MiB, .high_end = 4 * GiB,
		.com = { 0x3f8 }, .com_irq = { 4 },
		.ged = 0x600, .ged_gsi = 9, .s5_type = 5,
		.reset_port = 0x606, .reset_value = 0x42, .vmgenid = 0xe7000,
		.mmio = { { 0xfec80000, 0x200, 16 }, { 0xfec80200, 0x200, 17 } },
	};
}

static u64 get(const struct strbuf *s, size_t at, unsigned bytes)
{
	u64 v = 0;

	assert_true(at + bytes <= s->len);
	memcpy(&v, s->buf + at, bytes);
	return v;
}

static u8 sum(const struct strbuf *s, size_t at, size_t n)
{
	u8 v = 0;

	assert_true(at + n <= s->len);
	while (n--)
		v += (u8)s->buf[at++];
	return v;
}

/* Offset of a table the XSDT names; 0 when absent. */
static size_t find(const struct strbuf *s, const char *signature)
{
	size_t xsdt = get(s, 24, 8) - BASE, n = (get(s, xsdt + 4, 4) - 36) / 8;

	for (size_t i = 0; i < n; i++) {
		size_t at = get(s, xsdt + 36 + 8 * i, 8) - BASE;

		if (!memcmp(s->buf + at, signature, 4))
			return at;
	}
	return 0;
}

static void the_root_pointer_and_every_table_add_up_to_zero(void **st)
{
	u32 ids[] = { 0, 1 };
	struct acpi_facts f = facts(ids, 2);
	struct strbuf s = STRBUF_INIT;
	static const char *const names[] = { "FACP", "APIC", "MCFG" };

	acpi_build(&f, BASE, &s);
	assert_memory_equal(s.buf, "RSD PTR ", 8);
	assert_int_equal(sum(&s, 0, 20), 0);
	assert_int_equal(sum(&s, 0, 36), 0);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		size_t at = find(&s, names[i]);

		assert_true(at != 0);
		assert_int_equal(sum(&s, at, get(&s, at + 4, 4)), 0);
	}
	assert_int_equal(find(&s, "HPET"), 0);
	strbuf_fini(&s);
}

static void the_fadt_is_revision_6_and_points_at_facs_and_dsdt(void **st)
{
	u32 ids[] = { 0 };
	struct acpi_facts f = facts(ids, 1);
	struct strbuf s = STRBUF_INIT;
	size_t at, dsdt, facs;

	acpi_build(&f, BASE, &s);
	at = find(&s, "FACP");
	assert_int_equal(get(&s, at + 4, 4), 276);
	assert_int_equal(get(&s, at + 8, 1), 6);
	facs = get(&s, at + 36, 4) - BASE;
	dsdt = get(&s, at + 40, 4) - BASE;
	assert_memory_equal(s.buf + facs, "FACS", 4);
	assert_int_equal((BASE + facs) % 64, 0);
	assert_memory_equal(s.buf + dsdt, "DSDT", 4);
	assert_int_equal(sum(&s, dsdt, get(&s, dsdt + 4, 4)), 0);
	assert_int_equal(get(&s, at + 140, 8), BASE + dsdt);
	assert_int_equal(get(&s, at + 46, 2), 9);              /* SCI */
	assert_int_equal(get(&s, at + 56, 4), 0x600);
	assert_int_equal(get(&s, at + 64, 4), 0x604);
	assert_int_equal(get(&s, at + 76, 4), 0x608);
	assert_int_equal(get(&s, at + 80, 4), 0x620);
	assert_int_equal(get(&s, at + 120, 8), 0xcf9);         /* RESET_REG */
	assert_int_equal(get(&s, at + 128, 1), 0xf);
	assert_int_equal(get(&s, at + 152, 8), 0x600);         /* X_PM1a */
	strbuf_fini(&s);
}

static void the_madt_names_every_cpu(void **st)
{
	u32 ids[300] = { 0 };
	struct acpi_facts f = facts(ids, 300);
	struct strbuf s = STRBUF_INIT;
	unsigned local = 0, x2 = 0, ioapics = 0, overrides = 0;
	size_t at, end;

	for (unsigned i = 0; i < 300; i++)
		ids[i] = i;
	acpi_build(&f, BASE, &s);
	at = find(&s, "APIC");
	end = at + get(&s, at + 4, 4);
	for (at += 44; at < end; at += get(&s, at + 1, 1)) {
		switch (get(&s, at, 1)) {
		case 0: local++; break;
		case 1: ioapics++; break;
		case 2: overrides++; break;
		case 9: x2++; break;
		}
	}
	assert_int_equal(at, end);
	assert_int_equal(local, 255);
	assert_int_equal(x2, 45);
	assert_int_equal(ioapics, 1);
	assert_int_equal(overrides, 2);
	strbuf_fini(&s);
}

static void absent_parts_are_absent(void **st)
{
	u32 ids[] = { 0 };
	struct acpi_facts f = { .cpus = 1, .apic_ids = ids };
	struct strbuf s = STRBUF_INIT;

	f.hpet = 0xfed00000;
	acpi_build(&f, BASE, &s);
	assert_int_equal(find(&s, "MCFG"), 0);
	assert_true(find(&s, "HPET") != 0);
	assert_null(memmem(s.buf, s.len, "PCI0", 4));
	assert_null(memmem(s.buf, s.len, "_S5_", 4));
	strbuf_fini(&s);
}

static void the_tables_of_255_cpus_fit_their_room(void **st)
{
	u32 ids[255] = { 0 };
	struct acpi_facts f = facts(ids, 255);
	struct strbuf s = STRBUF_INIT;

	for (unsigned i = 0; i < 255; i++)
		ids[i] = i;
	acpi_build(&f, BASE, &s);
	assert_true(BASE + s.len <= 0x100000);
	strbuf_fini(&s);
}

static void a_machine_without_fixed_hardware_says_so(void **st)
{
	u32 ids[] = { 0 };
	struct acpi_facts f = few_facts(ids, 1);
	struct strbuf s = STRBUF_INIT;
	size_t at;

	acpi_build(&f, BASE, &s);
	at = find(&s, "FACP");
	assert_true(get(&s, at + 112, 4) & BIT(20));   /* HW_REDUCED_ACPI */
	assert_int_equal(get(&s, at + 46, 2), 0);      /* no SCI */
	assert_int_equal(get(&s, at + 56, 4), 0);      /* no PM1a */
	assert_int_equal(get(&s, at + 109, 2), 0x24);  /* no VGA, no RTC */
	assert_int_equal(get(&s, at + 120, 8), 0x606); /* reset */
	assert_int_equal(get(&s, at + 244 + 4, 8), 0x604);     /* sleep */
	assert_int_equal(get(&s, at + 256 + 4, 8), 0x605);
	at = find(&s, "APIC");
	assert_int_equal(get(&s, at + 40, 4), 0);      /* no 8259s */
	assert_non_null(memmem(s.buf, s.len, "ACPI0013", 8));
	assert_non_null(memmem(s.buf, s.len, "LNRO0005", 8));
	assert_non_null(memmem(s.buf, s.len, "_S5_", 4));
	assert_null(memmem(s.buf, s.len, "PCI0", 4));
	assert_null(memmem(s.buf, s.len, "BRD_", 4));
	strbuf_fini(&s);
}

/* Disassemble, compile again, and expect no error either way. */
static void iasl_reads(const struct acpi_facts *f)
{
	char dir[] = "/tmp/mote-acpi-XXXXXX", cmd[400];
	struct strbuf s = STRBUF_INIT;
	size_t at, dsdt;
	FILE *out;
	int rc;

	acpi_build(f, BASE, &s);
	at = find(&s, "FACP");
	dsdt = get(&s, at + 40, 4) - BASE;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "%s/dsdt.aml", dir);
	out = fopen(cmd, "w");
	assert_non_null(out);
	fwrite(s.buf + dsdt, 1, get(&s, dsdt + 4, 4), out);
	fclose(out);
	snprintf(cmd, sizeof(cmd), "cd %s && iasl -d dsdt.aml >d.log 2>&1 && "
		 "iasl -we dsdt.dsl >c.log 2>&1 || { cat d.log c.log; exit 1; }",
		 dir);
	rc = system(cmd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rc, 0);
	strbuf_fini(&s);
}

static void iasl_reads_the_dsdt_without_complaint(void **st)
{
	u32 ids[] = { 0, 1, 2 };
	struct acpi_facts pc = facts(ids, 3), microvm = few_facts(ids, 3);

	if (system("command -v iasl >/dev/null 2>&1") != 0) {
		print_message("iasl is not installed (acpica-tools)\n");
		skip();
	}
	iasl_reads(&pc);
	iasl_reads(&microvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_pointer_and_every_table_add_up_to_zero),
		cmocka_unit_test(the_fadt_is_revision_6_and_points_at_facs_and_dsdt),
		cmocka_unit_test(the_madt_names_every_cpu),
		cmocka_unit_test(absent_parts_are_absent),
		cmocka_unit_test(a_machine_without_fixed_hardware_says_so),
		cmocka_unit_test(the_tables_of_255_cpus_fit_their_room),
		cmocka_unit_test(iasl_reads_the_dsdt_without_complaint),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
