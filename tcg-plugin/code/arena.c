/* SPDX-License-Identifier: MIT */
/*
 * Zeroed memory, with large pages but for its start.  See arena.h.
 */
#include "tcg-plugin/code/arena.h"

#include <sys/mman.h>

#include "vmm/base/types.h"

enum { SMALL = 24 * MiB };             /* a small kernel's boot fills less */

void *arena_map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* filled from its start: a guest that is small pays nothing */
	if (n > SMALL)
		madvise((u8 *)p + SMALL, n - SMALL, MADV_HUGEPAGE);
	return p;
}

void arena_unmap(void *p, size_t n)
{
	if (p)
		munmap(p, n);
}
