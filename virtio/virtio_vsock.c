// SPDX-License-Identifier: MIT
/*
 * virtio-vsock: stream sockets between guest and host (virtio 1.2, 5.10).
 *
 * Talks to: three queues; connections (virtio_vsock_conn.c).
 * Never:    allocates for a packet; answers a reset with a reset; touches a
 *           socket but on the loop.
 */
#include "virtio/virtio_vsock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/un.h>

#include "virtio/vsock.h"

enum { BUDGET = 256, HDR = sizeof(struct vsock_hdr) };

static_assert(sizeof(struct vsock_hdr) == 44, "5.10.6");

static struct virtio_vsock *to_vsock(struct virtio *v)
{
	return container_of(v, struct virtio_vsock, v);
}

/* --- to the guest ---------------------------------------------------------- */

static struct vsock_hdr header(struct vsock_conn *c, u16 op)
{
	c->told = c->taken;
	return (struct vsock_hdr){
		.src_cid = VSOCK_HOST_CID, .dst_cid = c->s->guest_cid,
		.src_port = c->host_port, .dst_port = c->guest_port,
		.type = VSOCK_TYPE_STREAM, .op = op,
		.buf_alloc = VSOCK_BUF, .fwd_cnt = c->taken,
	};
}

/* What the socket has, as far as buffers and credit go. */
static bool next_data(struct vsock_conn *c, const struct virtq_chain *chain,
		      struct vsock_hdr *h)
{
	struct virtio_vsock *s = c->s;
	const u32 credit = c->peer_alloc - (c->sent - c->peer_fwd);
	const u64 room = MIN(chain->in_len - HDR, 64 * KiB);
	ssize_t got;
	int n;

	c->pending &= ~PEND_RW;
	if (!credit || credit > c->peer_alloc) {
		c->no_credit = true;   /* its next packet says more        */
		vsock_rewatch(c);
		return false;
	}
	n = iov_slice(chain->iov, chain->nin, HDR, MIN(room, credit), s->part,
		      VIRTQ_CHAIN_MAX);
	got = vsock_get(c, s->part, MAX(n, 0));
	if (got == 0) {
		vsock_rewatch(c);
		return false;
	}
	if (got < 0) {
		c->shut_sent |= VSOCK_SHUT_SEND;
		*h = header(c, VSOCK_OP_SHUTDOWN);
		h->flags = VSOCK_SHUT_SEND;
		vsock_rewatch(c);
		return true;
	}
	c->sent += got;
	*h = header(c, VSOCK_OP_RW);
	h->len = got;
	vsock_pend(c, PEND_RW);        /* there may be more                */
	return true;
}

static const struct {
	u8 pending;
	u16 op;
} simple_ops[] = {
	{ PEND_REQUEST, VSOCK_OP_REQUEST },
	{ PEND_RESPONSE, VSOCK_OP_RESPONSE },
	{ PEND_CREDIT, VSOCK_OP_CREDIT_UPDATE },
};

/* The next packet of this connection; false: it has none after all. */
static bool next_of(struct vsock_conn *c, const struct virtq_chain *chain,
		    struct vsock_hdr *h)
{
	if (c->pending & PEND_RST) {
		*h = header(c, VSOCK_OP_RST);
		vsock_free(c);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_LEN(simple_ops); i++) {
		if (!(c->pending & simple_ops[i].pending))
			continue;
		c->pending &= ~simple_ops[i].pending;
		*h = header(c, simple_ops[i].op);
		if (c->pending)
			vsock_pend(c, 0);
		return true;
	}
	return c->pending & PEND_RW && next_data(c, chain, h);
}

/* One packet into the chain; its bytes, or 0: nothing to say. */
static u32 fill_one(struct virtio_vsock *s, const struct virtq_chain *chain)
{
	struct vsock_hdr h = { 0 };

	if (s->nrsts) {
		const struct vsock_rst *r = &s->rsts[--s->nrsts];

		h = (struct vsock_hdr){
			.src_cid = VSOCK_HOST_CID, .dst_cid = r->cid,
			.src_port = r->src_port, .dst_port = r->dst_port,
			.type = VSOCK_TYPE_STREAM, .op = VSOCK_OP_RST,
		};
		virtq_write(chain, 0, &h, HDR);
		return HDR;
	}
	while (!list_empty(&s->ready)) {
		struct vsock_conn *c = list_entry(s->ready.next,
						  struct vsock_conn, ready);

		list_remove(&c->ready);
		if (!next_of(c, chain, &h))
			continue;
		virtq_write(chain, 0, &h, HDR);
		return HDR + h.len;
	}
	return 0;
}

void vsock_rx_run(struct virtio_vsock *s)
{
	struct virtq *q = virtio_q(&s->v, VSOCK_RX);
	struct virtq_chain c = { .iov = s->iov, .max = VIRTQ_CHAIN_MAX };
	unsigned n = 0;
	u32 written;

	if (!virtio_running(&s->v) || s->drop_all)
		return;
	while ((s->nrsts || !list_empty(&s->ready)) && n++ < BUDGET) {
		if (virtq_pop(q, &c) <= 0) {
			if (!virtq_want_kicks(q, true))
				break;
			continue;
		}
		if (c.nout || c.in_len < HDR) {
			virtq_drop(q, &c);
			virtio_break(&s->v, "a receive buffer is not writable "
				     "or too short (5.10.6)");
			return;
		}
		written = fill_one(s, &c);
		if (!written) {
			virtq_unpop(q, &c);
			break;
		}
		virtq_fill(q, &c, written);
	}
	virtq_flush(q);
	virtio_notify(&s->v, VSOCK_RX);
	if (n > BUDGET)
		virtio_kick_later(&s->v, VSOCK_RX);
}

/* --- from the guest -------------------------------------------------------- */

static void answer_rst(struct virtio_vsock *s, const struct vsock_hdr *h)
{
	if (h->op == VSOCK_OP_RST || s->nrsts == VSOCK_RSTS)
		return;
	s->rsts[s->nrsts++] = (struct vsock_rst){
		.cid = h->src_cid, .src_port = h->dst_port,
		.dst_port = h->src_port,
	};
}

static void take_request(struct virtio_vsock *s, const struct vsock_hdr *h)
{
	struct vsock_conn *c = vsock_reach(s, h->dst_port, h->src_port);

	if (!c) {
		answer_rst(s, h);
		return;
	}
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	vsock_pend(c, PEND_RESPONSE);
	vsock_rewatch(c);
}

static void take_credit(struct vsock_conn *c, const struct vsock_hdr *h)
{
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	if (c->no_credit && c->peer_alloc - (c->sent - c->peer_fwd)) {
		c->no_credit = false;
		vsock_pend(c, PEND_RW);
	}
}

static void take_data(struct vsock_conn *c, const struct vsock_hdr *h,
		      const struct virtq_chain *chain)
{
	if (c->state != CONN_OPEN || c->shut & VSOCK_SHUT_SEND ||
	    !vsock_put(c, chain, HDR, h->len))
		vsock_pend(c, PEND_RST);
}

static void take_known(struct vsock_conn *c, const struct vsock_hdr *h,
		       const struct virtq_chain *chain)
{
	take_credit(c, h);
	switch (h->op) {
	case VSOCK_OP_RESPONSE:
		if (c->state == CONN_ASKED)
			vsock_accepted(c);
		else
			vsock_pend(c, PEND_RST);
		break;
	case VSOCK_OP_RST:
		vsock_free(c);
		return;
	case VSOCK_OP_SHUTDOWN:
		c->shut |= h->flags & (VSOCK_SHUT_RCV | VSOCK_SHUT_SEND);
		vsock_shut(c);
		break;
	case VSOCK_OP_RW:
		take_data(c, h, chain);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		vsock_pend(c, PEND_CREDIT);
		break;
	default:                       /* a second REQUEST, or nonsense    */
		vsock_pend(c, PEND_RST);
	}
	vsock_rewatch(c);
}

static void take_packet(struct virtio_vsock *s, const struct virtq_chain *chain)
{
	struct vsock_conn *c;
	struct vsock_hdr h;

	if (virtq_read(chain, 0, &h, HDR) != HDR || h.len > chain->out_len - HDR) {
		virtio_break(&s->v, "a packet shorter than it says (5.10.6)");
		return;
	}
	if (h.src_cid != s->guest_cid || h.dst_cid != VSOCK_HOST_CID)
		return;                /* not ours to deliver              */
	if (h.type != VSOCK_TYPE_STREAM) {
		answer_rst(s, &h);
		return;
	}
	c = vsock_find(s, h.dst_port, h.src_port);
	if (c)
		take_known(c, &h, chain);
	else if (h.op == VSOCK_OP_REQUEST)
		take_request(s, &h);
	else
		answer_rst(s, &h);
}

static void tx_run(struct virtio_vsock *s)
{
	struct virtq *q = virtio_q(&s->v, VSOCK_TX);
	struct virtq_chain c = { .iov = s->iov, .max = VIRTQ_CHAIN_MAX };
	unsigned n = 0;

	/* Resets not delivered yet: more may not be asked for. */
	while (s->nrsts < VSOCK_RSTS && n++ < BUDGET) {
		if (virtq_pop(q, &c) <= 0) {
			if (!virtq_want_kicks(q, true))
				break;
			continue;
		}
		take_packet(s, &c);
		virtq_fill(q, &c, 0);
	}
	virtq_flush(q);
	virtio_notify(&s->v, VSOCK_TX);
	if (n > BUDGET)
		virtio_kick_later(&s->v, VSOCK_TX);
}

/* --- life ------------------------------------------------------------------ */

static void vsock_kick(struct virtio *v, unsigned q)
{
	struct virtio_vsock *s = to_vsock(v);
	const bool was_full = s->nrsts == VSOCK_RSTS;

	if (s->drop_all)
		vsock_drop_all(s, false);
	if (q == VSOCK_TX)
		tx_run(s);
	vsock_rx_run(s);
	if (q != VSOCK_TX && was_full && s->nrsts < VSOCK_RSTS)
		virtio_kick_later(v, VSOCK_TX);
}

static void on_timer(void *opaque)
{
	struct virtio_vsock *s = opaque;

	virtio_lock(&s->v);
	if (s->drop_all)
		vsock_drop_all(s, false);
	virtio_unlock(&s->v);
	vsock_listen_again(s);
}

/* Perhaps a vCPU: sockets are the loop's. */
static void vsock_reset(struct virtio *v)
{
	struct virtio_vsock *s = to_vsock(v);

	s->drop_all = true;
	timer_set(&s->timer, 0);
}

static int check_path(const struct virtio_vsock *s, struct err *e)
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 12;

	if (!s->uds_path || !*s->uds_path)
		return err_set(e, -EINVAL, "uds_path=PATH is missing: where "
			       "the host's side of the sockets is");
	if (strlen(s->uds_path) > max)
		return err_set(e, -EINVAL, "uds_path=%s is longer than %zu",
			       s->uds_path, max);
	return 0;
}

static void vsock_unrealize(struct virtio *v)
{
	struct virtio_vsock *s = to_vsock(v);

	vsock_drop_all(s, true);
	vsock_unlisten(s);
	timer_fini(&s->timer);
}

static int vsock_realize(struct virtio *v, struct err *e)
{
	struct virtio_vsock *s = to_vsock(v);
	int rc = vsock_set_cid(v, s->guest_cid, e);

	if (!rc)
		rc = check_path(s, e);
	if (rc < 0)
		return rc;
	v->loop = v->pci.dev.env->loop;
	s->listen_fd = -1;
	s->next_port = VSOCK_FIRST_PORT;
	list_init(&s->all);
	list_init(&s->ready);
	for (unsigned i = 0; i < VSOCK_BUCKETS; i++)
		list_init(&s->buckets[i]);
	timer_init(&s->timer, v->loop, NULL, on_timer, s);
	rc = vsock_listen(s, e);
	if (rc < 0)
		vsock_unrealize(v);
	return rc;
}

static void vsock_describe(struct virtio *v, struct strbuf *out)
{
	strbuf_addf(out, "connections = %u\n", to_vsock(v)->conns);
}

static const struct virtio_class virtio_vsock = {
	VSOCK_CLASS("virtio-vsock"),
	.realize = vsock_realize, .unrealize = vsock_unrealize,
	.reset = vsock_reset, .kick = vsock_kick, .describe = vsock_describe,
};

VSOCK_DEVICE(virtio_vsock, "virtio-vsock", struct virtio_vsock, virtio_vsock,
	     "Virtio sockets between guest and host",
	PROP("uds_path", PROP_STR, struct virtio_vsock, uds_path, NULL,
	     "unix socket of the host's side"),);
