// SPDX-License-Identifier: MIT
/*
 * The virtio device core: status, features, queues, configuration space
 * (virtio 1.2, 2 and 3.1).  See virtio.h.
 *
 * Talks to: virtq; the transport above, the class below; vhost.h for a queue
 *           that is disabled while it is lent.
 * Never:    waits for a thread with the device's lock held; logs without the
 *           user having asked for it.
 *
 * Status: 0 -ACKNOWLEDGE-> -DRIVER-> -FEATURES_OK-> -DRIVER_OK-> started
 *         (virtio_set_status); any -guest's mistake-> NEEDS_RESET
 *         (virtio_break); any -write of 0-> resetting (begin_reset) -all
 *         chains back-> 0 (try_finish_reset).
 */
#include "virtio/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/vhost.h"
#include "vmm/base/log.h"
#include "vmm/base/trace.h"

/* --- what devices use ------------------------------------------------------ */

bool virtio_running(const struct virtio *v)
{
	return v->started && !v->quiesced && !v->resetting;
}

void virtio_notify(struct virtio *v, unsigned q)
{
	if (!v->resetting && virtq_should_notify(&v->q[q].vq))
		v->transport->notify_queue(v, q);
}

void virtio_done(struct virtio *v, unsigned q, const struct virtq_chain *c,
		 u32 written)
{
	virtq_push(&v->q[q].vq, c, written);
	virtio_notify(v, q);
}

int virtio_pop(struct virtio *v, unsigned q, struct virtq_chain *c)
{
	struct virtq *vq = &v->q[q].vq;
	int rc = virtq_pop(vq, c);

	if (!rc && virtq_want_kicks(vq, true))
		rc = virtq_pop(vq, c);
	return rc;
}

bool virtio_turn(struct virtio *v, unsigned q, unsigned *left)
{
	if (*left) {
		--*left;
		return true;
	}
	virtio_kick_later(v, q);
	return false;
}

void virtio_config_changed(struct virtio *v)
{
	v->config_gen++;
	if (v->status & VIRTIO_S_DRIVER_OK && !v->resetting)
		v->transport->notify_config(v);
}

void virtio_break(struct virtio *v, const char *why)
{
	v->errors++;
	v->why = why;
	v->started = false;
	trace(virtio_break, "%s: %s", v->class->name, why);
	log_if(LOG_GUEST_ERROR, "%s: the guest's driver is wrong: %s",
	       v->class->name, why);
	if (v->status & VIRTIO_S_NEEDS_RESET || v->resetting)
		return;
	v->status |= VIRTIO_S_NEEDS_RESET;
	virtio_config_changed(v);
}

static void queue_broken(struct virtq *q, const char *why)
{
	virtio_break(q->opaque, why);
}

void virtio_config_put(struct virtio *v, unsigned off, u64 val, unsigned size)
{
	assert(off + size <= v->class->config_size);
	for (unsigned i = 0; i < size; i++)
		v->config[off + i] = val >> 8 * i;
}

u64 virtio_config_get(const struct virtio *v, unsigned off, unsigned size)
{
	u64 val = 0;

	assert(off + size <= VIRTIO_CONFIG_MAX && size <= 8);
	for (unsigned i = 0; i < size; i++)
		val |= (u64)v->config[off + i] << 8 * i;
	return val;
}

/* --- kicks ----------------------------------------------------------------- */

void virtio_kick_later(struct virtio *v, unsigned q)
{
	const u64 one = 1;

	if (write(v->q[q].kick_fd, &one, sizeof(one)) < 0)
		return;                /* full: it is pending already      */
}

/* Edge-triggered: every kick is an event, and no read is needed before the
 * next.  Those that come while the VM is paused are repeated by
 * virtio_resume. */
static void on_kick(void *opaque, u32 events)
{
	struct virtio_queue *q = opaque;
	struct virtio *v = q->v;

	(void)events;
	virtio_lock(v);
	if (q->vhost) {                /* the kernel hears them itself     */
		q->muted = true;
		loop_rewatch(v->loop, q->kick_fd, 0);
	} else if (virtio_running(v) && q->vq.enabled) {
		trace(virtio_kick, "%s queue %u", v->class->name, q->vq.index);
		v->class->kick(v, q->vq.index);
	}
	virtio_unlock(v);
}

/* Kicks that came meanwhile are heard now. */
void virtio_queue_listen(struct virtio *v, unsigned q)
{
	if (!v->q[q].muted || v->q[q].vhost)
		return;
	v->q[q].muted = false;
	loop_rewatch(v->loop, v->q[q].kick_fd, EPOLLIN | EPOLLET);
}

/* Who has the lock may be at it for long: a vCPU does not wait. */
static bool kick_here(struct virtio *v, unsigned q)
{
	bool done;

	if (!v->class->kick_here || !lock_try(&v->pci.dev.lock))
		return false;
	done = virtio_running(v) && v->q[q].vq.enabled && !v->q[q].vhost &&
	       v->class->kick_here(v, q);
	virtio_unlock(v);
	return done;
}

void virtio_queue_kick(struct virtio *v, unsigned q)
{
	if (q < v->nqueues && !kick_here(v, q))
		virtio_kick_later(v, q);
}

static bool eventfds_pay(const struct virtio *v)
{
	const struct device_env *env = v->pci.dev.env;

	return v->p_ioeventfd && env->ioeventfd &&
	       !(v->class->kick_here && env->cheap_exits);
}

static void set_ioeventfds(struct virtio *v, bool on)
{
	const struct device_env *env = v->pci.dev.env;
	const unsigned stride = v->notify_stride;

	if (on == v->notify_on)
		return;
	v->notify_on = on;
	for (unsigned i = 0; i < v->nqueues; i++) {
		u64 n = i;
		int rc = env->ioeventfd(env->opaque, v->q[i].kick_fd,
					v->notify_at + stride * n,
					stride ? 0 : 4, stride ? NULL : &n, on);

		if (rc < 0 && on && !v->kicks_exit) {
			v->kicks_exit = true;
			log_warn("%s: no ioeventfd, a kick costs an exit: %s",
				 v->class->name, strerror(-rc));
		}
	}
}

void virtio_ioeventfds(struct virtio *v, u64 at, unsigned stride, bool on)
{
	if (on) {
		v->notify_at = at;
		v->notify_stride = stride;
	}
	set_ioeventfds(v, on && eventfds_pay(v));
	if (!on)
		v->notify_at = 0;
}

static void kick_all(struct virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->q[i].vq.enabled)
			virtio_kick_later(v, i);
}

static void watch_all(void *opaque)
{
	struct virtio *v = opaque;

	for (unsigned i = 0; i < v->nqueues; i++)
		v->q[i].watched = loop_watch(v->loop, v->q[i].kick_fd,
					     EPOLLIN | EPOLLET, on_kick,
					     &v->q[i]) == 0;
}

static void unwatch_all(void *opaque)
{
	struct virtio *v = opaque;

	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->q[i].watched)
			loop_unwatch(v->loop, v->q[i].kick_fd);
}

/* --- status ---------------------------------------------------------------- */

static bool all_back(const struct virtio *v)
{
	for (unsigned i = 0; i < v->nqueues; i++)
		if (v->q[i].vq.inuse)
			return false;
	return true;
}

static void try_finish_reset(struct virtio *v)
{
	if (!v->resetting || !all_back(v))
		return;
	v->resetting = false;
	v->status = 0;
	v->features = v->driver_features = 0;
	v->feature_sel = v->driver_sel = 0;
	v->queue_sel = 0;
	v->config_vector = VIRTIO_NO_VECTOR;
	for (unsigned i = 0; i < v->nqueues; i++) {
		struct virtio_queue *q = &v->q[i];

		virtq_disable(&q->vq);
		q->vq.size = MIN(v->queue_size, q->vq.size_max);
		q->vector = VIRTIO_NO_VECTOR;
		q->resetting = false;
	}
}

static void begin_reset(struct virtio *v)
{
	v->started = false;
	v->isr = 0;
	v->transport->isr_clear(v);
	if (!v->resetting) {
		v->resetting = true;
		for (unsigned i = 0; i < v->nqueues; i++)
			virtq_disable(&v->q[i].vq);
		if (v->class->reset)
			v->class->reset(v);
	}
	try_finish_reset(v);
}

static bool features_ok(struct virtio *v)
{
	if (v->driver_features & ~v->offered ||
	    !(v->driver_features >> VIRTIO_F_VERSION_1 & 1))
		return false;
	v->features = v->driver_features;
	return true;
}

void virtio_set_status(struct virtio *v, u8 status)
{
	u8 new = status & ~v->status;

	if (v->gone)
		return;
	trace(virtio_status, "%s 0x%x to 0x%x", v->class->name, v->status,
	      status);
	try_finish_reset(v);
	if (!status) {
		begin_reset(v);
		return;
	}
	if (v->resetting)              /* the last life's chains are out   */
		return;
	if (new & VIRTIO_S_FEATURES_OK && !features_ok(v))
		status &= ~(VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
	if (!(status & VIRTIO_S_FEATURES_OK))
		status &= ~VIRTIO_S_DRIVER_OK;
	v->status = status | (v->status & VIRTIO_S_NEEDS_RESET);
	if (v->started && !(status & VIRTIO_S_DRIVER_OK))
		v->started = false;
	if (!(new & status & VIRTIO_S_DRIVER_OK) ||
	    v->status & VIRTIO_S_NEEDS_RESET)
		return;
	v->started = true;
	if (v->class->start)
		v->class->start(v);
	kick_all(v);
}

u8 virtio_get_status(struct virtio *v)
{
	try_finish_reset(v);
	return v->status;
}

void virtio_hard_reset(struct virtio *v)
{
	bool busy;

	virtio_lock(v);
	begin_reset(v);
	busy = v->resetting;
	virtio_unlock(v);
	if (!busy || !v->class->quiesce)
		return;
	v->class->quiesce(v);          /* no DMA into the next life's RAM  */
	virtio_lock(v);
	try_finish_reset(v);
	virtio_unlock(v);
}

/* --- features -------------------------------------------------------------- */

u32 virtio_offered(const struct virtio *v, u32 sel)
{
	return sel < 2 ? v->offered >> 32 * sel : 0;
}

void virtio_accept(struct virtio *v, u32 sel, u32 bits)
{
	if (sel > 1 || v->status & VIRTIO_S_FEATURES_OK || v->resetting)
		return;
	v->driver_features &= ~(0xffffffffull << 32 * sel);
	v->driver_features |= (u64)bits << 32 * sel;
}

/* --- queue registers ------------------------------------------------------- */

struct virtio_queue *virtio_selected(struct virtio *v)
{
	return v->queue_sel < v->nqueues ? &v->q[v->queue_sel] : NULL;
}

/* The selected queue while its set-up may change. */
static struct virtq *changeable(struct virtio *v)
{
	struct virtio_queue *q = virtio_selected(v);

	if (!q || q->vq.enabled || v->resetting || virtio_queue_resetting(v))
		return NULL;
	return &q->vq;
}

/* A size that cannot be is refused when the queue is enabled. */
void virtio_queue_size(struct virtio *v, u16 size)
{
	struct virtq *q = changeable(v);

	if (q)
		q->size = size;
}

void virtio_queue_addr(struct virtio *v, u64 *addr, bool high, u32 val)
{
	if (!changeable(v))
		return;
	if (high)
		*addr = (*addr & 0xffffffff) | (u64)val << 32;
	else
		*addr = (*addr & ~0xffffffffull) | val;
}

void virtio_queue_enable(struct virtio *v)
{
	struct virtq *q = changeable(v);

	if (!q || !(v->status & VIRTIO_S_FEATURES_OK))
		return;
	if (virtq_enable(q, v->features, false) && virtio_running(v))
		virtio_kick_later(v, q->index);
}

/* 2.6.1: answered through virtio_queue_resetting. */
void virtio_queue_reset(struct virtio *v)
{
	if (virtio_has(v, VIRTIO_F_RING_RESET))
		virtio_queue_disable(v);
}

void virtio_queue_disable(struct virtio *v)
{
	struct virtio_queue *q = virtio_selected(v);

	if (!q || v->resetting)
		return;
	if (q->vhost)                  /* with the pair's other one        */
		vhost_stop(q->vhost);
	virtq_disable(&q->vq);
	q->vq.size = MIN(v->queue_size, q->vq.size_max);
	q->vector = VIRTIO_NO_VECTOR;
	q->resetting = q->vq.inuse;
}

bool virtio_queue_resetting(struct virtio *v)
{
	struct virtio_queue *q = virtio_selected(v);

	if (!q)
		return false;
	q->resetting &= !!q->vq.inuse;
	return q->resetting;
}

/* --- configuration space --------------------------------------------------- */

u64 virtio_config_access_read(struct virtio *v, u64 off, unsigned size)
{
	if (off + size > v->class->config_size || v->gone)
		return 0;
	if (v->class->config_read)
		v->class->config_read(v);
	return virtio_config_get(v, off, size);
}

void virtio_config_access_write(struct virtio *v, u64 off, u64 val,
				unsigned size)
{
	if (off + size <= v->class->config_size && v->class->config_write &&
	    !v->resetting && !v->gone)
		v->class->config_write(v, off, val, size);
}

/* --- life ------------------------------------------------------------------ */

static u64 ring_features(const struct virtio *v)
{
	return BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_F_RING_RESET) |
	       (u64)v->p_indirect << VIRTIO_F_INDIRECT_DESC |
	       (u64)v->p_event_idx << VIRTIO_F_EVENT_IDX |
	       (u64)v->p_packed << VIRTIO_F_RING_PACKED |
	       (u64)v->p_in_order << VIRTIO_F_IN_ORDER |
	       (u64)v->p_iommu_platform << VIRTIO_F_ACCESS_PLATFORM;
}

static int check_size(const struct virtio *v, struct err *e)
{
	u16 n = v->queue_size;

	if (n < 2 || n > 1024 || n & (n - 1))
		return err_set(e, -EINVAL, "%s: queue-size %u is not a power of "
			       "two from 2 to 1024", v->class->name, n);
	if (!v->nqueues || v->nqueues > VIRTIO_QUEUES_MAX)
		return err_set(e, -EINVAL, "%s: %u queues are not 1 to %d",
			       v->class->name, v->nqueues, VIRTIO_QUEUES_MAX);
	return 0;
}

static int queues_create(struct virtio *v, struct err *e)
{
	v->q = calloc(v->nqueues, sizeof(*v->q));
	if (!v->q)
		abort();
	for (unsigned i = 0; i < v->nqueues; i++) {
		struct virtio_queue *q = &v->q[i];

		virtq_init(&q->vq, v->pci.dev.env->gmem, i, v->queue_size);
		q->vq.on_broken = queue_broken;
		q->vq.opaque = q->v = v;
		q->vector = VIRTIO_NO_VECTOR;
		q->kick_fd = -1;
	}
	for (unsigned i = 0; i < v->nqueues; i++) {
		v->q[i].kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->q[i].kick_fd < 0)
			return err_set(e, -errno, "%s: a queue's eventfd: %m",
				       v->class->name);
	}
	return 0;
}

static void queues_destroy(struct virtio *v)
{
	for (unsigned i = 0; v->q && i < v->nqueues; i++) {
		if (v->q[i].kick_fd >= 0)
			close(v->q[i].kick_fd);
		virtq_fini(&v->q[i].vq);
	}
	virtio_forget_held(v);
	free(v->q);
	v->q = NULL;
	v->nqueues = 0;
}

int virtio_init(struct virtio *v, const struct virtio_transport *t,
		struct err *e)
{
	int rc;

	v->class = v->pci.dev.class->virtio;
	v->transport = t;
	v->nqueues = v->class->queues;
	v->queue_size = v->class->queue_size;
	v->offered = v->class->features;
	v->config_vector = VIRTIO_NO_VECTOR;
	assert(v->class->config_size <= VIRTIO_CONFIG_MAX);
	if (v->class->realize) {
		rc = v->class->realize(v, e);
		if (rc < 0)
			return rc;
	}
	v->offered = (v->offered | ring_features(v)) & ~v->withheld;
	if (!v->loop)
		v->loop = v->pci.dev.env->loop;
	rc = check_size(v, e);
	if (rc == 0)
		rc = queues_create(v, e);
	if (rc < 0) {
		queues_destroy(v);
		if (v->class->unrealize)
			v->class->unrealize(v);
		return rc;
	}
	loop_call(v->loop, watch_all, v);
	return 0;
}

/* Kicks end first; what the class has in flight comes back in unrealize. */
void virtio_stop(struct virtio *v)
{
	loop_call(v->loop, unwatch_all, v);
	virtio_lock(v);
	begin_reset(v);
	v->gone = true;
	virtio_unlock(v);
	if (v->class->unrealize)
		v->class->unrealize(v);
}

void virtio_fini(struct virtio *v)
{
	queues_destroy(v);
}

void virtio_quiesce(struct device *d)
{
	struct virtio *v = to_virtio(d);

	virtio_lock(v);
	v->quiesced = true;
	virtio_unlock(v);
	if (v->class->quiesce)
		v->class->quiesce(v);
}

void virtio_resume(struct device *d)
{
	struct virtio *v = to_virtio(d);

	virtio_lock(v);
	v->quiesced = false;
	virtio_unlock(v);
	/* The provider may be another one than before the pause. */
	set_ioeventfds(v, v->notify_at && eventfds_pay(v));
	if (v->class->resume)
		v->class->resume(v);
	kick_all(v);
}

int virtio_changed(struct device *d, struct err *e)
{
	struct virtio *v = to_virtio(d);

	(void)e;
	virtio_lock(v);
	if (v->class->changed)
		v->class->changed(v);
	virtio_unlock(v);
	return 0;
}

void virtio_describe(struct device *d, struct strbuf *out)
{
	struct virtio *v = to_virtio(d);

	if (v->class->describe)
		v->class->describe(v, out);
}
