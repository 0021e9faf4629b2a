/* SPDX-License-Identifier: MIT */
/*
 * What the monitor prints only for x86 guests: registers, page tables, and the
 * interrupt controllers that live in the provider.
 *
 * Thread: the monitor's, which asks vCPUs by vcpu_call; tables are constant.
 */
#ifndef MOTE_MONITOR_X86_H
#define MOTE_MONITOR_X86_H

#include <linux/kvm.h>

#include "arch/x86/regs.h"
#include "monitor/mon.h"

/* 16, 32 or 64, as the current CPU's code segment says; 16 without a CPU. */
unsigned mon_x86_code_bits(struct mon *m);

/*
 * Chips that live inside the provider and so on no bus: for info mtree and
 * for telling device memory from none.
 */
struct x86_chip {
	const char *name;
	bool pio;
	u64 base, len;
	int priority;
};
extern const struct x86_chip mon_x86_chips[];  /* ends with name NULL */
bool mon_x86_chip_at(struct vm *vm, gpa_t at); /* an MMIO one */
/* What the guest's current CPU would read there, up to the end of the page; how
 * many bytes: 0 when no chip is there.  `*answered`: by a register. */
size_t mon_x86_chip_read(struct mon *m, gpa_t at, u8 *buf, size_t n,
			 bool *answered);
u64  mon_x86_until_chip(struct vm *vm, gpa_t at);      /* bytes to the next */
bool mon_x86_chip_in(struct vm *vm, u16 port, u8 *val);        /* a PIC's  */

enum { APIC_BASE_X2APIC = BIT(10), APIC_BASE_ENABLED = BIT(11) };
/* false: there is none, or not in the provider.  `*base`: IA32_APIC_BASE. */
bool mon_x86_get_lapic(struct vcpu *v, struct kvm_lapic_state *l, u64 *base);
/* PIC 0, 1 or IOAPIC by KVM_IRQCHIP_*; false: the machine has none. */
bool mon_x86_get_chip(struct vm *vm, u32 id, struct kvm_irqchip *c);

/* Printers, apart from where the state comes from.  Offsets are bytes into the
 * standard-format XSAVE image (SDM vol. 1, 13.4). */
struct x86_xsave_offsets {             /* 0: not there */
	u32 ymm, opmask, zmm_hi, hi16_zmm;
};
void x86_print_regs(struct strbuf *out, const struct x86_regs *r,
		    const struct x86_xsave_offsets *o);
void x86_print_lapic(struct strbuf *out, unsigned cpu,
		     const struct kvm_lapic_state *l, bool x2apic);
void x86_print_ioapic(struct strbuf *out, const struct kvm_ioapic_state *s);
void x86_print_pic(struct strbuf *out, unsigned n,
		   const struct kvm_pic_state *s);

/* info registers / lapic / pic / irq / tlb / mem */
void mon_x86_registers(struct mon *m, struct vcpu *v);
void mon_x86_info_lapic(struct mon *m, const struct mon_arg *a);
void mon_x86_info_pic(struct mon *m, const struct mon_arg *a);
void mon_x86_info_irq(struct mon *m, const struct mon_arg *a);
void mon_x86_info_tlb(struct mon *m, const struct mon_arg *a);
void mon_x86_info_mem(struct mon *m, const struct mon_arg *a);

#endif
