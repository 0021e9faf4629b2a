/* SPDX-License-Identifier: MIT */
/*
 * A machine for one device: buses, guest memory, a clock the test moves, and
 * wires, messages and requests that are only recorded.
 */
#ifndef TEST_DEVICE_FAKE_H
#define TEST_DEVICE_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "vmm/base/strbuf.h"
#include "vmm/core/clock.h"
#include "vmm/core/device.h"
#include "vmm/core/gmem.h"

struct fake_machine {
	struct device_env env;
	struct clock clock;
	struct device *dev;
	int wire[64], edges[64];       /* level now; times it rose */
	int requests, request, request_code;
	int msis;
	u64 msi_addr;
	u32 msi_data;
};

static struct fake_machine fake;       /* one per test program */

static inline void fake_set_wire(void *o, unsigned n, int level)
{
	(void)o;
	fake.edges[n] += level && !fake.wire[n];
	fake.wire[n] = level;
}

static inline struct irq_line fake_gsi(void *o, unsigned n)
{
	return (struct irq_line){ .set = fake_set_wire, .opaque = o, .n = n };
}

static inline void fake_request(void *o, unsigned request, int code)
{
	(void)o;
	fake.requests++;
	fake.request = request;
	fake.request_code = code;
}

static inline void fake_msi(void *o, u64 addr, u32 data)
{
	(void)o;
	fake.msis++;
	fake.msi_addr = addr;
	fake.msi_data = data;
}

/* What the guest clock runs by while fake_turn has it running. */
static inline s64 fake_still(void *o)
{
	(void)o;
	return 0;
}

/* Guest time stands still until fake_pass. */
static inline void fake_pass(s64 ns)
{
	fake.clock.stopped_at += ns;
}

static inline void fake_machine_up(s64 wall_ns)
{
	struct err e = { 0 };

	memset(&fake, 0, sizeof(fake));
	clock_init(&fake.clock, wall_ns);
	clock_set_source(&fake.clock, fake_still, NULL);
	fake.env = (struct device_env){
		.pio = bus_create("io", 0x10000),
		.mmio = bus_create("memory", 1ull << 40),
		.gmem = gmem_create(),
		.loop = loop_create("main", &e),
		.clock = &fake.clock,
		.gsi = fake_gsi,
		.msi = { .send = fake_msi },
		.request = fake_request,
	};
	assert_non_null(fake.env.loop);
}

static inline struct device *fake_new(const struct device_class *c)
{
	return device_create(c, "d0", &fake.env);
}

static inline void fake_realize(struct device *d)
{
	struct err e = { 0 };
	int rc = device_realize(d, &e);

	if (rc < 0)
		print_error("%s\n", e.msg);
	assert_int_equal(rc, 0);
	device_reset(d);
}

/* Make, realize and reset the device under test. */
static inline struct device *fake_device(const struct device_class *c)
{
	fake.dev = fake_new(c);
	fake_realize(fake.dev);
	return fake.dev;
}

static inline void fake_machine_down(void)
{
	device_destroy(fake.dev);
	bus_destroy(fake.env.pio);
	bus_destroy(fake.env.mmio);
	gmem_destroy(fake.env.gmem);
	loop_destroy(fake.env.loop);
}

static inline void fake_stop_loop(void *o)
{
	loop_stop(o);
}

/* One turn of the loop: due timers, descriptors and posted calls.  Timers want
 * a clock that runs; this one does not get on, however long the turn takes. */
static inline void fake_turn(void)
{
	clock_start(&fake.clock);
	loop_clock_changed(fake.env.loop);
	loop_post(fake.env.loop, fake_stop_loop, fake.env.loop);
	loop_run(fake.env.loop);
	clock_stop(&fake.clock);
}

static inline u64 in(u16 port, unsigned size)
{
	u64 v = 0;

	bus_read(fake.env.pio, port, &v, size);
	return v;
}

static inline void out(u16 port, u32 v, unsigned size)
{
	bus_write(fake.env.pio, port, v, size);
}

static inline u8 inb(u16 port)
{
	return in(port, 1);
}

static inline void outb(u16 port, u8 v)
{
	out(port, v, 1);
}

/* Save, reset, load, save again: both images must be equal. */
static inline void fake_round_trip(struct device *d)
{
	const struct state_desc *s = d->class->state;
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
	struct err e = { 0 };

	assert_int_equal(device_save(d, &a, &e), 0);
	device_reset(d);
	assert_int_equal(device_load(d, s->version, a.buf, a.len, &e), 0);
	assert_int_equal(device_save(d, &b, &e), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	strbuf_fini(&a);
	strbuf_fini(&b);
}

#endif
