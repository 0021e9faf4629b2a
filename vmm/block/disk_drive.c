// SPDX-License-Identifier: MIT
/*
 * -drive: from its options to a disk and its nodes.
 *
 * Talks to: blk.h, disk.c.
 * Never:    guesses that a guest's bytes are an image format: what is not
 *           said to be raw and looks like another format is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/path.h"
#include "vmm/block/disk_priv.h"

/* --- words ----------------------------------------------------------------- */

static const struct cache_mode {
	const char *name;
	bool writeback, direct, no_flush;
} cache_modes[] = {
	{ "writeback",    true,  false, false },
	{ "none",         true,  true,  false },
	{ "off",          true,  true,  false },
	{ "writethrough", false, false, false },
	{ "directsync",   false, true,  false },
	{ "unsafe",       true,  false, true  },
};

static int take_cache(struct disk *d, struct opts *o, struct err *e)
{
	const char *name = opts_take(o, "cache");
	bool found = !name;
	int rc;

	for (unsigned i = 0; i < ARRAY_LEN(cache_modes); i++) {
		const struct cache_mode *m = &cache_modes[i];

		if (!name || strcmp(m->name, name))
			continue;
		d->writeback = m->writeback;
		d->direct = m->direct;
		d->no_flush = m->no_flush;
		found = true;
	}
	if (!found)
		return err_set(e, -EINVAL, "invalid cache option '%s': "
			       "writeback, none, writethrough, directsync or "
			       "unsafe", name);
	rc = opts_take_bool(o, "cache.writeback", &d->writeback, e);
	if (rc == 0)
		rc = opts_take_bool(o, "cache.direct", &d->direct, e);
	return rc < 0 ? rc : opts_take_bool(o, "cache.no-flush", &d->no_flush, e);
}

static int take_error(struct opts *o, const char *key, bool write,
		      enum disk_error *to, struct err *e)
{
	static const enum disk_error all[] = { DISK_REPORT, DISK_IGNORE,
					       DISK_STOP, DISK_ENOSPC };
	const char *val = opts_take(o, key);

	if (!val || !strcmp(val, "auto"))
		return 0;
	for (unsigned i = 0; i < ARRAY_LEN(all) - !write; i++) {
		if (!strcmp(val, disk_error_name(all[i]))) {
			*to = all[i];
			return 0;
		}
	}
	return err_set(e, -EINVAL, "'%s' invalid %s error action", val,
		       write ? "write" : "read");
}

static int take_if(struct disk *d, struct opts *o, struct err *e)
{
	const char *val = opts_take(o, "if");
	const char *media = opts_take(o, "media");

	if (media && !strcmp(media, "cdrom"))
		return err_set(e, -ENOTSUP, "not supported yet: CD-ROM drives");
	if (media && strcmp(media, "disk"))
		return err_set(e, -EINVAL, "'%s' invalid media", media);
	d->iface = DISK_IF_VIRTIO;
	if (!val || !strcmp(val, "virtio"))
		return 0;
	d->iface = DISK_IF_NONE;
	if (!strcmp(val, "none"))
		return 0;
	return err_set(e, -ENOTSUP, "not supported yet: if=%s (use if=virtio, "
		       "or if=none and -device)", val);
}

static int refuse_rest(struct opts *o, struct err *e)
{
	bool cor = false;
	int rc = opts_take_bool(o, "copy-on-read", &cor, e);

	opts_take(o, "index");         /* all are virtio: order is enough  */
	if (rc == 0 && cor)
		rc = err_set(e, -ENOTSUP, "not supported yet: copy-on-read");
	return rc < 0 ? rc : opts_check_taken(o, e);
}

/* --- the image ------------------------------------------------------------- */

static const struct {
	const char *name;
	u8 len, magic[8];
} formats[] = {
	{ "qcow2", 4, { 'Q', 'F', 'I', 0xfb } },
	{ "vmdk",  4, { 'K', 'D', 'M', 'V' } },
	{ "vhdx",  8, { 'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e' } },
	{ "qed",   4, { 'Q', 'E', 'D', 0 } },
	{ "luks",  6, { 'L', 'U', 'K', 'S', 0xba, 0xbe } },
};

static int check_format(const char *format, const char *path, struct err *e)
{
	u8 head[8] = { 0 };
	int fd;

	if (format)
		return strcmp(format, "raw") == 0 ? 0
			: err_set(e, -ENOTSUP, "not supported yet: image "
				  "format '%s'", format);
	fd = path_open(path, O_RDONLY | O_NONBLOCK, 0, NULL);
	if (fd < 0)
		return 0;              /* opening it will say why          */
	if (pread(fd, head, sizeof(head), 0) < 0)
		head[0] = 0;
	close(fd);
	for (unsigned i = 0; i < ARRAY_LEN(formats); i++)
		if (!memcmp(head, formats[i].magic, formats[i].len))
			return err_set(e, -ENOTSUP, "'%s' looks like a %s image, "
				       "which is not supported yet; say "
				       "format=raw if it is raw", path,
				       formats[i].name);
	return 0;
}

static bool is_block_device(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* What -drive says of its image; NULL: nothing. */
struct image {
	const char *path, *format, *driver;
};

/* At the beginning of file=, and the driver it stands for; NULL: by the kind of
 * file.  What is no address is taken off. */
static const struct {
	const char *prefix, *driver;
	bool address;
} protocols[] = {
	{ "file:",        NULL,          true  },
	{ "host_device:", "host_device", true  },
	{ "null-co://",   "null-co",     false },
	{ "null-aio://",  "null-aio",    false },
};

static int take_protocol(struct image *im, struct err *e)
{
	const char *path = im->path;
	const size_t n = path ? strcspn(path, ":/") : 0;

	if (!n || path[n] != ':')
		return 0;
	for (unsigned i = 0; i < ARRAY_LEN(protocols); i++) {
		const size_t len = strlen(protocols[i].prefix);

		if (strncmp(path, protocols[i].prefix, len))
			continue;
		im->path = protocols[i].address ? path + len : NULL;
		im->driver = protocols[i].driver;
		return 0;
	}
	err_set(e, -ENOTSUP, "not supported yet: images by protocol '%.*s'",
		(int)n, path);
	err_hint(e, "A file of that name is written ./%s", path);
	return -ENOTSUP;
}

/* driver= is format= by another name, or the driver itself. */
static int take_driver(struct image *im, struct opts *o, struct err *e)
{
	const char *name = opts_take(o, "driver");
	const char *below = opts_take(o, "file.driver");

	if (name && im->format)
		return err_set(e, -EINVAL, "Cannot specify both 'driver' and "
			       "'format'");
	for (unsigned i = 0; name && blk_drivers[i]; i++)
		if (!blk_drivers[i]->filter && !strcmp(blk_drivers[i]->name,
						       name))
			im->driver = name;
	if (name && !im->driver)
		im->format = name;
	if (below)
		im->driver = below;
	return 0;
}

static int take_image(struct image *im, struct opts *o, struct err *e)
{
	int rc;

	im->path = opts_take(o, "file");
	im->format = opts_take(o, "format");
	rc = take_protocol(im, e);
	if (rc == 0)
		rc = take_driver(im, o, e);
	if (rc < 0)
		return rc;
	if (!im->path)
		im->path = opts_take(o, "file.filename");
	if (!im->path)
		im->path = opts_take(o, "filename");
	if (!im->path && !im->driver)
		return err_set(e, -EINVAL, "a drive needs file=IMAGE");
	if (im->path)
		return check_format(im->format, im->path, e);
	return im->format && strcmp(im->format, "raw") ?
		check_format(im->format, "", e) : 0;
}

/* Move KEY (or file.KEY) of the drive to the node's options. */
static void hand_on(struct opts *from, struct opts *to, const char *key)
{
	char nested[64];
	const char *val;

	snprintf(nested, sizeof(nested), "file.%s", key);
	val = opts_take(from, nested);
	if (!val)
		val = opts_take(from, key);
	if (val)
		opts_set(to, key, val);
}

/* And what else there is for it. */
static void hand_on_rest(struct opts *from, struct opts *to)
{
	struct opt *p;

	opts_for_each(p, from) {
		if (p->taken || strncmp(p->key, "file.", 5) || !p->key[5])
			continue;
		opts_set(to, p->key + 5, p->val);
		p->taken = true;
	}
}

static void put_bool(struct opts *o, const char *key, bool on)
{
	if (!opts_find(o, key))
		opts_set(o, key, on ? "on" : "off");
}

static int node_opts(struct disk *d, struct opts *o, struct opts *n,
		     struct err *e)
{
	static const char *const keys[] = { "aio", "discard", "detect-zeroes",
		"locking", "auto-read-only", "node-name", "share-rw", "size",
		"read-zeroes", NULL };
	bool read_only = false;
	int rc = opts_take_bool(o, "readonly", &read_only, e);

	if (rc == 0)
		rc = opts_take_bool(o, "read-only", &read_only, e);
	if (read_only || d->snapshot)
		opts_set(n, "read-only", "on");
	put_bool(n, "cache.direct", d->direct);
	put_bool(n, "cache.no-flush", d->no_flush);
	for (unsigned i = 0; keys[i]; i++)
		hand_on(o, n, keys[i]);
	hand_on_rest(o, n);
	return rc;
}

static int image_opts(struct disk *d, struct opts *o, struct opts *n,
		      struct err *e)
{
	struct image im = { 0 };
	int rc = take_image(&im, o, e);

	if (rc < 0)
		return rc;
	if (im.path)
		opts_set(n, "filename", im.path);
	if (!im.driver)
		im.driver = is_block_device(im.path) ? "host_device" : "file";
	opts_set(n, "driver", im.driver);
	return node_opts(d, o, n, e);
}

static int open_image(struct disk *d, struct opts *o, struct err *e)
{
	struct opts n = OPTS_INIT;
	int rc = image_opts(d, o, &n, e);

	if (rc == 0) {
		d->root = blk_open(d->set->blks, &n, e);
		rc = d->root ? opts_check_taken(&n, e)
			     : (e && e->rc ? e->rc : -EINVAL);
	}
	opts_fini(&n);
	return rc;
}

static int add_overlay(struct disk *d, struct err *e)
{
	struct opts none = OPTS_INIT;
	struct blk *top;

	if (!d->snapshot)
		return 0;
	top = blk_open_over(d->set->blks, "overlay", &none, d->root, e);
	if (!top)
		return e && e->rc ? e->rc : -EINVAL;
	d->root = top;
	return 0;
}

/* --- the disk -------------------------------------------------------------- */

static const char *take_either(struct opts *o, const char *key,
			       const char *old)
{
	const char *older = opts_take(o, old), *val = opts_take(o, key);

	return val ? val : older;
}

static int fill_disk(struct disk *d, struct opts *o, struct err *e)
{
	struct throttle_config limits = { 0 };
	const char *serial = opts_take(o, "serial");
	const char *group = take_either(o, "throttling.group", "group");
	int rc = take_if(d, o, e);

	if (serial)
		d->serial = strdup(serial);
	if (rc == 0)
		rc = take_cache(d, o, e);
	if (rc == 0)
		rc = take_error(o, "werror", true, &d->werror, e);
	if (rc == 0)
		rc = take_error(o, "rerror", false, &d->rerror, e);
	if (rc == 0)
		rc = opts_take_bool(o, "snapshot", &d->snapshot, e);
	if (rc == 0)
		rc = throttle_take(&limits, o, "throttling.", e);
	if (rc == 0)
		rc = open_image(d, o, e);
	if (rc == 0)
		rc = add_overlay(d, e);
	if (rc == 0)
		rc = disk_set_throttle(d, &limits, group, e);
	return rc < 0 ? rc : refuse_rest(o, e);
}

struct disk *disk_add(struct disk_set *s, const char *spec, bool all_snapshot,
		      struct err *e)
{
	struct opts o = OPTS_INIT;
	struct disk *d = NULL;
	char made[32];
	const char *id;
	int rc = opts_parse(&o, spec, "file", e);

	if (rc < 0)
		return NULL;
	id = opts_take(&o, "id");
	if (!id) {
		snprintf(made, sizeof(made), "virtio%u", s->unnamed++);
		id = made;
	}
	if (id != made && !opts_id_ok(id)) {
		rc = err_set(e, -EINVAL, "'%s' is no id for a drive", id);
	} else if (disk_known(s, id) || blk_find(s->blks, id)) {
		rc = err_set(e, -EEXIST, "Duplicate ID '%s' for drive", id);
	} else {
		d = disk_alloc(s, id);
		d->snapshot = all_snapshot;
		rc = fill_disk(d, &o, e);
	}
	opts_fini(&o);
	if (rc < 0 && d)
		disk_free(d);
	return rc < 0 ? NULL : d;
}
