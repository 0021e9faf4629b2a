/* SPDX-License-Identifier: MIT */
/*
 * Device memory as an instruction meets it: the LAPIC and IOAPIC inside,
 * ioeventfds, and the VMM's devices through kvm_run (LEAVE_MMIO).
 *
 * Thread: the vCPU's.
 */
#ifndef TCG_X86_MMIO_H
#define TCG_X86_MMIO_H

#include "tcg-plugin/x86/cpu.h"

/* Does this physical page belong to a chip of ours, whatever slots say? */
bool mmio_inside(struct x86_cpu *c, gpa_t pa);
void mmio_read(struct x86_cpu *c, gpa_t pa, void *buf, unsigned n);
void mmio_write(struct x86_cpu *c, gpa_t pa, const void *buf, unsigned n);

/*
 * The next device access of the current instruction.  True: it was answered
 * already, *val is the answer.  False: it is noted, and the caller fills kvm_run
 * and leaves.
 */
bool io_log_next(struct x86_cpu *c, u64 addr, u64 *val, unsigned size,
		 bool write, bool pio);
/* The VMM answered the exit: note it in the log, to be replayed. */
void io_log_complete(struct x86_cpu *c);

#endif
