/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/aml.c, encodings byte by byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/aml.h"

static void expect(struct aml *a, const void *bytes, size_t n)
{
	assert_int_equal(a->b.len, n);
	assert_memory_equal(a->b.buf, bytes, n);
	aml_fini(a);
}

static void integers_take_the_shortest_form(void **s)
{
	struct aml a;

	aml_init(&a);
	aml_int(&a, 0);
	aml_int(&a, 1);
	aml_int(&a, 0xff);
	aml_int(&a, 0x1234);
	aml_int(&a, 0x12345678);
	aml_int(&a, 0x123456789abcdef0);
	expect(&a, "\x00\x01\x0a\xff\x0b\x34\x12\x0c\x78\x56\x34\x12"
	       "\x0e\xf0\xde\xbc\x9a\x78\x56\x34\x12", 21);
}

static void names_are_padded_and_paths_prefixed(void **s)
{
	struct aml a;

	aml_init(&a);
	aml_path(&a, "\\_SB");
	aml_path(&a, "\\");
	aml_path(&a, "_SB.PCI0");
	expect(&a, "\\_SB_" "\\\0" "\x2e_SB_PCI0", 16);
}

static void eisa_ids_are_compressed(void **s)
{
	struct aml a;

	aml_init(&a);
	aml_eisaid(&a, "PNP0A08");
	expect(&a, "\x0c\x41\xd0\x0a\x08", 5);
}

static void package_lengths_grow_with_their_contents(void **s)
{
	static const struct { unsigned body, length_bytes; } cases[] = {
		{ 57, 1 }, { 58, 2 }, { 4088, 2 }, { 4089, 3 }, { 70000, 3 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct aml a;
		const u8 *p;
		size_t len, n = cases[i].length_bytes;

		aml_init(&a);
		aml_scope(&a, "\\_SB");
		for (unsigned k = 0; k < cases[i].body; k++)
			aml_op(&a, 0xa3);
		aml_close(&a);
		p = (const u8 *)a.b.buf + 1;
		assert_int_equal(p[0] >> 6, n - 1);
		len = n == 1 ? p[0] & 0x3f : p[0] & 0xf;
		for (size_t k = 1; k < n; k++)
			len |= (size_t)p[k] << (8 * k - 4);
		assert_int_equal(len, a.b.len - 1);
		assert_int_equal(len, n + 5 + cases[i].body);
		aml_fini(&a);
	}
}

static void buffers_and_strings(void **s)
{
	struct aml a;

	aml_init(&a);
	aml_buffer(&a, "ab", 2);
	aml_string(&a, "x");
	expect(&a, "\x11\x05\x0a\x02" "ab" "\x0d" "x\0", 9);
}

static void long_paths_and_registers(void **s)
{
	struct aml a;

	aml_init(&a);
	aml_path(&a, "\\_SB.PCI0.S08");
	expect(&a, "\\\x2f\x03_SB_PCI0S08_", 15);
	aml_init(&a);
	aml_io_region(&a, "HPRG", 0xae00, 20);
	expect(&a, "\x5b\x80HPRG\x01\x0b\x00\xae\x0a\x14", 12);
	aml_init(&a);
	aml_field(&a, "HPRG", 32);
	aml_field_bits(&a, "PCIU", 32);
	aml_close(&a);
	expect(&a, "\x5b\x81\x0bHPRG\x43PCIU\x20", 13);
}

static void resources_end_with_an_end_tag(void **s)
{
	struct strbuf r = STRBUF_INIT;
	struct aml a;

	aml_init(&a);
	res_io(&r, 0x3f8, 8);
	res_irq(&r, 4);
	aml_name_resources(&a, "_CRS", &r);
	expect(&a, "\x08_CRS\x11\x10\x0a\x0d"
	       "\x47\x01\xf8\x03\xf8\x03\x01\x08" "\x22\x10\x00" "\x79\x00",
	       22);
	assert_int_equal(r.len, 0);
}

static void windows_have_inclusive_ends(void **s)
{
	struct strbuf r = STRBUF_INIT;
	u32 v[5];

	res_memory_window(&r, 0xc0000000, 0xfebfffff, false);
	assert_int_equal(r.len, 26);
	memcpy(v, r.buf + 6, 20);
	assert_int_equal(v[1], 0xc0000000);
	assert_int_equal(v[2], 0xfebfffff);
	assert_int_equal(v[4], 0x3ec00000);
	strbuf_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_take_the_shortest_form),
		cmocka_unit_test(names_are_padded_and_paths_prefixed),
		cmocka_unit_test(eisa_ids_are_compressed),
		cmocka_unit_test(package_lengths_grow_with_their_contents),
		cmocka_unit_test(buffers_and_strings),
		cmocka_unit_test(long_paths_and_registers),
		cmocka_unit_test(resources_end_with_an_end_tag),
		cmocka_unit_test(windows_have_inclusive_ends),
	};

	return cmocka_run_group_tests_name("aml", tests, NULL, NULL);
}
