/* SPDX-License-Identifier: MIT */
/*
 * A netdev on a stream socket: what its two spellings share.
 */
#ifndef MOTE_NET_NET_STREAM_H
#define MOTE_NET_NET_STREAM_H

#include "vmm/core/sockaddr.h"
#include "vmm/net/netdev_priv.h"

struct net_stream {
	struct netdev nd;
	struct sockaddr_any addr;
	int fd, listen_fd, connecting_fd;
	unsigned reconnect;            /* milliseconds; 0: never           */
	struct timer timer;
	bool dead, unlink_at_end;
	u8 *rx, *tx;
	size_t rx_start, rx_end;       /* received, not given out          */
	size_t tx_pos, tx_len;         /* of a frame half sent             */
	char *text;
};

/* Fit for net_stream_start or _adopt; the kind's close undoes it. */
void net_stream_init(struct net_stream *s);
int  net_stream_start(struct net_stream *s, bool server, struct err *e);
int  net_stream_adopt(struct net_stream *s, int fd, struct err *e);

#endif
