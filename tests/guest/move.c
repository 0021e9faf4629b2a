/* SPDX-License-Identifier: MIT */
/*
 * A guest to be moved from one provider to the other while it runs: everything
 * that must go along is set up once and looked at all the time.  Clocks do not go
 * back, timers go on ticking, CPUs reach each other, registers stay.
 *
 * cpus=N.  rounds=N: ends after so many; without, when a q comes in on the UART.
 */
#include "ap.h"

enum { IOAPIC = 0xfec00000, LVTT = 0x320, TMICT = 0x380, TDCR = 0x3e0,
       TIMER = 0x40, PIT = 0x41, CALL = 0x70, ANSWER = 0x71, COM1 = 0x3f8 };
enum { TSC_DEADLINE = 0x6e0, PAT = 0x277, KVMCLOCK = 0x4b564d01 };
#define LSTAR          0xc0000082u
#define KERNEL_GS_BASE 0xc0000102u

static volatile u32 ticks[MAX], pit_ticks, calls[MAX], answers, beats[MAX];
static volatile u32 stop;
static volatile const char *failed;
static u64 deadline_step;              /* 0: the timer counts its bus */

static void fail(const char *what)
{
	failed = what;
}

static u64 rdtsc(void)
{
	u32 a, d;

	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (u64)d << 32 | a;
}

/* --- timers ------------------------------------------------------------------ */

static void on_timer(struct frame *f)
{
	const u32 me = apic_id();

	ticks[me]++;
	if (me && deadline_step)
		wrmsr(TSC_DEADLINE, rdtsc() + deadline_step);
	apic_write(EOI, 0);
}

static void on_pit(struct frame *f)
{
	pit_ticks++;
	apic_write(EOI, 0);
}

/* The first CPU's periodically, the others' by deadline where there is one. */
static void start_timer(int by_deadline)
{
	apic_write(TDCR, 0xb);
	if (by_deadline) {
		apic_write(LVTT, 0x40000 | TIMER);
		wrmsr(TSC_DEADLINE, rdtsc() + deadline_step);
	} else {
		apic_write(LVTT, 0x20000 | TIMER);
		apic_write(TMICT, 4000000);
	}
}

static void ioapic_write(u32 reg, u32 v)
{
	mmio_write(IOAPIC, reg);
	mmio_write(IOAPIC + 0x10, v);
}

static void start_pit(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	ioapic_write(0x10 + 2 * 2 + 1, 0);
	ioapic_write(0x10 + 2 * 2, PIT);
	outb(0x43, 0x34);
	outb(0x40, 5000 & 0xff);
	outb(0x40, 5000 >> 8);
}

/* --- registers ----------------------------------------------------------------- */

static const u64 lstar = 0x123456789abcull, gs_base = 0x7edcba987000ull,
	pat = 0x0007010600070106ull;

static void set_registers(void)
{
	wrmsr(LSTAR, lstar);
	wrmsr(KERNEL_GS_BASE, gs_base);
	wrmsr(PAT, pat);
	write_dr0(0x1111000);
	write_dr1(0x2222000);
	write_dr2(0x3333000);
	write_dr3(0x4444000);
	write_cr4(read_cr4() | 0x600);         /* OSFXSR */
	__asm__ volatile("fninit; fldpi; fldl2e" ::: "memory");
}

static void check_registers(void)
{
	u64 bits[2];

	if (rdmsr(LSTAR) != lstar || rdmsr(KERNEL_GS_BASE) != gs_base ||
	    rdmsr(PAT) != pat)
		fail("MSRs");
	if (read_dr0() != 0x1111000 || read_dr1() != 0x2222000 ||
	    read_dr2() != 0x3333000 || read_dr3() != 0x4444000)
		fail("debug registers");
	__asm__ volatile("fld %%st(1); fstpl %0" : "=m"(bits[0]));
	__asm__ volatile("fld %%st(0); fstpl %0" : "=m"(bits[1]));
	if (bits[0] != 0x400921fb54442d18ull || bits[1] != 0x3ff71547652b82feull)
		fail("FPU registers");
}

static void check_arithmetic(void)
{
	u64 x[2];

	for (int k = 0; k < 2; k++) {
		x[k] = 42;
		for (int i = 0; i < 300; i++)
			x[k] = x[k] * 6364136223846793005ull + 1442695040888963407ull;
	}
	if (x[0] != x[1])
		fail("arithmetic");
}

/* --- clocks ----------------------------------------------------------------------- */

struct pvclock {
	volatile u32 version;
	u32 pad;
	volatile u64 tsc, ns;
	volatile u32 mul;
	volatile signed char shift;
	volatile u8 flags;
};
static struct pvclock clock __attribute__((aligned(64)));
static int has_clock;
static u64 tsc_began, ns_began, mul_began;
static int shift_began;

static u64 scaled(u64 ticks, u32 mul, int shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (u64)((unsigned __int128)ticks * mul >> 32);
}

static u64 kvmclock(void)
{
	u32 version;
	u64 ns;

	do {
		version = clock.version;
		ns = clock.ns + scaled(rdtsc() - clock.tsc, clock.mul,
				       clock.shift);
	} while ((version & 1) || version != clock.version);
	return ns;
}

static void start_clock(void)
{
	u32 r[4];

	cpuid(0x40000001, 0, r);
	has_clock = r[0] >> 3 & 1;
	if (!has_clock)
		return;
	wrmsr(KVMCLOCK, (ul)&clock | 1);
	tsc_began = rdtsc();
	ns_began = kvmclock();
	mul_began = clock.mul;
	shift_began = clock.shift;
}

/* No clock goes back, or ahead of the other. */
static void check_clocks(void)
{
	static u64 last_tsc, last_ns;
	u64 tsc = rdtsc(), ns = has_clock ? kvmclock() : 0, by_tsc;
	long long apart;

	if (tsc < last_tsc)
		fail("the TSC went back");
	if (ns < last_ns)
		fail("kvmclock went back");
	last_tsc = tsc;
	last_ns = ns;
	if (!has_clock)
		return;
	by_tsc = scaled(tsc - tsc_began, mul_began, shift_began);
	apart = (long long)(ns - ns_began - by_tsc);
	if (apart < 0)
		apart = -apart;
	if (apart > 100000000 + (long long)(by_tsc >> 7))
		fail("kvmclock and the TSC went apart");
}

/* --- CPUs ----------------------------------------------------------------------------- */

static void on_call(struct frame *f)
{
	calls[apic_id()]++;
	apic_write(EOI, 0);
	ipi(0, ANSWER);
}

static void on_answer(struct frame *f)
{
	answers++;
	apic_write(EOI, 0);
}

void ap_main(void)
{
	u32 me;

	ap_init();
	me = apic_id();
	set_registers();
	start_timer(deadline_step != 0);
	while (!stop) {
		beats[me]++;
		check_registers();
		check_arithmetic();
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Until *what has grown by n; asleep. */
static void await(volatile u32 *what, u32 n)
{
	const u32 until = *what + n;

	while ((int)(*what - until) < 0 && !failed)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void work_round(u32 cpus)
{
	check_clocks();
	check_registers();
	check_arithmetic();
	await(&ticks[0], 1);
	await(&pit_ticks, 1);
	check_clocks();
	for (u32 id = 1; id < cpus; id++) {
		u32 was = answers;

		ipi(id, CALL);
		while (answers == was && !failed)
			__asm__ volatile("sti; hlt; cli" ::: "memory");
		await(&ticks[id], 1);
	}
}

static int told_to_stop(void)
{
	return (inb(COM1 + 5) & 1) && inb(COM1) == 'q';
}

void main(void)
{
	const u32 rounds = option("rounds", 0);
	u32 cpus, n = 0, r[4];

	cpuid(1, 0, r);
	deadline_step = r[2] >> 24 & 1 ? 10000000 : 0;
	handlers[TIMER] = on_timer;
	handlers[PIT] = on_pit;
	handlers[CALL] = on_call;
	handlers[ANSWER] = on_answer;
	set_registers();
	cpus = start_all();
	start_clock();
	start_pit();
	start_timer(0);
	say("started\n");
	while (!failed && (rounds ? n < rounds : !told_to_stop())) {
		work_round(cpus);
		n++;
	}
	stop = 1;
	say(failed ? "failed: %s\n" : "all stayed as it was\n", failed);
	finish(failed ? 0x20 : 0x10);
}
