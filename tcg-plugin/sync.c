// SPDX-License-Identifier: MIT
/*
 * Requests, safe points, parking: how threads meet a running vCPU.
 *
 * Room:     the protocol described in provider_priv.h.
 * Talks to: futexes.
 * Never:    waits while inside guest code, or for a vCPU that is outside.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/irqchip/timers.h"
#include "tcg-plugin/x86/sys.h"

static int futex_wait(_Atomic u32 *w, u32 val, const struct timespec *t)
{
	return syscall(SYS_futex, w, FUTEX_WAIT_PRIVATE, val, t, NULL, 0) < 0
		? -errno : 0;
}

static void futex_wake(_Atomic u32 *w)
{
	syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void tcg_request(struct tcg_vcpu *v, u32 what)
{
	atomic_fetch_or(&v->cpu.request, what);
	if (atomic_exchange(&v->parked, 0))    /* one wake a sleep         */
		futex_wake(&v->cpu.request);
}

/* --- in and out ----------------------------------------------------------- */

void tcg_ack(struct tcg_vm *vm)
{
	if (!atomic_load(&vm->sync_waiters))
		return;
	atomic_fetch_add(&vm->sync_seq, 1);
	futex_wake(&vm->sync_seq);
}

void tcg_leave(struct tcg_vcpu *v)
{
	atomic_store(&v->inside, 0);
	tcg_ack(v->vm);
}

void tcg_enter(struct tcg_vcpu *v)
{
	for (;;) {
		atomic_store(&v->inside, 1);
		if (!atomic_load(&v->vm->stopped))
			return;
		tcg_leave(v);
		futex_wait(&v->vm->stopped, 1, NULL);
	}
}

/* A signal that KVM_RUN's mask lets through, pending on this thread. */
static bool signal_waits(const struct tcg_vcpu *v)
{
	sigset_t set;
	u64 pending = 0;

	if (!v->has_sigmask || sigpending(&set) < 0)
		return false;
	for (int i = 1; i <= 64; i++)
		if (sigismember(&set, i) == 1)
			pending |= 1ull << (i - 1);
	return pending & ~v->sigmask;
}

/* Until a request, a while passed or a signal came: -EINTR. */
static int doze(struct tcg_vcpu *v, s64 ns)
{
	const s64 tick = 10 * 1000 * 1000;
	struct timespec t;
	int rc;

	if (v->has_sigmask && (ns < 0 || ns > tick))
		ns = tick;
	t.tv_sec = ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	rc = futex_wait(&v->cpu.request, 0, ns < 0 ? NULL : &t);
	return rc == -EINTR || signal_waits(v) ? -EINTR : 0;
}

int tcg_park(struct tcg_vcpu *v)
{
	s64 from, limit = v->vm->icount.on ? icount_idle(v) : -1;
	enum halt_end looked = HALT_SLEPT;
	int rc = 0;

	v->cpu.n_halt++;
	if (!limit)
		return 0;
	from = ic_now();
	tcg_leave(v);
	if (limit < 0 && !v->has_sigmask)
		looked = halt_poll(&v->poll, &v->cpu.request);
	while (!rc && !atomic_load(&v->cpu.request) &&
	       !__atomic_load_n(&v->run->immediate_exit, __ATOMIC_RELAXED) &&
	       (limit < 0 || ic_now() - from < limit)) {
		atomic_store(&v->parked, 1);   /* before the look at request */
		rc = doze(v, limit < 0 ? -1 : limit - (ic_now() - from));
	}
	atomic_store(&v->parked, 0);
	halt_poll_learn(&v->poll, looked, ic_now() - from);
	tcg_enter(v);
	if (limit > 0)
		icount_slept(v, MIN(limit, ic_now() - from));
	return rc;
}

enum { SPINS_PER_YIELD = 64 };

void x86_spin(struct x86_cpu *c)
{
	if (++c->n_spin % SPINS_PER_YIELD || atomic_load(&c->vm->nvcpu) < 2)
		__builtin_ia32_pause();
	else
		sched_yield();
}

/* --- waiting for others --------------------------------------------------- */

static bool flushed(struct tcg_vcpu *v)
{
	return !atomic_load(&v->inside) ||
	       !(atomic_load(&v->cpu.request) & REQ_TLB);
}

static bool outside(struct tcg_vcpu *v)
{
	return !atomic_load(&v->inside);
}

static void wait_each(struct tcg_vm *vm, struct tcg_vcpu *self, u64 mask,
		      bool (*done)(struct tcg_vcpu *v))
{
	unsigned n = atomic_load(&vm->nvcpu);

	atomic_fetch_add(&vm->sync_waiters, 1);
	for (unsigned id = 0; id < n; id++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, id);

		if (!v || v == self || !(mask >> id & 1))
			continue;
		for (;;) {
			u32 seq = atomic_load(&vm->sync_seq);

			if (done(v))
				break;
			futex_wait(&vm->sync_seq, seq, NULL);
		}
	}
	atomic_fetch_sub(&vm->sync_waiters, 1);
}

static void ask_each(struct tcg_vm *vm, struct tcg_vcpu *self, u64 mask)
{
	unsigned n = atomic_load(&vm->nvcpu);

	for (unsigned id = 0; id < n; id++) {
		struct tcg_vcpu *v = tcg_vm_vcpu(vm, id);

		/* The parked need no waking: they flush on their way in. */
		if (v && v != self && (mask >> id & 1))
			atomic_fetch_or(&v->cpu.request, REQ_TLB);
	}
}

void tcg_shootdown(struct tcg_vm *vm, struct tcg_vcpu *self, u64 mask)
{
	if (self)
		mask &= ~(1ull << self->cpu.id);
	if (!mask)
		return;
	if (self)
		tcg_leave(self);
	ask_each(vm, self, mask);
	wait_each(vm, self, mask, flushed);
	if (self)
		tcg_enter(self);
}

void tcg_world_stop(struct tcg_vm *vm, struct tcg_vcpu *self)
{
	if (self)
		tcg_leave(self);
	lock_take(&vm->stop_lock);
	atomic_store(&vm->stopped, 1);
	ask_each(vm, self, ~0ull);
	wait_each(vm, self, ~0ull, outside);
}

void tcg_world_go(struct tcg_vm *vm, struct tcg_vcpu *self)
{
	atomic_store(&vm->stopped, 0);
	futex_wake(&vm->stopped);
	lock_drop(&vm->stop_lock);
	if (self)
		tcg_enter(self);
}
