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

/* Real mode at TRAMPOLINE:0, then long mode with our tables. */
__asm__(".code16\n.globl ap_code, ap_code_end\nap_code:\n"
	"cli\n mov %cs, %ax\n mov %ax, %ds\n"
	"lgdtl ap_gdtr - ap_code\n"
	"mov %cr4, %eax\n or $0x20, %eax\n mov %eax, %cr4\n"
	"mov $pml4, %eax\n mov %eax, %cr3\n"
	"mov $0xc0000080, %ecx\n rdmsr\n or $0x900, %eax\n wrmsr\n"
	"mov %cr0, %eax\n or $0x80010001, %eax\n mov %eax, %cr0\n"
	"ljmpl $0x10, $ap_start64\n"
	".align 4\nap_gdtr: .word 95\n .long gdt\n"
	"ap_code_end:\n"
	".code64\nap_start64:\n"
	"mov $0x18, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
	"mov %eax, %fs\n mov %eax, %gs\n"
	"mov ap_stack, %rsp\n call ap_main\n 1: cli\n hlt\n jmp 1b\n");

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

struct pointer { u16 limit; ul base; } __attribute__((packed));
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

static void start(u32 id)
{
	u32 before = alive;

	ap_stack = (ul)ap_stacks[id] + sizeof(ap_stacks[id]) - 8;
	ipi(id, 0x4500);
	ipi(id, 0x600 | TRAMPOLINE >> 12);
	while (alive == before)
		__asm__ volatile("pause");
	/* A second one must do nothing. */
	ipi(id, 0x600 | TRAMPOLINE >> 12);
}

/* "cpus=N" on the command line. */
static u32 count_cpus(void)
{
	extern u32 multiboot_info;
	const char *p = (const char *)(ul)((u32 *)(ul)multiboot_info)[4];
	u32 n = 2;

	for (; *p; p++)
		if (p[0] == 'c' && p[1] == 'p' && p[2] == 'u' && p[3] == 's' &&
		    p[4] == '=')
			n = p[5] - '0';
	return n > MAX ? MAX : n;
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
	for (u32 id = 1; id < n; id++)
		start(id);
	say("processors: %d\n", (int)alive + 1);
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
