/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/xsave.c, and which instructions the helper takes for
 * floating-point ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/cpuid.h"
#include "arch/x86/helper.h"
#include "arch/x86/xsave.h"
#include "vmm/kvm/kvm.h"

enum { BV = 512, XMM0 = 160, ST0 = 32, MXCSR = 24, YMMH0 = 576 };

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static struct cpuid_list guest;        /* no leaf at all */

static u64 bv(const struct kvm_xsave *x)
{
	u64 v;

	memcpy(&v, (const u8 *)x + BV, sizeof(v));
	return v;
}

static void image(struct kvm_xsave *x, u8 fill, u64 features)
{
	memset(x, fill, sizeof(*x));
	memcpy((u8 *)x + BV, &features, sizeof(features));
}

static void the_plugin_has_x87_and_sse_at_least(void **state)
{
	struct kvm_vm vm;

	(void)state;
	assert_int_equal(kvm_vm_open(&vm, &mote_kvm_provider, NULL), 0);
	assert_int_equal(x86_xfeatures(&vm, &guest) & 3, 3);
	kvm_vm_close(&vm);
}

/* KVM tells AVX state of guests that were never offered it. */
static void what_the_guest_was_not_offered_does_not_count(void **state)
{
	struct cpuid_list all = { .head.nent = CPUID_MAX };
	struct kvm_vm vm;

	(void)state;
	assert_int_equal(kvm_vm_open(&vm, &mote_kvm_provider, NULL), 0);
	assert_true(kvm_sys_ioctl(&vm, KVM_GET_SUPPORTED_CPUID, &all) >= 0);
	assert_int_equal(x86_xfeatures(&vm, &guest), 3);
	if (cpuid_find(&all, 0xd, 0))
		assert_int_equal(x86_xfeatures(&vm, &all),
				 cpuid_find(&all, 0xd, 0)->eax | 3);
	kvm_vm_close(&vm);
}

static void keeping_forgets_the_other_components(void **state)
{
	struct kvm_xsave x;

	(void)state;
	image(&x, 0, 0xe7);
	x86_xsave_keep(&x, 7);
	assert_int_equal(bv(&x), 7);
}

static void merging_leaves_what_was_not_asked_for(void **state)
{
	struct kvm_xsave to, from;
	const u8 *t = (const u8 *)&to;

	(void)state;
	image(&to, 0xaa, 0xe3);
	image(&from, 0x55, 2);
	x86_xsave_merge(&to, &from, 2);
	assert_int_equal(t[XMM0], 0x55);
	assert_int_equal(t[MXCSR], 0x55);
	assert_int_equal(t[ST0], 0xaa);
	assert_int_equal(t[0], 0xaa);
	assert_int_equal(t[YMMH0], 0xaa);
	assert_int_equal(bv(&to), 0xe3);
	x86_xsave_merge(&to, &from, 3);        /* x87 is in its first state */
	assert_int_equal(t[ST0], 0x55);
	assert_int_equal(bv(&to), 0xe2);
}

static void integer_instructions_need_no_floating_point(void **state)
{
	static const struct {
		u8 op[5];
		bool fpu;
	} t[] = {
		{ { 0xf0, 0x48, 0x0f, 0xc7, 0x4d }, false },   /* cmpxchg16b */
		{ { 0x65, 0x48, 0x0f, 0xc7, 0x0f }, false },
		{ { 0x48, 0x0f, 0xc7, 0x22, 0 }, true },       /* xsavec     */
		{ { 0xcc, 0x90, 0, 0, 0 }, false },            /* int3       */
		{ { 0x0f, 0xae, 0x29, 0, 0 }, true },          /* xrstor     */
		{ { 0x66, 0x0f, 0x6f, 0, 0 }, true },          /* movdqa     */
		{ { 0xd9, 0xe8, 0, 0, 0 }, true },             /* fld1       */
		{ { 0xc5, 0xf8, 0x77, 0, 0 }, true },          /* vzeroupper */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(x86_may_use_fpu(t[i].op, 5), t[i].fpu);
	assert_true(x86_may_use_fpu(t[0].op, 1));      /* cut short */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plugin_has_x87_and_sse_at_least),
		cmocka_unit_test(what_the_guest_was_not_offered_does_not_count),
		cmocka_unit_test(keeping_forgets_the_other_components),
		cmocka_unit_test(merging_leaves_what_was_not_asked_for),
		cmocka_unit_test(integer_instructions_need_no_floating_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
