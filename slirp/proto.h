/* SPDX-License-Identifier: MIT */
/*
 * How mote and mote-slirp speak.
 *
 * Data:    each packet is a virtio_net_hdr of 12 bytes and an Ethernet frame.
 * Control: the helper first says how its start went; then a command is one
 *          packet of text and so is its answer: '+' and text, or '-' and a
 *          sentence.
 *
 *   hostfwd_add RULE, hostfwd_remove RULE, info
 *   offloads MASK      (NETDEV_* of vmm/net/netdev.h; no answer)
 */
#ifndef MOTE_SLIRP_PROTO_H
#define MOTE_SLIRP_PROTO_H

enum {
	SLIRP_DATA_FD = 3, SLIRP_CONTROL_FD = 4,
	SLIRP_COMMAND_MAX = 1024, SLIRP_REPLY_MAX = 60000,
	SLIRP_VNET_LEN = 12, SLIRP_FRAME_MAX = 65536 + 18,
};

enum { SLIRP_CSUM = 1, SLIRP_TSO4 = 2, SLIRP_TSO6 = 4 };

#endif
