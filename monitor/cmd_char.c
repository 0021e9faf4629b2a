/* SPDX-License-Identifier: MIT */
/*
 * Character devices, and descriptors passed over them.
 *
 * Talks to: chardevs, on the main loop; kept descriptors are the monitors'.
 * Never:    waits for a peer: a listening socket added here has wait=off.
 */
#include "monitor/both.h"
#include "monitor/mon.h"
#include "vmm/base/opts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- adding, changing, removing --- */

static void list_kinds(struct mon *m)
{
	mon_puts(m, "Available chardev backend types: \n");
	for (const struct chardev_kind *const *k = chardev_kinds; *k; k++)
		mon_printf(m, "  %s\n", chardev_kind_name(*k));
}

/* The option parser complains in its own words, then the command does. */
static void parse_failed(struct mon *m, const struct err *e)
{
	if (strncmp(e->msg, "Invalid parameter ", 18) &&
	    strncmp(e->msg, "Parameter ", 10)) {
		mon_error(m, e);
		return;
	}
	mon_printf(m, "%s\n", e->msg);
	if (e->hint[0])
		mon_printf(m, "%s\n", e->hint);
	mon_puts(m, "Error: Parsing chardev args failed\n");
}

/* The spec with wait=off where a socket would stop the machine to wait. */
static int without_waiting(const char *args, struct strbuf *spec,
			   struct err *e)
{
	struct opts o = OPTS_INIT;
	bool server = false, wait = false;
	int rc = opts_parse(&o, args, "backend", e);

	strbuf_addstr(spec, args);
	if (rc < 0)
		return rc;
	opts_take_bool(&o, "server", &server, NULL);
	opts_take_bool(&o, "wait", &wait, NULL);
	if (server && wait)
		rc = err_set(e, -EINVAL, "wait=on would stop the machine "
			     "until a client comes: use wait=off");
	else if (server && !opts_find(&o, "wait"))
		strbuf_addstr(spec, ",wait=off");
	opts_fini(&o);
	return rc;
}

static void say_where(struct mon *m, struct chardev *c)
{
	struct strbuf what = STRBUF_INIT;

	chardev_describe(c, &what);
	if (!strncmp(what.buf, "pty:", 4))
		mon_printf(m, "char device redirected to %s (label %s)\n",
			   what.buf + 4, chardev_id(c));
	strbuf_fini(&what);
}

int mon_chardev_add(struct vm *vm, const char *args, struct chardev **c,
		    struct err *e)
{
	struct strbuf spec = STRBUF_INIT;
	int rc = without_waiting(args, &spec, e);

	*c = NULL;
	if (rc >= 0) {
		*c = chardev_open(vm->chardevs, NULL, spec.buf, e);
		rc = *c ? 0 : -EINVAL;
	}
	strbuf_fini(&spec);
	return rc;
}

int mon_chardev_change(struct vm *vm, const char *id, const char *args,
		       struct err *e)
{
	struct strbuf spec = STRBUF_INIT;
	int rc = without_waiting(args, &spec, e);

	if (rc >= 0)
		rc = chardev_change(vm->chardevs, id, spec.buf, e);
	strbuf_fini(&spec);
	return rc;
}

static void cmd_chardev_add(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };
	struct chardev *c;

	if (!strcmp(a[0].str, "help") || !strcmp(a[0].str, "?")) {
		list_kinds(m);
		return;
	}
	if (mon_chardev_add(mon_vm(m), a[0].str, &c, &e) >= 0)
		say_where(m, c);
	else
		parse_failed(m, &e);
}

static void cmd_chardev_change(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_chardev_change(mon_vm(m), a[0].str, a[1].str, &e) < 0)
		parse_failed(m, &e);
}

static void cmd_chardev_remove(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (chardev_remove(mon_vm(m)->chardevs, a[0].str, &e) < 0)
		mon_error(m, &e);
}

static void cmd_chardev_send_break(struct mon *m, const struct mon_arg *a)
{
	struct chardev *c = chardev_find(mon_vm(m)->chardevs, a[0].str);

	if (c)
		chardev_send_break(c);
	else
		mon_printf(m, "Error: Chardev '%s' not found\n", a[0].str);
}

/* --- ring buffers --- */

static struct chardev *find_device(struct mon *m, const char *id)
{
	struct chardev *c = chardev_find(mon_vm(m)->chardevs, id);

	if (!c)
		mon_printf(m, "Error: Device '%s' not found\n", id);
	return c;
}

static void cmd_ringbuf_write(struct mon *m, const struct mon_arg *a)
{
	struct chardev *c = find_device(m, a[0].str);
	struct err e = { 0 };

	if (c && chardev_ringbuf_write(c, a[1].str, strlen(a[1].str), &e) < 0)
		mon_error(m, &e);
}

static void show_byte(struct mon *m, u8 c)
{
	if (c == '\\')
		mon_puts(m, "\\\\");
	else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
		mon_printf(m, "\\u%04X", c);
	else
		mon_write(m, (const char *)&c, 1);
}

static void cmd_ringbuf_read(struct mon *m, const struct mon_arg *a)
{
	struct strbuf data = STRBUF_INIT;
	struct err e = { 0 };
	struct chardev *c;

	if (!a[1].num) {
		mon_puts(m, "Error: size must be greater than zero\n");
		return;
	}
	c = find_device(m, a[0].str);
	if (!c)
		return;
	if (chardev_ringbuf_read(c, a[1].num, &data, &e) < 0) {
		mon_error(m, &e);
	} else {
		for (size_t i = 0; i < data.len; i++)
			show_byte(m, data.buf[i]);
		mon_puts(m, "\n");
	}
	strbuf_fini(&data);
}

/* --- descriptors, on the thread of the monitor they came to --- */

int mon_fd_take(struct monitors *s, const char *name)
{
	struct list *p;
	int fd = -ENOENT;

	SCOPED_LOCK(&s->lock);
	list_for_each(p, &s->fds) {
		struct mon_fd *f = list_entry(p, struct mon_fd, node);

		if (strcmp(f->name, name))
			continue;
		fd = f->fd;
		list_remove(&f->node);
		free(f->name);
		free(f);
		break;
	}
	return fd;
}

static void keep(struct monitors *s, const char *name, int fd)
{
	struct mon_fd *f = calloc(1, sizeof(*f));
	int old = mon_fd_take(s, name);

	if (old >= 0)
		close(old);
	if (!f) {
		close(fd);
		return;
	}
	f->name = strdup(name);
	f->fd = fd;
	lock_take(&s->lock);
	list_append(&s->fds, &f->node);
	lock_drop(&s->lock);
}

int mon_fd_came(struct mon *m, struct err *e)
{
	int fd = m->fe.chr ? chardev_take_fd(&m->fe) : -1;

	return fd >= 0 ? fd : err_set(e, -ENOENT, "No file descriptor "
				      "supplied via SCM_RIGHTS");
}

int mon_fd_keep(struct mon *m, const char *name, struct err *e)
{
	int fd = mon_fd_came(m, e);

	if (fd < 0)
		return fd;
	if (isdigit((unsigned char)name[0])) {
		close(fd);
		return err_set(e, -EINVAL, "Parameter 'fdname' expects a name "
			       "not starting with a digit");
	}
	keep(m->mons, name, fd);
	return 0;
}

int mon_fd_close(struct mon *m, const char *name, struct err *e)
{
	int fd = mon_fd_take(m->mons, name);

	if (fd < 0)
		return err_set(e, -ENOENT, "File descriptor named '%s' not "
			       "found", name);
	close(fd);
	return 0;
}

static void cmd_getfd(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_fd_keep(m, a[0].str, &e) < 0)
		mon_error(m, &e);
}

static void cmd_closefd(struct mon *m, const struct mon_arg *a)
{
	struct err e = { 0 };

	if (mon_fd_close(m, a[0].str, &e) < 0)
		mon_error(m, &e);
}

/* --- completion --- */

static void complete_ids(struct mon *m, unsigned n, const char *typed)
{
	if (n == 0)
		mon_offer_chardevs(m, typed, false);
}

static void complete_ringbufs(struct mon *m, unsigned n, const char *typed)
{
	if (n == 0)
		mon_offer_chardevs(m, typed, true);
}

static void complete_kinds(struct mon *m, unsigned n UNUSED,
			   const char *typed)
{
	readline_typed(m->rl, strlen(typed));
	for (const struct chardev_kind *const *k = chardev_kinds; *k; k++)
		mon_offer(m, chardev_kind_name(*k), typed);
}

const struct mon_cmd mon_char_cmds[] = {
	{
		.name    = "chardev-add",
		.args    = "args:string",
		.params  = "args",
		.help    = "add a character device",
		.doc     = "As -chardev.",
		.example = "chardev-add ringbuf,id=r1,size=4096",
		.when    = MON_MAIN,
		.run     = cmd_chardev_add,
		.complete = complete_kinds,
	}, {
		.name    = "chardev-change",
		.args    = "id:string args:string",
		.params  = "id args",
		.help    = "replace what is behind a character device",
		.doc     = "ARGS as for chardev-add, without the id.",
		.example = "chardev-change serial0 null",
		.when    = MON_MAIN,
		.run     = cmd_chardev_change,
	}, {
		.name    = "chardev-remove",
		.args    = "id:string",
		.params  = "id",
		.help    = "remove a character device",
		.doc     = "One that is in use stays.",
		.example = "chardev-remove r1",
		.when    = MON_MAIN,
		.run     = cmd_chardev_remove,
		.complete = complete_ids,
	}, {
		.name    = "chardev-send-break",
		.args    = "id:string",
		.params  = "id",
		.help    = "send a break",
		.doc     = "Send a break.",
		.example = "chardev-send-break serial0",
		.when    = MON_MAIN,
		.run     = cmd_chardev_send_break,
		.complete = complete_ids,
	}, {
		.name    = "ringbuf_write",
		.args    = "device:string data:string",
		.params  = "device data",
		.help    = "write to a ring buffer",
		.doc     = "Quote data that holds blanks.",
		.example = "ringbuf_write r1 \"hello\"",
		.when    = MON_MAIN,
		.run     = cmd_ringbuf_write,
		.complete = complete_ringbufs,
	}, {
		.name    = "ringbuf_read",
		.args    = "device:string size:int",
		.params  = "device size",
		.help    = "read from a ring buffer",
		.doc     = "At most SIZE bytes; they are gone then.",
		.example = "ringbuf_read r1 100",
		.when    = MON_MAIN,
		.run     = cmd_ringbuf_read,
		.complete = complete_ringbufs,
	}, {
		.name    = "getfd",
		.args    = "fdname:string",
		.params  = "name",
		.help    = "keep a descriptor under a name",
		.doc     = "The one sent with this line by SCM_RIGHTS.",
		.example = "getfd fd0",
		.when    = MON_PRE,
		.run     = cmd_getfd,
	}, {
		.name    = "closefd",
		.args    = "fdname:string",
		.params  = "name",
		.help    = "close a kept descriptor",
		.doc     = "Close a kept descriptor.",
		.example = "closefd fd0",
		.when    = MON_PRE,
		.run     = cmd_closefd,
	},
	{ 0 }
};
