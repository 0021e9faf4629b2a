/* SPDX-License-Identifier: MIT */
/* Long mode: exceptions and their error codes, ring 3. */
#include "rt.h"

static void divide(ul v) { __asm__ volatile("divl %0" :: "r"((u32)v), "a"(1), "d"(0)); }
static void undefined(ul v) { __asm__ volatile("ud2"); }
static void noncanonical(ul v) { *(volatile ul *)0x8000000000000000ul = v; }
static void bad_selector(ul v) { __asm__ volatile("mov %w0, %%ds" :: "r"(v)); }
static void bad_msr(ul v) { rdmsr(v); }
static void pg_without_pe(ul v) { write_cr0((read_cr0() & ~1ul) | 0x80000000ul); }
static void bad_jump(ul v) { ((void (*)(void))v)(); }
static void not_mapped(ul v) { *(volatile ul *)v = 1; }
static void stack_noncanonical(ul v)
{
	__asm__ volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
			 :: "r"(v) : "rax");
}
static void privileged(ul v) { __asm__ volatile("hlt"); }
static void port(ul v) { outb(0x3f8, 'x'); }
static void read_control(ul v) { read_cr0(); }
static void cli(ul v) { __asm__ volatile("cli"); }
static void touch(ul v) { *(volatile u8 *)v = 1; }

static volatile ul seen;

static void user_tests(void)
{
	report("user hlt", user(privileged, 0));
	report("user port", user(port, 0));
	report("user cr0", user(read_control, 0));
	report("user cli", user(cli, 0));
	report("user ud2", user(undefined, 0));
	report("user divide", user(divide, 0));
	report("user noncanonical", user(noncanonical, 0));
	report("user returns", user(touch, (ul)&seen));
}

void main(void)
{
	say("long mode\n");
	report("divide by zero", try(divide, 0));
	report("divide by one", try(divide, 1));
	report("ud2", try(undefined, 0));
	report("noncanonical write", try(noncanonical, 0));
	report("noncanonical stack", try(stack_noncanonical, 0x8000000000000000ul));
	report("selector past limit", try(bad_selector, 0x1238));
	report("selector of TSS", try(bad_selector, SEL_TSS));
	report("reserved MSR", try(bad_msr, 0x12345678));
	report("PG without PE", try(pg_without_pe, 0));
	report("unmapped write", try(not_mapped, 0x200000000ul));
	say("cr2 %x\n", trap.cr2);
	report("unmapped jump", try(bad_jump, 0x200000000ul));
	say("cr2 %x ip %x\n", trap.cr2, trap.ip);
	user_tests();
	say("done\n");
}
