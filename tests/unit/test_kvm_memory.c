/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/kvm/memory.c and vm.c: slots, the dirty log, VMs that follow
 * another's memory; on the plugin, and on /dev/kvm where there is one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

enum { RAM = 256 * 1024, CODE = 0x1000 };

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static struct kvm_vm vm;
static struct gmem *ram;

static int open_on(const struct kvm_provider *p)
{
	struct err e = { 0 };

	assert_int_equal(kvm_vm_open(&vm, p, &e), 0);
	assert_int_equal(kvm_x86_private_pages(&vm, &e), 0);
	ram = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm, ram, &e), 0);
	return gmem_add(ram, "ram", 0, RAM, -1, 0, GMEM_RAM, &e);
}

static int fresh_tcg(void **state)
{
	*state = &vm;
	return open_on(&mote_kvm_provider);
}

static int fresh_kvm(void **state)
{
	if (access("/dev/kvm", R_OK | W_OK)) {
		print_message("# skip: no usable /dev/kvm here\n");
		*state = NULL;
		return 0;
	}
	*state = &vm;
	return open_on(&kvm_kernel_provider);
}

static int done(void **state)
{
	if (!*state)
		return 0;
	kvm_vm_close(&vm);
	gmem_destroy(ram);
	return 0;
}

#define NEED_VM(state) do { if (!*(state)) skip(); } while (0)

/* In `on`: mov $0x5a,%al; mov %al,0x3000; out %al,$0x10 */
static void store_a_byte(struct kvm_vm *on)
{
	static const u8 code[] = { 0xb0, 0x5a, 0xa2, 0x00, 0x30, 0xe6, 0x10 };
	struct kvm_regs r = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs s;
	struct kvm_vcpu v;

	gmem_write(ram, CODE, code, sizeof(code));
	assert_int_equal(kvm_vcpu_open(&v, on, 0, NULL), 0);
	assert_true(kvm_vcpu_ioctl(&v, KVM_GET_SREGS, &s) >= 0);
	s.cs.selector = 0;
	s.cs.base = 0;
	assert_true(kvm_vcpu_ioctl(&v, KVM_SET_SREGS, &s) >= 0);
	assert_true(kvm_vcpu_ioctl(&v, KVM_SET_REGS, &r) >= 0);
	assert_int_equal(kvm_vcpu_run(&v), 0);
	assert_int_equal(v.run->exit_reason, KVM_EXIT_IO);
	kvm_vcpu_close(&v);
}

static void written_pages_are_in_the_dirty_log(void **state)
{
	unsigned n;
	u64 bits = 0;

	NEED_VM(state);
	assert_int_equal(kvm_vm_dirty_log(&vm, true, NULL), 0);
	store_a_byte(&vm);
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_true(bits & BIT(3));
	assert_int_equal(kvm_vm_dirty_log(&vm, false, NULL), 0);
}

static void a_vm_follows_the_memory_of_another(void **state)
{
	struct kvm_vm twin;
	struct err e = { 0 };
	u8 byte = 0;

	NEED_VM(state);
	assert_int_equal(kvm_vm_open(&twin, &mote_kvm_provider, &e), 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);    /* nothing new */
	store_a_byte(&twin);
	gmem_read(ram, 0x3000, &byte, 1);
	assert_int_equal(byte, 0x5a);
	assert_int_equal(gmem_add(ram, "more", MiB, RAM, -1, 0, GMEM_RAM, &e),
			 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);
	assert_int_equal(twin.followed_slots, 3);
	assert_int_equal(gmem_remove(ram, MiB, &e), 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);
	assert_int_equal(twin.followed_slots, 1);
	kvm_vm_close(&twin);
}

static void a_follower_has_more_than_32_slots(void **state)
{
	enum { MORE = 33 };
	struct kvm_vm twin;
	struct err e = { 0 };
	char name[16];

	NEED_VM(state);
	assert_int_equal(kvm_vm_open(&twin, &mote_kvm_provider, &e), 0);
	for (unsigned i = 1; i <= MORE; i++) {
		snprintf(name, sizeof(name), "more%u", i);
		assert_int_equal(gmem_add(ram, name, i * MiB, RAM, -1, 0,
					  GMEM_RAM, &e), 0);
	}
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);
	assert_true(twin.followed_slots == BIT64(MORE + 1) - 1);
	for (unsigned i = 1; i <= MORE; i++)
		assert_int_equal(gmem_remove(ram, i * MiB, &e), 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, &e), 0);
	assert_true(twin.followed_slots == 1);
	kvm_vm_close(&twin);
}

static void the_dirty_log_has_the_followers_pages_too(void **state)
{
	struct kvm_vm twin;
	unsigned n;
	u64 bits = 0;

	NEED_VM(state);
	assert_int_equal(kvm_vm_open(&twin, &mote_kvm_provider, NULL), 0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, NULL), 0);
	vm.twin = &twin;
	assert_int_equal(kvm_vm_dirty_log(&vm, true, NULL), 0);
	/* the twin is not logging yet, and wrote nothing */
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_int_equal(kvm_vm_follow(&twin, &vm, NULL), 0);
	store_a_byte(&twin);
	bits = 0;
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_true(bits & BIT(3));
	kvm_vm_close(&twin);
}

static void translations_can_be_forgotten_again_and_again(void **state)
{
	NEED_VM(state);
	for (unsigned i = 0; i < 4; i++)
		assert_true(kvm_vm_forget_translations(&vm) >= 0);
	store_a_byte(&vm);
}

static void a_vm_opens_beside_another(void **state)
{
	struct kvm_vm beside;

	NEED_VM(state);
	assert_int_equal(kvm_vm_open_beside(&beside, &vm, NULL), 0);
	assert_true(beside.fd >= 0 && beside.fd != vm.fd);
	kvm_vm_close(&beside);
	assert_true(kvm_vm_check(&vm, KVM_CAP_USER_MEMORY));
	assert_true(kvm_calibrate_beside(&vm) > 0);
}

#define BOTH(fn) \
	cmocka_unit_test_setup_teardown(fn, fresh_tcg, done), \
	{ #fn "_on_kvm", fn, fresh_kvm, done, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(written_pages_are_in_the_dirty_log),
		BOTH(a_vm_follows_the_memory_of_another),
		BOTH(a_follower_has_more_than_32_slots),
		BOTH(the_dirty_log_has_the_followers_pages_too),
		BOTH(translations_can_be_forgotten_again_and_again),
		BOTH(a_vm_opens_beside_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
