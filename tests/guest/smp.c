/* SPDX-License-Identifier: MIT */
/*
 * Other processors: INIT and start-up IPIs, real-mode entry, locked
 * arithmetic, IPIs both ways, hlt and wake.
 */
#include "rt.h"

enum { LAPIC = 0xfee00000, ID = 0x20, EOI = 0xb0, SVR = 0xf0, ICR = 0x300,
       ICR2 = 0x310, ROUNDS = 2000, TRAMPOLINE = 0x8000, MAX = 8 };

extern u8 ap_code[], ap_code_end[];
static u8 ap_stacks[MAX][4096] __attribute__((aligned(16)));
volatile ul ap_stack;
static volatile u32 alive, go, finished, shared, calls[MAX + 1];
static volatile u32 plain[MAX];

/* Real mode at TRAMPOLINE:0, then protected mode with our GDT. */
__asm__(".code16\n.globl ap_code, ap_code_end\nap_code:\n"
	"cli\n mov %cs, %ax\n mov %ax, %ds\n"
	"lgdtl ap_gdtr - ap_code\n"
	"mov %cr0, %eax\n or $1, %eax\n mov %eax, %cr0\n"
	"ljmpl $8, $ap_start32\n"
	".align 4\nap_gdtr: .word 95\n .long gdt\n"
	"ap_code_end:\n"
	".code32\nap_start32:\n"
	"mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
	"mov %eax, %fs\n mov %eax, %gs\n"
	"mov ap_stack, %esp\n call ap_main\n 1: cli\n hlt\n jmp 1b\n");

static void apic_write(u32 reg, u32 v) { mmio_write(LAPIC + reg, v); }
static u32 apic_id(void) { return mmio_read(LAPIC + ID) >> 24; }

static void ipi(u32 to, u32 icr)
{
	apic_write(ICR2, to << 24);
	apic_write(ICR, icr);
	while (mmio_read(LAPIC + ICR) & 0x1000)
		;
}

static void on_call(struct frame *f)
{
	__sync_fetch_and_add(&calls[apic_id()], 1);
	apic_write(EOI, 0);
}

struct pointer { u16 limit; u32 base; } __attribute__((packed));
static struct pointer idtr;

void ap_main(void);
void ap_main(void)
{
	u32 me = apic_id();

	__asm__ volatile("lidt %0" :: "m"(idtr));
	apic_write(SVR, 0x1ff);
	__sync_fetch_and_add(&alive, 1);
	while (!go)
		__asm__ volatile("pause");
	for (u32 i = 0; i < ROUNDS; i++) {
		__sync_fetch_and_add(&shared, 1);
		plain[me]++;
	}
	__sync_fetch_and_add(&finished, 1);
	while (calls[me] < 10)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	ipi(0, 0x80 + me);             /* vectors of one IRR bit each */
	for (;;)
		__asm__ volatile("sti; hlt");
}

/* How many processors there are: all get an INIT and a start-up IPI. */
static void start(u32 id)
{
	u32 before = alive;

	ap_stack = (ul)ap_stacks[id] + sizeof(ap_stacks[id]);
	ipi(id, 0x4500);
	ipi(id, 0x600 | TRAMPOLINE >> 12);
	for (u32 i = 0; i < 2000000 && alive == before; i++)
		__asm__ volatile("pause");
	/* A second one must do nothing. */
	ipi(id, 0x600 | TRAMPOLINE >> 12);
}

static u32 count_cpus(void)
{
	u32 n = 1;

	for (u32 id = 1; id < MAX; id++) {
		start(id);
		if (alive != n)
			break;
		n++;
	}
	return n;
}

void main(void)
{
	u8 *to = (u8 *)TRAMPOLINE;
	u32 n, waited = 0;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	for (u8 *p = ap_code; p < ap_code_end; p++)
		*to++ = *p;
	handlers[0x70] = on_call;
	apic_write(SVR, 0x1ff);
	n = count_cpus();
	say("processors: %d\n", (int)n);
	go = 1;
	for (u32 i = 0; i < ROUNDS; i++)
		__sync_fetch_and_add(&shared, 1);
	while (finished < n - 1)
		__asm__ volatile("pause");
	say("shared count %d\n", (int)shared);
	for (u32 id = 1; id < n; id++) {
		say("cpu %d counted %d\n", (int)id, (int)plain[id]);
		for (u32 k = 0; k < 10; k++) {
			u32 was = calls[id];

			ipi(id, 0x70);
			while (calls[id] == was)
				__asm__ volatile("pause");
		}
	}
	for (u32 id = 1; id < n; id++)
		handlers[0x80 + id] = on_call;
	while (calls[0] < n - 1 && waited++ < 1000000)
		__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	say("answers %d\n", (int)calls[0]);
	say("done\n");
}
