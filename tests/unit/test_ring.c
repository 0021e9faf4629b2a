// SPDX-License-Identifier: MIT
/* Unit test: vmm/block/ring.c: what a disk's ring does and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/block/ring.h"

static struct io_uring ring;

static int up(void **s)
{
	int rc = ring_open(&ring, 8);

	(void)s;
	if (rc < 0) {
		fprintf(stderr, "# SKIP no io_uring here: error %d\n", -rc);
		skip();
	}
	return 0;
}

static int down(void **s)
{
	(void)s;
	io_uring_queue_exit(&ring);
	return 0;
}

/* The result of the one request just prepared. */
static int result(void)
{
	struct io_uring_cqe *c;
	int res;

	assert_int_equal(io_uring_submit(&ring), 1);
	assert_int_equal(io_uring_wait_cqe(&ring, &c), 0);
	res = c->res;
	io_uring_cqe_seen(&ring, c);
	return res;
}

static void it_reads_writes_and_flushes(void **s)
{
	char text[8] = "mote";
	struct iovec v = { text, 4 };
	int fd = memfd_create("ring", 0);

	(void)s;
	io_uring_prep_writev(io_uring_get_sqe(&ring), fd, &v, 1, 0);
	assert_int_equal(result(), 4);
	text[0] = 'x';
	io_uring_prep_readv(io_uring_get_sqe(&ring), fd, &v, 1, 0);
	assert_int_equal(result(), 4);
	assert_string_equal(text, "mote");
	io_uring_prep_fsync(io_uring_get_sqe(&ring), fd,
			    IORING_FSYNC_DATASYNC);
	assert_int_equal(result(), 0);
	close(fd);
}

static void it_opens_and_connects_nothing(void **s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr sa = { .sa_family = AF_UNIX };

	(void)s;
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/etc/passwd",
			     O_RDONLY, 0);
	assert_int_equal(result(), -EACCES);
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, &sa, sizeof(sa));
	assert_int_equal(result(), -EACCES);
	io_uring_prep_unlinkat(io_uring_get_sqe(&ring), AT_FDCWD, "/nowhere",
			       0);
	assert_int_equal(result(), -EACCES);
	close(fd);
}

static void it_takes_no_more_set_up(void **s)
{
	int fd = memfd_create("ring", 0);

	(void)s;
	assert_int_equal(io_uring_register_files(&ring, &fd, 1), -EACCES);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_reads_writes_and_flushes,
						up, down),
		cmocka_unit_test_setup_teardown(it_opens_and_connects_nothing,
						up, down),
		cmocka_unit_test_setup_teardown(it_takes_no_more_set_up,
						up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
