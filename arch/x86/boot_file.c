/* SPDX-License-Identifier: MIT */
/*
 * Kernel images and initial RAM disks as open files.
 *
 * Room:     bounds-checked reads from a file into a buffer or guest RAM.
 * Talks to: the file system (once), gmem.
 * Never:    maps a file: it could be cut short under us.
 */
#include "arch/x86/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/core/gmem.h"

/* A pipe cannot be read twice: keep what it says in a memfd. */
static int slurp(int from, struct err *e, const char *path)
{
	char buf[65536];
	ssize_t n;
	int fd = memfd_create("boot", MFD_CLOEXEC);

	if (fd < 0)
		return err_set(e, -errno, "%s: keeping a copy: %m", path);
	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || write(fd, buf, n) != n) {
			int rc = -(errno ? errno : EIO);

			close(fd);
			return err_set(e, rc, "read %s: %m", path);
		}
	}
	return fd;
}

int boot_file_open(struct boot_file *f, const char *path, struct err *e)
{
	struct stat st;
	int fd;

	*f = (struct boot_file){ .fd = -1 };
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno, "open %s: %m", path);
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(e, -EISDIR, "%s: not a file", path);
	}
	if (!S_ISREG(st.st_mode)) {
		int copy = slurp(fd, e, path);

		close(fd);
		fd = copy;
		if (fd < 0)
			return fd;
		fstat(fd, &st);
	}
	f->path = strdup(path);
	if (!f->path)
		abort();
	f->fd = fd;
	f->size = st.st_size;
	return 0;
}

void boot_file_close(struct boot_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->args);
	*f = (struct boot_file){ .fd = -1 };
}

int boot_file_read(const struct boot_file *f, u64 off, void *buf, u64 len,
		   struct err *e)
{
	u64 end, done = 0;

	if (__builtin_add_overflow(off, len, &end) || end > f->size)
		return err_set(e, -EINVAL,
			       "%s: truncated: %llu bytes wanted at offset "
			       "%llu, the file has %llu", f->path,
			       (unsigned long long)len, (unsigned long long)off,
			       (unsigned long long)f->size);
	while (done < len) {
		ssize_t n = pread(f->fd, (u8 *)buf + done, len - done,
				  (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "read %s: %m", f->path);
		if (n == 0)
			return err_set(e, -EIO, "%s: became shorter", f->path);
		done += n;
	}
	return 0;
}

/* Straight into the memory's own file: no page of the mapping is touched, which
 * is most of what reading into it costs.  How much was done: where it cannot be
 * done so (huge pages, a copy-on-write block), nothing. */
static u64 send_in(const struct boot_file *f, u64 off, u64 len,
		   const struct gmem_block *b, gpa_t gpa)
{
	off_t from = (off_t)off;
	u64 done = 0;

	if (!b || b->fd < 0 || (b->flags & GMEM_PRIVATE) || off > f->size ||
	    len > f->size - off ||
	    lseek(b->fd, (off_t)(b->fd_off + (gpa - b->gpa)), SEEK_SET) < 0)
		return 0;
	while (done < len) {
		ssize_t n = sendfile(b->fd, f->fd, &from, len - done);

		if (n <= 0)
			break;         /* read() says what the matter is  */
		done += (u64)n;
	}
	return done;
}

int boot_file_load(const struct boot_file *f, u64 off, u64 len, gpa_t gpa,
		   u64 mem_len, const struct boot_env *env, struct err *e)
{
	gpa_t end;
	u64 sent;
	u8 *to;
	int rc;

	mem_len = MAX(mem_len, len);
	if (mem_len == 0)
		return 0;
	to = __builtin_add_overflow(gpa, mem_len, &end) ? NULL
		: gmem_ptr(env->gmem, gpa, mem_len);
	if (!to)
		return err_set(e, -ENOMEM,
			       "%s: too large: %llu bytes at 0x%llx do not fit "
			       "in guest RAM (-m)", f->path,
			       (unsigned long long)mem_len,
			       (unsigned long long)gpa);
	if (gpa < BOOT_FIRMWARE_END && end > BOOT_FIRMWARE)
		return err_set(e, -EINVAL, "%s: wants to be at 0x%llx, where "
			       "the firmware's tables are", f->path,
			       (unsigned long long)gpa);
	sent = send_in(f, off, len, gmem_find(env->gmem, gpa), gpa);
	rc = boot_file_read(f, off + sent, to + sent, len - sent, e);
	if (rc < 0)
		return rc;
	memset(to + len, 0, mem_len - len);
	gmem_mark_dirty(env->gmem, gpa, mem_len);
	return 0;
}
