/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/flags.c and the lazy flags of interp.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tcg-plugin/x86/interp.h"

static struct x86_cpu cpu;

/* --- a slow and plain model ---------------------------------------------------- */

static u32 model(unsigned l, bool sub, u64 a, u64 b, unsigned cin)
{
	unsigned bits = 8u << l;
	u64 mask = ~0ull >> (64 - bits), sign = 1ull << (bits - 1);
	unsigned __int128 x = a & mask, y = b & mask, r = sub ? x - y - cin
							      : x + y + cin;
	u64 v = (u64)r & mask;
	u32 f = 0;

	if (sub ? x < y + cin : r > mask)
		f |= FL_CF;
	if (!__builtin_parity(v & 0xff))
		f |= FL_PF;
	if ((a ^ b ^ v) & 16)
		f |= FL_AF;
	if (!v)
		f |= FL_ZF;
	if (v & sign)
		f |= FL_SF;
	if ((sub ? (a ^ b) & (a ^ v) : ~(a ^ b) & (a ^ v)) & sign)
		f |= FL_OF;
	return f;
}

static const u64 values[] = {
	0, 1, 2, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
	0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull,
};

static void check(unsigned l, bool sub, u64 a, u64 b, unsigned cin)
{
	static const enum cc_family family[2][2] = { { CC_ADD, CC_ADC },
						     { CC_SUB, CC_SBB } };
	u64 mask = ~0ull >> (64 - (8u << l));
	u32 want = model(l, sub, a, b, cin);

	cc_set(&cpu, family[sub][cin], l, sub ? a - b - cin : a + b + cin,
	       b & mask);
	assert_int_equal(flags_arith(&cpu), want);
	for (unsigned cc = 0; cc < 16; cc++) {
		bool lazy = cond_true(&cpu, cc), plain;
		struct x86_cpu *c = &cpu;
		u32 op = c->cc_op;

		c->cc_op = CC_RFLAGS;
		c->rflags = want | 2;
		plain = cond_true(c, cc);
		c->cc_op = op;
		assert_int_equal(lazy, plain);
	}
}

static void sums_and_differences_of_every_size(void **state)
{
	(void)state;
	for (unsigned l = 0; l < 4; l++)
		for (unsigned m = 0; m < ARRAY_LEN(values); m++)
			for (unsigned n = 0; n < ARRAY_LEN(values); n++)
				for (unsigned k = 0; k < 4; k++)
					check(l, k & 1, values[m], values[n],
					      k >> 1);
}

static void random_operands(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned n = 0; n < 20000; n++) {
		u64 a = (u64)random() << 33 ^ (u64)random();
		u64 b = (u64)random() << 33 ^ (u64)random();

		check(n & 3, n & 4, a, b, n >> 3 & 1);
	}
}

static void logic_clears_carry_and_overflow(void **state)
{
	(void)state;
	cc_set(&cpu, CC_LOGIC, 2, 0x80000000, 0);
	assert_int_equal(flags_arith(&cpu), FL_SF | FL_PF);
	cc_set(&cpu, CC_LOGIC, 0, 0, 0);
	assert_int_equal(flags_arith(&cpu), FL_ZF | FL_PF);
}

static void setting_cf_and_of_keeps_the_rest(void **state)
{
	(void)state;
	cc_set(&cpu, CC_SUB, 1, 0x8000 - 1, 1);
	flags_set_cf_of(&cpu, true, false);
	assert_int_equal(flags_arith(&cpu), FL_CF | FL_PF | FL_AF);
	cpu.cc_op = CC_RFLAGS;
	cpu.rflags = FL_ZF | FL_OF | 2;
	flags_set_cf_of(&cpu, true, false);
	assert_int_equal(flags_arith(&cpu), FL_ZF | FL_CF);
}

static void reading_rflags_keeps_the_other_bits(void **state)
{
	(void)state;
	cpu.rflags = FL_IF | FL_DF | FL_CF | 2;
	cc_set(&cpu, CC_LOGIC, 3, 5, 0);
	assert_int_equal(x86_rflags(&cpu), FL_IF | FL_DF | FL_PF | 2);
	assert_int_equal(cpu.cc_op, CC_RFLAGS);
}

static void setting_ac_at_ring_3_turns_alignment_checks_on(void **state)
{
	(void)state;
	cpu.cr0 = CR0_PE | CR0_AM;
	cpu.seg[SS].attr = SEG_P | SEG_S | SEG_W | 3 << 5;
	x86_set_rflags(&cpu, FL_AC);
	assert_true(cpu.align_check);
	assert_int_equal(cpu.rflags, FL_AC | 2);
	x86_set_rflags(&cpu, 0);
	assert_false(cpu.align_check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_differences_of_every_size),
		cmocka_unit_test(random_operands),
		cmocka_unit_test(logic_clears_carry_and_overflow),
		cmocka_unit_test(setting_cf_and_of_keeps_the_rest),
		cmocka_unit_test(reading_rflags_keeps_the_other_bits),
		cmocka_unit_test(setting_ac_at_ring_3_turns_alignment_checks_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
