// SPDX-License-Identifier: MIT
/*
 * Network back ends: the set of them, the way between card and kind, links.
 * See netdev.h.
 *
 * Talks to: the loop; the kinds (net_*.c) below, a card above.
 * Never:    looks into a frame; allocates for one; queues one.
 */
#include "vmm/net/netdev_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/log.h"
#include "vmm/base/trace.h"
#include "vmm/core/sockaddr.h"

enum { ANNOUNCE_ROUNDS = 5, ANNOUNCE_FIRST_MS = 50, ANNOUNCE_STEP_MS = 100,
       ANNOUNCE_MAX_MS = 550 };

struct netdev_set {
	struct loop *loop;
	int broker;                    /* borrowed; -1: none               */
	struct list list;              /* struct netdev.node               */
	unsigned macs;                 /* given out                        */
	struct timer announce;
	unsigned rounds;               /* left                             */
	char *names;                   /* ':'-separated, NULL: all         */
};

const struct netdev_ops *const net_kinds[] = {
	&net_user, &net_tap, &net_stream, &net_dgram, &net_socket, NULL
};

/* Kinds that users of others know, and which are not here. */
static const char *const absent_kinds[] = {
	"bridge", "hubport", "l2tpv3", "netmap", "vde", "vhost-user",
	"vhost-vdpa", NULL
};

/* --- descriptors ----------------------------------------------------------- */

int netdev_broker(const struct netdev *nd)
{
	return nd->set->broker;
}

void netdev_set_broker(struct netdev_set *s, int broker)
{
	s->broker = broker;
}

struct loop *netdev_loop(const struct netdev *nd)
{
	return nd->set->loop;
}

static bool active(const struct netdev *nd, unsigned q)
{
	return nd->client && q < nd->used && !nd->link_down;
}

/* An interface that was deleted, a peer that went: epoll would say so for
 * ever.  An error that is only a socket's last is over once it was read. */
static void lost(struct netdev *nd, unsigned q, u32 events)
{
	if (!(events & EPOLLHUP) && sockaddr_error(nd->q[q].fd) != -ENOTSOCK)
		return;
	log_warn("netdev '%s': its other end is gone: its network is down",
		 nd->id);
	netdev_queue_fd(nd, q, -1, NULL);
	netdev_carrier(nd, false);
}

static void on_queue(void *opaque, u32 events)
{
	struct netdev_queue *q = opaque;
	struct netdev *nd = q->nd;
	const unsigned i = q - nd->q;

	if (events & EPOLLOUT)         /* the kind may want it again       */
		netdev_want_write(nd, i, false);
	if (nd->ops->event)
		nd->ops->event(nd, i, events);
	else if (events & (EPOLLERR | EPOLLHUP))
		lost(nd, i, events);
	if (events & EPOLLOUT && !q->want_write && nd->client &&
	    nd->client->writable)
		nd->client->writable(nd->opaque, i);
	if (events & (EPOLLIN | EPOLLHUP) && q->want_read && active(nd, i) &&
	    nd->client->readable)
		nd->client->readable(nd->opaque, i);
}

static void queue_update(struct netdev_queue *q)
{
	const unsigned i = q - q->nd->q;
	u32 events = (q->want_read && active(q->nd, i) ? EPOLLIN : 0) |
		     (q->want_write ? EPOLLOUT : 0);

	if (q->fd < 0 || !q->watched || events == q->events)
		return;
	q->events = events;
	loop_rewatch(netdev_loop(q->nd), q->fd, events);
}

static void update_all(struct netdev *nd)
{
	for (unsigned i = 0; i < nd->nqueues; i++)
		queue_update(&nd->q[i]);
}

void netdev_alloc_queues(struct netdev *nd, unsigned n)
{
	nd->q = calloc(n, sizeof(*nd->q));
	if (!nd->q)
		abort();
	nd->nqueues = n;
	nd->used = 1;
	for (unsigned i = 0; i < n; i++) {
		nd->q[i].nd = nd;
		nd->q[i].fd = nd->q[i].vhost_fd = -1;
	}
}

int netdev_queue_fd(struct netdev *nd, unsigned q, int fd, struct err *e)
{
	struct netdev_queue *nq = &nd->q[q];
	int rc;

	if (nq->watched)
		loop_unwatch(netdev_loop(nd), nq->fd);
	nq->watched = false;
	nq->fd = fd;
	nq->events = 0;
	nq->want_write = false;
	if (fd < 0)
		return 0;
	rc = loop_watch(netdev_loop(nd), fd, 0, on_queue, nq);
	if (rc < 0)
		return err_set(e, rc, "netdev '%s': descriptor %d cannot be "
			       "waited for: %m", nd->id, fd);
	nq->watched = true;
	queue_update(nq);
	return 0;
}

void netdev_want_write(struct netdev *nd, unsigned q, bool on)
{
	nd->q[q].want_write = on;
	queue_update(&nd->q[q]);
}

void netdev_want_read(struct netdev *nd, unsigned q, bool on)
{
	if (q >= nd->nqueues || nd->q[q].want_read == on)
		return;
	nd->q[q].want_read = on;
	queue_update(&nd->q[q]);
}

/* --- frames ---------------------------------------------------------------- */

u64 net_iov_len(const struct iovec *iov, unsigned n)
{
	u64 len = 0;

	for (unsigned i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

static void dump(struct netdev *nd, const struct iovec *iov, unsigned n,
		 u64 len)
{
	struct list *p;

	list_for_each(p, &nd->dumps)
		net_dump_frame(net_dump_of(p), iov, n,
			       nd->vnet ? NETDEV_VNET_LEN : 0, len);
}

/* 1: sent; 0: dropped; -EAGAIN. */
static int try_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		    unsigned n)
{
	int rc = -ENETDOWN;

	if (q < nd->nqueues && nd->q[q].fd >= 0 && netdev_link(nd))
		rc = nd->ops->send(nd, q, iov, n);
	if (rc == -EAGAIN)
		return rc;
	if (rc < 0)
		nd->dropped++;
	else
		nd->sent++;
	trace(netdev_send, "%s queue %u result %d", nd->id, q, rc);
	return rc >= 0;
}

int netdev_send(struct netdev *nd, unsigned q, const struct iovec *iov,
		unsigned n)
{
	int rc = try_send(nd, q, iov, n);

	if (rc == -EAGAIN)
		netdev_want_write(nd, q, true);
	if (rc == 1 && nd->dumping)
		dump(nd, iov, n, net_iov_len(iov, n));
	return MIN(rc, 0);
}

int netdev_send_here(struct netdev *nd, unsigned q, const struct iovec *iov,
		     unsigned n)
{
	if (!nd->ops->send_anywhere || nd->dumping)
		return -EAGAIN;
	return MIN(try_send(nd, q, iov, n), 0);
}

ssize_t netdev_recv(struct netdev *nd, unsigned q, const struct iovec *iov,
		    unsigned n)
{
	ssize_t got;

	if (!active(nd, q) || nd->q[q].fd < 0)
		return 0;
	got = nd->ops->recv(nd, q, iov, n);
	if (got <= 0)
		return 0;
	nd->received++;
	trace(netdev_recv, "%s queue %u len %zd", nd->id, q, got);
	if (nd->dumping)
		dump(nd, iov, n, got);
	return got;
}

/* --- a card and its netdev ------------------------------------------------- */

int netdev_attach(struct netdev *nd, const struct netdev_client *c,
		  void *opaque, struct err *e)
{
	if (nd->client)
		return err_set(e, -EBUSY, "netdev '%s' is used by '%s' already",
			       nd->id, nd->client->name(nd->opaque));
	nd->client = c;
	nd->opaque = opaque;
	return 0;
}

void netdev_detach(struct netdev *nd)
{
	nd->client = NULL;
	nd->opaque = NULL;
	for (unsigned i = 0; i < nd->nqueues; i++)
		nd->q[i].want_read = false;
	netdev_set_offloads(nd, 0);
	netdev_use_queues(nd, 1);
}

unsigned netdev_queues(const struct netdev *nd)
{
	return nd->nqueues;
}

bool netdev_vnet(const struct netdev *nd)
{
	return nd->vnet;
}

bool netdev_has_ufo(const struct netdev *nd)
{
	return nd->ufo;
}

int netdev_vhost_fd(const struct netdev *nd, unsigned q)
{
	return nd->q[q].vhost_fd;
}

int netdev_tap_fd(const struct netdev *nd, unsigned q)
{
	return nd->q[q].fd;
}

bool netdev_link(const struct netdev *nd)
{
	return !nd->link_down && !nd->carrier_down;
}

const char *netdev_id(const struct netdev *nd)
{
	return nd->id;
}

struct netdev_set *netdev_owner(struct netdev *nd)
{
	return nd->set;
}

void netdev_set_offloads(struct netdev *nd, unsigned flags)
{
	if (nd->vnet && nd->ops->offloads)
		nd->ops->offloads(nd, flags);
}

void netdev_use_queues(struct netdev *nd, unsigned n)
{
	nd->used = MIN(MAX(n, 1), nd->nqueues);
	if (nd->ops->use_queues)
		nd->ops->use_queues(nd, nd->used);
	update_all(nd);
}

static void link_changed(struct netdev *nd)
{
	update_all(nd);
	if (nd->client && nd->client->link)
		nd->client->link(nd->opaque);
}

void netdev_carrier(struct netdev *nd, bool up)
{
	if (nd->carrier_down == !up)
		return;
	nd->carrier_down = !up;
	link_changed(nd);
}

/* --- the set --------------------------------------------------------------- */

static bool announce_one(struct netdev *nd, const char *names)
{
	const char *card = nd->client && nd->client->name ?
			   nd->client->name(nd->opaque) : NULL;
	const size_t len = card ? strlen(card) : 0;

	if (!nd->client || !nd->client->announce)
		return false;
	if (!names)
		return true;
	for (const char *at = names; card && at; at = strchr(at, ':')) {
		at += *at == ':';
		if (!strncmp(at, card, len) && (!at[len] || at[len] == ':'))
			return true;
	}
	return false;
}

static void announce_round(void *opaque)
{
	struct netdev_set *s = opaque;
	const bool first = s->rounds == ANNOUNCE_ROUNDS;
	unsigned wait;
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		if (announce_one(nd, s->names))
			nd->client->announce(nd->opaque, first);
	}
	if (!--s->rounds)
		return;
	wait = ANNOUNCE_FIRST_MS +
	       (ANNOUNCE_ROUNDS - s->rounds - 1) * ANNOUNCE_STEP_MS;
	timer_set(&s->announce,
		  clock_host_ns() + MIN(wait, ANNOUNCE_MAX_MS) * 1000000ll);
}

void netdev_announce(struct netdev_set *s, const char *names)
{
	free(s->names);
	s->names = names ? strdup(names) : NULL;
	s->rounds = ANNOUNCE_ROUNDS;
	announce_round(s);
}

struct netdev_set *netdev_set_create(struct loop *l)
{
	struct netdev_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->loop = l;
	s->broker = -1;
	list_init(&s->list);
	timer_init(&s->announce, l, NULL, announce_round, s);
	return s;
}

static void netdev_free(struct netdev *nd)
{
	if (nd->client && nd->client->gone)
		nd->client->gone(nd->opaque);
	nd->client = NULL;
	for (unsigned i = 0; i < nd->nqueues; i++)
		netdev_queue_fd(nd, i, -1, NULL);
	while (!list_empty(&nd->dumps))
		net_dump_close(net_dump_of(nd->dumps.next));
	if (nd->ops->close)
		nd->ops->close(nd);
	list_remove(&nd->node);
	free(nd->q);
	free(nd->id);
	free(nd);
}

void netdev_set_destroy(struct netdev_set *s)
{
	if (!s)
		return;
	while (!list_empty(&s->list))
		netdev_free(list_entry(s->list.next, struct netdev, node));
	timer_fini(&s->announce);
	free(s->names);
	free(s);
}

struct netdev *netdev_find(struct netdev_set *s, const char *id)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		if (!strcmp(nd->id, id))
			return nd;
	}
	return NULL;
}

static int find_kind(const char *type, const struct netdev_ops **ops,
		     struct err *e)
{
	if (!type)
		return err_set(e, -EINVAL, "Parameter 'type' is missing");
	for (unsigned i = 0; net_kinds[i]; i++) {
		*ops = net_kinds[i];
		if (!strcmp(type, net_kinds[i]->name))
			return 0;
	}
	for (unsigned i = 0; absent_kinds[i]; i++)
		if (!strcmp(type, absent_kinds[i]))
			return err_set(e, -ENOTSUP, "not supported yet: "
				       "networks of type '%s'", type);
	return err_set(e, -EINVAL, "Parameter 'type' does not accept "
		       "value '%s'", type);
}

static int check_id(struct netdev_set *s, const char *id, struct err *e)
{
	if (!id)
		return err_set(e, -EINVAL, "Parameter 'id' is missing");
	if (!opts_id_ok(id))
		return err_set(e, -EINVAL, "'%s' is no id: a letter, then "
			       "letters, digits, '-', '.', '_'", id);
	if (netdev_find(s, id))
		return err_set(e, -EEXIST, "there is a netdev '%s' already",
			       id);
	return 0;
}

static int add_opts(struct netdev_set *s, struct opts *o, struct err *e)
{
	const struct netdev_ops *ops = NULL;
	const char *id = opts_take(o, "id");
	struct netdev *nd;
	int rc = find_kind(opts_take(o, "type"), &ops, e);

	if (!rc)
		rc = check_id(s, id, e);
	if (rc < 0)
		return rc;
	nd = calloc(1, ops->size);
	if (!nd)
		abort();
	nd->ops = ops;
	nd->set = s;
	nd->id = strdup(id);
	list_init(&nd->dumps);
	list_append(&s->list, &nd->node);
	rc = ops->open(nd, o, e);
	if (rc < 0)
		netdev_free(nd);
	return rc;
}

int netdev_add(struct netdev_set *s, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "type", e);

	if (rc < 0)
		return rc;
	rc = add_opts(s, &o, e);
	opts_fini(&o);
	return rc;
}

static int no_netdev(const char *id, struct err *e)
{
	return err_set(e, -ENOENT, "Device '%s' not found", id);
}

int netdev_del(struct netdev_set *s, const char *id, struct err *e)
{
	struct netdev *nd = netdev_find(s, id);

	if (!nd)
		return no_netdev(id, e);
	netdev_free(nd);
	return 0;
}

int netdevs_ready(struct netdev_set *s, int ms, struct err *e)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);
		int rc = nd->ops->ready ? nd->ops->ready(nd, ms, e) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct netdev *find_by_card(struct netdev_set *s, const char *id)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);
		const char *card = nd->client && nd->client->name ?
				   nd->client->name(nd->opaque) : NULL;

		if (card && !strcmp(card, id))
			return nd;
	}
	return NULL;
}

int netdev_set_link(struct netdev_set *s, const char *id, bool up,
		    struct err *e)
{
	struct netdev *nd = netdev_find(s, id);

	if (!nd)
		nd = find_by_card(s, id);
	if (!nd)
		return no_netdev(id, e);
	trace(netdev_link, "%s %s", id, up ? "up" : "down");
	if (nd->link_down == up) {
		nd->link_down = !up;
		link_changed(nd);
	}
	return 0;
}

void netdev_next_mac(struct netdev_set *s, u8 mac[6])
{
	static const u8 first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	memcpy(mac, first, 6);
	if (s)
		mac[5] += s->macs++;
}

bool netdev_parse_mac(const char *text, u8 mac[6])
{
	unsigned b[6];
	char sep[5];
	int used = 0;

	if (sscanf(text, "%2x%c%2x%c%2x%c%2x%c%2x%c%2x%n", &b[0], &sep[0],
		   &b[1], &sep[1], &b[2], &sep[2], &b[3], &sep[3], &b[4],
		   &sep[4], &b[5], &used) != 11 || text[used])
		return false;
	for (unsigned i = 0; i < 5; i++)
		if (sep[i] != ':' && sep[i] != '-')
			return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = b[i];
	return true;
}

/* --- text ------------------------------------------------------------------ */

static void describe(struct netdev *nd, unsigned index, struct strbuf *out)
{
	if (nd->client) {
		strbuf_addf(out, "%s: index=0,type=nic,",
			    nd->client->name(nd->opaque));
		if (nd->client->describe)
			nd->client->describe(nd->opaque, out);
		strbuf_addf(out, "\n \\ %s: ", nd->id);
	} else {
		strbuf_addf(out, "%s: ", nd->id);
	}
	strbuf_addf(out, "index=%u,type=%s,", index, nd->ops->name);
	nd->ops->describe(nd, out);
	if (nd->link_down)
		strbuf_addstr(out, ",link=off");
	else if (nd->carrier_down)
		strbuf_addstr(out, ",not connected");
	strbuf_addc(out, '\n');
}

void netdev_describe_all(struct netdev_set *s, struct strbuf *out)
{
	struct list *p;

	list_for_each(p, &s->list)
		describe(list_entry(p, struct netdev, node), 0, out);
}

void netdev_describe_user(struct netdev_set *s, struct strbuf *out)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		if (nd->ops != &net_user)
			continue;
		strbuf_addf(out, "Hub -1 (%s):\n", nd->id);
		net_user_info(nd, out);
	}
}

static struct netdev *only_user(struct netdev_set *s)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		if (nd->ops == &net_user)
			return nd;
	}
	return NULL;
}

int netdev_hostfwd(struct netdev_set *s, const char *id, const char *rule,
		   bool add, struct err *e)
{
	struct netdev *nd = id ? netdev_find(s, id) : only_user(s);

	if (!nd && id)
		return err_set(e, -ENOENT, "unrecognized netdev id '%s'", id);
	if (!nd)
		return err_set(e, -ENOENT, "user mode network stack not in use");
	if (nd->ops != &net_user)
		return err_set(e, -EINVAL, "netdev '%s' is no user mode "
			       "network", nd->id);
	return net_user_hostfwd(nd, rule, add, e);
}

void netdev_help(struct strbuf *out)
{
	strbuf_addstr(out, "Available netdev backend types:\n");
	for (unsigned i = 0; net_kinds[i]; i++)
		strbuf_addf(out, "%-10s %s\n", net_kinds[i]->name,
			    net_kinds[i]->summary);
}

const char *netdev_nth_name(struct netdev_set *s, unsigned n, bool cards)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		if (!n--)
			return nd->id;
		if (cards && nd->client && !n--)
			return nd->client->name(nd->opaque);
	}
	return NULL;
}

/* --- filter-dump ----------------------------------------------------------- */

static struct net_dump *find_dump(struct netdev_set *s, const char *id)
{
	struct list *p, *d;

	list_for_each(p, &s->list)
		list_for_each(d, &list_entry(p, struct netdev, node)->dumps)
			if (!strcmp(net_dump_id(net_dump_of(d)), id))
				return net_dump_of(d);
	return NULL;
}

static void dumps_changed(struct netdev_set *s)
{
	struct list *p;

	list_for_each(p, &s->list) {
		struct netdev *nd = list_entry(p, struct netdev, node);

		nd->dumping = !list_empty(&nd->dumps);
	}
}

static int dump_add(struct netdev_set *s, struct opts *o, struct err *e)
{
	const char *id = opts_take(o, "id"), *netdev = opts_take(o, "netdev");
	const char *file = opts_take(o, "file");
	struct net_dump *d;
	struct netdev *nd;
	u64 maxlen = 65536;
	int rc = opts_take_size(o, "maxlen", &maxlen, e);

	opts_take(o, "qom-type");
	if (!rc)
		rc = opts_check_taken(o, e);
	if (rc < 0)
		return rc;
	if (!id || !netdev)
		return err_set(e, -EINVAL, "filter-dump: %s is missing",
			       id ? "netdev=ID" : "id=NAME");
	nd = netdev_find(s, netdev);
	if (!nd)
		return err_set(e, -ENOENT, "filter-dump: there is no netdev "
			       "'%s'", netdev);
	if (netdev_vhost_fd(nd, 0) >= 0)
		return err_set(e, -EINVAL, "filter-dump: netdev '%s' has "
			       "vhost=on: its frames do not pass through here",
			       netdev);
	if (find_dump(s, id))
		return err_set(e, -EEXIST, "there is an object '%s' already",
			       id);
	if (maxlen < 1 || maxlen > UINT32_MAX)
		return err_set(e, -EINVAL, "filter-dump: bad maxlen");
	d = net_dump_open(id, file ? file : "qemu-vlan.pcap", maxlen, e);
	if (!d)
		return e && e->rc ? e->rc : -EIO;
	list_append(&nd->dumps, net_dump_node(d));
	dumps_changed(s);
	return 0;
}

int netdev_dump_add(struct netdev_set *s, const char *spec, struct err *e)
{
	struct opts o;
	int rc = opts_parse(&o, spec, "qom-type", e);

	if (rc < 0)
		return rc;
	rc = dump_add(s, &o, e);
	opts_fini(&o);
	return rc;
}

int netdev_dump_del(struct netdev_set *s, const char *id, struct err *e)
{
	struct net_dump *d = find_dump(s, id);

	if (!d)
		return err_set(e, -ENOENT, "object '%s' not found", id);
	net_dump_close(d);
	dumps_changed(s);
	return 0;
}
