// SPDX-License-Identifier: MIT
/*
 * Disks: the set, life, errors, counters.  See disk.h.
 *
 * Talks to: blk.h; disk_drive.c reads -drive's options.
 * Never:    looks into a request's data.
 */
#include "vmm/block/disk_priv.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/clock.h"

/* --- failures that somebody hears of ---------------------------------------- */

static void tell_failures(void *opaque)
{
	struct disk_set *s = opaque;
	struct list *p;

	s->failures = false;
	list_for_each(p, &s->disks) {
		struct disk *d = list_entry(p, struct disk, node);
		struct disk_failure f = d->failure;

		if (!d->failed)
			continue;
		d->failed = false;
		if (s->on_failure)
			s->on_failure(s->on_failure_opaque, d, &f);
	}
}

static void drop_call(void *opaque)
{
	(void)opaque;
}

/* --- life ------------------------------------------------------------------- */

struct disk_set *disk_set_create(struct loop *main_loop)
{
	struct disk_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	list_init(&s->disks);
	s->blks = blk_set_create(main_loop);
	s->main_loop = main_loop;
	return s;
}

void disk_free(struct disk *d)
{
	list_remove(&d->node);
	blk_close(d->root);
	free(d->id);
	free(d->serial);
	free(d);
}

void disk_set_destroy(struct disk_set *s)
{
	if (!s)
		return;
	while (!list_empty(&s->disks))
		disk_free(list_entry(s->disks.next, struct disk, node));
	loop_unpost(s->main_loop, tell_failures, drop_call);
	blk_set_destroy(s->blks);
	free(s);
}

struct blk_set *disk_blks(struct disk_set *s)
{
	return s->blks;
}

struct list *disk_list(struct disk_set *s)
{
	return &s->disks;
}

struct disk *disk_alloc(struct disk_set *s, const char *id)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->set = s;
	d->id = strdup(id);
	d->writeback = true;
	d->werror = DISK_ENOSPC;
	d->rerror = DISK_REPORT;
	list_append(&s->disks, &d->node);
	return d;
}

struct disk *disk_known(struct disk_set *s, const char *id)
{
	struct list *p;

	list_for_each(p, &s->disks) {
		struct disk *d = list_entry(p, struct disk, node);

		if (!d->pulled && !strcmp(d->id, id))
			return d;
	}
	return NULL;
}

struct disk *disk_find(struct disk_set *s, const char *id)
{
	struct disk *d = disk_known(s, id);
	struct blk *b;

	if (d)
		return d;
	b = blk_find(s->blks, id);
	if (!b)
		return NULL;
	d = disk_alloc(s, id);
	d->root = blk_take(b);
	d->of_node = true;
	return d;
}

/* A device that could not be made leaves its disk behind. */
int disk_node_del(struct disk_set *s, const char *name, struct err *e)
{
	struct disk *d = disk_known(s, name);

	if (d && d->of_node && !d->dev)
		disk_free(d);
	return blk_del(s->blks, name, e);
}

static bool is_within(const struct blk *top, const struct blk *b)
{
	while (top && top != b)
		top = top->child;
	return top;
}

int disk_node_reopen(struct disk_set *s, struct opts *o, struct err *e)
{
	const char *name = opts_find(o, "node-name");
	struct blk *b = name ? blk_find(s->blks, name) : NULL;
	const char *said = opts_find(o, "read-only");
	bool read_only = false;
	struct list *p;

	if (said && opts_bool(said, &read_only) < 0)
		read_only = false;     /* blk_reopen says what is wrong */
	list_for_each(p, &s->disks) {
		const struct disk *d = list_entry(p, struct disk, node);

		if (b && read_only && d->dev && !d->root->read_only &&
		    is_within(d->root, b))
			return err_set(e, -EPERM, "Cannot make block node '%s' "
				       "read-only, a device writes to it", name);
	}
	return blk_reopen(s->blks, o, e);
}

int disk_del(struct disk *d, struct err *e)
{
	if (d->dev)
		return err_set(e, -EBUSY, "disk '%s' is in use by a device",
			       d->id);
	disk_free(d);
	return 0;
}

static struct blk *open_failing(struct disk *d, struct err *e)
{
	struct opts o = OPTS_INIT;
	struct blk *b, *top = NULL;
	char size[32];

	snprintf(size, sizeof(size), "%llu", (unsigned long long)d->root->len);
	opts_set(&o, "driver", "null-co");
	opts_set(&o, "size", size);
	b = blk_open(d->set->blks, &o, e);
	opts_fini(&o);
	if (b) {
		top = blk_open_over(d->set->blks, "fault", &o, b, e);
		opts_fini(&o);
	}
	if (b && !top)
		blk_close(b);
	return top;
}

int disk_pull(struct disk *d, struct err *e)
{
	struct loop *l = d->root->loop;
	struct blk *b;
	char *none;

	if (d->of_node)
		return err_set(e, -EPERM, "Deleting device added with "
			       "blockdev-add is not supported");
	b = open_failing(d, e);
	if (!b)
		return -EINVAL;
	none = strdup("");
	if (!none)
		abort();
	b->read_only = d->root->read_only;
	blk_drain(d->root);
	blk_close(d->root);
	d->root = b;
	free(d->id);
	d->id = none;
	d->pulled = true;
	d->werror = d->rerror = DISK_REPORT;
	return l ? blk_set_loop(b, l, e) : 0;
}

int disk_attach(struct disk *d, void *dev, struct loop *l, bool share,
		struct err *e)
{
	int rc;

	if (d->dev)
		return err_set(e, -EBUSY, "Drive '%s' is already in use by "
			       "another block device", d->id);
	rc = blk_share(d->root, share, e);
	if (rc == 0)
		rc = blk_set_loop(d->root, l, e);
	if (rc == 0)
		d->dev = dev;
	return rc;
}

void disk_detach(struct disk *d, bool gone)
{
	blk_drain(d->root);
	d->dev = NULL;
	d->resized = NULL;
	d->block = 0;
	if (d->of_node || gone)
		disk_free(d);
	else
		blk_set_loop(d->root, d->set->main_loop, NULL);
}

int disk_resize(struct disk *d, u64 len, struct err *e)
{
	int rc;

	if (len % BLK_SECTOR)
		return err_set(e, -EINVAL, "a disk's size is a multiple of %d",
			       BLK_SECTOR);
	if (d->block && len % d->block)
		return err_set(e, -EINVAL, "disk '%s': a size is a multiple of "
			       "its logical_block_size %u", d->id, d->block);
	rc = blk_resize(d->root, len, e);
	if (rc == 0 && d->resized)
		d->resized(d->dev);
	return rc;
}

/* --- limits ---------------------------------------------------------------- */

int disk_set_throttle(struct disk *d, const struct throttle_config *c,
		      const char *group, struct err *e)
{
	struct throttle_group *g = blk_throttle_group(d->root);
	struct opts o = OPTS_INIT;
	struct throttle_group *made;
	struct blk *top;
	int rc;

	if (g && (!group || !strcmp(group, g->name))) {
		throttle_set(&g->t, c);
		return 0;
	}
	if (!g && !throttle_any(c))
		return 0;
	if (g)
		return err_set(e, -ENOTSUP, "disk '%s' is in the group '%s' "
			       "and cannot change to '%s'", d->id, g->name,
			       group);
	made = throttle_group_take(blk_groups(d->set->blks),
				   group ? group : d->id);
	opts_set(&o, "throttle-group", made->name);
	top = blk_open_over(d->set->blks, "throttle", &o, d->root, e);
	opts_fini(&o);
	throttle_group_drop(made);
	if (!top)
		return -EINVAL;
	throttle_set(&blk_throttle_group(top)->t, c);
	rc = blk_insert(&d->root, top, e);
	if (rc < 0) {
		top->child = NULL;     /* that stays */
		blk_close(top);
	}
	return rc;
}

bool disk_get_throttle(const struct disk *d, struct throttle_config *c,
		       const char **group)
{
	struct throttle_group *g = blk_throttle_group(d->root);

	if (!g)
		return false;
	SCOPED_LOCK(&g->t.lock);
	*c = g->t.config;
	*group = g->name;
	return throttle_any(c);
}

/* --- errors and counters --------------------------------------------------- */

/* One is kept a disk: a guest may make them as fast as it likes. */
static void note_failure(struct disk *d, enum blk_op op, int rc,
			 enum disk_error action)
{
	struct disk_set *s = d->set;

	if (!s->on_failure || d->failed)
		return;
	d->failure = (struct disk_failure){ op, rc, action };
	d->failed = true;
	if (!atomic_exchange(&s->failures, true))
		loop_post(s->main_loop, tell_failures, s);
}

void disk_set_listen(struct disk_set *s, disk_failure_fn *fn, void *opaque)
{
	s->on_failure = fn;
	s->on_failure_opaque = opaque;
}

enum disk_error disk_on_error(struct disk *d, enum blk_op op, int rc)
{
	enum disk_error a = op == BLK_READ ? d->rerror : d->werror;

	if (a == DISK_ENOSPC)
		a = rc == -ENOSPC ? DISK_STOP : DISK_REPORT;
	if (a == DISK_STOP)
		d->status = rc == -ENOSPC ? DISK_NOSPACE : DISK_FAILED;
	note_failure(d, op, rc, a);
	return a;
}

void disk_account_start(struct disk *d, struct blk_req *r)
{
	(void)d;
	r->started_ns = clock_host_ns();
}

static void add(u64 *counter, u64 n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void disk_account(struct disk *d, const struct blk_req *r, enum blk_op op,
		  u64 len, int rc)
{
	struct disk_stats *s = &d->stats;
	s64 now = clock_host_ns();

	s->last_ns = now;
	if (rc < 0) {
		add(&s->failed[op], 1);
		return;
	}
	if (op == BLK_WRITE && r->off + len > s->highest)
		__atomic_store_n(&s->highest, r->off + len, __ATOMIC_RELAXED);
	add(&s->ops[op], 1);
	add(&s->bytes[op], len);
	add(&s->ns[op], now - r->started_ns);
}

/* --- names ----------------------------------------------------------------- */

const char *disk_error_name(enum disk_error a)
{
	static const char *const names[] = {
		[DISK_REPORT] = "report", [DISK_IGNORE] = "ignore",
		[DISK_STOP] = "stop", [DISK_ENOSPC] = "enospc",
	};

	return names[a];
}

/* Filters we put above a node have no name. */
const char *disk_format(const struct disk *d)
{
	const struct blk *b = d->root;

	while (b && !b->name)
		b = b->child;
	return b ? blk_driver_name(b) : "raw";
}

void disk_image(const struct disk *d, struct strbuf *out)
{
	struct blk *b = d->root;

	while (b->child)
		b = b->child;
	blk_describe(b, out);
}
