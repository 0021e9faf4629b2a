/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells the guest: the provider's list, filtered by -cpu, with the
 * topology of -smp.
 *
 * Room:     models and features are two tables; -cpu is parsed against them.
 * Talks to: KVM_GET_SUPPORTED_CPUID's result, nothing else.
 * Never:    offers a bit the provider does not support.
 */
#ifndef MOTE_X86_CPUID_H
#define MOTE_X86_CPUID_H

#include <linux/kvm.h>

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct strbuf;

enum { CPUID_MAX = 256 };

/* Leaves, and bits in them, that have a name here. */
enum {
	CPUID_EXTENDED     = 7,
	CPUID_KVM_FEATURES = 0x40000001,
	CPUID_FSGSBASE          = 1 << 0,      /* EBX of EXTENDED     */
	CPUID_ARCH_CAPABILITIES = 1 << 29,     /* EDX of EXTENDED     */
	CPUID_PV_TLB_FLUSH      = 1 << 9,      /* EAX of KVM_FEATURES */
	CPUID_PV_HYPERCALLS     = 1 << 7 | 1 << 11 | 1 << 13,
				/* likewise: UNHALT, SEND_IPI, SCHED_YIELD */
};

struct cpuid_list {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 e[CPUID_MAX];
};

struct cpuid_topology {
	unsigned cpus, sockets, cores, threads;
};

/* Cut `supported` down to `cpu` ("max", "host,-avx2", "x86-64-v2,+aes").
 * Unavailable +features are named in `missing` (NULL ok).
 * -EINVAL with near names for unknown ones. */
int  cpuid_apply_model(struct cpuid_list *l, const char *cpu,
		       struct strbuf *missing, struct err *e);
/* Fill in what differs per vCPU. */
void cpuid_set_topology(struct cpuid_list *l, const struct cpuid_topology *t,
			unsigned index);
/* APIC ID of vCPU `index`: packed fields of power-of-two width. */
u32  cpuid_apic_id(const struct cpuid_topology *t, unsigned index);
u32  cpuid_signature(const struct cpuid_list *l);      /* leaf 1 EAX */

/* Every feature that has a name, and whether it is offered. */
void cpuid_each_feature(struct cpuid_list *l,
			void (*fn)(const char *feature, bool on, void *opaque),
			void *opaque);

/* -cpu help */
void cpuid_list_models(struct strbuf *out);

/* cpuid_common.c: leave in `l` what `other` offers, too. */
void cpuid_keep_common(struct cpuid_list *l, struct cpuid_list *other);

/* `reg` is R_EAX to R_EDX (cpu_features.h). */
u32 *cpuid_reg(struct kvm_cpuid_entry2 *e, unsigned reg);
struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_list *l, u32 function,
				    u32 index);

#endif
