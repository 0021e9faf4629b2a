/* SPDX-License-Identifier: MIT */
/*
 * The dual-mapped code buffer.  See code_buf.h.
 */
#include "tcg-plugin/code/code_buf.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int code_buf_init(struct code_buf *b, u32 size)
{
	int fd, rc;

	*b = (struct code_buf){ .size = size };
	fd = memfd_create("mote-code", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) < 0)
		goto fail;
	b->rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b->rw == MAP_FAILED)
		goto fail;
	b->rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (b->rx == MAP_FAILED)
		goto fail_rw;
	close(fd);
	return 0;

fail_rw:
	rc = -errno;
	munmap(b->rw, size);
	goto out;
fail:
	rc = -errno;
out:
	close(fd);
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
}
