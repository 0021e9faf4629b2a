// SPDX-License-Identifier: MIT
/*
 * Filter "fault": makes requests fail, for tests.
 *
 * Options:  op=read|write|flush|discard|write-zeroes|any, errno=N (5),
 *           after=N (let N through first), count=N (then fail N; 0: for ever).
 * Never:    lets a request it fails reach the child.
 */
#include <errno.h>
#include <string.h>

#include "vmm/block/blk.h"

struct blk_fault {
	struct blk b;
	int op;                        /* BLK_OPS: any                     */
	u64 err, after, count;
	u64 seen;
};

static const char *const op_names[] = {
	[BLK_READ] = "read", [BLK_WRITE] = "write", [BLK_FLUSH] = "flush",
	[BLK_DISCARD] = "discard", [BLK_WRITE_ZEROES] = "write-zeroes",
	[BLK_OPS] = "any",
};

static bool fails(struct blk_fault *f, const struct blk_req *r)
{
	u64 n;

	if (f->op != BLK_OPS && f->op != (int)r->op)
		return false;
	n = f->seen++;
	return n >= f->after && (!f->count || n - f->after < f->count);
}

static void fault_submit(struct blk *b, struct blk_req *r)
{
	struct blk_fault *f = container_of(b, struct blk_fault, b);

	if (fails(f, r))
		blk_done(r, -(int)f->err);
	else
		blk_pass(b, r);
}

static int fault_open(struct blk *b, struct opts *o, struct err *e)
{
	struct blk_fault *f = container_of(b, struct blk_fault, b);
	const char *op = opts_take(o, "op");
	int rc;

	f->err = EIO;
	f->op = op ? -1 : BLK_OPS;
	for (int i = 0; op && i <= BLK_OPS; i++)
		if (!strcmp(op, op_names[i]))
			f->op = i;
	if (f->op < 0)
		return err_set(e, -EINVAL, "fault: there is no op '%s'", op);
	rc = opts_take_u64(o, "errno", &f->err, e);
	if (rc == 0)
		rc = opts_take_u64(o, "after", &f->after, e);
	if (rc == 0)
		rc = opts_take_u64(o, "count", &f->count, e);
	if (rc == 0 && (!f->err || f->err > 4095))
		rc = err_set(e, -EINVAL, "fault: errno is 1 to 4095");
	return rc;
}

const struct blk_ops blk_fault_ops = {
	.name = "fault", .summary = "makes requests fail, for tests",
	.size = sizeof(struct blk_fault), .filter = true,
	.open = fault_open, .submit = fault_submit,
};
