// SPDX-License-Identifier: MIT
/*
 * Unit test: the translator (tcg-plugin/x86/jit_*.c) with 32-bit code, paging
 * off, flat segments.  Where there is no translator the interpreter runs the
 * same and must say the same.
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
#include "tests/unit/tcg_box.h"

enum { DATA = 0x40000 };

#define CODE(name, text)                                                  \
	extern const u8 name[], name##_end[];                             \
	asm(".pushsection .rodata\n.code32\n" #name ":\n" text "\n" #name \
	    "_end:\n.code64\n.popsection\n")

static u32 get32(const struct box *b, unsigned at)
{
	u32 v;

	memcpy(&v, b->mem + at, 4);
	return v;
}

static void protected_mode(struct box *b, u32 fs_base, u32 fs_limit)
{
	struct kvm_sregs s;

	box_flat(b, &s);
	s.fs.base = fs_base;
	s.fs.limit = fs_limit;
	s.cr0 = 0x33;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
}

static void start(struct box *b, const u8 *code, const u8 *end, u32 fs_limit)
{
	box_vm(b, false);
	box_cpu(b, code, (size_t)(end - code));
	protected_mode(b, DATA, fs_limit);
}

/* To HLT; the registers then.  It was translated, where there is a translator. */
static struct kvm_regs run(struct box *b, const u8 *code, const u8 *end)
{
	start(b, code, end, ~0u);
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, KVM_EXIT_HLT);
	if (jit_supported())
		assert_true(box_counted(b, "translated blocks") > 0);
	return box_regs(b);
}

#define RUN(b, name) run(&(b), name, name##_end)

CODE(calls_code,
     "mov $5, %ebp; xor %eax, %eax\n"
     "1: push %ebp; push $7; call 2f; add $8, %esp; dec %ebp; jnz 1b\n"
     "mov $3, %ecx; 3: inc %edx; loop 3b; jecxz 4f; ud2; 4: hlt\n"
     "2: add 8(%esp), %eax; add 4(%esp), %eax; push %eax\n"
     "push $5f - calls_code + 0x1000; ret; 5: pop %eax; ret");

static void calls_and_loops_use_a_stack_of_words(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, calls_code);
	assert_int_equal(r.rax, 5 + 4 + 3 + 2 + 1 + 5 * 7);
	assert_int_equal(r.rsp, 0x8000);
	assert_int_equal(r.rdx, 3);
	box_close(&b);
}

CODE(short_code,
     "mov $0xffffffff, %eax; inc %eax; setz %bl; dec %ax; stc; inc %ecx\n"
     "setc %bh; .byte 0x82, 0xc2, 0x05\n"      /* add $5, %dl */
     "pushf; pop %esi; hlt");

static void encodings_of_their_own_have_twins(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, short_code);
	assert_int_equal(r.rax, 0xffff);
	assert_int_equal(r.rbx, 0x101);
	assert_int_equal(r.rcx, 1);
	assert_int_equal(r.rdx, 5);
	box_close(&b);
}

CODE(string_code,
     "mov $0x40000, %edi; mov $0x11223344, %eax; mov $2048, %ecx\n"
     "rep stosl; mov $0x40ff0, %esi; mov $0x42ff8, %edi; mov $16, %ecx\n"
     "rep movsb; movsl; lodsw; hlt");

static void strings_run_by_the_host(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, string_code);
	assert_int_equal(get32(&b, DATA + 0x1ffc), 0x11223344);
	assert_int_equal(get32(&b, DATA + 0x3004), 0x11223344);
	assert_int_equal(get32(&b, DATA + 0x300c), 0);
	assert_int_equal(r.rdi, 0x4300c);
	assert_int_equal(r.rsi, 0x41006);
	assert_int_equal(r.rcx, 0);
	box_close(&b);
}

CODE(segment_code,
     "movl $77, %fs:0x10; mov $0x20, %esi; mov $0xfffffff0, %edi\n"
     "mov %fs:-16(%esi), %eax; mov %fs:0x20(%edi), %ecx\n"
     "mov %cs:0x40010, %edx; addr16 mov 0x1000, %bl; hlt");

/* Offsets from a base wrap at 4 GiB. */
static void segments_may_have_a_base(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, segment_code);
	assert_int_equal(get32(&b, DATA + 0x10), 77);
	assert_int_equal(r.rax, 77);
	assert_int_equal(r.rcx, 77);
	assert_int_equal(r.rdx, 77);
	assert_int_equal(r.rbx, segment_code[0]);
	box_close(&b);
}

CODE(limit_code, "inc %eax; movl $1, %fs:0xffc; inc %eax\n"
		 "movl $2, %fs:0x1000; inc %eax; hlt");

static void a_segments_limit_is_kept(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, limit_code, limit_code_end, 0xfff);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_SHUTDOWN);
	r = box_regs(&b);
	assert_int_equal(r.rax, 2);
	assert_int_equal(get32(&b, DATA + 0xffc), 1);
	assert_int_equal(get32(&b, DATA + 0x1000), 0);
	box_close(&b);
}

CODE(wrap_code, "mov $-4, %ebx; mov $0x20, %ecx; mov 4+0x40000(%ebx), %eax\n"
		"mov 0x40000(%ebx, %ecx), %edx; push %edx; pop (%esp, %ebx)\n"
		"mov -4(%esp), %esi; hlt");

static void addresses_wrap_at_four_gigabytes(void **state)
{
	struct kvm_regs r;
	struct box b;
	u32 a = 0x1234, c = 0x5678;

	(void)state;
	start(&b, wrap_code, wrap_code_end, ~0u);
	memcpy(b.mem + DATA, &a, 4);
	memcpy(b.mem + DATA + 0x1c, &c, 4);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	assert_int_equal(r.rax, 0x1234);
	assert_int_equal(r.rdx, 0x5678);
	assert_int_equal(r.rsi, 0x5678);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_and_loops_use_a_stack_of_words),
		cmocka_unit_test(encodings_of_their_own_have_twins),
		cmocka_unit_test(strings_run_by_the_host),
		cmocka_unit_test(segments_may_have_a_base),
		cmocka_unit_test(a_segments_limit_is_kept),
		cmocka_unit_test(addresses_wrap_at_four_gigabytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
