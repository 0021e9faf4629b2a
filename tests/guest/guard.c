/* SPDX-License-Identifier: MIT */
/*
 * What CR4 adds to paging: UMIP, SMEP, SMAP, PCIDs and INVPCID, five-level
 * addresses.  A feature CPUID does not name is skipped, and its lines are not
 * printed: all providers this runs on have them.
 */
#include "rt.h"

enum { P = 1, W = 2, U = 4, G = 0x100 };
enum { PGE = 1 << 7, UMIP = 1 << 11, PCIDE = 1 << 17, SMEP = 1 << 20,
       SMAP = 1 << 21 };
#define WINDOW 0x123400000000ul
#define KEEP (1ul << 63)

static u64 tables[3][512] __attribute__((aligned(4096)));
static u8 frames[2][4096] __attribute__((aligned(4096)));
static volatile u8 *const window = (volatile u8 *)WINDOW;

static u64 *root(void) { return (u64 *)(read_cr3() & ~0xffful); }
static void cr4(ul set, ul clear) { write_cr4((read_cr4() & ~clear) | set); }
static void map(unsigned frame, u64 flags) { tables[2][0] = (ul)frames[frame] | flags; }

static void build(void)
{
	root()[WINDOW >> 39 & 511] = (ul)tables[0] | P | W | U;
	tables[0][WINDOW >> 30 & 511] = (ul)tables[1] | P | W | U;
	tables[1][WINDOW >> 21 & 511] = (ul)tables[2] | P | W | U;
	frames[0][0] = 1;
	frames[1][0] = 2;
	frames[0][8] = frames[1][8] = 0xc3;
}

static void invpcid(ul type, ul pcid, ul at)
{
	const struct { u64 pcid, at; } d = { pcid, at };

	__asm__ volatile("invpcid %0, %1" :: "m"(d), "r"(type) : "memory");
}

static void rd(ul at) { (void)*(volatile u8 *)at; }
static void wr(ul at) { *(volatile u8 *)(at + 1) = 1; }
static void run(ul at) { ((void (*)(void))(at + 8))(); }
static void stac_rd(ul at)
{
	__asm__ volatile("stac; mov (%0), %%al; clac" :: "r"(at) : "rax", "memory");
}

/* --- UMIP ------------------------------------------------------------------ */

static void do_sgdt(ul at) { u8 b[10]; __asm__ volatile("sgdt %0" : "=m"(b)); }
static void do_sidt(ul at) { u8 b[10]; __asm__ volatile("sidt %0" : "=m"(b)); }
static void do_sldt(ul at) { u16 v; __asm__ volatile("sldt %0" : "=r"(v)); }
static void do_str(ul at) { u16 v; __asm__ volatile("str %0" : "=r"(v)); }
static void do_smsw(ul at) { u16 v; __asm__ volatile("smsw %0" : "=r"(v)); }

static void umip(void)
{
	static const struct { const char *name; void (*fn)(ul); } all[] = {
		{ "sgdt", do_sgdt }, { "sidt", do_sidt }, { "sldt", do_sldt },
		{ "str", do_str }, { "smsw", do_smsw },
	};

	for (unsigned on = 0; on < 2; on++) {
		say("umip %d\n", (int)on);
		cr4(on ? UMIP : 0, UMIP);
		for (unsigned i = 0; i < 5; i++)
			report(all[i].name, user(all[i].fn, 0));
		report("smsw in ring 0", try(do_smsw, 0));
	}
	cr4(0, UMIP);
}

/* --- SMEP, SMAP -------------------------------------------------------------- */

static void supervisor_only(void)
{
	root()[0] &= ~(u64)U;
	flush_tlb();
	map(0, P | W | U);
	report("read user page", try(rd, WINDOW));
	report("run user page", try(run, WINDOW));
	cr4(SMEP, 0);
	report("smep: read", try(rd, WINDOW));
	report("smep: run", try(run, WINDOW));
	cr4(SMAP, SMEP);
	report("smap: read", try(rd, WINDOW));
	report("smap: write", try(wr, WINDOW));
	report("smap: read after stac", try(stac_rd, WINDOW));
	report("smap: read after clac", try(rd, WINDOW));
	report("smap: run", try(run, WINDOW));
	map(0, P | W);
	flush_tlb();
	report("smap: supervisor page", try(rd, WINDOW));
	cr4(0, SMAP);
	root()[0] |= U;
	flush_tlb();
}

/* --- PCIDs ------------------------------------------------------------------ */

static void set_cr3(ul v) { write_cr3(v); }
static void set_cr4(ul v) { write_cr4(v); }
static void go(ul pcid, ul keep) { write_cr3((ul)root() | pcid | keep); }

static void bad_invpcid(ul n)
{
	switch (n) {
	case 0: invpcid(4, 0, 0); break;
	case 1: invpcid(1, 0x1000, 0); break;
	case 2: invpcid(0, 1, 1ul << 62); break;
	case 3: invpcid(1, 1, 0); break;
	}
}

/* In both spaces frame 0 was seen; now the entry says frame 1. */
static void see_both(u64 flags)
{
	map(0, P | W | flags);
	invpcid(2, 0, 0);
	for (ul pcid = 1; pcid < 3; pcid++) {
		go(pcid, KEEP);
		rd(WINDOW);
	}
	map(1, P | W | flags);
}

/* After an invalidation of something the page must be the new one. */
static void fresh(const char *name, ul pcid)
{
	go(pcid, KEEP);
	say("%s: %s\n", name, window[0] == 2 ? "new" : "old");
}

static void pcids(void)
{
	report("invpcid 1 without PCIDE", try(bad_invpcid, 3));
	report("bit 63 without PCIDE", try(set_cr3, (ul)root() | KEEP));
	go(5, 0);
	report("PCIDE over a PCID", try(set_cr4, read_cr4() | PCIDE));
	go(0, 0);
	cr4(PCIDE | PGE, 0);
	go(7, KEEP);
	say("cr3 %w\n", (u32)read_cr3() & 0xfff);
	for (ul n = 0; n < 3; n++)
		report("bad invpcid", try(bad_invpcid, n));
	see_both(0);
	invpcid(0, 1, WINDOW);
	fresh("type 0", 1);
	see_both(0);
	invpcid(1, 1, 0);
	fresh("type 1", 1);
	see_both(0);
	invpcid(2, 0, 0);
	fresh("type 2", 1);
	fresh("type 2, the other", 2);
	see_both(0);
	invpcid(3, 0, 0);
	fresh("type 3", 1);
	fresh("type 3, the other", 2);
	see_both(0);
	go(1, 0);
	fresh("cr3", 1);
	see_both(0);
	go(2, KEEP);
	__asm__ volatile("invlpg (%0)" :: "r"(WINDOW) : "memory");
	fresh("invlpg", 2);
	see_both(G);
	__asm__ volatile("invlpg (%0)" :: "r"(WINDOW) : "memory");
	fresh("invlpg, global", 1);
	see_both(G);
	cr4(0, PGE);
	fresh("pge", 1);
	cr4(PGE, 0);
	go(0, 0);
	cr4(0, PCIDE);
}

/* --- canonical addresses ----------------------------------------------------- */

static void write_base(ul v) { wrmsr(0xc0000102, v); }
static void jump(ul at) { ((void (*)(void))at)(); }

static void canonical(void)
{
	u32 r[4];
	int five;

	cpuid(7, 0, r);
	five = r[2] >> 16 & 1;
	/* a base may be what the processor could reach with five levels */
	say("base of 57 bits as CPUID says: %d\n",
	    try(write_base, 1ul << 50) == !five);
	report("base of 58 bits", try(write_base, 1ul << 57));
	report("base of 48 bits", try(write_base, 0xffff800000000000ul));
	write_base(0);
	report("read at bit 50", try(rd, 1ul << 50));
	report("jump to bit 50", try(jump, 1ul << 50));
}

void main(void)
{
	u32 a[4], b[4];

	cpuid(7, 0, a);
	cpuid(1, 0, b);
	if (!(b[2] >> 17 & 1) || !(a[1] >> 10 & 1) || !(a[1] >> 7 & 1) ||
	    !(a[1] >> 20 & 1) || !(a[2] >> 2 & 1)) {
		say("not all of PCID, INVPCID, SMEP, SMAP and UMIP here\n");
		finish(0x20);
	}
	build();
	umip();
	supervisor_only();
	pcids();
	canonical();
	say("done\n");
}
