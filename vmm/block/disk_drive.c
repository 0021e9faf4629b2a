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

static void put_bool(struct opts *o, const char *key, bool on)
{
	opts_set(o, key, on ? "on" : "off");
}

static int image_opts(struct disk *d, struct opts *o, struct opts *n,
		      struct err *e)
{
	const char *path = opts_take(o, "file");
	const char *format = opts_take(o, "format");
	static const char *const keys[] = { "aio", "discard", "detect-zeroes",
		"locking", "auto-read-only", "node-name", "share-rw", NULL };
	bool read_only = false;
	int rc;

	if (!path)
		path = opts_take(o, "file.filename");
	if (!path)
		return err_set(e, -EINVAL, "a drive needs file=IMAGE");
	if (!strncmp(path, "null-co://", 10) || !strncmp(path, "null-aio://", 11)) {
		opts_set(n, "driver", path[5] == 'c' ? "null-co" : "null-aio");
		hand_on(o, n, "size");
		hand_on(o, n, "read-zeroes");
		return 0;
	}
	rc = check_format(format, path, e);
	if (rc == 0)
		rc = opts_take_bool(o, "readonly", &read_only, e);
	if (rc == 0)
		rc = opts_take_bool(o, "read-only", &read_only, e);
	if (rc < 0)
		return rc;
	opts_set(n, "driver", is_block_device(path) ? "host_device" : "file");
	opts_set(n, "filename", path);
	put_bool(n, "read-only", read_only || d->snapshot);
	put_bool(n, "cache.direct", d->direct);
	put_bool(n, "cache.no-flush", d->no_flush);
	for (unsigned i = 0; keys[i]; i++)
		hand_on(o, n, keys[i]);
	return 0;
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

static int fill_disk(struct disk *d, struct opts *o, struct err *e)
{
	struct throttle_config limits = { 0 };
	const char *serial = opts_take(o, "serial");
	const char *group = opts_take(o, "throttling.group");
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
