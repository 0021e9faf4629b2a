/* SPDX-License-Identifier: MIT */
/*
 * Named pipes: PATH.in to read and PATH.out to write where both exist, else
 * PATH for both.
 *
 * Talks to: FIFOs, opened for both directions so that neither open nor the
 *           other side's coming and going ever blocks or ends us.
 */
#include "vmm/core/chardev_priv.h"
#include "vmm/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct pipe_chardev {
	int in, out;                   /* from open to start */
};

static int open_end(const char *path, const char *suffix, struct err *e)
{
	struct strbuf name = STRBUF_INIT;
	int fd;

	strbuf_addf(&name, "%s%s", path, suffix);
	fd = path_open(name.buf, O_RDWR | O_NONBLOCK, 0, e);
	strbuf_fini(&name);
	return fd;
}

static void pipe_close(struct chardev *c)
{
	struct pipe_chardev *p = c->impl;

	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0 && p->out != p->in)
		close(p->out);
	p->in = p->out = -1;
}

static int pipe_open(struct chardev *c, struct opts *o, struct err *e)
{
	const char *path = opts_take(o, "path");
	struct pipe_chardev *p = c->impl;

	p->in = p->out = -1;
	if (!path || !*path)
		return err_set(e, -EINVAL, "chardev: pipe: no device path given");
	p->in = open_end(path, ".in", NULL);
	p->out = open_end(path, ".out", NULL);
	if (p->in >= 0 && p->out >= 0)
		return 0;
	pipe_close(c);
	p->in = p->out = open_end(path, "", e);
	return MIN(p->in, 0);
}

static void pipe_start(struct chardev *c)
{
	struct pipe_chardev *p = c->impl;

	chardev_io_open(c, p->in, p->out);
	p->in = p->out = -1;
}

const struct chardev_kind chardev_kind_pipe = {
	.name    = "pipe",
	.summary = "a pair of named pipes, path=.in and path=.out",
	.size    = sizeof(struct pipe_chardev),
	.open    = pipe_open,
	.start   = pipe_start,
	.close   = pipe_close,
	.send    = chardev_fd_send,
	.recv    = chardev_fd_recv,
};
