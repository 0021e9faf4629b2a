/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/system.c, interp_cr.c, interp_sys.c,
 * interp_syscall.c and interp_eflags.c, as a guest sees them. */
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

static void rflags_are(u64 v)
{
	struct kvm_regs r = box_regs(&sys);

	r.rflags = v | 2;
	sys_set_regs(r);
}

static u32 gp_code(void)
{
	assert_int_equal(sys_vector(), 13);
	return rd32((u32)box_regs(&sys).rsp);
}

/* --- reset -------------------------------------------------------------------- */

static void the_first_instruction_is_at_fffffff0(void **state)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	int sysfd, vm, cpu;

	(void)state;
	sysfd = mote_kvm_provider.open();
	vm = box_io(sysfd, KVM_CREATE_VM, NULL);
	cpu = box_io(vm, KVM_CREATE_VCPU, NULL);
	assert_true(cpu >= 0);
	assert_int_equal(box_io(cpu, KVM_GET_SREGS, &s), 0);
	assert_int_equal(box_io(cpu, KVM_GET_REGS, &r), 0);
	assert_int_equal(s.cs.base, 0xffff0000);
	assert_int_equal(s.cs.selector, 0xf000);
	assert_int_equal(r.rip, 0xfff0);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(s.cr0, 0x60000010);
	assert_int_equal(s.idt.limit, 0xffff);
	mote_kvm_provider.close(cpu);
	mote_kvm_provider.close(vm);
	mote_kvm_provider.close(sysfd);
}

/* --- control registers ---------------------------------------------------------- */

static void write_cr(enum sys_mode m, u8 cr, u64 v)
{
	u8 code[] = { 0x0f, 0x22, (u8)(0xc0 | cr << 3), 0xf4 };

	sys_open(m, 0, code, sizeof(code));
	rax_is(v);
}

static void cr0_combinations_that_are_gp(void **state)
{
	static const u64 bad[] = { 0x80000010, 0x20000011, 0x100000011 };

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		write_cr(SYS_PROT32, 0, bad[n]);
		assert_int_equal(gp_code(), 0);
		assert_int_equal(sys_sregs().cr0 & 1, 1);
		sys_close();
		if (n == 1)
			break;         /* 32-bit code cannot set bit 32 */
	}
	write_cr(SYS_LONG, 0, bad[2]);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void paging_cannot_end_in_64_bit_code(void **state)
{
	(void)state;
	write_cr(SYS_LONG, 0, 0x11);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void enabling_paging_with_lme_turns_long_mode_on(void **state)
{
	struct kvm_sregs s;

	(void)state;
	write_cr(SYS_PROT32, 0, 0x80000011);
	s = sys_sregs();
	s.efer = 0x100;
	s.cr4 = 0x20;
	s.cr3 = S_TABLES;
	sys_set_sregs(&s);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().efer, 0x500);
	sys_close();
}

static void paging_with_lme_needs_pae(void **state)
{
	struct kvm_sregs s;

	(void)state;
	write_cr(SYS_PROT32, 0, 0x80000011);
	s = sys_sregs();
	s.efer = 0x100;
	sys_set_sregs(&s);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

/* PAE paging: MOV to CR3 loads four entries, and not those that are wrong. */
static void bad_pdptes_are_gp(void **state)
{
	enum { TOP = 0x60000, NEW = 0x60020 };
	struct kvm_sregs s;

	(void)state;
	for (unsigned bad = 0; bad < 2; bad++) {
		write_cr(SYS_PROT32, 3, NEW);
		s = sys_sregs();
		wr64(TOP, 0x61001);
		wr64(NEW, 0x61001);
		wr64(NEW + 24, bad ? 0x62003 : 0x62002);
		wr64(0x61000, 0x83);           /* 2 MiB at 0 */
		s.cr4 = 0x20;
		s.cr3 = TOP;
		s.cr0 |= 0x80000000;
		sys_set_sregs(&s);
		if (bad) {
			assert_int_equal(gp_code(), 0);
			assert_int_equal(sys_sregs().cr3, TOP);
		} else {
			sys_run(KVM_EXIT_HLT);
			assert_int_equal(sys_sregs().cr3, NEW);
		}
		sys_close();
	}
}

static void reserved_cr4_bits_are_gp(void **state)
{
	(void)state;
	write_cr(SYS_LONG, 4, 0x20 | 1ull << 40);
	assert_int_equal(gp_code(), 0);
	sys_close();
	write_cr(SYS_LONG, 4, 0);                      /* PAE in long mode */
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void cr8_has_four_bits(void **state)
{
	/* mov %rax,%cr8; mov %cr8,%rcx; hlt */
	static const u8 code[] = { 0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x20,
				   0xc1, 0xf4 };

	(void)state;
	sys_open(SYS_LONG, 0, code, sizeof(code));
	rax_is(9);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rcx, 9);
	sys_close();
	sys_open(SYS_LONG, 0, code, sizeof(code));
	rax_is(16);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void lock_makes_cr0_cr8_where_cpuid_says_so(void **state)
{
	/* lock mov %eax,%cr0; lock mov %cr0,%ecx; hlt */
	static const u8 code[] = { 0xf0, 0x0f, 0x22, 0xc0, 0xf0, 0x0f, 0x20,
				   0xc1, 0xf4 };

	(void)state;
	sys_open(SYS_PROT32, 0, code, sizeof(code));
	rax_is(5);
	assert_int_equal(sys_vector(), 6);
	sys_close();

	sys_open(SYS_PROT32, 0, code, sizeof(code));
	if (!sys_cpuid_bit(0x80000001, 2, 4)) {
		sys_close();
		skip();
	}
	rax_is(5);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rcx, 5);
	assert_int_equal(sys_sregs().cr8, 5);
	sys_close();
}

static void lmsw_cannot_clear_pe(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x0f, 0x01, 0xf0, 0xf4);
	rax_is(0xfff8);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().cr0 & 0x1f, 0x19);
	sys_close();
}

/* --- debug registers --------------------------------------------------------------- */

static void dr4_is_dr6_until_de(void **state)
{
	struct kvm_sregs s;

	(void)state;
	/* mov %dr4,%rcx; hlt */
	SYS(SYS_LONG, 0, 0x0f, 0x21, 0xe1, 0xf4);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rcx, 0xffff0ff0);
	sys_close();
	SYS(SYS_LONG, 0, 0x0f, 0x21, 0xe1, 0xf4);
	s = sys_sregs();
	s.cr4 |= 8;
	sys_set_sregs(&s);
	assert_int_equal(sys_vector(), 6);
	sys_close();
}

static void general_detect_faults_and_is_cleared(void **state)
{
	struct kvm_debugregs d = { .dr6 = 0xffff0ff0, .dr7 = 0x2400 };

	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x21, 0xc1, 0xf4);
	assert_int_equal(box_io(sys.cpu, KVM_SET_DEBUGREGS, &d), 0);
	assert_int_equal(sys_vector(), 1);
	assert_int_equal(box_io(sys.cpu, KVM_GET_DEBUGREGS, &d), 0);
	assert_int_equal(d.dr6, 0xffff2ff0);
	assert_int_equal(d.dr7, 0x400);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE);
	sys_close();
}

static void upper_bits_of_dr7_are_gp(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x23, 0xf8, 0xf4);
	rax_is(1ull << 32);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

/* --- descriptor-table registers ------------------------------------------------------- */

static void lgdt_takes_24_bits_with_16_bit_operands(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_REAL, 0, 0x0f, 0x01, 0x16, 0, 0x60, 0xf4);
	wr16(0x6000, 0x1234);
	wr32(0x6002, 0x89abcdef);
	sys_run(KVM_EXIT_HLT);
	s = sys_sregs();
	assert_int_equal(s.gdt.base, 0xabcdef);
	assert_int_equal(s.gdt.limit, 0x1234);
	sys_close();
}

static void sidt_stores_ten_bytes_in_64_bit_code(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x01, 0x0c, 0x25, 0, 0x60, 0, 0, 0xf4);
	wr64(0x6008, ~0ull);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(rd16(0x6000), 0xfff);
	assert_int_equal(rd64(0x6002), S_IDT);
	assert_int_equal(rd16(0x600a), 0xffff);
	sys_close();
}

static void ltr_marks_the_tss_busy(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x00, 0xd8, 0xf4);
	sys_gdt(FREE, sys_desc(S_TSS, 0x67, 0x89));
	sys_gdt(FREE + 8, 0x12);
	rax_is(FREE);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys.mem[S_GDT + FREE + 5], 0x8b);
	assert_int_equal(sys_sregs().tr.base, 0x1200000000 | S_TSS);
	assert_int_equal(sys_sregs().tr.type, 11);
	sys_close();

	SYS(SYS_LONG, 0, 0x0f, 0x00, 0xd8, 0xf4);      /* busy already */
	sys_gdt(FREE, sys_desc(S_TSS, 0x67, 0x8b));
	rax_is(FREE);
	assert_int_equal(gp_code(), FREE);
	sys_close();
}

static void lldt_wants_an_ldt_of_the_gdt(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0x0f, 0x00, 0xd0, 0xf4);
	rax_is(LDT_SEL);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().ldt.base, S_LDT);
	sys_close();
	SYS(SYS_PROT32, 0, 0x0f, 0x00, 0xd0, 0xf4);
	rax_is(DATA0);
	assert_int_equal(gp_code(), DATA0);
	sys_close();
}

static void ring_3_may_not(void **state)
{
	static const u8 code[][4] = {
		{ 0xf4 }, { 0x0f, 0x01, 0x10 }, { 0x0f, 0x20, 0xc0 },
		{ 0x0f, 0x30 }, { 0x0f, 0x32 }, { 0x0f, 0x06 },
		{ 0x0f, 0x08 }, { 0xfa }, { 0xfb }, { 0xe4, 0x80 },
		{ 0x0f, 0x00, 0xd8 }, { 0x0f, 0x21, 0xc0 }, { 0x0f, 0x35 },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(code); n++) {
		sys_open(SYS_LONG, 3, code[n], 4);
		assert_int_equal(gp_code(), 0);
		assert_int_equal(rd64(S_RSP0 - 40), BOX_CODE);
		sys_close();
	}
}

/* --- SYSCALL, SYSRET, SYSENTER, SYSEXIT ---------------------------------------------------- */

static void set_msr(u32 index, u64 v)
{
	struct { struct kvm_msrs h; struct kvm_msr_entry e; } m = {
		.h.nmsrs = 1, .e = { .index = index, .data = v },
	};

	assert_int_equal(box_io(sys.cpu, KVM_SET_MSRS, &m), 1);
}

static void enable_syscall(void)
{
	struct kvm_sregs s = sys_sregs();

	s.efer |= 1;
	sys_set_sregs(&s);
	set_msr(0xc0000081, (u64)(UCODE32 | 3) << 48 | (u64)CODE64 << 32);
	set_msr(0xc0000082, 0x1800);
	set_msr(0xc0000084, 0x200);
}

static void syscall_enters_at_lstar_and_sysret_leaves(void **state)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	(void)state;
	/* syscall; hlt (ring 3: #GP) */
	SYS(SYS_LONG, 3, 0x0f, 0x05, 0xf4);
	memcpy(sys.mem + 0x1800, "\x48\x0f\x07", 3);
	enable_syscall();
	rflags_are(0x3202);
	assert_int_equal(gp_code(), 0);
	r = box_regs(&sys);
	s = sys_sregs();
	assert_int_equal(r.rcx, BOX_CODE + 2);
	assert_int_equal(r.r11, 0x3202);
	assert_int_equal(s.cs.selector, CODE64);
	assert_int_equal(rd64(S_RSP0 - 40), BOX_CODE + 2);
	assert_int_equal(rd64(S_RSP0 - 32), UCODE64 | 3);
	assert_int_equal(rd64(S_RSP0 - 24), 0x13202);
	assert_int_equal(rd64(S_RSP0 - 8), UDATA | 3);
	sys_close();
}

static void syscall_masks_rflags(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 3, 0x0f, 0x05);
	sys.mem[0x1800] = 0xf4;
	enable_syscall();
	rflags_are(0x3202);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rflags, 0x3002);
	assert_int_equal(sys_sregs().ss.selector, CODE64 + 8);
	sys_close();
}

static void syscall_without_sce_is_ud(void **state)
{
	(void)state;
	SYS(SYS_LONG, 3, 0x0f, 0x05);
	assert_int_equal(sys_vector(), 6);
	sys_close();
}

static void sysenter_and_sysexit(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_PROT32, 3, 0x0f, 0x34);
	set_msr(0x174, CODE32);
	set_msr(0x175, 0xd000);
	set_msr(0x176, 0x1800);
	sys.mem[0x1800] = 0xf4;
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, 0x1801);
	assert_int_equal(r.rsp, 0xd000);
	assert_int_equal(sys_sregs().cs.selector, CODE32);
	assert_int_equal(sys_sregs().ss.selector, CODE32 + 8);
	sys_close();

	SYS(SYS_PROT32, 3, 0x0f, 0x34);                /* CS of 0 */
	assert_int_equal(gp_code(), 0);
	sys_close();
}

/* --- flags ---------------------------------------------------------------------------------- */

static void popf_in_ring_3_keeps_if_and_iopl(void **state)
{
	(void)state;
	/* push $0; popf; hlt */
	SYS(SYS_LONG, 3, 0x6a, 0, 0x9d, 0xf4);
	rflags_are(0x200 | 0x0cd5);
	assert_int_equal(gp_code(), 0);
	assert_int_equal(rd64(S_RSP0 - 24), 0x10202);
	sys_close();
}

static void pushf_hides_rf_and_vm(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0x9c, 0xf4);
	rflags_are(0x10000 | 0x40);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(rd64(S_STACK - 8), 0x42);
	sys_close();
}

static void int3_and_into_are_traps(void **state)
{
	(void)state;
	SYS(SYS_PROT32, 0, 0xcc);
	assert_int_equal(sys_vector(), 3);
	assert_int_equal(rd32(S_STACK - 12), BOX_CODE + 1);
	sys_close();
	SYS(SYS_PROT32, 0, 0xce, 0xf4);
	rflags_are(0x800);
	assert_int_equal(sys_vector(), 4);
	assert_int_equal(rd32(S_STACK - 12), BOX_CODE + 1);
	sys_close();
	SYS(SYS_PROT32, 0, 0xce, 0xf4);
	assert_int_equal(sys_run(KVM_EXIT_HLT).rip, BOX_CODE + 2);
	sys_close();
	SYS(SYS_PROT32, 3, 0xf1);              /* INT1: no DPL check */
	assert_int_equal(sys_vector(), 1);
	sys_close();
}

static void stac_and_clac_steer_smap(void **state)
{
	struct kvm_sregs s;

	(void)state;
	/* stac; mov 0x6000,%al; clac; mov 0x6000,%al: a user page */
	SYS(SYS_LONG, 0, 0x0f, 0x01, 0xcb, 0x8a, 0x04, 0x25, 0, 0x60, 0, 0,
	    0x0f, 0x01, 0xca, 0x8a, 0x04, 0x25, 0, 0x60, 0, 0, 0xf4);
	sys_cpuid();
	s = sys_sregs();
	s.cr4 |= 1 << 21;
	/* kernel pages but for the one at 0x6000 */
	for (unsigned n = 0; n < 256; n++)
		if (n != 6)
			wr64(S_TABLES + 0x3000 + n * 8, (u64)n << 12 | 3);
	sys_set_sregs(&s);
	assert_int_equal(sys_vector(), 14);
	assert_int_equal(rd64(S_STACK - 48), 1);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE + 13);
	sys_close();
}

/* --- the rest --------------------------------------------------------------------------------- */

static void swapgs_exchanges_the_bases(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x01, 0xf8, 0xf4);
	set_msr(0xc0000102, 0x123456789000);
	s = sys_sregs();
	s.gs.base = 0x7000;
	sys_set_sregs(&s);
	sys_run(KVM_EXIT_HLT);
	assert_int_equal(sys_sregs().gs.base, 0x123456789000);
	sys_close();
}

static void rdtsc_obeys_tsd(void **state)
{
	struct kvm_sregs s;

	(void)state;
	SYS(SYS_LONG, 3, 0x0f, 0x31);
	s = sys_sregs();
	s.cr4 |= 4;
	sys_set_sregs(&s);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

static void hypercalls_are_answered_with_enosys(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x01, 0xd9, 0xf4);
	assert_int_equal((s64)sys_run(KVM_EXIT_HLT).rax, -1000);
	sys_close();
}

static void an_unknown_msr_is_gp(void **state)
{
	struct kvm_regs r = { .rip = BOX_CODE, .rsp = S_STACK, .rflags = 2,
			      .rcx = 0x12345678 };

	(void)state;
	SYS(SYS_LONG, 0, 0x0f, 0x32);
	sys_set_regs(r);
	assert_int_equal(gp_code(), 0);
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_instruction_is_at_fffffff0),
		cmocka_unit_test(cr0_combinations_that_are_gp),
		cmocka_unit_test(paging_cannot_end_in_64_bit_code),
		cmocka_unit_test(enabling_paging_with_lme_turns_long_mode_on),
		cmocka_unit_test(paging_with_lme_needs_pae),
		cmocka_unit_test(bad_pdptes_are_gp),
		cmocka_unit_test(reserved_cr4_bits_are_gp),
		cmocka_unit_test(cr8_has_four_bits),
		cmocka_unit_test(lock_makes_cr0_cr8_where_cpuid_says_so),
		cmocka_unit_test(lmsw_cannot_clear_pe),
		cmocka_unit_test(dr4_is_dr6_until_de),
		cmocka_unit_test(general_detect_faults_and_is_cleared),
		cmocka_unit_test(upper_bits_of_dr7_are_gp),
		cmocka_unit_test(lgdt_takes_24_bits_with_16_bit_operands),
		cmocka_unit_test(sidt_stores_ten_bytes_in_64_bit_code),
		cmocka_unit_test(ltr_marks_the_tss_busy),
		cmocka_unit_test(lldt_wants_an_ldt_of_the_gdt),
		cmocka_unit_test(ring_3_may_not),
		cmocka_unit_test(syscall_enters_at_lstar_and_sysret_leaves),
		cmocka_unit_test(syscall_masks_rflags),
		cmocka_unit_test(syscall_without_sce_is_ud),
		cmocka_unit_test(sysenter_and_sysexit),
		cmocka_unit_test(popf_in_ring_3_keeps_if_and_iopl),
		cmocka_unit_test(pushf_hides_rf_and_vm),
		cmocka_unit_test(int3_and_into_are_traps),
		cmocka_unit_test(stac_and_clac_steer_smap),
		cmocka_unit_test(swapgs_exchanges_the_bases),
		cmocka_unit_test(rdtsc_obeys_tsd),
		cmocka_unit_test(hypercalls_are_answered_with_enosys),
		cmocka_unit_test(an_unknown_msr_is_gp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
