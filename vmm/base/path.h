/* SPDX-License-Identifier: MIT */
/*
 * Paths: the one door through which a file is opened by name.
 *
 * While the command line is carried out any path may be opened that the user
 * may open.  path_policy_set closes the door: names come from monitor clients
 * then, and
 *   - with folders, only what lies beneath one of them is opened; neither `..`
 *     nor a symbolic link leads out of it (openat2, RESOLVE_BENEATH, from a
 *     descriptor of the folder);
 *   - without, anything but the kernel's own files (/proc, /sys and their like,
 *     and links through them): writing there could reach into this process.
 * After that, opening never waits for a FIFO's other end.
 *
 * "/dev/fdset/N" is always open: descriptors somebody gave us (fdset.h).
 *
 * A refusal is -EXDEV.  Thread: path_policy_set before threads open anything;
 * the rest any.
 */
#ifndef MOTE_BASE_PATH_H
#define MOTE_BASE_PATH_H

#include "vmm/base/err.h"
#include "vmm/base/types.h"

enum { PATH_FOLDERS_MAX = 16 };

/* "DIR[:DIR]...", or NULL: no folders.  0 or -errno with a sentence. */
int  path_policy_set(const char *folders, struct err *e);
void path_policy_clear(void);          /* the door is open again */

/* As open(2), close-on-exec.  A descriptor, or -errno with
 * "Could not open 'PATH': why". */
int  path_open(const char *path, int flags, mode_t mode, struct err *e);

/* May a socket be bound or connected there?  Looked up once, by name: Linux
 * cannot bind or connect relative to a folder.  0 or -EXDEV. */
int  path_check(const char *path, struct err *e);

/* Where a file that belongs to mote is: beside the program, in ../lib/mote from
 * there, or where `make` was told it would be installed.  False: in none. */
bool path_own_file(const char *name, char *path, size_t size);

#endif
