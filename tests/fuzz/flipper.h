/* SPDX-License-Identifier: MIT */
/*
 * A second processor of the hostile guest: writes to its memory while the
 * device reads it.  What it writes, and where, comes from the input.
 *
 * Thread: one, started at first use and kept; flipper_stop waits until it
 * touches nothing any more.
 */
#ifndef MOTE_FUZZ_FLIPPER_H
#define MOTE_FUZZ_FLIPPER_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "tests/fuzz/input.h"

enum { FLIPS = 16 };

static struct {
	pthread_t thread;
	bool made;
	sem_t wake;
	_Atomic bool go, busy;
	u8 *ram;
	struct flip {
		u32 at;
		u16 a, b;              /* written in turns                 */
	} flip[FLIPS];
	unsigned n;
} flipper;

static void *flipper_main(void *opaque)
{
	for (;;) {
		sem_wait(&flipper.wake);
		for (unsigned i = 0; flipper.go; i = (i + 1) % flipper.n) {
			const struct flip *f = &flipper.flip[i];
			u16 *p = (void *)(flipper.ram + f->at);

			__atomic_store_n(p, f->a, __ATOMIC_RELAXED);
			__atomic_store_n(p, f->b, __ATOMIC_RELAXED);
		}
		flipper.busy = false;
	}
	return opaque;
}

static inline void flipper_stop(void)
{
	flipper.go = false;
	while (flipper.busy)
		sched_yield();
}

static inline void flipper_make(void)
{
	if (sem_init(&flipper.wake, 0, 0) < 0 ||
	    pthread_create(&flipper.thread, NULL, flipper_main, NULL) != 0)
		abort();
	flipper.made = true;
}

/* Up to FLIPS places within [0, len) of `ram`, even. */
static inline void flipper_start(u8 *ram, u32 len, struct input *in)
{
	flipper_stop();
	flipper.ram = ram;
	flipper.n = take(in, 1) % FLIPS + 1;
	for (unsigned i = 0; i < flipper.n; i++) {
		struct flip *f = &flipper.flip[i];

		f->at = take(in, 2) % (len / 2) * 2;
		f->a = take(in, 2);
		f->b = take(in, 2);
	}
	if (!flipper.made)
		flipper_make();
	flipper.busy = flipper.go = true;
	sem_post(&flipper.wake);
}

#endif
