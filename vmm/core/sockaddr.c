/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses and stream sockets.  See sockaddr.h.
 *
 * Talks to: the resolver, for names that are not numbers.
 */
#include "vmm/core/sockaddr.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/path.h"

int sockaddr_unix(struct sockaddr_any *a, const char *path, bool abstract,
		  struct err *e)
{
	int rc = abstract ? 0 : path_check(path, e);

	return rc < 0 ? rc : sockaddr_unix_own(a, path, abstract, e);
}

int sockaddr_unix_own(struct sockaddr_any *a, const char *path, bool abstract,
		      struct err *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->ss;
	size_t n = strlen(path);

	if (!n || n + 1 > sizeof(un->sun_path))
		return err_set(e, -EINVAL, "UNIX socket path '%s' must have 1 "
			       "to %zu bytes", path, sizeof(un->sun_path) - 1);
	memset(a, 0, sizeof(*a));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path + abstract, path, n);
	a->len = offsetof(struct sockaddr_un, sun_path) + n + 1;
	return 0;
}

/* The resolver takes any number and keeps its lowest 16 bits. */
static bool is_no_port(const char *text)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	return *text && !*end && (n > 65535 || !isdigit((unsigned char)*text));
}

int sockaddr_inet(struct sockaddr_any *a, const char *host, const char *port,
		  int family, bool listener, struct err *e)
{
	struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_STREAM,
		.ai_flags = listener ? AI_PASSIVE : 0,
	};
	struct addrinfo *res;
	int rc;

	if (is_no_port(port))
		return err_set(e, -EINVAL, "'%s' is no port: 0 to 65535", port);
	if (!*host && listener && family == AF_UNSPEC)
		hints.ai_family = AF_INET;
	if (!strcmp(host, "localhost"))
		host = family == AF_INET6 ? "::1" : "127.0.0.1";
	/* Numbers first: no name service gets loaded for them. */
	hints.ai_flags |= AI_NUMERICHOST;
	rc = getaddrinfo(*host ? host : NULL, port, &hints, &res);
	if (rc == EAI_NONAME && *host) {
		hints.ai_flags &= ~AI_NUMERICHOST;
		rc = getaddrinfo(host, port, &hints, &res);
	}
	if (rc)
		return err_set(e, -EINVAL, "address resolution failed for "
			       "%s:%s: %s", host, port, gai_strerror(rc));
	memset(a, 0, sizeof(*a));
	memcpy(&a->ss, res->ai_addr, res->ai_addrlen);
	a->len = res->ai_addrlen;
	freeaddrinfo(res);
	return 0;
}

static const char *unix_path(const struct sockaddr_any *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->ss;

	return un->sun_path[0] ? un->sun_path : un->sun_path + 1;
}

void sockaddr_text(const struct sockaddr_any *a, bool bare, struct strbuf *out)
{
	char host[64], port[8];

	if (a->ss.ss_family == AF_UNIX) {
		strbuf_addf(out, "%s%s", bare ? "" : "unix:", unix_path(a));
		return;
	}
	if (getnameinfo((const struct sockaddr *)&a->ss, a->len, host,
			sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	strbuf_addf(out, a->ss.ss_family == AF_INET6 ? "%s[%s]:%s" : "%s%s:%s",
		    bare ? "" : "tcp:", host, port);
}

static void remove_stale(const struct sockaddr_any *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->ss;
	struct stat st;

	if (a->ss.ss_family == AF_UNIX && un->sun_path[0] &&
	    lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(un->sun_path);
}

int sockaddr_listen(struct sockaddr_any *a, struct err *e)
{
	struct sockaddr *sa = (struct sockaddr *)&a->ss;
	struct strbuf text = STRBUF_INIT;
	int fd, rc, one = 1;

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, -errno, "Failed to create a socket: %m");
	if (sa->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	remove_stale(a);
	rc = bind(fd, sa, a->len) < 0 || listen(fd, 1) < 0 ? -errno : 0;
	if (rc < 0) {
		close(fd);
		sockaddr_text(a, true, &text);
		err_set(e, rc, "Failed to bind socket to '%s': %m", text.buf);
		strbuf_fini(&text);
		return rc;
	}
	if (sa->sa_family != AF_UNIX) {        /* port 0 became a number */
		a->len = sizeof(a->ss);
		getsockname(fd, sa, &a->len);
	}
	return fd;
}

int sockaddr_connect(const struct sockaddr_any *a, bool *pending)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->ss;
	int fd, rc;

	*pending = false;
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, sa, a->len) == 0)
		return fd;
	*pending = errno == EINPROGRESS;
	if (*pending)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int sockaddr_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case EMFILE: case ENFILE: case ENOMEM: case ENOBUFS:
		return -errno;
	default:
		return -EAGAIN;
	}
}

int sockaddr_error(int fd)
{
	socklen_t len = sizeof(int);
	int so = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &so, &len) < 0)
		return -errno;
	return -so;
}
