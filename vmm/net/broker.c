// SPDX-License-Identifier: MIT
/*
 * The broker, both of its ends.  See broker.h.
 *
 * Talks to: spawn.c.
 * Never:    believes a request: its lengths, its paths and an interface's name
 *           are looked at before anything starts.
 */
#include "vmm/net/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/net/spawn.h"

enum { BROKER_FD = 3, PATHS_MAX = 64 };
enum kind { SEAL, HELPER, SCRIPT, REMEMBER };

struct request {
	enum kind kind;
	char path[1024], arg[4096];    /* options, or the interface        */
};

struct answer {
	int rc;
	char msg[512];
};

/* --- the broker's end ------------------------------------------------------ */

struct broker {
	const char *ids;
	bool sealed;
	unsigned n;
	char *paths[PATHS_MAX];        /* the command line's               */
	int fds[2];                    /* of the request, -1: none came    */
};

static bool knows(const struct broker *b, const char *path)
{
	for (unsigned i = 0; i < b->n; i++)
		if (!strcmp(b->paths[i], path))
			return true;
	return false;
}

static int check_path(struct broker *b, const char *path, struct err *e)
{
	if (knows(b, path))
		return 0;
	if (b->sealed)
		return err_set(e, -EPERM, "'%s' may not be started: the "
			       "command line did not name it", path);
	if (b->n == PATHS_MAX)
		return err_set(e, -E2BIG, "more than %d programs", PATHS_MAX);
	b->paths[b->n] = strdup(path);
	assert(b->paths[b->n]);
	b->n++;
	return 0;
}

static bool ifname_ok(const char *s)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
	size_t n = strlen(s);

	return n && n < IFNAMSIZ && strspn(s, ok) == n && *s != '-';
}

static int start_helper(struct broker *b, const struct request *r,
			struct err *e)
{
	int rc = *r->path ? check_path(b, r->path, e) : 0;
	pid_t pid;

	if (rc < 0)
		return rc;
	if (b->sealed && strstr(r->arg, "-cmd:"))
		return err_set(e, -EPERM, "guestfwd=...-cmd: starts a program "
			       "that the command line did not name");
	if (b->fds[0] < 0 || b->fds[1] < 0)
		return err_set(e, -EINVAL, "a helper needs its sockets");
	return spawn_helper(r->path, r->arg, b->ids, b->fds[0], b->fds[1],
			    &pid, e);
}

static int handle(struct broker *b, const struct request *r, struct err *e)
{
	int rc;

	switch (r->kind) {
	case SEAL:
		b->sealed = true;
		return 0;
	case HELPER:
		return start_helper(b, r, e);
	case REMEMBER:
		return check_path(b, r->path, e);
	case SCRIPT:
		if (!ifname_ok(r->arg))
			return err_set(e, -EINVAL, "'%s' is no interface's "
				       "name", r->arg);
		rc = check_path(b, r->path, e);
		return rc < 0 ? rc : spawn_script(r->path, r->arg, e);
	}
	return err_set(e, -EINVAL, "no such request");
}

static void take_fds(struct broker *b, struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	b->fds[0] = b->fds[1] = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(b->fds)))
		memcpy(b->fds, CMSG_DATA(c), sizeof(b->fds));
}

/* A request from the VM's process; false: it is gone. */
static bool receive(struct broker *b, struct request *r)
{
	char control[CMSG_SPACE(sizeof(b->fds))] = { 0 };
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(BROKER_FD, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	take_fds(b, &m);
	r->path[sizeof(r->path) - 1] = r->arg[sizeof(r->arg) - 1] = 0;
	return n == sizeof(*r);
}

static void serve(const char *ids)
{
	struct broker *b = calloc(1, sizeof(*b));
	struct request *r = calloc(1, sizeof(*r));

	assert(b && r);
	b->ids = ids;
	while (receive(b, r)) {
		struct answer a = { 0 };
		struct err e = { 0 };

		a.rc = handle(b, r, &e);
		memcpy(a.msg, e.msg, sizeof(a.msg));
		for (unsigned i = 0; i < 2; i++)
			if (b->fds[i] >= 0)
				close(b->fds[i]);
		if (send(BROKER_FD, &a, sizeof(a), MSG_NOSIGNAL) < 0)
			break;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;              /* helpers that ended */
	}
}

/* Nothing of the VM's but its own socket; a terminal's signals are not for
 * it: scripts may still be needed at the end. */
static void become_broker(int fd, int terminal)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

	for (int i = 0; i <= 2 && terminal >= 0; i++)
		dup2(terminal, i);
	dup2(fd, BROKER_FD);
	fcntl(BROKER_FD, F_SETFD, FD_CLOEXEC);
	close_range(BROKER_FD + 1, ~0u, 0);
	for (unsigned i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "mote broker");
}

int broker_fork(const char *ids, int terminal, int *fd, struct err *e)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(e, -errno, "a socket for the broker: %m");
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return err_set(e, -errno, "the broker: fork: %m");
	}
	if (!pid) {
		become_broker(fds[1], terminal);
		serve(ids);
		return 1;
	}
	close(fds[1]);
	*fd = fds[0];
	return 0;
}

/* --- the VM's end ---------------------------------------------------------- */

static int ask(int broker, enum kind kind, const char *path, const char *arg,
	       const int fds[2], struct err *e)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct request *r = calloc(1, sizeof(*r));
	struct iovec iov = { r, sizeof(*r) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct answer a;
	ssize_t n = -1;

	assert(r);
	r->kind = kind;
	if ((size_t)snprintf(r->path, sizeof(r->path), "%s", path) >=
	    sizeof(r->path) ||
	    (size_t)snprintf(r->arg, sizeof(r->arg), "%s", arg) >=
	    sizeof(r->arg)) {
		free(r);
		return err_set(e, -E2BIG, "%s: path or options are too long",
			       path);
	}
	if (fds) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)control;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	}
	if (sendmsg(broker, &m, MSG_NOSIGNAL) > 0)
		do
			n = recv(broker, &a, sizeof(a), 0);
		while (n < 0 && errno == EINTR);
	free(r);
	if (n != sizeof(a))
		return err_set(e, -EPIPE, "the broker ended");
	a.msg[sizeof(a.msg) - 1] = 0;
	return a.rc < 0 ? err_set(e, a.rc, "%s", a.msg) : 0;
}

void broker_seal(int broker)
{
	if (broker >= 0)
		ask(broker, SEAL, "", "", NULL, NULL);
}

int broker_helper(int broker, const char *path, const char *options,
		  int data, int control, pid_t *pid, struct err *e)
{
	const int fds[2] = { data, control };

	if (broker < 0)
		return spawn_helper(path, options, NULL, data, control, pid, e);
	*pid = 0;                      /* the broker's child, not ours */
	return ask(broker, HELPER, path, options, fds, e);
}

int broker_script(int broker, const char *path, const char *ifname,
		  struct err *e)
{
	return broker < 0 ? spawn_script(path, ifname, e) :
	       ask(broker, SCRIPT, path, ifname, NULL, e);
}

int broker_remember(int broker, const char *path, struct err *e)
{
	return broker < 0 ? 0 : ask(broker, REMEMBER, path, "", NULL, e);
}
