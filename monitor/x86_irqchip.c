/* SPDX-License-Identifier: MIT */
/*
 * info lapic, pic, irq: the interrupt controllers inside the provider.
 *
 * Talks to: x86_chips.c for the chips' state; the provider's own counts.
 * Registers and bits are the SDM's (volume 3, 11) and the chips' manuals'.
 */
#include "monitor/x86.h"
#include "vmm/vcpu.h"

#include <stdlib.h>
#include <string.h>

/* --- local APIC --- */

enum {
	APIC_TPR = 0x80, APIC_APR = 0x90, APIC_PPR = 0xa0, APIC_LDR = 0xd0,
	APIC_DFR = 0xe0, APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180,
	APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR2 = 0x310,
	APIC_LVTT = 0x320, APIC_LVTTHMR = 0x330, APIC_LVTPC = 0x340,
	APIC_LVT0 = 0x350, APIC_LVT1 = 0x360, APIC_LVTERR = 0x370,
	APIC_TMICT = 0x380, APIC_TMCCT = 0x390, APIC_TDCR = 0x3e0,
};

static u32 apic_reg(const struct kvm_lapic_state *l, unsigned off)
{
	u32 v;

	memcpy(&v, l->regs + off, sizeof(v));
	return v;
}

static bool apic_bit(const struct kvm_lapic_state *l, unsigned base,
		     unsigned vec)
{
	return apic_reg(l, base + vec / 32 * 16) >> vec % 32 & 1;
}

static const char *delivery(unsigned mode)
{
	static const char *const names[] = {
		"Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT",
	};

	return names[mode & 7];
}

static void put_lvt(struct strbuf *out, const struct kvm_lapic_state *l,
		    const char *name, unsigned off)
{
	static const char *const modes[] = {
		"one-shot", "periodic", "tsc-deadline", "tsc-deadline",
	};
	u32 v = apic_reg(l, off);
	unsigned dm = v >> 8 & 7;

	strbuf_addf(out, "%s\t 0x%08x %s %-5s %-6s %-7s %-12s %-6s", name, v,
		    v & BIT(13) ? "active-lo" : "active-hi",
		    v & BIT(15) ? "level" : "edge",
		    v & BIT(16) ? "masked" : "", v & BIT(12) ? "pending" : "",
		    off == APIC_LVTT ? modes[v >> 17 & 3] : "", delivery(dm));
	if (dm == 4)
		strbuf_addc(out, '\n');
	else
		strbuf_addf(out, " (vec %u)\n", v & 0xff);
}

static void put_mask(struct strbuf *out, u32 mask, unsigned bits)
{
	while (bits--)
		strbuf_addc(out, mask >> bits & 1 ? '1' : '0');
}

/* In x2APIC mode the whole of ICR2 is the target, by cluster if logical. */
static void put_x2apic_target(struct strbuf *out, u32 dest, bool logical)
{
	if (!logical) {
		strbuf_addf(out, " cpu %u", dest);
	} else {
		strbuf_addf(out, " cluster %u mask ", dest >> 16);
		put_mask(out, dest & 0xffff, 16);
	}
	strbuf_addstr(out, " (X2APIC ID)");
}

static void put_icr_target(struct strbuf *out, const struct kvm_lapic_state *l,
			   bool logical)
{
	u32 icr2 = apic_reg(l, APIC_ICR2), dest = icr2 >> 24;

	if (!logical) {
		strbuf_addf(out, " cpu %u (APIC ID)", dest);
	} else if (apic_reg(l, APIC_DFR) >> 28 == 0xf) {
		strbuf_addstr(out, " mask ");
		put_mask(out, dest, 8);
		strbuf_addstr(out, " (APIC ID)");
	} else {
		strbuf_addf(out, " cluster %u mask ", dest >> 4);
		put_mask(out, dest & 15, 4);
		strbuf_addstr(out, " (APIC ID)");
	}
}

static void put_icr(struct strbuf *out, const struct kvm_lapic_state *l,
		    bool x2apic)
{
	static const char *const shorthand[] = {
		"no-shorthand", "self", "all-self", "all",
	};
	u32 v = apic_reg(l, APIC_ICR);
	unsigned to = v >> 18 & 3;

	strbuf_addf(out, "ICR\t 0x%08x %s %s %s %s\n", v,
		    v & BIT(11) ? "logical" : "physical",
		    v & BIT(15) ? "level" : "edge",
		    v & BIT(14) ? "assert" : "de-assert", shorthand[to]);
	strbuf_addf(out, "ICR2\t 0x%08x", apic_reg(l, APIC_ICR2));
	if (!to && x2apic)
		put_x2apic_target(out, apic_reg(l, APIC_ICR2), v & BIT(11));
	else if (!to)
		put_icr_target(out, l, v & BIT(11));
	strbuf_addc(out, '\n');
}

static void put_vectors(struct strbuf *out, const struct kvm_lapic_state *l,
			const char *name, unsigned base)
{
	bool none = true;

	strbuf_addf(out, "%s\t ", name);
	for (unsigned i = 0; i < 256; i++) {
		if (!apic_bit(l, base, i))
			continue;
		strbuf_addf(out, "%u%s ", i,
			    apic_bit(l, APIC_TMR, i) ? "(level)" : "");
		none = false;
	}
	strbuf_addstr(out, none ? "(none)\n" : "\n");
}

void x86_print_lapic(struct strbuf *out, unsigned cpu,
		     const struct kvm_lapic_state *l, bool x2apic)
{
	u32 svr = apic_reg(l, APIC_SVR), dcr = apic_reg(l, APIC_TDCR);
	u32 ldr = apic_reg(l, APIC_LDR) >> 24;
	u32 dfr = apic_reg(l, APIC_DFR) >> 28;
	unsigned shift = ((dcr & 3) | (dcr >> 1 & 4)) + 1;

	strbuf_addf(out, "dumping local APIC state for CPU %-2u\n\n", cpu);
	put_lvt(out, l, "LVT0", APIC_LVT0);
	put_lvt(out, l, "LVT1", APIC_LVT1);
	put_lvt(out, l, "LVTPC", APIC_LVTPC);
	put_lvt(out, l, "LVTERR", APIC_LVTERR);
	put_lvt(out, l, "LVTTHMR", APIC_LVTTHMR);
	put_lvt(out, l, "LVTT", APIC_LVTT);
	strbuf_addf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u "
		    "current_count = %u\n", dcr & 0xb, 1u << (shift & 7),
		    apic_reg(l, APIC_TMICT), apic_reg(l, APIC_TMCCT));
	strbuf_addf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n",
		    svr, svr & BIT(8) ? "enabled" : "disabled",
		    svr & BIT(9) ? "on" : "off", svr & 0xff);
	put_icr(out, l, x2apic);
	strbuf_addf(out, "ESR\t 0x%08x\n", apic_reg(l, APIC_ESR));
	put_vectors(out, l, "ISR", APIC_ISR);
	put_vectors(out, l, "IRR", APIC_IRR);
	strbuf_addf(out, "\nAPR 0x%02x TPR 0x%02x DFR 0x%02x LDR 0x%02x",
		    apic_reg(l, APIC_APR) & 0xff, apic_reg(l, APIC_TPR) & 0xff,
		    dfr, ldr);
	if (dfr == 0)
		strbuf_addf(out, "(cluster %u: id %u)", ldr >> 4, ldr & 15);
	strbuf_addf(out, " PPR 0x%02x\n", apic_reg(l, APIC_PPR) & 0xff);
}

void mon_x86_info_lapic(struct mon *m, const struct mon_arg *a)
{
	struct strbuf out = STRBUF_INIT;
	struct vm *vm = mon_vm(m);
	struct vcpu *v = mon_vcpu(m);
	struct kvm_lapic_state l;
	u64 base;

	if (a[0].given)                /* APIC ids are vCPU numbers here */
		v = a[0].num < vm->nvcpus ? vm->vcpus[a[0].num] : NULL;
	if (!v) {
		mon_puts(m, "No CPU available\n");
		return;
	}
	if (!mon_x86_get_lapic(v, &l, &base)) {
		mon_puts(m, "local apic state not available\n");
		return;
	}
	x86_print_lapic(&out, v->index, &l, base & APIC_BASE_X2APIC);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

/* --- IOAPIC and the PICs --- */

static void put_pins(struct strbuf *out, const char *name, u32 pins)
{
	strbuf_addf(out, "%-10s ", name);
	for (unsigned i = 0; i < 24; i++)
		if (pins >> i & 1)
			strbuf_addf(out, "%-2u ", i);
	strbuf_addstr(out, pins & 0xffffff ? "\n" : "(none)\n");
}

void x86_print_ioapic(struct strbuf *out, const struct kvm_ioapic_state *s)
{
	static const char *const modes[] = {
		"fixed", "lowest", "SMI", "...", "NMI", "INIT", "...",
		"extINT",
	};
	u32 remote = 0;

	strbuf_addf(out, "ioapic0: ver=0x11 id=0x%02x sel=0x%02x", s->id,
		    s->ioregsel);
	if (s->ioregsel >= 0x10)
		strbuf_addf(out, " (redir[%u])", (s->ioregsel - 0x10) >> 1);
	strbuf_addc(out, '\n');
	for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		const u64 e = s->redirtbl[i].bits;

		strbuf_addf(out, "  pin %-2u 0x%016llx dest=%llx vec=%-3u %s "
			    "%-5s %-6s %-6s %s\n", i, (long long)e,
			    (long long)(e >> 56), (unsigned)(e & 0xff),
			    e & BIT(13) ? "active-lo" : "active-hi",
			    e & BIT(15) ? "level" : "edge",
			    e & BIT(16) ? "masked" : "", modes[e >> 8 & 7],
			    e & BIT(11) ? "logical" : "physical");
		remote |= e & BIT(15) && e & BIT(14) ? BIT(i) : 0;
	}
	put_pins(out, "  IRR", s->irr);
	put_pins(out, "  Remote IRR", remote);
}

void x86_print_pic(struct strbuf *out, unsigned n,
		   const struct kvm_pic_state *s)
{
	strbuf_addf(out, "pic%u: irr=%02x imr=%02x isr=%02x hprio=%d "
		    "irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", n, s->irr,
		    s->imr, s->isr, s->priority_add, s->irq_base,
		    s->read_reg_select, s->elcr,
		    s->special_fully_nested_mode);
}

void mon_x86_info_pic(struct mon *m, const struct mon_arg *a UNUSED)
{
	struct strbuf out = STRBUF_INIT;
	struct vm *vm = mon_vm(m);
	struct kvm_irqchip c;

	if (mon_x86_get_chip(vm, KVM_IRQCHIP_IOAPIC, &c))
		x86_print_ioapic(&out, &c.chip.ioapic);
	if (mon_x86_get_chip(vm, KVM_IRQCHIP_PIC_SLAVE, &c))
		x86_print_pic(&out, 1, &c.chip.pic);
	if (mon_x86_get_chip(vm, KVM_IRQCHIP_PIC_MASTER, &c))
		x86_print_pic(&out, 0, &c.chip.pic);
	mon_write(m, out.buf, out.len);
	strbuf_fini(&out);
}

/* KVM's chips count nothing: their headings alone, as in QEMU. */
void mon_x86_info_irq(struct mon *m, const struct mon_arg *a UNUSED)
{
	char *text = mon_provider_report(m, KVM_REPORT_IRQS);

	if (text)
		mon_puts(m, text);
	else if (mon_vm(m)->kvm.has_irqchip)
		mon_puts(m, "IRQ statistics for kvm-ioapic:\n"
			 "IRQ statistics for kvm-i8259:\n");
	free(text);
}
