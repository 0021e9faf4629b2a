// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/net_tap.c with a tap of this host, where it lets us.
 */
#include "tests/unit/net_fixture.h"

#include <endian.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/if_packet.h>

static bool may_tap(void)
{
	bool ok = netdev_add(net.set, "tap,id=probe", &net.e) == 0;

	if (ok)
		netdev_del(net.set, "probe", NULL);
	return ok;
}

#define NEEDS_TAP() do { net_up(); if (!may_tap()) { net_down(); skip(); } } \
	while (0)

/* A packet socket on the interface, which comes up. */
static int other_side(const char *name)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htobe16(3));
	struct ifreq r = { 0 };
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htobe16(3),
				 .sll_ifindex = if_nametoindex(name) };

	snprintf(r.ifr_name, IFNAMSIZ, "%s", name);
	r.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static void frames_pass_the_interface_with_their_header(void **s)
{
	u8 f[NETDEV_VNET_LEN + 64] = { 0 }, got[256];
	struct card *c;
	ssize_t n = 0;
	int fd;

	(void)s;
	NEEDS_TAP();
	net_add("tap,id=n0,ifname=motetest0");
	c = card_new("n0");
	assert_true(netdev_vnet(c->nd));
	netdev_set_offloads(c->nd, NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6);
	fd = other_side("motetest0");
	memset(f + NETDEV_VNET_LEN, 0xff, 6);
	f[NETDEV_VNET_LEN + 6] = 2;
	f[NETDEV_VNET_LEN + 12] = 0x88;
	f[NETDEV_VNET_LEN + 13] = 0xb5;
	assert_int_equal(card_send(c, f, sizeof(f)), 0);
	for (unsigned i = 0; i < 100; i++) {
		n = recv(fd, got, sizeof(got), 0);
		if (n == 64 && got[12] == 0x88)
			break;
		net_turns(1);
	}
	assert_int_equal(n, 64);
	c->frames = 0;
	assert_int_equal(send(fd, f + NETDEV_VNET_LEN, 64, 0), 64);
	assert_true(net_wait(&c->frames, 1));
	close(fd);
	net_down();
	free(c);
}

static void several_queues_are_attached_as_they_are_used(void **s)
{
	struct card *c;

	(void)s;
	NEEDS_TAP();
	net_add("tap,id=n0,queues=4");
	c = card_new("n0");
	assert_int_equal(netdev_queues(c->nd), 4);
	netdev_use_queues(c->nd, 4);
	netdev_use_queues(c->nd, 1);
	netdev_use_queues(c->nd, 99);
	net_down();
	free(c);
}

static void scripts_run_with_the_interface(void **s)
{
	char dir[] = "/tmp/mote-tap-XXXXXX", file[64], mark[64], spec[200];
	FILE *f;

	(void)s;
	NEEDS_TAP();
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/up", dir);
	snprintf(mark, sizeof(mark), "%s/mark", dir);
	f = fopen(file, "w");
	fprintf(f, "#!/bin/sh\n[ \"$1\" = motetest1 ] && echo $1 >>%s\n", mark);
	fchmod(fileno(f), 0755);
	fclose(f);
	snprintf(spec, sizeof(spec), "tap,id=n0,ifname=motetest1,script=%s,"
		 "downscript=%s", file, file);
	net_add(spec);
	assert_int_equal(access(mark, F_OK), 0);
	unlink(mark);
	netdev_del(net.set, "n0", NULL);
	assert_int_equal(access(mark, F_OK), 0);
	net_refused("tap,id=n0,script=/bin/false", "/bin/false");
	net_refused("tap,id=n0,script=/nonexistent", "/nonexistent");
	unlink(mark);
	unlink(file);
	rmdir(dir);
	net_down();
}

static void what_does_not_go_is_named(void **s)
{
	(void)s;
	net_up();
	net_refused("tap,id=n0,fd=0,ifname=x", "fd=");
	net_refused("tap,id=n0,fd=999", "999");
	net_refused("tap,id=n0,fd=2", "2");
	net_refused("tap,id=n0,queues=0", "queues");
	net_refused("tap,id=n0,ifname=averyveryverylongname", "ifname");
	net_refused("tap,id=n0,br=br0", "not supported yet");
	net_refused("tap,id=n0,vhost=maybe", "vhost");
	if (access("/dev/vhost-net", F_OK) < 0 &&
	    access("/dev/net/tun", R_OK | W_OK) == 0)
		net_refused("tap,id=n0,vhost=on", "/dev/vhost-net");
	net_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_the_interface_with_their_header),
		cmocka_unit_test(several_queues_are_attached_as_they_are_used),
		cmocka_unit_test(scripts_run_with_the_interface),
		cmocka_unit_test(what_does_not_go_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
