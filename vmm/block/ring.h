/* SPDX-License-Identifier: MIT */
/*
 * An io_uring that can read, write and flush, and nothing else.
 *
 * What a ring is told to do passes no system call filter, so the ring has
 * limits of its own: no opening, no connecting, no further set-up.
 */
#ifndef MOTE_BLOCK_RING_H
#define MOTE_BLOCK_RING_H

#include <liburing.h>

/* 0 or -errno: no io_uring here, or none that can be limited. */
int ring_open(struct io_uring *r, unsigned entries);

#endif
