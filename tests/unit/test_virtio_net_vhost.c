// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_net_vhost.c: a card on a tap with vhost, over a
 * kernel that is only told things.  Skipped where no tap can be made.
 */
#include "tests/unit/vhost_fake.h"

#include <fcntl.h>

#include "tests/unit/net_card.h"

/* The descriptor is closed by the netdev. */
static void net_up(const char *more)
{
	struct err e = { 0 };
	char spec[128];

	g_memory();
	fake_vhost_up();
	kernel.offers |= BIT64(VIRTIO_NET_F_MRG_RXBUF) |
			 BIT64(VHOST_NET_F_VIRTIO_NET_HDR);
	nets_up();
	snprintf(spec, sizeof(spec), "tap,id=n0,script=no,vhostfd=%d%s",
		 open("/dev/null", O_RDWR), more);
	if (netdev_add(nets, spec, &e) < 0) {
		print_message("no tap: %s\n", e.msg);
		nets_down();
		skip();
	}
}

static void card_up(u64 features)
{
	net_up("");
	card_start(features);
}

static int tap(void)
{
	return netdev_tap_fd(netdev_find(nets, "n0"), 0);
}

static void lent(bool is)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(kernel.ring[i].backend, is ? tap() : -1);
		assert_int_equal(!!g.v->q[i].vhost, is);
	}
	assert_null(g.v->q[2].vhost);
}

static void the_tap_is_the_kernels_while_the_driver_runs(void **s)
{
	(void)s;
	card_up(BIT64(VIRTIO_NET_F_MRG_RXBUF));
	lent(true);
	assert_true(kernel.features & BIT64(VIRTIO_NET_F_MRG_RXBUF));
	assert_false(kernel.features & BIT64(VHOST_NET_F_VIRTIO_NET_HDR));
	virtio_lock(g.v);
	virtio_set_status(g.v, 0);
	virtio_unlock(g.v);
	lent(false);
	card_end();
}

static void a_tap_without_header_gets_the_kernels(void **s)
{
	(void)s;
	net_up(",vnet_hdr=off");
	card_start(0);
	assert_true(kernel.features & BIT64(VHOST_NET_F_VIRTIO_NET_HDR));
	lent(true);
	card_end();
}

static void pauses_cables_and_the_netdevs_end_take_it_back(void **s)
{
	(void)s;
	card_up(0);
	device_quiesce(fake.dev);
	lent(false);
	device_resume(fake.dev);
	lent(true);
	assert_int_equal(netdev_set_link(nets, "n0", false, NULL), 0);
	lent(false);
	assert_int_equal(netdev_set_link(nets, "n0", true, NULL), 0);
	lent(true);
	assert_int_equal(netdev_del(nets, "n0", NULL), 0);
	assert_int_equal(kernel.ring[0].backend, -1);
	assert_null(g.v->q[0].vhost);
	card_end();
}

static void a_queue_disabled_and_enabled_again_is_the_kernels_again(void **s)
{
	(void)s;
	card_up(0);
	fake_disable(0);
	lent(false);
	fake_enable(0);
	lent(true);
	card_end();
}

static void where_the_kernel_cannot_frames_pass_through_here(void **s)
{
	u8 packet[VNET_HDR + 60] = { 0 };

	(void)s;
	net_up("");
	kernel.refuse = VHOST_SET_MEM_TABLE;
	kernel.why = -E2BIG;
	card_start(0);
	lent(false);
	g_out(1, packet, sizeof(packet));
	g_kick(1);
	assert_int_equal(g_done(1), 1);
	card_end();
}

static void kicks_are_the_kernels_but_the_control_queue_is_ours(void **s)
{
	const u8 promisc[3] = { 0, 0, 1 };
	struct g_desc d[2];

	(void)s;
	card_up(BIT64(VIRTIO_NET_F_CTRL_VQ) | BIT64(VIRTIO_NET_F_CTRL_RX));
	g_in(0, 2048);
	g_kick(0);
	assert_int_equal(g_done(0), 0);
	d[0] = (struct g_desc){ .addr = g_alloc(3), .len = 3 };
	d[1] = (struct g_desc){ .addr = g_alloc(1), .len = 1 };
	memcpy(g.ram + d[0].addr, promisc, 3);
	g.ram[d[1].addr] = 9;
	g_chain(2, d, 1, 1);
	g_kick(2);
	assert_int_equal(g_done(2), 1);
	assert_int_equal(g.ram[d[1].addr], 0);
	card_end();
}

static void what_the_kernel_cannot_is_not_offered(void **s)
{
	struct err e = { 0 };

	(void)s;
	net_up("");
	kernel.offers &= ~(BIT64(VIRTIO_NET_F_MRG_RXBUF) |
			   BIT64(VIRTIO_F_EVENT_IDX));
	assert_int_equal(g_realize("virtio-net-device", card, &e), 0);
	assert_false(to_virtio(fake.dev)->offered &
		     (BIT64(VIRTIO_NET_F_MRG_RXBUF) |
		      BIT64(VIRTIO_F_EVENT_IDX) | BIT64(VIRTIO_F_RING_RESET)));
	card_end();
}

static void what_does_not_go_is_named(void **s)
{
	struct err e = { 0 };

	(void)s;
	net_up("");
	assert_true(netdev_dump_add(nets, "filter-dump,id=f,netdev=n0,"
				    "file=/dev/null", &e) < 0);
	assert_string_equal(e.msg, "filter-dump: netdev 'n0' has vhost=on: "
			    "its frames do not pass through here");
	kernel.refuse = VHOST_GET_FEATURES;
	kernel.why = -ENOTTY;
	assert_true(g_realize("virtio-net-device", card, &e) < 0);
	assert_non_null(strstr(e.msg, "vhost-net: descriptor"));
	card_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tap_is_the_kernels_while_the_driver_runs),
		cmocka_unit_test(a_tap_without_header_gets_the_kernels),
		cmocka_unit_test(pauses_cables_and_the_netdevs_end_take_it_back),
		cmocka_unit_test(a_queue_disabled_and_enabled_again_is_the_kernels_again),
		cmocka_unit_test(where_the_kernel_cannot_frames_pass_through_here),
		cmocka_unit_test(kicks_are_the_kernels_but_the_control_queue_is_ours),
		cmocka_unit_test(what_the_kernel_cannot_is_not_offered),
		cmocka_unit_test(what_does_not_go_is_named),
	};

	return cmocka_run_group_tests_name("virtio_net_vhost", tests, NULL,
					   NULL);
}
