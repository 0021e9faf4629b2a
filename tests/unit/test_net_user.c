// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/net_user.c and the helper mote-slirp: ARP, DHCP, rules,
 * refusals, a helper that goes.
 */
#include "tests/unit/net_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char helper[4096];

static void up(const char *options)
{
	char spec[4400];

	net_up();
	snprintf(spec, sizeof(spec), "user,id=n0,helper=%s%s", helper,
		 options);
	net_add(spec);
	if (netdevs_ready(net.set, NETDEV_BUILD_MS, &net.e) < 0)
		fail_msg("%s", net.e.msg);
}

/* The helper refuses these options, with these words. */
static void refuses(const char *options, const char *words)
{
	char spec[4400];
	struct err e = { 0 };

	net_up();
	snprintf(spec, sizeof(spec), "user,id=n0,helper=%s%s", helper,
		 options);
	net_add(spec);
	assert_true(netdevs_ready(net.set, NETDEV_BUILD_MS, &e) < 0);
	if (!strstr(e.msg, words))
		fail_msg("%s: %s", options, e.msg);
	net_down();
}

static const u8 arp[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1,
	0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0, 0, 1,
	10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2,
};

static bool answers_arp(struct card *c)
{
	u8 packet[NETDEV_VNET_LEN + 60] = { 0 };

	memcpy(packet + NETDEV_VNET_LEN, arp, sizeof(arp));
	for (unsigned i = 0; i < 200; i++) {
		const u8 *f = c->got + NETDEV_VNET_LEN;

		if (i % 50 == 0)
			card_send(c, packet, sizeof(packet));
		net_turns(5);
		if (c->len > 54 && f[12] == 8 && f[13] == 6 && f[21] == 2)
			return f[31] == 2;
	}
	return false;
}

static void the_gateway_answers_arp(void **s)
{
	struct card *c;

	(void)s;
	up("");
	c = card_new("n0");
	assert_true(netdev_vnet(c->nd));
	assert_true(answers_arp(c));
	net_down();
	assert_true(c->gone);
	free(c);
}

static void nonsense_from_the_guest_does_no_harm(void **s)
{
	struct card *c;
	static u8 junk[66000];

	(void)s;
	up("");
	c = card_new("n0");
	for (unsigned i = 0; i < 3000; i++) {
		size_t n = NETDEV_VNET_LEN + rand() % 600;

		for (size_t k = 0; k < n; k++)
			junk[k] = rand();
		if (i % 3)             /* an IPv4 or IPv6 frame, says it   */
			memcpy(junk + NETDEV_VNET_LEN + 12,
			       i % 3 == 1 ? "\x08\x00\x45" : "\x86\xdd\x60",
			       3);
		card_send(c, junk, n);
		if (i % 20 == 0)
			net_turns(1);
	}
	card_send(c, junk, NETDEV_VNET_LEN + 65550);
	c->len = 0;
	assert_true(answers_arp(c));
	net_down();
	free(c);
}

static void rules_come_and_go(void **s)
{
	struct strbuf out = STRBUF_INIT;

	(void)s;
	up(",hostfwd=tcp:127.0.0.1:28101-:22");
	netdev_describe_user(net.set, &out);
	assert_non_null(strstr(out.buf, "28101"));
	assert_int_equal(netdev_hostfwd(net.set, NULL,
			 "udp:127.0.0.1:28102-:53", true, NULL), 0);
	assert_int_equal(netdev_hostfwd(net.set, "n0",
			 "tcp:127.0.0.1:28101", false, NULL), 0);
	assert_true(netdev_hostfwd(net.set, "n0", "tcp:127.0.0.1:28101",
				   false, &net.e) < 0);
	assert_non_null(strstr(net.e.msg, "28101"));
	assert_true(netdev_hostfwd(net.set, "n0", "icmp::1-:2", true,
				   &net.e) < 0);
	assert_true(netdev_hostfwd(net.set, "zz", "tcp::1-:2", true,
				   &net.e) < 0);
	strbuf_reset(&out);
	netdev_describe_user(net.set, &out);
	assert_null(strstr(out.buf, "28101"));
	assert_non_null(strstr(out.buf, "28102"));
	strbuf_fini(&out);
	net_down();
}

static void wrong_options_are_named(void **s)
{
	(void)s;
	refuses(",foo=1", "foo");
	refuses(",net=1.2.3", "1.2.3");
	refuses(",host=1.2.3.4", "not in the network");
	refuses(",dhcpstart=10.0.3.1", "not in the network");
	refuses(",hostfwd=tcp::22", "tcp::22");
	refuses(",hostfwd=tcp:1.2.3.4:80-:80", "1.2.3.4");
	refuses(",ipv6-prefixlen=200", "ipv6-prefixlen");
	refuses(",smb=/tmp", "not supported yet");
	refuses(",guestfwd=tcp:10.0.2.100:80-file", "not supported yet");
	refuses(",guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1", "HOST:PORT");
	refuses(",guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:1",
		"guestfwd to tcp:127.0.0.1:1: Connection refused");
	net_up();
	net_refused("user,id=x,helper=/nonexistent/helper", "/nonexistent");
	net_down();
}

/* The main loop stands still while it is waited for. */
static void a_helper_that_hangs_at_its_start_is_waited_for_so_long(void **s)
{
	static const char script[] = "#!/bin/sh\nexec sleep 60\n";
	char path[] = "/tmp/mote-hang-XXXXXX", spec[80];
	const int fd = mkstemp(path);
	struct err e = { 0 };
	s64 from;

	(void)s;
	assert_int_equal(write(fd, script, sizeof(script) - 1),
			 sizeof(script) - 1);
	fchmod(fd, 0700);
	close(fd);
	net_up();
	snprintf(spec, sizeof(spec), "user,id=n0,helper=%s", path);
	net_add(spec);
	from = clock_host_ns();
	assert_int_equal(netdevs_ready(net.set, 200, &e), -ETIMEDOUT);
	assert_true(clock_host_ns() - from >= 190000000);
	assert_true(clock_host_ns() - from < 5000000000);
	assert_non_null(strstr(e.msg, "does not answer"));
	net_down();
	unlink(path);
}

static void another_network_is_used(void **s)
{
	struct card *c;
	u8 p[NETDEV_VNET_LEN + 60] = { 0 };

	(void)s;
	up(",net=192.168.76.0/24,host=192.168.76.9,restrict=on");
	c = card_new("n0");
	memcpy(p + NETDEV_VNET_LEN, arp, sizeof(arp));
	memcpy(p + NETDEV_VNET_LEN + 38, "\xc0\xa8\x4c\x09", 4);
	card_send(c, p, sizeof(p));
	assert_true(net_wait(&c->frames, 1));
	net_down();
	free(c);
}

/* A process named mote-slirp below us. */
static pid_t child(void)
{
	char path[64], text[512] = "";
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	if (f && fgets(text, sizeof(text), f))
		pid = atoi(text);
	if (f)
		fclose(f);
	return pid;
}

static void an_answer_that_comes_late_is_not_the_next_ones(void **s)
{
	struct strbuf text = STRBUF_INIT;
	struct err e = { 0 };
	pid_t pid;
	s64 start;

	(void)s;
	up("");
	pid = child();
	if (pid <= 0) {
		net_down();
		skip();
	}
	kill(pid, SIGSTOP);
	netdev_describe_user(net.set, &text);
	assert_non_null(strstr(text.buf, "does not answer"));
	start = clock_host_ns();       /* asked again, nobody waits again */
	for (unsigned i = 0; i < 100; i++)
		netdev_describe_user(net.set, &text);
	assert_true(clock_host_ns() - start < 20 * 1000000000ll);
	kill(pid, SIGCONT);
	assert_true(netdev_hostfwd(net.set, NULL, "tcp:nonsense", true, &e) < 0);
	assert_non_null(strstr(e.msg, "nonsense"));
	strbuf_fini(&text);
	net_down();
}

static void a_helper_that_ends_takes_the_link_down(void **s)
{
	struct card *c;
	pid_t pid;

	(void)s;
	up("");
	c = card_new("n0");
	pid = child();
	if (pid <= 0) {
		net_down();
		free(c);
		skip();
	}
	kill(pid, SIGKILL);
	assert_true(net_wait(&c->links, 1));
	assert_false(netdev_link(c->nd));
	assert_int_equal(card_send(c, arp, sizeof(arp)), 0);
	net_down();
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gateway_answers_arp),
		cmocka_unit_test(nonsense_from_the_guest_does_no_harm),
		cmocka_unit_test(rules_come_and_go),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(
			a_helper_that_hangs_at_its_start_is_waited_for_so_long),
		cmocka_unit_test(another_network_is_used),
		cmocka_unit_test(an_answer_that_comes_late_is_not_the_next_ones),
		cmocka_unit_test(a_helper_that_ends_takes_the_link_down),
	};
	ssize_t n = readlink("/proc/self/exe", helper, sizeof(helper) - 64);
	char *at;

	helper[n > 0 ? n : 0] = 0;
	at = strstr(helper, "/tests/unit/");
	strcpy(at ? at : helper, "/mote-slirp");
	if (access(helper, X_OK) < 0) {
		printf("1..0 # SKIP no mote-slirp (no libslirp)\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
