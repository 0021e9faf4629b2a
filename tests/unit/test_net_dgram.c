// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/net_dgram.c: UDP, unix and multicast, refusals.
 */
#include "tests/unit/net_fixture.h"

#include <netinet/in.h>
#include <poll.h>

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

static struct card *on_fd(int fd)
{
	char spec[64];

	net_up();
	snprintf(spec, sizeof(spec), "dgram,id=a,local.type=fd,local.str=%d",
		 fd);
	net_add(spec);
	return card_new("a");
}

static void a_peer_that_is_gone_for_good_is_not_waited_for(void **s)
{
	struct card *c;
	int fds[2];

	(void)s;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	c = on_fd(fds[0]);
	assert_int_equal(send(fds[1], "hello", 5, 0), 5);
	assert_true(net_wait(&c->frames, 1));
	close(fds[1]);
	net_turns(5);
	assert_false(netdev_link(c->nd));
	assert_int_equal(c->links, 1);
	assert_int_equal(card_send(c, "x", 1), 0);
	net_down();
	free(c);
}

/* Nobody is at the port: an error that stays until it is looked at. */
static void an_error_of_the_socket_does_not_keep_the_loop_awake(void **s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), other;
	socklen_t len = sizeof(at);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct card *c;

	(void)s;
	other = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(other, (void *)&at, sizeof(at)), 0);
	getsockname(other, (void *)&at, &len);
	close(other);
	assert_int_equal(connect(fd, (void *)&at, sizeof(at)), 0);
	c = on_fd(fd);
	assert_int_equal(card_send(c, "x", 1), 0);
	if (poll(&p, 1, 1000) != 1)
		skip();                /* no such answers here             */
	net_turns(5);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(netdev_link(c->nd));
	net_down();
	free(c);
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
		cmocka_unit_test(a_peer_that_is_gone_for_good_is_not_waited_for),
		cmocka_unit_test(an_error_of_the_socket_does_not_keep_the_loop_awake),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
