/* SPDX-License-Identifier: MIT */
/*
 * The clocks.  See clock.h.
 *
 * Talks to: CLOCK_MONOTONIC.
 * Never:    takes a lock: devices read the guest clock on every access.
 */
#include "vmm/core/clock.h"

#include <time.h>

s64 clock_host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static s64 source_ns(const struct clock *c)
{
	return c->source ? c->source(c->opaque) : clock_host_ns();
}

void clock_set_source(struct clock *c, s64 (*source)(void *), void *opaque)
{
	assert(!c->running);
	c->source = source;
	c->opaque = opaque;
}

void clock_init(struct clock *c, s64 wall_ns)
{
	c->source = NULL;
	c->offset = 0;
	c->stopped_at = 0;
	c->running = false;
	c->wall_offset = wall_ns;
}

/* `offset` before `running`: a reader that sees true sees the new offset. */
void clock_start(struct clock *c)
{
	if (c->running)
		return;
	c->offset = c->stopped_at - source_ns(c);
	c->running = true;
}

void clock_stop(struct clock *c)
{
	if (!c->running)
		return;
	c->stopped_at = source_ns(c) + c->offset;
	c->running = false;
}

s64 clock_guest_ns(const struct clock *c)
{
	return c->running ? source_ns(c) + c->offset : c->stopped_at;
}

s64 clock_wall_ns(const struct clock *c)
{
	return clock_guest_ns(c) + c->wall_offset;
}

void clock_set_guest_ns(struct clock *c, s64 ns)
{
	assert(!c->running);
	c->wall_offset += c->stopped_at - ns;  /* UTC goes on where it was */
	c->stopped_at = ns;
}

void clock_set_wall_ns(struct clock *c, s64 ns)
{
	c->wall_offset = ns - clock_guest_ns(c);
}
