/* SPDX-License-Identifier: MIT */
/*
 * Large tables that are zero at first and cost memory only where they are used.
 */
#ifndef TCG_CODE_ARENA_H
#define TCG_CODE_ARENA_H

#include <stddef.h>

/* NULL: there is no room. */
void *arena_map(size_t n);
/* `p` may be NULL. */
void arena_unmap(void *p, size_t n);

#endif
