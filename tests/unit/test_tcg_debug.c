/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/debug.c and the debugger's part of exec.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcg_box.h"

static void debug_with(struct box *b, u32 control)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | control };

	assert_int_equal(box_io(b->cpu, KVM_SET_GUEST_DEBUG, &d), 0);
}

static void assert_stepped_to(struct box *b, u64 pc)
{
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b->run->debug.arch.exception, 1);
	assert_true(b->run->debug.arch.dr6 & 1 << 14);
	assert_int_equal(b->run->debug.arch.pc, pc);
	assert_int_equal(box_regs(b).rip, pc);
}

static void a_step_over_a_port_access_is_one_step(void **state)
{
	/* inc ax; out 0x80,al; inc ax; hlt */
	BOX(b, false, 0x40, 0xe6, 0x80, 0x40, 0xf4);

	(void)state;
	debug_with(&b, KVM_GUESTDBG_SINGLESTEP);
	assert_stepped_to(&b, BOX_CODE + 1);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_IO);
	assert_stepped_to(&b, BOX_CODE + 3);
	assert_int_equal(box_regs(&b).rax, 1);
	assert_stepped_to(&b, BOX_CODE + 4);
	box_close(&b);
}

static void a_step_over_hlt_does_not_wait(void **state)
{
	BOX(b, true, 0x40, 0xf4, 0x40);

	(void)state;
	debug_with(&b, KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ);
	assert_stepped_to(&b, BOX_CODE + 1);
	assert_stepped_to(&b, BOX_CODE + 2);
	box_close(&b);
}

static void a_step_that_faults_ends_at_the_handler(void **state)
{
	/* div ax, of zero */
	BOX(b, false, 0xf7, 0xf0, 0xf4);
	struct kvm_regs r = box_regs(&b);

	(void)state;
	r.rsp = 0x8000;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	memcpy(b.mem, "\x00\x05\x00\x00", 4);  /* vector 0: 0000:0500 */
	debug_with(&b, KVM_GUESTDBG_SINGLESTEP);
	assert_stepped_to(&b, 0x500);
	box_close(&b);
}

static void a_breakpoint_on_another_page_is_hit_in_the_middle_of_it(void **s)
{
	/* inc ax; inc ax; jmp 0x3000 */
	BOX(b, false, 0x40, 0x40, 0xe9, 0, 0);
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = 0x3001, [7] = 1 },
	};
	const u16 far = 0x3000 - (BOX_CODE + 5);

	(void)s;
	memcpy(b.mem + BOX_CODE + 3, &far, 2);
	memset(b.mem + 0x3000, 0x40, 3);
	b.mem[0x3003] = 0xf4;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b.run->debug.arch.pc, 0x3001);
	assert_int_equal(box_regs(&b).rax, 3);
	box_close(&b);
}

static void a_watched_write_stops_right_behind_it(void **state)
{
	/* inc ax; mov [0x3000],al; inc ax; inc ax; hlt: one block */
	BOX(b, false, 0x40, 0xa2, 0, 0x30, 0x40, 0x40, 0xf4);
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [2] = 0x3000,
				   [7] = 1 << 4 | 1 << 24 },
	};

	(void)state;
	assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	assert_int_equal(b.run->debug.arch.dr6 & 15, 4);
	assert_int_equal(b.run->debug.arch.pc, BOX_CODE + 4);
	assert_int_equal(box_regs(&b).rax, 1);
	box_close(&b);
}

static void an_injected_int3_goes_to_the_guest(void **state)
{
	BOX(b, false, 0xcc, 0xf4);
	struct kvm_regs r = box_regs(&b);

	(void)state;
	r.rsp = 0x8000;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	memcpy(b.mem + 12, "\x00\x05\x00\x00", 4);
	b.mem[0x500] = 0xf4;
	debug_with(&b, KVM_GUESTDBG_USE_SW_BP);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
	debug_with(&b, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_regs(&b).rip, 0x501);
	assert_int_equal(b.mem[0x7ffa] | b.mem[0x7ffb] << 8, BOX_CODE + 1);
	box_close(&b);
}

static void a_debugged_slice_stops_at_breakpoints(void **state)
{
	/* inc ax; inc ax; mov [0x3000],ax; inc ax; int3 */
	static const u8 code[] = { 0x40, 0x40, 0xa3, 0, 0x30, 0x40, 0xcc };
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP |
			   KVM_GUESTDBG_USE_SW_BP,
		.arch.debugreg = { BOX_CODE + 1, 0x3000,
				   [7] = 0x40a | 5u << 20 },
	};
	static const struct { u32 exception, slots; u64 rip; } stops[] = {
		{ 1, 1, 1 }, { 1, 2, 5 }, { 3, 0, 6 },
	};
	struct box b;

	(void)state;
	box_vm(&b, false);
	assert_int_equal(mote_kvm_provider.control(b.vm, "slices", 1), 0);
	box_cpu(&b, code, sizeof(code));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(box_io(b.cpu, KVM_SET_GUEST_DEBUG, &d), 0);
		assert_int_equal(mote_kvm_provider.control(b.cpu, "slice",
							   100), 0);
		assert_int_equal(box_run(&b), 0);
		assert_int_equal(b.run->exit_reason, KVM_EXIT_DEBUG);
		assert_int_equal(b.run->debug.arch.exception,
				 stops[i].exception);
		assert_int_equal(b.run->debug.arch.dr6 & 15, stops[i].slots);
		assert_int_equal(box_regs(&b).rip, BOX_CODE + stops[i].rip);
		d.arch.debugreg[7] &= ~2ull;   /* step off the first */
	}
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_debugged_slice_stops_at_breakpoints),
		cmocka_unit_test(a_step_over_a_port_access_is_one_step),
		cmocka_unit_test(a_step_over_hlt_does_not_wait),
		cmocka_unit_test(a_step_that_faults_ends_at_the_handler),
		cmocka_unit_test(a_breakpoint_on_another_page_is_hit_in_the_middle_of_it),
		cmocka_unit_test(a_watched_write_stops_right_behind_it),
		cmocka_unit_test(an_injected_int3_goes_to_the_guest),
	};

	return cmocka_run_group_tests_name("debugging under the plugin", tests,
					   NULL, NULL);
}
