/* SPDX-License-Identifier: MIT */
/*
 * Starting threads.  See thread.h.
 *
 * Talks to: whoever main gave to thread_rules_set.
 * Never:    lets a thread run before it is in its role.
 */
#include "vmm/base/thread.h"
#include "vmm/base/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct start {
	enum thread_role role;
	char name[16];
	void *(*fn)(void *opaque);
	void *opaque;
};

static const struct thread_rules *rules;

void thread_rules_set(const struct thread_rules *r)
{
	rules = r;
}

const struct thread_rules *thread_rules(void)
{
	return rules;
}

static void *run(void *opaque)
{
	const struct start s = *(struct start *)opaque;

	free(opaque);
	prctl(PR_SET_NAME, s.name);
	if (rules)
		rules->enter(s.role, rules->opaque);
	return s.fn(s.opaque);
}

int thread_start(pthread_t *t, enum thread_role role, const char *name,
		 void *(*fn)(void *opaque), void *opaque)
{
	struct start *s = malloc(sizeof(*s));
	pthread_attr_t attr;
	sigset_t all;
	int rc;

	if (!s)
		return -ENOMEM;
	s->role = role;
	s->fn = fn;
	s->opaque = opaque;
	snprintf(s->name, sizeof(s->name), "%s", name);
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setsigmask_np(&attr, &all);
	rc = pthread_create(t, &attr, run, s);
	pthread_attr_destroy(&attr);
	if (rc)
		free(s);
	trace(thread_start, "%s role %d result %d", name, (int)role, -rc);
	return -rc;
}
