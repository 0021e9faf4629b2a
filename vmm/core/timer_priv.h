/* SPDX-License-Identifier: MIT */
/*
 * The timers of one loop: a heap per clock, under one lock.
 *
 * Room-private: loop.c owns one and asks it how long to sleep; timer.c
 * implements the timer_* verbs of loop.h.
 */
#ifndef MOTE_CORE_TIMER_PRIV_H
#define MOTE_CORE_TIMER_PRIV_H

#include "vmm/base/lock.h"
#include "vmm/core/loop.h"

struct timer_heap {
	const struct clock *clock;     /* NULL: host time               */
	struct timer **v;              /* 1-based, earliest first       */
	unsigned n, cap;
};

struct timers {
	struct lock lock;
	struct timer_heap *heaps;      /* one per clock ever used: two  */
	unsigned nheaps;
	bool asleep;                   /* the loop sleeps by an old deadline */
};

/* fini: no timer is armed any more. */
void timers_init(struct timers *t);
void timers_fini(struct timers *t);
/* ns to sleep until the first deadline, -1 for ever; marks the loop asleep. */
s64  timers_sleep(struct timers *t);
void timers_awake(struct timers *t);
void timers_run(struct timers *t);     /* call what is due, unlocked */

/* loop.c's: the timers of a loop, and a kick out of its sleep. */
struct timers *loop_timers(struct loop *l);
void loop_wake(struct loop *l);        /* [any] */

#endif
