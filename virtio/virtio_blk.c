// SPDX-License-Identifier: MIT
/*
 * virtio-blk (virtio 1.2, 5.2): a disk, with several queues, flush, discard,
 * write-zeroes, topology, a serial and live resize.
 *
 * Room:     requests to and from a disk; nothing is allocated for one.
 * Talks to: disk.h, blk.h; virtio.h.
 * Never:    touches a request while the disk has it.
 *
 * Thread: kicks and completions are on v->loop.  A completion may come while
 * a kick hands requests out, with the lock held: in_kick, which only v->loop
 * looks at, says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/virtio.h"
#include "vmm/block/disk.h"
#include "vmm/block/iothread.h"

enum {                                 /* feature bits: 5.2.3              */
	F_SIZE_MAX = 1, F_SEG_MAX = 2, F_GEOMETRY = 4, F_RO = 5,
	F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_CONFIG_WCE = 11,
	F_MQ = 12, F_DISCARD = 13, F_WRITE_ZEROES = 14,
};

enum {                                 /* configuration: 5.2.4             */
	CAPACITY = 0, SEG_MAX = 12, CYLINDERS = 16, HEADS = 18, SECTORS = 19,
	BLK_SIZE = 20, PHYS_EXP = 24, MIN_IO = 26, OPT_IO = 28,
	WRITEBACK = 32, NUM_QUEUES = 34, MAX_DISCARD = 36,
	MAX_DISCARD_SEG = 40, DISCARD_ALIGN = 44, MAX_ZEROES = 48,
	MAX_ZEROES_SEG = 52, ZEROES_MAY_UNMAP = 56, CONFIG_LEN = 60,
};

enum { CACHE_AUTO, CACHE_ON, CACHE_OFF };      /* write-cache=           */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11,
       T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { AUTO_QUEUES = 65535, ID_LEN = 20, RANGE_SECTORS = 1 << 22, SPARE_IOVS = 8,
       RANGE_F_UNMAP = 1,
       OWN_IOVS = 20,                  /* a slot's: 64 KiB in pages and more */
       ROOMS = 32,                     /* requests with more, at a time    */
       TELL_BYTES = 256 << 10 };

struct header {
	u32 type, reserved;
	u64 sector;
};

struct range {
	u64 sector;
	u32 sectors, flags;
};

struct slot {
	struct slot *next;             /* free, or waiting for `cont`      */
	struct virtio_blk *b;
	struct virtq_chain c;
	struct blk_req r;
	enum blk_op op;                /* as asked; r.op may be changed    */
	u16 q;
	u32 data;                      /* bytes the guest gets             */
	struct iovec *cut;             /* c.max more, for the data's iovecs */
	struct iovec *room;            /* borrowed for both, or NULL       */
	struct iovec *own;             /* 2 * OWN_IOVS                     */
};

struct virtio_blk {
	struct virtio v;
	struct disk *disk;             /* properties */
	struct iothread *iothread;
	u16 num_queues, queue_size;
	char *serial;
	u32 logical, physical, min_io, opt_io, bootindex;
	bool discard, write_zeroes, config_wce, share_rw;
	u32 discard_unit, max_discard, max_zeroes;     /* bytes, sectors   */
	u32 werror, rerror, write_cache;
	bool writeback;                /* before a guest had its say       */

	struct slot *slots, *free, *stopped, **stopped_last;
	struct iovec *own;             /* the slots'                       */
	u32 nslots, fresh;             /* from `fresh` on never used: no
					  memory of theirs was touched     */
	struct iovec *iovs;            /* ROOMS of them, each for any chain */
	struct iovec *room[ROOMS];     /* the nrooms that are free         */
	u32 nrooms;
	bool starved;                  /* a chain waits for a room         */
	bool in_kick;
	u64 finished[3];               /* queues to notify, by bit         */
	u64 untold;                    /* bytes moved for them             */
	struct blk_batch batch;
};

static struct virtio_blk *of_virtio(struct virtio *v)
{
	return container_of(v, struct virtio_blk, v);
}

/* --- completions ----------------------------------------------------------- */

static void notify_finished(struct virtio_blk *b)
{
	b->untold = 0;
	for (unsigned i = 0; i < ARRAY_LEN(b->finished); i++) {
		while (b->finished[i]) {
			unsigned bit = __builtin_ctzll(b->finished[i]);

			b->finished[i] &= b->finished[i] - 1;
			virtio_notify(&b->v, 64 * i + bit);
		}
	}
}

static void batch_end(struct blk_batch *batch)
{
	struct virtio_blk *b = container_of(batch, struct virtio_blk, batch);

	virtio_lock(&b->v);
	notify_finished(b);
	virtio_unlock(&b->v);
}

static void set_iovs(struct slot *s, struct iovec *iov, u16 max)
{
	s->c.iov = iov;
	s->c.max = max;
	s->cut = iov + max;
}

/* A chain is popped into a room; a short one then moves into its slot. */
static void settle(struct slot *s)
{
	struct virtio_blk *b = s->b;
	const u16 n = s->c.nout + s->c.nin;

	if (s->c.iov == s->own)
		return;
	if (n > OWN_IOVS) {
		s->room = b->room[--b->nrooms];
		return;
	}
	memcpy(s->own, s->c.iov, n * sizeof(s->own[0]));
	set_iovs(s, s->own, OWN_IOVS);
}

static void room_back(struct slot *s)
{
	struct virtio_blk *b = s->b;

	b->room[b->nrooms++] = s->room;
	s->room = NULL;
	for (unsigned q = 0; b->starved && q < b->num_queues; q++)
		virtio_kick_later(&b->v, q);
	b->starved = false;
}

static void slot_free(struct slot *s)
{
	if (s->room)
		room_back(s);
	s->next = s->b->free;
	s->b->free = s;
}

/* A free one, still on its list; NULL: all are out. */
static struct slot *next_slot(struct virtio_blk *b)
{
	if (!b->free && b->fresh < b->nslots) {
		struct slot *s = &b->slots[b->fresh];

		s->b = b;
		s->own = b->own + (size_t)b->fresh++ * 2 * OWN_IOVS;
		slot_free(s);
	}
	return b->free;
}

static void finish(struct slot *s, u8 status)
{
	struct virtio_blk *b = s->b;
	u32 written = status == S_OK ? s->data + 1 : 1;

	iov_to(s->c.iov + s->c.nout, s->c.nin, s->c.in_len - 1, &status, 1);
	/* The status is the last byte: all before it counts as written. */
	virtq_push(virtio_q(&b->v, s->q), &s->c,
		   s->data ? s->c.in_len : written);
	b->finished[s->q / 64] |= BIT64(s->q % 64);
	slot_free(s);
}

/* Keep it until the VM goes on. */
static void keep(struct slot *s)
{
	s->next = NULL;
	*s->b->stopped_last = s;
	s->b->stopped_last = &s->next;
}

static void stop_with(struct slot *s)
{
	const struct device_env *env = s->b->v.pci.dev.env;

	keep(s);
	env->request(env->opaque, VM_REQ_IO_ERROR, 0);
}

static void came_back(struct slot *s, int rc)
{
	struct virtio_blk *b = s->b;
	enum disk_error a = DISK_REPORT;

	b->untold += s->r.len;
	disk_account(b->disk, &s->r, s->op, s->r.len, rc);
	if (rc < 0)
		a = disk_on_error(b->disk, s->op, rc);
	if (a == DISK_STOP && !b->v.resetting && !b->v.gone)
		stop_with(s);
	else
		finish(s, rc < 0 && a != DISK_IGNORE ? S_IOERR : S_OK);
}

static void request_done(struct blk_req *r, int rc)
{
	struct slot *s = container_of(r, struct slot, r);
	struct virtio_blk *b = s->b;

	if (b->in_kick) {
		came_back(s, rc);
		return;
	}
	virtio_lock(&b->v);
	came_back(s, rc);
	virtio_unlock(&b->v);
	blk_after_batch(b->disk->root, &b->batch);
}

/* --- requests -------------------------------------------------------------- */

static void submit(struct slot *s)
{
	s->r.done = request_done;
	s->r.op = s->op;
	s->r.depth = 0;
	disk_account_start(s->b->disk, &s->r);
	blk_submit(s->b->disk->root, &s->r);
}

/* The data's iovecs: as they are when header and status have their own. */
static void set_data(struct slot *s, const struct iovec *iov, u16 n, u64 skip,
		     u64 len)
{
	const u16 first = n && skip && iov[0].iov_len == skip;
	u64 have = 0;
	u16 k = first;

	while (k < n && have < len)
		have += iov[k++].iov_len;
	if (have == len && (first || !skip)) {
		s->r.iov = iov + first;
		s->r.niov = k - first;
		return;
	}
	s->r.niov = iov_slice(iov, n, skip, len, s->cut, s->c.max);
	s->r.iov = s->cut;
}

/* The guest was told so; the node may be another's to write to by now. */
static bool may_not_write(struct slot *s)
{
	if (!(s->b->v.offered & BIT64(F_RO)))
		return false;
	finish(s, S_IOERR);
	return true;
}

static void read_write(struct slot *s, const struct header *h)
{
	bool read = h->type == T_IN;
	u64 len = read ? s->c.in_len - 1 : s->c.out_len - sizeof(*h);

	if (h->sector > UINT64_MAX / BLK_SECTOR || len % BLK_SECTOR || !len) {
		__atomic_fetch_add(&s->b->disk->stats.invalid[!read], 1,
				   __ATOMIC_RELAXED);
		finish(s, S_IOERR);
		return;
	}
	if (!read && may_not_write(s))
		return;
	s->op = read ? BLK_READ : BLK_WRITE;
	s->data = read ? len : 0;
	s->r.off = h->sector * BLK_SECTOR;
	s->r.len = len;
	s->r.flags = read || s->b->disk->writeback ? 0 : BLK_F_FUA;
	if (read)
		set_data(s, s->c.iov + s->c.nout, s->c.nin, 0, len);
	else
		set_data(s, s->c.iov, s->c.nout, sizeof(*h), len);
	submit(s);
}

static void flush(struct slot *s)
{
	s->op = BLK_FLUSH;
	s->r.off = s->r.len = 0;
	s->r.niov = 0;
	submit(s);
}

static void range(struct slot *s, u32 type)
{
	struct range g;

	if (s->c.out_len != sizeof(struct header) + sizeof(g)) {
		finish(s, s->c.out_len > sizeof(struct header) + sizeof(g)
			  ? S_UNSUPP : S_IOERR);
		return;
	}
	virtq_read(&s->c, sizeof(struct header), &g, sizeof(g));
	if (g.flags & ~RANGE_F_UNMAP ||
	    (type == T_DISCARD && g.flags & RANGE_F_UNMAP)) {
		finish(s, S_UNSUPP);
		return;
	}
	if (!g.sectors || g.sectors > (type == T_DISCARD ? s->b->max_discard :
				       s->b->max_zeroes) ||
	    g.sector > UINT64_MAX / BLK_SECTOR) {
		finish(s, S_IOERR);
		return;
	}
	if (may_not_write(s))
		return;
	s->op = type == T_DISCARD ? BLK_DISCARD : BLK_WRITE_ZEROES;
	s->r.off = g.sector * BLK_SECTOR;
	s->r.len = (u64)g.sectors * BLK_SECTOR;
	s->r.flags = g.flags & RANGE_F_UNMAP ? BLK_F_UNMAP : 0;
	s->r.niov = 0;
	submit(s);
}

static void get_id(struct slot *s)
{
	const char *serial = s->b->serial ? s->b->serial : s->b->disk->serial;
	char id[ID_LEN] = { 0 };

	if (s->c.in_len < ID_LEN + 1) {
		finish(s, S_IOERR);
		return;
	}
	if (serial)
		memcpy(id, serial, strnlen(serial, sizeof(id)));
	virtq_write(&s->c, 0, id, sizeof(id));
	s->data = ID_LEN;
	finish(s, S_OK);
}

static void handle(struct slot *s)
{
	struct virtio *v = &s->b->v;
	struct header h;

	s->data = 0;
	s->r.flags = 0;
	if (s->c.out_len < sizeof(h) || !s->c.in_len) {
		virtq_drop(virtio_q(v, s->q), &s->c);
		slot_free(s);
		virtio_break(v, "blk: no room for header or status (5.2.6)");
		return;
	}
	virtq_read(&s->c, 0, &h, sizeof(h));
	switch (h.type) {
	case T_IN:
	case T_OUT:          read_write(s, &h); break;
	case T_FLUSH:        flush(s); break;
	case T_GET_ID:       get_id(s); break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		if (virtio_has(v, h.type == T_DISCARD ? F_DISCARD
						      : F_WRITE_ZEROES)) {
			range(s, h.type);
			break;
		}
		/* fall through */
	default:             finish(s, S_UNSUPP); break;
	}
}

/* The disk is all right again: `fn` has what waited for that. */
static void each_stopped(struct virtio_blk *b, void (*fn)(struct slot *s))
{
	struct slot *s = b->stopped, *next;

	b->stopped = NULL;
	b->stopped_last = &b->stopped;
	b->disk->status = DISK_OK;
	for (; s; s = next) {
		next = s->next;
		fn(s);
	}
}

static bool pop(struct virtio_blk *b, unsigned q)
{
	struct slot *s = next_slot(b);

	if (!s || !virtio_running(&b->v) || b->stopped)
		return false;
	b->starved = !b->nrooms;
	if (b->starved)
		return false;
	set_iovs(s, b->room[b->nrooms - 1], b->queue_size + SPARE_IOVS);
	if (virtq_pop(virtio_q(&b->v, q), &s->c) <= 0)
		return false;
	settle(s);
	b->free = s->next;
	s->q = q;
	handle(s);
	return true;
}

/* A request was popped: what is left of the turn.  When much was copied in place,
 * that is an eighth of it, and the guest hears at once, to go on while the
 * next is copied. */
static unsigned after_pop(struct virtio_blk *b, unsigned left)
{
	const unsigned eighth = (b->queue_size + 7u) / 8;

	if (b->untold < TELL_BYTES)
		return left - 1;
	notify_finished(b);
	return left > eighth ? left - eighth : 0;
}

static void blk_kick(struct virtio *v, unsigned q)
{
	struct virtio_blk *b = of_virtio(v);
	struct virtq *vq = virtio_q(v, q);
	unsigned left = b->queue_size;

	b->in_kick = true;
	blk_plug(b->disk->root);
	if (b->stopped)
		each_stopped(b, handle);
	do {
		virtq_want_kicks(vq, false);
		while (left && pop(b, q))
			left = after_pop(b, left);
	} while (left && !b->stopped && !b->starved && next_slot(b) &&
		 virtq_want_kicks(vq, true) && virtio_running(v));
	if (!left)
		virtio_kick_later(v, q);       /* others have their turn   */
	blk_unplug(b->disk->root);
	b->in_kick = false;
	notify_finished(b);
}

/* --- configuration --------------------------------------------------------- */

static void put_capacity(struct virtio_blk *b)
{
	u64 sectors = b->disk->root->len / BLK_SECTOR;

	virtio_config_put(&b->v, CAPACITY, sectors, 8);
	virtio_config_put(&b->v, CYLINDERS, MIN(sectors / (16 * 63), 16383u), 2);
	virtio_config_put(&b->v, HEADS, 16, 1);
	virtio_config_put(&b->v, SECTORS, 63, 1);
}

static void resized(void *dev)
{
	struct virtio_blk *b = of_virtio(to_virtio(dev));

	virtio_lock(&b->v);
	put_capacity(b);
	virtio_config_changed(&b->v);
	virtio_unlock(&b->v);
}

static void set_writeback(struct virtio_blk *b, bool on)
{
	b->disk->writeback = on;
	virtio_config_put(&b->v, WRITEBACK, on, 1);
}

static void blk_config_write(struct virtio *v, unsigned off, u64 val,
			     unsigned size)
{
	struct virtio_blk *b = of_virtio(v);

	if (off != WRITEBACK || size != 1 || !virtio_has(v, F_CONFIG_WCE))
		return;
	set_writeback(b, val & 1);
}

/* A guest that can neither flush nor turn the cache off has none (5.2.6.2). */
static void blk_start(struct virtio *v)
{
	struct virtio_blk *b = of_virtio(v);

	if (virtio_has(v, F_CONFIG_WCE))
		b->disk->writeback = virtio_config_get(v, WRITEBACK, 1) & 1;
	else
		set_writeback(b, b->writeback && virtio_has(v, F_FLUSH));
}

static void fill_config(struct virtio_blk *b)
{
	struct virtio *v = &b->v;

	put_capacity(b);
	virtio_config_put(v, SEG_MAX, v->queue_size - 2, 4);
	virtio_config_put(v, BLK_SIZE, b->logical, 4);
	virtio_config_put(v, PHYS_EXP,
			  __builtin_ctz(b->physical / b->logical), 1);
	virtio_config_put(v, MIN_IO, b->min_io / b->logical, 2);
	virtio_config_put(v, OPT_IO, b->opt_io / b->logical, 4);
	virtio_config_put(v, WRITEBACK, b->disk->writeback, 1);
	virtio_config_put(v, NUM_QUEUES, v->nqueues, 2);
	virtio_config_put(v, MAX_DISCARD, b->max_discard, 4);
	virtio_config_put(v, MAX_DISCARD_SEG, 1, 4);
	virtio_config_put(v, DISCARD_ALIGN, MAX(b->discard_unit, b->logical) /
			  BLK_SECTOR, 4);
	virtio_config_put(v, MAX_ZEROES, b->max_zeroes, 4);
	virtio_config_put(v, MAX_ZEROES_SEG, 1, 4);
	virtio_config_put(v, ZEROES_MAY_UNMAP, b->disk->root->can_discard, 1);
}

static u64 offered(const struct virtio_blk *b)
{
	const struct blk *root = b->disk->root;
	u64 f = BIT64(F_SEG_MAX) | BIT64(F_GEOMETRY) | BIT64(F_BLK_SIZE) |
		BIT64(F_FLUSH) | BIT64(F_TOPOLOGY);

	if (root->read_only)
		f |= BIT64(F_RO);
	else if (b->write_zeroes)
		f |= BIT64(F_WRITE_ZEROES);
	if (b->config_wce)
		f |= BIT64(F_CONFIG_WCE);
	if (b->discard && root->can_discard && !root->read_only)
		f |= BIT64(F_DISCARD);
	if (b->num_queues > 1)
		f |= BIT64(F_MQ);
	return f;
}

/* --- life ------------------------------------------------------------------ */

static bool block_size_ok(u32 n)
{
	return n >= BLK_SECTOR && n <= 32768 && !(n & (n - 1));
}

/* A queue a CPU where each has an interrupt of its own. */
static u16 auto_queues(const struct device *d)
{
	const unsigned most = VIRTIO_QUEUES_MAX - 1;

	return d->class->pci ? MIN(MAX(d->env->cpus, 1u), most) : 1;
}

static int check_props(const struct virtio_blk *b, struct err *e)
{
	if (!b->disk)
		return err_set(e, -EINVAL, "drive property not set");
	if (!block_size_ok(b->logical) || !block_size_ok(b->physical) ||
	    b->physical < b->logical)
		return err_set(e, -EINVAL, "logical_block_size %u and "
			       "physical_block_size %u are not powers of two "
			       "from 512 to 32768, the second not smaller",
			       b->logical, b->physical);
	if (!b->num_queues || b->num_queues >= VIRTIO_QUEUES_MAX)
		return err_set(e, -EINVAL, "num-queues %u is not 1 to %d",
			       b->num_queues, VIRTIO_QUEUES_MAX - 1);
	if (!b->max_discard || b->max_discard > RANGE_SECTORS ||
	    !b->max_zeroes || b->max_zeroes > RANGE_SECTORS)
		return err_set(e, -EINVAL, "max-discard-sectors %u and "
			       "max-write-zeroes-sectors %u are not 1 to %d",
			       b->max_discard, b->max_zeroes, RANGE_SECTORS);
	if (b->discard_unit % b->logical)
		return err_set(e, -EINVAL, "discard_granularity %u is not a "
			       "multiple of the logical_block_size %u",
			       b->discard_unit, b->logical);
	if (b->disk->root->len % b->logical)
		return err_set(e, -EINVAL, "the size of disk '%s' is not a "
			       "multiple of its logical_block_size %u",
			       b->disk->id, b->logical);
	return 0;
}

static void make_slots(struct virtio_blk *b)
{
	const size_t room = 2 * (b->queue_size + SPARE_IOVS);

	b->nslots = (u32)b->num_queues * b->queue_size;
	b->slots = calloc(b->nslots, sizeof(*b->slots));
	b->own = calloc((size_t)b->nslots * 2 * OWN_IOVS, sizeof(*b->own));
	b->iovs = calloc(ROOMS * room, sizeof(*b->iovs));
	if (!b->slots || !b->own || !b->iovs)
		abort();
	while (b->nrooms < ROOMS) {
		b->room[b->nrooms] = b->iovs + b->nrooms * room;
		b->nrooms++;
	}
}

/* 0 is "auto": what the drive says. */
static void set_errors(struct virtio_blk *b)
{
	if (b->werror)
		b->disk->werror = b->werror - 1;
	if (b->rerror)
		b->disk->rerror = b->rerror - 1;
}

static void set_cache(struct virtio_blk *b)
{
	if (b->write_cache)
		b->disk->writeback = b->write_cache == CACHE_ON;
	b->writeback = b->disk->writeback;
}

static int blk_realize(struct virtio *v, struct err *e)
{
	struct virtio_blk *b = of_virtio(v);
	int rc;

	if (b->num_queues == AUTO_QUEUES)
		b->num_queues = auto_queues(&v->pci.dev);
	rc = check_props(b, e);
	if (rc < 0)
		return rc;
	v->nqueues = b->num_queues;
	v->queue_size = b->queue_size;
	v->loop = b->iothread ? b->iothread->loop : v->pci.dev.env->loop;
	rc = disk_attach(b->disk, &v->pci.dev, v->loop, b->share_rw, e);
	if (rc < 0)
		return rc;
	if (b->iothread)
		b->iothread->users++;
	b->disk->resized = resized;
	b->disk->block = b->logical;
	b->batch.fn = batch_end;
	b->stopped_last = &b->stopped;
	set_errors(b);
	set_cache(b);
	fill_config(b);
	v->offered = offered(b);
	make_slots(b);
	return 0;
}

static void blk_unrealize(struct virtio *v)
{
	struct virtio_blk *b = of_virtio(v);

	disk_detach(b->disk, v->pci.dev.realized);
	if (b->iothread)
		b->iothread->users--;
	free(b->slots);
	free(b->own);
	free(b->iovs);
}

static void forget(struct slot *s)
{
	virtq_drop(virtio_q(&s->b->v, s->q), &s->c);
	slot_free(s);
}

/* What waits for `cont` is let go; what the disk has comes back later. */
static void blk_reset(struct virtio *v)
{
	struct virtio_blk *b = of_virtio(v);

	each_stopped(b, forget);
	set_writeback(b, b->writeback);
}

static void blk_quiesce(struct virtio *v)
{
	blk_drain(of_virtio(v)->disk->root);
}

static void blk_hold(struct virtio *v)
{
	for (struct slot *s = of_virtio(v)->stopped; s; s = s->next)
		virtio_hold(v, s->q, &s->c, 0);
}

static bool blk_take_back(struct virtio *v, const struct virtio_held *h)
{
	struct virtio_blk *b = of_virtio(v);
	struct slot *s = next_slot(b);

	if (!s)
		return false;
	if (b->nrooms)
		set_iovs(s, b->room[b->nrooms - 1], b->queue_size + SPARE_IOVS);
	else
		set_iovs(s, s->own, OWN_IOVS);
	if (!virtio_restore(v, h, &s->c))
		return false;
	settle(s);
	b->free = s->next;
	s->q = h->q;
	keep(s);
	b->disk->status = DISK_FAILED;
	return true;
}

static const char *const feature_names[64] = {
	[F_SEG_MAX] = "seg_max", [F_GEOMETRY] = "geometry", [F_RO] = "ro",
	[F_BLK_SIZE] = "blk_size", [F_FLUSH] = "flush",
	[F_TOPOLOGY] = "topology", [F_CONFIG_WCE] = "config_wce",
	[F_MQ] = "mq", [F_DISCARD] = "discard",
	[F_WRITE_ZEROES] = "write_zeroes",
};

static const struct virtio_class blk_class = {
	.name = "virtio-blk", .id = VIRTIO_ID_BLOCK,
	.queues = 1, .queues_max = VIRTIO_QUEUES_MAX, .queue_size = 512,
	.config_size = CONFIG_LEN, .feature_names = feature_names,
	.realize      = blk_realize,      .unrealize = blk_unrealize,
	.reset        = blk_reset,        .kick      = blk_kick,
	.start        = blk_start,
	.config_write = blk_config_write, .quiesce   = blk_quiesce,
	.hold         = blk_hold,         .take_back = blk_take_back,
};

static const char *const error_names[] = {
	"auto", "report", "ignore", "stop", "enospc", NULL
};

static const char *const cache_names[] = { "auto", "on", "off", NULL };

#define BLK_PROP(n, t, m, d, h) PROP(n, t, struct virtio_blk, m, d, h)

VIRTIO_DEVICE(virtio_blk, "virtio-blk", struct virtio_blk, blk_class,
	VIRTIO_ID_BLOCK, 0x010000, virtio_no_state, "Storage",
	"a disk",
	BLK_PROP("drive", PROP_DRIVE, disk, NULL, "the -drive or -blockdev"),
	BLK_PROP("iothread", PROP_IOTHREAD, iothread, NULL,
		 "the I/O thread that runs it (default: the main loop)"),
	BLK_PROP("num-queues", PROP_U16, num_queues, "65535",
		 "request queues (65535: with PCI one a CPU)"),
	BLK_PROP("queue-size", PROP_U16, queue_size, "512",
		 "requests a queue holds, a power of two; two less is the "
		 "most pieces of a request"),
	BLK_PROP("serial", PROP_STR, serial, NULL, "what the guest reads as id"),
	BLK_PROP("logical_block_size", PROP_U32, logical, "512",
		 "the smallest unit of a request"),
	BLK_PROP("physical_block_size", PROP_U32, physical, "512",
		 "the smallest unit written without reading"),
	BLK_PROP("min_io_size", PROP_U32, min_io, "0", "bytes, a hint"),
	BLK_PROP("opt_io_size", PROP_U32, opt_io, "0", "bytes, a hint"),
	BLK_PROP("discard_granularity", PROP_U32, discard_unit, "0",
		 "bytes that can be discarded, a hint (0: the smallest unit)"),
	BLK_PROP("max-discard-sectors", PROP_U32, max_discard, "4194304",
		 "sectors a discard has at most"),
	BLK_PROP("max-write-zeroes-sectors", PROP_U32, max_zeroes, "4194304",
		 "sectors a write-zeroes has at most"),
	BLK_PROP("discard", PROP_BOOL, discard, "on",
		 "offer discard where the drive has discard=unmap"),
	BLK_PROP("write-zeroes", PROP_BOOL, write_zeroes, "on",
		 "offer write-zeroes"),
	BLK_PROP("config-wce", PROP_BOOL, config_wce, "on",
		 "the guest may turn the write cache off"),
	{ .name = "write-cache", .type = PROP_ENUM, .def = "auto",
	  .offset = offsetof(struct virtio_blk, write_cache),
	  .enum_names = cache_names, .help = "writes may wait for a flush "
	  "(auto: as the drive's cache= says)" },
	BLK_PROP("share-rw", PROP_BOOL, share_rw, "off",
		 "others may write to the image meanwhile"),
	BLK_PROP("bootindex", PROP_U32, bootindex, "0",
		 "boot order (kernels are loaded directly: not used)"),
	{ .name = "werror", .type = PROP_ENUM, .def = "auto",
	  .offset = offsetof(struct virtio_blk, werror),
	  .enum_names = error_names, .help = "on a failed write (auto: the "
	  "drive's)" },
	{ .name = "rerror", .type = PROP_ENUM, .def = "auto",
	  .offset = offsetof(struct virtio_blk, rerror),
	  .enum_names = error_names, .help = "on a failed read" },);
