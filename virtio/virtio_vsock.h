/* SPDX-License-Identifier: MIT */
/*
 * virtio-vsock: what its files share (virtio 1.2, 5.10).
 *
 * virtio_vsock.c       the device: packets from and to the guest
 * virtio_vsock_conn.c  connections and their unix sockets on the host
 *
 * The host's side is as Firecracker's users know it: who connects to
 * `uds_path` says "CONNECT PORT\n" and, once the guest accepted, hears
 * "OK PORT\n"; a guest that connects to CID 2 port P reaches who listens on
 * `uds_path`_P.
 *
 * Invariants:
 *  1. A connection with work for the receive queue is on `ready`, and only
 *     that one; `pending` says what work.
 *  2. Bytes of the guest not yet in the socket are at most VSOCK_BUF.
 */
#ifndef MOTE_VIRTIO_VIRTIO_VSOCK_H
#define MOTE_VIRTIO_VIRTIO_VSOCK_H

#include "virtio/virtio.h"
#include "vmm/base/list.h"

enum {                                 /* 5.10.6 */
	VSOCK_OP_REQUEST = 1, VSOCK_OP_RESPONSE = 2, VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4, VSOCK_OP_RW = 5, VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7,
	VSOCK_TYPE_STREAM = 1,
	VSOCK_SHUT_RCV = 1, VSOCK_SHUT_SEND = 2,
	VSOCK_HOST_CID = 2,
};

enum {
	VSOCK_RX = 0, VSOCK_TX = 1, VSOCK_EVENT = 2,
	VSOCK_CONNS_MAX = 512, VSOCK_BUCKETS = 256, VSOCK_RSTS = 64,
	VSOCK_BUF = 256 << 10, VSOCK_LINE = 32,
	VSOCK_FIRST_PORT = 1 << 30,
};

struct vsock_hdr {                     /* 5.10.6, little-endian, 44 bytes */
	u64 src_cid, dst_cid;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

enum vsock_state {
	CONN_HELLO,                    /* a client that has not said where */
	CONN_ASKED,                    /* the guest has to answer          */
	CONN_OPEN,
};

enum {                                 /* pending */
	PEND_REQUEST = BIT(0), PEND_RESPONSE = BIT(1), PEND_RW = BIT(2),
	PEND_CREDIT = BIT(3), PEND_SHUTDOWN = BIT(4), PEND_RST = BIT(5),
};

struct virtio_vsock;

struct vsock_conn {
	struct virtio_vsock *s;
	struct list all, bucket, ready;
	enum vsock_state state;
	u8 pending;
	u8 shut;                       /* VSOCK_SHUT_* the guest sent      */
	u8 shut_sent;                  /* and we sent, or will             */
	bool no_credit;                /* data waits for the guest's word  */
	int fd;
	u32 events;                    /* as the loop has it               */
	u32 host_port, guest_port;
	u32 peer_alloc, peer_fwd;      /* as the guest last said           */
	u32 sent;                      /* bytes to the guest               */
	u32 taken;                     /* of the guest's, into the socket  */
	u32 told;                      /* the `taken` the guest knows of   */
	u8 *buf;                       /* ring; NULL until it is needed    */
	u32 buf_at, buf_len;
	char line[VSOCK_LINE];         /* a client's first                 */
	unsigned line_len;
};

struct vsock_rst {
	u64 cid;
	u32 src_port, dst_port;
};

struct virtio_vsock {
	struct virtio v;
	u64 guest_cid;                 /* property                         */
	char *uds_path;                /* property                         */

	int listen_fd;
	struct timer timer;            /* what a vCPU left for the loop    */
	bool drop_all;                 /* the device was reset             */
	struct list all, ready, buckets[VSOCK_BUCKETS];
	unsigned conns;
	u32 next_port;
	struct vsock_rst rsts[VSOCK_RSTS];     /* to connections unknown   */
	unsigned nrsts;
	struct iovec iov[VIRTQ_CHAIN_MAX], part[VIRTQ_CHAIN_MAX];
};

/* --- virtio_vsock_conn.c; device lock held --- */
int  vsock_listen(struct virtio_vsock *s, struct err *e);
/* It rested for want of descriptors. */
void vsock_listen_again(struct virtio_vsock *s);
void vsock_unlisten(struct virtio_vsock *s);
struct vsock_conn *vsock_find(struct virtio_vsock *s, u32 host_port,
			      u32 guest_port);
/* The guest asks for `host_port`: who listens there?  NULL: nobody. */
struct vsock_conn *vsock_reach(struct virtio_vsock *s, u32 host_port,
			       u32 guest_port);
void vsock_free(struct vsock_conn *c);
/* All but clients the guest has not heard of. */
void vsock_drop_all(struct virtio_vsock *s, bool even_those);
void vsock_pend(struct vsock_conn *c, u8 work);
/* Watch for what the state asks for. */
void vsock_rewatch(struct vsock_conn *c);
/* The guest accepted; tell the client. */
void vsock_accepted(struct vsock_conn *c);
/* `len` bytes of the guest's, at `off` of the chain; false: too many. */
bool vsock_put(struct vsock_conn *c, const struct virtq_chain *chain, u64 off,
	       u32 len);
/* Read into iov; 0: nothing now, -1: the end. */
ssize_t vsock_get(struct vsock_conn *c, const struct iovec *iov, int n);
/* The guest's shutdown flags have grown. */
void vsock_shut(struct vsock_conn *c);

/* --- virtio_vsock.c --- */
void vsock_rx_run(struct virtio_vsock *s);

#endif
