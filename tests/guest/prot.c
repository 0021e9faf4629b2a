/* SPDX-License-Identifier: MIT */
/* 32-bit protected mode: segments, gates, ring 3, error codes. */
#include "rt.h"

static void divide(ul v) { __asm__ volatile("divl %0" :: "r"(v), "a"(1), "d"(0)); }
static void undefined(ul v) { __asm__ volatile("ud2"); }
static void load_ds(ul v) { __asm__ volatile("mov %w0, %%ds" :: "r"(v)); }
static void load_ss(ul v) { __asm__ volatile("mov %w0, %%ss" :: "r"(v)); }
static void hlt(ul v) { __asm__ volatile("hlt"); }
static void cli(ul v) { __asm__ volatile("cli"); }
static void port(ul v) { outb(0x3f8, '!'); }
static void overflow(ul v) { __asm__ volatile("mov $0x7fffffff, %%eax; inc %%eax; into" ::: "eax"); }
static void bad_int(ul v) { __asm__ volatile("int $0x41"); }

static u32 bounds[2] = { 10, 20 };
static void bound(ul v) { __asm__ volatile("bound %0, %1" :: "r"(v), "m"(bounds)); }

/* Through es, whose descriptor is the test one. */
static void es_write(ul v)
{
	__asm__ volatile("mov %0, %%es; movb $1, %%es:(%1); mov %2, %%es"
			 :: "r"(SEL_TEST), "r"(v), "r"(SEL_KDATA) : "memory");
}

static void es_restore(void)
{
	__asm__ volatile("mov %0, %%es" :: "r"(SEL_KDATA));
}

static void segment(const char *name, u64 d, ul at)
{
	int rc;

	gdt[SEL_TEST / 8] = d;
	rc = try(es_write, at);
	es_restore();
	report(name, rc);
}

static u8 area[0x3000] __attribute__((aligned(4096)));

static void limits(void)
{
	const u32 base = (u32)area;

	segment("inside limit", descriptor(base, 0xfff, 0x93, 4), 0xfff);
	say("written %b\n", area[0xfff]);
	segment("past limit", descriptor(base, 0xfff, 0x93, 4), 0x1000);
	segment("read-only", descriptor(base, 0xfff, 0x91, 4), 0);
	segment("not present", descriptor(base, 0xfff, 0x13, 4), 0);
	segment("expand down below", descriptor(base, 0xfff, 0x97, 4), 0xfff);
	segment("expand down above", descriptor(base, 0xfff, 0x97, 4), 0x1000);
	segment("execute only", descriptor(base, 0xfff, 0x99, 4), 0);
	segment("page granular", descriptor(base, 1, 0x93, 0xc), 0x1fff);
	segment("page granular past", descriptor(base, 1, 0x93, 0xc), 0x2000);
}

static void stacks(void)
{
	gdt[SEL_TEST / 8] = descriptor(0, 0xfffff, 0x13, 0xc);
	report("ss not present", try(load_ss, SEL_TEST));
	gdt[SEL_TEST / 8] = descriptor(0, 0xfffff, 0x91, 0xc);
	report("ss read-only", try(load_ss, SEL_TEST));
	report("ss null", try(load_ss, 0));
	report("ds null", try(load_ds, 0));
	load_ds(SEL_KDATA);
	report("ds past the table", try(load_ds, 0x5550));
	report("ds of the TSS", try(load_ds, SEL_TSS));
}

/* A call gate from ring 3 to ring 0 that copies one parameter. */
static volatile u32 gate_saw, gate_ring;
extern u8 gate_entry[];
__asm__(".globl gate_entry\ngate_entry:\n"
	"mov %cs, gate_ring\n mov 8(%esp), %ecx\n mov %ecx, %ss:gate_saw\n"
	"lret $4\n");

static void through_gate(ul v)
{
	__asm__ volatile("push %0; lcall %1, $0" :: "r"(v), "i"(SEL_TEST | 3)
			 : "ecx", "memory");
}

static void call_gate(void)
{
	gdt[SEL_TEST / 8] = (u64)((u32)gate_entry & 0xffff) |
		(u64)SEL_KCODE << 16 | 1ull << 32 | 0xecull << 40 |
		(u64)((u32)gate_entry >> 16) << 48;
	report("call gate", user(through_gate, 0x1234));
	say("gate saw %l in ring %d\n", gate_saw, (int)gate_ring & 3);
	gdt[SEL_TEST / 8] &= ~(3ull << 45);            /* DPL 0 */
	report("call gate not ours", user(through_gate, 1));
}

static volatile u32 count;
static void counted(struct frame *f) { count++; f->ax += 5; }
static void int_80(ul v)
{
	ul r = v;

	__asm__ volatile("int $0x80" : "+a"(r));
	count += r << 8;
	handlers[0x80] = 0;
}

/* What long mode and the hosts' emulators do not have. */
static void bcd(void)
{
	u16 a = 0x0815, b = 0x0035, c = 0x0042;

	__asm__ volatile("add $0x27, %%al; daa" : "+a"(a) :: "cc");
	__asm__ volatile("add $0x39, %%al; aaa" : "+a"(b) :: "cc");
	__asm__ volatile("sub $0x27, %%al; das" : "+a"(c) :: "cc");
	say("daa %w aaa %w das %w\n", a, b, c);
}

void main(void)
{
	say("protected mode\n");
	bcd();
	report("divide by zero", try(divide, 0));
	report("ud2", try(undefined, 0));
	report("into", try(overflow, 0));
	report("bound inside", try(bound, 15));
	report("bound outside", try(bound, 21));
	limits();
	stacks();
	report("user hlt", user(hlt, 0));
	report("user cli", user(cli, 0));
	report("user port", user(port, 0));
	report("user into", user(overflow, 0));
	report("user int41", user(bad_int, 0));
	report("user ds kernel", user(load_ds, SEL_KDATA));
	handlers[0x80] = counted;
	report("user int80", user(int_80, 2));
	say("count %l\n", count);
	call_gate();
	say("done\n");
}
