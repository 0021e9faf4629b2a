// SPDX-License-Identifier: MIT
/*
 * The state of a virtio device: what a migration takes along.  Chains that
 * are out while the VM is paused (a request that waits for `cont`, bytes the
 * console could not write yet) go with it: as places in guest memory.
 *
 * Talks to: virtq; the class's hold and take_back.
 * Never:    believes the stream: rings and buffers outside RAM break the
 *           device, nothing else.
 */
#include <errno.h>
#include <stdlib.h>

#include "virtio/virtio.h"

static const struct state_field queue_fields[] = {
	STATE_ONE(struct virtio_queue, vq, virtq_state, 1),
	STATE_FIELD(STATE_U16, struct virtio_queue, vector, 1),
	STATE_END
};

static const struct state_desc queue_state = {
	.version = 1, .oldest = 1, .fields = queue_fields,
};

static const struct state_field held_fields[] = {
	STATE_FIELD(STATE_U16, struct virtio_held, q,     1),
	STATE_FIELD(STATE_U16, struct virtio_held, head,  1),
	STATE_FIELD(STATE_U16, struct virtio_held, ndesc, 1),
	STATE_FIELD(STATE_U16, struct virtio_held, seq,   1),
	STATE_FIELD(STATE_U16, struct virtio_held, nout,  1),
	STATE_FIELD(STATE_U16, struct virtio_held, nin,   1),
	STATE_FIELD(STATE_U32, struct virtio_held, done,  1),
	STATE_FIELD(STATE_U32, struct virtio_held, first, 1),
	STATE_END
};

static const struct state_desc held_state = {
	.version = 1, .oldest = 1, .fields = held_fields,
};

static const struct state_field buffer_fields[] = {
	STATE_FIELD(STATE_U64, struct virtio_held_buffer, gpa, 1),
	STATE_FIELD(STATE_U32, struct virtio_held_buffer, len, 1),
	STATE_END
};

static const struct state_desc buffer_state = {
	.version = 1, .oldest = 1, .fields = buffer_fields,
};

static const struct state_field virtio_fields[] = {
	STATE_FIELD(STATE_U8,   struct virtio, status,          1),
	STATE_FIELD(STATE_BOOL, struct virtio, started,         1),
	STATE_FIELD(STATE_U64,  struct virtio, features,        1),
	STATE_FIELD(STATE_U64,  struct virtio, driver_features, 1),
	STATE_FIELD(STATE_U32,  struct virtio, feature_sel,     1),
	STATE_FIELD(STATE_U32,  struct virtio, driver_sel,      1),
	STATE_FIELD(STATE_U16,  struct virtio, queue_sel,       1),
	STATE_FIELD(STATE_U8,   struct virtio, isr,             1),
	STATE_FIELD(STATE_U8,   struct virtio, config_gen,      1),
	STATE_FIELD(STATE_U16,  struct virtio, config_vector,   1),
	STATE_BYTES(struct virtio, config, 1),
	STATE_VEC(struct virtio, q, nqueues, queue_state, 1),
	STATE_ROWS(struct virtio, held, nheld, held_state, 1),
	STATE_ROWS(struct virtio, held_buffers, nheld_buffers, buffer_state,
		   1),
	STATE_END
};

const struct state_desc virtio_state = {
	.version = 1, .oldest = 1, .fields = virtio_fields,
};

static const struct state_field no_fields[] = { STATE_END };

const struct state_desc virtio_no_state = {
	.version = 1, .oldest = 1, .fields = no_fields,
};

/* --- chains that are out ---------------------------------------------------- */

void virtio_forget_held(struct virtio *v)
{
	free(v->held);
	free(v->held_buffers);
	v->held = NULL;
	v->held_buffers = NULL;
	v->nheld = v->nheld_buffers = 0;
}

static u64 gpa_of(struct virtio *v, const void *host)
{
	unsigned n;
	const struct gmem_block *const *b =
		gmem_blocks(v->pci.dev.env->gmem, &n);

	for (unsigned i = 0; i < n; i++)
		if ((const u8 *)host >= b[i]->host &&
		    (const u8 *)host < b[i]->host + b[i]->len)
			return b[i]->gpa + ((const u8 *)host - b[i]->host);
	assert(false);                 /* invariant 2 of virtq.h           */
	return 0;
}

void virtio_hold(struct virtio *v, unsigned q, const struct virtq_chain *c,
		 u32 done)
{
	const u32 buffers = c->nout + c->nin;

	v->held = realloc(v->held, (v->nheld + 1) * sizeof(*v->held));
	v->held_buffers = realloc(v->held_buffers, (v->nheld_buffers +
				  buffers) * sizeof(*v->held_buffers));
	if (!v->held || !v->held_buffers)
		abort();
	v->held[v->nheld++] = (struct virtio_held){
		.q = q, .head = c->head, .ndesc = c->ndesc, .seq = c->seq,
		.nout = c->nout, .nin = c->nin, .done = done,
		.first = v->nheld_buffers,
	};
	for (u32 i = 0; i < buffers; i++)
		v->held_buffers[v->nheld_buffers++] =
			(struct virtio_held_buffer){
				gpa_of(v, c->iov[i].iov_base),
				c->iov[i].iov_len };
}

bool virtio_restore(struct virtio *v, const struct virtio_held *h,
		    struct virtq_chain *c)
{
	const u32 buffers = (u32)h->nout + h->nin;
	struct virtq *q = virtio_q(v, h->q);

	c->head = h->head;
	c->ndesc = h->ndesc;
	c->seq = h->seq;
	if (!virtq_restore_begin(q, c))
		return false;
	for (u32 i = 0; i < buffers; i++) {
		const struct virtio_held_buffer *b =
			&v->held_buffers[h->first + i];

		if (!virtq_restore_buffer(q, c, b->gpa, b->len,
					  i >= h->nout)) {
			virtq_drop(q, c);
			return false;
		}
	}
	return true;
}

int virtio_pre_save(struct device *d, struct err *e)
{
	struct virtio *v = to_virtio(d);

	(void)e;
	virtio_forget_held(v);
	virtio_lock(v);
	if (v->class->hold)
		v->class->hold(v);
	virtio_unlock(v);
	return 0;
}

/* --- loading ---------------------------------------------------------------- */

static bool held_ok(const struct virtio *v, const struct virtio_held *h)
{
	const u32 buffers = (u32)h->nout + h->nin;

	return h->q < v->nqueues && h->first <= v->nheld_buffers &&
	       buffers <= v->nheld_buffers - h->first &&
	       v->q[h->q].vq.enabled;
}

static void take_back_held(struct virtio *v)
{
	for (u32 i = 0; i < v->nheld; i++)
		if (!held_ok(v, &v->held[i]) || !v->class->take_back ||
		    !v->class->take_back(v, &v->held[i])) {
			virtio_break(v, "a chain in a loaded state");
			break;
		}
	virtio_forget_held(v);
}

/* What the stream says is checked like what a guest says: rings that are not
 * in RAM break the device, nothing else. */
int virtio_post_load(struct virtio *v, struct err *e)
{
	if (v->features & ~v->offered)
		return err_set(e, -EINVAL, "%s: the state has features 0x%llx "
			       "this device does not offer", v->class->name,
			       (unsigned long long)(v->features & ~v->offered));
	for (unsigned i = 0; i < v->nqueues; i++) {
		struct virtq *q = &v->q[i].vq;
		bool broken = q->broken;

		if (!q->enabled)
			continue;
		q->enabled = false;
		virtq_enable(q, v->features, true);
		q->broken |= broken;
	}
	virtio_lock(v);
	take_back_held(v);
	if (v->started && v->class->start)
		v->class->start(v);
	virtio_unlock(v);
	return 0;
}
