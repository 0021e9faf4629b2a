/* SPDX-License-Identifier: MIT */
/*
 * Grace periods by two reader counts, as sleepable RCU has them.  See grace.h.
 *
 * Talks to: nobody.
 * Never:    waits inside grace_retire or grace_leave: a vCPU moving a PCI BAR
 *           retires tables from inside its own read section.
 */
#include "vmm/core/grace.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

void grace_init(struct grace *g)
{
	*g = (struct grace){ 0 };
	lock_init(&g->lock, "grace");
}

static void free_items(struct grace_item *i)
{
	while (i) {
		struct grace_item *next = i->next;

		free(i);
		i = next;
	}
}

void grace_fini(struct grace *g)
{
	free_items(g->waiting);
	free_items(g->fresh);
	lock_fini(&g->lock);
}

struct grace_ticket grace_enter(struct grace *g)
{
	/* Thread descriptors lie pages apart: a fine spread for nothing. */
	u64 self = (u64)pthread_self();
	struct grace_ticket t = {
		.shard = &g->shards[(self * 0x9e3779b97f4a7c15ull) >> 60],
		.epoch = g->epoch & 1,
	};

	t.shard->readers[t.epoch]++;   /* sequentially consistent */
	return t;
}

static bool epoch_empty(struct grace *g, unsigned epoch)
{
	u32 sum = 0;

	for (unsigned i = 0; i < GRACE_SHARDS; i++)
		sum |= g->shards[i].readers[epoch];
	return sum == 0;
}

/*
 * One step towards freeing, never waiting.  A reader may have read the epoch
 * before a flip and announced itself after it, hence two flips, each once
 * the side not in use is empty.  [lock held]; what to free is returned.
 */
static struct grace_item *advance(struct grace *g)
{
	struct grace_item *done = NULL;

	while (g->waiting || g->fresh) {
		if (!g->waiting) {
			g->waiting = g->fresh;
			g->fresh = NULL;
			g->flips = 0;
		}
		if (!epoch_empty(g, ~g->epoch & 1))
			break;
		if (g->flips < 2) {
			g->epoch++;
			g->flips++;
			continue;
		}
		while (g->waiting) {
			struct grace_item *i = g->waiting;

			g->waiting = i->next;
			i->next = done;
			done = i;
		}
	}
	g->pending = g->waiting != NULL;
	return done;
}

static void step(struct grace *g)
{
	struct grace_item *done;

	lock_take(&g->lock);
	done = advance(g);
	lock_drop(&g->lock);
	free_items(done);
}

void grace_leave(struct grace *g, struct grace_ticket t)
{
	t.shard->readers[t.epoch]--;
	if (__builtin_expect(g->pending, 0))
		step(g);
}

void grace_retire(struct grace *g, struct grace_item *i)
{
	lock_take(&g->lock);
	i->next = g->fresh;
	g->fresh = i;
	g->pending = true;
	lock_drop(&g->lock);
	step(g);
}

void grace_wait(struct grace *g)
{
	struct grace_item *mark = malloc(sizeof(*mark));

	if (!mark)
		abort();
	grace_retire(g, mark);
	while (g->pending) {           /* later retirements only delay us */
		sched_yield();
		step(g);
	}
}
