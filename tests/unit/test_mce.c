/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/mce.c and the monitor's mce, on a CPU that notes what it
 * is told. */
#include "tests/unit/mon_fake.h"

#include "arch/x86/mce.h"

#define VAL BIT64(63)
#define UC  BIT64(61)
enum { MSR_MCG_STATUS = 0x17a, CR4_MCE = 0x40, MCIP = 4 };

static struct fake f;
static u64 offered, cr4, mcg_status, set_up;
static int refuse;                     /* what SET_MCE answers */
static struct kvm_x86_mce told[8];
static unsigned ntold;

static int mce_ioctl(int fd, unsigned long request, void *arg)
{
	struct kvm_msrs *m = arg;

	(void)fd;
	switch (request) {
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		if (!offered)
			return -ENOTTY;
		*(u64 *)arg = offered;
		return 0;
	case KVM_X86_SETUP_MCE:
		set_up = *(u64 *)arg;
		return refuse;
	case KVM_GET_SREGS:
		((struct kvm_sregs *)arg)->cr4 = cr4;
		return 0;
	case KVM_GET_MSRS:
		assert_int_equal(m->entries[0].index, MSR_MCG_STATUS);
		m->entries[0].data = mcg_status;
		return 1;
	case KVM_X86_SET_MCE:
		told[ntold++] = *(struct kvm_x86_mce *)arg;
		return refuse;
	}
	return -ENOTTY;
}

static const struct kvm_provider provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "kvm", .ioctl = mce_ioctl,
};

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	f.vm.provider = f.vm.kvm.ops = &provider;
	offered = BIT64(24) | BIT64(8) | BIT64(10) | 32;
	cr4 = CR4_MCE;
	mcg_status = set_up = 0;
	refuse = 0;
	ntold = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_fini(&f);
	return 0;
}

static void a_cpu_gets_ten_banks_and_what_is_understood(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(x86_mce_setup(&f.cpus[0]->kvm, &e), 0);
	assert_int_equal(set_up, BIT64(24) | BIT64(8) | X86_MCE_BANKS);
}

static void a_provider_without_them_is_left_alone(void **state)
{
	struct err e = { 0 };

	(void)state;
	offered = 0;
	assert_int_equal(x86_mce_setup(&f.cpus[0]->kvm, &e), 0);
	offered = 9;                   /* too few */
	assert_int_equal(x86_mce_setup(&f.cpus[0]->kvm, &e), 0);
	assert_int_equal(set_up, 0);
}

static void a_provider_that_refuses_is_a_sentence(void **state)
{
	struct err e = { 0 };

	(void)state;
	refuse = -EINVAL;
	assert_int_equal(x86_mce_setup(&f.cpus[1]->kvm, &e), -EINVAL);
	assert_string_equal(e.msg, "vCPU 1: its machine checks: Invalid "
			    "argument");
}

static int inject(u64 status)
{
	const struct kvm_x86_mce m = { .bank = 3, .status = status,
				       .addr = 0x1000 };
	struct err e = { 0 };

	return x86_mce_inject(f.cpus[0], &m, &e);
}

static void what_becomes_of_it_depends_on_the_guest(void **state)
{
	(void)state;
	assert_int_equal(inject(VAL | UC), X86_MCE_TAKEN);
	cr4 = 0;
	assert_int_equal(inject(VAL | UC), X86_MCE_NOT_ENABLED);
	assert_int_equal(inject(VAL), X86_MCE_TAKEN);  /* corrected */
	mcg_status = MCIP;
	assert_int_equal(inject(VAL | UC), X86_MCE_IN_PROGRESS);
	assert_int_equal(inject(VAL), X86_MCE_TAKEN);
	assert_int_equal(ntold, 5);
	assert_int_equal(told[4].addr, 0x1000);
	assert_int_equal(told[4].bank, 3);
}

static void what_is_none_is_refused_before_the_cpu_hears(void **state)
{
	struct kvm_x86_mce m = { .bank = X86_MCE_BANKS, .status = VAL };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(x86_mce_inject(f.cpus[0], &m, &e), -EINVAL);
	assert_string_equal(e.msg, "Invalid MCE bank number");
	m = (struct kvm_x86_mce){ .bank = 0, .status = UC };
	assert_int_equal(x86_mce_inject(f.cpus[0], &m, &e), -EINVAL);
	assert_string_equal(e.msg, "Invalid MCE status code");
	assert_int_equal(ntold, 0);
}

static void a_cpu_that_does_not_take_it_is_named(void **state)
{
	const struct kvm_x86_mce m = { .status = VAL };
	struct err e = { 0 };

	(void)state;
	refuse = -EIO;
	assert_int_equal(x86_mce_inject(f.cpus[1], &m, &e), -EIO);
	assert_string_equal(e.msg, "CPU 1 does not take the machine check: "
			    "Input/output error");
}

static void the_command_says_what_the_reference_does(void **state)
{
	(void)state;
	assert_says(&f, "mce 0 3 0xbd00000000000000 5 0x1234000 0x8c", "");
	assert_int_equal(told[0].addr, 0x1234000);
	assert_int_equal(told[0].misc, 0x8c);
	assert_int_equal(told[0].mcg_status, 5);
	assert_says(&f, "mce 0 10 0xbd00000000000000 5 0 0",
		    "Invalid MCE bank number\n");
	assert_says(&f, "mce 0 259 0xbd00000000000000 5 0 0",
		    "Invalid MCE bank number\n");
	assert_says(&f, "mce 9 0 0xbd00000000000000 5 0 0", "");
	cr4 = 0;
	assert_says(&f, "mce 0 3 0xbd00000000000000 5 0 0",
		    "CPU 0: MCE capability is not enabled, raising triple "
		    "fault");
	cr4 = CR4_MCE;
	mcg_status = MCIP;
	assert_says(&f, "mce 1 3 0xbd00000000000000 5 0 0",
		    "CPU 1: Previous MCE still in progress, raising triple "
		    "fault");
}

static void a_broadcast_reaches_the_other_cpus(void **state)
{
	(void)state;
	assert_says(&f, "mce -b 1 3 0xbd00000000000000 5 0x1000 0", "");
	assert_int_equal(ntold, 2);
	assert_int_equal(told[0].bank, 3);
	assert_int_equal(told[1].bank, 1);
	assert_int_equal(told[1].status, VAL | UC);
	assert_int_equal(told[1].mcg_status, 5);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_cpu_gets_ten_banks_and_what_is_understood),
		T(a_provider_without_them_is_left_alone),
		T(a_provider_that_refuses_is_a_sentence),
		T(what_becomes_of_it_depends_on_the_guest),
		T(what_is_none_is_refused_before_the_cpu_hears),
		T(a_cpu_that_does_not_take_it_is_named),
		T(the_command_says_what_the_reference_does),
		T(a_broadcast_reaches_the_other_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
