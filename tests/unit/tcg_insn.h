/* SPDX-License-Identifier: MIT */
/*
 * A CPU in 64-bit kernel mode with one page of memory, for running single
 * instructions.  The page is in the soft TLB; nothing else may be touched.
 */
#ifndef TEST_TCG_INSN_H
#define TEST_TCG_INSN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/fpu.h"
#include "tcg-plugin/x86/sys.h"

enum { PAGE = 0x10000, NO_FAULT = -1 };

static struct tcg_vcpu the_vcpu;
static struct tcg_vm the_vm;
static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));

static inline struct x86_cpu *fresh(void)
{
	struct x86_cpu *c = &the_vcpu.cpu;
	const u32 code = SEG_S | SEG_P | SEG_A | SEG_R | SEG_CODE | SEG_G;
	int n;

	memset(&the_vcpu, 0, sizeof(the_vcpu));
	memset(page, 0, sizeof(page));
	the_vcpu.vm = c->vm = &the_vm;
	n = x86_cpuid_supported(c->cpuid, ARRAY_LEN(c->cpuid));
	assert_true(n > 0);
	c->ncpuid = (unsigned)n;
	x86_cpuid_update(c);
	x86_update_feats(c);
	c->feats = ~0ull;
	c->seg[CS] = (struct x86_seg){ .limit = ~0u, .sel = 8,
				       .attr = code | SEG_L };
	for (unsigned s = SS; s <= GS; s++)
		c->seg[s] = (struct x86_seg){ .limit = ~0u, .sel = 16,
			.attr = SEG_S | SEG_P | SEG_A | SEG_W | SEG_G | SEG_DB };
	c->seg[ES] = c->seg[DS];
	c->cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_PG;
	c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	c->efer = EFER_LME | EFER_LMA;
	c->xcr0 = 3;
	c->rflags = 2;
	x86_update_mode(c);
	tlb_flush(&c->tlb);
	for (unsigned m = 0; m < TLB_MODES; m++) {
		tlb_fill(&c->tlb, m, TLB_READ, PAGE, page);
		tlb_fill(&c->tlb, m, TLB_WRITE, PAGE, page);
	}
	fpu_reset(c);
	c->r[RBX] = PAGE;
	c->rip = 0x400000;
	return c;
}

/* Run one instruction; NO_FAULT or the vector it raised. */
static inline int run(struct x86_cpu *c, const void *bytes, unsigned len)
{
	u8 code[32] = { 0 };
	struct insn i;

	memcpy(code, bytes, len);
	c->exc.pending = false;
	c->leave = LEAVE_NONE;
	assert_int_equal(insn_decode(&i, code, 15, c->code_bits), len);
	if (sigsetjmp(c->unwind, 0))
		return c->exc.pending ? c->exc.vec : 1000 + c->leave;
	x86_step(c, &i);
	return NO_FAULT;
}
#define RUN(c, s) run(c, s, sizeof(s) - 1)

#endif
