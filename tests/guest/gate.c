/* SPDX-License-Identifier: MIT */
/* Gates in long mode: int n and int3 from both rings, DPL, IST, iret, syscall. */
#include "rt.h"

static volatile ul count, saw_sp, saw_ax;
static u8 ist_stack[4096] __attribute__((aligned(16)));

static void int_41(ul v) { __asm__ volatile("int $0x41"); }
static void int3(ul v) { __asm__ volatile("int3"); }

static void int_80(ul v)
{
	ul r = v;

	__asm__ volatile("int $0x80" : "+a"(r));
	saw_ax = r;
}

static void counted(struct frame *f)
{
	count++;
	f->ax = f->ax * 2;
	saw_sp = (ul)f;
}

static void bad_iret(ul cs)
{
	__asm__ volatile("mov %%rsp, %%rcx; push $0x10; push %%rcx; push $2;"
			 "push %0; lea 1f(%%rip), %%rdx; push %%rdx; iretq; 1:"
			 :: "r"(cs) : "rcx", "rdx", "memory");
}

/* The IST field of a gate; sidt finds the table. */
static void use_ist(unsigned vector, unsigned ist)
{
	struct { u16 limit; ul base; } __attribute__((packed)) p;

	__asm__ volatile("sidt %0" : "=m"(p));
	((u8 *)p.base)[16 * vector + 4] = ist;
	*(ul *)(tss + 36) = (ul)ist_stack + sizeof(ist_stack);
}

static void bad_cr4(ul v) { write_cr4(read_cr4() | v); }

static const char *where(void)
{
	ul at = saw_sp - (ul)ist_stack;

	return at < sizeof(ist_stack) ? "the IST stack" : "another stack";
}

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
	wrmsr(0xc0000081, (u64)(SEL_UCODE32 | 3) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(0xc0000082, (ul)syscall_entry);
	wrmsr(0xc0000084, 0x47700);
	if (user(on_syscall_user, 41))
		report("syscall", 1);
	else
		say("syscall: args %x %x result %d flags %x\n", seen[0], seen[1],
		    (int)seen[3], seen[2] & 2);
}

void main(void)
{
	say("gates\n");
	report("int 41", try(int_41, 0));
	report("user int 41", user(int_41, 0));
	report("int3", try(int3, 0));
	report("user int3", user(int3, 0));
	handlers[0x80] = counted;
	report("int 80", try(int_80, 4));
	say("count %d rax %d on %s\n", (int)count, (int)saw_ax, where());
	report("user int 80", user(int_80, 21));
	say("count %d rax %d on %s\n", (int)count, (int)saw_ax, where());
	use_ist(0x80, 1);
	report("int 80 with IST", try(int_80, 5));
	say("count %d rax %d on %s\n", (int)count, (int)saw_ax, where());
	report("iret", try(bad_iret, SEL_KCODE));
	report("iret to data", try(bad_iret, SEL_KDATA));
	report("iret to null", try(bad_iret, 0));
	report("iret past the table", try(bad_iret, 0x5550));
	syscalls();
	report("CR4 reserved", try(bad_cr4, 1ul << 40));
	say("done\n");
}
