// SPDX-License-Identifier: MIT
/*
 * virtio-net: frames in and out (virtio 1.2, 5.1.6).
 *
 * Talks to: two queues a pair; the netdev, which reads straight into the
 *           guest's buffers and writes straight from them.
 * Never:    allocates; holds a chain when it returns.
 */
#include "virtio/virtio_net.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

enum { RX_BUDGET = 256, TX_BUDGET = 256, FLUSH_EVERY = 32,
       RX_PIECES = NETDEV_IOV_MAX - 2 };       /* header, tail: rx_read */
enum { TX_HERE_FRAMES = 4, TX_HERE_BYTES = 4096 };

/* --- in -------------------------------------------------------------------- */

/* Chains of one frame: n->chains[0..got). */
struct rx_frame {
	struct virtq *q;
	struct vnet_rx *rx;
	unsigned got, iovs;
	u64 room, len;                 /* with the header                  */
};

static bool rx_pop(struct virtio_net *n, struct rx_frame *f)
{
	struct virtq_chain *c = &n->chains[f->got];

	if (f->got == VNET_RX_CHAINS)
		return false;
	c->iov = n->chain_iov + f->iovs;
	c->max = VIRTQ_CHAIN_MAX - f->iovs;
	if (!c->max || virtq_pop(f->q, c) <= 0)
		return false;
	f->got++;
	f->iovs += c->nout + c->nin;
	f->room += c->in_len;
	if (c->nout || (f->got == 1 && (c->in_len < VNET_HDR ||
					c->nin > RX_PIECES))) {
		virtio_break(&n->v, "a receive buffer is not writable, too "
			     "short or in too many pieces (5.1.6.3)");
		return false;
	}
	return true;
}

static void rx_unpop(struct virtio_net *n, struct rx_frame *f)
{
	while (f->got)
		virtq_unpop(f->q, &n->chains[--f->got]);
}

/* A frame from the netdev: as much as fits right behind the header's place of
 * the first chain, the rest in rx->buf where it would lie. */
static bool rx_read(struct virtio_net *n, struct rx_frame *f, unsigned pair)
{
	const struct virtq_chain *c = &n->chains[0];
	const u64 room = c->in_len - VNET_HDR;
	const bool vnet = netdev_vnet(n->netdev);
	ssize_t got;
	int used;

	n->iov[0] = (struct iovec){ f->rx->buf, VNET_HDR };
	used = iov_slice(c->iov, c->nin, VNET_HDR, room, n->iov + 1,
			 NETDEV_IOV_MAX);
	if (used < 0)
		return false;
	used++;
	if (room < NETDEV_FRAME_MAX)
		n->iov[used++] = (struct iovec){ f->rx->buf + VNET_HDR + room,
						 NETDEV_FRAME_MAX - room };
	got = netdev_recv(n->netdev, pair, n->iov + !vnet, used - !vnet);
	if (got <= 0)
		return false;
	if (!vnet) {
		memset(f->rx->buf, 0, VNET_HDR);
		got += VNET_HDR;
	}
	f->len = got;
	return true;
}

/* Does what was read belong here?  A frame shorter than its header is none. */
static bool rx_wanted(struct virtio_net *n, const struct rx_frame *f)
{
	const struct virtq_chain *c = &n->chains[0];
	const u64 head = MIN(f->len, (u64)VNET_HDR + 18) - MIN(f->len, VNET_HDR);
	u8 start[18];
	u64 direct;

	if (f->len < VNET_HDR + 14)
		return false;
	direct = iov_from(c->iov, c->nin, VNET_HDR, start, head);
	if (direct < head)
		memcpy(start + direct, f->rx->buf + VNET_HDR + direct,
		       head - direct);
	if (vnet_filter_pass(n, start, head))
		return true;
	n->filtered++;
	return false;
}

/* The first chain's part moves into buf, to wait with the rest. */
static void rx_hold(struct virtio_net *n, struct rx_frame *f)
{
	const struct virtq_chain *c = &n->chains[0];

	iov_from(c->iov, c->nin, VNET_HDR, f->rx->buf + VNET_HDR,
		 MIN(f->len, c->in_len) - VNET_HDR);
	f->rx->held = f->len;
}

/* Enough chains for the frame; false: the frame waits or is dropped. */
static bool rx_gather(struct virtio_net *n, struct rx_frame *f, bool held)
{
	const bool merge = virtio_has(&n->v, VIRTIO_NET_F_MRG_RXBUF);

	while (f->room < f->len) {
		if (merge && f->got < VNET_RX_CHAINS && rx_pop(n, f))
			continue;
		if (!merge || f->got == VNET_RX_CHAINS) {
			f->rx->held = 0;       /* never will it fit        */
			n->no_buffers++;
		} else if (!held) {
			rx_hold(n, f);
		}
		return false;
	}
	return true;
}

static void rx_give(struct virtio_net *n, struct rx_frame *f, bool held)
{
	struct virtio_net_hdr_v1 *h = (void *)f->rx->buf;
	u64 at = 0;

	h->num_buffers = f->got;
	for (unsigned i = 0; i < f->got; i++) {
		const struct virtq_chain *c = &n->chains[i];
		const u64 part = MIN(c->in_len, f->len - at);

		/* The first one's bytes are there but for the header. */
		virtq_write(c, 0, f->rx->buf + at,
			    i || held ? part : VNET_HDR);
		virtq_fill(f->q, c, part);
		at += part;
	}
	virtq_flush(f->q);
	f->rx->held = 0;
}

enum rx_next { RX_AGAIN, RX_IDLE, RX_STARVED };

static enum rx_next rx_one(struct virtio_net *n, unsigned pair)
{
	struct rx_frame f = { .q = virtio_q(&n->v, 2 * pair),
			      .rx = &n->rx[pair] };
	const bool held = f.rx->held;

	if (!rx_pop(n, &f)) {
		rx_unpop(n, &f);
		return RX_STARVED;
	}
	f.len = f.rx->held;
	if (!held && !rx_read(n, &f, pair)) {
		rx_unpop(n, &f);
		return RX_IDLE;
	}
	if (!held && !rx_wanted(n, &f)) {
		rx_unpop(n, &f);
		return RX_AGAIN;
	}
	if (!rx_gather(n, &f, held)) {
		rx_unpop(n, &f);
		return f.rx->held ? RX_STARVED : RX_AGAIN;
	}
	rx_give(n, &f, held);
	return RX_AGAIN;
}

void vnet_rx_run(struct virtio_net *n, unsigned pair)
{
	struct virtq *q = virtio_q(&n->v, 2 * pair);
	enum rx_next next = RX_AGAIN;

	if (!n->netdev || pair >= n->used_pairs || !q->enabled)
		return;
	virtq_want_kicks(q, false);
	for (unsigned i = 0; i < RX_BUDGET && next == RX_AGAIN; i++) {
		next = rx_one(n, pair);
		if (next == RX_STARVED && virtq_want_kicks(q, true))
			next = RX_AGAIN;
		if (i % FLUSH_EVERY == 0)      /* the first one soon       */
			virtio_notify(&n->v, 2 * pair);
	}
	virtio_notify(&n->v, 2 * pair);
	netdev_want_read(n->netdev, pair, next != RX_STARVED);
	if (next == RX_AGAIN)          /* a netdev may have read ahead     */
		virtio_kick_later(&n->v, 2 * pair);
}

/* --- out ------------------------------------------------------------------- */

typedef int send_fn(struct netdev *nd, unsigned q, const struct iovec *iov,
		    unsigned n);

/* 0 or -EAGAIN; what is no frame is dropped. */
static int tx_send(struct virtio_net *n, unsigned pair,
		   const struct virtq_chain *c, send_fn *send)
{
	const struct iovec *iov = c->iov;
	int niov = c->nout;

	if (c->out_len < VNET_HDR + 14 ||
	    c->out_len > VNET_HDR + NETDEV_FRAME_MAX || !n->netdev)
		return 0;
	if (!netdev_vnet(n->netdev)) {
		niov = iov_slice(c->iov, c->nout, VNET_HDR,
				 c->out_len - VNET_HDR, n->iov,
				 NETDEV_IOV_MAX - 1);
		iov = n->iov;
	}
	if (niov <= 0)
		return 0;
	return send(n->netdev, pair, iov, niov);
}

/* 1: one sent; 0: there is none; -EAGAIN: the netdev is full, or the frame
 * longer than `max`. */
static int tx_one(struct virtio_net *n, unsigned pair, struct virtq *q,
		  send_fn *send, u64 max)
{
	struct virtq_chain c = { .iov = n->chain_iov, .max = VIRTQ_CHAIN_MAX };

	if (virtq_pop(q, &c) <= 0)
		return 0;
	if (c.out_len < VNET_HDR || c.nin) {
		virtq_drop(q, &c);
		virtio_break(&n->v, "a frame to send without its header, or "
			     "writable (5.1.6.2)");
		return 0;
	}
	if (c.out_len > max || tx_send(n, pair, &c, send) == -EAGAIN) {
		virtq_unpop(q, &c);
		return -EAGAIN;
	}
	virtq_fill(q, &c, 0);
	return 1;
}

void vnet_tx_run(struct virtio_net *n, unsigned pair)
{
	struct virtq *q = virtio_q(&n->v, 2 * pair + 1);
	unsigned sent = 0;
	int rc;

	virtq_want_kicks(q, false);
	while ((rc = tx_one(n, pair, q, netdev_send, UINT64_MAX)) >= 0) {
		if (rc == 0 && !virtq_want_kicks(q, true))
			break;
		if (rc == 0)
			continue;
		if (++sent % FLUSH_EVERY == 0) {
			virtq_flush(q);
			virtio_notify(&n->v, 2 * pair + 1);
		}
		if (sent == TX_BUDGET) {       /* others wait for the loop */
			virtio_kick_later(&n->v, 2 * pair + 1);
			break;
		}
	}
	virtq_flush(q);
	virtio_notify(&n->v, 2 * pair + 1);
}

bool vnet_tx_here(struct virtio_net *n, unsigned pair)
{
	struct virtq *q = virtio_q(&n->v, 2 * pair + 1);
	int rc = 1;

	for (unsigned i = 0; rc > 0 && i < TX_HERE_FRAMES; i++) {
		rc = tx_one(n, pair, q, netdev_send_here, TX_HERE_BYTES);
		if (rc == 0 && virtq_want_kicks(q, true))
			rc = 1;
	}
	virtq_flush(q);
	virtio_notify(&n->v, 2 * pair + 1);
	return rc == 0;
}
