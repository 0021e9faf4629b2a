// SPDX-License-Identifier: MIT
/*
 * Device memory: our own chips, ioeventfds, and the I/O log.
 *
 * Room:     LEAVE_MMIO and its replay.
 * Talks to: irqchip, ioeventfd.c, kvm_run.
 * Never:    performs a device access twice: what was answered is replayed.
 */
#include "tcg-plugin/x86/mmio.h"

#include <string.h>

#include "tcg-plugin/provider_priv.h"

enum { IOAPIC_PAGE = 0xfec00 };
#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_X2APIC BIT(10)

bool mmio_inside(struct x86_cpu *c, gpa_t pa)
{
	u64 base;

	if (!c->lapic)
		return false;
	if (pa >> PAGE_SHIFT == IOAPIC_PAGE)
		return true;
	base = lapic_base(c->lapic);
	return (base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) ==
	       APIC_BASE_ENABLE &&
	       (base & c->phys_mask) >> PAGE_SHIFT == pa >> PAGE_SHIFT;
}

static bool inside_access(struct x86_cpu *c, gpa_t pa, u64 *val, unsigned n,
			  bool write)
{
	struct irqchip *ic = tcg_irqchip(c->vm);

	if (!ic || !c->lapic)
		return false;
	return lapic_mmio(c->lapic, pa, n, val, write) ||
	       irqchip_mmio(ic, pa, n, val, write);
}

bool io_log_next(struct x86_cpu *c, u64 addr, u64 *val, unsigned size,
		 bool write, bool pio)
{
	struct x86_io_log *log = &c->io;

	if (log->cursor < log->count) {
		*val = log->e[log->cursor++].data;
		return true;
	}
	if (log->count == ARRAY_LEN(log->e))
		x86_exit(c, LEAVE_INTERNAL);
	log->e[log->count].addr = addr;
	log->e[log->count].size = size;
	log->e[log->count].write = write;
	log->e[log->count].pio = pio;
	log->e[log->count].data = *val;
	log->pending = true;
	return false;
}

/* One access of at most 8 bytes that only the VMM can answer. */
static u64 leave_mmio(struct x86_cpu *c, gpa_t pa, u64 val, unsigned n,
		      bool write)
{
	struct kvm_run *run = c->run;

	if (io_log_next(c, pa, &val, n, write, false))
		return val;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = pa;
	run->mmio.len = n;
	run->mmio.is_write = write;
	memcpy(run->mmio.data, &val, sizeof(run->mmio.data));
	x86_exit(c, LEAVE_MMIO);
}

static void mmio_read_some(struct x86_cpu *c, gpa_t pa, void *buf, unsigned n)
{
	u64 val = 0;

	if (!inside_access(c, pa, &val, n, false))
		val = leave_mmio(c, pa, 0, n, false);
	memcpy(buf, &val, n);
}

static void mmio_write_some(struct x86_cpu *c, gpa_t pa, const void *buf,
			    unsigned n)
{
	bool replayed = c->io.cursor < c->io.count;
	u64 val = 0;

	memcpy(&val, buf, n);
	if (inside_access(c, pa, &val, n, true))
		return;
	if (!replayed && tcg_ioeventfd_write(c->vm, false, pa, n, val))
		return;
	leave_mmio(c, pa, val, n, true);
}

/* KVM hands the VMM at most 8 bytes at a time, in address order. */
void mmio_read(struct x86_cpu *c, gpa_t pa, void *buf, unsigned n)
{
	for (u8 *to = buf; n; ) {
		unsigned k = MIN(n, 8);

		mmio_read_some(c, pa, to, k);
		to += k;
		pa += k;
		n -= k;
	}
}

void mmio_write(struct x86_cpu *c, gpa_t pa, const void *buf, unsigned n)
{
	for (const u8 *from = buf; n; ) {
		unsigned k = MIN(n, 8);

		mmio_write_some(c, pa, from, k);
		from += k;
		pa += k;
		n -= k;
	}
}

void io_log_complete(struct x86_cpu *c)
{
	struct x86_io_log *log = &c->io;
	struct kvm_run *run = c->run;
	const u8 *from = run->mmio.data;
	u64 val = 0;

	if (!log->pending)
		return;
	log->pending = false;
	if (log->count == ARRAY_LEN(log->e))
		return;
	if (!log->e[log->count].write) {
		if (log->e[log->count].pio)
			from = (const u8 *)run + PAGE_SIZE;
		memcpy(&val, from, MIN(log->e[log->count].size, 8));
		log->e[log->count].data = val;
	}
	log->count++;
}
