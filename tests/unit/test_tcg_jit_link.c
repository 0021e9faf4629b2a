// SPDX-License-Identifier: MIT
/*
 * Unit test: links between pages of user code (tcg-plugin/x86/jit_link.c).  A
 * kernel calls a program again and again, which calls a function in another page;
 * what that page is changes in between, with its address space or without.
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

/* Three calls. */
#define KERNEL(name, text)                                                \
	USER_KERNEL(name, text, "mov $3, %ebp\n4: call 5f; dec %ebp; jnz 4b\n")

KERNEL(remap_code,
       "GO; GO; movq $0x4007, 0x13018; invlpg 0x3000; GO; GO\n"
       "movq $0x3007, 0x13018; invlpg 0x3000; GO\n");

static void a_page_mapped_anew_is_called_as_it_is_now(void **state)
{
	(void)state;
	assert_int_equal(COUNT(remap_code), 3 * (1 + 1 + 16 + 16 + 1));
}

KERNEL(cr3_code,
       "mov $0x10000, %edi; mov $0x14000, %esi\n"
       "GO; mov %rsi, %cr3; GO; mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n"
       "mov %rdi, %cr3; GO\n");

static void each_address_space_has_its_own_callee(void **state)
{
	(void)state;
	assert_int_equal(COUNT(cr3_code), 3 * (1 + 16 + 1 + 16 + 1));
}

KERNEL(pcid_code,
       PCIDS
       "mov %rdi, %cr3; GO; GO; mov %rsi, %cr3; GO; GO\n"
       "mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n"
       "mov %rdi, %cr3; GO; mov %rsi, %cr3; GO\n");

static void address_spaces_come_and_go_with_their_links(void **state)
{
	(void)state;
	assert_int_equal(COUNT(pcid_code), 3 * (4 * 1 + 4 * 16));
}

/* Only the second runs the program; it is left while its page is mapped anew. */
KERNEL(invpcid_code,
       PCIDS
       "mov %rsi, %cr3; GO; GO; mov %rdi, %cr3\n"
       "movq $0x3007, 0x17018; movq $2, 0x40000; movq $0x3000, 0x40008\n"
       "xor %eax, %eax; mov $0x40000, %ebx; invpcid (%rbx), %rax\n"
       "mov %rsi, %cr3; GO; GO; mov %rdi, %cr3\n"
       /* ... and now comes back as one that nothing is known of */
       "movq $0x4007, 0x17018; btr $63, %rsi; mov %rsi, %cr3; GO\n");

static void what_is_invalidated_elsewhere_is_gone_on_return(void **state)
{
	(void)state;
	assert_int_equal(COUNT(invpcid_code), 3 * (16 + 16 + 1 + 1 + 16));
}

/* Numbers of address spaces begin again: no old link is taken for a new one. */
static void after_the_last_number_no_link_is_true(void **state)
{
	struct x86_cpu *c;
	struct jit *j;
	struct box b;
	void *cpu;

	(void)state;
	start(&b, cr3_code, cr3_code_end, 0x1000);
	box_cpuid(&b);
	two_spaces(&b);
	assert_int_equal(fdtable_get(b.cpu, &cpu), FD_VCPU);
	c = &((struct tcg_vcpu *)cpu)->cpu;
	fdtable_put(b.cpu);
	j = c->jit;
	if (!j) {
		print_message("no translator here\n");
		box_close(&b);
		skip();
	}
	j->last_space = ~0u - 2;       /* runs out on the way */
	jit_space_new(c);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(box_regs(&b).r8, 3 * (1 + 16 + 1 + 16 + 1));
	assert_true(j->last_space < 64);
	assert_int_not_equal(c->jr.space, 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_mapped_anew_is_called_as_it_is_now),
		cmocka_unit_test(each_address_space_has_its_own_callee),
		cmocka_unit_test(address_spaces_come_and_go_with_their_links),
		cmocka_unit_test(
			what_is_invalidated_elsewhere_is_gone_on_return),
		cmocka_unit_test(after_the_last_number_no_link_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
