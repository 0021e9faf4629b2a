/* SPDX-License-Identifier: MIT */
/*
 * Who runs the guest: the kernel's /dev/kvm or mote-tcg.so.
 *
 * Both speak <linux/kvm.h>: system, VM and vCPU objects are real descriptors,
 * requests and structures are the kernel's, errors are -errno.  Nothing above
 * this header asks which provider is underneath.
 *
 * The plugin exports exactly one symbol, `mote_kvm_provider`; the loader
 * refuses another ABI number or a smaller struct.
 */
#ifndef MOTE_KVM_PROVIDER_H
#define MOTE_KVM_PROVIDER_H

#include "vmm/base/types.h"

#define KVM_PROVIDER_ABI    1u
#define KVM_PROVIDER_SYMBOL "mote_kvm_provider"

struct strbuf;

/* Text reports a provider may offer (info jit, info opcount, info kvm). */
enum kvm_report { KVM_REPORT_JIT, KVM_REPORT_OPCOUNT, KVM_REPORT_STATS,
		  KVM_REPORT_LOCKS, /* lines: place, lock, count, ns */
		  KVM_REPORT_IRQS /* info irq */ };

/* The switch "icount" takes a shift, or'ed with these: one guest instruction
 * takes 2^shift ns.  See the plugin's icount.h. */
enum { ICOUNT_AUTO = 1 << 8, ICOUNT_SLEEP = 1 << 9, ICOUNT_ON = 1 << 10,
       ICOUNT_MAX_SHIFT = 10 };

struct kvm_provider {
	u32 abi;                       /* KVM_PROVIDER_ABI               */
	u32 size;                      /* sizeof(struct kvm_provider)    */
	const char *name;              /* "kvm", "tcg"                   */

	/* -> system fd, or -errno. [loop] */
	int  (*open)(void);
	/* The request's result (>= 0) or -errno; `arg` is the pointer or the
	 * integer the kernel's ABI defines. [any; vCPU ioctls: its thread] */
	int  (*ioctl)(int fd, unsigned long request, void *arg);
	/* Closes a system, VM or vCPU fd. [loop] */
	int  (*close)(int fd);
	/* Make KVM_RUN on this vCPU return -EINTR soon, also from HLT; NULL:
	 * setting immediate_exit and a signal does. [any] */
	void (*kick)(int vcpu_fd);
	/* Write a report; returns bytes needed as snprintf does. NULL ok. [any] */
	int  (*report)(int vm_fd, enum kvm_report what, char *buf, size_t n);
	/* Named switches: "one-insn-per-tb" 0/1, "icount" (above; before the
	 * irqchip and vCPUs), "eager" 0/1 (translate code that runs once,
	 * too), "icount-wall" ns since 1970 at guest time 0, "log" mask,
	 * "thread-rules" (struct thread_rules *, before `open`), "perfmap" 1
	 * and "jitdump" 1 (once, before the sandbox), "slices" and "slice"
	 * (see below), "copy": descriptor `value` is now a copy of fd; 0, -ENOENT, -errno.
	 * fd -1: for VMs yet to come. NULL ok. [any] */
	int  (*control)(int fd, const char *name, u64 value);
	/* An exit is a return of this process's own code, no switch of worlds:
	 * as cheap as an eventfd. */
	bool cheap_exits;
};

/*
 * Slices: the plugin executes instructions for a guest that lives elsewhere.
 *
 * control(vm_fd, "slices", 1), before the first vCPU: its vCPUs are only
 * interpreted, and what belongs to the guest's other self (MSRs, HLT, XCR0,
 * hypercalls) is left alone.  control(vcpu_fd, "slice", n) then lets KVM_RUN
 * execute n instructions, or fewer: it returns 0 with KVM_EXIT_UNKNOWN and the
 * number done in hw.hardware_exit_reason when they are over, when one comes
 * that is not its business, and, for n > 1, at privilege level 3 unless
 * KVM_SET_GUEST_DEBUG armed something: then with KVM_EXIT_DEBUG as ever.  So
 * do device accesses.
 */

#endif
