// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/cpuid.c. */
#include <cpuid.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cpuid.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

enum { EAX, EBX, ECX, EDX };

static struct x86_cpu *c;

static int setup(void **state)
{
	int n;

	(void)state;
	insn_tables_init();
	c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
	memset(c, 0, sizeof(*c));
	n = x86_cpuid_supported(c->cpuid, ARRAY_LEN(c->cpuid));
	assert_true(n > 10);
	c->ncpuid = (unsigned)n;
	x86_cpuid_update(c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(c);
	return 0;
}

static void a_short_list_is_refused_whole(void **state)
{
	struct kvm_cpuid_entry2 e[3];

	(void)state;
	assert_int_equal(x86_cpuid_supported(e, 3), -E2BIG);
	assert_int_equal(x86_cpuid_supported(e, 0), -E2BIG);
}

static void what_long_mode_kernels_need_is_there(void **state)
{
	(void)state;
	assert_true(x86_has(c, 0x80000001, 0, EDX, 29));       /* LM      */
	assert_true(x86_has(c, 0x80000001, 0, EDX, 20));       /* NX      */
	assert_true(x86_has(c, 1, 0, EDX, 6));                 /* PAE     */
	assert_true(x86_has(c, 1, 0, EDX, 24));                /* FXSR    */
	assert_true(c->efer_allowed & EFER_LME);
	assert_true(c->cr4_allowed & CR4_SMEP);
	assert_true(c->cr4_allowed & CR4_SMAP);
	assert_true(c->xcr0_allowed & 3);
	assert_true(c->phys_mask >= 0xfffffffff);
}

static void what_is_not_emulated_is_masked(void **state)
{
	(void)state;
	assert_false(x86_has(c, 1, 0, ECX, 5));                /* VMX     */
	assert_false(x86_has(c, 0x80000001, 0, ECX, 2));       /* SVM     */
	assert_false(x86_has(c, 7, 0, EBX, 16));               /* AVX512F */
	assert_false(x86_has(c, 1, 0, EDX, 21));               /* DS      */
}

static void five_levels_and_pcids_are_offered_whatever_the_host_has(void **state)
{
	u32 out[4];

	(void)state;
	assert_true(x86_has(c, 7, 0, ECX, 16));
	assert_true(x86_has(c, 1, 0, ECX, 17));
	assert_true(x86_has(c, 7, 0, EBX, 10));
	assert_true(c->cr4_allowed & CR4_LA57);
	assert_true(c->cr4_allowed & CR4_PCIDE);
	x86_cpuid(c, 0x80000008, 0, out);
	assert_int_equal(out[0] >> 8 & 0xff, 57);
}

/* Its instruction has no row of its own. */
static void cmpxchg16b_is_offered_where_the_host_has_it(void **state)
{
	u32 eax, ebx, ecx, edx;

	(void)state;
	__cpuid(1, eax, ebx, ecx, edx);
	assert_int_equal(x86_has(c, 1, 0, ECX, 13), ecx >> 13 & 1);
}

static bool host_has(u32 leaf, unsigned reg, unsigned bit)
{
	u32 r[4];

	__cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
	return r[reg] >> bit & 1;
}

/* The psABI's levels: a guest gets what its host has of them. */
static void nothing_of_x86_64_v3_is_lost(void **state)
{
	static const struct { u32 leaf; u8 reg, bit; } v3[] = {
		{ 1, ECX, 0 }, { 1, ECX, 9 }, { 1, ECX, 12 }, { 1, ECX, 13 },
		{ 1, ECX, 19 }, { 1, ECX, 20 }, { 1, ECX, 22 }, { 1, ECX, 23 },
		{ 1, ECX, 26 }, { 1, ECX, 28 }, { 1, ECX, 29 }, { 7, EBX, 3 },
		{ 7, EBX, 5 }, { 7, EBX, 8 }, { 0x80000001, ECX, 0 },
		{ 0x80000001, ECX, 5 },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(v3); n++)
		assert_int_equal(x86_has(c, v3[n].leaf, 0, v3[n].reg, v3[n].bit),
				 host_has(v3[n].leaf, v3[n].reg, v3[n].bit));
}

static void a_feature_with_instructions_has_rows(void **state)
{
	u32 out[4];

	(void)state;
	x86_cpuid(c, 7, 0, out);
	for (unsigned i = 0; i < insn_row_count; i++)
		if (insn_rows[i].feat == FEAT_AVX2)
			return;        /* offered if the host has it      */
	assert_false(out[EBX] >> 5 & 1);
}

static void osxsave_and_ospke_follow_cr4(void **state)
{
	u32 out[4];

	(void)state;
	x86_cpuid(c, 1, 0, out);
	assert_false(out[ECX] >> 27 & 1);
	c->cr4 |= CR4_OSXSAVE;
	x86_cpuid(c, 1, 0, out);
	assert_int_equal(out[ECX] >> 27 & 1, x86_has(c, 1, 0, ECX, 26));
	x86_cpuid(c, 7, 0, out);
	assert_int_equal(out[ECX] >> 3 & 3, 1);
	c->cr4 |= CR4_PKE;
	x86_cpuid(c, 7, 0, out);
	assert_int_equal(out[ECX] >> 3 & 3, 3);
}

static void protection_keys_are_offered_with_their_state(void **state)
{
	u32 out[4];

	(void)state;
	assert_true(c->cr4_allowed & CR4_PKE);
	assert_true(c->xcr0_allowed & 0x200);
	c->xcr0 = 0x203;
	x86_cpuid(c, 0xd, 9, out);
	assert_int_equal(out[EAX], 8);
	assert_true(out[EBX] >= 832);
	assert_int_equal(out[ECX], 0);
	x86_cpuid(c, 0xd, 0, out);
	assert_true(out[EAX] & 0x200);
	assert_int_equal(out[EBX], c->xcomp[9].off + 8);
	assert_int_equal(out[ECX], c->xcomp[9].off + 8);
	x86_cpuid(c, 0xd, 1, out);
	if (out[EAX] & 2)
		assert_int_equal(out[EBX], 584);
}

static void the_xsave_area_grows_with_xcr0(void **state)
{
	u32 out[4];

	(void)state;
	c->xcr0 = 3;
	x86_cpuid(c, 0xd, 0, out);
	assert_int_equal(out[EBX], 576);
	if (c->xcr0_allowed & 4) {
		c->xcr0 = 7;
		x86_cpuid(c, 0xd, 0, out);
		assert_int_equal(out[EBX], 832);
	}
}

static void leaves_beyond_the_last_are_zero_or_the_last_basic_one(void **state)
{
	u32 out[4], last[4];
	bool intel = c->cpuid[0].ebx == 0x756e6547;

	(void)state;
	x86_cpuid(c, 0x7fffffff, 0, out);
	x86_cpuid(c, c->cpuid[0].eax, 0, last);
	if (intel)
		assert_int_equal(out[EAX], last[EAX]);
	else
		assert_int_equal(out[EAX] | out[EBX] | out[ECX] | out[EDX], 0);
}

static void the_hypervisor_leaf_says_kvm_and_its_clock(void **state)
{
	u32 out[4];

	(void)state;
	x86_cpuid(c, 0x40000000, 0, out);
	assert_memory_equal(&out[EBX], "KVMKVMKVM\0\0\0", 12);
	x86_cpuid(c, 0x40000001, 0, out);
	assert_int_equal(out[EAX] & 0x0100000b, 0x0100000b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_short_list_is_refused_whole),
		T(what_long_mode_kernels_need_is_there),
		T(what_is_not_emulated_is_masked),
		T(cmpxchg16b_is_offered_where_the_host_has_it),
		T(five_levels_and_pcids_are_offered_whatever_the_host_has),
		T(nothing_of_x86_64_v3_is_lost),
		T(a_feature_with_instructions_has_rows),
		T(osxsave_and_ospke_follow_cr4),
		T(protection_keys_are_offered_with_their_state),
		T(the_xsave_area_grows_with_xcr0),
		T(leaves_beyond_the_last_are_zero_or_the_last_basic_one),
		T(the_hypervisor_leaf_says_kvm_and_its_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
