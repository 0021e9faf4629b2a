// SPDX-License-Identifier: MIT
/*
 * A hostile guest: random bytes run as code in every mode, over random page
 * tables, descriptor tables, registers and MSRs, through the plugin's own door.
 *
 * usage: tcg_guest [CASES [SEED [FIRST]]]
 *
 * Each case is a VM of its own.  Nothing is expected of it but that KVM_RUN
 * returns: soon after a kick, with an exit KVM could give, whatever happened.
 * TAP on stdout; a failing case is named by its seed and number.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/kvm/provider.h"

extern const struct kvm_provider mote_kvm_provider;

enum { RAM = 1 << 20, TABLES = 0x10000, GDT = 0x8000, IDT = 0x9000,
       VCPUS = 2, EXITS = 200, RUN_US = 3000, HANG_S = 20 };

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
	struct vcpu cpu[VCPUS];
	unsigned ncpu;
	u64 rng, seed, number;
};

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
	for (unsigned i = 0; i < RAM / 4096; i++)
		if (below(b, 2))
			fill_code(b, b->mem + i * 4096, 4096);
	fill_tables(b);
	fill_descriptors(b);
}

/* --- a random vCPU -------------------------------------------------------- */

static struct kvm_segment segment(struct box *b, bool code)
{
	struct kvm_segment s = {
		.selector = (u16)below(b, 65536), .limit = 0xffffffff,
		.type = code ? 0xb : 3, .present = 1, .s = 1, .g = 1, .db = 1,
	};

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
	s->cr4 = 0x620 | (below(b, 2) ? 0x10 : 0) | (below(b, 2) ? 0x80 : 0);
	s->cr0 = 0x33 | (below(b, 2) ? 0x10000 : 0) | (below(b, 2) ? 0x40000 : 0);
	if (m == PAGED32)
		s->cr4 &= ~0x20ull;
	if (m == REAL)
		s->cr0 &= ~1ull;
	if (m >= PAE32)
		s->cr0 |= 0x80000000u;
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
	enum mode m = below(b, MODES);

	v->fd = io(b->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)id);
	v->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      v->fd, 0);
	if (v->fd < 0 || v->run == MAP_FAILED)
		fail(b, "no vCPU");
	set_cpuid(b, v->fd);
	io(v->fd, KVM_GET_SREGS, &s);
	set_mode(b, &s, m);
	io(v->fd, KVM_SET_SREGS, &s);
	set_msrs(b, v->fd);
	for (unsigned i = 0; i < 16; i++)
		gpr[i] = below(b, 3) ? rnd(b) & (RAM - 1) : rnd(b);
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

static void run_all(struct box *b)
{
	struct job job[VCPUS];
	u64 start = now_us();
	unsigned left = b->ncpu;

	for (unsigned i = 0; i < b->ncpu; i++) {
		job[i] = (struct job){ b, &b->cpu[i] };
		pthread_create(&b->cpu[i].thread, NULL, run_vcpu, &job[i]);
	}
	while (left) {
		usleep(300);
		left = 0;
		for (unsigned i = 0; i < b->ncpu; i++) {
			if (atomic_load(&b->cpu[i].done))
				continue;
			left++;
			if (now_us() - start > RUN_US)
				mote_kvm_provider.kick(b->cpu[i].fd);
		}
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
	u64 cases = argc > 1 ? strtoull(argv[1], NULL, 0) : 300;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	u64 first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;

	printf("1..1\n");
	for (u64 i = first; i < first + cases; i++) {
		if (getenv("TCG_GUEST_VERBOSE"))
			fprintf(stderr, "case %llu\n", (unsigned long long)i);
		one_case(seed, i);
	}
	printf("ok 1 - %llu hostile guests, seed %llu: none hurt the plugin\n",
	       (unsigned long long)cases, (unsigned long long)seed);
	return 0;
}
