/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/interp_far.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/tcg_sys.h"

enum { GATE = 0x80, TARGET = 0x1800 };

static void call_gate(bool lma, u16 sel, u32 off, unsigned dpl, unsigned params)
{
	u16 attr = (u16)(0x8c | dpl << 5);

	wr64(S_GDT + GATE, (off & 0xffff) | (u64)sel << 16 |
			   (u64)params << 32 | (u64)attr << 40 |
			   (u64)(off >> 16) << 48);
	if (lma)
		wr64(S_GDT + GATE + 8, 0);
	sys.mem[TARGET] = 0xf4;
}

static u32 gp_code(void)
{
	assert_int_equal(sys_vector(), 13);
	return rd32(box_regs(&sys).rsp);
}

/* --- call gates --------------------------------------------------------------- */

static void a_gate_to_ring_0_copies_parameters(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* push $0x11; push $0x22; lcall $GATE|3, $0 */
	SYS(SYS_PROT32, 3, 0x6a, 0x11, 0x6a, 0x22, 0x9a, 0, 0, 0, 0,
	    GATE | 3, 0);
	call_gate(false, CODE32, TARGET, 3, 2);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, TARGET + 1);
	assert_int_equal(r.rsp, S_RSP0 - 24);
	assert_int_equal(rd32(S_RSP0 - 4), UDATA | 3);
	assert_int_equal(rd32(S_RSP0 - 8), S_STACK - 8);
	assert_int_equal(rd32(S_RSP0 - 12), 0x11);
	assert_int_equal(rd32(S_RSP0 - 16), 0x22);
	assert_int_equal(rd32(S_RSP0 - 20), UCODE32 | 3);
	assert_int_equal(rd32(S_RSP0 - 24), BOX_CODE + 11);
	assert_int_equal(sys_sregs().cs.selector, CODE32);
	sys_close();
}

static void retf_releases_parameters_on_both_stacks(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* as above, then cli (#GP in ring 3) */
	SYS(SYS_PROT32, 3, 0x6a, 0x11, 0x6a, 0x22, 0x9a, 0, 0, 0, 0,
	    GATE | 3, 0, 0xfa);
	call_gate(false, CODE32, TARGET, 3, 2);
	memcpy(sys.mem + TARGET, "\xca\x08\x00", 3);   /* lret $8 */
	assert_int_equal(gp_code(), 0);
	r = box_regs(&sys);
	assert_int_equal(rd32((u32)r.rsp + 4), BOX_CODE + 11);
	assert_int_equal(rd32((u32)r.rsp + 16), S_STACK);
	sys_close();
}

static void a_64_bit_gate_pushes_quadwords_on_rsp0(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* lcall *0x6000 */
	SYS(SYS_LONG, 3, 0xff, 0x1c, 0x25, 0, 0x60, 0, 0);
	wr16(0x6004, GATE | 3);
	call_gate(true, CODE64, TARGET, 3, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rsp, S_RSP0 - 32);
	assert_int_equal(rd64(S_RSP0 - 8), UDATA | 3);
	assert_int_equal(rd64(S_RSP0 - 32), BOX_CODE + 7);
	assert_int_equal(sys_sregs().ss.selector, 0);
	sys_close();
}

static void a_gate_above_its_dpl_is_gp(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 3, 0x9a, 0, 0, 0, 0, GATE | 3, 0);
	call_gate(false, CODE32, TARGET, 0, 0);
	assert_int_equal(gp_code(), GATE);
	sys_close();
}

static void a_jump_through_a_gate_stays_in_its_ring(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 3, 0xea, 0, 0, 0, 0, GATE | 3, 0);
	call_gate(false, CODE32, TARGET, 3, 0);
	assert_int_equal(gp_code(), CODE32);
	sys_close();
}

/* --- CALL, JMP, RETF -------------------------------------------------------------- */

static void far_jumps_check_the_code_segment(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0xea, 0, 0x18, 0, 0, DATA0, 0);
	assert_int_equal(gp_code(), DATA0);
	sys_close();

	SYS(SYS_PROT32, 0, 0xea, 0, 0x18, 0, 0, 0, 0);
	assert_int_equal(gp_code(), 0);
	sys_close();

	SYS(SYS_PROT32, 0, 0xea, 0, 0x18, 0, 0, FREE, 0);
	sys_gdt(FREE, sys_desc(0, 0xfffff, 0xc01b));
	assert_int_equal(sys_vector(), 11);
	assert_int_equal(rd32(S_STACK - 16), FREE);
	sys_close();

	/* offset behind the limit */
	SYS(SYS_PROT32, 0, 0xea, 0, 0, 2, 0, CODE16, 0);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void a_conforming_segment_keeps_the_ring(void **state)
{
	(void)state;
	/* ring 3 to a ring 0 conforming segment; hlt is privileged there */
	SYS(SYS_PROT32, 3, 0xea, 0, 0x18, 0, 0, FREE, 0);
	sys_gdt(FREE, sys_desc(0, 0xfffff, 0xc09f));
	sys.mem[TARGET] = 0xf4;
	assert_int_equal(gp_code(), 0);
	assert_int_equal(rd32(S_RSP0 - 20), TARGET);
	assert_int_equal(rd32(S_RSP0 - 16), FREE | 3);
	sys_close();
}

static void a_far_call_and_return_in_one_ring(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* lcall $CODE32, $TARGET; hlt */
	SYS(SYS_PROT32, 0, 0x9a, 0, 0x18, 0, 0, CODE32, 0, 0xf4);
	sys.mem[TARGET] = 0xcb;
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, BOX_CODE + 8);
	assert_int_equal(r.rsp, S_STACK);
	assert_int_equal(rd32(S_STACK - 4), CODE32);
	sys_close();
}

static void retf_to_an_inner_ring_is_gp(void **state)
{
	(void)state;
	/* push $CODE32; push $TARGET; lret */
	SYS(SYS_PROT32, 3, 0x6a, CODE32, 0x68, 0, 0x18, 0, 0, 0xcb);
	assert_int_equal(gp_code(), CODE32);
	sys_close();
}

static void real_mode_far_calls_push_ip_and_cs(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* lcall $0x180, $0 */
	SYS(SYS_REAL, 0, 0x9a, 0, 0, 0x80, 1);
	sys.mem[0x1800] = 0xf4;
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, 1);
	assert_int_equal(sys_sregs().cs.selector, 0x180);
	assert_int_equal(sys_sregs().cs.base, 0x1800);
	assert_int_equal(rd16(S_STACK - 4), BOX_CODE + 5);
	sys_close();
}

/* --- IRET ---------------------------------------------------------------------------- */

static void frame(u64 at, unsigned size, const u64 *w, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		wr((u32)at + k * size, &w[k], size);
}

static struct kvm_regs stack_at(u64 rsp)
{
	struct kvm_regs r = box_regs(&sys);

	r.rsp = rsp;
	sys_set_regs(r);
	return r;
}

static void iret_to_ring_3_drops_inner_segments(void **state)
{
	const u64 w[] = { TARGET, UCODE32 | 3, 0x3202, 0xb000, UDATA | 3 };
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_PROT32, 0, 0xcf);
	sys.mem[TARGET] = 0xf4;                /* #GP in ring 3 */
	frame(0x7000, 4, w, 5);
	stack_at(0x7000);
	assert_int_equal(gp_code(), 0);
	s = sys_sregs();
	assert_true(s.ds.unusable && s.es.unusable && s.fs.unusable);
	assert_int_equal(rd32(S_RSP0 - 8), 0xb000);
	assert_int_equal(rd32(S_RSP0 - 12), 0x13202);
	sys_close();
}

static void iret_in_long_mode_always_pops_ss(void **state)
{
	const u64 w[] = { TARGET, CODE64, 2, 0xb000, DATA0 };
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0x48, 0xcf);
	sys.mem[TARGET] = 0xf4;
	frame(0x7000, 8, w, 5);
	stack_at(0x7000);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, TARGET + 1);
	assert_int_equal(r.rsp, 0xb000);
	sys_close();
}

static void iret_enters_compatibility_mode(void **state)
{
	const u64 w[] = { TARGET, UCODE32 | 3, 2, 0xb000, UDATA | 3 };

	(void)state;
	SYS(SYS_LONG, 0, 0x48, 0xcf);
	sys.mem[TARGET] = 0x40;                /* inc %eax: 32-bit only */
	sys.mem[TARGET + 1] = 0xf4;
	frame(0x7000, 8, w, 5);
	stack_at(0x7000);
	assert_int_equal(sys_vector(), 13);
	assert_int_equal(box_regs(&sys).rax, 1);
	assert_int_equal(rd64(S_RSP0 - 40), TARGET + 1);
	sys_close();
}

static void iret_with_nt_in_long_mode_is_gp(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0x48, 0xcf);
	r = box_regs(&sys);
	r.rflags = 0x4002;
	sys_set_regs(r);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void iret_to_a_null_stack_is_for_inner_rings_only(void **state)
{
	const u64 w0[] = { TARGET, CODE64, 2, 0xb000, 0 };
	const u64 w3[] = { TARGET, UCODE64 | 3, 2, 0xb000, 3 };

	(void)state;
	SYS(SYS_LONG, 0, 0x48, 0xcf);
	sys.mem[TARGET] = 0xf4;
	frame(0x7000, 8, w0, 5);
	stack_at(0x7000);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().ss.selector, 0);
	sys_close();

	SYS(SYS_LONG, 0, 0x48, 0xcf);
	frame(0x7000, 8, w3, 5);
	stack_at(0x7000);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void iret_goes_to_v86_mode_and_int_comes_back(void **state)
{
	const u64 w[] = { 0x10, 0x180, 0x23002, 0xb000, 0x200, 0x1, 0x2, 0x3,
			  0x4 };
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_PROT32, 0, 0xcf);
	/* 0180:0010: mov %ds,%ax; int $0x40 at IOPL 3 */
	memcpy(sys.mem + 0x1810, "\x8c\xd8\xcd\x40", 4);
	sys_gate(false, 0x40, CODE32, S_HANDLERS + 0x40, 14, 3, 0);
	frame(0x7000, 4, w, 9);
	stack_at(0x7000);
	assert_int_equal(sys_vector(), 0x40);
	s = sys_sregs();
	assert_int_equal(box_regs(&sys).rax, 2);
	assert_int_equal(s.cs.selector, CODE32);
	assert_int_equal(rd32(S_RSP0 - 4), 4);         /* GS */
	assert_int_equal(rd32(S_RSP0 - 16), 1);        /* ES */
	assert_int_equal(rd32(S_RSP0 - 20), 0x200);    /* SS */
	assert_int_equal(rd32(S_RSP0 - 28), 0x23002);
	assert_int_equal(rd32(S_RSP0 - 36), 0x14);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_to_ring_0_copies_parameters),
		cmocka_unit_test(retf_releases_parameters_on_both_stacks),
		cmocka_unit_test(a_64_bit_gate_pushes_quadwords_on_rsp0),
		cmocka_unit_test(a_gate_above_its_dpl_is_gp),
		cmocka_unit_test(a_jump_through_a_gate_stays_in_its_ring),
		cmocka_unit_test(far_jumps_check_the_code_segment),
		cmocka_unit_test(a_conforming_segment_keeps_the_ring),
		cmocka_unit_test(a_far_call_and_return_in_one_ring),
		cmocka_unit_test(retf_to_an_inner_ring_is_gp),
		cmocka_unit_test(real_mode_far_calls_push_ip_and_cs),
		cmocka_unit_test(iret_to_ring_3_drops_inner_segments),
		cmocka_unit_test(iret_in_long_mode_always_pops_ss),
		cmocka_unit_test(iret_enters_compatibility_mode),
		cmocka_unit_test(iret_with_nt_in_long_mode_is_gp),
		cmocka_unit_test(iret_to_a_null_stack_is_for_inner_rings_only),
		cmocka_unit_test(iret_goes_to_v86_mode_and_int_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
