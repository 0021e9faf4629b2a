/* SPDX-License-Identifier: MIT */
/*
 * info mtree: the address spaces as QEMU lays them out.
 *
 * Thread: main loop (devices).
 */
#ifndef MOTE_MONITOR_MTREE_H
#define MOTE_MONITOR_MTREE_H

#include "vmm/base/strbuf.h"
#include "vmm/vm.h"

/* info mtree: a line an area, `owners` with the device each belongs to. */
void mtree_print(struct vm *vm, struct strbuf *out, bool owners);
/* -f: what answers where, overlaps resolved; `dispatch` (-d) adds the table
 * the buses look in. */
void mtree_print_flat(struct vm *vm, struct strbuf *out, bool dispatch,
		      bool owners);

#endif
