/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/kvm/provider.c, kernel_provider.c, calibrate.c, vm.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/kvm/kvm_priv.h"

/* A provider whose answers the test sets. */
static int open_rc = 100, api_rc = KVM_API_VERSION, create_rc = 101;
static int size_rc = 0x3000, closed;

static int fake_open(void)
{
	return open_rc;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	(void)arg;
	switch (request) {
	case KVM_GET_API_VERSION:    return api_rc;
	case KVM_GET_VCPU_MMAP_SIZE: return size_rc;
	case KVM_CREATE_VM:          return create_rc;
	default:                     return -ENOTTY;
	}
}

static int fake_close(int fd)
{
	(void)fd;
	closed++;
	return 0;
}

static const struct kvm_provider fake = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "fake", .open = fake_open, .ioctl = fake_ioctl,
	.close = fake_close,
};

static void another_abi_is_refused_in_one_sentence(void **state)
{
	struct kvm_provider p = fake;
	struct err e = { 0 };

	(void)state;
	p.abi = 7;
	assert_int_equal(kvm_provider_check(&p, "/x.so", &e), -EPROTO);
	assert_string_equal(e.msg, "/x.so: provider ABI 7, this program needs "
			    "1: they are from different builds");
}

static void a_smaller_table_is_refused(void **state)
{
	struct kvm_provider p = fake;
	struct err e = { 0 };

	(void)state;
	p.size = 8;
	assert_int_equal(kvm_provider_check(&p, "/x.so", &e), -EPROTO);
	assert_non_null(strstr(e.msg, "8 bytes"));
	p = fake;
	p.size = sizeof(p) + 64;               /* newer and larger is fine */
	assert_int_equal(kvm_provider_check(&p, "/x.so", &e), 0);
	p.ioctl = NULL;
	assert_int_equal(kvm_provider_check(&p, "/x.so", &e), -EPROTO);
}

static void a_missing_plugin_says_where_it_was_looked_for(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(kvm_plugin_load_path("/nowhere/mote-tcg.so", &e));
	assert_non_null(strstr(e.msg, "/nowhere/mote-tcg.so"));
}

static void a_foreign_library_is_no_plugin(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(kvm_plugin_load_path("libm.so.6", &e));
	assert_non_null(strstr(e.msg, "is not a mote plugin"));
}

static void a_file_that_is_no_library_is_named(void **state)
{
	char path[] = "/tmp/mote-test-XXXXXX";
	struct err e = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	assert_null(kvm_plugin_load_path(path, &e));
	assert_non_null(strstr(e.msg, path));
	unlink(path);
}

static void missing_and_forbidden_kvm_each_have_a_sentence(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kvm_open_sentence(&kvm_kernel_provider, -ENOENT, &e),
			 -ENOENT);
	assert_non_null(strstr(e.msg, "there is no KVM on this host"));
	assert_true(e.hint[0]);
	assert_int_equal(kvm_open_sentence(&kvm_kernel_provider, -EACCES, &e),
			 -EACCES);
	assert_non_null(strstr(e.msg, "may not use KVM"));
	assert_true(e.hint[0]);
}

static void an_unknown_accelerator_is_named(void **state)
{
	struct err e = { 0 };
	char why[64];

	(void)state;
	assert_null(kvm_provider_choose("hax", why, sizeof(why), &e));
	assert_string_equal(e.msg, "invalid accelerator hax");
	assert_string_equal(why, "");
}

static void another_api_version_is_refused(void **state)
{
	struct kvm_vm vm;
	struct err e = { 0 };

	(void)state;
	api_rc = 11;
	closed = 0;
	assert_int_equal(kvm_vm_open(&vm, &fake, &e), -EPROTO);
	assert_non_null(strstr(e.msg, "KVM API version 11"));
	assert_int_equal(closed, 1);
	api_rc = KVM_API_VERSION;
}

static void a_vm_that_cannot_be_made_leaves_nothing_open(void **state)
{
	struct kvm_vm vm;
	struct err e = { 0 };

	(void)state;
	create_rc = -ENOMEM;
	closed = 0;
	assert_int_equal(kvm_vm_open(&vm, &fake, &e), -ENOMEM);
	assert_int_equal(closed, 1);
	create_rc = 101;
	size_rc = 16;
	assert_int_equal(kvm_vm_open(&vm, &fake, &e), -EPROTO);
	assert_int_equal(closed, 2);
	size_rc = 0x3000;
	open_rc = -EMFILE;
	assert_int_equal(kvm_vm_open(&vm, &fake, &e), -EMFILE);
	assert_int_equal(closed, 2);
	open_rc = 100;
}

static void a_vm_closes_both_descriptors(void **state)
{
	struct kvm_vm vm;

	(void)state;
	closed = 0;
	assert_int_equal(kvm_vm_open(&vm, &fake, NULL), 0);
	assert_int_equal(kvm_vm_check(&vm, KVM_CAP_IRQCHIP), 0);
	kvm_vm_close(&vm);
	assert_int_equal(closed, 2);
	assert_int_equal(vm.fd, -1);
}

static void calibration_gives_a_rate_or_an_error(void **state)
{
	s64 rate;

	(void)state;
	assert_true(kvm_calibrate(&fake) < 0);
	if (access("/dev/kvm", R_OK | W_OK)) {
		print_message("# skip: no usable /dev/kvm here\n");
		skip();
	}
	rate = kvm_calibrate(&kvm_kernel_provider);
	print_message("# ring 0 through /dev/kvm: %lld instructions/s\n",
		      (long long)rate);
	assert_true(rate > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	cmocka_unit_test(another_abi_is_refused_in_one_sentence),
	cmocka_unit_test(a_smaller_table_is_refused),
	cmocka_unit_test(a_missing_plugin_says_where_it_was_looked_for),
	cmocka_unit_test(a_foreign_library_is_no_plugin),
	cmocka_unit_test(a_file_that_is_no_library_is_named),
	cmocka_unit_test(missing_and_forbidden_kvm_each_have_a_sentence),
	cmocka_unit_test(an_unknown_accelerator_is_named),
	cmocka_unit_test(another_api_version_is_refused),
	cmocka_unit_test(a_vm_that_cannot_be_made_leaves_nothing_open),
	cmocka_unit_test(a_vm_closes_both_descriptors),
	cmocka_unit_test(calibration_gives_a_rate_or_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
