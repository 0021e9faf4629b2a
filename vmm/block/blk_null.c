// SPDX-License-Identifier: MIT
/*
 * Drivers "null-co" and "null-aio": a disk that forgets.
 *
 * Room:     options size, read-zeroes.
 * Never:    touches a buffer unless asked to.
 */
#include <string.h>

#include "vmm/block/blk.h"

struct blk_null {
	struct blk b;
	bool read_zeroes;
};

static void null_submit(struct blk *b, struct blk_req *r)
{
	if (r->op == BLK_READ && container_of(b, struct blk_null, b)->read_zeroes)
		for (int i = 0; i < r->niov; i++)
			memset(r->iov[i].iov_base, 0, r->iov[i].iov_len);
	blk_done(r, 0);
}

static int null_open(struct blk *b, struct opts *o, struct err *e)
{
	struct blk_null *n = container_of(b, struct blk_null, b);
	int rc;

	b->len = GiB;
	b->can_discard = true;
	rc = opts_take_size(o, "size", &b->len, e);
	return rc < 0 ? rc : opts_take_bool(o, "read-zeroes", &n->read_zeroes, e);
}

static int null_resize(struct blk *b, u64 len, struct err *e)
{
	(void)b;
	(void)len;
	(void)e;
	return 0;
}

const struct blk_ops blk_null_co_ops = {
	.name = "null-co", .summary = "a disk that forgets",
	.size = sizeof(struct blk_null),
	.open = null_open, .submit = null_submit, .resize = null_resize,
};

const struct blk_ops blk_null_aio_ops = {
	.name = "null-aio", .summary = "a disk that forgets",
	.size = sizeof(struct blk_null),
	.open = null_open, .submit = null_submit, .resize = null_resize,
};
