// SPDX-License-Identifier: MIT
/*
 * Loads for virtio disks and networks, for make bench-virtio: in the guest,
 * and on the host the peer of the network's.
 *
 * usage: ioload disk /dev/vda SECONDS [LOADS]    4k random, 1M sequential,
 *                                                O_DIRECT
 *        ioload net HOST PORT SECONDS [LOADS]    bytes out, in, request/response
 *        ioload serve PORT                       the peer; for ever
 *
 * LOADS: "seqread,tcp-rr"; without it, all.  Prints "RESULT NAME VALUE" lines:
 * requests or MiB a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 32, SMALL = 4096, BIG = 1 << 20, CHUNK = 128 << 10 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "ioload: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Is it one of "a,b,c"? */
static int wanted(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && !strncmp(p, name, n))
			return 1;
	return !list || !*list;
}

static void result(const char *name, double value)
{
	printf("RESULT %s %.1f\n", name, value);
	fflush(stdout);
}

/* --- disks ------------------------------------------------------------------- */

struct job {
	const char *name;
	int write;
	unsigned depth, size;
	int random;
};

static const struct job jobs[] = {
	{ "randread-qd1",   0, 1,  SMALL, 1 },
	{ "randread-qd32",  0, 32, SMALL, 1 },
	{ "randwrite-qd1",  1, 1,  SMALL, 1 },
	{ "randwrite-qd32", 1, 32, SMALL, 1 },
	{ "seqread",        0, 4,  BIG,   0 },
	{ "seqwrite",       1, 4,  BIG,   0 },
};

static uint64_t next_at(const struct job *j, uint64_t len, uint64_t *seq)
{
	static uint64_t s = 88172645463325252ull;
	uint64_t n = len / j->size;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (j->random ? (s >> 11) % n : (*seq)++ % n) * j->size;
}

static void submit(aio_context_t ctx, struct iocb *c)
{
	if (syscall(SYS_io_submit, ctx, 1l, &c) != 1)
		fail("io_submit");
}

static void run_job(const struct job *j, int fd, uint64_t len, double seconds)
{
	static struct iocb cb[DEPTH_MAX];
	struct io_event ev[DEPTH_MAX];
	aio_context_t ctx = 0;
	uint64_t done = 0, seq = 0;
	double start, end;

	if (syscall(SYS_io_setup, (long)DEPTH_MAX, &ctx) < 0)
		fail("io_setup");
	for (unsigned i = 0; i < j->depth; i++) {
		void *buf;

		if (posix_memalign(&buf, 4096, j->size))
			fail("memory");
		memset(buf, i, j->size);
		memset(&cb[i], 0, sizeof(cb[i]));
		cb[i].aio_lio_opcode = j->write ? IOCB_CMD_PWRITE
						: IOCB_CMD_PREAD;
		cb[i].aio_fildes = fd;
		cb[i].aio_buf = (uintptr_t)buf;
		cb[i].aio_nbytes = j->size;
		cb[i].aio_data = i;
	}
	start = now();
	end = start + seconds;
	for (unsigned i = 0; i < j->depth; i++) {
		cb[i].aio_offset = next_at(j, len, &seq);
		submit(ctx, &cb[i]);
	}
	for (;;) {
		long n = syscall(SYS_io_getevents, ctx, 1l, (long)j->depth, ev,
				 NULL);
		struct iocb *again[DEPTH_MAX];

		if (n < 0)
			fail("io_getevents");
		for (long i = 0; i < n; i++) {
			if (ev[i].res != j->size)
				fail("a request");
			again[i] = &cb[ev[i].data];
			again[i]->aio_offset = next_at(j, len, &seq);
		}
		done += n;
		if (now() >= end)
			break;
		if (syscall(SYS_io_submit, ctx, n, again) != n)
			fail("io_submit");
	}
	result(j->name, done / (now() - start));       /* BIG is 1 MiB     */
	syscall(SYS_io_destroy, ctx);
	for (unsigned i = 0; i < j->depth; i++)
		free((void *)(uintptr_t)cb[i].aio_buf);
}

static void disk(const char *path, double seconds, const char *loads)
{
	int fd = open(path, O_RDWR | O_DIRECT);
	uint64_t len;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &len) < 0)
		fail(path);
	for (unsigned i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (wanted(loads, jobs[i].name))
			run_job(&jobs[i], fd, len, seconds);
	close(fd);
}

/* --- networks ------------------------------------------------------------------ */

static char chunk[CHUNK];

static int dial(const char *host, int port, char how)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	inet_pton(AF_INET, host, &a.sin_addr);
	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)) < 0)
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (write(fd, &how, 1) != 1)
		fail("write");
	return fd;
}

static double tcp_out(int fd, double end)
{
	double n = 0;

	for (; now() < end; n += sizeof(chunk))
		if (write(fd, chunk, sizeof(chunk)) != sizeof(chunk))
			fail("write");
	return n / BIG;
}

static double tcp_in(int fd, double end)
{
	double n = 0;

	while (now() < end) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got <= 0)
			fail("read");
		n += got;
	}
	return n / BIG;
}

static double tcp_rr(int fd, double end)
{
	double n = 0;

	for (; now() < end; n++)
		if (write(fd, chunk, 1) != 1 || read(fd, chunk, 1) != 1)
			fail("request");
	return n;
}

static const struct {
	const char *name;
	double (*run)(int fd, double end);     /* MiB or requests */
} talks[] = {
	{ "tcp-out", tcp_out }, { "tcp-in", tcp_in }, { "tcp-rr", tcp_rr },
};

static void net(const char *host, int port, double seconds, const char *loads)
{
	for (unsigned i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		const char *name = talks[i].name;
		double start, n;
		int fd;

		if (!wanted(loads, name))
			continue;
		fd = dial(host, port, name[4]);
		start = now();
		n = talks[i].run(fd, start + seconds);
		result(name, n / (now() - start));
		close(fd);
	}
}

static void answer(int fd)
{
	char how = 0;
	ssize_t n;
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (read(fd, &how, 1) != 1)
		_exit(0);
	if (how == 'i')
		while (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
			;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (how == 'r' && send(fd, chunk, n, MSG_NOSIGNAL) < 0)
			break;
	_exit(0);
}

static void serve(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, c;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0)
		fail("listen");
	printf("listening\n");
	fflush(stdout);
	while ((c = accept(fd, NULL, NULL)) >= 0) {
		if (!fork())
			answer(c);
		close(c);
	}
}

int main(int argc, char **argv)
{
	if (argc >= 4 && argc <= 5 && !strcmp(argv[1], "disk"))
		disk(argv[2], atof(argv[3]), argv[4]);
	else if (argc >= 5 && argc <= 6 && !strcmp(argv[1], "net"))
		net(argv[2], atoi(argv[3]), atof(argv[4]), argv[5]);
	else if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	else
		return 2;
	return 0;
}
