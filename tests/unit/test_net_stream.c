// SPDX-License-Identifier: MIT
/*
 * Unit test: vmm/net/net_stream.c: framing, half frames, hostile peers,
 * reconnecting.
 */
#include "tests/unit/net_fixture.h"

#include <arpa/inet.h>
#include <sys/un.h>

static char path[64];

static int peer_fd(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(connect(fd, (void *)&a, sizeof(a)), 0);
	net_turns(2);
	return fd;
}

static struct card *server_up(void)
{
	char spec[160];

	net_up();
	snprintf(path, sizeof(path), "/tmp/mote-stream-%d", (int)getpid());
	snprintf(spec, sizeof(spec),
		 "stream,id=n0,server=on,addr.type=unix,addr.path=%s", path);
	net_add(spec);
	return card_new("n0");
}

static void server_down(struct card *c)
{
	net_down();
	free(c);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void frame(int fd, u32 len, u8 byte)
{
	u8 buf[70000];
	u32 head = htonl(len);

	memcpy(buf, &head, 4);
	memset(buf + 4, byte, len);
	assert_int_equal(send(fd, buf, 4 + len, 0), 4 + len);
}

static void frames_carry_their_length(void **s)
{
	struct card *c = server_up();
	u8 buf[64];
	int fd;

	(void)s;
	assert_false(netdev_link(c->nd));
	fd = peer_fd();
	assert_true(netdev_link(c->nd));
	card_send(c, "abcdef", 6);
	assert_int_equal(recv(fd, buf, 64, 0), 10);
	assert_memory_equal(buf, "\0\0\0\006abcdef", 10);
	frame(fd, 100, 'x');
	frame(fd, 60, 'y');
	net_turns(2);
	assert_int_equal(c->frames, 2);
	assert_int_equal(c->len, 60);
	assert_int_equal(c->got[0], 'y');
	close(fd);
	server_down(c);
}

static void a_frame_may_come_in_pieces(void **s)
{
	struct card *c = server_up();
	int fd = peer_fd();
	static const char bytes[] = "\0\0\0\005hello\0\0\0\002ab";

	(void)s;
	for (unsigned i = 0; i < sizeof(bytes) - 1; i++) {
		send(fd, bytes + i, 1, 0);
		net_turns(1);
	}
	assert_int_equal(c->frames, 2);
	assert_memory_equal(c->got, "ab", 2);
	close(fd);
	server_down(c);
}

static void a_length_that_cannot_be_ends_the_connection(void **s)
{
	static const u32 bad[] = { 0, 70000, 0x80000000, 0xffffffff };
	struct card *c = server_up();
	char b;

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		u32 head = htonl(bad[i]);
		int fd = peer_fd();

		assert_true(netdev_link(c->nd));
		send(fd, &head, 4, 0);
		net_turns(4);
		assert_int_equal(recv(fd, &b, 1, 0), 0);
		assert_false(netdev_link(c->nd));
		close(fd);
	}
	assert_int_equal(c->frames, 0);
	server_down(c);
}

static void the_next_client_takes_over(void **s)
{
	struct card *c = server_up();
	int fd = peer_fd();

	(void)s;
	close(fd);
	net_turns(4);
	assert_false(netdev_link(c->nd));
	fd = peer_fd();
	net_turns(2);
	frame(fd, 20, 'z');
	net_turns(2);
	assert_int_equal(c->frames, 1);
	assert_true(c->links >= 3);
	close(fd);
	server_down(c);
}

/* A peer that does not read gets whole frames in the end. */
static void a_half_sent_frame_is_finished_first(void **s)
{
	struct card *c = server_up();
	static u8 data[60000], got[1 << 20];
	unsigned sent = 0;
	size_t have = 0;
	int fd = peer_fd();

	(void)s;
	memset(data, 'q', sizeof(data));
	while (sent < 500 && card_send(c, data, sizeof(data)) == 0)
		sent++;
	assert_true(sent < 500);
	for (unsigned i = 0; i < 2000 && have < sent * 60004ull; i++) {
		ssize_t n = recv(fd, got, sizeof(got), 0);

		have += n > 0 ? n : 0;
		if (n <= 0)
			net_turns(1);
	}
	assert_int_equal(have, sent * 60004ull);
	net_turns(3);
	assert_true(c->writable > 0);
	assert_int_equal(card_send(c, data, 100), 0);
	close(fd);
	server_down(c);
}

static void a_client_connects_again(void **s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char spec[160], both[200];
	struct card *c;
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), fd = -1;

	(void)s;
	net_up();
	snprintf(path, sizeof(path), "/tmp/mote-stream-%d", (int)getpid());
	snprintf(spec, sizeof(spec), "stream,id=n0,addr.type=unix,"
		 "addr.path=%s", path);
	net_refused(spec, path);
	strcat(spec, ",reconnect-ms=50");
	strcpy(both, spec);
	strcat(both, ",reconnect=1");
	net_refused(both, "mutually exclusive");
	net_add(spec);
	c = card_new("n0");
	strcpy(a.sun_path, path);
	assert_int_equal(bind(l, (void *)&a, sizeof(a)), 0);
	listen(l, 1);
	for (unsigned i = 0; i < 5000 && fd < 0; i++) {
		net_turns(1);
		fd = accept(l, NULL, NULL);
	}
	assert_true(fd >= 0);
	assert_true(netdev_link(c->nd));
	close(fd);
	close(l);
	unlink(path);
	net_down();
	free(c);
}

static void the_older_spelling_works_over_tcp(void **s)
{
	struct card *a, *b;
	struct strbuf out = STRBUF_INIT;
	char spec[128], *at;

	(void)s;
	net_up();
	net_add("socket,id=n0,listen=127.0.0.1:0");
	netdev_describe_all(net.set, &out);
	at = strstr(out.buf, "127.0.0.1:");
	assert_non_null(at);
	snprintf(spec, sizeof(spec), "socket,id=n1,connect=%.*s",
		 (int)strcspn(at, ",\n"), at);
	net_add(spec);
	a = card_new("n0");
	b = card_new("n1");
	net_turns(5);
	assert_int_equal(card_send(a, "over tcp", 8), 0);
	assert_true(net_wait(&b->frames, 1));
	assert_memory_equal(b->got, "over tcp", 8);
	net_refused("socket,id=n2", "exactly one");
	net_refused("socket,id=n2,listen=x", "HOST:PORT");
	strbuf_fini(&out);
	net_down();
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_carry_their_length),
		cmocka_unit_test(a_frame_may_come_in_pieces),
		cmocka_unit_test(a_length_that_cannot_be_ends_the_connection),
		cmocka_unit_test(the_next_client_takes_over),
		cmocka_unit_test(a_half_sent_frame_is_finished_first),
		cmocka_unit_test(a_client_connects_again),
		cmocka_unit_test(the_older_spelling_works_over_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
