// SPDX-License-Identifier: MIT
/*
 * What happens to a vCPU between two blocks.
 *
 * Room:     INIT and SIPI, pending exceptions, NMI, interrupts, the interrupt
 *           window; in the order of SDM vol. 3, table 6-2, as far as we have it.
 * Talks to: LAPIC, x86_deliver, kvm_run.
 * Never:    runs while an instruction waits for a device's answer.
 */
#include "tcg-plugin/events.h"

#include "tcg-plugin/x86/jit.h"
#include "tcg-plugin/x86/sys.h"

/* --- INIT and SIPI -------------------------------------------------------- */

static void do_init(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	x86_log(c, LOG_RESET, "vcpu %u: INIT\n", c->id);
	x86_cpu_reset(c, true);
	if (c->lapic)
		lapic_reset(c->lapic, true);
	c->exc.pending = false;
	c->io.count = c->io.cursor = 0;
	mmu_flush(c);
	x86_debug_update(c);
	c->mp_state = c->id == v->vm->bsp_id ? KVM_MP_STATE_RUNNABLE
					     : KVM_MP_STATE_INIT_RECEIVED;
}

static void do_sipi(struct tcg_vcpu *v, u8 vector)
{
	struct x86_cpu *c = &v->cpu;

	x86_log(c, LOG_RESET, "vcpu %u: SIPI, vector %02x\n", c->id, vector);
	c->seg[CS].sel = (u16)(vector << 8);
	c->seg[CS].base = (u64)vector << 12;
	c->rip = 0;
	x86_update_mode(c);
	c->mp_state = KVM_MP_STATE_RUNNABLE;
}

void tcg_accept_init(struct tcg_vcpu *v)
{
	int vector;

	if (atomic_load(&v->init_pending)) {
		atomic_store(&v->init_pending, 0);
		do_init(v);            /* a SIPI behind it stays          */
	}
	vector = atomic_exchange(&v->sipi_vector, -1);
	if (vector >= 0 && v->cpu.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		do_sipi(v, vector);
}

/* --- is there anything to run? -------------------------------------------- */

static int pending_vector(struct x86_cpu *c)
{
	if (c->user_irq >= 0)
		return c->user_irq;
	if (c->lapic && lapic_has_work(c->lapic))
		return lapic_pending(c->lapic);
	return -1;
}

bool tcg_runnable(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;

	if (c->mp_state == KVM_MP_STATE_RUNNABLE)
		return true;
	if (c->mp_state != KVM_MP_STATE_HALTED)
		return false;
	if (c->exc.pending || (c->nmi_pending && !c->nmi_masked) ||
	    ((c->rflags & FL_IF) && pending_vector(c) >= 0)) {
		c->mp_state = KVM_MP_STATE_RUNNABLE;
		return true;
	}
	return false;
}

/* --- delivery ------------------------------------------------------------- */

static void deliver_nmi(struct x86_cpu *c)
{
	c->nmi_pending = false;
	c->nmi_masked = true;
	c->exc.pending = true;
	c->exc.vec = EXC_NMI;
	c->exc.has_err = c->exc.soft = false;
	c->exc.ext = true;
	c->exc.err = 0;
	x86_deliver(c);
}

static bool deliver_irq(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	int vec = pending_vector(c);

	c->irq_blocked = false;
	if (vec < 0 || (c->guest_debug & KVM_GUESTDBG_BLOCKIRQ))
		return false;
	if (!(c->rflags & FL_IF) || c->shadow) {
		c->irq_blocked = true;
		return false;
	}
	if (c->user_irq >= 0)
		c->user_irq = -1;
	else
		vec = lapic_ack(c->lapic);
	if (vec < 0)
		return false;
	x86_log(c, LOG_INT, "vcpu %u: interrupt %02x at %llx\n", c->id, vec,
	       (unsigned long long)c->rip);
	c->n_interrupt++;
	x86_deliver_irq(c, (u8)vec);
	/* The chip may hold a lower one; it waits for IF. */
	c->irq_blocked = pending_vector(c) >= 0;
	return true;
}

/* Something else came first, and the request that told of this one may be
 * gone: look again before the next instruction. */
static void look_again(struct x86_cpu *c)
{
	if ((c->nmi_pending && !c->nmi_masked) || pending_vector(c) >= 0)
		atomic_fetch_or(&c->request, REQ_EVENT);
}

void tcg_deliver(struct tcg_vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	unsigned queued = atomic_exchange(&v->nmi_queued, 0);

	if (queued)
		c->nmi_pending = true;
	if (c->exc.pending) {
		x86_deliver(c);
		look_again(c);
	} else if (c->nmi_pending && !c->nmi_masked) {
		if (c->shadow != 2)
			deliver_nmi(c);
		look_again(c);
	} else {
		deliver_irq(v);
	}
}

bool tcg_irq_window(const struct tcg_vcpu *v)
{
	const struct x86_cpu *c = &v->cpu;

	return (c->rflags & FL_IF) && !c->shadow && c->user_irq < 0 &&
	       !c->exc.pending;
}
