/* SPDX-License-Identifier: MIT */
/* Unit test: the gdb server, packet by packet, on a machine that stands. */
#include "gdb_fake.h"

static struct gdb_fake t;

static int fresh(void **state)
{
	(void)state;
	gdb_fake_init(&t);
	return 0;
}

static int done(void **state)
{
	(void)state;
	gdb_fake_fini(&t);
	return 0;
}

#define assert_reply(packet, text) \
	assert_string_equal(gdb_fake_ask(&t, packet), text)

static void what_nobody_knows_gets_the_empty_reply(void **state)
{
	(void)state;
	assert_reply("vMustReplyEmpty", "");
	assert_reply("", "");
	assert_reply("qOffsets", "");
	assert_reply("\x01", "");
}

static void what_it_can_do_is_told(void **state)
{
	(void)state;
	assert_non_null(strstr(gdb_fake_ask(&t, "qSupported:swbreak+;x+"),
			       "PacketSize=10000;"));
	assert_non_null(strstr(t.g->reply.buf, "qXfer:features:read+"));
	assert_non_null(strstr(t.g->reply.buf, "swbreak+"));
	assert_null(strstr(t.g->reply.buf, "hwbreak+"));
	assert_reply("vCont?", "vCont;c;C;s;S;r");
	assert_reply("qAttached", "1");
}

static void threads_are_the_cpus(void **state)
{
	(void)state;
	assert_reply("qfThreadInfo", "m01,02");
	assert_reply("qsThreadInfo", "l");
	assert_reply("T2", "OK");
	assert_reply("T3", "E03");
	assert_reply("Hg2", "OK");
	assert_reply("qC", "QC02");
	assert_reply("Hg9", "E03");
	assert_reply("Hx1", "E16");
	assert_reply("H", "E16");
	assert_reply("Hc-1", "OK");
	/* "CPU#1 [paused]" */
	assert_reply("qThreadExtraInfo,2", "4350552331205b7061757365645d");
}

static void the_description_comes_in_pieces(void **state)
{
	struct strbuf all = STRBUF_INIT;
	char ask[64];

	(void)state;
	for (;;) {
		const char *r;

		snprintf(ask, sizeof(ask),
			 "qXfer:features:read:target.xml:%zx,100", all.len);
		r = gdb_fake_ask(&t, ask);
		strbuf_addstr(&all, r + 1);
		if (*r == 'l')
			break;
		assert_int_equal(*r, 'm');
	}
	assert_non_null(strstr(all.buf, "i386:x86-64"));
	assert_non_null(strstr(all.buf, "name=\"ymm15h\""));
	assert_non_null(strstr(all.buf, "</target>"));
	assert_reply("qXfer:features:read:target.xml:ffffffff,10", "l");
	assert_reply("qXfer:features:read:other.xml:0,10", "E00");
	assert_reply("qXfer:features:read:target.xml:0", "E16");
	strbuf_fini(&all);
}

static void registers_are_read_and_written_alone(void **state)
{
	(void)state;
	fake_regs.gp.rax = 0x1122334455667788;
	gdb_regs_forget(t.g);
	assert_reply("p0", "8877665544332211");
	assert_reply("P0=0100000000000000", "OK");
	assert_true(fake_regs.gp.rax == 1);
	assert_reply("p10", "f0ff000000000000");       /* rip at reset */
	assert_reply("pffff", "E16");
	assert_reply("p", "E16");
	assert_reply("P0=01", "E16");
	assert_reply("P0=xx00000000000000", "E16");
}

static void all_registers_go_out_and_come_back(void **state)
{
	struct strbuf g = STRBUF_INIT;

	(void)state;
	fake_regs.gp.r15 = 0x77;
	gdb_regs_forget(t.g);
	strbuf_addc(&g, 'G');
	strbuf_addstr(&g, gdb_fake_ask(&t, "g"));
	assert_true(g.len > 1000);
	fake_regs.gp.r15 = 0;
	assert_reply(g.buf, "OK");
	assert_true(fake_regs.gp.r15 == 0x77);
	assert_reply("G00", "E16");
	strbuf_fini(&g);
}

static void vector_registers_live_in_the_xsave_area(void **state)
{
	(void)state;
	/* xmm0 is register 40: after 24 core and 16 x87 ones. */
	assert_reply("P28=0102030405060708090a0b0c0d0e0f10", "OK");
	assert_reply("p28", "0102030405060708090a0b0c0d0e0f10");
	assert_int_equal(((u8 *)&fake_regs.xsave)[160], 1);
	assert_int_equal(((u8 *)&fake_regs.xsave)[512] & 2, 2);
}

/* The last register; where it lies, CPUID says. */
static void protection_keys_lie_where_cpuid_says(void **state)
{
	(void)state;
	assert_reply("p52", "00000000");
	assert_reply("P52=00000000", "OK");
	assert_reply("P52=54555555", "E16");           /* this CPU has none */
	fake_regs.pkru_at = 832;
	gdb_regs_forget(t.g);
	assert_reply("P52=54555555", "OK");
	assert_reply("p52", "54555555");
	assert_int_equal(((u8 *)&fake_regs.xsave)[832], 0x54);
	assert_int_equal(((u8 *)&fake_regs.xsave)[513] & 2, 2);
	assert_int_equal(x86_regs_pkru(&fake_regs), 0x55555554);
	fake_regs.pkru_at = 0;
}

static void a_selector_is_loaded_only_in_real_mode(void **state)
{
	(void)state;
	assert_reply("P12=34120000", "OK");            /* cs */
	assert_int_equal(fake_regs.s.cs.base, 0x12340);
	fake_long_mode();
	gdb_regs_forget(t.g);
	assert_reply("P12=08000000", "OK");            /* what it is */
	assert_reply("P12=10000000", "E16");
}

static void memory_is_read_and_written(void **state)
{
	(void)state;
	assert_reply("M1000,4:01020304", "OK");
	assert_reply("m1000,4", "01020304");
	assert_reply("X1002,2:ab", "OK");
	assert_reply("m1000,4", "01026162");
	assert_reply("X1000,0:", "OK");
	assert_reply("M1000,4:0102", "E16");
	assert_reply("M1000,4", "E16");
	assert_reply("Xffffffffffffffff,ffffffffffffffff:", "E16");
	assert_reply("m1000", "E16");
	assert_reply("m3ffffe,10", "0000");           /* the end of RAM */
	assert_reply("m800000,10", "E0e");
	assert_reply("M800000,1:00", "E0e");
	assert_reply("mffffffffffffffff,ffffffffffffffff", "E0e");
}

static void physical_mode_leaves_the_page_tables_aside(void **state)
{
	(void)state;
	fake_long_mode();
	fake_regs.s.cr3 = 0x200000;                    /* nothing is mapped */
	gdb_regs_forget(t.g);
	assert_reply("m1000,2", "E0e");
	assert_reply("Qqemu.PhyMemMode:1", "OK");
	assert_reply("qqemu.PhyMemMode", "1");
	assert_reply("m1000,2", "0000");
	assert_reply("Qqemu.PhyMemMode:0", "OK");
	assert_reply("m1000,2", "E0e");
}

static u8 byte_at(gpa_t at)
{
	u8 b = 0;

	gmem_read(t.f.vm.gmem, at, &b, 1);
	return b;
}

static void a_software_breakpoint_is_planted_hidden_and_taken_out(void **state)
{
	(void)state;
	assert_reply("M1000,2:9091", "OK");
	assert_reply("Z0,1000,1", "OK");
	assert_reply("Z0,1000,1", "OK");               /* again: the same */
	assert_int_equal(byte_at(0x1000), 0xcc);
	assert_reply("m1000,2", "9091");
	assert_reply("M1000,2:9293", "OK");            /* stays planted */
	assert_int_equal(byte_at(0x1000), 0xcc);
	assert_reply("m1000,2", "9293");
	assert_reply("z0,1000,1", "OK");
	assert_int_equal(byte_at(0x1000), 0x92);
	assert_reply("z0,1000,1", "E02");
	assert_reply("Z0,800000,1", "E0e");
	assert_reply("Z0,1000", "E16");
	assert_reply("Z7,1000,1", "E16");
}

static void what_the_guest_wrote_there_is_left_alone(void **state)
{
	const u8 now = 0x55;

	(void)state;
	assert_reply("Z0,1000,1", "OK");
	gmem_write(t.f.vm.gmem, 0x1000, &now, 1);
	assert_reply("z0,1000,1", "OK");
	assert_int_equal(byte_at(0x1000), 0x55);
}

static void watchpoints_use_the_debug_registers(void **state)
{
	(void)state;
	assert_reply("Z1,1234,1", "OK");
	assert_reply("Z2,2004,c", "OK");               /* 4 and 8 bytes */
	assert_reply("Z4,3001,1", "OK");
	assert_reply("Z2,4000,1", "E1c");              /* no fifth */
	assert_reply("Z3,4000,1", "");                 /* no such kind */
	gdb_arm(t.g);
	assert_true(gdb_fake_told[0].arch.debugreg[0] == 0x1234);
	assert_true(gdb_fake_told[0].arch.debugreg[1] == 0x2004);
	assert_true(gdb_fake_told[1].arch.debugreg[2] == 0x2008);
	assert_int_equal(gdb_fake_told[1].arch.debugreg[7],
			 0x400 | 0xaa | 0xd << 20 | 0x9 << 24 | 0x3 << 28);
	assert_reply("z2,2004,c", "OK");
	assert_reply("Z2,4000,1", "OK");
}

static void the_end_of_a_session_leaves_nothing(void **state)
{
	(void)state;
	assert_reply("Z0,1000,1", "OK");
	assert_reply("Z1,2000,1", "OK");
	gdb_arm(t.g);
	assert_int_not_equal(gdb_fake_told[0].control, 0);
	t.g->fe.ops->event(t.g, CHARDEV_CLOSED);
	assert_int_equal(byte_at(0x1000), 0);
	assert_int_equal(gdb_fake_told[0].control, 0);
	assert_int_equal(gdb_fake_told[1].control, 0);
}

static void exit_debug(unsigned cpu, u32 exception, u64 pc, u64 dr6)
{
	struct kvm_run *r = &t.run[cpu];

	r->exit_reason = KVM_EXIT_DEBUG;
	r->debug.arch.exception = exception;
	r->debug.arch.pc = pc;
	r->debug.arch.dr6 = dr6;
}

static void the_guests_own_breakpoints_are_given_back(void **state)
{
	(void)state;
	assert_reply("Z0,1000,1", "OK");
	gdb_arm(t.g);
	exit_debug(0, 3, 0x1001, 0);
	assert_true(gdb_debug_exit(&t.f.cpu[0]));
	assert_true(gdb_fake_told[0].control & KVM_GUESTDBG_INJECT_BP);
	exit_debug(0, 3, 0x1000, 0);
	assert_false(gdb_debug_exit(&t.f.cpu[0]));
	exit_debug(0, 1, 0x1000, BIT(14));     /* nobody steps: a guest's TF */
	assert_true(gdb_debug_exit(&t.f.cpu[0]));
	assert_true(gdb_fake_told[0].control & KVM_GUESTDBG_INJECT_DB);
}

static void a_stop_says_why(void **state)
{
	(void)state;
	gdb_fake_ask(&t, "qSupported:swbreak+;hwbreak+");
	assert_reply("?", "T05thread:01;");
	assert_reply("Z0,1000,1", "OK");
	assert_reply("Z4,2000,4", "OK");
	exit_debug(0, 3, 0x1000, 0);
	gdb_debug_exit(&t.f.cpu[0]);
	assert_reply("?", "T05thread:01;swbreak:;");
	assert_reply("Hg2", "OK");
	exit_debug(1, 1, 0x1000, 1);
	assert_false(gdb_debug_exit(&t.f.cpu[1]));
	assert_reply("?", "T05thread:02;awatch:2000;");
}

static void a_range_is_stepped_through(void **state)
{
	(void)state;
	t.g->cpu[0].step = true;
	t.g->cpu[0].range_start = 0x1000;
	t.g->cpu[0].range_end = 0x1010;
	exit_debug(0, 1, 0x100f, BIT(14));
	assert_true(gdb_debug_exit(&t.f.cpu[0]));
	assert_true(gdb_fake_told[0].control & KVM_GUESTDBG_SINGLESTEP);
	exit_debug(0, 1, 0x1010, BIT(14));
	assert_false(gdb_debug_exit(&t.f.cpu[0]));
}

static void bad_actions_do_not_run_the_guest(void **state)
{
	static const char *const bad[] = {
		"vCont", "vCont;", "vCont;x", "vCont;r1", "vCont;c:", "vCont;Cx",
		"vCont;c;", "vCont;s:p", "vCont;r1,2x", "sxyz", "czz",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_reply(bad[i], "E16");
		assert_int_equal(vm_state(&t.f.vm), RUN_PAUSED);
	}
	assert_reply("vCont;c:9", "E03");
	assert_int_equal(vm_state(&t.f.vm), RUN_PAUSED);
}

static void monitor_commands_answer_with_plain_lines(void **state)
{
	struct strbuf hex = STRBUF_INIT;

	(void)state;
	strbuf_reset(&t.g->out);
	strbuf_addstr(&hex, "qRcmd,");
	gdb_hex(&hex, "info status", 11);
	assert_reply(hex.buf, "OK");
	assert_reply("qRcmd,6", "E16");
	assert_reply("qRcmd,zz", "E16");
	strbuf_fini(&hex);
}

static void steps_may_take_interrupts(void **state)
{
	(void)state;
	assert_reply("qqemu.sstepbits", "ENABLE=1,NOIRQ=2");
	assert_reply("qqemu.sstep", "0x3");
	assert_reply("Qqemu.sstep=1", "OK");
	assert_reply("qqemu.sstep", "0x1");
	assert_reply("Qqemu.sstep=8", "E16");
}

static void bytes_get_acknowledged_until_that_is_off(void **state)
{
	static const char text[] = "$QStartNoAckMode#b0$?#3f";

	(void)state;
	t.g->fe.ops->read(t.g, (const u8 *)text, strlen(text));
	assert_true(t.g->no_ack);
	assert_string_equal(t.g->reply.buf, "T05thread:01;");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_nobody_knows_gets_the_empty_reply),
		T(what_it_can_do_is_told),
		T(threads_are_the_cpus),
		T(the_description_comes_in_pieces),
		T(registers_are_read_and_written_alone),
		T(all_registers_go_out_and_come_back),
		T(vector_registers_live_in_the_xsave_area),
		T(protection_keys_lie_where_cpuid_says),
		T(a_selector_is_loaded_only_in_real_mode),
		T(memory_is_read_and_written),
		T(physical_mode_leaves_the_page_tables_aside),
		T(a_software_breakpoint_is_planted_hidden_and_taken_out),
		T(what_the_guest_wrote_there_is_left_alone),
		T(watchpoints_use_the_debug_registers),
		T(the_end_of_a_session_leaves_nothing),
		T(the_guests_own_breakpoints_are_given_back),
		T(a_stop_says_why),
		T(a_range_is_stepped_through),
		T(bad_actions_do_not_run_the_guest),
		T(monitor_commands_answer_with_plain_lines),
		T(steps_may_take_interrupts),
		T(bytes_get_acknowledged_until_that_is_off),
	};

	return cmocka_run_group_tests_name("gdb server", tests, NULL, NULL);
}
