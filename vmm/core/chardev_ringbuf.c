/* SPDX-License-Identifier: MIT */
/*
 * A ring of memory: keeps the last bytes written, for ringbuf_read.
 *
 * Talks to: nobody; the monitor reads through chardev_ringbuf_read.
 *
 * Invariants: size is a power of two; produced - consumed <= size; bytes are
 * touched under the chardev's lock.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <stdlib.h>

struct ringbuf {
	u8 *buf;
	u64 size, produced, consumed;
};

static int ringbuf_open(struct chardev *c, struct opts *o, struct err *e)
{
	struct ringbuf *r = c->impl;

	r->size = 64 * KiB;
	if (opts_take_size(o, "size", &r->size, e) < 0)
		return -EINVAL;
	if (!r->size || r->size & (r->size - 1))
		return err_set(e, -EINVAL,
			       "size of ringbuf chardev must be power of two");
	if (r->size > GiB)
		return err_set(e, -EINVAL, "size of ringbuf chardev is at most "
			       "1 GiB");
	r->buf = malloc(r->size);
	if (!r->buf)
		return err_set(e, -ENOMEM, "ringbuf of %llu bytes: %m",
			       (unsigned long long)r->size);
	return 0;
}

static void ringbuf_start(struct chardev *c)
{
	chardev_io_open(c, -1, -1);
}

static void ringbuf_close(struct chardev *c)
{
	struct ringbuf *r = c->impl;

	free(r->buf);
	r->buf = NULL;
}

static ssize_t ringbuf_send(struct chardev *c, const void *p, size_t n)
{
	struct ringbuf *r = c->impl;
	const u8 *in = p;

	for (size_t i = 0; i < n; i++)
		r->buf[r->produced++ & (r->size - 1)] = in[i];
	if (r->produced - r->consumed > r->size)
		r->consumed = r->produced - r->size;
	return n;
}

static int check_ringbuf(struct chardev *c, struct err *e)
{
	if (c->kind->send == ringbuf_send)
		return 0;
	return err_set(e, -EINVAL, "%s is not a ringbuf device", c->id);
}

int chardev_ringbuf_write(struct chardev *c, const void *p, size_t n,
			  struct err *e)
{
	int rc = check_ringbuf(c, e);

	if (rc == 0)
		chardev_io_write(c, p, n);
	return rc;
}

int chardev_ringbuf_read(struct chardev *c, size_t max, struct strbuf *out,
			 struct err *e)
{
	struct ringbuf *r = c->impl;
	int rc = check_ringbuf(c, e);

	if (rc < 0)
		return rc;
	SCOPED_LOCK(&c->lock);
	while (max-- && r->consumed != r->produced)
		strbuf_addc(out, r->buf[r->consumed++ & (r->size - 1)]);
	return 0;
}

const struct chardev_kind chardev_kind_ringbuf = {
	.name    = "ringbuf",
	.summary = "keeps the last size=N bytes for ringbuf_read",
	.size    = sizeof(struct ringbuf),
	.open    = ringbuf_open,
	.start   = ringbuf_start,
	.close   = ringbuf_close,
	.send    = ringbuf_send,
};

/* The older name of the same thing; `info chardev` tells them apart. */
const struct chardev_kind chardev_kind_memory = {
	.name    = "memory",
	.summary = "another name of ringbuf",
	.size    = sizeof(struct ringbuf),
	.open    = ringbuf_open,
	.start   = ringbuf_start,
	.close   = ringbuf_close,
	.send    = ringbuf_send,
};
