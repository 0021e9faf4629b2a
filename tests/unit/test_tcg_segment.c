/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/segment.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/tcg_sys.h"

static void rax_is(u64 v)
{
	struct kvm_regs r = box_regs(&sys);

	r.rax = v;
	sys_set_regs(r);
}

static u32 error_code(void)
{
	return rd32((u32)box_regs(&sys).rsp);
}

/* mov %eax, %ds with `d` at FREE: 0 or vector << 16 | error code. */
static u32 load_ds(unsigned cpl, u16 sel, u64 d)
{
	u32 r;

	SYS(SYS_PROT32, cpl, 0x8e, 0xd8, 0x0f, 0x0b);
	sys_gdt(FREE, d);
	rax_is(sel);
	r = sys_vector() << 16;
	if (r == 6 << 16)
		r = 0;
	else
		r |= error_code();
	sys_close();
	return r;
}

static u32 load_ss(unsigned cpl, u16 sel, u64 d)
{
	u32 r;

	SYS(SYS_PROT32, cpl, 0x8e, 0xd0, 0x0f, 0x0b);
	sys_gdt(FREE, d);
	rax_is(sel);
	r = sys_vector() << 16;
	r = r == 6 << 16 ? 0 : r | error_code();
	sys_close();
	return r;
}

enum { GP = 13 << 16, NP = 11 << 16, SS_FAULT = 12 << 16 };

static void data_segments_are_checked_as_the_manual_says(void **state)
{
	(void)state;
	assert_int_equal(load_ds(0, FREE, sys_desc(0, 1, 0x93)), 0);
	assert_int_equal(load_ds(0, FREE, sys_desc(0, 1, 0x9b)), 0);
	assert_int_equal(load_ds(0, FREE, sys_desc(0, 1, 0x99)), GP | FREE);
	assert_int_equal(load_ds(0, FREE, sys_desc(0, 1, 0x89)), GP | FREE);
	assert_int_equal(load_ds(0, FREE, sys_desc(0, 1, 0x13)), NP | FREE);
	assert_int_equal(load_ds(3, FREE | 3, sys_desc(0, 1, 0x93)), GP | FREE);
	assert_int_equal(load_ds(3, FREE | 3, sys_desc(0, 1, 0xf3)), 0);
	assert_int_equal(load_ds(0, FREE | 3, sys_desc(0, 1, 0x93)), GP | FREE);
	assert_int_equal(load_ds(3, FREE | 3, sys_desc(0, 1, 0x9f)), 0);
	assert_int_equal(load_ds(0, GDT_END, 0), GP | GDT_END);
	assert_int_equal(load_ds(0, FREE | 4, 0), GP | FREE | 4);
	assert_int_equal(load_ds(0, 3, 0), 0);
}

static void stack_segments_are_checked_as_the_manual_says(void **state)
{
	(void)state;
	assert_int_equal(load_ss(0, FREE, sys_desc(0, 0xfffff, 0xc093)), 0);
	assert_int_equal(load_ss(0, 0, 0), GP);
	assert_int_equal(load_ss(0, FREE, sys_desc(0, 1, 0x91)), GP | FREE);
	assert_int_equal(load_ss(0, FREE, sys_desc(0, 1, 0x9b)), GP | FREE);
	assert_int_equal(load_ss(0, FREE | 3, sys_desc(0, 1, 0x93)), GP | FREE);
	assert_int_equal(load_ss(3, FREE | 3, sys_desc(0, 1, 0x93)), GP | FREE);
	assert_int_equal(load_ss(0, FREE, sys_desc(0, 1, 0x13)),
			 SS_FAULT | FREE);
}

static void loading_sets_the_accessed_bit(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x8e, 0xd8, 0xf4);
	sys_gdt(FREE, sys_desc(0x12345, 0x678, 0x92));
	rax_is(FREE);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys.mem[S_GDT + FREE + 5], 0x93);
	assert_int_equal(sys_sregs().ds.base, 0x12345);
	assert_int_equal(sys_sregs().ds.limit, 0x678);
	sys_close();
}

static void granularity_scales_the_limit(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x8e, 0xd8, 0xf4);
	sys_gdt(FREE, sys_desc(0, 5, 0x8093));
	rax_is(FREE);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().ds.limit, 0x5fff);
	sys_close();
}

/* --- limits -------------------------------------------------------------------------- */

/* Read or write %eax at `off` of a DS of `d`: 0 or the vector. */
static unsigned read_at(u32 off, u64 d, bool write)
{
	u8 code[] = { write ? 0xa3 : 0xa1, (u8)off, (u8)(off >> 8),
		      (u8)(off >> 16), (u8)(off >> 24), 0x0f, 0x0b };
	unsigned v;

	sys_open(SYS_PROT32, 0, "\x8e\xd8\xe9\xf9\0\0\0", 7);
	memcpy(sys.mem + 0x1100, code, sizeof(code));
	sys_gdt(FREE, d);
	rax_is(FREE);
	v = sys_vector();
	sys_close();
	return v == 6 ? 0 : v;
}

static void limits_count_the_last_byte(void **state)
{
	(void)state;
	assert_int_equal(read_at(0xfc, sys_desc(0, 0xff, 0x4093), false), 0);
	assert_int_equal(read_at(0xfd, sys_desc(0, 0xff, 0x4093), false), 13);
	assert_int_equal(read_at(0xfffffffe, sys_desc(0, 0xff, 0x4093), false),
			 13);
}

static void expand_down_segments_begin_behind_their_limit(void **state)
{
	(void)state;
	assert_int_equal(read_at(0xff, sys_desc(0, 0xff, 0x4097), false), 13);
	assert_int_equal(read_at(0x100, sys_desc(0, 0xff, 0x4097), false), 0);
	/* a small one ends at 64 KiB */
	assert_int_equal(read_at(0xfffd, sys_desc(0, 0xff, 0x97), false), 13);
	assert_int_equal(read_at(0xfffc, sys_desc(0, 0xff, 0x97), false), 0);
}

static void types_forbid_writing_or_reading(void **state)
{
	(void)state;
	assert_int_equal(read_at(0, sys_desc(0, 0xff, 0x4091), false), 0);
	assert_int_equal(read_at(0, sys_desc(0, 0xff, 0x4091), true), 13);
	assert_int_equal(read_at(0x80, sys_desc(0, 0xff, 0x409b), true), 13);
}

static void a_null_segment_cannot_be_used(void **state)
{
	(void)state;
	/* xor %eax,%eax; mov %eax,%ds; mov 0,%eax */
	SYS(SYS_PROT32, 0, 0x31, 0xc0, 0x8e, 0xd8, 0xa1, 0, 0, 0, 0);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(error_code(), 0);
	sys_close();
}

static void stack_accesses_raise_ss(void **state)
{
	struct kvm_sregs s;

	(void)state;
	/* push %eax with ESP behind a small stack's limit */
	SYS(SYS_PROT32, 3, 0x50);
	s = sys_sregs();
	s.ss.limit = 0xfff;
	s.ss.g = 0;
	sys_set_sregs(&s);
	assert_int_equal(sys_vector(), 12);
	assert_int_equal(error_code(), 0);
	sys_close();
}

static void non_canonical_addresses_fault_by_segment(void **state)
{
	(void)state;
	/* mov (%rax),%al */
	SYS(SYS_LONG, 0, 0x8a, 0x00);
	rax_is(0x0001000000000000);
	assert_int_equal(sys_vector(), 13);
	sys_close();
}

/* Nothing can be read there that would say which segment it came through. */
static void code_behind_the_canonical_addresses_is_gp(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0x90);
	r = box_regs(&sys);
	r.rip = 0x0000800000000000;
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(error_code(), 0);
	sys_close();
}

/* --- LAR LSL VERR VERW ARPL ------------------------------------------------------------ */

static struct kvm_regs ask(u8 op, u64 d, u16 sel)
{
	u8 code[] = { 0x0f, op, 0xc8, 0xf4 };          /* op %eax, %ecx */
	struct kvm_regs r;

	sys_open(SYS_PROT32, 0, code, sizeof(code));
	sys_gdt(FREE, d);
	rax_is(sel);
	r = sys_run(KVM_EXIT_HLT);
	sys_close();
	return r;
}

static void lar_and_lsl_answer_for_what_is_visible(void **state)
{
	struct kvm_regs r;

	(void)state;
	r = ask(0x02, sys_desc(0, 0xfffff, 0xc093), FREE);
	assert_int_equal(r.rcx, 0xcf9300);
	assert_int_equal(r.rflags & 0x40, 0x40);
	r = ask(0x03, sys_desc(0, 0x12, 0x8093), FREE);
	assert_int_equal(r.rcx, 0x12fff);
	r = ask(0x02, sys_desc(0, 0, 0x8e), FREE);     /* interrupt gate */
	assert_int_equal(r.rflags & 0x40, 0);
	assert_int_equal(r.rcx, 0);
	r = ask(0x02, sys_desc(0, 0, 0x8c), FREE);     /* call gate: LAR only */
	assert_int_equal(r.rflags & 0x40, 0x40);
	r = ask(0x03, sys_desc(0, 0, 0x8c), FREE);
	assert_int_equal(r.rflags & 0x40, 0);
	r = ask(0x02, sys_desc(0, 0, 0x93), 0);
	assert_int_equal(r.rflags & 0x40, 0);
	r = ask(0x02, sys_desc(0, 0, 0x93), FREE | 3); /* RPL above DPL */
	assert_int_equal(r.rflags & 0x40, 0);
}

static bool verify(bool write, u16 attr)
{
	u8 code[] = { 0x0f, 0x00, write ? 0xe8 : 0xe0, 0xf4 };
	bool ok;

	sys_open(SYS_PROT32, 0, code, sizeof(code));
	sys_gdt(FREE, sys_desc(0, 1, attr));
	rax_is(FREE);
	ok = sys_run(KVM_EXIT_HLT).rflags & 0x40;
	sys_close();
	return ok;
}

static void verr_and_verw(void **state)
{
	(void)state;
	assert_true(verify(false, 0x91));
	assert_false(verify(true, 0x91));
	assert_true(verify(true, 0x93));
	assert_true(verify(false, 0x9b));
	assert_false(verify(false, 0x99));
	assert_false(verify(true, 0x9b));
	assert_false(verify(false, 0x82));
}

static void arpl_raises_the_rpl(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* arpl %cx,%ax; hlt */
	SYS(SYS_PROT32, 0, 0x63, 0xc8, 0xf4);
	r = box_regs(&sys);
	r.rax = 0x10;
	r.rcx = 3;
	sys_set_regs(r);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rax, 0x13);
	assert_int_equal(r.rflags & 0x40, 0x40);
	sys_close();
}

/* --- moves ---------------------------------------------------------------------------------- */

static void lss_loads_both_and_shadows_nothing(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* lss 0x6000,%esp; hlt */
	SYS(SYS_PROT32, 0, 0x0f, 0xb2, 0x25, 0, 0x60, 0, 0, 0xf4);
	wr32(0x6000, 0xc000);
	wr16(0x6004, DATA0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rsp, 0xc000);
	sys_close();
}

static void a_32_bit_push_of_a_selector_writes_16_bits(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x1e, 0xf4);
	wr32(S_STACK - 4, 0xaabbccdd);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(rd32(S_STACK - 4), 0xaabb0000 | DATA0);
	sys_close();
}

static void pop_ss_takes_the_new_stack(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* push $DATA16; pop %ss; push %eax; hlt: a 16-bit stack now */
	SYS(SYS_PROT32, 0, 0x6a, DATA16, 0x17, 0x50, 0xf4);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rsp, S_STACK - 4);
	assert_int_equal(sys_sregs().ss.db, 0);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_segments_are_checked_as_the_manual_says),
		cmocka_unit_test(stack_segments_are_checked_as_the_manual_says),
		cmocka_unit_test(loading_sets_the_accessed_bit),
		cmocka_unit_test(granularity_scales_the_limit),
		cmocka_unit_test(limits_count_the_last_byte),
		cmocka_unit_test(expand_down_segments_begin_behind_their_limit),
		cmocka_unit_test(types_forbid_writing_or_reading),
		cmocka_unit_test(a_null_segment_cannot_be_used),
		cmocka_unit_test(stack_accesses_raise_ss),
		cmocka_unit_test(non_canonical_addresses_fault_by_segment),
		cmocka_unit_test(code_behind_the_canonical_addresses_is_gp),
		cmocka_unit_test(lar_and_lsl_answer_for_what_is_visible),
		cmocka_unit_test(verr_and_verw),
		cmocka_unit_test(arpl_raises_the_rpl),
		cmocka_unit_test(lss_loads_both_and_shadows_nothing),
		cmocka_unit_test(a_32_bit_push_of_a_selector_writes_16_bits),
		cmocka_unit_test(pop_ss_takes_the_new_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
