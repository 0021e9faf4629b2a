/* SPDX-License-Identifier: MIT */
/*
 * Trace points: the switches and where lines go.  See trace.h.
 *
 * Lines are gathered in one buffer under one lock and written when it is
 * full, at a flush, and when the file is closed.  As the log, this is of the
 * process: points fire before and after a VM.
 */
#include "vmm/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/lock.h"
#include "vmm/base/log.h"
#include "vmm/base/path.h"

enum { LINE_MAX_BYTES = 512, BUFFER = 64 << 10 };

#define TRACE_ROW(name, help) { #name, help },
const struct trace_event trace_events[TRACE_COUNT] = {
	TRACE_EVENTS(TRACE_ROW)
};
#undef TRACE_ROW

u8 trace_enabled[TRACE_COUNT];

static struct {
	struct lock lock;              /* guards the rest */
	int fd;                        /* -1: closed      */
	char name[256];
	size_t used;
	char buf[BUFFER];
} file = { .lock = LOCK_INIT("trace file"), .fd = -1 };

/* With the lock held.  A file that takes no more is given up. */
static void write_out(void)
{
	size_t done = 0;

	while (file.fd >= 0 && done < file.used) {
		ssize_t n = write(file.fd, file.buf + done, file.used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(file.fd);
			file.fd = -1;
		} else {
			done += (size_t)n;
		}
	}
	file.used = 0;
}

static bool to_file(const char *line, size_t n)
{
	SCOPED_LOCK(&file.lock);
	if (file.fd < 0)
		return false;
	if (file.used + n > sizeof(file.buf))
		write_out();
	memcpy(file.buf + file.used, line, n);
	file.used += n;
	return true;
}

void trace_emit(enum trace_id id, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	struct timespec t;
	va_list ap;
	int n, k;

	clock_gettime(CLOCK_REALTIME, &t);
	n = snprintf(line, sizeof(line), "%lld.%06ld %d %s ",
		     (long long)t.tv_sec, t.tv_nsec / 1000,
		     (int)syscall(SYS_gettid), trace_events[id].name);
	va_start(ap, fmt);
	k = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += MIN(MAX(k, 0), (int)sizeof(line) - n - 2);
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[n++] = '\n';
	line[n] = '\0';
	if (!to_file(line, (size_t)n))
		log_write("%s", line);
}

bool trace_fits(const char *pattern, enum trace_id id)
{
	return !fnmatch(pattern, trace_events[id].name, FNM_NOESCAPE);
}

unsigned trace_set(const char *pattern, bool on)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TRACE_COUNT; i++) {
		if (!trace_fits(pattern, (enum trace_id)i))
			continue;
		__atomic_store_n(&trace_enabled[i], on, __ATOMIC_RELAXED);
		n++;
	}
	return n;
}

/* --- the file --- */

static const char *file_name(void)
{
	if (!file.name[0])
		snprintf(file.name, sizeof(file.name), "trace-%d",
			 (int)getpid());
	return file.name;
}

int trace_file_on(struct err *e)
{
	char name[sizeof(file.name)];
	int fd;

	if (trace_file_status(name, sizeof(name)))
		return 0;
	/* Not with the lock held: opening has a trace point, too. */
	fd = path_open(name, O_WRONLY | O_CREAT | O_APPEND, 0600, e);
	if (fd < 0)
		return fd;
	SCOPED_LOCK(&file.lock);
	file.fd = fd;
	return 0;
}

void trace_file_off(void)
{
	SCOPED_LOCK(&file.lock);
	write_out();
	if (file.fd >= 0)
		close(file.fd);
	file.fd = -1;
}

void trace_file_flush(void)
{
	SCOPED_LOCK(&file.lock);
	write_out();
}

void trace_file_name(const char *name)
{
	trace_file_off();
	SCOPED_LOCK(&file.lock);
	snprintf(file.name, sizeof(file.name), "%s", name);
}

bool trace_file_status(char *name, size_t size)
{
	SCOPED_LOCK(&file.lock);
	snprintf(name, size, "%s", file_name());
	return file.fd >= 0;
}
