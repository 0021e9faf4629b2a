// SPDX-License-Identifier: MIT
/*
 * virtio-net: the control queue and the receive filter (virtio 1.2, 5.1.6.5).
 *
 * Never:    believes a count of the guest's before its bytes are there.
 */
#include "virtio/virtio_net.h"

#include <string.h>

enum {
	CTRL_RX = 0, CTRL_MAC = 1, CTRL_VLAN = 2, CTRL_ANNOUNCE = 3,
	CTRL_MQ = 4, CTRL_GUEST_OFFLOADS = 5,

	RX_PROMISC = 0, RX_ALLMULTI = 1, RX_ALLUNI = 2, RX_NOMULTI = 3,
	RX_NOUNI = 4, RX_NOBCAST = 5,
	MAC_TABLE_SET = 0, MAC_ADDR_SET = 1,
	VLAN_ADD = 0, VLAN_DEL = 1,
	ANNOUNCE_ACK = 0,
	MQ_VQ_PAIRS_SET = 0,
	GUEST_OFFLOADS_SET = 0,

	CTRL_BUDGET = 64,
};

/* --- the filter ------------------------------------------------------------ */

/* A device starts with what is for its own address (5.1.6.5.1). */
void vnet_filter_reset(struct virtio_net *n)
{
	memset(&n->filter, 0, sizeof(n->filter));
	n->filter.promisc = true;      /* until the driver says otherwise  */
	n->filter.all_vlans = true;
}

static bool in_table(const u8 (*table)[6], unsigned n, const u8 *mac)
{
	for (unsigned i = 0; i < n; i++)
		if (!memcmp(table[i], mac, 6))
			return true;
	return false;
}

static bool vlan_pass(const struct vnet_filter *f, const u8 *frame, u64 len)
{
	unsigned id;

	if (f->all_vlans || len < 16 || frame[12] != 0x81 || frame[13] != 0x00)
		return true;
	id = (frame[14] << 8 | frame[15]) & 0xfff;
	return f->vlans[id / 32] >> id % 32 & 1;
}

bool vnet_filter_pass(const struct virtio_net *n, const u8 *frame, u64 len)
{
	static const u8 broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	const struct vnet_filter *f = &n->filter;

	if (f->promisc)
		return true;
	if (!vlan_pass(f, frame, len))
		return false;
	if (!memcmp(frame, broadcast, 6))
		return !f->nobcast;
	if (frame[0] & 1)
		return !f->nomulti && (f->allmulti || f->multi_overflow ||
				       in_table(f->multi, f->nmulti, frame));
	return !f->nouni && (f->alluni || f->uni_overflow ||
			     !memcmp(frame, n->mac, 6) ||
			     in_table(f->uni, f->nuni, frame));
}

/* --- commands: true is VIRTIO_NET_OK --------------------------------------- */

struct ctrl_cmd {
	const struct virtq_chain *c;
	u64 at;                        /* in the chain's readable part     */
};

static bool take(struct ctrl_cmd *k, void *to, u64 len)
{
	if (virtq_read(k->c, k->at, to, len) != len)
		return false;
	k->at += len;
	return true;
}

static bool filter_changed(struct virtio_net *n)
{
	device_event(&n->v.pci.dev, DEV_EV_RX_FILTER);
	return true;
}

static bool ctrl_rx(struct virtio_net *n, u8 cmd, struct ctrl_cmd *k)
{
	bool *const flags[] = {
		&n->filter.promisc, &n->filter.allmulti, &n->filter.alluni,
		&n->filter.nomulti, &n->filter.nouni, &n->filter.nobcast,
	};
	u8 on;

	if (cmd >= ARRAY_LEN(flags) || !take(k, &on, 1))
		return false;
	if (!virtio_has(&n->v, cmd > RX_ALLMULTI ? VIRTIO_NET_F_CTRL_RX_EXTRA
						 : VIRTIO_NET_F_CTRL_RX))
		return false;
	*flags[cmd] = on;
	return filter_changed(n);
}

/* One of the two tables; one too large to keep lets everything pass. */
static bool take_table(struct ctrl_cmd *k, u8 (*table)[6], u8 *count,
		       bool *overflow)
{
	u32 n;

	if (!take(k, &n, 4))
		return false;
	if ((u64)n * 6 > k->c->out_len - k->at)
		return false;
	*overflow = n > VNET_MACS;
	*count = *overflow ? 0 : n;
	if (*overflow) {
		k->at += (u64)n * 6;
		return true;
	}
	return take(k, table, (u64)n * 6);
}

static bool ctrl_mac(struct virtio_net *n, u8 cmd, struct ctrl_cmd *k)
{
	struct vnet_filter f = n->filter;
	u8 mac[6];

	if (cmd == MAC_ADDR_SET) {
		if (!virtio_has(&n->v, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
		    !take(k, mac, 6) || k->c->out_len != k->at)
			return false;
		memcpy(n->mac, mac, 6);
		memcpy(n->v.config, mac, 6);
		return filter_changed(n);
	}
	if (cmd != MAC_TABLE_SET ||
	    !virtio_has(&n->v, VIRTIO_NET_F_CTRL_RX) ||
	    !take_table(k, f.uni, &f.nuni, &f.uni_overflow) ||
	    !take_table(k, f.multi, &f.nmulti, &f.multi_overflow))
		return false;
	n->filter = f;
	return filter_changed(n);
}

static bool ctrl_vlan(struct virtio_net *n, u8 cmd, struct ctrl_cmd *k)
{
	u16 id;

	if (cmd > VLAN_DEL || !virtio_has(&n->v, VIRTIO_NET_F_CTRL_VLAN) ||
	    !take(k, &id, 2) || id > 4095)
		return false;
	if (cmd == VLAN_ADD)
		n->filter.vlans[id / 32] |= BIT(id % 32);
	else
		n->filter.vlans[id / 32] &= ~BIT(id % 32);
	return filter_changed(n);
}

static bool ctrl_announce(struct virtio_net *n, u8 cmd)
{
	u64 status = virtio_config_get(&n->v, 6, 2);

	if (cmd != ANNOUNCE_ACK || !(status & VIRTIO_NET_S_ANNOUNCE))
		return false;
	virtio_config_put(&n->v, 6, status & ~VIRTIO_NET_S_ANNOUNCE, 2);
	return true;
}

static bool ctrl_mq(struct virtio_net *n, u8 cmd, struct ctrl_cmd *k)
{
	u16 pairs;

	if (cmd != MQ_VQ_PAIRS_SET || !virtio_has(&n->v, VIRTIO_NET_F_MQ) ||
	    !take(k, &pairs, 2) || !pairs || pairs > n->pairs)
		return false;
	n->used_pairs = pairs;
	vnet_sync(n);
	for (unsigned i = 0; i < pairs; i++)
		virtio_kick_later(&n->v, 2 * i);
	return true;
}

static bool ctrl_offloads(struct virtio_net *n, u8 cmd, struct ctrl_cmd *k)
{
	const u64 may = n->v.features &
		(BIT64(VIRTIO_NET_F_GUEST_CSUM) |
		 BIT64(VIRTIO_NET_F_GUEST_TSO4) |
		 BIT64(VIRTIO_NET_F_GUEST_TSO6) |
		 BIT64(VIRTIO_NET_F_GUEST_ECN) |
		 BIT64(VIRTIO_NET_F_GUEST_UFO));
	u64 want;

	if (cmd != GUEST_OFFLOADS_SET ||
	    !virtio_has(&n->v, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !take(k, &want, 8) || want & ~may)
		return false;
	n->guest_offloads = want;
	vnet_sync(n);
	return true;
}

static bool ctrl_run(struct virtio_net *n, const struct virtq_chain *c)
{
	struct ctrl_cmd k = { .c = c };
	u8 head[2];

	if (!take(&k, head, 2))
		return false;
	switch (head[0]) {
	case CTRL_RX:             return ctrl_rx(n, head[1], &k);
	case CTRL_MAC:            return ctrl_mac(n, head[1], &k);
	case CTRL_VLAN:           return ctrl_vlan(n, head[1], &k);
	case CTRL_ANNOUNCE:       return ctrl_announce(n, head[1]);
	case CTRL_MQ:             return ctrl_mq(n, head[1], &k);
	case CTRL_GUEST_OFFLOADS: return ctrl_offloads(n, head[1], &k);
	default:                  return false;
	}
}

void vnet_ctrl_run(struct virtio_net *n)
{
	const unsigned at = virtio_has(&n->v, VIRTIO_NET_F_MQ) ? 2 * n->pairs
							       : 2;
	struct virtq *q = virtio_q(&n->v, at);
	struct virtq_chain c = { .iov = n->chain_iov, .max = VIRTQ_CHAIN_MAX };
	u8 ack;

	for (unsigned i = 0; i < CTRL_BUDGET; i++) {
		if (virtq_pop(q, &c) <= 0) {
			if (!virtq_want_kicks(q, true))
				return;
			continue;
		}
		if (c.out_len < 2 || c.in_len < 1) {
			virtq_drop(q, &c);
			virtio_break(&n->v, "a control command without class "
				     "or room for its answer (5.1.6.5)");
			return;
		}
		ack = !ctrl_run(n, &c);
		virtq_write(&c, 0, &ack, 1);
		virtio_done(&n->v, at, &c, 1);
	}
	virtio_kick_later(&n->v, at);
}
