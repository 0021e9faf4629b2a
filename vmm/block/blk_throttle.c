// SPDX-License-Identifier: MIT
/*
 * Filter "throttle": holds requests back until their group has room.
 *
 * Room:     one queue a node, first come first served; groups are shared.
 * Talks to: throttle.c, a host-time timer.
 * Never:    holds back a flush, or anything while draining.
 */
#include "vmm/block/blk_throttle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct blk_throttle {
	struct blk b;
	struct throttle_group *group;
	struct blk_req *first, **last;
	struct timer timer;
	bool timer_ready;
};

static struct blk_throttle *to_throttle(struct blk *b)
{
	return container_of(b, struct blk_throttle, b);
}

static s64 wait_for(struct blk_throttle *t, const struct blk_req *r)
{
	return throttle_try(&t->group->t, r->op != BLK_READ, r->len,
			    clock_host_ns());
}

static void let_go(struct blk_throttle *t)
{
	struct blk_req *r = t->first;

	t->first = r->next;
	if (!t->first)
		t->last = &t->first;
	blk_pass(&t->b, r);
}

static void on_timer(void *opaque)
{
	struct blk_throttle *t = opaque;

	blk_plug(t->b.child);
	while (t->first) {
		s64 wait = wait_for(t, t->first);

		if (wait) {
			timer_set(&t->timer, clock_host_ns() + wait);
			break;
		}
		let_go(t);
	}
	blk_unplug(t->b.child);
}

static void throttle_submit(struct blk *b, struct blk_req *r)
{
	struct blk_throttle *t = to_throttle(b);
	s64 wait;

	if (r->op == BLK_FLUSH) {
		blk_pass(b, r);
		return;
	}
	wait = t->first ? 1 : wait_for(t, r);
	if (!wait) {
		blk_pass(b, r);
		return;
	}
	r->next = NULL;
	*t->last = r;
	t->last = &r->next;
	if (!timer_pending(&t->timer))
		timer_set(&t->timer, clock_host_ns() + wait);
}

static void throttle_drain(struct blk *b)
{
	struct blk_throttle *t = to_throttle(b);

	while (t->first)
		let_go(t);
}

static int throttle_attach(struct blk *b, struct err *e)
{
	struct blk_throttle *t = to_throttle(b);

	(void)e;
	timer_init(&t->timer, b->loop, NULL, on_timer, t);
	t->timer_ready = true;
	return 0;
}

static void end_timer(void *opaque)
{
	struct blk_throttle *t = opaque;

	timer_fini(&t->timer);
	t->timer_ready = false;
}

static void throttle_detach(struct blk *b)
{
	struct blk_throttle *t = to_throttle(b);

	if (t->timer_ready)
		loop_call(b->loop, end_timer, t);
}

/* --- groups ---------------------------------------------------------------- */

struct throttle_group *throttle_group_find(struct list *groups,
					   const char *name)
{
	struct list *p;

	list_for_each(p, groups) {
		struct throttle_group *g =
			list_entry(p, struct throttle_group, node);

		if (!strcmp(g->name, name))
			return g;
	}
	return NULL;
}

struct throttle_group *throttle_group_take(struct list *groups,
					   const char *name)
{
	struct throttle_group *g = throttle_group_find(groups, name);

	if (g) {
		g->users++;
		return g;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		abort();
	g->name = strdup(name);
	if (!g->name)
		abort();
	g->users = 1;
	throttle_init(&g->t);
	list_append(groups, &g->node);
	return g;
}

void throttle_group_drop(struct throttle_group *g)
{
	if (!g || --g->users)
		return;
	list_remove(&g->node);
	lock_fini(&g->t.lock);
	free(g->name);
	free(g);
}

int throttle_group_add(struct list *groups, const char *name, struct opts *o,
		       struct err *e)
{
	struct throttle_config c = { 0 };
	struct throttle_group *g;
	int rc = throttle_take(&c, o, "x-", e);

	if (rc == 0)
		rc = throttle_take(&c, o, "limits.", e);
	if (rc < 0)
		return rc;
	if (throttle_group_find(groups, name))
		return err_set(e, -EEXIST, "A group with this name already "
			       "exists");
	g = throttle_group_take(groups, name);
	g->object = true;
	throttle_set(&g->t, &c);
	return 0;
}

int throttle_group_del(struct list *groups, const char *name, struct err *e)
{
	struct throttle_group *g = throttle_group_find(groups, name);

	if (!g || !g->object)
		return err_set(e, -ENOENT, "there is no throttle group '%s'",
			       name);
	if (g->users > 1)
		return err_set(e, -EBUSY, "object '%s' is in use, can not be "
			       "deleted", name);
	throttle_group_drop(g);
	return 0;
}

void throttle_groups_forget(struct list *groups)
{
	struct list *p, *tmp;

	list_for_each_safe(p, tmp, groups) {
		struct throttle_group *g =
			list_entry(p, struct throttle_group, node);

		if (g->object)
			throttle_group_drop(g);
	}
}

struct throttle_group *blk_throttle_group(struct blk *b)
{
	return b->ops == &blk_throttle_ops ? to_throttle(b)->group : NULL;
}

static int throttle_open(struct blk *b, struct opts *o, struct err *e)
{
	struct blk_throttle *t = to_throttle(b);
	const char *name = opts_take(o, "throttle-group");
	struct throttle_config c = { 0 };
	int rc;

	if (!name)
		return err_set(e, -EINVAL, "Parameter 'throttle-group' is "
			       "missing");
	rc = throttle_take(&c, o, "limits.", e);
	if (rc < 0)
		return rc;
	if (!throttle_any(&c) && !throttle_group_find(blk_groups(b->set), name))
		return err_set(e, -ENOENT, "Throttle group '%s' does not "
			       "exist", name);
	t->last = &t->first;
	t->group = throttle_group_take(blk_groups(b->set), name);
	if (throttle_any(&c))
		throttle_set(&t->group->t, &c);
	return 0;
}

static void throttle_close(struct blk *b)
{
	throttle_group_drop(to_throttle(b)->group);
}

static int throttle_resize(struct blk *b, u64 len, struct err *e)
{
	return blk_resize(b->child, len, e);
}

const struct blk_ops blk_throttle_ops = {
	.name   = "throttle", .summary = "limits bytes and operations a second",
	.size   = sizeof(struct blk_throttle), .filter = true,
	.open   = throttle_open,   .submit = throttle_submit,
	.close  = throttle_close,  .drain  = throttle_drain,
	.attach = throttle_attach, .detach = throttle_detach,
	.resize = throttle_resize,
};
