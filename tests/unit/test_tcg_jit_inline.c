// SPDX-License-Identifier: MIT
/*
 * Unit test: inline caches of indirect jumps (tcg-plugin/x86/jit_inline.c).  Calls
 * and returns that always led to one place, and then do not, or to one that
 * is something else by then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "tcg-plugin/fdtable.h"
#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/jit_priv.h"
#include "tests/unit/tcg_user.h"

/* Runs to HLT, or to a triple fault; *inlined: caches made, where there is a
 * translator. */
static struct kvm_regs ran(const u8 *code, const u8 *end, u32 reason, u64 *inlined)
{
	struct kvm_regs r;
	struct jit *j;
	struct box b;
	void *cpu;

	start(&b, code, end, 0x1000);
	assert_int_equal(fdtable_get(b.cpu, &cpu), FD_VCPU);
	j = ((struct tcg_vcpu *)cpu)->cpu.jit;
	fdtable_put(b.cpu);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, reason);
	r = box_regs(&b);
	*inlined = j ? j->st.inlined : ~0ull;
	box_close(&b);
	return r;
}

/* Sixty calls by one instruction: forty of one, ten of another, ten of the first. */
CODE(turns_code,
     "mov $0x48000, %esp; xor %r8d, %r8d; lea 3f(%rip), %rbx\n"
     "lea 4f(%rip), %rdi; mov %rbx, %rsi; mov $60, %ebp\n"
     "1: call *%rbx; dec %ebp; cmp $20, %ebp; cmove %rdi, %rbx\n"
     "cmp $10, %ebp; cmove %rsi, %rbx; test %ebp, %ebp; jnz 1b; hlt\n"
     "3: add $1, %r8; ret; 4: add $16, %r8; ret\n");

static void a_jump_that_leads_elsewhere_for_once_gets_there(void **state)
{
	u64 inlined;

	(void)state;
	assert_int_equal(ran(turns_code, turns_code_end, KVM_EXIT_HLT,
			     &inlined).r8, 50 + 10 * 16);
	assert_true(inlined >= 2);
}

/* Back and forth from the start. */
CODE(both_code,
     "mov $0x48000, %esp; xor %r8d, %r8d; lea 3f(%rip), %rbx\n"
     "lea 4f(%rip), %rdi; xor %rbx, %rdi; mov $60, %ebp\n"
     "1: call 5f; dec %ebp; jnz 1b; hlt; 5: xor %rdi, %rbx; jmp *%rbx\n"
     "3: add $1, %r8; ret; 4: add $16, %r8; ret\n");

static void a_jump_to_two_places_is_left_to_the_jump_cache(void **state)
{
	u64 inlined;

	(void)state;
	assert_int_equal(ran(both_code, both_code_end, KVM_EXIT_HLT,
			     &inlined).r8, 30 + 30 * 16);
	assert_true(inlined == ~0ull || inlined == 2);
}

/* The callee is written anew. */
CODE(patched_code,
     "mov $0x48000, %esp; xor %r8d, %r8d; lea 3f(%rip), %rbx\n"
     "mov $40, %ebp; 1: call *%rbx; cmp $20, %ebp; jne 2f\n"
     "movb $5, 3f+3(%rip); 2: dec %ebp; jnz 1b; hlt; 3: add $1, %r8; ret\n");

static void a_callee_written_anew_runs_as_it_is_now(void **state)
{
	u64 inlined;

	(void)state;
	assert_int_equal(ran(patched_code, patched_code_end, KVM_EXIT_HLT,
			     &inlined).r8, 21 + 19 * 5);
}

/* A return to no address at all, from where it was always the same. */
CODE(wild_code,
     "mov $0x48000, %esp; mov $40, %ebp; 1: call 3f; dec %ebp; jnz 1b\n"
     "mov $1, %eax; shl $62, %rax; push %rax; 3: ret\n");

static void a_return_to_no_address_has_not_popped_it(void **state)
{
	u64 inlined;

	(void)state;
	assert_int_equal(ran(wild_code, wild_code_end, KVM_EXIT_SHUTDOWN,
			     &inlined).rsp, 0x48000 - 8);
}

/* Between global pages of a kernel; the callee's is mapped anew. */
CODE(global_code,
     "mov $0x48000, %esp; xor %r8d, %r8d; mov $0x3000, %ebx\n"
     "movq $0x1103, 0x13008; movq $0x3103, 0x13018; invlpg 0x1000\n"
     "mov %cr4, %rax; bts $7, %rax; mov %rax, %cr4\n"
     "mov $40, %ebp; 1: call *%rbx; dec %ebp; jnz 1b\n"
     "movq $0x4103, 0x13018; invlpg 0x3000\n"
     "mov $40, %ebp; 1: call *%rbx; dec %ebp; jnz 1b; hlt\n"
     ".org global_code + 0x2000\n add $1, %r8; ret\n"
     ".org global_code + 0x3000\n add $16, %r8; ret\n");

static void a_kernels_callee_in_a_page_mapped_anew_is_what_is_there(void **state)
{
	u64 inlined;

	(void)state;
	assert_int_equal(ran(global_code, global_code_end, KVM_EXIT_HLT,
			     &inlined).r8, 40 * (1 + 16));
}

/* Forty calls. */
#define KERNEL(name, text)                                                \
	USER_KERNEL(name, text, "mov $40, %ebp; lea 5f(%rip), %rbx\n"    \
		    "4: call *%rbx; dec %ebp; jnz 4b\n")

KERNEL(remap_code,
       "GO; GO; movq $0x4007, 0x13018; invlpg 0x3000; GO; GO\n"
       "movq $0x3007, 0x13018; invlpg 0x3000; GO\n");
KERNEL(cr3_code,
       "mov $0x10000, %edi; mov $0x14000, %esi\n"
       "GO; mov %rsi, %cr3; GO; mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n"
       "mov %rdi, %cr3; GO\n");
KERNEL(pcid_code,
       PCIDS
       "mov %rdi, %cr3; GO; GO; mov %rsi, %cr3; GO; GO\n"
       "mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n"
       "mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n");

static void a_callee_in_a_page_mapped_anew_is_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(COUNT(remap_code), 40 * (1 + 1 + 16 + 16 + 1));
	assert_int_equal(COUNT(cr3_code), 40 * (1 + 16 + 1 + 16 + 1));
	assert_int_equal(COUNT(pcid_code), 40 * (4 * 1 + 4 * 16));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_that_leads_elsewhere_for_once_gets_there),
		cmocka_unit_test(a_jump_to_two_places_is_left_to_the_jump_cache),
		cmocka_unit_test(a_callee_written_anew_runs_as_it_is_now),
		cmocka_unit_test(a_return_to_no_address_has_not_popped_it),
		cmocka_unit_test(
			a_kernels_callee_in_a_page_mapped_anew_is_what_is_there),
		cmocka_unit_test(a_callee_in_a_page_mapped_anew_is_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
