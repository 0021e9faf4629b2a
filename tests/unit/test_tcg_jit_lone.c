// SPDX-License-Identifier: MIT
/*
 * Unit test: tcg-plugin/x86/jit_lone.c: an instruction that lies in two pages,
 * whose bytes, mappings and presence change under it.  Where there is no
 * translator the interpreter runs them and must say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "tcg-plugin/x86/jit.h"
#include "tests/unit/tcg_long.h"

/* Eight bytes before the second page: MOV, 5 bytes, then an ADD of 6 with three
 * of them there, the last of its constant at 0x2002. */
enum { BEFORE = 0x2000 - 8, LAST = 0x2002 };

CODE(loop_code,
     "mov $1000, %ebp\n"
     "1: add $0x11111111, %rax; dec %ebp; jnz 1b; hlt");

static void it_is_translated(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = run_at(&b, loop_code, loop_code_end, BEFORE, KVM_EXIT_HLT);
	assert_int_equal(r.rax, 1000 * 0x11111111ull);
	if (jit_supported())
		assert_true(box_counted(&b, "across pages") < 10);
	box_close(&b);
}

CODE(rewrite_code,
     "mov $200, %ebp\n"
     "1: add $1, %rax; nop; nop\n"             /* 48 83 c0 01: see below */
     "incb 0x2002; dec %ebp; jnz 1b; hlt");

/* ADD with four bytes of constant, which the assembler would shorten. */
static void its_second_half_may_be_rewritten(void **state)
{
	static const u8 add[] = { 0x48, 0x05, 1, 0, 0, 0 };
	struct kvm_regs r;
	struct box b;
	u64 sum = 0;

	(void)state;
	start(&b, rewrite_code, rewrite_code_end, BEFORE);
	memcpy(b.mem + BEFORE + 5, add, sizeof(add));
	for (u32 n = 0; n < 200; n++)
		sum += (u64)(s64)(s32)(1 + (n << 24));
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	assert_int_equal(r.rax, sum);
	box_close(&b);
}

/* The second page is one of two, in turn, which differ in that byte. */
CODE(remap_code,
     "mov $200, %ebp\n"
     "1: add $0x11111111, %rax; xorl $0x1000, 0x13010\n"
     "invlpg 0x2000; dec %ebp; jnz 1b; hlt");

static void its_second_page_may_be_another(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, remap_code, remap_code_end, BEFORE);
	memcpy(b.mem + 0x3000, b.mem + 0x2000, 0x1000);
	b.mem[LAST + 0x1000] = 0x22;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	assert_int_equal(r.rax, 100 * 0x11111111ull + 100 * 0x22111111ull);
	box_close(&b);
}

CODE(far_code, "mov $7, %ebx; add $0x11111111, %rax; ret");

CODE(unmap_code,
     "mov $0x9000, %esp; mov $0x1ff8, %edx; mov $3, %ecx\n"
     "1: call *%rdx; dec %ecx; jnz 1b\n"
     "movq $0, 0x13010; invlpg 0x2000; call *%rdx; hlt");

/* The fault is the instruction's own, and nothing of it was done. */
static void its_second_page_may_go(void **state)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, unmap_code, unmap_code_end, 0x5000);
	memcpy(b.mem + BEFORE, far_code, (size_t)(far_code_end - far_code));
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	r = box_regs(&b);
	assert_int_equal(r.rax, 3 * 0x11111111ull);
	assert_int_equal(r.rip, BEFORE + 5);
	assert_int_equal(box_io(b.cpu, KVM_GET_SREGS, &s), 0);
	assert_int_equal(s.cr2, 0x2000);
	box_close(&b);
}

/* Twelve bytes, nine of them before the border: MOVQ $imm32, disp32(%rax). */
CODE(long_code, "mov $50, %ebp\n1: movq $0x55667788, 0x40000(,%rax,8)\n"
     "inc %eax; dec %ebp; jnz 1b; hlt");

static void it_may_be_long_and_store(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = run_at(&b, long_code, long_code_end, 0x2000 - 14, KVM_EXIT_HLT);
	assert_int_equal(r.rax, 50);
	assert_int_equal(get64(&b, DATA + 49 * 8), 0x55667788);
	assert_int_equal(get64(&b, DATA + 50 * 8), 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_translated),
		cmocka_unit_test(its_second_half_may_be_rewritten),
		cmocka_unit_test(its_second_page_may_be_another),
		cmocka_unit_test(its_second_page_may_go),
		cmocka_unit_test(it_may_be_long_and_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
