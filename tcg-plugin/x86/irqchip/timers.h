/* SPDX-License-Identifier: MIT */
/*
 * One thread per VM that fires the irqchip's timers (PIT, LAPICs), or, where
 * the guest's time is not the host's, whoever keeps that time.
 *
 * Invariants: a callback runs with no lock of this file held; it may arm any
 * timer, its own included.  A callback may be late relative to a cancel, so
 * owners keep their due time under their own lock and check it when called.
 * Lock order: the owner's lock, then timers->lock.
 *
 * The thread sleeps in read() of a timerfd, which whoever arms an earlier timer
 * sets: the thread wakes when a timer is due and never to be told of one.
 */
#ifndef TCG_X86_TIMERS_H
#define TCG_X86_TIMERS_H

#include <pthread.h>

#include "vmm/base/lock.h"
#include "vmm/base/types.h"

struct ic_timer {
	void (*fn)(void *opaque, s64 now);     /* [timer thread] */
	void *opaque;
	s64 due;                       /* ns, CLOCK_MONOTONIC or the keeper's */
	unsigned pos;                  /* heap index + 1; 0: not armed */
};

struct ic_timers {
	struct lock lock;
	pthread_cond_t idle;
	pthread_t thread;
	bool started, quit;
	void (*sooner)(void *opaque);  /* no thread: the first is due earlier */
	void *opaque;
	int fd;                        /* timerfd, or -1: no thread    */
	s64 alarm;                     /* what fd is set to            */
	struct ic_timer *running;
	struct ic_timer **heap;
	unsigned n, cap;
};

s64  ic_now(void);                     /* CLOCK_MONOTONIC, ns */

void ic_timers_init(struct ic_timers *t);
/* No thread: ic_timers_fire does it; `sooner` is called, with owners' locks held,
 * when the first due time moves nearer. */
void ic_timers_init_kept(struct ic_timers *t, void (*sooner)(void *),
			 void *opaque);
/* Fire what is due by `now`; when is the next?  INT64_MAX: none. [keeper] */
s64  ic_timers_fire(struct ic_timers *t, s64 now);
void ic_timers_fini(struct ic_timers *t);      /* joins the thread */
void ic_timer_init(struct ic_timer *x, void (*fn)(void *, s64), void *opaque);
void ic_timer_arm(struct ic_timers *t, struct ic_timer *x, s64 due); /* [any] */
void ic_timer_cancel(struct ic_timers *t, struct ic_timer *x);      /* [any] */
/* Cancel and wait for a callback under way; not from a callback, and with no
 * lock held that the callback takes. */
void ic_timer_fini(struct ic_timers *t, struct ic_timer *x);

#endif
