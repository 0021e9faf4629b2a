/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with names, so that sync-profile can say which one waited.
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

static inline void lock_fini(struct lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

static inline void lock_take(struct lock *l)
{
	pthread_mutex_lock(&l->mutex);
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
