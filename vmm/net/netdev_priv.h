/* SPDX-License-Identifier: MIT */
/*
 * Between netdev.c and the kinds of netdev: the room's own header.
 *
 * A kind gives each queue a descriptor by netdev_queue_fd; netdev.c watches it
 * for what the client and the kind want.
 */
#ifndef MOTE_NET_NETDEV_PRIV_H
#define MOTE_NET_NETDEV_PRIV_H

#include "vmm/base/opts.h"
#include "vmm/core/loop.h"
#include "vmm/net/netdev.h"

struct net_dump;

struct netdev_ops {
	const char *name, *summary;
	size_t size;                   /* of the struct with netdev first   */
	/* Options but "type" and "id"; close follows even when it fails. */
	int  (*open)(struct netdev *nd, struct opts *o, struct err *e);
	void (*close)(struct netdev *nd);
	int  (*send)(struct netdev *nd, unsigned q, const struct iovec *iov,
		     unsigned n);
	ssize_t (*recv)(struct netdev *nd, unsigned q,
			const struct iovec *iov, unsigned n);
	/* The descriptor is writable, and so are we; or gone.  NULL ok. */
	void (*event)(struct netdev *nd, unsigned q, u32 events);
	int  (*ready)(struct netdev *nd, int ms, struct err *e); /* NULL ok */
	void (*offloads)(struct netdev *nd, unsigned flags);   /* NULL ok   */
	void (*use_queues)(struct netdev *nd, unsigned n);     /* NULL ok   */
	void (*describe)(struct netdev *nd, struct strbuf *out);
	bool send_anywhere;            /* send is for any thread           */
};

struct netdev_queue {
	struct netdev *nd;
	_Atomic int fd;                /* borrowed from the kind; -1        */
	int vhost_fd;                  /* the same, of vhost-net            */
	bool want_read, want_write;
	bool watched;
	u32 events;                    /* as the loop has it                */
};

struct netdev {
	const struct netdev_ops *ops;
	struct netdev_set *set;
	struct list node;
	char *id;
	struct netdev_queue *q;
	unsigned nqueues, used;
	bool vnet, ufo;
	_Atomic bool link_down;        /* set_link off                      */
	_Atomic bool carrier_down;     /* the kind has no peer              */
	const struct netdev_client *client;
	void *opaque;
	struct list dumps;             /* struct net_dump                   */
	_Atomic bool dumping;          /* there are some                    */
	u64 sent, received, dropped;
};

extern const struct netdev_ops *const net_kinds[];     /* ends with NULL */
extern const struct netdev_ops net_tap, net_user, net_stream, net_dgram,
			       net_socket;

/* For open: how many queues there will be; each without descriptor. */
void netdev_alloc_queues(struct netdev *nd, unsigned n);
/* Give queue `q` its descriptor, or -1 to take it away before closing it. */
int  netdev_queue_fd(struct netdev *nd, unsigned q, int fd, struct err *e);
/* The kind asks to be told when it can write on. */
void netdev_want_write(struct netdev *nd, unsigned q, bool on);
void netdev_carrier(struct netdev *nd, bool up);
struct loop *netdev_loop(const struct netdev *nd);
int netdev_broker(const struct netdev *nd);

u64  net_iov_len(const struct iovec *iov, unsigned n);

/* net_user.c */
int  net_user_hostfwd(struct netdev *nd, const char *rule, bool add,
		      struct err *e);
void net_user_info(struct netdev *nd, struct strbuf *out);

/* net_dump.c */
struct net_dump *net_dump_open(const char *id, const char *file, u32 maxlen,
			       struct err *e);
void net_dump_close(struct net_dump *d);
void net_dump_frame(struct net_dump *d, const struct iovec *iov, unsigned n,
		    u64 skip, u64 len);
const char *net_dump_id(const struct net_dump *d);
struct list *net_dump_node(struct net_dump *d);
struct net_dump *net_dump_of(struct list *node);

/* Sockets (net_stream.c, net_dgram.c): "PREFIX.type=inet,PREFIX.host=..." */
struct sockaddr_any;

#endif
