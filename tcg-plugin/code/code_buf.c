/* SPDX-License-Identifier: MIT */
/*
 * The dual-mapped code buffer.  See code_buf.h.
 */
#include "tcg-plugin/code/code_buf.h"

#include <errno.h>
#include <sys/mman.h>

/* Shared anonymous memory rather than a memfd: perf looks into a perf map for
 * memory without a file only. */
int code_buf_init(struct code_buf *b, u32 size)
{
	int rc;

	*b = (struct code_buf){ .size = size, .middle = size / 2,
				.cold = size / 2 };
	b->rx = mmap(NULL, size, PROT_READ | PROT_EXEC,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->rx == MAP_FAILED)
		goto fail;
	b->rw = mremap(b->rx, 0, size, MREMAP_MAYMOVE);
	if (b->rw == MAP_FAILED)
		goto fail_rx;
	if (mprotect(b->rw, size, PROT_READ | PROT_WRITE) < 0)
		goto fail_rw;
	return 0;

fail_rw:
	rc = -errno;
	munmap(b->rw, size);
	munmap(b->rx, size);
	goto out;
fail_rx:
	rc = -errno;
	munmap(b->rx, size);
	goto out;
fail:
	rc = -errno;
out:
	*b = (struct code_buf){ 0 };
	return rc;
}

void code_buf_fini(struct code_buf *b)
{
	if (!b->rw)
		return;
	munmap(b->rw, b->size);
	munmap(b->rx, b->size);
	*b = (struct code_buf){ 0 };
}

void code_buf_keep(struct code_buf *b)
{
	b->floor = b->used;
}

void code_buf_reset(struct code_buf *b)
{
	b->used = b->floor;
	b->cold = b->middle;
}
