/* SPDX-License-Identifier: MIT */
/*
 * Dirty rates: two looks at guest memory, a period apart.
 *
 * Talks to: gmem for pages, the kvm door for its dirty log, vCPUs for their
 *           rings, a timer of the main loop.
 * Never:    stops a vCPU.
 */
#include "monitor/dirty_rate.h"
#include "vmm/vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zlib.h>

enum { NS_PER_MS = 1000000 };

const char *const rate_mode_names[] = {
	[RATE_SAMPLING] = "page-sampling", [RATE_BITMAP] = "dirty-bitmap",
	[RATE_RING] = "dirty-ring", NULL
};
const char *const rate_status_names[] = {
	[RATE_UNSTARTED] = "unstarted", [RATE_MEASURING] = "measuring",
	[RATE_MEASURED] = "measured", NULL
};

struct sample {
	gpa_t at;
	u32 hash;
};

struct dirty_rate {
	struct monitors *mons;
	struct rate_report report;
	struct timer timer;
	s64 start_ns;
	struct sample *samples;
	unsigned nsamples;
	u64 *vcpu;                     /* rings: pages before, then MiB/s  */
};

static bool hash_page(struct gmem *g, gpa_t at, u32 *hash)
{
	u8 page[PAGE_SIZE];

	if (gmem_read(g, at, page, sizeof(page)))
		return false;
	*hash = (u32)crc32(0, page, sizeof(page));
	return true;
}

/* --- page sampling --- */

static u64 samples_in(const struct gmem_block *b, u64 per_gib)
{
	return b->flags & GMEM_ROM ? 0 : MAX(b->len * per_gib / GiB, 1ull);
}

/* xorshift: which pages does not matter, only that the guest cannot know. */
static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int take_samples(struct dirty_rate *r, struct err *e)
{
	struct gmem *g = r->mons->vm->gmem;
	const struct gmem_block *const *b;
	u64 total = 0, seed = 0;
	unsigned n;

	b = gmem_blocks(g, &n);
	for (unsigned i = 0; i < n; i++)
		total += samples_in(b[i], r->report.wish.samples);
	r->samples = calloc(total + 1, sizeof(r->samples[0]));
	if (!r->samples)
		return err_set(e, -ENOMEM, "samples of memory: %m");
	if (getrandom(&seed, sizeof(seed), 0) < 0 || !seed)
		seed = (u64)clock_host_ns() | 1;
	r->nsamples = 0;
	for (unsigned i = 0; i < n; i++) {
		u64 k = samples_in(b[i], r->report.wish.samples);

		for (; k; k--) {
			struct sample *s = &r->samples[r->nsamples];

			s->at = b[i]->gpa + next_random(&seed) %
				(b[i]->len / PAGE_SIZE) * PAGE_SIZE;
			r->nsamples += hash_page(g, s->at, &s->hash);
		}
	}
	return 0;
}

/* Bytes written to, by the share of samples that changed. */
static u64 count_samples(struct dirty_rate *r)
{
	struct gmem *g = r->mons->vm->gmem;
	u64 changed = 0;

	for (unsigned i = 0; i < r->nsamples; i++) {
		u32 hash = 0;

		changed += hash_page(g, r->samples[i].at, &hash) &&
			   hash != r->samples[i].hash;
	}
	return r->nsamples ? (u64)((unsigned __int128)gmem_ram_bytes(g) *
				   changed / r->nsamples) : 0;
}

/* --- the dirty log --- */

static int start_log(struct dirty_rate *r, struct err *e)
{
	struct vm *vm = r->mons->vm;
	int rc;

	if (vm->kvm.dirty_logging)
		return err_set(e, -EBUSY, "dirty pages are being tracked "
			       "already");
	rc = kvm_vm_dirty_log(&vm->kvm, true, e);
	if (rc < 0)
		kvm_vm_dirty_log(&vm->kvm, false, NULL);
	else
		gmem_dirty_log(vm->gmem, true);
	return rc;
}

static u64 pages_of(struct vm *vm, const struct gmem_block *b)
{
	const u64 words = (b->len / PAGE_SIZE + 63) / 64;
	u64 *bits = calloc(words, sizeof(*bits)), pages = 0;

	if (!bits)
		return 0;
	kvm_vm_dirty_fetch(&vm->kvm, b, bits);
	gmem_dirty_take(b, bits);
	for (u64 i = 0; i < words; i++)
		pages += (u64)__builtin_popcountll(bits[i]);
	free(bits);
	return pages;
}

static u64 count_log(struct dirty_rate *r)
{
	struct vm *vm = r->mons->vm;
	const struct gmem_block *const *b;
	u64 pages = 0;
	unsigned n;

	b = gmem_blocks(vm->gmem, &n);
	for (unsigned i = 0; i < n; i++)
		if (!(b[i]->flags & GMEM_ROM))
			pages += pages_of(vm, b[i]);
	gmem_dirty_log(vm->gmem, false);
	kvm_vm_dirty_log(&vm->kvm, false, NULL);
	return pages * PAGE_SIZE;
}

/* --- dirty rings --- */

static u64 mib_per_s(u64 bytes, s64 ns)
{
	return (u64)((unsigned __int128)bytes * 1000000000 / (u64)ns / MiB);
}

static int start_rings(struct dirty_rate *r, struct err *e)
{
	struct vm *vm = r->mons->vm;
	int rc;

	free(r->vcpu);
	r->vcpu = calloc(vm->nvcpus + 1, sizeof(r->vcpu[0]));
	if (!r->vcpu)
		return err_set(e, -ENOMEM, "%m");
	rc = kvm_vm_ring_track(&vm->kvm, true, e);
	for (unsigned i = 0; rc >= 0 && i < vm->nvcpus; i++)
		r->vcpu[i] = vcpu_charge_dirty(vm->vcpus[i]);
	return rc;
}

static u64 count_rings(struct dirty_rate *r, s64 ns)
{
	struct vm *vm = r->mons->vm;
	u64 all = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++) {
		const u64 bytes = (vcpu_charge_dirty(vm->vcpus[i]) -
				   r->vcpu[i]) * PAGE_SIZE;

		all += bytes;
		r->vcpu[i] = mib_per_s(bytes, ns);
	}
	kvm_vm_ring_track(&vm->kvm, false, NULL);
	r->report.nvcpus = vm->nvcpus;
	r->report.vcpu_mib = r->vcpu;
	return all;
}

/* --- a measurement --- */

static u64 count(struct dirty_rate *r, s64 ns)
{
	switch (r->report.wish.mode) {
	case RATE_BITMAP:   return count_log(r);
	case RATE_RING:     return count_rings(r, ns);
	case RATE_SAMPLING: break;
	}
	return count_samples(r);
}

static void on_timer(void *opaque)
{
	struct dirty_rate *r = opaque;
	const s64 ns = MAX(clock_host_ns() - r->start_ns, 1ll);

	r->report.mib_per_s = mib_per_s(count(r, ns), ns);
	r->report.status = RATE_MEASURED;
	free(r->samples);
	r->samples = NULL;
}

static int begin(struct dirty_rate *r, struct err *e)
{
	switch (r->report.wish.mode) {
	case RATE_BITMAP:   return start_log(r, e);
	case RATE_RING:     return start_rings(r, e);
	case RATE_SAMPLING: break;
	}
	return take_samples(r, e);
}

static int check(const struct kvm_vm *vm, const struct rate_wish *w,
		 struct err *e)
{
	const bool rings = vm->ring_entries;

	if (w->period_ms < RATE_PERIOD_MIN * 1000 ||
	    w->period_ms > RATE_PERIOD_MAX * 1000)
		return err_set(e, -EINVAL, "calc-time is out of range[%d, "
			       "%d].", RATE_PERIOD_MIN, RATE_PERIOD_MAX);
	if (w->mode == RATE_SAMPLING && (w->samples < RATE_SAMPLES_MIN ||
					 w->samples > RATE_SAMPLES_MAX))
		return err_set(e, -EINVAL, "sample-pages is out of range[%d, "
			       "%d].", RATE_SAMPLES_MIN, RATE_SAMPLES_MAX);
	if (w->mode == (rings ? RATE_BITMAP : RATE_RING))
		return err_set(e, -ENOTSUP, "mode %s is not enabled, use other "
			       "method instead.", rate_mode_names[w->mode]);
	return 0;
}

static struct dirty_rate *get(struct monitors *s)
{
	if (!s->rate)
		s->rate = calloc(1, sizeof(*s->rate));
	if (s->rate && !s->rate->mons) {
		s->rate->mons = s;
		timer_init(&s->rate->timer, s->vm->loop, NULL, on_timer,
			   s->rate);
	}
	return s->rate;
}

int dirty_rate_start(struct monitors *s, const struct rate_wish *w,
		     struct err *e)
{
	struct dirty_rate *r = get(s);
	int rc;

	if (!r)
		return err_set(e, -ENOMEM, "%m");
	if (r->report.status == RATE_MEASURING)
		return err_set(e, -EBUSY, "the dirty rate is already being "
			       "measured.");
	rc = check(&s->vm->kvm, w, e);
	if (rc < 0)
		return rc;
	r->report = (struct rate_report){ .wish = *w };
	rc = begin(r, e);
	if (rc < 0)
		return rc;
	r->start_ns = clock_host_ns();
	r->report.start_ms = r->start_ns / NS_PER_MS;
	r->report.status = RATE_MEASURING;
	timer_set(&r->timer, r->start_ns + (s64)w->period_ms * NS_PER_MS);
	return 0;
}

struct rate_report dirty_rate_report(struct monitors *s)
{
	return s->rate ? s->rate->report : (struct rate_report){ 0 };
}

void dirty_rate_free(struct monitors *s)
{
	if (!s->rate)
		return;
	timer_fini(&s->rate->timer);
	free(s->rate->samples);
	free(s->rate->vcpu);
	free(s->rate);
	s->rate = NULL;
}
