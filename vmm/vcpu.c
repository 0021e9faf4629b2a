/* SPDX-License-Identifier: MIT */
/*
 * The vCPU thread: run, dispatch the exit, run again; park when asked.
 *
 * Room:     one thread per vCPU and the exits every architecture shares.
 * Talks to: the kvm doors, the buses, vm_request.
 * Never:    changes the run state itself; it posts requests to the loop.
 *
 * Invariants:
 *  1. A kicker sets what it wants, then `attention`, then immediate_exit,
 *     then signals.  The thread clears immediate_exit, then looks at
 *     `attention`, then runs: whatever the order, the kick is not lost.
 *  2. KVM finishes an I/O exit when it is entered again.  Before anybody
 *     sees or changes registers, vcpu_settle enters it with immediate_exit
 *     set, so that it finishes and runs nothing more.
 *
 * States: parked -(vcpu_resume)-> running -(vcpu_park_ask, settle)-> parked.
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/base/thread.h"
#include "vmm/base/trace.h"
#include "vmm/helper.h"
#include "vmm/vm.h"

#define NS_PER_S 1000000000ll
#define BURST_NS (NS_PER_S / 10)

struct vcpu_work {
	struct vcpu_work *next;
	void (*fn)(struct vcpu *v, void *opaque);
	void *opaque;
	bool done;
};

/* --- the exits --- */

static void answer_pio(struct vm *vm, struct kvm_run *run)
{
	u8 *data = (u8 *)run + run->io.data_offset;
	const unsigned size = run->io.size;

	for (u32 i = 0; i < run->io.count; i++, data += size) {
		u64 val = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&val, data, size);
			bus_write(vm->pio, run->io.port, val, size);
		} else {
			bus_read(vm->pio, run->io.port, &val, size);
			memcpy(data, &val, size);
		}
	}
}

static void answer_mmio(struct vm *vm, struct kvm_run *run)
{
	const unsigned len = MIN(run->mmio.len, 8u);
	u64 val = 0;

	if (run->mmio.is_write) {
		memcpy(&val, run->mmio.data, len);
		bus_write(vm->mmio, run->mmio.phys_addr, val, len);
	} else {
		bus_read(vm->mmio, run->mmio.phys_addr, &val, len);
		memcpy(run->mmio.data, &val, len);
	}
}

void vcpu_answer(struct vm *vm, struct kvm_run *run)
{
	if (run->exit_reason == KVM_EXIT_IO)
		answer_pio(vm, run);
	else
		answer_mmio(vm, run);
}

static void exit_system_event(struct vcpu *v)
{
	switch (v->kvm.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return vm_request(v->vm, VM_REQ_POWEROFF, 0);
	case KVM_SYSTEM_EVENT_RESET:
		return vm_request(v->vm, VM_REQ_RESET, 0);
	case KVM_SYSTEM_EVENT_CRASH:
		return vm_request(v->vm, VM_REQ_PANIC, 0);
	default:
		log_if(LOG_UNIMP, "vCPU %u: system event %u ignored\n",
		       v->index, v->kvm.run->system_event.type);
	}
}

/* Every register the architecture names, four to a line. */
static void dump_registers(struct vcpu *v)
{
	const struct arch *a = v->vm->arch;
	struct strbuf s = STRBUF_INIT;
	void *regs;
	unsigned n = 0;

	if (!a || !a->get_regs || !a->regs)
		return;
	regs = calloc(1, a->regs_size);
	if (regs && !a->get_regs(v, regs)) {
		for (const struct arch_reg *r = a->regs; r->name; r++) {
			if (r->rare)
				continue;
			strbuf_addf(&s, "%s%s=%llx", n ? n % 6 ? " " : "\n" :
				    "", r->name, (unsigned long long)
				    arch_reg_value(r, regs));
			n++;
		}
		log_warn("registers of vCPU %u:\n%s", v->index, s.buf);
	}
	strbuf_fini(&s);
	free(regs);
}

/* Could the helper execute what KVM could not? */
static bool is_helped(struct vcpu *v)
{
	switch (v->kvm.run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return v->vm->helper && helper_execute(v->vm->helper, v);
	default:
		return false;
	}
}

static void exit_internal_error(struct vcpu *v)
{
	const struct kvm_run *run = v->kvm.run;
	struct strbuf s = STRBUF_INIT;
	const u32 n = MIN(run->internal.ndata, 16u);

	for (u32 i = 0; i < n; i++)
		strbuf_addf(&s, " %llx",
			    (unsigned long long)run->internal.data[i]);
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		log_warn("vCPU %u: %s cannot emulate an instruction "
			 "(data:%s)", v->index, v->vm->provider->name, s.buf);
	else
		log_warn("vCPU %u: internal error of %s, suberror %u "
			 "(data:%s)", v->index, v->vm->provider->name,
			 run->internal.suberror, s.buf);
	strbuf_fini(&s);
	dump_registers(v);
	vm_request(v->vm, VM_REQ_INTERNAL_ERROR, (int)v->index);
}

static void exit_fail_entry(struct vcpu *v)
{
	log_warn("vCPU %u: %s cannot enter the guest, hardware reason 0x%llx",
		 v->index, v->vm->provider->name, (unsigned long long)
		 v->kvm.run->fail_entry.hardware_entry_failure_reason);
	dump_registers(v);
	vm_request(v->vm, VM_REQ_INTERNAL_ERROR, (int)v->index);
}

static void exit_unknown(struct vcpu *v)
{
	const struct arch *a = v->vm->arch;

	if (a && a->handle_exit && a->handle_exit(v))
		return;
	log_warn("vCPU %u: exit %u of %s is not known here", v->index,
		 v->kvm.run->exit_reason, v->vm->provider->name);
	vm_request(v->vm, VM_REQ_INTERNAL_ERROR, (int)v->index);
}

/* Without an irqchip in the provider nothing but a request ends a HLT. */
static void exit_hlt(struct vcpu *v)
{
	lock_take(&v->lock);
	v->halted = true;
	while (!v->stop && !v->quit && !v->work)
		pthread_cond_wait(&v->wake, &v->lock.mutex);
	v->halted = false;
	lock_drop(&v->lock);
}

static void exit_ring_full(struct vcpu *v)
{
	if (!kvm_vcpu_ring_full(&v->kvm) && !v->overran) {
		v->overran = true;
		log_warn("vCPU %u: KVM wrote past the end of its dirty ring: "
			 "rates and limits are guesses from here on", v->index);
	}
	vcpu_charge_dirty(v);
}

/* A breakpoint or a step: the debugger's, or nobody's. */
static void exit_debug(struct vcpu *v)
{
	if (!v->vm->debug_exit || !v->vm->debug_exit(v))
		vm_request(v->vm, VM_REQ_DEBUG, (int)v->index);
}

static void vcpu_settle(struct vcpu *v);

/* The same, where the helper saw it: the debugger looks at registers, which
 * KVM has to take first. */
static void helped_debug(struct vcpu *v)
{
	const struct kvm_debug_exit_arch why = v->kvm.run->debug.arch;

	v->io_pending = true;
	vcpu_settle(v);
	v->kvm.run->debug.arch = why;
	exit_debug(v);
}

/* What the guest did.  True when KVM_RUN must be entered to finish it. */
static bool vcpu_dispatch(struct vcpu *v)
{
	const u32 reason = v->kvm.run->exit_reason;

	trace(vcpu_exit, "cpu %u reason %u", v->index, reason);
	if (reason < ARRAY_LEN(v->exits))
		v->exits[reason]++;
	switch (reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
		vcpu_answer(v->vm, v->kvm.run);
		return true;
	case KVM_EXIT_HLT:             exit_hlt(v);            return false;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:         return false;
	case KVM_EXIT_SHUTDOWN:
		vm_request(v->vm, VM_REQ_RESET, 0);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:    exit_system_event(v);   return false;
	case KVM_EXIT_INTERNAL_ERROR:
		if (!is_helped(v)) {
			exit_internal_error(v);
			return false;
		}
		if (v->kvm.run->exit_reason != KVM_EXIT_DEBUG)
			return true;   /* KVM takes the state as it enters */
		helped_debug(v);
		return false;
	case KVM_EXIT_FAIL_ENTRY:      exit_fail_entry(v);     return false;
	case KVM_EXIT_DIRTY_RING_FULL: exit_ring_full(v);      return false;
	case KVM_EXIT_DEBUG:
		if (v->vm->helper && helper_trapped(v->vm->helper, v))
			return true;
		if (!v->vm->helper || !helper_expected(v->vm->helper, v))
			exit_debug(v);
		return false;
	default:                       exit_unknown(v);        return true;
	}
}

/* One KVM_RUN and what it led to. */
static void vcpu_step(struct vcpu *v)
{
	struct helper *h = v->vm->helper;
	int rc;

	if (h && helper_debugs(h, v)) {
		if (helper_run(h, v))
			return helped_debug(v);
	} else if (h) {
		helper_before(h, v);
	}
	rc = kvm_vcpu_run(&v->kvm);
	if (!rc) {
		v->io_pending = vcpu_dispatch(v);
		return;
	}
	v->io_pending = rc == -EINTR && h && !v->kvm.run->immediate_exit &&
			helper_after(h, v);
	if (rc == -EINTR)
		v->exits[KVM_EXIT_INTR]++;     /* kicked */
	if (rc == -EINTR || rc == -EAGAIN)
		return;
	log_warn("vCPU %u: %s does not run: %s", v->index,
		 v->vm->provider->name, strerror(-rc));
	dump_registers(v);
	vm_request(v->vm, VM_REQ_INTERNAL_ERROR, (int)v->index);
}

/* Let the provider finish the last exit and run nothing more. */
static void vcpu_settle(struct vcpu *v)
{
	while (v->io_pending) {
		__atomic_store_n(&v->kvm.run->immediate_exit, 1,
				 __ATOMIC_SEQ_CST);
		vcpu_step(v);
	}
	__atomic_store_n(&v->kvm.run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

/* The oldest posted call; v->lock is held, but not while it runs. */
static void vcpu_do_work(struct vcpu *v)
{
	struct vcpu_work *w = v->work;

	v->work = w->next;
	v->calls += !v->parked;
	lock_drop(&v->lock);
	w->fn(v, w->opaque);
	lock_take(&v->lock);
	w->done = true;
	pthread_cond_broadcast(&v->done);
}

/* Do posted work; wait here while parked.  False: the thread ends. */
static bool vcpu_attend(struct vcpu *v)
{
	vcpu_settle(v);
	SCOPED_LOCK(&v->lock);
	for (;;) {
		if (v->work) {
			vcpu_do_work(v);
		} else if (v->quit || !v->stop) {
			v->parked = false;
			return !v->quit;
		} else {
			if (!v->parked)
				pthread_cond_broadcast(&v->done);
			v->parked = true;
			pthread_cond_wait(&v->wake, &v->lock.mutex);
		}
	}
}

/* It wrote more than it may: wait, but for questions and for being parked. */
static void vcpu_hold_back(struct vcpu *v)
{
	vcpu_settle(v);
	SCOPED_LOCK(&v->lock);
	while (!v->stop && !v->quit && v->too_fast) {
		const struct timespec until = {
			.tv_sec = v->slow_until / NS_PER_S,
			.tv_nsec = v->slow_until % NS_PER_S,
		};

		if (v->work)
			vcpu_do_work(v);
		else if (!v->dirty_limit || clock_host_ns() >= v->slow_until)
			v->too_fast = false;
		else
			pthread_cond_clockwait(&v->wake, &v->lock.mutex,
					       CLOCK_MONOTONIC, &until);
	}
}

static void vcpu_loop(struct vcpu *v)
{
	for (;;) {
		__atomic_store_n(&v->kvm.run->immediate_exit, 0,
				 __ATOMIC_SEQ_CST);
		if (atomic_exchange(&v->attention, false) && !vcpu_attend(v))
			return;
		if (atomic_load_explicit(&v->too_fast, memory_order_relaxed))
			vcpu_hold_back(v);
		if (!atomic_load(&v->attention))
			vcpu_step(v);
	}
}

/* --- the thread --- */

/*
 * Only the kick gets through; the process's signals are the main thread's.
 * A provider that can be kicked without gets none at all: it may be in
 * translated code, where the stack pointer is the guest's.
 */
static void vcpu_signals(const struct vcpu *v)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
				      SIGTRAP };
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < ARRAY_LEN(faults); i++)
		sigdelset(&set, faults[i]);    /* a blocked one would kill */
	if (!v->kvm.vm->ops->kick)
		sigdelset(&set, VCPU_KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void signals_again(struct vcpu *v, void *opaque)
{
	(void)opaque;
	vcpu_signals(v);
}

void vcpu_exchange(struct vcpu *v, struct kvm_vcpu *other)
{
	lock_take(&v->lock);
	kvm_vcpu_exchange(&v->kvm, other);
	lock_drop(&v->lock);
	if (v->started)
		vcpu_call(v, signals_again, NULL);
}

static void *vcpu_thread(void *opaque)
{
	struct vcpu *v = opaque;

	vcpu_signals(v);
	v->tid = gettid();
	vcpu_loop(v);
	if (v->vm->helper)
		helper_leave(v->vm->helper, v);
	return NULL;
}

static void on_kick(int sig)
{
	(void)sig;                     /* only there to interrupt KVM_RUN */
}

int vcpu_start(struct vcpu *v, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_kick,
				.sa_flags = SA_ONSTACK };
	char name[16];
	int rc;

	SCOPED_LOCK(&v->lock);
	sigaction(VCPU_KICK_SIGNAL, &sa, NULL);
	snprintf(name, sizeof(name), "CPU %u/KVM", v->index);
	rc = thread_start(&v->thread, ROLE_VCPU, name, vcpu_thread, v);
	if (rc < 0)
		return err_set(e, rc, "thread of vCPU %u: %m", v->index);
	v->started = true;
	return 0;
}

static int vcpu_open(struct vcpu *v, struct err *e)
{
	const struct arch *a = v->vm->arch;
	const unsigned id = a && a->vcpu_id ? a->vcpu_id(v->vm, v->index) :
			    v->index;
	int rc = kvm_vcpu_open(&v->kvm, &v->vm->kvm, id, e);

	if (rc < 0)
		return rc;
	return a && a->vcpu_init ? a->vcpu_init(v, e) : 0;
}

struct vcpu *vcpu_create(struct vm *vm, unsigned index, struct err *e)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	if (!v) {
		err_set(e, -ENOMEM, "vCPU %u: %m", index);
		return NULL;
	}
	v->vm = vm;
	v->index = index;
	v->kvm.fd = -1;
	v->stop = true;
	v->attention = true;
	lock_init(&v->lock, "vcpu");
	pthread_cond_init(&v->wake, NULL);
	pthread_cond_init(&v->done, NULL);
	if (vcpu_open(v, e) < 0) {
		vcpu_destroy(v);
		return NULL;
	}
	return v;
}

/* --- from other threads --- */

int vcpu_debug(struct vcpu *v, const struct kvm_guest_debug *d)
{
	struct helper *h = v->vm->helper;

	if (h && helper_debug(h, v, d))
		return 0;
	return kvm_vcpu_ioctl(&v->kvm, KVM_SET_GUEST_DEBUG, (void *)d);
}

bool vcpu_is_current(const struct vcpu *v)
{
	return v->started && pthread_equal(v->thread, pthread_self());
}

/* Make the thread look at its fields; v->lock is held. */
static void vcpu_nudge(struct vcpu *v)
{
	atomic_store(&v->attention, true);
	pthread_cond_broadcast(&v->wake);
	if (vcpu_is_current(v) || v->parked || !v->started)
		return;
	kvm_vcpu_kick(&v->kvm);
	if (!v->kvm.vm->ops->kick)
		pthread_kill(v->thread, VCPU_KICK_SIGNAL);
}

void vcpu_limit_dirty(struct vcpu *v, u64 pages)
{
	SCOPED_LOCK(&v->lock);
	v->dirty_limit = pages;
	v->slow_until = 0;
	pthread_cond_broadcast(&v->wake);
}

/* Each page costs 1/limit seconds; BURST_NS of them are on credit. */
u64 vcpu_charge_dirty(struct vcpu *v)
{
	const s64 now = clock_host_ns();
	const u64 total = kvm_vcpu_ring_take(&v->kvm);
	u64 limit, pages;

	SCOPED_LOCK(&v->lock);
	limit = v->dirty_limit;
	pages = total - MIN(v->pages_charged, total);
	v->pages_charged = MAX(v->pages_charged, total);
	if (!limit || !pages)
		return total;
	v->slow_until = MAX(v->slow_until, now - BURST_NS) +
			(s64)((unsigned __int128)pages * NS_PER_S / limit);
	if (v->slow_until <= now)
		return total;
	v->too_fast = true;
	vcpu_nudge(v);
	return total;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	lock_take(&v->lock);
	v->quit = true;
	vcpu_nudge(v);
	lock_drop(&v->lock);
	if (v->started)
		pthread_join(v->thread, NULL);
	kvm_vcpu_close(&v->kvm);
	pthread_cond_destroy(&v->wake);
	pthread_cond_destroy(&v->done);
	lock_fini(&v->lock);
	free(v);
}

/* No kick: its thread waits, or will look before it runs. */
void vcpu_resume(struct vcpu *v)
{
	SCOPED_LOCK(&v->lock);
	v->stop = false;
	pthread_cond_broadcast(&v->wake);
}

void vcpu_park_ask(struct vcpu *v)
{
	SCOPED_LOCK(&v->lock);
	v->stop = true;
	vcpu_nudge(v);
}

void vcpu_park(struct vcpu *v)
{
	SCOPED_LOCK(&v->lock);
	v->stop = true;
	if (!v->parked)
		vcpu_nudge(v);
	while (v->started && !v->parked && !v->quit)
		pthread_cond_wait(&v->done, &v->lock.mutex);
}

void vcpu_call(struct vcpu *v, void (*fn)(struct vcpu *v, void *opaque),
	       void *opaque)
{
	struct vcpu_work w = { .fn = fn, .opaque = opaque }, **tail;

	if (vcpu_is_current(v))
		return fn(v, opaque);
	SCOPED_LOCK(&v->lock);
	if (!v->started)
		return fn(v, opaque);
	for (tail = &v->work; *tail; tail = &(*tail)->next)
		;
	*tail = &w;
	vcpu_nudge(v);
	while (!w.done)
		pthread_cond_wait(&v->done, &v->lock.mutex);
}
