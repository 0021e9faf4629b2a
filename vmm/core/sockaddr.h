/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses as users write them, and stream sockets on them.
 *
 * Thread: any; nothing shared.  Looking up a host name may block.
 */
#ifndef MOTE_CORE_SOCKADDR_H
#define MOTE_CORE_SOCKADDR_H

#include <sys/socket.h>

#include "vmm/base/err.h"
#include "vmm/base/strbuf.h"

struct sockaddr_any {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* A unix path; `abstract` puts it in the abstract name space.  It must pass
 * path_check, but for one that the command line decided on. */
int  sockaddr_unix(struct sockaddr_any *a, const char *path, bool abstract,
		   struct err *e);
int  sockaddr_unix_own(struct sockaddr_any *a, const char *path, bool abstract,
		       struct err *e);
/* `family` AF_UNSPEC, AF_INET, AF_INET6; an empty host is any address for a
 * listener, else this host. */
int  sockaddr_inet(struct sockaddr_any *a, const char *host, const char *port,
		   int family, bool listener, struct err *e);
/* "unix:/p" or "tcp:1.2.3.4:5"; without the kind when `bare`. */
void sockaddr_text(const struct sockaddr_any *a, bool bare, struct strbuf *out);

/* Bound, listening, non-blocking, close-on-exec; a dead unix socket in the
 * way is removed; *a becomes the address really bound.  fd or -errno. */
int  sockaddr_listen(struct sockaddr_any *a, struct err *e);
/* Start to connect; fd or -errno.  *pending: wait for EPOLLOUT, then ask
 * SO_ERROR.  No sentence: reconnection tries this over and over. */
int  sockaddr_connect(const struct sockaddr_any *a, bool *pending);
/* The next client, non-blocking, close-on-exec.  -EAGAIN: there is none after
 * all.  Else no descriptor was left for it: the client stays, so look away from
 * the listener for SOCKADDR_REST_NS. */
int  sockaddr_accept(int listen_fd);
#define SOCKADDR_REST_NS 100000000ll
int  sockaddr_error(int fd);           /* 0 or -errno of the connection */

#endif
