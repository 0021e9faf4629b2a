// SPDX-License-Identifier: MIT
/*
 * The way of a disk request alone: a driver in C on one thread, the real
 * virtqueue, virtio-blk over PCI with MSI-X, block nodes and io_uring on an I/O
 * thread, beside a bare io_uring loop on the same file.  No guest.
 *
 * usage: blkpath FILE REQUESTS
 *
 * For each load: ns of wall clock and of the I/O thread's CPU time a request,
 * its system calls a request (counted in a second run under ptrace), and
 * allocations (counted by wrapping malloc), of which there may be none.
 */
#include "tests/unit/device_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/virtio/ring.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"

enum { RAM = 4 << 20, BLOCK = 4096, HEADERS = 0x40000, DATA = 0x80000,
       DEPTH = 32, SLOT = 3 << 3, BAR = 0xe0000000, MSIX_BAR = 0xe0200000,
       VECTOR = 0x1a };

static struct {
	u8 *ram;
	u64 blocks, rng;
	struct list iothreads;
	struct iothread *io;
	struct disk_set *disks;
	struct device *host, *blk;
	struct ring ring;
	int irq_fd;
	int fd;
} b;

static _Atomic u64 allocations;

/* The linker sends every allocation of the program here: --wrap. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	allocations++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
	allocations++;
	return __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
	allocations++;
	return __real_realloc(p, n);
}

static void die(const char *what)
{
	fprintf(stderr, "blkpath: %s: %s\n", what, strerror(errno));
	exit(1);
}

static u64 random_block(void)
{
	b.rng ^= b.rng << 13;
	b.rng ^= b.rng >> 7;
	b.rng ^= b.rng << 17;
	return (b.rng >> 11) % b.blocks;
}

/* --- the machine --------------------------------------------------------------- */

/* An interrupt costs a VMM one system call, so here too. */
static void msi(void *opaque, u64 addr, u32 data)
{
	const u64 one = 1;

	(void)opaque, (void)addr, (void)data;
	if (write(b.irq_fd, &one, sizeof(one)) < 0)
		die("interrupt");
}

static void *backend(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_DRIVE ? (void *)disk_find(b.disks, id)
	     : t == PROP_IOTHREAD ? (void *)b.io : NULL;
}

static void config(unsigned off, u32 val, unsigned size)
{
	out(0xcf8, 0x80000000u | SLOT << 8 | (off & 0xfc), 4);
	out(0xcfc + (off & 3), val, size);
}

static void set(const char *name, const char *value)
{
	struct err e = { 0 };

	if (device_set_prop(b.blk, name, value, &e) < 0)
		die(e.msg);
}

static void up(const char *path)
{
	extern const struct device_class pci_host_class;
	struct opts o = OPTS_INIT;
	struct err e = { 0 };
	char spec[256];

	fake_machine_up(0);
	fake.env.msi.send = msi;
	fake.env.find_backend = backend;
	gmem_add(fake.env.gmem, "ram", 0, RAM, -1, 0, GMEM_RAM, &e);
	b.ram = gmem_ptr(fake.env.gmem, 0, RAM);
	b.disks = disk_set_create(fake.env.loop);
	b.host = fake_device(&pci_host_class);
	fake.env.pci = pci_host_bus(b.host);
	list_init(&b.iothreads);
	opts_set(&o, "id", "io");
	if (iothread_add(&b.iothreads, &o, &e) < 0)
		die(e.msg);
	opts_fini(&o);
	b.io = iothread_find(&b.iothreads, "io");
	snprintf(spec, sizeof(spec), "file,node-name=n,filename=%s", path);
	if (blk_add(disk_blks(b.disks), spec, &e) < 0)
		die(e.msg);
	b.blk = device_create(device_class_find("virtio-blk-pci"), "d",
			      &fake.env);
	set("drive", "n");
	set("iothread", "io");
	set("addr", "03.0");
	if (device_realize(b.blk, &e) < 0)
		die(e.msg);
	config(PCI_BAR0 + 4, MSIX_BAR, 4);
	config(PCI_BAR0 + 16, BAR, 4);
	config(PCI_COMMAND, 6, 2);
}

/* Vectors on, one for the queue; then as every driver. */
static void start(void)
{
	struct virtio *v = to_virtio(b.blk);

	config(v->pci.msix.cap + 2, 0x8000, 2);
	bus_write(fake.env.mmio, MSIX_BAR, 0xfee00000, 4);
	bus_write(fake.env.mmio, MSIX_BAR + 12, 0, 4);
	ring_init(&b.ring, v, 0, b.ram, 0, 128, 3);
	bus_write(fake.env.mmio, BAR + VECTOR, 0, 2);
	if (!ring_start_device(v, v->offered & ~BIT64(VIRTIO_F_RING_PACKED),
			       &b.ring, 1))
		die("the disk did not start");
}

static void down(void)
{
	device_destroy(b.blk);
	if (blk_del(disk_blks(b.disks), "n", NULL) < 0)
		die("node");
	disk_set_destroy(b.disks);
	iothreads_destroy(&b.iothreads);
	fake.dev = b.host;
	fake_machine_down();
}

/* --- the two loops --------------------------------------------------------------- */

static void prepare(unsigned depth, bool write)
{
	for (unsigned i = 0; i < depth; i++) {
		const u16 head = 3 * i;
		const u64 at = HEADERS + head * 32u;

		b.ring.desc[head] = (struct ring_desc){ at, 16, 1, head + 1 };
		b.ring.desc[head + 1] = (struct ring_desc){
			DATA + i * BLOCK, BLOCK, write ? 1 : 3, head + 2 };
		b.ring.desc[head + 2] = (struct ring_desc){ at + 16, 1, 2, 0 };
	}
}

static void post(u16 head, bool write)
{
	const u64 h[2] = { write, random_block() * (BLOCK / 512) };

	memcpy(b.ram + HEADERS + head * 32u, h, sizeof(h));
	ring_publish(&b.ring, head);
}

static void by_device(u64 n, unsigned depth, bool write)
{
	u64 done = 0, posted = 0;
	u16 old = b.ring.next_avail;
	u32 len;
	int head;

	prepare(depth, write);
	for (; posted < depth; posted++)
		post(3 * posted, write);
	ring_kick(&b.ring, true, old);
	while (done < n) {
		old = b.ring.next_avail;
		/* event index: tell of the next one */
		b.ring.avail[2 + b.ring.size] = b.ring.next_used;
		while ((head = ring_take(&b.ring, &len)) >= 0) {
			done++;
			if (posted++ < n)
				post(head, write);
		}
		if (b.ring.next_avail != old)
			ring_kick(&b.ring, true, old);
		else
			sched_yield();
	}
}

static void by_hand(u64 n, unsigned depth, bool write)
{
	struct io_uring ring;
	struct iovec iov[DEPTH];
	u64 done = 0, posted = 0;

	if (io_uring_queue_init(128, &ring, 0) < 0)
		die("io_uring");
	for (unsigned i = 0; i < depth; i++)
		iov[i] = (struct iovec){ b.ram + DATA + i * BLOCK, BLOCK };
	while (done < n) {
		struct io_uring_cqe *c;
		unsigned head, got = 0;

		for (; posted < depth; posted++) {
			struct io_uring_sqe *s = io_uring_get_sqe(&ring);

			if (write)
				io_uring_prep_writev(s, b.fd, &iov[posted], 1,
						     random_block() * BLOCK);
			else
				io_uring_prep_readv(s, b.fd, &iov[posted], 1,
						    random_block() * BLOCK);
			io_uring_sqe_set_data64(s, posted);
		}
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, c) {
			const unsigned i = c->user_data;
			struct io_uring_sqe *s;

			got++;
			if (done + got + depth > n)
				continue;
			s = io_uring_get_sqe(&ring);
			if (write)
				io_uring_prep_writev(s, b.fd, &iov[i], 1,
						     random_block() * BLOCK);
			else
				io_uring_prep_readv(s, b.fd, &iov[i], 1,
						    random_block() * BLOCK);
			io_uring_sqe_set_data64(s, i);
		}
		io_uring_cq_advance(&ring, got);
		done += got;
	}
	io_uring_queue_exit(&ring);
}

/* --- measuring --------------------------------------------------------------------- */

struct figures {
	double wall, cpu, calls;
	u64 allocations;
};

static double seconds(clockid_t c)
{
	struct timespec t;

	clock_gettime(c, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static struct figures measure(u64 n, unsigned depth, bool write, bool hand)
{
	clockid_t cpu = CLOCK_THREAD_CPUTIME_ID;
	struct figures f;
	double wall, c;
	u64 a;

	if (!hand)
		pthread_getcpuclockid(b.io->thread, &cpu);
	(hand ? by_hand : by_device)(n / 10, depth, write);
	a = allocations;
	c = seconds(cpu);
	wall = seconds(CLOCK_MONOTONIC);
	(hand ? by_hand : by_device)(n, depth, write);
	f.wall = (seconds(CLOCK_MONOTONIC) - wall) * 1e9 / n;
	f.cpu = (seconds(cpu) - c) * 1e9 / n;
	f.allocations = allocations - a;
	return f;
}

enum { MARK_BEGIN = 12345, MARK_END = 12346 };

/* The child's side: between the marks is what counts. */
static void traced(u64 n, unsigned depth, bool write, bool hand,
		   const char *path)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
		_exit(2);
	raise(SIGSTOP);
	up(path);
	start();
	syscall(SYS_prctl, MARK_BEGIN, hand ? 0 : b.io->tid, 0, 0, 0);
	(hand ? by_hand : by_device)(n, depth, write);
	syscall(SYS_prctl, MARK_END, 0, 0, 0, 0);
	_exit(0);
}

/* System calls of the thread that does the work, a request; < 0: cannot. */
static double count_calls(u64 n, unsigned depth, bool write, bool hand,
			  const char *path)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
			     PTRACE_O_EXITKILL;
	pid_t child = fork(), who = 0, p;
	bool counting = false;
	u64 calls = 0;
	int st;

	if (!child)
		traced(n, depth, write, hand, path);
	if (child < 0 || waitpid(child, &st, 0) < 0 || !WIFSTOPPED(st))
		return -1;
	ptrace(PTRACE_SETOPTIONS, child, 0, options);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	while ((p = waitpid(-1, &st, __WALL)) > 0) {
		long sig = WIFSTOPPED(st) ? WSTOPSIG(st) : 0;

		if (!WIFSTOPPED(st)) {
			if (p == child)
				break;
			continue;
		}
		if (sig == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info i;

			ptrace(PTRACE_GET_SYSCALL_INFO, p, sizeof(i), &i);
			sig = 0;
			if (i.op == PTRACE_SYSCALL_INFO_ENTRY) {
				const bool mark = i.entry.nr == SYS_prctl;

				if (mark && i.entry.args[0] == MARK_BEGIN) {
					counting = true;
					who = i.entry.args[1] ? (pid_t)
					      i.entry.args[1] : child;
				} else if (mark && i.entry.args[0] == MARK_END) {
					counting = false;
				} else if (counting && p == who) {
					calls++;
				}
			}
		} else if (sig == SIGTRAP || sig == SIGSTOP) {
			sig = 0;
		}
		ptrace(PTRACE_SYSCALL, p, 0, sig);
	}
	return (double)calls / n;
}

static const struct load {
	const char *name;
	unsigned depth;
	bool write;
} loads[] = {
	{ "4k read, depth 1",   1,  false }, { "4k read, depth 32",  32, false },
	{ "4k write, depth 1",  1,  true },  { "4k write, depth 32", 32, true },
};

int main(int argc, char **argv)
{
	const u64 n = argc > 2 ? strtoull(argv[2], NULL, 0) : 200000;
	double calls[ARRAY_LEN(loads)][2];
	u64 allocated = 0;

	if (argc < 2)
		return 2;
	b.rng = 88172645463325252ull;
	b.irq_fd = eventfd(0, EFD_CLOEXEC);
	b.fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (b.fd < 0)
		die(argv[1]);
	b.blocks = lseek(b.fd, 0, SEEK_END) / BLOCK;
	for (unsigned i = 0; i < ARRAY_LEN(loads); i++)
		for (unsigned hand = 0; hand < 2; hand++)
			calls[i][hand] = count_calls(10000, loads[i].depth,
						     loads[i].write, hand,
						     argv[1]);
	up(argv[1]);
	start();
	printf("%-20s %10s %10s %10s %8s   bare io_uring: %7s %7s %6s\n", "",
	       "wall ns", "CPU ns", "calls", "mallocs", "wall", "CPU",
	       "calls");
	for (unsigned i = 0; i < ARRAY_LEN(loads); i++) {
		const struct load *l = &loads[i];
		struct figures d = measure(n, l->depth, l->write, false);
		struct figures h = measure(n, l->depth, l->write, true);

		printf("%-20s %10.0f %10.0f %10.2f %8llu %22.0f %7.0f %6.2f\n",
		       l->name, d.wall, d.cpu, calls[i][0],
		       (unsigned long long)d.allocations, h.wall, h.cpu,
		       calls[i][1]);
		allocated += d.allocations;
	}
	down();
	if (allocated)
		fprintf(stderr, "blkpath: a request allocates\n");
	return allocated != 0;
}
