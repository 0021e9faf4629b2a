/* SPDX-License-Identifier: MIT */
/*
 * Threads: started in one way, each with a role.
 *
 * What a role may ask of the kernel is seccomp/policy.def's; main says once how
 * a thread enters its role (thread_rules_set), and every thread does so before
 * the first line of its own.  A program that says nothing (a unit test) has
 * threads without rules.
 */
#ifndef MOTE_BASE_THREAD_H
#define MOTE_BASE_THREAD_H

#include <pthread.h>

#include "vmm/base/types.h"

enum thread_role {
	ROLE_MAIN,                     /* the main loop                   */
	ROLE_VCPU,
	ROLE_IO,                       /* I/O threads and disk I/O        */
	ROLE_MONITOR,
	ROLE_MIGRATION,
	ROLE_PLUGIN,                   /* the provider's helper threads   */
	ROLE_KEEPER,                   /* a jail's process outside        */
	ROLE_COUNT
};

struct thread_rules {
	/* On the new thread; comes back in that role or not at all. */
	void (*enter)(enum thread_role role, void *opaque);
	void *opaque;
};

/* Before the first thread; borrowed from then on.  The plugin has a copy of
 * this file: the provider hands the rules on. */
void thread_rules_set(const struct thread_rules *r);
const struct thread_rules *thread_rules(void);         /* NULL: none */

/*
 * Start `fn` with every signal blocked, `name` (copied, cut to 15 bytes) and
 * its role entered.  0 or -errno.
 */
int thread_start(pthread_t *t, enum thread_role role, const char *name,
		 void *(*fn)(void *opaque), void *opaque);

#endif
