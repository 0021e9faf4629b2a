/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: xAPIC and x2APIC register files and interrupt acceptance
 * (SDM vol. 3, chapter 11).
 *
 * Room:     IRR/ISR/TMR, priorities, LVTs, ESR, IA32_APIC_BASE.
 * Talks to: lapic_timer.c, apic_bus.c for ICR writes, ioapic_eoi.
 * Never:    sends or tells the IOAPIC anything with its lock held.
 *
 * Invariants:
 *  1. bit i of irr_words/isr_words says that word i of IRR/ISR is not zero.
 *  2. PPR and `hint` are current whenever the lock is free.
 *  3. Whoever makes a vector deliverable calls host.notify.
 */
#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define APIC_DEFAULT_BASE 0xfee00000ull
#define APIC_VERSION_REG  0x00050014u  /* version 0x14, six LVTs, as KVM's */

void lapic_notify(struct lapic *l)
{
	l->ic->host.notify(l->ic->host.opaque, l->vcpu);
}

/* Others read LDR, DFR, SVR and TPR without the lock. */
static void put(struct lapic *l, unsigned off, u32 val)
{
	__atomic_store_n(lapic_reg(l, off), val, __ATOMIC_RELAXED);
}

/* --- bit vectors over eight registers 16 bytes apart --------------------- */

static u32 *vec_word(struct lapic *l, unsigned off, unsigned vec)
{
	return lapic_reg(l, off + (vec / 32) * 0x10);
}

static int highest(struct lapic *l, unsigned off, u8 words)
{
	unsigned w;

	if (!words)
		return -1;
	w = 31 - __builtin_clz(words);
	return w * 32 + 31 - __builtin_clz(*lapic_reg(l, off + w * 0x10));
}

static void irr_clear(struct lapic *l, unsigned vec)
{
	u32 *w = vec_word(l, APIC_IRR, vec);

	*w &= ~BIT(vec % 32);
	if (!*w)
		l->irr_words &= ~BIT(vec / 32);
}

static u8 words_in_use(struct lapic *l, unsigned off)
{
	u8 words = 0;

	for (unsigned i = 0; i < 8; i++)
		if (*lapic_reg(l, off + i * 0x10))
			words |= BIT(i);
	return words;
}

/* --- priorities ---------------------------------------------------------- */

static int deliverable(struct lapic *l)
{
	int vec = highest(l, APIC_IRR, l->irr_words);

	if (vec < 0 || !lapic_hw_on(l) ||
	    (vec & 0xf0) <= (int)(*lapic_reg(l, APIC_PPR) & 0xf0))
		return -1;
	return vec;
}

/* Recompute PPR and the hint; true when a vector is deliverable. */
static bool update(struct lapic *l)
{
	u32 tpr = *lapic_reg(l, APIC_TPR) & 0xff;
	int isr = highest(l, APIC_ISR, l->isr_words);
	u32 cls = isr < 0 ? 0 : isr & 0xf0;
	bool hint;

	put(l, APIC_PPR, (tpr & 0xf0) >= cls ? tpr : cls);
	hint = deliverable(l) >= 0;
	if (l->hint != hint)
		l->hint = hint;
	return hint;
}

static void update_notify(struct lapic *l)
{
	if (update(l))
		lapic_notify(l);
}

static void update_lint0(struct lapic *l)
{
	u32 v = *lapic_reg(l, APIC_LVT0);
	bool on = !lapic_hw_on(l) ||
		  (!(v & LVT_MASKED) && LVT_MODE(v) == DM_EXTINT);

	l->accepts_pic = on;
	if (on && l->ic->pic_out)
		lapic_notify(l);
}

enum lapic_set lapic_set_locked(struct lapic *l, u8 vector, bool level)
{
	u32 *irr = vec_word(l, APIC_IRR, vector);
	u32 *tmr = vec_word(l, APIC_TMR, vector);
	u32 bit = BIT(vector % 32);

	if (level)
		*tmr |= bit;
	else
		*tmr &= ~bit;
	if (*irr & bit)
		return LAPIC_COALESCED;
	*irr |= bit;
	l->irr_words |= BIT(vector / 32);
	return update(l) ? LAPIC_DELIVERABLE : LAPIC_SET;
}

static void local_deliver(struct lapic *l, unsigned lvt_off)
{
	const struct irqchip_host *h = &l->ic->host;
	u32 lvt = *lapic_reg(l, lvt_off);

	if (lvt & LVT_MASKED || !lapic_hw_on(l))
		return;
	switch (LVT_MODE(lvt)) {
	case DM_FIXED:
		if ((lvt & 0xff) >= 16 &&
		    lapic_set_locked(l, lvt & 0xff, false) == LAPIC_DELIVERABLE)
			lapic_notify(l);
		break;
	case DM_NMI:
		h->nmi(h->opaque, l->vcpu);
		break;
	case DM_SMI:
		h->smi(h->opaque, l->vcpu);
		break;
	}
}

void lapic_error_locked(struct lapic *l, u8 bit)
{
	bool again = l->esr_pending & bit;

	l->esr_pending |= bit;
	if (!again)
		local_deliver(l, APIC_LVTERR);
}

static int accept_locked(struct lapic *l, u8 vector, bool level)
{
	if (!(*lapic_reg(l, APIC_SVR) & SVR_ENABLED))
		return -1;
	if (vector < 16) {
		lapic_error_locked(l, ESR_RECV_ILLEGAL);
		return -1;
	}
	return lapic_set_locked(l, vector, level);
}

static int accept_fixed(struct lapic *l, u8 vector, bool level)
{
	int rc;

	lock_take(&l->lock);
	rc = accept_locked(l, vector, level);
	lock_drop(&l->lock);
	if (rc == LAPIC_DELIVERABLE)
		lapic_notify(l);
	return MIN(rc, 1);
}

int lapic_accept(struct lapic *l, unsigned mode, u8 vector, bool level)
{
	const struct irqchip_host *h = &l->ic->host;

	switch (mode) {
	case DM_FIXED:
	case DM_LOWEST:
		return accept_fixed(l, vector, level);
	case DM_SMI:
		h->smi(h->opaque, l->vcpu);
		return 1;
	case DM_NMI:
		h->nmi(h->opaque, l->vcpu);
		return 1;
	case DM_INIT:
		h->init(h->opaque, l->vcpu);
		return 1;
	case DM_STARTUP:
		h->sipi(h->opaque, l->vcpu, vector);
		return 1;
	default:                       /* ExtINT comes through LINT0 only */
		return -1;
	}
}

/* --- life ---------------------------------------------------------------- */

static void derive_ids(struct lapic *l)
{
	if (!lapic_x2(l))
		return;
	l->id = l->vcpu;
	put(l, APIC_ID, l->vcpu);
	put(l, APIC_LDR, (l->vcpu >> 4) << 16 | BIT(l->vcpu & 15));
}

void lapic_reset(struct lapic *l, bool init)
{
	static const u16 lvts[] = { APIC_LVTT, APIC_LVTTHMR, APIC_LVTPC,
				    APIC_LVT0, APIC_LVT1, APIC_LVTERR };
	u32 id;

	SCOPED_LOCK(&l->lock);
	lapic_timer_stop(l);
	l->tsc_deadline = 0;
	if (!init) {
		l->base = APIC_DEFAULT_BASE | APIC_BASE_EN |
			  (l->vcpu ? 0 : APIC_BASE_BSP);
		l->id = l->vcpu & 0xff;
	}
	id = l->id;
	for (unsigned off = 0; off < 0x400; off += 4)
		put(l, off, 0);
	l->irr_words = l->isr_words = 0;
	l->esr_pending = 0;
	put(l, APIC_ID, id << 24);
	put(l, APIC_LVR, APIC_VERSION_REG);
	put(l, APIC_DFR, 0xffffffffu);
	put(l, APIC_SVR, 0xff);
	for (unsigned i = 0; i < ARRAY_LEN(lvts); i++)
		put(l, lvts[i], LVT_MASKED);
	/* Boards without firmware still get PIC interrupts, as under KVM. */
	if (!l->vcpu)
		put(l, APIC_LVT0, DM_EXTINT << 8);
	derive_ids(l);
	update(l);
	update_lint0(l);
}

struct lapic *lapic_create(struct irqchip *ic, unsigned vcpu_id)
{
	struct lapic *l;

	if (vcpu_id >= MAX_LAPICS)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->ic = ic;
	l->vcpu = vcpu_id;
	lock_init(&l->lock, "lapic");
	ic_timer_init(&l->timer, lapic_timer_fire, l);
	lapic_reset(l, false);
	SCOPED_LOCK(&ic->lock);
	if (ic->lapics[vcpu_id]) {
		lock_fini(&l->lock);
		free(l);
		return NULL;
	}
	ic->lapics[vcpu_id] = l;
	if (ic->nlapics <= vcpu_id)
		ic->nlapics = vcpu_id + 1;
	return l;
}

void lapic_destroy(struct lapic *l)
{
	if (!l)
		return;
	lock_take(&l->ic->lock);
	l->ic->lapics[l->vcpu] = NULL;
	lock_drop(&l->ic->lock);
	ic_timer_fini(&l->ic->timers, &l->timer);
	lock_fini(&l->lock);
	free(l);
}

/* --- IA32_APIC_BASE ------------------------------------------------------ */

u64 lapic_base(struct lapic *l)
{
	return l->base;
}

static void change_base(struct lapic *l, u64 val)
{
	u64 old = l->base;

	l->base = val;
	if (!(val & APIC_BASE_EN)) {
		lapic_timer_stop(l);
	} else if ((old ^ val) & val & APIC_BASE_EXTD) {
		derive_ids(l);
	} else if (!(val & APIC_BASE_EXTD) &&
		   (!(old & APIC_BASE_EN) || (old & APIC_BASE_EXTD))) {
		l->id = l->vcpu & 0xff;
		put(l, APIC_ID, l->id << 24);
		put(l, APIC_LDR, 0);
		put(l, APIC_DFR, 0xffffffffu);
	}
	update(l);
	update_lint0(l);
}

static bool base_is_valid(u64 val)
{
	if (val & (0x2ff | ~((1ull << 52) - 1)))
		return false;
	return (val & (APIC_BASE_EN | APIC_BASE_EXTD)) != APIC_BASE_EXTD;
}

int lapic_set_base(struct lapic *l, u64 msr)
{
	u64 old;

	if (!base_is_valid(msr))
		return -EINVAL;
	SCOPED_LOCK(&l->lock);
	old = l->base;
	/* SDM figure 11-27: x2APIC is entered from xAPIC and left to off. */
	if ((msr & APIC_BASE_EXTD) && !(old & APIC_BASE_EN))
		return -EINVAL;
	if ((old & APIC_BASE_EXTD) && (msr & APIC_BASE_EN) &&
	    !(msr & APIC_BASE_EXTD))
		return -EINVAL;
	change_base(l, msr);
	return 0;
}

int lapic_restore_base(struct lapic *l, u64 msr)
{
	if (!base_is_valid(msr))
		return -EINVAL;
	SCOPED_LOCK(&l->lock);
	if (l->base != msr)
		change_base(l, msr);
	return 0;
}

/* --- registers ----------------------------------------------------------- */

static bool reg_exists(unsigned off)
{
	if (off >= APIC_ISR && off < APIC_ESR)
		return true;
	switch (off) {
	case APIC_ID: case APIC_LVR: case APIC_TPR: case APIC_PPR:
	case APIC_EOI: case APIC_LDR: case APIC_DFR: case APIC_SVR:
	case APIC_ESR: case APIC_ICR: case APIC_ICR2: case APIC_LVTT:
	case APIC_LVTTHMR: case APIC_LVTPC: case APIC_LVT0: case APIC_LVT1:
	case APIC_LVTERR: case APIC_TMICT: case APIC_TMCCT: case APIC_TDCR:
	case APIC_APR: case APIC_RRR:
		return true;
	default:
		return false;
	}
}

static u32 reg_read(struct lapic *l, unsigned off)
{
	switch (off) {
	case APIC_TMCCT:
		return lapic_timer_count(l);
	case APIC_EOI:
	case APIC_APR:
	case APIC_RRR:
		return 0;
	default:
		return *lapic_reg(l, off);
	}
}

static void write_lvt(struct lapic *l, unsigned off, u32 val)
{
	u32 old = *lapic_reg(l, off), mask;

	switch (off) {
	case APIC_LVTT:    mask = 0x700ff; break;
	case APIC_LVTERR:  mask = 0x100ff; break;
	case APIC_LVT0:
	case APIC_LVT1:    mask = 0x1a7ff; break;
	default:           mask = 0x107ff; break;
	}
	val &= mask;
	if (!(*lapic_reg(l, APIC_SVR) & SVR_ENABLED))
		val |= LVT_MASKED;
	put(l, off, val);
	if (off == APIC_LVTT)
		lapic_timer_lvt_changed(l, old);
	else if (off == APIC_LVT0)
		update_lint0(l);
}

static void write_svr(struct lapic *l, u32 val)
{
	put(l, APIC_SVR, val & 0x3ff);
	if (val & SVR_ENABLED)
		return;
	for (unsigned off = APIC_LVTT; off <= APIC_LVTERR; off += 0x10)
		*lapic_reg(l, off) |= LVT_MASKED;
	update_lint0(l);
}

/* Ends the highest interrupt in service; its vector when the IOAPIC must
 * hear of it (level-triggered), else -1. */
static int end_of_interrupt(struct lapic *l)
{
	int vec = highest(l, APIC_ISR, l->isr_words);
	u32 *w;

	if (vec < 0)
		return -1;
	w = vec_word(l, APIC_ISR, vec);
	*w &= ~BIT(vec % 32);
	if (!*w)
		l->isr_words &= ~BIT(vec / 32);
	update_notify(l);
	return *vec_word(l, APIC_TMR, vec) & BIT(vec % 32) ? vec : -1;
}

static void do_eoi(struct lapic *l)
{
	int vec;

	lock_take(&l->lock);
	vec = end_of_interrupt(l);
	lock_drop(&l->lock);
	if (vec >= 0)
		ioapic_eoi(l->ic, vec);
}

/* ICR and ICR2 are written by their own vCPU only: no lock on the way out. */
static void do_icr(struct lapic *l, u32 icr)
{
	u32 dest = *lapic_reg(l, APIC_ICR2);

	icr &= ~BIT(12);               /* delivery status: always idle */
	put(l, APIC_ICR, icr);
	apic_send_icr(l, icr, lapic_x2(l) ? dest : dest >> 24);
}

static void set_tpr(struct lapic *l, u32 val)
{
	put(l, APIC_TPR, val & 0xff);
	update_notify(l);
}

static void write_locked(struct lapic *l, unsigned off, u32 val)
{
	u32 old;

	SCOPED_LOCK(&l->lock);
	switch (off) {
	case APIC_ID:
		l->id = val >> 24;
		put(l, APIC_ID, val & 0xff000000u);
		break;
	case APIC_TPR:     set_tpr(l, val); break;
	case APIC_LDR:     put(l, off, val & 0xff000000u); break;
	case APIC_DFR:     put(l, off, val | 0x0fffffffu); break;
	case APIC_SVR:     write_svr(l, val); break;
	case APIC_ESR:
		put(l, off, l->esr_pending);
		l->esr_pending = 0;
		break;
	case APIC_ICR2:    put(l, off, val & 0xff000000u); break;
	case APIC_LVTT: case APIC_LVTTHMR: case APIC_LVTPC:
	case APIC_LVT0: case APIC_LVT1: case APIC_LVTERR:
		write_lvt(l, off, val);
		break;
	case APIC_TMICT:
		if (LVTT_MODE(*lapic_reg(l, APIC_LVTT)) == LVTT_TSCDEADLINE)
			break;
		put(l, off, val);
		lapic_timer_start(l, 0);
		break;
	case APIC_TDCR:
		old = *lapic_reg(l, off);
		put(l, off, val & 0xb);
		lapic_timer_div_changed(l, old);
		break;
	}
}

static void reg_write(struct lapic *l, unsigned off, u32 val)
{
	if (off == APIC_EOI)
		do_eoi(l);
	else if (off == APIC_ICR)
		do_icr(l, val);
	else
		write_locked(l, off, val);
}

/* --- the page ------------------------------------------------------------ */

static void bad_register(struct lapic *l)
{
	SCOPED_LOCK(&l->lock);
	lapic_error_locked(l, ESR_ILLEGAL_REG);
}

bool lapic_mmio(struct lapic *l, u64 gpa, unsigned size, u64 *val, bool write)
{
	u64 base = l->base;
	unsigned off = gpa & 0xfff, low = gpa & 0xf;

	if (!(base & APIC_BASE_EN) || base & APIC_BASE_EXTD ||
	    (gpa & ~0xfffull) != (base & ~0xfffull))
		return false;
	off &= ~0xfu;
	if (write) {
		if (size != 4 || low)
			return true;   /* undefined by the manual: dropped */
		if (off >= 0x400 || !reg_exists(off))
			bad_register(l);
		else
			reg_write(l, off, (u32)*val);
		return true;
	}
	*val = 0;
	if (low + size > 4)
		return true;
	if (off >= 0x400 || !reg_exists(off)) {
		bad_register(l);
		return true;
	}
	SCOPED_LOCK(&l->lock);
	*val = reg_read(l, off) >> (8 * low);
	if (size < 4)
		*val &= (1u << (8 * size)) - 1;
	return true;
}

/* --- x2APIC MSRs --------------------------------------------------------- */

int lapic_rdmsr(struct lapic *l, u32 msr, u64 *val)
{
	unsigned off = (msr - 0x800) << 4;

	if (!lapic_x2(l) || off >= 0x400 || !reg_exists(off))
		return -EINVAL;
	switch (off) {
	case APIC_DFR: case APIC_ICR2: case APIC_EOI: case APIC_APR:
	case APIC_RRR:
		return -EINVAL;
	}
	SCOPED_LOCK(&l->lock);
	*val = reg_read(l, off);
	if (off == APIC_ICR)
		*val |= (u64)*lapic_reg(l, APIC_ICR2) << 32;
	return 0;
}

static int x2_icr(struct lapic *l, u64 val)
{
	put(l, APIC_ICR2, val >> 32);
	do_icr(l, (u32)val);
	return 0;
}

int lapic_wrmsr(struct lapic *l, u32 msr, u64 val)
{
	unsigned off = (msr - 0x800) << 4;

	if (!lapic_x2(l) || off >= 0x400)
		return -EINVAL;
	if (off == APIC_ICR)
		return x2_icr(l, val);
	if (val >> 32)
		return -EINVAL;
	switch (off) {
	case APIC_EOI: case APIC_ESR:
		if (val)
			return -EINVAL;
		break;
	case APIC_TPR:
		if (val > 0xff)
			return -EINVAL;
		break;
	case APIC_SVR: case APIC_LVTT: case APIC_LVTTHMR: case APIC_LVTPC:
	case APIC_LVT0: case APIC_LVT1: case APIC_LVTERR: case APIC_TMICT:
	case APIC_TDCR:
		break;
	case APIC_SELF_IPI:
		if (val > 0xff)
			return -EINVAL;
		apic_send_icr(l, (u32)val | 1u << 18, 0);
		return 0;
	default:                       /* read-only or reserved */
		return -EINVAL;
	}
	reg_write(l, off, (u32)val);
	return 0;
}

/* --- CR8 and the TSC deadline -------------------------------------------- */

u64 lapic_cr8(struct lapic *l)
{
	return (__atomic_load_n(lapic_reg(l, APIC_TPR), __ATOMIC_RELAXED) &
		0xf0) >> 4;
}

void lapic_set_cr8(struct lapic *l, u64 v)
{
	SCOPED_LOCK(&l->lock);
	set_tpr(l, (v & 0xf) << 4);
}

void lapic_set_tsc_deadline(struct lapic *l, u64 tsc)
{
	SCOPED_LOCK(&l->lock);
	if (lapic_hw_on(l) &&
	    LVTT_MODE(*lapic_reg(l, APIC_LVTT)) == LVTT_TSCDEADLINE)
		lapic_timer_set_deadline(l, tsc);
}

u64 lapic_tsc_deadline(struct lapic *l)
{
	SCOPED_LOCK(&l->lock);
	return l->tsc_deadline;
}

/* --- what the vCPU asks -------------------------------------------------- */

static bool pic_wants(struct lapic *l)
{
	return l->ic->pic_out && l->accepts_pic;
}

bool lapic_has_work(struct lapic *l)
{
	return l->hint || pic_wants(l);
}

int lapic_pending(struct lapic *l)
{
	if (pic_wants(l)) {
		int vec = irqchip_pic_peek(l->ic);

		if (vec >= 0)
			return vec;
	}
	if (!l->hint)
		return -1;
	SCOPED_LOCK(&l->lock);
	return deliverable(l);
}

int lapic_ack(struct lapic *l)
{
	int vec;

	if (pic_wants(l)) {
		vec = irqchip_pic_ack(l->ic);
		if (vec >= 0)
			return vec;
	}
	SCOPED_LOCK(&l->lock);
	vec = deliverable(l);
	if (vec < 0)
		return -1;
	irr_clear(l, vec);
	*vec_word(l, APIC_ISR, vec) |= BIT(vec % 32);
	l->isr_words |= BIT(vec / 32);
	update(l);
	return vec;
}

void lapic_inject_nmi(struct lapic *l)
{
	SCOPED_LOCK(&l->lock);
	local_deliver(l, APIC_LVT1);
}

/* --- KVM_GET_LAPIC, KVM_SET_LAPIC ---------------------------------------- */

int lapic_get(struct lapic *l, struct kvm_lapic_state *out)
{
	u32 id;

	SCOPED_LOCK(&l->lock);
	memcpy(out->regs, l->reg, sizeof(out->regs));
	id = lapic_timer_count(l);
	/* Due, and the interrupt on its way: 0 would say that it is over. */
	if (!id && l->timer_due &&
	    LVTT_MODE(*lapic_reg(l, APIC_LVTT)) == LVTT_ONESHOT)
		id = 1;
	memcpy(out->regs + APIC_TMCCT, &id, 4);
	id = l->id;
	if (!lapic_x2(l) || !l->ic->x2apic_ids)
		id <<= 24;
	memcpy(out->regs + APIC_ID, &id, 4);
	return 0;
}

/* A one-shot that has ended stays ended. */
static void restart_timer(struct lapic *l)
{
	unsigned mode = LVTT_MODE(*lapic_reg(l, APIC_LVTT));
	u32 left = *lapic_reg(l, APIC_TMCCT);

	if (mode == LVTT_TSCDEADLINE)
		lapic_timer_set_deadline(l, l->tsc_deadline);
	else if (left || mode == LVTT_PERIODIC)
		lapic_timer_start(l, left);
}

int lapic_set(struct lapic *l, const struct kvm_lapic_state *in)
{
	u32 id;

	memcpy(&id, in->regs + APIC_ID, 4);
	SCOPED_LOCK(&l->lock);
	if (lapic_x2(l) && l->ic->x2apic_ids && id != l->vcpu)
		return -EINVAL;
	lapic_timer_stop(l);
	for (unsigned off = 0; off < 0x400; off += 4) {
		u32 v;

		memcpy(&v, in->regs + off, 4);
		put(l, off, v);
	}
	if (!lapic_x2(l))
		l->id = id >> 24;
	derive_ids(l);
	put(l, APIC_LVR, APIC_VERSION_REG);
	l->irr_words = words_in_use(l, APIC_IRR);
	l->isr_words = words_in_use(l, APIC_ISR);
	l->esr_pending = 0;
	restart_timer(l);
	update_notify(l);
	update_lint0(l);
	return 0;
}
