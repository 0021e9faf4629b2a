/* SPDX-License-Identifier: MIT */
/*
 * What the machine-independent VMM needs from a guest architecture.
 *
 * One `static const struct arch` per architecture; chosen at run time.
 */
#ifndef MOTE_ARCH_H
#define MOTE_ARCH_H

#include <string.h>

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct kvm_guest_debug;
struct kvm_run;
struct vm;
struct vcpu;

/*
 * A register the monitor's $name may read: `size` bytes (at most 8) at `off` of
 * a snapshot.  A crash prints those that are not `rare`.
 */
struct arch_reg {
	const char *name;
	u32 off;
	u8 size;
	bool sign, rare;               /* sign: negative when its top bit is set */
	u64 (*get)(const void *regs);  /* instead, for what is in no one place */
};

static inline u64 arch_reg_value(const struct arch_reg *r, const void *regs)
{
	u64 v = 0;

	if (r->get)
		return r->get(regs);
	memcpy(&v, (const u8 *)regs + r->off, r->size);
	if (r->sign && v >> (r->size * 8 - 1))
		v |= ~0ull << (r->size * 8 - 1);
	return v;
}

struct arch_mapping {                  /* one leaf of the page tables */
	gva_t va;
	gpa_t pa;
	u64 size;
	u64 pte;                       /* raw leaf entry                */
	u64 attr;                      /* arch permission bits, ANDed down */
};

/* Where a debugger wants the guest to stop; the numbers are gdb's Z's. */
enum break_kind { BREAK_SOFT, BREAK_HARD, BREAK_WRITE, BREAK_READ,
		  BREAK_ACCESS };
enum { ARCH_BREAK_SLOTS = 4 };         /* hardware ones, at most */

struct arch_break {
	enum break_kind kind;
	gva_t addr;
	u64 len;                       /* of the watched bytes            */
};

/* What KVM_EXIT_DEBUG was about. */
struct arch_debug_stop {
	gva_t pc;                      /* linear                          */
	bool soft;                     /* a breakpoint instruction, anybody's */
	bool step;
	u32 slots;                     /* BIT(n): hardware slot n         */
	u32 inject;                    /* KVM_GUESTDBG_*: gives it to the guest */
};

/* What gdb has to know. */
struct arch_debug {
	unsigned nregs;                /* numbered as target_xml lists them */
	unsigned pc_reg;
	u8 soft_insn[4], soft_len;     /* the breakpoint instruction      */
	void (*target_xml)(struct strbuf *out);
	/* Bytes of register n on the wire, 16 at most. */
	unsigned (*reg_size)(unsigned n);
	/* Little-endian, from and to a register snapshot; set gives -EINVAL
	 * for a value it cannot have. */
	void (*reg_get)(const void *regs, unsigned n, u8 *out);
	int  (*reg_set)(void *regs, unsigned n, const u8 *in);
	/* Add these to `d`; owner[slot] becomes the index in `b`. -ENOSPC:
	 * too many, -ENOTSUP: a kind this CPU does not have. */
	int  (*arm)(struct kvm_guest_debug *d, const struct arch_break *b,
		    unsigned n, u8 owner[ARCH_BREAK_SLOTS]);
	void (*step)(struct kvm_guest_debug *d, bool block_irqs);
	void (*stopped)(const struct kvm_run *run, struct arch_debug_stop *s);
};

/*
 * How a vCPU's state gets into another provider's vCPU that executes a few
 * instructions for it, and back.  `state` keeps what was there before, so that
 * only changes move.  [vcpu]
 */
struct kvm_vcpu;
struct arch_helper {
	size_t state_size;
	int  (*init)(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		     struct err *e);
	/* `more`: not just the instruction KVM failed on.  *pc: the linear
	 * address of the next one. */
	int  (*load)(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		     bool more, u64 *pc);
	int  (*store)(struct vcpu *v, struct kvm_vcpu *twin, void *state,
		      bool more);
	/* After a KVM_RUN: does it execute its kernel's code, now? */
	bool (*in_kernel)(struct vcpu *v);
	/*
	 * For a debugged guest (helper_debug).  May it go on here: is it
	 * awake, has KVM nothing to do first?  `fetch`: somebody may have
	 * changed its registers since KVM_RUN.
	 */
	bool (*ready)(struct vcpu *v, bool fetch);
	/* Would it take an interrupt now? */
	bool (*interruptible)(struct vcpu *v);
	/* KVM stops after one instruction, at those where `want` breaks, and,
	 * `here`, before the next: an interrupt may come, no more. */
	int  (*one_insn)(struct vcpu *v, const struct kvm_guest_debug *want,
			 void *state, bool here);
	/* KVM_EXIT_DEBUG: was it no more than that? */
	bool (*was_one_insn)(struct vcpu *v,
			     const struct kvm_guest_debug *want);
	/* After KVM_EXIT_DEBUG: is it a breakpoint that `store` left? */
	bool (*trapped)(struct vcpu *v, const void *state);
	/* Is that port a device the provider itself has? */
	bool (*provider_port)(u16 port);
	/* May a vCPU run on here while others run in KVM?  Not where the
	 * guest flushes no TLB of a CPU that KVM calls preempted. */
	bool (*several)(struct vm *vm);
};

/*
 * How a guest's state gets into another provider's VM for good (vmm/switch.h).
 * Reading changes nothing, and what is loaded in vain does not hurt.  load_times
 * comes last: it writes the clock that guests read in their memory.
 */
struct kvm_vm;
struct arch_move {
	size_t vm_size, cpu_size;      /* of what is saved              */
	/* Interrupt controllers and timers of `other`. [loop] */
	int  (*prepare)(struct vm *vm, struct kvm_vm *other, struct err *e);
	/* What CPUID says; the first vCPU's turn also learns what each side
	 * has. [loop, no thread yet] */
	int  (*prepare_cpu)(struct vcpu *v, struct kvm_vcpu *other,
			    struct err *e);
	int  (*save_cpu)(struct vcpu *v, void *cpu, struct err *e);   /* [vcpu] */
	int  (*load_cpu)(struct vcpu *v, struct kvm_vcpu *to, const void *cpu,
			 struct err *e);                               /* [vcpu] */
	int  (*save)(struct vm *vm, void *all, struct err *e);        /* [loop] */
	int  (*load)(struct vm *vm, struct kvm_vm *to, const void *all,
		     struct err *e);                                   /* [loop] */
	int  (*load_times)(struct vcpu *v, struct kvm_vcpu *to,
			   const void *cpu, struct err *e);            /* [vcpu] */
	/* Its guest has gone: no timer of it ticks any more. */
	void (*quiet)(struct vm *vm, struct kvm_vm *left);            /* [loop] */
	void (*quiet_cpu)(struct vcpu *v, struct kvm_vcpu *left);     /* [vcpu] */
};

struct arch {
	const char *name;              /* "x86_64" */
	size_t regs_size;              /* of a register snapshot        */

	/* Memory, devices, irqchip, ACPI, kernel: in machine.c's order. [loop] */
	int  (*build)(struct vm *vm, struct err *e);
	void (*destroy)(struct vm *vm);
	/* (Re)load boot state into vCPU registers and RAM images. [loop, parked] */
	int  (*reset)(struct vm *vm, struct err *e);
	/* Out of suspend to RAM: vCPUs where the guest said, RAM as it is.
	 * NULL: vm->can_suspend is never set. [loop, parked, devices reset] */
	int  (*wake)(struct vm *vm, struct err *e);
	/* The id KVM_CREATE_VCPU wants for vCPU `index` (the APIC ID). NULL:
	 * the index. [vcpu] */
	unsigned (*vcpu_id)(struct vm *vm, unsigned index);
	/* CPUID, MSRs: once per vCPU after creation. [vcpu] */
	int  (*vcpu_init)(struct vcpu *v, struct err *e);
	/* Registers as a plain struct; memory of regs_size. [vcpu] */
	int  (*get_regs)(struct vcpu *v, void *regs);
	/* Load what differs from now; -errno. [vcpu] */
	int  (*set_regs)(struct vcpu *v, const void *regs);
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
	/* Every CPU feature with a name, and whether the guest of `model`, as
	 * -cpu takes it, would have it here.  -EINVAL: no such model or
	 * feature. NULL ok. [loop] */
	int  (*expand_cpu)(struct vm *vm, const char *model,
			   void (*fn)(const char *feature, bool on,
				      void *opaque),
			   void *opaque, struct err *e);
	const struct arch_debug *debug;        /* NULL: no gdb            */
	const struct arch_helper *helper;      /* NULL: KVM gets no help  */
	const struct arch_move *move;          /* NULL: no accel_switch   */
};

extern const struct arch arch_x86_64;

#endif
