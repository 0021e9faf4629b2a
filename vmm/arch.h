/* SPDX-License-Identifier: MIT */
/*
 * What the machine-independent VMM needs from a guest architecture.
 *
 * One `static const struct arch` per architecture; chosen at run time.
 */
#ifndef MOTE_ARCH_H
#define MOTE_ARCH_H

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct vm;
struct vcpu;

/* A register the monitor's $name and gdb may read. */
struct arch_reg {
	const char *name;
	u64 (*get)(const void *regs);  /* from an arch register snapshot */
};

struct arch_mapping {                  /* one leaf of the page tables */
	gva_t va;
	gpa_t pa;
	u64 size;
	u64 pte;                       /* raw leaf entry                */
	u64 attr;                      /* arch permission bits, ANDed down */
};

struct arch {
	const char *name;              /* "x86_64" */
	size_t regs_size;              /* of a register snapshot        */

	/* Memory, devices, irqchip, ACPI, kernel: in machine.c's order. [loop] */
	int  (*build)(struct vm *vm, struct err *e);
	void (*destroy)(struct vm *vm);
	/* (Re)load boot state into vCPU registers and RAM images. [loop, parked] */
	int  (*reset)(struct vm *vm, struct err *e);
	/* The id KVM_CREATE_VCPU wants for vCPU `index` (the APIC ID). NULL:
	 * the index. [vcpu] */
	unsigned (*vcpu_id)(struct vm *vm, unsigned index);
	/* CPUID, MSRs: once per vCPU after creation. [vcpu] */
	int  (*vcpu_init)(struct vcpu *v, struct err *e);
	/* Registers as a plain struct; memory of regs_size. [vcpu] */
	int  (*get_regs)(struct vcpu *v, void *regs);
	/* Walk: 0 and *pa, or -EFAULT. Reads RAM only. [any] */
	int  (*translate)(struct vm *vm, const void *regs, gva_t va, gpa_t *pa,
			  u64 *attr);
	/* Every leaf in address order until fn returns non-zero. [any] */
	void (*walk)(struct vm *vm, const void *regs,
		     int (*fn)(const struct arch_mapping *m, void *o), void *o);
	/* KVM exits only this architecture knows; false: unknown. [vcpu] */
	bool (*handle_exit)(struct vcpu *v);
	const struct arch_reg *regs;   /* ends with name NULL           */
	/* The models -cpu takes, one a line; NULL ok. [any] */
	void (*list_cpus)(struct strbuf *out);
};

extern const struct arch arch_x86_64;

#endif
