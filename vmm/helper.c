/* SPDX-License-Identifier: MIT */
/*
 * KVM's helper.  See helper.h.
 *
 * Room:     the twin's life, its slices, the count of it all.
 * Talks to: the plugin's "slices" (kvm/provider.h), arch->helper for what the
 *           state of a vCPU is, the buses.
 * Never:    changes a vCPU's state itself; runs two slices of one vCPU at once.
 */
#include "vmm/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/base/log.h"
#include "vmm/switch.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* A vCPU's counterpart; made and used by that vCPU's thread. */
struct twin {
	struct kvm_vcpu cpu;
	void *state;                   /* arch->helper->state_size        */
	u64 failures, insns;           /* executed here; read by helper_report */
	u64 slices;                    /* taken from KVM by the timer     */
	_Atomic bool debugged;         /* by `debug`: see helper_debug    */
	struct kvm_guest_debug debug;
	bool told;                     /* the twin, of debug              */
	bool stored;                   /* kvm_run's registers are newer than
					  KVM's                          */
	bool stepped;                  /* KVM was given an instruction    */
	bool has_tick;
	timer_t tick;                  /* signals its thread out of KVM_RUN */
	s64 tick_ns;                   /* 0: not armed yet                */
};

#define LOOK_AFTER_NS 1000000000ll     /* of the VM running            */
enum { SLICE_DEBUG = -EALREADY };      /* of slice: KVM_EXIT_DEBUG */
enum {
	TICK_KERNEL_NS = 30000,        /* KVM gets that long for what only it
					  can do, interrupts for one     */
	TICK_USER_NS   = 4000000,
};

struct recent {
	unsigned cpu;
	u64 pc;
	u8 bytes[15];
	unsigned len;
};

struct helper {
	struct vm *vm;
	const struct kvm_provider *plugin;
	struct lock lock;              /* guards what follows             */
	struct kvm_vm twin_vm;         /* fd -1: not opened yet           */
	bool failed;                   /* it cannot be; said already      */
	_Atomic bool slow;             /* KVM emulates kernel code        */
	struct lock measuring;         /* guards                          */
	bool measured;                 /* we know whether it is           */
	struct timer look;             /* measures KVM, once              */
	struct recent recent[HELPER_RECENT];
	u64 nrecent;
	struct twin **twins;           /* by vCPU index; NULL: none yet   */
	unsigned ntwins;
};

/* --- life ------------------------------------------------------------------ */

/* Does KVM emulate kernel code?  A millisecond's work, once. [loop, vcpu] */
static void measure(struct helper *h)
{
	s64 rate = 0;

	SCOPED_LOCK(&h->measuring);
	if (h->measured)
		return;
	h->measured = true;
	if (h->ntwins == 1 || h->vm->arch->helper->several(h->vm))
		rate = kvm_calibrate_beside(&h->vm->kvm);
	if (rate <= 0 || rate >= KVM_NATIVE_RATE)
		return;
	if (!atomic_exchange(&h->slow, true))
		log_if(LOG_UNIMP, "KVM here emulates kernel code, at %.1f "
		       "million instructions a second: the plugin helps\n",
		       (double)rate / 1e6);
}

static void look_again(struct vcpu *v, void *opaque)
{
	(void)v;                       /* on its way back it sees h->slow */
	(void)opaque;
}

static void on_look(void *opaque)
{
	struct helper *h = opaque;

	measure(h);
	for (unsigned i = 0; h->slow && i < h->vm->nvcpus; i++)
		vcpu_call(h->vm->vcpus[i], look_again, NULL);
}

struct helper *helper_create(struct vm *vm, const struct kvm_provider *plugin)
{
	struct helper *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->vm = vm;
	h->plugin = plugin;
	h->twin_vm.fd = h->twin_vm.sys_fd = -1;
	h->ntwins = vm->config->cpus;
	h->twins = calloc(h->ntwins, sizeof(h->twins[0]));
	if (!h->twins)
		abort();
	lock_init(&h->lock, "helper");
	lock_init(&h->measuring, "helper-measuring");
	timer_init(&h->look, vm->loop, &vm->clock, on_look, h);
	return h;
}

void helper_begin(struct helper *h)
{
	h->vm->helper = h;
	if (!h->slow)
		timer_set(&h->look, clock_guest_ns(&h->vm->clock) +
				    LOOK_AFTER_NS);
}

static void leave(struct vcpu *v, void *opaque)
{
	helper_leave(opaque, v);
}

void helper_rest(struct helper *h)
{
	timer_cancel(&h->look);
	for (unsigned i = 0; i < h->vm->nvcpus; i++)
		vcpu_call(h->vm->vcpus[i], leave, h);
	h->vm->helper = NULL;
}

int helper_load(struct vm *vm, struct err *e)
{
	const struct kvm_provider *plugin;
	struct err why = { 0 };
	struct helper *h;

	(void)e;                       /* without it, it is as it was */
	if (vm->config->no_helper ||
	    (vm->provider != &kvm_kernel_provider && !vm->switcher))
		return 0;
	plugin = kvm_plugin_load(&why);
	if (!plugin || !plugin->control) {
		log_if(LOG_UNIMP, "KVM gets no help: %s\n", why.msg);
		return 0;
	}
	h = helper_create(vm, plugin);
	if (vm->switcher)
		switch_has_helper(vm->switcher, h);
	if (vm->provider == &kvm_kernel_provider)
		helper_begin(h);
	return 0;
}

static void twin_free(struct twin *t)
{
	if (!t)
		return;
	kvm_vcpu_close(&t->cpu);
	free(t->state);
	free(t);
}

void helper_destroy(struct helper *h)
{
	if (!h)
		return;
	timer_fini(&h->look);
	for (unsigned i = 0; i < h->ntwins; i++)
		twin_free(h->twins[i]);
	kvm_vm_close(&h->twin_vm);
	lock_fini(&h->lock);
	lock_fini(&h->measuring);
	free(h->twins);
	free(h);
}

static int open_twin_vm(struct helper *h, struct err *e)
{
	struct kvm_vm *vm = &h->twin_vm;
	int rc = kvm_vm_open(vm, h->plugin, e);

	if (rc < 0)
		return rc;
	rc = h->plugin->control(vm->fd, "slices", 1);
	if (rc < 0) {
		kvm_vm_close(vm);
		return err_set(e, rc, "%s executes no slices: %m",
			       h->plugin->name);
	}
	measure(h);
	h->vm->kvm.twin = vm;
	return 0;
}

static int open_twin(struct helper *h, struct vcpu *v, struct err *e)
{
	const struct arch_helper *a = h->vm->arch->helper;
	struct twin *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return err_set(e, -ENOMEM, "%m");
	t->cpu.fd = -1;
	t->state = calloc(1, a->state_size);
	rc = t->state ? kvm_vcpu_open(&t->cpu, &h->twin_vm, v->kvm.id, e) :
	     err_set(e, -ENOMEM, "%m");
	if (rc == 0)
		rc = a->init(v, &t->cpu, t->state, e);
	if (rc < 0) {
		twin_free(t);
		return rc;
	}
	h->twins[v->index] = t;
	return 0;
}

/* The vCPU's twin, over memory and dirty logging as they are now. */
static struct twin *twin_of(struct helper *h, struct vcpu *v)
{
	struct err e = { 0 };
	int rc = 0;

	SCOPED_LOCK(&h->lock);
	if (h->failed || v->index >= h->ntwins)
		return NULL;
	if (h->twin_vm.fd < 0)
		rc = open_twin_vm(h, &e);
	if (rc == 0)
		rc = kvm_vm_follow(&h->twin_vm, &h->vm->kvm, &e);
	if (rc == 0 && !h->twins[v->index])
		rc = open_twin(h, v, &e);
	if (rc < 0) {
		log_warn("KVM's helper cannot help: %s", e.msg);
		h->failed = true;
		return NULL;
	}
	return h->twins[v->index];
}

/* --- slices ---------------------------------------------------------------- */

/* A port of the VMM's.  KVM has devices of its own, and eventfds on memory. */
static bool is_ours(struct vm *vm, const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO &&
	       !vm->arch->helper->provider_port(run->io.port);
}

/*
 * Up to n instructions; how many were, -errno, -ESHUTDOWN for a triple
 * fault, or SLICE_DEBUG.  `whole`: every device access is answered here, since
 * KVM cannot do this instruction at all.  Else what is not ours is left to KVM,
 * and the instruction has done nothing.
 */
static s64 slice(struct helper *h, struct twin *t, u64 n, bool whole)
{
	struct kvm_run *run = t->cpu.run;
	int rc = h->plugin->control(t->cpu.fd, "slice", n);

	while (rc == 0) {
		rc = kvm_vcpu_run(&t->cpu);
		if (rc < 0)
			break;
		switch (run->exit_reason) {
		case KVM_EXIT_UNKNOWN:
			__atomic_store_n(&t->insns, t->insns +
					 run->hw.hardware_exit_reason,
					 __ATOMIC_RELAXED);
			return (s64)run->hw.hardware_exit_reason;
		case KVM_EXIT_IO:
		case KVM_EXIT_MMIO:
			if (!whole && !is_ours(h->vm, run))
				return 0;
			vcpu_answer(h->vm, run);
			break;
		case KVM_EXIT_SHUTDOWN:
			return -ESHUTDOWN;
		case KVM_EXIT_DEBUG:
			return SLICE_DEBUG;
		default:
			return -EIO;
		}
	}
	return rc;
}

/* The instruction; then, where that is faster, what comes after it. */
static s64 execute(struct helper *h, struct twin *t)
{
	s64 n = slice(h, t, 1, true);

	if (n == 0)
		return -EOPNOTSUPP;    /* not for a twin */
	if (n > 0 && h->slow && !t->debugged)
		slice(h, t, HELPER_SLICE, false);
	return n;
}

static void note(struct helper *h, struct vcpu *v, const struct kvm_run *run,
		 u64 pc)
{
	const bool has_bytes = run->emulation_failure.ndata > 3 &&
		(run->emulation_failure.flags &
		 KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
	struct recent *r;

	SCOPED_LOCK(&h->lock);
	r = &h->recent[h->nrecent++ % HELPER_RECENT];
	*r = (struct recent){ .cpu = v->index, .pc = pc };
	if (!has_bytes || run->internal.suberror !=
	    KVM_INTERNAL_ERROR_EMULATION)
		return;
	r->len = MIN(run->emulation_failure.insn_size,
		     (unsigned)sizeof(r->bytes));
	memcpy(r->bytes, run->emulation_failure.insn_bytes, r->len);
}

/* What came of it goes back to KVM; what was executed counts. */
static bool finish(struct helper *h, struct vcpu *v, struct twin *t, s64 n)
{
	if (n == -ESHUTDOWN) {
		vm_request(h->vm, VM_REQ_RESET, 0);
		return true;
	}
	if ((n < 0 && n != SLICE_DEBUG) ||
	    h->vm->arch->helper->store(v, &t->cpu, t->state,
				       h->slow && !t->debugged) < 0)
		return false;
	t->stored = true;
	if (n == SLICE_DEBUG) {
		v->kvm.run->debug = t->cpu.run->debug;
		v->kvm.run->exit_reason = KVM_EXIT_DEBUG;
	}
	if (!h->slow)
		return true;
	SCOPED_LOCK(&h->lock);         /* one slot for all to move        */
	kvm_vm_forget_translations(&h->vm->kvm);
	return true;
}

/* What the debugger wants, once the vCPU's state is here.  An exception that
 * it gives back to the guest is given once. */
static void tell_twin(struct twin *t)
{
	const u32 give = KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP;

	if (!t->told)
		kvm_vcpu_ioctl(&t->cpu, KVM_SET_GUEST_DEBUG, &t->debug);
	t->told = true;
	t->debug.control &= ~give;
}

bool helper_execute(struct helper *h, struct vcpu *v)
{
	struct twin *t = twin_of(h, v);
	u64 pc;

	if (!t || h->vm->arch->helper->load(v, &t->cpu, t->state, h->slow,
					    &pc) < 0)
		return false;
	note(h, v, v->kvm.run, pc);
	tell_twin(t);
	if (!finish(h, v, t, execute(h, t)))
		return false;
	__atomic_store_n(&t->failures, t->failures + 1, __ATOMIC_RELAXED);
	return true;
}

/* --- a slow KVM ------------------------------------------------------------- */

static void tick_make(struct twin *t)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo  = VCPU_KICK_SIGNAL,
		._sigev_un._tid = gettid(),
	};

	t->has_tick = !timer_create(CLOCK_MONOTONIC, &ev, &t->tick);
	t->tick_ns = TICK_KERNEL_NS;
}

void helper_before(struct helper *h, struct vcpu *v)
{
	struct itimerspec when = { .it_interval.tv_nsec = TICK_USER_NS };
	struct twin *t;

	if (!h->slow)
		return;
	t = twin_of(h, v);
	if (!t)
		return;
	if (!t->has_tick)
		tick_make(t);
	when.it_value.tv_nsec = t->tick_ns;
	if (t->has_tick)               /* one lost beside KVM_RUN: a next comes */
		timer_settime(t->tick, 0, &when, NULL);
}

static void wait_longer(struct twin *t)
{
	t->tick_ns = MIN(t->tick_ns * 2, (s64)TICK_USER_NS);
}

/* The kernel's code from here, as far as it goes.  When what comes next is KVM's
 * and KVM did not get to it, as happens on a busy host, it gets longer. */
static bool run_kernel(struct helper *h, struct vcpu *v, struct twin *t)
{
	u64 pc;
	s64 n;

	if (h->vm->arch->helper->load(v, &t->cpu, t->state, true, &pc) < 0)
		return false;
	n = slice(h, t, HELPER_SLICE, false);
	__atomic_store_n(&t->slices, t->slices + 1, __ATOMIC_RELAXED);
	if (n == 0)
		wait_longer(t);
	else
		t->tick_ns = TICK_KERNEL_NS;
	return finish(h, v, t, n);
}

bool helper_after(struct helper *h, struct vcpu *v)
{
	struct twin *t = h->slow ? twin_of(h, v) : NULL;

	if (!t || !t->has_tick || t->debugged)
		return false;
	if (h->vm->arch->helper->in_kernel(v))
		return run_kernel(h, v, t);
	wait_longer(t);
	return false;
}

bool helper_trapped(struct helper *h, struct vcpu *v)
{
	struct twin *t = h->slow ? twin_of(h, v) : NULL;

	return t && h->vm->arch->helper->trapped(v, t->state) &&
	       run_kernel(h, v, t);
}

static struct twin *twin_there_is(struct helper *h, const struct vcpu *v)
{
	return v->index < h->ntwins ? h->twins[v->index] : NULL;
}

void helper_leave(struct helper *h, struct vcpu *v)
{
	struct twin *t = twin_there_is(h, v);

	if (!t)
		return;
	if (t->has_tick)
		timer_delete(t->tick);
	t->has_tick = t->stored = false;
	t->debugged = false;
}

/* --- a debugger -------------------------------------------------------------- */

static void stop_tick(struct twin *t)
{
	static const struct itimerspec never;

	if (t->has_tick)
		timer_settime(t->tick, 0, &never, NULL);
}

bool helper_debug(struct helper *h, struct vcpu *v,
		  const struct kvm_guest_debug *d)
{
	const bool wanted = d->control & KVM_GUESTDBG_ENABLE;
	struct twin *t;

	if (wanted)
		measure(h);
	t = !h->slow ? NULL : wanted ? twin_of(h, v) : twin_there_is(h, v);
	if (!t || !v->kvm.run->kvm_valid_regs)
		return false;
	if (!wanted && !t->debugged)
		return false;
	t->debug = *d;
	t->debug.control |= KVM_GUESTDBG_ENABLE;
	t->told = t->stored = t->stepped = false;
	t->debugged = true;            /* it stays, whatever is armed */
	stop_tick(t);
	return true;
}

bool helper_debugs(struct helper *h, const struct vcpu *v)
{
	const struct twin *t = twin_there_is(h, v);

	return t && t->debugged;
}

/* As far as it goes; 0: KVM's turn. */
static s64 run_debugged(struct helper *h, struct vcpu *v, struct twin *t)
{
	const u32 ways = KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
	u64 pc;
	s64 n;

	/* What woke it from HLT is pending, and STI;HLT is all an idle loop
	 * ever lets an interrupt into. */
	if (t->stepped && !(t->debug.control & KVM_GUESTDBG_SINGLESTEP) &&
	    h->vm->arch->helper->interruptible(v))
		return HELPER_SLICE;
	if ((t->debug.control & ways) == KVM_GUESTDBG_SINGLESTEP)
		return 0;              /* interrupts may come */
	if (h->vm->arch->helper->load(v, &t->cpu, t->state, true, &pc) < 0)
		return 0;
	tell_twin(t);
	n = slice(h, t, HELPER_SLICE, false);
	__atomic_store_n(&t->slices, t->slices + 1, __ATOMIC_RELAXED);
	return finish(h, v, t, n) ? n : 0;
}

bool helper_run(struct helper *h, struct vcpu *v)
{
	const struct arch_helper *a = h->vm->arch->helper;
	struct twin *t = twin_of(h, v);
	bool newer;
	s64 n = 0;

	if (!t)
		return false;
	newer = t->stored;
	t->stored = false;
	if (v->kvm.run->immediate_exit)
		return false;
	if ((!v->io_pending || newer) && a->ready(v, !newer))
		n = run_debugged(h, v, t);
	if (n == SLICE_DEBUG)
		return true;
	t->stored = false;             /* KVM takes it */
	t->stepped = n < HELPER_SLICE;
	a->one_insn(v, &t->debug, t->state, !t->stepped);
	return false;
}

bool helper_expected(struct helper *h, struct vcpu *v)
{
	struct twin *t = twin_there_is(h, v);

	return t && t->debugged &&
	       h->vm->arch->helper->was_one_insn(v, &t->debug);
}

/* --- the report ------------------------------------------------------------ */

static void report_recent(const struct recent *r, struct strbuf *out)
{
	strbuf_addf(out, "  CPU#%u 0x%llx:", r->cpu,
		    (unsigned long long)r->pc);
	for (unsigned i = 0; i < r->len; i++)
		strbuf_addf(out, " %02x", r->bytes[i]);
	strbuf_addstr(out, "\n");
}

void helper_report(struct helper *h, struct strbuf *out)
{
	u64 failures = 0, insns = 0, slices = 0;
	unsigned debugged = 0;

	SCOPED_LOCK(&h->lock);
	if (h->twin_vm.fd < 0)
		return;
	for (unsigned i = 0; i < h->ntwins; i++) {
		const struct twin *t = h->twins[i];

		if (!t)
			continue;
		failures += __atomic_load_n(&t->failures, __ATOMIC_RELAXED);
		insns += __atomic_load_n(&t->insns, __ATOMIC_RELAXED);
		slices += __atomic_load_n(&t->slices, __ATOMIC_RELAXED);
		debugged += t->debugged;
	}
	strbuf_addf(out, "helper: %llu instructions KVM cannot execute, "
		    "%llu executed\n", (unsigned long long)failures,
		    (unsigned long long)insns);
	if (h->slow)
		strbuf_addf(out, "helper: this KVM emulates kernel code; taken "
			    "from it %llu times\n",
			    (unsigned long long)slices);
	if (debugged)
		strbuf_addf(out, "helper: runs %u CPUs for their debugger\n",
			    debugged);
	for (u64 i = h->nrecent - MIN(h->nrecent, (u64)HELPER_RECENT);
	     i < h->nrecent; i++)
		report_recent(&h->recent[i % HELPER_RECENT], out);
}
