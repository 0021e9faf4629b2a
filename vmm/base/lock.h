/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with names, and a profile of who waited for them where
 * (sync-profile).  Off, the profile costs one load and a predictable branch.
 *
 * Lock order is written in docs/threads.md.  SCOPED_LOCK is the only
 * __attribute__((cleanup)) in the tree.
 */
#ifndef MOTE_BASE_LOCK_H
#define MOTE_BASE_LOCK_H

#include <pthread.h>

#include "vmm/base/types.h"

struct lock {
	pthread_mutex_t mutex;
	const char     *name;          /* call site or object class; static */
};

#define LOCK_INIT(n) { .mutex = PTHREAD_MUTEX_INITIALIZER, .name = (n) }

static inline void lock_init(struct lock *l, const char *name)
{
	pthread_mutex_init(&l->mutex, NULL);
	l->name = name;
}

/* --- the profile (lock.c) --- */
extern bool lock_profiling;            /* by lock_profile_set; atomic */
extern bool lock_profiled;             /* was ever on; atomic         */

/* How long takers at one place waited for one lock. */
struct lock_site {
	const char *site;              /* "FILE:LINE"                    */
	const struct lock *lock;       /* to name it, not to take it     */
	u64 count, ns;
};
enum { LOCK_SITES_MAX = 1024 };
enum { LOCK_PROFILE_OFF, LOCK_PROFILE_ON, LOCK_PROFILE_RESET };
void lock_profile_set(bool on);        /* [any] */
void lock_profile_reset(void);         /* [any] forgets every place */
/* How often a lock was taken for which the table had no room. [any] */
u64  lock_profile_missed(void);
void lock_profile_forget(const struct lock *l);        /* it goes. [any] */
/* Up to `max` places, in no order; how many. [any] */
unsigned lock_profile_get(struct lock_site *out, unsigned max);
void lock_take_profiled(struct lock *l, const char *site);

static inline void lock_fini(struct lock *l)
{
	if (__atomic_load_n(&lock_profiled, __ATOMIC_RELAXED))
		lock_profile_forget(l);
	pthread_mutex_destroy(&l->mutex);
}

#define LOCK_STR2(x) #x
#define LOCK_STR(x) LOCK_STR2(x)
#define lock_take(l) lock_take_at((l), __FILE__ ":" LOCK_STR(__LINE__))

static inline void lock_take_at(struct lock *l, const char *site)
{
	if (__builtin_expect(__atomic_load_n(&lock_profiling, __ATOMIC_RELAXED), 0))
		lock_take_profiled(l, site);
	else
		pthread_mutex_lock(&l->mutex);
}

/* Whether it was free and is taken now. */
static inline bool lock_try(struct lock *l)
{
	return pthread_mutex_trylock(&l->mutex) == 0;
}

static inline void lock_drop(struct lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

static inline void lock_scope_end(struct lock **l)
{
	lock_drop(*l);
}

#define LOCK_CAT2(a, b) a##b
#define LOCK_CAT(a, b) LOCK_CAT2(a, b)
#define SCOPED_LOCK(l) \
	struct lock *LOCK_CAT(scope_, __LINE__) \
		__attribute__((cleanup(lock_scope_end), unused)) = (l); \
	lock_take(LOCK_CAT(scope_, __LINE__))

#endif
