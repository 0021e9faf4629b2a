/* SPDX-License-Identifier: MIT */
/*
 * virtio-net: what its files share (virtio 1.2, 5.1).
 *
 * virtio_net.c       life, features, configuration space, the netdev's client
 * virtio_net_io.c    frames in and out
 * virtio_net_ctrl.c  the control queue, and which frames are for the guest
 * virtio_net_vhost.c queues the host's kernel works
 *
 * Invariant: outside a call no chain is held; a frame that found no buffers
 * waits in its queue's `buf`.
 */
#ifndef MOTE_VIRTIO_VIRTIO_NET_H
#define MOTE_VIRTIO_VIRTIO_NET_H

#include "virtio/vhost.h"
#include "virtio/virtio.h"
#include "vmm/net/netdev.h"

enum {                                 /* 5.1.3 */
	VIRTIO_NET_F_CSUM = 0, VIRTIO_NET_F_GUEST_CSUM = 1,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2, VIRTIO_NET_F_MTU = 3,
	VIRTIO_NET_F_MAC = 5, VIRTIO_NET_F_GUEST_TSO4 = 7,
	VIRTIO_NET_F_GUEST_TSO6 = 8, VIRTIO_NET_F_GUEST_ECN = 9,
	VIRTIO_NET_F_GUEST_UFO = 10, VIRTIO_NET_F_HOST_TSO4 = 11,
	VIRTIO_NET_F_HOST_TSO6 = 12, VIRTIO_NET_F_HOST_ECN = 13,
	VIRTIO_NET_F_HOST_UFO = 14, VIRTIO_NET_F_MRG_RXBUF = 15,
	VIRTIO_NET_F_STATUS = 16, VIRTIO_NET_F_CTRL_VQ = 17,
	VIRTIO_NET_F_CTRL_RX = 18, VIRTIO_NET_F_CTRL_VLAN = 19,
	VIRTIO_NET_F_CTRL_RX_EXTRA = 20, VIRTIO_NET_F_GUEST_ANNOUNCE = 21,
	VIRTIO_NET_F_MQ = 22, VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
	VIRTIO_NET_F_SPEED_DUPLEX = 63,
};

enum { VIRTIO_NET_S_LINK_UP = 1, VIRTIO_NET_S_ANNOUNCE = 2 };

enum {
	VNET_HDR = NETDEV_VNET_LEN, VNET_MACS = 64,
	VNET_RX_CHAINS = 256, VNET_FEATURES = 20,
};

/* What the guest said it wants to see (5.1.6.5.1 to .3). */
struct vnet_filter {
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	bool all_vlans;                /* the guest does not filter them   */
	u8 nuni, nmulti;
	bool uni_overflow, multi_overflow;
	u8 uni[VNET_MACS][6], multi[VNET_MACS][6];
	u32 vlans[4096 / 32];
};

struct vnet_rx {
	u8 *buf;                       /* header and a frame's tail, or all */
	u32 held;                      /* bytes in it; 0: nothing waits    */
};

struct virtio_net {
	struct virtio v;
	void *netdev;                  /* struct netdev, or NULL           */
	char *p_mac;
	u16 p_rx_size, p_tx_size, p_mtu;
	u32 p_speed, p_bootindex;
	char *p_duplex;
	bool p_features[VNET_FEATURES];

	u8 mac[6], first_mac[6];
	u16 pairs;                     /* there are                        */
	u16 used_pairs;                /* the guest uses                   */
	bool sync;                     /* netdev must hear of the features */
	u64 guest_offloads;            /* feature bits                     */
	struct vnet_filter filter;
	struct vnet_rx *rx;            /* pairs                            */
	u64 filtered, no_buffers;
	struct vhost *vhost;           /* pairs; NULL: none                */
	bool vhost_failed;             /* until a reset: frames pass through us */
	bool vhost_complained;

	/* Scratch of one call. */
	struct iovec iov[NETDEV_IOV_MAX + 2];
	struct iovec chain_iov[VIRTQ_CHAIN_MAX];
	struct virtq_chain chains[VNET_RX_CHAINS];
};

static inline struct virtio_net *to_net(struct virtio *v)
{
	return container_of(v, struct virtio_net, v);
}

static inline bool vnet_is_ctrl(const struct virtio_net *n, unsigned q)
{
	return q == (virtio_has(&n->v, VIRTIO_NET_F_MQ) ? 2u * n->pairs : 2u);
}

/* --- virtio_net_io.c --- */
void vnet_rx_run(struct virtio_net *n, unsigned pair);
void vnet_tx_run(struct virtio_net *n, unsigned pair);
/* What is quickly sent; false: vnet_tx_run must do the rest. [any] */
bool vnet_tx_here(struct virtio_net *n, unsigned pair);
/* --- virtio_net_ctrl.c --- */
void vnet_ctrl_run(struct virtio_net *n);
void vnet_filter_reset(struct virtio_net *n);
/* Is a frame that begins with these bytes for the guest? */
bool vnet_filter_pass(const struct virtio_net *n, const u8 *frame, u64 len);
/* --- virtio_net_vhost.c --- */
/* What the netdev has of it. [loop] */
int  vnet_vhost_open(struct virtio_net *n, struct err *e);
void vnet_vhost_close(struct virtio_net *n);           /* [loop] */
/* Lend the queues to the kernel or take them back, as things are now: to be
 * called after each change of them.  Device lock held. [vcpu, loop] */
void vnet_vhost_update(struct virtio_net *n);
static inline bool vnet_vhost_works(const struct virtio_net *n, unsigned q)
{
	return n->v.q[q].vhost;
}
/* --- virtio_net.c --- */
/* Tell the netdev what the guest takes and how many queues it uses. */
void vnet_sync(struct virtio_net *n);

#endif
