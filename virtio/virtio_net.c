// SPDX-License-Identifier: MIT
/*
 * virtio-net: a network card (virtio 1.2, 5.1).
 *
 * Talks to: its netdev; virtio_net_io.c and virtio_net_ctrl.c do the work.
 * Never:    touches the netdev but on the main loop; small frames to send are
 *           the exception (vnet_kick_here).
 */
#include "virtio/virtio_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {                                 /* configuration space: 5.1.4 */
	CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10,
	CONFIG_SPEED = 12, CONFIG_DUPLEX = 16, CONFIG_SIZE = 20,
};

/* What a property may take away; the order is that of p_features. */
static const u8 feature_bits[VNET_FEATURES] = {
	VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM,
	VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_GUEST_TSO4,
	VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN,
	VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_HOST_TSO4,
	VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_UFO,
	VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS, VIRTIO_NET_F_CTRL_VQ,
	VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN,
	VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_GUEST_ANNOUNCE,
	VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_MAC_ADDR,
};

static const u64 needs_vnet =
	BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM) |
	BIT64(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
	BIT64(VIRTIO_NET_F_GUEST_TSO4) | BIT64(VIRTIO_NET_F_GUEST_TSO6) |
	BIT64(VIRTIO_NET_F_GUEST_ECN) | BIT64(VIRTIO_NET_F_GUEST_UFO) |
	BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_HOST_TSO6) |
	BIT64(VIRTIO_NET_F_HOST_ECN) | BIT64(VIRTIO_NET_F_HOST_UFO);

static const u64 needs_ctrl =
	BIT64(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
	BIT64(VIRTIO_NET_F_CTRL_RX) | BIT64(VIRTIO_NET_F_CTRL_VLAN) |
	BIT64(VIRTIO_NET_F_CTRL_RX_EXTRA) |
	BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT64(VIRTIO_NET_F_MQ) |
	BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR);

/* --- what the netdev hears ------------------------------------------------- */

static const struct {
	u8 feature, offload;
} offload_bits[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, NETDEV_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, NETDEV_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, NETDEV_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN,  NETDEV_ECN },
	{ VIRTIO_NET_F_GUEST_UFO,  NETDEV_UFO },
};

void vnet_sync(struct virtio_net *n)
{
	unsigned flags = 0;

	n->sync = false;
	if (!n->netdev)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(offload_bits); i++)
		if (n->guest_offloads >> offload_bits[i].feature & 1)
			flags |= offload_bits[i].offload;
	netdev_set_offloads(n->netdev, flags);
	netdev_use_queues(n->netdev, n->used_pairs);
}

/* --- what the netdev says -------------------------------------------------- */

static void client_readable(void *opaque, unsigned pair)
{
	struct virtio_net *n = opaque;

	virtio_lock(&n->v);
	if (virtio_running(&n->v) && !n->sync &&
	    !vnet_vhost_works(n, 2 * pair))
		vnet_rx_run(n, pair);
	else
		netdev_want_read(n->netdev, pair, false);
	virtio_unlock(&n->v);
}

static void client_writable(void *opaque, unsigned pair)
{
	struct virtio_net *n = opaque;

	virtio_lock(&n->v);
	if (virtio_running(&n->v) && pair < n->pairs &&
	    !vnet_vhost_works(n, 2 * pair + 1) &&
	    virtio_q(&n->v, 2 * pair + 1)->enabled)
		vnet_tx_run(n, pair);
	virtio_unlock(&n->v);
}

static bool link_up(const struct virtio_net *n)
{
	return !n->netdev || netdev_link(n->netdev);
}

static void set_status(struct virtio_net *n, unsigned clear, unsigned set)
{
	const u64 was = virtio_config_get(&n->v, CONFIG_STATUS, 2);
	const u64 is = (was & ~(u64)clear) | set;

	if (was == is)
		return;
	virtio_config_put(&n->v, CONFIG_STATUS, is, 2);
	virtio_config_changed(&n->v);
}

static void client_link(void *opaque)
{
	struct virtio_net *n = opaque;

	virtio_lock(&n->v);
	set_status(n, VIRTIO_NET_S_LINK_UP,
		   link_up(n) ? VIRTIO_NET_S_LINK_UP : 0);
	vnet_vhost_update(n);
	for (unsigned i = 0; n->v.started && i < n->used_pairs; i++) {
		virtio_kick_later(&n->v, 2 * i);
		virtio_kick_later(&n->v, 2 * i + 1);
	}
	virtio_unlock(&n->v);
}

/* A reverse ARP request (RFC 903): switches learn where the address is. */
static void send_rarp(struct virtio_net *n)
{
	static const u8 fixed[] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };
	u8 packet[VNET_HDR + 60] = { 0 }, *f = packet + VNET_HDR;
	const bool vnet = netdev_vnet(n->netdev);
	struct iovec iov = { vnet ? packet : f, vnet ? sizeof(packet) : 60 };

	memset(f, 0xff, 6);
	memcpy(f + 6, n->mac, 6);
	memcpy(f + 12, fixed, sizeof(fixed));
	memcpy(f + 22, n->mac, 6);
	memcpy(f + 32, n->mac, 6);
	netdev_send(n->netdev, 0, &iov, 1);
}

static void client_announce(void *opaque, bool first)
{
	struct virtio_net *n = opaque;

	virtio_lock(&n->v);
	if (n->netdev)
		send_rarp(n);
	if (first && n->v.started &&
	    virtio_has(&n->v, VIRTIO_NET_F_GUEST_ANNOUNCE))
		set_status(n, 0, VIRTIO_NET_S_ANNOUNCE);
	virtio_unlock(&n->v);
}

static void client_mac(void *opaque, u8 mac[6])
{
	memcpy(mac, ((struct virtio_net *)opaque)->mac, 6);
}

static const char *client_name(void *opaque)
{
	const struct device *d = &((struct virtio_net *)opaque)->v.pci.dev;

	return d->id ? d->id : d->class->name;
}

static void client_describe(void *opaque, struct strbuf *out)
{
	struct virtio_net *n = opaque;
	const u8 *m = n->mac;

	strbuf_addf(out, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x",
		    n->v.pci.dev.class->name, m[0], m[1], m[2], m[3], m[4],
		    m[5]);
}

static void client_gone(void *opaque)
{
	struct virtio_net *n = opaque;

	virtio_lock(&n->v);
	n->netdev = NULL;
	vnet_vhost_update(n);
	set_status(n, VIRTIO_NET_S_LINK_UP, 0);
	virtio_unlock(&n->v);
	vnet_vhost_close(n);
}

static const struct netdev_client client = {
	.readable = client_readable,
	.writable = client_writable,
	.link     = client_link,
	.announce = client_announce,
	.mac      = client_mac,
	.name     = client_name,
	.describe = client_describe,
	.gone     = client_gone,
};

/* --- realize --------------------------------------------------------------- */

static int read_mac(struct virtio_net *n, struct err *e)
{
	if (!n->p_mac || !*n->p_mac)
		netdev_next_mac(n->netdev ? netdev_owner(n->netdev) : NULL,
				n->first_mac);
	else if (!netdev_parse_mac(n->p_mac, n->first_mac))
		return err_set(e, -EINVAL, "'%s' is no MAC address",
			       n->p_mac);
	if (n->first_mac[0] & 1)
		return err_set(e, -EINVAL,
			       "'%s' is a multicast address, no card's",
			       n->p_mac);
	memcpy(n->mac, n->first_mac, 6);
	return 0;
}

static u64 offer(const struct virtio_net *n)
{
	u64 f = BIT64(VIRTIO_NET_F_MAC);

	for (unsigned i = 0; i < VNET_FEATURES; i++)
		if (n->p_features[i])
			f |= BIT64(feature_bits[i]);
	if (n->netdev && !netdev_vnet(n->netdev))
		f &= ~needs_vnet;
	if (!n->netdev || !netdev_has_ufo(n->netdev))
		f &= ~(BIT64(VIRTIO_NET_F_GUEST_UFO) |
		       BIT64(VIRTIO_NET_F_HOST_UFO));
	if (n->pairs == 1)
		f &= ~BIT64(VIRTIO_NET_F_MQ);
	if (!(f >> VIRTIO_NET_F_CTRL_VQ & 1))
		f &= ~needs_ctrl;
	if (n->p_mtu)
		f |= BIT64(VIRTIO_NET_F_MTU);
	if (n->p_speed != ~0u || n->p_duplex)
		f |= BIT64(VIRTIO_NET_F_SPEED_DUPLEX);
	return f;
}

static int fill_config(struct virtio_net *n, struct err *e)
{
	struct virtio *v = &n->v;
	u8 duplex = 0xff;

	if (n->p_duplex && !strcmp(n->p_duplex, "full"))
		duplex = 1;
	else if (n->p_duplex && !strcmp(n->p_duplex, "half"))
		duplex = 0;
	else if (n->p_duplex && *n->p_duplex)
		return err_set(e, -EINVAL, "duplex=%s is neither full nor "
			       "half", n->p_duplex);
	if (n->p_mtu && n->p_mtu < 68)
		return err_set(e, -EINVAL, "host_mtu=%u is below 68",
			       n->p_mtu);
	memcpy(v->config + CONFIG_MAC, n->mac, 6);
	virtio_config_put(v, CONFIG_STATUS,
			  link_up(n) ? VIRTIO_NET_S_LINK_UP : 0, 2);
	virtio_config_put(v, CONFIG_PAIRS, n->pairs, 2);
	virtio_config_put(v, CONFIG_MTU, n->p_mtu, 2);
	virtio_config_put(v, CONFIG_SPEED, n->p_speed, 4);
	virtio_config_put(v, CONFIG_DUPLEX, duplex, 1);
	return 0;
}

static int check_sizes(const struct virtio_net *n, struct err *e)
{
	const u16 both[] = { n->p_rx_size, n->p_tx_size };

	for (unsigned i = 0; i < 2; i++)
		if (both[i] < 64 || both[i] > 1024 || both[i] & (both[i] - 1))
			return err_set(e, -EINVAL, "%s_queue_size=%u is not a "
				       "power of two from 64 to 1024",
				       i ? "tx" : "rx", both[i]);
	return 0;
}

static void vnet_reset(struct virtio *v)
{
	struct virtio_net *n = to_net(v);

	memcpy(n->mac, n->first_mac, 6);
	memcpy(v->config + CONFIG_MAC, n->mac, 6);
	virtio_config_put(v, CONFIG_STATUS,
			  link_up(n) ? VIRTIO_NET_S_LINK_UP : 0, 2);
	n->used_pairs = 1;
	n->guest_offloads = 0;
	for (unsigned i = 0; i < n->pairs; i++)
		n->rx[i].held = 0;
	vnet_filter_reset(n);
	vnet_vhost_update(n);
	n->vhost_failed = false;
}

static void vnet_unrealize(struct virtio *v)
{
	struct virtio_net *n = to_net(v);

	vnet_vhost_close(n);
	if (n->netdev)
		netdev_detach(n->netdev);
	n->netdev = NULL;
	for (unsigned i = 0; n->rx && i < n->pairs; i++)
		free(n->rx[i].buf);
	free(n->rx);
	n->rx = NULL;
}

static void alloc_rx(struct virtio_net *n)
{
	n->rx = calloc(n->pairs, sizeof(*n->rx));
	if (!n->rx)
		abort();
	for (unsigned i = 0; i < n->pairs; i++) {
		n->rx[i].buf = malloc(VNET_HDR + NETDEV_FRAME_MAX);
		if (!n->rx[i].buf)
			abort();
	}
}

static int vnet_realize(struct virtio *v, struct err *e)
{
	struct virtio_net *n = to_net(v);
	struct netdev *nd = n->netdev;
	int rc = check_sizes(n, e);

	n->netdev = NULL;              /* not ours yet                     */
	if (rc < 0)
		return rc;
	if (nd) {
		rc = netdev_attach(nd, &client, n, e);
		if (rc < 0)
			return rc;
	}
	n->netdev = nd;
	n->pairs = nd ? MIN(netdev_queues(nd), (VIRTIO_QUEUES_MAX - 1) / 2)
		      : 1;
	v->nqueues = 2 * n->pairs + 1;
	v->queue_size = MAX(n->p_rx_size, n->p_tx_size);
	alloc_rx(n);
	rc = read_mac(n, e);
	if (!rc)
		rc = fill_config(n, e);
	if (!rc)
		rc = vnet_vhost_open(n, e);
	if (rc < 0) {
		vnet_unrealize(v);
		return rc;
	}
	v->offered = offer(n);
	vnet_reset(v);
	return 0;
}

/* --- running --------------------------------------------------------------- */

/*
 * This may be a vCPU: the netdev hears of it with the first kick.  It may also
 * be the end of loading state, which is as little trusted as the guest.
 */
static void vnet_start(struct virtio *v)
{
	struct virtio_net *n = to_net(v);

	if (!n->used_pairs || n->used_pairs > n->pairs)
		n->used_pairs = 1;
	n->filter.nuni = MIN(n->filter.nuni, VNET_MACS);
	n->filter.nmulti = MIN(n->filter.nmulti, VNET_MACS);
	if (!n->guest_offloads)
		n->guest_offloads = v->features;
	if (!virtio_has(v, VIRTIO_NET_F_CTRL_RX))
		n->filter.promisc = true;
	n->filter.all_vlans = !virtio_has(v, VIRTIO_NET_F_CTRL_VLAN);
	n->sync = true;
	vnet_vhost_update(n);
}

/* Quiesced or not: rings are ours while the VM is paused. */
static void vnet_paused(struct virtio *v)
{
	virtio_lock(v);
	vnet_vhost_update(to_net(v));
	virtio_unlock(v);
}

static void vnet_kick(struct virtio *v, unsigned q)
{
	struct virtio_net *n = to_net(v);

	if (n->sync)
		vnet_sync(n);
	if (n->vhost)                  /* a queue may be enabled again     */
		vnet_vhost_update(n);
	if (vnet_is_ctrl(n, q)) {
		if (virtio_has(v, VIRTIO_NET_F_CTRL_VQ))
			vnet_ctrl_run(n);
		vnet_vhost_update(n);  /* it may have broken the device    */
	} else if (q >= 2u * n->pairs || vnet_vhost_works(n, q)) {
		return;
	} else if (q & 1) {
		vnet_tx_run(n, q / 2);
	} else {
		vnet_rx_run(n, q / 2);
	}
}

/* A few small frames, as of a request: the loop would be awake no sooner. */
static bool vnet_kick_here(struct virtio *v, unsigned q)
{
	struct virtio_net *n = to_net(v);

	return q & 1 && q < 2u * n->pairs && !n->sync && n->netdev &&
	       vnet_tx_here(n, q / 2);
}

static void vnet_describe(struct virtio *v, struct strbuf *out)
{
	struct virtio_net *n = to_net(v);

	strbuf_addf(out, "pairs = %u of %u\n", n->used_pairs, n->pairs);
}

/* --- rows ------------------------------------------------------------------ */

static const char *const feature_names[64] = {
	[0] = "csum", [1] = "guest_csum", [2] = "ctrl_guest_offloads",
	[3] = "mtu", [5] = "mac", [7] = "guest_tso4", [8] = "guest_tso6",
	[9] = "guest_ecn", [10] = "guest_ufo", [11] = "host_tso4",
	[12] = "host_tso6", [13] = "host_ecn", [14] = "host_ufo",
	[15] = "mrg_rxbuf", [16] = "status", [17] = "ctrl_vq",
	[18] = "ctrl_rx", [19] = "ctrl_vlan", [20] = "ctrl_rx_extra",
	[21] = "guest_announce", [22] = "mq", [23] = "ctrl_mac_addr",
	[63] = "speed_duplex",
};

static const struct virtio_class virtio_net = {
	.name          = "virtio-net",
	.id            = VIRTIO_ID_NET,
	.queues        = 3,
	.queues_max    = VIRTIO_QUEUES_MAX,
	.queue_size    = 256,
	.config_size   = CONFIG_SIZE,
	.feature_names = feature_names,
	.realize       = vnet_realize,
	.unrealize     = vnet_unrealize,
	.reset         = vnet_reset,
	.start         = vnet_start,
	.kick          = vnet_kick,
	.kick_here     = vnet_kick_here,
	.quiesce       = vnet_paused,
	.resume        = vnet_paused,
	.describe      = vnet_describe,
};

static const struct state_field filter_fields[] = {
	STATE_FIELD(STATE_BOOL, struct vnet_filter, promisc, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, allmulti, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, alluni, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, nomulti, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, nouni, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, nobcast, 1),
	STATE_FIELD(STATE_U8, struct vnet_filter, nuni, 1),
	STATE_FIELD(STATE_U8, struct vnet_filter, nmulti, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, uni_overflow, 1),
	STATE_FIELD(STATE_BOOL, struct vnet_filter, multi_overflow, 1),
	STATE_BYTES(struct vnet_filter, uni, 1),
	STATE_BYTES(struct vnet_filter, multi, 1),
	STATE_ARRAY(STATE_U32, struct vnet_filter, vlans, 1),
	STATE_END
};

static const struct state_desc filter_state = {
	.version = 1, .oldest = 1, .fields = filter_fields,
};

static const struct state_field vnet_fields[] = {
	STATE_BYTES(struct virtio_net, mac, 1),
	STATE_FIELD(STATE_U16, struct virtio_net, used_pairs, 1),
	STATE_FIELD(STATE_U64, struct virtio_net, guest_offloads, 1),
	STATE_ONE(struct virtio_net, filter, filter_state, 1),
	STATE_END
};

static const struct state_desc vnet_state = {
	.version = 1, .oldest = 1, .fields = vnet_fields,
};

#define FEATURE(i, name_, text) \
	PROP(name_, PROP_BOOL, struct virtio_net, p_features[i], "on", \
	     "offer " text),

VIRTIO_DEVICE(virtio_net, "virtio-net", struct virtio_net, virtio_net,
	      VIRTIO_ID_NET, 0x020000, vnet_state, "Network",
	      "Virtio network card",
	PROP("netdev", PROP_NETDEV, struct virtio_net, netdev, NULL,
	     "id of the -netdev it is plugged into"),
	PROP("mac", PROP_STR, struct virtio_net, p_mac, NULL,
	     "address (default: 52:54:00:12:34:56 and on)"),
	PROP("rx_queue_size", PROP_U16, struct virtio_net, p_rx_size, "256",
	     "places in each receive queue"),
	PROP("tx_queue_size", PROP_U16, struct virtio_net, p_tx_size, "256",
	     "places in each send queue"),
	PROP("host_mtu", PROP_U16, struct virtio_net, p_mtu, "0",
	     "MTU the guest is told (0: none)"),
	PROP("speed", PROP_U32, struct virtio_net, p_speed, "0xffffffff",
	     "Mbit/s the guest is told"),
	PROP("bootindex", PROP_U32, struct virtio_net, p_bootindex, "0",
	     "boot order (kernels are loaded directly: not used)"),
	PROP("duplex", PROP_STR, struct virtio_net, p_duplex, NULL,
	     "half or full, as the guest is told"),
	FEATURE(0, "csum", "checksums by the host")
	FEATURE(1, "guest_csum", "frames without checksums to the guest")
	FEATURE(2, "ctrl_guest_offloads", "changing offloads")
	FEATURE(3, "guest_tso4", "large TCP frames to the guest")
	FEATURE(4, "guest_tso6", "the same for IPv6")
	FEATURE(5, "guest_ecn", "those with ECN")
	FEATURE(6, "guest_ufo", "large UDP frames to the guest")
	FEATURE(7, "host_tso4", "large TCP frames from the guest")
	FEATURE(8, "host_tso6", "the same for IPv6")
	FEATURE(9, "host_ecn", "those with ECN")
	FEATURE(10, "host_ufo", "large UDP frames from the guest")
	FEATURE(11, "mrg_rxbuf", "frames over several buffers")
	FEATURE(12, "status", "link state")
	FEATURE(13, "ctrl_vq", "the control queue")
	FEATURE(14, "ctrl_rx", "a receive filter")
	FEATURE(15, "ctrl_vlan", "a VLAN filter")
	FEATURE(16, "ctrl_rx_extra", "more receive modes")
	FEATURE(17, "guest_announce", "announcements by the guest")
	FEATURE(18, "mq", "several queue pairs")
	FEATURE(19, "ctrl_mac_addr", "setting the address"));
