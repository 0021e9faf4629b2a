// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/sse_move.c, moves, elements, conversions. */
#include "tcg-plugin/x86/host_cpu.h"
#include "tests/unit/tcg_insn.h"

static void set_ps(struct x86_cpu *c, unsigned n, float a, float b)
{
	memcpy(c->fpu.xmm[n].b, (float[4]){ a, b, 1, 1 }, 16);
}

static float lane(const struct x86_cpu *c, unsigned n, unsigned k)
{
	float f;

	memcpy(&f, c->fpu.xmm[n].b + 4 * k, 4);
	return f;
}

static void scalar_load_clears_register_move_keeps_the_rest(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, 5, 6);
	set_ps(c, 1, 7, 8);
	RUN(c, "\xf3\x0f\x10\xc1");                 /* movss 1, 0 */
	assert_true(lane(c, 0, 0) == 7 && lane(c, 0, 1) == 6);
	RUN(c, "\xf3\x0f\x10\x03");                 /* movss (rbx), 0 */
	assert_true(lane(c, 0, 0) == 0 && lane(c, 0, 1) == 0);
}

static void conversion_to_integer_saturates_to_indefinite(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 1, 3e9f, 0);
	c->r[RAX] = ~0ull;
	assert_int_equal(RUN(c, "\xf3\x0f\x2c\xc1"), NO_FAULT);
	assert_int_equal(c->r[RAX], 0x80000000);   /* cvttss2si 1, eax */
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, MXCSR_IE);
	assert_int_equal(RUN(c, "\xf3\x48\x0f\x2c\xc1"), NO_FAULT);
	assert_int_equal(c->r[RAX], 3000000000);
}

static void rounding_follows_mxcsr(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 1, 2.5f, 0);
	RUN(c, "\xf3\x0f\x2d\xc1");                /* cvtss2si: to even */
	assert_int_equal(c->r[RAX], 2);
	c->fpu.mxcsr |= 2 << 13;                   /* up */
	RUN(c, "\xf3\x0f\x2d\xc1");
	assert_int_equal(c->r[RAX], 3);
}

static void element_moves_wrap_the_index(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RAX] = 0x1122334455667788;
	/* pinsrw $10: lane 2 of 8; pextrb $21: lane 5 of 16 */
	assert_int_equal(RUN(c, "\x66\x0f\xc4\xc0\x0a"), NO_FAULT);
	assert_int_equal(RUN(c, "\x66\x0f\x3a\x14\xc1\x15"), NO_FAULT);
	assert_int_equal(c->r[RCX], 0x77);
	/* pextrq to memory */
	assert_int_equal(RUN(c, "\x66\x48\x0f\x3a\x16\x03\x00"), NO_FAULT);
	assert_int_equal(page[4], 0x88);
}

static void aligned_store_checks_even_with_mm_set(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	if (!host_has_misaligned_sse())
		skip();                /* AMD's CPUs have it */
	c->fpu.mxcsr |= MXCSR_MM;
	assert_int_equal(RUN(c, "\x0f\x29\x43\x04"), EXC_GP);  /* movaps */
	assert_int_equal(RUN(c, "\x0f\x58\x43\x04"), NO_FAULT); /* addps */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			scalar_load_clears_register_move_keeps_the_rest),
		cmocka_unit_test(
			conversion_to_integer_saturates_to_indefinite),
		cmocka_unit_test(rounding_follows_mxcsr),
		cmocka_unit_test(element_moves_wrap_the_index),
		cmocka_unit_test(aligned_store_checks_even_with_mm_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
