/* SPDX-License-Identifier: MIT */
/*
 * A pseudo-terminal: another program opens its other end by name.
 *
 * Talks to: /dev/ptmx; a timer on the home loop.
 * Never:    stays non-raw: bytes pass as they are.
 *
 * States: waiting (the other end is closed; output is dropped, the timer
 * looks again twice a second) -> connected (chardev_io has a duplicate of the
 * master) -> waiting (the last opener left: reads give EIO).
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_AGAIN_NS = 500 * 1000 * 1000 };

struct pty_chardev {
	int master;
	struct timer look;             /* on home; armed while waiting */
	char path[64];
};

/* Raw mode is the slave's; opening and closing it also makes the master
 * report a hang-up until somebody else opens it. */
static int set_raw(const char *path)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &t) < 0)
		goto out;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
out:
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -errno : 0;
}

static int pty_open(struct chardev *c, struct opts *o, struct err *e)
{
	struct pty_chardev *p = c->impl;
	int rc = 0;

	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->master < 0)
		return err_set(e, -errno, "Failed to create PTY: %m");
	if (grantpt(p->master) < 0 || unlockpt(p->master) < 0)
		rc = -errno;
	if (rc == 0)
		rc = -ptsname_r(p->master, p->path, sizeof(p->path));
	if (rc == 0)
		rc = set_raw(p->path);
	if (rc < 0) {
		close(p->master);
		return err_set(e, rc, "Failed to set up PTY: %m");
	}
	return 0;
}

static void pty_look(void *opaque)
{
	struct chardev *c = opaque;
	struct pty_chardev *p = c->impl;
	struct pollfd pfd = { .fd = p->master };
	int fd = -1;

	if (poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP))
		fd = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		chardev_io_open(c, fd, fd);
	else
		timer_set(&p->look, clock_host_ns() + LOOK_AGAIN_NS);
}

static void pty_start(struct chardev *c)
{
	struct pty_chardev *p = c->impl;

	timer_init(&p->look, c->home, NULL, pty_look, c);
	pty_look(c);
}

static void pty_again(struct chardev *c)
{
	if (c->kind == &chardev_kind_pty && !c->open)
		pty_look(c);
}

static void pty_hangup(struct chardev *c)
{
	chardev_io_shut(c);
	chardev_post(c, c->home, pty_again);
}

static void pty_close(struct chardev *c)
{
	struct pty_chardev *p = c->impl;

	timer_fini(&p->look);
	close(p->master);
	p->master = -1;
}

static void pty_describe(struct chardev *c, struct strbuf *out)
{
	struct pty_chardev *p = c->impl;

	strbuf_addf(out, "pty:%s", p->path);
}

const struct chardev_kind chardev_kind_pty = {
	.name     = "pty",
	.summary  = "a new pseudo-terminal, named by `info chardev`",
	.size     = sizeof(struct pty_chardev),
	.open     = pty_open,
	.start    = pty_start,
	.close    = pty_close,
	.send     = chardev_fd_send,
	.recv     = chardev_fd_recv,
	.hangup   = pty_hangup,
	.describe = pty_describe,
};
