// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/net_dgram.c: UDP, unix and multicast, refusals.
 */
#include "tests/unit/net_fixture.h"

static void pair(const char *a, const char *b)
{
	struct card *x, *y;
	char big[1500] = { 0 };

	net_up();
	net_add(a);
	net_add(b);
	x = card_new("a");
	y = card_new("b");
	assert_int_equal(card_send(x, big, sizeof(big)), 0);
	assert_int_equal(card_send(x, "hello", 5), 0);
	assert_true(net_wait(&y->frames, 2));
	assert_int_equal(y->len, 5);
	assert_int_equal(card_send(y, "back", 4), 0);
	assert_true(net_wait(&x->frames, 1));
	assert_memory_equal(x->got, "back", 4);
	net_down();
	free(x);
	free(y);
}

static void udp_carries_a_frame_a_datagram(void **s)
{
	(void)s;
	pair("dgram,id=a,local.type=inet,local.host=127.0.0.1,local.port=28001,"
	     "remote.type=inet,remote.host=127.0.0.1,remote.port=28002",
	     "dgram,id=b,local.type=inet,local.host=127.0.0.1,local.port=28002,"
	     "remote.type=inet,remote.host=127.0.0.1,remote.port=28001");
}

static void unix_datagrams_do_too(void **s)
{
	(void)s;
	pair("dgram,id=a,local.type=unix,local.path=/tmp/mote-dg-a,"
	     "remote.type=unix,remote.path=/tmp/mote-dg-b",
	     "dgram,id=b,local.type=unix,local.path=/tmp/mote-dg-b,"
	     "remote.type=unix,remote.path=/tmp/mote-dg-a");
	assert_int_not_equal(access("/tmp/mote-dg-a", F_OK), 0);
}

static void a_group_reaches_every_member(void **s)
{
	static const char rest[] = ",local.type=inet,local.host=127.0.0.1,"
		"local.port=0,remote.type=inet,remote.host=230.1.2.3,"
		"remote.port=28003";
	struct card *x, *y;
	char spec[200];

	(void)s;
	net_up();
	snprintf(spec, sizeof(spec), "dgram,id=a%s", rest);
	if (netdev_add(net.set, spec, &net.e) < 0) {
		net_down();
		skip();                /* a host without multicast         */
	}
	snprintf(spec, sizeof(spec), "dgram,id=b%s", rest);
	net_add(spec);
	x = card_new("a");
	y = card_new("b");
	card_send(x, "all", 3);
	assert_true(net_wait(&y->frames, 1));
	net_down();
	free(x);
	free(y);
}

static void what_is_missing_is_named(void **s)
{
	(void)s;
	net_up();
	net_refused("dgram,id=a", "remote.type");
	net_refused("dgram,id=a,remote.type=inet", "remote.port");
	net_refused("dgram,id=a,remote.type=unix", "remote.path");
	net_refused("dgram,id=a,remote.type=x", "remote.type=x");
	net_refused("dgram,id=a,local.type=fd", "local.str");
	net_refused("dgram,id=a,local.type=fd,local.str=999", "999");
	net_refused("dgram,id=a,local.type=fd,local.str=0", "0");
	net_refused("dgram,id=a,remote.type=unix,remote.path=/x", "local=");
	net_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_carries_a_frame_a_datagram),
		cmocka_unit_test(unix_datagrams_do_too),
		cmocka_unit_test(a_group_reaches_every_member),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
