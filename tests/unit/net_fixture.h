/* SPDX-License-Identifier: MIT */
/*
 * A loop, a set of netdevs, and a card that keeps what it gets.
 */
#ifndef TEST_NET_FIXTURE_H
#define TEST_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/core/loop.h"
#include "vmm/net/netdev.h"

struct card {
	struct netdev *nd;
	u8 got[65536 + 64];
	ssize_t len;                   /* of the last frame                */
	unsigned frames, links, announced, writable;
	bool gone;
};

static struct {
	struct loop *loop;
	struct netdev_set *set;
	struct err e;
} net;

static inline void card_readable(void *o, unsigned q)
{
	struct card *c = o;
	struct iovec iov = { c->got, sizeof(c->got) };
	ssize_t n;

	while ((n = netdev_recv(c->nd, q, &iov, 1)) > 0) {
		c->len = n;
		c->frames++;
	}
}

static inline void card_link(void *o)
{
	((struct card *)o)->links++;
}

static inline void card_announce(void *o, bool first)
{
	((struct card *)o)->announced++;
}

static inline void card_writable(void *o, unsigned q)
{
	((struct card *)o)->writable++;
}

static inline const char *card_name(void *o)
{
	return "card0";
}

static inline void card_gone(void *o)
{
	((struct card *)o)->gone = true;
}

static const struct netdev_client card_client = {
	.readable = card_readable, .writable = card_writable,
	.link = card_link, .announce = card_announce, .name = card_name,
	.gone = card_gone,
};

static inline void net_up(void)
{
	memset(&net, 0, sizeof(net));
	net.loop = loop_create("main", &net.e);
	net.set = netdev_set_create(net.loop);
}

static inline void net_down(void)
{
	netdev_set_destroy(net.set);
	loop_destroy(net.loop);
}

static inline void net_stop(void *o)
{
	loop_stop(o);
}

static inline void net_turns(unsigned n)
{
	while (n--) {
		loop_post(net.loop, net_stop, net.loop);
		loop_run(net.loop);
		usleep(500);
	}
}

static inline void net_add(const char *spec)
{
	if (netdev_add(net.set, spec, &net.e) < 0)
		fail_msg("%s: %s", spec, net.e.msg);
}

/* Refused, with this in the sentence. */
static inline void net_refused(const char *spec, const char *words)
{
	struct err e = { 0 };

	assert_true(netdev_add(net.set, spec, &e) < 0);
	if (!strstr(e.msg, words))
		fail_msg("%s: %s", spec, e.msg);
}

static inline struct card *card_new(const char *id)
{
	struct card *c = calloc(1, sizeof(*c));

	c->nd = netdev_find(net.set, id);
	assert_non_null(c->nd);
	assert_int_equal(netdev_attach(c->nd, &card_client, c, NULL), 0);
	netdev_want_read(c->nd, 0, true);
	return c;
}

static inline int card_send(struct card *c, const void *p, size_t n)
{
	struct iovec iov = { (void *)p, n };

	return netdev_send(c->nd, 0, &iov, 1);
}

static inline bool net_wait(unsigned *what, unsigned n)
{
	for (unsigned i = 0; i < 1000 && *what < n; i++)
		net_turns(1);
	return *what >= n;
}

#endif
