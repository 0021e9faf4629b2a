// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/broker.c and spawn.c: what is started by whom, and what
 * is not any more once the broker is sealed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slirp/proto.h"
#include "vmm/net/broker.h"
#include "vmm/net/spawn.h"

static char dir[64], script[96], out[96], helper[96];
static int broker;
static struct err e;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static int up(void **s)
{
	char text[256];
	int rc;

	(void)s;
	e = (struct err){ 0 };
	strcpy(dir, "/tmp/mote-broker-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(script, sizeof(script), "%s/script", dir);
	snprintf(helper, sizeof(helper), "%s/helper", dir);
	snprintf(text, sizeof(text), "#!/bin/sh\necho $1 >>%s\n"
		 "[ $1 != bad ]\n", out);
	put(script, text);
	snprintf(text, sizeof(text), "#!/bin/sh\necho \"$1 $2\" >&%d\n",
		 SLIRP_CONTROL_FD);
	put(helper, text);
	rc = broker_fork("7:8", -1, &broker, &e);
	if (rc == 1)
		_exit(0);              /* the broker, done */
	assert_int_equal(rc, 0);
	return 0;
}

static int down(void **s)
{
	char cmd[96];

	(void)s;
	close(broker);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void wrote(const char *what)
{
	char buf[128] = "";
	FILE *f = fopen(out, "r");

	assert_non_null(f);
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) > 0);
	fclose(f);
	assert_string_equal(buf, what);
}

static void a_script_runs_with_the_interface_and_is_waited_for(void **s)
{
	(void)s;
	assert_int_equal(broker_script(broker, script, "tap0", &e), 0);
	wrote("tap0\n");
	assert_int_equal(broker_script(-1, script, "tap1", &e), 0);
	wrote("tap0\ntap1\n");
}

static void a_script_that_fails_says_so_on_both_ways(void **s)
{
	(void)s;
	for (int by = -1; by <= broker; by += broker + 1) {
		assert_int_equal(broker_script(by, script, "bad", &e), -EIO);
		assert_non_null(strstr(e.msg, "failed with status 1"));
		assert_int_equal(broker_script(by, "/nowhere", "tap0", &e),
				 -ENOENT);
		assert_non_null(strstr(e.msg, "/nowhere"));
	}
}

static void a_sealed_broker_runs_only_what_it_knows(void **s)
{
	(void)s;
	assert_int_equal(broker_script(broker, script, "up", &e), 0);
	assert_int_equal(broker_remember(broker, "/bin/true", &e), 0);
	broker_seal(broker);
	assert_int_equal(broker_script(broker, script, "down", &e), 0);
	wrote("up\ndown\n");
	assert_int_equal(broker_script(broker, "/bin/true", "tap0", &e), 0);
	assert_int_equal(broker_script(broker, "/bin/false", "tap0", &e),
			 -EPERM);
	assert_non_null(strstr(e.msg, "/bin/false"));
	assert_int_equal(broker_remember(broker, "/bin/false", &e), -EPERM);
	assert_int_equal(broker_helper(broker, "/bin/false", "", 0, 0,
				       &(pid_t){ 0 }, &e), -EPERM);
}

static void an_interface_is_a_name_and_no_more(void **s)
{
	static const char *const wrong[] = { "", "a b", "-x", "../x", "a;b",
					     "a_name_of_16_byt" };

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(broker_script(broker, script, wrong[i], &e),
				 -EINVAL);
	assert_int_equal(access(out, F_OK), -1);
}

/* What a helper said on its control socket. */
static void helper_says(int by, const char *words)
{
	int data[2], control[2];
	char buf[256] = "";
	pid_t pid = 0;
	struct pollfd p;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, data), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control), 0);
	assert_int_equal(broker_helper(by, helper, "net=10.0.0.0", data[1],
				       control[1], &pid, &e), 0);
	assert_int_equal(pid == 0, by >= 0);
	close(data[1]);
	close(control[1]);
	p = (struct pollfd){ .fd = control[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_true(recv(control[0], buf, sizeof(buf) - 1, 0) > 0);
	assert_string_equal(buf, words);
	close(data[0]);
	close(control[0]);
}

static void a_helper_gets_its_sockets_and_whom_to_become(void **s)
{
	(void)s;
	helper_says(-1, "net=10.0.0.0 \n");
	helper_says(broker, "net=10.0.0.0 7:8\n");
	broker_seal(broker);
	helper_says(broker, "net=10.0.0.0 7:8\n");
}

static void a_sealed_broker_passes_no_commands_in_options(void **s)
{
	(void)s;
	broker_seal(broker);
	assert_int_equal(broker_helper(broker, "",
				       "guestfwd=tcp:10.0.2.100:1-cmd:id",
				       broker, broker, &(pid_t){ 0 }, &e),
			 -EPERM);
	assert_non_null(strstr(e.msg, "-cmd:"));
}

static void what_is_too_long_is_a_sentence(void **s)
{
	static char longer[8192];

	(void)s;
	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(broker_script(broker, longer, "tap0", &e), -E2BIG);
	assert_int_equal(broker_script(broker, script, longer, &e), -E2BIG);
}

/* Whoever writes to the socket may be an enemy by then. */
static void nonsense_ends_the_broker_and_nothing_else(void **s)
{
	char buf[16] = "";

	(void)s;
	assert_int_equal(send(broker, "nonsense", 8, MSG_NOSIGNAL), 8);
	assert_true(recv(broker, buf, sizeof(buf), 0) <= 0);
	assert_int_equal(broker_script(broker, script, "tap0", &e), -EPIPE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(a_script_runs_with_the_interface_and_is_waited_for),
		T(a_script_that_fails_says_so_on_both_ways),
		T(a_sealed_broker_runs_only_what_it_knows),
		T(an_interface_is_a_name_and_no_more),
		T(a_helper_gets_its_sockets_and_whom_to_become),
		T(a_sealed_broker_passes_no_commands_in_options),
		T(what_is_too_long_is_a_sentence),
		T(nonsense_ends_the_broker_and_nothing_else),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
