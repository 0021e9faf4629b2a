// SPDX-License-Identifier: MIT
/*
 * Fuzzer: a hostile driver against virtio/virtq.c.
 *
 * The input is: one byte of features, one of the queue's size, then steps: an
 * opcode and its bytes, which write anywhere near the rings, let a second
 * thread write there all the while, pop, push, put back, drop, flush, ask.
 * What is popped must lie in guest RAM.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/flipper.h"
#include "virtio/virtq.h"

enum { RAM_LEN = 64 * 1024, CHAINS = 4, IOVS = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct rig {
	struct gmem *gmem;
	u8 *ram;
	struct virtq q;
	bool flips;
	struct virtq_chain c[CHAINS];
	struct iovec iov[CHAINS][IOVS];
	bool held[CHAINS];
};

static void check_chain(const struct rig *r, const struct virtq_chain *c)
{
	if (c->nout + c->nin > IOVS)
		abort();
	for (int i = 0; i < c->nout + c->nin; i++) {
		const u8 *p = c->iov[i].iov_base;

		if (p < r->ram || c->iov[i].iov_len > RAM_LEN ||
		    p + c->iov[i].iov_len > r->ram + RAM_LEN)
			abort();
	}
}

static void pop(struct rig *r)
{
	for (unsigned i = 0; i < CHAINS; i++) {
		if (r->held[i])
			continue;
		r->c[i].iov = r->iov[i];
		r->c[i].max = IOVS;
		r->held[i] = virtq_pop(&r->q, &r->c[i]) > 0;
		if (r->held[i])
			check_chain(r, &r->c[i]);
		return;
	}
}

static void give(struct rig *r, u8 which, u8 how, u32 n)
{
	unsigned i = which % CHAINS;

	if (!r->held[i])
		return;
	r->held[i] = false;
	if (how % 3 == 0)
		virtq_push(&r->q, &r->c[i], n);
	else if (how % 3 == 1)
		virtq_fill(&r->q, &r->c[i], n);
	else
		virtq_drop(&r->q, &r->c[i]);
}

static void poke(struct rig *r, struct input *in)
{
	u32 at = take(in, 2) % RAM_LEN, n = take(in, 1) % 32;

	for (u32 i = 0; i < n; i++)
		r->ram[(at + i) % RAM_LEN] = take(in, 1);
}

static void step(struct rig *r, struct input *in)
{
	u8 op = take(in, 1);

	switch (op % 8) {
	case 0: case 1: case 2: poke(r, in); break;
	case 3: pop(r); break;
	case 4: give(r, take(in, 1), op >> 3, take(in, 2)); break;
	case 5: virtq_flush(&r->q); virtq_should_notify(&r->q); break;
	case 6: virtq_want_kicks(&r->q, op & 8); break;
	default:
		if (op & 8 && r->flips)
			flipper_start(r->ram, RAM_LEN, in);
		else
			virtq_disable(&r->q);
	}
}

static void up(struct rig *r, struct input *in)
{
	u8 f = take(in, 1);
	u64 features = (u64)(f & 1) << VIRTIO_F_RING_PACKED |
		       (u64)(f >> 1 & 1) << VIRTIO_F_EVENT_IDX |
		       (u64)(f >> 2 & 1) << VIRTIO_F_INDIRECT_DESC |
		       (u64)(f >> 3 & 1) << VIRTIO_F_IN_ORDER;

	r->flips = f & 0x40;
	r->gmem = gmem_create();
	if (gmem_add(r->gmem, "ram", 0, RAM_LEN, -1, 0, GMEM_RAM, NULL) < 0)
		abort();
	r->ram = gmem_ptr(r->gmem, 0, RAM_LEN);
	virtq_init(&r->q, r->gmem, 0, 256);
	r->q.size = take(in, 1) + 1;
	r->q.desc = f & 0x80 ? take(in, 4) : 0;
	r->q.driver = f & 0x80 ? take(in, 4) : 0x1000;
	r->q.device = f & 0x80 ? take(in, 4) : 0x2000;
	virtq_enable(&r->q, features, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	struct rig r;

	memset(&r, 0, sizeof(r));
	up(&r, &in);
	while (in.left)
		step(&r, &in);
	flipper_stop();
	virtq_fini(&r.q);
	gmem_destroy(r.gmem);
	return 0;
}
