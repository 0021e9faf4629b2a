// SPDX-License-Identifier: MIT
/*
 * General, segment and control registers, KVM's structures and ours.
 *
 * Room:     KVM_GET/SET_REGS, SREGS, SREGS2.
 * Talks to: x86_update_mode and the MMU after a change.
 */
#include <errno.h>
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/sys.h"

/* KVM's field order is rax rbx rcx rdx rsi rdi rsp rbp r8... */
static const u8 kvm_order[16] = {
	RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP,
	R8, R9, R10, R11, R12, R13, R14, R15,
};
_Static_assert(offsetof(struct kvm_regs, rip) == 16 * 8, "kvm_regs layout");

void tcg_get_regs(struct tcg_vcpu *v, struct kvm_regs *r)
{
	u64 gpr[16];

	for (unsigned i = 0; i < 16; i++)
		gpr[i] = v->cpu.r[kvm_order[i]];
	memcpy(r, gpr, sizeof(gpr));
	r->rip = v->cpu.rip;
	r->rflags = x86_rflags(&v->cpu);
}

void tcg_set_regs(struct tcg_vcpu *v, const struct kvm_regs *r)
{
	struct x86_cpu *c = &v->cpu;
	u64 gpr[16];

	memcpy(gpr, r, sizeof(gpr));
	for (unsigned i = 0; i < 16; i++)
		c->r[kvm_order[i]] = gpr[i];
	c->rip = r->rip;
	x86_set_rflags(c, r->rflags);
	c->exc.pending = false;
	c->exc.delivering = false;
	c->io.count = c->io.cursor = 0;
	c->io.pending = false;
	x86_update_mode(c);
}

/* --- segments ------------------------------------------------------------- */

static void get_seg(const struct x86_seg *s, struct kvm_segment *k)
{
	*k = (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->attr & 15, .s = !!(s->attr & SEG_S),
		.dpl = SEG_DPL(s->attr), .present = !!(s->attr & SEG_P),
		.avl = s->attr >> 12 & 1, .l = !!(s->attr & SEG_L),
		.db = !!(s->attr & SEG_DB), .g = !!(s->attr & SEG_G),
		.unusable = !!(s->attr & SEG_UNUSABLE),
	};
}

static void set_seg(struct x86_seg *s, const struct kvm_segment *k)
{
	s->base = k->base;
	s->limit = k->limit;
	s->sel = k->selector;
	s->attr = (k->type & 15u) | (k->s & 1u) << 4 | (k->dpl & 3u) << 5 |
		  (k->present & 1u) << 7 | (k->avl & 1u) << 12 |
		  (k->l & 1u) << 13 | (k->db & 1u) << 14 |
		  (k->g & 1u) << 15 | (k->unusable & 1u) << 16;
	if (k->unusable || !k->present)
		s->attr |= SEG_UNUSABLE;
}

static void get_dtable(const struct x86_dtr *d, struct kvm_dtable *k)
{
	*k = (struct kvm_dtable){ .base = d->base, .limit = (u16)d->limit };
}

static void set_dtable(struct x86_dtr *d, const struct kvm_dtable *k)
{
	d->base = k->base;
	d->limit = k->limit;
}

/* --- the part both structures share --------------------------------------- */

/* kvm_sregs and kvm_sregs2 begin alike, up to apic_base. */
_Static_assert(offsetof(struct kvm_sregs, apic_base) ==
	       offsetof(struct kvm_sregs2, apic_base), "sregs layout");

static void get_common(struct x86_cpu *c, struct kvm_sregs2 *s)
{
	get_seg(&c->seg[CS], &s->cs);
	get_seg(&c->seg[DS], &s->ds);
	get_seg(&c->seg[ES], &s->es);
	get_seg(&c->seg[FS], &s->fs);
	get_seg(&c->seg[GS], &s->gs);
	get_seg(&c->seg[SS], &s->ss);
	get_seg(&c->seg[TR], &s->tr);
	get_seg(&c->seg[LDTR], &s->ldt);
	get_dtable(&c->gdtr, &s->gdt);
	get_dtable(&c->idtr, &s->idt);
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = c->lapic ? lapic_cr8(c->lapic) : c->cr8;
	s->efer = c->efer;
	s->apic_base = c->lapic ? lapic_base(c->lapic) : c->apic_base;
}

/* What KVM refuses too: states no CPU can be in. */
static bool valid(const struct x86_cpu *c, const struct kvm_sregs2 *s)
{
	if ((s->efer & EFER_LME) && (s->cr0 & CR0_PG)) {
		if (!(s->cr4 & CR4_PAE) || !(s->efer & EFER_LMA))
			return false;
		if (s->cr3 & ~(c->phys_mask | 1ull << 63))
			return false;
	} else if ((s->efer & EFER_LMA) || s->cs.l) {
		return false;
	}
	if (s->cr0 >> 32 || ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE)) ||
	    ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD)))
		return false;
	return !(s->cr4 & ~c->cr4_allowed);
}

static int set_common(struct x86_cpu *c, const struct kvm_sregs2 *s)
{
	if (!valid(c, s) || x86_msr_set(c, 0xc0000080, s->efer) ||
	    x86_msr_set(c, 0x1b, s->apic_base))
		return -EINVAL;
	set_seg(&c->seg[CS], &s->cs);
	set_seg(&c->seg[DS], &s->ds);
	set_seg(&c->seg[ES], &s->es);
	set_seg(&c->seg[FS], &s->fs);
	set_seg(&c->seg[GS], &s->gs);
	set_seg(&c->seg[SS], &s->ss);
	set_seg(&c->seg[TR], &s->tr);
	set_seg(&c->seg[LDTR], &s->ldt);
	set_dtable(&c->gdtr, &s->gdt);
	set_dtable(&c->idtr, &s->idt);
	c->cr0 = s->cr0 | CR0_ET;
	c->cr2 = s->cr2;
	c->cr3 = s->cr3 & ~(1ull << 63);
	c->cr4 = s->cr4;
	c->cr8 = s->cr8 & 15;
	if (c->lapic)
		lapic_set_cr8(c->lapic, c->cr8);
	x86_update_mode(c);
	mmu_flush(c);
	/* A reset writes this state; it also ends a halt of the BSP. */
	if (c->id == c->vm->bsp_id && c->rip == 0xfff0 &&
	    c->seg[CS].sel == 0xf000 && !(c->cr0 & CR0_PE))
		c->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

void tcg_get_sregs(struct tcg_vcpu *v, struct kvm_sregs *s)
{
	struct x86_cpu *c = &v->cpu;
	struct kvm_sregs2 s2;

	get_common(c, &s2);
	memset(s, 0, sizeof(*s));
	memcpy(s, &s2, offsetof(struct kvm_sregs, apic_base) + 8);
	if (c->user_irq >= 0)
		s->interrupt_bitmap[c->user_irq / 64] |=
			1ull << c->user_irq % 64;
}

int tcg_set_sregs(struct tcg_vcpu *v, const struct kvm_sregs *s)
{
	struct x86_cpu *c = &v->cpu;
	struct kvm_sregs2 s2 = { 0 };
	int rc;

	memcpy(&s2, s, offsetof(struct kvm_sregs, apic_base) + 8);
	rc = set_common(c, &s2);
	if (rc < 0)
		return rc;
	for (int i = 0; i < 4; i++)
		if (s->interrupt_bitmap[i] && !c->lapic)
			c->user_irq = (s16)(i * 64 +
				__builtin_ctzll(s->interrupt_bitmap[i]));
	return 0;
}

void tcg_get_sregs2(struct tcg_vcpu *v, struct kvm_sregs2 *s)
{
	memset(s, 0, sizeof(*s));
	get_common(&v->cpu, s);
}

int tcg_set_sregs2(struct tcg_vcpu *v, const struct kvm_sregs2 *s)
{
	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	return set_common(&v->cpu, s); /* PDPTEs are read from memory     */
}
