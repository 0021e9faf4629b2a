/* SPDX-License-Identifier: MIT */
/*
 * Which object stands behind a descriptor number.
 *
 * Invariants: a look-up takes a reference on the slot, so an object is freed
 * only when no ioctl on it is under way.  No lock: a slot's word holds its
 * count, chunks of slots are never freed.
 * Thread: any.
 */
#ifndef TCG_FDTABLE_H
#define TCG_FDTABLE_H

#include "vmm/base/types.h"

enum fd_kind { FD_NONE, FD_SYSTEM, FD_VM, FD_VCPU };

/* 0; a stale owner of that number (closed behind our back) is dropped.
 * -EMFILE: numbers beyond 1 Mi are not kept. */
int  fdtable_add(int fd, enum fd_kind kind, void *object);
/* Hold the object until fdtable_put; FD_NONE: not ours. */
enum fd_kind fdtable_get(int fd, void **object);
void fdtable_put(int fd);
/* No more look-ups find it; the object is released when the last holder puts
 * it.  -EBADF: not ours. */
int  fdtable_remove(int fd);
/* Called when an object's last reference goes (provider.c). */
void fdtable_release(enum fd_kind kind, void *object);

#endif
