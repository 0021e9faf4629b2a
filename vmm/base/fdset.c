/* SPDX-License-Identifier: MIT */
/*
 * Sets of descriptors; see fdset.h.
 *
 * Talks to: nobody; the table is the process's, as its descriptors are.
 * Never:    gives its own descriptor away: who opens gets a copy to close.
 */
#include "vmm/base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/lock.h"
#include "vmm/base/opts.h"

static const char prefix[] = "/dev/fdset/";

struct member {
	s64 id;
	int fd;
	char *opaque;
};

/* Sorted by id; members of one set in the order they came. */
static struct {
	pthread_mutex_t lock;
	unsigned n;
	struct member m[FDSET_FDS_MAX];
} sets = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Numbers come sorted, so the first gap is the answer. */
static s64 lowest_free(void)
{
	s64 id = 0;

	for (unsigned i = 0; i < sets.n; i++)
		if (sets.m[i].id == id)
			id++;
	return id;
}

static void insert(s64 id, int fd, char *opaque)
{
	unsigned at = sets.n;

	while (at && sets.m[at - 1].id > id)
		at--;
	memmove(sets.m + at + 1, sets.m + at,
		(sets.n - at) * sizeof(sets.m[0]));
	sets.m[at] = (struct member){ id, fd, opaque };
	sets.n++;
}

s64 fdset_add(s64 id, int fd, const char *opaque, struct err *e)
{
	char *copy = opaque ? strdup(opaque) : NULL;

	pthread_mutex_lock(&sets.lock);
	if (id < -1) {
		id = err_set(e, -EINVAL, "Parameter 'fdset-id' expects a "
			     "non-negative value");
	} else if (sets.n == FDSET_FDS_MAX || (opaque && !copy)) {
		id = err_set(e, -ENOSPC, "there are %u descriptors in sets "
			     "already", sets.n);
	} else {
		id = id < 0 ? lowest_free() : id;
		insert(id, fd, copy);
		fd = -1;
		copy = NULL;
	}
	pthread_mutex_unlock(&sets.lock);
	if (fd >= 0)
		close(fd);
	free(copy);
	return id;
}

static int add_inherited(struct opts *o, struct err *e)
{
	u64 fd = UINT64_MAX, set = UINT64_MAX;
	const char *opaque = opts_take(o, "opaque");
	int rc = opts_take_u64(o, "fd", &fd, e), copy;

	if (!rc)
		rc = opts_take_u64(o, "set", &set, e);
	if (!rc)
		rc = opts_check_taken(o, e);
	if (rc)
		return rc;
	if (fd <= STDERR_FILENO || fd > INT_MAX || set > INT64_MAX)
		return err_set(e, -EINVAL, "fd= and set= must name a "
			       "descriptor above 2 and a set");
	copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return err_set(e, -errno, "descriptor %d: %m", (int)fd);
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return fdset_add((s64)set, copy, opaque, e) < 0 ? -ENOSPC : 0;
}

int fdset_add_spec(const char *text, struct err *e)
{
	struct opts o = OPTS_INIT;
	int rc = opts_parse(&o, text, NULL, e);

	if (!rc)
		rc = add_inherited(&o, e);
	opts_fini(&o);
	return rc;
}

static void drop(unsigned i)
{
	close(sets.m[i].fd);
	free(sets.m[i].opaque);
	memmove(sets.m + i, sets.m + i + 1,
		(sets.n - i - 1) * sizeof(sets.m[0]));
	sets.n--;
}

int fdset_remove(s64 id, s64 fd, struct err *e)
{
	unsigned dropped = 0;

	pthread_mutex_lock(&sets.lock);
	for (unsigned i = sets.n; i-- > 0;) {
		if (sets.m[i].id != id || (fd >= 0 && sets.m[i].fd != fd))
			continue;
		drop(i);
		dropped++;
	}
	pthread_mutex_unlock(&sets.lock);
	if (dropped)
		return 0;
	if (fd >= 0)
		return err_set(e, -ENOENT, "File descriptor named 'fdset-id:"
			       "%lld, fd:%lld' not found", (long long)id,
			       (long long)fd);
	return err_set(e, -ENOENT, "File descriptor named 'fdset-id:%lld' not "
		       "found", (long long)id);
}

void fdset_each(void (*fn)(s64 id, int fd, const char *opaque, void *arg),
		void *arg)
{
	pthread_mutex_lock(&sets.lock);
	for (unsigned i = 0; i < sets.n; i++)
		fn(sets.m[i].id, sets.m[i].fd, sets.m[i].opaque, arg);
	pthread_mutex_unlock(&sets.lock);
}

/* --- opening --- */

bool fdset_path(const char *path)
{
	return !strncmp(path, prefix, sizeof(prefix) - 1);
}

/* The set's number; -1: it is none. */
static s64 id_of(const char *path)
{
	const char *digits = path + sizeof(prefix) - 1;
	char *end;
	long long id;

	errno = 0;
	id = strtoll(digits, &end, 10);
	return *digits < '0' || *digits > '9' || *end || errno ? -1 : id;
}

/* A copy shares what the original was opened with, but for these. */
static int copy_of(int fd, int flags)
{
	const int settable = O_APPEND | O_NONBLOCK | O_DIRECT;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), old;

	if (copy < 0)
		return -errno;
	old = fcntl(copy, F_GETFL);
	if (fcntl(copy, F_SETFL, (old & ~settable) | (flags & settable)) < 0 ||
	    (flags & O_TRUNC && ftruncate(copy, 0) < 0)) {
		int rc = -errno;

		close(copy);
		return rc;
	}
	return copy;
}

int fdset_open(const char *path, int flags)
{
	const s64 id = id_of(path);
	int rc = -ENOENT;

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	pthread_mutex_lock(&sets.lock);
	for (unsigned i = 0; i < sets.n; i++) {
		const struct member *m = &sets.m[i];

		if (m->id != id)
			continue;
		rc = -EACCES;
		if ((fcntl(m->fd, F_GETFL) & O_ACCMODE) != (flags & O_ACCMODE))
			continue;
		rc = copy_of(m->fd, flags);
		break;
	}
	pthread_mutex_unlock(&sets.lock);
	return rc;
}
