/* SPDX-License-Identifier: MIT */
/*
 * A virtio-net card on the netdev "n0" of a set, for tests with a driver
 * (virtio_guest.h).
 */
#ifndef TEST_NET_CARD_H
#define TEST_NET_CARD_H

#include "tests/unit/virtio_guest.h"

#include <stdio.h>

#include "virtio/virtio_net.h"
#include "vmm/net/netdev.h"

static struct netdev_set *nets;
static const char *const card[] = { "netdev", "n0", NULL };

static inline void *find_net(void *o, enum prop_type t, const char *id)
{
	(void)o;
	return t == PROP_NETDEV ? netdev_find(nets, id) : NULL;
}

static inline void nets_up(void)
{
	fake.env.find_backend = find_net;
	nets = netdev_set_create(fake.env.loop);
}

static inline void nets_down(void)
{
	netdev_set_destroy(nets);
	fake_machine_down();
}

static inline void card_start(u64 features)
{
	struct err e = { 0 };

	assert_int_equal(g_realize("virtio-net-device", card, &e), 0);
	g_start(features);
	g_turns(3);
}

static inline void card_end(void)
{
	struct device *d = fake.dev;

	fake.dev = NULL;
	device_destroy(d);
	nets_down();
}

#endif
