// SPDX-License-Identifier: MIT
/*
 * Port I/O: our own chips, ioeventfds, and KVM_EXIT_IO.
 *
 * Room:     io_in and io_out; the data page follows kvm_run as in KVM.
 * Talks to: irqchip, ioeventfd.c, kvm_run.
 * Never:    trusts what the VMM left in kvm_run but the data bytes.
 */
#include <string.h>

#include "tcg-plugin/provider_priv.h"
#include "tcg-plugin/x86/mmio.h"

static u32 leave_io(struct x86_cpu *c, u16 port, u32 val, unsigned size,
		    bool write)
{
	struct kvm_run *run = c->run;
	u64 answer = val;

	if (io_log_next(c, port, &answer, size, write, true))
		return (u32)answer;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.size = size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = PAGE_SIZE;
	memcpy((u8 *)run + PAGE_SIZE, &val, sizeof(val));
	x86_exit(c, LEAVE_IO);
}

static u32 size_mask(unsigned size)
{
	return size == 4 ? ~0u : (1u << size * 8) - 1;
}

u32 io_in(struct x86_cpu *c, u16 port, unsigned size)
{
	struct irqchip *ic = tcg_irqchip(c->vm);
	u32 val = 0;

	if (ic && irqchip_pio(ic, port, size, &val, false))
		return val & size_mask(size);
	return leave_io(c, port, 0, size, false) & size_mask(size);
}

void io_out(struct x86_cpu *c, u16 port, u32 val, unsigned size)
{
	struct irqchip *ic = tcg_irqchip(c->vm);
	bool replayed = c->io.cursor < c->io.count;

	val &= size_mask(size);
	if (ic && irqchip_pio(ic, port, size, &val, true))
		return;
	if (!replayed && tcg_ioeventfd_write(c->vm, true, port, size, val))
		return;
	leave_io(c, port, val, size, true);
}
