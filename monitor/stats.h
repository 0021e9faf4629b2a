/* SPDX-License-Identifier: MIT */
/*
 * Run-time statistics as text. [main loop]
 */
#ifndef MOTE_MONITOR_STATS_H
#define MOTE_MONITOR_STATS_H

#include "monitor/mon.h"

/* Of `v`, or of the VM when it is NULL; `names`: a list by commas, "*" or
 * NULL for all.  `head`: say whose they are.  -errno when the kernel has
 * none: a vCPU's exits as mote counted them are printed then. */
int  stats_print(struct vm *vm, struct vcpu *v, const char *names, bool head,
		 struct strbuf *out);

#endif
