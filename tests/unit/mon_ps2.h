/* SPDX-License-Identifier: MIT */
/*
 * A real PS/2 controller in the monitor tests' machine, read as a guest does.
 */
#ifndef MOTE_TESTS_MON_PS2_H
#define MOTE_TESTS_MON_PS2_H

#include "tests/unit/mon_fake.h"

extern const struct device_class i8042_class;

static void ps2_wire(void *o, unsigned n, int level)
{
	(void)o, (void)n, (void)level;
}

static struct irq_line ps2_gsi(void *o, unsigned n)
{
	return (struct irq_line){ .set = ps2_wire, .opaque = o, .n = n };
}

static inline struct device *ps2_add(struct fake *f)
{
	struct device *d;
	struct err e = { 0 };

	f->vm.env = (struct device_env){ .pio = f->vm.pio, .mmio = f->vm.mmio,
					 .clock = &f->vm.clock,
					 .gsi = ps2_gsi };
	d = device_create(&i8042_class, NULL, &f->vm.env);
	assert_int_equal(device_realize(d, &e), 0);
	device_reset(d);
	list_append(&f->vm.devices, &d->node);
	return d;
}

static inline void ps2_remove(struct device *d)
{
	list_remove(&d->node);
	device_destroy(d);
}

static inline void ps2_out(struct fake *f, u16 port, u8 v)
{
	bus_write(f->vm.pio, port, v, 1);
}

/* Everything there is, as "k1e k9e m08 ..."; k and m say whose. */
static inline const char *ps2_said(struct fake *f)
{
	static char text[1024];
	size_t n = 0;
	u64 v, status;

	text[0] = '\0';
	while (bus_read(f->vm.pio, 0x64, &status, 1) && status & 1 &&
	       n + 8 < sizeof(text)) {
		bus_read(f->vm.pio, 0x60, &v, 1);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c%02x",
				      n ? " " : "", status & 0x20 ? 'm' : 'k',
				      (unsigned)v);
	}
	return text;
}

/* A mouse tells of moves when its driver said so. */
static inline void ps2_enable_mouse(struct fake *f)
{
	ps2_out(f, 0x64, 0xd4);
	ps2_out(f, 0x60, 0xf4);
	assert_string_equal(ps2_said(f), "mfa");
}

#endif
