/* SPDX-License-Identifier: MIT */
/*
 * Other processors, for the guests that have some: INIT and start-up IPIs into
 * real mode, then ap_main() in long mode on the tables of the first.
 */
#include "rt.h"

enum { LAPIC = 0xfee00000, ID = 0x20, EOI = 0xb0, SVR = 0xf0, ICR = 0x300,
       ICR2 = 0x310, TRAMPOLINE = 0x8000, MAX = 8 };

extern u8 ap_code[], ap_code_end[];
static u8 ap_stacks[MAX][4096] __attribute__((aligned(16)));
volatile ul ap_stack;
static volatile u32 alive;
void ap_main(void);

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

struct pointer { u16 limit; ul base; } __attribute__((packed));
static struct pointer idtr;

/* The first thing an ap_main() does. */
static void ap_init(void)
{
	__asm__ volatile("lidt %0" :: "m"(idtr));
	apic_write(SVR, 0x1ff);
	__sync_fetch_and_add(&alive, 1);
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

/* "NAME=N" on the command line; N has up to six digits. */
static u32 option(const char *name, u32 otherwise)
{
	extern u32 multiboot_info;
	const char *p = (const char *)(ul)((u32 *)(ul)multiboot_info)[4];
	u32 v = 0, n;

	for (; *p; p++) {
		for (n = 0; name[n] && p[n] == name[n]; n++)
			;
		if (name[n] || p[n] != '=')
			continue;
		for (p += n + 1; *p >= '0' && *p <= '9' && v < 1000000; p++)
			v = v * 10 + (u32)(*p - '0');
		return v;
	}
	return otherwise;
}

/* All of "cpus=N"; this is the first. */
static u32 start_all(void)
{
	u8 *to = (u8 *)TRAMPOLINE;
	u32 n = option("cpus", 2);

	__asm__ volatile("sidt %0" : "=m"(idtr));
	for (u8 *p = ap_code; p < ap_code_end; p++)
		*to++ = *p;
	apic_write(SVR, 0x1ff);
	n = n > MAX ? MAX : n;
	for (u32 id = 1; id < n; id++)
		start(id);
	return n;
}
