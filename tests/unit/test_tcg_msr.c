// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/msr.c, from the VMM's side and the guest's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcg_box.h"

struct one {
	struct kvm_msrs head;
	struct kvm_msr_entry e;
};

static int set(struct box *b, u32 msr, u64 v)
{
	struct one m = { .head.nmsrs = 1, .e = { .index = msr, .data = v } };

	return box_io(b->cpu, KVM_SET_MSRS, &m);
}

static int get(struct box *b, u32 msr, u64 *v)
{
	struct one m = { .head.nmsrs = 1, .e = { .index = msr } };
	int rc = box_io(b->cpu, KVM_GET_MSRS, &m);

	*v = m.e.data;
	return rc;
}

static void every_listed_msr_reads_and_writes_back(void **state)
{
	struct {
		struct kvm_msr_list head;
		u32 index[512];
	} l = { .head.nmsrs = 512 };
	BOX(b, true, 0xf4);
	u64 v;

	(void)state;
	assert_int_equal(box_io(b.sys, KVM_GET_MSR_INDEX_LIST, &l), 0);
	assert_true(l.head.nmsrs > 20);
	for (u32 i = 0; i < l.head.nmsrs; i++) {
		if (get(&b, l.head.indices[i], &v) != 1)
			fail_msg("MSR %x does not read", l.head.indices[i]);
		if (set(&b, l.head.indices[i], v) != 1)
			fail_msg("MSR %x does not take back %llx",
				 l.head.indices[i], (unsigned long long)v);
	}
	box_close(&b);
}

static void addresses_must_be_canonical_and_types_known(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(set(&b, 0xc0000082, 0xffff800000001000), 1);
	assert_int_equal(set(&b, 0xc0000082, 0x0000800000000000), 0);
	assert_int_equal(set(&b, 0x277, 0x0007040600070406), 1);
	assert_int_equal(set(&b, 0x277, 0x0207040600070406), 0);
	assert_int_equal(set(&b, 0x250, 0x0606060606060606), 1);
	assert_int_equal(set(&b, 0x250, 0x0606060606060607), 0);
	assert_int_equal(set(&b, 0x200, 0x6), 1);
	assert_int_equal(set(&b, 0x200, 0x2), 0);
	assert_int_equal(set(&b, 0xc0000080, 1ull << 40), 0);
	box_close(&b);
}

static void vcpus_given_the_same_tsc_agree(void **state)
{
	BOX(b, false, 0xf4);
	struct box two = b;
	u64 x, y;

	(void)state;
	two.cpu = box_io(b.vm, KVM_CREATE_VCPU, (void *)1);
	assert_int_equal(set(&b, 0x10, 1000000), 1);
	assert_int_equal(set(&two, 0x10, 1000000), 1);
	assert_int_equal(get(&b, 0x10, &x), 1);
	assert_int_equal(get(&two, 0x10, &y), 1);
	assert_true(y >= x);
	assert_true(y - x < 1000000000);
	assert_int_equal(mote_kvm_provider.close(two.cpu), 0);
	box_close(&b);
}

static void the_guest_gets_gp_for_what_does_not_exist(void **state)
{
	/* mov ecx,0x12345678; rdmsr; hlt.  #GP handler at 0x1800: out 0x81 */
	BOX(b, false, 0x66, 0xb9, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x32, 0xf4);

	(void)state;
	memcpy(b.mem + 0x1800, "\xe6\x81\xcf", 3);
	memcpy(b.mem + 13 * 4, "\x00\x18\x00\x00", 4);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.port, 0x81);
	box_close(&b);
}

static void kvmclock_appears_where_the_msr_points(void **state)
{
	struct {
		u32 version, pad;
		u64 tsc, ns;
		u32 mul;
		s8 shift;
		u8 flags;
	} first, later;
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(set(&b, 0x4b564d01, 0x5000 | 1), 1);
	memcpy(&first, b.mem + 0x5000, sizeof(first));
	assert_true(first.version && !(first.version & 1));
	assert_true(first.mul != 0);
	assert_int_equal(first.flags & 1, 1);
	assert_int_equal(set(&b, 0x4b564d01, 0x5000 | 1), 1);
	memcpy(&later, b.mem + 0x5000, sizeof(later));
	assert_true(later.tsc > first.tsc && later.ns > first.ns);
	assert_true(later.version > first.version);
	/* far from RAM: nothing happens */
	assert_int_equal(set(&b, 0x4b564d01, 0x7ffffffff001), 1);
	assert_int_equal(set(&b, 0x4b564d00, 0xfff0), 1);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_listed_msr_reads_and_writes_back),
		cmocka_unit_test(addresses_must_be_canonical_and_types_known),
		cmocka_unit_test(vcpus_given_the_same_tsc_agree),
		cmocka_unit_test(the_guest_gets_gp_for_what_does_not_exist),
		cmocka_unit_test(kvmclock_appears_where_the_msr_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
