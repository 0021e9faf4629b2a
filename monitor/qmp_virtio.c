/* SPDX-License-Identifier: MIT */
/*
 * QMP: virtio devices and their queues, as `info virtio-...` shows them.
 *
 * Talks to: virtio/virtio.h; virtio.c, which finds devices by their paths.
 * Never:    changes a queue it looks at.
 * Thread:   main loop.
 */
#include "monitor/both.h"
#include "monitor/qmp.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"

static void put_int(json_t *o, const char *key, u64 v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void add_virtio(const char *path, const char *name, void *list)
{
	json_array_append_new(list, json_pack("{s:s,s:s}", "path", path,
					      "name", name));
}

static void run_query_virtio(struct qmp_call *c)
{
	c->ret = json_array();
	mon_each_virtio(c->m, add_virtio, c->ret);
}

/* --- who is asked about; NULL: the call has failed -------------------------- */

static struct virtio *device(struct qmp_call *c)
{
	struct err e = { 0 };
	struct virtio *v = mon_find_virtio(c->m, qmp_str(c, "path"), &e);

	qmp_check(c, v ? 0 : -1, &e);
	return v;
}

/* Its queue, looked at with the device's lock held. */
static void with_queue(struct qmp_call *c,
		       void (*fn)(struct qmp_call *c, struct virtio *v,
				  const struct virtio_queue *vq))
{
	struct virtio *v = device(c);
	const s64 n = qmp_int(c, "queue", 0);

	if (!v)
		return;
	if (n < 0 || n >= v->nqueues) {
		qmp_fail(c, QMP_GENERIC, "Invalid virtqueue number %d", (int)n);
		return;
	}
	SCOPED_LOCK(&v->pci.dev.lock);
	fn(c, v, &v->q[n]);
}

/* --- the device -------------------------------------------------------------- */

/* Names of the ring's and of the device's own features; the rest as bits. */
static json_t *features(const struct virtio *v, u64 f)
{
	json_t *ring = json_array(), *own = json_array(), *o;
	u64 unknown = 0;

	for (unsigned i = 0; i < 64; i++) {
		const char *name = mon_virtio_feature(v, i);
		const bool is_ring = i >= VIRTIO_F_NOTIFY_ON_EMPTY &&
				     i <= VIRTIO_F_RING_RESET;

		if (!(f >> i & 1))
			continue;
		if (name)
			json_array_append_new(is_ring ? ring : own,
					      json_string(name));
		else
			unknown |= BIT64(i);
	}
	o = json_pack("{s:o,s:o}", "transports", ring, "dev-features", own);
	if (unknown)
		put_int(o, "unknown-dev-features", unknown);
	return o;
}

static json_t *statuses(u8 s)
{
	json_t *list = json_array();
	u8 unknown = 0;

	for (unsigned i = 0; i < 8; i++) {
		const char *name = mon_virtio_status(i);

		if (s >> i & 1 && name)
			json_array_append_new(list, json_string(name));
		else if (s >> i & 1)
			unknown |= BIT(i);
	}
	list = json_pack("{s:o}", "statuses", list);
	if (unknown)
		put_int(list, "unknown-statuses", unknown);
	return list;
}

static void run_status(struct qmp_call *c)
{
	struct virtio *v = device(c);

	if (!v)
		return;
	SCOPED_LOCK(&v->pci.dev.lock);
	c->ret = json_pack("{s:s,s:i,s:b,s:s,s:o,s:o,s:o,s:i,s:o,s:i,s:i,"
			   "s:b,s:b,s:b,s:s}",
		"name", v->class->name, "device-id", v->class->id,
		"vhost-started", mon_virtio_vhost(v),
		"device-endian", "little",
		"guest-features", features(v, v->features),
		"host-features", features(v, v->offered),
		"backend-features", features(v, v->offered),
		"num-vqs", v->nqueues, "status", statuses(v->status),
		"isr", v->isr, "queue-sel", v->queue_sel,
		"vm-running", !v->quiesced,
		"broken", !!(v->status & VIRTIO_S_NEEDS_RESET),
		"started", v->started,
		"bus-name", v->pci.dev.class->bus);
}

/* --- its queues -------------------------------------------------------------- */

static void say_queue(struct qmp_call *c, struct virtio *v,
		      const struct virtio_queue *vq)
{
	const struct virtq *q = &vq->vq;

	c->ret = json_pack("{s:s,s:i,s:i,s:i,s:i,s:i}",
		"name", v->class->name, "queue-index", q->index,
		"inuse", q->inuse, "vring-num", q->size,
		"vring-num-default", q->size_max, "vring-align", 4096);
	put_int(c->ret, "vring-desc", q->desc);
	put_int(c->ret, "vring-avail", q->driver);
	put_int(c->ret, "vring-used", q->device);
	if (!vq->vhost) {              /* else its own                     */
		put_int(c->ret, "last-avail-idx", q->avail_idx);
		put_int(c->ret, "shadow-avail-idx", q->shadow_avail);
	}
	put_int(c->ret, "used-idx", q->used_idx);
	put_int(c->ret, "signalled-used", (u16)(q->used_idx - q->unsignalled));
	json_object_set_new(c->ret, "signalled-used-valid",
			    json_boolean(q->enabled));
}

static void run_queue(struct qmp_call *c)
{
	with_queue(c, say_queue);
}

static void say_vhost(struct qmp_call *c, struct virtio *v,
		      const struct virtio_queue *vq)
{
	const struct virtq *q = &vq->vq;

	if (!vq->vhost) {
		qmp_fail(c, QMP_GENERIC, "%s", mon_virtio_no_vhost(v));
		return;
	}
	c->ret = json_pack("{s:s,s:i,s:i,s:i}", "name", v->class->name,
		"kick", vq->kick_fd, "call",
		vq->vhost->call_fd[q->index - vq->vhost->first],
		"num", q->size);
	put_int(c->ret, "desc", (uintptr_t)q->desc_host);
	put_int(c->ret, "avail", (uintptr_t)q->driver_host);
	put_int(c->ret, "used", (uintptr_t)q->device_host);
	put_int(c->ret, "desc-phys", q->desc);
	put_int(c->ret, "desc-size", 16ull * q->size);
	put_int(c->ret, "avail-phys", q->driver);
	put_int(c->ret, "avail-size", 6 + 2ull * q->size);
	put_int(c->ret, "used-phys", q->device);
	put_int(c->ret, "used-size", 6 + 8ull * q->size);
}

static void run_vhost(struct qmp_call *c)
{
	with_queue(c, say_vhost);
}

static json_t *desc(const struct virtq_peek *p)
{
	static const char *const names[] = { "next", "write", "indirect" };
	json_t *flags = json_array();

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (p->flags >> i & 1)
			json_array_append_new(flags, json_string(names[i]));
	return json_pack("{s:I,s:i,s:o}", "addr", (json_int_t)p->addr,
			 "len", p->len, "flags", flags);
}

/* At most as many as the ring has: a guest may make a loop of them. */
static json_t *chain(const struct virtq *q, unsigned at)
{
	json_t *list = json_array();
	struct virtq_peek p;

	for (unsigned n = 0; n < q->size && virtq_peek_desc(q, at, &p); n++) {
		json_array_append_new(list, desc(&p));
		if (!(p.flags & 1))
			break;
		at = q->packed ? (at + 1) % q->size : p.next;
	}
	return list;
}

static void say_element(struct qmp_call *c, struct virtio *v,
			const struct virtio_queue *vq)
{
	const u16 at = qmp_int(c, "index", vq->vq.avail_idx);
	struct virtq_ring_info r;

	if (!virtq_peek_ring(&vq->vq, at, &r)) {
		qmp_fail(c, QMP_GENERIC, "not supported yet: elements of a "
			 "ring that is packed or not enabled");
		return;
	}
	c->ret = json_pack("{s:s,s:i,s:o,s:{s:i,s:i,s:i},s:{s:i,s:i}}",
		"name", v->class->name, "index", at,
		"descs", chain(&vq->vq, r.head),
		"avail", "flags", r.avail_flags, "idx", r.avail_idx,
		"ring", r.head,
		"used", "flags", r.used_flags, "idx", r.used_idx);
}

static void run_element(struct qmp_call *c)
{
	with_queue(c, say_element);
}

const struct qmp_cmd qmp_virtio_cmds[] = {
	{ "x-query-virtio", "", "[VirtioInfo]", "The virtio devices.",
	  MON_MAIN, run_query_virtio, NULL },
	{ "x-query-virtio-status", "path:str", "VirtioStatus",
	  "A virtio device.", MON_MAIN, run_status, NULL },
	{ "x-query-virtio-queue-status", "path:str queue:int",
	  "VirtQueueStatus", "A queue of a virtio device.", MON_MAIN,
	  run_queue, NULL },
	{ "x-query-virtio-vhost-queue-status", "path:str queue:int",
	  "VirtVhostQueueStatus", "A queue the host's kernel works.", MON_MAIN,
	  run_vhost, NULL },
	{ "x-query-virtio-queue-element", "path:str queue:int index:int?",
	  "VirtioQueueElement", "An element of a queue; the next one.",
	  MON_MAIN, run_element, NULL },
	{ 0 }
};
