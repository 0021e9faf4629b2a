/* SPDX-License-Identifier: MIT */
/*
 * The monitor thread: clients' bytes in and out, and the way to the main loop
 * and back.
 *
 * Talks to: chardevs (from whatever loop they live on), the main loop by
 *           posted requests, readline.
 * Never:    waits for a client; keeps more of its output than MON_OUT_MAX or
 *           more of its input than IN_MAX.
 *
 * A byte's way: fe_read [the chardev's loop] -> m->in -> visit [monitor
 * thread] -> readline -> mon_exec -> run() -> m->out -> chardev_write.
 */
#include "monitor/dump.h"
#include "monitor/mon.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"
#include "vmm/base/opts.h"
#include "vmm/base/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	IN_MAX   = 4096,               /* bytes waiting to be looked at     */
	IN_BITE  = 256,
	OUT_HIGH = 64 << 10,           /* above it input waits              */
	OUT_KEEP = 1 << 20,            /* a larger empty buffer is given up */
	TURN_NS  = 2000000,            /* then it is another client's turn  */
};

/* --- to the main loop and back --- */

/*
 * A request belongs to who holds it: the waiter until the main loop starts it
 * (QUEUED -> RUNNING), the waiter again when it is DONE; a waiter that gives
 * up (QUEUED -> ORPHAN) leaves it to the main loop to free.
 */
enum request_state { QUEUED, RUNNING, DONE, ORPHAN };

struct request {
	struct monitors *mons;
	_Atomic enum request_state state;
	void (*fn)(void *opaque);
	void *opaque;
	bool waited_for;               /* else request_back is posted */
	struct mon *m;                 /* of a client's command       */
	struct mon_call call;
	struct qmp_call *qmp;          /* or this                     */
};

static void visit(void *opaque);
static void request_back(void *opaque);

static bool request_move(struct request *r, enum request_state from,
			 enum request_state to)
{
	return atomic_compare_exchange_strong(&r->state, &from, to);
}

static void request_free(struct request *r)
{
	mon_call_fini(&r->call);
	qmp_call_free(r->qmp);
	free(r);
}

/* [main loop] */
static void request_done(void *opaque)
{
	struct request *r = opaque;
	struct monitors *s = r->mons;

	if (!r->waited_for) {
		loop_post(s->loop, request_back, r);
		return;
	}
	lock_take(&s->lock);
	r->state = DONE;
	pthread_cond_broadcast(&s->done);
	lock_drop(&s->lock);
}

/* What the command made a device ask of the VM is done before its answer. */
static void request_run(void *opaque)
{
	struct request *r = opaque;

	if (!request_move(r, QUEUED, RUNNING)) {
		request_free(r);
		return;
	}
	r->fn(r->opaque);
	if (r->mons->vm->pending)
		loop_post(r->mons->vm->loop, request_done, r);
	else
		request_done(r);
}

bool mon_on_main(struct mon *m, void (*fn)(void *opaque), void *opaque)
{
	struct monitors *s = m->mons;
	struct request *r;
	bool ran;

	if (!s->vm->loop || !s->loop || !loop_is_current(s->loop)) {
		if (!s->vm->loop)
			fn(opaque);
		else
			loop_call(s->vm->loop, fn, opaque);
		return true;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return false;
	r->mons = s;
	r->fn = fn;
	r->opaque = opaque;
	r->waited_for = true;
	loop_post(s->vm->loop, request_run, r);
	lock_take(&s->lock);
	while (r->state != DONE &&
	       !(s->stopping && request_move(r, QUEUED, ORPHAN)))
		pthread_cond_wait(&s->done, &s->lock.mutex);
	ran = r->state == DONE;
	lock_drop(&s->lock);
	if (ran)
		request_free(r);
	return ran;
}

static void run_command(void *opaque)
{
	struct request *r = opaque;

	mon_run_call(r->m, &r->call);
}

/* The call's strings move into the request.  It is posted at the end of the
 * visit, when nothing on this thread looks at m any more: from then on m is
 * the main loop's, until request_back. */
void mon_go_to_main(struct mon *m, struct mon_call *call)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r) {
		mon_call_fini(call);
		return;
	}
	r->mons = m->mons;
	r->fn = run_command;
	r->opaque = r;
	r->m = m;
	r->call = *call;
	memset(call->text, 0, sizeof(call->text));
	m->busy = true;
	m->request = r;
}

static void run_qmp(void *opaque)
{
	struct request *r = opaque;

	qmp_call_run(r->qmp);
}

/* The call is its own: the monitor stays with its thread meanwhile. */
void mon_qmp_to_main(struct mon *m, struct qmp_call *c)
{
	struct monitors *s = m->mons;
	struct request *r = s->loop && s->vm->loop ? calloc(1, sizeof(*r)) :
			    NULL;

	if (!r) {
		qmp_call_run(c);
		qmp_back(m, c);
		return;
	}
	r->mons = s;
	r->fn = run_qmp;
	r->opaque = r;
	r->m = m;
	r->qmp = c;
	m->request = r;
	loop_post(s->vm->loop, request_run, r);
}

static void request_back(void *opaque)
{
	struct request *r = opaque;
	struct mon *m = r->m;
	struct qmp_call *c = r->qmp;

	if (c) {
		r->qmp = NULL;
		m->request = NULL;
		request_free(r);
		qmp_back(m, c);
		visit(m);
		return;
	}
	m->busy = false;
	m->request = NULL;
	free(m->regs);
	m->regs = NULL;
	request_free(r);
	visit(m);
}

/* --- the client's side, on the chardev's loop --- */

void mon_poke(struct mon *m)
{
	bool post;

	if (!m->mons->loop)
		return;                /* nobody's thread: a test's */
	lock_take(&m->in_lock);
	post = !m->poked;
	m->poked = true;
	lock_drop(&m->in_lock);
	if (post)
		loop_post(m->mons->loop, visit, m);
}

static size_t fe_can_read(void *opaque)
{
	struct mon *m = opaque;
	size_t room;

	lock_take(&m->in_lock);
	room = IN_MAX - MIN(m->in.len, (size_t)IN_MAX);
	lock_drop(&m->in_lock);
	return room;
}

static void fe_read(void *opaque, const u8 *buf, size_t n)
{
	struct mon *m = opaque;

	lock_take(&m->in_lock);
	if (m->in.len < IN_MAX)
		strbuf_add(&m->in, buf, MIN(n, IN_MAX - m->in.len));
	lock_drop(&m->in_lock);
	mon_poke(m);
}

/*
 * Events keep their place among the bytes: what a client said before it left
 * is still done.  One that comes and goes faster than the monitor looks loses
 * its bytes.
 */
static void mark(struct mon *m, enum chardev_event ev)
{
	if (m->nmarks >= MON_MARKS - 1) {
		m->in_start += m->in.len;
		strbuf_reset(&m->in);
		m->nmarks = 0;
		m->marks[m->nmarks++] = (struct mon_mark){
			m->in_start, CHARDEV_CLOSED };
	}
	m->marks[m->nmarks++] = (struct mon_mark){
		m->in_start + m->in.len, ev };
}

static void fe_event(void *opaque, enum chardev_event ev)
{
	struct mon *m = opaque;

	lock_take(&m->in_lock);
	if (ev != CHARDEV_BREAK && ev != CHARDEV_WRITABLE &&
	    ev != CHARDEV_RESIZED)
		mark(m, ev);
	if (ev == CHARDEV_OPENED || ev == CHARDEV_CLOSED)
		m->client = ev == CHARDEV_OPENED;
	lock_drop(&m->in_lock);
	mon_poke(m);
}

static const struct chardev_fe_ops fe_ops = {
	.can_read = fe_can_read,
	.read     = fe_read,
	.event    = fe_event,
};

/* --- the monitor's side, on its thread --- */

static size_t out_pending(const struct mon *m)
{
	return m->out.len - m->out_pos;
}

static bool has_client(struct mon *m)
{
	SCOPED_LOCK(&m->in_lock);
	return m->client;
}

/* Its client left, though not all it said is done: whoever is there now must
 * not hear the answers. */
static bool is_stale(struct mon *m)
{
	SCOPED_LOCK(&m->in_lock);
	for (unsigned i = 0; i < m->nmarks; i++)
		if (m->marks[i].ev == CHARDEV_CLOSED)
			return true;
	return false;
}

static void flush(struct mon *m)
{
	if (m->unfocused)
		return;
	if (!m->open || is_stale(m))
		m->out_pos = m->out.len;
	if (out_pending(m))
		m->out_pos += chardev_write(&m->fe, m->out.buf + m->out_pos,
					    out_pending(m));
	if (out_pending(m) && has_client(m))
		return;
	m->out_pos = 0;
	if (m->out.cap > OUT_KEEP)
		strbuf_fini(&m->out);
	else
		strbuf_reset(&m->out);
}

static void prompt(struct mon *m)
{
	readline_show_prompt(m->rl);
}

static void client_came(struct mon *m)
{
	m->open = true;
	m->out_pos = m->out.len;
	flush(m);
	if (m->qmp) {
		qmp_client_came(m);
		return;
	}
	mon_puts(m, "mote " MOTE_VERSION
		 " monitor - type 'help' for more information\n");
	m->used = true;
	readline_restart(m->rl);
	if (!m->unfocused)
		prompt(m);
}

static void client_went(struct mon *m)
{
	m->open = false;
	m->out_pos = m->out.len;
	if (m->qmp) {
		qmp_client_went(m);
	} else {
		m->rl->password = false;
		m->on_password = NULL;
		readline_restart(m->rl);
	}
	flush(m);
}

static void focus(struct mon *m, bool lost)
{
	if (lost == m->unfocused)
		return;
	if (lost && !m->qmp) {
		mon_puts(m, "\n");
		flush(m);
	}
	m->unfocused = lost;
	if (!lost && m->used) {
		readline_restart(m->rl);
		prompt(m);
	}
}

/* The next event, when every byte before it was looked at. */
static bool take_mark(struct mon *m, enum chardev_event *ev)
{
	SCOPED_LOCK(&m->in_lock);
	if (!m->nmarks || m->marks[0].at > m->in_start)
		return false;
	*ev = m->marks[0].ev;
	m->nmarks--;
	memmove(m->marks, m->marks + 1, m->nmarks * sizeof(m->marks[0]));
	return true;
}

static bool look_at_event(struct mon *m)
{
	enum chardev_event ev;

	if (!take_mark(m, &ev))
		return false;
	if (ev == CHARDEV_OPENED)
		client_came(m);
	else if (ev == CHARDEV_CLOSED)
		client_went(m);
	else
		focus(m, ev == CHARDEV_MUX_OUT);
	return true;
}

static bool may_read(struct mon *m)
{
	return !m->busy && !m->unfocused && (!m->qmp || qmp_may_read(m)) &&
	       out_pending(m) < OUT_HIGH && !m->mons->stopping;
}

/* Bytes up to the next event, at most `max`. */
static size_t next_bytes(struct mon *m, u8 *buf, size_t max, u64 *start)
{
	size_t n;

	SCOPED_LOCK(&m->in_lock);
	n = MIN(m->in.len, max);
	if (m->nmarks)
		n = MIN(n, m->marks[0].at - m->in_start);
	memcpy(buf, m->in.buf, n);
	*start = m->in_start;
	return n;
}

/* Look at some bytes; false: there were none or it must not go on. */
static bool bite(struct mon *m, s64 until)
{
	u8 buf[IN_BITE];
	size_t used = 0, n;
	u64 start;

	n = next_bytes(m, buf, sizeof(buf), &start);
	while (used < n && may_read(m) && (!used || clock_host_ns() < until)) {
		if (m->qmp)
			used += qmp_bytes(m, buf + used, n - used);
		else
			readline_byte(m->rl, buf[used++]);
	}
	lock_take(&m->in_lock);
	if (start == m->in_start) {    /* else mark() threw them away */
		strbuf_drop_front(&m->in, used);
		m->in_start += used;
	}
	lock_drop(&m->in_lock);
	if (used)
		chardev_kick(&m->fe);
	return used > 0;
}

/* What there is to do for one client, but not all of a flood at once. */
static void visit(void *opaque)
{
	const s64 until = clock_host_ns() + TURN_NS;
	struct mon *m = opaque;

	lock_take(&m->in_lock);
	m->poked = false;
	lock_drop(&m->in_lock);
	if (m->busy)
		return;                /* request_back visits again */
	if (m->finished) {
		m->finished = false;
		if (!m->mons->vm->quitting && !m->unfocused)
			prompt(m);
	}
	if (m->qmp)
		qmp_flush_events(m);
	do
		flush(m);
	while (!m->busy && clock_host_ns() < until &&
	       (look_at_event(m) || (may_read(m) && bite(m, until))));
	if (!m->busy && clock_host_ns() >= until)
		mon_poke(m);
	if (m->busy) {
		flush(m);
		loop_post(m->mons->vm->loop, request_run, m->request);
	}
}

static void rl_put(void *opaque, const char *p, size_t n)
{
	mon_write(opaque, p, n);
}

static void rl_line(void *opaque, const char *line)
{
	struct mon *m = opaque;
	void (*on_password)(struct mon *m, const char *password) =
		m->on_password;

	if (on_password) {
		m->on_password = NULL;
		m->rl->password = false;
		on_password(m, line);
	} else {
		mon_exec(m, line);
	}
	if (m->busy)
		m->finished = true;    /* the prompt comes with the answer */
	else
		prompt(m);
}

static void rl_complete(void *opaque, const char *text)
{
	mon_complete(opaque, text);
}

static const struct readline_ops rl_ops = {
	.put      = rl_put,
	.line     = rl_line,
	.complete = rl_complete,
};

/* --- life --- */

static void mon_destroy(struct mon *m)
{
	if (!m)
		return;
	list_remove(&m->node);
	chardev_detach(&m->fe);
	if (m->rl) {
		readline_fini(m->rl);
		free(m->rl);
	}
	qmp_destroy(m->qmp);
	mon_fini(m);
	free(m);
}

/* "chardev=ID,mode=readline|control,pretty=on|off,prompt=TEXT" */
struct mon_spec {
	const char *id, *prompt;
	bool control, pretty;
};

static int parse_spec(struct opts *o, const char *text, struct mon_spec *spec,
		      struct err *e)
{
	const char *mode;
	int rc = opts_parse(o, text, "chardev", e);

	if (rc < 0)
		return rc;
	spec->id = opts_take(o, "chardev");
	spec->prompt = opts_take(o, "prompt");
	mode = opts_take(o, "mode");
	opts_take(o, "id");
	rc = opts_take_bool(o, "pretty", &spec->pretty, e);
	if (rc < 0)
		return rc;
	if (!spec->id)
		return err_set(e, -EINVAL, "no chardev= given");
	spec->control = mode && !strcmp(mode, "control");
	if (mode && !spec->control && strcmp(mode, "readline"))
		return err_set(e, -EINVAL, "there is no mode '%s'", mode);
	return opts_check_taken(o, e);
}

/* The half that speaks with the client. */
static int mon_create_face(struct mon *m, const struct mon_spec *spec,
			   struct err *e)
{
	if (spec->control) {
		m->qmp = qmp_create(m, spec->pretty);
		m->mons->has_qmp = true;
		return m->qmp ? 0 : err_set(e, -ENOMEM, "%m");
	}
	m->rl = calloc(1, sizeof(*m->rl));
	if (!m->rl)
		return err_set(e, -ENOMEM, "%m");
	readline_init(m->rl, &rl_ops, m,
		      spec->prompt ? spec->prompt : "(qemu) ");
	return 0;
}

static int mon_create(struct monitors *s, const struct mon_spec *spec,
		      struct err *e)
{
	struct chardev *c = chardev_find(s->vm->chardevs, spec->id);
	struct mon *m;
	int rc;

	if (!c)
		return err_set(e, -ENOENT, "there is no chardev '%s'",
			       spec->id);
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, -ENOMEM, "%m");
	mon_init(m, s);
	list_append(&s->list, &m->node);
	rc = mon_create_face(m, spec, e);
	if (!rc && !chardev_is_mux(c))
		chardev_set_loop(c, s->loop);
	if (!rc)
		rc = chardev_attach(c, &m->fe, &fe_ops, m, e);
	if (rc < 0)
		mon_destroy(m);
	return rc;
}

static int create_all(struct monitors *s, struct err *e)
{
	for (const struct config_item *i = s->vm->config->mons; i;
	     i = i->next) {
		struct opts o = OPTS_INIT;
		struct mon_spec spec = { 0 };
		int rc = parse_spec(&o, i->text, &spec, e);

		if (rc >= 0)
			rc = mon_create(s, &spec, e);
		opts_fini(&o);
		if (rc < 0) {
			err_prefix(e, "-mon %s", i->text);
			return rc;
		}
	}
	return 0;
}

static void *monitor_thread(void *opaque)
{
	struct monitors *s = opaque;

	loop_run(s->loop);
	return NULL;
}

static void destroy_all(struct monitors *s)
{
	struct list *p, *tmp;

	dump_cancel(s);
	list_for_each_safe(p, tmp, &s->list)
		mon_destroy(list_entry(p, struct mon, node));
	loop_destroy(s->loop);
	monitors_fini(s);
	free(s);
}

int monitors_create(struct vm *vm, struct err *e)
{
	struct monitors *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(e, -ENOMEM, "monitor: %m");
	monitors_init(s, vm);
	if (!vm->config->mons) {
		vm->monitors = s;
		return 0;
	}
	s->loop = loop_create("monitor", e);
	if (!s->loop) {
		rc = e && e->rc ? e->rc : -ENOMEM;
		goto fail;
	}
	rc = create_all(s, e);
	if (rc < 0)
		goto fail;
	vm->monitors = s;
	qmp_listen(s);
	return 0;

fail:
	destroy_all(s);
	return rc;
}

int monitors_start(struct vm *vm, struct err *e)
{
	struct monitors *s;
	int rc = vm->monitors ? 0 : monitors_create(vm, e);

	if (rc < 0)
		return rc;
	s = vm->monitors;
	if (!s->loop)
		return 0;
	rc = thread_start(&s->thread, ROLE_MONITOR, "monitor", monitor_thread,
			  s);
	if (rc < 0) {
		err_set(e, rc, "monitor thread: %m");
		vm->monitors = NULL;
		qmp_unlisten(s);
		destroy_all(s);
		return rc;
	}
	s->started = true;
	return 0;
}

static void orphan_commands(struct monitors *s)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct mon *m = list_entry(p, struct mon, node);

		if (!m->request)
			continue;
		if (!request_move(m->request, QUEUED, ORPHAN))
			request_free(m->request);      /* on its way back */
		m->request = NULL;
	}
}

void monitors_stop(struct vm *vm)
{
	struct monitors *s = vm->monitors;

	if (!s)
		return;
	vm->monitors = NULL;
	qmp_unlisten(s);
	if (s->started) {
		lock_take(&s->lock);
		s->stopping = true;
		pthread_cond_broadcast(&s->done);
		lock_drop(&s->lock);
		loop_stop(s->loop);
		pthread_join(s->thread, NULL);
		orphan_commands(s);
	}
	destroy_all(s);
}
