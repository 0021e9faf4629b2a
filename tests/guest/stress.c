/* SPDX-License-Identifier: MIT */
/*
 * Processors against each other: locks under interrupts and IPIs, every kind of
 * locked instruction, TLB shootdowns, code that others change.
 *
 * "cpus=N,rounds=R" on the command line; each round is one pass of everything.
 * "cpus=N,seconds=S" goes on for about so long (by the timer's interrupts) and
 * says how many rounds it was.
 * All processors run the same phases and meet between them.  Prints one line a
 * phase: ok, or what went wrong first.
 */
#include "ap.h"

enum { TIMER = 0x71, CALL = 0x72, LVT = 0x320, DIVIDE = 0x3e0, COUNT = 0x380,
       LOOPS = 2000, LOCKED = 1000, REMAPS = 60, POKES = 60,
       POISON = 0xdeadbeef, PERIOD = 3000000,
       TICKS_A_SECOND = 1000000000 / PERIOD };

static volatile u32 ncpu = 1, rounds, seconds, done;

/* --- together -------------------------------------------------------------- */

static volatile u32 arrived, phase_no;

static u32 me(void) { return apic_id(); }
static void pause(void) { __asm__ volatile("pause" ::: "memory"); }
static void irqs(int on)
{
	if (on)
		__asm__ volatile("sti; nop" ::: "memory");
	else
		__asm__ volatile("cli" ::: "memory");
}

static void meet(void)
{
	u32 was = phase_no;

	if (__sync_add_and_fetch(&arrived, 1) == ncpu) {
		arrived = 0;
		__sync_fetch_and_add(&phase_no, 1);
	}
	while (phase_no == was)
		pause();
}

static struct failure { const char *what; u64 got, want; } bad;
static volatile u32 failures;

static void check(const char *what, u64 got, u64 want)
{
	if (got == want || __sync_fetch_and_add(&failures, 1))
		return;
	bad.what = what;
	bad.got = got;
	bad.want = want;
}

static void verdict(const char *phase)
{
	meet();
	if (me() || rounds > 1)
		return;
	if (failures)
		say("%s: %s: %q, expected %q (%d failures)\n", phase, bad.what,
		    bad.got, bad.want, (int)failures);
	else
		say("%s ok\n", phase);
	failures = 0;
}

/* --- interrupts ------------------------------------------------------------ */

static volatile u32 ticks[MAX];
static void (*volatile call)(void);
static volatile u32 acks;

static void on_timer(struct frame *f)
{
	ticks[me()]++;
	apic_write(EOI, 0);
}

static void on_ipi(struct frame *f)
{
	call();
	__sync_fetch_and_add(&acks, 1);
	apic_write(EOI, 0);
}

/* fn() on every other processor; back when all have done it.  One caller at a
 * time, with interrupts on. */
static void call_others(void (*fn)(void))
{
	call = fn;
	acks = 0;
	apic_write(ICR2, 0);
	apic_write(ICR, 0xc4000 | CALL);
	while (acks < ncpu - 1)
		pause();
}

static void timer_on(void)
{
	apic_write(DIVIDE, 0xb);
	apic_write(LVT, 0x20000 | TIMER);
	apic_write(COUNT, PERIOD + 70000 * me());
}

/* --- locks ------------------------------------------------------------------ */

static volatile u32 ticket, serving;
static volatile u64 guarded[3];

static void lock(void)
{
	u32 mine = __sync_fetch_and_add(&ticket, 1);

	while (serving != mine)
		pause();
}

static void unlock(void) { serving = serving + 1; }

static void nothing(void) { }

static void locks(void)
{
	for (u32 i = 0; i < LOOPS; i++) {
		lock();
		guarded[0]++;
		guarded[1] += i;
		guarded[2] = guarded[0] * 3;
		if (i % 100 == 99)
			call_others(nothing);
		unlock();
	}
	meet();
	check("count", guarded[0], (u64)LOOPS * ncpu);
	check("sum", guarded[1], (u64)LOOPS * (LOOPS - 1) / 2 * ncpu);
	check("product", guarded[2], guarded[0] * 3);
	meet();
	guarded[0] = guarded[1] = 0;
	verdict("locks");
}

/* --- atomics ------------------------------------------------------------------ */

static struct {
	u8 room[4092];
	u64 page;                      /* over a page boundary            */
	u8 more[56];
	u64 line;                      /* over a cache line               */
	u64 add, sub, cas, bits;
	u64 pair[2] __attribute__((aligned(16)));
	u64 eight, swap, flag;
} __attribute__((packed, aligned(4096))) at;

static void pair_step(void)
{
	__asm__ volatile(
		"mov (%0), %%rax\n mov 8(%0), %%rdx\n"
		"1: lea 1(%%rax), %%rbx\n lea 3(%%rdx), %%rcx\n"
		"lock cmpxchg16b (%0)\n jnz 1b"
		:: "r"(at.pair) : "rax", "rbx", "rcx", "rdx", "memory", "cc");
}

static void eight_step(void)
{
	__asm__ volatile(
		"mov (%0), %%eax\n mov 4(%0), %%edx\n"
		"1: lea 1(%%rax), %%ebx\n lea 2(%%rdx), %%ecx\n"
		"lock cmpxchg8b (%0)\n jnz 1b"
		:: "r"(&at.eight) : "rax", "rbx", "rcx", "rdx", "memory", "cc");
}

static void cas_step(void)
{
	u64 v = *(volatile u64 *)&at.cas;

	__asm__ volatile("1: lea 5(%0), %%rbx\n lock cmpxchg %%rbx, %1\n jnz 1b"
			 : "+a"(v), "+m"(at.cas) :: "rbx", "memory", "cc");
}

/* XCHG as a lock, BTS and BTR as another: what they guard is plain. */
static void swap_step(void)
{
	static u64 inside;
	u64 v;

	do {
		v = 1;
		__asm__ volatile("xchg %0, %1" : "+r"(v), "+m"(at.swap)
				 :: "memory");
	} while (v);
	check("xchg", ++inside, 1);
	inside = 0;
	__asm__ volatile("movq $0, %0" : "=m"(at.swap) :: "memory");
}

static void bit_step(void)
{
	static u64 inside;
	u8 was;

	do {
		__asm__ volatile("lock btsq $17, %1\n setc %0"
				 : "=q"(was), "+m"(at.bits) :: "memory", "cc");
	} while (was);
	check("bts", ++inside, 1);
	inside = 0;
	__asm__ volatile("lock btrq $17, %1\n setc %0"
			 : "=q"(was), "+m"(at.bits) :: "memory", "cc");
	check("btr", was, 1);
}

static void atomics(void)
{
	u64 n = (u64)LOCKED * ncpu, old;

	for (u32 i = 0; i < LOCKED; i++) {
		__asm__ volatile("lock addq $7, %0" : "+m"(at.add) :: "cc");
		__asm__ volatile("lock decq %0" : "+m"(at.sub) :: "cc");
		old = 3;
		__asm__ volatile("lock xaddq %0, %1"
				 : "+r"(old), "+m"(at.page) :: "cc");
		check("xadd", old % 3, 0);
		__asm__ volatile("lock incq %0" : "+m"(at.line) :: "cc");
		cas_step();
		pair_step();
		eight_step();
		swap_step();
		bit_step();
		__asm__ volatile("lock xorq %1, %0"
				 : "+m"(at.flag) : "r"(1ull << me()) : "cc");
	}
	meet();
	check("add", at.add, 7 * n);
	check("dec", at.sub, -n);
	check("xadd over a page", at.page, 3 * n);
	check("inc over a line", at.line, n);
	check("cmpxchg", at.cas, 5 * n);
	check("cmpxchg16b low", at.pair[0], n);
	check("cmpxchg16b high", at.pair[1], 3 * n);
	check("cmpxchg8b", at.eight, (2 * n & 0xffffffff) << 32 | n);
	check("bits", at.bits, 0);
	check("xor", at.flag, 0);
	meet();
	at.add = at.sub = at.page = at.line = at.cas = at.eight = 0;
	at.pair[0] = at.pair[1] = 0;
	verdict("atomics");
}

/* --- shootdowns ------------------------------------------------------------------ */

enum { P = 1, W = 2 };
static u64 tables[3][512] __attribute__((aligned(4096)));
static volatile u64 frames[2][512] __attribute__((aligned(4096)));
#define WINDOW 0x123400000000ul
static volatile u64 *const window = (volatile u64 *)WINDOW;
static volatile u32 remapping, faults, how, has_pcid;

static void map_window(void)
{
	u64 *root = (u64 *)(read_cr3() & ~0xffful);
	u32 r[4];

	root[WINDOW >> 39 & 511] = (ul)tables[0] | P | W;
	tables[0][WINDOW >> 30 & 511] = (ul)tables[1] | P | W;
	tables[1][WINDOW >> 21 & 511] = (ul)tables[2] | P | W;
	tables[2][0] = (ul)frames[0] | P | W;
	cpuid(1, 0, r);
	has_pcid = r[2] >> 17 & 1;
	cpuid(7, 0, r);
	has_pcid &= r[1] >> 10 & 1;
}

static void invpcid(ul type, ul pcid)
{
	const struct { u64 pcid, at; } d = { pcid, WINDOW };

	__asm__ volatile("invpcid %0, %1" :: "m"(d), "r"(type) : "memory");
}

/* One way or another, for both PCIDs. */
static void forget(void)
{
	switch (has_pcid ? how % 6 : how % 2) {
	case 0: case 1:
		__asm__ volatile("invlpg (%0)" :: "r"(WINDOW) : "memory");
		if (has_pcid)
			invpcid(0, (read_cr3() & 0xfff) ^ 1);
		break;
	case 2:
		write_cr3(read_cr3());         /* this one, without bit 63 */
		invpcid(1, (read_cr3() & 0xfff) ^ 1);
		break;
	case 3: invpcid(1, 0); invpcid(1, 1); break;
	case 4: invpcid(2, 0); break;
	case 5: invpcid(3, 0); break;
	}
}

static void on_fault(struct frame *f)
{
	__sync_fetch_and_add(&faults, 1);
	if (read_cr2() >> 12 != WINDOW >> 12 || !(f->error & 1))
		check("fault at", read_cr2(), WINDOW);
	irqs(1);                       /* whoever remaps may be waiting   */
	pause();
	irqs(0);
}

/* The frame nobody may see any more, and its poison. */
static void leave_frame(u32 old)
{
	u64 seen[MAX];

	for (u32 id = 0; id < ncpu; id++)
		seen[id] = frames[old][8 + id];
	frames[old][0] = POISON;
	for (u32 k = 0; k < 300; k++)
		pause();
	for (u32 id = 0; id < ncpu; id++)
		check("late store", frames[old][8 + id], seen[id]);
}

/* For a while nobody may write. */
static void read_only(u32 now)
{
	u64 seen[MAX], was = faults;

	tables[2][0] = (ul)frames[now] | P;
	forget();
	call_others(forget);
	for (u32 id = 1; id < ncpu; id++)
		seen[id] = frames[now][8 + id];
	while (ncpu > 1 && faults < was + 10)
		pause();
	for (u32 id = 1; id < ncpu; id++)
		check("write to read-only", frames[now][8 + id], seen[id]);
	tables[2][0] = (ul)frames[now] | P | W;
	forget();
	call_others(forget);
}

static void remap(u32 i)
{
	u32 old = i & 1;

	how = i;
	frames[!old][0] = i;
	tables[2][0] = (ul)frames[!old] | P | W;
	forget();
	call_others(forget);
	leave_frame(old);
	if (i % 4 == 0)
		read_only(!old);
}

static void shootdowns(void)
{
	u32 id = me();

	if (has_pcid)
		write_cr4(read_cr4() | 1u << 17);
	meet();
	if (!id) {
		remapping = 1;
		for (u32 i = 0; i < REMAPS; i++)
			remap(i);
		remapping = 0;
	}
	while (id && remapping) {
		check("stale", window[0] == POISON, 0);
		window[8 + id]++;
		if (has_pcid)
			write_cr3(((read_cr3() & ~0xffful) |
				   (~read_cr3() & 1)) | 1ul << 63);
	}
	meet();
	if (has_pcid) {
		write_cr3(read_cr3() & ~0xffful);
		write_cr4(read_cr4() & ~(1ul << 17));
	}
	verdict("shootdowns");
}

/* --- code that others change --------------------------------------------------- */

/* mov $0, %eax; ret: its number lies at a multiple of four. */
static u8 code[4096] __attribute__((aligned(4096)));
static volatile u32 poking, poked, floor;

static u32 run_code(void) { return ((u32 (*)(void))(code + 3))(); }

static void reset_code(void)
{
	static const u8 body[] = { 0xb8, 0, 0, 0, 0, 0xc3 };

	for (u32 i = 0; i < sizeof(body); i++)
		code[3 + i] = body[i];
	poked = floor = 0;
}

static void see_code(void)
{
	check("after the call", run_code(), poked);
}

static void pokes(void)
{
	u32 last = 0, v, low;

	if (!me()) {
		for (u32 i = 1; i <= POKES; i++) {
			poked = i;
			__atomic_store_n((u32 *)(code + 4), i, __ATOMIC_SEQ_CST);
			call_others(see_code);
			floor = i;
		}
		poking = 0;
	}
	while (me() && poking) {
		low = floor;
		v = run_code();
		check("code of another age", v < low || v < last || v > POKES, 0);
		last = v;
	}
	meet();
	check("in the end", run_code(), POKES);
	verdict("code");
}

/* --- the course of it ------------------------------------------------------------- */

/* Rounds still to come after this one; the last one prints. */
static u32 left(void)
{
	done++;
	if (!seconds || rounds == 1)
		return rounds - 1;
	return ticks[0] / TICKS_A_SECOND < seconds ? 2 : 1;
}

static void phases(void)
{
	timer_on();
	irqs(1);
	while (rounds) {
		meet();
		locks();
		atomics();
		poking = remapping = 1;
		if (!me())
			reset_code();
		meet();
		shootdowns();
		pokes();
		meet();
		if (!me())
			rounds = left();
		meet();
	}
}

void ap_main(void)
{
	ap_init();
	while (!rounds)
		pause();
	phases();
	for (;;)
		__asm__ volatile("cli; hlt");
}

void main(void)
{
	handlers[TIMER] = on_timer;
	handlers[CALL] = on_ipi;
	handlers[14] = on_fault;
	map_window();
	ncpu = start_all();
	seconds = option("seconds", 0);
	rounds = option("rounds", 1 + !!seconds);
	phases();
	if (seconds)
		say("%d rounds\n", (int)done);
	for (u32 id = 0; id < ncpu; id++)
		if (!ticks[id])
			say("cpu %d had no timer interrupt\n", (int)id);
	say("done\n");
}
