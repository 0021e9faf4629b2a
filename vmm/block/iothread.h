/* SPDX-License-Identifier: MIT */
/*
 * I/O threads: a loop with a thread of its own (-object iothread,id=ID).
 *
 * Thread: all verbs are the main loop's.
 */
#ifndef MOTE_BLOCK_IOTHREAD_H
#define MOTE_BLOCK_IOTHREAD_H

#include <pthread.h>

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/core/loop.h"

struct iothread {
	struct list node;
	char *id;
	struct loop *loop;
	pthread_t thread;
	pid_t tid;
	unsigned users;                /* devices on it                    */
	u64 poll_max_ns, poll_grow, poll_shrink;       /* loop_set_poll's  */
};

struct opts;
/* `o`: id and its own options; -EINVAL, and no thread, where there are others. */
int  iothread_add(struct list *all, struct opts *o, struct err *e);
int  iothread_del(struct list *all, const char *id, struct err *e);
/* The three numbers above were changed. */
void iothread_set_poll(struct iothread *t);
struct iothread *iothread_find(struct list *all, const char *id);
void iothreads_destroy(struct list *all);

#endif
