// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/interp_bmi.c, edges of each operation. */
#include "tests/unit/tcg_insn.h"

/* Bytes, what ecx (vvvv) and edx (rm) hold, what eax and the flags become. */
static const struct {
	const char *bytes;
	u64 ecx, edx, eax;
	u32 flags;
} cases[] = {
	/* andn edx, ecx, eax; 64 bits */
	{ "\xc4\xe2\x70\xf2\xc2", 0xff, 0xfff, 0xf00, 0 },
	{ "\xc4\xe2\x70\xf2\xc2", ~0ull, 0xfff, 0, FL_ZF },
	{ "\xc4\xe2\xf0\xf2\xc2", 0, 1ull << 63, 1ull << 63, FL_SF },
	/* bextr ecx, edx, eax: start, length */
	{ "\xc4\xe2\x70\xf7\xc2", 0x0804, 0x12345678, 0x67, 0 },
	{ "\xc4\xe2\x70\xf7\xc2", 0xff04, 0x12345678, 0x1234567, 0 },
	{ "\xc4\xe2\x70\xf7\xc2", 0x0820, 0x12345678, 0, FL_ZF },
	{ "\xc4\xe2\x70\xf7\xc2", 0x0000, 0x12345678, 0, FL_ZF },
	/* bzhi ecx, edx, eax */
	{ "\xc4\xe2\x70\xf5\xc2", 8, 0x12345678, 0x78, 0 },
	{ "\xc4\xe2\x70\xf5\xc2", 32, 0x12345678, 0x12345678, FL_CF },
	{ "\xc4\xe2\x70\xf5\xc2", 0x10000, 0x12345678, 0, FL_ZF },
	{ "\xc4\xe2\xf0\xf5\xc2", 63, ~0ull, ~0ull >> 1, 0 },
	/* pext edx, ecx, eax; pdep */
	{ "\xc4\xe2\x72\xf5\xc2", 0x12345678, 0xf0f0f0f0, 0x1357, 0 },
	{ "\xc4\xe2\x73\xf5\xc2", 0x1357, 0xf0f0f0f0, 0x10305070, 0 },
	{ "\xc4\xe2\xf2\xf5\xc2", ~0ull, ~0ull, ~0ull, 0 },
	/* shlx, sarx, shrx ecx, edx, eax */
	{ "\xc4\xe2\x71\xf7\xc2", 33, 0x80000001, 2, 0 },
	{ "\xc4\xe2\x72\xf7\xc2", 4, 0x80000000, 0xf8000000, 0 },
	{ "\xc4\xe2\x73\xf7\xc2", 4, 0x80000000, 0x08000000, 0 },
	{ "\xc4\xe2\xf1\xf7\xc2", 33, 1, 1ull << 33, 0 },
	/* rorx $8, edx, eax */
	{ "\xc4\xe3\x7b\xf0\xc2\x08", 0, 0x12345678, 0x78123456, 0 },
	{ "\xc4\xe3\x7b\xf0\xc2\x20", 0, 0x12345678, 0x12345678, 0 },
};

static void results_and_flags_are_the_manual_s(void **state)
{
	const u32 defined = FL_CF | FL_ZF | FL_OF;

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
		struct x86_cpu *c = fresh();
		bool imm = cases[n].bytes[1] == '\xe3';

		c->r[RAX] = ~0ull;
		c->r[RCX] = cases[n].ecx;
		c->r[RDX] = cases[n].edx;
		assert_int_equal(run(c, cases[n].bytes, imm ? 6 : 5), NO_FAULT);
		assert_int_equal(c->r[RAX], cases[n].eax);
		assert_int_equal(x86_rflags(c) & defined,
				 cases[n].flags & defined);
	}
}

static void lowest_set_bit_instructions_write_vvvv(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RDX] = 0x58;
	assert_int_equal(RUN(c, "\xc4\xe2\x70\xf3\xca"), NO_FAULT); /* blsr */
	assert_int_equal(c->r[RCX], 0x50);
	assert_int_equal(RUN(c, "\xc4\xe2\x70\xf3\xd2"), NO_FAULT); /* blsmsk */
	assert_int_equal(c->r[RCX], 0xf);
	assert_int_equal(x86_rflags(c) & FL_CF, 0);
	assert_int_equal(RUN(c, "\xc4\xe2\x70\xf3\xda"), NO_FAULT); /* blsi */
	assert_int_equal(c->r[RCX], 8);
	assert_int_equal(x86_rflags(c) & FL_CF, FL_CF);
	c->r[RDX] = 0;
	assert_int_equal(RUN(c, "\xc4\xe2\x70\xf3\xca"), NO_FAULT);
	assert_int_equal(x86_rflags(c) & (FL_CF | FL_ZF), FL_CF | FL_ZF);
}

static void mulx_keeps_flags_and_prefers_the_high_half(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	x86_set_rflags(c, 2 | FL_ARITH);
	c->r[RDX] = 1ull << 63;
	c->r[RBX] = 6;
	/* mulx rbx, rcx, rax */
	assert_int_equal(RUN(c, "\xc4\xe2\xf3\xf6\xc3"), NO_FAULT);
	assert_int_equal(c->r[RAX], 3);
	assert_int_equal(c->r[RCX], 0);
	assert_int_equal(x86_rflags(c) & FL_ARITH, FL_ARITH);
	/* mulx rbx, rax, rax */
	assert_int_equal(RUN(c, "\xc4\xe2\xfb\xf6\xc3"), NO_FAULT);
	assert_int_equal(c->r[RAX], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_and_flags_are_the_manual_s),
		cmocka_unit_test(lowest_set_bit_instructions_write_vvvv),
		cmocka_unit_test(mulx_keeps_flags_and_prefers_the_high_half),
	};

	insn_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
