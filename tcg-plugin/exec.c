// SPDX-License-Identifier: MIT
/*
 * KVM_RUN.
 *
 * Room:     the sequence of one entry: finish the last exit, then events and
 *           blocks in turn until kvm_run has something to tell.
 * Talks to: events.c, lookup.c, kvm_run.
 * Never:    holds a lock while guest code runs, but for the vCPU's own.
 *
 *   tcg_vcpu_run
 *     io_log_complete      the VMM answered: the instruction runs again
 *     loop:
 *       after_leave        why did the last instruction leave?
 *       between            requests, park, exceptions, interrupts
 *       run                blocks until cpu.request, or one instruction
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/events.h"
#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/mmio.h"
#include "tcg-plugin/x86/sys.h"

#define DR6_BS (1u << 14)

enum verdict { GO_ON, STOP, STOP_EINTR, STOP_EFAULT };

/* --- exits ---------------------------------------------------------------- */

static enum verdict exit_debug(struct tcg_vcpu *v, u32 vector, u64 dr6)
{
	struct x86_cpu *c = &v->cpu;
	struct kvm_debug_exit_arch *d = &c->run->debug.arch;

	memset(d, 0, sizeof(*d));
	d->exception = vector;
	d->pc = c->rip + (c->code_bits == 64 ? 0 : c->seg[CS].base);
	d->dr6 = dr6 | 0xffff0ff0;
	d->dr7 = c->guest_debug & KVM_GUESTDBG_USE_HW_BP ? c->debug_dr[7]
							: c->dr[7];
	c->run->exit_reason = KVM_EXIT_DEBUG;
	return STOP;
}

static enum verdict exit_internal(struct tcg_vcpu *v)
{
	struct kvm_run *run = v->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->internal.ndata = 0;
	return STOP;
}

static u64 slice_done(const struct tcg_vcpu *v)
{
	return v->cpu.n_insn - v->slice_from;
}

static enum verdict slice_over(struct tcg_vcpu *v)
{
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	v->run->hw.hardware_exit_reason = slice_done(v);
	return STOP;
}

static enum verdict halt(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	if (c->lapic) {
		c->mp_state = KVM_MP_STATE_HALTED;
		return GO_ON;
	}
	c->run->exit_reason = KVM_EXIT_HLT;
	return STOP;
}

/* An instruction, or the way into a handler, is done: was it a step? */
static enum verdict stepped(struct tcg_vcpu *v)
{
	if (v->cpu.guest_debug & KVM_GUESTDBG_SINGLESTEP)
		return exit_debug(v, EXC_DB, DR6_BS);
	return GO_ON;
}

/* Should the VMM's debugger see this exception instead of the guest? */
static enum verdict exception(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	const u32 db = KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP;

	c->io.count = 0;
	x86_log(c, LOG_INT, "vcpu %u: exception %02x error %x at %llx cr2 %llx\n",
	       c->id, c->exc.vec, c->exc.err, (unsigned long long)c->rip,
	       (unsigned long long)c->cr2);
	if (c->exc.delivering || !(c->guest_debug & KVM_GUESTDBG_ENABLE))
		return GO_ON;
	if (c->exc.vec == EXC_DB && (c->guest_debug & db)) {
		c->exc.pending = false;
		return exit_debug(v, EXC_DB, c->exc.payload);
	}
	return GO_ON;
}

static enum verdict after_leave(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	enum x86_leave why = c->leave;

	c->leave = LEAVE_NONE;
	c->io.cursor = 0;
	if (why != LEAVE_NONE && why != LEAVE_AGAIN)
		tcg_refund(v);
	v->running = NULL;
	if (c->rmw_locked)
		mem_rmw_unlock(c);
	if (v->vanished) {
		v->vanished = false;
		code_unlock_mine(&v->vm->code);
		return STOP_EFAULT;
	}
	switch (why) {
	case LEAVE_NONE:
	case LEAVE_AGAIN:
		return GO_ON;
	case LEAVE_EXCEPTION:
		return exception(v);
	case LEAVE_IO:
	case LEAVE_MMIO:
		return STOP;
	case LEAVE_HLT:
		if (halt(v) == STOP)
			return STOP;
		return stepped(v);
	case LEAVE_SHUTDOWN:
		c->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return STOP;
	case LEAVE_DEBUG:
		return exit_debug(v, c->exc.vec, 0);   /* an INT3         */
	case LEAVE_OTHER:
		return slice_over(v);
	case LEAVE_INTERNAL:
		break;
	}
	return exit_internal(v);
}

static gva_t code_address(const struct x86_cpu *c)
{
	return c->rip + (c->code_bits == 64 ? 0 : c->seg[CS].base);
}

/* The monitor's switch; a debugger's breakpoint somewhere on this page needs a
 * look at every rip.  A block never leaves its page. */
static void one_insn_update(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	c->one_insn = atomic_load(&v->vm->one_insn) || v->slice == 1 ||
		      ((c->guest_debug & KVM_GUESTDBG_USE_HW_BP) &&
		       x86_debug_exec_page(c, code_address(c)));
}

/* --- between blocks ------------------------------------------------------- */

static void requests(struct tcg_vcpu *v)
{
	const u32 mine = REQ_EVENT | REQ_TLB | REQ_TIMER | REQ_CODE |
			 REQ_COMMIT;
	struct x86_cpu *c = &v->cpu;
	u32 req = atomic_load(&c->request);

	one_insn_update(v);
	/* Flush first, acknowledge by clearing the bit. */
	if (req & REQ_TLB)
		mmu_flush_host(c);
	atomic_fetch_and(&c->request, ~(req & mine));
	if (!(req & REQ_TLB))
		return;
	tcg_ack(v->vm);
	if (atomic_load(&v->vm->stopped)) {
		tcg_leave(v);
		tcg_enter(v);
	}
}

static bool must_stop(struct tcg_vcpu *v)
{
	return (atomic_load(&v->cpu.request) & REQ_EXIT) ||
	       __atomic_load_n(&v->run->immediate_exit, __ATOMIC_RELAXED);
}

/* An exception goes before a stop: KVM's events cannot tell all of it, CR2 and
 * DR6.  But a guest can make one whose delivery raises the next for ever, #AC
 * from #DF's handler and so on; such a one stays pending. */
static bool exception_first(struct tcg_vcpu *v)
{
	return v->cpu.exc.pending &&
	       v->cpu.mp_state == KVM_MP_STATE_RUNNABLE &&
	       v->stop_put_off++ < TCG_STOP_PUT_OFF;
}

static enum verdict between(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	if (atomic_load(&c->request))
		requests(v);
	if (v->vm->icount.on)
		icount_settle(v);
	if (must_stop(v) && !exception_first(v))
		return STOP_EINTR;
	tcg_accept_init(v);
	if (atomic_load(&v->nmi_queued)) {
		atomic_store(&v->nmi_queued, 0);
		c->nmi_pending = true;
	}
	if (v->triple_fault) {
		v->triple_fault = false;
		c->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return STOP;
	}
	if (!tcg_runnable(v)) {
		if (tcg_park(v) == -EINTR)
			return STOP_EINTR;
		c->leave = LEAVE_AGAIN;        /* look at events again    */
		return GO_ON;
	}
	if (c->exc.pending) {
		tcg_deliver(v);
		if (stepped(v) == STOP)
			return STOP;
		if (must_stop(v))
			return STOP_EINTR;
	} else {
		tcg_deliver(v);
	}
	if (!c->run->request_interrupt_window || c->lapic)
		return GO_ON;
	if (!tcg_irq_window(v)) {
		c->irq_blocked = true; /* look again when IF opens        */
		return GO_ON;
	}
	c->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
	return STOP;
}

/* --- running -------------------------------------------------------------- */

/* A debugger's breakpoints are looked at first: before each instruction on
 * their pages, before each block elsewhere. */
static enum verdict run_one_debugged(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	u32 hit;

	one_insn_update(v);
	hit = c->guest_debug & KVM_GUESTDBG_USE_HW_BP ?
	      x86_debug_exec_hit(c, code_address(c)) : 0;
	if (hit)
		return exit_debug(v, EXC_DB, hit);
	tcg_run_one(v);
	return stepped(v);
}

static enum verdict run_debugged(struct tcg_vcpu *v)
{
	do {
		if (run_one_debugged(v) == STOP)
			return STOP;
	} while (!tcg_look_around(&v->cpu));
	return GO_ON;
}

/* For a guest that lives elsewhere: a few instructions, its kernel's; its
 * user's, too, when they are looked at by a debugger. */
static enum verdict run_slice(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	const bool debugged = c->guest_debug & KVM_GUESTDBG_ENABLE;

	do {
		if (slice_done(v) >= v->slice ||
		    (v->slice > 1 && c->cpl == 3 && !debugged))
			return slice_over(v);
		if (!debugged)
			tcg_run_one(v);
		else if (run_one_debugged(v) == STOP)
			return STOP;
	} while (!atomic_load_explicit(&c->request, memory_order_relaxed));
	return GO_ON;
}

static enum verdict run(struct tcg_vcpu *v)
{
	const u32 slow = KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP;
	struct x86_cpu *c = &v->cpu;

	if (c->io.count) {
		tcg_run_one(v);        /* finish the instruction first    */
		return stepped(v);
	}
	if (c->slices)
		return run_slice(v);
	if ((c->guest_debug & KVM_GUESTDBG_ENABLE) && (c->guest_debug & slow))
		return run_debugged(v);
	tcg_run_blocks(v);
	return GO_ON;
}

static enum verdict run_loop(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	enum verdict r;

	sigsetjmp(c->unwind, 0);       /* x86_exit comes back here        */
	for (;;) {
		r = after_leave(v);
		if (r == GO_ON && !c->io.count)
			r = between(v);
		if (r == GO_ON && c->leave == LEAVE_NONE)
			r = run(v);
		if (r != GO_ON)
			return r;
	}
}

/* --- one KVM_RUN ---------------------------------------------------------- */

static void tell(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	struct kvm_run *run = v->run;

	run->if_flag = !!(c->rflags & FL_IF);
	run->flags = 0;
	run->cr8 = c->lapic ? lapic_cr8(c->lapic) : c->cr8;
	run->apic_base = c->lapic ? lapic_base(c->lapic) : c->apic_base;
	run->ready_for_interrupt_injection =
		c->lapic ? 1 : tcg_irq_window(v);
}

/* Memory may have changed while the VMM had the vCPU: breakpoints planted, a
 * boot sector read without any TLB flush by the guest. */
static void distrust_code(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	if (v->exit_reason == KVM_EXIT_INTR ||
	    v->exit_reason == KVM_EXIT_DEBUG || !(c->cr0 & CR0_PG)) {
		tlb_flush_kind(&c->tlb, TLB_EXEC);
		jit_jump_flush(c);
	}
}

int tcg_vcpu_run(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	struct kvm_run *run = v->run;
	enum verdict r;

	if (run->kvm_valid_regs || run->kvm_dirty_regs)
		return -EINVAL;        /* KVM_CAP_SYNC_REGS is not offered */
	if (!c->lapic)
		c->cr8 = run->cr8 & 15;
	io_log_complete(c);
	distrust_code(v);
	if (atomic_exchange(&v->clock_stale, 0))
		tcg_clock_update(c);
	one_insn_update(v);
	c->leave = LEAVE_NONE;
	v->stop_put_off = 0;
	run->exit_reason = KVM_EXIT_UNKNOWN;

	code_outside(&v->vm->code);
	tcg_fault_current(v);
	tcg_enter(v);
	r = run_loop(v);
	jit_fpu_save(c);
	tcg_leave(v);
	tcg_fault_current(NULL);

	c->n_exit++;
	if (r == STOP_EINTR) {
		atomic_fetch_and(&c->request, ~REQ_EXIT);
		run->exit_reason = KVM_EXIT_INTR;
	}
	v->exit_reason = run->exit_reason;
	tell(v);
	return r == STOP_EINTR ? -EINTR : r == STOP_EFAULT ? -EFAULT : 0;
}
