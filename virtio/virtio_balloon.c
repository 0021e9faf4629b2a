// SPDX-License-Identifier: MIT
/*
 * virtio-balloon (virtio 1.2, 5.5): memory the guest lends back, statistics,
 * free page reporting and hinting.
 *
 * Room:     queues inflate, deflate, then those of the features offered.
 * Talks to: gmem, to give pages back to the host; virtio.h.
 * Never:    discards a page the guest did not name whole, or that is not RAM.
 */
#include "virtio/virtio_balloon.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "virtio/virtio.h"
#include "vmm/core/clock.h"

enum { F_TELL_HOST = 0, F_STATS = 1, F_DEFLATE_ON_OOM = 2, F_HINT = 3,
       F_POISON = 4, F_REPORTING = 5 };
enum { NUM_PAGES = 0, ACTUAL = 4, HINT_CMD_ID = 8, POISON_VAL = 12,
       CONFIG_LEN = 16 };
enum { INFLATE = 0, DEFLATE = 1, STATS = 2, IOVS = 256, PFNS = 256,
       PFN_SHIFT = 12,
       PFNS_MOST = 16 * PFNS,          /* of a request: the rest stays     */
       STATS_MOST = 64, TURN = 16 };
enum { HINT_STOP = 0, HINT_DONE = 1, HINT_FIRST = 2 };

struct stat {
	u16 tag;
	u64 val;
} __attribute__((packed));

struct virtio_balloon {
	struct virtio v;
	bool deflate_on_oom, reporting, hinting;       /* properties */
	u32 stats_interval;            /* seconds; 0: not polled           */
	s8  hint_queue, report_queue;  /* -1: not offered                  */
	struct virtq_chain stats;      /* the guest's, waiting to go back  */
	bool stats_held;
	struct balloon_stats last;
	u32 hint_id;
	bool hint_on;
	struct timer timer;
	u64 discarded;                 /* bytes, for info                  */
	struct iovec iov[IOVS], stats_iov[IOVS];
};

static struct virtio_balloon *of_virtio(struct virtio *v)
{
	return container_of(v, struct virtio_balloon, v);
}

/* --- pages ----------------------------------------------------------------- */

/* Shared memfd pages are freed by MADV_REMOVE; private ones by DONTNEED. */
static void give_back(struct virtio_balloon *b, u8 *host, u64 len, bool shared)
{
	if (madvise(host, len, shared ? MADV_REMOVE : MADV_DONTNEED) == 0)
		b->discarded += len;
}

/* Whole pages within one block of RAM; a page that is not there is ignored. */
static void give_back_gpa(struct virtio_balloon *b, gpa_t gpa, u64 len)
{
	const struct gmem_block *k = gmem_find(b->v.pci.dev.env->gmem, gpa);

	if (!k || k->flags & GMEM_ROM || len > k->len - (gpa - k->gpa))
		return;
	give_back(b, k->host + (gpa - k->gpa), len,
		  !(k->flags & GMEM_PRIVATE));
}

/* Neighbours together: a run may grow at either end. */
struct run {
	gpa_t gpa;
	u64 len;
};

static void add_page(struct virtio_balloon *b, struct run *r, gpa_t page)
{
	if (r->len && page == r->gpa + r->len) {
		r->len += PAGE_SIZE;
		return;
	}
	if (r->len && page + PAGE_SIZE == r->gpa) {
		r->gpa = page;
		r->len += PAGE_SIZE;
		return;
	}
	if (r->len)
		give_back_gpa(b, r->gpa, r->len);
	*r = (struct run){ page, PAGE_SIZE };
}

static void inflate(struct virtio_balloon *b, const struct virtq_chain *c)
{
	u32 pfn[PFNS];
	struct run r = { 0, 0 };

	for (u64 off = 0; off < MIN(c->out_len, PFNS_MOST * sizeof(pfn[0]));
	     off += sizeof(pfn)) {
		u64 n = virtq_read(c, off, pfn, sizeof(pfn)) / sizeof(pfn[0]);

		for (u64 i = 0; i < n; i++)
			add_page(b, &r, (gpa_t)pfn[i] << PFN_SHIFT);
	}
	if (r.len)
		give_back_gpa(b, r.gpa, r.len);
}

/* The next request of a kick's turn: giving memory back takes its time. */
static bool next(struct virtio_balloon *b, unsigned q, struct virtq_chain *c,
		 unsigned *left)
{
	return virtio_turn(&b->v, q, left) && virtio_pop(&b->v, q, c) > 0;
}

static void balloon_queue(struct virtio_balloon *b, unsigned q)
{
	struct virtq_chain c = { .iov = b->iov, .max = IOVS };
	unsigned left = TURN;

	while (next(b, q, &c, &left)) {
		if (q == INFLATE)
			inflate(b, &c);
		virtq_push(virtio_q(&b->v, q), &c, 0);
	}
	virtio_notify(&b->v, q);
}

/* The free pages themselves, as writable buffers: their contents are nobody's
 * (5.5.6.6). */
static void free_iovs(struct virtio_balloon *b, const struct virtq_chain *c)
{
	for (unsigned i = c->nout; i < (unsigned)c->nout + c->nin; i++) {
		uintptr_t at = (uintptr_t)c->iov[i].iov_base;
		uintptr_t first = ALIGN_UP(at, (uintptr_t)PAGE_SIZE);
		uintptr_t end = ALIGN_DOWN(at + c->iov[i].iov_len,
					   (uintptr_t)PAGE_SIZE);

		if (first < end)
			give_back(b, (u8 *)first, end - first, true);
	}
}

static void report_queue(struct virtio_balloon *b, unsigned q)
{
	struct virtq_chain c = { .iov = b->iov, .max = IOVS };
	unsigned left = TURN;

	while (next(b, q, &c, &left)) {
		free_iovs(b, &c);
		virtq_push(virtio_q(&b->v, q), &c, 0);
	}
	virtio_notify(&b->v, q);
}

/* What the driver reads as the command: 5.5.6.5. */
static void hint_command(struct virtio_balloon *b, u32 id)
{
	virtio_config_put(&b->v, HINT_CMD_ID, id, 4);
	virtio_config_changed(&b->v);
}

/* The driver keeps the pages it named until it hears that all is done. */
static void hint_word(struct virtio_balloon *b, u32 id)
{
	const bool was = b->hint_on;

	b->hint_on = id == b->hint_id && id >= HINT_FIRST;
	if (was && id == HINT_STOP)
		hint_command(b, HINT_DONE);
}

/* A command id starts a round; pages that follow are free while it lasts. */
static void hint_queue(struct virtio_balloon *b, unsigned q)
{
	struct virtq_chain c = { .iov = b->iov, .max = IOVS };
	unsigned left = TURN;
	u32 id;

	while (next(b, q, &c, &left)) {
		if (c.out_len == sizeof(id)) {
			virtq_read(&c, 0, &id, sizeof(id));
			hint_word(b, id);
		} else if (b->hint_on) {
			free_iovs(b, &c);
		}
		virtq_push(virtio_q(&b->v, q), &c, 0);
	}
	virtio_notify(&b->v, q);
}

/* --- statistics ------------------------------------------------------------ */

static void read_stats(struct virtio_balloon *b)
{
	struct stat s;

	for (unsigned i = 0; i < STATS_MOST; i++) {
		if (virtq_read(&b->stats, i * sizeof(s), &s, sizeof(s)) !=
		    sizeof(s))
			break;
		if (s.tag < BALLOON_STATS)
			b->last.val[s.tag] = s.val;
	}
	b->last.seconds = clock_wall_ns(b->v.pci.dev.env->clock) / 1000000000;
}

/* The guest's buffer stays here until the next ones are wanted. */
static void stats_queue(struct virtio_balloon *b)
{
	struct virtq_chain c = { .iov = b->stats_iov, .max = IOVS };
	unsigned left = TURN;

	while (next(b, STATS, &c, &left)) {
		if (b->stats_held)
			virtq_push(virtio_q(&b->v, STATS), &b->stats, 0);
		b->stats = c;
		b->stats_held = true;
		read_stats(b);
	}
}

static void ask_stats(struct virtio_balloon *b)
{
	if (!b->stats_held)
		return;
	b->stats_held = false;
	virtio_done(&b->v, STATS, &b->stats, 0);
}

static void poll_again(struct virtio_balloon *b)
{
	if (b->stats_interval)
		timer_set(&b->timer, device_now(&b->v.pci.dev) +
				     (s64)b->stats_interval * 1000000000);
	else
		timer_cancel(&b->timer);
}

static void on_timer(void *opaque)
{
	struct virtio_balloon *b = opaque;

	virtio_lock(&b->v);
	if (virtio_running(&b->v))
		ask_stats(b);
	poll_again(b);
	virtio_unlock(&b->v);
}

static void balloon_changed(struct virtio *v)
{
	poll_again(of_virtio(v));
}

/* --- the monitor's doors ---------------------------------------------------- */

static struct virtio_balloon *balloon_of(struct device *d)
{
	const struct virtio_class *c = d->class->virtio;

	return c && c->id == VIRTIO_ID_BALLOON ? of_virtio(to_virtio(d)) : NULL;
}

bool balloon_set(struct device *d, u64 pages)
{
	struct virtio_balloon *b = balloon_of(d);

	if (!b)
		return false;
	virtio_lock(&b->v);
	virtio_config_put(&b->v, NUM_PAGES, MIN(pages, (u64)UINT32_MAX), 4);
	virtio_config_changed(&b->v);
	virtio_unlock(&b->v);
	return true;
}

bool balloon_last_stats(struct device *d, struct balloon_stats *s)
{
	struct virtio_balloon *b = balloon_of(d);

	if (!b)
		return false;
	virtio_lock(&b->v);
	*s = b->last;
	virtio_unlock(&b->v);
	return true;
}

bool balloon_get(struct device *d, u64 *pages, struct balloon_stats *s)
{
	struct virtio_balloon *b = balloon_of(d);

	if (!b)
		return false;
	virtio_lock(&b->v);
	*pages = virtio_config_get(&b->v, ACTUAL, 4);
	*s = b->last;
	ask_stats(b);
	virtio_unlock(&b->v);
	return true;
}

int balloon_hint(struct device *d, struct err *e)
{
	struct virtio_balloon *b = balloon_of(d);
	int rc = 0;

	if (!b)
		return err_set(e, -ENODEV, "No balloon device");
	virtio_lock(&b->v);
	if (!virtio_has(&b->v, F_HINT) || !b->v.started)
		rc = err_set(e, -ENOTSUP, b->hinting ?
			     "the guest's driver gives no hints" :
			     "the balloon has free-page-hint=off");
	else if (virtio_config_get(&b->v, HINT_CMD_ID, 4) >= HINT_FIRST)
		rc = err_set(e, -EBUSY, "the guest is still at the last hints");
	if (!rc) {
		b->hint_id = MAX(b->hint_id + 1, (u32)HINT_FIRST);
		hint_command(b, b->hint_id);
	}
	virtio_unlock(&b->v);
	return rc;
}

/* --- the device ------------------------------------------------------------ */

static void balloon_kick(struct virtio *v, unsigned q)
{
	struct virtio_balloon *b = of_virtio(v);

	if (q == INFLATE || q == DEFLATE)
		balloon_queue(b, q);
	else if (q == STATS)
		stats_queue(b);
	else if ((int)q == b->report_queue)
		report_queue(b, q);
	else
		hint_queue(b, q);
}

static void balloon_config_write(struct virtio *v, unsigned off, u64 val,
				 unsigned size)
{
	if (off >= ACTUAL && off + size <= ACTUAL + 4) {
		virtio_config_put(v, off, val, size);
		device_event(&v->pci.dev, DEV_EV_BALLOON);
	}
	if (off >= POISON_VAL)
		virtio_config_put(v, off, val, size);
}

static void balloon_reset(struct virtio *v)
{
	struct virtio_balloon *b = of_virtio(v);

	if (b->stats_held)
		virtq_drop(virtio_q(v, STATS), &b->stats);
	b->stats_held = b->hint_on = false;
	for (unsigned i = 0; i < BALLOON_STATS; i++)
		b->last.val[i] = UINT64_MAX;
	b->last.seconds = 0;
	virtio_config_put(v, ACTUAL, 0, 4);
	virtio_config_put(v, HINT_CMD_ID, HINT_DONE, 4);
}

static void balloon_describe(struct virtio *v, struct strbuf *out)
{
	strbuf_addf(out, "given back = %llu bytes\n",
		    (unsigned long long)of_virtio(v)->discarded);
}

/* So that no chain is out while the state is saved. */
static void balloon_quiesce(struct virtio *v)
{
	struct virtio_balloon *b = of_virtio(v);

	virtio_lock(v);
	if (b->stats_held)
		virtq_unpop(virtio_q(v, STATS), &b->stats);
	b->stats_held = false;
	virtio_unlock(v);
}

static int balloon_realize(struct virtio *v, struct err *e)
{
	struct virtio_balloon *b = of_virtio(v);

	(void)e;
	v->nqueues = 3;
	v->offered = BIT64(F_STATS) | BIT64(F_TELL_HOST);
	b->hint_queue = b->report_queue = -1;
	if (b->deflate_on_oom)
		v->offered |= BIT64(F_DEFLATE_ON_OOM);
	if (b->hinting) {
		v->offered |= BIT64(F_HINT);
		b->hint_queue = v->nqueues++;
	}
	if (b->reporting) {
		v->offered |= BIT64(F_REPORTING);
		b->report_queue = v->nqueues++;
	}
	b->hint_id = HINT_DONE;
	virtio_config_put(v, HINT_CMD_ID, b->hint_id, 4);
	timer_init(&b->timer, v->pci.dev.env->loop, v->pci.dev.env->clock,
		   on_timer, b);
	poll_again(b);
	return 0;
}

static void balloon_unrealize(struct virtio *v)
{
	timer_fini(&of_virtio(v)->timer);
}

static const char *const feature_names[64] = {
	[F_TELL_HOST] = "must-tell-host", [F_STATS] = "stats-vq",
	[F_DEFLATE_ON_OOM] = "deflate-on-oom",
	[F_HINT] = "free-page-hint", [F_POISON] = "page-poison",
	[F_REPORTING] = "free-page-reporting",
};

static const struct state_field balloon_fields[] = {
	STATE_FIELD(STATE_U32,  struct virtio_balloon, hint_id, 1),
	STATE_FIELD(STATE_BOOL, struct virtio_balloon, hint_on, 1),
	STATE_END
};

static const struct state_desc balloon_state = {
	.version = 1, .oldest = 1, .fields = balloon_fields,
};

static const struct virtio_class balloon_class = {
	.name = "virtio-balloon", .id = VIRTIO_ID_BALLOON, .queues = 3,
	.queues_max = 5, .queue_size = 128, .config_size = CONFIG_LEN,
	.feature_names = feature_names,
	.realize      = balloon_realize,      .unrealize = balloon_unrealize,
	.reset        = balloon_reset,        .kick      = balloon_kick,
	.config_write = balloon_config_write, .quiesce   = balloon_quiesce,
	.describe     = balloon_describe,     .changed   = balloon_changed,
};

VIRTIO_DEVICE(virtio_balloon, "virtio-balloon", struct virtio_balloon,
	balloon_class, VIRTIO_ID_BALLOON, 0x00ff00, balloon_state, "Misc",
	"memory the guest lends back",
	PROP("deflate-on-oom", PROP_BOOL, struct virtio_balloon,
	     deflate_on_oom, "off", "the guest may take pages back when short"),
	PROP("free-page-reporting", PROP_BOOL, struct virtio_balloon,
	     reporting, "on", "the guest tells which pages are free"),
	PROP("free-page-hint", PROP_BOOL, struct virtio_balloon, hinting,
	     "off", "free pages on request: balloon_hint"),
	{ .name = "guest-stats-polling-interval", .type = PROP_U32,
	  .offset = offsetof(struct virtio_balloon, stats_interval),
	  .def = "0", .help = "seconds between statistics, 0: none",
	  .runtime = true },);
