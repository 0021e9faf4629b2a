/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/task.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/tcg_sys.h"

enum { TSS2 = 0x78, TSS2_AT = 0x600, GATE = 0x80, TASK_CODE = 0x1800 };

/* A second task that stops at TASK_CODE, ring 0, 32 bits. */
static void second_task(void)
{
	static const u16 segs[6] = { DATA0, CODE32, DATA0, DATA0, 0, 0 };

	sys_gdt(TSS2, sys_desc(TSS2_AT, 0x67, 0x89));
	wr32(TSS2_AT + 0x20, TASK_CODE);
	wr32(TSS2_AT + 0x24, 2);
	for (unsigned n = 0; n < 8; n++)
		wr32(TSS2_AT + 0x28 + 4 * n, 0x100 + n);
	wr32(TSS2_AT + 0x28 + 16, 0xb000);
	for (unsigned n = 0; n < 6; n++)
		wr16(TSS2_AT + 0x48 + 4 * n, segs[n]);
	sys.mem[TASK_CODE] = 0xf4;
}

static u8 type_of(u16 sel)
{
	return sys.mem[S_GDT + sel + 5] & 15;
}

static void a_far_jump_to_a_tss_switches_tasks(void **state)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	(void)state;
	/* ljmp $TSS2, $0 */
	SYS(SYS_PROT32, 0, 0xea, 0, 0, 0, 0, TSS2, 0);
	second_task();
	r = sys_run(KVM_EXIT_HLT);
	s = sys_sregs();
	assert_int_equal(r.rip, TASK_CODE + 1);
	assert_int_equal(r.rax, 0x100);
	assert_int_equal(r.rsp, 0xb000);
	assert_int_equal(r.rdi, 0x107);
	assert_int_equal(s.tr.selector, TSS2);
	assert_int_equal(s.cr0 & 8, 8);
	assert_int_equal(type_of(TSS2), 11);
	assert_int_equal(type_of(TSS_SEL), 9);
	assert_int_equal(rd32(S_TSS + 0x20), BOX_CODE + 7);
	assert_int_equal(rd32(S_TSS + 0x28 + 16), S_STACK);
	assert_int_equal(rd16(S_TSS + 0x4c), CODE32);
	sys_close();
}

static void a_far_call_nests_and_iret_comes_back(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* lcall $TSS2, $0; hlt */
	SYS(SYS_PROT32, 0, 0x9a, 0, 0, 0, 0, TSS2, 0, 0xf4);
	second_task();
	sys.mem[TASK_CODE] = 0x40;             /* inc %eax; iret; hlt */
	sys.mem[TASK_CODE + 1] = 0xcf;
	sys.mem[TASK_CODE + 2] = 0xf4;
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, BOX_CODE + 8);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(rd16(TSS2_AT), TSS_SEL);
	assert_int_equal(rd32(TSS2_AT + 0x28), 0x101);
	assert_int_equal(rd32(TSS2_AT + 0x24), 2);     /* NT was cleared */
	assert_int_equal(type_of(TSS2), 9);
	assert_int_equal(type_of(TSS_SEL), 11);
	sys_close();
}

static void a_task_gate_takes_an_exception_with_its_code(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* mov $0xfff8, %eax; mov %eax, %ds: #GP(0xfff8) */
	SYS(SYS_PROT32, 0, 0xb8, 0xf8, 0xff, 0, 0, 0x8e, 0xd8);
	second_task();
	sys_gate(false, 13, TSS2, 0, 5, 0, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, TASK_CODE + 1);
	assert_int_equal(r.rsp, 0xb000 - 4);
	assert_int_equal(rd32(0xb000 - 4), 0xfff8);
	assert_int_equal(r.rflags, 0x4002);
	assert_int_equal(rd32(S_TSS + 0x20), BOX_CODE + 5);
	sys_close();
}

enum { EFLAGS = 0x24, RF = 1 << 16 };

/* Returning to it does not hit its breakpoint again (SDM vol. 3, 18.3.1.1). */
static void a_fault_leaves_rf_in_the_old_task(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x0f, 0x0b);        /* ud2 */
	second_task();
	sys_gate(false, 6, TSS2, 0, 5, 0, 0);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rflags, 0x4002);
	assert_int_equal(rd32(S_TSS + 0x20), BOX_CODE);
	assert_int_equal(rd32(S_TSS + EFLAGS), RF | 2);
	sys_close();
	SYS(SYS_PROT32, 0, 0xcd, 0x40);        /* int $0x40 */
	second_task();
	sys_gate(false, 0x40, TSS2, 0, 5, 0, 0);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(rd32(S_TSS + 0x20), BOX_CODE + 2);
	assert_int_equal(rd32(S_TSS + EFLAGS), 2);
	sys_close();
}

/* A breakpoint at the new task's first instruction, which its RF holds back. */
static void a_new_task_begins_with_its_own_rf(void **state)
{
	const struct kvm_debugregs d = { .db = { TASK_CODE },
					 .dr6 = 0xffff0ff0, .dr7 = 0x402 };
	/* ljmp, lcall $TSS2, $0; int $0x40 through a task gate */
	static const u8 ways[][7] = {
		{ 0xea, 0, 0, 0, 0, TSS2, 0 }, { 0x9a, 0, 0, 0, 0, TSS2, 0 },
		{ 0xcd, 0x40 },
	};

	(void)state;
	for (unsigned n = 0; n < 2 * ARRAY_LEN(ways); n++) {
		sys_open(SYS_PROT32, 0, ways[n / 2], sizeof(ways[0]));
		second_task();
		sys_gate(false, 0x40, TSS2, 0, 5, 0, 0);
		wr32(TSS2_AT + EFLAGS, n % 2 ? RF | 2 : 2);
		assert_int_equal(box_io(sys.cpu, KVM_SET_DEBUGREGS, (void *)&d), 0);
		if (n % 2)
			assert_int_equal(sys_run(KVM_EXIT_HLT).rip, TASK_CODE + 1);
		else
			assert_int_equal(sys_vector(), 1);
		sys_close();
	}
}

enum { PDPT = 0x74000, PDPT2 = 0x75000 };

/* PAE paging; the second task has top entries of its own. */
static void page_with_pae(u64 second)
{
	struct kvm_sregs s = sys_sregs();

	wr64(PDPT, (S_TABLES + 0x2000) | 1);
	wr64(PDPT2, (S_TABLES + 0x2000) | 1);
	wr64(PDPT2 + 24, second);
	s.cr3 = PDPT;
	s.cr4 |= 0x20;
	s.cr0 |= 0x80000000;
	sys_set_sregs(&s);
	wr32(TSS2_AT + 0x1c, PDPT2);
}

static void a_task_with_bad_pdptes_is_not_entered(void **state)
{
	static const struct { u64 entry; bool good; } tries[] = {
		{ 0, true }, { 0x100, true }, { 0x72001, true },
		{ 0x72003, false }, { 0x72101, false },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(tries); n++) {
		SYS(SYS_PROT32, 0, 0xea, 0, 0, 0, 0, TSS2, 0);
		second_task();
		page_with_pae(tries[n].entry);
		if (tries[n].good) {
			assert_int_equal(sys_run(KVM_EXIT_HLT).rip, TASK_CODE + 1);
			assert_int_equal(sys_sregs().cr3, PDPT2);
		} else {
			assert_int_equal(sys_vector(), 13);
			assert_int_equal(rd32(S_STACK - 16), 0);
			assert_int_equal(rd32(S_STACK - 12), BOX_CODE);
			assert_int_equal(sys_sregs().cr3, PDPT);
			assert_int_equal(sys_sregs().tr.selector, TSS_SEL);
			assert_int_equal(type_of(TSS2), 9);
		}
		sys_close();
	}
}

static void a_busy_tss_is_refused(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0xea, 0, 0, 0, 0, TSS_SEL, 0);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd32(S_STACK - 16), TSS_SEL);
	sys_close();
}

static void a_short_tss_is_ts(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0xea, 0, 0, 0, 0, TSS2, 0);
	second_task();
	sys_gdt(TSS2, sys_desc(TSS2_AT, 0x66, 0x89));
	assert_int_equal(sys_vector(), 10);
	assert_int_equal(rd32(S_STACK - 16), TSS2);
	sys_close();
}

static void a_bad_segment_faults_in_the_new_task(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0xea, 0, 0, 0, 0, TSS2, 0);
	second_task();
	wr16(TSS2_AT + 0x54, 0x1238);          /* DS outside the GDT */
	assert_int_equal(sys_vector(), 10);
	assert_int_equal(rd32(0xb000 - 16), 0x1238);
	assert_int_equal(rd32(0xb000 - 12), TASK_CODE);
	assert_int_equal(sys_sregs().tr.selector, TSS2);
	sys_close();
}

static void no_task_switches_in_long_mode(void **state)
{
	(void)state;
	/* ljmp *(0x6000) */
	SYS(SYS_LONG, 0, 0xff, 0x2c, 0x25, 0, 0x60, 0, 0);
	wr16(0x6004, TSS_SEL);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd64(S_STACK - 48), TSS_SEL);
	sys_close();
}

/* --- the I/O bitmap --------------------------------------------------------------- */

static void io_map(unsigned port, bool deny)
{
	u8 *b = &sys.mem[S_TSS + 0x68 + port / 8];

	*b = deny ? *b | 1 << (port & 7) : *b & ~(1 << (port & 7));
}

static void open_io(u32 limit)
{
	struct kvm_sregs s = sys_sregs();

	memset(sys.mem + S_TSS + 0x68, 0xff, 0x100);
	s.tr.limit = limit;
	sys_set_sregs(&s);
}

static void ring_3_may_use_ports_the_bitmap_allows(void **state)
{
	(void)state;
	/* out %al, $0x21 */
	SYS(SYS_PROT32, 3, 0xe6, 0x21);
	open_io(0x100);
	io_map(0x21, false);
	assert_int_equal(box_run(&sys), 0);
	assert_int_equal(sys.run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(sys.run->io.port, 0x21);
	sys_close();
}

static void every_byte_of_a_wide_access_must_be_allowed(void **state)
{
	(void)state;
	/* out %ax, $0x21 */
	SYS(SYS_PROT32, 3, 0x66, 0xe7, 0x21);
	open_io(0x100);
	io_map(0x21, false);
	assert_int_equal(sys_vector(), 13);
	sys_close();
}

static void ports_behind_the_tss_limit_are_denied(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 3, 0xe6, 0x21);
	open_io(0x67 + 4);                     /* ports 0-31 and the 0xff */
	io_map(0x21, false);
	assert_int_equal(sys_vector(), 13);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_far_jump_to_a_tss_switches_tasks),
		cmocka_unit_test(a_far_call_nests_and_iret_comes_back),
		cmocka_unit_test(a_task_gate_takes_an_exception_with_its_code),
		cmocka_unit_test(a_fault_leaves_rf_in_the_old_task),
		cmocka_unit_test(a_new_task_begins_with_its_own_rf),
		cmocka_unit_test(a_task_with_bad_pdptes_is_not_entered),
		cmocka_unit_test(a_busy_tss_is_refused),
		cmocka_unit_test(a_short_tss_is_ts),
		cmocka_unit_test(a_bad_segment_faults_in_the_new_task),
		cmocka_unit_test(no_task_switches_in_long_mode),
		cmocka_unit_test(ring_3_may_use_ports_the_bitmap_allows),
		cmocka_unit_test(every_byte_of_a_wide_access_must_be_allowed),
		cmocka_unit_test(ports_behind_the_tss_limit_are_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
