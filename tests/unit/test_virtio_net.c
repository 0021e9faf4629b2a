// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_net*.c over a pair of datagram sockets: frames,
 * merged buffers, the control queue, the filter, hostile drivers.
 */
#include "tests/unit/net_card.h"

#include <sys/socket.h>

static int peer, ours;

static void card_up(u64 features)
{
	struct err e = { 0 };
	char spec[80];
	int fds[2];

	g_memory();
	nets_up();
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	snprintf(spec, sizeof(spec),
		 "dgram,id=n0,local.type=fd,local.str=%d", fds[0]);
	assert_int_equal(netdev_add(nets, spec, &e), 0);
	peer = fds[1];
	ours = fds[0];
	card_start(features);
}

static void card_down(void)
{
	card_end();
	close(peer);
}

static void fill(u8 *f, unsigned len)
{
	memset(f, 0xff, 6);
	for (unsigned i = 6; i < len; i++)
		f[i] = i * 7;
}

#define MRG  BIT64(VIRTIO_NET_F_MRG_RXBUF)
#define CTRL (BIT64(VIRTIO_NET_F_CTRL_VQ) | BIT64(VIRTIO_NET_F_CTRL_RX) | \
	      BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	      BIT64(VIRTIO_NET_F_CTRL_VLAN) | BIT64(VIRTIO_NET_F_STATUS))

static void a_frame_to_send_reaches_the_peer_without_its_header(void **s)
{
	u8 packet[VNET_HDR + 100] = { 0 }, got[200];

	(void)s;
	card_up(0);
	fill(packet + VNET_HDR, 100);
	g_out(1, packet, sizeof(packet));
	g_kick(1);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 100);
	assert_memory_equal(got, packet + VNET_HDR, 100);
	assert_int_equal(g_take(1), 0);
	card_down();
}

static void a_received_frame_lands_behind_a_header(void **s)
{
	u8 frame[200];
	u64 at;

	(void)s;
	card_up(0);
	at = g_in(0, 2048);
	g_kick(0);
	fill(frame, sizeof(frame));
	assert_int_equal(send(peer, frame, sizeof(frame), 0), sizeof(frame));
	g_turns(3);
	assert_int_equal(g_take(0), VNET_HDR + sizeof(frame));
	assert_int_equal(g.ram[at + 10] | g.ram[at + 11] << 8, 1);
	assert_memory_equal(g.ram + at + VNET_HDR, frame, sizeof(frame));
	card_down();
}

/* More pieces than one readv takes: the frame must not stay, and keep the loop
 * awake, for ever. */
static void a_buffer_of_too_many_pieces_breaks_the_card(void **s)
{
	const struct g_desc piece = { .addr = G_DATA, .len = 16, .flags = 2 };
	struct g_desc table = { .len = 1024 * sizeof(piece) };
	u8 frame[100];

	(void)s;
	card_up(BIT64(VIRTIO_F_INDIRECT_DESC));
	table.addr = g_alloc(table.len);
	for (unsigned i = 0; i < 1024; i++) {
		struct g_desc *d = (void *)(g.ram + table.addr);

		d[i] = piece;
		d[i].flags |= i < 1023;
		d[i].next = i + 1;
	}
	g_chain(0, &table, 1, 0);
	g_descs(0)[0].flags = 4;
	g_kick(0);
	fill(frame, sizeof(frame));
	send(peer, frame, sizeof(frame), 0);
	g_turns(3);
	assert_true(g_broken());
	card_down();
}

static void a_large_frame_is_merged_from_several_buffers(void **s)
{
	u8 frame[3000];
	u64 at[3];

	(void)s;
	card_up(MRG);
	for (unsigned i = 0; i < 3; i++)
		at[i] = g_in(0, 1200);
	g_kick(0);
	fill(frame, sizeof(frame));
	send(peer, frame, sizeof(frame), 0);
	g_turns(3);
	assert_int_equal(g_done(0), 3);
	assert_int_equal(g_take(0), 1200);
	assert_int_equal(g_take(0), 1200);
	assert_int_equal(g_take(0), VNET_HDR + 3000 - 2400);
	assert_int_equal(g.ram[at[0] + 10], 3);
	assert_memory_equal(g.ram + at[0] + VNET_HDR, frame, 1188);
	assert_memory_equal(g.ram + at[1], frame + 1188, 1200);
	assert_memory_equal(g.ram + at[2], frame + 2388, 612);
	card_down();
}

static void a_frame_waits_until_there_are_enough_buffers(void **s)
{
	u8 frame[3000];
	u64 at[3];

	(void)s;
	card_up(MRG);
	at[0] = g_in(0, 1200);
	g_kick(0);
	fill(frame, sizeof(frame));
	send(peer, frame, sizeof(frame), 0);
	send(peer, frame, 60, 0);
	g_turns(3);
	assert_int_equal(g_done(0), 0);
	at[1] = g_in(0, 1200);
	g_kick(0);
	assert_int_equal(g_done(0), 0);
	at[2] = g_in(0, 1200);
	g_in(0, 1200);
	g_kick(0);
	assert_int_equal(g_done(0), 4);
	assert_memory_equal(g.ram + at[0] + VNET_HDR, frame, 1188);
	assert_memory_equal(g.ram + at[1], frame + 1188, 1200);
	assert_memory_equal(g.ram + at[2], frame + 2388, 612);
	card_down();
}

static void without_merging_what_does_not_fit_is_dropped(void **s)
{
	u8 frame[3000];

	(void)s;
	card_up(0);
	g_in(0, 1200);
	g_kick(0);
	fill(frame, sizeof(frame));
	send(peer, frame, sizeof(frame), 0);
	send(peer, frame, 60, 0);
	g_turns(3);
	assert_int_equal(g_done(0), 1);
	assert_int_equal(g_take(0), VNET_HDR + 60);
	card_down();
}

static u8 control(u8 class, u8 cmd, const void *data, unsigned len)
{
	struct g_desc d[2] = { { .addr = g_alloc(2 + len), .len = 2 + len },
			       { .addr = g_alloc(1), .len = 1 } };

	g.ram[d[0].addr] = class;
	g.ram[d[0].addr + 1] = cmd;
	if (len)
		memcpy(g.ram + d[0].addr + 2, data, len);
	g.ram[d[1].addr] = 0x55;
	g_chain(2, d, 1, 1);
	g_kick(2);
	assert_int_equal(g_take(2), 1);
	return g.ram[d[1].addr];
}

static bool arrives(const u8 *frame, unsigned len)
{
	g_in(0, 2048);
	g_kick(0);
	send(peer, frame, len, 0);
	g_turns(3);
	if (!g_done(0))
		return false;
	g_take(0);
	return true;
}

static void the_filter_is_what_the_driver_says(void **s)
{
	const u8 off = 0, on = 1;
	u8 frame[64] = { 0x52, 0x54, 0, 1, 2, 3 };
	u8 table[8 + 6] = { 1, 0, 0, 0, 0x52, 0x54, 0, 1, 2, 3 };
	u8 vlan[2] = { 5, 0 };

	(void)s;
	card_up(CTRL);
	assert_true(arrives(frame, 64));
	assert_int_equal(control(0, 0, &off, 1), 0);   /* not promiscuous */
	assert_false(arrives(frame, 64));
	assert_int_equal(control(1, 0, table, sizeof(table)), 0);
	assert_true(arrives(frame, 64));
	memset(frame, 0xff, 6);
	assert_true(arrives(frame, 64));
	frame[12] = 0x81;
	frame[15] = 5;
	assert_false(arrives(frame, 64));
	assert_int_equal(control(2, 0, vlan, 2), 0);
	assert_true(arrives(frame, 64));
	frame[0] = 1;                  /* multicast */
	assert_false(arrives(frame, 64));
	assert_int_equal(control(0, 1, &on, 1), 0);
	assert_true(arrives(frame, 64));
	card_down();
}

static void wrong_control_commands_are_answered_with_an_error(void **s)
{
	u8 huge[8] = { 0xff, 0xff, 0xff, 0xff }, pairs[2] = { 2, 0 };

	(void)s;
	card_up(CTRL);
	assert_int_equal(control(1, 0, huge, 8), 1);
	assert_int_equal(control(4, 0, pairs, 2), 1);  /* MQ: not offered */
	assert_int_equal(control(9, 0, NULL, 0), 1);
	assert_int_equal(control(3, 0, NULL, 0), 1);   /* nothing announced */
	assert_int_equal(control(1, 1, huge, 3), 1);
	assert_int_equal(control(2, 0, huge, 2), 1);   /* VLAN 65535 */
	assert_false(g_broken());
	card_down();
}

static void the_address_can_be_set(void **s)
{
	const u8 mac[6] = { 2, 0, 0, 0, 0, 9 };

	(void)s;
	card_up(CTRL);
	assert_int_equal(g.v->config[0], 0x52);
	assert_int_equal(control(1, 1, mac, 6), 0);
	assert_memory_equal(g.v->config, mac, 6);
	g_start(CTRL);                 /* a reset takes it back */
	assert_int_equal(g.v->config[0], 0x52);
	card_down();
}

static void the_link_follows_set_link(void **s)
{
	u8 frame[64] = { 0 };

	(void)s;
	card_up(CTRL);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 1);
	assert_int_equal(netdev_set_link(nets, "d0", false, NULL), 0);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 0);
	assert_false(arrives(frame, 64));
	assert_int_equal(netdev_set_link(nets, "n0", true, NULL), 0);
	g_turns(3);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 1);
	assert_int_equal(g_done(0), 1);
	card_down();
}

static void announcing_sends_rarp_and_asks_the_guest(void **s)
{
	u8 got[100];

	(void)s;
	card_up(CTRL | BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE));
	netdev_announce(nets, NULL);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 60);
	assert_int_equal(got[12] << 8 | got[13], 0x8035);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 3);
	assert_int_equal(control(3, 0, NULL, 0), 0);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 1);
	card_down();
}

static void a_full_peer_holds_frames_back_and_loses_none(void **s)
{
	u8 packet[VNET_HDR + 1000] = { 0 }, got[1200];
	unsigned sent = 0, received = 0;
	int small = 8192;

	(void)s;
	card_up(0);
	setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fill(packet + VNET_HDR, 1000);
	for (; sent < 60; sent++)
		g_out(1, packet, sizeof(packet));
	g_kick(1);
	assert_true(g_done(1) < 60);
	for (unsigned i = 0; i < 200 && received < sent; i++) {
		while (recv(peer, got, sizeof(got), 0) == 1000)
			received++;
		g_turns(1);
	}
	assert_int_equal(received, sent);
	assert_int_equal(g_done(1), sent);
	card_down();
}

static bool sent(unsigned len)
{
	u8 got[8192];

	return recv(peer, got, sizeof(got), 0) == len;
}

static void a_small_frame_leaves_with_the_kick_itself(void **s)
{
	u8 packet[VNET_HDR + 8000] = { 0 };

	(void)s;
	card_up(0);
	g_turns(3);
	fill(packet + VNET_HDR, 8000);
	g_out(1, packet, VNET_HDR + 100);
	virtio_queue_kick(g.v, 1);
	assert_true(sent(100));        /* the loop did not turn            */
	assert_int_equal(g_done(1), 1);
	g_out(1, packet, VNET_HDR + 8000);
	virtio_queue_kick(g.v, 1);     /* a long one is the loop's         */
	assert_false(sent(8000));
	g_turns(2);
	assert_true(sent(8000));
	for (unsigned i = 0; i < 6; i++)
		g_out(1, packet, VNET_HDR + 100);
	virtio_queue_kick(g.v, 1);     /* and what follows a few           */
	assert_int_equal(g_done(1), 2 + 4);
	g_turns(2);
	assert_int_equal(g_done(1), 2 + 6);
	card_down();
}

static void a_recorded_or_paused_card_sends_by_the_loop(void **s)
{
	u8 packet[VNET_HDR + 100] = { 0 };

	(void)s;
	card_up(0);
	assert_int_equal(netdev_dump_add(nets, "filter-dump,id=d,netdev=n0,"
					 "file=/dev/null", NULL), 0);
	g_out(1, packet, sizeof(packet));
	virtio_queue_kick(g.v, 1);
	assert_false(sent(100));
	g_turns(2);
	assert_true(sent(100));
	assert_int_equal(netdev_dump_del(nets, "d", NULL), 0);
	virtio_quiesce(fake.dev);
	g_out(1, packet, sizeof(packet));
	virtio_queue_kick(g.v, 1);
	g_turns(2);
	assert_false(sent(100));
	virtio_resume(fake.dev);
	g_turns(2);
	assert_true(sent(100));
	card_down();
}

static void a_card_that_is_full_leaves_a_kick_to_the_loop(void **s)
{
	u8 packet[VNET_HDR + 1000] = { 0 };
	unsigned n = 0, received = 0;
	int small = 8192;

	(void)s;
	card_up(0);
	setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (; n < 60; n++) {
		g_out(1, packet, sizeof(packet));
		virtio_queue_kick(g.v, 1);
		if (g_done(1) <= n)
			break;
	}
	assert_true(n < 60);
	for (unsigned i = 0; i < 50 && received <= n; i++) {
		while (sent(1000))
			received++;
		g_turns(1);
	}
	assert_int_equal(received, n + 1);
	assert_int_equal(g_done(1), n + 1);
	card_down();
}

static int eventfds;

static int count_eventfd(void *o, int efd, u64 at, unsigned len,
			 const u64 *match, bool on)
{
	eventfds += on ? 1 : -1;
	return 0;
}

static void kicks_are_no_eventfds_where_exits_are_cheap(void **s)
{
	static const char *const none[] = { NULL };

	(void)s;
	for (unsigned cheap = 0; cheap < 2; cheap++) {
		g_memory();
		fake.env.ioeventfd = count_eventfd;
		fake.env.cheap_exits = cheap;
		eventfds = 0;
		assert_int_equal(g_realize("virtio-net-device", none, NULL), 0);
		assert_int_equal(eventfds, cheap ? 0 : 3);
		fake_machine_down();
		assert_int_equal(eventfds, 0);
	}
}

/* As accel_switch does it. */
static void kicks_follow_the_provider_over_a_pause(void **s)
{
	static const char *const none[] = { NULL };

	(void)s;
	g_memory();
	fake.env.ioeventfd = count_eventfd;
	fake.env.cheap_exits = true;
	eventfds = 0;
	assert_int_equal(g_realize("virtio-net-device", none, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		device_quiesce(fake.dev);
		fake.env.cheap_exits = i & 1;
		device_resume(fake.dev);
		assert_int_equal(eventfds, i & 1 ? 0 : 3);
		device_quiesce(fake.dev);      /* and no oftener           */
		device_resume(fake.dev);
		assert_int_equal(eventfds, i & 1 ? 0 : 3);
	}
	fake.env.cheap_exits = false;
	device_quiesce(fake.dev);
	device_resume(fake.dev);
	fake_machine_down();
	assert_int_equal(eventfds, 0);
}

static void hostile_buffers_break_the_device_and_nothing_else(void **s)
{
	struct g_desc d[2] = { { .addr = G_DATA, .len = 4 },
			       { .addr = G_DATA, .len = 4 } };
	u8 frame[64] = { 0 };

	(void)s;
	card_up(0);
	g_chain(1, d, 1, 0);           /* no room for a header */
	g_kick(1);
	assert_true(g_broken());
	g_start(0);
	g_chain(1, d, 0, 1);           /* writable */
	g_kick(1);
	assert_true(g_broken());
	g_start(0);
	g_chain(0, d, 0, 1);           /* too short to receive into */
	g_kick(0);
	send(peer, frame, 64, 0);
	g_turns(3);
	assert_true(g_broken());
	g_start(CTRL);
	g_chain(2, d, 1, 0);           /* no room for an answer */
	g_kick(2);
	assert_true(g_broken());
	g_start(0);
	assert_false(g_broken());
	assert_true(arrives(frame, 64));
	card_down();
}

static void the_netdev_may_go_first(void **s)
{
	u8 packet[VNET_HDR + 100] = { 0 };

	(void)s;
	card_up(CTRL);
	assert_int_equal(netdev_del(nets, "n0", NULL), 0);
	g_out(1, packet, sizeof(packet));
	g_kick(1);
	assert_int_equal(g_done(1), 1);
	assert_int_equal(virtio_config_get(g.v, 6, 2), 0);
	card_down();
}

static void state_survives_a_round_trip(void **s)
{
	const u8 mac[6] = { 2, 0, 0, 0, 0, 9 }, off = 0;
	struct strbuf a = STRBUF_INIT;
	const struct state_desc *d;
	struct virtio_net *n;

	(void)s;
	card_up(CTRL);
	control(1, 1, mac, 6);
	control(0, 0, &off, 1);
	d = fake.dev->class->state;
	n = container_of(g.v, struct virtio_net, v);
	state_save(d, fake.dev, &a);
	device_reset(fake.dev);
	assert_int_not_equal(n->mac[0], 2);
	assert_int_equal(state_load(d, fake.dev, d->version, a.buf, a.len,
				    NULL), 0);
	assert_int_equal(d->post_load(fake.dev, d->version, NULL), 0);
	assert_memory_equal(n->mac, mac, 6);
	assert_false(n->filter.promisc);
	strbuf_fini(&a);
	card_down();
}

static void bad_properties_are_refused_with_a_sentence(void **s)
{
	static const char *const bad[][3] = {
		{ "mac", "52:54:0:zz:1:1", NULL }, { "duplex", "both", NULL },
		{ "host_mtu", "60", NULL }, { "rx_queue_size", "100", NULL },
	};

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		g_memory();
		assert_true(g_realize("virtio-net-device", bad[i], &e) < 0);
		assert_true(strlen(e.msg) > 10);
		fake_machine_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_to_send_reaches_the_peer_without_its_header),
		cmocka_unit_test(a_received_frame_lands_behind_a_header),
		cmocka_unit_test(a_buffer_of_too_many_pieces_breaks_the_card),
		cmocka_unit_test(a_large_frame_is_merged_from_several_buffers),
		cmocka_unit_test(a_frame_waits_until_there_are_enough_buffers),
		cmocka_unit_test(without_merging_what_does_not_fit_is_dropped),
		cmocka_unit_test(the_filter_is_what_the_driver_says),
		cmocka_unit_test(wrong_control_commands_are_answered_with_an_error),
		cmocka_unit_test(the_address_can_be_set),
		cmocka_unit_test(the_link_follows_set_link),
		cmocka_unit_test(announcing_sends_rarp_and_asks_the_guest),
		cmocka_unit_test(a_full_peer_holds_frames_back_and_loses_none),
		cmocka_unit_test(a_small_frame_leaves_with_the_kick_itself),
		cmocka_unit_test(a_recorded_or_paused_card_sends_by_the_loop),
		cmocka_unit_test(a_card_that_is_full_leaves_a_kick_to_the_loop),
		cmocka_unit_test(kicks_are_no_eventfds_where_exits_are_cheap),
		cmocka_unit_test(kicks_follow_the_provider_over_a_pause),
		cmocka_unit_test(hostile_buffers_break_the_device_and_nothing_else),
		cmocka_unit_test(the_netdev_may_go_first),
		cmocka_unit_test(state_survives_a_round_trip),
		cmocka_unit_test(bad_properties_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
