// SPDX-License-Identifier: MIT
/*
 * user: networking without rights, done by a process of its own: mote-slirp.
 *
 * The helper gets two seqpacket sockets: frames, each behind its
 * virtio_net_hdr, and commands (slirp/proto.h).  It starts before the sandbox
 * closes or through a broker, and ends when the sockets do.
 *
 * Talks to: the helper.
 * Never:    trusts it: a reply is text of bounded length, a frame is a frame.
 */
#include "vmm/net/netdev_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slirp/proto.h"
#include "vmm/base/log.h"
#include "vmm/core/clock.h"
#include "vmm/net/broker.h"

/* `info` must not hold the loop up for long: half a second, and only once. */
enum { REPLY_MS = 3000, INFO_MS = 500 };

struct net_user {
	struct netdev nd;
	int data, control;
	pid_t pid;
	bool started;                  /* it said so                       */
	unsigned owed;                 /* answers nobody waits for any more */
	char *net;                     /* for info network                 */
	bool restricted;
};

static struct net_user *to_user(struct netdev *nd)
{
	return container_of(nd, struct net_user, nd);
}

/* --- the process ----------------------------------------------------------- */

static int start(struct net_user *u, const char *path, const char *options,
		 struct err *e)
{
	int data[2], control[2], size = 4 << 20, rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, data) < 0)
		return err_set(e, -errno, "a socket for mote-slirp: %m");
	u->data = data[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
		close(data[1]);
		return err_set(e, -errno, "a socket for mote-slirp: %m");
	}
	u->control = control[0];
	for (unsigned i = 0; i < 2; i++)
		if (setsockopt(data[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
			       sizeof(size)) < 0)
			setsockopt(data[i], SOL_SOCKET, SO_SNDBUF, &size,
				   sizeof(size));
	rc = broker_helper(netdev_broker(&u->nd), path, options, data[1],
			   control[1], &u->pid, e);
	close(data[1]);
	close(control[1]);
	return rc < 0 ? rc : netdev_queue_fd(&u->nd, 0, u->data, e);
}

/* --- commands -------------------------------------------------------------- */

/* One reply into `out`; its '-' makes it an error. */
static int reply(struct net_user *u, int ms, struct strbuf *out,
		 struct err *e)
{
	static const char gone[] = "mote-slirp ended";
	struct pollfd p = { .fd = u->control, .events = POLLIN };
	char buf[SLIRP_REPLY_MAX + 1];
	ssize_t n;
	int rc;

	do
		rc = poll(&p, 1, ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return err_set(e, -ETIMEDOUT, "mote-slirp does not answer");
	n = recv(u->control, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	if (n <= 0)
		return err_set(e, -EPIPE, "%s", gone);
	buf[n] = 0;
	if (buf[0] != '+')
		return err_set(e, -EINVAL, "%s", buf + 1);
	strbuf_addstr(out, buf + 1);
	return 0;
}

static int user_ready(struct netdev *nd, int ms, struct err *e)
{
	struct net_user *u = to_user(nd);
	struct strbuf text = STRBUF_INIT;
	int rc;

	if (u->started)
		return 0;
	rc = reply(u, ms, &text, e);
	strbuf_fini(&text);
	if (rc < 0)
		err_prefix(e, "netdev '%s'", nd->id);
	u->started = !rc;
	return rc;
}

static int ms_until(s64 when)
{
	const s64 ms = (when - clock_host_ns()) / 1000000;

	return ms > 0 ? (int)ms : 0;
}

/* One of those that are owed: each command gets one answer, in order. */
static int answer(struct net_user *u, s64 until, struct strbuf *out,
		  struct err *e)
{
	int rc = reply(u, ms_until(until), out, e);

	if (rc != -ETIMEDOUT && rc != -EPIPE)
		u->owed--;
	return rc;
}

/* Those to commands nobody waits for any more. */
static int late_answers(struct net_user *u, s64 until, struct err *e)
{
	struct strbuf text = STRBUF_INIT;
	int rc = 0;

	while (u->owed && rc != -ETIMEDOUT && rc != -EPIPE)
		rc = answer(u, until, &text, e);
	strbuf_fini(&text);
	return u->owed ? rc : 0;
}

/* `late` ms for what is still owed, `ms` for all of it. */
static int command(struct net_user *u, const char *text, unsigned late,
		   unsigned ms, struct strbuf *out, struct err *e)
{
	const s64 now = clock_host_ns();
	struct err ignored = { 0 };
	int rc = user_ready(&u->nd, (int)ms, e);

	if (rc < 0)
		return rc;
	rc = late_answers(u, now + late * 1000000ll, &ignored);
	if (rc < 0)
		return err_set(e, rc, "%s", ignored.msg);
	if (send(u->control, text, strlen(text), MSG_NOSIGNAL) < 0)
		return err_set(e, -errno, "mote-slirp: %m");
	u->owed++;
	return answer(u, now + ms * 1000000ll, out, e);
}

int net_user_hostfwd(struct netdev *nd, const char *rule, bool add,
		     struct err *e)
{
	struct strbuf cmd = STRBUF_INIT, out = STRBUF_INIT;
	int rc;

	strbuf_addf(&cmd, "%s %s", add ? "hostfwd_add" : "hostfwd_remove",
		    rule);
	rc = cmd.len > SLIRP_COMMAND_MAX
	     ? err_set(e, -EINVAL, "the rule is too long")
	     : command(to_user(nd), cmd.buf, REPLY_MS, REPLY_MS, &out, e);
	strbuf_fini(&cmd);
	strbuf_fini(&out);
	return rc;
}

void net_user_info(struct netdev *nd, struct strbuf *out)
{
	struct err e = { 0 };

	if (command(to_user(nd), "info", 0, INFO_MS, out, &e) < 0)
		strbuf_addf(out, "  %s\n", e.msg);
}

/* No answer: this may come at any time. */
static void user_offloads(struct netdev *nd, unsigned flags)
{
	char text[32];

	snprintf(text, sizeof(text), "offloads %u", flags);
	send(to_user(nd)->control, text, strlen(text),
	     MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- frames ---------------------------------------------------------------- */

static int user_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		     unsigned n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	(void)q;
	if (sendmsg(to_user(nd)->data, &m, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t user_recv(struct netdev *nd, unsigned q,
			 const struct iovec *iov, unsigned n)
{
	(void)q;
	return readv(to_user(nd)->data, iov, n);
}

static void user_event(struct netdev *nd, unsigned q, u32 events)
{
	if (!(events & EPOLLHUP))
		return;
	log_warn("netdev '%s': mote-slirp ended: its network is down", nd->id);
	netdev_queue_fd(nd, q, -1, NULL);
	netdev_carrier(nd, false);
}

/* --- life ------------------------------------------------------------------ */

/* What is left of the options is the helper's to read. */
static void options_text(struct opts *o, struct strbuf *out)
{
	struct opt *p;

	opts_for_each(p, o) {
		if (p->taken)
			continue;
		p->taken = true;
		strbuf_addf(out, "%s%s=", out->len ? "," : "", p->key);
		for (const char *c = p->val; *c; c++) {
			if (*c == ',')
				strbuf_addc(out, ',');
			strbuf_addc(out, *c);
		}
	}
}

static int user_open(struct netdev *nd, struct opts *o, struct err *e)
{
	struct net_user *u = to_user(nd);
	const char *helper = opts_take(o, "helper");
	const char *net = opts_find(o, "net");
	const char *restricted = opts_find(o, "restrict");
	struct strbuf text = STRBUF_INIT;
	int rc;

	u->data = u->control = -1;
	nd->vnet = true;
	netdev_alloc_queues(nd, 1);
	u->net = strdup(net ? net : "10.0.2.0");
	if (restricted)
		opts_bool(restricted, &u->restricted);
	options_text(o, &text);
	rc = start(u, helper ? helper : "", text.buf, e);
	strbuf_fini(&text);
	return rc;
}

static void user_close(struct netdev *nd)
{
	struct net_user *u = to_user(nd);

	if (u->data >= 0)
		close(u->data);
	if (u->control >= 0)
		close(u->control);
	if (u->pid > 0) {
		kill(u->pid, SIGKILL);
		while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(u->net);
}

static void user_describe(struct netdev *nd, struct strbuf *out)
{
	const struct net_user *u = to_user(nd);

	strbuf_addf(out, "net=%s,restrict=%s", u->net,
		    u->restricted ? "on" : "off");
}

const struct netdev_ops net_user = {
	.name     = "user",
	.summary  = "networking without rights, by the helper mote-slirp",
	.size     = sizeof(struct net_user),
	.open     = user_open,
	.close    = user_close,
	.send     = user_send,
	.recv     = user_recv,
	.event    = user_event,
	.ready    = user_ready,
	.offloads = user_offloads,
	.describe = user_describe,
	.send_anywhere = true,
};
