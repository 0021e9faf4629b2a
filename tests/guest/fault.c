/* SPDX-License-Identifier: MIT */
/*
 * Page faults: error codes, CR2, accessed and dirty bits, WP, NX, global and
 * large pages.  PAGING is 2 (32-bit), 3 (PAE), 4 or 5 levels.
 */
#include "rt.h"

#if PAGING == 2
typedef u32 pte;
#else
typedef u64 pte;
#endif
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
#define NX (1ull << 63)

static pte top[4][4096 / sizeof(pte)] __attribute__((aligned(4096)));
#if PAGING > 3
static pte directory[4096 / sizeof(pte)] __attribute__((aligned(4096)));
#endif
static pte leaf[4096 / sizeof(pte)] __attribute__((aligned(4096)));
static u8 page[4096] __attribute__((aligned(4096)));

/* The test window: one leaf table, high up. */
#if PAGING >= 4
static const ul window = 0x123456000000ul & ~0x1ffffful;
#else
static const ul window = 0x80000000;
#endif

#if PAGING == 2
static void build(void)
{
	for (unsigned i = 0; i < 1024; i++)
		top[0][i] = i << 22 | P | W | U | PS;
	top[0][window >> 22] = (ul)leaf | P | W | U;
	write_cr4(read_cr4() | 0x10);
	write_cr3((ul)top[0]);
	write_cr0(read_cr0() | 0x80010000);
}
#elif PAGING == 3
static pte pointers[4] __attribute__((aligned(32)));
static void build(void)
{
	for (unsigned i = 0; i < 4; i++) {
		pointers[i] = (ul)top[i] | P;
		for (unsigned k = 0; k < 512; k++)
			top[i][k] = (u64)(i << 9 | k) << 21 | P | W | U | PS;
	}
	top[window >> 30][window >> 21 & 511] = (ul)leaf | P | W | U;
	wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
	write_cr4(read_cr4() | 0x30);
	write_cr3((ul)pointers);
	write_cr0(read_cr0() | 0x80010000);
}
#elif PAGING == 4
static void build(void)
{
	u64 *root = (u64 *)(read_cr3() & ~0xffful);

	root[window >> 39 & 511] = (ul)top[1] | P | W | U;
	top[1][window >> 30 & 511] = (ul)directory | P | W | U;
	directory[window >> 21 & 511] = (ul)leaf | P | W | U;
}
#else
/* From 4 to 5 levels only with paging off: through compatibility mode. */
extern void five_levels(u32 root);
__asm__(".globl five_levels\nfive_levels:\n"
	"push %rbx\n mov %edi, %ebx\n"
	"pushq $0x08\n lea 1f(%rip), %rax\n push %rax\n lretq\n"
	".code32\n1: mov %cr0, %eax\n and $0x7fffffff, %eax\n mov %eax, %cr0\n"
	"mov %cr4, %eax\n or $0x1000, %eax\n mov %eax, %cr4\n"
	"mov %ebx, %cr3\n"
	"mov %cr0, %eax\n or $0x80000000, %eax\n mov %eax, %cr0\n"
	"ljmp $0x10, $2f\n .code64\n2: pop %rbx\n ret\n");

static void build(void)
{
	u64 *root = (u64 *)(read_cr3() & ~0xffful);
	u32 r[4];

	cpuid(7, 0, r);
	if (!(r[2] & 1u << 16)) {
		say("no five-level paging here\n");
		finish(0x20);
	}
	top[0][0] = (ul)root | P | W | U;
	root[window >> 39 & 511] = (ul)top[1] | P | W | U;
	top[1][window >> 30 & 511] = (ul)directory | P | W | U;
	directory[window >> 21 & 511] = (ul)leaf | P | W | U;
	five_levels((ul)top[0]);
}
#endif

static void rd(ul at) { (void)*(volatile u8 *)at; }
static void wr(ul at) { *(volatile u8 *)at = 0xc3; }
static void run(ul at) { ((void (*)(void))at)(); }

static void set(unsigned i, u64 flags)
{
	leaf[i] = (pte)((ul)page | flags);
	flush_tlb();
}

static void one(const char *name, int trapped, unsigned i)
{
	report(name, trapped);
	if (trapped)
		say("  cr2 +%x", trap.cr2 - window);
	say("  entry %w\n", (u32)leaf[i] & 0xfff);
}

static void kernel(void)
{
	ul at = window + 0x1008;

	set(1, 0);
	one("read absent", try(rd, at), 1);
	one("write absent", try(wr, at), 1);
	one("run absent", try(run, at), 1);
	set(1, P | W);
	one("read", try(rd, at), 1);
	one("write", try(wr, at), 1);
	one("run", try(run, at), 1);
	set(1, P);
	one("write read-only", try(wr, at), 1);
	write_cr0(read_cr0() & ~0x10000ul);
	one("write read-only, no WP", try(wr, at), 1);
	write_cr0(read_cr0() | 0x10000ul);
	set(1, P | W | U);
	one("write user page", try(wr, at), 1);
}

static void ring3(void)
{
	ul at = window + 0x1010;

	page[0x10] = 0xc3;
	set(1, 0);
	one("user read absent", user(rd, at), 1);
	one("user write absent", user(wr, at), 1);
	set(1, P | W);
	one("user read supervisor", user(rd, at), 1);
	one("user write supervisor", user(wr, at), 1);
	set(1, P | U);
	one("user read", user(rd, at), 1);
	one("user write read-only", user(wr, at), 1);
	set(1, P | U | W);
	one("user write", user(wr, at), 1);
	one("user run", user(run, at), 1);
}

#if PAGING > 2
static void wide(void)
{
	ul at = window + 0x2010;

	set(2, P | W | U | NX);
	one("read no-execute", try(rd, at), 2);
	one("run no-execute", try(run, at), 2);
	one("user run no-execute", user(run, at), 2);
	set(2, P | W | U | 1ull << 51);
	one("read reserved", try(rd, at), 2);
	one("user write reserved", user(wr, at), 2);
}
#else
static void wide(void) { }
#endif

static void crossing(void)
{
	set(3, P | W);
	set(4, 0);
	report("crossing read", try((void (*)(ul))rd, window + 0x3fff));
	*(volatile u8 *)(window + 0x3ffe) = 1;
	report("crossing write", try(wr, window + 0x4000));
	say("  cr2 +%x\n", trap.cr2 - window);
}

/* A stale entry must go with invlpg. */
static void invalidate(void)
{
	static u8 other[4096] __attribute__((aligned(4096)));
	volatile u8 *at = (u8 *)window + 0x5000;

	page[0] = 1;
	other[0] = 2;
	set(5, P | W);
	say("mapped %b", at[0]);
	leaf[5] = (pte)((ul)other | P | W);
	__asm__ volatile("invlpg %0" :: "m"(*at) : "memory");
	say(" then %b\n", at[0]);
}

void main(void)
{
	say("paging %d\n", PAGING);
	build();
	kernel();
	ring3();
	wide();
	crossing();
	invalidate();
	say("done\n");
}
