/* SPDX-License-Identifier: MIT */
/*
 * Sets of descriptors somebody else opened: the paths "/dev/fdset/N".
 *
 * A program that starts this one may open files for it and pass descriptors,
 * by inheritance (-add-fd) or over a monitor's socket (add-fd).  path_open of
 * /dev/fdset/N answers with a copy of the set's first descriptor that is open
 * in the wanted mode.  A set is there while it has descriptors.
 *
 * Thread: any.
 */
#ifndef MOTE_BASE_FDSET_H
#define MOTE_BASE_FDSET_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

enum { FDSET_FDS_MAX = 1024 };         /* in all sets */

/* Takes `fd`, even on failure; `id` -1: the lowest number that is free.
 * `opaque` is the giver's own remark, NULL none.  The set's number or -errno. */
s64  fdset_add(s64 id, int fd, const char *opaque, struct err *e);
/* "fd=FD,set=SET[,opaque=TEXT]", FD inherited: a copy of it goes in, and FD
 * itself to no other program. 0 or -errno. */
int  fdset_add_spec(const char *text, struct err *e);
/* Close one of its descriptors, or all with fd -1; -ENOENT. */
int  fdset_remove(s64 id, s64 fd, struct err *e);
/* By set, then as they came. */
void fdset_each(void (*fn)(s64 id, int fd, const char *opaque, void *arg),
		void *arg);

/* Is it such a path? */
bool fdset_path(const char *path);
/* As path_open, of such a path. */
int  fdset_open(const char *path, int flags);

#endif
