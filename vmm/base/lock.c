/* SPDX-License-Identifier: MIT */
/*
 * The lock profile: how often and how long each place waited for each lock.
 *
 * A fixed table, open addressing by (place, lock).  An entry, once there,
 * keeps its key; its numbers are atomics.  A table that is full counts no new
 * places.  The profile is this process's: locks outlive and precede VMs.
 */
#include "vmm/base/lock.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { SITES = 1024 };

struct entry {
	_Atomic(const char *) site;    /* set last: the key is complete */
	const struct lock *lock;
	_Atomic u64 count, ns;
};

bool lock_profiling;

static struct entry entries[SITES];
static pthread_mutex_t insert_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned hash(const char *site, const struct lock *l)
{
	const u64 k = ((u64)(uintptr_t)site * 31 + (u64)(uintptr_t)l) *
		      0x9e3779b97f4a7c15ull;

	return (unsigned)(k >> 54) % SITES;
}

/* The entry, or the free place where it belongs; NULL: the table is full. */
static struct entry *look(const char *site, const struct lock *l)
{
	unsigned at = hash(site, l);

	for (unsigned n = 0; n < SITES; n++, at = (at + 1) % SITES) {
		struct entry *e = &entries[at];
		const char *have = atomic_load_explicit(&e->site,
						memory_order_acquire);

		if (!have || (have == site && e->lock == l))
			return e;
	}
	return NULL;
}

static struct entry *find(const char *site, const struct lock *l)
{
	struct entry *e = look(site, l);

	if (!e || e->site)
		return e;
	pthread_mutex_lock(&insert_lock);
	e = look(site, l);
	if (e && !e->site) {
		e->lock = l;
		atomic_store_explicit(&e->site, site, memory_order_release);
	}
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
	if (!e)
		return;
	atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->ns, waited, memory_order_relaxed);
}

void lock_profile_set(bool on)
{
	__atomic_store_n(&lock_profiling, on, __ATOMIC_RELAXED);
}

void lock_profile_reset(void)
{
	for (unsigned i = 0; i < SITES; i++) {
		entries[i].count = 0;
		entries[i].ns = 0;
	}
}

unsigned lock_profile_get(struct lock_site *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SITES && n < max; i++) {
		const struct entry *e = &entries[i];
		const char *site = atomic_load_explicit(&e->site,
						memory_order_acquire);

		if (site && e->count)
			out[n++] = (struct lock_site){ site, e->lock,
						       e->count, e->ns };
	}
	return n;
}
