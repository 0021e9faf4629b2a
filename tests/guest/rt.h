/* SPDX-License-Identifier: MIT */
/*
 * The run time of the test guests: a bare machine with a UART.
 *
 * Built twice, for 32- and 64-bit guests.  A guest defines main(); what it
 * prints and the code it finishes with are the test.  Everything printed must
 * be the same on every provider: no times, no CPU features, no counts of
 * things that race.
 */
#ifndef GUEST_RT_H
#define GUEST_RT_H

typedef unsigned char      u8;
typedef unsigned short     u16;
typedef unsigned int       u32;
typedef unsigned long long u64;
typedef unsigned long      ul;         /* a register */

enum {
	/* Linux's layout: some hosts insist on it for system calls. */
	SEL_CODE32 = 0x08, SEL_KCODE = 0x10, SEL_KDATA = 0x18,
	SEL_UCODE32 = 0x20, SEL_UDATA = 0x28, SEL_UCODE = 0x30,
	SEL_TSS = 0x40,                /* 16 bytes in long mode */
	SEL_TEST = 0x50,               /* a free descriptor */
};

/* What the processor and the stubs pushed. */
struct frame {
#ifdef __x86_64__
	ul r15, r14, r13, r12, r11, r10, r9, r8;
#endif
	ul di, si, bp, dx, cx, bx, ax;
	ul vector, error, ip, cs, flags, sp, ss;   /* sp, ss: see cs */
};

/* The last trap that ended a try() or user(). */
struct trap {
	ul vector, error, ip, cs, flags, cr2, dr6;
};
extern volatile struct trap trap;

/* A handler for a vector returns to where the trap was. */
extern void (*handlers[256])(struct frame *f);

/* Run fn(arg): 0 it returned, 1 it trapped and `trap` says how. */
int try(void (*fn)(ul), ul arg);
/* The same in ring 3 on a stack of its own. */
int user(void (*fn)(ul), ul arg);

void putch(char c);
/* %s %c %d %x (register) %b (2 digits) %w (4) %l (8) %q (16) */
void say(const char *fmt, ...);
/* "name: vector 13 error 0008" of the last trap, or "no trap". */
void report(const char *name, int trapped);
void finish(int code) __attribute__((noreturn));

extern u64 gdt[];
extern u8  tss[];
void load_gdt(void);
u64 descriptor(u32 base, u32 limit, u32 access, u32 flags);

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(p)); }
static inline void outw(u16 p, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(p)); }
static inline void outl(u16 p, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u32 inl(u16 p) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }

#define READ_REG(n) \
	static inline ul read_##n(void) { ul v; __asm__ volatile("mov %%" #n ", %0" : "=r"(v)); return v; } \
	static inline void write_##n(ul v) { __asm__ volatile("mov %0, %%" #n :: "r"(v) : "memory"); }
READ_REG(cr0) READ_REG(cr2) READ_REG(cr3) READ_REG(cr4)
READ_REG(dr0) READ_REG(dr1) READ_REG(dr2) READ_REG(dr3) READ_REG(dr6) READ_REG(dr7)

static inline u64 rdmsr(u32 n)
{
	u32 a, d;

	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n));
	return (u64)d << 32 | a;
}

static inline void wrmsr(u32 n, u64 v)
{
	__asm__ volatile("wrmsr" :: "c"(n), "a"((u32)v), "d"((u32)(v >> 32)));
}

static inline u32 mmio_read(ul at) { return *(volatile u32 *)at; }
static inline void mmio_write(ul at, u32 v) { *(volatile u32 *)at = v; }

static inline void cpuid(u32 fn, u32 sub, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]),
			 "=d"(r[3]) : "a"(fn), "c"(sub));
}

static inline void flush_tlb(void) { write_cr3(read_cr3()); }

#endif
