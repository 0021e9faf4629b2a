// SPDX-License-Identifier: MIT
/*
 * Raw files and block devices: drivers "file" and "host_device".
 *
 * Room:     opening, locking, size; options filename, aio, locking,
 *           auto-read-only, share-rw.
 * Talks to: the loop's aio engine.
 * Never:    blocks the loop but in open, resize and drain; a small request to
 *           a file in memory (tmpfs) is copied in place, since a thread to do
 *           it takes longer than the copy.  So is a large one where there is
 *           no CPU for that thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/base/path.h"
#include "vmm/block/aio.h"
#include "vmm/block/file_lock.h"

struct blk_file {
	struct blk b;
	int fd;
	char *path;
	bool threads, bdev;
	bool locked, must_lock;        /* locking= says so                 */
	bool shared;                   /* others may write, too            */
	u64 in_place;                  /* nothing there waits for a device:
					  requests up to this many bytes   */
};

enum { IN_PLACE_MAX = 64 * KiB, IN_PLACE_MAX_FEW = 2 * MiB, FEW_CPUS = 2 };

enum lock_how { LOCK_AUTO, LOCK_ON, LOCK_OFF };

struct file_opts {
	bool auto_read_only, share_rw;
	enum lock_how locking;
};

static struct blk_file *to_file(struct blk *b)
{
	return container_of(b, struct blk_file, b);
}

/* --- requests -------------------------------------------------------------- */

static void file_submit(struct blk *b, struct blk_req *r)
{
	struct blk_file *f = to_file(b);

	if (r->op == BLK_FLUSH && (b->no_flush || b->read_only)) {
		blk_done(r, 0);
		return;
	}
	if (b->no_flush)
		r->flags &= ~BLK_F_FUA;
	r->fd = f->fd;
	r->aio_flags = (b->direct ? AIO_DIRECT : 0) | (f->bdev ? AIO_BDEV : 0);
	if (f->in_place && r->len <= f->in_place) {
		r->moved = 0;
		blk_done(r, aio_blocking(r));
		return;
	}
	aio_submit(b->aio, r);
}

static void file_plug(struct blk *b, bool on)
{
	aio_plug(b->aio, on);
}

static void file_drain(struct blk *b)
{
	if (b->inflight)
		aio_wait(b->aio);
}

static int file_attach(struct blk *b, struct err *e)
{
	b->aio = blk_set_aio(b->set, b->loop, to_file(b)->threads, e);
	return b->aio ? 0 : (e && e->rc ? e->rc : -ENOMEM);
}

static void file_detach(struct blk *b)
{
	b->aio = NULL;
}

/* --- opening --------------------------------------------------------------- */

/* One CPU runs the guest, another copies: a thread for that has to wait for
 * one of them, and costs its wake-ups.  With more, large requests are copied side
 * by side. */
static u64 in_place_max(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return IN_PLACE_MAX;
	return CPU_COUNT(&set) > FEW_CPUS ? IN_PLACE_MAX : IN_PLACE_MAX_FEW;
}

/* aio= says how: then it is done that way. */
static int take_aio(struct blk_file *f, struct opts *o, struct err *e)
{
	const char *aio = opts_take(o, "aio");

	f->in_place = aio || f->b.direct ? 0 : in_place_max();
	if (!aio || !strcmp(aio, "io_uring"))
		return 0;
	if (!strcmp(aio, "native") && !f->b.direct)
		return err_set(e, -EINVAL, "aio=native was specified, but it "
			       "requires cache.direct=on, which was not "
			       "specified.");
	if (!strcmp(aio, "native"))    /* io_uring does the same, better   */
		return 0;
	f->threads = true;
	if (strcmp(aio, "threads"))
		return err_set(e, -EINVAL, "Invalid parameter '%s' for 'aio': "
			       "io_uring, native or threads", aio);
	return 0;
}

static int take_locking(struct file_opts *fo, struct opts *o, struct err *e)
{
	const char *how = opts_take(o, "locking");
	bool on;

	if (!how || !strcmp(how, "auto"))
		return 0;
	if (opts_bool(how, &on) < 0)
		return err_set(e, -EINVAL, "Invalid parameter '%s' for "
			       "'locking': on, off or auto", how);
	fo->locking = on ? LOCK_ON : LOCK_OFF;
	return 0;
}

static int take_opts(struct blk_file *f, struct file_opts *fo, struct opts *o,
		     struct err *e)
{
	const char *path = opts_take(o, "filename");
	int rc;

	if (!path || !*path)
		return err_set(e, -EINVAL, "Parameter 'filename' is missing");
	f->path = strdup(path);
	rc = opts_take_bool(o, "auto-read-only", &fo->auto_read_only, e);
	if (rc == 0)
		rc = opts_take_bool(o, "share-rw", &fo->share_rw, e);
	if (rc == 0)
		rc = take_aio(f, o, e);
	return rc < 0 ? rc : take_locking(fo, o, e);
}

static int open_fd(struct blk_file *f, bool auto_read_only, struct err *e)
{
	const int flags = f->b.direct ? O_DIRECT : 0;

	f->fd = path_open(f->path, flags |
			  (f->b.read_only ? O_RDONLY : O_RDWR), 0, e);
	if (auto_read_only && !f->b.read_only &&
	    (f->fd == -EACCES || f->fd == -EROFS || f->fd == -EPERM)) {
		f->fd = path_open(f->path, flags | O_RDONLY, 0, e);
		f->b.read_only = f->fd >= 0;
	}
	return MIN(f->fd, 0);
}

static int device_size(struct blk_file *f)
{
	int sector = BLK_SECTOR;
	u64 n;

	if (ioctl(f->fd, BLKGETSIZE64, &n) < 0)
		return -errno;
	if (f->b.direct && ioctl(f->fd, BLKSSZGET, &sector) < 0)
		return -errno;
	f->b.len = n;
	f->bdev = true;
	return 0;
}

/* A last sector that is not whole reads as if padded with zeros. */
static int find_size(struct blk_file *f, struct err *e)
{
	struct stat st;
	int rc = fstat(f->fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && S_ISBLK(st.st_mode))
		rc = device_size(f);
	else if (rc == 0 && S_ISREG(st.st_mode))
		f->b.len = ALIGN_UP((u64)st.st_size, (u64)BLK_SECTOR);
	else if (rc == 0)
		return err_set(e, -EINVAL, "'%s' is neither a regular file nor "
			       "a block device", f->path);
	return rc < 0 ? err_set(e, rc, "Could not get the size of '%s': %m",
				f->path) : 0;
}

static bool is_memory(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && (s.f_type == TMPFS_MAGIC ||
					s.f_type == RAMFS_MAGIC);
}

/* Who shares it with others that share it may open it; whether it may be used
 * alone is seen when a device takes it. */
static int lock_image(struct blk_file *f, bool share, struct err *e)
{
	const bool write = !f->b.read_only;
	int rc = file_lock(f->fd, f->path, write, share, f->must_lock, e);

	f->shared = share;
	if (rc != -EAGAIN || share || file_lock_is_exclusive(f->fd))
		return rc;
	f->shared = true;
	return file_lock(f->fd, f->path, write, true, f->must_lock, e);
}

static int file_share(struct blk *b, bool on, struct err *e)
{
	struct blk_file *f = to_file(b);
	int rc = 0;

	if (!f->locked || on == f->shared)
		return 0;
	if (on)
		file_lock_share(f->fd);
	else
		rc = file_lock(f->fd, f->path, !b->read_only, false,
			       f->must_lock, e);
	f->shared = on || rc < 0;
	return rc;
}

static int file_open(struct blk *b, struct opts *o, struct err *e)
{
	struct blk_file *f = to_file(b);
	struct file_opts fo = { 0 };
	int rc;

	f->fd = -1;
	rc = take_opts(f, &fo, o, e);
	if (rc < 0)
		goto fail_path;
	rc = open_fd(f, fo.auto_read_only, e);
	if (rc < 0)
		goto fail_path;
	rc = find_size(f, e);
	f->locked = fo.locking != LOCK_OFF && !f->bdev;
	f->must_lock = fo.locking == LOCK_ON;
	if (rc == 0 && f->locked)
		rc = lock_image(f, fo.share_rw, e);
	if (rc < 0)
		goto fail_fd;
	if (!is_memory(f->fd))
		f->in_place = 0;
	return 0;

fail_fd:
	close(f->fd);
fail_path:
	free(f->path);
	return rc;
}

struct swap {
	struct blk_file *f;
	const struct blk_file *by;
	int old;
};

/* On the loop that submits: between two requests. */
static void swap_here(void *opaque)
{
	struct swap *w = opaque;
	struct blk_file *f = w->f;

	while (f->b.inflight)
		aio_wait(f->b.aio);
	w->old = f->fd;
	f->fd = w->by->fd;
	f->b.read_only = w->by->b.read_only;
	f->b.direct = w->by->b.direct;
	if (f->b.direct)
		f->in_place = 0;
}

static bool is_same_file(int a, int b)
{
	struct stat s, t;

	return fstat(a, &s) == 0 && fstat(b, &t) == 0 && s.st_dev == t.st_dev &&
	       s.st_ino == t.st_ino;
}

static int file_reopen(struct blk *b, bool read_only, bool direct,
		       struct err *e)
{
	struct blk_file *f = to_file(b), n = *f;
	struct swap w = { .f = f, .by = &n };
	struct err none = { 0 };
	int rc;

	n.b.read_only = read_only;
	n.b.direct = direct;
	rc = open_fd(&n, false, e);
	if (rc < 0)
		return rc;
	if (!is_same_file(f->fd, n.fd)) {
		close(n.fd);
		return err_set(e, -ESTALE, "'%s' is another file by now",
			       f->path);
	}
	if (f->locked)                 /* or its own lock were in the way */
		file_lock_share(f->fd);
	if (b->loop)
		loop_call(b->loop, swap_here, &w);
	else
		swap_here(&w);
	close(w.old);
	if (f->locked)
		lock_image(f, f->shared, &none);
	return 0;
}

static void file_close(struct blk *b)
{
	struct blk_file *f = to_file(b);

	close(f->fd);
	free(f->path);
}

static int file_resize(struct blk *b, u64 len, struct err *e)
{
	struct blk_file *f = to_file(b);

	if (b->read_only)
		return err_set(e, -EACCES, "'%s' is read-only", f->path);
	if (f->bdev)
		return len <= b->len ? 0 : err_set(e, -ENOTSUP, "Cannot grow "
						   "device files");
	if (ftruncate(f->fd, len) < 0)
		return err_set(e, -errno, "Could not resize '%s': %m", f->path);
	return 0;
}

static void file_describe(struct blk *b, struct strbuf *out)
{
	strbuf_addstr(out, to_file(b)->path);
}

static s64 file_used(const struct blk *b)
{
	const struct blk_file *f = container_of(b, struct blk_file, b);
	struct stat st;

	return fstat(f->fd, &st) < 0 ? -errno : (s64)st.st_blocks * 512;
}

#define FILE_OPS \
	.size     = sizeof(struct blk_file), \
	.open     = file_open,     .submit = file_submit, \
	.close    = file_close,    .plug   = file_plug, \
	.drain    = file_drain,    .resize = file_resize, \
	.attach   = file_attach,   .detach = file_detach, \
	.describe = file_describe, .used  = file_used, \
	.share    = file_share,    .reopen = file_reopen

const struct blk_ops blk_file_ops = {
	.name = "file", .summary = "a raw image file", FILE_OPS,
};

const struct blk_ops blk_host_device_ops = {
	.name = "host_device", .summary = "a host's block device", FILE_OPS,
};
