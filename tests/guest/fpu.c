/* SPDX-License-Identifier: MIT */
/*
 * x87, MMX, SSE in ring 3: results bit for bit, fxsave images, rounding,
 * exceptions; #NM by CR0.TS and #UD without CR4.OSFXSR.
 */
#include "rt.h"

static volatile u64 r64[4];
static volatile u32 r32[8];
static volatile u16 r16[8];
static u8 ten[2][16];
static u8 image[512] __attribute__((aligned(64)));

static void x87_constants(ul v)
{
	__asm__ volatile("fninit; fldpi; fstpt %0; fldl2e; fstpt %1"
			 : "=m"(ten[0]), "=m"(ten[1]));
}

static void x87_sum(ul v)
{
	static const u64 a = 0x3ff8000000000000, b = 0x4002000000000000;
	static const u32 n = 7;

	__asm__ volatile("fninit; fldl %2; faddl %3; fstpl %0; fildl %4; fld1;"
			 "fdivp; fstpl %1"
			 : "=m"(r64[0]), "=m"(r64[1]) : "m"(a), "m"(b), "m"(n));
}

static void x87_state(ul v)
{
	__asm__ volatile("fninit; fld1; fldz; fldpi; fxch %%st(2); fnstsw %0; fnstcw %1"
			 : "=m"(r16[0]), "=m"(r16[1]));
	__asm__ volatile("fxsave %0" : "=m"(image));
	__asm__ volatile("fninit; fnstsw %0" : "=m"(r16[2]));
	__asm__ volatile("fxrstor %0" :: "m"(image));
	__asm__ volatile("fnstsw %0; fstpl %1" : "=m"(r16[3]), "=m"(r64[0]));
}

static void x87_compare(ul v)
{
	u8 a, p, c;

	__asm__ volatile("fninit; fld1; fldpi; fucomip %%st(1); seta %0; setp %1; setb %2"
			 : "=r"(a), "=r"(p), "=r"(c));
	r16[0] = a | p << 1 | c << 2;
	__asm__ volatile("fninit; fldz; fldz; fdivp; fld1; fucomip %%st(1); seta %0; setp %1; setb %2"
			 : "=r"(a), "=r"(p), "=r"(c));
	r16[1] = a | p << 1 | c << 2;
	__asm__ volatile("fnstsw %0; fnclex" : "=m"(r16[2]));
}

/* Rounding 2.5 and -2.5 in the four modes. */
static void x87_rounding(ul v)
{
	static const u32 two_half = 0x40200000;

	for (u32 i = 0; i < 4; i++) {
		u16 cw = 0x37f | i << 10;

		__asm__ volatile("fninit; fldcw %2; flds %3; fistl %0; fchs; fistpl %1"
				 : "=m"(r32[2 * i]), "=m"(r32[2 * i + 1])
				 : "m"(cw), "m"(two_half));
	}
}

static void sse_sum(ul v)
{
	static const u32 a[4] __attribute__((aligned(16))) = { 0x3f800000, 0x40000000, 0xbf800000, 0x7f7fffff };
	static const u32 b[4] __attribute__((aligned(16))) = { 0x33800000, 0x40400000, 0x3f800000, 0x7f7fffff };

	__asm__ volatile("movaps %1, %%xmm0; addps %2, %%xmm0; movups %%xmm0, %0; stmxcsr %3"
			 : "=m"(*(u32 (*)[4])r32) : "m"(a), "m"(b), "m"(r32[4]));
}

static void sse2_convert(ul v)
{
	static const u64 d = 0xc004000000000000;       /* -2.5 */

	__asm__ volatile("cvtsd2si %2, %%eax; mov %%eax, %0; cvttsd2si %2, %%eax; mov %%eax, %1"
			 : "=m"(r32[0]), "=m"(r32[1]) : "m"(d) : "eax");
	__asm__ volatile("movsd %1, %%xmm1; sqrtsd %%xmm1, %%xmm1; movq %%xmm1, %0"
			 : "=m"(r64[0]) : "m"(d));
	__asm__ volatile("pcmpeqd %%xmm2, %%xmm2; psrlq $60, %%xmm2; pmovmskb %%xmm2, %%eax; mov %%eax, %0; movq %%xmm2, %1"
			 : "=m"(r32[2]), "=m"(r64[1]) :: "eax");
}

static void mmx(ul v)
{
	static const u64 a = 0x00ff7fff80000001, b = 0x0001000180000001;

	__asm__ volatile("movq %2, %%mm0; movq %%mm0, %%mm1; paddsw %3, %%mm0; paddb %3, %%mm1;"
			 "movq %%mm0, %0; movq %%mm1, %1; emms"
			 : "=m"(r64[0]), "=m"(r64[1]) : "m"(a), "m"(b));
}

static void x87_fault(ul v)
{
	u16 cw = 0x37b;                        /* divide by zero unmasked */

	__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" :: "m"(cw));
}

static void sse_fault(ul v)
{
	static const u32 mxcsr = 0x1f80 & ~0x200, one = 0x3f800000, zero = 0;

	__asm__ volatile("ldmxcsr %0; movss %1, %%xmm0; divss %2, %%xmm0"
			 :: "m"(mxcsr), "m"(one), "m"(zero));
}

static void touch_x87(ul v) { __asm__ volatile("fnop"); }
static void touch_sse(ul v) { __asm__ volatile("xorps %xmm0, %xmm0"); }
static void bad_mxcsr(ul v)
{
	static const u32 mxcsr = 0xffff0000;

	__asm__ volatile("ldmxcsr %0" :: "m"(mxcsr));
}

static void misaligned(ul v)
{
	__asm__ volatile("movaps %0, %%xmm0" :: "m"(*(u8 (*)[16])(image + 4)));
}

static void show_ten(const u8 *p)
{
	for (int i = 9; i >= 0; i--)
		say("%b", p[i]);
	putch(' ');
}

static void x87(void)
{
	report("constants", user(x87_constants, 0));
	show_ten(ten[0]);
	show_ten(ten[1]);
	putch('\n');
	report("sum", user(x87_sum, 0));
	say("%q %q\n", r64[0], r64[1]);
	report("state", user(x87_state, 0));
	say("%w %w %w %w %q\n", r16[0], r16[1], r16[2], r16[3], r64[0]);
	say("image: cw %b%b sw %b%b tag %b\n", image[1], image[0], image[3],
	    image[2], image[4]);
	report("compare", user(x87_compare, 0));
	say("%b %b %w\n", r16[0], r16[1], r16[2]);
	report("rounding", user(x87_rounding, 0));
	for (int i = 0; i < 8; i++)
		say("%d ", (int)r32[i]);
	putch('\n');
}

static void sse(void)
{
	report("sse", user(sse_sum, 0));
	say("%l %l %l %l mxcsr %l\n", r32[0], r32[1], r32[2], r32[3], r32[4]);
	report("sse2", user(sse2_convert, 0));
	say("%l %l %q %l %q\n", r32[0], r32[1], r64[0], r32[2], r64[1]);
	report("mmx", user(mmx, 0));
	say("%q %q\n", r64[0], r64[1]);
}

#ifndef TRAPS
void main(void)
{
	say("floating point\n");
	write_cr0((read_cr0() & ~0xcul) | 0x22);       /* MP, NE */
	write_cr4(read_cr4() | 0x600);
	x87();
	sse();
	report("x87 divide", user(x87_fault, 0));
	report("sse divide", user(sse_fault, 0));
	report("misaligned", user(misaligned, 0));
	(void)touch_x87;
	(void)touch_sse;
	(void)bad_mxcsr;
	say("done\n");
}
#else
/* What CR0 and CR4 forbid. */
void main(void)
{
	say("floating point traps\n");
	write_cr0((read_cr0() & ~0xcul) | 0x22);
	report("sse without OSFXSR", user(touch_sse, 0));
	write_cr4(read_cr4() | 0x200);
	report("sse divide, no OSXMMEXCPT", user(sse_fault, 0));
	write_cr4(read_cr4() | 0x400ul);
	report("reserved mxcsr", user(bad_mxcsr, 0));
	write_cr0(read_cr0() | 8);                     /* TS */
	report("x87 with TS", user(touch_x87, 0));
	report("sse with TS", user(touch_sse, 0));
	write_cr0((read_cr0() & ~8ul) | 4);            /* EM */
	report("x87 with EM", user(touch_x87, 0));
	report("sse with EM", user(touch_sse, 0));
	(void)x87;
	(void)sse;
	(void)x87_fault;
	(void)misaligned;
	say("done\n");
}
#endif
