// SPDX-License-Identifier: MIT
/*
 * Unit test: counted instructions (tcg-plugin/icount.c) through the plugin's
 * door: the TSC, a timer and a halt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include "tcg-plugin/fdtable.h"
#include "tcg-plugin/icount.h"
#include "tests/unit/tcg_box.h"

#define CODE(name, text)                                                  \
	extern const u8 name[], name##_end[];                             \
	asm(".pushsection .rodata\n.code16\n" #name ":\n" text "\n" #name \
	    "_end:\n.code64\n.popsection\n")

static int count(struct box *b, u64 how)
{
	return mote_kvm_provider.control(b->vm, "icount", how);
}

static void start(struct box *b, const u8 *code, const u8 *end, u64 how)
{
	struct kvm_pit_config pit = { 0 };

	box_vm(b, false);
	assert_int_equal(count(b, ICOUNT_ON | how), 0);
	assert_int_equal(box_io(b->vm, KVM_CREATE_IRQCHIP, NULL), 0);
	assert_int_equal(box_io(b->vm, KVM_CREATE_PIT2, &pit), 0);
	box_cpu(b, code, (size_t)(end - code));
}

/* To an OUT, which ends these programs. */
static struct kvm_regs run(struct box *b)
{
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_IO);
	return box_regs(b);
}

static s64 now(const struct box *b)
{
	struct kvm_clock_data d;

	assert_int_equal(box_io(b->vm, KVM_GET_CLOCK, &d), 0);
	assert_true(d.flags & KVM_CLOCK_HOST_TSC);
	return (s64)d.host_tsc;
}

CODE(tsc_code,
     "rdtsc; mov %eax, %ebx; mov $1000, %cx\n"
     "1: nop; nop; loop 1b; rdtsc; sub %ebx, %eax; out %al, $0x99");

/* Between the two: 2 moves, 1000 rounds of 3, and one RDTSC. */
static void the_tsc_counts_instructions(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	for (unsigned shift = 0; shift <= ICOUNT_MAX_SHIFT; shift += 5) {
		start(&b, tsc_code, tsc_code_end, shift);
		r = run(&b);
		assert_int_equal(r.rax, (2 + 3000 + 1) << shift);
		assert_int_equal(now(&b), (1 + 2 + 3000 + 1 + 1) << shift);
		box_close(&b);
	}
}

/* IRQ 0 by way of vector 8 leads to 2f; PIT channel 0, one shot. */
#define TIMER(base, low, high)                                            \
	#base ": xor %ax, %ax; mov %ax, %ds; movw $2f - " #base ", 32; "  \
	"addw $0x1000, 32; movw $0, 34\n"                                 \
	"mov $0x11, %al; out %al, $0x20; mov $8, %al; out %al, $0x21\n"   \
	"mov $4, %al; out %al, $0x21; mov $1, %al; out %al, $0x21\n"      \
	"mov $0xfe, %al; out %al, $0x21; mov $0x30, %al; out %al, $0x43\n" \
	"mov $" #low ", %al; out %al, $0x40\n"                             \
	"mov $" #high ", %al; out %al, $0x40; sti\n"

CODE(timer_code, TIMER(base1, 0xe8, 3)
     "xor %ebx, %ebx; 1: inc %ebx; jmp 1b; 2: out %al, $0x99");

/* 1,000 ticks of 1.193182 MHz are 838,095 ns. */
static void a_timer_fires_after_so_many_instructions(void **state)
{
	u64 first = 0;
	struct box b;

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(&b, timer_code, timer_code_end, 3);
		first = i ? first : run(&b).rbx;
		if (i)
			assert_int_equal(run(&b).rbx, first);
		box_close(&b);
	}
	assert_in_range(first, 838095 / 8 / 2 - 20, 838095 / 8 / 2 + 20);
}

CODE(halt_code, TIMER(base2, 0, 0) "hlt; 2: out %al, $0x99");

static s64 host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* 65,536 ticks are 54.9 ms. */
static void a_halt_skips_to_the_next_timer(void **state)
{
	struct box b;
	s64 from, took;

	(void)state;
	start(&b, halt_code, halt_code_end, 0);
	run(&b);
	assert_in_range(now(&b), 54925000, 54930000);
	box_close(&b);

	start(&b, halt_code, halt_code_end, ICOUNT_SLEEP);
	from = host_ns();
	run(&b);
	took = host_ns() - from;
	assert_true(took >= 54900000);
	assert_true(now(&b) >= 54925000);
	box_close(&b);
}

CODE(spin_code, "1: rdtsc; cmp $300000000, %eax; jb 1b; out %al, $0x99");

/* 0.3 s of the guest's time; the host may be busy. */
static void automatic_follows_the_host(void **state)
{
	struct box b;
	s64 from, took;

	(void)state;
	start(&b, spin_code, spin_code_end, ICOUNT_AUTO | ICOUNT_SLEEP);
	from = host_ns();
	run(&b);
	took = host_ns() - from;
	assert_in_range(took, 100000000, 60000000000);
	box_close(&b);
}

static void it_is_chosen_first_and_for_one(void **state)
{
	struct box b;

	(void)state;
	box_vm(&b, false);
	assert_int_equal(count(&b, ICOUNT_ON | 11), -EINVAL);
	assert_int_equal(count(&b, ICOUNT_ON | 1), 0);
	assert_int_equal(box_io(b.vm, KVM_CREATE_VCPU, (void *)1), -EINVAL);
	box_cpu(&b, tsc_code, (size_t)(tsc_code_end - tsc_code));
	assert_int_equal(count(&b, ICOUNT_ON | 1), -EBUSY);
	box_close(&b);
}

/* A number whose last owner's ioctl still runs is not a vCPU's. */
static void a_vcpu_that_could_not_be_made_leaves_no_trace(void **state)
{
	struct box b;
	void *o;
	int fd;

	(void)state;
	box_vm(&b, false);
	assert_int_equal(count(&b, ICOUNT_ON), 0);
	fd = eventfd(0, 0);
	close(fd);                             /* a memfd gets it next */
	assert_int_equal(fdtable_add(fd, FD_SYSTEM, NULL), 0);
	assert_int_equal(fdtable_get(fd, &o), FD_SYSTEM);
	assert_int_equal(box_io(b.vm, KVM_CREATE_VCPU, NULL), -EBUSY);
	assert_int_equal(now(&b), 0);
	fdtable_put(fd);
	box_cpu(&b, tsc_code, (size_t)(tsc_code_end - tsc_code));
	run(&b);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tsc_counts_instructions),
		cmocka_unit_test(a_timer_fires_after_so_many_instructions),
		cmocka_unit_test(a_halt_skips_to_the_next_timer),
		cmocka_unit_test(automatic_follows_the_host),
		cmocka_unit_test(it_is_chosen_first_and_for_one),
		cmocka_unit_test(a_vcpu_that_could_not_be_made_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
