// SPDX-License-Identifier: MIT
/*
 * Unit test: the translator (tcg-plugin/x86/jit_*.c) with real page tables:
 * small kernels in 64-bit mode, each run to HLT.  Where there is no translator
 * the interpreter runs them and must say the same.
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

/* --- flags ---------------------------------------------------------------- */

CODE(flags_code,
     "mov $3, %ebp\n"
     "1: xor %eax, %eax; sub $1, %eax\n"       /* CF SF PF AF            */
     "sti; nop; pushfq; cli; pushfq; popq %rbx; popq %rcx\n"
     "push $0xad7; popfq; pushfq; popq %rdx; cli; cld\n"
     "dec %ebp; jnz 1b; hlt");

static void flags_are_pushed_and_popped_whole(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, flags_code);
	assert_int_equal(r.rcx, 0x297);
	assert_int_equal(r.rbx, 0x097);
	assert_int_equal(r.rdx, 0xad7);
	box_close(&b);
}

/* --- strings ----------------------------------------------------------------- */

CODE(string_code,
     "mov $0x40000, %edi; mov $0x1122334455667788, %rax\n"
     "mov $1024, %ecx; rep stosq\n"            /* two pages              */
     "mov $0x40010, %esi; mov $0x42ffc, %edi; mov $100, %ecx\n"
     "rep movsb\n"                             /* crosses at the end     */
     "mov $0x40000, %esi; mov $0x41000, %edi; movsq; lodsb\n"
     "xor %ecx, %ecx; rep movsb; hlt");

static void runs_of_strings_cross_pages(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, string_code);
	assert_int_equal(get64(&b, DATA + 0x1ff8), 0x1122334455667788);
	assert_int_equal(get64(&b, DATA + 0x2000), 0);
	assert_int_equal(get64(&b, DATA + 0x2ffc), 0x1122334455667788);
	assert_int_equal(b.mem[DATA + 0x2ffc + 99], 0x55);
	assert_int_equal(b.mem[DATA + 0x2ffc + 100], 0);
	assert_int_equal(r.rsi, DATA + 9);
	assert_int_equal(r.rdi, DATA + 0x1008);
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rax & 0xff, 0x88);
	box_close(&b);
}

CODE(compare_code,
     "mov $0x40000, %edi; mov $0x41, %eax; mov $8192, %ecx; rep stosb\n"
     "movb $0, 0x41388; mov $2, %ebp\n"        /* at 5000                */
     "1: mov $0x40000, %edi; xor %eax, %eax; mov $-1, %rcx; repne scasb\n"
     "mov %rdi, %rbx; mov %rcx, %rdx\n"
     "mov $0x40000, %esi; mov $0x41000, %edi; mov $4096, %ecx; repe cmpsb\n"
     "seta %r8b; mov %ecx, %r9d; lea (%rsi,%rdi), %r10\n"
     "mov $0, %ecx; stc; repe cmpsb; setc %r11b\n"
     "mov $0x41388, %edi; mov $0x41380, %esi; mov $0x41414100, %eax\n"
     "scasl; sete %r12b; cmpsl; setb %al; adc $0, %edi\n"
     "dec %ebp; jnz 1b; hlt");

static void comparisons_end_where_they_find(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, compare_code);
	assert_true(r.rbx == DATA + 5001);
	assert_true(r.rdx == (u64)-1 - 5001);
	assert_int_equal(r.r8 & 0xff, 1);              /* 0x41 > 0        */
	assert_int_equal(r.r9, 4096 - 905);
	assert_true(r.r10 == 2 * DATA + 4096 + 2 * 905);
	assert_int_equal(r.r11 & 0xff, 1);             /* flags are kept  */
	assert_int_equal(r.r12 & 0xff, 1);
	assert_int_equal(r.rax & 0xff, 0);
	assert_true(r.rsi == DATA + 0x1384);
	assert_true(r.rdi == DATA + 0x1390);
	box_close(&b);
}

CODE(slot_code,
     "mov $0x1122334455667788, %r13; mov $-1, %r14; mov $7, %r15\n"
     "cmp %r13, %r14; movq %r13, %xmm0; mov %r13d, %r15d\n"  /* upper clears */
     "add %r15, %r14; mov %r14w, %r13w; movzbl %r14b, %r14d\n"
     "mov $0x40000, %ebx; mov %r13, (%rbx); mov %r15, 8(%rbx)\n"
     "imul $3, %r14, %r14; xchg %r14, %r15; lea 1(%r14,%r15), %r13\n"
     "bts %r15, %r13; mov %r13, %rax; mov %r14, %rcx; mov %r15, %rdx\n"
     "movq %xmm0, %r14; test %r14, %r14; mov %r14, %rsi; hlt");

static void registers_kept_in_memory_behave_as_the_others(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, slot_code);
	assert_int_equal(get64(&b, DATA), 0x1122334455667787);
	assert_int_equal(get64(&b, DATA + 8), 0x55667788);
	assert_int_equal(r.rcx, 0x55667788);
	assert_int_equal(r.rdx, 0x87 * 3);
	assert_int_equal(r.rax, (0x55667788 + 0x87 * 3 + 1) | 1ull << 0x15);
	assert_int_equal(r.rsi, 0x1122334455667788);
	box_close(&b);
}

CODE(count_code,
     "mov $0x40000, %edi; mov $4096, %ecx; mov $0x5a, %eax; rep stosb\n"
     "mov %rdi, %rbx; rep stosb; rep movsb; mov %rdi, %rdx\n"
     "mov $4097, %ecx; rep stosb; mov %cr3, %r14; mov %r14, %rax; hlt");

static void a_page_and_nothing_are_counts_too(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, count_code);
	assert_int_equal(b.mem[DATA + 4095], 0x5a);
	assert_int_equal(r.rbx, DATA + 4096);
	assert_int_equal(r.rdx, DATA + 4096);
	assert_int_equal(r.rdi, DATA + 4096 + 4097);
	assert_int_equal(b.mem[DATA + 4096 + 4096], 0x5a);
	assert_int_equal(b.mem[DATA + 4096 + 4097], 0);
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rax, PML4);
	box_close(&b);
}

/* The kernel's page, then the program's at 0x2000. */
CODE(syscall_code,
     "mov $0xc0000080, %ecx; rdmsr; or $1, %eax; wrmsr\n"
     "inc %ecx; xor %eax, %eax; mov $0x00230010, %edx; wrmsr\n"
     "inc %ecx; mov $0x1000 + (3f - syscall_code), %eax; xor %edx, %edx\n"
     "wrmsr; mov $0xc0000084, %ecx; mov $0x257fd5, %eax; wrmsr\n"
     "mov $0x48000, %esp; mov $9, %ebp; mov $0x2000, %ecx\n"
     "mov $0x896, %r11d; sysretq\n"
     "3: mov %cs, %edi; mov %ss, %esi; mov %rcx, %r8; mov %r11, %r9\n"
     "pushfq; popq %r10; xor $0x200, %r11d; dec %ebp; jz 4f; sysretq\n"
     "4: hlt\n"
     ".org syscall_code + 0x1000\n"
     "5: lahf; seto %al; movzwl %ax, %r12d; mov %cs, %ebx; mov %ss, %edx\n"
     "stc; mov $0x1234567, %eax; syscall; jmp 5b");

static void calls_of_the_kernel_keep_flags_and_segments(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	start(&b, syscall_code, syscall_code_end, 0x1000);
	for (unsigned at = PML4; at < PT; at += 4096)
		put64(&b, at, get64(&b, at) | 4);
	put64(&b, PT + 8 * 2, 0x2000 | 7);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	assert_int_equal(r.rbp, 0);
	assert_int_equal(r.rax, 0x1234567);
	assert_int_equal(r.rdi, 0x10);
	assert_int_equal(r.rsi, 0x18);
	assert_int_equal(r.rbx, 0x33);
	assert_int_equal(r.rdx, 0x2b);
	assert_int_equal(r.r8, 0x2000 + (u64)(syscall_code_end - syscall_code) -
			 0x1000 - 2);
	assert_int_equal(r.r9, 0x897);         /* even calls: IF is clear */
	assert_int_equal(r.r10, 2);
	assert_int_equal(r.r12, 0x9701);
	box_close(&b);
}

/* Placed so that the loop's first instruction, which is jumped to, lies in two
 * pages; the last round changes its immediate. */
CODE(two_page_code,
     "mov $6, %ecx; xor %eax, %eax; jmp 6f\n"
     ".org two_page_code + 0xffe\n"
     "6: add $0x11111111, %eax; cmp $2, %ecx; jne 7f\n"
     "movb $0x22, 0x2002\n"                   /* the top byte           */
     "7: dec %ecx; jnz 6b; hlt");

static void code_in_two_pages_runs_as_it_reads_now(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, two_page_code);
	assert_int_equal(r.rax, (u32)(5u * 0x11111111u + 0x22111111u));
	box_close(&b);
}

CODE(many_code,
     "mov $7, %ecx; xor %eax, %eax; xor %edx, %edx\n"
     "1: .rept 200; inc %eax; test %eax, %eax; jz 2f; lea 3(%rdx), %edx\n"
     ".endr; dec %ecx; jnz 1b; 2: hlt");

/* Room for some twenty blocks at a time. */
static void a_full_code_buffer_starts_again(void **state)
{
	struct kvm_regs r;
	struct jit *j;
	void *cpu;
	struct box b;

	(void)state;
	start(&b, many_code, many_code_end, 0x1000);
	assert_int_equal(fdtable_get(b.cpu, &cpu), FD_VCPU);
	j = ((struct tcg_vcpu *)cpu)->cpu.jit;
	fdtable_put(b.cpu);
	if (j)
		j->buf.middle = j->buf.used + 15000;
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	r = box_regs(&b);
	assert_int_equal(r.rax, 1400);
	assert_int_equal(r.rdx, 4200);
	if (j) {
		assert_true(j->st.flushes > 7);
		assert_true(j->buf.used <= j->buf.middle);
	}
	box_close(&b);
}

CODE(once_code, "mov $5, %eax; jmp 1f; 1: inc %eax; hlt");
CODE(often_code, "mov $50, %ecx; 1: inc %eax; dec %ecx; jnz 1b; hlt");

/* Translations made of the code when it is not translated eagerly. */
static u64 translations(const u8 *code, const u8 *end, bool *jit)
{
	void *cpu;
	struct box b;
	u64 made = 0;

	start(&b, code, end, 0x1000);
	mote_kvm_provider.control(b.vm, "eager", 0);
	assert_int_equal(fdtable_get(b.cpu, &cpu), FD_VCPU);
	fdtable_put(b.cpu);
	assert_int_equal(box_run(&b), 0);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	*jit = ((struct tcg_vcpu *)cpu)->cpu.jit;
	if (*jit)
		made = ((struct tcg_vcpu *)cpu)->cpu.jit->st.blocks;
	box_close(&b);
	return made;
}

static void code_that_runs_once_is_not_translated(void **state)
{
	bool jit;

	(void)state;
	assert_int_equal(translations(once_code, once_code_end, &jit), 0);
	assert_true(translations(often_code, often_code_end, &jit) || !jit);
}

CODE(bits_code,
     "mov $0x44000, %ebx; mov $65, %eax; btsq %rax, (%rbx)\n"
     "mov $-1, %rcx; btsq %rcx, (%rbx); mov $-33, %ecx; lock btsl %ecx, (%rbx)\n"
     "btq %rax, (%rbx); setc %dl; btrq %rax, (%rbx); hlt");

static void bit_strings_reach_beyond_their_address(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, bits_code);
	assert_int_equal(get64(&b, 0x44008), 0);
	assert_int_equal(get64(&b, 0x43ff8), 1ull << 63 | 1ull << 31);
	assert_int_equal(r.rdx & 0xff, 1);
	box_close(&b);
}

/* --- shared look-ups ------------------------------------------------------------- */

CODE(group_code,
     "mov $2, %ebp\n"
     "1: mov $0x40ff0, %ebx; mov $7, %eax\n"
     "mov %rax, (%rbx); mov %rax, 8(%rbx); add %rax, 16(%rbx)\n"
     "mov $0x44008, %esp; push %rax; push %rbx; mov %rax, -8(%rsp)\n"
     "sub $16, %rsp; mov %rsp, 8(%rsp); pop %rcx; pop %rdx\n"
     "dec %ebp; jnz 1b; hlt");

static void accesses_off_one_base_may_lie_in_two_pages(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, group_code);
	assert_int_equal(get64(&b, 0x40ff0), 7);
	assert_int_equal(get64(&b, 0x40ff8), 7);
	assert_int_equal(get64(&b, 0x41000), 14);
	assert_int_equal(get64(&b, 0x44000), 7);
	assert_int_equal(get64(&b, 0x43ff8), 0x40ff0);
	assert_int_equal(r.rdx, 0x43fe8);
	assert_int_equal(r.rsp, 0x43ff8);
	box_close(&b);
}

/* Three iterations of 16 bytes from 0x40ff0; the second crosses into a page. */
CODE(index_code,
     "mov $0x40fe0, %ebx; mov $2, %esi; mov $5, %eax; mov $3, %ebp\n"
     "1: mov %rax, (%rbx,%rsi,8); add %rax, 8(%rbx,%rsi,8)\n"
     "add $8, %rbx; add %rax, (%rbx,%rsi,8); inc %rbx; dec %rbx\n"
     "add $8, %rbx; mov -16(%rbx,%rsi,8), %rcx; add -8(%rbx,%rsi,8), %rcx\n"
     "add %rcx, %rdx; dec %ebp; jnz 1b; hlt");

static void groups_follow_indices_and_a_base_that_moves(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, index_code);
	for (unsigned at = 0x40ff0; at < 0x41020; at += 16) {
		assert_int_equal(get64(&b, at), 5);
		assert_int_equal(get64(&b, at + 8), 10);
	}
	assert_int_equal(get64(&b, 0x41020), 0);
	assert_int_equal(r.rdx, 45);
	assert_int_equal(r.rbx, 0x41010);
	box_close(&b);
}

CODE(split_code,
     "mov $3, %ebp; mov $0x40ff9, %ebx; mov $0x41ff5, %edi\n"
     "movl $0x11223344, 4(%rbx); movl $0x55667788, 8(%rbx)\n"
     "1: movups (%rbx), %xmm9; movups %xmm9, (%rdi); movups %xmm9, (%rdi)\n"
     "movq 4(%rbx), %xmm3; movq %xmm3, %rdx; dec %ebp; jnz 1b; hlt");

static void vectors_cross_pages(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, split_code);
	assert_int_equal(get64(&b, 0x41ff9), 0x5566778811223344);
	assert_int_equal(get64(&b, 0x41ff1), 0);
	assert_int_equal(r.rdx, 0x5566778811223344);
	box_close(&b);
}

CODE(split_fault_code,
     "mov $0x4fff8, %ebx; pcmpeqd %xmm0, %xmm0; mov $1, %ecx\n"
     "movups %xmm0, (%rbx); inc %ecx; hlt");

static void a_store_that_faults_in_its_second_page_writes_nothing(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = run_at(&b, split_fault_code, split_fault_code_end, 0x1000,
		   KVM_EXIT_SHUTDOWN);
	assert_int_equal(get64(&b, 0x4fff8), 0);
	assert_int_equal(r.rcx, 1);
	box_close(&b);
}

CODE(fault_code,
     "mov $0x4fff0, %ebx; mov $7, %eax\n"
     "mov %rax, (%rbx); inc %ecx; mov %rax, 8(%rbx); inc %ecx\n"
     "mov %rax, 16(%rbx); inc %ecx; hlt");

static void a_fault_leaves_what_came_before_and_nothing_after(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = run_at(&b, fault_code, fault_code_end, 0x1000, KVM_EXIT_SHUTDOWN);
	assert_int_equal(get64(&b, 0x4fff8), 7);
	assert_int_equal(r.rcx, 2);
	box_close(&b);
}

/* --- flags that look-ups lose --------------------------------------------------- */

/* The third round's load faults, with the flags the second round's end made. */
#define FAULTING_LOOP(name, setup, producer)                              \
	CODE(name, "mov $0x4ffc0, %ebx\n" setup "\n"                      \
	     "1: mov (%rbx), %rdx; add $32, %rbx\n" producer "; jnz 1b\n"  \
	     "hlt")
FAULTING_LOOP(loop_cmp, "mov $0x60000, %esi", "cmp %rsi, %rbx");
FAULTING_LOOP(loop_slot, "mov $0x4ff01, %r14d", "cmp %rbx, %r14");
FAULTING_LOOP(loop_sub, "mov $0x11, %edi", "sub $1, %edi");
FAULTING_LOOP(loop_add8, "mov $0x78, %edi", "add $7, %dil");
FAULTING_LOOP(loop_add, "mov $1, %edi; mov $1, %esi; shl $63, %rsi",
	      "add %rsi, %rdi");
FAULTING_LOOP(loop_test, "mov $0x80, %edi", "test %dil, %dil");
FAULTING_LOOP(loop_and, "mov $0x1ff83, %edi", "and $0xff03, %edi");
/* ... the second round's division, with those of the first */
CODE(loop_xm,
     "mov $0x4ffc0, %ebx; mov $0x60000, %esi; mov $0x3ff0, %eax\n"
     "shl $48, %rax; mov %rax, 32(%rbx); xorps %xmm1, %xmm1\n"
     "movl $0x1d80, (%rbx); ldmxcsr (%rbx); movl $0, (%rbx)\n"
     "1: movsd (%rbx), %xmm0; divsd %xmm1, %xmm0; add $32, %rbx\n"
     "cmp %rsi, %rbx; jnz 1b; hlt");

/* Loops of two blocks: the fault is in the second, or in the first again. */
CODE(loop_second,
     "mov $0x4ffc0, %ebx; mov $0x60000, %esi\n"
     "1: mov (%rbx), %rdx; add $32, %rbx; cmp %rsi, %rbx; jz 2f\n"
     "mov (%rbx), %rdx; test %rsi, %rsi; jnz 1b; 2: hlt");
CODE(loop_first,
     "mov $0x4ffc0, %ebx; mov $0x60000, %esi\n"
     "1: mov (%rbx), %rdx; cmp %rsi, %rbx; jz 2f\n"
     "add $32, %rbx; test %rsi, %rsi; jnz 1b; 2: hlt");
/* A call moves the stack pointer the flags were made of. */
CODE(loop_call,
     "mov $0x4ffc0, %ebx; mov $0x48000, %esp; jmp 1f\n"
     "2: mov (%rbx), %rdx; add $32, %rbx; ret\n"
     "1: sub $8, %rsp; call 2b; add $8, %rsp; jnz 1b; hlt");

static void a_fault_shows_flags_that_its_look_up_lost(void **state)
{
	static const struct {
		const u8 *code, *end;
		u64 rbx, flags;
	} t[] = {
		{ loop_cmp,  loop_cmp_end,  0x50000, 0x085 },
		{ loop_slot, loop_slot_end, 0x50000, 0x081 },
		{ loop_sub,  loop_sub_end,  0x50000, 0x014 },
		{ loop_add8, loop_add8_end, 0x50000, 0x890 },
		{ loop_add,  loop_add_end,  0x50000, 0x801 },
		{ loop_test, loop_test_end, 0x50000, 0x080 },
		{ loop_and,  loop_and_end,  0x50000, 0x004 },
		{ loop_xm,   loop_xm_end,   0x4ffe0, 0x081 },
		{ loop_second, loop_second_end, 0x50000, 0x085 },
		{ loop_first,  loop_first_end,  0x50000, 0x004 },
		{ loop_call,   loop_call_end,   0x50000, 0x010 },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(t); n++) {
		struct kvm_regs r;
		struct box b;

		r = run_at(&b, t[n].code, t[n].end, 0x1000, KVM_EXIT_SHUTDOWN);
		assert_int_equal(r.rbx, t[n].rbx);
		assert_int_equal(r.rflags & 0x8d5, t[n].flags);
		box_close(&b);
	}
}

/* --- code that changes ------------------------------------------------------------- */

CODE(smc_code,
     "mov $5, %ebp\n"
     "1: incb 2f+1(%rip); 2: mov $0, %al; add %eax, %edx\n"
     "dec %ebp; jnz 1b; hlt");

static void a_block_may_change_itself(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, smc_code);
	assert_int_equal(r.rdx, 1 + 2 + 3 + 4 + 5);
	box_close(&b);
}

CODE(cross_code,
     "mov $4, %ebp\n"
     "1: add $0x11111111, %rax; dec %ebp; jnz 1b; hlt");

/* The ADD, 6 bytes, has three of them in the next page. */
static void an_instruction_may_lie_in_two_pages(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = run_at(&b, cross_code, cross_code_end, 0x2000 - 8, KVM_EXIT_HLT);
	assert_int_equal(r.rax, 0x44444444);
	box_close(&b);
}

/* A called function is replaced by another: its links must die. */
CODE(links_code,
     "mov $0x8000, %esp; mov $4, %ebp\n"
     "1: call 3f; dec %ebp; jz 2f; cmp $2, %ebp; jne 1b\n"
     "movb $0x10, 3f+2(%rip); jmp 1b\n"
     "2: hlt\n"
     "3: add $1, %edx; ret");

static void links_to_replaced_code_are_gone(void **state)
{
	struct kvm_regs r;
	struct box b;

	(void)state;
	r = RUN(b, links_code);
	assert_int_equal(r.rdx, 1 + 1 + 16 + 16);
	box_close(&b);
}

/* --- features ----------------------------------------------------------------------- */

CODE(cx16_code, "mov $0x40000, %ebx; lock cmpxchg16b (%rbx); hlt");

static u32 run_cx16(u32 ecx)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[2];
	} id = { .head.nent = 2, .e = {
		{ .function = 0, .eax = 1 },
		{ .function = 1, .ecx = ecx, .edx = 1 << 8 },
	} };
	struct box b;
	u32 reason;

	start(&b, cx16_code, cx16_code_end, 0x1000);
	assert_int_equal(box_io(b.cpu, KVM_SET_CPUID2, &id), 0);
	assert_int_equal(box_run(&b), 0);
	reason = b.run->exit_reason;
	box_close(&b);
	return reason;
}

/* #UD, without a table of handlers. */
static void cmpxchg16b_has_a_feature_bit_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(run_cx16(1 << 13), KVM_EXIT_HLT);
	assert_int_equal(run_cx16(0), KVM_EXIT_SHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_pushed_and_popped_whole),
		cmocka_unit_test(runs_of_strings_cross_pages),
		cmocka_unit_test(comparisons_end_where_they_find),
		cmocka_unit_test(registers_kept_in_memory_behave_as_the_others),
		cmocka_unit_test(a_page_and_nothing_are_counts_too),
		cmocka_unit_test(calls_of_the_kernel_keep_flags_and_segments),
		cmocka_unit_test(code_in_two_pages_runs_as_it_reads_now),
		cmocka_unit_test(a_full_code_buffer_starts_again),
		cmocka_unit_test(bit_strings_reach_beyond_their_address),
		cmocka_unit_test(code_that_runs_once_is_not_translated),
		cmocka_unit_test(accesses_off_one_base_may_lie_in_two_pages),
		cmocka_unit_test(
			a_fault_leaves_what_came_before_and_nothing_after),
		cmocka_unit_test(groups_follow_indices_and_a_base_that_moves),
		cmocka_unit_test(vectors_cross_pages),
		cmocka_unit_test(
			a_store_that_faults_in_its_second_page_writes_nothing),
		cmocka_unit_test(a_fault_shows_flags_that_its_look_up_lost),
		cmocka_unit_test(a_block_may_change_itself),
		cmocka_unit_test(an_instruction_may_lie_in_two_pages),
		cmocka_unit_test(links_to_replaced_code_are_gone),
		cmocka_unit_test(cmpxchg16b_has_a_feature_bit_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
