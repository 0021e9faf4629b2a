/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/string.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/tcg_sys.h"

static void regs(u64 rax, u64 rcx, u64 rsi, u64 rdi, u64 rflags)
{
	struct kvm_regs r = box_regs(&sys);

	r.rax = rax;
	r.rcx = rcx;
	r.rsi = rsi;
	r.rdi = rdi;
	r.rflags = rflags | 2;
	sys_set_regs(r);
}

static void movs_copies_across_pages(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xa4, 0xf4);
	for (unsigned n = 0; n < 0x3000; n++)
		sys.mem[0x10123 + n] = (u8)(n * 7);
	regs(0, 0x3000, 0x10123, 0x20456, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rsi, 0x13123);
	assert_int_equal(r.rdi, 0x23456);
	assert_memory_equal(sys.mem + 0x10123, sys.mem + 0x20456, 0x3000);
	sys_close();
}

static void an_overlapping_copy_upwards_repeats_a_pattern(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xa4, 0xf4);
	memcpy(sys.mem + 0x10000, "abc", 3);
	regs(0, 9, 0x10000, 0x10003, 0);
	sys_run(KVM_EXIT_HLT);
	assert_memory_equal(sys.mem + 0x10000, "abcabcabcabc", 12);
	sys_close();
}

static void an_element_that_overlaps_itself_is_read_first(void **state)
{
	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0x48, 0xa5, 0xf4);
	memcpy(sys.mem + 0x10000, "0123456789", 10);
	regs(0, 4, 0x10000, 0x10002, 0);
	sys_run(KVM_EXIT_HLT);
	assert_memory_equal(sys.mem + 0x10000, "010123456767", 12);
	sys_close();
}

static void with_df_set_copies_run_downwards(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xa5, 0xf4);
	memcpy(sys.mem + 0x10000, "0123456789ab", 12);
	regs(0, 3, 0x10008, 0x10018, 0x400);
	r = sys_run(KVM_EXIT_HLT);
	assert_memory_equal(sys.mem + 0x10010, "0123456789ab", 12);
	assert_int_equal(r.rsi, 0xfffc);
	assert_int_equal(r.rdi, 0x1000c);
	sys_close();
}

/* REP MOVS of 8 << log2 bits with DF set, beside the same done one by one. */
static void copy_downwards(unsigned log2, u32 from, u32 to, u32 count)
{
	static const u8 code[4][4] = { { 0xf3, 0xa4, 0xf4 },
		{ 0x66, 0xf3, 0xa5, 0xf4 }, { 0xf3, 0xa5, 0xf4 },
		{ 0xf3, 0x48, 0xa5, 0xf4 } };
	const u32 size = 1u << log2;
	static u8 want[0x8000];
	struct kvm_regs r;

	sys_open(SYS_LONG, 0, code[log2], 4);
	for (u32 n = 0; n < sizeof(want); n++)
		sys.mem[0x20000 + n] = want[n] = (u8)(n * 7 ^ n >> 8);
	for (u32 k = 0; k < count; k++)
		memmove(want + to - 0x20000 - k * size,
			want + from - 0x20000 - k * size, size);
	regs(0, count, from, to, 0x400);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rsi, from - count * size);
	assert_int_equal(r.rdi, to - count * size);
	assert_memory_equal(sys.mem + 0x20000, want, sizeof(want));
	sys_close();
}

static void long_copies_downwards_equal_element_by_element(void **state)
{
	static const s32 apart[] = { 0x3000, -0x3000, 1, 3, 8, 17, 100, 0x1000,
				     -1, -3, -8, -17, -100, -0x1000, 0 };

	(void)state;
	for (unsigned log2 = 0; log2 < 4; log2++)
		for (unsigned n = 0; n < ARRAY_LEN(apart); n++) {
			u32 size = 1u << log2, count = 0x2345 >> log2;

			/* whole elements in a page, and one across */
			copy_downwards(log2, 0x26000 - size,
				       (u32)(0x26000 - (s32)size + apart[n] / 2),
				       count / 2);
			copy_downwards(log2, 0x26ffe - size,
				       (u32)(0x26001 - (s32)size + apart[n] / 4),
				       count / 2);
		}
}

static void long_fills_repeat_their_element(void **state)
{
	static const u8 code[3][4] = { { 0x66, 0xf3, 0xab, 0xf4 },
		{ 0xf3, 0xab, 0xf4 }, { 0xf3, 0x48, 0xab, 0xf4 } };
	static const u64 values[] = { 0x1122334455667788, 0xcccccccccccccccc,
				      0xcccccccc, 0, 0xff00 };

	(void)state;
	for (unsigned n = 0; n < 3 * ARRAY_LEN(values); n++) {
		const u64 v = values[n / 3];
		const u32 size = 2u << n % 3, count = 1027, at = 0x20006;

		sys_open(SYS_LONG, 0, code[n % 3], 4);
		memset(sys.mem + 0x20000, 0x5a, 0x3000);
		regs(v, count, 0, at, 0);
		sys_run(KVM_EXIT_HLT);
		for (u32 k = 0; k < count; k++)
			assert_memory_equal(sys.mem + at + k * size, &v, size);
		assert_int_equal(sys.mem[at - 1], 0x5a);
		assert_int_equal(sys.mem[at + count * size], 0x5a);
		sys_close();
	}
}

static void a_fill_downwards_stops_at_the_fault(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0x48, 0xab, 0xf4);
	wr64(S_TABLES + 0x3000 + 0x1f * 8, 0);
	regs(0x1122334455667788, 1000, 0, 0x20ff8, 0x400);
	assert_int_equal(sys_vector(), 14);
	r = box_regs(&sys);
	assert_int_equal(r.rcx, 1000 - 512);
	assert_int_equal(r.rdi, 0x1fff8);
	assert_int_equal(sys_sregs().cr2, 0x1fff8);
	assert_int_equal(rd64(0x20000), 0x1122334455667788);
	assert_int_equal(rd64(0x20ff8), 0x1122334455667788);
	assert_int_equal(rd64(0x21000), 0);
	sys_close();
}

static void downwards_a_segment_begins_at_zero(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* 16-bit: the index wraps to a word beyond the limit's last byte */
	SYS(SYS_PROT16, 0, 0xf3, 0xab, 0xf4);
	regs(0x4142, 10, 0, 7, 0x400);
	assert_int_equal(sys_vector(), 13);
	r = box_regs(&sys);
	assert_int_equal(r.rcx, 10 - 4);
	assert_int_equal(r.rdi, 0xffff);
	assert_int_equal(rd16(1), 0x4142);
	assert_int_equal(rd16(7), 0x4142);
	sys_close();
}

static void a_fault_in_the_middle_shows_what_was_done(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* the MiB of RAM that is mapped ends in the middle */
	SYS(SYS_LONG, 0, 0xf3, 0x48, 0xab, 0xf4);
	regs(0x1122334455667788, 100, 0, 0xfff00, 0);
	assert_int_equal(sys_vector(), 14);
	r = box_regs(&sys);
	assert_int_equal(r.rcx, 100 - 32);
	assert_int_equal(r.rdi, 0x100000);
	assert_int_equal(sys_sregs().cr2, 0x100000);
	assert_int_equal(rd64(0xffff8), 0x1122334455667788);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE);
	sys_close();
}

static void a_segment_limit_stops_a_16_bit_copy(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* stosw up to the end of the segment: 0xffff cannot hold a word */
	SYS(SYS_PROT16, 0, 0xf3, 0xab, 0xf4);
	regs(0x4142, 100, 0, 0xfff1, 0);
	assert_int_equal(sys_vector(), 13);
	r = box_regs(&sys);
	assert_int_equal(r.rcx, 100 - 7);
	assert_int_equal(r.rdi, 0xffff);
	sys_close();
}

static void sixteen_bit_indices_wrap(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_REAL, 0, 0xf3, 0xaa, 0xf4);
	regs(0x41, 0x20, 0, 0xfff0, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rdi, 0x10);
	assert_int_equal(sys.mem[0xffff], 0x41);
	assert_int_equal(sys.mem[0xf], 0x41);
	sys_close();
}

static void scas_stops_at_the_match(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf2, 0xae, 0xf4);
	memcpy(sys.mem + 0x10000, "hello", 6);
	regs(0, ~0ull, 0, 0x10000, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rdi, 0x10006);
	assert_int_equal(r.rcx, ~6ull);
	assert_int_equal(r.rflags & 0x40, 0x40);
	sys_close();
}

static void cmps_stops_at_the_difference(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xa6, 0xf4);
	memcpy(sys.mem + 0x10000, "abcd", 4);
	memcpy(sys.mem + 0x11000, "abxd", 4);
	regs(0, 4, 0x10000, 0x11000, 0);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rcx, 1);
	assert_int_equal(r.rflags & 0x41, 1);          /* c < x */
	sys_close();
}

static void a_count_of_zero_touches_nothing(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xa6, 0xf4);
	regs(0, 0, 0x900000, 0x900000, 0x40);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rflags & 0x40, 0x40);
	sys_close();
}

static void trap_flag_stops_between_iterations(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0xaa, 0xf4);
	regs(0x55, 5, 0, 0x10000, 0x100);
	assert_int_equal(sys_vector(), 1);
	r = box_regs(&sys);
	assert_int_equal(r.rcx, 4);
	assert_int_equal(r.rdi, 0x10001);
	assert_int_equal(rd64(S_STACK - 40), BOX_CODE);
	sys_close();
}

/* --- ports --------------------------------------------------------------------------- */

static void *io_data(void)
{
	return (u8 *)sys.run + sys.run->io.data_offset;
}

static void rep_ins_asks_for_every_element(void **state)
{
	struct kvm_regs r = { .rip = BOX_CODE, .rsp = S_STACK, .rdx = 0x60,
			      .rcx = 3, .rdi = 0x10000, .rflags = 2 };
	unsigned got = 0;

	(void)state;
	SYS(SYS_LONG, 0, 0xf3, 0x6c, 0xf4);
	sys_set_regs(r);
	for (;;) {
		assert_int_equal(box_run(&sys), 0);
		if (sys.run->exit_reason == KVM_EXIT_HLT)
			break;
		assert_int_equal(sys.run->exit_reason, KVM_EXIT_IO);
		assert_int_equal(sys.run->io.port, 0x60);
		for (unsigned n = 0; n < sys.run->io.count; n++)
			((u8 *)io_data())[n] = (u8)('a' + got++);
	}
	assert_int_equal(got, 3);
	assert_memory_equal(sys.mem + 0x10000, "abc", 3);
	assert_int_equal(box_regs(&sys).rdi, 0x10003);
	sys_close();
}

static void ins_checks_its_store_before_the_port(void **state)
{
	struct kvm_regs r = { .rip = BOX_CODE, .rsp = S_STACK, .rdx = 0x60,
			      .rdi = 0x900000, .rflags = 2 };

	(void)state;
	SYS(SYS_LONG, 0, 0x6c, 0xf4);
	sys_set_regs(r);
	assert_int_equal(sys_vector(), 14);
	sys_close();
}

static void in_and_out_use_the_accumulator(void **state)
{
	struct kvm_regs r;

	(void)state;
	/* in $0x70,%al; out %eax,%dx; hlt */
	SYS(SYS_LONG, 0, 0xe4, 0x70, 0xef, 0xf4);
	regs(0x11223344, 0, 0, 0, 0);
	r = sys_run(KVM_EXIT_IO);
	assert_int_equal(sys.run->io.direction, KVM_EXIT_IO_IN);
	*(u8 *)io_data() = 0x99;
	sys_run(KVM_EXIT_IO);
	assert_int_equal(sys.run->io.direction, KVM_EXIT_IO_OUT);
	assert_int_equal(sys.run->io.size, 4);
	assert_int_equal(*(u32 *)io_data(), 0x11223399);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rip, BOX_CODE + 4);
	sys_close();
}

/* repne scasb and repe cmpsb, downwards from one page into the one below. */
static void with_df_set_comparisons_run_downwards(void **state)
{
	struct kvm_regs r;

	(void)state;
	SYS(SYS_LONG, 0, 0xf2, 0xae, 0xf4);
	memset(sys.mem + 0x10000, 'x', 0x2000);
	sys.mem[0x10f00] = 0;
	regs(0, 0x2000, 0, 0x11012, 0x400);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rdi, 0x10eff);
	assert_int_equal(r.rcx, 0x2000 - (0x11012 - 0x10eff));
	sys_close();
	SYS(SYS_LONG, 0, 0xf3, 0xa6, 0xf4);
	memset(sys.mem + 0x10000, 'x', 0x6000);
	sys.mem[0x14f00] = 'y';
	regs(0, 0x1800, 0x11012, 0x15012, 0x400);
	r = sys_run(KVM_EXIT_HLT);
	assert_int_equal(r.rsi, 0x10eff);
	assert_int_equal(r.rdi, 0x14eff);
	assert_int_equal(r.rcx, 0x1800 - (0x15012 - 0x14eff));
	assert_int_equal(r.rflags & 0x41, 1);          /* x < y: CF, not ZF */
	sys_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(movs_copies_across_pages),
		cmocka_unit_test(an_overlapping_copy_upwards_repeats_a_pattern),
		cmocka_unit_test(
			an_element_that_overlaps_itself_is_read_first),
		cmocka_unit_test(with_df_set_copies_run_downwards),
		cmocka_unit_test(with_df_set_comparisons_run_downwards),
		cmocka_unit_test(
			long_copies_downwards_equal_element_by_element),
		cmocka_unit_test(long_fills_repeat_their_element),
		cmocka_unit_test(a_fill_downwards_stops_at_the_fault),
		cmocka_unit_test(downwards_a_segment_begins_at_zero),
		cmocka_unit_test(a_fault_in_the_middle_shows_what_was_done),
		cmocka_unit_test(a_segment_limit_stops_a_16_bit_copy),
		cmocka_unit_test(sixteen_bit_indices_wrap),
		cmocka_unit_test(scas_stops_at_the_match),
		cmocka_unit_test(cmps_stops_at_the_difference),
		cmocka_unit_test(a_count_of_zero_touches_nothing),
		cmocka_unit_test(trap_flag_stops_between_iterations),
		cmocka_unit_test(rep_ins_asks_for_every_element),
		cmocka_unit_test(ins_checks_its_store_before_the_port),
		cmocka_unit_test(in_and_out_use_the_accumulator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
