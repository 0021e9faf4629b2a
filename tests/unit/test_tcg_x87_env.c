// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/x87_env.c, control words and environments. */
#include "tests/unit/tcg_insn.h"

static long double st(const struct x86_cpu *c, unsigned n)
{
	long double v = 0;

	memcpy(&v, c->fpu.st[n].b, 10);
	return v;
}

static void unmasking_by_fldcw_makes_it_pending(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	RUN(c, "\xd9\xe8");
	RUN(c, "\xd9\xee");
	RUN(c, "\xd8\xf9");                                  /* masked ZE */
	assert_int_equal(c->fpu.fsw & FSW_ES, 0);
	memcpy(page, "\x7b\x03", 2);
	assert_int_equal(RUN(c, "\xd9\x2b"), NO_FAULT);      /* fldcw (rbx) */
	assert_int_equal(RUN(c, "\x9b"), EXC_MF);
}

static void environment_round_trip(void **state)
{
	struct x86_cpu *c = fresh();
	struct x86_fpu before;
	u16 tag;

	(void)state;
	RUN(c, "\xd9\xe8");
	RUN(c, "\xd9\xee");
	before = c->fpu;
	assert_int_equal(RUN(c, "\xdd\x33"), NO_FAULT);      /* fnsave (rbx) */
	assert_int_equal(c->fpu.ftw, 0);
	assert_int_equal(c->fpu.fcw, 0x37f);
	memcpy(&tag, page + 8, 2);
	assert_int_equal(tag, 0x1fff);                       /* zero, valid */
	assert_int_equal(RUN(c, "\xdd\x23"), NO_FAULT);      /* frstor */
	assert_int_equal(c->fpu.fsw, before.fsw);
	assert_int_equal(c->fpu.ftw, before.ftw);
	assert_true(st(c, 0) == 0 && st(c, 1) == 1);
}

static void fldenv_moves_top_but_no_register(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	RUN(c, "\xd9\xe8");                                  /* R7 = 1 */
	RUN(c, "\xd9\x33");                                  /* fnstenv */
	page[5] = 6 << 3;                                    /* TOP = 6 */
	RUN(c, "\xd9\x23");                                  /* fldenv */
	assert_int_equal(fpu_top(&c->fpu), 6);
	assert_true(st(c, 1) == 1.0L);
}

static void em_and_ts_raise_nm(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr0 |= CR0_EM;
	assert_int_equal(RUN(c, "\xd9\xe8"), EXC_NM);
	c = fresh();
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, "\xdb\xe3"), EXC_NM);        /* even fninit */
	assert_int_equal(RUN(c, "\x9b"), EXC_NM);
	c->cr0 &= ~(u64)CR0_MP;
	assert_int_equal(RUN(c, "\x9b"), NO_FAULT);
}

static void narrow_and_real_mode_environments(void **state)
{
	struct x86_cpu *c = fresh();
	u16 w[7];

	(void)state;
	c->rip = 0x12345678;
	RUN(c, "\xd9\xe8");                                  /* fld1 */
	assert_int_equal(RUN(c, "\x66\xd9\x33"), NO_FAULT);  /* 14 bytes */
	memcpy(w, page, 14);
	assert_int_equal(w[0], 0x37f);
	assert_int_equal(w[1], 7 << 11);
	assert_int_equal(w[2], 0x3fff);
	assert_int_equal(w[3], 0x5678);
	assert_int_equal(page[14], 0);
	assert_int_equal(c->fpu.fcw & 0x3f, 0x3f);
	c->mode = MODE_REAL;
	assert_int_equal(RUN(c, "\x66\xd9\x33"), NO_FAULT);
	memcpy(w, page, 14);
	assert_int_equal(w[4], 0x4 << 12 | 0x1e8);           /* IP 19..16, opcode */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unmasking_by_fldcw_makes_it_pending),
		cmocka_unit_test(environment_round_trip),
		cmocka_unit_test(fldenv_moves_top_but_no_register),
		cmocka_unit_test(em_and_ts_raise_nm),
		cmocka_unit_test(narrow_and_real_mode_environments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
