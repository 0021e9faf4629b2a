/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controllers and timers that the kernel would contain: LAPIC
 * (xAPIC and x2APIC, SDM vol. 3, chapter 11), IOAPIC (82093AA), two 8259A,
 * 8254 PIT, and GSI routing, in KVM's ioctl formats.
 *
 * Thread: one lock per VM for PIC/IOAPIC/PIT/routing (irqchip->lock), one per
 * LAPIC for its registers; order irqchip -> lapic.  A vCPU's own TPR/EOI path
 * takes only its LAPIC's lock.  Timers run on the plugin's timer thread.
 */
#ifndef TCG_X86_IRQCHIP_H
#define TCG_X86_IRQCHIP_H

#include <linux/kvm.h>

#include "vmm/base/types.h"

struct irqchip;
struct lapic;

/* What the chip needs from its VM; opaque is the VM. */
struct irqchip_host {
	/* vCPU `id` has something to look at: set REQ_EVENT and wake it. [any] */
	void (*notify)(void *opaque, unsigned id);
	void (*nmi)(void *opaque, unsigned id);
	void (*smi)(void *opaque, unsigned id);
	void (*init)(void *opaque, unsigned id);
	void (*sipi)(void *opaque, unsigned id, u8 vector);
	/* An EOI reached a GSI with a resample irqfd. NULL ok */
	void (*eoi)(void *opaque, unsigned gsi);
	u64  (*guest_tsc)(void *opaque, unsigned id);
	u64  (*tsc_hz)(void *opaque);
	/* The VMM keeps the time: ns now, and a timer is due sooner than those
	 * before.  NULL: CLOCK_MONOTONIC, and a thread fires timers. */
	s64  (*now)(void *opaque);
	void (*sooner)(void *opaque);
	void *opaque;
};

struct irqchip *irqchip_create(const struct irqchip_host *h);
void irqchip_destroy(struct irqchip *ic);
/* With host.now: as ic_timers_fire. [keeper of the time] */
s64  irqchip_fire_timers(struct irqchip *ic, s64 now);

/* --- PIC, IOAPIC, PIT --- */
int  irqchip_get(struct irqchip *ic, struct kvm_irqchip *out);
int  irqchip_set(struct irqchip *ic, const struct kvm_irqchip *in);
int  irqchip_create_pit(struct irqchip *ic, const struct kvm_pit_config *cfg);
int  irqchip_get_pit2(struct irqchip *ic, struct kvm_pit_state2 *out);
int  irqchip_set_pit2(struct irqchip *ic, const struct kvm_pit_state2 *in);
int  irqchip_set_routing(struct irqchip *ic, const struct kvm_irq_routing *r);
/* KVM_IRQ_LINE(_STATUS): returns coalescing status as KVM does. [any] */
int  irqchip_line(struct irqchip *ic, unsigned gsi, int level);
int  irqchip_msi(struct irqchip *ic, const struct kvm_msi *m);     /* [any] */
/* Ports 20/21/a0/a1/4d0/4d1/40-43/61 and the IOAPIC page; false: not ours. */
bool irqchip_pio(struct irqchip *ic, u16 port, unsigned size, u32 *val,
		 bool write);
bool irqchip_mmio(struct irqchip *ic, u64 gpa, unsigned size, u64 *val,
		  bool write);
/* How often each pin was raised since the VM began. [any] */
struct irqchip_raised {
	u64 ioapic[KVM_IOAPIC_NUM_PINS], pic[16];
};
void irqchip_get_raised(struct irqchip *ic, struct irqchip_raised *out);
/* ExtINT: highest PIC vector (acknowledged), or -1. */
int  irqchip_pic_ack(struct irqchip *ic);
bool irqchip_pic_pending(struct irqchip *ic);
int  irqchip_pic_peek(struct irqchip *ic);       /* not acknowledged, or -1 */
/* KVM_CAP_X2APIC_API's KVM_X2APIC_API_USE_32BIT_IDS: x2APIC pages carry the
 * id as it is instead of shifted left by 24. */
void irqchip_use_x2apic_ids(struct irqchip *ic, bool on);

/* --- LAPIC --- */
struct lapic *lapic_create(struct irqchip *ic, unsigned vcpu_id);
void lapic_destroy(struct lapic *l);
void lapic_reset(struct lapic *l, bool init);
u64  lapic_base(struct lapic *l);
int  lapic_set_base(struct lapic *l, u64 msr);   /* -EINVAL: caller #GPs   */
int  lapic_restore_base(struct lapic *l, u64 msr);   /* KVM_SET_SREGS: any
							 transition is fine */
/* The 4 KiB page when xAPIC-enabled; false: not at this address or off. */
bool lapic_mmio(struct lapic *l, u64 gpa, unsigned size, u64 *val, bool write);
int  lapic_rdmsr(struct lapic *l, u32 msr, u64 *val);    /* 0x800-0x8ff    */
int  lapic_wrmsr(struct lapic *l, u32 msr, u64 val);
void lapic_set_tsc_deadline(struct lapic *l, u64 tsc);
u64  lapic_tsc_deadline(struct lapic *l);
u64  lapic_cr8(struct lapic *l);
void lapic_set_cr8(struct lapic *l, u64 v);
/* Deliverable vector with IF open (LAPIC or, via LINT0/ExtINT, the PIC), or
 * -1; lapic_ack takes it. [vcpu] */
int  lapic_pending(struct lapic *l);
int  lapic_ack(struct lapic *l);
bool lapic_has_work(struct lapic *l);  /* cheap, lock-free hint            */
int  lapic_get(struct lapic *l, struct kvm_lapic_state *out);
int  lapic_set(struct lapic *l, const struct kvm_lapic_state *in);
void lapic_inject_nmi(struct lapic *l);          /* via LINT1, KVM_NMI-like */

#endif
