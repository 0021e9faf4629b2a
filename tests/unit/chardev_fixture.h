/* SPDX-License-Identifier: MIT */
/*
 * For the chardev tests: a loop, a set, and front ends that write down what
 * happens to them.  Included once by each test file.
 */
#ifndef MOTE_TESTS_CHARDEV_FIXTURE_H
#define MOTE_TESTS_CHARDEV_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/strbuf.h"
#include "vmm/core/chardev.h"

static struct loop *loop;
static struct chardev_set *set;
static char dir[64];

struct rec {
	struct chardev_fe fe;
	struct strbuf got;             /* bytes read                   */
	char events[256];              /* a letter each: see rec_event */
	size_t room;
};

static size_t rec_can_read(void *fe)
{
	return ((struct rec *)fe)->room;
}

static void rec_read(void *fe, const u8 *buf, size_t n)
{
	struct rec *r = fe;

	assert_true(n <= r->room);
	strbuf_add(&r->got, buf, n);
}

static void rec_event(void *fe, enum chardev_event ev)
{
	static const char letters[] = {
		[CHARDEV_OPENED] = 'O', [CHARDEV_CLOSED] = 'C',
		[CHARDEV_BREAK] = 'B', [CHARDEV_MUX_IN] = 'i',
		[CHARDEV_MUX_OUT] = 'o', [CHARDEV_WRITABLE] = 'W',
		[CHARDEV_RESIZED] = 'R',
	};
	struct rec *r = fe;
	size_t n = strlen(r->events);

	assert_true(n < sizeof(r->events) - 1);
	r->events[n] = letters[ev];
}

static const struct chardev_fe_ops rec_ops = {
	.can_read = rec_can_read, .read = rec_read, .event = rec_event,
};

static inline void rec_attach(struct rec *r, struct chardev *c)
{
	*r = (struct rec){ .room = 4096 };
	strbuf_init(&r->got);
	assert_int_equal(chardev_attach(c, &r->fe, &rec_ops, r, NULL), 0);
}

static inline void rec_fini(struct rec *r)
{
	chardev_detach(&r->fe);
	strbuf_fini(&r->got);
}

static void stop_loop(void *opaque)
{
	loop_stop(opaque);
}

/* One round of the loop. */
static inline void turn(void)
{
	loop_post(loop, stop_loop, loop);
	loop_run(loop);
}

static inline int dial(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	while (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		assert_int_equal(errno, EAGAIN);       /* backlog full */
		turn();
	}
	return fd;
}

/* Rounds until `cond` holds; fails after about five seconds. */
#define RUN_UNTIL(cond) do { \
	int left_ = 5000; \
	while (!(cond) && left_--) { \
		turn(); \
		if (!(cond)) \
			usleep(1000); \
	} \
	if (!(cond)) \
		fail_msg("never: %s", #cond); \
} while (0)

static inline struct chardev *open_ok(const char *id, const char *spec)
{
	struct err e = { .msg = "" };
	struct chardev *c = chardev_open(set, id, spec, &e);

	if (!c)
		fail_msg("%s: %s", spec, e.msg);
	return c;
}

static inline void open_fails(const char *id, const char *spec,
			      const char *sentence)
{
	struct err e = { .msg = "" };

	assert_null(chardev_open(set, id, spec, &e));
	assert_string_equal(e.msg, sentence);
}

static inline void expect_text(struct chardev *c, const char *want)
{
	struct strbuf s = STRBUF_INIT;

	chardev_describe(c, &s);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

/* fmt's %s is the test's own folder. */
static inline const char *in_dir(const char *fmt)
{
	static char buf[8][256];
	static int n;

	snprintf(buf[++n % 8], sizeof(buf[0]), fmt, dir);
	return buf[n % 8];
}

static inline void send_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads from `fd` until `want` has come. */
static inline void expect_bytes(int fd, const char *want)
{
	char buf[4096];
	size_t n = 0, len = strlen(want);

	for (int left = 5000; n < len && left; left--) {
		ssize_t r = read(fd, buf + n, len - n);

		if (r > 0)
			n += r;
		else
			usleep(1000);
		turn();
	}
	buf[n] = '\0';
	assert_string_equal(buf, want);
}

static inline int fixture_setup(void **state)
{
	strcpy(dir, "/tmp/mote-chr-XXXXXX");
	loop = loop_create("test", NULL);
	set = chardev_set_create(loop);
	return !mkdtemp(dir);
}

static inline int fixture_teardown(void **state)
{
	char cmd[128];

	chardev_set_destroy(set);
	loop_destroy(loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, \
						fixture_teardown)

#endif
