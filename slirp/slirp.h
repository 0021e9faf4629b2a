/* SPDX-License-Identifier: MIT */
/*
 * mote-slirp: user-mode networking in a process of its own.
 *
 * Thread: there is one.
 */
#ifndef MOTE_SLIRP_SLIRP_H
#define MOTE_SLIRP_SLIRP_H

#include <netinet/in.h>
#include <slirp/libslirp.h>

#include "vmm/base/err.h"
#include "vmm/base/opts.h"
#include "vmm/base/strbuf.h"
#include "slirp/proto.h"

/* config.c: what the options say. */
struct net_config {
	SlirpConfig slirp;
	struct in_addr net, mask;
	const char *search[17];        /* NULL-terminated                  */
	unsigned nsearch;
	bool needs_exec;               /* guestfwd=...-cmd:                */
};
/* `o` must outlive the config, which points into it. */
int  net_config_read(struct net_config *c, struct opts *o, struct err *e);

/* chain.c: guestfwd to a TCP connection. */
enum { CHAINS_MAX = 16 };
struct chain {
	struct in_addr at;             /* in the guest's network           */
	int port;
	int fd;                        /* -1: the peer has gone            */
	int polled;                    /* where; -1: not                   */
};
struct chains {
	struct chain chain[CHAINS_MAX];        /* libslirp has their address */
	unsigned n;
};
/* `peer`, HOST:PORT, is written to.  May take some seconds. */
int  chain_add(struct chains *all, Slirp *s, struct in_addr at, int port,
	       char *peer, struct err *e);
/* Around poll, as slirp_pollfds_fill and slirp_pollfds_poll. */
void chains_poll(struct chains *all, Slirp *s, SlirpAddPollCb add,
		 void *opaque);
void chains_take(struct chains *all, Slirp *s, SlirpGetREventsCb get,
		 void *opaque);

/* fwd.c: [tcp|udp]:[HOST]:PORT-[GUEST]:PORT and guestfwd rules. */
int  hostfwd_add(Slirp *s, const char *rule, struct err *e);
int  hostfwd_remove(Slirp *s, const char *rule, struct err *e);
int  guestfwd_add(Slirp *s, struct chains *c, const char *rule, struct err *e);

/* frame.c: checksums, and frames larger than the network's. */
enum { FRAME_MTU = 1500, FRAME_IF_MTU = 65521 };
typedef void frame_out_fn(void *opaque, const u8 *vnet, const u8 *frame,
			  size_t len);
/* Finish what the guest left to its card; false: nonsense, drop it.  A TCP
 * connection's offer of a segment size is raised, as frame_out cuts. */
bool frame_in(const u8 *vnet, u8 *frame, size_t len);
/* Hand a frame of libslirp on, as large as `offloads` allow, else cut. */
void frame_out(const u8 *frame, size_t len, unsigned offloads,
	       frame_out_fn *out, void *opaque);

/* sandbox.c: no rights, few system calls. */
int  sandbox_close(bool exec, struct err *e);

#endif
