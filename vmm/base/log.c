/* SPDX-License-Identifier: MIT */
/*
 * The log.  See log.h.
 *
 * Talks to: stderr, or the file that -D or `logfile` named.
 * Never:    holds log_lock while formatting; writes a line in pieces.
 *
 * The mask, the descriptor and the lock are this process's only shared
 * mutable data outside a struct vm: a log has to work before and after one.
 */
#include "vmm/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/err.h"
#include "vmm/base/lock.h"
#include "vmm/base/path.h"
#include "vmm/base/strbuf.h"

u32 log_mask;

static struct lock log_lock = LOCK_INIT("log");
static int log_fd = STDERR_FILENO;     /* under log_lock */
static struct {                        /* under log_lock */
	log_watch_fn *fn;
	void *opaque;
} watcher;

const struct log_item_row log_items[] = {
	{ LOG_OUT_ASM,     "out_asm",      "host code made for each block" },
	{ LOG_IN_ASM,      "in_asm",       "guest code of each block translated" },
	{ LOG_OP,          "op",           "each decoded instruction: its row and operands" },
	{ LOG_INT,         "int",          "interrupts and exceptions, a line each" },
	{ LOG_EXEC,        "exec",         "every block entered (floods)" },
	{ LOG_CPU,         "cpu",          "registers before every block (floods)" },
	{ LOG_FPU,         "fpu",          "with cpu: floating point registers too" },
	{ LOG_MMU,         "mmu",          "flushes of the TLB, a line each" },
	{ LOG_RESET,       "cpu_reset",    "registers before each CPU reset" },
	{ LOG_UNIMP,       "unimp",        "unimplemented functions the guest used" },
	{ LOG_GUEST_ERROR, "guest_errors", "things the guest should not have done" },
	{ LOG_PAGE,        "page",         "nothing: it is for user-mode emulation" },
	{ LOG_NOCHAIN,     "nochain",      "nothing: exec and cpu see every block anyway" },
	{ LOG_PLUGIN,      "plugin",       "nothing: there are no instrumentation plugins" },
	{ LOG_STRACE,      "strace",       "nothing: it is for user-mode emulation" },
	{ 0, NULL, NULL }
};

static int item_mask(const char *name, size_t n, u32 *mask)
{
	const struct log_item_row *r;

	if (n == 3 && !memcmp(name, "all", 3)) {
		for (r = log_items; r->name; r++)
			*mask |= r->mask;
		return 0;
	}
	if (n == 4 && !memcmp(name, "none", 4)) {
		*mask = 0;
		return 0;
	}
	for (r = log_items; r->name; r++) {
		if (strlen(r->name) == n && !memcmp(r->name, name, n)) {
			*mask |= r->mask;
			return 0;
		}
	}
	return -EINVAL;
}

int log_parse_mask(const char *items, u32 *mask, struct err *e)
{
	u32 m = 0;

	for (const char *p = items; ; p++) {
		size_t n = strcspn(p, ",");

		if (item_mask(p, n, &m) < 0)
			return err_set(e, -EINVAL, "'%.*s' is not a log item",
				       (int)n, p);
		p += n;
		if (!*p)
			break;
	}
	*mask = m;
	return 0;
}

static void tell_watcher(void)         /* log_lock held */
{
	if (watcher.fn)
		watcher.fn(log_mask, log_fd, watcher.opaque);
}

void log_watch(log_watch_fn *fn, void *opaque)
{
	SCOPED_LOCK(&log_lock);

	watcher.fn = fn;
	watcher.opaque = opaque;
	tell_watcher();
}

void log_set_mask(u32 mask)
{
	SCOPED_LOCK(&log_lock);

	__atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
	tell_watcher();
}

void log_set_fd(int fd)
{
	int old;

	lock_take(&log_lock);
	old = log_fd;
	log_fd = fd < 0 ? STDERR_FILENO : fd;
	tell_watcher();
	lock_drop(&log_lock);
	if (old != STDERR_FILENO)
		close(old);
}

int log_set_file(const char *path, struct err *e)
{
	int fd = -1;

	if (path) {
		fd = path_open(path, O_WRONLY | O_CREAT | O_APPEND, 0644, e);
		if (fd == -EXDEV)
			return fd;
		if (fd < 0)
			return err_set(e, fd, "Error opening logfile %s: %m",
				       path);
	}
	log_set_fd(fd);
	return 0;
}

/* Partial and failing writes lose the rest: there is nobody to tell. */
static void put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= w;
	}
}

static void emit(int fd, const char *prefix, const char *fmt, va_list ap)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_addstr(&s, prefix);
	strbuf_vaddf(&s, fmt, ap);
	if (!s.len || s.buf[s.len - 1] != '\n')
		strbuf_addc(&s, '\n');
	lock_take(&log_lock);
	put(fd < 0 ? log_fd : fd, s.buf, s.len);
	lock_drop(&log_lock);
	strbuf_fini(&s);
}

void log_write(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(-1, "", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(STDERR_FILENO, "mote: warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(STDERR_FILENO, "mote: ", fmt, ap);
	va_end(ap);
}
