// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/sync.c: vCPUs that meet each other and the VMM. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tcg_box.h"

/*
 * patcher:  for cx in 1..300: [2001] = cx; [3000] = cx; wait for [3002] == cx
 * patched:  wait for a new [3000]; serialise; call 2000 (mov ax,imm; ret);
 *           ax wrong: out 10, al; [3002] = ax; until 300
 */
static const u8 patcher[] = {
	0x31, 0xc9, 0x41, 0x89, 0x0e, 0x01, 0x20, 0x89, 0x0e, 0x00,
	0x30, 0xf3, 0x90, 0x39, 0x0e, 0x02, 0x30, 0x75, 0xf8, 0x81,
	0xf9, 0x2c, 0x01, 0x75, 0xe9, 0xf4,
};
static const u8 patched[] = {
	0x31, 0xdb, 0xf3, 0x90, 0x8b, 0x16, 0x00, 0x30, 0x39, 0xda,
	0x74, 0xf6, 0x89, 0xd3, 0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0,
	0xbe, 0x00, 0x20, 0xff, 0xd6, 0x39, 0xd8, 0x75, 0x0b, 0x89,
	0x1e, 0x02, 0x30, 0x81, 0xfb, 0x2c, 0x01, 0x75, 0xdb, 0xf4,
	0xe6, 0x10, 0xf4,
};
/*
 * Both count [2800] with LOCK INC 20000 times, on a page that holds code.
 * counter0 also calls that code and counts [2810] alone; counter1 stores beside
 * it and counts [2ffe] with a LOCK that crosses into the next page.
 */
static const u8 counter0[] = {
	0xb9, 0x20, 0x4e, 0x66, 0xf0, 0xff, 0x06, 0x00, 0x28, 0xbe,
	0x00, 0x20, 0xff, 0xd6, 0x66, 0xff, 0x06, 0x10, 0x28, 0xe2,
	0xee, 0xf4,
};
static const u8 counter1[] = {
	0xb9, 0x20, 0x4e, 0x66, 0xf0, 0xff, 0x06, 0x00, 0x28, 0x66,
	0x89, 0x0e, 0x20, 0x28, 0x66, 0xf0, 0x83, 0x06, 0xfe, 0x2f,
	0x01, 0xe2, 0xec, 0xf4,
};
enum { COUNT = 20000 };

static void *other(void *opaque)
{
	return (void *)(intptr_t)box_io(*(int *)opaque, KVM_RUN, NULL);
}

/* Run b's vCPU and a second one at BOX_CODE + 0x100 till both are done. */
static void run_two(struct box *b, const u8 *code, size_t n)
{
	struct box two = *b;
	struct kvm_regs r;
	pthread_t t;
	void *rc;

	memcpy(b->mem + 0x2000, "\xb8\x00\x00\xc3", 4);
	two.cpu = box_io(b->vm, KVM_CREATE_VCPU, (void *)1);
	assert_true(two.cpu >= 0);
	two.run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       two.cpu, 0);
	box_place(&two, code, n, BOX_CODE + 0x100);
	r = box_regs(&two);
	r.rsp = 0x7000;
	assert_int_equal(box_io(two.cpu, KVM_SET_REGS, &r), 0);
	pthread_create(&t, NULL, other, &two.cpu);
	assert_int_equal(box_run(b), 0);
	pthread_join(t, &rc);
	assert_null(rc);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(two.run->exit_reason, KVM_EXIT_HLT);
	munmap(two.run, b->run_size);
	assert_int_equal(mote_kvm_provider.close(two.cpu), 0);
}

static void code_patched_by_one_vcpu_is_seen_by_another(void **state)
{
	struct box b;

	(void)state;
	box_vm(&b, false);
	box_cpu(&b, patcher, sizeof(patcher));
	run_two(&b, patched, sizeof(patched));
	box_close(&b);
}

static void locked_counts_agree_on_code_pages_and_across_pages(void **state)
{
	struct box b;
	u32 shared, mine, crossing;

	(void)state;
	box_vm(&b, false);
	box_cpu(&b, counter0, sizeof(counter0));
	run_two(&b, counter1, sizeof(counter1));
	memcpy(&shared, b.mem + 0x2800, 4);
	memcpy(&mine, b.mem + 0x2810, 4);
	memcpy(&crossing, b.mem + 0x2ffe, 4);
	assert_int_equal(shared, 2 * COUNT);
	assert_int_equal(mine, COUNT);
	assert_int_equal(crossing, COUNT);
	box_close(&b);
}

/* --- slots under a running vCPU ------------------------------------------- */

struct churn {
	struct box *b;
	u8 *pages[2];
	_Atomic int stop;
};

/* Swap the page at 512 KiB between two hosts; the old one is unreadable after
 * the ioctl, so a vCPU that still used it would end its run. */
static void *swap_slots(void *opaque)
{
	struct churn *c = opaque;
	struct kvm_userspace_memory_region r = {
		.slot = 3, .guest_phys_addr = BOX_MEM, .memory_size = 4096,
	};

	for (int i = 0; i < 300; i++) {
		u8 *now = c->pages[i & 1], *was = c->pages[~i & 1];

		mprotect(now, 4096, PROT_READ | PROT_WRITE);
		r.userspace_addr = (u64)(uintptr_t)now;
		r.memory_size = 4096;
		assert_int_equal(box_io(c->b->vm, KVM_SET_USER_MEMORY_REGION,
					&r), 0);
		mprotect(was, 4096, PROT_NONE);
		r.memory_size = 0;
		assert_int_equal(box_io(c->b->vm, KVM_SET_USER_MEMORY_REGION,
					&r), 0);
	}
	mote_kvm_provider.kick(c->b->cpu);
	atomic_store(&c->stop, 1);
	return NULL;
}

static void slots_may_change_under_a_running_vcpu(void **state)
{
	/* mov ax,0xffff; mov ds,ax; 1: inc byte [0x10]; jmp 1b */
	BOX(b, false, 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0xfe, 0x06, 0x10, 0, 0xeb,
	    0xfa);
	struct churn c = { .b = &b };
	pthread_t t;

	(void)state;
	for (int i = 0; i < 2; i++)
		c.pages[i] = mmap(NULL, 4096, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_create(&t, NULL, swap_slots, &c);
	while (!atomic_load(&c.stop)) {
		int rc = box_run(&b);

		assert_true(rc == 0 || rc == -EINTR);
		if (rc == 0)
			assert_int_equal(b.run->exit_reason, KVM_EXIT_MMIO);
	}
	pthread_join(t, NULL);
	munmap(c.pages[0], 4096);
	munmap(c.pages[1], 4096);
	box_close(&b);
}

/* --- parking -------------------------------------------------------------- */

static void *raise_line_late(void *opaque)
{
	usleep(20000);
	box_io(*(int *)opaque, KVM_IRQ_LINE, &(struct kvm_irq_level){
		.irq = 4, .level = 1 });
	return NULL;
}

static void an_interrupt_line_wakes_a_halted_vcpu(void **state)
{
	/* PIC at 0x20, unmasked; sti; hlt; vector 0x24: out 0x81,al */
	BOX(b, true,
	    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21,
	    0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
	    0xb0, 0x00, 0xe6, 0x21, 0xfb, 0xf4, 0xeb, 0xfd);
	pthread_t t;

	(void)state;
	memcpy(b.mem + 0x1800, "\xe6\x81\xcf", 3);
	memcpy(b.mem + 0x24 * 4, "\x00\x18\x00\x00", 4);
	pthread_create(&t, NULL, raise_line_late, &b.vm);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b.run->io.port, 0x81);
	pthread_join(t, NULL);
	box_close(&b);
}

enum { PULSES = 400 };

struct pulses {
	int vm, cpu;
	_Atomic int seen;
	_Atomic bool lost;
};

/* The guest says that it is ready; then line 4 goes up and down, and each time
 * the guest must say so. */
static void *pulse_line(void *opaque)
{
	struct pulses *p = opaque;

	for (int i = 0; i <= PULSES && !p->lost; i++) {
		for (int n = 0; p->seen <= i && !p->lost; n++) {
			usleep(i % 7 * 10);
			p->lost = n > 1000000;
		}
		for (int level = 1; level >= 0 && i < PULSES; level--)
			box_io(p->vm, KVM_IRQ_LINE, &(struct kvm_irq_level){
				.irq = 4, .level = level });
	}
	mote_kvm_provider.kick(p->cpu);
	return NULL;
}

static void no_wake_of_a_halted_vcpu_is_lost(void **state)
{
	/* As above, out 0x81; 1: hlt; jmp 1b; vector 0x24: EOI, out 0x81,
	 * iret */
	BOX(b, true,
	    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21,
	    0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,
	    0xb0, 0x00, 0xe6, 0x21, 0xe6, 0x81, 0xfb, 0xf4, 0xeb, 0xfd);
	struct pulses p = { .vm = b.vm, .cpu = b.cpu };
	pthread_t t;
	int rc;

	(void)state;
	memcpy(b.mem + 0x1800, "\xb0\x20\xe6\x20\xe6\x81\xcf", 7);
	memcpy(b.mem + 0x24 * 4, "\x00\x18\x00\x00", 4);
	pthread_create(&t, NULL, pulse_line, &p);
	while ((rc = box_run(&b)) == 0) {
		assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
		p.seen++;
	}
	pthread_join(t, NULL);
	assert_int_equal(rc, -EINTR);
	assert_false(p.lost);
	assert_int_equal(p.seen, PULSES + 1);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_patched_by_one_vcpu_is_seen_by_another),
		cmocka_unit_test(
			locked_counts_agree_on_code_pages_and_across_pages),
		cmocka_unit_test(slots_may_change_under_a_running_vcpu),
		cmocka_unit_test(an_interrupt_line_wakes_a_halted_vcpu),
		cmocka_unit_test(no_wake_of_a_halted_vcpu_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
