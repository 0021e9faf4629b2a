// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/vex.c, the state VEX instructions need and touch. */
#include "tests/unit/tcg_insn.h"

static struct x86_cpu *with_avx(void)
{
	struct x86_cpu *c = fresh();

	c->xcr0 = 7;
	for (unsigned n = 0; n < 16; n++) {
		memset(c->fpu.xmm[n].b, (int)(0x10 + n), 16);
		memset(c->fpu.ymmh[n].b, (int)(0x20 + n), 16);
	}
	return c;
}

static bool all(const u8 *b, u8 v)
{
	for (unsigned n = 0; n < 16; n++)
		if (b[n] != v)
			return false;
	return true;
}

static void skip_without_avx(void)
{
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2")) {
		print_message("# SKIP the host has no AVX2\n");
		skip();
	}
}

#define VADDPS "\xc5\xf4\x58\xc2"              /* vaddps ymm2, ymm1, ymm0 */

static void avx_wants_osxsave_and_both_bits_of_xcr0(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	skip_without_avx();
	assert_int_equal(RUN(c, VADDPS), NO_FAULT);
	c = with_avx();
	c->xcr0 = 3;
	assert_int_equal(RUN(c, VADDPS), EXC_UD);
	c = with_avx();
	c->cr4 &= ~(u64)CR4_OSXSAVE;
	assert_int_equal(RUN(c, VADDPS), EXC_UD);
}

static void avx_looks_at_ts_but_not_at_em_and_osfxsr(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	skip_without_avx();
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, VADDPS), EXC_NM);
	c = with_avx();
	c->cr0 |= CR0_EM;
	c->cr4 &= ~(u64)CR4_OSFXSR;
	assert_int_equal(RUN(c, VADDPS), NO_FAULT);
}

static void a_feature_alone_is_not_enough(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	c->feats = ~(1ull << FEAT_AVX);
	/* vaesenc xmm2, xmm1, xmm0: the CPU has AES, but no AVX */
	assert_int_equal(RUN(c, "\xc4\xe2\x71\xdc\xc2"), EXC_UD);
	c->feats = ~(1ull << FEAT_AVX2);
	/* vpaddb: 256 bits are AVX2's */
	assert_int_equal(RUN(c, "\xc5\xf5\xfc\xc2"), EXC_UD);
}

static void vex_does_not_exist_in_real_mode(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	c->mode = MODE_REAL;
	assert_int_equal(RUN(c, VADDPS), EXC_UD);
	/* andn eax, ecx, edx */
	assert_int_equal(RUN(c, "\xc4\xe2\x70\xf2\xc2"), EXC_UD);
}

static void results_of_128_bits_clear_the_upper_half(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	skip_without_avx();
	/* vpxor xmm2, xmm2, xmm0 */
	assert_int_equal(RUN(c, "\xc5\xe9\xef\xc2"), NO_FAULT);
	assert_true(all(c->fpu.xmm[0].b, 0) && all(c->fpu.ymmh[0].b, 0));
	/* movups (legacy) keeps it */
	assert_int_equal(RUN(c, "\x0f\x10\xca"), NO_FAULT);
	assert_true(all(c->fpu.xmm[1].b, 0x12) && all(c->fpu.ymmh[1].b, 0x21));
	/* vmovss (rbx), xmm3 */
	page[0] = 7;
	assert_int_equal(RUN(c, "\xc5\xfa\x10\x1b"), NO_FAULT);
	assert_int_equal(c->fpu.xmm[3].b[0], 7);
	assert_int_equal(c->fpu.xmm[3].b[4], 0);
	assert_true(all(c->fpu.ymmh[3].b, 0));
}

static void zeroupper_and_zeroall_know_the_mode(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	assert_int_equal(RUN(c, "\xc5\xf8\x77"), NO_FAULT);
	assert_true(all(c->fpu.xmm[15].b, 0x1f) && all(c->fpu.ymmh[15].b, 0));
	c = with_avx();
	assert_int_equal(RUN(c, "\xc5\xfc\x77"), NO_FAULT);
	assert_true(all(c->fpu.xmm[15].b, 0) && all(c->fpu.ymmh[0].b, 0));
	c = with_avx();
	c->seg[CS].attr = (c->seg[CS].attr & ~(u32)SEG_L) | SEG_DB;
	x86_update_mode(c);
	assert_int_equal(RUN(c, "\xc5\xfc\x77"), NO_FAULT);
	assert_true(all(c->fpu.ymmh[7].b, 0) && all(c->fpu.ymmh[8].b, 0x28));
}

static void only_aligned_moves_want_alignment(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	skip_without_avx();
	/* vaddps 4(rbx), ymm1, ymm0; vmovups; vmovaps 16(rbx), xmm and ymm */
	assert_int_equal(RUN(c, "\xc5\xf4\x58\x43\x04"), NO_FAULT);
	assert_int_equal(RUN(c, "\xc5\xfc\x10\x43\x04"), NO_FAULT);
	assert_int_equal(RUN(c, "\xc5\xf8\x28\x43\x10"), NO_FAULT);
	assert_int_equal(RUN(c, "\xc5\xfc\x28\x43\x10"), EXC_GP);
	assert_int_equal(RUN(c, "\xc5\xfc\x29\x43\x10"), EXC_GP);
	assert_int_equal(RUN(c, "\xc5\xfc\x29\x43\x20"), NO_FAULT);
}

static void an_unmasked_exception_changes_nothing(void **state)
{
	struct x86_cpu *c = with_avx();
	u8 was[16];

	(void)state;
	skip_without_avx();
	memset(c->fpu.xmm[2].b, 0, 16);
	memcpy(was, c->fpu.xmm[0].b, 16);
	c->fpu.mxcsr = 0x1f80 & ~(MXCSR_ZE << 7);
	/* vdivps ymm2, ymm1, ymm0 */
	assert_int_equal(RUN(c, "\xc5\xf4\x5e\xc2"), EXC_XM);
	assert_memory_equal(c->fpu.xmm[0].b, was, 16);
	assert_int_equal(c->fpu.mxcsr & MXCSR_EXC, MXCSR_ZE);
	assert_int_equal(c->rip, 0x400000);
}

static void fused_multiply_add_reads_its_destination(void **state)
{
	const float two[4] = { 2, 2, 2, 2 }, five[4] = { 5, 5, 5, 5 };
	struct x86_cpu *c = with_avx();
	float f;

	(void)state;
	skip_without_avx();
	memcpy(c->fpu.xmm[0].b, two, 16);
	memcpy(c->fpu.xmm[1].b, five, 16);
	memcpy(page, two, 16);
	/* vfmadd231ps (rbx), xmm1, xmm0: 2 + 5 * 2 */
	assert_int_equal(RUN(c, "\xc4\xe2\x71\xb8\x03"), NO_FAULT);
	memcpy(&f, c->fpu.xmm[0].b, 4);
	assert_true(f == 12);
	assert_true(all(c->fpu.ymmh[0].b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avx_wants_osxsave_and_both_bits_of_xcr0),
		cmocka_unit_test(avx_looks_at_ts_but_not_at_em_and_osfxsr),
		cmocka_unit_test(a_feature_alone_is_not_enough),
		cmocka_unit_test(vex_does_not_exist_in_real_mode),
		cmocka_unit_test(results_of_128_bits_clear_the_upper_half),
		cmocka_unit_test(zeroupper_and_zeroall_know_the_mode),
		cmocka_unit_test(only_aligned_moves_want_alignment),
		cmocka_unit_test(an_unmasked_exception_changes_nothing),
		cmocka_unit_test(fused_multiply_add_reads_its_destination),
	};

	insn_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
