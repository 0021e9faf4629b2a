/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue: split and packed rings (virtio 1.2, 2.7 and 2.8), with indirect
 * tables, event index, in-order completion and ring reset.
 *
 * The only code that touches ring memory.  virtq_pop copies each descriptor
 * once, bounds it and translates it to host memory; a device sees iovecs.
 *
 * Invariants:
 *  1. Ring addresses and size are read when the queue is enabled and never
 *     again; nothing the guest writes later moves the rings.
 *  2. Every descriptor is copied before it is looked at, and looked at only
 *     in the copy.  Every iovec lies within guest RAM; writable ones not in
 *     ROM.
 *  3. A guest's mistake marks the queue broken, counts it and calls on_broken
 *     once; from then on virtq_pop gives -1 and virtq_push does nothing.
 *  4. `inuse` is the number of chains popped and not yet pushed or dropped.
 *  5. Nothing but the driver's good will keeps it from making a place of a
 *     packed ring available that it did not get back: `places` does.
 *
 * Thread: a virtq has no lock; the device's lock covers it.
 */
#ifndef MOTE_VIRTIO_VIRTQ_H
#define MOTE_VIRTIO_VIRTQ_H

#include <sys/uio.h>

#include "vmm/base/types.h"
#include "vmm/core/gmem.h"
#include "vmm/core/state.h"

enum { VIRTQ_SIZE_MAX = 32768, VIRTQ_CHAIN_MAX = 1024 };

/* Ring features, as bit numbers of the feature word (virtio 1.2, 6). */
enum {
	VIRTIO_F_NOTIFY_ON_EMPTY = 24,
	VIRTIO_F_ANY_LAYOUT      = 27,
	VIRTIO_F_INDIRECT_DESC   = 28,
	VIRTIO_F_EVENT_IDX       = 29,
	VIRTIO_F_VERSION_1       = 32,
	VIRTIO_F_ACCESS_PLATFORM = 33,
	VIRTIO_F_RING_PACKED     = 34,
	VIRTIO_F_IN_ORDER        = 35,
	VIRTIO_F_ORDER_PLATFORM  = 36,
	VIRTIO_F_SR_IOV          = 37,
	VIRTIO_F_NOTIFICATION_DATA = 38,
	VIRTIO_F_NOTIF_CONFIG_DATA = 39,
	VIRTIO_F_RING_RESET      = 40,
};

/*
 * One request: `nout` iovecs the device reads, then `nin` it writes.  The
 * caller gives iov and max and keeps both until the chain is pushed.
 */
struct virtq_chain {
	struct iovec *iov;
	u16 max;                       /* room in iov                      */
	u16 nout, nin;
	u16 head;                      /* descriptor or buffer id          */
	u16 ndesc;                     /* ring places it takes             */
	u16 seq;                       /* order of popping                 */
	u64 out_len, in_len;           /* bytes                            */
};

struct virtq_order;                    /* in-order: what waits its turn    */

struct virtq {
	struct gmem *gmem;
	void (*on_broken)(struct virtq *q, const char *why);
	void *opaque;                  /* the owner's                      */
	u16 index, size_max;

	/* What the driver sets, while the queue is disabled. */
	u16 size;                      /* 0: this queue is not offered     */
	u64 desc, driver, device;      /* addresses of the three areas     */
	bool enabled;

	/* Where the ring is; as of enable. */
	bool packed, event_idx, indirect, in_order;
	bool broken;
	u16 avail_idx;                 /* next to pop                      */
	u16 used_idx;                  /* next to push                     */
	u32 unsignalled;               /* ring places flushed since asked  */
	bool avail_wrap, used_wrap;    /* packed                           */
	u16 shadow_avail;              /* how far the driver was seen to be:
					  never behind avail_idx           */
	bool shadow_wrap;              /* packed                           */
	u16 seq, order_next;
	u16 pending;                   /* filled, not flushed: entries ... */
	u16 pending_slots;             /* ... and packed ring places       */
	u16 first_flags;               /* packed: the first one's flags    */
	struct virtq_order *order;     /* in_order only: norder, `size`    */
	u32 norder;
	void *desc_host, *driver_host, *device_host;

	u32 inuse;
	u32 places;                    /* packed: of chains not flushed yet,
					  never more than `size`           */
	u64 popped, pushed;            /* for info; never reset by guest   */
};

extern const struct state_desc virtq_state;   /* of one struct virtq */

void virtq_init(struct virtq *q, struct gmem *m, u16 index, u16 size_max);
void virtq_fini(struct virtq *q);

/* Take the rings as the driver described them, with these feature bits.
 * False (and broken) when they are not all in RAM, misaligned or of a bad
 * size.  Also used after loading state: `resume` keeps the indexes. */
bool virtq_enable(struct virtq *q, u64 features, bool resume);
/* Forget everything: queue reset, device reset.  Chains still out may only be
 * dropped or pushed (which does nothing). */
void virtq_disable(struct virtq *q);

/* 1 with a chain, 0 when there is none, -1 broken. */
int  virtq_pop(struct virtq *q, struct virtq_chain *c);
/* Put back the chain popped last, as if never popped. */
void virtq_unpop(struct virtq *q, const struct virtq_chain *c);
/* Give a chain back with `written` bytes: fill, then flush. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 written);
/* The same in two steps: filled chains become visible all at once. */
void virtq_fill(struct virtq *q, const struct virtq_chain *c, u32 written);
void virtq_flush(struct virtq *q);
/* Let go of a chain without giving it back: the queue is being reset. */
void virtq_drop(struct virtq *q, const struct virtq_chain *c);

/*
 * A chain that was out while the state was saved is out again: its place in
 * the ring comes from the stream, its buffers are added one by one to `c`,
 * which starts empty.  False: the queue is broken.
 */
bool virtq_restore_begin(struct virtq *q, struct virtq_chain *c);
bool virtq_restore_buffer(struct virtq *q, struct virtq_chain *c, u64 gpa,
			  u32 len, bool write);

bool virtq_empty(struct virtq *q);

/*
 * Somebody else (vhost) works a split ring for a while: where it lies, and
 * afterwards how far it got.  Meanwhile the queue is not to be touched here.
 * False: it is not enabled, broken or packed.
 */
struct virtq_areas {
	void *desc, *driver, *device;
};
bool virtq_lend(const struct virtq *q, struct virtq_areas *a);
void virtq_take_back(struct virtq *q, u16 avail_idx);
/* Must the guest be interrupted for what was flushed since last asked? */
bool virtq_should_notify(struct virtq *q);
/*
 * Ask for kicks or not.  On: for what comes after all that was seen so far, be
 * it popped or put back; true when some has come already, so look again.
 */
bool virtq_want_kicks(struct virtq *q, bool on);

/* Mark broken, as a device does that finds nonsense in a request. */
void virtq_break(struct virtq *q, const char *why);

/* --- iovecs: bounded copies; each returns the bytes moved --- */
u64  iov_from(const struct iovec *iov, unsigned n, u64 off, void *buf, u64 len);
u64  iov_to(const struct iovec *iov, unsigned n, u64 off, const void *buf,
	    u64 len);
/* Cut [off, off+len) out of src into dst; count used, or -1: more than max */
int  iov_slice(const struct iovec *src, unsigned n, u64 off, u64 len,
	       struct iovec *dst, unsigned max);

/* The chain's two halves, by offset. */
static inline u64 virtq_read(const struct virtq_chain *c, u64 off, void *buf,
			     u64 len)
{
	return iov_from(c->iov, c->nout, off, buf, len);
}

static inline u64 virtq_write(const struct virtq_chain *c, u64 off,
			      const void *buf, u64 len)
{
	return iov_to(c->iov + c->nout, c->nin, off, buf, len);
}

/* One descriptor as the guest wrote it, for info virtio-queue-element. */
struct virtq_peek {
	u64 addr;
	u32 len;
	u16 flags, next;
};
/* Entry `at` of the descriptor ring; false when not enabled or outside. */
bool virtq_peek_desc(const struct virtq *q, unsigned at, struct virtq_peek *p);
/* Split rings: head at avail index `at`, avail->flags/idx, used->flags/idx. */
struct virtq_ring_info {
	u16 avail_flags, avail_idx, used_flags, used_idx, head;
};
bool virtq_peek_ring(const struct virtq *q, u16 at, struct virtq_ring_info *r);

#endif
