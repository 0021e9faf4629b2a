/* SPDX-License-Identifier: MIT */
/*
 * Opening files by name, under a policy.  See path.h.
 *
 * Talks to: the file system; fdset.c, whose paths are no files' names.
 * Never:    decides by comparing names alone: the kernel walks the path from
 *           the folder's descriptor and stops at the first step out of it.
 */
#include "vmm/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/base/fdset.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/trace.h"

struct folder {
	char *name;                    /* absolute, as it was written      */
	char *real;                    /* the same without links           */
	int fd;
};

static struct {
	bool closed;
	char *cwd;                     /* what relative names start from   */
	unsigned n;
	struct folder folder[PATH_FOLDERS_MAX];
} policy;

static const u32 kernel_fs[] = {
	PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
	SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
	BPF_FS_MAGIC, SELINUX_MAGIC, NSFS_MAGIC,
};

static int refuse(struct err *e, const char *path, const char *why)
{
	return err_set(e, -EXDEV, "Could not open '%s': %s", path, why);
}

static int outside(struct err *e, const char *path)
{
	return refuse(e, path, "it is not in a folder that -sandbox paths= "
		      "names");
}

/* --- names ----------------------------------------------------------------- */

/* Absolute, one '/' between steps, no "." steps; ".." stays as it is. */
static void tidy(const char *path, struct strbuf *out)
{
	if (*path != '/')
		tidy(policy.cwd ? policy.cwd : "/", out);
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && !(n == 1 && *path == '.'))
			strbuf_addf(out, "/%.*s", (int)n, path);
		path += n + (path[n] == '/');
	}
}

/* What of `path` comes after the folder's name; NULL: it is not beneath. */
static const char *beneath(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	if (strncmp(path, folder, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : ".";
}

static const struct folder *find_folder(const char *path, const char **rest)
{
	for (unsigned i = 0; i < policy.n; i++) {
		const struct folder *f = &policy.folder[i];

		*rest = beneath(path, f->name);
		if (!*rest)
			*rest = beneath(path, f->real);
		if (*rest)
			return f;
	}
	return NULL;
}

/* --- the policy ------------------------------------------------------------ */

void path_policy_clear(void)
{
	for (unsigned i = 0; i < policy.n; i++) {
		free(policy.folder[i].name);
		free(policy.folder[i].real);
		close(policy.folder[i].fd);
	}
	free(policy.cwd);
	memset(&policy, 0, sizeof(policy));
}

static int add_folder(const char *name, struct err *e)
{
	struct folder *f = &policy.folder[policy.n];
	struct strbuf s = STRBUF_INIT;

	if (policy.n == PATH_FOLDERS_MAX)
		return err_set(e, -E2BIG, "paths=: more than %d folders",
			       PATH_FOLDERS_MAX);
	if (!*name)
		return err_set(e, -EINVAL, "paths=: an empty name");
	f->fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->real = f->fd < 0 ? NULL : realpath(name, NULL);
	if (!f->real) {
		int rc = err_set(e, -errno, "paths=: folder '%s': %m", name);

		if (f->fd >= 0)
			close(f->fd);
		return rc;
	}
	tidy(name, &s);
	f->name = strdup(s.buf);
	strbuf_fini(&s);
	assert(f->name);
	policy.n++;
	return 0;
}

int path_policy_set(const char *folders, struct err *e)
{
	char *list = strdup(folders ? folders : ""), *next = list, *name;
	int rc = 0;

	assert(list);
	path_policy_clear();
	policy.cwd = folders ? getcwd(NULL, 0) : NULL;
	while (folders && rc == 0 && (name = strsep(&next, ":")))
		rc = add_folder(name, e);
	free(list);
	if (rc < 0)
		path_policy_clear();
	policy.closed = !rc;
	return rc;
}

/* --- the door -------------------------------------------------------------- */

static int walk(int folder, const char *path, u64 flags, mode_t mode)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE
			? mode & 07777 : 0,
		.resolve = RESOLVE_NO_MAGICLINKS |
			   (folder == AT_FDCWD ? 0 : RESOLVE_BENEATH),
	};
	int fd;

	do                             /* EAGAIN: something moved meanwhile */
		fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : fd;
}

static int walk_policy(const char *path, u64 flags, mode_t mode,
		       struct err *e)
{
	struct strbuf s = STRBUF_INIT;
	const char *rest;
	const struct folder *f;
	int rc;

	if (!policy.n) {
		rc = walk(AT_FDCWD, path, flags, mode);
		return rc == -ELOOP ? refuse(e, path, "it leads through the "
					     "kernel's own files, or in a "
					     "circle") : rc;
	}
	tidy(path, &s);
	f = find_folder(s.buf, &rest);
	rc = f ? walk(f->fd, rest, flags, mode) : -EXDEV;
	strbuf_fini(&s);
	return rc == -EXDEV || rc == -ELOOP ? outside(e, path) : rc;
}

/* It is open, nothing was done to it yet. */
static int inspect(int fd, int flags, const char *path, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	for (unsigned i = 0; i < ARRAY_LEN(kernel_fs); i++)
		if ((u32)fs.f_type == kernel_fs[i])
			return refuse(e, path, "it is one of the kernel's own "
				      "files");
	if (flags & O_TRUNC && S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) &&
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int open_policed(const char *path, int flags, mode_t mode,
			struct err *e)
{
	int fd = walk_policy(path, (u64)((flags & ~O_TRUNC) | O_NONBLOCK),
			     mode, e), rc;

	if (fd < 0)
		return fd;
	rc = inspect(fd, flags, path, e);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int path_open(const char *path, int flags, mode_t mode, struct err *e)
{
	int fd;

	if (fdset_path(path)) {
		fd = fdset_open(path, flags);
	} else if (policy.closed) {
		fd = open_policed(path, flags, mode, e);
	} else {
		fd = open(path, flags | O_CLOEXEC, mode);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0 && fd != -EXDEV)
		err_set(e, fd, "Could not open '%s': %m", path);
	trace(path_open, "%s flags 0x%x is %d", path, (unsigned)flags, fd);
	return fd;
}

int path_check(const char *path, struct err *e)
{
	struct strbuf parent = STRBUF_INIT;
	const char *slash = strrchr(path, '/');
	struct stat st;
	int fd, rc = 0;

	if (!policy.closed || !policy.n)
		return 0;
	strbuf_addf(&parent, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		    slash ? path : ".");
	slash = slash ? slash + 1 : path;
	fd = walk_policy(parent.buf, O_PATH | O_DIRECTORY, 0, NULL);
	strbuf_fini(&parent);
	if (fd < 0)
		return outside(e, path);
	if (!*slash || !strcmp(slash, ".") || !strcmp(slash, "..") ||
	    (fstatat(fd, slash, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	     !S_ISSOCK(st.st_mode)))
		rc = outside(e, path);
	close(fd);
	return rc;
}

bool path_own_file(const char *name, char *path, size_t size)
{
	static const char *const from_here[] = { "", "../lib/mote/" };
	char dir[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	char *slash;

	dir[MAX(n, 0)] = '\0';
	slash = strrchr(dir, '/');
	for (unsigned i = 0; slash && i < ARRAY_LEN(from_here); i++) {
		slash[1] = '\0';
		if ((size_t)snprintf(path, size, "%s%s%s", dir, from_here[i],
				     name) < size && !access(path, F_OK))
			return true;
	}
	return (size_t)snprintf(path, size, "%s/%s", MOTE_LIBDIR, name) < size &&
	       !access(path, F_OK);
}
