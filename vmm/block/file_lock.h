/* SPDX-License-Identifier: MIT */
/*
 * Image locks, in the way QEMU's tools understand: open file description
 * locks on single bytes, 100 + n for a permission in use, 200 + n for one not
 * shared with others.
 *
 * Room:   private to vmm/block.
 */
#ifndef MOTE_BLOCK_FILE_LOCK_H
#define MOTE_BLOCK_FILE_LOCK_H

#include "vmm/base/err.h"

/* Held until the description is closed.  `must`: a file system that has no
 * such locks is an error.  -EAGAIN with a sentence: somebody has it.  Again on
 * the same descriptor: the lock is another; after a failure, one that shares. */
int  file_lock(int fd, const char *path, bool write, bool share_writes,
	       bool must, struct err *e);
/* Let others write from now on. */
void file_lock_share(int fd);
/* Does somebody else have it, who lets nobody else write? */
bool file_lock_is_exclusive(int fd);

#endif
