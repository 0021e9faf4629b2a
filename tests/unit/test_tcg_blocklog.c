// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/blocklog.c, through a guest and the log's items. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_asm_disassembles_each_block_made),
		cmocka_unit_test(cpu_shows_registers_before_each_block),
		cmocka_unit_test(nothing_is_written_when_nothing_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
