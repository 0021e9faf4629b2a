/* SPDX-License-Identifier: MIT */
/*
 * A VM of 1 MiB with one vCPU, through the plugin's own door, for unit tests.
 * Real mode at BOX_CODE with flat 64 KiB segments at 0 unless changed.
 */
#ifndef TESTS_UNIT_TCG_BOX_H
#define TESTS_UNIT_TCG_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/kvm/provider.h"

extern const struct kvm_provider mote_kvm_provider;

enum { BOX_MEM = 1 << 20, BOX_CODE = 0x1000 };

struct box {
	int sys, vm, cpu;
	u8 *mem;
	struct kvm_run *run;
	size_t run_size;
};

static inline int box_io(int fd, unsigned long req, void *arg)
{
	return mote_kvm_provider.ioctl(fd, req, arg);
}

static inline void box_vm(struct box *b, bool irqchip)
{
	struct kvm_userspace_memory_region r = { .memory_size = BOX_MEM };

	*b = (struct box){ .cpu = -1 };
	b->sys = mote_kvm_provider.open();
	assert_true(b->sys >= 0);
	b->vm = box_io(b->sys, KVM_CREATE_VM, NULL);
	assert_true(b->vm >= 0);
	mote_kvm_provider.control(b->vm, "eager", 1);
	b->mem = mmap(NULL, BOX_MEM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (u64)(uintptr_t)b->mem;
	assert_int_equal(box_io(b->vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	if (irqchip)
		assert_int_equal(box_io(b->vm, KVM_CREATE_IRQCHIP, NULL), 0);
}

/* Copy code to `at` and point the vCPU at it, all segments at 0. */
static inline void box_place(struct box *b, const void *code, size_t n,
			     unsigned at)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = at, .rflags = 2, .rsp = 0x8000 };

	memcpy(b->mem + at, code, n);
	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, &s), 0);
	s.cs.base = s.cs.selector = 0;
	assert_int_equal(box_io(b->cpu, KVM_SET_SREGS, &s), 0);
	assert_int_equal(box_io(b->cpu, KVM_SET_REGS, &r), 0);
}

static inline void box_cpu(struct box *b, const void *code, size_t n)
{
	b->cpu = box_io(b->vm, KVM_CREATE_VCPU, NULL);
	assert_true(b->cpu >= 0);
	b->run_size = box_io(b->sys, KVM_GET_VCPU_MMAP_SIZE, NULL);
	b->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      b->cpu, 0);
	assert_ptr_not_equal(b->run, MAP_FAILED);
	box_place(b, code, n, BOX_CODE);
}

static inline void box_close(struct box *b)
{
	if (b->run)
		munmap(b->run, b->run_size);
	if (b->cpu >= 0)
		assert_int_equal(mote_kvm_provider.close(b->cpu), 0);
	assert_int_equal(mote_kvm_provider.close(b->vm), 0);
	assert_int_equal(mote_kvm_provider.close(b->sys), 0);
	munmap(b->mem, BOX_MEM);
}

#define BOX(b, irqchip, ...)                             \
	static const u8 code_bytes[] = { __VA_ARGS__ };  \
	struct box b;                                    \
	box_vm(&b, irqchip);                             \
	box_cpu(&b, code_bytes, sizeof(code_bytes))

static inline int box_run(struct box *b)
{
	return box_io(b->cpu, KVM_RUN, NULL);
}

static inline struct kvm_regs box_regs(struct box *b)
{
	struct kvm_regs r;

	assert_int_equal(box_io(b->cpu, KVM_GET_REGS, &r), 0);
	return r;
}

/* Flat segments of 4 GiB for 32-bit code. */
static inline void box_flat(struct box *b, struct kvm_sregs *s)
{
	struct kvm_segment d = { .limit = ~0u, .selector = 16, .type = 3,
				 .present = 1, .s = 1, .db = 1, .g = 1 };

	assert_int_equal(box_io(b->cpu, KVM_GET_SREGS, s), 0);
	s->ds = s->es = s->ss = s->fs = s->gs = s->cs = d;
	s->cs.selector = 8;
	s->cs.type = 11;
	s->idt.limit = 0;
}

struct box_cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 e[256];
};

/* Every feature the engine has for the CPU; what those are. */
static inline struct box_cpuid box_cpuid(const struct box *b)
{
	struct box_cpuid id = { .head.nent = 256 };

	assert_int_equal(box_io(b->sys, KVM_GET_SUPPORTED_CPUID, &id), 0);
	assert_int_equal(box_io(b->cpu, KVM_SET_CPUID2, &id), 0);
	return id;
}

/* A number the translator's report has behind `what`. */
static inline unsigned long long box_counted(const struct box *b,
					     const char *what)
{
	unsigned long long n = 0;
	char text[8192], *at;

	mote_kvm_provider.report(b->vm, KVM_REPORT_JIT, text, sizeof(text));
	at = strstr(text, what);
	if (at)
		sscanf(at + strlen(what), "%llu", &n);
	return n;
}

#endif
