/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: PIT through the PICs and through the IOAPIC, LAPIC timer in
 * its modes, self-IPI, NMI, priorities, interrupt shadows.
 */
#include "rt.h"

enum { IOAPIC = 0xfec00000, LAPIC = 0xfee00000 };
enum { ID = 0x20, TPR = 0x80, EOI = 0xb0, SVR = 0xf0, ISR = 0x100, IRR = 0x200,
       ICR = 0x300, ICR2 = 0x310, LVTT = 0x320, LVT0 = 0x350, LVT1 = 0x360,
       TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0 };

static volatile u32 ticks[256], order[8], norder;

static void apic_write(u32 reg, u32 v) { mmio_write(LAPIC + reg, v); }
static u32 apic_read(u32 reg) { return mmio_read(LAPIC + reg); }

static void on_pic(struct frame *f)
{
	ticks[f->vector]++;
	outb(0x20, 0x20);
}

static void on_apic(struct frame *f)
{
	ticks[f->vector]++;
	if (norder < 8)
		order[norder++] = f->vector;
	apic_write(EOI, 0);
}

static void on_nmi(struct frame *f)
{
	ticks[2]++;
}

/* Sleep until `vector` came `n` more times, with hlt. */
static void wait(unsigned vector, u32 n)
{
	u32 until = ticks[vector] + n;

	while (ticks[vector] < until)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}

/* Long: a host that emulates us may look for interrupts only now and then.  Or
 * only where it meets a device of its own: the PIC's mask is one, and harmless. */
static void open_window(void)
{
	__asm__ volatile("sti" ::: "memory");
	for (int i = 0; i < 20000; i++) {
		__asm__ volatile("pause" ::: "memory");
		if (i % 5000 == 0)
			inb(0x21);
	}
	__asm__ volatile("cli" ::: "memory");
}

static void pit_rate(u16 count)
{
	outb(0x43, 0x34);
	outb(0x40, count & 0xff);
	outb(0x40, count >> 8);
}

static void pit_oneshot(u16 count)
{
	outb(0x43, 0x30);
	outb(0x40, count & 0xff);
	outb(0x40, count >> 8);
}

static void pics(void)
{
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 2); outb(0xa1, 1);
	outb(0x21, 0xfe);
	outb(0xa1, 0xff);
	handlers[0x20] = on_pic;
	apic_write(LVT0, 0x700);               /* ExtINT */
	pit_rate(2000);
	wait(0x20, 5);
	say("PIT through the PIC: ok\n");
	outb(0x21, 0xff);
	pit_oneshot(0);
}

static void ioapic_set(unsigned pin, u32 low, u32 high)
{
	mmio_write(IOAPIC, 0x11 + 2 * pin);
	mmio_write(IOAPIC + 0x10, high);
	mmio_write(IOAPIC, 0x10 + 2 * pin);
	mmio_write(IOAPIC + 0x10, low);
}

static void ioapic(void)
{
	apic_write(LVT0, 0x10000);
	handlers[0x41] = on_apic;
	ioapic_set(2, 0x41, 0);
	pit_rate(2000);
	wait(0x41, 5);
	say("PIT through the IOAPIC: ok\n");
	ioapic_set(2, 0x10041, 0);
	pit_oneshot(0);
	open_window();                         /* what is still pending */
}

static void lapic_timer(void)
{
	handlers[0x51] = on_apic;
	apic_write(TDCR, 0xb);                 /* divide by 1 */
	apic_write(LVTT, 0x51);
	apic_write(TMICT, 200000);
	wait(0x51, 1);
	say("one-shot: count is %d after it\n", (int)apic_read(TMCCT));
	apic_write(LVTT, 0x20051);
	apic_write(TMICT, 100000);
	wait(0x51, 5);
	apic_write(LVTT, 0x10051);
	apic_write(TMICT, 0);
	open_window();                         /* a sixth */
	say("periodic: ok\n");
}

static u64 rdtsc(void)
{
	u32 a, d;

	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (u64)d << 32 | a;
}

static void deadline(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	if (r[2] & 1u << 24) {
		apic_write(LVTT, 0x40051);
		wrmsr(0x6e0, rdtsc() + 1000000);
		wait(0x51, 1);
		if (rdmsr(0x6e0))
			say("deadline is still armed\n");
		apic_write(LVTT, 0x10051);
	}
	say("deadline: ok\n");
}

static void self(u32 icr)
{
	apic_write(ICR2, apic_read(ID));
	apic_write(ICR, icr);
	while (apic_read(ICR) & 0x1000)
		;
}

static void ipis(void)
{
	unsigned v;

	for (v = 0x60; v < 0xe0; v += 0x10)
		handlers[v] = on_apic;
	norder = 0;
	self(0x40060);                         /* self, shorthand */
	self(0x80);
	self(0x400b0);
	say("pending %l %l\n", apic_read(IRR + 0x30), apic_read(IRR + 0x50));
	open_window();
	say("order %b %b %b\n", order[0], order[1], order[2]);
	norder = 0;
	apic_write(TPR, 0x80);
	self(0x40070);
	self(0x40090);
	open_window();
	say("with TPR 80: %d came, first %b\n", (int)norder, order[0]);
	apic_write(TPR, 0);
	open_window();
	say("with TPR 0: %d came, last %b\n", (int)norder, order[1]);
}

static void nmi(void)
{
	handlers[2] = on_nmi;
	self(0x400);
	for (int i = 0; i < 100000 && !ticks[2]; i++)
		__asm__ volatile("pause");
	say("NMI: %s\n", ticks[2] ? "ok" : "lost");
}

#ifndef __x86_64__
/* Nothing may come between sti and the next instruction. */
static void shadow(void)
{
	u32 before;

	norder = 0;
	self(0x40060);
	before = norder;
	__asm__ volatile("sti; cli" ::: "memory");
	say("sti; cli: %d came\n", (int)(norder - before));
	__asm__ volatile("sti; nop; nop; cli" ::: "memory");
	say("sti; nop: %d came\n", (int)norder);
}
#else
static void shadow(void) { }
#endif

void main(void)
{
	say("interrupts\n");
	apic_write(SVR, 0x1ff);
	pics();
	ioapic();
	lapic_timer();
	deadline();
	ipis();
	nmi();
	shadow();
	say("done\n");
}
