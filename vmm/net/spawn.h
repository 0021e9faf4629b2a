/* SPDX-License-Identifier: MIT */
/*
 * Programs that networks need: the helper mote-slirp, a tap's scripts.
 *
 * Where there is a broker (vmm/net/broker.h) it starts them; else this process
 * does, as long as its sandbox is open.
 */
#ifndef MOTE_NET_SPAWN_H
#define MOTE_NET_SPAWN_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

/*
 * The helper `path` (empty: the one beside our own executable, or installed)
 * with its options and sockets, both borrowed; `ids` "UID:GID" or NULL is whom
 * it becomes.  0 or -errno with a sentence.
 */
int spawn_helper(const char *path, const char *options, const char *ids,
		 int data, int control, pid_t *pid, struct err *e);
/* `path ifname`, waited for; it must end with status 0. */
int spawn_script(const char *path, const char *ifname, struct err *e);

#endif
