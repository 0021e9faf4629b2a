/* SPDX-License-Identifier: MIT */
/*
 * A VM of four vCPUs that only counts what the irqchip tells it.
 */
#ifndef TEST_IRQCHIP_FAKE_H
#define TEST_IRQCHIP_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "tcg-plugin/x86/irqchip/irqchip_priv.h"

#define FAKE_CPUS 4

struct fake_vm {
	_Atomic int notified[FAKE_CPUS], nmi[FAKE_CPUS], smi[FAKE_CPUS];
	_Atomic int init[FAKE_CPUS], sipi[FAKE_CPUS], eoi[64];
	_Atomic u64 tsc;
	u8 sipi_vector;
	struct irqchip *ic;
	struct lapic *cpu[FAKE_CPUS];
};

static inline void fake_notify(void *o, unsigned id)
{
	((struct fake_vm *)o)->notified[id]++;
}
static inline void fake_nmi(void *o, unsigned id)
{
	((struct fake_vm *)o)->nmi[id]++;
}
static inline void fake_smi(void *o, unsigned id)
{
	((struct fake_vm *)o)->smi[id]++;
}
static inline void fake_init(void *o, unsigned id)
{
	((struct fake_vm *)o)->init[id]++;
}
static inline void fake_sipi(void *o, unsigned id, u8 v)
{
	((struct fake_vm *)o)->sipi[id]++;
	((struct fake_vm *)o)->sipi_vector = v;
}
static inline void fake_eoi(void *o, unsigned gsi)
{
	((struct fake_vm *)o)->eoi[gsi]++;
}
static inline u64 fake_tsc(void *o, unsigned id)
{
	(void)id;
	return ((struct fake_vm *)o)->tsc;
}
static inline u64 fake_hz(void *o)
{
	(void)o;
	return 1000000000;
}

static inline u64 apic_rd(struct lapic *l, unsigned off)
{
	u64 v = 0;

	assert_true(lapic_mmio(l, 0xfee00000u + off, 4, &v, false));
	return v;
}

static inline void apic_wr(struct lapic *l, unsigned off, u32 val)
{
	u64 v = val;

	assert_true(lapic_mmio(l, 0xfee00000u + off, 4, &v, true));
}

/* Four LAPICs, software-enabled, flat logical ids 1, 2, 4, 8. */
static inline void fake_up(struct fake_vm *vm)
{
	struct irqchip_host h = {
		.notify = fake_notify, .nmi = fake_nmi, .smi = fake_smi,
		.init = fake_init, .sipi = fake_sipi, .eoi = fake_eoi,
		.guest_tsc = fake_tsc, .tsc_hz = fake_hz, .opaque = vm,
	};

	memset(vm, 0, sizeof(*vm));
	vm->ic = irqchip_create(&h);
	assert_non_null(vm->ic);
	for (unsigned i = 0; i < FAKE_CPUS; i++) {
		vm->cpu[i] = lapic_create(vm->ic, i);
		assert_non_null(vm->cpu[i]);
		apic_wr(vm->cpu[i], APIC_SVR, 0x1ff);
		apic_wr(vm->cpu[i], APIC_LDR, 1u << (24 + i));
		apic_wr(vm->cpu[i], APIC_LVT0, LVT_MASKED);
	}
}

static inline void fake_down(struct fake_vm *vm)
{
	for (unsigned i = 0; i < FAKE_CPUS; i++)
		lapic_destroy(vm->cpu[i]);
	irqchip_destroy(vm->ic);
}

static inline void fake_x2apic(struct fake_vm *vm)
{
	for (unsigned i = 0; i < FAKE_CPUS; i++)
		assert_int_equal(lapic_set_base(vm->cpu[i],
			lapic_base(vm->cpu[i]) | APIC_BASE_EXTD), 0);
}

/* Acknowledge and end whatever is next; its vector or -1. */
static inline int fake_take(struct lapic *l)
{
	int vec = lapic_ack(l);

	if (vec >= 0)
		apic_wr(l, APIC_EOI, 0);
	return vec;
}

static inline void pio_wr(struct irqchip *ic, u16 port, u8 v)
{
	u32 val = v;

	assert_true(irqchip_pio(ic, port, 1, &val, true));
}

static inline u8 pio_rd(struct irqchip *ic, u16 port)
{
	u32 val = 0;

	assert_true(irqchip_pio(ic, port, 1, &val, false));
	return val;
}

static inline void io_wr(struct irqchip *ic, u8 reg, u32 val)
{
	u64 v = reg;

	assert_true(irqchip_mmio(ic, 0xfec00000u, 4, &v, true));
	v = val;
	assert_true(irqchip_mmio(ic, 0xfec00010u, 4, &v, true));
}

static inline u32 io_rd(struct irqchip *ic, u8 reg)
{
	u64 v = reg;

	assert_true(irqchip_mmio(ic, 0xfec00000u, 4, &v, true));
	assert_true(irqchip_mmio(ic, 0xfec00010u, 4, &v, false));
	return v;
}

static inline void io_rte(struct irqchip *ic, unsigned pin, u32 low, u8 dest)
{
	io_wr(ic, 0x11 + 2 * pin, (u32)dest << 24);
	io_wr(ic, 0x10 + 2 * pin, low);
}

#endif
