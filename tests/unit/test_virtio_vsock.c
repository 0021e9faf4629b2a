// SPDX-License-Identifier: MIT
/*
 * Unit test: virtio/virtio_vsock*.c: connections both ways, credit, ends,
 * resets, hostile packets.
 */
#include "tests/unit/virtio_guest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "virtio/virtio_vsock.h"

enum { CID = 7, HDR = sizeof(struct vsock_hdr) };

static char dir[] = "/tmp/mote-vsock-XXXXXX";
static char path[64];
static u64 rx_at[1 << 16];
static unsigned rx_given, rx_seen;

static void give_buffers(unsigned n)
{
	while (n--)
		rx_at[rx_given++] = g_in(0, 4096);
	g_kick(0);
}

static void vsock_up(void)
{
	const char *const props[] = { "guest-cid", "7", "uds_path", path,
				      NULL };
	struct err e = { 0 };

	g_memory();
	rx_given = rx_seen = 0;
	assert_int_equal(g_realize("virtio-vsock-device", props, &e), 0);
	g_start(0);
	g_turns(2);
	give_buffers(32);
}

static void vsock_down(void)
{
	fake_machine_down();
	assert_int_not_equal(access(path, F_OK), 0);
}

static int client(const char *at)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, at);
	assert_int_equal(connect(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static int listener(u32 port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s_%u", path, port);
	unlink(a.sun_path);
	assert_int_equal(bind(fd, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	g_turns(4);
}

/* The next packet to the guest; its data in `data`. */
static struct vsock_hdr heard(void *data)
{
	struct vsock_hdr h = { 0 };
	u64 at = rx_at[rx_seen++];
	u32 len = g_take(0);

	memcpy(&h, g.ram + at, HDR);
	assert_int_equal(len, HDR + h.len);
	if (data)
		memcpy(data, g.ram + at + HDR, h.len);
	return h;
}

static void packet(u16 op, u32 host, u32 guest, const void *data, u32 len,
		   u32 flags)
{
	u8 p[8192];
	struct vsock_hdr h = {
		.src_cid = CID, .dst_cid = 2, .src_port = guest,
		.dst_port = host, .len = len, .type = 1, .op = op,
		.flags = flags, .buf_alloc = 65536,
	};

	memcpy(p, &h, HDR);
	if (len)
		memcpy(p + HDR, data, len);
	g_out(1, p, HDR + len);
	g_kick(1);
}

/* A client connected to the guest's port 1000; *host is its port. */
static int connected(u32 *host)
{
	int fd = client(path);
	struct vsock_hdr h;
	char text[64] = "", want[64];

	say(fd, "CONNECT 1000\n");
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_REQUEST);
	assert_int_equal(h.dst_port, 1000);
	assert_int_equal(h.src_cid, 2);
	assert_int_equal(h.dst_cid, CID);
	*host = h.src_port;
	packet(VSOCK_OP_RESPONSE, *host, 1000, NULL, 0, 0);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	snprintf(want, sizeof(want), "OK %u\n", *host);
	assert_string_equal(text, want);
	return fd;
}

static void a_client_connects_and_bytes_go_both_ways(void **s)
{
	char text[64] = "";
	struct vsock_hdr h;
	u32 host;
	int fd;

	(void)s;
	vsock_up();
	fd = connected(&host);
	say(fd, "hello");
	h = heard(text);
	assert_int_equal(h.op, VSOCK_OP_RW);
	assert_string_equal(text, "hello");
	packet(VSOCK_OP_RW, host, 1000, "world", 5, 0);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "world", 5);
	close(fd);
	vsock_down();
}

static void a_greeting_may_come_in_pieces_and_with_data_behind(void **s)
{
	struct vsock_hdr h;
	char text[64] = "";
	int fd;

	(void)s;
	vsock_up();
	fd = client(path);
	say(fd, "CONN");
	assert_int_equal(g_done(0), 0);
	say(fd, "ECT 9\nearly");
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_REQUEST);
	assert_int_equal(h.dst_port, 9);
	packet(VSOCK_OP_RESPONSE, h.src_port, 9, NULL, 0, 0);
	g_turns(4);
	h = heard(text);
	assert_string_equal(text, "early");
	close(fd);
	vsock_down();
}

static void nonsense_instead_of_a_greeting_closes(void **s)
{
	static const char *const bad[] = {
		"HELLO\n", "CONNECT x\n", "CONNECT 99999999999\n",
		"CONNECT 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
	};
	char c;

	(void)s;
	vsock_up();
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = client(path);

		say(fd, bad[i]);
		assert_true(recv(fd, &c, 1, 0) <= 0);
		assert_int_not_equal(errno, EAGAIN);
		errno = 0;
		close(fd);
	}
	assert_int_equal(g_done(0), 0);
	vsock_down();
}

static void a_guest_that_refuses_closes_the_client(void **s)
{
	struct vsock_hdr h;
	char c;
	int fd;

	(void)s;
	vsock_up();
	fd = client(path);
	say(fd, "CONNECT 1\n");
	h = heard(NULL);
	packet(VSOCK_OP_RST, h.src_port, 1, NULL, 0, 0);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_int_equal(g_done(0), 0);        /* no reset for a reset */
	close(fd);
	vsock_down();
}

static void the_guest_reaches_who_listens(void **s)
{
	int l, fd;
	struct vsock_hdr h;
	char text[8] = "";

	(void)s;
	vsock_up();
	l = listener(52);
	packet(VSOCK_OP_REQUEST, 52, 2000, NULL, 0, 0);
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_RESPONSE);
	assert_int_equal(h.src_port, 52);
	fd = accept(l, NULL, NULL);
	assert_true(fd >= 0);
	packet(VSOCK_OP_RW, 52, 2000, "ping", 4, 0);
	assert_int_equal(recv(fd, text, 8, 0), 4);
	packet(VSOCK_OP_SHUTDOWN, 52, 2000, NULL, 0, 3);
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_RST);
	assert_int_equal(recv(fd, text, 8, 0), 0);
	packet(VSOCK_OP_REQUEST, 53, 2000, NULL, 0, 0);
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_RST);  /* nobody there */
	close(fd);
	close(l);
	vsock_down();
}

static void without_credit_nothing_is_sent(void **s)
{
	struct vsock_hdr h = { 0 }, u;
	u8 data[8192];
	u32 host, total = 0;
	int fd;

	(void)s;
	vsock_up();
	fd = connected(&host);
	/* The guest takes 100 bytes only. */
	u = (struct vsock_hdr){ .src_cid = CID, .dst_cid = 2,
				.src_port = 1000, .dst_port = host, .type = 1,
				.op = VSOCK_OP_CREDIT_UPDATE,
				.buf_alloc = 100 };
	g_out(1, &u, HDR);
	g_kick(1);
	memset(data, 'x', sizeof(data));
	send(fd, data, 1000, 0);
	g_turns(6);
	while (g_done(0))
		total += heard(NULL).len;
	assert_int_equal(total, 100);
	u.fwd_cnt = 100;
	u.buf_alloc = 5000;
	g_out(1, &u, HDR);
	g_kick(1);
	g_turns(6);
	while (g_done(0))
		total += (h = heard(NULL)).len;
	assert_int_equal(total, 1000);
	assert_int_equal(h.op, VSOCK_OP_RW);
	close(fd);
	vsock_down();
}

static void a_slow_client_is_buffered_then_credit_is_given(void **s)
{
	u8 data[4096], got[65536];
	u32 host, sent = 0, received = 0, fwd = 0;
	ssize_t n;
	int fd;

	(void)s;
	vsock_up();
	fd = connected(&host);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = i;
	for (; sent < VSOCK_BUF; sent += sizeof(data)) {
		g.data = G_DATA + (1 << 20);   /* the same place again     */
		packet(VSOCK_OP_RW, host, 1000, data, sizeof(data), 0);
	}
	for (unsigned i = 0; i < 50; i++) {
		while ((n = recv(fd, got, sizeof(got), 0)) > 0)
			for (ssize_t k = 0; k < n; k++, received++)
				assert_int_equal(got[k], (u8)received);
		g_turns(2);
		while (g_done(0)) {
			struct vsock_hdr h = heard(NULL);

			assert_int_equal(h.op, VSOCK_OP_CREDIT_UPDATE);
			fwd = h.fwd_cnt;
		}
	}
	assert_int_equal(received, sent);
	assert_true(sent - fwd < VSOCK_BUF / 4);
	close(fd);
	vsock_down();
}

static void more_than_the_credit_ends_the_connection(void **s)
{
	u8 data[4096] = { 0 };
	u32 host;
	int fd;
	bool rst = false;

	(void)s;
	vsock_up();
	fd = connected(&host);
	for (u32 sent = 0; sent < 4 * VSOCK_BUF && !rst; sent += 4096) {
		g.data = G_DATA + (1 << 20);
		packet(VSOCK_OP_RW, host, 1000, data, sizeof(data), 0);
		while (g_done(0))
			rst |= heard(NULL).op == VSOCK_OP_RST;
	}
	assert_true(rst);
	close(fd);
	vsock_down();
}

static void a_client_that_goes_is_told_to_the_guest(void **s)
{
	struct vsock_hdr h;
	u32 host;
	int fd;

	(void)s;
	vsock_up();
	fd = connected(&host);
	shutdown(fd, SHUT_WR);
	g_turns(4);
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_SHUTDOWN);
	assert_int_equal(h.flags, VSOCK_SHUT_SEND);
	close(fd);
	g_turns(4);
	h = heard(NULL);
	assert_int_equal(h.op, VSOCK_OP_RST);
	vsock_down();
}

static void a_device_reset_drops_connections_but_not_new_clients(void **s)
{
	u32 host;
	int fd, early;
	char c;

	(void)s;
	vsock_up();
	fd = connected(&host);
	early = client(path);
	g_turns(3);
	g_start(0);
	rx_given = rx_seen = 0;
	g_turns(3);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	say(early, "CONNECT 5\n");
	give_buffers(4);
	assert_int_equal(heard(NULL).op, VSOCK_OP_REQUEST);
	close(fd);
	close(early);
	vsock_down();
}

static void hostile_packets_are_answered_or_break_the_device(void **s)
{
	struct vsock_hdr h = { .src_cid = CID, .dst_cid = 2, .src_port = 1,
			       .dst_port = 2, .type = 1,
			       .op = VSOCK_OP_RW };
	struct g_desc d = { .addr = G_DATA, .len = 8 };

	(void)s;
	vsock_up();
	g_out(1, &h, HDR);             /* a connection nobody knows */
	g_kick(1);
	assert_int_equal(heard(NULL).op, VSOCK_OP_RST);
	h.type = 2;
	g_out(1, &h, HDR);
	g_kick(1);
	assert_int_equal(heard(NULL).op, VSOCK_OP_RST);
	h.type = 1;
	h.src_cid = 99;                /* not its own address */
	g_out(1, &h, HDR);
	g_kick(1);
	assert_int_equal(g_done(0), 0);
	h.src_cid = CID;
	h.len = 100;                   /* longer than it is */
	g_out(1, &h, HDR);
	g_kick(1);
	assert_true(g_broken());
	g_start(0);
	g_chain(1, &d, 1, 0);
	g_kick(1);
	assert_true(g_broken());
	vsock_down();
}

static void a_flood_of_resets_waits_for_buffers(void **s)
{
	struct vsock_hdr h = { .src_cid = CID, .dst_cid = 2, .type = 1,
			       .op = VSOCK_OP_RW };
	unsigned total = 0;

	(void)s;
	vsock_up();
	for (unsigned i = 0; i < 200; i++) {
		while (g_done(1))
			g_take(1);
		h.src_port = i;
		g.data = MAX(g.data, G_DATA + (1 << 20));
		if ((u16)(g.q[1].avail - g.q[1].used) < G_RING - 1) {
			g_out(1, &h, HDR);
			g_kick(1);
		}
	}
	for (unsigned i = 0; i < 40; i++) {
		while (g_done(0)) {
			heard(NULL);
			total++;
		}
		give_buffers(8);
		g_turns(2);
	}
	assert_true(total > VSOCK_RSTS);
	assert_int_equal(g_done(1), (u16)(g.q[1].avail - g.q[1].used));
	vsock_down();
}

static void bad_properties_are_refused_with_a_sentence(void **s)
{
	const char *const bad[][5] = {
		{ "guest-cid", "2", "uds_path", path, NULL },
		{ "guest-cid", "3", NULL },
		{ "guest-cid", "3", "uds_path", "/nonexistent/x", NULL },
	};

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		g_memory();
		assert_true(g_realize("virtio-vsock-device", bad[i], &e) < 0);
		assert_true(strlen(e.msg) > 10);
		fake_machine_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_connects_and_bytes_go_both_ways),
		cmocka_unit_test(a_greeting_may_come_in_pieces_and_with_data_behind),
		cmocka_unit_test(nonsense_instead_of_a_greeting_closes),
		cmocka_unit_test(a_guest_that_refuses_closes_the_client),
		cmocka_unit_test(the_guest_reaches_who_listens),
		cmocka_unit_test(without_credit_nothing_is_sent),
		cmocka_unit_test(a_slow_client_is_buffered_then_credit_is_given),
		cmocka_unit_test(more_than_the_credit_ends_the_connection),
		cmocka_unit_test(a_client_that_goes_is_told_to_the_guest),
		cmocka_unit_test(a_device_reset_drops_connections_but_not_new_clients),
		cmocka_unit_test(hostile_packets_are_answered_or_break_the_device),
		cmocka_unit_test(a_flood_of_resets_waits_for_buffers),
		cmocka_unit_test(bad_properties_are_refused_with_a_sentence),
	};
	char left[80];
	int rc;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(left, sizeof(left), "%s_52", path);
	unlink(left);
	rmdir(dir);
	return rc;
}
