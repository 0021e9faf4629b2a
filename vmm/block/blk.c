// SPDX-License-Identifier: MIT
/*
 * Block nodes: the table, the door, the way back.  See blk.h.
 *
 * Talks to: drivers through blk_ops; aio engines by loop.
 * Never:    allocates for a request.
 */
#include "vmm/block/blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/trace.h"
#include "vmm/block/aio.h"
#include "vmm/block/blk_throttle.h"

#define BLOCK(n) extern const struct blk_ops blk_##n##_ops;
#include "vmm/block/drivers.def"
#undef BLOCK

#define BLOCK(n) &blk_##n##_ops,
const struct blk_ops *const blk_drivers[] = {
#include "vmm/block/drivers.def"
	NULL
};

struct engine {
	struct list node;
	struct loop *loop;
	bool threads;
	struct aio *aio;
};

struct blk_set {
	struct loop *main_loop;
	struct list nodes;             /* named                            */
	struct list engines;
	struct list groups;            /* struct throttle_group            */
};

/* --- the door -------------------------------------------------------------- */

void blk_done(struct blk_req *r, int rc)
{
	trace(blk_done, "%s op %d result %d",
	      r->node->name ? r->node->name : "-", (int)r->op, rc);
	r->node->inflight--;
	if (!r->depth) {
		r->done(r, rc);
		return;
	}
	r->depth--;
	r->node = r->frame[r->depth].node;
	r->frame[r->depth].fn(r, rc);
}

void blk_pass(struct blk *b, struct blk_req *r)
{
	b->inflight--;
	blk_submit(b->child, r);
}

void blk_push(struct blk *b, struct blk_req *r, blk_done_fn *fn)
{
	assert(r->depth < BLK_FRAMES);
	r->frame[r->depth].fn = fn;
	r->frame[r->depth].node = b;
	r->depth++;
}

static bool iov_is_zero(const struct blk_req *r)
{
	for (int i = 0; i < r->niov; i++) {
		const u8 *p = r->iov[i].iov_base;
		size_t n = r->iov[i].iov_len;

		if (n && (p[0] || memcmp(p, p + 1, n - 1)))
			return false;
	}
	return true;
}

/* What may be said of a request, once.  0, or what is wrong with it. */
static int check(const struct blk *b, const struct blk_req *r)
{
	u64 end;

	if (__builtin_add_overflow(r->off, r->len, &end) || end > b->len)
		return -EIO;
	if (r->op == BLK_FLUSH)
		return 0;
	if (r->op != BLK_READ && b->read_only)
		return -EROFS;
	return r->len && (r->off | r->len) % b->align == 0 ? 0 : -EINVAL;
}

void blk_submit(struct blk *b, struct blk_req *r)
{
	int rc = check(b, r);

	trace(blk_submit, "%s op %d off 0x%llx len 0x%llx",
	      b->name ? b->name : "-", (int)r->op,
	      (unsigned long long)r->off, (unsigned long long)r->len);
	r->node = b;
	b->inflight++;
	if (rc < 0) {
		blk_done(r, rc);
		return;
	}
	if (b->detect_zeroes && r->op == BLK_WRITE && iov_is_zero(r)) {
		r->op = BLK_WRITE_ZEROES;
		r->flags |= b->unmap_zeroes ? BLK_F_UNMAP : 0;
	}
	if (r->op == BLK_DISCARD && !b->can_discard) {
		blk_done(r, 0);        /* a hint nobody takes              */
		return;
	}
	b->ops->submit(b, r);
}

void blk_plug(struct blk *b)
{
	for (; b; b = b->child)
		if (b->ops->plug)
			b->ops->plug(b, true);
}

void blk_unplug(struct blk *b)
{
	for (; b; b = b->child)
		if (b->ops->plug)
			b->ops->plug(b, false);
}

/* --- draining -------------------------------------------------------------- */

static u32 in_tree(const struct blk *b)
{
	u32 n = 0;

	for (; b; b = b->child)
		n += b->inflight;
	return n;
}

static void drain_here(void *opaque)
{
	struct blk *top = opaque;

	while (in_tree(top)) {
		for (struct blk *b = top; b; b = b->child)
			if (b->ops->drain)
				b->ops->drain(b);
	}
}

void blk_drain(struct blk *b)
{
	if (b->loop)
		loop_call(b->loop, drain_here, b);
}

struct run {
	struct blk_req *r;
	struct blk *b;
};

static void submit_here(void *opaque)
{
	struct run *run = opaque;

	blk_submit(run->b, run->r);
	drain_here(run->b);
}

static void run_done(struct blk_req *r, int rc)
{
	r->rc = rc;
}

int blk_run(struct blk *b, struct blk_req *r)
{
	struct run run = { r, b };
	int rc = b->loop ? 0 : blk_set_loop(b, b->set->main_loop, NULL);

	if (rc < 0)
		return rc;
	r->done = run_done;
	loop_call(b->loop, submit_here, &run);
	return r->rc;
}

/* --- loops ----------------------------------------------------------------- */

static void detach(struct blk *b)
{
	for (; b; b = b->child) {
		if (b->loop && b->ops->detach)
			b->ops->detach(b);
		b->loop = NULL;
	}
}

int blk_set_loop(struct blk *top, struct loop *l, struct err *e)
{
	if (top->loop == l)
		return 0;
	blk_drain(top);
	detach(top);
	for (struct blk *b = top; b; b = b->child) {
		int rc;

		b->loop = l;
		rc = b->ops->attach ? b->ops->attach(b, e) : 0;
		if (rc < 0) {
			b->loop = NULL;
			detach(top);
			return rc;
		}
	}
	return 0;
}

struct insert {
	struct blk **root, *top;
	struct err *e;
	int rc;
};

static void insert_here(void *opaque)
{
	struct insert *i = opaque;
	struct blk *top = i->top;

	top->loop = top->child->loop;
	if (top->loop && top->ops->attach)
		i->rc = top->ops->attach(top, i->e);
	if (i->rc < 0)
		top->loop = NULL;
	else
		*i->root = top;
}

int blk_insert(struct blk **root, struct blk *top, struct err *e)
{
	struct insert i = { .root = root, .top = top, .e = e };

	assert(top->child == *root);
	if ((*root)->loop)
		loop_call((*root)->loop, insert_here, &i);
	else
		insert_here(&i);
	return i.rc;
}

struct aio *blk_set_aio(struct blk_set *s, struct loop *l, bool threads,
			struct err *e)
{
	struct engine *g;
	struct list *p;

	list_for_each(p, &s->engines) {
		g = list_entry(p, struct engine, node);
		if (g->loop == l && g->threads == threads)
			return g->aio;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		abort();
	g->loop = l;
	g->threads = threads;
	g->aio = aio_create(l, threads, e);
	if (!g->aio) {
		free(g);
		return NULL;
	}
	list_append(&s->engines, &g->node);
	return g->aio;
}

static void engine_free(struct engine *g)
{
	list_remove(&g->node);
	aio_destroy(g->aio);
	free(g);
}

void blk_set_forget_loop(struct blk_set *s, struct loop *l)
{
	struct list *p, *tmp;

	list_for_each_safe(p, tmp, &s->engines) {
		struct engine *g = list_entry(p, struct engine, node);

		if (g->loop == l)
			engine_free(g);
	}
}

void blk_after_batch(struct blk *b, struct blk_batch *batch)
{
	while (b->child)
		b = b->child;
	if (!b->aio || !aio_after_batch(b->aio, batch))
		batch->fn(batch);
}

/* --- opening --------------------------------------------------------------- */

struct blk *blk_find(struct blk_set *s, const char *name)
{
	struct list *p;

	list_for_each(p, &s->nodes) {
		struct blk *b = list_entry(p, struct blk, node);

		if (!strcmp(b->name, name))
			return b;
	}
	return NULL;
}

struct list *blk_nodes(struct blk_set *s)
{
	return &s->nodes;
}

struct list *blk_groups(struct blk_set *s)
{
	return &s->groups;
}

struct blk *blk_take(struct blk *b)
{
	b->users++;
	return b;
}

void blk_close(struct blk *b)
{
	struct blk *child;

	if (!b || --b->users)
		return;
	child = b->child;
	if (b->loop) {
		blk_drain(b);
		if (b->ops->detach)
			b->ops->detach(b);
	}
	if (b->ops->close)
		b->ops->close(b);
	list_remove(&b->node);
	free(b->name);
	free(b);
	blk_close(child);
}

static const struct blk_ops *find_driver(const char *name)
{
	for (unsigned i = 0; blk_drivers[i]; i++)
		if (!strcmp(blk_drivers[i]->name, name))
			return blk_drivers[i];
	return NULL;
}

/* What an unnamed child has from its parent, as QEMU has it. */
static const char *const inherited[] = {
	"read-only", "auto-read-only", "discard", "cache.direct",
	"cache.no-flush", NULL
};

/* The options that start with "file.", without it. */
static void nested(struct opts *o, struct opts *in)
{
	struct opt *p;

	for (unsigned i = 0; inherited[i]; i++)
		if (opts_find(o, inherited[i]))
			opts_set(in, inherited[i], opts_find(o, inherited[i]));

	opts_for_each(p, o) {
		if (strncmp(p->key, "file.", 5) || p->taken)
			continue;
		opts_set(in, p->key + 5, p->val);
		p->taken = true;
	}
}

static struct blk *open_child(struct blk_set *s, struct opts *o,
			      struct err *e)
{
	const char *name = opts_take(o, "file");
	struct opts in = OPTS_INIT;
	struct blk *child;

	if (name) {
		child = blk_find(s, name);
		if (!child) {
			err_set(e, -ENOENT, "Cannot find device='%s' nor "
				"node-name='%s'", name, name);
			return NULL;
		}
		return blk_take(child);
	}
	nested(o, &in);
	child = NULL;
	if (!opts_find(&in, "driver"))
		err_set(e, -EINVAL, "a filter needs 'file', its child node");
	else
		child = blk_open(s, &in, e);
	if (child && opts_check_taken(&in, e) < 0) {
		blk_close(child);
		child = NULL;
	}
	opts_fini(&in);
	return child;
}

static int choice(struct opts *o, const char *key, const char *const *names,
		  struct err *e)
{
	const char *val = opts_take(o, key);

	for (int i = 0; val && names[i]; i++)
		if (!strcmp(names[i], val))
			return i;
	return val ? err_set(e, -EINVAL, "Invalid parameter '%s' for '%s'", val,
			     key) : 0;
}

/* What every node takes. */
static int take_common(struct blk *b, struct opts *o, struct err *e)
{
	static const char *const discards[] = { "ignore", "unmap", "off", "on",
						NULL };
	static const char *const zeroes[] = { "off", "on", "unmap", NULL };
	bool given = opts_find(o, "discard"), lenient = false;
	int rc = opts_take_bool(o, "read-only", &b->read_only, e);

	if (rc == 0)
		rc = opts_take_bool(o, "cache.direct", &b->direct, e);
	if (rc == 0)
		rc = opts_take_bool(o, "cache.no-flush", &b->no_flush, e);
	if (rc == 0 && b->child)       /* a driver looks for itself */
		rc = opts_take_bool(o, "auto-read-only", &lenient, e);
	if (rc < 0)
		return rc;
	if (b->child && b->child->read_only && !b->read_only)
		return err_set(e, -EACCES, "Block node '%s' is read-only",
			       b->child->name ? b->child->name : "");
	rc = choice(o, "discard", discards, e);
	if (rc < 0)
		return rc;
	if (!b->child || given)
		b->can_discard = rc & 1 && (!b->child || b->can_discard);
	if (b->child) {
		b->direct = b->child->direct;
		b->no_flush = b->child->no_flush;
	}
	rc = choice(o, "detect-zeroes", zeroes, e);
	if (rc < 0)
		return rc;
	b->detect_zeroes = rc;
	b->unmap_zeroes = rc == 2 && b->can_discard;
	return 0;
}

struct blk *blk_open_over(struct blk_set *s, const char *driver,
			  struct opts *o, struct blk *child, struct err *e)
{
	const struct blk_ops *ops = find_driver(driver);
	struct blk *b;

	assert(ops && ops->filter == !!child);
	b = calloc(1, ops->size);
	if (!b)
		abort();
	b->ops = ops;
	b->set = s;
	b->users = 1;
	b->align = 1;
	list_init(&b->node);
	b->child = child;
	if (child) {
		b->len = child->len;
		b->read_only = child->read_only;
		b->can_discard = child->can_discard;
		b->align = child->align;
	}
	if (take_common(b, o, e) < 0 || ops->open(b, o, e) < 0) {
		free(b);
		return NULL;
	}
	return b;
}

static int check_name(struct blk_set *s, const char *name, struct err *e)
{
	if (!name)
		return 0;
	if (!opts_id_ok(name))
		return err_set(e, -EINVAL, "Invalid node-name: '%s'", name);
	if (blk_find(s, name))
		return err_set(e, -EEXIST, "Duplicate nodes with node-name='%s'",
			       name);
	return 0;
}

/* Checked once more: a child may have taken it. */
static int set_name(struct blk *b, const char *name, struct err *e)
{
	const int rc = check_name(b->set, name, e);

	if (rc < 0 || !name)
		return rc;
	b->name = strdup(name);
	if (!b->name)
		abort();
	list_append(&b->set->nodes, &b->node);
	return 0;
}

struct blk *blk_open(struct blk_set *s, struct opts *o, struct err *e)
{
	const char *driver = opts_take(o, "driver");
	const struct blk_ops *ops = driver ? find_driver(driver) : NULL;
	const char *name = opts_take(o, "node-name");
	struct blk *b, *child = NULL;

	if (check_name(s, name, e) < 0)        /* before a lock is the reason */
		return NULL;
	if (!driver) {
		err_set(e, -EINVAL, "Parameter 'driver' is missing");
		return NULL;
	}
	if (!ops) {
		err_set(e, -ENOENT, "Unknown driver '%s'", driver);
		return NULL;
	}
	if (ops->filter) {
		child = open_child(s, o, e);
		if (!child)
			return NULL;
	}
	b = blk_open_over(s, driver, o, child, e);
	trace(blk_open, "%s%s", driver, b ? "" : ": failed");
	if (!b) {
		blk_close(child);
		return NULL;
	}
	if (set_name(b, name, e) < 0) {
		blk_close(b);
		return NULL;
	}
	return b;
}

int blk_add(struct blk_set *s, const char *spec, struct err *e)
{
	struct opts o = OPTS_INIT;
	struct blk *b = NULL;
	int rc = opts_parse(&o, spec, "driver", e);

	if (rc == 0 && !opts_find(&o, "node-name"))
		rc = err_set(e, -EINVAL, "'node-name' must be specified for the "
			     "root node");
	if (rc == 0) {
		b = blk_open(s, &o, e);
		rc = b ? opts_check_taken(&o, e) : -EINVAL;
	}
	if (rc < 0)
		blk_close(b);
	else
		b->owned = true;
	opts_fini(&o);
	return rc;
}

int blk_del(struct blk_set *s, const char *name, struct err *e)
{
	struct blk *b = blk_find(s, name);

	if (!b)
		return err_set(e, -ENOENT, "Failed to find node with "
			       "node-name='%s'", name);
	if (b->users > b->owned)
		return err_set(e, -EBUSY, "Node %s is in use", name);
	blk_close(b);
	return 0;
}

static int cannot_change(const char *what, struct err *e)
{
	return err_set(e, -EINVAL, "Cannot change the option '%s'", what);
}

/* What a node is stays as it is. */
static int same_node(struct blk *b, struct opts *o, struct err *e)
{
	const char *driver = opts_take(o, "driver");
	const char *image = opts_take(o, "filename");
	const char *child = opts_take(o, "file");
	struct strbuf is = STRBUF_INIT;
	bool same = true;

	if (!driver)
		return err_set(e, -EINVAL, "Parameter 'driver' is missing");
	if (strcmp(driver, b->ops->name))
		return cannot_change("driver", e);
	if (image && b->ops->describe) {
		b->ops->describe(b, &is);
		same = !strcmp(is.buf, image);
		strbuf_fini(&is);
	}
	if (!same)
		return cannot_change("filename", e);
	if (child && (!b->child || !b->child->name ||
		      strcmp(b->child->name, child)))
		return cannot_change("file", e);
	return 0;
}

static int check_writers(struct blk_set *s, const struct blk *b, struct err *e)
{
	struct list *p;

	list_for_each(p, &s->nodes) {
		struct blk *above = list_entry(p, struct blk, node);

		if (above->child == b && !above->read_only)
			return err_set(e, -EPERM, "Cannot make block node '%s' "
				       "read-only, '%s' writes to it", b->name,
				       above->name);
	}
	return 0;
}

int blk_reopen(struct blk_set *s, struct opts *o, struct err *e)
{
	const char *name = opts_take(o, "node-name");
	struct blk *b = name ? blk_find(s, name) : NULL, n;
	bool lenient = false;
	int rc;

	if (!b)
		return err_set(e, -ENOENT, "Failed to find node with "
			       "node-name='%s'", name ? name : "");
	n = *b;
	n.read_only = n.direct = n.no_flush = false;
	n.can_discard = !b->child || b->child->can_discard;
	rc = same_node(b, o, e);
	if (rc == 0)
		rc = take_common(&n, o, e);
	if (rc == 0)                   /* it is open: nothing to be lenient in */
		rc = opts_take_bool(o, "auto-read-only", &lenient, e);
	if (rc == 0)
		rc = opts_check_taken(o, e);
	if (rc == 0 && n.read_only)
		rc = check_writers(s, b, e);
	if (rc == 0 && b->ops->reopen && (n.read_only != b->read_only ||
					  n.direct != b->direct))
		rc = b->ops->reopen(b, n.read_only, n.direct, e);
	if (rc < 0)
		return rc;
	b->read_only = n.read_only;
	b->direct = n.direct;
	b->no_flush = n.no_flush;
	if (b->child || b->ops->reopen)        /* null-co's are its own */
		b->can_discard = n.can_discard;
	b->detect_zeroes = n.detect_zeroes;
	b->unmap_zeroes = n.unmap_zeroes;
	return 0;
}

int blk_resize(struct blk *b, u64 len, struct err *e)
{
	int rc;

	if (!b->ops->resize)
		return err_set(e, -ENOTSUP, "a '%s' node cannot be resized",
			       b->ops->name);
	blk_drain(b);
	rc = b->ops->resize(b, len, e);
	if (rc == 0)
		b->len = len;
	return rc;
}

int blk_share(struct blk *b, bool on, struct err *e)
{
	while (b->child)
		b = b->child;
	return b->ops->share ? b->ops->share(b, on, e) : 0;
}

const char *blk_driver_name(const struct blk *b)
{
	return b->ops->name;
}

void blk_describe(struct blk *b, struct strbuf *out)
{
	while (b->child && !b->ops->describe)
		b = b->child;
	if (b->ops->describe)
		b->ops->describe(b, out);
	else
		strbuf_addstr(out, b->ops->name);
}

s64 blk_used(const struct blk *b)
{
	while (b->child && !b->ops->used)
		b = b->child;
	return b->ops->used ? b->ops->used(b) : -ENOTSUP;
}

struct blk_set *blk_set_create(struct loop *main_loop)
{
	struct blk_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->main_loop = main_loop;
	list_init(&s->nodes);
	list_init(&s->engines);
	list_init(&s->groups);
	return s;
}

void blk_set_destroy(struct blk_set *s)
{
	struct list *p, *tmp;

	if (!s)
		return;
	while (!list_empty(&s->nodes)) {       /* parents before children  */
		bool closed = false;

		list_for_each_safe(p, tmp, &s->nodes) {
			struct blk *b = list_entry(p, struct blk, node);

			if (b->users == 1) {
				blk_close(b);
				closed = true;
				break;
			}
		}
		assert(closed);
	}
	throttle_groups_forget(&s->groups);
	while (!list_empty(&s->engines))
		engine_free(list_entry(s->engines.next, struct engine, node));
	free(s);
}
