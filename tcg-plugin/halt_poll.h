/* SPDX-License-Identifier: MIT */
/*
 * A halted vCPU looks for its wake-up a while before it sleeps: two vCPUs that
 * answer each other need not wait for the host's scheduler twice a round.
 *
 * Room:     how long to look, learnt from how long the last halts took.
 * Never:    looks longer than HALT_POLL_MAX; keeps another thread from a
 *           processor: it offers its own between looks, and once somebody took
 *           it, looks no more for HALT_POLL_REST halts, and twice as many each
 *           further time.
 * Thread:   the vCPU's own.
 */
#ifndef TCG_HALT_POLL_H
#define TCG_HALT_POLL_H

#include "vmm/base/types.h"

enum {
	HALT_POLL_MAX   = 200 * 1000,  /* ns                              */
	HALT_POLL_FIRST = 20 * 1000,
	HALT_POLL_TAKEN = 50 * 1000,   /* so long between looks: somebody else
					  ran                             */
	HALT_POLL_REST  = 64,          /* halts                           */
	HALT_POLL_REST_MAX = 1 << 16,
};

struct halt_poll {
	s64 ns;                        /* look so long; 0: not at all     */
	u32 rest;                      /* halts until the next try        */
	u32 taken;                     /* how many the next rest has, or 0 */
	u64 found;                     /* wake-ups, statistics            */
};

enum halt_end { HALT_SLEPT, HALT_FOUND, HALT_TAKEN };

/* Look until *request is set or the time is over: HALT_SLEPT. */
enum halt_end halt_poll(struct halt_poll *p, const _Atomic u32 *request);
/* A halt took so long, and that was how looking ended. */
void halt_poll_learn(struct halt_poll *p, enum halt_end how, s64 took);

#endif
