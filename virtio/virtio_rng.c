// SPDX-License-Identifier: MIT
/*
 * virtio-rng (virtio 1.2, 5.4): the host's random bytes.
 *
 * Room:     one queue; with max-bytes, a quota a period.
 * Talks to: getrandom; virtio.h.
 * Never:    blocks: the host's generator is seeded long before a VM starts.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "virtio/virtio.h"

enum { CHUNK = 256 };                  /* getrandom gives these whole      */

struct virtio_rng {
	struct virtio v;
	char *rng;                     /* properties */
	u64 max_bytes;
	u32 period_ms;
	u64 quota;                     /* left in this period              */
	struct timer timer;
	struct iovec iov[64];
};

static struct virtio_rng *of_virtio(struct virtio *v)
{
	return container_of(v, struct virtio_rng, v);
}

static bool limited(const struct virtio_rng *r)
{
	return r->max_bytes != UINT64_MAX;
}

static u32 fill(const struct virtq_chain *c, u64 len)
{
	u8 buf[CHUNK];
	u64 done = 0;

	while (done < len) {
		u64 n = MIN(len - done, (u64)CHUNK);

		if (getrandom(buf, n, 0) != (ssize_t)n)
			break;
		virtq_write(c, done, buf, n);
		done += n;
	}
	explicit_bzero(buf, sizeof(buf));
	return done;
}

static void rng_kick(struct virtio *v, unsigned q)
{
	struct virtio_rng *r = of_virtio(v);
	struct virtq_chain c = { .iov = r->iov, .max = ARRAY_LEN(r->iov) };
	struct virtq *vq = virtio_q(v, q);
	unsigned left = v->queue_size;

	while (r->quota && virtio_turn(v, q, &left) && virtio_pop(v, q, &c) > 0) {
		u64 n = MIN(MIN(c.in_len, r->quota), (u64)64 * KiB);

		if (limited(r))
			r->quota -= n;
		virtq_push(vq, &c, fill(&c, n));
	}
	virtio_notify(v, q);
	if (!r->quota && !timer_pending(&r->timer))
		timer_set(&r->timer, device_now(&v->pci.dev) +
				     r->period_ms * 1000000ll);
}

static void on_timer(void *opaque)
{
	struct virtio_rng *r = opaque;

	virtio_lock(&r->v);
	r->quota = r->max_bytes;
	if (virtio_running(&r->v))
		rng_kick(&r->v, 0);
	virtio_unlock(&r->v);
}

static int rng_realize(struct virtio *v, struct err *e)
{
	struct virtio_rng *r = of_virtio(v);

	if (!r->max_bytes || !r->period_ms)
		return err_set(e, -EINVAL, "virtio-rng: max-bytes and period "
			       "are at least 1");
	r->quota = r->max_bytes;
	timer_init(&r->timer, v->pci.dev.env->loop, v->pci.dev.env->clock,
		   on_timer, r);
	return 0;
}

static void rng_unrealize(struct virtio *v)
{
	timer_fini(&of_virtio(v)->timer);
}

static void rng_reset(struct virtio *v)
{
	of_virtio(v)->quota = of_virtio(v)->max_bytes;
}

static const struct virtio_class rng_class = {
	.name = "virtio-rng", .id = VIRTIO_ID_RNG, .queues = 1,
	.queue_size = 8,
	.realize = rng_realize, .unrealize = rng_unrealize,
	.reset   = rng_reset,   .kick      = rng_kick,
};

VIRTIO_DEVICE(virtio_rng, "virtio-rng", struct virtio_rng, rng_class,
	VIRTIO_ID_RNG, 0x00ff00, virtio_no_state, "Misc",
	"a source of random bytes",
	PROP("rng", PROP_STR, struct virtio_rng, rng, NULL,
	     "an -object rng-random or rng-builtin; both are the host's"),
	PROP("max-bytes", PROP_U64, struct virtio_rng, max_bytes,
	     "0xffffffffffffffff", "bytes a period"),
	PROP("period", PROP_U32, struct virtio_rng, period_ms, "65536",
	     "milliseconds"),);
