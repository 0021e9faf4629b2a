// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/blocklog.c, through a guest and the log's items. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tcg-plugin/x86/jit.h"
#include "tests/unit/tcg_box.h"
#include "vmm/base/log.h"

static char text[16384];

/* mov ax,0x1234; hlt, with these items on; the log ends up in text[]. */
static void run_logged(u32 mask)
{
	BOX(b, false, 0xb8, 0x34, 0x12, 0xf4);
	int p[2];
	ssize_t n;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(mote_kvm_provider.control(-1, "log-fd", p[1]), 0);
	assert_int_equal(mote_kvm_provider.control(-1, "log", mask), 0);
	assert_int_equal(box_run(&b), 0);
	mote_kvm_provider.control(-1, "log", 0);
	mote_kvm_provider.control(-1, "log-fd", (u64)-1);
	close(p[1]);
	n = read(p[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = 0;
	close(p[0]);
	box_close(&b);
}

static void in_asm_disassembles_each_block_made(void **state)
{
	(void)state;
	run_logged(LOG_IN_ASM);
	assert_non_null(strstr(text, "IN:"));
	assert_non_null(strstr(text, "0x00001000:  b8 34 12"));
	assert_non_null(strstr(text, "hlt"));
}

static void cpu_shows_registers_before_each_block(void **state)
{
	(void)state;
	run_logged(LOG_CPU | LOG_EXEC);
	assert_non_null(strstr(text, "Trace 0:"));
	assert_non_null(strstr(text, "RIP=0000000000001000"));
}

static void nothing_is_written_when_nothing_is_asked_for(void **state)
{
	(void)state;
	run_logged(0);
	assert_string_equal(text, "");
}

/* XMM0 = 16 bytes of 0x11..., then four exceptions, each logged. */
extern const u8 code[], code_end[];
asm(".pushsection .rodata\n.code32\ncode:\n"
    "mov $0x11223344, %eax; movd %eax, %xmm0; pshufd $0, %xmm0, %xmm0\n"
    "fld1; mov $4, %ecx\n"
    "1: ud2; addps %xmm1, %xmm2; dec %ecx; jnz 1b\n"
    "hlt\n"
    "handler: addl $2, (%esp); iret\n"
    "code_end:\n.code64\n.popsection\n");
extern const u8 handler[];

enum { IDT = 0x3000, GDT = 0x4000 };

static void protected_mode(struct box *b)
{
	static const u64 gdt[3] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
	struct kvm_segment d = { .limit = ~0u, .selector = 16, .type = 3,
				 .present = 1, .s = 1, .db = 1, .g = 1 };
	u64 at = BOX_CODE + (u64)(handler - code);
	u64 gate = (at & 0xffff) | 8 << 16 | 0x8eull << 40;
	struct kvm_sregs s;

	memcpy(b->mem + GDT, gdt, sizeof(gdt));
	memcpy(b->mem + IDT + 6 * 8, &gate, 8);
	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, &s), 0);
	s.ds = s.es = s.ss = s.fs = s.gs = s.cs = d;
	s.cs.selector = 8;
	s.cs.type = 11;
	s.cr0 = 0x33;
	s.cr4 = 0x600;
	s.idt.base = IDT;
	s.idt.limit = 0xff;
	s.gdt.base = GDT;
	s.gdt.limit = sizeof(gdt) - 1;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
}

/* The same with exceptions and SSE, 32 bits; the log's text, malloc'd. */
static char *run_sse(u32 items)
{
	char name[] = "/tmp/test_tcg_blocklog.XXXXXX", *log;
	int fd = mkstemp(name);
	struct kvm_fpu f;
	struct box b;
	ssize_t n;

	assert_true(fd >= 0);
	unlink(name);
	box_vm(&b, false);
	box_cpu(&b, code, (size_t)(code_end - code));
	protected_mode(&b);
	log_set_fd(dup(fd));
	log_set_mask(items);
	assert_int_equal(box_run(&b), 0);
	log_set_mask(0);
	log_set_fd(-1);
	assert_int_equal(b.run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(box_io(b.cpu, KVM_GET_FPU, &f), 0);
	for (unsigned i = 0; i < 4; i++) {
		u32 lane;

		memcpy(&lane, f.xmm[0] + 4 * i, 4);
		assert_int_equal(lane, 0x11223344);
	}
	assert_int_equal(f.fsw >> 11 & 7, 7);
	box_close(&b);
	log = calloc(1, 1 << 20);
	n = pread(fd, log, (1 << 20) - 1, 0);
	assert_true(n > 0);
	close(fd);
	return log;
}

#define HAS(text, what) assert_non_null(strstr(text, what))

static void exceptions_are_logged_and_registers_kept(void **state)
{
	char *log = run_sse(LOG_INT);

	(void)state;
	HAS(log, "vcpu 0: exception 06 error 0 at");
	free(log);
}

static void guest_code_and_its_decoding_are_shown(void **state)
{
	char *log = run_sse(LOG_IN_ASM | LOG_OP);

	(void)state;
	HAS(log, "IN:\n0x00001000:");
	HAS(log, "pshufd");
	HAS(log, "OP:\n mov ");
	HAS(log, "imm 11223344");
	free(log);
}

static void host_code_is_shown(void **state)
{
	char *log;

	(void)state;
	if (!jit_supported()) {
		print_message("SKIP: no translator on this host\n");
		skip();
	}
	log = run_sse(LOG_OUT_ASM);
	HAS(log, "OUT: [size=");
	HAS(log, "for 0x00001000");
	HAS(log, "jrcxz");
	free(log);
}

static void registers_come_with_each_block(void **state)
{
	char *log = run_sse(LOG_EXEC | LOG_CPU | LOG_FPU);

	(void)state;
	HAS(log, "Trace 0: ");
	HAS(log, "RIP=");
	HAS(log, "XMM00=1122334411223344 1122334411223344");
	HAS(log, "FPR0=8000000000000000 3fff");
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_asm_disassembles_each_block_made),
		cmocka_unit_test(cpu_shows_registers_before_each_block),
		cmocka_unit_test(nothing_is_written_when_nothing_is_asked_for),
		cmocka_unit_test(exceptions_are_logged_and_registers_kept),
		cmocka_unit_test(guest_code_and_its_decoding_are_shown),
		cmocka_unit_test(host_code_is_shown),
		cmocka_unit_test(registers_come_with_each_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
