// SPDX-License-Identifier: MIT
/*
 * Unit test: vectors across pages (tcg-plugin/x86/jit_split.c), moved at every
 * offset by translated code whose look-ups may lose flags, between pages that do
 * not lie side by side in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "tests/unit/tcg_long.h"

/* Virtual 0x41000 and 0x43000 are these. */
enum { FROM = 0x40000, TO = 0x42000, FROM2 = 0x81000, TO2 = 0x91000 };

/* From (%rsi) to (%rdi), four times: the pages are in the TLB then.  The flags
 * are known, and nobody looks at them.  rbx: what is in the upper half. */
#define MOVES(name, load, store)                                          \
	CODE(name,                                                        \
	     "mov %cr4, %rax; bts $18, %rax; mov %rax, %cr4\n"            \
	     "mov $7, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv\n"     \
	     "mov $4, %ecx; 1: vpcmpeqb %ymm5, %ymm5, %ymm5\n"            \
	     "test %ecx, %ecx\n" load store "sub $1, %ecx; jnz 1b\n"      \
	     "vextracti128 $1, %ymm5, %xmm6; vmovq %xmm6, %rbx; hlt")

MOVES(ymm_code, "vmovdqu (%rsi), %ymm5\n", "vmovups %ymm5, (%rdi)\n");
MOVES(vex_code, "vmovups (%rsi), %xmm5\n", "vmovdqu %xmm5, (%rdi)\n");
MOVES(sse_code, "movdqu (%rsi), %xmm5\n", "movupd %xmm5, (%rdi)\n");

/* Byte `at` of virtual memory from `page`, whose second page is elsewhere. */
static u8 *byte_at(struct box *b, unsigned page, unsigned second, unsigned at)
{
	return b->mem + (at < 0x1000 ? page + at : second + at - 0x1000);
}

/* One move of n bytes whose first `k` lie in the first page, the store's the
 * other way round; rbx. */
static u64 moved(const u8 *code, const u8 *end, unsigned n, unsigned k)
{
	const unsigned from = 0x1000 - k, to = 0x1000 - (n - k);
	struct kvm_regs r;
	struct box b;

	start(&b, code, end, 0x1000);
	box_cpuid(&b);
	put64(&b, PT + 8 * 0x41, FROM2 | 3);
	put64(&b, PT + 8 * 0x43, TO2 | 3);
	for (unsigned i = 0; i < n; i++)
		*byte_at(&b, FROM, FROM2, from + i) = (u8)(i + 1);
	r = box_regs(&b);
	r.rsi = FROM + from;
	r.rdi = TO + to;
	assert_int_equal(box_io(b.cpu, KVM_SET_REGS, &r), 0);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	for (unsigned i = 0; i < 0x2000; i++)
		assert_int_equal(*byte_at(&b, TO, TO2, i),
				 i - to < n ? i - to + 1 : 0);
	r = box_regs(&b);
	assert_int_equal(r.rsi, FROM + from);
	assert_int_equal(r.rdi, TO + to);
	box_close(&b);
	return r.rbx;
}

static bool has_avx2(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2");
}

static void vectors_of_32_bytes_cross_at_any_byte(void **state)
{
	(void)state;
	if (!has_avx2())
		skip();
	for (unsigned k = 1; k < 32; k++)
		assert_int_equal(moved(ymm_code, ymm_code_end, 32, k),
				 0x1817161514131211);
}

static void vectors_of_16_bytes_cross_at_any_byte(void **state)
{
	(void)state;
	if (!has_avx2())
		skip();
	for (unsigned k = 1; k < 16; k++)
		assert_int_equal(moved(vex_code, vex_code_end, 16, k), 0);
}

static void moves_of_sse_keep_the_upper_half(void **state)
{
	(void)state;
	if (!has_avx2())
		skip();
	for (unsigned k = 1; k < 16; k++)
		assert_int_equal(moved(sse_code, sse_code_end, 16, k), ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_32_bytes_cross_at_any_byte),
		cmocka_unit_test(vectors_of_16_bytes_cross_at_any_byte),
		cmocka_unit_test(moves_of_sse_keep_the_upper_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
