/* SPDX-License-Identifier: MIT */
/*
 * -jail DIR,uid=N,gid=N[,netns=NAME][,cgroup=PATH][,nofile=N][,fsize=SIZE]
 *
 * A process in namespaces of its own (mounts, pids, ipc, names, cgroups,
 * network), with DIR as its root, no devices, limits and no rights.
 *
 * Order: jail_begin leaves the process that was started behind as the outer
 * one, which waits; its child goes on in new namespaces but still sees the
 * host's files, and opens what the command line names.  jail_enter then moves
 * to DIR: nothing of the host can be named any more.
 */
#ifndef MOTE_JAIL_H
#define MOTE_JAIL_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

struct confine;
struct jail;

/* Read the option; sets the ids of `c`.  0 or -errno with a sentence. */
int  jail_create(struct confine *c, const char *text, struct err *e);
void jail_destroy(struct jail *j);

/*
 * Returns in the child with 0 or -errno and a sentence.  In the process that
 * was started it returns 1 when the child has ended: *status is what to exit
 * with. [main, before any thread]
 */
int  jail_begin(struct confine *c, bool daemon, int *status, struct err *e);
/* The outer process's id, as the host sees it. */
pid_t jail_outer_pid(const struct jail *j);
/* Into DIR; everything the VM needs is open. [main] */
int  jail_enter(struct jail *j, struct err *e);
/* What Linux keeps per thread: a network of its own, no way to rights.  Each
 * thread that was there before jail_enter, for itself; later ones inherit it.
 * 0 or -errno. */
int  jail_thread(const struct jail *j);

#endif
