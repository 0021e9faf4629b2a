/* SPDX-License-Identifier: MIT */
/* Port and memory I/O: sizes, strings, ports and addresses nobody has. */
#include "rt.h"

enum { SCRATCH = 0x3ff, IOAPIC = 0xfec00000, LAPIC = 0xfee00000 };

static void ports(void)
{
	u8 in[8];
	const u8 out[4] = { 0x11, 0x22, 0x33, 0x44 };
	const u8 *from = out;
	u8 *to = in;
	u32 n = 4;

	outb(SCRATCH, 0x5a);
	say("scratch %b\n", inb(SCRATCH));
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(SCRATCH) : "memory");
	say("after rep outsb: %b, %d left, %d taken\n", inb(SCRATCH), (int)n,
	    (int)(from - out));
	n = 3;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(SCRATCH) : "memory");
	say("after rep insb: %b %b %b, %d read\n", in[0], in[1], in[2],
	    (int)(to - in));
	to = in + 3;
	n = 3;
	__asm__ volatile("std; rep insb; cld" : "+D"(to), "+c"(n) : "d"(SCRATCH) : "memory");
	say("backwards ended at %d\n", (int)(to - in));
	n = 0;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(SCRATCH) : "memory");
	say("count 0 ended at %d\n", (int)(to - in));
}

static void nobody(void)
{
	say("port nobody has: %b %w %l\n", inb(0x4321), inw(0x4321), inl(0x4321));
	outl(0x4321, 0x12345678);
	say("address nobody has: %l\n", mmio_read(0xd0000000));
	mmio_write(0xd0000000, 0x12345678);
	say("address nobody has: %l\n", mmio_read(0xd0000000));
}

static void memory_io(void)
{
	u32 v;

	mmio_write(IOAPIC, 1);                 /* version */
	v = mmio_read(IOAPIC + 0x10);
	say("IOAPIC has %d pins\n", (int)(v >> 16 & 0xff) + 1);
	mmio_write(IOAPIC, 0x10 + 2 * 23);
	mmio_write(IOAPIC + 0x10, 0x000100ab);
	say("redirection %l\n", mmio_read(IOAPIC + 0x10));
	say("LAPIC id %l\n", mmio_read(LAPIC + 0x20));
	mmio_write(LAPIC + 0x80, 0x55);        /* TPR */
	say("TPR %l\n", mmio_read(LAPIC + 0x80));
	mmio_write(LAPIC + 0x80, 0);
	/* Through instructions other than mov. */
	*(volatile u32 *)(LAPIC + 0x80) |= 0x30;
	say("TPR after or %l\n", mmio_read(LAPIC + 0x80));
	__asm__ volatile("addl $0x10, (%0)" :: "r"(LAPIC + 0x80) : "memory");
	say("TPR after add %l\n", mmio_read(LAPIC + 0x80));
	__asm__ volatile("xchg %0, (%1)" : "=r"(v) : "r"(LAPIC + 0x80), "0"(0x20) : "memory");
	say("xchg gave %l left %l\n", v, mmio_read(LAPIC + 0x80));
	mmio_write(LAPIC + 0x80, 0);
	__asm__ volatile("push (%1); pop %0" : "=r"(v) : "r"(LAPIC + 0x20));
	say("push and pop: %l\n", v);
	__asm__ volatile("cmpl $0, (%1); sete %b0; movzbl %b0, %0" : "=q"(v) : "r"(LAPIC + 0x20) : "cc");
	say("compare: %d\n", (int)v);
}

static void pic_and_pit(void)
{
	outb(0x21, 0xa5);
	outb(0xa1, 0x5a);
	say("PIC masks %b %b\n", inb(0x21), inb(0xa1));
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	outb(0x43, 0xb6);                      /* channel 2, square wave */
	outb(0x42, 0x34);
	outb(0x42, 0x12);
	outb(0x43, 0xe8);                      /* read back: status of 2 */
	say("PIT channel 2 mode %b\n", inb(0x42) & 0x3f);
}

void main(void)
{
	say("I/O\n");
	ports();
	nobody();
	memory_io();
	pic_and_pit();
	say("done\n");
}
