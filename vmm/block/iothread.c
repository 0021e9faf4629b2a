// SPDX-License-Identifier: MIT
/*
 * I/O threads.  See iothread.h.
 *
 * Talks to: core/loop.h.
 * Never:    knows what runs on them.
 */
#include "vmm/block/iothread.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/opts.h"
#include "vmm/base/thread.h"

struct start {
	struct iothread *t;
	sem_t ready;
};

static void *run(void *opaque)
{
	struct start *s = opaque;
	struct iothread *t = s->t;
	struct loop *l = t->loop;

	t->tid = syscall(SYS_gettid);
	sem_post(&s->ready);
	loop_run(l);
	return NULL;
}

static int start(struct iothread *t, struct err *e)
{
	struct start s = { .t = t };
	char name[16] = "IO ";
	int rc;

	strncat(name, t->id, sizeof(name) - 4);
	sem_init(&s.ready, 0, 0);
	rc = thread_start(&t->thread, ROLE_IO, name, run, &s);
	while (rc == 0 && sem_wait(&s.ready) < 0)
		;
	sem_destroy(&s.ready);
	return rc < 0 ? err_set(e, rc, "iothread %s: %m", t->id) : 0;
}

struct iothread *iothread_find(struct list *all, const char *id)
{
	struct list *p;

	list_for_each(p, all) {
		struct iothread *t = list_entry(p, struct iothread, node);

		if (!strcmp(t->id, id))
			return t;
	}
	return NULL;
}

static void unlink_free(struct iothread *t)
{
	list_remove(&t->node);
	if (t->loop)
		loop_destroy(t->loop);
	free(t->id);
	free(t);
}

static void set_poll(void *opaque)
{
	struct iothread *t = opaque;

	loop_set_poll(t->loop, t->poll_max_ns, t->poll_grow, t->poll_shrink);
}

void iothread_set_poll(struct iothread *t)
{
	loop_call(t->loop, set_poll, t);
}

static int take_opts(struct iothread *t, struct opts *o, struct err *e)
{
	int rc = opts_take_u64(o, "poll-max-ns", &t->poll_max_ns, e);

	if (rc == 0)
		rc = opts_take_u64(o, "poll-grow", &t->poll_grow, e);
	if (rc == 0)
		rc = opts_take_u64(o, "poll-shrink", &t->poll_shrink, e);
	return rc;
}

int iothread_add(struct list *all, struct opts *o, struct err *e)
{
	const char *id = opts_take(o, "id");
	struct iothread *t;
	int rc;

	if (!id || !opts_id_ok(id))
		return err_set(e, -EINVAL, "an iothread needs an id");
	if (iothread_find(all, id))
		return err_set(e, -EEXIST, "there is an iothread '%s' already",
			       id);
	t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	list_init(&t->node);
	t->id = strdup(id);
	rc = take_opts(t, o, e);
	if (rc == 0)
		rc = opts_check_taken(o, e);
	if (rc == 0) {
		t->loop = loop_create(t->id, e);
		rc = t->loop ? start(t, e) : -ENOMEM;
		if (rc == 0)
			iothread_set_poll(t);
	}
	if (rc < 0) {
		unlink_free(t);
		return rc;
	}
	list_append(all, &t->node);
	return 0;
}

static void stop(struct iothread *t)
{
	loop_stop(t->loop);
	pthread_join(t->thread, NULL);
	unlink_free(t);
}

int iothread_del(struct list *all, const char *id, struct err *e)
{
	struct iothread *t = iothread_find(all, id);

	if (!t)
		return err_set(e, -ENOENT, "there is no iothread '%s'", id);
	if (t->users)
		return err_set(e, -EBUSY, "iothread '%s' is in use", id);
	stop(t);
	return 0;
}

void iothreads_destroy(struct list *all)
{
	while (!list_empty(all))
		stop(list_entry(all->next, struct iothread, node));
}
