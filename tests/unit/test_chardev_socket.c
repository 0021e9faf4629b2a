/* SPDX-License-Identifier: MIT */
/* Unit test: vmm/core/chardev_socket.c: unix and TCP, both ends. */
#include "tests/unit/chardev_fixture.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

static void a_server_serves_one_client_after_the_other(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server=on,wait=off"));
	struct strbuf want = STRBUF_INIT;
	struct rec r;
	int a, b;

	strbuf_addf(&want, "disconnected:unix:%s/s,server=on", dir);
	expect_text(c, want.buf);
	rec_attach(&r, c);
	a = dial(in_dir("%s/s"));
	b = dial(in_dir("%s/s"));      /* waits in the backlog */
	RUN_UNTIL(!strcmp(r.events, "O"));
	expect_text(c, want.buf + strlen("disconnected:"));
	send_text(a, "from a");
	send_text(b, "from b");
	RUN_UNTIL(r.got.len == 6);
	turn();
	assert_string_equal(r.got.buf, "from a");
	chardev_write(&r.fe, "to a", 4);
	expect_bytes(a, "to a");
	close(a);
	RUN_UNTIL(r.got.len == 12);
	assert_string_equal(r.got.buf, "from afrom b");
	assert_string_equal(r.events, "OCO");
	chardev_write(&r.fe, "to b", 4);
	expect_bytes(b, "to b");
	close(b);
	RUN_UNTIL(!strcmp(r.events, "OCOC"));
	assert_int_equal(chardev_write(&r.fe, "nobody", 6), 6);
	rec_fini(&r);
	assert_int_equal(chardev_remove(set, "s0", NULL), 0);
	assert_int_equal(access(in_dir("%s/s"), F_OK), -1);
	strbuf_fini(&want);
}

static s64 cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void a_client_without_a_descriptor_left_waits_quietly(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server=on,wait=off"));
	struct rlimit was, none = { 0 };
	struct timer end;
	struct rec r;
	s64 begin;
	int a;

	rec_attach(&r, c);
	a = dial(in_dir("%s/s"));
	getrlimit(RLIMIT_NOFILE, &was);
	none.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	timer_init(&end, loop, NULL, stop_loop, loop);
	timer_set(&end, clock_host_ns() + 300000000);
	begin = cpu_ms();
	loop_run(loop);
	begin = cpu_ms() - begin;
	setrlimit(RLIMIT_NOFILE, &was);
	assert_in_range(begin, 0, 25);
	timer_fini(&end);
	RUN_UNTIL(r.events[0] == 'O');
	close(a);
	rec_fini(&r);
}

static void output_is_queued_then_refused_then_wanted_again(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server,nowait"));
	size_t sent = 0, got = 0, n;
	static char block[65536];
	struct rec r;
	int a;

	rec_attach(&r, c);
	a = dial(in_dir("%s/s"));
	RUN_UNTIL(r.events[0] == 'O');
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i % 251;
	do {
		n = chardev_write(&r.fe, block + sent % 251, 4096);
		sent += n;
		assert_true(sent < 64 * 1024 * 1024);
	} while (n == 4096);
	assert_null(strchr(r.events, 'W'));
	while (got < sent) {
		static u8 in[65536];
		ssize_t k = read(a, in, sizeof(in));

		for (ssize_t i = 0; i < k; i++)
			assert_int_equal(in[i], (got + i) % 251);
		got += k > 0 ? k : 0;
		turn();
	}
	assert_int_equal(got, sent);
	assert_string_equal(r.events, "OW");
	close(a);
	rec_fini(&r);
}

static void a_client_that_dies_with_output_queued_kills_nobody(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server,nowait"));
	static char block[300000];
	struct rec r;
	int a;

	rec_attach(&r, c);
	for (int i = 0; i < 3; i++) {
		size_t was = strlen(r.events);

		a = dial(in_dir("%s/s"));
		RUN_UNTIL(strlen(r.events) > was);
		chardev_write(&r.fe, block, sizeof(block));
		chardev_write(&r.fe, block, sizeof(block));
		close(a);
		chardev_write(&r.fe, block, sizeof(block));
		RUN_UNTIL(r.events[strlen(r.events) - 1] == 'C');
	}
	rec_fini(&r);
}

static void a_paused_reader_goes_on_after_a_kick(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server,nowait"));
	struct rec r;
	int a;

	rec_attach(&r, c);
	r.room = 0;
	a = dial(in_dir("%s/s"));
	send_text(a, "abcdef");
	for (int i = 0; i < 5; i++)
		turn();
	assert_int_equal(r.got.len, 0);
	r.room = 2;
	chardev_kick(&r.fe);
	RUN_UNTIL(r.got.len == 6);
	close(a);
	rec_fini(&r);
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { "x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &m, 0), 1);
}

static void descriptors_are_received(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server,nowait"));
	int a, p[2], got;
	struct rec r;

	rec_attach(&r, c);
	a = dial(in_dir("%s/s"));
	assert_int_equal(pipe(p), 0);
	assert_int_equal(chardev_take_fd(&r.fe), -1);
	send_fd(a, p[0]);              /* replaced by the next: closed */
	send_fd(a, p[1]);
	RUN_UNTIL(r.got.len == 2);
	got = chardev_take_fd(&r.fe);
	assert_true(got >= 0);
	assert_int_equal(chardev_take_fd(&r.fe), -1);
	assert_int_equal(write(got, "!", 1), 1);
	expect_bytes(p[0], "!");
	close(got);
	send_fd(a, p[1]);              /* never taken: closed with it */
	RUN_UNTIL(r.got.len == 3);
	close(p[0]);
	close(p[1]);
	close(a);
	rec_fini(&r);
}

/* "disconnected:tcp:127.0.0.1:PORT,server=on" */
static unsigned port_of(struct chardev *c)
{
	struct strbuf s = STRBUF_INIT;
	unsigned port;

	chardev_describe(c, &s);
	assert_int_equal(sscanf(s.buf, "disconnected:tcp:127.0.0.1:%u,server=on",
				&port), 1);
	strbuf_fini(&s);
	return port;
}

static void tcp_connects_both_ways(void **state)
{
	struct chardev *srv = open_ok("srv", "tcp:127.0.0.1:0,server,nowait");
	unsigned port = port_of(srv), other;
	struct strbuf s = STRBUF_INIT;
	struct chardev *cli;
	struct rec a, b;

	strbuf_addf(&s, "socket,id=cli,host=localhost,port=%u,nodelay=on", port);
	cli = open_ok(NULL, s.buf);
	rec_attach(&a, srv);
	rec_attach(&b, cli);
	RUN_UNTIL(a.events[0] == 'O' && b.events[0] == 'O');
	chardev_write(&a.fe, "ping", 4);
	chardev_write(&b.fe, "pong", 4);
	RUN_UNTIL(a.got.len == 4 && b.got.len == 4);
	strbuf_reset(&s);
	chardev_describe(srv, &s);
	assert_int_equal(sscanf(s.buf, "tcp:127.0.0.1:%u,server=on <-> "
				"127.0.0.1:%u", &port, &other), 2);
	rec_fini(&b);
	assert_int_equal(chardev_remove(set, "cli", NULL), 0);
	RUN_UNTIL(!strcmp(a.events, "OC"));
	rec_fini(&a);
	strbuf_fini(&s);
}

static void a_client_with_reconnect_comes_back(void **state)
{
	struct chardev *srv, *cli;
	struct rec a, b;

	cli = open_ok("cli", in_dir("unix:%s/s,reconnect-ms=20"));
	rec_attach(&b, cli);
	turn();
	for (int i = 0; i < 2; i++) {
		srv = open_ok("srv", in_dir("unix:%s/s,server,nowait"));
		rec_attach(&a, srv);
		RUN_UNTIL(strchr(a.events, 'O'));
		chardev_write(&b.fe, "hi", 2);
		RUN_UNTIL(a.got.len == 2);
		rec_fini(&a);
		assert_int_equal(chardev_remove(set, "srv", NULL), 0);
		RUN_UNTIL(b.events[strlen(b.events) - 1] == 'C');
	}
	assert_string_equal(b.events, "OCOC");
	rec_fini(&b);
}

/* The listener may not be there yet. */
static void *dial_later(void *opaque)
{
	while (access(opaque, F_OK) < 0)
		usleep(1000);
	usleep(20000);
	return (void *)(intptr_t)dial(opaque);
}

static void wait_on_blocks_until_a_client_is_there(void **state)
{
	void *path = (void *)in_dir("%s/s"), *fd;
	struct chardev *c;
	pthread_t t;
	struct rec r;

	close(STDERR_FILENO);          /* it says so on stderr */
	assert_int_equal(open("/dev/null", O_WRONLY), STDERR_FILENO);
	pthread_create(&t, NULL, dial_later, path);
	c = open_ok("s0", in_dir("unix:%s/s,server"));
	pthread_join(t, &fd);
	rec_attach(&r, c);
	send_text((int)(intptr_t)fd, "x");
	RUN_UNTIL(r.got.len == 1);
	close((int)(intptr_t)fd);
	rec_fini(&r);
}

static void what_cannot_be_is_refused_with_a_reason(void **state)
{
	char spec[512];

	open_fails("x", "socket", "chardev: socket: no path or host and port "
		   "given");
	open_fails("x", "tcp:127.0.0.1:1", "Failed to connect to '127.0.0.1:1': "
		   "Connection refused");
	open_fails("x", "tcp:nocolon", "error parsing address 'nocolon': "
		   "expected HOST:PORT");
	open_fails("x", "telnet:localhost:1,server", "not supported yet: chardev "
		   "back end 'telnet'");
	open_fails("x", "tcp:localhost:1,server,telnet=on", "not supported yet: "
		   "socket option 'telnet'");
	open_fails("x", "tcp:localhost:1,wait=off", "'wait' option is "
		   "incompatible with socket in client connect mode");
	open_fails("x", "tcp:localhost:1,server,reconnect=1", "'reconnect' "
		   "option is incompatible with socket in server listen mode");
	open_fails("x", "unix:/tmp/x,server,nowait,foo=1",
		   "Invalid parameter 'foo'");
	assert_int_equal(access("/tmp/x", F_OK), -1);
	memset(spec, 'p', sizeof(spec));
	memcpy(spec, "unix:", 5);
	spec[300] = '\0';
	assert_null(chardev_open(set, "x", spec, NULL));
}

static void *run_loop(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static void another_loop_moves_the_bytes(void **state)
{
	struct chardev *c = open_ok("s0", in_dir("unix:%s/s,server,nowait"));
	struct loop *io = loop_create("io", NULL);
	struct rec r;
	pthread_t t;

	chardev_set_loop(c, io);
	rec_attach(&r, c);
	pthread_create(&t, NULL, run_loop, io);
	for (int i = 0; i < 20; i++) {
		int a = dial(in_dir("%s/s"));

		turn();
		send_text(a, "x");
		chardev_write(&r.fe, "y", 1);  /* dropped or sent */
		chardev_kick(&r.fe);
		turn();
		close(a);
		usleep(500);
		turn();
	}
	for (int i = 0; i < 100; i++) {
		turn();
		usleep(500);
	}
	chardev_detach(&r.fe);
	loop_stop(io);
	pthread_join(t, NULL);
	assert_true(r.got.len >= 1 && r.got.len <= 20);
	loop_destroy(io);
	strbuf_fini(&r.got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_serves_one_client_after_the_other),
		TEST(a_client_without_a_descriptor_left_waits_quietly),
		TEST(output_is_queued_then_refused_then_wanted_again),
		TEST(a_client_that_dies_with_output_queued_kills_nobody),
		TEST(a_paused_reader_goes_on_after_a_kick),
		TEST(descriptors_are_received),
		TEST(tcp_connects_both_ways),
		TEST(a_client_with_reconnect_comes_back),
		TEST(wait_on_blocks_until_a_client_is_there),
		TEST(what_cannot_be_is_refused_with_a_reason),
		TEST(another_loop_moves_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
