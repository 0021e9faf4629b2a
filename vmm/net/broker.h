/* SPDX-License-Identifier: MIT */
/*
 * The broker: a process that starts programs for a VM that may not.
 *
 * It is forked before anything is opened, stays outside of a jail, and knows
 * two requests: the helper of a user network, and a tap's script.  Until it
 * is sealed it does what it is asked to and remembers the paths, for they are
 * the command line's; afterwards it starts mote-slirp, and what it remembers.
 *
 * Thread: the main loop's; a request waits for its answer.
 */
#ifndef MOTE_NET_BROKER_H
#define MOTE_NET_BROKER_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

/*
 * Fork it.  `ids` as in spawn.h, for helpers; `terminal` -1, or what replaces
 * its descriptors 0 to 2.  0 with its socket in *fd, or -errno and a sentence;
 * in the broker 1 once that socket is closed everywhere else.
 */
int  broker_fork(const char *ids, int terminal, int *fd, struct err *e);
void broker_seal(int broker);

/* As in spawn.h; broker -1: by this process. */
int  broker_helper(int broker, const char *path, const char *options,
		   int data, int control, pid_t *pid, struct err *e);
int  broker_script(int broker, const char *path, const char *ifname,
		   struct err *e);
/* A script that will be asked for at the end. */
int  broker_remember(int broker, const char *path, struct err *e);

#endif
