/* SPDX-License-Identifier: MIT */
/*
 * Run time of the test guests: printing, descriptor tables, traps.
 * See rt.h.
 */
#include "rt.h"

enum { COM1 = 0x3f8, DEBUG_EXIT = 0xf4 };

void main(void);
void rt_main(void);
void rt_trap(struct frame *f);
extern u8 stubs[];
extern const u32 stub_size;

volatile struct trap trap;
void (*handlers[256])(struct frame *f);

/* From rt.S: where try() and user() go back to. */
extern ul resume_sp;
void resume(void) __attribute__((noreturn));

/* --- printing -------------------------------------------------------------- */

void putch(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, c);
}

static void digits(u64 v, unsigned n)
{
	while (n--)
		putch("0123456789abcdef"[(v >> (4 * n)) & 15]);
}

static void decimal(long v)
{
	char buf[24];
	int n = 0;
	ul u = v;

	if (v < 0) {
		putch('-');
		u = -u;
	}
	do {
		buf[n++] = '0' + u % 10;
		u /= 10;
	} while (u);
	while (n)
		putch(buf[--n]);
}

void say(const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			putch(*fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (const char *s = __builtin_va_arg(ap, const char *); *s;)
				putch(*s++);
			break;
		case 'c': putch(__builtin_va_arg(ap, int)); break;
		case 'd': decimal(__builtin_va_arg(ap, int)); break;
		case 'b': digits(__builtin_va_arg(ap, u32), 2); break;
		case 'w': digits(__builtin_va_arg(ap, u32), 4); break;
		case 'l': digits(__builtin_va_arg(ap, u32), 8); break;
		case 'x': digits(__builtin_va_arg(ap, ul), 2 * sizeof(ul)); break;
		case 'q': digits(__builtin_va_arg(ap, u64), 16); break;
		}
	}
	__builtin_va_end(ap);
}

void report(const char *name, int trapped)
{
	if (trapped)
		say("%s: vector %d error %w ring %d\n", name, (int)trap.vector,
		    (u32)trap.error, (int)trap.cs & 3);
	else
		say("%s: no trap\n", name);
}

void finish(int code)
{
	outl(DEBUG_EXIT, code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* --- descriptor tables ----------------------------------------------------- */

u64 gdt[12];
u8 tss[0x70] __attribute__((aligned(16)));
static u8 ring0_stack[4096] __attribute__((aligned(16)));
static struct { u16 words[sizeof(ul) == 8 ? 8 : 4]; } idt[256];

struct pointer {
	u16 limit;
	ul base;
} __attribute__((packed));

u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
	return (u64)(limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
	       (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)flags << 52 | (u64)(base >> 24) << 56;
}

void load_gdt(void)
{
	const struct pointer p = { sizeof(gdt) - 1, (ul)gdt };

	__asm__ volatile("lgdt %0" :: "m"(p) : "memory");
}

static void gdt_init(void)
{
	const int wide = sizeof(ul) == 8;
	const u32 code = wide ? 0xa : 0xc;

	gdt[SEL_CODE32 / 8] = descriptor(0, 0xfffff, 0x9b, 0xc);
	gdt[SEL_KCODE / 8] = descriptor(0, 0xfffff, 0x9b, code);
	gdt[SEL_KDATA / 8] = descriptor(0, 0xfffff, 0x93, 0xc);
	gdt[SEL_UCODE32 / 8] = descriptor(0, 0xfffff, 0xfb, 0xc);
	gdt[SEL_UDATA / 8] = descriptor(0, 0xfffff, 0xf3, 0xc);
	gdt[SEL_UCODE / 8] = descriptor(0, 0xfffff, 0xfb, code);
	gdt[SEL_TSS / 8] = descriptor((u32)(ul)tss, sizeof(tss) - 1, 0x89, 0);
	gdt[SEL_TSS / 8 + 1] = 0;
	load_gdt();
	*(ul *)(tss + 4) = (ul)ring0_stack + sizeof(ring0_stack);
	if (!wide)
		*(u32 *)(tss + 8) = SEL_KDATA;
	*(u16 *)(tss + (wide ? 0x66 : 0x66)) = sizeof(tss);
	__asm__ volatile("ltr %w0" :: "r"(SEL_TSS));
}

static void idt_init(void)
{
	const struct pointer p = { sizeof(idt) - 1, (ul)idt };

	for (unsigned i = 0; i < 256; i++) {
		ul at = (ul)stubs + i * stub_size;
		u16 *w = idt[i].words;

		w[0] = at;
		w[1] = SEL_KCODE;
		w[2] = i == 0x80 || i == 3 || i == 4 ? 0xee00 : 0x8e00;
		w[3] = at >> 16;
	}
	__asm__ volatile("lidt %0" :: "m"(p) : "memory");
}

/* --- traps ----------------------------------------------------------------- */

void rt_trap(struct frame *f)
{
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	trap.vector = f->vector;
	trap.error = f->error;
	trap.ip = f->ip;
	trap.cs = f->cs;
	trap.flags = f->flags;
	trap.cr2 = read_cr2();
	trap.dr6 = read_dr6();
	if (resume_sp)
		resume();
	say("unexpected vector %d error %l at %x cr2 %x\n", (int)f->vector,
	    (u32)f->error, f->ip, trap.cr2);
	finish(0x7f);
}

void rt_main(void)
{
	outb(0x21, 0xff);              /* firmware may have left IRQs on */
	outb(0xa1, 0xff);
	gdt_init();
	idt_init();
	main();
	finish(0x10);
}
