// SPDX-License-Identifier: MIT
/*
 * Unit test: slirp/frame.c: checksums finished, segment sizes raised, large
 * frames cut; lengths that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

/* The helper's files are in no archive: this one is part of the test. */
#include "slirp/frame.c"

static struct {
	u8 f[64][1600];
	size_t len[64];
	unsigned n;
	struct virtio_net_hdr_v1 h;
} out_got;

static void keep(void *o, const u8 *vnet, const u8 *frame, size_t len)
{
	assert_true(out_got.n < 64);
	memcpy(&out_got.h, vnet, sizeof(out_got.h));
	out_got.len[out_got.n] = len;
	memcpy(out_got.f[out_got.n++], frame, MIN(len, 1600));
}

/* An IPv4 TCP segment with `opts` bytes of options and `len` of data. */
static size_t tcp4(u8 *f, unsigned opts, size_t len, u8 flags)
{
	memset(f, 0, 14 + 40 + opts);
	put16(f + 12, ETH_IPV4);
	f[14] = 0x45;
	put16(f + 16, 40 + opts + len);
	f[22] = 64;
	f[23] = PROTO_TCP;
	put32(f + 26, 0x0a000202);
	put32(f + 30, 0x0a00020f);
	put32(f + 38, 1000);
	f[46] = (5 + opts / 4) << 4;
	f[47] = flags;
	for (size_t i = 0; i < len; i++)
		f[54 + opts + i] = i * 31;
	return 54 + opts + len;
}

static bool tcp_sum_right(const u8 *f, size_t len)
{
	struct packet p;

	return dissect_tcp(f, len, &p) &&
	       fold(sum_bytes(f + p.l4, p.end - p.l4,
			      pseudo_sum(f, &p, p.end - p.l4))) == 0;
}

static void a_partial_checksum_is_finished(void **s)
{
	u8 f[2000];
	size_t len = tcp4(f, 0, 101, 0x10);
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
		.csum_offset = 16,
	};
	struct packet p;
	u16 sum;

	(void)s;
	assert_true(dissect_tcp(f, len, &p));
	sum = ~fold(pseudo_sum(f, &p, p.end - p.l4));
	memcpy(f + 50, &sum, 2);
	assert_true(frame_in((u8 *)&h, f, len));
	assert_true(tcp_sum_right(f, len));
}

static void a_checksum_outside_the_frame_is_refused(void **s)
{
	static const u16 bad[][2] = { { 100, 0 }, { 60, 39 }, { 0, 99 },
				      { 65535, 65535 }, { 99, 0 } };
	u8 f[100] = { 0 };

	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct virtio_net_hdr h = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = bad[i][0], .csum_offset = bad[i][1],
		};

		assert_false(frame_in((u8 *)&h, f, 100));
	}
}

static void a_syn_offers_large_segments(void **s)
{
	struct virtio_net_hdr h = { 0 };
	u8 f[200];
	size_t len = tcp4(f, 8, 0, TCP_SYN);

	(void)s;
	memcpy(f + 54, "\x01\x01\x02\x04\x05\xb4\x00\x00", 8);
	assert_true(frame_in((u8 *)&h, f, len));
	assert_int_equal(get16(f + 58), FRAME_IF_MTU - 40);
	assert_true(tcp_sum_right(f, len));
	len = tcp4(f, 8, 0, TCP_SYN);          /* options that lie */
	memcpy(f + 54, "\x03\x00\x02\x04\x05\xb4\x02\x04", 8);
	assert_true(frame_in((u8 *)&h, f, len));
	assert_int_equal(get16(f + 58), 1460);
}

static void large_tcp_goes_as_one_frame_where_it_may(void **s)
{
	static u8 f[66000];
	size_t len = tcp4(f, 12, 20000, 0x18);

	(void)s;
	memset(&out_got, 0, sizeof(out_got));
	frame_out(f, len, SLIRP_CSUM | SLIRP_TSO4, keep, NULL);
	assert_int_equal(out_got.n, 1);
	assert_int_equal(out_got.len[0], len);
	assert_int_equal(out_got.h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(out_got.h.gso_size, 1500 - 20 - 32);
	assert_int_equal(out_got.h.hdr_len, 66);
	assert_int_equal(out_got.h.csum_start, 34);
}

static void else_it_is_cut_into_segments(void **s)
{
	static u8 f[66000];
	size_t len = tcp4(f, 12, 20000, 0x19), total = 0;

	(void)s;
	memset(&out_got, 0, sizeof(out_got));
	frame_out(f, len, 0, keep, NULL);
	assert_int_equal(out_got.n, (20000 + 1447) / 1448);
	for (unsigned i = 0; i < out_got.n; i++) {
		const u8 *g = out_got.f[i];
		const size_t data = out_got.len[i] - 66;

		assert_true(out_got.len[i] <= 1514);
		assert_true(tcp_sum_right(g, out_got.len[i]));
		assert_int_equal(fold(sum_bytes(g + 14, 20, 0)), 0);
		assert_int_equal(get32(g + 38), 1000 + total);
		assert_int_equal(g[47] & 1, i + 1 == out_got.n);
		assert_memory_equal(g + 66, f + 66 + total, data);
		total += data;
	}
	assert_int_equal(total, 20000);
}

static void other_ipv4_is_cut_into_fragments(void **s)
{
	static u8 f[66000];
	size_t len = tcp4(f, 0, 5000, 0), total = 0;

	(void)s;
	f[23] = 17;                    /* UDP */
	memset(&out_got, 0, sizeof(out_got));
	frame_out(f, len, SLIRP_TSO4, keep, NULL);
	assert_int_equal(out_got.n, 4);
	for (unsigned i = 0; i < out_got.n; i++) {
		const u8 *g = out_got.f[i];
		const u16 field = get16(g + 20);

		assert_int_equal((field & 0x1fff) * 8, total);
		assert_int_equal(!!(field & IPV4_MF), i + 1 < out_got.n);
		assert_int_equal(fold(sum_bytes(g + 14, 20, 0)), 0);
		total += out_got.len[i] - 34;
	}
	assert_int_equal(total, 5020);
}

static void small_frames_pass_as_they_are(void **s)
{
	u8 f[60] = { 1, 2, 3 };

	(void)s;
	memset(&out_got, 0, sizeof(out_got));
	frame_out(f, 60, SLIRP_CSUM, keep, NULL);
	assert_int_equal(out_got.len[0], 60);
	assert_memory_equal(out_got.f[0], f, 60);
	assert_int_equal(out_got.h.flags, VIRTIO_NET_HDR_F_DATA_VALID);
}

static void random_frames_do_no_harm(void **s)
{
	static u8 f[4000];
	struct virtio_net_hdr h;

	(void)s;
	for (unsigned i = 0; i < 200000; i++) {
		size_t len = rand() % 200;

		for (size_t k = 0; k < len; k++)
			f[k] = rand();
		if (len > 15)
			memcpy(f + 12, i & 1 ? "\x08\x00\x45" : "\x86\xdd\x60",
			       3);
		if (len > 24)
			f[i & 1 ? 23 : 20] = PROTO_TCP;
		memset(&h, rand(), sizeof(h));
		frame_in((u8 *)&h, f, len);
	}
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = tcp4(f, rand() % 10 * 4, 1600 + rand() % 100,
				  rand());

		f[14 + rand() % 40] = rand();
		memset(&out_got, 0, sizeof(out_got));
		frame_out(f, len, rand() & 7, keep, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_partial_checksum_is_finished),
		cmocka_unit_test(a_checksum_outside_the_frame_is_refused),
		cmocka_unit_test(a_syn_offers_large_segments),
		cmocka_unit_test(large_tcp_goes_as_one_frame_where_it_may),
		cmocka_unit_test(else_it_is_cut_into_segments),
		cmocka_unit_test(other_ipv4_is_cut_into_fragments),
		cmocka_unit_test(small_frames_pass_as_they_are),
		cmocka_unit_test(random_frames_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
