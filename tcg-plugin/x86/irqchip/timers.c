/* SPDX-License-Identifier: MIT */
/*
 * The irqchip's timer thread: a binary heap of due times and one timerfd.
 *
 * Room:     fires callbacks at CLOCK_MONOTONIC times.
 * Talks to: nobody but its owners' callbacks.
 * Never:    holds its lock while calling; sets the timerfd for a timer that
 *           is due later than the one it is set for.
 */
#include "tcg-plugin/x86/irqchip/timers.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/thread.h"

#define NEVER INT64_MAX

s64 ic_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (s64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void heap_put(struct ic_timers *t, unsigned i, struct ic_timer *x)
{
	t->heap[i] = x;
	x->pos = i + 1;
}

static void heap_up(struct ic_timers *t, unsigned i)
{
	struct ic_timer *x = t->heap[i];

	while (i && t->heap[(i - 1) / 2]->due > x->due) {
		heap_put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(t, i, x);
}

static void heap_down(struct ic_timers *t, unsigned i)
{
	struct ic_timer *x = t->heap[i];

	for (;;) {
		unsigned c = 2 * i + 1;

		if (c >= t->n)
			break;
		if (c + 1 < t->n && t->heap[c + 1]->due < t->heap[c]->due)
			c++;
		if (t->heap[c]->due >= x->due)
			break;
		heap_put(t, i, t->heap[c]);
		i = c;
	}
	heap_put(t, i, x);
}

static void heap_del(struct ic_timers *t, struct ic_timer *x)
{
	unsigned i = x->pos - 1;
	struct ic_timer *last = t->heap[--t->n];

	x->pos = 0;
	if (last == x)
		return;
	heap_put(t, i, last);
	heap_down(t, i);
	heap_up(t, last->pos - 1);
}

static void heap_add(struct ic_timers *t, struct ic_timer *x)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 8;
		t->heap = realloc(t->heap, t->cap * sizeof(*t->heap));
		if (!t->heap)
			abort();
	}
	heap_put(t, t->n++, x);
	heap_up(t, t->n - 1);
}

static void set_alarm(struct ic_timers *t, s64 due)
{
	const struct itimerspec at = {
		.it_value = { due / 1000000000, due % 1000000000 },
	};

	t->alarm = due;
	timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Locked, and again so on return: the first may be another then. */
static void timers_sleep(struct ic_timers *t)
{
	u64 times;

	if (t->n && t->heap[0]->due < t->alarm)
		set_alarm(t, t->heap[0]->due);
	lock_drop(&t->lock);
	if (read(t->fd, &times, sizeof(times)) < 0)
		times = 0;             /* a signal                         */
	lock_take(&t->lock);
	t->alarm = NEVER;
}

/* Locked, and again so on return. */
static void fire_first(struct ic_timers *t, s64 now)
{
	struct ic_timer *x = t->heap[0];

	heap_del(t, x);
	t->running = x;
	lock_drop(&t->lock);
	x->fn(x->opaque, now);
	lock_take(&t->lock);
	t->running = NULL;
	pthread_cond_broadcast(&t->idle);
}

s64 ic_timers_fire(struct ic_timers *t, s64 now)
{
	SCOPED_LOCK(&t->lock);
	while (t->n && t->heap[0]->due <= now)
		fire_first(t, now);
	return t->n ? t->heap[0]->due : NEVER;
}

static void *timers_thread(void *opaque)
{
	struct ic_timers *t = opaque;

	lock_take(&t->lock);
	while (!t->quit) {
		s64 now = t->n ? ic_now() : 0;

		if (!t->n || t->heap[0]->due > now)
			timers_sleep(t);
		else
			fire_first(t, now);
	}
	lock_drop(&t->lock);
	return NULL;
}

static void init(struct ic_timers *t)
{
	*t = (struct ic_timers){ .fd = -1, .alarm = NEVER };
	lock_init(&t->lock, "irqchip-timers");
	pthread_cond_init(&t->idle, NULL);
}

void ic_timers_init_kept(struct ic_timers *t, void (*sooner)(void *),
			 void *opaque)
{
	init(t);
	t->sooner = sooner;
	t->opaque = opaque;
}

void ic_timers_init(struct ic_timers *t)
{
	init(t);
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	t->started = t->fd >= 0 &&
		     !thread_start(&t->thread, ROLE_PLUGIN, "tcg-timers",
				   timers_thread, t);
}

void ic_timers_fini(struct ic_timers *t)
{
	lock_take(&t->lock);
	t->quit = true;
	if (t->started)
		set_alarm(t, 1);
	lock_drop(&t->lock);
	if (t->started)
		pthread_join(t->thread, NULL);
	if (t->fd >= 0)
		close(t->fd);
	free(t->heap);
	pthread_cond_destroy(&t->idle);
	lock_fini(&t->lock);
}

void ic_timer_init(struct ic_timer *x, void (*fn)(void *, s64), void *opaque)
{
	*x = (struct ic_timer){ .fn = fn, .opaque = opaque };
}

void ic_timer_arm(struct ic_timers *t, struct ic_timer *x, s64 due)
{
	SCOPED_LOCK(&t->lock);
	if (x->pos)
		heap_del(t, x);
	x->due = MAX(due, 1);
	heap_add(t, x);
	if (t->heap[0] != x)
		return;
	if (t->sooner)
		t->sooner(t->opaque);
	else if (t->started && x->due < t->alarm)
		set_alarm(t, x->due);
}

void ic_timer_cancel(struct ic_timers *t, struct ic_timer *x)
{
	SCOPED_LOCK(&t->lock);
	if (x->pos)
		heap_del(t, x);
}

void ic_timer_fini(struct ic_timers *t, struct ic_timer *x)
{
	SCOPED_LOCK(&t->lock);
	if (x->pos)
		heap_del(t, x);
	while (t->running == x)
		pthread_cond_wait(&t->idle, &t->lock.mutex);
	if (x->pos)                    /* the callback armed itself again */
		heap_del(t, x);
}
