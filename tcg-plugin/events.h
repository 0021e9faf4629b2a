/* SPDX-License-Identifier: MIT */
/*
 * Events of one vCPU, looked at between blocks.  Thread: the vCPU's, inside.
 */
#ifndef TCG_EVENTS_H
#define TCG_EVENTS_H

#include "tcg-plugin/provider_priv.h"

/* Take latched INIT and SIPI. */
void tcg_accept_init(struct tcg_vcpu *v);
/* Has it something to execute now?  A halted vCPU with a deliverable event
 * becomes runnable. */
bool tcg_runnable(struct tcg_vcpu *v);
/* Exception, NMI or interrupt, the first that may; inside the unwind scope. */
void tcg_deliver(struct tcg_vcpu *v);
/* Would KVM_INTERRUPT's vector be taken at once? */
bool tcg_irq_window(const struct tcg_vcpu *v);

#endif
