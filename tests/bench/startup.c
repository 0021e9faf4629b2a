/* SPDX-License-Identifier: MIT */
/*
 * Process start to the guest's first output, for several VMMs in one run.
 *
 *     startup ROUNDS FLOOR MOTE GUEST
 *
 * All run as real-time processes where that is allowed, so that other work on
 * the host hardly counts.
 *
 * Each program is started with a pipe as its stdout; the clock runs from
 * before fork to the arrival of the guest's byte.  Then its resident memory
 * is read from smaps, without shared mappings of at least 1 MiB (guest RAM),
 * and it is killed.  CPU time, the kernel's part and exit included, is what
 * stays comparable on a busy host.  Programs take turns, so that a busy host hits all.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 1000, PATIENCE_MS = 20000 };

struct program {
	const char *name;
	const char *argv[40];
	long rss_limit;                /* KiB; 0: none was promised        */
	double ms[MAX_ROUNDS], cpu_ms[MAX_ROUNDS];
	unsigned n;
	long rss_kib, anon_kib;
	bool broken;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- one start --- */

static pid_t start(const struct program *p, int *out)
{
	int fds[2], null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(fds[1], 1);
		if (!getenv("BENCH_VERBOSE"))
			dup2(null, 2);
		execv(p->argv[0], (char **)(uintptr_t)p->argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* The guest's '!'; a VMM may print before it. */
static bool await_byte(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char c;

	while (poll(&pfd, 1, PATIENCE_MS) > 0 && read(fd, &c, 1) == 1)
		if (c == '!')
			return true;
	return false;
}

/* Guest RAM is a shared mapping, or with QEMU a private one of its size. */
static bool is_guest_ram(unsigned long len, const char *perms)
{
	return len >= 1 << 20 && (perms[3] == 's' || len >= 64 << 20);
}

static void measure_memory(struct program *p, pid_t pid)
{
	char path[64], line[512], perms[8] = "";
	unsigned long from, to, len = 0;
	long v;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	p->rss_kib = p->anon_kib = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3)
			len = to - from;
		else if (is_guest_ram(len, perms))
			continue;
		else if (sscanf(line, "Rss: %ld", &v) == 1)
			p->rss_kib += v;
		else if (sscanf(line, "Anonymous: %ld", &v) == 1)
			p->anon_kib += v;
	}
	if (f)
		fclose(f);
}

static double seconds_ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static void one_round(struct program *p)
{
	const double begin = now_ms();
	struct rusage u = { 0 };
	int fd = -1;
	pid_t pid = start(p, &fd);

	if (pid > 0 && await_byte(fd)) {
		p->ms[p->n] = now_ms() - begin;
		measure_memory(p, pid);
	} else {
		p->broken = true;
	}
	close(fd);
	if (pid > 0) {
		kill(pid, SIGKILL);
		wait4(pid, NULL, 0, &u);
	}
	p->cpu_ms[p->n] = seconds_ms(u.ru_utime) + seconds_ms(u.ru_stime);
	p->n += !p->broken;
}

/* --- the table --- */

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(v[0]), by_value);
	return n ? v[n / 2] : 0;
}

static void print_row(struct program *p, double floor)
{
	const double m = median(p->ms, p->n);

	if (p->broken || !p->n) {
		printf("%-24s does not start here\n", p->name);
		return;
	}
	printf("%-24s %9.2f %7.2f %7.2f %8.2f %8.2f %8ld %8ld", p->name, m,
	       p->ms[0], p->ms[p->n - 1], floor > 0 ? m / floor : 0.0,
	       median(p->cpu_ms, p->n), p->rss_kib, p->anon_kib);
	if (p->rss_limit)
		printf("  %s %ld", p->rss_kib <= p->rss_limit ? "within"
		       : "OVER", p->rss_limit);
	putchar('\n');
}

#define MOTE_ARGS(mote, ...) { mote, "-nodefaults", "-display", "none", \
	"-serial", "stdio", "-m", "128", __VA_ARGS__ }
#define QEMU_ARGS(guest) { "/usr/bin/qemu-system-x86_64", "-M", "microvm", \
	"-accel", "kvm", "-nodefaults", "-no-user-config", "-display", "none", \
	"-serial", "stdio", "-m", "128", "-kernel", guest }

enum { PROGRAMS = 6 };

static void run_all(struct program *table, int rounds)
{
	const struct sched_param rt = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &rt) < 0)
		printf("(not as real-time processes: other work counts)\n");
	for (int r = 0; r < rounds; r++)
		for (unsigned i = 0; i < PROGRAMS; i++)
			if (!table[i].broken)
				one_round(&table[i]);
}

int main(int argc, char **argv)
{
	const int rounds = argc == 5 ? atoi(argv[1]) : 0;
	char disk[] = "/tmp/mote-startup-XXXXXX", drive[80];
	char vsock[96], sock[48];
	int fd;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: startup ROUNDS FLOOR MOTE GUEST\n");
		return 2;
	}
	fd = mkstemp(disk);
	if (fd < 0 || ftruncate(fd, 16 << 20) < 0) {
		perror(disk);
		return 1;
	}
	close(fd);
	snprintf(drive, sizeof(drive), "file=%s,if=none,id=d,format=raw", disk);
	snprintf(sock, sizeof(sock), "%s.sock", disk);
	snprintf(vsock, sizeof(vsock),
		 "virtio-vsock-device,guest-cid=3,uds_path=%s", sock);

	static struct program table[PROGRAMS];
	struct program init[PROGRAMS] = {
		{ .name = "floor (kvm)", .argv = { argv[2] } },
		{ .name = "mote -accel kvm", .rss_limit = 3 << 10,
		  .argv = MOTE_ARGS(argv[3], "-accel", "kvm", "-kernel",
				    argv[4]) },
		{ .name = "mote -M microvm (kvm)", .rss_limit = 3 << 10,
		  .argv = MOTE_ARGS(argv[3], "-accel", "kvm", "-M", "microvm",
				    "-kernel", argv[4]) },
		{ .name = "the same, 5 devices", .rss_limit = 5 << 10,
		  .argv = MOTE_ARGS(argv[3], "-accel", "kvm", "-M", "microvm",
				    "-kernel", argv[4], "-drive", drive,
				    "-device", "virtio-blk-device,drive=d",
				    "-netdev", "dgram,id=n,local.type=inet,"
				    "local.host=127.0.0.1,local.port=0,"
				    "remote.type=inet,remote.host=127.0.0.1,"
				    "remote.port=9",
				    "-device", "virtio-net-device,netdev=n",
				    "-device", "virtio-rng-device",
				    "-device", "virtio-balloon-device",
				    "-device", vsock) },
		{ .name = "mote -accel tcg",
		  .argv = MOTE_ARGS(argv[3], "-accel", "tcg", "-kernel",
				    argv[4]) },
		{ .name = "qemu -M microvm (kvm)", .argv = QEMU_ARGS(argv[4]) },
	};

	memcpy(table, init, sizeof(table));
	run_all(table, rounds);
	unlink(disk);
	unlink(sock);
	printf("%-24s %9s %7s %7s %8s %8s %8s %8s\n", "start to first output",
	       "median ms", "min", "max", "x floor", "CPU ms", "RSS KiB",
	       "anon KiB");
	for (unsigned i = 0; i < PROGRAMS; i++)
		print_row(&table[i], median(table[0].ms, table[0].n));
	return 0;
}
