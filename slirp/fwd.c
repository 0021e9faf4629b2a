// SPDX-License-Identifier: MIT
/*
 * Port forwards: rules as text, given to libslirp.
 *
 *   hostfwd:  [tcp|udp]:[HOST]:PORT-[GUEST]:PORT
 *   guestfwd: [tcp]:SERVER:PORT-cmd:COMMAND   or   -unix:PATH   or
 *             -tcp:HOST:PORT
 */
#include "slirp/slirp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fwd {
	bool udp;
	struct in_addr host, guest;
	int host_port, guest_port;
};

/* Cut the next word off at `sep`; NULL: there is no `sep`. */
static char *cut(char **at, char sep)
{
	char *word = *at, *end = strchr(word, sep);

	if (!end)
		return NULL;
	*end = 0;
	*at = end + 1;
	return word;
}

static int bad(const char *rule, const char *what, struct err *e)
{
	return err_set(e, -EINVAL, "invalid forwarding rule '%s' (%s)", rule,
		       what);
}

static int refuse(const char *rule, const char *what, struct err *e)
{
	return err_set(e, -EINVAL, "Invalid host forwarding rule '%s' (%s)",
		       rule, what);
}

static bool port(const char *text, int *out)
{
	u64 n;

	if (opts_u64(text, &n) < 0 || n > 65535)
		return false;
	*out = n;
	return true;
}

static bool address(const char *text, struct in_addr *out)
{
	return !*text || inet_pton(AF_INET, text, out) == 1;
}

static bool protocol(const char *text, bool *udp)
{
	*udp = !strcmp(text, "udp");
	return *udp || !*text || !strcmp(text, "tcp");
}

/* `text` is a copy to cut; the guest's half only when `whole`. */
static int parse(const char *rule, char *text, bool whole, struct fwd *f,
		 struct err *e)
{
	char *proto = cut(&text, ':'), *host, *hport, *guest;

	*f = (struct fwd){ .host.s_addr = INADDR_ANY };
	if (!proto)
		return refuse(rule, "No : separators", e);
	if (!protocol(proto, &f->udp))
		return refuse(rule, "Bad protocol name", e);
	host = cut(&text, ':');
	if (!host)
		return refuse(rule, "Missing : separator", e);
	if (!address(host, &f->host))
		return refuse(rule, "Bad host address", e);
	hport = whole ? cut(&text, '-') : text;
	if (!hport)
		return refuse(rule, "Bad host port separator", e);
	if (!port(hport, &f->host_port))
		return refuse(rule, "Bad host port", e);
	if (!whole)
		return 0;
	guest = cut(&text, ':');
	if (!guest)
		return refuse(rule, "Missing guest address", e);
	if (!address(guest, &f->guest))
		return refuse(rule, "Bad guest address", e);
	if (!port(text, &f->guest_port) || !f->guest_port)
		return refuse(rule, "Bad guest port", e);
	return 0;
}

static int parse_copy(const char *rule, bool whole, struct fwd *f,
		      struct err *e)
{
	char *copy = strdup(rule);
	int rc = copy ? parse(rule, copy, whole, f, e) : -ENOMEM;

	free(copy);
	return rc;
}

int hostfwd_add(Slirp *s, const char *rule, struct err *e)
{
	struct fwd f;
	int rc = parse_copy(rule, true, &f, e);

	if (rc < 0)
		return rc;
	if (slirp_add_hostfwd(s, f.udp, f.host, f.host_port, f.guest,
			      f.guest_port) < 0)
		return err_set(e, -errno, "Could not set up host forwarding "
			       "rule '%s': %m", rule);
	return 0;
}

int hostfwd_remove(Slirp *s, const char *rule, struct err *e)
{
	struct fwd f;
	int rc = parse_copy(rule, false, &f, NULL);

	if (rc < 0)
		return err_set(e, rc, "invalid format");
	if (slirp_remove_hostfwd(s, f.udp, f.host, f.host_port) < 0)
		return err_set(e, -ENOENT, "host forwarding rule for %s not "
			       "found", rule);
	return 0;
}

static int guestfwd_parse(Slirp *s, struct chains *c, const char *rule,
			  char *text, struct err *e)
{
	char *proto = cut(&text, ':'), *server, *sport;
	struct in_addr at = { 0 };
	bool udp;
	int n, rc;

	if (!proto || !protocol(proto, &udp) || udp)
		return bad(rule, "only tcp can be forwarded", e);
	server = cut(&text, ':');
	if (!server || !address(server, &at))
		return bad(rule, "bad server address", e);
	sport = cut(&text, '-');
	if (!sport || !port(sport, &n) || !n)
		return bad(rule, "bad server port", e);
	if (!strncmp(text, "tcp:", 4))
		return chain_add(c, s, at, n, text + 4, e);
	if (!strncmp(text, "cmd:", 4))
		rc = slirp_add_exec(s, text + 4, &at, n);
	else if (!strncmp(text, "unix:", 5))
		rc = slirp_add_unix(s, text + 5, &at, n);
	else
		return err_set(e, -ENOTSUP, "not supported yet: guestfwd to "
			       "'%s' (cmd:COMMAND, tcp:HOST:PORT and unix:PATH "
			       "are)", text);
	return rc < 0 ? bad(rule, "the address is taken or not in the network",
			    e) : 0;
}

int guestfwd_add(Slirp *s, struct chains *c, const char *rule, struct err *e)
{
	char *copy = strdup(rule);
	int rc = copy ? guestfwd_parse(s, c, rule, copy, e) : -ENOMEM;

	free(copy);
	return rc;
}
