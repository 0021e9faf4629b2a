/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_stdio.c with pipes and a terminal as 0 and 1. */
#include "tests/unit/chardev_fixture.h"

#include <sys/ioctl.h>
#include <termios.h>

static int saved[2];

/* Put `in` and `out` in place of descriptors 0 and 1, and back. */
static void replace(int in, int out)
{
	fflush(stdout);
	saved[0] = dup(0);
	saved[1] = dup(1);
	dup2(in, 0);
	dup2(out, 1);
}

static void put_back(void)
{
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
}

/* "s" on these instead of 0 and 1. */
static struct chardev *open_on(int in, int out, const char *spec)
{
	struct chardev *c;

	replace(in, out);
	c = chardev_open(set, "s", spec, NULL);
	put_back();
	assert_non_null(c);
	return c;
}

static int open_terminal(int *pty)
{
	*pty = posix_openpt(O_RDWR | O_NOCTTY);
	if (*pty < 0 || grantpt(*pty) < 0 || unlockpt(*pty) < 0)
		return -1;
	return open(ptsname(*pty), O_RDWR | O_NOCTTY);
}

static void pipes_carry_bytes_and_eof_is_not_the_end(void **state)
{
	struct chardev *c;
	int in[2], out[2];
	struct rec r;

	assert_int_equal(pipe(in) | pipe(out), 0);
	c = open_on(in[0], out[1], "stdio");
	assert_false(fcntl(in[0], F_GETFL) & O_NONBLOCK);
	expect_text(c, "stdio");
	rec_attach(&r, c);
	send_text(in[1], "typed");
	RUN_UNTIL(r.got.len == 5);
	close(in[1]);
	RUN_UNTIL(!strcmp(r.events, "OC"));
	chardev_write(&r.fe, "printed", 7);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	expect_bytes(out[0], "printed");
	close(out[0]);                 /* the reader of our stdout dies */
	close(out[1]);
	assert_int_equal(chardev_write(&r.fe, "x", 1), 1);
	turn();
	open_fails("t", "stdio", "cannot use stdio by multiple character "
		   "devices");
	rec_fini(&r);
	close(in[0]);
}

static void input_from_dev_null_is_an_early_eof(void **state)
{
	int null = open("/dev/null", O_RDWR);
	struct chardev *c;
	struct rec r;

	c = open_on(null, null, "stdio");
	rec_attach(&r, c);
	RUN_UNTIL(!strcmp(r.events, "OC"));
	chardev_write(&r.fe, "x", 1);
	rec_fini(&r);
	close(null);
}

static void the_terminal_is_raw_while_open_and_restored_after(void **state)
{
	struct termios before, during, after;
	int pty, tty = open_terminal(&pty);
	struct chardev *c;

	if (tty < 0)
		skip();                /* no pseudo-terminals here */
	tcgetattr(tty, &before);
	replace(tty, tty);
	c = chardev_open(set, "s", "mon:stdio", NULL);
	tcgetattr(0, &during);
	if (c)
		chardev_remove(set, "s", NULL);
	tcgetattr(0, &after);
	put_back();
	assert_non_null(c);
	assert_true(before.c_lflag & ICANON);
	assert_false(during.c_lflag & (ICANON | ECHO | ISIG));
	assert_true(during.c_oflag & OPOST);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	chardev_restore_tty();         /* nothing left to do: harmless */
	close(tty);
	close(pty);
}

static void a_terminals_size_is_told_and_told_again_when_it_changes(void **state)
{
	struct winsize w = { .ws_col = 132, .ws_row = 43 };
	u16 cols = 0, rows = 0;
	int pty, tty = open_terminal(&pty);
	struct chardev *c;
	struct rec r;

	if (tty < 0)
		skip();                /* no pseudo-terminals here */
	ioctl(pty, TIOCSWINSZ, &w);
	c = open_on(tty, tty, "mon:stdio");
	rec_attach(&r, c);
	RUN_UNTIL(!strcmp(r.events, "O"));
	assert_true(chardev_window(&r.fe, &cols, &rows));
	assert_int_equal(cols, 132);
	assert_int_equal(rows, 43);
	w.ws_col = 80;
	ioctl(pty, TIOCSWINSZ, &w);
	chardev_set_resized(set);
	RUN_UNTIL(!strcmp(r.events, "OR"));
	assert_true(chardev_window(&r.fe, &cols, &rows));
	assert_int_equal(cols, 80);
	rec_fini(&r);
	chardev_remove(set, "s", NULL);
	close(tty);
	close(pty);
}

static void a_pipe_has_no_size(void **state)
{
	struct chardev *c;
	u16 cols, rows;
	struct rec r;
	int in[2];

	assert_int_equal(pipe(in), 0);
	c = open_on(in[0], in[1], "stdio");
	rec_attach(&r, c);
	RUN_UNTIL(!strcmp(r.events, "O"));
	assert_false(chardev_window(&r.fe, &cols, &rows));
	rec_fini(&r);
	close(in[0]);
	close(in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pipes_carry_bytes_and_eof_is_not_the_end),
		TEST(input_from_dev_null_is_an_early_eof),
		TEST(the_terminal_is_raw_while_open_and_restored_after),
		TEST(a_terminals_size_is_told_and_told_again_when_it_changes),
		TEST(a_pipe_has_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
