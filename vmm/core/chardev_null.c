/* SPDX-License-Identifier: MIT */
/*
 * A chardev with nobody behind it: output vanishes, input never comes.
 *
 * Talks to: nobody.
 */
#include "vmm/core/chardev_priv.h"

static void null_start(struct chardev *c)
{
	chardev_io_open(c, -1, -1);
}

static ssize_t null_send(struct chardev *c, const void *p, size_t n)
{
	return n;
}

const struct chardev_kind chardev_kind_null = {
	.name    = "null",
	.summary = "discards output, never gives input",
	.start   = null_start,
	.send    = null_send,
};
