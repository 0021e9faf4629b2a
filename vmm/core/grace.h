/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: readers that take no lock, writers that free no sooner than
 * the last reader which could still look has left.
 *
 * A reader is between grace_enter and grace_leave; it may nest, block and
 * publish new versions itself.  A writer unlinks an object, then either
 * retires it (freed later, by whichever thread leaves last) or waits.
 *
 * Invariants: readers announce themselves on one of SHARDS cache lines, in
 * one of two epochs; an object is freed after both epochs were seen empty
 * since it was retired.
 * Thread: any; grace_wait not from inside a read section.
 */
#ifndef MOTE_CORE_GRACE_H
#define MOTE_CORE_GRACE_H

#include <stdatomic.h>

#include "vmm/base/lock.h"
#include "vmm/base/types.h"

enum { GRACE_SHARDS = 16 };

struct grace_shard {
	_Alignas(64) _Atomic u32 readers[2];
};

struct grace {
	struct grace_shard shards[GRACE_SHARDS];
	_Atomic unsigned epoch;        /* its low bit picks readers[]     */
	_Atomic bool pending;          /* something is retired            */
	struct lock lock;              /* guards the fields below         */
	unsigned flips;                /* of the epoch since `waiting`    */
	struct grace_item *waiting;    /* freed after two flips           */
	struct grace_item *fresh;      /* retired since                   */
};

/* Embed first in what is to be retired: it is passed to free(). */
struct grace_item {
	struct grace_item *next;
};

struct grace_ticket {
	struct grace_shard *shard;
	unsigned epoch;
};

void grace_init(struct grace *g);
void grace_fini(struct grace *g);      /* no readers: frees all retired */
struct grace_ticket grace_enter(struct grace *g);
void grace_leave(struct grace *g, struct grace_ticket t);
void grace_retire(struct grace *g, struct grace_item *i);
void grace_wait(struct grace *g);

#endif
