/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/sockaddr.c: texts to addresses and back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/core/sockaddr.h"

static void expect_text(const struct sockaddr_any *a, const char *want)
{
	struct strbuf s = STRBUF_INIT;

	sockaddr_text(a, false, &s);
	assert_string_equal(s.buf, want);
	strbuf_fini(&s);
}

static void texts_come_back(void **state)
{
	struct sockaddr_any a;
	struct err e;

	assert_int_equal(sockaddr_unix(&a, "/a/b", false, NULL), 0);
	expect_text(&a, "unix:/a/b");
	assert_int_equal(sockaddr_unix(&a, "abs", true, NULL), 0);
	expect_text(&a, "unix:abs");
	assert_int_equal(sockaddr_inet(&a, "1.2.3.4", "5", AF_UNSPEC, false, &e), 0);
	expect_text(&a, "tcp:1.2.3.4:5");
	assert_int_equal(sockaddr_inet(&a, "::1", "5", AF_UNSPEC, false, &e), 0);
	expect_text(&a, "tcp:[::1]:5");
	assert_int_equal(sockaddr_inet(&a, "", "5", AF_UNSPEC, true, &e), 0);
	expect_text(&a, "tcp:0.0.0.0:5");
	assert_int_equal(sockaddr_inet(&a, "localhost", "5", AF_UNSPEC, false,
				       &e), 0);
	expect_text(&a, "tcp:127.0.0.1:5");
}

static void nonsense_is_refused(void **state)
{
	struct sockaddr_any a;
	struct err e;

	assert_int_equal(sockaddr_unix(&a, "", false, &e), -EINVAL);
	assert_int_equal(sockaddr_inet(&a, "1.2.3.4", "http port", AF_UNSPEC,
				       false, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "1.2.3.4:http port"));
	/* 99999 would be 34463. */
	assert_int_equal(sockaddr_inet(&a, "1.2.3.4", "99999", AF_UNSPEC,
				       false, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "99999"));
	assert_int_equal(sockaddr_inet(&a, "1.2.3.4", "-1", AF_UNSPEC, false,
				       &e), -EINVAL);
}

static void only_a_dead_socket_is_moved_out_of_the_way(void **state)
{
	char path[] = "/tmp/mote-sa-XXXXXX";
	struct sockaddr_any a;
	bool pending;
	struct err e;
	int fd, cl;

	close(mkstemp(path));
	sockaddr_unix(&a, path, false, NULL);
	assert_int_equal(sockaddr_connect(&a, &pending), -ECONNREFUSED);
	assert_int_equal(sockaddr_listen(&a, &e), -EADDRINUSE);
	assert_non_null(strstr(e.msg, path));
	unlink(path);
	close(sockaddr_listen(&a, &e));
	fd = sockaddr_listen(&a, &e);
	assert_true(fd >= 0);
	cl = sockaddr_connect(&a, &pending);
	assert_true(cl >= 0);
	assert_false(pending);
	assert_int_equal(sockaddr_error(cl), 0);
	assert_true(fcntl(cl, F_GETFD) & FD_CLOEXEC);
	close(cl);
	close(fd);
	unlink(path);
}

static void a_client_waits_while_there_is_no_descriptor_for_it(void **s)
{
	const char path[] = "/tmp/mote-sockaddr-full";
	struct rlimit was, none = { 0 };
	struct sockaddr_any a;
	bool pending;
	int fd, cl, got;

	sockaddr_unix(&a, path, false, NULL);
	fd = sockaddr_listen(&a, NULL);
	assert_int_equal(sockaddr_accept(fd), -EAGAIN);
	cl = sockaddr_connect(&a, &pending);
	getrlimit(RLIMIT_NOFILE, &was);
	none.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	got = sockaddr_accept(fd);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_int_equal(got, -EMFILE);
	got = sockaddr_accept(fd);
	assert_true(got >= 0);
	assert_true(fcntl(got, F_GETFL) & O_NONBLOCK);
	close(got);
	close(cl);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_client_waits_while_there_is_no_descriptor_for_it),
		cmocka_unit_test(only_a_dead_socket_is_moved_out_of_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
