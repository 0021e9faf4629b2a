/* SPDX-License-Identifier: MIT */
/*
 * Time, in nanoseconds.
 *
 * CLOCK_HOST runs always; CLOCK_GUEST stops while the VM is stopped and is
 * what devices read; CLOCK_WALL is the guest's idea of UTC (-rtc base).
 * Thread: reads are lock-free from any thread; clock_stop/start on the loop.
 */
#ifndef MOTE_CORE_CLOCK_H
#define MOTE_CORE_CLOCK_H

#include "vmm/base/types.h"

struct clock {
	s64 (*source)(void *opaque);   /* NULL: clock_host_ns [any]           */
	void *opaque;
	_Atomic s64 offset;            /* guest = source + offset, running    */
	_Atomic s64 stopped_at;        /* guest time while stopped            */
	_Atomic bool running;
	_Atomic s64 wall_offset;       /* UTC ns = guest + wall_offset        */
};

void clock_init(struct clock *c, s64 wall_ns);  /* stopped, guest time 0 */
/* Guest time passes as this one does; while stopped, before anyone reads it. */
void clock_set_source(struct clock *c, s64 (*source)(void *), void *opaque);
void clock_start(struct clock *c);
void clock_stop(struct clock *c);
s64  clock_host_ns(void);              /* CLOCK_MONOTONIC */
s64  clock_guest_ns(const struct clock *c);
s64  clock_wall_ns(const struct clock *c);
void clock_set_guest_ns(struct clock *c, s64 ns);   /* restore, stopped only */
void clock_set_wall_ns(struct clock *c, s64 ns);

#endif
