/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/kvm/exchange.c: two VMs of the plugin behind two doors change
 * places under one guest; and a VM of the plugin with one of /dev/kvm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/kvm/kvm.h"

enum { RAM = 256 * 1024, CODE = 0x1000, DOORBELL = 0xc0000 };

extern const struct kvm_provider mote_kvm_provider;    /* libtcg.a */

static struct kvm_provider second;     /* takes `allowed` eventfds more */
static int allowed;
static struct kvm_vm vm, other;
static struct gmem *ram;

static int second_ioctl(int fd, unsigned long req, void *arg)
{
	if ((req == KVM_IOEVENTFD || req == KVM_IRQFD) && allowed-- <= 0)
		return -ENOSPC;
	return mote_kvm_provider.ioctl(fd, req, arg);
}

static void open_both(const struct kvm_provider *a,
		      const struct kvm_provider *b)
{
	struct err e = { 0 };

	allowed = 100;
	assert_int_equal(kvm_vm_open(&vm, a, &e), 0);
	assert_int_equal(kvm_vm_open(&other, b, &e), 0);
	kvm_vm_keep_eventfds(&vm);
	ram = gmem_create();
	assert_int_equal(kvm_vm_attach_gmem(&vm, ram, &e), 0);
	assert_int_equal(kvm_vm_create_irqchip(&vm, true, true, &e), 0);
	assert_int_equal(kvm_vm_create_irqchip(&other, true, true, &e), 0);
	assert_int_equal(gmem_add(ram, "ram", 0, RAM, -1, 0, GMEM_RAM, &e), 0);
}

static int fresh(void **state)
{
	*state = &vm;
	second = mote_kvm_provider;
	second.name = "second";
	second.ioctl = second_ioctl;
	open_both(&mote_kvm_provider, &second);
	return 0;
}

static int fresh_kvm(void **state)
{
	if (access("/dev/kvm", R_OK | W_OK)) {
		print_message("# skip: no usable /dev/kvm here\n");
		*state = NULL;
		return 0;
	}
	*state = &vm;
	open_both(&mote_kvm_provider, &kvm_kernel_provider);
	return 0;
}

static int done(void **state)
{
	if (!*state)
		return 0;
	kvm_vm_close(&vm);
	kvm_vm_close(&other);
	gmem_destroy(ram);
	return 0;
}

#define NEED_VM(state) do { if (!*(state)) skip(); } while (0)

static void enter(struct kvm_vcpu *v)
{
	struct kvm_regs r = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs s;

	assert_true(kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s) >= 0);
	s.cs.selector = 0;
	s.cs.base = 0;
	assert_true(kvm_vcpu_ioctl(v, KVM_SET_SREGS, &s) >= 0);
	assert_true(kvm_vcpu_ioctl(v, KVM_SET_REGS, &r) >= 0);
}

/* mov $0xc000,%ax; mov %ax,%ds; mov %al,0 (the doorbell);
 * xor %ax,%ax; mov %ax,%ds; mov %al,0x3000; out %al,$0x10 */
static void ring(struct kvm_vm *on)
{
	static const u8 code[] = { 0xb8, 0x00, 0xc0, 0x8e, 0xd8, 0xa2, 0, 0,
				   0x31, 0xc0, 0x8e, 0xd8, 0xa2, 0x00, 0x30,
				   0xe6, 0x10 };
	struct kvm_vcpu v;

	gmem_write(ram, CODE, code, sizeof(code));
	assert_int_equal(kvm_vcpu_open(&v, on, 0, NULL), 0);
	enter(&v);
	assert_int_equal(kvm_vcpu_run(&v), 0);
	assert_int_equal(v.run->exit_reason, KVM_EXIT_IO);
	kvm_vcpu_close(&v);
}

static void switch_over(void)
{
	struct err e = { 0 };

	assert_int_equal(kvm_vm_follow(&other, &vm, &e), 0);
	assert_int_equal(kvm_vm_move_eventfds(&vm, &other, &e), 0);
	kvm_vm_exchange(&vm, &other);
}

static u64 count_of(int efd)
{
	u64 n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void memory_and_doorbells_go_along(void **state)
{
	int efd = eventfd(0, EFD_NONBLOCK);
	const struct kvm_provider *was = NULL;

	NEED_VM(state);
	was = other.ops;
	assert_true(kvm_vm_ioeventfd(&vm, efd, false, DOORBELL, 1, false, 0,
				     true) >= 0);
	switch_over();
	assert_ptr_equal(vm.ops, was);
	assert_int_equal(other.followed_slots, 0);
	ring(&vm);
	assert_int_equal(count_of(efd), 1);
	assert_true(kvm_vm_ioeventfd(&vm, efd, false, DOORBELL, 1, false, 0,
				     false) >= 0);
	close(efd);
}

static void a_doorbell_that_went_is_not_moved(void **state)
{
	int efd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	for (int on = 1; on >= 0; on--)
		assert_true(kvm_vm_ioeventfd(&vm, efd, false, DOORBELL, 1,
					     false, 0, on) >= 0);
	allowed = 0;
	switch_over();
	close(efd);
}

static void pages_not_fetched_yet_stay_dirty(void **state)
{
	unsigned n;
	u64 bits = 0;

	NEED_VM(state);
	assert_int_equal(kvm_vm_dirty_log(&vm, true, NULL), 0);
	assert_int_equal(kvm_vm_ioeventfd(&vm, eventfd(0, 0), false, DOORBELL,
					  1, false, 0, true), 0);
	ring(&vm);
	switch_over();
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_true(bits & BIT(3));
	bits = 0;
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_int_equal(bits, 0);
	ring(&vm);                     /* it goes on being noted */
	assert_true(kvm_vm_dirty_fetch(&vm, gmem_blocks(ram, &n)[0], &bits) >=
		    0);
	assert_true(bits & BIT(3));
}

static void memory_added_later_reaches_who_runs_the_guest(void **state)
{
	struct err e = { 0 };

	NEED_VM(state);
	switch_over();
	assert_int_equal(gmem_add(ram, "more", MiB, RAM, -1, 0, GMEM_RAM, &e),
			 0);
	switch_over();
	switch_over();
	assert_int_equal(gmem_remove(ram, MiB, &e), 0);
}

static void eventfds_that_cannot_move_are_where_they_were(void **state)
{
	int efd[3];
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		efd[i] = eventfd(0, EFD_NONBLOCK);
		assert_true(kvm_vm_ioeventfd(&vm, efd[i], false, DOORBELL + 8 * i,
					     1, false, 0, true) >= 0);
	}
	assert_int_equal(kvm_vm_follow(&other, &vm, &e), 0);
	allowed = 2;
	assert_int_equal(kvm_vm_move_eventfds(&vm, &other, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "second refuses an eventfd"));
	kvm_vm_unfollow(&other);
	ring(&vm);
	assert_int_equal(count_of(efd[0]), 1);
	for (unsigned i = 0; i < 3; i++)
		close(efd[i]);
}

static void vcpus_change_places(void **state)
{
	struct kvm_vcpu a, b;
	int fd;

	NEED_VM(state);
	assert_int_equal(kvm_vcpu_open(&a, &vm, 0, NULL), 0);
	assert_int_equal(kvm_vcpu_open(&b, &other, 0, NULL), 0);
	fd = b.fd;
	switch_over();
	kvm_vcpu_exchange(&a, &b);
	assert_int_equal(a.fd, fd);
	assert_ptr_equal(a.vm, &vm);
	enter(&a);
	kvm_vcpu_close(&a);
	kvm_vcpu_close(&b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)
#define BOTH(fn) TEST(fn), { #fn "_kvm", fn, fresh_kvm, done, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(memory_and_doorbells_go_along),
		TEST(a_doorbell_that_went_is_not_moved),
		BOTH(pages_not_fetched_yet_stay_dirty),
		BOTH(memory_added_later_reaches_who_runs_the_guest),
		TEST(eventfds_that_cannot_move_are_where_they_were),
		BOTH(vcpus_change_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
