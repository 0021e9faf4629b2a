// SPDX-License-Identifier: MIT
/*
 * mote-slirp: started by mote with two sockets and the options of a user mode
 * network; ends when they close.
 *
 * usage: mote-slirp OPTIONS [UID:GID]    (descriptors 3 and 4: see proto.h)
 *
 * Talks to: libslirp; its two sockets.
 * Never:    outlives them; lets the guest's frames allocate without bound.
 */
#include "slirp/slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS = 8, POLL_MAX = 4096, BATCH = 64, STUCK_MS = 100 };

struct net_timer {
	SlirpTimerCb fn;
	void *opaque;
	s64 at_ms;                     /* -1: not set                      */
};

struct helper {
	Slirp *slirp;
	struct net_config config;
	struct opts opts;
	struct chains chains;
	unsigned offloads;
	bool done;
	struct net_timer timers[TIMERS];
	struct pollfd fds[POLL_MAX];   /* data, control, libslirp's        */
	unsigned nfds;
	u8 in[SLIRP_VNET_LEN + SLIRP_FRAME_MAX];
};

/* --- what libslirp asks for ------------------------------------------------ */

static s64 now_ns(void *opaque)
{
	struct timespec t;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static bool wait_out(int ms)
{
	struct pollfd p = { .fd = SLIRP_DATA_FD, .events = POLLOUT };

	return poll(&p, 1, ms) > 0 && p.revents & POLLOUT;
}

/* libslirp cannot hold a frame back: wait a little, then it is lost. */
static void put_frame(void *opaque, const u8 *vnet, const u8 *frame,
		      size_t len)
{
	struct iovec iov[2] = { { (void *)vnet, SLIRP_VNET_LEN },
				{ (void *)frame, len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	(void)opaque;
	while (sendmsg(SLIRP_DATA_FD, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || !wait_out(STUCK_MS))
			return;
	}
}

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	struct helper *h = opaque;

	frame_out(buf, len, h->offloads, put_frame, h);
	return len;
}

static void guest_error(const char *msg, void *opaque)
{
	(void)msg;
	(void)opaque;
}

static void *timer_new(SlirpTimerCb fn, void *cb_opaque, void *opaque)
{
	struct helper *h = opaque;

	for (unsigned i = 0; i < TIMERS; i++) {
		if (h->timers[i].fn)
			continue;
		h->timers[i] = (struct net_timer){ fn, cb_opaque, -1 };
		return &h->timers[i];
	}
	return NULL;
}

static void timer_free(void *timer, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct net_timer *)timer)->fn = NULL;
}

static void timer_mod(void *timer, s64 at_ms, void *opaque)
{
	(void)opaque;
	if (timer)
		((struct net_timer *)timer)->at_ms = at_ms;
}

static void poll_fd_changed(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void notify(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet        = send_packet,
	.guest_error        = guest_error,
	.clock_get_ns       = now_ns,
	.timer_new          = timer_new,
	.timer_free         = timer_free,
	.timer_mod          = timer_mod,
	.register_poll_fd   = poll_fd_changed,
	.unregister_poll_fd = poll_fd_changed,
	.notify             = notify,
};

static void timers_fit(const struct helper *h, u32 *ms)
{
	const s64 now = now_ns(NULL) / 1000000;

	for (unsigned i = 0; i < TIMERS; i++) {
		const struct net_timer *t = &h->timers[i];

		if (t->fn && t->at_ms >= 0)
			*ms = MIN((s64)*ms, MAX(t->at_ms - now, 0));
	}
}

static void timers_run(struct helper *h)
{
	const s64 now = now_ns(NULL) / 1000000;

	for (unsigned i = 0; i < TIMERS; i++) {
		struct net_timer *t = &h->timers[i];

		if (!t->fn || t->at_ms < 0 || t->at_ms > now)
			continue;
		t->at_ms = -1;
		t->fn(t->opaque);
	}
}

/* --- poll ------------------------------------------------------------------ */

static const struct {
	int slirp, poll;
} poll_bits[] = {
	{ SLIRP_POLL_IN, POLLIN }, { SLIRP_POLL_OUT, POLLOUT },
	{ SLIRP_POLL_PRI, POLLPRI }, { SLIRP_POLL_ERR, POLLERR },
	{ SLIRP_POLL_HUP, POLLHUP },
};

static int add_poll(int fd, int events, void *opaque)
{
	struct helper *h = opaque;
	struct pollfd *p = &h->fds[h->nfds];

	if (h->nfds == POLL_MAX)
		return -1;
	*p = (struct pollfd){ .fd = fd };
	for (unsigned i = 0; i < 3; i++)       /* the others always come  */
		if (events & poll_bits[i].slirp)
			p->events |= poll_bits[i].poll;
	return h->nfds++;
}

static int get_revents(int at, void *opaque)
{
	const struct helper *h = opaque;
	int got = 0;

	if (at < 0)
		return 0;
	for (unsigned i = 0; i < ARRAY_LEN(poll_bits); i++)
		if (h->fds[at].revents & poll_bits[i].poll)
			got |= poll_bits[i].slirp;
	return got;
}

/* --- mote ------------------------------------------------------------------ */

static void take_frames(struct helper *h)
{
	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t n = recv(SLIRP_DATA_FD, h->in, sizeof(h->in),
				 MSG_DONTWAIT);
		u8 *frame = h->in + SLIRP_VNET_LEN;

		if (n == 0)
			h->done = true;
		if (n <= SLIRP_VNET_LEN)
			return;
		n -= SLIRP_VNET_LEN;
		if (frame_in(h->in, frame, n))
			slirp_input(h->slirp, frame, n);
	}
}

static void answer(const struct err *e, const char *text)
{
	struct strbuf s = STRBUF_INIT;

	strbuf_addf(&s, "%c%s", e->rc ? '-' : '+', e->rc ? e->msg : text);
	if (s.len > SLIRP_REPLY_MAX)
		s.len = SLIRP_REPLY_MAX;
	if (send(SLIRP_CONTROL_FD, s.buf, s.len, MSG_NOSIGNAL) < 0)
		errno = 0;             /* mote is gone: the loop sees it   */
	strbuf_fini(&s);
}

static bool starts(const char *text, const char *word, const char **rest)
{
	const size_t n = strlen(word);

	*rest = text + n;
	return !strncmp(text, word, n);
}

static void take_command(struct helper *h)
{
	char buf[SLIRP_COMMAND_MAX + 1], *info = NULL;
	ssize_t n = recv(SLIRP_CONTROL_FD, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	struct err e = { 0 };
	const char *rest;

	if (n == 0)
		h->done = true;
	if (n <= 0)
		return;
	buf[n] = 0;
	if (starts(buf, "offloads ", &rest)) {
		h->offloads = atoi(rest);
		return;
	}
	if (starts(buf, "hostfwd_add ", &rest))
		hostfwd_add(h->slirp, rest, &e);
	else if (starts(buf, "hostfwd_remove ", &rest))
		hostfwd_remove(h->slirp, rest, &e);
	else if (!strcmp(buf, "info"))
		info = slirp_connection_info(h->slirp);
	else
		err_set(&e, -EINVAL, "unknown command '%s'", buf);
	answer(&e, info ? info : "");
	free(info);
}

/* --- life ------------------------------------------------------------------ */

/* Sockets of libslirp rest while mote takes no frames: nothing to lose. */
static void turn(struct helper *h)
{
	u32 ms = 1000;
	bool room = wait_out(0);
	int n;

	h->nfds = 0;
	add_poll(SLIRP_DATA_FD, SLIRP_POLL_IN | (room ? 0 : SLIRP_POLL_OUT), h);
	add_poll(SLIRP_CONTROL_FD, SLIRP_POLL_IN, h);
	if (room) {
		slirp_pollfds_fill(h->slirp, &ms, add_poll, h);
		chains_poll(&h->chains, h->slirp, add_poll, h);
	}
	timers_fit(h, &ms);
	n = poll(h->fds, h->nfds, ms);
	if (room) {
		slirp_pollfds_poll(h->slirp, n < 0, get_revents, h);
		chains_take(&h->chains, h->slirp, get_revents, h);
	}
	timers_run(h);
	if (n > 0 && h->fds[0].revents)
		take_frames(h);
	if (n > 0 && h->fds[1].revents)
		take_command(h);
}

static int add_forwards(struct helper *h, struct err *e)
{
	struct opt *p;
	int rc = 0;

	opts_for_each(p, &h->opts) {
		if (!strcmp(p->key, "hostfwd"))
			rc = hostfwd_add(h->slirp, p->val, e);
		else if (!strcmp(p->key, "guestfwd"))
			rc = guestfwd_add(h->slirp, &h->chains, p->val,
					  e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int start(struct helper *h, const char *options, struct err *e)
{
	int rc = 0;

	if (*options)
		rc = opts_parse(&h->opts, options, NULL, e);
	if (!rc)
		rc = net_config_read(&h->config, &h->opts, e);
	if (rc < 0)
		return rc;
	h->slirp = slirp_new(&h->config.slirp, &callbacks, h);
	if (!h->slirp)
		return err_set(e, -EINVAL, "libslirp refuses this "
			       "configuration");
	rc = add_forwards(h, e);
	return rc < 0 ? rc : sandbox_close(h->config.needs_exec, e);
}

/* "UID:GID", whom mote itself becomes. */
static int become(const char *ids, struct err *e)
{
	unsigned uid, gid;

	if (sscanf(ids, "%u:%u", &uid, &gid) != 2)
		return err_set(e, -EINVAL, "'%s' is not UID:GID", ids);
	if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_set(e, -errno, "cannot become user %u, group %u: "
			       "%m", uid, gid);
	prctl(PR_SET_PDEATHSIG, SIGKILL);      /* that has cleared it */
	return 0;
}

int main(int argc, char **argv)
{
	/* A terminal's are meant for mote: we end when it does. */
	static const int ignored[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP };
	struct helper *h = calloc(1, sizeof(*h));
	struct err e = { 0 };

	if (!h || argc < 2 || argc > 3 || fcntl(SLIRP_CONTROL_FD, F_GETFD) < 0) {
		fprintf(stderr, "mote-slirp: mote starts this by itself, for "
			"-netdev user\n");
		free(h);
		return 1;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	fcntl(SLIRP_DATA_FD, F_SETFD, FD_CLOEXEC);
	fcntl(SLIRP_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	if ((argc == 3 && become(argv[2], &e) < 0) ||
	    start(h, argv[1], &e) < 0) {
		answer(&e, "");
		return 1;
	}
	answer(&e, "");
	while (!h->done)
		turn(h);
	slirp_cleanup(h->slirp);
	opts_fini(&h->opts);
	free(h);
	return 0;
}
