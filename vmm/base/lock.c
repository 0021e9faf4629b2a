/* SPDX-License-Identifier: MIT */
/*
 * The lock profile: how often and how long each place waited for each lock.
 *
 * A fixed table of sets, as a cache has: a (place, lock) is in one of the WAYS
 * entries of its set or nowhere, so that looking takes the same time when the
 * table is full; what finds no entry is counted as missed.  A lock that goes
 * takes its entries along.  The profile is this process's: locks outlive and
 * precede VMs.
 *
 * Invariants:
 *  1. An entry with a site is complete: `lock` is written before, and both
 *     only under insert_lock.
 *  2. Who reads `lock` before `site` never sees a new lock with an old site.
 */
#include "vmm/base/lock.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { WAYS = 16, SETS = LOCK_SITES_MAX / WAYS };

struct entry {
	_Atomic(const struct lock *) lock;
	_Atomic(const char *) site;    /* NULL: free */
	_Atomic u64 count, ns;
};

bool lock_profiling, lock_profiled;

static struct entry entries[SETS][WAYS];
static _Atomic u64 missed;
static pthread_mutex_t insert_lock = PTHREAD_MUTEX_INITIALIZER;

static struct entry *set_of(const char *site, const struct lock *l)
{
	const u64 k = ((u64)(uintptr_t)site * 31 + (u64)(uintptr_t)l) *
		      0x9e3779b97f4a7c15ull;

	return entries[(k >> 48) % SETS];
}

/* NULL: not there. */
static struct entry *look(struct entry *set, const char *site,
			  const struct lock *l)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].lock == l && set[i].site == site)
			return &set[i];
	return NULL;
}

/* Asked before insert_lock is taken, for who is refused every time. */
static bool is_full(const struct entry *set)
{
	unsigned i = 0;

	while (i < WAYS && set[i].site)
		i++;
	return i == WAYS;
}

static struct entry *insert(struct entry *set, const char *site,
			    const struct lock *l)
{
	for (unsigned i = 0; i < WAYS; i++) {
		struct entry *e = &set[i];

		if (e->site)
			continue;
		e->count = 0;
		e->ns = 0;
		e->lock = l;
		e->site = site;
		return e;
	}
	return NULL;
}

/* NULL: its set is full. */
static struct entry *find(const char *site, const struct lock *l)
{
	struct entry *set = set_of(site, l), *e = look(set, site, l);

	if (e || is_full(set))
		return e;
	pthread_mutex_lock(&insert_lock);
	e = look(set, site, l);
	if (!e)
		e = insert(set, site, l);
	pthread_mutex_unlock(&insert_lock);
	return e;
}

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

void lock_take_profiled(struct lock *l, const char *site)
{
	struct entry *e = find(site, l);
	u64 waited = 0;

	if (pthread_mutex_trylock(&l->mutex)) {
		const u64 from = now_ns();

		pthread_mutex_lock(&l->mutex);
		waited = now_ns() - from;
	}
	if (!e) {
		atomic_fetch_add_explicit(&missed, 1, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->ns, waited, memory_order_relaxed);
}

void lock_profile_set(bool on)
{
	if (on)
		__atomic_store_n(&lock_profiled, true, __ATOMIC_RELAXED);
	__atomic_store_n(&lock_profiling, on, __ATOMIC_RELAXED);
}

/* Those of one lock; NULL: all. */
static void forget(const struct lock *l)
{
	struct entry *e = &entries[0][0];

	pthread_mutex_lock(&insert_lock);
	for (unsigned i = 0; i < LOCK_SITES_MAX; i++)
		if (e[i].site && (!l || e[i].lock == l))
			e[i].site = NULL;
	if (!l)
		missed = 0;
	pthread_mutex_unlock(&insert_lock);
}

void lock_profile_forget(const struct lock *l)
{
	forget(l);
}

void lock_profile_reset(void)
{
	forget(NULL);
}

u64 lock_profile_missed(void)
{
	return missed;
}

unsigned lock_profile_get(struct lock_site *out, unsigned max)
{
	const struct entry *e = &entries[0][0];
	unsigned n = 0;

	for (unsigned i = 0; i < LOCK_SITES_MAX && n < max; i++) {
		const struct lock *lock = e[i].lock;
		const char *site = e[i].site;

		if (site && e[i].count)
			out[n++] = (struct lock_site){ site, lock, e[i].count,
						       e[i].ns };
	}
	return n;
}
