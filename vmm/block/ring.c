// SPDX-License-Identifier: MIT
/*
 * Opening a limited io_uring.  See ring.h.
 *
 * Talks to: liburing.
 * Never:    hands out a ring without its limits.
 */
#include "vmm/block/ring.h"

#include <errno.h>

#include "vmm/base/types.h"

/* What aio_uring.c queues. */
static const u8 allowed[] = {
	IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
};

int ring_open(struct io_uring *r, unsigned entries)
{
	struct io_uring_restriction limits[ARRAY_LEN(allowed)] = { 0 };
	int rc = io_uring_queue_init(entries, r, IORING_SETUP_R_DISABLED);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < ARRAY_LEN(allowed); i++) {
		limits[i].opcode = IORING_RESTRICTION_SQE_OP;
		limits[i].sqe_op = allowed[i];
	}
	rc = io_uring_register_restrictions(r, limits, ARRAY_LEN(limits));
	if (!rc)
		rc = io_uring_enable_rings(r);
	if (rc < 0)
		io_uring_queue_exit(r);
	return rc;
}
