// SPDX-License-Identifier: MIT
/*
 * Filter "overlay": writes go to an unnamed temporary file and are gone at
 * the end; what was not written is read from the child (-snapshot).
 *
 * Room:     one bit a sector says where it is.
 * Talks to: the loop's aio engine, for the temporary file.
 * Never:    writes to the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/block/aio.h"

enum { SLOTS = 4, SLOT_IOVS = 1024 };

/* A read that is partly here, partly there: one run after the other. */
struct slot {
	struct blk_req sub;
	struct blk *b;
	struct blk_req *parent;        /* NULL: free                       */
	u64 at;                        /* bytes done                       */
	struct iovec iov[SLOT_IOVS];
};

struct blk_overlay {
	struct blk b;
	int fd;
	u64 *here;                     /* bit a sector                     */
	size_t here_len;
	struct slot *slots;
	struct blk_req *waiting, **last;
};

static struct blk_overlay *to_overlay(struct blk *b)
{
	return container_of(b, struct blk_overlay, b);
}

static bool is_here(const struct blk_overlay *o, u64 sector)
{
	return o->here[sector / 64] >> sector % 64 & 1;
}

/* Bytes from `off` on that are all here, or all there; at most `len`. */
static u64 run_length(const struct blk_overlay *o, u64 off, u64 len)
{
	u64 s = off / BLK_SECTOR, end = (off + len) / BLK_SECTOR;
	bool here = is_here(o, s);

	while (s < end && is_here(o, s) == here)
		s++;
	return s * BLK_SECTOR - off;
}

/* To our own file; comes back through blk_done with one more count. */
static void submit_here(struct blk_overlay *o, struct blk_req *r)
{
	r->fd = o->fd;
	r->aio_flags = 0;
	r->flags &= ~BLK_F_FUA;        /* it does not outlive us           */
	r->node = &o->b;
	aio_submit(o->b.aio, r);
}

/* --- reads that are mixed -------------------------------------------------- */

static void next_run(struct slot *s);

static void slot_done(struct blk_overlay *o, struct slot *s, int rc)
{
	struct blk_req *r = s->parent;

	if (o->waiting) {
		s->parent = o->waiting;
		o->waiting = s->parent->next;
		if (!o->waiting)
			o->last = &o->waiting;
		s->at = 0;
		blk_done(r, rc);
		next_run(s);
		return;
	}
	s->parent = NULL;
	blk_done(r, rc);
}

static void run_done(struct blk_req *r, int rc)
{
	struct slot *s = container_of(r, struct slot, sub);

	s->at += r->len;
	if (rc < 0 || s->at == s->parent->len)
		slot_done(to_overlay(s->b), s, rc);
	else
		next_run(s);
}

static int slice(const struct blk_req *r, u64 off, u64 len, struct iovec *to)
{
	int n = 0;

	for (int i = 0; i < r->niov && len; i++) {
		u64 part;

		if (off >= r->iov[i].iov_len) {
			off -= r->iov[i].iov_len;
			continue;
		}
		if (n == SLOT_IOVS)
			return -1;
		part = MIN(len, r->iov[i].iov_len - off);
		to[n++] = (struct iovec){ (u8 *)r->iov[i].iov_base + off, part };
		len -= part;
		off = 0;
	}
	return n;
}

static void next_run(struct slot *s)
{
	struct blk_overlay *o = to_overlay(s->b);
	struct blk_req *r = s->parent;
	u64 off = r->off + s->at, n = run_length(o, off, r->len - s->at);
	int niov = slice(r, s->at, n, s->iov);

	if (niov < 0) {
		slot_done(o, s, -EINVAL);
		return;
	}
	s->sub = (struct blk_req){ .op = BLK_READ, .off = off, .len = n,
				   .iov = s->iov, .niov = niov,
				   .done = run_done };
	if (is_here(o, off / BLK_SECTOR)) {
		o->b.inflight++;
		submit_here(o, &s->sub);
	} else {
		blk_submit(o->b.child, &s->sub);
	}
}

static void read_mixed(struct blk_overlay *o, struct blk_req *r)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (o->slots[i].parent)
			continue;
		o->slots[i].parent = r;
		o->slots[i].at = 0;
		next_run(&o->slots[i]);
		return;
	}
	r->next = NULL;
	*o->last = r;
	o->last = &r->next;
}

/* --- requests -------------------------------------------------------------- */

static void written(struct blk_req *r, int rc)
{
	struct blk_overlay *o = to_overlay(r->node);
	u64 s = r->off / BLK_SECTOR, end = s + r->len / BLK_SECTOR;

	for (; rc == 0 && s < end; s++)
		o->here[s / 64] |= BIT64(s % 64);
	blk_done(r, rc);
}

static void overlay_submit(struct blk *b, struct blk_req *r)
{
	struct blk_overlay *o = to_overlay(b);

	switch (r->op) {
	case BLK_READ:
		if (run_length(o, r->off, r->len) < r->len)
			read_mixed(o, r);
		else if (is_here(o, r->off / BLK_SECTOR))
			submit_here(o, r);
		else
			blk_pass(b, r);
		break;
	case BLK_WRITE:
	case BLK_WRITE_ZEROES:
		blk_push(b, r, written);
		b->inflight++;         /* taken by blk_done on the way     */
		submit_here(o, r);
		break;
	default:
		blk_done(r, 0);
		break;
	}
}

static void overlay_plug(struct blk *b, bool on)
{
	aio_plug(b->aio, on);
}

static void overlay_drain(struct blk *b)
{
	if (b->inflight)
		aio_wait(b->aio);
}

static int overlay_attach(struct blk *b, struct err *e)
{
	b->aio = blk_set_aio(b->set, b->loop, false, e);
	return b->aio ? 0 : -ENOMEM;
}

/* --- life ------------------------------------------------------------------ */

static int open_temp(struct blk_overlay *o, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	if (!dir || !*dir)
		dir = "/var/tmp";
	o->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (o->fd < 0)
		return err_set(e, -errno, "a temporary file in %s: %m", dir);
	return 0;
}

static int overlay_open(struct blk *b, struct opts *opts, struct err *e)
{
	struct blk_overlay *o = to_overlay(b);
	int rc;

	(void)opts;
	b->read_only = false;
	b->can_discard = false;
	b->align = BLK_SECTOR;
	b->len = ALIGN_DOWN(b->len, (u64)BLK_SECTOR);
	o->last = &o->waiting;
	rc = open_temp(o, e);
	if (rc < 0)
		return rc;
	o->here_len = ALIGN_UP(b->len / BLK_SECTOR / 8 + 8, (u64)PAGE_SIZE);
	o->here = mmap(NULL, o->here_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (o->here == MAP_FAILED) {
		close(o->fd);
		return err_set(e, -ENOMEM, "snapshot map: %m");
	}
	o->slots = calloc(SLOTS, sizeof(*o->slots));
	if (!o->slots)
		abort();
	for (unsigned i = 0; i < SLOTS; i++)
		o->slots[i].b = b;
	return 0;
}

static void overlay_close(struct blk *b)
{
	struct blk_overlay *o = to_overlay(b);

	munmap(o->here, o->here_len);
	close(o->fd);
	free(o->slots);
}

const struct blk_ops blk_overlay_ops = {
	.name   = "overlay", .summary = "keeps writes in a temporary file",
	.size   = sizeof(struct blk_overlay), .filter = true,
	.open   = overlay_open,   .submit = overlay_submit,
	.close  = overlay_close,  .plug   = overlay_plug,
	.drain  = overlay_drain,  .attach = overlay_attach,
};
