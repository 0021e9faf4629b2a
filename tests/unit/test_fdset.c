// SPDX-License-Identifier: MIT
/* Unit test: vmm/base/fdset.c: descriptors given, and opened by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/fdset.h"
#include "vmm/base/path.h"
#include "vmm/base/strbuf.h"

static char name[] = "/tmp/mote-fdset-XXXXXX";

static int up(void **s)
{
	int fd;

	(void)s;
	strcpy(name, "/tmp/mote-fdset-XXXXXX");
	fd = mkstemp(name);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	return 0;
}

static void note(s64 id, int fd, const char *opaque, void *arg)
{
	(void)fd;
	strbuf_addf(arg, "%lld%s%s ", (long long)id, opaque ? ":" : "",
		    opaque ? opaque : "");
}

static const char *list(void)
{
	static char text[256];
	struct strbuf b = STRBUF_INIT;

	fdset_each(note, &b);
	snprintf(text, sizeof(text), "%s", b.buf);
	strbuf_fini(&b);
	return text;
}

static int down(void **s)
{
	(void)s;
	for (int i = 0; i < 10; i++)
		fdset_remove(i, -1, NULL);
	assert_string_equal(list(), "");
	unlink(name);
	path_policy_clear();
	return 0;
}

static int give(s64 id, int flags, const char *opaque)
{
	return (int)fdset_add(id, open(name, flags | O_CLOEXEC), opaque, NULL);
}

static void numbers_are_the_lowest_that_are_free(void **s)
{
	(void)s;
	assert_int_equal(give(1, O_RDONLY, "b"), 1);
	assert_int_equal(give(-1, O_RDONLY, NULL), 0);
	assert_int_equal(give(-1, O_RDONLY, NULL), 2);
	assert_int_equal(give(1, O_RDWR, "c"), 1);
	assert_string_equal(list(), "0 1:b 1:c 2 ");
	assert_int_equal(fdset_remove(0, -1, NULL), 0);
	assert_int_equal(give(-1, O_RDONLY, NULL), 0);
}

static void the_mode_chooses_the_descriptor(void **s)
{
	struct err e = { 0 };
	char buf[6] = "";
	int fd;

	(void)s;
	give(3, O_RDONLY, NULL);
	give(3, O_RDWR, NULL);
	fd = path_open("/dev/fdset/3", O_RDWR, 0, &e);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(pread(fd, buf, 5, 0), 5);
	assert_string_equal(buf, "hello");
	close(fd);
	assert_int_equal(path_open("/dev/fdset/3", O_WRONLY, 0, &e), -EACCES);
	assert_string_equal(e.msg, "Could not open '/dev/fdset/3': Permission "
			    "denied");
}

static void a_copy_outlives_its_set(void **s)
{
	char c;
	int fd;

	(void)s;
	give(1, O_RDONLY, NULL);
	fd = path_open("/dev/fdset/1", O_RDONLY, 0, NULL);
	assert_int_equal(fdset_remove(1, -1, NULL), 0);
	assert_int_equal(pread(fd, &c, 1, 0), 1);
	close(fd);
	assert_int_equal(path_open("/dev/fdset/1", O_RDONLY, 0, NULL),
			 -ENOENT);
}

static void flags_of_the_opener_are_honoured(void **s)
{
	int fd;

	(void)s;
	give(1, O_RDWR, NULL);
	assert_int_equal(path_open("/dev/fdset/1", O_RDWR | O_CREAT | O_EXCL,
				   0600, NULL), -EEXIST);
	fd = path_open("/dev/fdset/1", O_RDWR | O_CREAT | O_TRUNC | O_APPEND,
		       0600, NULL);
	assert_true(fcntl(fd, F_GETFL) & O_APPEND);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void names_that_are_no_number_are_no_set(void **s)
{
	static const char *const bad[] = {
		"/dev/fdset/", "/dev/fdset/x", "/dev/fdset/1x",
		"/dev/fdset/-1", "/dev/fdset/ 1", "/dev/fdset/1/2",
		"/dev/fdset/99999999999999999999",
	};

	(void)s;
	give(1, O_RDONLY, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(path_open(bad[i], O_RDONLY, 0, NULL),
				 -ENOENT);
}

static void the_door_may_be_closed_and_sets_stay_open(void **s)
{
	int fd;

	(void)s;
	give(1, O_RDONLY, NULL);
	assert_int_equal(path_policy_set("/usr", NULL), 0);
	assert_int_equal(path_open(name, O_RDONLY, 0, NULL), -EXDEV);
	fd = path_open("/dev/fdset/1", O_RDONLY, 0, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void what_is_not_there_is_named(void **s)
{
	struct err e = { 0 };

	(void)s;
	give(1, O_RDONLY, NULL);
	assert_int_equal(fdset_remove(1, 999, &e), -ENOENT);
	assert_string_equal(e.msg, "File descriptor named 'fdset-id:1, "
			    "fd:999' not found");
	assert_int_equal(fdset_remove(2, -1, &e), -ENOENT);
	assert_string_equal(e.msg, "File descriptor named 'fdset-id:2' not "
			    "found");
}

static void the_table_is_bounded_and_a_refused_one_is_closed(void **s)
{
	struct err e = { 0 };
	int fd = -1;

	(void)s;
	for (unsigned i = 0; i < FDSET_FDS_MAX; i++)
		if (fdset_add(5, dup(0), NULL, &e) < 0)
			skip();        /* the host allows too few */
	fd = dup(0);
	assert_int_equal(fdset_add(5, fd, "more", &e), -ENOSPC);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void an_inherited_one_comes_by_its_number(void **s)
{
	struct err e = { 0 };
	char text[64];
	int fd = open(name, O_RDONLY);

	(void)s;
	snprintf(text, sizeof(text), "fd=%d,set=4,opaque=disk", fd);
	assert_int_equal(fdset_add_spec(text, &e), 0);
	assert_string_equal(list(), "4:disk ");
	close(fd);
	fd = path_open("/dev/fdset/4", O_RDONLY, 0, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fdset_add_spec("fd=1,set=1", &e), -EINVAL);
	assert_int_equal(fdset_add_spec("fd=9", &e), -EINVAL);
	assert_int_equal(fdset_add_spec("fd=987654,set=1", &e), -EBADF);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(numbers_are_the_lowest_that_are_free),
		T(the_mode_chooses_the_descriptor),
		T(a_copy_outlives_its_set),
		T(flags_of_the_opener_are_honoured),
		T(names_that_are_no_number_are_no_set),
		T(the_door_may_be_closed_and_sets_stay_open),
		T(what_is_not_there_is_named),
		T(the_table_is_bounded_and_a_refused_one_is_closed),
		T(an_inherited_one_comes_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
