/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/decode.c and insn_table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

#include "tcg-plugin/x86/handlers.h"
#include "tcg-plugin/x86/insn.h"

static struct insn i;

static unsigned dec(unsigned bits, const void *bytes, unsigned n)
{
	u8 b[16] = { 0 };

	memcpy(b, bytes, n);
	return insn_decode(&i, b, 15, bits);
}
#define DEC(bits, s) dec(bits, s, sizeof(s) - 1)

static bool is(const char *name)
{
	return !strcmp(i.row->name, name);
}

/* --- prefixes ------------------------------------------------------------------ */

static void rex_selects_size_and_registers(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\x4c\x01\xc7"), 3);  /* add %r8,%rdi */
	assert_true(is("add"));
	assert_int_equal(i.opsize, 8);
	assert_int_equal(i.reg, 8);
	assert_int_equal(i.rm, 7);
	assert_int_equal(DEC(32, "\x4c\x01\xc7"), 1);
	assert_true(is("dec"));
}

static void rex_before_a_legacy_prefix_is_ignored(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\x48\x66\x01\xc8"), 4);
	assert_int_equal(i.opsize, 2);
	assert_int_equal(DEC(64, "\x66\x48\x01\xc8"), 4);
	assert_int_equal(i.opsize, 8);
}

static void high_bytes_exist_without_rex_only(void **state)
{
	(void)state;
	DEC(64, "\x88\xe0");                           /* mov %ah,%al */
	assert_int_equal(i.sel8, 1);
	DEC(64, "\x40\x88\xe0");                       /* mov %spl,%al */
	assert_int_equal(i.sel8, 0);
	assert_int_equal(i.reg, 4);
	DEC(32, "\xb4\x01");                           /* mov $1,%ah */
	assert_int_equal(i.sel8, 2);
}

static void segment_overrides(void **state)
{
	(void)state;
	DEC(32, "\x26\x8b\x00");
	assert_int_equal(i.seg, ES);
	DEC(64, "\x26\x8b\x00");                       /* none in 64 bits */
	assert_int_equal(i.seg, DS);
	assert_true(i.flags & I_EASY);
	DEC(64, "\x65\x8b\x00");
	assert_int_equal(i.seg, GS);
	assert_false(i.flags & I_EASY);
	DEC(32, "\x8b\x45\x00");                       /* (%ebp) */
	assert_int_equal(i.seg, SS);
	DEC(16, "\x64\xa4");                           /* movs: the source */
	assert_int_equal(i.seg, FS);
}

static void lock_needs_a_memory_destination(void **state)
{
	(void)state;
	DEC(64, "\xf0\x01\x08");
	assert_ptr_not_equal(i.fn, op_ud);
	DEC(64, "\xf0\x01\xc8");
	assert_ptr_equal(i.fn, op_ud);
	DEC(64, "\xf0\x03\x08");                       /* reads memory */
	assert_ptr_equal(i.fn, op_ud);
	DEC(64, "\xf0\x8b\x08");
	assert_ptr_equal(i.fn, op_ud);
}

static void mandatory_prefixes_choose_the_row(void **state)
{
	(void)state;
	DEC(64, "\xf3\x0f\xb8\xc1");
	assert_true(is("popcnt"));
	DEC(64, "\x0f\xb8\xc1");
	assert_true(is("(bad)"));
	DEC(64, "\xf3\x0f\xbc\xc1");
	assert_true(is("tzcnt"));
	DEC(64, "\xf2\x0f\xbc\xc1");
	assert_true(is("bsf"));
	DEC(64, "\xf2\x66\x0f\x38\xf1\xc1");
	assert_true(is("crc32"));
	assert_int_equal(i.opsize, 2);
	DEC(64, "\x0f\x38\xf1\x01");
	assert_true(is("movbe"));
}

/* --- addresses --------------------------------------------------------------------- */

static void sixteen_bit_addresses(void **state)
{
	(void)state;
	assert_int_equal(DEC(16, "\x8b\x42\xfe"), 3);  /* -2(%bp,%si) */
	assert_int_equal(i.base, RBP);
	assert_int_equal(i.index, RSI);
	assert_int_equal(i.disp, -2);
	assert_int_equal(i.seg, SS);
	assert_int_equal(DEC(16, "\x8b\x06\x34\x12"), 4);
	assert_int_equal(i.base, R_NONE);
	assert_int_equal(i.disp, 0x1234);
	assert_int_equal(i.seg, DS);
	assert_int_equal(DEC(16, "\x67\x8b\x04\x24"), 4);  /* (%esp) */
	assert_int_equal(i.addrsize, 4);
	assert_int_equal(i.base, RSP);
}

static void sib_without_index_and_without_base(void **state)
{
	(void)state;
	DEC(64, "\x8b\x04\x24");                       /* (%rsp) */
	assert_int_equal(i.base, RSP);
	assert_int_equal(i.index, R_NONE);
	DEC(64, "\x42\x8b\x04\x24");                   /* (%rsp,%r12) */
	assert_int_equal(i.index, R12);
	assert_int_equal(DEC(64, "\x8b\x04\x8d\x10\0\0\0"), 7);
	assert_int_equal(i.base, R_NONE);
	assert_int_equal(i.index, RCX);
	assert_int_equal(i.scale, 2);
	assert_int_equal(i.disp, 16);
}

static void rip_relative_counts_from_the_instructions_start(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\xc7\x05\x10\0\0\0\x05\0\0\0"), 10);
	assert_int_equal(i.base, R_RIP);
	assert_int_equal(i.disp, 26);
	assert_int_equal(i.imm, 5);
	DEC(32, "\x8b\x05\x10\0\0\0");
	assert_int_equal(i.base, R_NONE);
	assert_int_equal(i.disp, 16);
}

static void moffs_takes_the_address_size(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\xa1\1\2\3\4\5\6\7\x08"), 9);
	assert_int_equal(i.disp, 0x0807060504030201);
	assert_int_equal(DEC(64, "\x67\xa1\1\2\3\4"), 6);
	assert_int_equal(DEC(16, "\xa1\1\2"), 3);
}

/* --- immediates ---------------------------------------------------------------------- */

static void immediates_are_sign_extended(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\x48\x83\xc0\xff"), 4);
	assert_int_equal(i.imm, ~0ull);
	assert_int_equal(DEC(64, "\x48\x81\xc0\0\0\0\x80"), 7);
	assert_int_equal(i.imm, 0xffffffff80000000);
	assert_int_equal(DEC(64, "\x48\xb8\1\2\3\4\5\6\7\x08"), 10);
	assert_int_equal(i.imm, 0x0807060504030201);
	assert_int_equal(DEC(64, "\x66\x81\xc0\x34\x12"), 5);
	assert_int_equal(i.imm, 0x1234);
	assert_int_equal(DEC(64, "\xc8\x10\x00\x03"), 4);
	assert_int_equal(i.imm, 0x30010);
	assert_int_equal(DEC(32, "\xea\1\2\3\4\5\6"), 7);
	assert_int_equal(i.imm, 0x060504030201);
}

/* --- what is not there ------------------------------------------------------------------ */

static void unknown_opcodes_decode_to_ud(void **state)
{
	(void)state;
	DEC(64, "\x06");
	assert_ptr_equal(i.fn, op_ud);
	DEC(64, "\x0f\x04");
	assert_ptr_equal(i.fn, op_ud);
	DEC(64, "\x62\xf1\x7c\x48\x58\xc0");           /* EVEX */
	assert_ptr_equal(i.fn, op_ud);
	DEC(32, "\x63\xc0");
	assert_true(is("arpl"));
	DEC(64, "\x63\xc0");
	assert_true(is("movsxd"));
}

static void les_and_lds_are_not_vex_outside_64_bits(void **state)
{
	(void)state;
	DEC(32, "\xc4\x00");
	assert_true(is("les"));
	DEC(32, "\xc5\xc0\x58\xc0");
	assert_false(is("lds"));
}

static void fifteen_bytes_are_the_limit(void **state)
{
	u8 b[16];

	(void)state;
	memset(b, 0x66, sizeof(b));
	b[14] = 0x90;
	assert_int_equal(insn_decode(&i, b, 15, 64), 15);
	assert_true(is("xchg"));
	b[14] = 0x66;
	assert_int_equal(insn_decode(&i, b, 15, 64), 15);
	assert_ptr_equal(i.fn, op_gp);
	assert_int_equal(insn_decode(&i, b, 14, 64), 0);
}

static void a_cut_instruction_asks_for_more(void **state)
{
	static const u8 b[] = { 0x48, 0x81, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	for (unsigned n = 0; n < sizeof(b); n++)
		assert_int_equal(insn_decode(&i, b, n, 64), 0);
	assert_int_equal(insn_decode(&i, b, sizeof(b), 64), 12);
}

static void rows_have_handlers_for_every_size_they_can_have(void **state)
{
	(void)state;
	insn_tables_init();
	for (unsigned n = 0; n < insn_row_count; n++) {
		const struct insn_row *r = &insn_rows[n];

		assert_true(r->fn || r->var);
		assert_non_null(r->name);
		assert_true(r->feat < FEAT_COUNT);
	}
}

/* --- against another decoder -------------------------------------------------------------- */

/* Where the two differ on purpose: UD0 and UD1 have a ModRM byte, and near
 * branches ignore 66 in 64-bit code. */
static bool known_difference(void)
{
	return !strncmp(i.row->name, "ud", 2) ||
	       (i.row->size == S_F && (i.flags & I_66));
}

static void lengths_agree(unsigned bits, cs_mode mode)
{
	cs_insn *in;
	csh h;

	assert_int_equal(cs_open(CS_ARCH_X86, mode, &h), CS_ERR_OK);
	srandom(bits);
	for (unsigned n = 0; n < 30000; n++) {
		u8 b[16];
		unsigned len;

		for (unsigned k = 0; k < sizeof(b); k++)
			b[k] = (u8)(random() >> 8);
		if (n & 1)
			b[0] = 0x0f;
		len = insn_decode(&i, b, 15, bits);
		if (!cs_disasm(h, b, 15, 0x1000, 1, &in))
			continue;
		if (!is("(bad)") && i.fn != op_ud && !known_difference())
			assert_int_equal(len, in->size);
		cs_free(in, 1);
	}
	cs_close(&h);
}

static void lengths_are_capstones(void **state)
{
	(void)state;
	lengths_agree(64, CS_MODE_64);
	lengths_agree(32, CS_MODE_32);
	lengths_agree(16, CS_MODE_16);
}

/* --- VEX ------------------------------------------------------------------------ */

static void vex_in_two_and_three_bytes_is_the_same(void **state)
{
	(void)state;
	assert_int_equal(DEC(64, "\xc5\xf4\x58\xc2"), 4);
	assert_true(is("vaddps"));
	assert_int_equal(i.opsize, 32);
	assert_int_equal(i.vvvv, 1);
	assert_int_equal(DEC(64, "\xc4\xe1\x74\x58\xc2"), 5);
	assert_true(is("vaddps"));
	assert_int_equal(DEC(64, "\xc4\x41\x08\x58\xd3"), 5);
	assert_int_equal(i.reg, 10);
	assert_int_equal(i.rm, 11);
	assert_int_equal(i.vvvv, 14);
	assert_int_equal(i.opsize, 16);
}

static void outside_64_bit_mode_c4_and_c5_load_pointers(void **state)
{
	(void)state;
	DEC(32, "\xc5\x74\x58\xc2");
	assert_true(is("lds"));
	DEC(32, "\xc4\x61\x74\x58\xc2");
	assert_true(is("les"));
	assert_int_equal(DEC(32, "\xc5\xf4\x58\xc2"), 4);
	assert_true(is("vaddps"));
	assert_int_equal(DEC(16, "\xc5\xf4\x58\xc2"), 4);
	assert_true(is("vaddps"));
}

static void prefixes_before_vex_are_bad(void **state)
{
	(void)state;
	DEC(64, "\x66\xc5\xf4\x58\xc2");
	assert_true(is("(bad)"));
	DEC(64, "\xf2\xc5\xf4\x58\xc2");
	assert_true(is("(bad)"));
	DEC(64, "\xf3\xc5\xf4\x58\xc2");
	assert_true(is("(bad)"));
	DEC(64, "\xf0\xc5\xf4\x58\x02");
	assert_true(is("(bad)"));
	DEC(64, "\x48\xc5\xf4\x58\xc2");
	assert_true(is("(bad)"));
	DEC(64, "\x64\x67\xc5\xf4\x58\x02");
	assert_true(is("vaddps"));
	assert_int_equal(i.seg, FS);
	assert_int_equal(i.addrsize, 4);
}

static void vex_length_width_and_vvvv_must_fit_the_row(void **state)
{
	(void)state;
	DEC(64, "\xc5\xf8\x28\xc2");                  /* vmovaps */
	assert_true(is("vmovaps"));
	DEC(64, "\xc5\xf0\x28\xc2");                  /* vvvv used */
	assert_true(is("(bad)"));
	DEC(64, "\xc4\xe3\x71\x18\xc2\x01");          /* vinsertf128, L0 */
	assert_true(is("(bad)"));
	DEC(64, "\xc4\xe3\x75\x18\xc2\x01");
	assert_true(is("vinsertf128"));
	DEC(64, "\xc4\xe3\xf5\x18\xc2\x01");          /* W1 */
	assert_true(is("(bad)"));
	DEC(64, "\xc4\xe2\x74\xf2\xc2");              /* andn, L1 */
	assert_true(is("(bad)"));
	DEC(64, "\xc4\xe0\x70\xf2\xc2");              /* no such map */
	assert_true(is("(bad)"));
	DEC(64, "\xc4\xe2\xf1\xb8\xc2");
	assert_true(is("vfmadd231pd"));
	DEC(32, "\xc4\xe2\xf1\xb8\xc2");
	assert_true(is("vfmadd231pd"));
}

static void width_of_general_registers_is_32_outside_64_bit_mode(void **state)
{
	(void)state;
	DEC(64, "\xc4\xe2\xf0\xf2\xc2");
	assert_int_equal(i.opsize, 8);
	DEC(32, "\xc4\xe2\xf0\xf2\xc2");
	assert_true(is("andn"));
	assert_int_equal(i.opsize, 4);
}

static void a_gather_names_its_index_vector(void **state)
{
	(void)state;
	/* vpgatherdd ymm1, (r9, ymm12, 4), ymm0 */
	assert_int_equal(DEC(64, "\xc4\x82\x75\x90\x04\xa1"), 6);
	assert_int_equal(i.base, R9);
	assert_int_equal(i.index, R_NONE);
	assert_int_equal(i.rm, 12);
	assert_int_equal(i.scale, 2);
	/* index 4 is a register here */
	DEC(64, "\xc4\xe2\x75\x90\x04\x21");
	assert_int_equal(i.rm, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rex_selects_size_and_registers),
		cmocka_unit_test(vex_in_two_and_three_bytes_is_the_same),
		cmocka_unit_test(outside_64_bit_mode_c4_and_c5_load_pointers),
		cmocka_unit_test(prefixes_before_vex_are_bad),
		cmocka_unit_test(vex_length_width_and_vvvv_must_fit_the_row),
		cmocka_unit_test(width_of_general_registers_is_32_outside_64_bit_mode),
		cmocka_unit_test(a_gather_names_its_index_vector),
		cmocka_unit_test(rex_before_a_legacy_prefix_is_ignored),
		cmocka_unit_test(high_bytes_exist_without_rex_only),
		cmocka_unit_test(segment_overrides),
		cmocka_unit_test(lock_needs_a_memory_destination),
		cmocka_unit_test(mandatory_prefixes_choose_the_row),
		cmocka_unit_test(sixteen_bit_addresses),
		cmocka_unit_test(sib_without_index_and_without_base),
		cmocka_unit_test(rip_relative_counts_from_the_instructions_start),
		cmocka_unit_test(moffs_takes_the_address_size),
		cmocka_unit_test(immediates_are_sign_extended),
		cmocka_unit_test(unknown_opcodes_decode_to_ud),
		cmocka_unit_test(les_and_lds_are_not_vex_outside_64_bits),
		cmocka_unit_test(fifteen_bytes_are_the_limit),
		cmocka_unit_test(a_cut_instruction_asks_for_more),
		cmocka_unit_test(rows_have_handlers_for_every_size_they_can_have),
		cmocka_unit_test(lengths_are_capstones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
