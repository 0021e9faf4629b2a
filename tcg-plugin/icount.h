/* SPDX-License-Identifier: MIT */
/*
 * Counted instructions: the guest's time as a function of what it ran.
 *
 * With it on, one guest instruction takes 2^shift ns, the TSC counts those
 * nanoseconds (1 GHz), and the irqchip's timers fire between two blocks of the
 * only vCPU, when their time has come and not by any host clock.  A vCPU that
 * halts skips to the next timer: at once, or (sleep) once as much of the host's
 * time has passed.
 *
 * Invariant: now = base_ns + (run - base_run) << shift, where `run` counts a
 * block's instructions when it starts.
 * Thread: all but icount_now and icount_set are the vCPU thread's.
 */
#ifndef TCG_ICOUNT_H
#define TCG_ICOUNT_H

#include <stdatomic.h>

#include "vmm/base/types.h"
#include "vmm/kvm/provider.h"

struct tcg_vcpu;

enum { ICOUNT_AUTO_SHIFT = 3, ICOUNT_TSC_KHZ = 1000000 };

struct icount {
	bool on, automatic, sleep;
	s64 wall_ns;                   /* UTC when time was 0, since 1970   */
	struct x86_cpu *cpu;           /* the one                          */
	_Atomic u32 seq;               /* odd while the rest changes       */
	_Atomic u32 shift;
	_Atomic s64 base_ns;
	_Atomic u64 base_run, end;     /* run = end - cpu's icount_left    */
	s64 auto_host, auto_guest;     /* last look at both clocks         */
};

/* The control "icount" (provider.h), before the first vCPU.  -EINVAL: a shift too
 * large. [VMM] */
int  icount_set(struct icount *ic, u64 how);
/* ns since the VM was made. [any] */
s64  icount_now(struct icount *ic);
/* Fire what is due and run until the next. */
void icount_settle(struct tcg_vcpu *v);
/* The vCPU halted: how long may it sleep?  ns of the host's time, 0: go on at
 * once, -1: until something wakes it. */
s64  icount_idle(struct tcg_vcpu *v);
/* It slept that long. */
void icount_slept(struct tcg_vcpu *v, s64 ns);

#endif
