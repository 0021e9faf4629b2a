// SPDX-License-Identifier: MIT
/*
 * Filter "raw": the raw format, or with offset= and size= a part of its
 * child.
 *
 * Never:    lets a request out of its part.
 */
#include <errno.h>

#include "vmm/block/blk.h"

struct blk_raw {
	struct blk b;
	u64 offset, size;
};

static void raw_back(struct blk_req *r, int rc)
{
	r->off -= container_of(r->node, struct blk_raw, b)->offset;
	blk_done(r, rc);
}

static void raw_submit(struct blk *b, struct blk_req *r)
{
	u64 offset = container_of(b, struct blk_raw, b)->offset;

	if (!offset) {
		blk_pass(b, r);
		return;
	}
	blk_push(b, r, raw_back);
	r->off += offset;
	blk_submit(b->child, r);
}

static int raw_open(struct blk *b, struct opts *o, struct err *e)
{
	struct blk_raw *w = container_of(b, struct blk_raw, b);
	int rc = opts_take_size(o, "offset", &w->offset, e);

	if (rc == 0)
		rc = opts_take_size(o, "size", &w->size, e);
	if (rc < 0)
		return rc;
	if (w->offset % BLK_SECTOR || w->offset > b->len ||
	    w->size > b->len - w->offset)
		return err_set(e, -EINVAL, "raw: offset %llu and size %llu are "
			       "not within the %llu bytes there are",
			       (unsigned long long)w->offset,
			       (unsigned long long)w->size,
			       (unsigned long long)b->len);
	b->len = w->size ? w->size : b->len - w->offset;
	return 0;
}

static int raw_resize(struct blk *b, u64 len, struct err *e)
{
	struct blk_raw *w = container_of(b, struct blk_raw, b);

	if (w->size)
		return err_set(e, -ENOTSUP, "Cannot resize fixed-size raw disks");
	return blk_resize(b->child, len + w->offset, e);
}

const struct blk_ops blk_raw_ops = {
	.name   = "raw", .summary = "the raw format, or a part of a node",
	.size   = sizeof(struct blk_raw), .filter = true,
	.open   = raw_open, .submit = raw_submit, .resize = raw_resize,
};
