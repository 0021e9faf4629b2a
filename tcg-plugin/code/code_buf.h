/* SPDX-License-Identifier: MIT */
/*
 * Executable memory: one buffer, mapped twice, never writable and executable
 * at the same address.
 *
 * Room:     host code of one vCPU thread.  The writer's view is `rw`, the
 *           CPU's is `rx`; an offset means the same byte in both.
 * Invariants:
 *  1. Code is only appended, at one of two ends: `used` grows from the start,
 *     `cold`, for what seldom runs, from the middle, so that what often runs
 *     lies close together.  code_buf_reset forgets all of it at once.
 *  2. Executable mappings are made by code_buf_init only, before the guest runs.
 * Thread:   one owner.
 */
#ifndef TCG_CODE_CODE_BUF_H
#define TCG_CODE_CODE_BUF_H

#include "vmm/base/types.h"

struct code_buf {
	u8 *rw, *rx;                   /* NULL before init */
	u32 size, used, floor;         /* bytes; floor: kept by a reset */
	u32 middle, cold;
};

/* 0, -ENOMEM, or what mmap said (a sealed sandbox: -EPERM). */
int  code_buf_init(struct code_buf *b, u32 size);
void code_buf_fini(struct code_buf *b);
/* What is there now (thunks) survives resets. */
void code_buf_keep(struct code_buf *b);
void code_buf_reset(struct code_buf *b);

/* At either end. */
static inline u32 code_buf_room(const struct code_buf *b)
{
	u32 hot = b->middle - b->used, cold = b->size - b->cold;

	return hot < cold ? hot : cold;
}

static inline bool code_buf_holds(const struct code_buf *b, const void *pc)
{
	return (const u8 *)pc >= b->rx && (const u8 *)pc < b->rx + b->size;
}

#endif
