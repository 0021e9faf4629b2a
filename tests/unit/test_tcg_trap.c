// SPDX-License-Identifier: MIT
/*
 * Unit test: tcg-plugin/x86/trap.c.  The first exception of a machine finds an
 * empty TLB and is delivered step by step; those that follow are not, and must
 * look the same to the handler and to the code they return to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tcg_sys.h"

enum { HANDLER = 0x6000, WITH_CODE = 0x6800, NEXT = 0x7000, RECORDS = 0x7100,
       WORDS = 6 };

#define CODE(name, text)                                                  \
	extern const u8 name[], name##_end[];                             \
	asm(".pushsection .rodata\n" #name ":\n" text "\n" #name "_end:\n" \
	    ".popsection\n")

/* Copies its frame, and the word above, to the next record; steps over two
 * bytes. */
#define RECORD(at)                                                        \
	"push %rcx; push %rsi; push %rdi; mov 0x7000, %edi; mov $6, %ecx\n" \
	"lea " #at "(%rsp), %rsi; cld; rep movsq; mov %edi, 0x7000\n"     \
	"pop %rdi; pop %rsi; pop %rcx\n"

CODE(handler, RECORD(24) "addq $2, (%rsp); stc; iretq");
CODE(with_code, RECORD(24) "add $8, %rsp; addq $2, (%rsp); iretq");

static void put_code(u32 at, const u8 *code, const u8 *end)
{
	wr(at, code, (unsigned)(end - code));
}

static void open_at(unsigned cpl, const u8 *code, const u8 *end)
{
	sys_open(SYS_LONG, cpl, code, (size_t)(end - code));
	put_code(HANDLER, handler, handler_end);
	put_code(WITH_CODE, with_code, with_code_end);
	sys_gate(true, 6, CODE64, HANDLER, 14, 0, 0);
	sys_gate(true, 3, CODE64, HANDLER, 15, 0, 0);
	wr32(NEXT, RECORDS);
}

static u64 word(unsigned n, unsigned k)
{
	return rd64(RECORDS + 8 * (n * WORDS + k));
}

/* Records 0 to n-1 differ in rip only, two bytes from one to the next. */
static void expect_alike(unsigned n)
{
	assert_int_equal(rd32(NEXT), RECORDS + 8 * WORDS * n);
	for (unsigned i = 1; i < n; i++) {
		assert_int_equal(word(i, 0), word(0, 0) + 2 * i);
		for (unsigned k = 1; k < 5; k++)
			assert_int_equal(word(i, k), word(0, k));
	}
}

CODE(ud2s, "stc; ud2; ud2; ud2; ud2; hlt");

static void from_ring_3_and_back(void **state)
{
	struct kvm_regs r;

	(void)state;
	open_at(3, ud2s, ud2s_end);
	assert_int_equal(sys_vector(), 13);    /* HLT is ring 0's         */
	expect_alike(4);
	assert_int_equal(word(3, 1), UCODE64 | 3);
	assert_int_equal(word(3, 2), 0x10003);         /* CF, RF          */
	assert_int_equal(word(3, 3), S_STACK);
	assert_int_equal(word(3, 4), UDATA | 3);
	r = box_regs(&sys);
	assert_int_equal(r.rsp, S_RSP0 - 48);
	assert_int_equal(rd64(S_RSP0 - 40), BOX_CODE + 9);
	assert_int_equal(rd64(S_RSP0 - 32), UCODE64 | 3);
	assert_int_equal(rd64(S_RSP0 - 24), 0x10003);
	assert_int_equal(sys_sregs().ss.selector, 0);
	assert_int_equal(sys_sregs().cs.selector, CODE64);
	sys_close();
}

static void within_ring_0(void **state)
{
	struct kvm_regs r;

	(void)state;
	open_at(0, ud2s, ud2s_end);
	r = sys_run(KVM_EXIT_HLT);
	expect_alike(4);
	assert_int_equal(r.rip, BOX_CODE + 10);
	assert_int_equal(r.rsp, S_STACK);
	assert_int_equal(r.rflags & 0xfff, 3);
	assert_int_equal(sys_sregs().ss.selector, DATA0);
	sys_close();
}

/* ... whose stack is aligned first. */
CODE(odd_stack, "lea -3(%rsp), %rsp; ud2; ud2; ud2; lea 3(%rsp), %rsp; hlt");

static void the_stack_is_aligned(void **state)
{
	(void)state;
	open_at(0, odd_stack, odd_stack_end);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rsp, S_STACK);
	expect_alike(3);
	assert_int_equal(word(2, 3), S_STACK - 3);
	sys_close();
}

/* Stores to an absent page, two bytes long. */
CODE(page_faults, "mov $0x300000, %eax; mov %al,(%rax); mov %al,(%rax)\n"
     "mov %al,(%rax); hlt");

static void error_codes_are_pushed(void **state)
{
	(void)state;
	open_at(3, page_faults, page_faults_end);
	sys_gate(true, 14, CODE64, WITH_CODE, 14, 0, 0);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd32(NEXT), RECORDS + 8 * WORDS * 3);
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(word(n, 0), 6);
		assert_int_equal(word(n, 1), BOX_CODE + 5 + 2 * n);
		assert_int_equal(word(n, 2), UCODE64 | 3);
		assert_int_equal(word(n, 5), UDATA | 3);
	}
	assert_int_equal(sys_sregs().cr2, 0x300000);
	sys_close();
}

/* An interrupt gate masks IF, a trap gate does not. */
CODE(with_if, "sti; nop; ud2; ud2; hlt");
CODE(see_flags, "pushfq; pop %rax; mov 0x7000, %edi; mov %rax, (%rdi)\n"
     "add $8, %edi; mov %edi, 0x7000; addq $2, (%rsp); iretq");

static void gates_of_both_kinds(void **state)
{
	(void)state;
	for (unsigned type = 14; type <= 15; type++) {
		open_at(0, with_if, with_if_end);
		put_code(HANDLER, see_flags, see_flags_end);
		sys_gate(true, 6, CODE64, HANDLER, type, 0, 0);
		assert_int_equal(sys_run(KVM_EXIT_HLT).rflags & 0xfff,
				 0x202);
		assert_int_equal(rd64(RECORDS), type == 14 ? 2 : 0x202);
		assert_int_equal(rd64(RECORDS + 8), rd64(RECORDS));
		sys_close();
	}
}

/* What it is checked against is read each time. */
CODE(drops_udata, "incl 0x7008; cmpl $3, 0x7008; jne 1f\n"
     "movb $0x93, 0x82d\n"                     /* UDATA: DPL 0            */
     "1: addq $2, (%rsp); iretq");

static void a_changed_stack_segment_is_noticed(void **state)
{
	(void)state;
	open_at(3, ud2s, ud2s_end);
	put_code(HANDLER, drops_udata, drops_udata_end);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd32(0x7008), 3);
	assert_int_equal(rd64(box_regs(&sys).rsp), UDATA);
	sys_close();
}

CODE(drops_gate, "incl 0x7008; cmpl $3, 0x7008; jne 1f\n"
     "movb $0x0e, 0x2065\n"                    /* vector 6: not present   */
     "1: addq $2, (%rsp); iretq");

static void a_changed_gate_is_noticed(void **state)
{
	(void)state;
	open_at(3, ud2s, ud2s_end);
	put_code(HANDLER, drops_gate, drops_gate_end);
	assert_int_equal(sys_vector(), 11);
	assert_int_equal(rd32(0x7008), 3);
	assert_int_equal(rd64(box_regs(&sys).rsp), 6 << 3 | 3);
	sys_close();
}

/* A return to an address that is none is the IRET's fault. */
CODE(far_away, "incl 0x7008; cmpl $3, 0x7008; jne 1f\n"
     "movb $0x80, 7(%rsp)\n"
     "1: addq $2, (%rsp); iretq");

static void a_return_to_nowhere_is_a_fault(void **state)
{
	(void)state;
	open_at(3, ud2s, ud2s_end);
	put_code(HANDLER, far_away, far_away_end);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(rd32(0x7008), 3);
	assert_int_equal(rd64(box_regs(&sys).rsp), 0);
	assert_int_equal(rd64(box_regs(&sys).rsp + 16), CODE64);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_ring_3_and_back),
		cmocka_unit_test(within_ring_0),
		cmocka_unit_test(the_stack_is_aligned),
		cmocka_unit_test(error_codes_are_pushed),
		cmocka_unit_test(gates_of_both_kinds),
		cmocka_unit_test(a_changed_stack_segment_is_noticed),
		cmocka_unit_test(a_changed_gate_is_noticed),
		cmocka_unit_test(a_return_to_nowhere_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
