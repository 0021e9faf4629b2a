// SPDX-License-Identifier: MIT
/*
 * Unit test: accesses in the page of the one before (tcg-plugin/x86/jit_hold.c).
 * Loops whose pointers begin in one page and leave it one after the other, for
 * pages that do not lie side by side in memory.
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

enum { FROM = 0x40000, PAGES = 4, SIZE = PAGES * 4096 };
enum { AT_RBX = 0x40e00, AT_RSI = 0x40e80, AT_RDI = 0x40f00, ROUNDS = 300 };

/* rdi[0] = rdx += rbx[0] + rsi[0], pointers going on by 8, 16 and 24. */
#define START "mov $0x40e00, %ebx; mov $0x40e80, %esi; mov $0x40f00, %edi\n"  \
	      "mov $300, %ebp; xor %edx, %edx; xor %eax, %eax\n"
#define NEXT  "add $8, %rbx; add $16, %rsi; add $24, %rdi\n"                  \
	      "sub $1, %ebp; jnz 1b; hlt"

CODE(plain_code, START
     "1: mov (%rbx), %rax; add (%rsi), %rax; add %rax, %rdx\n"
     "mov %rdx, (%rdi)\n" NEXT);
/* ... moved before they are used, and back */
CODE(moved_code, START
     "1: add $64, %rbx; mov -64(%rbx), %rax; sub $64, %rbx\n"
     "add $8, %rsi; add -8(%rsi), %rax; sub $8, %rsi; add %rax, %rdx\n"
     "mov %rdx, (%rdi); mov (%rdi), %rcx\n" NEXT);
/* ... by an index, and registers that live in memory */
CODE(slot_code, START
     "mov %rbx, %r13; mov %rsi, %r14; xor %r15d, %r15d; xor %ebx, %ebx\n"
     "xor %r8d, %r8d\n"
     "1: mov (%r13,%rbx), %rax; add (%r14,%rbx,2), %rax; add %rax, %rdx\n"
     "mov %rdx, (%rdi); add $8, %rbx; add $24, %rdi; add $8, %r15\n"
     "sub $1, %ebp; jnz 1b; lea (%r13,%r15), %rbx\n"
     "lea (%r14,%r15,2), %rsi; hlt");
/* ... with instructions between that need what holds the page */
CODE(shift_code, START
     "mov $1, %ecx\n"
     "1: mov (%rbx), %rax; add (%rsi), %rax; rol %cl, %rax; ror %cl, %rax\n"
     "add %rax, %rdx; mov %rdx, (%rdi)\n" NEXT);
/* ... as vectors: sums of integers, there are no carries to lose */
CODE(sse_code, START "pxor %xmm3, %xmm3\n"
     "1: movq (%rbx), %xmm0; movq (%rsi), %xmm1; paddq %xmm1, %xmm0\n"
     "paddq %xmm0, %xmm3; movsd %xmm3, (%rdi); movq %xmm3, %rdx\n" NEXT);
/* ... with a comparison of vector registers before a store, which then makes the
 * flags again; 1.0 is less than 2.0 */
CODE(comis_code, START
     "mov $1, %eax; cvtsi2sd %eax, %xmm0; movlhps %xmm0, %xmm0\n"
     "mov $2, %eax; cvtsi2sd %eax, %xmm1\n"
     "1: ucomisd %xmm1, %xmm0; jp 2f\n"
     "mov %rdx, (%rdi); mov (%rdi), %rcx; add $1, %rdx\n"
     "add $12, %rdi; sub $1, %ebp; jnz 1b\n"
     "2: movhlps %xmm0, %xmm2; movq %xmm2, %rax; hlt");
/* ... from loop to loop, and a field beside the one before */
CODE(nest_code, START
     "1: mov $3, %ecx; xor %r8d, %r8d; add (%rbx), %rdx\n"
     "3: mov %rdx, (%rdi,%r8); mov 8(%rbx), %rax; add 16(%rbx), %rax\n"
     "add (%rdi,%r8), %rax; mov %rax, (%rdi,%r8); mov %rax, %r14\n"
     "mov (%rdi,%r8), %r13; mov %r13, %rdx; add $8, %r8\n"
     "sub $1, %ecx; jnz 3b\n" NEXT);
/* Only one, in a loop of its own */
CODE(lone_code,
     "mov $0x40e00, %ebx; mov $2000, %ebp; xor %edx, %edx\n"
     "1: add (%rbx), %rdx; add $5, %rbx; sub $1, %ebp; jnz 1b; hlt");

struct seen {
	struct kvm_regs r;
	u8 mem[SIZE];
};

static u8 *page(struct box *b, unsigned n)
{
	return b->mem + 0x80000 + (PAGES - n) * 0x3000;
}

/* `ro`: this of the pages may not be written; PAGES: none. */
static void go(const u8 *code, const u8 *end, unsigned ro, struct seen *s)
{
	struct box b;

	start(&b, code, end, 0x1000);
	for (unsigned n = 0; n < PAGES; n++) {
		put64(&b, PT + 8 * (0x40 + n),
		      (u64)(page(&b, n) - b.mem) | (n == ro ? 1 : 3));
		for (unsigned k = 0; k < 4096; k++)
			page(&b, n)[k] = (k & 7) == 7 ? 0 : (u8)(n * 37 + k * 5);
	}
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason,
			 ro < PAGES ? KVM_EXIT_SHUTDOWN : KVM_EXIT_HLT);
	s->r = box_regs(&b);
	for (unsigned n = 0; n < PAGES; n++)
		memcpy(s->mem + n * 4096, page(&b, n), 4096);
	box_close(&b);
}

/* What the loops do; stops before a store into the page `ro`. */
static void model(unsigned ro, struct seen *s)
{
	struct kvm_regs *r = &s->r;
	u64 a, b;

	for (unsigned at = 0; at < SIZE; at++)
		s->mem[at] = (at & 7) == 7 ? 0
			   : (u8)(at / 4096 * 37 + at % 4096 * 5);
	*r = (struct kvm_regs){ .rbx = AT_RBX, .rsi = AT_RSI, .rdi = AT_RDI,
				.rbp = ROUNDS };
	for (; r->rbp; r->rbp--, r->rbx += 8, r->rsi += 16, r->rdi += 24) {
		memcpy(&a, s->mem + r->rbx - FROM, 8);
		memcpy(&b, s->mem + r->rsi - FROM, 8);
		r->rdx += a + b;
		if ((r->rdi - FROM) / 4096 == ro)
			return;
		memcpy(s->mem + r->rdi - FROM, &r->rdx, 8);
	}
}

static void as_modelled(const u8 *code, const u8 *end, unsigned ro)
{
	static struct seen is, should;

	go(code, end, ro, &is);
	model(ro, &should);
	assert_int_equal(is.r.rbp, should.r.rbp);
	assert_int_equal(is.r.rdx, should.r.rdx);
	assert_int_equal(is.r.rbx, should.r.rbx);
	assert_int_equal(is.r.rsi, should.r.rsi);
	assert_int_equal(is.r.rdi, should.r.rdi);
	assert_memory_equal(is.mem, should.mem, SIZE);
}

static void pointers_leave_their_page_one_by_one(void **state)
{
	(void)state;
	as_modelled(plain_code, plain_code_end, PAGES);
	as_modelled(moved_code, moved_code_end, PAGES);
	as_modelled(slot_code, slot_code_end, PAGES);
	as_modelled(shift_code, shift_code_end, PAGES);
	as_modelled(sse_code, sse_code_end, PAGES);
}

/* Loads there are none the worse for it. */
static void a_page_that_may_not_be_written_stops_the_store_alone(void **state)
{
	(void)state;
	for (unsigned ro = 1; ro <= 2; ro++) {
		as_modelled(plain_code, plain_code_end, ro);
		as_modelled(moved_code, moved_code_end, ro);
		as_modelled(shift_code, shift_code_end, ro);
	}
}

static void a_comparison_of_vectors_shows_in_a_fault_behind_it(void **state)
{
	static struct seen s;

	(void)state;
	go(comis_code, comis_code_end, 1, &s);
	assert_int_equal(s.r.rdx, 21);         /* the first byte it may not */
	assert_int_equal(s.r.rdi, 0x40ffc);
	assert_int_equal(s.r.rflags & 0x8d5, 1);
	go(comis_code, comis_code_end, PAGES, &s);
	assert_int_equal(s.r.rdx, ROUNDS);
	assert_int_equal(s.r.rax, 0x3ff0000000000000);
}

static void what_is_held_is_true_in_the_loop_around_it(void **state)
{
	static struct seen is, should;
	struct kvm_regs r = { .rbx = AT_RBX, .rdi = AT_RDI };
	u64 v[3];

	(void)state;
	go(nest_code, nest_code_end, PAGES, &is);
	for (unsigned at = 0; at < SIZE; at++)
		should.mem[at] = (at & 7) == 7 ? 0
			       : (u8)(at / 4096 * 37 + at % 4096 * 5);
	for (unsigned n = 0; n < ROUNDS; n++, r.rbx += 8, r.rdi += 24) {
		memcpy(v, should.mem + r.rbx - FROM, 8);
		r.rdx += v[0];
		for (unsigned k = 0; k < 3; k++) {
			u8 *at = should.mem + r.rdi - FROM + 8 * k;

			memcpy(at, &r.rdx, 8);
			memcpy(v, should.mem + r.rbx - FROM, 24);
			r.rdx += v[1] + v[2];
			memcpy(at, &r.rdx, 8);
		}
	}
	assert_int_equal(is.r.rdx, r.rdx);
	assert_int_equal(is.r.r13, r.rdx);
	assert_int_equal(is.r.r14, r.rdx);
	assert_memory_equal(is.mem, should.mem, SIZE);
}

static void a_single_pointer_walks_on_across_pages(void **state)
{
	static struct seen s;
	u64 sum = 0, v;

	(void)state;
	go(lone_code, lone_code_end, PAGES, &s);
	for (unsigned n = 0; n < 2000; n++) {
		memcpy(&v, s.mem + 0xe00 + 5 * n, 8);
		sum += v;
	}
	assert_int_equal(s.r.rbx, 0x40e00 + 10000);
	assert_int_equal(s.r.rdx, sum);
}

/* Together in the first rounds, apart in all others. */
CODE(wrong_code,
     "mov $0x40100, %ebx; mov $0x40200, %esi; mov $3000, %r8d\n"
     "xor %edx, %edx; 2: mov $10, %ebp\n"
     "1: mov (%rbx), %rax; add (%rsi), %rax; add %rax, %rdx\n"
     "sub $1, %ebp; jnz 1b\n"
     "mov $0x42200, %esi; sub $1, %r8d; jnz 2b; hlt");

static void a_guess_that_is_always_wrong_is_given_up(void **state)
{
	struct kvm_regs r;
	struct jit *j;
	struct box b;
	void *cpu;
	bool gone;

	(void)state;
	start(&b, wrong_code, wrong_code_end, 0x1000);
	put64(&b, 0x40100, 3);
	put64(&b, 0x40200, 5);
	put64(&b, 0x42200, 7);
	assert_int_equal(fdtable_get(b.cpu, &cpu), FD_VCPU);
	j = ((struct tcg_vcpu *)cpu)->cpu.jit;
	fdtable_put(b.cpu);
	assert_int_equal(box_run(&b), 0);
	r = box_regs(&b);
	assert_int_equal(r.rdx, 10 * 8 + 29990 * 10);
	gone = !j;
	for (u32 n = 0; j && n < j->nblock; n++)
		gone |= j->block[n].no_hold;
	assert_true(gone);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers_leave_their_page_one_by_one),
		cmocka_unit_test(
			a_page_that_may_not_be_written_stops_the_store_alone),
		cmocka_unit_test(
			a_comparison_of_vectors_shows_in_a_fault_behind_it),
		cmocka_unit_test(what_is_held_is_true_in_the_loop_around_it),
		cmocka_unit_test(a_single_pointer_walks_on_across_pages),
		cmocka_unit_test(a_guess_that_is_always_wrong_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
