/* SPDX-License-Identifier: MIT */
/*
 * Character devices: the VM's set of them, and the doors of front ends.
 *
 * Talks to: kinds through chardev_kind, bytes through chardev_io.c, several
 *           front ends through chardev_mux.c.
 * Never:    blocks a writer; calls a front end off the chardev's loop.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/path.h"
#include "vmm/base/trace.h"

/* --- references and calls --- */

void chardev_take(struct chardev *c)
{
	c->refs++;
}

void chardev_drop(struct chardev *c)
{
	if (--c->refs)
		return;
	strbuf_fini(&c->out);
	lock_fini(&c->lock);
	free(c->impl);
	free(c->id);
	free(c);
}

struct post {
	struct chardev *c;
	void (*fn)(struct chardev *c);
};

static void post_drop(void *opaque)
{
	struct post *p = opaque;

	chardev_drop(p->c);
	free(p);
}

static void post_run(void *opaque)
{
	struct post *p = opaque;

	if (!p->c->removed)
		p->fn(p->c);
	post_drop(p);
}

void chardev_post(struct chardev *c, struct loop *l,
		  void (*fn)(struct chardev *c))
{
	struct post *p = malloc(sizeof(*p));

	if (!p)
		abort();
	chardev_take(c);
	*p = (struct post){ .c = c, .fn = fn };
	loop_post(l, post_run, p);
}

static void call_run(void *opaque)
{
	struct post *p = opaque;

	p->fn(p->c);
}

void chardev_call(struct chardev *c, struct loop *l,
		  void (*fn)(struct chardev *c))
{
	struct post p = { .c = c, .fn = fn };

	if (loop_is_running(l))
		loop_call(l, call_run, &p);
	else
		fn(c);
}

/* --- the set --- */

struct chardev_set *chardev_set_create(struct loop *l)
{
	struct chardev_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->loop = l;
	lock_init(&s->lock, "chardevs");
	list_init(&s->chardevs);
	/* A reader of our stdout or pipe may die; write() then says EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	return s;
}

static struct chardev *chardev_new(struct chardev_set *s, const char *id,
				   const struct chardev_kind *k)
{
	struct chardev *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->set = s;
	c->kind = k;
	c->id = strdup(id);
	c->impl = calloc(1, k->size ? k->size : 1);
	if (!c->id || !c->impl)
		abort();
	c->home = s->loop;
	c->loop = s->loop;
	c->refs = 1;
	c->log_fd = c->in_fd = c->out_fd = c->passed_fd = -1;
	c->watched_in = c->watched_out = -1;
	lock_init(&c->lock, "chardev");
	strbuf_init(&c->out);
	list_init(&c->node);
	return c;
}

/* The back end goes; `c` stays, without one. [home] */
static void close_backend(struct chardev *c)
{
	if (!c->kind->mux)
		chardev_io_flush_wait(c);
	chardev_call(c, c->loop, chardev_io_shut);
	if (c->kind->close)
		c->kind->close(c);
	if (c->log_fd >= 0)
		close(c->log_fd);
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	c->log_fd = c->passed_fd = -1;
}

static void fe_clear(struct chardev *c)
{
	lock_take(&c->lock);
	if (c->fe)
		c->fe->chr = NULL;
	c->fe = NULL;
	lock_drop(&c->lock);
	c->announced = false;
	c->paused = false;
}

/* [home] */
static void remove_one(struct chardev *c)
{
	struct chardev *base = c->kind->mux ? chardev_mux_base(c) : NULL;

	lock_take(&c->set->lock);
	list_remove(&c->node);
	lock_drop(&c->set->lock);
	c->removed = true;
	fe_clear(c);
	close_backend(c);
	chardev_drop(c);
	if (base)
		remove_one(base);
}

void chardev_set_destroy(struct chardev_set *s)
{
	if (!s)
		return;
	/* Newest first: a mux goes before its base. */
	while (!list_empty(&s->chardevs))
		remove_one(list_entry(s->chardevs.prev, struct chardev, node));
	loop_unpost(s->loop, post_run, post_drop);
	lock_fini(&s->lock);
	free(s);
}

void chardev_set_on_quit(struct chardev_set *s, void (*fn)(void *opaque),
			 void *opaque)
{
	s->on_quit = fn;
	s->quit_opaque = opaque;
}

static void quit_run(struct chardev *c)
{
	if (c->set->on_quit)
		c->set->on_quit(c->set->quit_opaque);
}

void chardev_quit(struct chardev *c)
{
	chardev_post(c, c->home, quit_run);
}

struct chardev *chardev_find(struct chardev_set *s, const char *id)
{
	struct list *p;

	list_for_each(p, &s->chardevs) {
		struct chardev *c = list_entry(p, struct chardev, node);

		if (!strcmp(c->id, id))
			return c;
	}
	return NULL;
}

void chardev_for_each(struct chardev_set *s,
		      void (*fn)(struct chardev *c, void *opaque), void *opaque)
{
	struct list *p, *tmp;

	list_for_each_safe(p, tmp, &s->chardevs)
		fn(list_entry(p, struct chardev, node), opaque);
}

/* --- opening --- */

static int open_log(struct chardev *c, struct opts *o, struct err *e)
{
	const char *path = opts_take(o, "logfile");
	bool append = false;

	if (opts_take_bool(o, "logappend", &append, e) < 0)
		return -EINVAL;
	if (!path)
		return 0;
	c->log_fd = path_open(path, O_WRONLY | O_CREAT |
			      (append ? O_APPEND : O_TRUNC), 0644, e);
	if (c->log_fd < 0)
		err_prefix(e, "logfile");
	return MIN(c->log_fd, 0);
}

/* A chardev with an open, not yet started back end; not in the set. */
static struct chardev *build(struct chardev_set *s, const char *id,
			     struct opts *o, struct err *e)
{
	const char *name = opts_take(o, "backend");
	const struct chardev_kind *k = chardev_kind_find(name);
	struct chardev *c;

	if (!k) {
		err_set(e, -EINVAL, "'%s' is not a valid char driver name", name);
		return NULL;
	}
	c = chardev_new(s, id, k);
	if (open_log(c, o, e) < 0 || (k->open && k->open(c, o, e) < 0))
		goto fail_new;
	if (opts_check_taken(o, e) < 0)
		goto fail_open;
	return c;

fail_open:
	if (k->close)
		k->close(c);
fail_new:
	if (c->log_fd >= 0)
		close(c->log_fd);
	chardev_drop(c);
	return NULL;
}

static void enlist(struct chardev *c)
{
	lock_take(&c->set->lock);
	list_append(&c->set->chardevs, &c->node);
	lock_drop(&c->set->lock);
	if (c->kind->start)
		c->kind->start(c);
}

static struct chardev *open_mux(struct chardev_set *s, const char *id,
				struct opts *o, struct err *e)
{
	struct strbuf base_id = STRBUF_INIT;
	struct chardev *base, *mux;

	strbuf_addf(&base_id, "%s-base", id);
	base = build(s, base_id.buf, o, e);
	strbuf_fini(&base_id);
	if (!base)
		return NULL;
	enlist(base);
	mux = chardev_new(s, id, &chardev_kind_mux);
	enlist(mux);
	chardev_mux_join(mux, base);
	return mux;
}

static int check_id(struct chardev_set *s, const char *id, struct err *e)
{
	if (!id)
		return err_set(e, -EINVAL, "chardev: no id specified");
	if (chardev_find(s, id))
		return err_set(e, -EEXIST, "Chardev with id '%s' already exists",
			       id);
	return 0;
}

static struct chardev *open_opts(struct chardev_set *s, const char *id,
				 struct opts *o, bool mon, struct err *e)
{
	const char *own = opts_take(o, "id");
	struct chardev *c;
	bool mux = mon;

	if (own && !opts_id_ok(own)) {
		err_set(e, -EINVAL, "Parameter 'id' expects an identifier");
		err_hint(e, "Identifiers consist of letters, digits, '-', '.', "
			 "'_', starting with a letter.");
		return NULL;
	}
	id = own ? own : id;
	if (check_id(s, id, e) < 0 || opts_take_bool(o, "mux", &mux, e) < 0)
		return NULL;
	if (mux)
		return open_mux(s, id, o, e);
	c = build(s, id, o, e);
	if (c)
		enlist(c);
	return c;
}

struct chardev *chardev_open(struct chardev_set *s, const char *id,
			     const char *spec, struct err *e)
{
	struct chardev *c;
	struct opts o;
	bool mon;

	if (!strncmp(spec, "chardev:", 8)) {
		c = chardev_find(s, spec + 8);
		if (!c)
			err_set(e, -ENOENT, "Chardev '%s' not found", spec + 8);
		return c;
	}
	if (chardev_spec_parse(spec, &o, &mon, e) < 0)
		return NULL;
	trace(chardev_open, "id %s: %s", id ? id : "", spec);
	c = open_opts(s, id, &o, mon, e);
	opts_fini(&o);
	return c;
}

int chardev_remove(struct chardev_set *s, const char *id, struct err *e)
{
	struct chardev *c = chardev_find(s, id);

	if (!c)
		return err_set(e, -ENOENT, "Chardev '%s' not found", id);
	if (c->fe || (c->kind->mux && chardev_mux_busy(c)))
		return err_set(e, -EBUSY, "Chardev '%s' is busy", id);
	remove_one(c);
	return 0;
}

static bool is_socket(const struct chardev *c)
{
	return c->kind == &chardev_kind_socket;
}

void chardev_for_each_socket(struct chardev_set *s,
			     void (*fn)(const char *id, void *opaque),
			     void *opaque)
{
	struct list *p;

	SCOPED_LOCK(&s->lock);
	list_for_each(p, &s->chardevs) {
		struct chardev *c = list_entry(p, struct chardev, node);
		bool socket;

		lock_take(&c->lock);
		socket = is_socket(c);
		lock_drop(&c->lock);
		if (socket)
			fn(c->id, opaque);
	}
}

static void cut(struct chardev *c)
{
	SCOPED_LOCK(&c->lock);
	if (is_socket(c) && c->in_fd >= 0)
		shutdown(c->in_fd, SHUT_RDWR);
}

int chardev_cut(struct chardev_set *s, const char *id, bool really)
{
	struct list *p;

	SCOPED_LOCK(&s->lock);
	list_for_each(p, &s->chardevs) {
		struct chardev *c = list_entry(p, struct chardev, node);

		if (strcmp(c->id, id) || !is_socket(c))
			continue;
		if (really)
			cut(c);
		return 0;
	}
	return -ENOENT;
}

/* Take over the back end of `t`, which is consumed. [home] */
static void swap_backend(struct chardev *c, struct chardev *t)
{
	const struct chardev_kind *kind = c->kind;
	void *impl = c->impl;

	close_backend(c);
	lock_take(&c->lock);
	c->kind = t->kind;
	c->impl = t->impl;
	c->log_fd = t->log_fd;
	lock_drop(&c->lock);
	t->kind = kind;
	t->impl = impl;
	chardev_drop(t);
	if (c->kind->start)
		c->kind->start(c);
}

int chardev_change(struct chardev_set *s, const char *id, const char *spec,
		   struct err *e)
{
	struct chardev *c = chardev_find(s, id), *t = NULL;
	struct opts o;
	bool mon;
	int rc;

	if (!c)
		return err_set(e, -ENOENT, "Chardev '%s' does not exist", id);
	if (c->kind->mux)
		return err_set(e, -ENOTSUP, "not supported yet: changing the "
			       "back end of a mux");
	if (c->loop != c->home)
		return err_set(e, -EBUSY, "Chardev '%s' serves a monitor and "
			       "cannot change", id);
	rc = chardev_spec_parse(spec, &o, &mon, e);
	if (rc < 0)
		return rc;
	if (opts_find(&o, "id"))
		rc = err_set(e, -EINVAL, "Unexpected 'id' parameter");
	else if (mon || opts_find(&o, "mux"))
		rc = err_set(e, -ENOTSUP, "not supported yet: changing a back "
			     "end to a mux");
	if (rc == 0) {
		t = build(s, id, &o, e);
		if (!t) {
			rc = e ? e->rc : -EINVAL;
			err_prefix(e, "Failed to add chardev '%s'", id);
		}
	}
	if (t)
		swap_backend(c, t);
	opts_fini(&o);
	return rc;
}

/* --- terminals --- */

bool chardev_window(struct chardev_fe *fe, u16 *cols, u16 *rows)
{
	struct chardev *c = fe->chr;

	if (c && c->kind->mux)
		c = chardev_mux_base(c);
	if (!c)
		return false;
	SCOPED_LOCK(&c->lock);
	return c->kind->window && c->kind->window(c, cols, rows);
}

static void tell_resized(struct chardev *c)
{
	if (c->announced)
		chardev_fe_event(c, CHARDEV_RESIZED);
}

void chardev_set_resized(struct chardev_set *s)
{
	struct list *p;

	list_for_each(p, &s->chardevs) {
		struct chardev *c = list_entry(p, struct chardev, node);

		if (c->kind->window)
			chardev_post(c, c->loop, tell_resized);
	}
}

/* --- what a chardev is --- */

const char *chardev_id(const struct chardev *c)
{
	return c->id;
}

void chardev_describe(struct chardev *c, struct strbuf *out)
{
	if (c->kind->describe)
		c->kind->describe(c, out);
	else
		strbuf_addstr(out, c->kind->name);
}

bool chardev_is_mux(const struct chardev *c)
{
	return c->kind->mux;
}

bool chardev_frontend_open(const struct chardev *c)
{
	return c->fe || (c->kind->mux && chardev_mux_busy(c));
}

/* --- front ends --- */

int chardev_attach(struct chardev *c, struct chardev_fe *fe,
		   const struct chardev_fe_ops *ops, void *opaque,
		   struct err *e)
{
	int rc = 0;

	*fe = (struct chardev_fe){ .ops = ops, .opaque = opaque };
	if (c->kind->mux) {
		rc = chardev_mux_attach(c, fe);
	} else {
		lock_take(&c->lock);
		if (c->fe)
			rc = -EBUSY;
		else
			c->fe = fe;
		lock_drop(&c->lock);
	}
	if (rc < 0)
		return err_set(e, rc, "Device '%s' is in use", c->id);
	fe->chr = c;
	if (!c->kind->mux)
		chardev_post(c, c->loop, chardev_io_resume);
	return 0;
}

static void fe_gone(struct chardev *c)
{
	fe_clear(c);
	chardev_io_unwatch(c);
}

void chardev_detach(struct chardev_fe *fe)
{
	struct chardev *c = fe->chr;

	if (!c)
		return;
	if (c->kind->mux)
		chardev_mux_detach(c, fe);
	else
		chardev_call(c, c->loop, fe_gone);
	fe->chr = NULL;
	if (!chardev_frontend_open(c))
		chardev_set_loop(c, c->home);
}

void chardev_set_loop(struct chardev *c, struct loop *l)
{
	if (c->loop == l)
		return;
	if (c->kind->mux) {
		struct chardev *base = chardev_mux_base(c);

		chardev_call(base, base->loop, chardev_io_unwatch);
		base->loop = l;
		chardev_post(base, l, chardev_io_resume);
	}
	chardev_call(c, c->loop, chardev_io_unwatch);
	c->loop = l;
	chardev_post(c, l, chardev_io_resume);
}

size_t chardev_write(struct chardev_fe *fe, const void *buf, size_t n)
{
	struct chardev *c = fe->chr;

	if (!c)                        /* nobody listens */
		return n;
	if (c->kind->mux)
		return chardev_mux_write(c, fe, buf, n);
	return chardev_io_write(c, buf, n);
}

void chardev_kick(struct chardev_fe *fe)
{
	struct chardev *c = fe->chr;

	if (c && atomic_exchange(&c->paused, false))
		chardev_post(c, c->loop, c->kind->mux ? chardev_mux_kick
						      : chardev_io_resume);
}

static void send_break(struct chardev *c)
{
	chardev_fe_event(c, CHARDEV_BREAK);
}

void chardev_send_break(struct chardev *c)
{
	chardev_post(c, c->loop, send_break);
}

void chardev_take_focus(struct chardev_fe *fe)
{
	if (fe->chr && fe->chr->kind->mux)
		chardev_mux_focus(fe->chr, fe);
}

int chardev_take_fd(struct chardev_fe *fe)
{
	struct chardev *c = fe->chr;
	int fd = -1;

	if (c && c->kind->mux)
		c = chardev_mux_base(c);
	if (!c)
		return -1;
	lock_take(&c->lock);
	fd = c->passed_fd;
	c->passed_fd = -1;
	lock_drop(&c->lock);
	return fd;
}

static struct chardev_fe *fe_of(struct chardev *c)
{
	struct chardev_fe *fe;

	lock_take(&c->lock);
	fe = c->fe;
	lock_drop(&c->lock);
	return fe;
}

size_t chardev_fe_room(struct chardev *c)
{
	struct chardev_fe *fe = fe_of(c);

	return fe ? fe->ops->can_read(fe->opaque) : 0;
}

void chardev_fe_read(struct chardev *c, const u8 *p, size_t n)
{
	struct chardev_fe *fe = fe_of(c);

	if (fe)
		fe->ops->read(fe->opaque, p, n);
}

void chardev_fe_event(struct chardev *c, enum chardev_event ev)
{
	struct chardev_fe *fe = fe_of(c);

	trace(chardev_event, "id %s event %d", c->id, (int)ev);
	if (c->kind->mux)
		chardev_mux_event_all(c, ev);
	else if (fe && fe->ops->event)
		fe->ops->event(fe->opaque, ev);
}
