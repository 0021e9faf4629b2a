/* SPDX-License-Identifier: MIT */
/*
 * KVM's helper: what the kernel's KVM cannot execute, the plugin does.
 *
 * KVM answers some instructions with KVM_EXIT_INTERNAL_ERROR: those it must
 * emulate and has no code for.  The helper has a *twin* of the VM in the plugin,
 * over the same memory and without devices: the vCPU's state moves there, the
 * instruction executes, the state moves back, and KVM goes on.
 *
 * A KVM that emulates kernel code fails often, and runs it slowly.  There the
 * twin goes on, up to HELPER_SLICE instructions, to the next return to user
 * code, device or MSR; and a timer takes the vCPU out of KVM every now and then
 * to look whether it is in its kernel: user code runs in KVM, the kernel
 * mostly here.  A VM of one CPU that has run for a second has its KVM measured.
 *
 * Such a KVM also stops at few of a debugger's breakpoints.  Once any was
 * armed, all of the vCPU's code runs in the twin, which stops at every one;
 * KVM delivers interrupts and does what only it can, an instruction at a time.
 *
 * The plugin is loaded when the machine is built, while executable memory may
 * still be mapped; the twin is made with the first failure and is interpreted.
 */
#ifndef MOTE_HELPER_H
#define MOTE_HELPER_H

#include "vmm/base/strbuf.h"
#include "vmm/kvm/kvm.h"

struct vm;
struct vcpu;
struct helper;

enum { HELPER_SLICE = 50000, HELPER_RECENT = 8 };

/* A step of building a machine: where KVM runs the guest, now or after a switch,
 * and unless told not to.  The plugin must be loaded while executable memory may
 * still be mapped; nothing of it runs unless needed. [loop] */
int  helper_load(struct vm *vm, struct err *e);
/* vm->helper is this one from now on, or none: KVM runs the guest, or not.  No
 * vCPU runs meanwhile. [loop] */
void helper_begin(struct helper *h);
void helper_rest(struct helper *h);
/* `plugin` makes the twin. [loop] */
struct helper *helper_create(struct vm *vm, const struct kvm_provider *plugin);
void helper_destroy(struct helper *h);         /* NULL is fine. [loop] */

/* The vCPU's last KVM_RUN failed to emulate.  True: it may go on, and KVM_RUN
 * must be entered before anybody looks at its registers; or a debugger is to
 * look, if kvm_run says KVM_EXIT_DEBUG now. [vcpu] */
bool helper_execute(struct helper *h, struct vcpu *v);
/* Around each KVM_RUN.  helper_before arms the timer; helper_after, when KVM_RUN
 * was interrupted, is true as helper_execute is. [vcpu] */
void helper_before(struct helper *h, struct vcpu *v);
bool helper_after(struct helper *h, struct vcpu *v);
/* KVM_EXIT_DEBUG: was it a breakpoint of the helper's own?  Then as above. */
bool helper_trapped(struct helper *h, struct vcpu *v);
/* KVM_SET_GUEST_DEBUG; false: it is KVM's to do. [vcpu] */
bool helper_debug(struct helper *h, struct vcpu *v,
		  const struct kvm_guest_debug *d);
/* Does the helper run this vCPU, for its debugger? [vcpu] */
bool helper_debugs(struct helper *h, const struct vcpu *v);
/* Then, before each KVM_RUN: run it.  True: kvm_run says KVM_EXIT_DEBUG, and
 * it is not to be entered now, but before anybody looks at registers. */
bool helper_run(struct helper *h, struct vcpu *v);
/* And KVM_EXIT_DEBUG: was it the instruction KVM was to do, and no more? */
bool helper_expected(struct helper *h, struct vcpu *v);
/* The vCPU's thread ends. [vcpu] */
void helper_leave(struct helper *h, struct vcpu *v);
/* For info kvm: how many, and which were the last. [any] */
void helper_report(struct helper *h, struct strbuf *out);

#endif
