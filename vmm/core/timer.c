/* SPDX-License-Identifier: MIT */
/*
 * Timers of a loop, armed from any thread.  See loop.h and timer_priv.h.
 *
 * Talks to: its loop, which it wakes when a deadline comes nearer.
 * Never:    calls a timer's function with the lock held.
 *
 * Invariants:
 *  1. heap v[1..n]: v[i] is no later than v[2i], v[2i+1]; v[i]->heap_pos == i.
 *  2. A timer is in a heap if and only if heap_pos != 0, and then its
 *     deadline is >= 0; both change under the lock only.
 */
#include <stdlib.h>

#include "vmm/core/timer_priv.h"

void timers_init(struct timers *t)
{
	*t = (struct timers){ 0 };
	lock_init(&t->lock, "timers");
}

void timers_fini(struct timers *t)
{
	for (unsigned i = 0; i < t->nheaps; i++)
		free(t->heaps[i].v);
	free(t->heaps);
	lock_fini(&t->lock);
}

static struct timer_heap *heap_of(struct timers *t, const struct clock *c)
{
	struct timer_heap *h;

	for (unsigned i = 0; i < t->nheaps; i++)
		if (t->heaps[i].clock == c)
			return &t->heaps[i];
	h = realloc(t->heaps, (t->nheaps + 1) * sizeof(*h));
	if (!h)
		abort();
	t->heaps = h;
	h += t->nheaps++;
	*h = (struct timer_heap){ .clock = c };
	return h;
}

static void place(struct timer_heap *h, unsigned i, struct timer *t)
{
	h->v[i] = t;
	t->heap_pos = i;
}

static void sift_up(struct timer_heap *h, unsigned i, struct timer *t)
{
	for (; i > 1 && t->deadline < h->v[i / 2]->deadline; i /= 2)
		place(h, i, h->v[i / 2]);
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, unsigned i, struct timer *t)
{
	for (;;) {
		unsigned c = 2 * i;

		if (c > h->n)
			break;
		if (c < h->n && h->v[c + 1]->deadline < h->v[c]->deadline)
			c++;
		if (t->deadline <= h->v[c]->deadline)
			break;
		place(h, i, h->v[c]);
		i = c;
	}
	place(h, i, t);
}

static void heap_add(struct timer_heap *h, struct timer *t)
{
	if (h->n + 1 >= h->cap) {
		unsigned cap = MAX(16, h->cap * 2);
		struct timer **v = realloc(h->v, cap * sizeof(struct timer *));

		if (!v)
			abort();
		h->v = v;
		h->cap = cap;
	}
	sift_up(h, ++h->n, t);
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	unsigned i = t->heap_pos;
	struct timer *last = h->v[h->n--];

	t->heap_pos = 0;
	if (last == t)
		return;
	if (i > 1 && last->deadline < h->v[i / 2]->deadline)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

/* --- the verbs --- */

void timer_init(struct timer *t, struct loop *l, const struct clock *c,
		void (*fn)(void *), void *opaque)
{
	*t = (struct timer){
		.loop = l, .clock = c, .fn = fn, .opaque = opaque,
		.deadline = -1,
	};
}

void timer_set(struct timer *t, s64 deadline_ns)
{
	struct timers *ts = loop_timers(t->loop);
	struct timer_heap *h;
	bool wake;

	lock_take(&ts->lock);
	h = heap_of(ts, t->clock);
	if (t->heap_pos)
		heap_remove(h, t);
	__atomic_store_n(&t->deadline, MAX(deadline_ns, 0), __ATOMIC_RELAXED);
	heap_add(h, t);
	wake = ts->asleep && t->heap_pos == 1;
	if (wake)
		ts->asleep = false;    /* once is enough */
	lock_drop(&ts->lock);
	if (wake)
		loop_wake(t->loop);
}

void timer_cancel(struct timer *t)
{
	struct timers *ts;

	if (!t->loop)                  /* a zeroed timer was never set up */
		return;
	ts = loop_timers(t->loop);
	lock_take(&ts->lock);
	if (t->heap_pos)
		heap_remove(heap_of(ts, t->clock), t);
	__atomic_store_n(&t->deadline, -1, __ATOMIC_RELAXED);
	lock_drop(&ts->lock);
}

void timer_fini(struct timer *t)
{
	timer_cancel(t);
	t->loop = NULL;
}

bool timer_pending(const struct timer *t)
{
	return __atomic_load_n(&t->deadline, __ATOMIC_RELAXED) >= 0;
}

/* --- for the loop --- */

static bool clock_runs(const struct clock *c)
{
	return !c || c->running;
}

static s64 clock_now(const struct clock *c)
{
	return c ? clock_guest_ns(c) : clock_host_ns();
}

s64 timers_sleep(struct timers *t)
{
	s64 first = -1;

	SCOPED_LOCK(&t->lock);
	for (unsigned i = 0; i < t->nheaps; i++) {
		struct timer_heap *h = &t->heaps[i];
		s64 left;

		if (!h->n || !clock_runs(h->clock))
			continue;
		left = MAX(h->v[1]->deadline - clock_now(h->clock), 0);
		first = first < 0 ? left : MIN(first, left);
	}
	t->asleep = true;
	return first;
}

void timers_awake(struct timers *t)
{
	lock_take(&t->lock);
	t->asleep = false;
	lock_drop(&t->lock);
}

/* The next timer of `heap` due by `now`, taken out; NULL when none is. */
static struct timer *take_due(struct timers *t, unsigned heap, s64 now,
			      void (**fn)(void *), void **opaque)
{
	struct timer_heap *h;
	struct timer *due;

	SCOPED_LOCK(&t->lock);
	h = &t->heaps[heap];
	if (!h->n || h->v[1]->deadline > now)
		return NULL;
	due = h->v[1];
	heap_remove(h, due);
	__atomic_store_n(&due->deadline, -1, __ATOMIC_RELAXED);
	*fn = due->fn;
	*opaque = due->opaque;
	return due;
}

/* What a callback arms for now or earlier waits for the next round, unless
 * it beats the `now` this round began with. */
static void run_heap(struct timers *t, unsigned heap)
{
	const struct clock *c;
	void (*fn)(void *);
	void *opaque;
	unsigned budget;
	s64 now;

	lock_take(&t->lock);
	c = t->heaps[heap].clock;
	budget = t->heaps[heap].n;
	lock_drop(&t->lock);
	if (!budget || !clock_runs(c)) /* an unused clock may be gone */
		return;
	now = clock_now(c);
	while (budget-- && take_due(t, heap, now, &fn, &opaque))
		fn(opaque);
}

void timers_run(struct timers *t)
{
	unsigned n;

	lock_take(&t->lock);
	n = t->nheaps;
	lock_drop(&t->lock);
	for (unsigned i = 0; i < n; i++)
		run_heap(t, i);
}
