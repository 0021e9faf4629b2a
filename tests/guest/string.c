/* SPDX-License-Identifier: MIT */
/*
 * Strings and blocks of memory in ring 3 and ring 0: overlap, direction,
 * faults in the middle, self-modifying code, locked read-modify-write.
 */
#include "rt.h"

static u8 buf[8192] __attribute__((aligned(4096)));
static volatile ul regs[3];

static u32 sum(const u8 *p, u32 n)
{
	u32 v = 1;

	while (n--)
		v = v * 31 + *p++;
	return v;
}

static void fill(void)
{
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = i * 7 ^ i >> 5;
}

static void movs(u32 from, u32 to, u32 n, int back)
{
	u8 *s = buf + from, *d = buf + to;
	ul c = n;

	if (back)
		__asm__ volatile("std; rep movsb; cld" : "+S"(s), "+D"(d), "+c"(c) :: "memory");
	else
		__asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(c) :: "memory");
}

static void moves(ul v)
{
	fill();
	movs(0, 1000, 3000, 0);
	regs[0] = sum(buf, sizeof(buf));
	movs(10, 11, 500, 0);                  /* smears */
	regs[1] = sum(buf, sizeof(buf));
	movs(5000, 5003, 900, 1);
	regs[2] = sum(buf, sizeof(buf));
}

static void scans(ul v)
{
	u8 *d = buf;
	ul c = sizeof(buf), a = 0xee;

	fill();
	buf[4321] = 0xee;
	for (u32 i = 0; i < 4321; i++)
		buf[i] &= 0x7f;
	__asm__ volatile("repne scasb" : "+D"(d), "+c"(c) : "a"(a) : "cc", "memory");
	regs[0] = d - buf;
	regs[1] = c;
}

/* rep stos into a page that is not there: registers say how far it got. */
static void stos_fault(ul at)
{
	u32 *d = (u32 *)(at - 40);
	ul c = 100;

	__asm__ volatile("rep stosl" : "+D"(d), "+c"(c) : "a"(0x55) : "memory");
}

static void on_fault(struct frame *f)
{
	regs[0] = f->cx;
	regs[1] = f->di & 0xfff;
	f->cx = 0;                             /* give up: end the loop */
}

/* Code that changes its own next instruction. */
extern u8 patched[];
static void self_modify(ul v)
{
	u32 r = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 one;

		patched[1] = 0x10 + i;
		__asm__ volatile(".globl patched\npatched: mov $0x11111100, %0"
				 : "=a"(one) :: "memory");
		r = r << 8 | (one & 0xff);
	}
	regs[0] = r;
}

static void locked(ul v)
{
	static u64 m[2] __attribute__((aligned(16)));
	u32 *w = (u32 *)m, old = 5;
	u8 c;

	w[0] = 7;
	__asm__ volatile("lock xaddl %0, %1" : "+r"(old), "+m"(w[0]));
	regs[0] = old << 8 | w[0];
	__asm__ volatile("lock btsl $3, %1; setc %0" : "=q"(c), "+m"(w[0]));
	regs[0] = regs[0] << 8 | c;
	__asm__ volatile("lock cmpxchgl %2, %1; setz %0" : "=q"(c), "+m"(w[0]) : "r"(99), "a"(12) : "cc");
	regs[1] = w[0] << 8 | c;
	m[0] = 1;
	__asm__ volatile("lock cmpxchg8b %1; setz %0" : "=q"(c), "+m"(m[0])
			 : "a"(1), "d"(0), "b"(3), "c"(4) : "cc");
	regs[2] = m[0] << 8 | c;
}

static void show(const char *name, int trapped, int n)
{
	report(name, trapped);
	for (int i = 0; i < n; i++)
		say(" %x", regs[i]);
	putch('\n');
}

static void both(const char *name, void (*fn)(ul), int n)
{
	show(name, try(fn, 0), n);
	show(name, user(fn, 0), n);
}

void main(void)
{
	u64 *root = (u64 *)(read_cr3() & ~0xffful);

	say("strings\n");
	both("moves", moves, 3);
	both("scan", scans, 2);
	both("self-modifying", self_modify, 1);
	both("locked", locked, 3);
	/* The page behind the first 512 GiB's first GiB... is not there. */
	root[1] = 0;
	((u64 *)(root[0] & ~0xffful))[1] = 0;
	flush_tlb();
	handlers[14] = on_fault;
	show("stos fault", try(stos_fault, 0x40000000), 2);
	show("stos fault", user(stos_fault, 0x40000000), 2);
	say("done\n");
}
