/* SPDX-License-Identifier: MIT */
/* Debug: single step, breakpoints and watchpoints, int3, int1, DR6. */
#include "rt.h"

static volatile ul hits, steps;
static volatile ul addresses[16];
static volatile u32 watched[4] __attribute__((aligned(16)));

static void on_debug(struct frame *f)
{
	ul dr6 = read_dr6();

	if (hits < 16)
		addresses[hits] = f->ip;
	hits++;
	if (dr6 & 0x4000)
		steps++;
	trap.dr6 |= dr6;
	write_dr6(0xffff0ff0);
	if (dr6 & 1)
		f->flags |= 0x10000;           /* RF: do not hit again */
}

static void begin(void)
{
	hits = steps = 0;
	trap.dr6 = 0;
	write_dr6(0xffff0ff0);
}

static void told(const char *what)
{
	say("%s: hits %d steps %d dr6 %l\n", what, (int)hits, (int)steps,
	    (u32)trap.dr6 & 0xe00f);
}

/* In ring 3, where every host runs natively. */
static void step_user(ul v)
{
	__asm__ volatile(
#ifdef __x86_64__
		"pushfq; orq $0x100, (%%rsp); popfq\n nop; nop; nop\n"
		"pushfq; andq $~0x100, (%%rsp); popfq\n nop\n"
#else
		"pushf; orl $0x100, (%%esp); popf\n nop; nop; nop\n"
		"pushf; andl $~0x100, (%%esp); popf\n nop\n"
#endif
		::: "memory", "cc");
}

extern u8 break_here[];
static void break_user(ul v)
{
	__asm__ volatile(".globl break_here\n nop\nbreak_here: nop\n nop" ::: "memory");
}

static void write_user(ul v)
{
	watched[0] = 1;
	watched[1] = 2;
	(void)watched[1];
	watched[2] = 3;
}

static void int3_user(ul v) { __asm__ volatile("int3; nop"); }
static void int1_user(ul v) { __asm__ volatile(".byte 0xf1; nop"); }

static void on_int3(struct frame *f)
{
	hits++;
	addresses[0] = f->ip;
}

static void all(int (*run)(void (*)(ul), ul))
{
	begin();
	report(" step", run(step_user, 0));
	told(" step");
	begin();
	write_dr0((ul)break_here);
	write_dr7(0x402);
	report(" execute", run(break_user, 0));
	told(" execute");
	say(" at the instruction: %d\n", addresses[0] == (ul)break_here);
	begin();
	write_dr1((ul)&watched[1]);
	write_dr7(0x400 | 0xd << 20 | 8);      /* write, 4 bytes, G1 */
	report(" write", run(write_user, 0));
	told(" write");
	begin();
	write_dr7(0x400 | 0xf << 20 | 8);      /* read or write */
	report(" access", run(write_user, 0));
	told(" access");
	write_dr7(0x400);
	begin();
	report(" int1", run(int1_user, 0));
	told(" int1");
}

/* General detect: touching a debug register while GD is set. */
static void touch_dr(ul v) { read_dr0(); }
static void touch_dr4(ul v) { __asm__ volatile("mov %%dr4, %0" : "=r"(v)); }

void main(void)
{
	say("debug\n");
	handlers[1] = on_debug;
	handlers[3] = on_int3;
	say("ring 3\n");
	all(user);
	begin();
	report(" int3", user(int3_user, 0));
	told(" int3");
	report("user dr0", user(touch_dr, 0));
	write_cr4(read_cr4() | 8);
	report("dr4 with DE", try(touch_dr4, 0));
	write_cr4(read_cr4() & ~8ul);
	report("dr4 without DE", try(touch_dr4, 0));
	say("done\n");
}
