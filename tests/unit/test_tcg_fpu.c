// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/fpu.c, tags and rotation. */
#include "tests/unit/tcg_insn.h"

static void set_st(struct x86_fpu *f, unsigned n, u16 se, u64 frac)
{
	memcpy(f->st[n].b, &frac, 8);
	memcpy(f->st[n].b + 8, &se, 2);
}

static void full_tag_classifies_registers(void **state)
{
	struct x86_fpu f = { .fsw = 6 << 11, .ftw = 0xfc };

	(void)state;
	set_st(&f, 0, 0x3fff, 1ull << 63);     /* R6 valid   */
	set_st(&f, 1, 0, 0);                   /* R7 zero    */
	set_st(&f, 4, 0x7fff, 1ull << 63);     /* R2 special */
	set_st(&f, 5, 0x3fff, 1);              /* R3 unnormal */
	set_st(&f, 6, 0, 1);                   /* R4 denormal */
	set_st(&f, 7, 0x4000, ~0ull);          /* R5 valid   */
	assert_int_equal(fpu_full_tag(&f), 0x42af);
	assert_int_equal(fpu_abridge(0x42af), 0xfc);
}

static void rotation_keeps_physical_registers(void **state)
{
	struct x86_fpu f = { .fsw = 5 << 11 };

	(void)state;
	for (unsigned n = 0; n < 8; n++)
		f.st[n].b[0] = (u8)((5 + n) & 7);
	fpu_rotate(&f, 5, 2);
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(f.st[n].b[0], (2 + n) & 7);
}

static void pending_follows_flags_and_masks(void **state)
{
	struct x86_fpu f = { .fcw = 0x37b, .fsw = FSW_ZE };

	(void)state;
	fpu_update_es(&f);
	assert_int_equal(f.fsw, FSW_ZE | FSW_ES | FSW_B);
	f.fcw = 0x37f;
	fpu_update_es(&f);
	assert_int_equal(f.fsw, FSW_ZE);
}

static void reset_is_power_on(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	memset(&c->fpu, 0xff, sizeof(c->fpu));
	fpu_reset(c);
	assert_int_equal(c->fpu.fcw, 0x37f);
	assert_int_equal(c->fpu.mxcsr, 0x1f80);
	assert_int_equal(fpu_in_use(c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_tag_classifies_registers),
		cmocka_unit_test(rotation_keeps_physical_registers),
		cmocka_unit_test(pending_follows_flags_and_masks),
		cmocka_unit_test(reset_is_power_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
