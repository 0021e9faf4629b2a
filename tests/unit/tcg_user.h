/* SPDX-License-Identifier: MIT */
/*
 * A box in 64-bit mode (tcg_long.h) whose kernel calls a program again and again,
 * which calls a function in another page; what that page is changes in between,
 * with its address space or without.
 */
#ifndef TESTS_UNIT_TCG_USER_H
#define TESTS_UNIT_TCG_USER_H

#include "tests/unit/tcg_long.h"

/* A second address space. */
enum { PML4B = 0x14000, PDPTB = 0x15000, PDB = 0x16000, PTB = 0x17000 };
enum { FUNCTION = 3 };                 /* the page that is called        */

/* The kernel's page, the program's at 0x2000; at 0x3000 and 0x4000 two functions
 * that count 1 and 16 in r8.  GO runs the program, which calls 5f. */
#define USER_KERNEL(name, text, program)                                  \
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
	     "mov $0x48000, %esp\n" program "syscall\n"                   \
	     ".org " #name " + 0x2000\n"                                  \
	     "5: add $1, %r8; ret\n"                                      \
	     ".org " #name " + 0x3000\n"                                  \
	     "add $16, %r8; ret\n")

/* Everything is the program's, too; the second space has the other function. */
static inline void two_spaces(struct box *b)
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
static inline u64 count(const u8 *code, const u8 *end)
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

/* %rdi and %rsi: the two, keeping what is known of them. */
#define PCIDS                                                            \
	"mov %cr4, %rax; bts $17, %rax; mov %rax, %cr4\n"                \
	"mov $0x10001, %edi; mov $0x14002, %esi\n"                       \
	"bts $63, %rdi; bts $63, %rsi\n"

#endif
