/* SPDX-License-Identifier: MIT */
/*
 * The QMP protocol: greeting, capabilities, requests, answers, events.
 *
 * Talks to: qmp_scan.c for values, qmp_check.c for arguments, thread.c for
 *           bytes and the main loop.
 * Never:    knows a command; keeps more of a client than its bounds say.
 */
#include "monitor/qmp.h"
#include "monitor/monitor.h"
#include "vmm/base/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

struct qmp {
	bool pretty, ready, oob;       /* ready: capabilities are settled   */
	struct qmp_scan scan;
	struct qmp_call *running;      /* in-band, on the main loop         */
	bool stale;                    /* its client left                   */
	struct list queue;             /* struct qmp_call that wait for it  */
	unsigned nqueued;

	struct lock lock;              /* guards the rest                   */
	struct strbuf events;
	u64 missed;
};

static const char *const class_names[] = {
	[QMP_GENERIC]           = "GenericError",
	[QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
	[QMP_DEVICE_NOT_FOUND]  = "DeviceNotFound",
	[QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
	[QMP_KVM_MISSING_CAP]   = "KVMMissingCap",
};

/* --- out --- */

/* Takes `v`. */
static void send_json(struct mon *m, json_t *v)
{
	const size_t flags = JSON_ENSURE_ASCII |
			     (m->qmp->pretty ? JSON_INDENT(4) : 0);
	char *text = json_dumps(v, flags);

	if (text) {
		m->cut = false;
		mon_puts(m, text);
		mon_puts(m, "\n");
	}
	free(text);
	json_decref(v);
}

static json_t *error_json(enum qmp_class class, const char *desc)
{
	json_t *v = json_object();

	json_object_set_new(v, "class", json_string(class_names[class]));
	json_object_set_new(v, "desc", qmp_text(desc, strlen(desc)));
	return v;
}

static void send_error(struct mon *m, json_t *id, enum qmp_class class,
		       const char *desc)
{
	json_t *v = json_object();

	if (id)
		json_object_set(v, "id", id);
	json_object_set_new(v, "error", error_json(class, desc));
	send_json(m, v);
}

static void answer(struct mon *m, struct qmp_call *c)
{
	json_t *v;

	qmp_flush_events(m);
	if (c->e.rc) {
		send_error(m, c->id, c->class, c->e.msg);
		return;
	}
	v = json_object();
	if (!c->ret)
		c->ret = json_object();
	json_object_set(v, "return", c->ret);
	if (c->id)
		json_object_set(v, "id", c->id);
	send_json(m, v);
}

/* --- calls --- */

void qmp_call_free(struct qmp_call *c)
{
	if (!c)
		return;
	json_decref(c->args);
	json_decref(c->id);
	json_decref(c->ret);
	free(c);
}

void qmp_call_run(struct qmp_call *c)
{
	trace(qmp_command, "%s", c->cmd->name);
	c->cmd->run(c);
}

static void do_capabilities(struct mon *m, struct qmp_call *c)
{
	json_t *list = json_object_get(c->args, "enable"), *item;
	size_t i;

	json_array_foreach(list, i, item)
		m->qmp->oob = !strcmp(json_string_value(item), "oob");
	m->qmp->ready = true;
}

/* Start it: done at once or on its way to the main loop. */
static void start(struct mon *m, struct qmp_call *c)
{
	struct qmp *q = m->qmp;

	if (c->cmd->when & MON_MAIN) {
		q->running = c;        /* no row is MON_MAIN and QMP_OOB */
		mon_qmp_to_main(m, c);
		return;
	}
	if (!strcmp(c->cmd->name, "qmp_capabilities"))
		do_capabilities(m, c);
	else
		qmp_call_run(c);
	answer(m, c);
	qmp_call_free(c);
}

static void start_queued(struct mon *m)
{
	struct qmp *q = m->qmp;

	while (!q->running && !list_empty(&q->queue)) {
		struct qmp_call *c = list_entry(q->queue.next,
						struct qmp_call, node);

		list_remove(&c->node);
		q->nqueued--;
		start(m, c);
	}
}

void qmp_back(struct mon *m, struct qmp_call *c)
{
	struct qmp *q = m->qmp;
	const bool stale = q->stale && q->running == c;

	if (q->running == c) {
		q->running = NULL;
		q->stale = false;
	}
	if (!stale)
		answer(m, c);
	qmp_call_free(c);
	start_queued(m);
}

/* --- requests --- */

struct request_parts {
	const char *name;
	json_t *args, *id;
	bool oob;
};

/* One member of the request; 0 or -EINVAL. */
static int take_member(const struct qmp *q, struct request_parts *r,
		       const char *key, json_t *v, struct err *e)
{
	const bool oob = !strcmp(key, "exec-oob");

	if (!strcmp(key, "execute") || (oob && q->oob)) {
		if (!json_is_string(v))
			return err_set(e, -EINVAL, "QMP input member '%s' "
				       "must be a string", key);
		if (r->name)
			return err_set(e, -EINVAL, "QMP input member '%s' "
				       "clashes with '%s'", key,
				       oob ? "execute" : "exec-oob");
		r->name = json_string_value(v);
		r->oob = oob;
	} else if (!strcmp(key, "arguments")) {
		if (!json_is_object(v))
			return err_set(e, -EINVAL, "QMP input member "
				       "'arguments' must be an object");
		r->args = v;
	} else if (strcmp(key, "id")) {
		return err_set(e, -EINVAL, "QMP input member '%.100s' is "
			       "unexpected", key);
	}
	return 0;
}

static int take_request(const struct qmp *q, struct request_parts *r,
			json_t *v, struct err *e)
{
	const char *key;
	json_t *member;

	if (!json_is_object(v))
		return err_set(e, -EINVAL, "QMP input must be a JSON object");
	r->id = json_object_get(v, "id");
	json_object_foreach(v, key, member) {
		int rc = take_member(q, r, key, member, e);

		if (rc < 0)
			return rc;
	}
	if (!r->name)
		return err_set(e, -EINVAL, "QMP input lacks member 'execute'");
	return 0;
}

/* The row, when it may run now. */
static const struct qmp_cmd *choose(struct mon *m,
				    const struct request_parts *r,
				    enum qmp_class *class, struct err *e)
{
	const bool ready = m->qmp->ready;
	const bool settle = !strcmp(r->name, "qmp_capabilities");
	const struct qmp_cmd *cmd = qmp_find(r->name);

	*class = QMP_COMMAND_NOT_FOUND;
	if (!ready && !settle)
		err_set(e, -EINVAL, "Expecting capabilities negotiation with "
			"'qmp_capabilities'");
	else if (ready && settle)
		err_set(e, -EINVAL, "Capabilities negotiation is already "
			"complete, command ignored");
	else if (!cmd)
		err_set(e, -EINVAL, "The command %.100s has not been found",
			r->name);
	*class = e->rc ? *class : QMP_GENERIC;
	if (e->rc)
		return NULL;
	if (r->oob && !(cmd->when & QMP_OOB))
		err_set(e, -EINVAL, "The command %s does not support OOB",
			cmd->name);
	else if (!(cmd->when & MON_PRE) &&
		 mon_vm(m)->preconfig)
		err_set(e, -EINVAL, "The command '%s' is permitted only after "
			"machine initialization has completed", cmd->name);
	else
		qmp_check_members(cmd->args, r->args, "", e);
	return e->rc ? NULL : cmd;
}

static void request(struct mon *m, json_t *v)
{
	struct request_parts r = { 0 };
	enum qmp_class class = QMP_GENERIC;
	const struct qmp_cmd *cmd = NULL;
	struct qmp *q = m->qmp;
	struct err e = { 0 };
	struct qmp_call *c;

	if (take_request(q, &r, v, &e) >= 0)
		cmd = choose(m, &r, &class, &e);
	if (!cmd) {
		send_error(m, r.id, class, e.msg);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->m = m;
	c->cmd = cmd;
	c->args = json_incref(r.args);
	c->id = json_incref(r.id);
	if (r.oob || !q->running) {
		start(m, c);
	} else {
		list_append(&q->queue, &c->node);
		q->nqueued++;
	}
}

bool qmp_may_read(struct mon *m)
{
	const struct qmp *q = m->qmp;

	return !q->running || (q->oob && q->nqueued < QMP_QUEUE_MAX);
}

size_t qmp_bytes(struct mon *m, const u8 *p, size_t n)
{
	struct err e = { 0 };
	json_t *v = NULL;
	size_t used = 0;

	switch (qmp_scan(&m->qmp->scan, p, n, &used, &v, &e)) {
	case QMP_SCAN_VALUE:
		request(m, v);
		json_decref(v);
		break;
	case QMP_SCAN_BAD:
		send_error(m, NULL, QMP_GENERIC, e.msg);
		break;
	case QMP_SCAN_MORE:
		break;
	}
	return used;
}

/* --- clients --- */

static void forget_queue(struct qmp *q)
{
	while (!list_empty(&q->queue)) {
		struct qmp_call *c = list_entry(q->queue.next,
						struct qmp_call, node);

		list_remove(&c->node);
		qmp_call_free(c);
	}
	q->nqueued = 0;
}

static void forget_client(struct qmp *q)
{
	q->ready = q->oob = false;
	q->stale = q->running;
	qmp_scan_reset(&q->scan);
	forget_queue(q);
	lock_take(&q->lock);
	strbuf_fini(&q->events);
	q->missed = 0;
	lock_drop(&q->lock);
}

void qmp_client_came(struct mon *m)
{
	json_t *v;

	forget_client(m->qmp);
	v = json_pack("{s:{s:{s:{s:i,s:i,s:i},s:s},s:[s]}}", "QMP", "version",
		      "qemu", "micro", 0, "minor", 2, "major", 8,
		      "package", "mote " MOTE_VERSION, "capabilities", "oob");
	send_json(m, v);
}

void qmp_client_went(struct mon *m)
{
	forget_client(m->qmp);
}

struct qmp *qmp_create(struct mon *m UNUSED, bool pretty)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->pretty = pretty;
	qmp_scan_init(&q->scan);
	list_init(&q->queue);
	lock_init(&q->lock, "qmp events");
	strbuf_init(&q->events);
	return q;
}

void qmp_destroy(struct qmp *q)
{
	if (!q)
		return;
	forget_client(q);
	qmp_scan_fini(&q->scan);
	lock_fini(&q->lock);
	free(q);
}

/* --- events --- */

void qmp_queue_event(struct mon *m, const char *text, size_t n)
{
	struct qmp *q = m->qmp;

	SCOPED_LOCK(&q->lock);
	if (q->events.len + n > QMP_EVENTS_MAX)
		q->missed++;
	else
		strbuf_add(&q->events, text, n);
}

static void send_events(struct mon *m, const struct strbuf *s)
{
	for (const char *p = s->buf; p < s->buf + s->len;) {
		const size_t n = strlen(p);

		if (m->qmp->pretty)
			send_json(m, json_loads(p, 0, NULL));
		else
			mon_printf(m, "%s\n", p);
		p += n + 1;
	}
}

void qmp_flush_events(struct mon *m)
{
	struct qmp *q = m->qmp;
	struct strbuf s;

	if (m->out.len - m->out_pos > QMP_EVENTS_MAX)
		return;                /* it does not read: they wait */
	lock_take(&q->lock);
	s = q->events;
	strbuf_init(&q->events);
	lock_drop(&q->lock);
	if (q->ready)
		send_events(m, &s);
	strbuf_fini(&s);
}

/* `data` is taken; NULL: none. */
static char *event_text(const char *name, json_t *data)
{
	struct timeval now;
	json_t *v;
	char *text;

	gettimeofday(&now, NULL);
	v = json_pack("{s:{s:I,s:I},s:s}", "timestamp",
		      "seconds", (json_int_t)now.tv_sec,
		      "microseconds", (json_int_t)now.tv_usec,
		      "event", name);
	if (data)
		json_object_set_new(v, "data", data);
	text = json_dumps(v, JSON_ENSURE_ASCII);
	json_decref(v);
	return text;
}

/* --- what run() uses --- */

json_t *qmp_arg(const struct qmp_call *c, const char *name)
{
	return json_object_get(c->args, name);
}

const char *qmp_str(const struct qmp_call *c, const char *name)
{
	return json_string_value(qmp_arg(c, name));
}

s64 qmp_int(const struct qmp_call *c, const char *name, s64 def)
{
	json_t *v = qmp_arg(c, name);

	return json_is_integer(v) ? json_integer_value(v) : def;
}

bool qmp_bool(const struct qmp_call *c, const char *name, bool def)
{
	json_t *v = qmp_arg(c, name);

	return json_is_boolean(v) ? json_is_true(v) : def;
}

void qmp_fail(struct qmp_call *c, enum qmp_class class, const char *fmt, ...)
{
	struct strbuf s = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&s, fmt, ap);
	va_end(ap);
	c->class = class;
	err_set(&c->e, -EINVAL, "%s", s.buf);
	strbuf_fini(&s);
}

void qmp_check(struct qmp_call *c, int rc, const struct err *e)
{
	if (rc < 0)
		qmp_fail(c, QMP_GENERIC, "%s", e->msg);
}

/* Length of the UTF-8 character at p, at most n bytes; 0: it is none. */
static size_t utf8_len(const u8 *p, size_t n)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 :
		     p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	u32 c;

	if (len <= 1 || len > n)
		return len > n ? 0 : len;
	c = p[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff ||
	       (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

json_t *qmp_text(const char *p, size_t n)
{
	struct strbuf s = STRBUF_INIT;
	json_t *v;

	for (size_t i = 0; i < n;) {
		size_t k = utf8_len((const u8 *)p + i, n - i);

		if (k)
			strbuf_add(&s, p + i, k);
		else
			strbuf_addstr(&s, "\xef\xbf\xbd");
		i += k ? k : 1;
	}
	v = json_stringn(s.buf, s.len);
	strbuf_fini(&s);
	return v;
}

/* --- to every client --- */

static bool known_event(const char *name)
{
	for (const struct qmp_event_row *r = qmp_event_rows; r->name; r++)
		if (!strcmp(r->name, name))
			return true;
	return false;
}

void monitors_event(struct vm *vm, const char *name, const char *data)
{
	struct monitors *s = vm->monitors;
	struct list *p;
	char *text;

	assert(known_event(name));
	trace(qmp_event, "%s %s", name, data ? data : "");
	if (!s || !s->has_qmp)
		return;
	text = event_text(name, data ? json_loads(data, 0, NULL) : NULL);
	if (!text)
		return;
	list_for_each(p, &s->list) {
		struct mon *m = list_entry(p, struct mon, node);

		if (!m->qmp)
			continue;
		qmp_queue_event(m, text, strlen(text) + 1);
		mon_poke(m);
	}
	free(text);
}
