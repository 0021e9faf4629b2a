/* SPDX-License-Identifier: MIT */
/*
 * Network back ends: where a network card's frames go to and come from.
 *
 * A netdev is opened by its kind (net_kinds) and found by its id.  At most one
 * card is its client.  The card pulls received frames straight into its own
 * buffers and pushes frames to send; nothing is queued in between and nothing
 * is allocated per frame.
 *
 * Frames: Ethernet, without FCS.  Where `vnet` is set each one follows a
 * virtio_net_hdr of NETDEV_VNET_LEN bytes (virtio 1.2, 5.1.6), and offloads
 * can be asked for.
 *
 * Thread: all on the loop of the set (the main loop), but netdev_send_here.
 * A card may call netdev_send and netdev_recv with its own lock held; callbacks
 * of the client come without any lock.
 */
#ifndef MOTE_NET_NETDEV_H
#define MOTE_NET_NETDEV_H

#include <sys/uio.h>

#include "vmm/base/err.h"
#include "vmm/base/list.h"
#include "vmm/base/strbuf.h"
#include "vmm/base/types.h"

struct loop;
struct netdev;
struct netdev_set;

enum {
	NETDEV_QUEUES_MAX = 64,
	NETDEV_VNET_LEN   = 12,
	NETDEV_FRAME_MAX  = 65536 + 18,        /* with header and VLAN tag */
	NETDEV_IOV_MAX    = 1024,
};

/* What the client can take, as the tun driver says it. */
enum {
	NETDEV_CSUM = BIT(0), NETDEV_TSO4 = BIT(1), NETDEV_TSO6 = BIT(2),
	NETDEV_ECN  = BIT(3), NETDEV_UFO  = BIT(4),
};

/* A card; all [loop], no lock held.  Each may be NULL. */
struct netdev_client {
	void (*readable)(void *opaque, unsigned q);   /* call netdev_recv     */
	void (*writable)(void *opaque, unsigned q);   /* after -EAGAIN        */
	void (*link)(void *opaque);                   /* netdev_link changed  */
	void (*announce)(void *opaque, bool hurry);   /* say who is here      */
	void (*mac)(void *opaque, u8 mac[6]);
	const char *(*name)(void *opaque);            /* id of the card       */
	void (*describe)(void *opaque, struct strbuf *out);
	void (*gone)(void *opaque);                   /* the netdev goes away */
};

/* --- the netdevs of a VM --- */
struct netdev_set *netdev_set_create(struct loop *l);
void netdev_set_destroy(struct netdev_set *s);        /* NULL is fine */
/* Who starts programs (vmm/net/broker.h), borrowed; -1, as created: nobody. */
void netdev_set_broker(struct netdev_set *s, int broker);
/* "tap,id=n0,ifname=..." as -netdev takes it. */
int  netdev_add(struct netdev_set *s, const char *spec, struct err *e);
int  netdev_del(struct netdev_set *s, const char *id, struct err *e);
/* Wait at most `ms` for each helper still starting: their complaints come now.
 * The loop stands still meanwhile. */
enum { NETDEV_BUILD_MS = 10000,        /* before the guest runs */
       NETDEV_PLUG_MS = 1000 };
int  netdevs_ready(struct netdev_set *s, int ms, struct err *e);
struct netdev *netdev_find(struct netdev_set *s, const char *id);
/* set_link: the netdev of this id, or of the card of this id. */
int  netdev_set_link(struct netdev_set *s, const char *id, bool up,
		     struct err *e);
/* Every card, or those named in a ':'-separated list, tells the network where
 * it is, now and a few times more. */
void netdev_announce(struct netdev_set *s, const char *names);
/* A MAC address nobody had yet: 52:54:00:12:34:56 and on. */
void netdev_next_mac(struct netdev_set *s, u8 mac[6]);
bool netdev_parse_mac(const char *text, u8 mac[6]);
/* info network; info usernet. */
void netdev_describe_all(struct netdev_set *s, struct strbuf *out);
void netdev_describe_user(struct netdev_set *s, struct strbuf *out);
/* hostfwd_add, hostfwd_remove; `id` NULL: the only user netdev there is. */
int  netdev_hostfwd(struct netdev_set *s, const char *id, const char *rule,
		    bool add, struct err *e);
/* -netdev help. */
void netdev_help(struct strbuf *out);
/* Names for completion: every netdev's and card's id, in order. */
const char *netdev_nth_name(struct netdev_set *s, unsigned n, bool cards);

/* --- pcap: -object filter-dump,id=f0,netdev=n0,file=x.pcap[,maxlen=N] --- */
int  netdev_dump_add(struct netdev_set *s, const char *spec, struct err *e);
int  netdev_dump_del(struct netdev_set *s, const char *id, struct err *e);

/* --- a card's view of its netdev --- */
/* -EBUSY when it has a client already. */
int  netdev_attach(struct netdev *nd, const struct netdev_client *c,
		   void *opaque, struct err *e);
void netdev_detach(struct netdev *nd);
unsigned netdev_queues(const struct netdev *nd);
bool netdev_vnet(const struct netdev *nd);
bool netdev_has_ufo(const struct netdev *nd);
bool netdev_link(const struct netdev *nd);
const char *netdev_id(const struct netdev *nd);
struct netdev_set *netdev_owner(struct netdev *nd);
/* vhost=on: the descriptors of vhost-net and of the tap for queue `q`,
 * borrowed; -1: frames of this queue pass through here. */
int  netdev_vhost_fd(const struct netdev *nd, unsigned q);
int  netdev_tap_fd(const struct netdev *nd, unsigned q);
/* What received frames may need of the client. */
void netdev_set_offloads(struct netdev *nd, unsigned flags);
/* How many queues are used: the first `n`. */
void netdev_use_queues(struct netdev *nd, unsigned n);
/* 0: taken (or dropped for good); -EAGAIN: hold it until `writable`. */
int  netdev_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		 unsigned n);
/* The same on any thread, with the lock held that netdev_send is called under;
 * -EAGAIN: not now, or not here: netdev_send on the loop will know. */
int  netdev_send_here(struct netdev *nd, unsigned q, const struct iovec *iov,
		      unsigned n);
/* Bytes of one frame (cut if `iov` is too small), 0: none now. */
ssize_t netdev_recv(struct netdev *nd, unsigned q, const struct iovec *iov,
		    unsigned n);
/* Call `readable` or do not.  Starts as: do not. */
void netdev_want_read(struct netdev *nd, unsigned q, bool on);

#endif
