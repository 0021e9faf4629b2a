/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/vcpu_mce.c through the plugin's door. */
#include <errno.h>

#include "tcg_box.h"

#define VAL  (1ull << 63)
#define OVER (1ull << 62)
#define UC   (1ull << 61)
enum { MC_HANDLER = 0x3000, MSR_MCG_CAP = 0x179, MSR_MCG_STATUS = 0x17a,
       MSR_MCG_CTL = 0x17b, MSR_MC0 = 0x400, CR4_MCE = 0x40 };

static u64 msr(struct box *b, u32 index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m = { .head.nmsrs = 1, .e.index = index };

	assert_int_equal(box_io(b->cpu, KVM_GET_MSRS, &m), 1);
	return m.e.data;
}

static void set_msr(struct box *b, u32 index, u64 v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m = { .head.nmsrs = 1, .e = { .index = index, .data = v } };

	assert_int_equal(box_io(b->cpu, KVM_SET_MSRS, &m), 1);
}

static int setup(struct box *b, u64 cap)
{
	return box_io(b->cpu, KVM_X86_SETUP_MCE, &cap);
}

static int inject(struct box *b, u8 bank, u64 status, u64 addr)
{
	struct kvm_x86_mce m = { .status = status, .addr = addr, .misc = 0x8c,
				 .mcg_status = 5, .bank = bank };

	return box_io(b->cpu, KVM_X86_SET_MCE, &m);
}

static void enable(struct box *b)
{
	struct kvm_sregs s;

	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, &s), 0);
	s.cr4 |= CR4_MCE;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
	/* the vector: 18, in real mode */
	memcpy(b->mem + 18 * 4, (u16[]){ MC_HANDLER, 0 }, 4);
	b->mem[MC_HANDLER] = 0xf4;
}

static void a_setup_says_how_many_banks_there_are(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	assert_int_equal(setup(&b, 0), -EINVAL);
	assert_int_equal(setup(&b, 33), -EINVAL);
	assert_int_equal(setup(&b, 10 | 1ull << 40), -EINVAL);
	assert_int_equal(setup(&b, 10 | 0x1000100), 0);
	assert_int_equal(msr(&b, MSR_MCG_CAP), 10 | 0x1000100);
	assert_true(msr(&b, MSR_MCG_CTL) == ~0ull);
	assert_int_equal(inject(&b, 10, VAL, 0), -EINVAL);
	assert_int_equal(inject(&b, 255, VAL, 0), -EINVAL);
	assert_int_equal(inject(&b, 0, UC, 0), -EINVAL);
	box_close(&b);
}

static void a_corrected_error_stands_in_its_bank(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	setup(&b, 10);
	assert_int_equal(inject(&b, 3, VAL | 0x90, 0x1234), 0);
	assert_true(msr(&b, MSR_MC0 + 13) == (VAL | 0x90));
	assert_int_equal(msr(&b, MSR_MC0 + 14), 0x1234);
	assert_int_equal(msr(&b, MSR_MC0 + 15), 0x8c);
	assert_int_equal(inject(&b, 3, VAL | 0x91, 0x5678), 0);
	assert_true(msr(&b, MSR_MC0 + 13) == (VAL | OVER | 0x91));
	assert_int_equal(msr(&b, MSR_MCG_STATUS), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void an_uncorrected_error_is_raised_as_a_machine_check(void **state)
{
	BOX(b, false, 0x90, 0xf4);

	(void)state;
	setup(&b, 10);
	enable(&b);
	assert_int_equal(inject(&b, 1, VAL | UC, 0x1000), 0);
	assert_int_equal(msr(&b, MSR_MCG_STATUS), 5);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_regs(&b).rip, MC_HANDLER + 1);
	assert_int_equal(inject(&b, 2, VAL, 0), 0);    /* corrected: quiet */
	box_close(&b);
}

static void a_machine_check_wakes_a_halted_cpu(void **state)
{
	struct kvm_mp_state halted = { KVM_MP_STATE_HALTED };

	BOX(b, true, 0xf4);

	(void)state;
	setup(&b, 10);
	enable(&b);
	b.mem[MC_HANDLER] = 0xe6;              /* out 0x80,al */
	b.mem[MC_HANDLER + 1] = 0x80;
	assert_int_equal(box_io(b.cpu, KVM_SET_MP_STATE, &halted), 0);
	assert_int_equal(inject(&b, 1, VAL | UC, 0), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	box_close(&b);
}

static void one_that_nobody_can_take_is_a_triple_fault(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	setup(&b, 10);
	assert_int_equal(inject(&b, 1, VAL | UC, 0), 0);       /* no CR4.MCE */
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	enable(&b);
	set_msr(&b, MSR_MCG_STATUS, 4);                        /* MCIP       */
	assert_int_equal(inject(&b, 1, VAL | UC, 0), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	assert_int_equal(box_run(&b), 0);                      /* only once  */
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

static void a_triple_fault_is_told_to_who_asked(void **state)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT,
				      .args = { 1 } };
	struct kvm_vcpu_events e = { 0 };

	BOX(b, false, 0xf4);

	(void)state;
	setup(&b, 10);
	assert_int_equal(inject(&b, 1, VAL | UC, 0), 0);       /* no CR4.MCE */
	assert_int_equal(box_io(b.cpu, KVM_GET_VCPU_EVENTS, &e), 0);
	assert_false(e.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	assert_int_equal(box_io(b.vm, KVM_CHECK_EXTENSION,
				(void *)KVM_CAP_X86_TRIPLE_FAULT_EVENT), 1);
	assert_int_equal(box_io(b.vm, KVM_ENABLE_CAP, &cap), 0);
	assert_int_equal(box_io(b.cpu, KVM_GET_VCPU_EVENTS, &e), 0);
	assert_true(e.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	assert_true(e.triple_fault.pending);
	e.triple_fault.pending = 0;
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	e.triple_fault.pending = 1;
	assert_int_equal(box_io(b.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	box_close(&b);
}

static void a_guest_that_masked_a_bank_hears_nothing(void **state)
{
	BOX(b, false, 0xf4);

	(void)state;
	setup(&b, 10);
	set_msr(&b, MSR_MC0 + 4, 0);
	assert_int_equal(inject(&b, 1, VAL | UC, 0), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_setup_says_how_many_banks_there_are),
		cmocka_unit_test(a_corrected_error_stands_in_its_bank),
		cmocka_unit_test(an_uncorrected_error_is_raised_as_a_machine_check),
		cmocka_unit_test(a_machine_check_wakes_a_halted_cpu),
		cmocka_unit_test(one_that_nobody_can_take_is_a_triple_fault),
		cmocka_unit_test(a_triple_fault_is_told_to_who_asked),
		cmocka_unit_test(a_guest_that_masked_a_bank_hears_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
