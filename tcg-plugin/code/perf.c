// SPDX-License-Identifier: MIT
/*
 * The perf map and jitdump.  See perf.h.
 *
 * Room:     two files in /tmp, written whole records at a time.
 * Talks to: nobody; whoever makes code calls perf_code.
 * Never:    fails its caller: what cannot be written is missing in a profile.
 */
#include "tcg-plugin/code/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/lock.h"
#include "vmm/base/path.h"

/* jitdump, version 1; all fields little-endian here. */
enum { DUMP_MAGIC = 0x4a695444, DUMP_VERSION = 1, DUMP_X86_64 = 62,
       DUMP_LOAD = 0 };

struct dump_header {
	u32 magic, version, size, machine, pad, pid;
	u64 time, flags;
};

struct dump_load {
	u32 id, size;
	u64 time;
	u32 pid, tid;
	u64 vma, code, code_size, index;
};

static _Atomic int fds[PERF_FILES] = { -1, -1 };
static struct lock perf_lock = LOCK_INIT("perf");
static u64 next_index;                 /* under perf_lock                 */

/* perf record -k mono: the clock of its samples then. */
static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* An executable mapping of the file is how perf record learns of it. */
static int dump_begin(int fd)
{
	const struct dump_header h = {
		.magic = DUMP_MAGIC, .version = DUMP_VERSION, .size = sizeof(h),
		.machine = DUMP_X86_64, .pid = (u32)getpid(), .time = now(),
	};

	if (write(fd, &h, sizeof(h)) != sizeof(h))
		return errno ? -errno : -EIO;
	if (mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC,
		 MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

int perf_open(enum perf_file which)
{
	static const char *const names[PERF_FILES] = {
		[PERF_MAP] = "/tmp/perf-%d.map", [PERF_JITDUMP] = "/tmp/jit-%d.dump",
	};
	char path[64];
	int fd, rc = 0;

	SCOPED_LOCK(&perf_lock);
	if (atomic_load(&fds[which]) >= 0)
		return 0;
	snprintf(path, sizeof(path), names[which], (int)getpid());
	unlink(path);                  /* an earlier process's */
	fd = path_open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600, NULL);
	if (fd < 0)
		return fd;
	if (which == PERF_JITDUMP)
		rc = dump_begin(fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	atomic_store(&fds[which], fd);
	return 0;
}

bool perf_on(void)
{
	for (unsigned i = 0; i < PERF_FILES; i++)
		if (atomic_load_explicit(&fds[i], memory_order_relaxed) >= 0)
			return true;
	return false;
}

static void map_line(int fd, const u8 *rx, u32 n, const char *name)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%llx %x %s\n",
			   (unsigned long long)(uintptr_t)rx, n, name);

	if (write(fd, line, MIN((size_t)len, sizeof(line) - 1)) < 0)
		return;
}

static void dump_record(int fd, const u8 *rx, const u8 *rw, u32 n,
			const char *name)
{
	size_t len = strlen(name) + 1;
	struct dump_load r = {
		.id = DUMP_LOAD, .size = (u32)(sizeof(r) + len + n),
		.time = now(), .pid = (u32)getpid(), .tid = (u32)gettid(),
		.vma = (u64)(uintptr_t)rx, .code = (u64)(uintptr_t)rx,
		.code_size = n, .index = next_index++,
	};
	const struct iovec v[] = {
		{ .iov_base = &r, .iov_len = sizeof(r) },
		{ .iov_base = (void *)(uintptr_t)name, .iov_len = len },
		{ .iov_base = (void *)(uintptr_t)rw, .iov_len = n },
	};

	if (writev(fd, v, ARRAY_LEN(v)) < 0)
		return;
}

void perf_code(const u8 *rx, const u8 *rw, u32 n, const char *name)
{
	int map = atomic_load(&fds[PERF_MAP]);
	int dump = atomic_load(&fds[PERF_JITDUMP]);

	SCOPED_LOCK(&perf_lock);
	if (map >= 0)
		map_line(map, rx, n, name);
	if (dump >= 0)
		dump_record(dump, rx, rw, n, name);
}
