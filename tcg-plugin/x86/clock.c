// SPDX-License-Identifier: MIT
/*
 * Time: the host's TSC and its rate, kvmclock.
 *
 * Room:     everything a guest calls time is a function of the host's TSC, or
 *           of its own instructions (icount.h), so that TSC, kvmclock and
 *           the APIC timer agree.
 * Talks to: the host's clock, once, to learn the rate.
 * Never:    sleeps.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

#define NSEC 1000000000ull

u64 tcg_vm_tsc(struct tcg_vm *vm)
{
	return vm->icount.on ? (u64)icount_now(&vm->icount) : __rdtsc();
}

u64 x86_tsc(struct x86_cpu *c)
{
	return tcg_vm_tsc(c->vm) + c->tsc_offset;
}

/* --- the rate ------------------------------------------------------------- */

enum { LOOKS = 8, MIN_NS = 4000000 };

struct look {
	u64 tsc, ns;
};

static u64 now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (u64)t.tv_sec * NSEC + (u64)t.tv_nsec;
}

/* TSC and clock at one moment: of several tries the least disturbed. */
static struct look look(void)
{
	struct look best = { 0 };
	u64 width = ~0ull;

	for (int i = 0; i < LOOKS; i++) {
		u64 a = __rdtsc(), ns = now_ns(CLOCK_MONOTONIC_RAW);
		u64 b = __rdtsc();

		if (b - a >= width)
			continue;
		width = b - a;
		best = (struct look){ a + width / 2, ns };
	}
	return best;
}

/* Facts about the host, found once; no state of any VM. */
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static pthread_once_t measured = PTHREAD_ONCE_INIT;
static struct look first;
static u32 host_khz;

static void take_first(void)
{
	first = look();
}

void x86_tsc_first_look(void)
{
	pthread_once(&looked, take_first);
}

static void measure(void)
{
	struct look now;

	x86_tsc_first_look();
	do
		now = look();
	while (now.ns - first.ns < MIN_NS);
	host_khz = (u32)((unsigned __int128)(now.tsc - first.tsc) * 1000000 /
			 (now.ns - first.ns));
}

u32 x86_host_tsc_khz(void)
{
	pthread_once(&measured, measure);
	return host_khz;
}

u32 tcg_vm_tsc_khz(const struct tcg_vm *vm)
{
	return vm->tsc_khz ? vm->tsc_khz : x86_host_tsc_khz();
}

/* --- kvmclock ------------------------------------------------------------- */

/* The structures guests read (Documentation/virt/kvm/x86/msr.rst). */
struct pvclock_time {
	u32 version, pad0;
	u64 tsc_timestamp, system_time;
	u32 tsc_to_system_mul;
	s8  tsc_shift;
	u8  flags, pad[2];
};
struct pvclock_wall {
	u32 version, sec, nsec;
};
enum { PVCLOCK_TSC_STABLE = BIT(0), PVCLOCK_GUEST_STOPPED = BIT(1) };

/* ns = (ticks << shift) * mul >> 32, mul with its top bit set. */
static void scale_of(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = khz * 1000ull, ns = NSEC;
	int s = 0;

	while (hz > ns * 2 || hz >> 32) {
		hz >>= 1;
		s--;
	}
	while (hz <= ns && !(hz >> 31)) {
		hz <<= 1;
		s++;
	}
	*shift = (s8)s;
	*mul = (u32)((ns << 32) / hz > 0xffffffff ? 0xffffffff
						   : (ns << 32) / hz);
}

static u64 ticks_to_ns(const struct tcg_vm *vm, u64 ticks)
{
	u32 mul;
	s8 shift;

	scale_of(tcg_vm_tsc_khz(vm), &mul, &shift);
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (u64)((unsigned __int128)ticks * mul >> 32);
}

u64 tcg_clock_ns(struct tcg_vm *vm)
{
	return ticks_to_ns(vm, tcg_vm_tsc(vm) - vm->tsc_base) +
	       atomic_load(&vm->clock_offset);
}

void tcg_clock_set(struct tcg_vm *vm, u64 ns)
{
	atomic_store(&vm->clock_offset,
		     ns - ticks_to_ns(vm, tcg_vm_tsc(vm) - vm->tsc_base));
	for (unsigned i = 0; i < atomic_load(&vm->nvcpu); i++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, i);

		if (v)                 /* it updates on its way in        */
			atomic_store(&v->clock_stale, 1);
	}
}

/* Odd while it changes; one reader, this vCPU, and it is not running. */
static void publish(struct x86_cpu *c, gpa_t gpa, void *data, size_t n)
{
	const struct mem_table *t = mem_table(&c->vm->mem);
	u32 version = 0;

	if (!mem_copy_in(t, gpa, &version, sizeof(version)))
		return;
	version = (version | 1) + 1;
	memcpy(data, &version, sizeof(version));
	mem_copy_out(t, gpa, data, n);
}

static void publish_time(struct x86_cpu *c, u8 flags)
{
	u64 tsc = tcg_vm_tsc(c->vm);
	struct pvclock_time t = {
		.tsc_timestamp = tsc + c->tsc_offset,
		.system_time = ticks_to_ns(c->vm, tsc - c->vm->tsc_base) +
			       atomic_load(&c->vm->clock_offset),
		.flags = PVCLOCK_TSC_STABLE | flags,
	};

	scale_of(tcg_vm_tsc_khz(c->vm), &t.tsc_to_system_mul, &t.tsc_shift);
	publish(c, c->kvmclock_msr & ~1ull, &t, sizeof(t));
}

void tcg_clock_update(struct x86_cpu *c)
{
	if (c->kvmclock_msr & 1)
		publish_time(c, 0);
}

int tcg_clock_paused(struct x86_cpu *c)
{
	if (!(c->kvmclock_msr & 1))
		return -EINVAL;
	publish_time(c, PVCLOCK_GUEST_STOPPED);
	return 0;
}

void tcg_clock_wall(struct x86_cpu *c)
{
	const struct icount *ic = &c->vm->icount;
	u64 boot = ic->on ? (u64)ic->wall_ns :
			    now_ns(CLOCK_REALTIME) - tcg_clock_ns(c->vm);
	struct pvclock_wall w = {
		.sec = (u32)(boot / NSEC), .nsec = (u32)(boot % NSEC),
	};

	if (c->kvm_wall_msr)
		publish(c, c->kvm_wall_msr, &w, sizeof(w));
}
