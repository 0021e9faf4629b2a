/* SPDX-License-Identifier: MIT */
/*
 * AVX state in ring 3: two tasks whose sixteen YMM registers are switched by each
 * of the XSAVE instructions, calculations that go on across switches, images as
 * the manual has them, #UD and #NM as XCR0, CR4 and CR0 want them, and gathers
 * and masked moves at the end of a page.
 */
#include "rt.h"

enum { TASKS = 2, ROUNDS = 200 };
enum how { XSAVE, XSAVEOPT, XSAVEC };
static const char *const how_name[] = { "xsave", "xsaveopt",
	"xsavec if any" };

static u8 area[TASKS][1024] __attribute__((aligned(64)));
static u64 ymm[16][4] __attribute__((aligned(32)));
static u64 one[4] __attribute__((aligned(32))) = { 1, 2, 3, 4 };
static volatile u32 bad;

#define EACH_YMM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) \
	X(10) X(11) X(12) X(13) X(14) X(15)

static void load_all(void)
{
#define LOAD(n) __asm__ volatile("vmovdqa %0, %%ymm" #n :: "m"(ymm[n]));
	EACH_YMM(LOAD)
}

static void store_all(void)
{
#define STORE(n) __asm__ volatile("vmovdqa %%ymm" #n ", %0" : "=m"(ymm[n]));
	EACH_YMM(STORE)
}

/* Each register and lane gets one[lane]. */
static void add_all(void)
{
#define ADD(n) __asm__ volatile("vpaddq %0, %%ymm" #n ", %%ymm" #n :: "m"(one));
	EACH_YMM(ADD)
}

static void save(void *to, int how)
{
	switch (how) {
	case XSAVE:
		__asm__ volatile("xsave64 (%0)" :: "r"(to), "a"(7), "d"(0) : "memory");
		break;
	case XSAVEOPT:
		__asm__ volatile("xsaveopt64 (%0)" :: "r"(to), "a"(7), "d"(0) : "memory");
		break;
	default:
		__asm__ volatile("xsavec64 (%0)" :: "r"(to), "a"(7), "d"(0) : "memory");
	}
}

static void restore(const void *from)
{
	__asm__ volatile("xrstor64 (%0)" :: "r"(from), "a"(7), "d"(0) : "memory");
}

static u64 start_value(u32 task, u32 reg, u32 lane)
{
	return ((u64)task << 56) + ((u64)reg << 40) + ((u64)lane << 32);
}

static void begin(u32 task, int how)
{
	for (u32 n = 0; n < 16; n++)
		for (u32 k = 0; k < 4; k++)
			ymm[n][k] = start_value(task, n, k);
	load_all();
	for (u32 n = 0; n < sizeof(area[0]); n++)
		area[task][n] = 0;
	save(area[task], how);
}

static void check(u32 task)
{
	for (u32 n = 0; n < 16; n++)
		for (u32 k = 0; k < 4; k++)
			if (ymm[n][k] != start_value(task, n, k) + ROUNDS * one[k])
				bad++;
}

static void switches(ul how)
{
	for (u32 t = 0; t < TASKS; t++)
		begin(t, (int)how);
	for (u32 r = 0; r < ROUNDS; r++)
		for (u32 t = 0; t < TASKS; t++) {
			restore(area[t]);
			add_all();
			save(area[t], (int)how);
			__asm__ volatile("vzeroall");
		}
	for (u32 t = 0; t < TASKS; t++) {
		restore(area[t]);
		store_all();
		check(t);
	}
}

/* XSTATE_BV's bit 2 clear: the upper halves become zero. */
static void initial(ul v)
{
	load_all();
	save(area[0], XSAVE);
	*(u64 *)(area[0] + 512) &= ~4ull;
	restore(area[0]);
	store_all();
	for (u32 n = 0; n < 16; n++)
		bad += ymm[n][2] || ymm[n][3];
}

static void use(ul v)
{
	__asm__ volatile("vaddpd %ymm1, %ymm2, %ymm3");
}

/* What x86-64-v3 has besides AVX2 and BMI: FMA, F16C, MOVBE, LZCNT. */
static void use_v3(ul v)
{
	u32 swapped, zeros, in = 0x00123456;
	u16 half[4] = { 0x3c00, 0x4000, 0, 0 };
	u32 f[4] = { 0x40400000, 0x40400000 };         /* 3.0 */

	__asm__ volatile("movbe %2, %0; lzcnt %2, %1"
			 : "=r"(swapped), "=r"(zeros) : "m"(in));
	__asm__ volatile("vcvtph2ps (%0), %%xmm0; vmovups (%1), %%xmm1;"
			 "vfmadd213ps %%xmm1, %%xmm1, %%xmm0; vmovups %%xmm0, (%1)"
			 :: "r"(half), "r"(f) : "memory");
	bad += swapped != 0x56341200 || zeros != 11;
	bad += f[0] != 0x40c00000 || f[1] != 0x41100000;
}

static void use_bmi(ul v)
{
	__asm__ volatile("andn %%eax, %%ecx, %%edx" ::: "edx", "cc");
}

static u8 page[8192] __attribute__((aligned(4096)));

/* Three elements in one page, five in the next. */
static void gather(ul v)
{
	u32 *data = (u32 *)(page + 4096 - 12), sum = 0, index[8], out[8];

	for (u32 n = 0; n < 8; n++) {
		data[n] = 1u << n;
		index[n] = 7 - n;
	}
	__asm__ volatile("vmovdqu (%0), %%ymm1; vpcmpeqd %%ymm2, %%ymm2, %%ymm2;"
			 "vpgatherdd %%ymm2, (%1,%%ymm1,4), %%ymm3;"
			 "vmovdqu %%ymm3, (%2)"
			 :: "r"(index), "r"(data), "r"(out) : "memory");
	for (u32 n = 0; n < 8; n++)
		sum += out[n] == 128u >> n;
	bad += sum != 8;
}

/* Only the first element is in memory that may be touched. */
static void masked(ul at)
{
	u32 mask[8] = { ~0u }, v[8];

	for (u32 n = 0; n < 8; n++)
		v[n] = n + 5;
	__asm__ volatile("vmovdqu (%0), %%ymm1; vmovdqu (%1), %%ymm0;"
			 "vpmaskmovd %%ymm0, %%ymm1, (%2);"
			 "vpmaskmovd (%2), %%ymm1, %%ymm2; vmovdqu %%ymm2, (%1)"
			 :: "r"(mask), "r"(v), "r"(at) : "memory");
	bad += v[0] != 5 || v[1] != 0 || *(u32 *)at != 5;
}

static void whole(ul at)
{
	__asm__ volatile("vmovdqu %%ymm0, (%0)" :: "r"(at) : "memory");
}

static void xsetbv(ul v)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)v), "d"(0));
}

static int has_xsavec(void)
{
	u32 r[4];

	cpuid(13, 1, r);
	return r[0] >> 1 & 1;
}

static u32 xgetbv(void)
{
	u32 a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void need_avx(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if ((r[2] >> 26 & 5) != 5) {
		say("this CPU has no AVX\n");
		finish(32);
	}
	cpuid(7, 0, r);
	if ((r[1] & 0x128) != 0x128) {
		say("this CPU has no AVX2, BMI1 or BMI2\n");
		finish(32);
	}
	cpuid(13, 1, r);
	if (!(r[0] & 1)) {
		say("this CPU has no XSAVEOPT\n");
		finish(32);
	}
}

static void switched_on(void)
{
	u32 r[4];

	report("xsetbv 5", try(xsetbv, 5));
	report("xsetbv 7", try(xsetbv, 7));
	cpuid(13, 0, r);
	say("xcr0 %l, %d bytes\n", xgetbv(), r[1]);
	cpuid(13, 2, r);
	say("AVX: %d bytes at %d\n", r[0], r[1]);
}

void main(void)
{
	say("AVX state\n");
	need_avx();
	write_cr0((read_cr0() & ~0xcul) | 0x22);
	write_cr4(read_cr4() | 0x600);
	report("without OSXSAVE", user(use, 0));
	report("BMI without OSXSAVE", user(use_bmi, 0));
	write_cr4(read_cr4() | 0x40000);
	report("without XCR0", user(use, 0));
	switched_on();
	for (u32 how = XSAVE; how <= XSAVEC; how++) {
		report(how_name[how], user(switches, how == XSAVEC &&
					   !has_xsavec() ? XSAVE : how));
		say("%d wrong\n", bad);
	}
	report("FMA, F16C, MOVBE, LZCNT", user(use_v3, 0));
	report("initial state", user(initial, 0));
	report("gather", user(gather, 0));
	report("masked move", user(masked, (ul)page + 4096 - 4));
	say("%d wrong\n", bad);
	report("not canonical", user(whole, 1ul << 47));
	report("masked, not canonical", user(masked, (1ul << 47) + 16));
	write_cr0(read_cr0() | 8);                     /* TS */
	report("with TS", user(use, 0));
	say("done\n");
}
