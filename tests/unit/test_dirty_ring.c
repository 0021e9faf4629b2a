/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/kvm/dirty_ring.c against a ring kept by hand, as KVM would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/kvm/kvm.h"

enum { ENTRIES = 16 };

static struct kvm_dirty_gfn ring[ENTRIES];
static u32 dirty_index, reset_index;   /* KVM's */
static unsigned resets, slot_flags;
static u64 enabled;
static int rings_max;

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	struct kvm_enable_cap *cap = arg;

	(void)fd;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)arg == KVM_CAP_DIRTY_LOG_RING ? rings_max : 0;
	case KVM_ENABLE_CAP:
		enabled = cap->args[0];
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		slot_flags = ((struct kvm_userspace_memory_region *)
			      arg)->flags;
		return 0;
	case KVM_RESET_DIRTY_RINGS:
		resets++;
		while (ring[reset_index % ENTRIES].flags &
		       KVM_DIRTY_GFN_F_RESET)
			ring[reset_index++ % ENTRIES].flags = 0;
		return 0;
	}
	return -ENOTTY;
}

static const struct kvm_provider provider = {
	.abi = KVM_PROVIDER_ABI, .size = sizeof(struct kvm_provider),
	.name = "fake", .ioctl = fake_ioctl,
};

static struct kvm_vm vm;
static struct kvm_vcpu v;

static int setup(void **state)
{
	(void)state;
	memset(ring, 0, sizeof(ring));
	dirty_index = reset_index = resets = slot_flags = 0;
	enabled = 0;
	rings_max = 1 << 20;
	vm = (struct kvm_vm){ .ops = &provider, .fd = -1,
			      .ring_entries = ENTRIES };
	v = (struct kvm_vcpu){ .vm = &vm, .fd = -1, .ring = ring,
			       .ring_full_at = UINT64_MAX };
	lock_init(&v.ring_lock, "dirty ring");
	return 0;
}

static void note(unsigned n)
{
	while (n--)
		ring[dirty_index++ % ENTRIES].flags = KVM_DIRTY_GFN_F_DIRTY;
}

static void what_is_noted_is_taken_once_and_given_back(void **state)
{
	(void)state;
	assert_int_equal(kvm_vcpu_ring_take(&v), 0);
	assert_int_equal(resets, 0);
	note(5);
	assert_int_equal(kvm_vcpu_ring_take(&v), 5);
	assert_int_equal(kvm_vcpu_ring_take(&v), 5);
	assert_int_equal(resets, 1);
	assert_int_equal(reset_index, 5);
}

static void the_ring_goes_round(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		note(7);
		assert_int_equal(kvm_vcpu_ring_take(&v), i * 7);
	}
	assert_int_equal(reset_index, dirty_index);
}

static void a_full_ring_is_taken_whole(void **state)
{
	(void)state;
	note(ENTRIES);
	assert_true(kvm_vcpu_ring_full(&v));
	assert_int_equal(v.ring_pages, ENTRIES);
	assert_int_equal(reset_index, ENTRIES);
}

/* Who takes a ring between its exit and the vCPU's look is no overrun. */
static void one_that_somebody_else_emptied_is_left_alone(void **state)
{
	(void)state;
	note(10);
	kvm_vcpu_ring_full(&v);
	note(10);
	kvm_vcpu_ring_take(&v);
	kvm_vcpu_ring_full(&v);
	assert_int_equal(v.ring_pages, 20);
	assert_int_equal(reset_index, 20);
	note(10);
	kvm_vcpu_ring_full(&v);
	assert_int_equal(v.ring_pages, 30);
}

/* 20 pages into 16 entries: what was overwritten is never seen as dirty. */
static void one_that_was_overrun_goes_on(void **state)
{
	u32 stuck;

	(void)state;
	note(ENTRIES + 4);
	kvm_vcpu_ring_full(&v);
	assert_int_equal(v.ring_pages, ENTRIES);
	stuck = dirty_index - reset_index;
	assert_int_equal(stuck, 4);
	note(ENTRIES - 4);
	memset(ring, 0, sizeof(ring));         /* as if none had come through */
	assert_false(kvm_vcpu_ring_full(&v));
	assert_int_equal(v.ring_pages, ENTRIES + ENTRIES / 2);
	assert_int_equal(dirty_index - reset_index, ENTRIES / 2);
}

static void a_vcpu_without_a_ring_has_written_nothing(void **state)
{
	(void)state;
	v.ring = NULL;
	assert_int_equal(kvm_vcpu_ring_take(&v), 0);
	kvm_vcpu_ring_full(&v);
	kvm_vcpu_ring_full(&v);
	assert_int_equal(v.ring_pages, 0);
	assert_int_equal(resets, 0);
}

static void sizes_are_checked(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kvm_vm_use_rings(&vm, 4096, &e), 0);
	assert_int_equal(enabled, 4096 * sizeof(struct kvm_dirty_gfn));
	assert_int_equal(kvm_vm_use_rings(&vm, 100, &e), -EINVAL);
	assert_string_equal(e.msg, "dirty-ring-size must be a power of two.");
	assert_int_equal(kvm_vm_use_rings(&vm, 1 << 17, &e), -E2BIG);
	assert_string_equal(e.msg, "dirty-ring-size 131072 is too large (at "
			    "most 65536)");
	rings_max = 0;
	assert_int_equal(kvm_vm_use_rings(&vm, 4096, &e), -ENOTSUP);
	assert_string_equal(e.msg, "dirty-ring-size: fake has no dirty rings");
}

static void memory_is_tracked_while_anybody_wants_it(void **state)
{
	struct err e = { 0 };

	(void)state;
	vm.gmem = gmem_create();
	assert_int_equal(gmem_add(vm.gmem, "ram", 0, MiB, -1, 0, GMEM_RAM,
				  &e), 0);
	assert_int_equal(kvm_vm_ring_track(&vm, true, &e), 0);
	assert_int_equal(slot_flags, KVM_MEM_LOG_DIRTY_PAGES);
	assert_int_equal(kvm_vm_ring_track(&vm, true, &e), 0);
	assert_int_equal(kvm_vm_ring_track(&vm, false, &e), 0);
	assert_int_equal(slot_flags, KVM_MEM_LOG_DIRTY_PAGES);
	assert_int_equal(kvm_vm_ring_track(&vm, false, &e), 0);
	assert_int_equal(slot_flags, 0);
	gmem_destroy(vm.gmem);
}

#define T(t) cmocka_unit_test_setup(t, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_noted_is_taken_once_and_given_back),
		T(the_ring_goes_round),
		T(a_full_ring_is_taken_whole),
		T(one_that_somebody_else_emptied_is_left_alone),
		T(one_that_was_overrun_goes_on),
		T(a_vcpu_without_a_ring_has_written_nothing),
		T(sizes_are_checked),
		T(memory_is_tracked_while_anybody_wants_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
