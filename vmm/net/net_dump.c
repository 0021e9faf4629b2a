// SPDX-License-Identifier: MIT
/*
 * Frames written to a pcap file (filter-dump): microsecond pcap 2.4, link type
 * Ethernet.
 *
 * Talks to: one file.
 * Never:    stops traffic: a full disk ends the recording.
 */
#include "vmm/net/netdev_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/path.h"

enum { DUMP_IOV = 64 };

struct net_dump {
	struct list node;
	char *id;
	int fd;                        /* -1: it ended                      */
	u32 maxlen;
};

struct net_dump *net_dump_open(const char *id, const char *file, u32 maxlen,
			       struct err *e)
{
	const struct {
		u32 magic;
		u16 major, minor;
		u32 zone, sigfigs, snaplen, linktype;
	} head = { 0xa1b2c3d4, 2, 4, 0, 0, maxlen, 1 };
	struct net_dump *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	list_init(&d->node);
	d->id = strdup(id);
	d->maxlen = maxlen;
	d->fd = path_open(file, O_CREAT | O_WRONLY | O_TRUNC, 0644, e);
	if (d->fd < 0) {
		err_prefix(e, "filter-dump");
		net_dump_close(d);
		return NULL;
	}
	if (write(d->fd, &head, sizeof(head)) != sizeof(head)) {
		err_set(e, -errno, "filter-dump: cannot write %s: %m", file);
		net_dump_close(d);
		return NULL;
	}
	return d;
}

void net_dump_close(struct net_dump *d)
{
	list_remove(&d->node);
	if (d->fd >= 0)
		close(d->fd);
	free(d->id);
	free(d);
}

void net_dump_frame(struct net_dump *d, const struct iovec *iov, unsigned n,
		    u64 skip, u64 len)
{
	struct timespec now;
	struct { u32 sec, usec, caplen, len; } head;
	struct iovec v[DUMP_IOV] = { { &head, sizeof(head) } };
	unsigned used = 1;
	u64 left;

	if (d->fd < 0 || len <= skip)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	head.sec = now.tv_sec;
	head.usec = now.tv_nsec / 1000;
	head.len = len - skip;
	left = MIN((u64)head.len, d->maxlen);
	head.caplen = 0;
	for (; n && left && used < DUMP_IOV; iov++, n--) {
		u64 off = MIN(skip, iov->iov_len);
		u64 part = MIN(iov->iov_len - off, left);

		skip -= off;
		if (!part)
			continue;
		v[used++] = (struct iovec){ (u8 *)iov->iov_base + off, part };
		head.caplen += part;
		left -= part;
	}
	if (writev(d->fd, v, used) != (ssize_t)(sizeof(head) + head.caplen)) {
		close(d->fd);
		d->fd = -1;
	}
}

const char *net_dump_id(const struct net_dump *d)
{
	return d->id;
}

struct list *net_dump_node(struct net_dump *d)
{
	return &d->node;
}

struct net_dump *net_dump_of(struct list *node)
{
	return list_entry(node, struct net_dump, node);
}
