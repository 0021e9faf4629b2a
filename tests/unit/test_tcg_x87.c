// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/x87.c, arithmetic and its exceptions. */
#include "tests/unit/tcg_insn.h"

static void put_double(unsigned at, double v)
{
	memcpy(page + at, &v, 8);
}

static long double st(const struct x86_cpu *c, unsigned n)
{
	long double v = 0;

	memcpy(&v, c->fpu.st[n].b, 10);
	return v;
}

static void load_add_store(void **state)
{
	struct x86_cpu *c = fresh();
	double v;

	(void)state;
	put_double(0, 1.5);
	assert_int_equal(RUN(c, "\xdd\x03"), NO_FAULT);      /* fldl (rbx)   */
	assert_int_equal(RUN(c, "\xdc\x03"), NO_FAULT);      /* faddl (rbx)  */
	assert_true(st(c, 0) == 3.0L);
	assert_int_equal(fpu_top(&c->fpu), 7);
	assert_int_equal(c->fpu.ftw, 0x80);
	assert_int_equal(RUN(c, "\xdd\x5b\x08"), NO_FAULT);  /* fstpl 8(rbx) */
	memcpy(&v, page + 8, 8);
	assert_true(v == 3.0);
	assert_int_equal(c->fpu.ftw, 0);
}

static void stack_overflow_sets_sf_and_c1(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(RUN(c, "\xd9\xe8"), NO_FAULT);  /* fld1 */
	assert_int_equal(c->fpu.fsw & 0x7f, 0);
	RUN(c, "\xd9\xe8");
	assert_int_equal(c->fpu.fsw & (FSW_IE | FSW_SF | FSW_C1),
			 FSW_IE | FSW_SF | FSW_C1);
	assert_true(__builtin_isnan(st(c, 0)));
}

static void stack_underflow_clears_c1(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	RUN(c, "\xde\xc1");                                  /* faddp */
	assert_int_equal(c->fpu.fsw & (FSW_IE | FSW_SF | FSW_C1),
			 FSW_IE | FSW_SF);
}

static void unmasked_exception_is_raised_by_the_next_waiting_insn(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->fpu.fcw = 0x37b;                                  /* ZM = 0 */
	RUN(c, "\xd9\xe8");                                  /* fld1   */
	RUN(c, "\xd9\xee");                                  /* fldz   */
	assert_int_equal(RUN(c, "\xd8\xf9"), NO_FAULT);      /* fdivr st(1) */
	assert_true(st(c, 0) == 0);                          /* unchanged   */
	assert_int_equal(c->fpu.fsw & (FSW_ZE | FSW_ES | FSW_B),
			 FSW_ZE | FSW_ES | FSW_B);
	assert_int_equal(RUN(c, "\xdf\xe0"), NO_FAULT);      /* fnstsw ax   */
	assert_int_equal(RUN(c, "\x9b"), EXC_MF);            /* fwait       */
	assert_int_equal(RUN(c, "\xd9\xe8"), EXC_MF);        /* fld1        */
	assert_int_equal(RUN(c, "\x0f\x6f\xc1"), EXC_MF);    /* movq mm1, mm0 */
	assert_int_equal(RUN(c, "\xdb\xe2"), NO_FAULT);      /* fnclex      */
	assert_int_equal(RUN(c, "\x9b"), NO_FAULT);
}

static void pointers_name_the_faulting_instruction(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	put_double(16, 2.0);
	c->rip = 0x401234;
	RUN(c, "\xdd\x43\x10");                              /* fldl 16(rbx) */
	assert_int_equal(c->fpu.fip, 0x401234);
	assert_int_equal(c->fpu.fdp, PAGE + 16);
	assert_int_equal(c->fpu.fop, 0x543);
	RUN(c, "\xd9\xfa");                                  /* fsqrt */
	assert_int_equal(c->fpu.fip, 0x401237);
	assert_int_equal(c->fpu.fdp, PAGE + 16);
}

static void unmasked_overflow_keeps_memory(void **state)
{
	struct x86_cpu *c = fresh();
	u32 v = 0x11223344;

	(void)state;
	put_double(0, 1e300);
	RUN(c, "\xdd\x03");
	memcpy(page + 8, &v, 4);
	c->fpu.fcw = 0x377;                                  /* OM = 0 */
	assert_int_equal(RUN(c, "\xd9\x5b\x08"), NO_FAULT);  /* fstps 8(rbx) */
	assert_memory_equal(page + 8, &v, 4);
	assert_int_equal(c->fpu.ftw, 0x80);                  /* not popped */
	assert_int_equal(c->fpu.fsw & (FSW_OE | FSW_ES), FSW_OE | FSW_ES);
}

static void fcmov_and_fcomi_use_rflags(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	RUN(c, "\xd9\xe8");
	RUN(c, "\xd9\xee");                                  /* st0=0 st1=1 */
	assert_int_equal(RUN(c, "\xdb\xf1"), NO_FAULT);      /* fcomi st(1) */
	assert_int_equal(x86_rflags(c) & FL_ARITH, FL_CF);
	RUN(c, "\xda\xc1");                                  /* fcmovb st(1) */
	assert_true(st(c, 0) == 1.0L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_add_store),
		cmocka_unit_test(stack_overflow_sets_sf_and_c1),
		cmocka_unit_test(stack_underflow_clears_c1),
		cmocka_unit_test(
			unmasked_exception_is_raised_by_the_next_waiting_insn),
		cmocka_unit_test(pointers_name_the_faulting_instruction),
		cmocka_unit_test(unmasked_overflow_keeps_memory),
		cmocka_unit_test(fcmov_and_fcomi_use_rflags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
