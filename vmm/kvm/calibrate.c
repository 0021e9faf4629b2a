/* SPDX-License-Identifier: MIT */
/*
 * How fast does this provider run ring 0?  A tiny long-mode guest counts.
 *
 * The guest spins `rcx` times over dec/jnz and then writes to a port.  It
 * starts with 300 turns and takes eight times as many until it has run
 * 100 us, so a native host and an emulating one both need less than about a
 * millisecond.  Thread CPU time is measured: being scheduled away must not
 * make a fast host look slow.
 *
 * Room:     its own VM, opened and closed here; nothing of it is reused.
 * Talks to: the provider.
 * Never:    touches the real VM.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "vmm/kvm/kvm.h"
#include "vmm/kvm/kvm_priv.h"

enum {
	PML4 = 0x0000, PDPT = 0x1000, PD = 0x2000, CODE = 0x3000,
	MEM_LEN = 0x4000,
	FIRST_TURNS = 300, MAX_TURNS = 1228800, LONG_ENOUGH_NS = 100000,
};

enum { P = 1, RW = 2, PS = 0x80 };
enum { EFER_LME = 0x100, EFER_LMA = 0x400, CR4_PAE = 0x20 };

static const u8 spin_code[] = {
	0x48, 0xff, 0xc9,              /* 1: dec %rcx   */
	0x75, 0xfb,                    /*    jnz 1b     */
	0xe6, 0x80,                    /*    out %al, $0x80 */
};

static void fill_memory(u8 *mem)
{
	u64 entry;

	entry = PDPT | P | RW;
	memcpy(mem + PML4, &entry, sizeof(entry));
	entry = PD | P | RW;
	memcpy(mem + PDPT, &entry, sizeof(entry));
	entry = 0 | P | RW | PS;
	memcpy(mem + PD, &entry, sizeof(entry));
	memcpy(mem + CODE, spin_code, sizeof(spin_code));
}

static int enter_long_mode(struct kvm_vcpu *v)
{
	struct kvm_segment seg = {
		.limit = 0xffffffff, .selector = 8, .type = 0xb, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_sregs s;
	int rc = kvm_vcpu_ioctl(v, KVM_GET_SREGS, &s);

	if (rc < 0)
		return rc;
	s.cs = seg;
	seg.type = 3;
	seg.selector = 16;
	seg.l = 0;
	seg.db = 1;
	s.ds = s.es = s.fs = s.gs = s.ss = seg;
	s.cr3 = PML4;
	s.cr4 = CR4_PAE;
	s.cr0 = 0x80050033;            /* PG AM WP NE ET MP PE */
	s.efer = EFER_LME | EFER_LMA;
	return kvm_vcpu_ioctl(v, KVM_SET_SREGS, &s);
}

static s64 cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Nanoseconds for `turns`; -errno when the guest did not get to its port. */
static s64 spin(struct kvm_vcpu *v, u64 turns)
{
	struct kvm_regs r = { .rcx = turns, .rip = CODE, .rflags = 2 };
	int rc = kvm_vcpu_ioctl(v, KVM_SET_REGS, &r);
	s64 begin;

	if (rc < 0)
		return rc;
	begin = cpu_ns();
	do
		rc = kvm_vcpu_run(v);
	while (rc == -EINTR || rc == -EAGAIN);
	if (rc < 0)
		return rc;
	return v->run->exit_reason == KVM_EXIT_IO ? cpu_ns() - begin : -EIO;
}

static s64 measure(struct kvm_vcpu *v)
{
	int rc = enter_long_mode(v);
	u64 turns = FIRST_TURNS;
	s64 ns;

	if (rc < 0)
		return rc;
	for (;; turns *= 8) {
		ns = spin(v, turns);
		if (ns < 0)
			return ns;
		if (ns >= LONG_ENOUGH_NS || turns >= MAX_TURNS)
			break;
	}
	return (s64)(turns * 2 * 1000000000ull / (u64)MAX(ns, 1));
}

static s64 calibrate_vm(struct kvm_vm *vm, void *mem)
{
	struct kvm_userspace_memory_region r = {
		.memory_size    = MEM_LEN,
		.userspace_addr = (u64)(uintptr_t)mem,
	};
	struct kvm_vcpu v;
	s64 rate = kvm_x86_private_pages(vm, NULL);

	if (rate < 0)
		return rate;
	fill_memory(mem);
	rate = kvm_vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
	if (rate < 0)
		return rate;
	rate = kvm_vcpu_open(&v, vm, 0, NULL);
	if (rate < 0)
		return rate;
	rate = measure(&v);
	kvm_vcpu_close(&v);
	return rate;
}

/* Closes it. */
static s64 calibrate_and_close(struct kvm_vm *vm)
{
	s64 rate = -ENOMEM;
	void *mem;

	mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem != MAP_FAILED)
		rate = calibrate_vm(vm, mem);
	kvm_vm_close(vm);
	if (mem != MAP_FAILED)
		munmap(mem, MEM_LEN);
	return rate;
}

s64 kvm_calibrate(const struct kvm_provider *p)
{
	struct kvm_vm vm;
	int rc = kvm_vm_open(&vm, p, NULL);

	return rc < 0 ? rc : calibrate_and_close(&vm);
}

s64 kvm_calibrate_beside(const struct kvm_vm *other)
{
	struct kvm_vm vm;
	int rc = kvm_vm_open_beside(&vm, other, NULL);

	return rc < 0 ? rc : calibrate_and_close(&vm);
}
