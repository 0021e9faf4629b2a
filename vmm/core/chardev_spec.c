/* SPDX-License-Identifier: MIT */
/*
 * What users write for a chardev: -chardev's long form and the short forms of
 * -serial, -monitor and -gdb; and the table of kinds.
 *
 * Talks to: option strings only.
 * Never:    opens anything.
 */
#include "vmm/core/chardev_priv.h"

#include <errno.h>
#include <string.h>

const struct chardev_kind *const chardev_kinds[] = {
	&chardev_kind_stdio, &chardev_kind_socket, &chardev_kind_pty,
	&chardev_kind_file, &chardev_kind_pipe, &chardev_kind_ringbuf,
	&chardev_kind_memory, &chardev_kind_null, &chardev_kind_mux, NULL
};

/* Names users may know; each is refused by name. */
static const char *const unsupported[] = {
	"udp", "vc", "serial", "tty", "parallel", "parport", "msmouse",
	"wctablet", "testdev", "spicevmc", "spiceport", "braille", "console",
	"qemu-vdagent", "dbus", "telnet", "tn3270", "websocket", "con",
	"fdset", "hub", NULL
};

const char *chardev_kind_name(const struct chardev_kind *k)
{
	return k->name;
}

const char *chardev_kind_summary(const struct chardev_kind *k)
{
	return k->summary;
}

const struct chardev_kind *chardev_kind_find(const char *name)
{
	for (unsigned i = 0; chardev_kinds[i]; i++)
		if (!strcmp(chardev_kinds[i]->name, name))
			return chardev_kinds[i];
	return NULL;
}

/* "file:PATH", "pipe:PATH": the rest is the path, commas and all. */
static int path_form(const char *kind, const char *path, struct opts *o)
{
	*o = (struct opts)OPTS_INIT;
	opts_set(o, "backend", kind);
	opts_set(o, "path", path);
	return 0;
}

static int unix_form(const char *rest, struct opts *o, struct err *e)
{
	struct strbuf text = STRBUF_INIT;
	int rc;

	strbuf_addf(&text, "path=%s", rest);
	rc = opts_parse(o, text.buf, NULL, e);
	strbuf_fini(&text);
	if (rc == 0)
		opts_set(o, "backend", "socket");
	return rc;
}

/* "host:port[,...]"; the host may be empty or [v6]. */
static int tcp_form(const char *rest, struct opts *o, struct err *e)
{
	size_t n = strcspn(rest, ",");
	const char *colon = memrchr(rest, ':', n), *host = rest;
	size_t hlen = colon ? (size_t)(colon - rest) : 0;
	struct strbuf h = STRBUF_INIT, p = STRBUF_INIT;
	int rc;

	if (!colon || colon + 1 == rest + n)
		return err_set(e, -EINVAL, "error parsing address '%.*s': "
			       "expected HOST:PORT", (int)n, rest);
	rc = opts_parse(o, rest[n] ? rest + n + 1 : "", NULL, e);
	if (rc < 0)
		return rc;
	if (hlen >= 2 && host[0] == '[' && host[hlen - 1] == ']') {
		host++;
		hlen -= 2;
	}
	strbuf_add(&h, host, hlen);
	strbuf_add(&p, colon + 1, rest + n - colon - 1);
	opts_set(o, "backend", "socket");
	opts_set(o, "host", h.buf);
	opts_set(o, "port", p.buf);
	strbuf_fini(&h);
	strbuf_fini(&p);
	return 0;
}

static int refuse(const char *name, size_t n, struct err *e)
{
	for (unsigned i = 0; unsupported[i]; i++)
		if (strlen(unsupported[i]) == n &&
		    !memcmp(unsupported[i], name, n))
			return err_set(e, -ENOTSUP, "not supported yet: chardev "
				       "back end '%s'", unsupported[i]);
	return 0;
}

static int long_form(const char *spec, struct opts *o, struct err *e)
{
	const char *backend, *id;
	int rc = opts_parse(o, spec, "backend", e);

	if (rc < 0)
		return rc;
	backend = opts_find(o, "backend");
	id = opts_find(o, "id");
	if (!backend)
		rc = err_set(e, -EINVAL, "chardev: \"%s\" missing backend",
			     id ? id : "");
	else if (!strcmp(backend, "none"))
		opts_set(o, "backend", "null");
	else
		rc = refuse(backend, strlen(backend), e);
	if (rc < 0)
		opts_fini(o);
	return rc;
}

int chardev_spec_parse(const char *spec, struct opts *o, bool *mon,
		       struct err *e)
{
	size_t n;
	int rc;

	*mon = !strncmp(spec, "mon:", 4);
	spec += *mon ? 4 : 0;
	if (!*spec)
		return err_set(e, -EINVAL, "'' is not a valid char driver");
	n = strcspn(spec, ":,=");
	if (spec[n] == ':') {
		rc = refuse(spec, n, e);
		if (rc < 0)
			return rc;
		if (!strncmp(spec, "file:", 5) || !strncmp(spec, "pipe:", 5))
			return path_form(n && *spec == 'f' ? "file" : "pipe",
					 spec + 5, o);
		if (!strncmp(spec, "unix:", 5))
			return unix_form(spec + 5, o, e);
		if (!strncmp(spec, "tcp:", 4))
			return tcp_form(spec + 4, o, e);
		return err_set(e, -EINVAL, "'%s' is not a valid char driver",
			       spec);
	}
	if (!strncmp(spec, "/dev/", 5))
		return refuse("serial", 6, e);
	rc = long_form(spec, o, e);
	/* Ctrl-C belongs to the guest where a monitor can be reached. */
	if (rc == 0 && *mon && !strcmp(opts_find(o, "backend"), "stdio") &&
	    !opts_find(o, "signal"))
		opts_set(o, "signal", "off");
	return rc;
}
