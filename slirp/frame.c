// SPDX-License-Identifier: MIT
/*
 * Frames on their way between a card with offloads and libslirp, which has
 * none: RFC 791, 793, 1071, 8200; virtio 1.2, 5.1.6.
 *
 * libslirp is told of an MTU of 64 KiB and believes that the guest takes
 * segments of that size (clamp_mss, the other way round); what it makes goes
 * to the guest as one large frame, or cut here.
 *
 * Never:    trusts a length in a frame.
 */
#include "slirp/slirp.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <string.h>

enum {
	ETH_LEN = 14, ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd,
	IPV4_MIN = 20, IPV6_LEN = 40, TCP_MIN = 20, PROTO_TCP = 6,
	TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_PSH = 0x08,
	TCP_OPT_END = 0, TCP_OPT_NOP = 1, TCP_OPT_MSS = 2,
	IPV4_MF = 0x2000,
	HEADERS_MAX = ETH_LEN + 60 + 60,
};

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static void put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* --- checksums (RFC 1071) -------------------------------------------------- */

/* Sum in the byte order of memory; `p` starts at an even place. */
static u64 sum_bytes(const u8 *p, size_t len, u64 sum)
{
	u32 w;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&w, p, 4);
		sum += w;
	}
	w = 0;
	memcpy(&w, p, len);
	return sum + w;
}

static u16 fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void put_sum(u8 *p, u64 sum)
{
	u16 v = fold(sum);

	memcpy(p, &v, 2);
}

/* --- where things are ------------------------------------------------------ */

struct packet {
	bool v6;
	size_t ip, l4, payload, end;   /* offsets                          */
	u8 proto;
	bool fragment;
};

/* False: neither IPv4 nor IPv6, or too short for what it says. */
static bool dissect(const u8 *f, size_t len, struct packet *p)
{
	*p = (struct packet){ .ip = ETH_LEN };
	if (len < ETH_LEN + IPV4_MIN)
		return false;
	if (get16(f + 12) == ETH_IPV4) {
		p->l4 = ETH_LEN + 4 * (f[ETH_LEN] & 15);
		p->end = ETH_LEN + get16(f + ETH_LEN + 2);
		p->proto = f[ETH_LEN + 9];
		p->fragment = get16(f + ETH_LEN + 6) & 0x3fff;
		return p->l4 >= ETH_LEN + IPV4_MIN && p->l4 <= p->end &&
		       p->end <= len;
	}
	if (get16(f + 12) != ETH_IPV6 || len < ETH_LEN + IPV6_LEN)
		return false;
	p->v6 = true;
	p->l4 = ETH_LEN + IPV6_LEN;
	p->end = p->l4 + get16(f + ETH_LEN + 4);
	p->proto = f[ETH_LEN + 6];
	return p->end <= len;
}

static bool dissect_tcp(const u8 *f, size_t len, struct packet *p)
{
	if (!dissect(f, len, p) || p->proto != PROTO_TCP || p->fragment ||
	    p->l4 + TCP_MIN > p->end)
		return false;
	p->payload = p->l4 + 4 * (f[p->l4 + 12] >> 4);
	return p->payload >= p->l4 + TCP_MIN && p->payload <= p->end;
}

/* The pseudo header's part of a TCP checksum. */
static u64 pseudo_sum(const u8 *f, const struct packet *p, size_t tcp_len)
{
	const u32 tail[2] = { htonl(tcp_len), htonl(PROTO_TCP) };
	const u64 addresses = p->v6 ? sum_bytes(f + p->ip + 8, 32, 0)
				    : sum_bytes(f + p->ip + 12, 8, 0);

	return sum_bytes((const u8 *)tail, sizeof(tail), addresses);
}

static void tcp_checksum(u8 *f, const struct packet *p, size_t end)
{
	put16(f + p->l4 + 16, 0);
	put_sum(f + p->l4 + 16, sum_bytes(f + p->l4, end - p->l4,
					  pseudo_sum(f, p, end - p->l4)));
}

static void ipv4_checksum(u8 *f, const struct packet *p)
{
	put16(f + p->ip + 10, 0);
	put_sum(f + p->ip + 10, sum_bytes(f + p->ip, p->l4 - p->ip, 0));
}

/* --- from the guest -------------------------------------------------------- */

static void raise_mss(u8 *f, const struct packet *p)
{
	size_t at = p->l4 + TCP_MIN;

	while (at + 4 <= p->payload && f[at] != TCP_OPT_END) {
		if (f[at] == TCP_OPT_NOP) {
			at++;
			continue;
		}
		if (f[at] == TCP_OPT_MSS && f[at + 1] == 4) {
			put16(f + at + 2, FRAME_IF_MTU - (p->l4 - p->ip) -
			      TCP_MIN);
			tcp_checksum(f, p, p->end);
			return;
		}
		if (f[at + 1] < 2)
			return;
		at += f[at + 1];
	}
}

bool frame_in(const u8 *vnet, u8 *frame, size_t len)
{
	struct virtio_net_hdr h;
	struct packet p;
	size_t at;

	memcpy(&h, vnet, sizeof(h));
	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		at = (size_t)h.csum_start + h.csum_offset;
		if (h.csum_start > len || at + 2 > len)
			return false;
		put_sum(frame + at, sum_bytes(frame + h.csum_start,
					      len - h.csum_start, 0));
	}
	if (dissect_tcp(frame, len, &p) && frame[p.l4 + 13] & TCP_SYN)
		raise_mss(frame, &p);
	return true;
}

/* --- to the guest ---------------------------------------------------------- */

/* As one frame: the card's driver deals with it. */
static void out_large(const u8 *frame, size_t len, const struct packet *p,
		      frame_out_fn *out, void *opaque)
{
	struct virtio_net_hdr_v1 h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = p->v6 ? VIRTIO_NET_HDR_GSO_TCPV6
				  : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = p->payload,
		.gso_size = FRAME_MTU - (p->payload - p->ip),
		.csum_start = p->l4, .csum_offset = 16,
	};
	u8 copy[SLIRP_FRAME_MAX];
	u16 sum;

	memcpy(copy, frame, len);
	sum = ~fold(pseudo_sum(copy, p, p->end - p->l4));
	memcpy(copy + p->l4 + 16, &sum, 2);
	out(opaque, (const u8 *)&h, copy, len);
}

/* As TCP segments that fit. */
static void out_segments(const u8 *frame, const struct packet *p,
			 frame_out_fn *out, void *opaque)
{
	const size_t head = p->payload, mss = FRAME_MTU - (head - p->ip);
	const struct virtio_net_hdr_v1 h = { 0 };
	u8 f[ETH_LEN + FRAME_MTU];
	size_t part;

	for (size_t at = head; at < p->end; at += part) {
		part = MIN(mss, p->end - at);
		memcpy(f, frame, head);
		memcpy(f + head, frame + at, part);
		put32(f + p->l4 + 4, get32(frame + p->l4 + 4) + (at - head));
		if (at + part < p->end)
			f[p->l4 + 13] &= ~(TCP_FIN | TCP_PSH);
		if (p->v6) {
			put16(f + p->ip + 4, head - p->l4 + part);
		} else {
			put16(f + p->ip + 2, head - p->ip + part);
			put16(f + p->ip + 4, get16(frame + p->ip + 4) +
			      (at - head) / mss);
			ipv4_checksum(f, p);
		}
		tcp_checksum(f, p, head + part);
		out(opaque, (const u8 *)&h, f, head + part);
	}
}

/* As IPv4 fragments (RFC 791, 3.2). */
static void out_fragments(const u8 *frame, const struct packet *p,
			  frame_out_fn *out, void *opaque)
{
	const size_t head = p->l4, room = (FRAME_MTU - (head - p->ip)) & ~7u;
	const struct virtio_net_hdr_v1 h = { 0 };
	u8 f[ETH_LEN + FRAME_MTU];
	size_t part;

	for (size_t at = head; at < p->end; at += part) {
		part = MIN(room, p->end - at);
		memcpy(f, frame, head);
		memcpy(f + head, frame + at, part);
		put16(f + p->ip + 2, head - p->ip + part);
		put16(f + p->ip + 6, (at - head) / 8 |
		      (at + part < p->end ? IPV4_MF : 0));
		ipv4_checksum(f, p);
		out(opaque, (const u8 *)&h, f, head + part);
	}
}

void frame_out(const u8 *frame, size_t len, unsigned offloads,
	       frame_out_fn *out, void *opaque)
{
	const struct virtio_net_hdr_v1 plain = {
		.flags = offloads & SLIRP_CSUM ? VIRTIO_NET_HDR_F_DATA_VALID
					       : 0,
	};
	struct packet p;

	if (len > SLIRP_FRAME_MAX)
		return;
	if (len <= ETH_LEN + FRAME_MTU)
		out(opaque, (const u8 *)&plain, frame, len);
	else if (dissect_tcp(frame, len, &p) && p.payload <= HEADERS_MAX) {
		if (offloads & (p.v6 ? SLIRP_TSO6 : SLIRP_TSO4))
			out_large(frame, len, &p, out, opaque);
		else
			out_segments(frame, &p, out, opaque);
	} else if (dissect(frame, len, &p) && !p.v6 && !p.fragment) {
		out_fragments(frame, &p, out, opaque);
	} else {
		out(opaque, (const u8 *)&plain, frame, len);
	}
}
