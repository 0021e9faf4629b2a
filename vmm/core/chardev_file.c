/* SPDX-License-Identifier: MIT */
/*
 * A chardev that writes to a file, and may read from another.
 *
 * Talks to: regular files, or whatever else path= and input-path= name.
 */
#include "vmm/core/chardev_priv.h"
#include "vmm/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct file_chardev {
	int in, out;                   /* from open to start */
};

static int file_open(struct chardev *c, struct opts *o, struct err *e)
{
	const char *path = opts_take(o, "path");
	const char *input = opts_take(o, "input-path");
	struct file_chardev *f = c->impl;
	bool append = false;

	f->in = f->out = -1;
	if (opts_take_bool(o, "append", &append, e) < 0)
		return -EINVAL;
	if (!path || !*path)
		return err_set(e, -EINVAL, "chardev: file: no filename given");
	f->out = path_open(path, O_WRONLY | O_CREAT | O_NONBLOCK |
			   (append ? O_APPEND : O_TRUNC), 0666, e);
	if (f->out < 0)
		return f->out;
	if (!input)
		return 0;
	f->in = path_open(input, O_RDONLY | O_NONBLOCK, 0, e);
	if (f->in < 0) {
		close(f->out);
		return f->in;
	}
	return 0;
}

static void file_start(struct chardev *c)
{
	struct file_chardev *f = c->impl;

	chardev_io_open(c, f->in, f->out);
	f->in = f->out = -1;
}

/* Only what start never handed over. */
static void file_close(struct chardev *c)
{
	struct file_chardev *f = c->impl;

	if (f->in >= 0)
		close(f->in);
	if (f->out >= 0)
		close(f->out);
	f->in = f->out = -1;
}

const struct chardev_kind chardev_kind_file = {
	.name    = "file",
	.summary = "output to path=, input from input-path=",
	.size    = sizeof(struct file_chardev),
	.open    = file_open,
	.start   = file_start,
	.close   = file_close,
	.send    = chardev_fd_send,
	.recv    = chardev_fd_recv,
};
