// SPDX-License-Identifier: MIT
/*
 * A hostile guest: random bytes run as code in every mode, over random page
 * tables, descriptor tables, registers and MSRs, through the plugin's own door.
 * Among the noise are whole instructions that change what everything else
 * means: control registers, MSRs, TLB invalidation, stores into code.
 *
 * usage: tcg_guest [CASES|SECONDSs [SEED [FIRST]]]
 *
 * Each case is a VM of its own.  Meanwhile its VMM stores into memory, fetches
 * dirty logs, moves memory and raises interrupts.  Nothing is expected but that
 * KVM_RUN returns after one kick, with an exit KVM could give, whatever
 * happened.  TAP on stdout; a failing case is named by its seed and number,
 * whichever way it ends.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/kvm/provider.h"

extern const struct kvm_provider mote_kvm_provider;

enum { RAM = 1 << 20, TABLES = 0x10000, GDT = 0x8000, IDT = 0x9000, TSS = 0xa000,
       SKIP = 0x1f00,
       SPARE = 0xf0000000u, VCPUS = 2, EXITS = 200, RUN_US = 3000,
       HANG_S = 120 };

struct vcpu {
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	_Atomic int done;
};

struct box {
	int sys, vm;
	size_t run_size;
	u8 *mem;
	bool irqchip;
	bool calm;                     /* a world that could be a system's */
	struct vcpu cpu[VCPUS];
	unsigned ncpu;
	u64 rng, seed, number;
};

/* Where we are, for whoever finds us dead. */
static char where[96];

static void on_death(void)
{
	ssize_t rc = write(STDOUT_FILENO, where, strlen(where));

	(void)rc;
}

static void on_signal(int sig)
{
	on_death();
	signal(sig, SIG_DFL);
	raise(sig);
}

void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static void watch_for_death(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(on_death);
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(fatal); i++)
		signal(fatal[i], on_signal);
}

static u64 rnd(struct box *b)
{
	b->rng ^= b->rng << 13;
	b->rng ^= b->rng >> 7;
	b->rng ^= b->rng << 17;
	return b->rng * 0x9e3779b97f4a7c15ull;
}

static unsigned below(struct box *b, unsigned n)
{
	return (unsigned)(rnd(b) >> 33) % n;
}

static int io(int fd, unsigned long req, void *arg)
{
	return mote_kvm_provider.ioctl(fd, req, arg);
}

static _Noreturn void fail(struct box *b, const char *why)
{
	printf("not ok 1 - seed %llu case %llu: %s\n",
	       (unsigned long long)b->seed, (unsigned long long)b->number,
	       why);
	fflush(stdout);
	abort();
}

/* --- a random world ------------------------------------------------------- */

/* Bytes that decode to something more often than noise does. */
static void fill_code(struct box *b, u8 *p, unsigned n)
{
	static const u8 often[] = {
		0x0f, 0x66, 0xf2, 0xf3, 0xf0, 0x48, 0x4c, 0x41, 0x8b, 0x89,
		0x01, 0x29, 0x83, 0xff, 0xc7, 0x90, 0xeb, 0xe8, 0xc3, 0x74,
		0xa4, 0xa5, 0xab, 0x6c, 0x6e, 0xcd, 0xcf, 0xfa, 0xfb, 0x9c,
		0x9d, 0x0f, 0x0f, 0x22, 0x20, 0x30, 0x32, 0xb0, 0xb1, 0xc7,
		0xae, 0x01, 0xd8, 0xdd, 0xdf, 0x38, 0x3a, 0xea, 0x9a, 0xcb,
	};

	for (unsigned i = 0; i < n; i++)
		p[i] = below(b, 3) ? often[below(b, sizeof(often))]
				   : (u8)rnd(b);
}

/* Whole instructions; '?' is a random byte.  Those before the gap mean the same
 * in every mode, the others want 64 bits. */
enum { DEADLY = 0x80 };                /* few worlds last beyond it       */
static const struct snippet {
	u8 n;
	char code[23];
} snippets[] = {
	{ 3 | DEADLY, "\x0f\x22\xd8" },               /* mov %eax, %cr3          */
	{ 3 | DEADLY, "\x0f\x22\xe0" },               /* mov %eax, %cr4          */
	{ 3 | DEADLY, "\x0f\x22\xc0" },               /* mov %eax, %cr0          */
	{ 6, "\x0f\x20\xe0\x0f\x22\xe0" },  /* cr4 as it is            */
	{ 6, "\x0f\x20\xd8\x0f\x22\xd8" },  /* cr3 as it is            */
	{ 3, "\x0f\x01\x3e" },               /* invlpg (%rsi)           */
	{ 2, "\x0f\x30" },                   /* wrmsr                   */
	{ 7, "\xb9\x80\x00\x00\xc0\x0f\x32" },  /* rdmsr EFER           */
	{ 9 | DEADLY, "\xb9\x80\x00\x00\xc0\x0f\x32\x0f\x30" },
	{ 7, "\xb9?\x01\x00\xc0\x0f\x30" }, /* wrmsr FS base and kin   */
	{ 7 | DEADLY, "\xb9?\x02\x00\x00\x0f\x30" }, /* wrmsr MTRRs             */
	{ 7, "\xb9?\x08\x00\x00\x0f\x30" }, /* wrmsr x2APIC            */
	{ 6, "\xb9?\x00\x00\x00\x0f" },
	{ 5 | DEADLY, "\xe8\x00\x00\x00\x00" },      /* call the next one       */
	{ 2, "\xeb?" }, { 2, "\x75?" }, { 2, "\xe2?" },     /* short jumps */
	{ 2, "\xf3\xa4" }, { 2, "\xf3\xab" },              /* rep movs, stos */
	{ 5, "\xf0\x0f\xc7\x0e\x90" },      /* lock cmpxchg8b (%rsi)   */
	{ 4, "\xf0\x0f\xc1\x06" },          /* lock xadd               */
	{ 2, "\x0f\xa2" }, { 2, "\xcd?" }, { 3, "\x0f\xae?" },
	{ 4, "\x66\x0f\x38\x82" },          /* invpcid ...             */
	{ 3 | DEADLY, "\x0f\x01?" }, { 2, "\xfb\xf4" }, /* group 7; sti, hlt      */
	{ 2, "\xf3\x90" }, { 1 | DEADLY, "\xcf" },
#define SNIPPETS_64 29
	{ 7, "\xc6\x05?\x00\x00\x00?" },    /* movb $x, ahead(%rip)    */
	{ 7, "\xc6\x05?\xff\xff\xff?" },    /* ... behind              */
	{ 10, "\x48\xc7\x05?\x00\x00\x00??" },
	{ 5, "\x66\x0f\x38\x82\x06" },      /* invpcid (%rsi), %rax    */
	{ 7, "\x31\xc0\x66\x0f\x38\x82\x0e" }, /* ... 0, and rcx        */
	{ 5, "\xf0\x48\x0f\xc7\x0e" },      /* lock cmpxchg16b         */
	{ 4, "\xf0\x48\x01\x06" },
	{ 3 | DEADLY, "\x48\x0f\x07" }, { 2 | DEADLY, "\x0f\x05" }, { 2 | DEADLY, "\x48\xcf" },
	{ 5, "\xf3\x48\x0f\xae\xd0" },      /* wrfsbase %rax           */
	{ 4, "\x48\x0f\xae\x26" }, { 4, "\x48\x0f\xae\x2e" },  /* xsave */
	{ 4, "\x48\x0f\xc7\x26" }, { 4, "\x48\x0f\xc7\x1e" },
	{ 3, "\x0f\x01\xca" }, { 3, "\x0f\x01\xcb" },    /* clac, stac */
	{ 3, "\x0f\x01\xef" }, { 3, "\x0f\x01\xd1" },    /* wrpkru, xsetbv */
	{ 3, "\x0f\x01\xf8" },               /* swapgs                  */
	{ 12, "\x48\xb8????????\x66\x90" }, /* movabs                  */
	{ 3, "\x48\x89\x06" }, { 4, "\xf3\x0f\x6f\x06" },
	{ 4, "\xc5\xfe\x6f\x06" }, { 4, "\xc5\xfc\x58\xc1" },
	/* mov $space | pcid, %eax; bts $63, %rax; mov %rax, %cr3 */
#define TO_SPACE(low, mid) { 13, "\xb8" low mid "\x01\x00" \
			     "\x48\x0f\xba\xe8\xbf\x0f\x22\xd8" }
	TO_SPACE("\x01", "\x10"), TO_SPACE("\x02", "\x60"),
	TO_SPACE("\x03", "\xb0"), TO_SPACE("\x01", "\x00"),
	TO_SPACE("\x02", "\x50"), TO_SPACE("\x03", "\xa0"),
	TO_SPACE("\x01", "\x60"), TO_SPACE("?", "\x10"),
#define SNIPPETS_SPACE 8
};

static void sow_snippets(struct box *b, u8 *p, unsigned n)
{
	unsigned at = b->calm ? 0 : below(b, 40);
	unsigned kinds = below(b, 2) ? ARRAY_LEN(snippets) : SNIPPETS_64;

	while (at + sizeof(snippets[0].code) < n) {
		const struct snippet *s = &snippets[below(b, kinds)];
		unsigned len;

		if (b->calm && !below(b, 4))
			s = &snippets[ARRAY_LEN(snippets) - 1 -
				      below(b, SNIPPETS_SPACE)];
		if (b->calm && (s->n & DEADLY) && below(b, 20))
			continue;
		len = s->n & ~DEADLY;
		for (unsigned i = 0; i < len; i++)
			p[at + i] = s->code[i] == '?' ? (u8)rnd(b)
						      : (u8)s->code[i];
		at += len + (below(b, b->calm ? 8 : 3) ? 0 : below(b, 24));
	}
}

static void put(struct box *b, unsigned at, u64 v)
{
	memcpy(b->mem + at, &v, 8);
}

/* Mostly sane tables over RAM with random damage. */
static void fill_tables(struct box *b)
{
	static const u64 odd[] = { 1ull << 63, 1ull << 51, 1ull << 7, 1, 2, 4,
				   0x100, 1ull << 40, 1ull << 13 };

	for (unsigned t = 0; t < 64; t++)
		for (unsigned i = 0; i < 512; i++) {
			u64 e = (below(b, 256) << 12) | 7;

			if (below(b, 4))
				e = (u64)(TABLES + (t + 1) % 64 * 4096) | 7;
			if (!below(b, 6))
				e ^= odd[below(b, 9)];
			if (!below(b, 40))
				e = rnd(b);
			put(b, TABLES + t * 4096 + i * 8, e);
		}
}

/* Eight address spaces of five levels.  Each table is the same from end to end,
 * so every address is somewhere in RAM, whatever the levels. */
static void fill_spaces(struct box *b)
{
	u64 rights = below(b, 3) ? 3 : 7;

	for (unsigned t = 0; t < 40; t++)
		for (unsigned i = 0; i < 512; i++) {
			u64 e = TABLES + (t + 1) * 4096;

			if (t % 5 == 4)        /* shared, but for a piece */
				e = (i < 200 ? i : (i + t) % 256) << 12 |
				    (below(b, 4) ? 0 : 0x100);
			e |= rights | (below(b, 3) ? 0 : 0x60);
			if (!below(b, 100))
				e ^= 1ull << below(b, 64);
			put(b, TABLES + t * 4096 + i * 8, e);
		}
}

/* Handlers that step over three bytes; with an error code, and without. */
static void fill_skippers(struct box *b, bool lm)
{
	if (lm) {
		memcpy(b->mem + SKIP, "\x48\x83\xc4\x08", 4);
		memcpy(b->mem + SKIP + 4, "\x48\x83\x04\x24\x03\x48\xcf", 7);
	} else {
		memcpy(b->mem + SKIP, "\x83\xc4\x04\x90", 4);
		memcpy(b->mem + SKIP + 4, "\x83\x04\x24\x03\xcf", 5);
	}
}

/* Flat segments by Linux's numbers, and handlers: mostly so that things go on. */
static void fill_system(struct box *b, bool lm)
{
	const u32 with_error = 0x27d00;

	static const u64 flat[] = {
		0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff,
		0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff,
	};

	fill_skippers(b, lm);
	memcpy(b->mem + GDT, flat, sizeof(flat));
	for (unsigned i = 0; i < 256; i++) {
		u64 gate = 0x8e0000000000ull | (lm ? 0x100000 : 0x080000) |
			   (u64)below(b, 2) << 45 | (u64)below(b, 2) << 46 |
			   (below(b, 8) ? SKIP + (i < 32 && with_error >> i & 1
						  ? 0 : 4)
					: 0x2000 + below(b, 6) * 4096);

		put(b, IDT + i * (lm ? 16 : 8), gate);
		if (lm)
			put(b, IDT + i * 16 + 8, 0);
	}
	for (unsigned at = 0; at < 0x68; at += 8)      /* every stack     */
		put(b, TSS + at, 0x7000 | (u64)(lm ? 0 : 0x18) << 32);
}

static void fill_descriptors(struct box *b)
{
	for (unsigned i = 0; i < 512; i++) {
		put(b, GDT + i * 8, rnd(b));
		if (below(b, 2))       /* a flat, present segment or gate  */
			put(b, GDT + i * 8, 0x00cf00000000ffffull |
			    (u64)below(b, 256) << 40 |
			    (u64)below(b, 2) << 53);
	}
	for (unsigned i = 0; i < 256; i++) {
		put(b, IDT + i * 16, rnd(b));
		put(b, IDT + i * 16 + 8, below(b, 4) ? 0 : rnd(b));
		if (below(b, 3))
			put(b, IDT + i * 16, 0x8e0000000000ull |
			    (u64)below(b, 64) << 19 |
			    (rnd(b) & 0xffff00000000ffffull &
			     ~0xfff0000000000000ull));
	}
}

static void fill_ram(struct box *b)
{
	for (unsigned i = 0; i < RAM / 4096; i++)
		if (below(b, 2))
			fill_code(b, b->mem + i * 4096, 4096);
	for (unsigned i = 0; i < RAM / 4096; i++)
		if (b->calm || !below(b, 4))
			sow_snippets(b, b->mem + i * 4096, 4096);
	fill_tables(b);
	if (b->calm)
		fill_spaces(b);
	fill_descriptors(b);
}

static void open_box(struct box *b)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM };

	b->sys = mote_kvm_provider.open();
	b->vm = io(b->sys, KVM_CREATE_VM, NULL);
	b->mem = mmap(NULL, RAM, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (u64)(uintptr_t)b->mem;
	if (b->vm < 0 || io(b->vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		fail(b, "no VM");
	b->irqchip = below(b, 2);
	if (b->irqchip && io(b->vm, KVM_CREATE_IRQCHIP, NULL) < 0)
		fail(b, "no irqchip");
	b->run_size = (size_t)io(b->sys, KVM_GET_VCPU_MMAP_SIZE, NULL);
	b->calm = below(b, 2);
	fill_ram(b);
}

/* --- a random vCPU -------------------------------------------------------- */

static struct kvm_segment segment(struct box *b, bool code)
{
	struct kvm_segment s = {
		.selector = (u16)below(b, 65536), .limit = 0xffffffff,
		.type = code ? 0xb : 3, .present = 1, .s = 1, .g = 1, .db = 1,
	};

	if (b->calm)
		return s;
	if (!below(b, 4))
		s.limit = (u32)rnd(b);
	if (!below(b, 4))
		s.base = rnd(b) & (RAM - 1);
	if (!below(b, 10)) {
		s.type = below(b, 16);
		s.unusable = below(b, 2);
	}
	return s;
}

enum mode { REAL, V86, PROT16, PROT32, PAE32, PAGED32, COMPAT, LONG, USER64,
	    MODES };

/* PSE PGE UMIP LA57 FSGSBASE PCIDE OSXSAVE SMEP SMAP PKE */
static u64 random_cr4(struct box *b, bool lm)
{
	static const u8 bits[] = { 4, 7, 11, 16, 18, 20, 21, 22, 12, 17 };
	u64 v = 0;

	for (unsigned i = 0; i < ARRAY_LEN(bits) - (lm ? 0 : 2); i++)
		if (!below(b, i < 2 || i > 8 ? 2 : 3))
			v |= 1ull << bits[i];
	return v;
}

static void calm_mode(struct box *b, struct kvm_sregs *s, enum mode m)
{
	unsigned levels = m < COMPAT ? 2 : s->cr4 & 1 << 12 ? 5 : 4;

	fill_system(b, m >= COMPAT);
	s->gdt.limit = s->idt.limit = 0xfff;
	s->tr.base = TSS;
	s->cr3 = (s->cr3 & 0xfff) |
		 (TABLES + (below(b, 8) * 5 + 5 - levels) * 4096);
	s->cs.selector = m >= LONG ? 0x10 : 0x08;
	s->ss.selector = 0x18;
	if (m == USER64)
		s->ss.selector = 0x28;
}

static void set_mode(struct box *b, struct kvm_sregs *s, enum mode m)
{
	bool lm = m >= COMPAT;

	s->cs = segment(b, true);
	s->ds = segment(b, false);
	s->es = segment(b, false);
	s->fs = segment(b, false);
	s->gs = segment(b, false);
	s->ss = segment(b, false);
	s->gdt.base = GDT;
	s->gdt.limit = below(b, 2) ? 0xfff : (u16)rnd(b);
	s->idt.base = IDT;
	s->idt.limit = below(b, 2) ? 0xfff : (u16)rnd(b);
	s->tr.base = below(b, RAM);
	s->tr.limit = 0x67 + below(b, 2) * 0x2000;
	s->tr.type = 11;
	s->tr.present = 1;
	s->cr3 = TABLES + below(b, 64) * 4096;
	s->cr4 = 0x620 | random_cr4(b, lm);
	s->cr3 |= s->cr4 & 1 << 17 ? below(b, 4096) : 0;
	s->cr0 = 0x33 | (below(b, 2) ? 0x10000 : 0) | (below(b, 2) ? 0x40000 : 0);
	if (m == PAGED32)
		s->cr4 &= ~0x20ull;
	if (m == REAL)
		s->cr0 &= ~1ull;
	if (m >= PAE32)
		s->cr0 |= 0x80000000u;
	if (b->calm)
		calm_mode(b, s, m);
	s->cs.db = m != REAL && m != V86 && m != PROT16 && m < LONG;
	s->cs.l = m >= LONG;
	s->efer = below(b, 2) ? 0x801 : 1;
	if (lm)
		s->efer |= 0x500;
	if (m == USER64) {
		s->cs.dpl = s->ss.dpl = 3;
		s->cs.selector |= 3;
		s->ss.selector |= 3;
	}
}

static void set_msrs(struct box *b, int fd)
{
	static const u32 usual[] = {
		0x10, 0x1b, 0x3b, 0x174, 0x175, 0x176, 0x1a0, 0x200, 0x201,
		0x250, 0x277, 0x2ff, 0x400, 0x401, 0x6e0, 0x808, 0x830,
		0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100,
		0xc0000101, 0xc0000102, 0xc0000103, 0x4b564d00, 0x4b564d01,
	};
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m;

	for (unsigned i = 0; i < 20; i++) {
		memset(&m, 0, sizeof(m));
		m.head.nmsrs = 1;
		m.e.index = below(b, 4) ? usual[below(b, 27)] : (u32)rnd(b);
		m.e.data = below(b, 2) ? rnd(b) : rnd(b) & (RAM - 1);
		if (m.e.index == 0xc0000080)
			continue;      /* SREGS sets it                   */
		io(fd, KVM_SET_MSRS, &m);
	}
}

static void set_cpuid(struct box *b, int fd)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[128];
	} c = { .head.nent = 128 };

	if (io(b->sys, KVM_GET_SUPPORTED_CPUID, &c) < 0 ||
	    io(fd, KVM_SET_CPUID2, &c) < 0)
		fail(b, "no CPUID");
}

static void open_vcpu(struct box *b, struct vcpu *v, unsigned id)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_fpu f;
	struct kvm_mp_state run = { .mp_state = KVM_MP_STATE_RUNNABLE };
	u64 *gpr = (u64 *)&r;
	enum mode m = b->calm && below(b, 2) ? LONG : below(b, MODES);

	v->fd = io(b->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id);
	v->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      v->fd, 0);
	if (v->fd < 0 || v->run == MAP_FAILED)
		fail(b, "no vCPU");
	set_cpuid(b, v->fd);
	io(v->fd, KVM_GET_SREGS, &s);
	set_mode(b, &s, m);
	if (io(v->fd, KVM_SET_SREGS, &s) < 0) {
		s.cr4 &= ~(1ull << 22);        /* PKE, if it is not offered */
		io(v->fd, KVM_SET_SREGS, &s);
	}
	set_msrs(b, v->fd);
	for (unsigned i = 0; i < 16; i++)
		gpr[i] = below(b, b->calm ? 9 : 3) ? rnd(b) & (RAM - 1)
						   : rnd(b);
	if (b->calm) {                 /* addresses of spaces, PCIDs, MSRs */
		r.rax = TABLES + below(b, 8) * 5 * 4096 + below(b, 3);
		r.rcx = below(b, 4);
	}
	r.rip = below(b, m == REAL || m == V86 ? 65536 : RAM);
	r.rflags = 2 | (rnd(b) & 0x47fd5);
	if (m == V86)
		r.rflags |= 1 << 17;
	else
		r.rflags &= ~(1ull << 17);
	io(v->fd, KVM_SET_REGS, &r);
	io(v->fd, KVM_GET_FPU, &f);
	for (unsigned i = 0; i < sizeof(f.xmm); i++)
		((u8 *)f.xmm)[i] = (u8)rnd(b);
	f.mxcsr = 0x1f80 & (u32)rnd(b);
	io(v->fd, KVM_SET_FPU, &f);
	io(v->fd, KVM_SET_MP_STATE, &run);
	atomic_store(&v->done, 0);
}

/* --- running -------------------------------------------------------------- */

struct job {
	struct box *b;
	struct vcpu *v;
};

static void *run_vcpu(void *opaque)
{
	struct job *j = opaque;
	struct vcpu *v = j->v;
	u64 x = j->b->seed + (u64)(v - j->b->cpu);

	for (unsigned i = 0; i < EXITS; i++) {
		int rc = io(v->fd, KVM_RUN, NULL);

		if (rc < 0 || v->run->exit_reason == KVM_EXIT_SHUTDOWN ||
		    v->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
		    v->run->exit_reason == KVM_EXIT_HLT)
			break;
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		if (!(x >> 40 & 7))
			io(v->fd, KVM_INTERRUPT, &(struct kvm_interrupt){
				.irq = x >> 32 & 255 });
		if (!(x >> 44 & 15))
			io(v->fd, KVM_NMI, NULL);
		memcpy(v->run->mmio.data, &x, 8);
		memcpy((u8 *)v->run + 4096, &x, 8);
	}
	atomic_store(&v->done, 1);
	return NULL;
}

static u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

/* --- what a VMM does meanwhile -------------------------------------------- */

static void set_slot(struct box *b, u32 id, u64 gpa, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = id, .guest_phys_addr = gpa, .memory_size = size,
		.flags = flags, .userspace_addr = (u64)(uintptr_t)b->mem,
	};

	io(b->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static void fetch_dirty(struct box *b)
{
	u64 map[RAM / 4096 / 64];
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = map };

	io(b->vm, KVM_GET_DIRTY_LOG, &log);
}

static void interrupt(struct box *b)
{
	struct kvm_irq_level line = { .irq = below(b, 24), .level = below(b, 2) };
	struct kvm_msi msi = { .address_lo = 0xfee00000 | below(b, 3) << 12,
			       .data = (u32)rnd(b) & 0xcfff };

	io(b->vm, KVM_IRQ_LINE, &line);
	if (below(b, 2))
		io(b->vm, KVM_SIGNAL_MSI, &msi);
}

static void disturb(struct box *b)
{
	u32 at = below(b, RAM / 64) * 64;

	switch (below(b, 8)) {
	case 0:                        /* DMA, maybe into code            */
		fill_code(b, b->mem + at, 64);
		break;
	case 1:
		set_slot(b, 0, 0, RAM, below(b, 2) * KVM_MEM_LOG_DIRTY_PAGES);
		break;
	case 2:
		fetch_dirty(b);
		break;
	case 3:                        /* a second view of the same RAM   */
		set_slot(b, 1, SPARE, below(b, 2) * 65536,
			 below(b, 2) * KVM_MEM_READONLY);
		break;
	case 4:
		interrupt(b);
		break;
	}
}

/* One kick must do, whatever the guest is up to. */
static void run_all(struct box *b)
{
	struct job job[VCPUS];
	u64 start = now_us();
	bool kicked = false;
	unsigned left = b->ncpu;

	for (unsigned i = 0; i < b->ncpu; i++) {
		job[i] = (struct job){ b, &b->cpu[i] };
		pthread_create(&b->cpu[i].thread, NULL, run_vcpu, &job[i]);
	}
	while (left) {
		bool kick;

		usleep(300);
		if (!kicked)
			disturb(b);
		left = 0;
		kick = !kicked && now_us() - start > RUN_US; /* for all, or none */
		for (unsigned i = 0; i < b->ncpu; i++) {
			left += !atomic_load(&b->cpu[i].done);
			if (kick)
				mote_kvm_provider.kick(b->cpu[i].fd);
		}
		kicked |= kick;
		if (now_us() - start > HANG_S * 1000000ull)
			fail(b, "KVM_RUN does not return");
	}
	for (unsigned i = 0; i < b->ncpu; i++)
		pthread_join(b->cpu[i].thread, NULL);
}

static void one_case(u64 seed, u64 number)
{
	struct box b = { .seed = seed, .number = number,
			 .rng = (seed + 1) * 0x2545f4914f6cdd1dull + number };

	snprintf(where, sizeof(where), "not ok 1 - seed %llu case %llu: "
		 "the plugin died\n", (unsigned long long)seed,
		 (unsigned long long)number);
	for (int i = 0; i < 8; i++)
		rnd(&b);
	b.ncpu = 1 + below(&b, VCPUS);
	open_box(&b);
	for (unsigned i = 0; i < b.ncpu; i++)
		open_vcpu(&b, &b.cpu[i], i);
	run_all(&b);
	if (getenv("TCG_GUEST_VERBOSE")) {
		char text[4096];

		mote_kvm_provider.report(b.vm, KVM_REPORT_STATS, text,
					 sizeof(text));
		fprintf(stderr, "%s", text);
	}
	for (unsigned i = 0; i < b.ncpu; i++) {
		munmap(b.cpu[i].run, b.run_size);
		mote_kvm_provider.close(b.cpu[i].fd);
	}
	mote_kvm_provider.close(b.vm);
	mote_kvm_provider.close(b.sys);
	munmap(b.mem, RAM);
}

int main(int argc, char **argv)
{
	char *unit = "";
	u64 cases = argc > 1 ? strtoull(argv[1], &unit, 0) : 300;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	u64 first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	u64 end = *unit == 's' ? now_us() + cases * 1000000 : ~0ull, i;

	printf("1..1\n# seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	watch_for_death();
	if (getenv("TCG_GUEST_LOG"))   /* a mask of vmm/base/log.h        */
		mote_kvm_provider.control(-1, "log",
			strtoull(getenv("TCG_GUEST_LOG"), NULL, 0));
	if (*unit == 's')
		cases = ~0ull >> 1;
	for (i = first; i < first + cases && now_us() < end; i++) {
		if (getenv("TCG_GUEST_VERBOSE"))
			fprintf(stderr, "case %llu\n", (unsigned long long)i);
		one_case(seed, i);
	}
	printf("ok 1 - %llu hostile guests, seed %llu: none hurt the plugin\n",
	       (unsigned long long)(i - first), (unsigned long long)seed);
	return 0;
}
