/* SPDX-License-Identifier: MIT */
/*
 * This process's terminal, or whatever stands in for it, as a chardev.
 *
 * Talks to: descriptors 0 and 1; termios.
 * Never:    makes the shell's own descriptors non-blocking: a terminal or a
 *           pipe is opened once more through /proc for that.
 *
 * The saved terminal mode is the one thing outside a struct vm here: the
 * terminal outlives every VM and has to be put back on any way out.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

struct stdio_chardev {
	int in, out;                   /* from open to start */
};

static struct termios tty_saved;
static _Atomic bool tty_raw;           /* tty_saved is to be put back */

void chardev_restore_tty(void)
{
	if (atomic_exchange(&tty_raw, false))
		tcsetattr(STDIN_FILENO, TCSANOW, &tty_saved);
}

/* Output post-processing stays: who prints "\n" means a new line. */
static void make_raw(bool signals)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) < 0)
		return;                /* not a terminal */
	tty_saved = t;
	t.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR |
		       ICRNL | IXON);
	t.c_oflag |= OPOST;
	t.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
	if (!signals)
		t.c_lflag &= ~ISIG;
	t.c_cflag &= ~(CSIZE | PARENB);
	t.c_cflag |= CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tty_raw = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* Our own non-blocking description of `fd`, or a plain duplicate. */
static int reopen(int fd, const char *proc, int flags)
{
	struct stat st;
	int own = -1;

	if (isatty(fd) || (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)))
		own = open(proc, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void stdio_close(struct chardev *c)
{
	struct stdio_chardev *s = c->impl;

	if (s->in >= 0)
		close(s->in);
	if (s->out >= 0)
		close(s->out);
	s->in = s->out = -1;
	chardev_restore_tty();
	c->set->stdio_taken = false;
}

static int stdio_open(struct chardev *c, struct opts *o, struct err *e)
{
	struct stdio_chardev *s = c->impl;
	bool signals = true;
	int rc;

	s->in = s->out = -1;
	if (opts_take_bool(o, "signal", &signals, e) < 0)
		return -EINVAL;
	if (c->set->stdio_taken)
		return err_set(e, -EBUSY, "cannot use stdio by multiple "
			       "character devices");
	s->in = reopen(STDIN_FILENO, "/proc/self/fd/0", O_RDONLY);
	s->out = reopen(STDOUT_FILENO, "/proc/self/fd/1", O_WRONLY);
	if (s->in < 0 || s->out < 0) {
		rc = err_set(e, -errno, "stdio: %m");
		if (s->in >= 0)
			close(s->in);
		return rc;
	}
	c->set->stdio_taken = true;
	make_raw(signals);
	return 0;
}

static void stdio_start(struct chardev *c)
{
	struct stdio_chardev *s = c->impl;

	chardev_io_open(c, s->in, s->out);
	s->in = s->out = -1;
}

static bool stdio_window(struct chardev *c, u16 *cols, u16 *rows)
{
	struct winsize w;

	if (c->in_fd < 0 || ioctl(c->in_fd, TIOCGWINSZ, &w) < 0)
		return false;
	*cols = w.ws_col;
	*rows = w.ws_row;
	return true;
}

const struct chardev_kind chardev_kind_stdio = {
	.name    = "stdio",
	.summary = "this terminal; signal=off gives Ctrl-C to the guest",
	.size    = sizeof(struct stdio_chardev),
	.open    = stdio_open,
	.start   = stdio_start,
	.close   = stdio_close,
	.send    = chardev_fd_send,
	.recv    = chardev_fd_recv,
	.window  = stdio_window,
};
