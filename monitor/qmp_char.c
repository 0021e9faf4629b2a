/* SPDX-License-Identifier: MIT */
/*
 * QMP: character devices, ring buffers, descriptors.
 *
 * A back end's description becomes the option string chardev_open reads.
 *
 * Talks to: chardevs on the main loop; cmd_char.c and fdset.h for
 *           descriptors.
 */
#include "monitor/qmp.h"
#include "monitor/both.h"
#include "vmm/base/fdset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- back ends to option strings --- */

static void add_value(struct strbuf *s, const char *key, const char *val)
{
	strbuf_addf(s, ",%s=", key);
	for (; *val; val++) {
		if (*val == ',')
			strbuf_addc(s, ',');
		strbuf_addc(s, *val);
	}
}

static void add_scalar(struct strbuf *s, const char *key, json_t *v)
{
	char num[32];

	if (json_is_string(v)) {
		add_value(s, key, json_string_value(v));
	} else if (json_is_boolean(v)) {
		add_value(s, key, json_is_true(v) ? "on" : "off");
	} else if (json_is_integer(v)) {
		snprintf(num, sizeof(num), "%lld",
			 (long long)json_integer_value(v));
		add_value(s, key, num);
	}
}

/* {"type":"unix","data":{"path":...}}, or flat. */
static void add_address(struct strbuf *s, json_t *addr)
{
	json_t *data = json_object_get(addr, "data"), *v;
	const char *key;

	if (!json_is_object(data))
		data = addr;
	json_object_foreach(data, key, v) {
		if (!strcmp(key, "type"))
			continue;
		if (!strcmp(key, "str"))
			add_scalar(s, "fd", v);
		else
			add_scalar(s, key, v);
	}
}

static const char *renamed(const char *key)
{
	static const char *const names[][2] = {
		{ "out", "path" }, { "in", "input-path" },
		{ "device", "path" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(key, names[i][0]))
			return names[i][1];
	return key;
}

static int backend_spec(json_t *backend, const char *id, struct strbuf *s,
			struct err *e)
{
	json_t *data = json_object_get(backend, "data"), *v;
	const char *type = json_string_value(json_object_get(backend, "type"));
	const bool socket = !strcmp(type, "socket");
	const char *key;

	if (strspn(type, "abcdefghijklmnopqrstuvwxyz-") != strlen(type))
		return err_set(e, -EINVAL, "Parameter 'backend.type' does not "
			       "accept value '%.60s'", type);
	strbuf_addstr(s, type);
	if (id)
		add_value(s, "id", id);
	if (socket && !json_object_get(data, "server"))
		strbuf_addstr(s, ",server=on");
	json_object_foreach(data, key, v) {
		if (!strcmp(key, "addr"))
			add_address(s, v);
		else if (json_is_object(v) || json_is_array(v))
			return err_set(e, -EINVAL, "Parameter 'backend.%.60s' "
				       "is unexpected", key);
		else
			add_scalar(s, renamed(key), v);
	}
	return 0;
}

/* ChardevReturn: where a pty went. */
static void say_pty(struct qmp_call *c, struct chardev *chr)
{
	struct strbuf what = STRBUF_INIT;

	chardev_describe(chr, &what);
	c->ret = json_object();
	if (!strncmp(what.buf, "pty:", 4))
		json_object_set_new(c->ret, "pty", json_string(what.buf + 4));
	strbuf_fini(&what);
}

static void run_add(struct qmp_call *c)
{
	struct strbuf s = STRBUF_INIT;
	const char *id = qmp_str(c, "id");
	struct err e = { 0 };
	struct chardev *chr = NULL;
	int rc = backend_spec(qmp_arg(c, "backend"), id, &s, &e);

	if (rc >= 0)
		rc = mon_chardev_add(mon_vm(c->m), s.buf, &chr, &e);
	qmp_check(c, rc, &e);
	if (rc >= 0)
		say_pty(c, chr);
	strbuf_fini(&s);
}

static void run_change(struct qmp_call *c)
{
	struct strbuf s = STRBUF_INIT;
	struct vm *vm = mon_vm(c->m);
	const char *id = qmp_str(c, "id");
	struct err e = { 0 };
	int rc = backend_spec(qmp_arg(c, "backend"), NULL, &s, &e);

	if (rc >= 0)
		rc = mon_chardev_change(vm, id, s.buf, &e);
	qmp_check(c, rc, &e);
	if (rc >= 0)
		say_pty(c, chardev_find(vm->chardevs, id));
	strbuf_fini(&s);
}

static void run_remove(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, chardev_remove(mon_vm(c->m)->chardevs, qmp_str(c, "id"),
				    &e), &e);
}

static void run_break(struct qmp_call *c)
{
	const char *id = qmp_str(c, "id");
	struct chardev *chr = chardev_find(mon_vm(c->m)->chardevs, id);

	if (chr)
		chardev_send_break(chr);
	else
		qmp_fail(c, QMP_GENERIC, "Chardev '%s' not found", id);
}

static void add_info(struct chardev *chr, void *opaque)
{
	struct strbuf what = STRBUF_INIT;
	json_t *v = json_object();

	chardev_describe(chr, &what);
	json_object_set_new(v, "frontend-open",
			    json_boolean(chardev_frontend_open(chr)));
	json_object_set_new(v, "filename", qmp_text(what.buf, what.len));
	json_object_set_new(v, "label", json_string(chardev_id(chr)));
	json_array_append_new(opaque, v);
	strbuf_fini(&what);
}

static void run_query(struct qmp_call *c)
{
	c->ret = json_array();
	chardev_for_each(mon_vm(c->m)->chardevs, add_info, c->ret);
}

static void run_query_backends(struct qmp_call *c)
{
	c->ret = json_array();
	for (const struct chardev_kind *const *k = chardev_kinds; *k; k++)
		json_array_append_new(c->ret, json_pack("{s:s}", "name",
					chardev_kind_name(*k)));
}

/* --- ring buffers --- */

static struct chardev *find(struct qmp_call *c)
{
	const char *id = qmp_str(c, "device");
	struct chardev *chr = chardev_find(mon_vm(c->m)->chardevs, id);

	if (!chr)
		qmp_fail(c, QMP_GENERIC, "Device '%s' not found", id);
	return chr;
}

static bool is_base64(const struct qmp_call *c)
{
	const char *format = qmp_str(c, "format");

	return format && !strcmp(format, "base64");
}

static void run_ringbuf_write(struct qmp_call *c)
{
	struct chardev *chr = find(c);
	json_t *data = qmp_arg(c, "data");
	struct strbuf raw = STRBUF_INIT;
	struct err e = { 0 };
	int rc = 0;

	if (!chr)
		return;
	if (!is_base64(c))
		strbuf_add(&raw, json_string_value(data),
			   json_string_length(data));
	else
		rc = mon_base64_decode(json_string_value(data),
				       json_string_length(data), &raw, &e);
	if (rc >= 0)
		rc = chardev_ringbuf_write(chr, raw.buf, raw.len, &e);
	qmp_check(c, rc, &e);
	strbuf_fini(&raw);
}

static void run_ringbuf_read(struct qmp_call *c)
{
	const s64 size = qmp_int(c, "size", 0);
	struct strbuf raw = STRBUF_INIT, text = STRBUF_INIT;
	struct err e = { 0 };
	struct chardev *chr;
	int rc;

	if (size <= 0) {
		qmp_fail(c, QMP_GENERIC, "size must be greater than zero");
		return;
	}
	chr = find(c);
	if (!chr)
		return;
	rc = chardev_ringbuf_read(chr, (size_t)size, &raw, &e);
	qmp_check(c, rc, &e);
	if (rc >= 0 && is_base64(c)) {
		mon_base64_encode(raw.buf, raw.len, &text);
		c->ret = json_string(text.buf);
	} else if (rc >= 0) {
		c->ret = qmp_text(raw.buf, raw.len);
	}
	strbuf_fini(&raw);
	strbuf_fini(&text);
}

/* --- descriptors, on the monitor's thread --- */

static void run_getfd(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, mon_fd_keep(c->m, qmp_str(c, "fdname"), &e), &e);
}

static void run_closefd(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, mon_fd_close(c->m, qmp_str(c, "fdname"), &e), &e);
}

static void run_add_fd(struct qmp_call *c)
{
	const s64 id = qmp_int(c, "fdset-id", -1);
	struct err e = { 0 };
	s64 rc;
	int fd;

	if (id < 0 && qmp_arg(c, "fdset-id")) {
		qmp_fail(c, QMP_GENERIC, "Parameter 'fdset-id' expects a "
			 "non-negative value");
		return;
	}
	fd = mon_fd_came(c->m, &e);
	rc = fd < 0 ? fd : fdset_add(id, fd, qmp_str(c, "opaque"), &e);
	qmp_check(c, rc < 0 ? -1 : 0, &e);
	if (rc >= 0)
		c->ret = json_pack("{s:I,s:i}", "fdset-id", (json_int_t)rc,
				   "fd", fd);
}

static void run_remove_fd(struct qmp_call *c)
{
	struct err e = { 0 };

	qmp_check(c, fdset_remove(qmp_int(c, "fdset-id", 0),
				  qmp_int(c, "fd", -1), &e), &e);
}

static void add_to_set(s64 id, int fd, const char *opaque, void *list)
{
	json_t *set = json_array_get(list, json_array_size(list) - 1), *f;

	if (json_integer_value(json_object_get(set, "fdset-id")) != id || !set) {
		set = json_pack("{s:[],s:I}", "fds", "fdset-id",
				(json_int_t)id);
		json_array_append_new(list, set);
	}
	f = json_pack("{s:i}", "fd", fd);
	if (opaque)
		json_object_set_new(f, "opaque",
				    qmp_text(opaque, strlen(opaque)));
	json_array_append_new(json_object_get(set, "fds"), f);
}

static void run_query_fdsets(struct qmp_call *c)
{
	c->ret = json_array();
	fdset_each(add_to_set, c->ret);
}

const struct qmp_cmd qmp_char_cmds[] = {
	{ "chardev-add", "id:str backend:ChardevBackend", "ChardevReturn",
	  "Add a character device.", MON_MAIN, run_add, NULL },
	{ "chardev-change", "id:str backend:ChardevBackend", "ChardevReturn",
	  "Replace what is behind a character device.", MON_MAIN, run_change,
	  NULL },
	{ "chardev-remove", "id:str", "", "Remove a character device.",
	  MON_MAIN, run_remove, NULL },
	{ "chardev-send-break", "id:str", "", "Send a break.", MON_MAIN,
	  run_break, NULL },
	{ "query-chardev", "", "[ChardevInfo]", "The character devices.",
	  MON_MAIN | MON_PRE, run_query, NULL },
	{ "query-chardev-backends", "", "[ChardevBackendInfo]",
	  "The kinds of back ends there are.", MON_PRE, run_query_backends,
	  NULL },
	{ "ringbuf-write", "device:str data:str format:DataFormat?", "",
	  "Write to a ring buffer.", MON_MAIN, run_ringbuf_write, NULL },
	{ "ringbuf-read", "device:str size:int format:DataFormat?", "str",
	  "Take bytes out of a ring buffer.", MON_MAIN, run_ringbuf_read,
	  NULL },
	{ "getfd", "fdname:str", "",
	  "Keep the descriptor sent with this command (SCM_RIGHTS).",
	  MON_PRE, run_getfd, NULL },
	{ "closefd", "fdname:str", "", "Close a kept descriptor.",
	  MON_PRE, run_closefd, NULL },
	{ "add-fd", "fdset-id:int? opaque:str?", "AddfdInfo",
	  "Put the descriptor sent with this command (SCM_RIGHTS) into a set, "
	  "which the path /dev/fdset/ID opens.", MON_PRE, run_add_fd, NULL },
	{ "remove-fd", "fdset-id:int fd:int?", "",
	  "Close one descriptor of a set, or all.", MON_PRE, run_remove_fd,
	  NULL },
	{ "query-fdsets", "", "[FdsetInfo]", "Sets of descriptors.",
	  MON_PRE, run_query_fdsets, NULL },
	{ 0 }
};
