/* SPDX-License-Identifier: MIT */
/*
 * Protection keys: RDPKRU and WRPKRU, what PKRU denies in ring 3 and in ring 0,
 * with and without WP, what it never denies, and PKRU in XSAVE's images.
 */
#include "rt.h"

enum { P = 1, W = 2, U = 4, KEY = 5, AD = 1, WD = 2 };
enum { CR0_WP = 1u << 16, CR4_OSXSAVE = 1u << 18, CR4_PKE = 1u << 22 };

static u64 top[512] __attribute__((aligned(4096)));
static u64 directory[512] __attribute__((aligned(4096)));
static u64 leaf[512] __attribute__((aligned(4096)));
static u8 page[4096] __attribute__((aligned(4096)));
static u8 area[4096] __attribute__((aligned(64)));
static volatile u32 seen;

static const ul window = 0x123456000000ul & ~0x1ffffful;
static const ul at = (0x123456000000ul & ~0x1ffffful) + 0x1010;

static u32 rdpkru(void)
{
	u32 a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void wrpkru(u32 v)
{
	__asm__ volatile("wrpkru" :: "a"(v), "c"(0), "d"(0) : "memory");
}

static void rd(ul p) { (void)*(volatile u8 *)p; }
static void wr(ul p) { *(volatile u8 *)p = 0xc3; }
static void run(ul p) { ((void (*)(void))p)(); }
static void read_it(ul p) { seen = rdpkru(); }
static void write_it(ul v) { wrpkru((u32)v); }
static void rd_ecx(ul v) { __asm__ volatile("rdpkru" :: "c"(v) : "eax", "edx"); }
static void wr_ecx(ul v) { __asm__ volatile("wrpkru" :: "a"(0), "c"(v), "d"(0)); }
static void wr_edx(ul v) { __asm__ volatile("wrpkru" :: "a"(0), "c"(0), "d"(v)); }
static void locked(ul v) { __asm__ volatile(".byte 0xf0, 0x0f, 0x01, 0xee" :: "c"(0) : "eax", "edx"); }
static void high(ul v)                 /* only the low halves count */
{
	__asm__ volatile("wrpkru" :: "a"(0xffull << 32), "c"(1ull << 32), "d"(1ull << 32));
}

static void build(void)
{
	u64 *root = (u64 *)(read_cr3() & ~0xffful);

	root[window >> 39 & 511] = (ul)top | P | W | U;
	top[window >> 30 & 511] = (ul)directory | P | W | U;
	directory[window >> 21 & 511] = (ul)leaf | P | W | U;
	page[0x10] = 0xc3;
}

static void set(u64 flags, u32 key)
{
	leaf[1] = (ul)page | flags | (u64)key << 59;
	flush_tlb();
}

static void need_keys(void)
{
	u32 r[4];

	cpuid(7, 0, r);
	if (!(r[2] & 8)) {
		say("this CPU has no protection keys\n");
		finish(32);
	}
}

static u32 ospke(void)
{
	u32 r[4];

	cpuid(7, 0, r);
	return r[2] >> 4 & 1;
}

static void instructions(void)
{
	say("OSPKE %d\n", ospke());
	report("rdpkru without PKE", try(read_it, 0));
	report("wrpkru without PKE", try(write_it, 0));
	write_cr4(read_cr4() | CR4_PKE);
	say("OSPKE %d\n", ospke());
	report("rdpkru", try(read_it, 0));
	report("rdpkru, ecx 1", try(rd_ecx, 1));
	report("wrpkru, ecx 1", try(wr_ecx, 1));
	report("wrpkru, edx 1", try(wr_edx, 1));
	report("lock rdpkru", try(locked, 0));
	report("wrpkru, upper halves", try(high, 0));
	report("wrpkru in ring 3", user(write_it, 0xffc));
	report("rdpkru in ring 3", user(read_it, 0));
	say("pkru %l\n", seen);
	wrpkru(0);
}

static void all(const char *name)
{
	say("%s\n", name);
	report("  user read", user(rd, at));
	report("  user write", user(wr, at));
	report("  user run", user(run, at));
	report("  read", try(rd, at));
	report("  write", try(wr, at));
	report("  run", try(run, at));
}

/* The rights change while the page's entries are in the TLB. */
static void rights(void)
{
	set(P | W | U, KEY);
	all("open");
	wrpkru(WD << 2 * KEY);
	all("write disabled");
	write_cr0(read_cr0() & ~(ul)CR0_WP);
	all("write disabled, no WP");
	write_cr0(read_cr0() | CR0_WP);
	wrpkru(AD << 2 * KEY);
	all("access disabled");
	write_cr0(read_cr0() & ~(ul)CR0_WP);
	all("access disabled, no WP");
	write_cr0(read_cr0() | CR0_WP);
	wrpkru(~(3u << 2 * KEY) & ~3u);
	all("all others disabled");
	wrpkru(AD << 2 * KEY);
	set(P | U, KEY);
	report("access disabled, read-only, user write", user(wr, at));
	set(0, KEY);
	report("access disabled, absent", user(rd, at));
	set(P | W, KEY);
	report("a supervisor page, user read", user(rd, at));
	report("a supervisor page", try(rd, at));
	set(P | W | U, KEY);
	write_cr4(read_cr4() & ~(ul)CR4_PKE);
	report("without PKE", user(wr, at));
	write_cr4(read_cr4() | CR4_PKE);
	report("with PKE again", user(wr, at));
	wrpkru(0);
}

static void xsave(u32 mask)
{
	__asm__ volatile("xsave64 (%0)" :: "r"(area), "a"(mask), "d"(0) : "memory");
}

static void xrstor(ul mask)
{
	__asm__ volatile("xrstor64 (%0)" :: "r"(area), "a"((u32)mask), "d"(0) : "memory");
}

static void xsetbv(ul v)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)v), "d"(0));
}

static void images(void)
{
	u32 r[4], where;

	write_cr4(read_cr4() | CR4_OSXSAVE | 0x600);
	cpuid(13, 0, r);
	say("XCR0 may have PKRU: %d\n", r[0] >> 9 & 1);
	report("xsetbv", try(xsetbv, 0x203));
	cpuid(13, 9, r);
	where = r[1];
	say("PKRU: %d bytes, flags %x\n", r[0], r[2]);
	cpuid(13, 0, r);
	say("the area ends with it: %d\n", r[1] == where + 8);
	wrpkru(0x54);
	xsave(0x200);
	say("saved %q, bits %q\n", *(u64 *)(area + where), *(u64 *)(area + 512));
	wrpkru(0);
	*(u32 *)(area + where) = WD << 2 * KEY;
	set(P | W | U, KEY);
	report("user write", user(wr, at));
	report("xrstor", try(xrstor, 0x200));
	say("pkru %l\n", rdpkru());
	report("user write", user(wr, at));
	*(u64 *)(area + 512) = 0;
	report("xrstor, initial", user(xrstor, 0x200));
	say("pkru %l\n", rdpkru());
	report("user write", user(wr, at));
}

void main(void)
{
	say("protection keys\n");
	need_keys();
	write_cr0(read_cr0() | CR0_WP);
	build();
	instructions();
	rights();
	images();
	say("done\n");
}
