// SPDX-License-Identifier: MIT
/*
 * The options of a user mode network, as -netdev user takes them.
 *
 * Never:    accepts an option that would have no effect.
 */
#include "slirp/slirp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *key, const char *val, struct err *e)
{
	return err_set(e, -EINVAL, "invalid value '%s' of '%s'", val, key);
}

static int take_v4(struct opts *o, const char *key, struct in_addr *out,
		   struct err *e)
{
	const char *val = opts_take(o, key);

	return !val || inet_pton(AF_INET, val, out) == 1 ? 0 : bad(key, val, e);
}

static int take_v6(struct opts *o, const char *key, struct in6_addr *out,
		   struct err *e)
{
	const char *val = opts_take(o, key);

	return !val || inet_pton(AF_INET6, val, out) == 1 ? 0
		: bad(key, val, e);
}

/* "10.0.2.0", "10.0.2.0/24" or "10.0.2.0/255.255.255.0". */
static int take_net(struct net_config *c, struct opts *o, struct err *e)
{
	const char *val = opts_take(o, "net"), *slash;
	char head[INET_ADDRSTRLEN];
	struct in_addr mask;
	u64 bits;

	inet_pton(AF_INET, "10.0.2.0", &c->net);
	inet_pton(AF_INET, "255.255.255.0", &c->mask);
	if (!val)
		return 0;
	slash = strchr(val, '/');
	snprintf(head, sizeof(head), "%.*s",
		 (int)(slash ? slash - val : (long)strlen(val)), val);
	if (inet_pton(AF_INET, head, &c->net) != 1)
		return bad("net", val, e);
	if (!slash)
		return 0;
	if (inet_pton(AF_INET, slash + 1, &mask) == 1)
		c->mask = mask;
	else if (opts_u64(slash + 1, &bits) == 0 && bits >= 1 && bits <= 30)
		c->mask.s_addr = htonl(~0u << (32 - bits));
	else
		return bad("net", val, e);
	c->net.s_addr &= c->mask.s_addr;
	return 0;
}

static struct in_addr host_of(const struct net_config *c, u32 n)
{
	struct in_addr a = { c->net.s_addr | (htonl(n) & ~c->mask.s_addr) };

	return a;
}

static int check_v4(const struct net_config *c, const char *key,
		    struct in_addr a, struct err *e)
{
	if ((a.s_addr & c->mask.s_addr) == c->net.s_addr)
		return 0;
	return err_set(e, -EINVAL, "%s=%s is not in the network", key,
		       inet_ntoa(a));
}

static int read_v4(struct net_config *c, struct opts *o, struct err *e)
{
	SlirpConfig *s = &c->slirp;
	int rc = take_net(c, o, e);

	s->vnetwork = c->net;
	s->vnetmask = c->mask;
	s->vhost = host_of(c, 2);
	s->vnameserver = host_of(c, 3);
	s->vdhcp_start = host_of(c, 15);
	if (!rc)
		rc = take_v4(o, "host", &s->vhost, e);
	if (!rc)
		rc = take_v4(o, "dns", &s->vnameserver, e);
	if (!rc)
		rc = take_v4(o, "dhcpstart", &s->vdhcp_start, e);
	if (!rc)
		rc = check_v4(c, "host", s->vhost, e);
	if (!rc)
		rc = check_v4(c, "dns", s->vnameserver, e);
	if (!rc)
		rc = check_v4(c, "dhcpstart", s->vdhcp_start, e);
	if (!rc && s->vhost.s_addr == s->vnameserver.s_addr)
		rc = err_set(e, -EINVAL, "host= and dns= are the same");
	return rc;
}

static int read_v6(struct net_config *c, struct opts *o, struct err *e)
{
	SlirpConfig *s = &c->slirp;
	u64 len = 64;
	int rc;

	inet_pton(AF_INET6, "fec0::", &s->vprefix_addr6);
	rc = take_v6(o, "ipv6-prefix", &s->vprefix_addr6, e);
	if (!rc)
		rc = opts_take_u64(o, "ipv6-prefixlen", &len, e);
	if (!rc && (!len || len > 126))
		rc = err_set(e, -EINVAL, "ipv6-prefixlen is not 1 to 126");
	if (rc < 0)
		return rc;
	s->vprefix_len = len;
	s->vhost6 = s->vnameserver6 = s->vprefix_addr6;
	s->vhost6.s6_addr[15] |= 2;
	s->vnameserver6.s6_addr[15] |= 3;
	rc = take_v6(o, "ipv6-host", &s->vhost6, e);
	return rc ? rc : take_v6(o, "ipv6-dns", &s->vnameserver6, e);
}

/* Lists are given as a repeated key, dnssearch also as dnssearch.N. */
static int read_search(struct net_config *c, struct opts *o, struct err *e)
{
	struct opt *p;

	opts_for_each(p, o) {
		if (strncmp(p->key, "dnssearch", 9) ||
		    (p->key[9] && p->key[9] != '.'))
			continue;
		p->taken = true;
		if (c->nsearch == ARRAY_LEN(c->search) - 1)
			return err_set(e, -EINVAL, "more than %u dnssearch=",
				       c->nsearch);
		c->search[c->nsearch++] = p->val;
	}
	c->slirp.vdnssearch = c->nsearch ? c->search : NULL;
	return 0;
}

/* Set up later, by fwd.c; seen here for what they need. */
static void note_forwards(struct net_config *c, struct opts *o)
{
	struct opt *p;

	opts_for_each(p, o) {
		if (!strcmp(p->key, "hostfwd") || !strcmp(p->key, "guestfwd"))
			p->taken = true;
		if (!strcmp(p->key, "guestfwd") && strstr(p->val, "-cmd:"))
			c->needs_exec = true;
	}
}

static int read_flags(struct net_config *c, struct opts *o, struct err *e)
{
	SlirpConfig *s = &c->slirp;
	bool restricted = false, v4 = true, v6 = true;
	const char *was[] = { opts_find(o, "ipv4"), opts_find(o, "ipv6") };
	int rc = opts_take_bool(o, "restrict", &restricted, e);

	if (!rc)
		rc = opts_take_bool(o, "ipv4", &v4, e);
	if (!rc)
		rc = opts_take_bool(o, "ipv6", &v6, e);
	if (rc < 0)
		return rc;
	if (was[0] && v4 && !was[1])   /* one asked for: only that one     */
		v6 = false;
	if (was[1] && v6 && !was[0])
		v4 = false;
	if (!v4 && !v6)
		return err_set(e, -EINVAL, "neither IPv4 nor IPv6 is left");
	s->restricted = restricted;
	s->in_enabled = v4;
	s->in6_enabled = v6;
	return 0;
}

int net_config_read(struct net_config *c, struct opts *o, struct err *e)
{
	SlirpConfig *s = &c->slirp;
	int rc;

	memset(c, 0, sizeof(*c));
	s->version = MIN(SLIRP_CONFIG_VERSION_MAX, 4);
	s->if_mtu = s->if_mru = FRAME_IF_MTU;
	rc = read_flags(c, o, e);
	if (!rc)
		rc = read_v4(c, o, e);
	if (!rc)
		rc = read_v6(c, o, e);
	if (!rc)
		rc = read_search(c, o, e);
	if (rc < 0)
		return rc;
	s->vhostname = opts_take(o, "hostname");
	s->vdomainname = opts_take(o, "domainname");
	s->tftp_path = opts_take(o, "tftp");
	s->tftp_server_name = opts_take(o, "tftp-server-name");
	s->bootfile = opts_take(o, "bootfile");
	note_forwards(c, o);
	if (opts_find(o, "smb") || opts_find(o, "smbserver"))
		return err_set(e, -ENOTSUP, "not supported yet: smb");
	return opts_check_taken(o, e);
}
