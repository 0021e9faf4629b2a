// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/vex_mem.c, masked moves and gathers at a page's
 * end. */
#include "tests/unit/tcg_insn.h"

/* The page after PAGE raises #PF: nothing is mapped there. */
static struct x86_cpu *with_avx(void)
{
	struct x86_cpu *c = fresh();

	c->xcr0 = 7;
	for (unsigned n = 0; n < PAGE_SIZE; n++)
		page[n] = (u8)n;
	return c;
}

static void set_mask(struct x86_cpu *c, unsigned reg, unsigned bits)
{
	for (unsigned n = 0; n < 4; n++) {
		u32 lo = bits >> n & 1 ? 0x80000000 : 0x7fffffff;
		u32 hi = bits >> (n + 4) & 1 ? 0x80000000 : 0x7fffffff;

		memcpy(c->fpu.xmm[reg].b + 4 * n, &lo, 4);
		memcpy(c->fpu.ymmh[reg].b + 4 * n, &hi, 4);
	}
}

static u32 element(const struct x86_cpu *c, unsigned reg, unsigned n)
{
	u32 v;

	memcpy(&v, n < 4 ? c->fpu.xmm[reg].b + 4 * n
			 : c->fpu.ymmh[reg].b + 4 * (n - 4), 4);
	return v;
}

static void set_index(struct x86_cpu *c, unsigned reg, unsigned n, u32 v)
{
	memcpy(n < 4 ? c->fpu.xmm[reg].b + 4 * n
		     : c->fpu.ymmh[reg].b + 4 * (n - 4), &v, 4);
}

static void masked_load_touches_only_its_elements(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	c->r[RBX] = PAGE + PAGE_SIZE - 8;
	set_mask(c, 1, 0x02);
	/* vmaskmovps (rbx), ymm1, ymm0: the last six are in the next page */
	assert_int_equal(RUN(c, "\xc4\xe2\x75\x2c\x03"), NO_FAULT);
	assert_int_equal(element(c, 0, 0), 0);
	assert_int_equal(element(c, 0, 1), 0xfffefdfc);
	assert_int_equal(element(c, 0, 7), 0);
}

static void masked_store_writes_its_elements_only(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	c->r[RBX] = PAGE + PAGE_SIZE - 8;
	memset(c->fpu.xmm[0].b, 0x55, 16);
	set_mask(c, 1, 0x01);
	/* vmaskmovps ymm0, ymm1, (rbx) */
	assert_int_equal(RUN(c, "\xc4\xe2\x75\x2e\x03"), NO_FAULT);
	assert_int_equal(page[PAGE_SIZE - 8], 0x55);
	assert_int_equal(page[PAGE_SIZE - 4], 0xfc);
}

static void gather_takes_masked_elements_and_clears_the_mask(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	set_mask(c, 1, 0xfd);
	for (unsigned n = 0; n < 8; n++)
		set_index(c, 2, n, n * 4);
	set_index(c, 0, 1, 0x1234567);
	set_index(c, 2, 7, (u32)-1);
	c->r[RBX] = PAGE + 8;
	/* vpgatherdd ymm1, (rbx, ymm2, 2), ymm0 */
	assert_int_equal(RUN(c, "\xc4\xe2\x75\x90\x04\x53"), NO_FAULT);
	assert_int_equal(element(c, 0, 0), 0x0b0a0908);
	assert_int_equal(element(c, 0, 1), 0x1234567);
	assert_int_equal(element(c, 0, 2), 0x1b1a1918);
	assert_int_equal(element(c, 0, 7), 0x09080706);
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(element(c, 1, n), 0);
}

static u64 quad(const struct x86_cpu *c, unsigned reg, unsigned n)
{
	return element(c, reg, 2 * n) | (u64)element(c, reg, 2 * n + 1) << 32;
}

static void gather_stopped_by_a_fault_keeps_what_it_has(void **state)
{
	struct x86_cpu *c = with_avx();

	(void)state;
	set_mask(c, 1, 0xff);
	for (unsigned n = 0; n < 8; n++)
		set_index(c, 2, n, n & 1 ? 0 : n / 2);
	set_index(c, 2, 5, 0x04000000);        /* 1 << 58: not canonical */
	/* vpgatherqq ymm1, (rbx, ymm2, 8), ymm0 */
	assert_int_equal(RUN(c, "\xc4\xe2\xf5\x91\x04\xd3"), EXC_GP);
	assert_int_equal(c->rip, 0x400000);
	assert_int_equal(quad(c, 0, 1), 0x0f0e0d0c0b0a0908);
	assert_int_equal(quad(c, 1, 0), 0);
	assert_int_equal(quad(c, 1, 1), 0);
	assert_int_equal(element(c, 1, 5), 0x80000000);
	/* run again with a good index: only what is left is done */
	memset(page, 0xee, 16);
	set_index(c, 2, 5, 0);
	assert_int_equal(RUN(c, "\xc4\xe2\xf5\x91\x04\xd3"), NO_FAULT);
	assert_int_equal(quad(c, 0, 1), 0x0f0e0d0c0b0a0908);
	assert_int_equal(quad(c, 0, 2), 0x1716151413121110);
	assert_int_equal(quad(c, 1, 3), 0);
}

static void gather_wants_three_different_registers(void **state)
{
	struct x86_cpu *c = with_avx();
	struct insn i;

	(void)state;
	/* destination = mask, destination = index, index = mask */
	assert_true(insn_decode(&i, (const u8 *)"\xc4\xe2\x7d\x90\x04\x53", 15,
				64) > 0);
	assert_string_equal(i.row->name, "(bad)");
	insn_decode(&i, (const u8 *)"\xc4\xe2\x75\x90\x04\x43", 15, 64);
	assert_string_equal(i.row->name, "(bad)");
	insn_decode(&i, (const u8 *)"\xc4\xe2\x75\x90\x04\x4b", 15, 64);
	assert_string_equal(i.row->name, "(bad)");
	insn_decode(&i, (const u8 *)"\xc4\xe2\x75\x90\x03", 15, 64);
	assert_string_equal(i.row->name, "(bad)");       /* no SIB */
	(void)c;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masked_load_touches_only_its_elements),
		cmocka_unit_test(masked_store_writes_its_elements_only),
		cmocka_unit_test(gather_takes_masked_elements_and_clears_the_mask),
		cmocka_unit_test(gather_stopped_by_a_fault_keeps_what_it_has),
		cmocka_unit_test(gather_wants_three_different_registers),
	};

	insn_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
