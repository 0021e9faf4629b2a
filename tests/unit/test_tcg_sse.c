// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/sse.c, #XM precision and operand checks. */
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

static void masked_divide_by_zero_gives_infinity(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, 1, 1);
	set_ps(c, 1, 0, 3);
	assert_int_equal(RUN(c, "\x0f\x5e\xc1"), NO_FAULT);  /* divps 1, 0 */
	assert_true(lane(c, 0, 0) == __builtin_inff());
	assert_int_equal(c->fpu.mxcsr, 0x1f80 | MXCSR_ZE | MXCSR_PE);
}

static void unmasked_divide_by_zero_raises_xm_and_changes_nothing(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, 1, 1);
	set_ps(c, 1, 0, 3);
	c->fpu.mxcsr = 0x1f80 & ~(MXCSR_ZE << 7);
	assert_int_equal(RUN(c, "\x0f\x5e\xc1"), EXC_XM);
	assert_true(lane(c, 0, 0) == 1 && lane(c, 0, 1) == 1);
	assert_int_equal(c->rip, 0x400000);
}

static void pre_computation_exception_hides_the_inexact_lane(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, 1, 1);
	set_ps(c, 1, 0, 3);
	c->fpu.mxcsr = 0x1f80 & ~(MXCSR_ZE << 7);
	RUN(c, "\x0f\x5e\xc1");
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, MXCSR_ZE);
}

static void unmasked_underflow_sees_an_exact_tiny_result(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, 0x1p-126f, 1);
	set_ps(c, 1, 0.5f, 1);
	assert_int_equal(RUN(c, "\x0f\x59\xc1"), NO_FAULT);  /* mulps 1, 0 */
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, 0);
	set_ps(c, 0, 0x1p-126f, 1);
	c->fpu.mxcsr = (0x1f80 & ~MXCSR_UM) | MXCSR_FZ;
	assert_int_equal(RUN(c, "\x0f\x59\xc1"), EXC_XM);
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, MXCSR_UE);
	assert_true(lane(c, 0, 0) == 0x1p-126f);
}

static void simd_exception_is_ud_without_osxmmexcpt(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr4 &= ~(u64)CR4_OSXMMEXCPT;
	c->fpu.mxcsr = 0x1f80 & ~(MXCSR_ZE << 7);
	set_ps(c, 0, 1, 1);
	assert_int_equal(RUN(c, "\x0f\x5e\xc1"), EXC_UD);
}

static void sse_needs_osfxsr_and_no_em_and_no_ts(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr4 &= ~(u64)CR4_OSFXSR;
	assert_int_equal(RUN(c, "\x0f\x58\xc1"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_EM;
	assert_int_equal(RUN(c, "\x0f\x58\xc1"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, "\x0f\x58\xc1"), EXC_NM);
}

static void packed_operand_must_be_aligned_scalar_not(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	assert_int_equal(RUN(c, "\x0f\x58\x43\x04"), EXC_GP); /* addps 4(rbx) */
	assert_int_equal(RUN(c, "\xf3\x0f\x58\x43\x04"), NO_FAULT);
	assert_int_equal(RUN(c, "\x0f\x10\x43\x04"), NO_FAULT); /* movups */
	assert_int_equal(RUN(c, "\x0f\x28\x43\x04"), EXC_GP); /* movaps */
}

static void unordered_compare_sets_zf_pf_cf(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	set_ps(c, 0, __builtin_nanf(""), 0);
	c->rflags = 2 | FL_OF | FL_SF | FL_AF;
	assert_int_equal(RUN(c, "\x0f\x2e\xc1"), NO_FAULT);  /* ucomiss */
	assert_int_equal(x86_rflags(c) & FL_ARITH, FL_ZF | FL_PF | FL_CF);
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, 0);
	RUN(c, "\x0f\x2f\xc1");                     /* comiss: QNaN is invalid */
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, MXCSR_IE);
}

static void string_compare_finds_a_byte(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	memcpy(c->fpu.xmm[0].b, "o", 2);
	memcpy(c->fpu.xmm[1].b, "hello, world 123", 16);
	c->r[RCX] = ~0ull;
	/* pcmpistri $0, xmm1, xmm0: equal any, bytes */
	assert_int_equal(RUN(c, "\x66\x0f\x3a\x63\xc1\x00"), NO_FAULT);
	assert_int_equal(c->r[RCX], 4);
	assert_int_equal(x86_rflags(c) & FL_CF, FL_CF);
	/* pcmpestri with length 3 finds nothing */
	c->r[RAX] = 1;
	c->r[RDX] = 3;
	RUN(c, "\x66\x0f\x3a\x61\xc1\x00");
	assert_int_equal(c->r[RCX], 16);
	assert_int_equal(x86_rflags(c) & FL_CF, 0);
}

static void insertps_from_memory_ignores_the_source_lane(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	memcpy(page, (float[4]){ 1, 2, 3, 4 }, 16);
	set_ps(c, 0, 8, 8);
	/* insertps $0xd0, (rbx), xmm0: lane 3 of memory would be 4 */
	assert_int_equal(RUN(c, "\x66\x0f\x3a\x21\x03\xd0"), NO_FAULT);
	assert_true(lane(c, 0, 1) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masked_divide_by_zero_gives_infinity),
		cmocka_unit_test(
			unmasked_divide_by_zero_raises_xm_and_changes_nothing),
		cmocka_unit_test(
			pre_computation_exception_hides_the_inexact_lane),
		cmocka_unit_test(unmasked_underflow_sees_an_exact_tiny_result),
		cmocka_unit_test(simd_exception_is_ud_without_osxmmexcpt),
		cmocka_unit_test(sse_needs_osfxsr_and_no_em_and_no_ts),
		cmocka_unit_test(packed_operand_must_be_aligned_scalar_not),
		cmocka_unit_test(unordered_compare_sets_zf_pf_cf),
		cmocka_unit_test(string_compare_finds_a_byte),
		cmocka_unit_test(insertps_from_memory_ignores_the_source_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
