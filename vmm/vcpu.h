/* SPDX-License-Identifier: MIT */
/*
 * A vCPU thread: run -> exit -> dispatch, park, and run calls on demand.
 *
 * Invariants: only the vCPU's thread issues vCPU ioctls; everybody else uses
 * vcpu_call.  A parked vCPU (VM not running) still answers vcpu_call.  Until
 * vcpu_start there is no thread, and vcpu_call runs on its caller's: building
 * a machine needs no thread switch.
 */
#ifndef MOTE_VCPU_H
#define MOTE_VCPU_H

#include <pthread.h>
#include <signal.h>

#include "vmm/base/lock.h"
#include "vmm/kvm/kvm.h"

struct vm;

/* To a vCPU's thread: leave KVM_RUN. */
#define VCPU_KICK_SIGNAL SIGUSR1

struct vcpu {
	struct vm *vm;
	struct kvm_vcpu kvm;
	unsigned index;
	pthread_t thread;
	pid_t tid;                     /* thread_id of info cpus           */
	struct lock lock;              /* guards the fields below          */
	pthread_cond_t wake, done;
	bool started, parked, stop, quit;
	bool held;                     /* [loop] stands while others run   */
	bool io_pending;               /* [vcpu] an exit KVM_RUN must finish */
	_Atomic bool attention;        /* stop, quit or work was set        */
	struct vcpu_work *work;        /* queue of posted calls            */
	_Atomic bool halted;           /* last seen in HLT (informational) */
	_Atomic u64 exits[40];         /* by KVM_EXIT_*, for info stats    */
	_Atomic u64 dirty_limit;       /* pages a second, 0: any           */
	bool overran;                  /* [vcpu] KVM did its ring, and we said so */
	_Atomic bool too_fast;         /* it waits until slow_until        */
	s64 slow_until;                /* under lock: what it wrote is paid for */
	u64 pages_charged;             /* under lock                       */
	_Atomic u64 calls;             /* vcpu_calls it left the guest for */
};

/* Create the KVM vCPU, parked and without its thread. [loop] */
struct vcpu *vcpu_create(struct vm *vm, unsigned index, struct err *e);
int  vcpu_start(struct vcpu *v, struct err *e);        /* its thread. [loop] */
void vcpu_destroy(struct vcpu *v);     /* joins; NULL is fine. [loop] */
void vcpu_resume(struct vcpu *v);      /* after vcpu_start. [loop] */
void vcpu_park(struct vcpu *v);        /* returns when parked. [loop] */
/* As vcpu_park but returns at once: park many by asking each first.  A vCPU
 * may ask itself, and then stops before its next instruction. [any] */
void vcpu_park_ask(struct vcpu *v);
bool vcpu_is_current(const struct vcpu *v);            /* [any] */

/* Run fn on the vCPU's thread between two KVM_RUNs and wait for it.
 * [any but another vCPU's thread holding a device lock] */
void vcpu_call(struct vcpu *v, void (*fn)(struct vcpu *v, void *opaque),
	       void *opaque);

/* Its thread goes on with `other`, which gets what it had so far; between the
 * VMs' exchange (kvm.h) and a vcpu_resume. [loop, parked] */
void vcpu_exchange(struct vcpu *v, struct kvm_vcpu *other);
/*
 * With dirty rings: how many pages a second it may write, 0: any; and take its
 * ring, hold it back if that was more; the pages so far. [any]
 */
void vcpu_limit_dirty(struct vcpu *v, u64 pages);
u64  vcpu_charge_dirty(struct vcpu *v);

/* Where it is to stop, for a debugger; -errno. [vcpu] */
int  vcpu_debug(struct vcpu *v, const struct kvm_guest_debug *d);

/* Let the device answer the port or memory access `run` is about. [vcpu] */
void vcpu_answer(struct vm *vm, struct kvm_run *run);

#endif
