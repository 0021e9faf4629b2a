/* SPDX-License-Identifier: MIT */
/*
 * Dirty rates: two looks at guest memory, a period apart.
 *
 * Talks to: gmem for pages, the kvm door for its dirty log, a timer of the
 *           main loop.
 * Never:    stops a vCPU.
 */
#include "monitor/dirty_rate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zlib.h>

enum { NS_PER_MS = 1000000 };

const char *const rate_mode_names[] = {
	[RATE_SAMPLING] = "page-sampling", [RATE_BITMAP] = "dirty-bitmap", NULL
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

/* --- a measurement --- */

static void on_timer(void *opaque)
{
	struct dirty_rate *r = opaque;
	const s64 ns = MAX(clock_host_ns() - r->start_ns, 1ll);
	const u64 bytes = r->report.wish.mode == RATE_BITMAP ? count_log(r) :
			  count_samples(r);

	r->report.mib_per_s = (u64)((unsigned __int128)bytes * 1000000000 /
				    (u64)ns / MiB);
	r->report.status = RATE_MEASURED;
	free(r->samples);
	r->samples = NULL;
}

static int check(const struct rate_wish *w, struct err *e)
{
	if (w->period_ms < RATE_PERIOD_MIN * 1000 ||
	    w->period_ms > RATE_PERIOD_MAX * 1000)
		return err_set(e, -EINVAL, "calc-time is out of range[%d, "
			       "%d].", RATE_PERIOD_MIN, RATE_PERIOD_MAX);
	if (w->mode == RATE_SAMPLING && (w->samples < RATE_SAMPLES_MIN ||
					 w->samples > RATE_SAMPLES_MAX))
		return err_set(e, -EINVAL, "sample-pages is out of range[%d, "
			       "%d].", RATE_SAMPLES_MIN, RATE_SAMPLES_MAX);
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
	rc = check(w, e);
	if (rc < 0)
		return rc;
	r->report.wish = *w;
	rc = w->mode == RATE_BITMAP ? start_log(r, e) : take_samples(r, e);
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
	free(s->rate);
	s->rate = NULL;
}
