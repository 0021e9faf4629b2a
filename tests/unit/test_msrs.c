/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/msrs.c: all MSRs of a vCPU into another's, which may lack
 * some; on the plugin. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/msrs.h"

enum { LSTAR = 0xc0000082, STAR = 0xc0000081, TSC = 0x10, PAT = 0x277,
       MTRR_FIX = 0x268, APIC_BASE = 0x1b };

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static struct kvm_provider poor;
static u32 lacking;                    /* an MSR the poor one has not */
static struct kvm_vm vm, poor_vm;
static struct kvm_vcpu a, b;
static struct msr_list *first, *now;

static int poor_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_msrs *m = arg;
	u32 n, all;
	int rc;

	if (req != KVM_GET_MSRS && req != KVM_SET_MSRS)
		return mote_kvm_provider.ioctl(fd, req, arg);
	all = m->nmsrs;
	for (n = 0; n < all && m->entries[n].index != lacking; n++)
		;
	m->nmsrs = n;
	rc = n ? mote_kvm_provider.ioctl(fd, req, arg) : 0;
	m->nmsrs = all;
	return rc;
}

static int fresh(void **state)
{
	struct err e = { 0 };

	(void)state;
	poor = mote_kvm_provider;
	poor.name = "poor";
	poor.ioctl = poor_ioctl;
	lacking = 0;
	assert_int_equal(kvm_vm_open(&vm, &mote_kvm_provider, &e), 0);
	assert_int_equal(kvm_vm_open(&poor_vm, &poor, &e), 0);
	assert_int_equal(kvm_vcpu_open(&a, &vm, 0, &e), 0);
	assert_int_equal(kvm_vcpu_open(&b, &poor_vm, 0, &e), 0);
	first = calloc(1, sizeof(*first));
	now = calloc(1, sizeof(*now));
	x86_msrs_learn(&a, first);
	return 0;
}

static int done(void **state)
{
	(void)state;
	kvm_vcpu_close(&a);
	kvm_vcpu_close(&b);
	kvm_vm_close(&vm);
	kvm_vm_close(&poor_vm);
	free(first);
	free(now);
	return 0;
}

static bool listed(u32 index)
{
	unsigned n = 0;

	for (unsigned i = 0; i < first->n; i++)
		n += first->e[i].index == index;
	assert_true(n <= 1);
	return n;
}

static void what_others_move_is_not_among_them(void **state)
{
	(void)state;
	assert_true(listed(LSTAR));
	assert_true(listed(PAT));
	assert_true(listed(MTRR_FIX));
	assert_true(listed(0x20f));
	assert_false(listed(TSC));
	assert_false(listed(APIC_BASE));
}

static void all_of_them_arrive(void **state)
{
	struct err e = { 0 };
	u64 v;

	(void)state;
	assert_true(x86_msr_write(&a, LSTAR, 0x123456));
	assert_true(x86_msr_write(&a, PAT, 0x0007010600070106));
	assert_int_equal(x86_msrs_read(&a, first, now, &e), 0);
	assert_int_equal(x86_msrs_write(&b, now, first, &e), 0);
	assert_true(x86_msr_read(&b, LSTAR, &v) && v == 0x123456);
	assert_true(x86_msr_read(&b, PAT, &v) && v == 0x0007010600070106);
}

static void one_the_guest_never_changed_may_be_missing(void **state)
{
	struct err e = { 0 };
	u64 v;

	(void)state;
	lacking = STAR;
	assert_true(x86_msr_write(&a, LSTAR, 0x123456));
	assert_int_equal(x86_msrs_read(&a, first, now, &e), 0);
	assert_int_equal(x86_msrs_write(&b, now, first, &e), 0);
	assert_true(x86_msr_read(&b, LSTAR, &v) && v == 0x123456);
	assert_false(x86_msr_read(&b, STAR, &v));
}

static void one_it_changed_may_not(void **state)
{
	struct err e = { 0 };

	(void)state;
	lacking = LSTAR;
	assert_true(x86_msr_write(&a, LSTAR, 0x123456));
	assert_int_equal(x86_msrs_read(&a, first, now, &e), 0);
	assert_int_equal(x86_msrs_write(&b, now, first, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "poor does not take MSR 0xc0000082 = "
			       "0x123456"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_others_move_is_not_among_them),
		TEST(all_of_them_arrive),
		TEST(one_the_guest_never_changed_may_be_missing),
		TEST(one_it_changed_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
