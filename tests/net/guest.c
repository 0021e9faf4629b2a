// SPDX-License-Identifier: MIT
/*
 * What the network tests run inside the guest; statically linked.
 *
 *   netguest serve                     TCP: port 7 echoes, port 9 counts
 *   netguest send HOST PORT BYTES      to a peer that counts, as port 9 does
 *   netguest vecho PORT                vsock: echoes
 *   netguest vsend PORT TEXT           vsock to the host: TEXT, prints answer
 *
 * "Counts" is: read to the end, then answer "BYTES HASH\n" (FNV-1a, 64 bits).
 */
#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t fnv(uint64_t h, const uint8_t *p, size_t n)
{
	for (; n; n--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int write_all(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t put = write(fd, p, n);

		if (put <= 0)
			return -1;
		p = (const char *)p + put;
		n -= put;
	}
	return 0;
}

static void echo(int fd)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 &&
	       write_all(fd, buf, n) == 0)
		;
}

static void count(int fd)
{
	static uint8_t buf[65536];
	uint64_t h = 0xcbf29ce484222325ull, total = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		h = fnv(h, buf, n);
		total += n;
	}
	dprintf(fd, "%llu %016llx\n", (unsigned long long)total,
		(unsigned long long)h);
}

static void serve(int listener, void (*fn)(int fd))
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && fork() == 0) {
			fn(fd);
			_exit(0);
		}
		close(fd);
	}
}

static int tcp_listen(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return bind(fd, (void *)&a, sizeof(a)) || listen(fd, 8) ? -1 : fd;
}

static int tcp_serve(void)
{
	int a = tcp_listen(7), b = tcp_listen(9);

	if (a < 0 || b < 0)
		return fail("listen");
	if (fork() == 0)
		serve(a, echo);
	if (fork() == 0)
		serve(b, count);
	return 0;
}

static int tcp_send(const char *host, int port, long bytes)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	static uint8_t buf[65536];
	uint64_t h = 0xcbf29ce484222325ull, x = 88172645463325252ull;
	char text[64] = "", want[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, host, &a.sin_addr);
	if (connect(fd, (void *)&a, sizeof(a)))
		return fail("connect");
	for (long left = bytes; left > 0;) {
		size_t n = left < (long)sizeof(buf) ? (size_t)left
						    : sizeof(buf);

		for (size_t i = 0; i < n; i += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(buf + i, &x, 8);
		}
		h = fnv(h, buf, n);
		if (write_all(fd, buf, n))
			return fail("write");
		left -= n;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return fail("answer");
	snprintf(want, sizeof(want), "%ld %016llx\n", bytes,
		 (unsigned long long)h);
	printf("guest: sent %s\n", strcmp(text, want) ? text : "same");
	return 0;
}

static int vsock_echo(int port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK,
				 .svm_cid = VMADDR_CID_ANY,
				 .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (bind(fd, (void *)&a, sizeof(a)) || listen(fd, 8))
		return fail("vsock listen");
	if (fork() == 0)
		serve(fd, echo);
	return 0;
}

static int vsock_send(int port, const char *line)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK,
				 .svm_cid = VMADDR_CID_HOST,
				 .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	char text[256] = "";

	if (connect(fd, (void *)&a, sizeof(a)))
		return fail("guest: vsock connect");
	if (write_all(fd, line, strlen(line)) ||
	    read(fd, text, sizeof(text) - 1) <= 0)
		return fail("guest: vsock");
	printf("guest: vsock answer %s\n", text);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGCHLD, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return tcp_serve();
	if (argc == 5 && !strcmp(argv[1], "send"))
		return tcp_send(argv[2], atoi(argv[3]), atol(argv[4]));
	if (argc == 3 && !strcmp(argv[1], "vecho"))
		return vsock_echo(atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "vsend"))
		return vsock_send(atoi(argv[2]), argv[3]);
	fprintf(stderr, "netguest: read the top of tests/net/guest.c\n");
	return 2;
}
