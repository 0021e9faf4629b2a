// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/netdev.c and net_dump.c: the set, links, announcements,
 * text, recordings.
 */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>

static int peer;

/* A netdev n0 whose other end is `peer`. */
static void wire_up(void)
{
	char spec[80];
	int fds[2];

	net_up();
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	snprintf(spec, sizeof(spec),
		 "dgram,id=n0,local.type=fd,local.str=%d", fds[0]);
	net_add(spec);
	peer = fds[1];
}

static void wire_down(void)
{
	net_down();
	close(peer);
}

static void wrong_specs_are_refused_by_name(void **s)
{
	(void)s;
	wire_up();
	net_refused("id=x", "type");
	net_refused("user", "id");
	net_refused("user,id=9x", "9x");
	net_refused("tap,id=n0", "n0");
	net_refused("nothing,id=x", "nothing");
	net_refused("vde,id=x", "not supported yet");
	net_refused("dgram,id=x,foo=1", "foo");
	assert_int_equal(netdev_del(net.set, "zz", NULL), -ENOENT);
	assert_int_equal(netdev_set_link(net.set, "zz", true, NULL), -ENOENT);
	wire_down();
}

static void frames_go_both_ways(void **s)
{
	char buf[16];
	struct card *c;

	(void)s;
	wire_up();
	c = card_new("n0");
	assert_int_equal(card_send(c, "abc", 3), 0);
	assert_int_equal(recv(peer, buf, 16, 0), 3);
	send(peer, "defg", 4, 0);
	net_turns(2);
	assert_int_equal(c->len, 4);
	assert_memory_equal(c->got, "defg", 4);
	wire_down();
	assert_true(c->gone);
	free(c);
}

static void a_netdev_has_one_card(void **s)
{
	struct card *c;
	struct err e = { 0 };

	(void)s;
	wire_up();
	c = card_new("n0");
	assert_int_equal(netdev_attach(c->nd, &card_client, c, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "card0"));
	netdev_detach(c->nd);
	assert_int_equal(netdev_attach(c->nd, &card_client, c, &e), 0);
	wire_down();
	free(c);
}

static void a_pulled_cable_carries_nothing(void **s)
{
	char buf[16];
	struct card *c;

	(void)s;
	wire_up();
	c = card_new("n0");
	assert_int_equal(netdev_set_link(net.set, "card0", false, NULL), 0);
	assert_int_equal(c->links, 1);
	assert_false(netdev_link(c->nd));
	card_send(c, "abc", 3);
	assert_int_equal(recv(peer, buf, 16, 0), -1);
	send(peer, "defg", 4, 0);
	net_turns(2);
	assert_int_equal(c->frames, 0);
	assert_int_equal(netdev_set_link(net.set, "n0", true, NULL), 0);
	net_turns(2);
	assert_int_equal(c->frames, 1);
	wire_down();
	free(c);
}

static void who_does_not_want_frames_gets_none(void **s)
{
	struct card *c;

	(void)s;
	wire_up();
	c = card_new("n0");
	netdev_want_read(c->nd, 0, false);
	send(peer, "defg", 4, 0);
	net_turns(3);
	assert_int_equal(c->frames, 0);
	netdev_want_read(c->nd, 0, true);
	net_turns(3);
	assert_int_equal(c->frames, 1);
	wire_down();
	free(c);
}

static void announcements_come_five_times_to_those_named(void **s)
{
	struct card *c;

	(void)s;
	wire_up();
	c = card_new("n0");
	netdev_announce(net.set, "other:card1");
	assert_int_equal(c->announced, 0);
	netdev_announce(net.set, "other:card0");
	assert_int_equal(c->announced, 1);
	assert_true(net_wait(&c->announced, 2));
	netdev_announce(net.set, NULL);
	assert_int_equal(c->announced, 3);
	wire_down();
	free(c);
}

static void addresses_are_given_out_once(void **s)
{
	u8 a[6], b[6];

	(void)s;
	wire_up();
	netdev_next_mac(net.set, a);
	netdev_next_mac(net.set, b);
	assert_int_equal(a[5], 0x56);
	assert_int_equal(b[5], 0x57);
	assert_true(netdev_parse_mac("0:1:2:a-b:ff", a));
	assert_int_equal(a[5], 0xff);
	assert_false(netdev_parse_mac("0:1:2:3:4", a));
	assert_false(netdev_parse_mac("0:1:2:3:4:5:6", a));
	assert_false(netdev_parse_mac("0:1:2:3:4.5", a));
	wire_down();
}

static void the_text_names_card_and_netdev(void **s)
{
	struct strbuf out = STRBUF_INIT;
	struct card *c;

	(void)s;
	wire_up();
	netdev_describe_all(net.set, &out);
	assert_non_null(strstr(out.buf, "n0: index=0,type=dgram,"));
	strbuf_reset(&out);
	c = card_new("n0");
	netdev_set_link(net.set, "n0", false, NULL);
	netdev_describe_all(net.set, &out);
	assert_non_null(strstr(out.buf, "card0: index=0,type=nic,"));
	assert_non_null(strstr(out.buf, " \\ n0: "));
	assert_non_null(strstr(out.buf, "link=off"));
	assert_string_equal(netdev_nth_name(net.set, 0, true), "n0");
	assert_string_equal(netdev_nth_name(net.set, 1, true), "card0");
	assert_null(netdev_nth_name(net.set, 2, true));
	strbuf_fini(&out);
	wire_down();
	free(c);
}

static void a_recording_holds_frames_of_both_ways(void **s)
{
	static const u8 magic[4] = { 0xd4, 0xc3, 0xb2, 0xa1 };
	char file[] = "/tmp/mote-pcap-XXXXXX", spec[128];
	struct card *c;
	u8 buf[256];
	int fd = mkstemp(file);

	(void)s;
	wire_up();
	c = card_new("n0");
	snprintf(spec, sizeof(spec),
		 "filter-dump,id=d,netdev=n0,file=%s,maxlen=5", file);
	assert_int_equal(netdev_dump_add(net.set, spec, &net.e), 0);
	assert_int_equal(netdev_dump_add(net.set, spec, &net.e), -EEXIST);
	card_send(c, "abc", 3);
	send(peer, "0123456789", 10, 0);
	net_turns(2);
	assert_int_equal(read(fd, buf, sizeof(buf)), 24 + 16 + 3 + 16 + 5);
	assert_memory_equal(buf, magic, 4);
	assert_int_equal(buf[24 + 8], 3);
	assert_memory_equal(buf + 40, "abc", 3);
	assert_int_equal(buf[43 + 8], 5);      /* kept */
	assert_int_equal(buf[43 + 12], 10);    /* was  */
	assert_memory_equal(buf + 59, "01234", 5);
	assert_int_equal(netdev_dump_del(net.set, "d", NULL), 0);
	assert_int_equal(netdev_dump_del(net.set, "d", NULL), -ENOENT);
	close(fd);
	unlink(file);
	wire_down();
	free(c);
}

static void a_recording_needs_a_netdev_and_a_file(void **s)
{
	struct err e = { 0 };

	(void)s;
	wire_up();
	assert_true(netdev_dump_add(net.set, "filter-dump,id=d,netdev=zz",
				    &e) < 0);
	assert_non_null(strstr(e.msg, "zz"));
	assert_true(netdev_dump_add(net.set, "filter-dump,id=d,netdev=n0,"
				    "file=/nonexistent/x", &e) < 0);
	assert_non_null(strstr(e.msg, "/nonexistent/x"));
	wire_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_specs_are_refused_by_name),
		cmocka_unit_test(frames_go_both_ways),
		cmocka_unit_test(a_netdev_has_one_card),
		cmocka_unit_test(a_pulled_cable_carries_nothing),
		cmocka_unit_test(who_does_not_want_frames_gets_none),
		cmocka_unit_test(announcements_come_five_times_to_those_named),
		cmocka_unit_test(addresses_are_given_out_once),
		cmocka_unit_test(the_text_names_card_and_netdev),
		cmocka_unit_test(a_recording_holds_frames_of_both_ways),
		cmocka_unit_test(a_recording_needs_a_netdev_and_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
