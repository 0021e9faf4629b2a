/* SPDX-License-Identifier: MIT */
/* Unit test: monitor/x86_*.c: registers, APICs and page tables as printed. */
#include "tests/unit/mon_fake.h"

#include "monitor/x86.h"

static struct fake f;

static int setup(void **state)
{
	fake_init(&f);
	return 0;
}

static int teardown(void **state)
{
	fake_fini(&f);
	return 0;
}

#define HAS(text, part) do { \
	if (!strstr(text, part)) \
		fail_msg("not in it: %s\n%s", part, text); \
} while (0)

static void reset_state_is_printed_as_16_bit(void **state)
{
	const char *s = said(&f, "info registers");

	HAS(s, "\nCPU#0\nEAX=00000000 EBX=00000000 ECX=00000000 "
	    "EDX=00060fb1\nESI=00000000 EDI=00000000 EBP=00000000 "
	    "ESP=00000000\nEIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 "
	    "A20=1 SMM=0 HLT=0\nES =0000 00000000 0000ffff 00009300\n"
	    "CS =f000 ffff0000 0000ffff 00009b00\n");
	HAS(s, "LDT=0000 00000000 0000ffff 00008200\n"
	    "TR =0000 00000000 0000ffff 00008b00\n"
	    "GDT=     00000000 0000ffff\nIDT=     00000000 0000ffff\n"
	    "CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\n"
	    "DR0=0000000000000000 DR1=0000000000000000 "
	    "DR2=0000000000000000 DR3=0000000000000000 \n"
	    "DR6=00000000ffff0ff0 DR7=0000000000000400\n"
	    "EFER=0000000000000000\n"
	    "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\n"
	    "FPR0=0000000000000000 0000 FPR1=0000000000000000 0000\n");
	HAS(s, "XMM06=0000000000000000 0000000000000000 "
	    "XMM07=0000000000000000 0000000000000000\n");
	assert_null(strstr(s, "XMM08"));
}

static void long_mode_is_printed_as_64_bit(void **state)
{
	const char *s;

	fake_long_mode();
	fake_regs.gp.rax = 0x1111111122222222;
	fake_regs.gp.r15 = UINT64_MAX;
	fake_regs.gp.rflags = 0xad7;
	fake_regs.s.tr = (struct kvm_segment){ .limit = 0xffff, .type = 11,
					       .present = 1 };
	fake_regs.s.ds = (struct kvm_segment){ .selector = 0x10,
		.limit = 0xffffffff, .type = 3, .s = 1, .present = 1, .db = 1,
		.g = 1 };
	s = said(&f, "info registers");
	HAS(s, "RAX=1111111122222222 RBX=0000000000000000 ");
	HAS(s, "R12=0000000000000000 R13=0000000000000000 "
	    "R14=0000000000000000 R15=ffffffffffffffff\n");
	HAS(s, "RFL=00000ad7 [-OSZAPC] CPL=0");
	HAS(s, "CS =0008 0000000000000000 ffffffff 00a09a00 DPL=0 CS64 "
	    "[-R-]\n");
	HAS(s, "DS =0010 0000000000000000 ffffffff 00c09300 DPL=0 DS   "
	    "[-WA]\n");
	HAS(s, "TR =0000 0000000000000000 0000ffff 00008b00 DPL=0 "
	    "TSS64-busy\n");
	HAS(s, "GDT=     0000000000000000 0000ffff\n");
	HAS(s, "XMM15=");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
}

static void avx_shows_whole_vectors(void **state)
{
	const char *s;
	u64 hi = 0x123456789abcdef, lo = 0xefefefefefefefef;

	fake_regs.xcrs.xcrs[0].value = 7;
	memcpy((u8 *)fake_regs.xsave.region + 576 + 16, &hi, 8);
	memcpy(fake_regs.fpu.xmm[1], &lo, 8);
	s = said(&f, "info registers");
	HAS(s, "YMM01=0000000000000000 0123456789abcdef 0000000000000000 "
	    "efefefefefefefef\n");
	assert_null(strstr(s, "XMM"));
	fake_regs.xcrs.xcrs[0].value = 1;
}

static void protection_keys_are_shown_where_they_are_on(void **state)
{
	const u64 bv = 0x200;
	const u32 pkru = 0x55555554;

	assert_null(strstr(said(&f, "info registers"), "PKRU"));
	fake_regs.s.cr4 |= 1 << 22;
	fake_regs.pkru_at = 832;
	memcpy((u8 *)fake_regs.xsave.region + 512, &bv, 8);
	memcpy((u8 *)fake_regs.xsave.region + 832, &pkru, 4);
	HAS(said(&f, "info registers"), "PKRU=55555554\n");
	assert_says(&f, "print/x $pkru", "0x55555554\n");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
}

static void the_x87_stack_is_shown_by_register(void **state)
{
	static const u8 pi[10] = { 0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f,
				   0xc9, 0x00, 0x40 };
	const char *s;

	fake_regs.fpu.fsw = 0x3000;
	fake_regs.fpu.ftwx = 0xc0;
	memcpy(fake_regs.fpu.fpr[0], pi, sizeof(pi));
	s = said(&f, "info registers");
	HAS(s, "FCW=037f FSW=3000 [ST=6] FTW=c0 MXCSR=00001f80\n");
	HAS(s, "FPR6=c90fdaa22168c235 4000 FPR7=");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
}

static void cpus_are_chosen_and_missed(void **state)
{
	assert_says(&f, "info cpus", "* CPU #0: thread_id=100\n"
		    "  CPU #1: thread_id=101\n");
	assert_says(&f, "cpu 1", "");
	assert_says(&f, "info cpus", "  CPU #0: thread_id=100\n"
		    "* CPU #1: thread_id=101\n");
	assert_says(&f, "print/x $ebx", "0x1\n");
	HAS(said(&f, "info registers"), "CPU#1\n");
	assert_says(&f, "cpu 2", "invalid CPU index\n");
	assert_says(&f, "cpu 0", "");
	assert_says(&f, "info registers 7", "CPU#7 not available\n");
	HAS(said(&f, "info registers -a"), "CPU#1\n");
	HAS(said(&f, "info registers 1"), "CPU#1\n");
}

static void registers_are_names_in_expressions(void **state)
{
	assert_says(&f, "print/x $pc", "0xfffffff0\n");
	assert_says(&f, "print/x $eip", "0xfff0\n");
	assert_says(&f, "print/x $rip", "0xfff0\n");
	assert_says(&f, "print/x $cs", "0xf000\n");
	assert_says(&f, "print/x $cs.base", "0xffff0000\n");
	assert_says(&f, "print/x $cs.limit", "0xffff\n");
	assert_says(&f, "print/x $cr0", "0x60000010\n");
	assert_says(&f, "print $xmm0", "0\n");
	assert_says(&f, "print $xmm16", "unknown register\n"
		    "Try \"help print\" for more information\n");
}

static void set_reg(struct kvm_lapic_state *l, unsigned off, u32 v)
{
	memcpy(l->regs + off, &v, sizeof(v));
}

static void a_local_apic_after_reset(void **state)
{
	struct kvm_lapic_state l = { 0 };
	struct strbuf out = STRBUF_INIT;

	for (unsigned off = 0x320; off <= 0x370; off += 0x10)
		set_reg(&l, off, 0x10000);
	set_reg(&l, 0xf0, 0xff);
	set_reg(&l, 0xe0, 0xffffffff);
	x86_print_lapic(&out, 0, &l, false);
	assert_string_equal(out.buf,
"dumping local APIC state for CPU 0 \n\n"
"LVT0\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
"LVT1\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
"LVTPC\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
"LVTERR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
"LVTTHMR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)\n"
"LVTT\t 0x00010000 active-hi edge  masked         one-shot     Fixed  (vec 0)\n"
"Timer\t DCR=0x0 (divide by 2) initial_count = 0 current_count = 0\n"
"SPIV\t 0x000000ff APIC disabled, focus=off, spurious vec 255\n"
"ICR\t 0x00000000 physical edge de-assert no-shorthand\n"
"ICR2\t 0x00000000 cpu 0 (APIC ID)\n"
"ESR\t 0x00000000\n"
"ISR\t (none)\n"
"IRR\t (none)\n\n"
"APR 0x00 TPR 0x00 DFR 0x0f LDR 0x00 PPR 0x00\n");
	strbuf_fini(&out);
}

static void a_local_apic_in_use(void **state)
{
	struct kvm_lapic_state l = { 0 };
	struct strbuf out = STRBUF_INIT;

	set_reg(&l, 0x350, 0x8700);
	set_reg(&l, 0x360, 0x8400);
	set_reg(&l, 0x320, 0x400ec);
	set_reg(&l, 0x300, 0xc4610);
	set_reg(&l, 0x3e0, 0xb);
	set_reg(&l, 0x110, BIT(1));    /* ISR 33 */
	set_reg(&l, 0x190, BIT(1));    /* TMR 33 */
	x86_print_lapic(&out, 1, &l, false);
	HAS(out.buf, "LVT0\t 0x00008700 active-hi level                      "
	    "       ExtINT (vec 0)\n");
	HAS(out.buf, "LVT1\t 0x00008400 active-hi level                      "
	    "       NMI   \n");
	HAS(out.buf, "tsc-deadline Fixed  (vec 236)\n");
	HAS(out.buf, "DCR=0xb (divide by 1) ");
	HAS(out.buf, "ICR\t 0x000c4610 physical edge assert all\n"
	    "ICR2\t 0x00000000\n");
	HAS(out.buf, "ISR\t 33(level) \n");
	strbuf_reset(&out);
	set_reg(&l, 0x300, 0x800);
	set_reg(&l, 0x310, 0x20003);
	x86_print_lapic(&out, 1, &l, true);
	HAS(out.buf, "ICR2\t 0x00020003 cluster 2 mask 0000000000000011 "
	    "(X2APIC ID)\n");
	strbuf_fini(&out);
}

static void an_ioapic_and_the_pics(void **state)
{
	struct kvm_ioapic_state s = { .ioregsel = 0x12 };
	struct kvm_pic_state p = { .imr = 0x8e, .irq_base = 0x70, .elcr = 12 };
	struct strbuf out = STRBUF_INIT;

	for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		s.redirtbl[i].bits = 0x10000;
	s.redirtbl[9].bits = 0x100000000000c821;
	s.irr = BIT(4) | BIT(12);
	x86_print_ioapic(&out, &s);
	HAS(out.buf, "ioapic0: ver=0x11 id=0x00 sel=0x12 (redir[1])\n"
	    "  pin 0  0x0000000000010000 dest=0 vec=0   active-hi edge  "
	    "masked fixed  physical\n");
	HAS(out.buf, "  pin 9  0x100000000000c821 dest=10 vec=33  active-hi "
	    "level        fixed  logical\n");
	HAS(out.buf, "  IRR      4  12 \n  Remote IRR 9  \n");
	strbuf_reset(&out);
	x86_print_pic(&out, 1, &p);
	assert_string_equal(out.buf, "pic1: irr=00 imr=8e isr=00 hprio=0 "
			    "irq_base=70 rr_sel=0 elcr=0c fnm=0\n");
	strbuf_fini(&out);
}

static void page_tables_are_walked(void **state)
{
	static const u64 pd[] = { 0x5027, 0x4000e7, 0x8000000000600081 };
	u64 e;

	assert_says(&f, "info mem", "PG disabled\n");
	assert_says(&f, "info tlb", "PG disabled\n");
	fake_long_mode();
	fake_regs.s.cr3 = 0x2000;
	e = 0x3027;
	gmem_write(f.vm.gmem, 0x2000, &e, 8);
	e = 0x4027;
	gmem_write(f.vm.gmem, 0x3000, &e, 8);
	gmem_write(f.vm.gmem, 0x4000, pd, sizeof(pd));
	for (unsigned i = 0; i < 4; i++) {
		e = i * 4096 | (i == 2 ? 5 : 3) | (i == 3 ? 0x100 : 0);
		gmem_write(f.vm.gmem, 0x5000 + i * 8, &e, 8);
	}
	assert_says(&f, "info tlb",
		    "0000000000000000: 0000000000000000 --------W\n"
		    "0000000000001000: 0000000000001000 --------W\n"
		    "0000000000002000: 0000000000002000 -------U-\n"
		    "0000000000003000: 0000000000003000 -G------W\n"
		    "0000000000200000: 0000000000400000 --PDA--UW\n"
		    "0000000000400000: 0000000000600000 X-P------\n");
	assert_says(&f, "info mem",
		    "0000000000000000-0000000000002000 0000000000002000 -rw\n"
		    "0000000000002000-0000000000003000 0000000000001000 ur-\n"
		    "0000000000003000-0000000000004000 0000000000001000 -rw\n"
		    "0000000000200000-0000000000400000 0000000000200000 urw\n"
		    "0000000000400000-0000000000600000 0000000000200000 -r-\n");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
}

/* 57 bits: the two inner levels are where QEMU goes astray. */
static void five_level_tables_are_walked_to_both_ends(void **state)
{
	u8 nothing[3 * 4096] = { 0 };
	u64 e;

	(void)state;
	gmem_write(f.vm.gmem, 0x2000, nothing, sizeof(nothing));
	fake_long_mode();
	fake_regs.s.cr4 |= 1 << 12;
	fake_regs.s.cr3 = 0x2000;
	for (unsigned i = 0; i < 512; i += 511) {
		e = 0x3067;            /* both halves, by the same tables */
		gmem_write(f.vm.gmem, 0x2000 + i * 8, &e, 8);
	}
	e = 0x4063;                    /* supervisor's from here on */
	gmem_write(f.vm.gmem, 0x3000 + 511 * 8, &e, 8);
	e = 0x40000000000000e7;        /* 1 GiB each; bit 62 is ignored */
	gmem_write(f.vm.gmem, 0x4000, &e, 8);
	e = 0x40000000 | BIT64(63) | 0xe1;
	gmem_write(f.vm.gmem, 0x4000 + 511 * 8, &e, 8);
	assert_says(&f, "info tlb",
		    "0000ff8000000000: 0000000000000000 --PDA--UW\n"
		    "0000ffffc0000000: 0000000040000000 X-PDA----\n"
		    "ffffff8000000000: 0000000000000000 --PDA--UW\n"
		    "ffffffffc0000000: 0000000040000000 X-PDA----\n");
	assert_says(&f, "info mem",
		    "0000ff8000000000-0000ff8040000000 0000000040000000 -rw\n"
		    "0000ffffc0000000-0001000000000000 0000000040000000 -r-\n"
		    "ffffff8000000000-ffffff8040000000 0000000040000000 -rw\n"
		    "ffffffffc0000000-0000000000000000 0000000040000000 -r-\n");
	assert_says(&f, "gva2gpa 0xff8000001234", "gpa: 0x1234\n");
	assert_says(&f, "gva2gpa 0xff8000000001234", "Unmapped\n");
	x86_regs_reset(&fake_regs, true, 0x60fb1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_state_is_printed_as_16_bit),
		cmocka_unit_test(long_mode_is_printed_as_64_bit),
		cmocka_unit_test(avx_shows_whole_vectors),
		cmocka_unit_test(protection_keys_are_shown_where_they_are_on),
		cmocka_unit_test(the_x87_stack_is_shown_by_register),
		cmocka_unit_test(cpus_are_chosen_and_missed),
		cmocka_unit_test(registers_are_names_in_expressions),
		cmocka_unit_test(a_local_apic_after_reset),
		cmocka_unit_test(a_local_apic_in_use),
		cmocka_unit_test(an_ioapic_and_the_pics),
		cmocka_unit_test(page_tables_are_walked),
		cmocka_unit_test(five_level_tables_are_walked_to_both_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
