/* SPDX-License-Identifier: MIT */
/*
 * The PC's own data, hanging off vm->arch_state.
 *
 * Room:     private to arch/x86.
 * Thread:   the main loop's; vCPU threads read what does not change after
 *           build (cpuid, topology).
 */
#ifndef MOTE_X86_MACHINE_H
#define MOTE_X86_MACHINE_H

#include <pthread.h>
#include <semaphore.h>

#include "arch/x86/acpi.h"
#include "arch/x86/boot.h"
#include "arch/x86/cpuid.h"
#include "vmm/vm.h"

/* The physical address map of a PC (q35's). */
#define PC_VGA_HOLE     0xa0000ull
#define PC_VGA_HOLE_END 0xc0000ull
#define PC_ECAM         0xb0000000ull
#define PC_ECAM_LEN     (256 * MiB)
#define PC_PCI_LOW      0xc0000000ull
#define PC_PCI_LOW_END  0xfec00000ull
#define PC_KVM_PAGES    0xfffbc000ull  /* KVM's identity map and TSS */
#define PC_PCI_HIGH_LEN (32 * GiB)

/* Interrupt controllers as they are after creation. */
struct irqchip_reset {
	bool saved;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	struct kvm_lapic_state *lapic;         /* one per vCPU */
};

struct x86_machine {
	struct vm *vm;
	struct boot *boot;
	struct boot_env env;
	u64 high_end;                          /* RAM ends; >= 4 GiB */
	struct cpuid_topology topology;
	struct cpuid_list *cpuid;              /* before topology    */
	pthread_t cpuid_thread;                /* while cpuid_asked  */
	sem_t cpuid_answer;
	bool cpuid_asked;
	int cpuid_rc;
	u32 *apic_ids;
	struct irqchip_reset irqchip;
	struct msr_sides *msrs;                /* move.c; NULL: stays */
	bool roms_told;
	struct vm_listener listener;           /* the power button   */
	struct device *pm, *ged;               /* one of them, or none */
	struct device *rtc;
	struct timer alarm;                    /* of a suspended machine's RTC */
	bool alarm_rang;
};

static inline struct x86_machine *x86_machine(const struct vm *vm)
{
	return vm->arch_state;
}

/* memory.c: RAM blocks and the E820 map. */
int  x86_memory_create(struct x86_machine *m, struct err *e);

/* What CPUID says to vCPU `v`, told to `cpu`, which may be another provider's.
 * [vcpu] */
int  x86_vcpu_cpuid(struct vcpu *v, struct kvm_vcpu *cpu, struct err *e);

/* move.c: guest TSC = host TSC + this.  `req` gets or sets it; -errno where KVM
 * does not tell. [vcpu] */
int  x86_tsc_offset(struct kvm_vcpu *v, unsigned long req, u64 *offset);

/* irqchip.c: [loop, vCPUs parked] */
int  x86_irqchip_reset(struct x86_machine *m, struct err *e);
void x86_irqchip_fini(struct x86_machine *m);

/* pc.c: the devices every PC has, and what ACPI says of them. */
int  x86_devices_create(struct x86_machine *m, struct err *e);
void x86_devices_facts(struct x86_machine *m, struct acpi_facts *f);

#endif
