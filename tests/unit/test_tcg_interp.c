/* SPDX-License-Identifier: MIT */
/* Unit test: tcg-plugin/x86/interp.c and the handlers of interp_*.c that
 * tests/insn cannot compare with the host: LOCK, faults, order of commits. */
#include "tests/unit/tcg_insn.h"

static struct insn block[8];

static unsigned decode(const u8 *code, unsigned len, unsigned bits)
{
	unsigned n = 0, at = 0;

	while (at < len) {
		at += insn_decode(&block[n], code + at, 15, bits);
		n++;
	}
	return n;
}

/* --- the block loop --------------------------------------------------------------- */

static void a_block_runs_to_its_end(void **state)
{
	/* inc %eax; inc %eax; jmp .+2 */
	static const u8 code[20] = { 0xff, 0xc0, 0xff, 0xc0, 0xeb, 2 };
	struct x86_cpu *c = fresh();

	(void)state;
	assert_int_equal(x86_run_block(c, block, decode(code, 6, 64)),
			 LEAVE_NONE);
	assert_int_equal(c->r[RAX], 2);
	assert_int_equal(c->rip, 0x400008);
	assert_int_equal(c->n_insn, 3);
}

static void a_request_stops_it_after_the_instruction(void **state)
{
	static const u8 code[20] = { 0xff, 0xc0, 0xff, 0xc0, 0x90 };
	struct x86_cpu *c = fresh();

	(void)state;
	c->request = REQ_EXIT;
	assert_int_equal(x86_run_block(c, block, decode(code, 5, 64)),
			 LEAVE_AGAIN);
	assert_int_equal(c->r[RAX], 1);
	assert_int_equal(c->rip, 0x400002);
	assert_int_equal(c->request, REQ_EXIT);
}

static void the_interrupt_shadow_lasts_one_instruction(void **state)
{
	static const u8 code[20] = { 0xff, 0xc0, 0xff, 0xc0, 0x90 };
	struct x86_cpu *c = fresh();

	(void)state;
	c->shadow = 1;
	assert_int_equal(x86_run_block(c, block, decode(code, 5, 64)),
			 LEAVE_AGAIN);
	assert_int_equal(c->r[RAX], 1);
	assert_int_equal(c->shadow, 0);
}

static void a_block_that_jumps_to_itself_stays_in_the_loop(void **state)
{
	/* 1: inc %eax; cmp %ecx,%eax; jne 1b */
	static const u8 code[20] = { 0xff, 0xc0, 0x39, 0xc8, 0x75, 0xfa };
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RCX] = 10;
	assert_int_equal(x86_run_block(c, block, decode(code, 6, 64)),
			 LEAVE_NONE);
	assert_int_equal(c->r[RAX], 10);
	assert_int_equal(c->rip, 0x400006);
	assert_int_equal(c->n_insn, 30);
}

/* Run a block that leaves by x86_exit. */
static __attribute__((noinline)) void run_out(struct x86_cpu *c, unsigned n)
{
	if (sigsetjmp(c->unwind, 0))
		return;
	x86_run_block(c, block, n);
	fail();
}

static void a_fault_leaves_rip_on_its_instruction(void **state)
{
	static const u8 code[20] = { 0xff, 0xc0, 0xf7, 0xf1, 0x90 };
	struct x86_cpu *c = fresh();

	(void)state;
	run_out(c, decode(code, 5, 64));
	assert_int_equal(c->leave, LEAVE_EXCEPTION);
	assert_int_equal(c->exc.vec, EXC_DE);
	assert_int_equal(c->rip, 0x400002);
	assert_int_equal(c->r[RAX], 1);
}

/* RF covers one instruction, and HLT is one that completes: a breakpoint on
 * what follows must hit. */
static void rf_does_not_outlive_hlt(void **state)
{
	static const u8 code[20] = { 0xf4 };
	struct x86_cpu *c = fresh();

	(void)state;
	c->rflags |= FL_RF;
	run_out(c, decode(code, 1, 64));
	assert_int_equal(c->leave, LEAVE_HLT);
	assert_int_equal(c->rip, 0x400001);
	assert_int_equal(c->rflags & FL_RF, 0);
}

static void a_single_step_trap_ends_a_halt(void **state)
{
	static const u8 code[20] = { 0xf4 };
	struct x86_cpu *c = fresh();

	(void)state;
	c->rflags |= FL_TF;
	run_out(c, decode(code, 1, 64));
	assert_int_equal(c->leave, LEAVE_EXCEPTION);
	assert_int_equal(c->exc.vec, EXC_DB);
	assert_true(c->exc.payload == BIT(14));
	assert_int_equal(c->rip, 0x400001);
}

static void eip_wraps_at_4_gib_outside_64_bit_code(void **state)
{
	static const u8 code[20] = { 0x90 };
	struct x86_cpu *c = fresh();

	(void)state;
	c->seg[CS].attr = (c->seg[CS].attr & ~(u32)SEG_L) | SEG_DB;
	x86_update_mode(c);
	c->rip = 0xffffffff;
	decode(code, 1, 32);
	x86_run_block(c, block, 1);
	assert_int_equal(c->rip, 0);
}

/* --- checks ------------------------------------------------------------------------- */

static void a_missing_feature_is_ud(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	assert_int_equal(RUN(c, "\xf3\x0f\xb8\xc1"), NO_FAULT);
	c = fresh();
	c->feats &= ~(1ull << FEAT_POPCNT);
	assert_int_equal(RUN(c, "\xf3\x0f\xb8\xc1"), EXC_UD);
}

static void simd_needs_osfxsr_and_no_ts(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, "\x0f\x57\xc0"), EXC_NM);
	c = fresh();
	c->cr4 &= ~(u64)CR4_OSFXSR;
	assert_int_equal(RUN(c, "\x0f\x57\xc0"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_EM;
	assert_int_equal(RUN(c, "\x0f\x57\xc0"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_EM;
	assert_int_equal(RUN(c, "\xd9\xe8"), EXC_NM);
}

static void tzcnt_is_bsf_without_bmi1(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->feats &= ~(1ull << FEAT_BMI1);
	c->r[RAX] = 7;
	c->r[RCX] = 0;
	assert_int_equal(RUN(c, "\xf3\x0f\xbc\xc1"), NO_FAULT);
	assert_int_equal(c->r[RAX], 7);
	assert_true(x86_rflags(c) & FL_ZF);
}

static void alignment_is_checked_in_ring_3_with_ac(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->align_check = 1;
	c->r[RBX] = PAGE + 1;
	assert_int_equal(RUN(c, "\x8b\x03"), EXC_AC);
	assert_int_equal(RUN(c, "\x8a\x03"), NO_FAULT);
	c->r[RBX] = PAGE + 2;
	assert_int_equal(RUN(c, "\x66\x8b\x03"), NO_FAULT);
	assert_int_equal(RUN(c, "\x48\x8b\x03"), EXC_AC);
}

/* --- nothing is committed before the last access --------------------------------------- */

static void a_push_that_faults_keeps_rsp(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->align_check = 1;
	c->r[RSP] = PAGE + 0x101;
	assert_int_equal(RUN(c, "\x50"), EXC_AC);
	assert_int_equal(c->r[RSP], PAGE + 0x101);
}

static void pop_to_memory_addresses_with_the_new_rsp(void **state)
{
	struct x86_cpu *c = fresh();
	u64 v = 0x1122334455667788;

	(void)state;
	memcpy(page + 0x100, &v, 8);
	c->r[RSP] = PAGE + 0x100;
	assert_int_equal(RUN(c, "\x8f\x04\x24"), NO_FAULT);    /* pop (%rsp) */
	assert_int_equal(c->r[RSP], PAGE + 0x108);
	assert_memory_equal(page + 0x108, &v, 8);
}

static void enter_builds_nested_frames(void **state)
{
	struct x86_cpu *c = fresh();
	u64 v[3] = { 0 };

	(void)state;
	c->r[RSP] = PAGE + 0x100;
	c->r[RBP] = PAGE + 0x200;
	v[0] = 0x1234;
	memcpy(page + 0x1f8, v, 8);
	assert_int_equal(RUN(c, "\xc8\x10\x00\x02"), NO_FAULT);
	memcpy(v, page + 0xe8, 24);
	assert_int_equal(v[2], PAGE + 0x200);
	assert_int_equal(v[1], 0x1234);
	assert_int_equal(v[0], PAGE + 0xf8);
	assert_int_equal(c->r[RBP], PAGE + 0xf8);
	assert_int_equal(c->r[RSP], PAGE + 0xe8 - 0x10);
	assert_int_equal(RUN(c, "\xc9"), NO_FAULT);
	assert_int_equal(c->r[RSP], PAGE + 0x100);
	assert_int_equal(c->r[RBP], PAGE + 0x200);
}

/* --- LOCK ------------------------------------------------------------------------------- */

static u32 word(void)
{
	u32 v;

	memcpy(&v, page, 4);
	return v;
}

static void locked_operations_work_on_memory(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RAX] = 5;
	assert_int_equal(RUN(c, "\xf0\x01\x03"), NO_FAULT);    /* add */
	assert_int_equal(word(), 5);
	assert_int_equal(RUN(c, "\xf0\x0f\xc1\x03"), NO_FAULT);/* xadd */
	assert_int_equal(word(), 10);
	assert_int_equal(c->r[RAX], 5);
	assert_int_equal(RUN(c, "\xf0\xff\x0b"), NO_FAULT);    /* dec */
	assert_int_equal(word(), 9);
	c->r[RAX] = 9;
	c->r[RCX] = 77;
	assert_int_equal(RUN(c, "\xf0\x0f\xb1\x0b"), NO_FAULT);/* cmpxchg */
	assert_int_equal(word(), 77);
	assert_true(x86_rflags(c) & FL_ZF);
	assert_int_equal(RUN(c, "\xf0\x0f\xb1\x0b"), NO_FAULT);
	assert_int_equal(c->r[RAX], 77);
	assert_false(x86_rflags(c) & FL_ZF);
}

static void locked_bit_operations_reach_beyond_the_operand(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RAX] = 100;
	assert_int_equal(RUN(c, "\xf0\x0f\xab\x03"), NO_FAULT);/* bts */
	assert_int_equal(page[12], 1 << 4);
	assert_false(x86_rflags(c) & FL_CF);
	assert_int_equal(RUN(c, "\xf0\x0f\xb3\x03"), NO_FAULT);/* btr */
	assert_int_equal(page[12], 0);
	assert_true(x86_rflags(c) & FL_CF);
	c->r[RBX] = PAGE + 16;
	c->r[RAX] = (u64)-1;
	assert_int_equal(RUN(c, "\xf0\x48\x0f\xbb\x03"), NO_FAULT);
	assert_int_equal(page[15], 0x80);
}

static void cmpxchg16b_wants_16_byte_alignment(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RBX] = PAGE + 8;
	assert_int_equal(RUN(c, "\xf0\x48\x0f\xc7\x0b"), EXC_GP);
	c->r[RBX] = PAGE;
	c->r[RAX] = c->r[RDX] = 0;
	c->r[RCX] = 5;
	assert_int_equal(RUN(c, "\xf0\x48\x0f\xc7\x0b"), NO_FAULT);
	assert_int_equal(page[8], 5);
	assert_true(x86_rflags(c) & FL_ZF);
}

static void xchg_with_memory_swaps(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	page[0] = 9;
	c->r[RAX] = 0x1100;
	assert_int_equal(RUN(c, "\x86\x23"), NO_FAULT);        /* %ah */
	assert_int_equal(c->r[RAX], 0x900);
	assert_int_equal(page[0], 0x11);
}

/* --- division ------------------------------------------------------------------------------ */

static void quotients_that_do_not_fit_are_de(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RDX] = 5;
	c->r[RCX] = 5;
	assert_int_equal(RUN(c, "\x48\xf7\xf1"), EXC_DE);
	c->r[RDX] = 4;
	assert_int_equal(RUN(c, "\x48\xf7\xf1"), NO_FAULT);
	c->r[RAX] = 0;
	c->r[RDX] = 1ull << 63;
	c->r[RCX] = ~0ull;
	assert_int_equal(RUN(c, "\x48\xf7\xf9"), EXC_DE);
	c->r[RAX] = 0x80;
	c->r[RCX] = 0xff;
	assert_int_equal(RUN(c, "\xf6\xf9"), NO_FAULT);        /* 128 / -1 */
	assert_int_equal((u8)c->r[RAX], 0x80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_runs_to_its_end),
		cmocka_unit_test(a_request_stops_it_after_the_instruction),
		cmocka_unit_test(the_interrupt_shadow_lasts_one_instruction),
		cmocka_unit_test(a_block_that_jumps_to_itself_stays_in_the_loop),
		cmocka_unit_test(a_fault_leaves_rip_on_its_instruction),
		cmocka_unit_test(rf_does_not_outlive_hlt),
		cmocka_unit_test(a_single_step_trap_ends_a_halt),
		cmocka_unit_test(eip_wraps_at_4_gib_outside_64_bit_code),
		cmocka_unit_test(a_missing_feature_is_ud),
		cmocka_unit_test(simd_needs_osfxsr_and_no_ts),
		cmocka_unit_test(tzcnt_is_bsf_without_bmi1),
		cmocka_unit_test(alignment_is_checked_in_ring_3_with_ac),
		cmocka_unit_test(a_push_that_faults_keeps_rsp),
		cmocka_unit_test(pop_to_memory_addresses_with_the_new_rsp),
		cmocka_unit_test(enter_builds_nested_frames),
		cmocka_unit_test(locked_operations_work_on_memory),
		cmocka_unit_test(locked_bit_operations_reach_beyond_the_operand),
		cmocka_unit_test(cmpxchg16b_wants_16_byte_alignment),
		cmocka_unit_test(xchg_with_memory_swaps),
		cmocka_unit_test(quotients_that_do_not_fit_are_de),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
