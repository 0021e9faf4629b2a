/* SPDX-License-Identifier: MIT */
/* Long mode: exceptions and their error codes, IST, syscall and sysret. */
#include "rt.h"

static void divide(ul v) { __asm__ volatile("divl %0" :: "r"((u32)v), "a"(1), "d"(0)); }
static void undefined(ul v) { __asm__ volatile("ud2"); }
static void noncanonical(ul v) { *(volatile ul *)0x8000000000000000ul = v; }
static void bad_selector(ul v) { __asm__ volatile("mov %w0, %%ds" :: "r"(v)); }
static void bad_msr(ul v) { rdmsr(v); }
static void bad_cr4(ul v) { write_cr4(read_cr4() | v); }
static void pg_without_pe(ul v) { write_cr0((read_cr0() & ~1ul) | 0x80000000ul); }
static void bad_jump(ul v) { ((void (*)(void))v)(); }
static void not_mapped(ul v) { *(volatile ul *)v = 1; }
static void stack_noncanonical(ul v)
{
	__asm__ volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
			 :: "r"(v) : "rax");
}
static void bad_int(ul v) { __asm__ volatile("int $0x41"); }
static void privileged(ul v) { __asm__ volatile("hlt"); }
static void port(ul v) { outb(0x3f8, 'x'); }
static void read_control(ul v) { read_cr0(); }
static void cli(ul v) { __asm__ volatile("cli"); }
static void touch(ul v) { *(volatile u8 *)v = 1; }
static void breakpoint(ul v) { __asm__ volatile("int3"); }

static volatile ul seen[4];

static void on_syscall_user(ul v)
{
	ul r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(v), "D"(0x1111), "S"(0x2222)
			 : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
	seen[3] = r;
}

/* rcx: return, r11: flags; on the user's stack, which is mapped for us too */
extern u8 syscall_entry[];
__asm__(".globl syscall_entry\nsyscall_entry:\n"
	"mov %rdi, seen\n mov %rsi, seen+8\n mov %r11, seen+16\n"
	"lea 1(%rax), %rax\n sysretq\n");

static void syscalls(void)
{
	wrmsr(0xc0000081, (u64)(SEL_UCODE32) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(0xc0000082, (ul)syscall_entry);
	wrmsr(0xc0000084, 0x47700);
	if (user(on_syscall_user, 41))
		report("syscall", 1);
	else
		say("syscall: args %x %x result %d flags %x\n", seen[0], seen[1],
		    (int)seen[3], seen[2] & 2);
}

static void counted(struct frame *f)
{
	seen[0]++;
	f->ax = f->ax * 2;
}

static void int_from_user(ul v)
{
	ul r = v;

	__asm__ volatile("int $0x80" : "+a"(r));
	seen[1] = r;
	handlers[0x80] = 0;
}

static void user_tests(void)
{
	report("user hlt", user(privileged, 0));
	report("user port", user(port, 0));
	report("user cr0", user(read_control, 0));
	report("user cli", user(cli, 0));
	report("user int41", user(bad_int, 0));
	report("user ud2", user(undefined, 0));
	report("user divide", user(divide, 0));
	report("user noncanonical", user(noncanonical, 0));
	report("user returns", user(touch, (ul)seen));
	report("user int3", user(breakpoint, 0));
	seen[0] = 0;
	handlers[0x80] = counted;
	report("user int80", user(int_from_user, 21));
	say("handler ran %d times, rax %d\n", (int)seen[0], (int)seen[1]);
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
	report("CR4 reserved", try(bad_cr4, 1ul << 40));
	report("PG without PE", try(pg_without_pe, 0));
	report("unmapped write", try(not_mapped, 0x200000000ul));
	say("cr2 %x\n", trap.cr2);
	report("unmapped jump", try(bad_jump, 0x200000000ul));
	say("cr2 %x ip %x\n", trap.cr2, trap.ip);
	report("gate not user's", try(bad_int, 0));
	user_tests();
	syscalls();
	say("done\n");
}
