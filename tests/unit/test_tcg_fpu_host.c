// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/fpu_host.c, the stubs' calling convention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tcg-plugin/x86/fpu_host.h"

static void immediate_stubs_are_one_per_value(void **state)
{
	v128 a = { 0, 0 }, b = { 0x0000000200000001, 0x0000000400000003 };

	(void)state;
	for (unsigned imm = 0; imm < 256; imm++) {
		v128 r = host_imm(host_pshufd, (u8)imm)(a, b);

		for (unsigned k = 0; k < 4; k++)
			assert_int_equal((u32)(r[k / 2] >> k % 2 * 32),
					 1 + (imm >> 2 * k & 3));
	}
	for (unsigned imm = 0; imm < 256; imm++)
		assert_int_equal(host_mmx_imm(host_mmx_pshufw, (u8)imm)(0,
			0x0004000300020001) & 0xffff, 1 + (imm & 3));
}

static void string_stubs_return_flags_and_index(void **state)
{
	host_str_fn *ordered = (host_str_fn *)((uintptr_t)host_pcmpestri +
					       0x0c * HOST_STR_STRIDE);
	v128 a = { 0x6f6c, 0 }, b = { 0x6f6c6c6568, 0 };  /* "lo", "hello" */
	struct host_str r = ordered(a, b, 2, 5);

	(void)state;
	assert_int_equal(r.index, 3);
	assert_int_equal(r.rflags & 1, 1);
}

/* Every register-form stub is its own two bytes: 1 + ST(i), by DC C0+i. */
static void x87_stubs_run_the_named_encoding(void **state)
{
	_Alignas(16) u8 img[512];
	u16 fcw = 0x37f;
	u32 mxcsr = 0x1f80;
	long double v;

	(void)state;
	for (unsigned n = 0; n < 8; n++) {
		memset(img, 0, sizeof(img));
		memcpy(img, &fcw, 2);
		memcpy(img + 24, &mxcsr, 4);
		img[4] = 0xff;
		for (unsigned k = 0; k < 8; k++) {
			v = k + 1;
			memcpy(img + 32 + 16 * k, &v, 10);
		}
		host_x87(img, 0xdc, (u8)(0xc0 + n), NULL, 2);
		v = 0;
		memcpy(&v, img + 32 + 16 * n, 10);
		assert_true(v == n + 2);
	}
}

static void the_c_world_keeps_its_x87_unit(void **state)
{
	_Alignas(16) u8 img[512] = { 0x7f, 0x00 };   /* single precision */
	volatile long double third = 1;
	u32 mxcsr = 0x1f80;

	(void)state;
	memcpy(img + 24, &mxcsr, 4);
	host_x87(img, 0xd9, 0xe8, NULL, 2);
	third /= 3;
	assert_true(third != (long double)(float)third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(immediate_stubs_are_one_per_value),
		cmocka_unit_test(string_stubs_return_flags_and_index),
		cmocka_unit_test(x87_stubs_run_the_named_encoding),
		cmocka_unit_test(the_c_world_keeps_its_x87_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
