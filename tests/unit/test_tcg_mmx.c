// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/mmx.c, results and what MMX does to x87 state. */
#include "tests/unit/tcg_insn.h"

static void mmx_resets_top_and_fills_tags(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	RUN(c, "\xd9\xe8");                    /* fld1: R7 */
	c->r[RAX] = 0x1122334455667788;
	assert_int_equal(RUN(c, "\x48\x0f\x6e\xd8"), NO_FAULT);
	assert_int_equal(fpu_top(&c->fpu), 0); /* movq rax, mm3 */
	assert_int_equal(c->fpu.ftw, 0xff);
	assert_int_equal(fpu_mmx_get(&c->fpu, 3), 0x1122334455667788);
	assert_int_equal(c->fpu.st[3].b[9], 0xff);
	assert_int_equal(fpu_mmx_get(&c->fpu, 7), 1ull << 63);
	assert_int_equal(RUN(c, "\x0f\x77"), NO_FAULT);
	assert_int_equal(c->fpu.ftw, 0);
	assert_int_equal(fpu_mmx_get(&c->fpu, 3), 0x1122334455667788);
}

static void mmx_arithmetic_and_immediates(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	fpu_mmx_set(&c->fpu, 0, 0x00ff00ff00ff00ff);
	fpu_mmx_set(&c->fpu, 1, 0x0001000100010001);
	RUN(c, "\x0f\xfc\xc1");                /* paddb mm1, mm0 */
	assert_int_equal(fpu_mmx_get(&c->fpu, 0), 0);
	fpu_mmx_set(&c->fpu, 1, 0x4444333322221111);
	RUN(c, "\x0f\x70\xc1\x1b");            /* pshufw $0x1b */
	assert_int_equal(fpu_mmx_get(&c->fpu, 0), 0x1111222233334444);
	RUN(c, "\x0f\x71\xd0\x04");            /* psrlw $4, mm0 */
	assert_int_equal(fpu_mmx_get(&c->fpu, 0), 0x0111022203330444);
}

static void mmx_faults_as_mmx(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr0 |= CR0_EM;
	assert_int_equal(RUN(c, "\x0f\xfc\xc1"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, "\x0f\xfc\xc1"), EXC_NM);
	c = fresh();
	c->cr4 &= ~(u64)CR4_OSFXSR;            /* MMX does not need it */
	assert_int_equal(RUN(c, "\x0f\xfc\xc1"), NO_FAULT);
}

static void mask_store_writes_selected_bytes(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RDI] = PAGE + 8;
	fpu_mmx_set(&c->fpu, 0, 0x8877665544332211);
	fpu_mmx_set(&c->fpu, 1, 0x8000000000000080);
	assert_int_equal(RUN(c, "\x0f\xf7\xc1"), NO_FAULT);
	assert_int_equal(page[8], 0x11);
	assert_int_equal(page[9], 0);
	assert_int_equal(page[15], 0x88);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmx_resets_top_and_fills_tags),
		cmocka_unit_test(mmx_arithmetic_and_immediates),
		cmocka_unit_test(mmx_faults_as_mmx),
		cmocka_unit_test(mask_store_writes_selected_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
