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
#include "tests/unit/tcg_long.h"

/* A second address space. */
enum { PML4B = 0x14000, PDPTB = 0x15000, PDB = 0x16000, PTB = 0x17000 };
enum { FUNCTION = 3 };                 /* the page that is called        */

/* The kernel's page, the program's at 0x2000; at 0x3000 and 0x4000 two functions
 * that count 1 and 16 in r8.  GO runs the program: three calls. */
#define KERNEL(name, text)                                                \
	CODE(name,                                                        \
	     ".macro GO\nlea 1f(%rip), %r15; mov $0x2000, %ecx\n"         \
	     "mov $2, %r11d; sysretq; 1:\n.endm\n"                       \
	     "mov $0xc0000080, %ecx; rdmsr; or $1, %eax; wrmsr\n"         \
	     "inc %ecx; xor %eax, %eax; mov $0x00230010, %edx; wrmsr\n"   \
	     "inc %ecx; mov $0x1000 + (2f - " #name "), %eax\n"           \
	     "xor %edx, %edx; wrmsr\n"                                    \
	     "mov $0xc0000084, %ecx; mov $0x257fd5, %eax; wrmsr\n"        \
	     "xor %r8d, %r8d; jmp 3f\n"                                   \
	     "2: jmp *%r15\n"                                             \
	     "3:\n" text "hlt\n"                                          \
	     ".purgem GO\n"                                               \
	     ".org " #name " + 0x1000\n"                                  \
	     "mov $0x48000, %esp; mov $3, %ebp\n"                         \
	     "4: call 5f; dec %ebp; jnz 4b; syscall\n"                    \
	     ".org " #name " + 0x2000\n"                                  \
	     "5: add $1, %r8; ret\n"                                      \
	     ".org " #name " + 0x3000\n"                                  \
	     "add $16, %r8; ret\n")

/* Everything is the program's, too; the second space has the other function. */
static void two_spaces(struct box *b)
{
	for (unsigned at = PML4; at < PT; at += 4096) {
		put64(b, at, get64(b, at) | 4);
		put64(b, at + PML4B - PML4, get64(b, at) + PML4B - PML4);
	}
	for (unsigned n = 0; n < BOX_MEM / 4096; n++) {
		put64(b, PT + 8 * n, get64(b, PT + 8 * n) | 4);
		put64(b, PTB + 8 * n, get64(b, PT + 8 * n));
	}
	put64(b, PTB + 8 * FUNCTION, 0x4007);
}

/* What r8 counted. */
static u64 count(const u8 *code, const u8 *end)
{
	struct kvm_regs r;
	struct box b;

	start(&b, code, end, 0x1000);
	box_cpuid(&b);
	two_spaces(&b);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	box_close(&b);
	return r.r8;
}

#define COUNT(name) count(name, name##_end)

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

/* %rdi and %rsi: the two, keeping what is known of them. */
#define PCIDS                                                            \
	"mov %cr4, %rax; bts $17, %rax; mov %rax, %cr4\n"                \
	"mov $0x10001, %edi; mov $0x14002, %esi\n"                       \
	"bts $63, %rdi; bts $63, %rsi\n"

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
