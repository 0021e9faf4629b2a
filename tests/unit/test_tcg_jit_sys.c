// SPDX-License-Identifier: MIT
/*
 * Unit test: flags in ring 3 and PKRU, by translated code
 * (tcg-plugin/x86/jit_sys.c): what they do, and that they do not leave it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include "tcg-plugin/x86/jit.h"
#include "tests/unit/tcg_long.h"

enum { ROUNDS = 1000, CR4_PKE = 1 << 22 };

/* A few instructions are the interpreter's before code is translated. */
static void assert_translated(const struct box *b)
{
	if (jit_supported())
		assert_true(box_counted(b, "interpreted") < ROUNDS / 10);
}

static void user_pages(struct box *b)
{
	for (unsigned at = PML4; at < PT + 4096; at += 8)
		if (get64(b, at))
			put64(b, at, get64(b, at) | 4);
}

static void ring_3(struct box *b)
{
	struct kvm_sregs s;

	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, &s), 0);
	s.cs.dpl = s.ss.dpl = 3;
	s.cs.selector |= 3;
	s.ss.selector |= 3;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
	user_pages(b);
}

static struct kvm_regs to_the_end(struct box *b, u32 why)
{
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, why);
	return box_regs(b);
}

/* --- POPF ------------------------------------------------------------------------ */

CODE(popf_code,
     "mov $0x48000, %esp; mov $1000, %ebp; xor %edi, %edi\n"
     "1: cmp %ebp, %ebp; pushfq; pop %rax; xor $0x8d5, %rax\n"
     "push %rax; popfq; pushfq; pop %rbx; sub %rbx, %rax; or %rax, %rdi\n"
     "dec %ebp; jnz 1b\n"
     "push $0x3202; popfq; pushfq; pop %rcx\n"         /* IOPL and IF */
     "push $0x240402; popfq; pushfq; pop %rdx; cld\n"  /* AC, ID, DF  */
     "push $0x2; popfq; pushfq; pop %rsi; hlt");

static void a_program_pops_its_own_flags_and_no_others(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, popf_code, popf_code_end, 0x1000);
	ring_3(&b);
	r = to_the_end(&b, KVM_EXIT_SHUTDOWN);                 /* hlt */
	assert_int_equal(r.rip, 0x1000 + (popf_code_end - popf_code) - 1);
	assert_int_equal(r.rdi, 0);
	assert_int_equal(r.rbx, 0x46 ^ 0x8d5);
	assert_int_equal(r.rcx, 0x2);
	assert_int_equal(r.rdx, 0x240402);
	assert_int_equal(r.rsi, 0x2);
	assert_translated(&b);
	box_close(&b);
}

CODE(popf_if_code,
     "mov $0x48000, %esp; mov $0x2, %ebx; mov $3, %ebp\n"
     "1: push %rbx; popfq; pushfq; pop %rax; dec %ebp; jnz 1b; hlt");

static void a_program_with_iopl_3_may_pop_if(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, popf_if_code, popf_if_code_end, 0x1000);
	ring_3(&b);
	r = box_regs(&b);
	r.rflags = 0x3202;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	r = to_the_end(&b, KVM_EXIT_SHUTDOWN);
	assert_int_equal(r.rax, 0x3002);
	box_close(&b);
}

/* --- WRPKRU ---------------------------------------------------------------------- */

/* A box whose page at DATA has key 5; false: no such thing here. */
static bool keyed(struct box *b, const u8 *code, const u8 *end)
{
	const u64 all = 7;
	struct kvm_sregs s;
	struct box_cpuid id;
	bool has = false;

	start(b, code, end, 0x1000);
	id = box_cpuid(b);
	for (unsigned n = 0; n < id.head.nent; n++)
		has |= id.e[n].function == 7 && !id.e[n].index &&
		       id.e[n].ecx & 8;
	if (!has)
		return false;
	user_pages(b);
	put64(b, PT + DATA / 4096 * 8, DATA | all | 5ull << 59);
	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, &s), 0);
	s.cr4 |= CR4_PKE;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
	return true;
}

/* Key 5 is bits 10 and 11: writes denied, then less and less; the flags stay. */
CODE(allow_code,
     "xor %ecx, %ecx; xor %edx, %edx; mov $0x800, %eax; wrpkru\n"
     "mov 0x40000, %r9d; mov $1000, %ebp\n"
     "1: xor %eax, %eax; stc; wrpkru; setc %r8b\n"
     "incl 0x40000; dec %ebp; jnz 1b; rdpkru; hlt");

static void allowing_more_stays_in_translated_code(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	if (!keyed(&b, allow_code, allow_code_end)) {
		box_close(&b);
		skip();
	}
	r = to_the_end(&b, KVM_EXIT_HLT);
	assert_int_equal(get64(&b, DATA), ROUNDS);
	assert_int_equal(r.r8 & 0xff, 1);
	assert_int_equal(r.rax, 0);
	assert_translated(&b);
	box_close(&b);
}

/* Open, write, close: and then one write too many. */
CODE(forbid_code,
     "xor %ecx, %ecx; xor %edx, %edx; mov $20, %ebp\n"
     "1: xor %eax, %eax; wrpkru; incl 0x40000; mov $0x800, %eax; wrpkru\n"
     "mov 0x40000, %ebx; dec %ebp; jnz 1b; incl 0x40000; hlt");

static void forbidding_holds_for_the_next_access(void **state)
{
	struct kvm_sregs s;
	struct box b;

	(void)state;
	if (!keyed(&b, forbid_code, forbid_code_end)) {
		box_close(&b);
		skip();
	}
	assert_int_equal(to_the_end(&b, KVM_EXIT_SHUTDOWN).rbx, 20);
	assert_int_equal(get64(&b, DATA), 20);
	assert_int_equal(box_io(b.cpu, KVM_GET_SREGS, &s), 0);
	assert_int_equal(s.cr2, DATA);
	box_close(&b);
}

/* Twice well, then with rcx or rdx set. */
#define BAD(name, reg)                                                    \
	CODE(name, "xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx\n"     \
		   "mov $3, %ebp; xor %ebx, %ebx\n"                       \
		   "1: dec %ebp; jnz 2f; mov $1, " reg "\n"                \
		   "2: wrpkru; inc %ebx; jmp 1b")
BAD(bad_ecx_code, "%ecx");
BAD(bad_edx_code, "%edx");

static void ecx_and_edx_must_be_zero(void **state)
{
	static const struct { const u8 *code, *end; } bad[] = {
		{ bad_ecx_code, bad_ecx_code_end },
		{ bad_edx_code, bad_edx_code_end },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
		struct box b;

		if (!keyed(&b, bad[n].code, bad[n].end)) {
			box_close(&b);
			skip();
		}
		assert_int_equal(to_the_end(&b, KVM_EXIT_SHUTDOWN).rbx, 2);
		box_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_pops_its_own_flags_and_no_others),
		cmocka_unit_test(a_program_with_iopl_3_may_pop_if),
		cmocka_unit_test(allowing_more_stays_in_translated_code),
		cmocka_unit_test(forbidding_holds_for_the_next_access),
		cmocka_unit_test(ecx_and_edx_must_be_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
