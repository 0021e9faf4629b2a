/* SPDX-License-Identifier: MIT */
/* Unit test: arch/x86/reg_names.c: what $NAME of an expression is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/regs.h"

static struct x86_regs *regs;

static int fresh(void **state)
{
	(void)state;
	regs = calloc(1, sizeof(*regs));
	x86_regs_reset(regs, true, 0x1234);
	return regs ? 0 : -1;
}

static int done(void **state)
{
	(void)state;
	free(regs);
	return 0;
}

static const struct arch_reg *find(const char *name)
{
	const struct arch_reg *a = x86_arch_regs;

	while (a->name && strcmp(a->name, name))
		a++;
	return a->name ? a : NULL;
}

static u64 value(const char *name)
{
	const struct arch_reg *a = find(name);

	if (!a)
		fail_msg("there is no $%s", name);
	return arch_reg_value(a, regs);
}

static void registers_have_qemus_names(void **state)
{
	static const char *const names[] = {
		"eax", "sp", "fp", "r15", "pc", "eflags", "cs", "gs.base",
		"ss.limit", "rax", "cr3", "efer",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(find(names[i]));
	assert_true(value("pc") == 0xfffffff0);
	assert_true(value("ss.limit") == 0xffff);
	regs->s.cs.limit = 0xffffffff;
	assert_true(value("cs.limit") == ~0ull);
	regs->s.cs.selector = 0xfff8;
	assert_true(value("cs") == 0xfff8);
}

/* Every name `info registers` prints, and what it has only parts of. */
static void every_register_of_the_cpu_has_a_name(void **state)
{
	static const char *const names[] = {
		"tr", "tr.base", "tr.limit", "ldt", "ldt.base", "ldt.limit",
		"gdt.base", "gdt.limit", "idt.base", "idt.limit",
		"cr0", "cr2", "cr4", "cr8", "xcr0", "dr0", "dr1", "dr2", "dr3",
		"dr6", "dr7", "apic_base", "fs_base", "gs_base", "k_gs_base",
		"tsc", "star", "lstar", "cstar", "fmask", "sysenter_cs",
		"sysenter_esp", "sysenter_eip", "pat", "tsc_aux", "fctrl",
		"fstat", "ftag", "fop", "fip", "fdp", "mxcsr", "st0", "st7.exp",
		"xmm0", "xmm15.hi", "ymm0h", "ymm15h.hi",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		value(names[i]);
	for (const struct arch_reg *a = x86_arch_regs; a->name; a++)
		for (const struct arch_reg *b = a + 1; b->name; b++)
			assert_string_not_equal(a->name, b->name);
}

static void wide_registers_come_in_parts(void **state)
{
	static const u64 v[2] = { 0x1122334455667788, 0x99aabbccddeeff00 };
	static const u16 exp = 0xc001;

	(void)state;
	memcpy(regs->fpu.xmm[9], v, sizeof(v));
	memcpy(regs->fpu.fpr[3], v, 8);
	memcpy(regs->fpu.fpr[3] + 8, &exp, 2);
	memcpy((u8 *)regs->xsave.region + 576 + 16 * 9, v, sizeof(v));
	assert_true(value("xmm9") == v[0]);
	assert_true(value("xmm9.hi") == v[1]);
	assert_true(value("ymm9h") == v[0]);
	assert_true(value("ymm9h.hi") == v[1]);
	assert_true(value("st3") == v[0]);
	assert_true(value("st3.exp") == exp);
}

static void what_the_kernel_leaves_out_is_found(void **state)
{
	(void)state;
	regs->fpu.mxcsr = 0;
	regs->xsave.region[6] = 0x1f80;
	assert_true(value("mxcsr") == 0x1f80);
	regs->xcrs = (struct kvm_xcrs){ .nr_xcrs = 1, .xcrs = { { 0, 0, 7 } } };
	assert_true(value("xcr0") == 7);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers_have_qemus_names),
		T(every_register_of_the_cpu_has_a_name),
		T(wide_registers_come_in_parts),
		T(what_the_kernel_leaves_out_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
