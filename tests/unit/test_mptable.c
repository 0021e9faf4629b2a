/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/mptable.c: checksums, counts, interrupts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/mptable.h"

enum { BASE = 0xf0000, TABLE = 16, ENTRIES = TABLE + 44 };

static unsigned gsi(unsigned slot, unsigned pin)
{
	return 16 + (slot + pin) % 8;
}

static u32 get(const struct strbuf *s, size_t at, unsigned bytes)
{
	u32 v = 0;

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

/* Entries by type, walked to the end; they must be in ascending order. */
static void count(const struct strbuf *s, unsigned n[5])
{
	size_t at = ENTRIES;
	unsigned last = 0;

	memset(n, 0, 5 * sizeof(*n));
	for (unsigned i = 0; i < get(s, TABLE + 34, 2); i++) {
		unsigned type = get(s, at, 1);

		assert_in_range(type, last, 4);
		last = type;
		n[type]++;
		at += type == 0 ? 20 : 8;
	}
	assert_int_equal(at, s->len);
}

/* The row of an interrupt of `bus`, or 0. */
static size_t find(const struct strbuf *s, unsigned bus, unsigned irq)
{
	for (size_t at = ENTRIES; at < s->len;) {
		unsigned type = get(s, at, 1);

		if (type == 3 && get(s, at + 4, 1) == bus &&
		    get(s, at + 5, 1) == irq)
			return at;
		at += type == 0 ? 20 : 8;
	}
	return 0;
}

static void the_pointer_and_the_table_add_up_to_zero(void **st)
{
	u32 ids[] = { 0, 1 };
	struct acpi_facts f = { .cpus = 2, .apic_ids = ids, .pci_gsi = gsi };
	struct strbuf s = STRBUF_INIT;
	unsigned n[5];

	mptable_build(&f, BASE, &s);
	assert_memory_equal(s.buf, "_MP_", 4);
	assert_int_equal(get(&s, 4, 4), BASE + TABLE);
	assert_int_equal(sum(&s, 0, 16), 0);
	assert_memory_equal(s.buf + TABLE, "PCMP", 4);
	assert_int_equal(get(&s, TABLE + 4, 2), s.len - TABLE);
	assert_int_equal(sum(&s, TABLE, s.len - TABLE), 0);
	count(&s, n);
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
	assert_int_equal(n[3], 128 + 15);
	assert_int_equal(n[4], 2);
	strbuf_fini(&s);
}

static void a_pci_pin_is_a_level_at_its_gsi(void **st)
{
	u32 ids[] = { 0 };
	struct acpi_facts f = { .cpus = 1, .apic_ids = ids, .pci_gsi = gsi };
	struct strbuf s = STRBUF_INIT;
	size_t at;

	mptable_build(&f, BASE, &s);
	at = find(&s, 0, 5 << 2 | 1);
	assert_int_equal(get(&s, at + 7, 1), gsi(5, 1));
	assert_int_equal(get(&s, at + 2, 2), 0xd);
	at = find(&s, 1, 0);           /* the timer is on pin 2 */
	assert_int_equal(get(&s, at + 7, 1), 2);
	assert_int_equal(find(&s, 1, 16), 0);
	strbuf_fini(&s);
}

static void without_pci_high_pins_are_found_by_their_number(void **st)
{
	u32 ids[] = { 0 };
	struct acpi_facts f = {
		.cpus = 1, .apic_ids = ids,
		.mmio = { { 0xfec80000, 0x200, 16 }, { 0xfec80200, 0x200, 5 } },
	};
	struct strbuf s = STRBUF_INIT;
	size_t at;

	mptable_build(&f, BASE, &s);
	at = find(&s, 1, 23);
	assert_int_equal(get(&s, at + 7, 1), 23);
	assert_int_equal(get(&s, at + 2, 2), 0xd);
	at = find(&s, 1, 5);           /* a virtio device's: a level */
	assert_int_equal(get(&s, at + 2, 2), 0xd);
	at = find(&s, 1, 4);           /* the serial port's: ISA's edge */
	assert_int_equal(get(&s, at + 2, 2), 0);
	strbuf_fini(&s);
}

static void cpus_beyond_8_bit_ids_are_left_out(void **st)
{
	u32 ids[300];
	struct acpi_facts f = { .cpus = 300, .apic_ids = ids, .pci_gsi = gsi };
	struct strbuf s = STRBUF_INIT;
	unsigned n[5];

	for (unsigned i = 0; i < 300; i++)
		ids[i] = i;
	mptable_build(&f, BASE, &s);
	count(&s, n);
	assert_int_equal(n[0], 254);
	assert_true(BASE + s.len <= 0x100000);
	strbuf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pointer_and_the_table_add_up_to_zero),
		cmocka_unit_test(a_pci_pin_is_a_level_at_its_gsi),
		cmocka_unit_test(without_pci_high_pins_are_found_by_their_number),
		cmocka_unit_test(cpus_beyond_8_bit_ids_are_left_out),
	};

	return cmocka_run_group_tests_name("mptable", tests, NULL, NULL);
}
