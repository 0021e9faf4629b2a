// SPDX-License-Identifier: MIT
/*
 * Unit test: gathers by translated code (tcg-plugin/x86/jit_gather.c): every form
 * and length against a model, at the end of a page, and stopped by a fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include "tcg-plugin/x86/jit.h"
#include "tests/unit/tcg_long.h"

enum { ROUNDS = 1000, BASE = DATA + 0x400, DISP = 0x18, ARGS = 0x60000 };

/* What a kernel finds at ARGS and leaves there. */
struct args {
	u8 index[32], mask[32], old[32], bad[32];
	u8 result[32], left[32];
};

/* `gather` in a loop, with flags that somebody wants and with some nobody does;
 * with rdi set once more, with the bad indices. */
#define KERNEL(name, gather)                                              \
	CODE(name,                                                        \
	     "mov %cr4, %rax; bts $18, %rax; mov %rax, %cr4\n"            \
	     "mov $7, %eax; xor %edx, %edx; xor %ecx, %ecx; xsetbv\n"     \
	     "mov $0x40400, %r13d; mov $0x60000, %esi\n"                  \
	     "vmovdqu (%rsi), %ymm1; mov $1000, %ecx; xor %r8d, %r8d\n"   \
	     "1: vmovdqu 32(%rsi), %ymm2; vmovdqu 64(%rsi), %ymm3\n"      \
	     "stc\n" gather "; adc $0, %r8d\n"                            \
	     "vmovdqu 32(%rsi), %ymm2; vmovdqu 64(%rsi), %ymm3\n"         \
	     "test %ecx, %ecx\n2: " gather "; sub $1, %ecx; jnz 1b\n"       \
	     "vmovdqu %ymm3, 128(%rsi); vmovdqu %ymm2, 160(%rsi)\n"       \
	     "test %edi, %edi; jz 3f; xor %edi, %edi; mov $1, %ecx\n"     \
	     "vmovdqu 96(%rsi), %ymm1; jmp 1b\n3: hlt")

/* Mnemonic; index and element of 4 or 8 bytes; registers for 256 bits. */
#define FORMS(X)                                                          \
	X(vpgatherdd, 4, 4, "%ymm2", "%ymm1", "%ymm3")                 \
	X(vpgatherdq, 4, 8, "%ymm2", "%xmm1", "%ymm3")                 \
	X(vpgatherqd, 8, 4, "%xmm2", "%ymm1", "%xmm3")                 \
	X(vpgatherqq, 8, 8, "%ymm2", "%ymm1", "%ymm3")                 \
	X(vgatherdps, 4, 4, "%ymm2", "%ymm1", "%ymm3")                 \
	X(vgatherdpd, 4, 8, "%ymm2", "%xmm1", "%ymm3")                 \
	X(vgatherqps, 8, 4, "%xmm2", "%ymm1", "%xmm3")                 \
	X(vgatherqpd, 8, 8, "%ymm2", "%ymm1", "%ymm3")

#define KERNELS(form, index, size, mask, at, to)                          \
	KERNEL(form##_256, #form " " mask ", 0x18(%r13," at ",2), " to);   \
	KERNEL(form##_128, #form " %xmm2, 0x18(%r13,%xmm1,2), %xmm3");
FORMS(KERNELS)

static const struct form {
	const u8 *code, *end;
	u8 bytes, index, size;
} forms[] = {
#define ROWS(form, index, size, mask, at, to)                             \
	{ form##_256, form##_256_end, 32, index, size },                  \
	{ form##_128, form##_128_end, 16, index, size },
	FORMS(ROWS)
};

static bool host_and_engine_have_it(const struct box *b)
{
	const struct box_cpuid id = box_cpuid(b);

	for (unsigned n = 0; n < id.head.nent; n++)
		if (id.e[n].function == 7 && !id.e[n].index)
			return id.e[n].ebx & 1 << 5;           /* AVX2 */
	return false;
}

static s64 index_of(const struct form *f, const u8 *all, unsigned k)
{
	s64 q;
	s32 d;

	memcpy(&q, all + 8 * (k & 3), 8);
	memcpy(&d, all + 4 * k, 4);
	return f->index == 8 ? q : d;
}

static unsigned count_of(const struct form *f)
{
	return f->bytes / (f->index > f->size ? f->index : f->size);
}

static void model(const struct box *b, const struct form *f,
		  const struct args *a, u8 result[32])
{
	memset(result, 0, 32);
	for (unsigned k = 0; k < count_of(f); k++) {
		const unsigned at = k * f->size;
		const s64 x = index_of(f, a->index, k);

		memcpy(result + at, a->mask[at + f->size - 1] & 0x80 ?
		       b->mem + BASE + DISP + 2 * x : a->old + at, f->size);
	}
}

static u32 seed;

static u32 dice(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Indices from -0x200 on; `reach`: how far. */
static void fill(struct args *a, const struct form *f, unsigned reach)
{
	for (unsigned n = 0; n < 32; n++) {
		a->mask[n] = (u8)dice();
		a->old[n] = (u8)dice();
	}
	for (unsigned k = 0; k < 32u / f->index; k++) {
		const s64 x = (s64)(dice() % reach) - 0x200;

		memcpy(a->index + k * f->index, &x, f->index);
	}
}

/* False: no gathers here. */
static bool run(struct box *b, const struct form *f, const struct args *a,
		u64 rdi, u32 why)
{
	struct kvm_regs r;

	start(b, f->code, f->end, 0x1000);
	if (!host_and_engine_have_it(b))
		return false;
	for (unsigned n = 0; n < 0x3000; n++)
		b->mem[DATA + n] = (u8)(n * 37 + n / 256);
	memcpy(b->mem + ARGS, a, sizeof(*a));
	r = box_regs(b);
	r.rdi = rdi;
	assert_int_equal(box_io(b->cpu, KVM_SET_REGS, &r), 0);
	assert_int_equal(box_run(b), 0);
	assert_int_equal(b->run->exit_reason, why);
	return true;
}

static void all_forms(unsigned reach, bool translated)
{
	static const u8 none[32];

	seed = 1;
	for (unsigned n = 0; n < 3 * ARRAY_LEN(forms); n++) {
		const struct form *f = &forms[n / 3];
		struct args a = { 0 }, *now;
		u8 want[32];
		struct box b;

		fill(&a, f, reach);
		if (!run(&b, f, &a, 0, KVM_EXIT_HLT)) {
			box_close(&b);
			skip();
		}
		now = (void *)(b.mem + ARGS);
		model(&b, f, &a, want);
		assert_memory_equal(now->result, want, 32);
		assert_memory_equal(now->left, none, 32);
		assert_int_equal(box_regs(&b).r8, ROUNDS);
		if (translated && jit_supported())
			assert_true(box_counted(&b, "interpreted") < ROUNDS / 10);
		box_close(&b);
	}
}

static void every_form_gathers_in_translated_code(void **state)
{
	(void)state;
	all_forms(0x400, true);                /* in one page, or nearly */
}

static void elements_may_lie_across_pages(void **state)
{
	(void)state;
	all_forms(0x1200, false);
}

/* Element 2 is not there: two are done for good, and the rest as it was. */
static void a_fault_leaves_what_was_gathered(void **state)
{
	const struct form *f = &forms[1];      /* vpgatherdd, 128 bits */
	const s32 bad[4] = { 0, 8, (HOLE - BASE) / 2, 16 };
	struct args a = { 0 };
	struct kvm_sregs s;
	struct kvm_fpu fpu;
	struct box b;
	u32 now[4];

	(void)state;
	memset(a.mask, 0xff, 32);
	memset(a.old, 0x55, 32);
	memcpy(a.bad, bad, sizeof(bad));
	if (!run(&b, f, &a, 1, KVM_EXIT_SHUTDOWN)) {
		box_close(&b);
		skip();
	}
	assert_int_equal(box_io(b.cpu, KVM_GET_SREGS, &s), 0);
	assert_int_equal(s.cr2, HOLE + DISP);
	assert_int_equal(box_io(b.cpu, KVM_GET_FPU, &fpu), 0);
	memcpy(now, fpu.xmm[3], 16);
	assert_memory_equal(&now[0], b.mem + BASE + DISP, 4);
	assert_memory_equal(&now[1], b.mem + BASE + DISP + 16, 4);
	assert_int_equal(now[2], 0x55555555);
	assert_int_equal(now[3], 0x55555555);
	memcpy(now, fpu.xmm[2], 16);
	assert_int_equal(now[0] | now[1], 0);
	assert_int_equal(now[2] & now[3], ~0u);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_gathers_in_translated_code),
		cmocka_unit_test(elements_may_lie_across_pages),
		cmocka_unit_test(a_fault_leaves_what_was_gathered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
