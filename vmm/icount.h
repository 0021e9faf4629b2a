/* SPDX-License-Identifier: MIT */
/*
 * -icount: the guest's time from the instructions it ran (tcg-plugin/icount.h).
 *
 * Only the plugin can count, and only one vCPU's instructions are one stream.
 * Devices of the VMM read the same time; their own timers still wait by the
 * host's clock for it to come.
 */
#ifndef MOTE_ICOUNT_H
#define MOTE_ICOUNT_H

#include "vmm/vm.h"

/* May this configuration count?  The accelerator is chosen if none was. */
int  icount_check(struct vm_config *c, struct err *e);
/* After the VM is open, before anything reads its time. */
int  icount_start(struct vm *vm, struct err *e);

#endif
