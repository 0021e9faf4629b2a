// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/jit_stats.c, what was left to the interpreter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "tcg-plugin/x86/jit.h"
#include "tests/unit/tcg_long.h"

CODE(two_code, "mov $50, %ebp; 1: cpuid; sgdt 0x40000; cpuid; sgdt 0x40000\n"
	       "dec %ebp; jnz 1b; hlt");

/* Two of them, as often as each other. */
static void each_row_left_to_the_interpreter_is_listed_once(void **state)
{
	static const char *const names[] = { "    cpuid ", "    sgdt " };
	char text[8192], *at;
	struct box b;

	(void)state;
	if (!jit_supported())
		skip();
	RUN(b, two_code);
	mote_kvm_provider.report(b.vm, KVM_REPORT_JIT, text, sizeof(text));
	for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
		at = strstr(text, names[n]);
		assert_non_null(at);
		assert_null(strstr(at + 1, names[n]));
	}
	assert_int_equal(box_counted(&b, "    cpuid       a2  "),
			 box_counted(&b, "    sgdt        01  "));
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_left_to_the_interpreter_is_listed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
