/* SPDX-License-Identifier: MIT */
/*
 * accel_switch: a running VM goes from one provider to the other.
 *
 * With -accel NAME,switch=on a VM of the other provider is made with the
 * machine: no memory, nothing that ticks, but its vCPUs, interrupt controllers and,
 * in the plugin, room for translated code, which cannot be mapped once the
 * sandbox has closed.  CPUID offers what both can do.  A switch moves the state
 * over, and what ran the guest stands by from then on.
 *
 * Thread: the main loop's.
 */
#ifndef MOTE_SWITCH_H
#define MOTE_SWITCH_H

#include "vmm/base/strbuf.h"
#include "vmm/kvm/kvm.h"

struct helper;
struct switcher;
struct vm;

/* Steps of building a machine; both do nothing unless switch=on. */
int  switch_open(struct vm *vm, struct err *e);        /* after open_vm    */
int  switch_prepare(struct vm *vm, struct err *e);     /* after the vCPUs  */
/* `other` stands by; switch_open chooses it. */
int  switch_open_with(struct vm *vm, const struct kvm_provider *other,
		      struct err *e);
/* This helper works while KVM runs the guest; it is the switcher's to end. */
void switch_has_helper(struct switcher *s, struct helper *h);
/* NULL is fine; the vCPUs are gone already. */
void switch_destroy(struct switcher *s);

/* The VM that stands by. */
struct kvm_vm *switch_standby(struct switcher *s);
/* To "kvm" or "tcg".  On failure the VM goes on as it was, where it was; 0 too
 * when it is there already. */
int  switch_to(struct vm *vm, const char *name, struct err *e);
/* For info accel: who stands by, and how often. [any] */
void switch_report(const struct switcher *s, struct strbuf *out);

#endif
