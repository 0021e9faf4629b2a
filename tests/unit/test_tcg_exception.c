/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/exception.c, by what a guest's handlers see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "tests/unit/tcg_sys.h"

#define UD2 0x0f, 0x0b

/* --- long mode ------------------------------------------------------------ */

static void a_fault_in_ring_0_pushes_five_words_with_rf(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, UD2);
	assert_int_equal(sys_vector(), 6);
	r = box_regs(&sys);
	assert_int_equal(r.rsp, S_STACK - 40);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE);
	assert_int_equal(rd64(S_STACK - 32), CODE64);
	assert_int_equal(rd64(S_STACK - 24), 0x10002);
	assert_int_equal(rd64(S_STACK - 16), S_STACK);
	assert_int_equal(rd64(S_STACK - 8), DATA0);
	sys_close();
}

static void the_long_mode_frame_is_aligned_to_16_bytes(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, UD2);
	r = box_regs(&sys);
	r.rsp = S_STACK - 3;
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 6);
	assert_int_equal(box_regs(&sys).rsp, S_STACK - 16 - 40);
	assert_int_equal(rd64(S_STACK - 16 - 16), S_STACK - 3);
	sys_close();
}

static void ring_3_gets_rsp0_and_a_null_ss(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_LONG, 3, UD2);
	assert_int_equal(sys_vector(), 6);
	s = sys_sregs();
	assert_int_equal(box_regs(&sys).rsp, S_RSP0 - 40);
	assert_int_equal(s.ss.selector, 0);
	assert_int_equal(s.cs.selector, CODE64);
	assert_int_equal(rd64(S_RSP0 - 8), UDATA | 3);
	assert_int_equal(rd64(S_RSP0 - 32), UCODE64 | 3);
	sys_close();
}

static void an_ist_gate_switches_stacks_in_ring_0(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, UD2);
	sys_gate(true, 6, CODE64, S_HANDLERS + 6, 14, 0, 1);
	assert_int_equal(sys_vector(), 6);
	assert_int_equal(box_regs(&sys).rsp, S_IST1 - 40);
	assert_int_equal(sys_sregs().ss.selector, DATA0);
	sys_close();
}

static void a_page_fault_pushes_its_code_and_sets_cr2(void **state)
{
	(void)state;
	/* mov %al, 0x200000 from ring 3 */
	SYS(SYS_LONG, 3, 0x88, 0x04, 0x25, 0, 0, 0x20, 0);
	assert_int_equal(sys_vector(), 14);
	assert_int_equal(sys_sregs().cr2, 0x200000);
	assert_int_equal(rd64(S_RSP0 - 48), 6);
	assert_int_equal(rd64(S_RSP0 - 40), BOX_CODE);
	sys_close();
}

static void a_trap_gate_leaves_if_and_clears_tf(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xcc);
	sys_gate(true, 3, CODE64, S_HANDLERS + 3, 15, 0, 0);
	r = box_regs(&sys);
	r.rflags = 0x202;
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 3);
	assert_int_equal(box_regs(&sys).rflags, 0x202);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 1);
	sys_close();
}

/* --- error codes ------------------------------------------------------------ */

static void int_n_below_the_gates_dpl_is_gp_without_ext(void **state)
{
	(void)state;
	SYS(SYS_LONG, 3, 0xcd, 0x40);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd64(S_RSP0 - 48), 0x40 << 3 | 2);
	assert_int_equal(rd64(S_RSP0 - 40), BOX_CODE);
	sys_close();
}

static void an_exceptions_own_fault_has_ext(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, UD2);
	wr64(S_IDT + 6 * 16, rd64(S_IDT + 6 * 16) & ~(1ull << 47));
	assert_int_equal(sys_vector(), 11);
	assert_int_equal(rd64(S_STACK - 48), 6 << 3 | 2 | 1);
	sys_close();
}

static void a_gate_to_a_bad_selector_is_gp_of_it(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0xcd, 0x40);
	sys_gate(true, 0x40, DATA0, 0, 14, 0, 0);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd64(S_STACK - 48), DATA0);
	sys_close();
}

static void an_idt_that_ends_before_the_vector_is_gp(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_LONG, 0, 0xcd, 0x40);
	s = sys_sregs();
	s.idt.limit = 0x40 * 16 - 1;
	sys_set_sregs(&s);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd64(S_STACK - 48), 0x40 << 3 | 2);
	sys_close();
}

/* --- double and triple faults -------------------------------------------------- */

static void two_contributory_faults_make_a_double_fault(void **state)
{
	(void)state;
	/* div by zero, whose gate is not present: #NP on #DE */
	SYS(SYS_LONG, 0, 0x31, 0xc9, 0xf7, 0xf1);
	wr64(S_IDT, 0);
	assert_int_equal(sys_vector(), 8);
	assert_int_equal(rd64(S_STACK - 48), 0);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 2);
	sys_close();
}

static void a_fault_after_a_benign_one_is_taken_alone(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, UD2);
	wr64(S_IDT + 6 * 16, 0);
	assert_int_equal(sys_vector(), 13);
	sys_close();
}

static void a_fault_in_a_double_fault_shuts_down(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_LONG, 0, UD2);
	s = sys_sregs();
	s.idt.limit = 0;
	sys_set_sregs(&s);
	sys_run(KVM_EXIT_SHUTDOWN);
	sys_close();
}

static void a_page_fault_on_the_stack_of_a_page_fault_is_double(void **state)
{
	(void)state;
	SYS(SYS_LONG, 3, 0x88, 0x04, 0x25, 0, 0, 0x20, 0);
	wr64(S_TSS + 4, 0x300000);
	sys_gate(true, 8, CODE64, S_HANDLERS + 8, 14, 0, 1);
	assert_int_equal(sys_vector(), 8);
	assert_int_equal(sys_sregs().cr2, 0x2ffff8);
	assert_int_equal(rd64(S_IST1 - 16), S_STACK);
	assert_int_equal(rd64(S_IST1 - 8), UDATA | 3);
	sys_close();
}

/* #AC's gate lies behind the IDT's end, #GP's is not there, and #DF's leads to
 * ring 3, onto a stack that makes #AC: no handler is ever reached. */
static void deliveries_that_fault_for_ever_end_with_a_stop(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1, .nr = 17,
						    .has_error_code = 1 } };
	struct kvm_sregs s;
	struct kvm_regs r;

	(void)state;
	SYS(SYS_PROT32, 3, UD2);
	s = sys_sregs();
	s.cr0 |= 1 << 18;
	s.idt.limit = 17 * 8 - 1;
	sys_set_sregs(&s);
	wr64(S_IDT + 13 * 8, 0x00000e0000000000);
	sys_gate(false, 8, UCODE32 | 3, S_HANDLERS + 8, 14, 0, 0);
	r = box_regs(&sys);
	r.rsp = S_STACK - 3;
	r.rflags |= 1 << 18;
	sys_set_regs(r);
	assert_int_equal(box_io(sys.cpu, KVM_SET_VCPU_EVENTS, &e), 0);
	sys.run->immediate_exit = 1;
	alarm(60);                     /* the whole test, if it does not  */
	assert_int_equal(box_run(&sys), -EINTR);
	alarm(0);
	assert_int_equal(box_regs(&sys).rip, BOX_CODE);
	sys_close();
}

/* --- debug exceptions ------------------------------------------------------------- */

static void trap_flag_steps_one_instruction(void **state)
{
	struct kvm_regs r;
	struct kvm_debugregs d;

	(void)state;
	SYS(SYS_LONG, 0, 0x90, 0x90);
	r = box_regs(&sys);
	r.rflags = 0x102;
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 1);
	assert_int_equal(rd64(S_STACK - 24), 0x102);
	assert_int_equal(box_io(sys.cpu, KVM_GET_DEBUGREGS, &d), 0);
	assert_int_equal(d.dr6, 0xffff4ff0);
	sys_close();
}

static void popf_traps_after_the_instruction_that_follows(void **state)
{
	(void)state;
	/* push $0x102; popf; nop; nop */
	SYS(SYS_LONG, 0, 0x68, 2, 1, 0, 0, 0x9d, 0x90, 0x90);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 7);
	sys_close();
}

static void mov_ss_holds_the_trap_back(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* mov %eax,%ss; nop; nop */
	SYS(SYS_LONG, 0, 0x8e, 0xd0, 0x90, 0x90);
	r = box_regs(&sys);
	r.rax = DATA0;
	r.rflags = 0x102;
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 3);
	sys_close();
}

static void a_fetch_breakpoint_is_a_fault_that_rf_skips(void **state)
{
	struct kvm_debugregs d = { .db = { BOX_CODE + 1 }, .dr6 = 0xffff0ff0,
				   .dr7 = 0x402 };

	(void)state;
	SYS(SYS_LONG, 0, 0x90, 0x90, 0xf4);
	assert_int_equal(box_io(sys.cpu, KVM_SET_DEBUGREGS, &d), 0);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 1);
	assert_int_equal(box_io(sys.cpu, KVM_GET_DEBUGREGS, &d), 0);
	assert_int_equal(d.dr6, 0xffff0ff1);
	sys_close();

	SYS(SYS_LONG, 0, 0x90, 0x90, 0xf4);
	d.db[0] = BOX_CODE;
	d.dr6 = 0xffff0ff0;
	assert_int_equal(box_io(sys.cpu, KVM_SET_DEBUGREGS, &d), 0);
	sys_set_regs((struct kvm_regs){ .rip = BOX_CODE, .rflags = 0x10002,
					.rsp = S_STACK });
	assert_int_equal(sys_run(KVM_EXIT_HLT).rip, BOX_CODE + 3);
	assert_int_equal(box_regs(&sys).rflags, 2);
	sys_close();
}

static void a_data_breakpoint_is_a_trap(void **state)
{
	struct kvm_debugregs d = { .db = { 0x6000 }, .dr6 = 0xffff0ff0,
				   .dr7 = 0xd0402 };  /* write, 4 bytes */

	(void)state;
	/* mov %al, 0x6002; nop */
	SYS(SYS_LONG, 0, 0x88, 0x04, 0x25, 2, 0x60, 0, 0, 0x90);
	assert_int_equal(box_io(sys.cpu, KVM_SET_DEBUGREGS, &d), 0);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 7);
	assert_int_equal(box_io(sys.cpu, KVM_GET_DEBUGREGS, &d), 0);
	assert_int_equal(d.dr6, 0xffff0ff1);
	sys_close();
}

/* --- interrupts ----------------------------------------------------------------------- */

static void an_interrupt_waits_one_instruction_after_sti(void **state)
{
	struct kvm_interrupt irq = { .irq = 0x40 };

	(void)state;
	/* sti; inc %eax; inc %eax; hlt */
	SYS(SYS_PROT32, 0, 0xfb, 0x40, 0x40, 0xf4);
	assert_int_equal(box_io(sys.cpu, KVM_INTERRUPT, &irq), 0);
	assert_int_equal(sys_vector(), 0x40);
	assert_int_equal(box_regs(&sys).rax, 1);
	assert_int_equal(rd32(S_STACK - 12), BOX_CODE + 2);
	assert_int_equal(rd32(S_STACK - 4), 0x202);
	sys_close();
}

/* --- protected mode --------------------------------------------------------------------- */

static void a_32_bit_gate_in_the_same_ring_pushes_three_words(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, UD2);
	assert_int_equal(sys_vector(), 6);
	assert_int_equal(box_regs(&sys).rsp, S_STACK - 12);
	assert_int_equal(rd32(S_STACK - 12), BOX_CODE);
	assert_int_equal(rd32(S_STACK - 8), CODE32);
	assert_int_equal(rd32(S_STACK - 4), 0x10002);
	sys_close();
}

static void a_16_bit_gate_pushes_words(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, UD2);
	sys_gate(false, 6, CODE32, S_HANDLERS + 6, 6, 0, 0);
	assert_int_equal(sys_vector(), 6);
	assert_int_equal(box_regs(&sys).rsp, S_STACK - 6);
	assert_int_equal(rd16(S_STACK - 6), BOX_CODE);
	sys_close();
}

static void an_inner_ring_takes_its_stack_from_the_tss(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_PROT32, 3, UD2);
	assert_int_equal(sys_vector(), 6);
	s = sys_sregs();
	assert_int_equal(s.ss.selector, DATA0);
	assert_int_equal(s.cs.selector, CODE32);
	assert_int_equal(box_regs(&sys).rsp, S_RSP0 - 20);
	assert_int_equal(rd32(S_RSP0 - 4), UDATA | 3);
	assert_int_equal(rd32(S_RSP0 - 8), S_STACK);
	assert_int_equal(rd32(S_RSP0 - 16), UCODE32 | 3);
	sys_close();
}

static void a_bad_inner_stack_is_ts_with_ext(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 3, UD2);
	sys_gdt(FREE, sys_desc(0, 0xfffff, 0xc0b3));   /* DPL 1 */
	wr32(S_TSS + 8, FREE);
	/* #TS goes through the same TSS: #DF, then shutdown */
	sys_run(KVM_EXIT_SHUTDOWN);
	assert_int_equal(box_regs(&sys).rsp, S_STACK);
	assert_int_equal(sys_sregs().cs.selector, UCODE32 | 3);
	sys_close();
}

static void v86_mode_pushes_its_segments_and_clears_them(void **state)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_PROT32, 3, UD2);
	r = box_regs(&sys);
	r.rflags = 0x20002;
	s = sys_sregs();
	s.cs = sys_seg(0x100, 0xffff, 0xf3);
	s.ss = s.ds = s.es = s.fs = s.gs = sys_seg(0, 0xffff, 0xf3);
	s.cs.base = 0x1000;
	s.ds.selector = 0x123;
	s.ds.base = 0x1230;
	sys_set_sregs(&s);
	r.rip = 0;
	sys_set_regs(r);
	/* registers carry VM, so the mode follows */
	sys_set_sregs(&s);
	assert_int_equal(sys_vector(), 6);
	assert_int_equal(box_regs(&sys).rsp, S_RSP0 - 36);
	assert_int_equal(rd32(S_RSP0 - 12), 0x123);
	assert_int_equal(rd32(S_RSP0 - 28), 0x30002);
	assert_int_equal(rd32(S_RSP0 - 32), 0x100);
	assert_int_equal(rd32(S_RSP0 - 36), 0);
	assert_true(sys_sregs().ds.unusable);
	sys_close();
}

/* --- real mode ----------------------------------------------------------------------------- */

static void real_mode_goes_through_the_vector_table(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_REAL, 0, 0xcd, 0x21);
	wr32(0x21 * 4, 0x05000021);            /* 0500:0021 */
	sys.mem[S_HANDLERS + 0x21] = 0xf4;
	r = box_regs(&sys);
	r.rflags = 0x302 & ~0x100;
	sys_set_regs(r);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, 0x22);
	assert_int_equal(r.rsp, S_STACK - 6);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(rd16(S_STACK - 6), BOX_CODE + 2);
	assert_int_equal(rd16(S_STACK - 2), 0x202);
	assert_int_equal(sys_sregs().cs.base, 0x5000);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_in_ring_0_pushes_five_words_with_rf),
		cmocka_unit_test(the_long_mode_frame_is_aligned_to_16_bytes),
		cmocka_unit_test(ring_3_gets_rsp0_and_a_null_ss),
		cmocka_unit_test(an_ist_gate_switches_stacks_in_ring_0),
		cmocka_unit_test(a_page_fault_pushes_its_code_and_sets_cr2),
		cmocka_unit_test(a_trap_gate_leaves_if_and_clears_tf),
		cmocka_unit_test(int_n_below_the_gates_dpl_is_gp_without_ext),
		cmocka_unit_test(an_exceptions_own_fault_has_ext),
		cmocka_unit_test(a_gate_to_a_bad_selector_is_gp_of_it),
		cmocka_unit_test(an_idt_that_ends_before_the_vector_is_gp),
		cmocka_unit_test(two_contributory_faults_make_a_double_fault),
		cmocka_unit_test(a_fault_after_a_benign_one_is_taken_alone),
		cmocka_unit_test(a_fault_in_a_double_fault_shuts_down),
		cmocka_unit_test(deliveries_that_fault_for_ever_end_with_a_stop),
		cmocka_unit_test(
			a_page_fault_on_the_stack_of_a_page_fault_is_double),
		cmocka_unit_test(trap_flag_steps_one_instruction),
		cmocka_unit_test(popf_traps_after_the_instruction_that_follows),
		cmocka_unit_test(mov_ss_holds_the_trap_back),
		cmocka_unit_test(a_fetch_breakpoint_is_a_fault_that_rf_skips),
		cmocka_unit_test(a_data_breakpoint_is_a_trap),
		cmocka_unit_test(an_interrupt_waits_one_instruction_after_sti),
		cmocka_unit_test(
			a_32_bit_gate_in_the_same_ring_pushes_three_words),
		cmocka_unit_test(a_16_bit_gate_pushes_words),
		cmocka_unit_test(an_inner_ring_takes_its_stack_from_the_tss),
		cmocka_unit_test(a_bad_inner_stack_is_ts_with_ext),
		cmocka_unit_test(v86_mode_pushes_its_segments_and_clears_them),
		cmocka_unit_test(real_mode_goes_through_the_vector_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
