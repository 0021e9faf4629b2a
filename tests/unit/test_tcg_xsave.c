// SPDX-License-Identifier: MIT
/* Unit test: tcg-plugin/x86/xsave.c, images in memory and KVM's doors. */
#include "tests/unit/tcg_insn.h"

#include <errno.h>

static u64 word(unsigned at)
{
	u64 v;

	memcpy(&v, page + at, 8);
	return v;
}

static void fill(struct x86_cpu *c)
{
	RUN(c, "\xd9\xe8");                            /* fld1 */
	memset(c->fpu.xmm, 0x5a, sizeof(c->fpu.xmm));
	c->fpu.mxcsr = 0x1fa0;
}

static void fxsave_fxrstor_round_trip(void **state)
{
	struct x86_cpu *c = fresh();
	struct x86_fpu before;

	(void)state;
	fill(c);
	before = c->fpu;
	page[464] = 0x77;
	assert_int_equal(RUN(c, "\x48\x0f\xae\x03"), NO_FAULT);
	assert_int_equal(page[464], 0x77);             /* software's bytes */
	fpu_reset(c);
	assert_int_equal(RUN(c, "\x48\x0f\xae\x0b"), NO_FAULT);
	assert_int_equal(c->fpu.fsw, before.fsw);
	assert_int_equal(c->fpu.ftw, before.ftw);
	assert_int_equal(c->fpu.mxcsr, before.mxcsr);
	assert_memory_equal(c->fpu.st, before.st, sizeof(before.st));
	assert_memory_equal(c->fpu.xmm, before.xmm, sizeof(before.xmm));
}

static void images_must_be_aligned(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	assert_int_equal(RUN(c, "\x0f\xae\x43\x08"), EXC_GP);
	assert_int_equal(RUN(c, "\x0f\xae\x63\x10"), EXC_GP);   /* xsave */
}

static void reserved_mxcsr_bits_are_gp(void **state)
{
	struct x86_cpu *c = fresh();
	u32 bad = 0x80001f80;

	(void)state;
	memcpy(page, &bad, 4);
	assert_int_equal(RUN(c, "\x0f\xae\x13"), EXC_GP);       /* ldmxcsr */
	memcpy(page + 24, &bad, 4);
	assert_int_equal(RUN(c, "\x0f\xae\x0b"), EXC_GP);       /* fxrstor */
	assert_int_equal(c->fpu.mxcsr, 0x1f80);
}

static void xsave_writes_requested_components_only(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	fill(c);
	memset(page, 0xee, 512);
	c->r[RAX] = 2;                                          /* SSE */
	c->r[RDX] = 0;
	assert_int_equal(RUN(c, "\x0f\xae\x23"), NO_FAULT);
	assert_int_equal(page[0], 0xee);
	assert_int_equal(page[32], 0xee);
	assert_int_equal(page[160], 0x5a);
	assert_int_equal(word(512), 2);
}

static void xsave_keeps_bits_it_was_not_asked_for(void **state)
{
	struct x86_cpu *c = fresh();
	u64 bv = 1;

	(void)state;
	memcpy(page + 512, &bv, 8);
	c->r[RAX] = 2;
	assert_int_equal(RUN(c, "\x0f\xae\x23"), NO_FAULT);
	assert_int_equal(word(512), 1);                /* SSE is initial */
}

static void xrstor_initialises_absent_components(void **state)
{
	struct x86_cpu *c = fresh();
	u32 mxcsr = 0x1f80;

	(void)state;
	fill(c);
	memcpy(page + 24, &mxcsr, 4);
	c->r[RAX] = 3;
	assert_int_equal(RUN(c, "\x0f\xae\x2b"), NO_FAULT);
	assert_int_equal(c->fpu.ftw, 0);
	assert_int_equal(c->fpu.fcw, 0x37f);
	assert_int_equal(c->fpu.xmm[3].b[3], 0);
}

static void compacted_round_trip(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	fill(c);
	c->r[RAX] = 3;
	assert_int_equal(RUN(c, "\x0f\xc7\x23"), NO_FAULT);     /* xsavec */
	assert_int_equal(word(512), 3);
	assert_int_equal(word(520), 1ull << 63 | 3);
	fpu_reset(c);
	assert_int_equal(RUN(c, "\x0f\xc7\x1b"), NO_FAULT);     /* xrstors */
	assert_int_equal(c->fpu.xmm[3].b[3], 0x5a);
	assert_int_equal(c->fpu.mxcsr, 0x1fa0);
	assert_int_equal(c->fpu.ftw, 0x80);
}

static void bad_headers_are_gp(void **state)
{
	static const struct { unsigned at; u64 v; } bad[] = {
		{ 512, 1ull << 62 }, { 520, 1 }, { 528, 1 },
	};
	struct x86_cpu *c = fresh();

	(void)state;
	c->r[RAX] = 3;
	for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
		memset(page, 0, sizeof(page));
		memcpy(page + bad[n].at, &bad[n].v, 8);
		assert_int_equal(RUN(c, "\x0f\xae\x2b"), EXC_GP);
	}
	memset(page, 0, sizeof(page));
	assert_int_equal(RUN(c, "\x0f\xc7\x1b"), EXC_GP); /* xrstors: standard */
}

static void xsave_needs_osxsave(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	c->cr4 &= ~(u64)CR4_OSXSAVE;
	assert_int_equal(RUN(c, "\x0f\xae\x23"), EXC_UD);
	c = fresh();
	c->cr0 |= CR0_TS;
	assert_int_equal(RUN(c, "\x0f\xae\x23"), EXC_NM);
}

/* Component 9: where CPUID says in the standard form, behind AVX if that is
 * there too in the compacted one. */
static void pkru_is_component_9(void **state)
{
	struct x86_cpu *c = fresh();
	const unsigned at = c->xcomp[9].off;

	(void)state;
	assert_int_equal(c->xcomp[9].size, 8);
	assert_true(c->xcr0_allowed & 0x200);
	c->xcr0 = 0x203;
	c->pkru = 0x55555554;
	c->r[RAX] = 0x200;
	memset(page + at, 0xee, 12);
	assert_int_equal(RUN(c, "\x0f\xae\x23"), NO_FAULT);    /* xsave */
	assert_true(word(512) == 0x200);
	assert_true(word(at) == 0x55555554);
	assert_int_equal(page[at + 8], 0xee);
	c->pkru = 0;
	assert_int_equal(RUN(c, "\x0f\xae\x2b"), NO_FAULT);    /* xrstor */
	assert_int_equal(c->pkru, 0x55555554);
	memset(page + 512, 0, 8);                              /* initial */
	assert_int_equal(RUN(c, "\x0f\xae\x2b"), NO_FAULT);
	assert_int_equal(c->pkru, 0);
	c->pkru = 8;
	assert_int_equal(RUN(c, "\x0f\xc7\x23"), NO_FAULT);    /* xsavec */
	assert_true(word(520) == (1ull << 63 | 0x200));
	assert_true(word(576) == 8);
	c->pkru = 0;
	assert_int_equal(RUN(c, "\x0f\xc7\x1b"), NO_FAULT);    /* xrstors */
	assert_int_equal(c->pkru, 8);
	c->xcr0 = 3;                                           /* not enabled */
	c->pkru = 4;
	memset(page + 512, 0, 64);
	assert_int_equal(RUN(c, "\x0f\xae\x2b"), NO_FAULT);
	assert_int_equal(c->pkru, 4);
}

static void compacted_pkru_lies_behind_avx(void **state)
{
	struct x86_cpu *c = fresh();

	(void)state;
	if (!(c->xcr0_allowed & 4))
		skip();
	c->xcr0 = 0x207;
	c->r[RAX] = 0x206;
	c->pkru = 0x1234;
	assert_int_equal(RUN(c, "\x0f\xc7\x23"), NO_FAULT);
	assert_true(word(832) == 0x1234);
	assert_true(word(520) == (1ull << 63 | 0x206));
}

static void kvm_images_hold_pkru(void **state)
{
	struct x86_cpu *c = fresh();
	struct kvm_xsave x;
	u64 bv = 0x200;

	(void)state;
	c->pkru = 0x55555554;
	fpu_get_xsave(c, &x, sizeof(x));
	assert_memory_equal((u8 *)&x + c->xcomp[9].off, &c->pkru, 4);
	assert_memory_equal((u8 *)&x + 512, &bv, 8);
	c->pkru = 0;
	assert_int_equal(fpu_set_xsave(c, &x, sizeof(x)), 0);
	assert_int_equal(c->pkru, 0x55555554);
	memset((u8 *)&x + 512, 0, 8);
	assert_int_equal(fpu_set_xsave(c, &x, sizeof(x)), 0);
	assert_int_equal(c->pkru, 0);
	/* a layout beyond the image is nobody's */
	c->pkru = 1;
	c->xcomp[9].off = ~0u - 3;
	fpu_get_xsave(c, &x, sizeof(x));
}

static void kvm_doors_round_trip_and_refuse(void **state)
{
	struct x86_cpu *c = fresh();
	struct kvm_xsave x;
	struct kvm_fpu f;
	u64 v;

	(void)state;
	fill(c);
	fpu_get_xsave(c, &x, sizeof(x));
	fpu_get_kvm_fpu(c, &f);
	fpu_reset(c);
	assert_int_equal(fpu_set_xsave(c, &x, sizeof(x)), 0);
	assert_int_equal(c->fpu.xmm[15].b[0], 0x5a);
	fpu_reset(c);
	fpu_set_kvm_fpu(c, &f);
	assert_int_equal(c->fpu.ftw, 0x80);
	assert_int_equal(c->fpu.mxcsr, 0x1fa0);
	f.mxcsr = ~0u;
	fpu_set_kvm_fpu(c, &f);
	assert_int_equal(c->fpu.mxcsr & ~fpu_mxcsr_mask(c), 0);
	v = 1ull << 40;
	memcpy((u8 *)&x + 512, &v, 8);
	assert_int_equal(fpu_set_xsave(c, &x, sizeof(x)), -EINVAL);
	assert_int_equal(fpu_set_xsave(c, &x, 512), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fxsave_fxrstor_round_trip),
		cmocka_unit_test(images_must_be_aligned),
		cmocka_unit_test(reserved_mxcsr_bits_are_gp),
		cmocka_unit_test(xsave_writes_requested_components_only),
		cmocka_unit_test(xsave_keeps_bits_it_was_not_asked_for),
		cmocka_unit_test(xrstor_initialises_absent_components),
		cmocka_unit_test(compacted_round_trip),
		cmocka_unit_test(bad_headers_are_gp),
		cmocka_unit_test(xsave_needs_osxsave),
		cmocka_unit_test(pkru_is_component_9),
		cmocka_unit_test(compacted_pkru_lies_behind_avx),
		cmocka_unit_test(kvm_images_hold_pkru),
		cmocka_unit_test(kvm_doors_round_trip_and_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
