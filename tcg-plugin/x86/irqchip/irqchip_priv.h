/* SPDX-License-Identifier: MIT */
/*
 * What the files of the irqchip share; irqchip.h is the contract outside.
 *
 * Invariants:
 *  1. `lock` guards PICs, IOAPIC, PIT, line levels and routing.  Functions
 *     named *_locked, and all pic_/ioapic_/pit_/routing_ ones, need it held.
 *  2. Lock order: irqchip.lock, one lapic.lock, timers.lock.  Two LAPIC locks
 *     are never held at once: a sender drops its own before delivering.
 *  3. Host callbacks but eoi may be called with these locks held and must
 *     not call back; eoi is called with none.
 */
#ifndef TCG_X86_IRQCHIP_PRIV_H
#define TCG_X86_IRQCHIP_PRIV_H

#include "vmm/base/lock.h"
#include "tcg-plugin/x86/irqchip/irqchip.h"
#include "tcg-plugin/x86/irqchip/timers.h"

#define MAX_LAPICS   1024
#define IOAPIC_PINS  KVM_IOAPIC_NUM_PINS
#define MAX_GSI      4096
#define LINE_GSIS    64                /* GSIs that have a level to remember */

enum apic_delivery {                   /* ICR/LVT/RTE delivery modes */
	DM_FIXED, DM_LOWEST, DM_SMI, DM_RESERVED, DM_NMI, DM_INIT, DM_STARTUP,
	DM_EXTINT,
};

/* An interrupt message on the APIC bus. */
struct apic_msg {
	u32  dest;
	u8   vector, mode;             /* enum apic_delivery              */
	bool logical, level;           /* destination mode; trigger mode  */
	bool wide;                     /* dest is 32 bits: 0xff is no broadcast */
};

/* Who drives a line; a GSI is high while anyone drives it. */
enum line_source { LINE_USER = BIT(0), LINE_PIT = BIT(1) };

struct pit {
	bool present, speaker;         /* speaker: port 61h is ours       */
	struct kvm_pit_state2 s;
	struct ic_timer timer;
	s64 due;                       /* next edge of OUT0; 0: none      */
	s64 period;                    /* 0: one-shot                     */
};

struct gsi_route {                     /* one entry, MSI or chip pin      */
	u32 gsi, type;
	union {
		struct { u32 chip, pin; } irq;
		struct { u32 lo, hi, data; } msi;
	};
};

struct irqchip {
	struct irqchip_host host;
	struct lock lock;
	struct kvm_pic_state pic[2];
	struct kvm_ioapic_state ioapic;
	u32  ioapic_irr_delivered;     /* edges already sent on           */
	u32  ioapic_version;           /* 0x11; 0x20 adds the EOI register */
	struct pit pit;
	u8   line[LINE_GSIS];          /* enum line_source bits           */
	struct gsi_route *routes;      /* sorted by gsi                   */
	u32  nroutes;
	s16  pin_gsi[3][IOAPIC_PINS];  /* chip pin -> GSI or -1           */
	u32  eoi_gsis_pic;             /* PIC EOIs to report after unlock */
	struct irqchip_raised raised;  /* outlives resets                 */
	_Atomic bool pic_out;          /* INTR of the master PIC          */
	_Atomic bool x2apic_ids;       /* 32-bit ids in KVM_GET/SET_LAPIC */
	struct lapic *_Atomic lapics[MAX_LAPICS];
	_Atomic unsigned nlapics;      /* highest id in use + 1           */
	struct ic_timers timers;
};

struct lapic {
	struct irqchip *ic;
	struct lock lock;
	unsigned vcpu;
	_Atomic u64 base;              /* IA32_APIC_BASE                  */
	_Atomic u32 id;                /* what messages match             */
	_Atomic bool hint;             /* a vector is deliverable         */
	_Atomic bool accepts_pic;      /* LINT0 is an unmasked ExtINT     */
	u8  irr_words, isr_words;      /* which of the 8 words are not 0  */
	u8  esr_pending;
	_Atomic u32 arb;               /* lowest-priority tie breaker     */
	u32 reg[256];                  /* page offset / 4                 */
	struct ic_timer timer;
	s64 timer_start, timer_due;    /* ns; due 0: stopped              */
	s64 timer_period;              /* ns of one full count            */
	u64 tsc_deadline;
};

/* The APIC page, SDM vol. 3, table 11-1. */
enum {
	APIC_ID = 0x20, APIC_LVR = 0x30, APIC_TPR = 0x80, APIC_APR = 0x90,
	APIC_PPR = 0xa0, APIC_EOI = 0xb0, APIC_RRR = 0xc0, APIC_LDR = 0xd0,
	APIC_DFR = 0xe0, APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180,
	APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300,
	APIC_ICR2 = 0x310, APIC_LVTT = 0x320, APIC_LVTTHMR = 0x330,
	APIC_LVTPC = 0x340, APIC_LVT0 = 0x350, APIC_LVT1 = 0x360,
	APIC_LVTERR = 0x370, APIC_TMICT = 0x380, APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0, APIC_SELF_IPI = 0x3f0,
};
enum {
	APIC_BASE_BSP = BIT(8), APIC_BASE_EXTD = BIT(10),
	APIC_BASE_EN = BIT(11),
	SVR_ENABLED = BIT(8), LVT_MASKED = BIT(16),
	ESR_SEND_ILLEGAL = BIT(5), ESR_RECV_ILLEGAL = BIT(6),
	ESR_ILLEGAL_REG = BIT(7),
};
#define LVT_MODE(v)   (((v) >> 8) & 7)
#define LVTT_MODE(v)  (((v) >> 17) & 3)
enum { LVTT_ONESHOT, LVTT_PERIODIC, LVTT_TSCDEADLINE };

/* --- lapic.c --- */
static inline u32 *lapic_reg(struct lapic *l, unsigned off)
{
	return &l->reg[off / 4];
}
static inline bool lapic_hw_on(struct lapic *l)
{
	return l->base & APIC_BASE_EN;
}
static inline bool lapic_x2(struct lapic *l)
{
	return (l->base & (APIC_BASE_EN | APIC_BASE_EXTD)) ==
	       (APIC_BASE_EN | APIC_BASE_EXTD);
}
/* 1 delivered, 0 coalesced, -1 refused. l unlocked. [any] */
int  lapic_accept(struct lapic *l, unsigned mode, u8 vector, bool level);
/* Set the IRR bit; lock held.  Deliverable: lapic_notify, best without the
 * lock, since a vCPU that wakes up takes it. */
enum lapic_set { LAPIC_COALESCED, LAPIC_SET, LAPIC_DELIVERABLE };
enum lapic_set lapic_set_locked(struct lapic *l, u8 vector, bool level);
void lapic_notify(struct lapic *l);
void lapic_error_locked(struct lapic *l, u8 bit);

/* --- lapic_timer.c: l->lock held but for fire --- */
void lapic_timer_fire(void *lapic, s64 now);
void lapic_timer_start(struct lapic *l, u32 first_count);  /* from TMICT */
void lapic_timer_stop(struct lapic *l);
void lapic_timer_lvt_changed(struct lapic *l, u32 old);
void lapic_timer_div_changed(struct lapic *l, u32 old_tdcr);
u32  lapic_timer_count(struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);

/* --- apic_bus.c --- */
/* Number of LAPICs that took it (0: coalesced), -1: nobody. `from` NULL for
 * IOAPIC and MSI. No LAPIC lock held. [any] */
int  apic_deliver(struct irqchip *ic, const struct apic_msg *m);
int  apic_deliver_msi(struct irqchip *ic, u32 lo, u32 hi, u32 data);
void apic_send_icr(struct lapic *from, u32 icr, u32 dest);

/* --- irqchip.c --- */
s64  ic_clock(const struct irqchip *ic);        /* the time timers are due in */

/* --- pic.c --- */
void pic_init(struct irqchip *ic);
int  pic_set_line(struct irqchip *ic, unsigned pin, int level);
int  pic_ack(struct irqchip *ic);
int  pic_peek(struct irqchip *ic);
void pic_io(struct irqchip *ic, u16 port, u8 *val, bool write);
void pic_set(struct irqchip *ic, unsigned n, const struct kvm_pic_state *in);

/* --- ioapic.c --- */
void ioapic_init(struct irqchip *ic);
int  ioapic_set_line(struct irqchip *ic, unsigned pin, int level);
u32  ioapic_read(struct irqchip *ic, unsigned off);
void ioapic_write(struct irqchip *ic, unsigned off, u32 val);
/* A level-triggered vector ended. Takes the lock. */
void ioapic_eoi(struct irqchip *ic, u8 vector);
void ioapic_get(struct irqchip *ic, struct kvm_ioapic_state *out);
void ioapic_set(struct irqchip *ic, const struct kvm_ioapic_state *in);

/* --- pit.c --- */
void pit_init(struct irqchip *ic, bool speaker);
void pit_fini(struct irqchip *ic);     /* lock not held */
void pit_io(struct irqchip *ic, u16 port, u8 *val, bool write);
void pit_speaker_io(struct irqchip *ic, u8 *val, bool write);
void pit_set(struct irqchip *ic, const struct kvm_pit_state2 *in);

/* --- routing.c --- */
void routing_init(struct irqchip *ic);         /* KVM's default table */
int  routing_set(struct irqchip *ic, const struct kvm_irq_routing *r);
int  irqchip_line_locked(struct irqchip *ic, unsigned gsi, unsigned source,
			 int level);

#endif
