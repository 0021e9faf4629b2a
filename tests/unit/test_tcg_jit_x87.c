// SPDX-License-Identifier: MIT
/*
 * Unit test: tcg-plugin/x86/jit_x87.c: the error pointers of x87 instructions,
 * as a guest saves them after translated code.  Where there is no translator the
 * interpreter must say the same.
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
#include "tests/unit/tcg_long.h"

/* Offsets in FNSTENV's 28 bytes. */
enum { FIP = 12, FDP = 20 };

static u32 get32(const struct box *b, u64 at)
{
	u32 v;

	memcpy(&v, b->mem + at, sizeof(v));
	return v;
}

/* Twice: the second time the state comes back from memory. */
CODE(memory_code,
     "mov %cr4, %rax; or $0x600, %eax; mov %rax, %cr4; fninit\n"
     "mov $2, %ebp; mov $0x40000, %ebx; mov $2, %ecx\n"
     "1: fildl 0x100(%rbx,%rcx,8)\n"
     "2: fadd %st(0), %st(0); fstp %st(1)\n"
     "3: fnstcw 0x200(%rbx)\n"                 /* control: no pointers   */
     "fnstenv (%rbx); fldcw 0x200(%rbx)\n"
     "dec %ebp; jnz 1b\n"
     "lea 2b+2(%rip), %rax; hlt");

static void the_last_operand_is_remembered(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, memory_code);
	assert_int_equal(get32(&b, DATA + FDP), DATA + 0x110);
	assert_int_equal(get32(&b, DATA + FIP), (u32)r.rax);
	assert_int_equal(get32(&b, DATA + 16) >> 16, 0x5d9);   /* fstp    */
	box_close(&b);
}

/* Across a page, off GS, and after FNINIT. */
CODE(places_code,
     "mov %cr4, %rax; or $0x600, %eax; mov %rax, %cr4; fninit\n"
     "mov $0x40000, %ebx\n"
     "fildl 0xffd(%rbx); fnstenv (%rbx)\n"
     "mov $0xc0000101, %ecx; mov %ebx, %eax; xor %edx, %edx; wrmsr\n"
     "fildl %gs:0x80; fnstenv 0x40(%rbx)\n"
     "fildl 0x80(%rbx); fninit; fnstenv 0x100(%rbx)\n"
     "fildl 0x80(%rbx); fninit; fld1\n"
     "1: fldpi; fnstenv 0x140(%rbx); lea 1b(%rip), %rax; hlt");

static void wherever_the_operand_lies(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, places_code);
	assert_int_equal(get32(&b, DATA + FDP), DATA + 0xffd);
	assert_int_equal(get32(&b, DATA + 0x40 + FDP), 0x80);
	assert_int_equal(get32(&b, DATA + 0x100 + FDP), 0);
	assert_int_equal(get32(&b, DATA + 0x100 + FIP), 0);
	assert_int_equal(get32(&b, DATA + 0x140 + FDP), 0);
	assert_int_equal(get32(&b, DATA + 0x140 + FIP), (u32)r.rax);
	box_close(&b);
}

/* FXSAVE's 64-bit form, with an exception pending, which all CPUs keep them
 * for; then restored, with other code between. */
CODE(pending_code,
     "mov %cr4, %rax; or $0x600, %eax; mov %rax, %cr4; fninit\n"
     "mov $0x40000, %ebx; movl $0x37b, 0x400(%rbx)\n"  /* ZE unmasked   */
     "fldcw 0x400(%rbx); fld1\n"
     "1: fidivl 0x440(%rbx); fxsave64 (%rbx)\n"
     "fninit; fld1; fildl 0x444(%rbx); fstp %st(0); fstp %st(0)\n"
     "fxrstor64 (%rbx); pxor %xmm0, %xmm0\n"
     "fxsave64 0x200(%rbx); lea 1b(%rip), %rax; hlt");

static void an_exception_s_pointers_survive(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, pending_code);
	assert_int_equal(b.mem[DATA + 2] & 0x84, 0x84);
	assert_true(get64(&b, DATA + 8) == r.rax);
	assert_true(get64(&b, DATA + 16) == DATA + 0x440);
	assert_true(get64(&b, DATA + 0x208) == r.rax);
	assert_true(get64(&b, DATA + 0x210) == DATA + 0x440);
	box_close(&b);
}

/* A load that faults is no load: the one before was the last. */
CODE(fault_code,
     "mov %cr4, %rax; or $0x600, %eax; mov %rax, %cr4; fninit\n"
     "mov $0x40000, %ebx\n"
     "fildl 0x80(%rbx); jmp 1f; 1: fildl 0x10000(%rbx); hlt");

static void an_operand_that_faults_is_none(void **state)
{
	struct kvm_fpu f;
	struct box b;

	(void)state;
	run_at(&b, fault_code, fault_code_end, 0x1000, KVM_EXIT_SHUTDOWN);
	assert_int_equal(box_io(b.cpu, KVM_GET_FPU, &f), 0);
	assert_true(f.last_dp == DATA + 0x80);
	box_close(&b);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_last_operand_is_remembered),
		T(wherever_the_operand_lies),
		T(an_exception_s_pointers_survive),
		T(an_operand_that_faults_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
