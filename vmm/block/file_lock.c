// SPDX-License-Identifier: MIT
/*
 * Image locks.  See file_lock.h.
 *
 * Talks to: fcntl.
 * Never:    waits for a lock.
 */
#include "vmm/block/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { USED_BASE = 100, UNSHARED_BASE = 200 };

/* A permission's bit is its byte. */
enum { CONSISTENT_READ = 0, WRITE = 1, RESIZE = 3, PERMS = 4 };

static const char *const names[PERMS] = {
	[CONSISTENT_READ] = "consistent read", [WRITE] = "write",
	[2] = "write unchanged", [RESIZE] = "resize",
};

static int set_byte(int fd, off_t at, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET,
			   .l_start = at, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l) < 0 ? -errno : 0;
}

/* Does another description hold this byte? */
static int byte_is_held(int fd, off_t at)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			   .l_start = at, .l_len = 1 };

	if (fcntl(fd, F_OFD_GETLK, &l) < 0)
		return -errno;
	return l.l_type != F_UNLCK;
}

static int refuse(const char *path, const char *kind, unsigned perm,
		  struct err *e)
{
	err_set(e, -EAGAIN, "Failed to get %s\"%s\" lock on '%s'", kind,
		names[perm], path);
	err_hint(e, "Is another process using the image [%s]?", path);
	return -EAGAIN;
}

static int take_all(int fd, unsigned used, unsigned unshared)
{
	int rc = 0;

	for (unsigned i = 0; i < PERMS && rc == 0; i++) {
		if (used & BIT(i))
			rc = set_byte(fd, USED_BASE + i, F_RDLCK);
		if (rc == 0 && unshared & BIT(i))
			rc = set_byte(fd, UNSHARED_BASE + i, F_RDLCK);
	}
	return rc;
}

static int check_others(int fd, const char *path, unsigned used,
			unsigned unshared, struct err *e)
{
	for (unsigned i = 0; i < PERMS; i++) {
		if (used & BIT(i) && byte_is_held(fd, UNSHARED_BASE + i) == 1)
			return refuse(path, "", i, e);
		if (unshared & BIT(i) && byte_is_held(fd, USED_BASE + i) == 1)
			return refuse(path, "shared ", i, e);
	}
	return 0;
}

void file_lock_share(int fd)
{
	set_byte(fd, UNSHARED_BASE + WRITE, F_UNLCK);
	set_byte(fd, UNSHARED_BASE + RESIZE, F_UNLCK);
}

bool file_lock_is_exclusive(int fd)
{
	return byte_is_held(fd, UNSHARED_BASE + WRITE) == 1;
}

int file_lock(int fd, const char *path, bool write, bool share_writes,
	      bool must, struct err *e)
{
	const unsigned used = BIT(CONSISTENT_READ) |
			      (write ? BIT(WRITE) | BIT(RESIZE) : 0);
	const unsigned unshared = share_writes ? 0 : BIT(WRITE) | BIT(RESIZE);
	int rc = take_all(fd, used, unshared);

	if (rc == -EAGAIN || rc == -EACCES)
		rc = refuse(path, "", WRITE, e);
	else if (rc < 0)
		return must ? err_set(e, rc, "cannot lock '%s': %m", path) : 0;
	else
		rc = check_others(fd, path, used, unshared, e);
	if (rc < 0)
		file_lock_share(fd);
	return rc;
}
